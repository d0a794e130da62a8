"""Takes what a worker left behind into the store, as one immutable submission.

The model must pass intake; the rest of the workspace is kept as it is, for the audit. Nothing is stored unless the
model is fit to be evaluated.
"""

from collections.abc import Mapping
from pathlib import Path

from assay.core.digest import Digest
from assay.core.errors import Refused
from assay.core.store import Store, TreeLimits
from assay.core.submission import put_submission
from assay.core.task import Run, Submission, Task
from assay.posttrain import intake
from assay.posttrain.workplace import FINAL_MODEL


def take(task: Task, inputs: Mapping[str, Digest], store: Store, folder: Path, run: Run, base: Path) -> Digest:
    """The digest of the submission in `folder`: a workspace with `final_model/`, or a model alone."""
    model, workspace = (folder / FINAL_MODEL, folder) if (folder / FINAL_MODEL).exists() else (folder, None)
    if workspace is None and run.sandbox != "unknown":
        raise Refused(f"The worker {_end(run)} and left no {FINAL_MODEL}/{_where_to_look(run)}.")
    intake.check(model, base)
    model_tree = store.put_tree(model, intake.LIMITS)
    workspace_tree = None
    if workspace is not None:
        disk = task.budget.disk_bytes
        limits = TreeLimits(files=task.budget.files, total_bytes=4 * disk, file_bytes=disk)
        workspace_tree = store.put_tree(workspace, limits, exclude=(FINAL_MODEL,), on_irregular="omit")
    submission = Submission(
        task=task.id,
        task_digest=task.digest,
        model=model_tree.digest,
        workspace=workspace_tree.digest if workspace_tree else None,
        workspace_omitted=tuple(f"{o.path}: {o.reason}" for o in workspace_tree.omitted[:1000])
        if workspace_tree
        else (),
        inputs=dict(inputs),
        run=run,
    )
    return put_submission(submission, store)


def _end(run: Run) -> str:
    if run.spent and run.spent.exceeded:
        return f"went over its {run.spent.exceeded} limit"
    return f"ended with exit code {run.exit_code}"


def _where_to_look(run: Run) -> str:
    return f": see what it printed with `assay store get {run.transcript} output.txt`" if run.transcript else ""
