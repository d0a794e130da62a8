"""One tool, run once, on files that a stranger wrote: in the sandbox, with a limit on everything.

A `Cell` gives a command an empty workspace, read-only shelves and nothing else; no network. What decides is the exit
code and the files that our own driver asked for; what is printed is kept, cut, for people to read.
"""

import itertools
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.budget import Budget
from assay.core.plain import terminal_lines
from assay.core.sandbox import WORKSPACE, Mount, Sample, Sandbox, Spec, python_mounts

SHELF = "/shelf"
MAX_SHOWN = 20_000  # bytes of a tool's output that are looked at
GIB = 1 << 30
# coqc asks findlib for its settings; there is no /etc of the host inside, and no plugin is loaded from elsewhere.
_ENVIRONMENT = {"OCAMLFIND_CONF": "/dev/null"}


def limits(seconds: float, memory_bytes: int = 4 * GIB) -> Budget:
    """What one tool may use."""
    return Budget(
        wall_seconds=seconds,
        memory_bytes=memory_bytes,
        disk_bytes=GIB // 2,  # twice the largest compiled file that is taken
        files=2_000,
        processes=64,
        open_files=1024,
        output_bytes=1 << 20,
    )


@dataclass(frozen=True)
class Ran:
    """How a tool ended. `output` is what it printed, at most `MAX_SHOWN` bytes of it, fit to be shown."""

    exit_code: int
    exceeded: str | None
    output: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and self.exceeded is None

    def why(self, what: str) -> str:
        """One sentence on why `what` did not succeed."""
        if self.exceeded is not None:
            return f"{what} went over its {self.exceeded} limit and was ended."
        said = [line for line in self.output if line.strip()]
        told = next(
            (i for i, line in enumerate(said) if line.startswith(("Error", "error")) or ": error" in line), None
        )
        tail = " ".join(line.strip() for line in (said[told:] if told is not None else said[-3:]))[:400]
        return f"{what} failed with exit code {self.exit_code}" + (f": {tail.rstrip('.')}." if tail else ".")


class Stopped(Exception):
    """A tool was ended because its answer is not wanted any more."""


class Cell:
    """Runs tools for one check. `root` is a private folder that is removed with all that was made in it."""

    def __init__(self, sandbox: Sandbox, root: Path) -> None:
        self.sandbox = sandbox
        self.root = root
        self._count = itertools.count(1)  # a check may run two tools at once

    @property
    def confined(self) -> bool:
        return self.sandbox.name != "none"

    def folder(self, name: str) -> Path:
        """A new empty folder."""
        place = self.root / f"{next(self._count)}-{name}"
        place.mkdir(parents=True)
        return place

    def shelf(self, name: str, source: Path) -> str:
        """Where the shelf `name` is seen from inside."""
        return f"{SHELF}/{name}" if self.confined else str(source)

    def workspace(self, work: Path) -> str:
        return WORKSPACE if self.confined else str(work)

    def run(
        self,
        command: Sequence[str],
        work: Path,
        budget: Budget,
        shelves: Mapping[str, Path] | None = None,
        *,
        hidden: tuple[str, ...] = (),
        python: bool = False,
        writable: Mapping[str, Path] | None = None,
        environment: Mapping[str, str] | None = None,
        elan: bool = False,
        stop: threading.Event | None = None,
    ) -> Ran:
        """Run `command` in the folder `work`, with `shelves` to read. No process of it is left when this returns.

        Once `stop` is set, it is ended within about a second, and `Stopped` is raised.
        """
        mounts = tuple(Mount(path, f"{SHELF}/{name}") for name, path in (shelves or {}).items())
        mounts += tuple(Mount(path, target, writable=True) for target, path in (writable or {}).items())
        named = {**_ENVIRONMENT, **(environment or {})}
        if elan:
            home = Path(os.environ.get("ELAN_HOME") or Path.home() / ".elan")
            mounts += (Mount(home, str(home)),)
            named |= {"ELAN_HOME": str(home), "PATH": f"{home}/bin:/usr/local/bin:/usr/bin:/bin"}
        transcript = self.root / f"transcript-{next(self._count)}"

        def look(_: Sample) -> None:
            if stop is not None and stop.is_set():
                raise Stopped

        finished = self.sandbox.run(
            command,
            Spec(
                workspace=work,
                budget=budget,
                mounts=(*(python_mounts() if python else ()), *mounts),
                hidden=hidden,
                environment=named,
            ),
            transcript=transcript,
            on_sample=look,
        )
        with transcript.open("rb") as file:
            head = file.read(MAX_SHOWN)
            size = transcript.stat().st_size
            if size > 2 * MAX_SHOWN:
                file.seek(size - MAX_SHOWN)
            head += file.read(MAX_SHOWN)
        transcript.unlink()
        return Ran(
            finished.exit_code, finished.spent.exceeded, tuple(terminal_lines(head)), finished.spent.wall_seconds
        )


def take_file(path: Path, most: int) -> bytes | None:
    """A plain file that a tool left, if it is one and has at most `most` bytes. Links are not followed."""
    from assay.core.errors import BadInput
    from assay.core.store.untrusted import open_plain_file

    try:
        descriptor = open_plain_file(path)
    except BadInput:
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
    return data if len(data) <= most else None
