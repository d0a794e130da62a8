"""The post-training arena as the rest of the house sees it."""

from collections.abc import Mapping
from pathlib import Path

from assay.core.arena import Arena, Examination, Report, Workplace
from assay.core.digest import Digest
from assay.core.sandbox import Sandbox
from assay.core.scratch import scratch
from assay.core.store import Store
from assay.core.task import Run, Task
from assay.posttrain import tasks


class PostTrain:
    """Coding agents and scripts post-train language models; see `assay.core.arena.Arena`."""

    name = "posttrain"

    def tasks(self) -> list[Task]:
        return tasks.all_tasks()

    def task(self, name: str) -> Task:
        return tasks.find(name)

    def stage(self, task: Task, store: Store) -> dict[str, Digest]:
        return tasks.stage(task, store).to_json()

    def lay_out(
        self, task: Task, inputs: Mapping[str, Digest], store: Store, workspace: Path, shelf: Path, *, confined: bool
    ) -> Workplace:
        from assay.posttrain.workplace import lay_out

        return lay_out(task, tasks.Staged(**inputs), store, workspace, shelf, confined=confined)

    def take(self, task: Task, inputs: Mapping[str, Digest], store: Store, folder: Path, run: Run) -> Digest:
        from assay.posttrain.submission import take

        with scratch("intake") as place:
            base = place / "base"
            store.get_tree(inputs["base"], base)
            return take(task, inputs, store, folder, run, base)

    def verify(self, submission: Digest, store: Store, sandbox: Sandbox, report: Report) -> Examination:
        from assay.posttrain.verify import verify

        return verify(submission, store, sandbox, report)


ARENA: Arena = PostTrain()
