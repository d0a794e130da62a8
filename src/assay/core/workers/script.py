"""Script workers: any command, started in the workspace, where it finds `brief.json` and `BRIEF.md`.

    ScriptWorker.parse("python train.py --epochs 2")

Files that the command names are copied into the workspace, so that the command means inside what it means outside.
"""

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from assay.core.errors import BadInput
from assay.core.sandbox import Finished, Sample, Sandbox, Spec
from assay.core.workers.metering import Spending

# Seen inside a sandbox anyway, at the same path: no need to copy.
_SHARED = ("/usr", "/bin", "/lib", "/lib64", "/etc", "/opt", "/dev", sys.prefix, sys.base_prefix)


@dataclass(frozen=True)
class Watch:
    """Who wants to see a worker at work: all are called often and must return quickly."""

    on_sample: Callable[[Sample], None] | None = None
    on_output: Callable[[bytes], None] | None = None
    on_spending: Callable[[Spending], None] | None = None  # agents only, after every call to the model


@dataclass(frozen=True)
class ScriptWorker:
    """A command and the files it needs, by their names in the workspace."""

    name: str
    command: tuple[str, ...]
    files: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, extra: Iterable[Path] = ()) -> Self:
        """The worker that a command line names. `extra` files and folders go into the workspace too."""
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise BadInput(f"The worker {text[:80]!r} cannot be split into words: {error}.") from None
        if not words:
            raise BadInput("The worker is empty: give a command, for example --worker 'python train.py'.")
        files = files_for_workspace(extra)
        command = [_inside(word, files) for word in words]
        return cls(text, tuple(command), files)

    def work(self, sandbox: Sandbox, spec: Spec, transcript: Path, watch: Watch) -> Finished:
        return sandbox.run(
            self.command, spec, transcript=transcript, on_sample=watch.on_sample, on_output=watch.on_output
        )


def files_for_workspace(paths: Iterable[Path]) -> dict[str, Path]:
    """Files and folders by their names in the workspace."""
    files: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise BadInput(f"{path} does not exist: it cannot be given to the worker.")
        _add(files, path)
    return files


def _inside(word: str, files: dict[str, Path]) -> str:
    """`word` as it must be written inside: a file of ours becomes its copy in the workspace."""
    path = Path(word)
    try:
        ours = path.is_file() and not str(path.absolute()).startswith(tuple(f"{p}/" for p in _SHARED))
    except OSError:  # a word longer than any path
        return word
    if not ours:
        return word
    _add(files, path)
    return f"./{path.name}" if "/" in word else path.name


def _add(files: dict[str, Path], path: Path) -> None:
    path = path.resolve()
    if files.get(path.name, path) != path:
        raise BadInput(f"Two files are called {path.name}: rename one, both go into the same workspace.")
    if path.name in ("brief.json", "BRIEF.md"):
        raise BadInput(f"{path.name} is the task's own: give the worker's file another name.")
    files[path.name] = path
