"""Sandboxes with small budgets, hostile programs to put into them, and a look at the host from outside."""

import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay.core.budget import Budget
from assay.core.sandbox import Finished, Mount, Spec, python_mounts, remove_tree
from assay.core.sandbox.bubblewrap import Bubblewrap

HOSTILE = Path(__file__).parent / "hostile"


@dataclass
class Outcome:
    finished: Finished
    output: str

    @property
    def exceeded(self) -> str | None:
        return self.finished.spent.exceeded

    def lines(self, word: str) -> list[str]:
        return [line.removeprefix(word).strip() for line in self.output.splitlines() if line.startswith(word)]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "workspace"
    path.mkdir()
    yield path
    remove_tree(path)


@pytest.fixture(params=["cgroup", "polling"])
def sandbox(request: pytest.FixtureRequest) -> Bubblewrap:
    """Both ways of holding limits. Where no control group can be made, the first is the second."""
    return Bubblewrap(cgroup=request.param == "cgroup")


@pytest.fixture
def attack(workspace: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """Run a program of `hostile/` with arguments; keywords are those of the spec and the budget."""

    def run(
        program: str,
        *arguments: str,
        sandbox: Bubblewrap | None = None,
        network: tuple[str, ...] = (),
        mounts: tuple[Mount, ...] = (),
        read_only_paths: tuple[str, ...] = (),
        hidden: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        command: list[str] | None = None,
        **budget: Any,
    ) -> Outcome:
        limits = {"wall_seconds": 30, "memory_bytes": 1 << 30, "disk_bytes": 64 << 20, "processes": 100} | budget
        spec = Spec(
            workspace,
            Budget(**limits),
            mounts=(*python_mounts(), *mounts),
            network=network,
            read_only_paths=read_only_paths,
            hidden=hidden,
            environment=environment or {},
        )
        if program:
            shutil.copy(HOSTILE / program, workspace / program)
            command = ["python", program, *arguments]
        assert command is not None
        transcript = tmp_path / "transcript"
        finished = (sandbox or Bubblewrap()).run(command, spec, transcript=transcript)
        return Outcome(finished, transcript.read_text(errors="replace"))

    return run


@pytest.fixture
def marker() -> str:
    return f"marker-{uuid.uuid4().hex}"


def processes_with(text: str) -> list[int]:
    """Processes of this machine that have `text` in their command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if text.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()
