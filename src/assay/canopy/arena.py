"""The canopy arena as the rest of the house sees it."""

from collections.abc import Mapping
from pathlib import Path

from assay.canopy import tasks
from assay.core.arena import Arena, Examination, Report, Workplace
from assay.core.digest import Digest
from assay.core.sandbox import Sandbox
from assay.core.store import Store
from assay.core.task import Run, Task


class Canopy:
    """Training scripts and agents make canopy height models; see `assay.core.arena.Arena`."""

    name = "canopy"

    def tasks(self) -> list[Task]:
        return tasks.all_tasks()

    def task(self, name: str) -> Task:
        return tasks.find(name)

    def stage(self, task: Task, store: Store) -> dict[str, Digest]:
        return tasks.stage(task, store)

    def lay_out(
        self, task: Task, inputs: Mapping[str, Digest], store: Store, workspace: Path, shelf: Path, *, confined: bool
    ) -> Workplace:
        from assay.canopy.workplace import lay_out

        return lay_out(task, inputs, store, workspace, shelf, confined=confined)

    def take(self, task: Task, inputs: Mapping[str, Digest], store: Store, folder: Path, run: Run) -> Digest:
        from assay.canopy.intake import take

        return take(task, inputs, store, folder, run)

    def verify(self, submission: Digest, store: Store, sandbox: Sandbox, report: Report) -> Examination:
        from assay.canopy.verify import verify

        return verify(submission, store, sandbox, report)


ARENA: Arena = Canopy()
