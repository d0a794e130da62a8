"""Takes what a worker left behind into the store: `src/` and `c/`, sources only."""

from collections.abc import Mapping
from pathlib import Path

from assay.core.digest import Digest
from assay.core.errors import Refused
from assay.core.scratch import scratch
from assay.core.store import Store, TreeLimits
from assay.core.store.untrusted import Walk
from assay.core.submission import put_submission
from assay.core.task import Run, Submission, Task
from assay.prove.component import LIMITS, SUBMITTED_FOLDERS, is_compiled
from assay.prove.workplace import COMPONENT

_SCRATCH = "prove-intake"


def take(task: Task, inputs: Mapping[str, Digest], store: Store, folder: Path, run: Run) -> Digest:
    """The digest of the submission in `folder`: a workspace with `component/`, or a component's own folder."""
    place = folder / COMPONENT if (folder / COMPONENT).is_dir() else folder
    if not (place / "src").is_dir():
        raise Refused(f"There is no {COMPONENT}/src: the worker left no sources.")
    with scratch(_SCRATCH) as private:
        taken = private / "taken"
        count = _copy(place, taken)
        if not count:
            raise Refused(f"{COMPONENT}/src holds no sources.")
        tree = store.put_tree(taken, LIMITS)
    workspace = None
    omitted: tuple[str, ...] = ()
    if place != folder:
        disk = task.budget.disk_bytes
        limits = TreeLimits(files=task.budget.files, total_bytes=4 * disk, file_bytes=disk)
        kept = store.put_tree(folder, limits, exclude=(COMPONENT,), on_irregular="omit")
        workspace, omitted = kept.digest, tuple(f"{o.path}: {o.reason}" for o in kept.omitted[:1000])
    submission = Submission(
        task=task.id,
        task_digest=task.digest,
        model=tree.digest,
        workspace=workspace,
        workspace_omitted=omitted,
        inputs=dict(inputs),
        run=run,
    )
    return put_submission(submission, store)


def _copy(place: Path, dest: Path) -> int:
    """Copy the sources of a submission, reached without following links; returns how many there are."""
    import os

    count = 0
    for top in SUBMITTED_FOLDERS:
        if not (place / top).is_dir():
            continue
        for file in Walk(place / top, LIMITS):
            if is_compiled(file.path):
                continue
            target = dest / top / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as copy:
                while chunk := os.read(file.descriptor, 1 << 20):
                    copy.write(chunk)
            count += 1
    return count
