"""What every arena offers to the rest of the house, and where arenas are found.

`run` and the command line know arenas only through this protocol. An arena is a package's entry point in the group
`assay.arenas`; it is imported when it is first used, so that one whose packages are missing troubles nobody else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

from assay.core.digest import Digest
from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox import Mount, Sandbox
from assay.core.store import Store
from assay.core.task import Run, Task
from assay.core.verdict import Verdict

Report = Callable[[str], None]  # called with one line about what is going on


@dataclass(frozen=True)
class Workplace:
    """What a worker's sandbox holds besides its workspace."""

    mounts: tuple[Mount, ...] = ()
    hidden: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Examination:
    """A verdict, and documents about how it was reached that differ from one verification to the next."""

    verdict: Verdict
    records: Mapping[str, Digest] = field(default_factory=dict)  # e.g. the evaluation log, by name


class Arena(Protocol):
    """One arena: the object that an entry point of the group `assay.arenas` names."""

    name: str

    def tasks(self) -> list[Task]: ...

    def task(self, name: str) -> Task:
        """The task called `name`; `BadInput` if there is none."""
        ...

    def stage(self, task: Task, store: Store) -> dict[str, Digest]:
        """Bring the task's inputs into the store; returns their digests by name."""
        ...

    def lay_out(
        self, task: Task, inputs: Mapping[str, Digest], store: Store, workspace: Path, shelf: Path, *, confined: bool
    ) -> Workplace:
        """Write what the worker is given: its own into `workspace`, the read-only rest into `shelf`."""
        ...

    def take(self, task: Task, inputs: Mapping[str, Digest], store: Store, folder: Path, run: Run) -> Digest:
        """Check what a worker left in `folder` and store it as a submission. `Refused` if it cannot be taken."""
        ...

    def verify(self, submission: Digest, store: Store, sandbox: Sandbox, report: Report) -> Examination:
        """Measure and audit a stored submission, from the store alone."""
        ...


def arena_names() -> list[str]:
    return sorted({point.name for point in entry_points(group="assay.arenas")})


def find_arena(name: str) -> Arena:
    points = list(entry_points(group="assay.arenas", name=name))
    if not points:
        raise BadInput(f"There is no arena {name[:50]!r}: known are {', '.join(arena_names())}.")
    try:
        return cast(Arena, points[0].load())
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"The arena {name} needs {error.name}: install it with `pip install 'assay[{name}]'`."
        ) from None


def find_task(task_id: str) -> tuple[Arena, Task]:
    """The arena and task of an id such as `posttrain/bfcl-simple:smollm2-135m`."""
    arena_name, slash, name = task_id.partition("/")
    if not slash:
        raise BadInput(f"{task_id[:100]!r} is not a task: write arena/name; `assay tasks` lists them.")
    arena = find_arena(arena_name)
    return arena, arena.task(name)
