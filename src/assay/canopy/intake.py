"""What is taken as a model: two plain files of legal size that parse, with weights that fit what they declare."""

import os
from collections.abc import Mapping
from pathlib import Path

from assay.canopy.tasks import LIMITS
from assay.canopy.workplace import FINAL_MODEL
from assay.core.digest import Digest
from assay.core.errors import AssayError, Refused
from assay.core.scratch import scratch
from assay.core.store import Store, TreeLimits
from assay.core.store.untrusted import Walk
from assay.core.submission import put_submission
from assay.core.task import Run, Submission, Task

FILES = frozenset({"model.safetensors", "model.json"})
MAX_MODEL = 4 << 30  # bytes: three times a ViT-L with its decoder in float32
_MODEL_LIMITS = TreeLimits(files=1000, total_bytes=MAX_MODEL, file_bytes=MAX_MODEL)


def take(task: Task, inputs: Mapping[str, Digest], store: Store, folder: Path, run: Run) -> Digest:
    """The digest of the submission in `folder`, with the workspace as evidence. `Refused` if there is none."""
    place = folder / FINAL_MODEL if (folder / FINAL_MODEL).is_dir() else folder
    with scratch("canopy-intake") as private:
        _copy(place, private / "model")
        check(private / "model")
        model = store.put_tree(private / "model", LIMITS).digest
    workspace: Digest | None = None
    omitted: tuple[str, ...] = ()
    if place != folder:
        disk = task.budget.disk_bytes
        limits = TreeLimits(files=task.budget.files, total_bytes=4 * disk, file_bytes=disk)
        kept = store.put_tree(folder, limits, exclude=(FINAL_MODEL,), on_irregular="omit")
        workspace, omitted = kept.digest, tuple(f"{o.path}: {o.reason}" for o in kept.omitted[:1000])
    submission = Submission(
        task=task.id,
        task_digest=task.digest,
        model=model,
        workspace=workspace,
        workspace_omitted=omitted,
        inputs=dict(inputs),
        run=run,
    )
    return put_submission(submission, store)


def check(folder: Path) -> None:
    """Raise `Refused`, with one sentence, unless `folder` holds a model that can be built."""
    from assay.canopy.model import load

    try:
        load(folder)
    except AssayError as error:
        why = str(error).replace(str(folder), FINAL_MODEL)
        raise Refused(f"{FINAL_MODEL} is not a model that can be measured: {why}") from None


def _copy(place: Path, dest: Path) -> None:
    """The two files, reached without following links."""
    if not place.is_dir() or place.is_symlink():
        raise Refused(f"There is no folder {FINAL_MODEL}: leave the model in it.")
    dest.mkdir(parents=True)
    for file in Walk(place, _MODEL_LIMITS, on_irregular="omit"):
        if file.path not in FILES:
            continue
        with (dest / file.path).open("wb") as copy:
            while chunk := os.read(file.descriptor, 1 << 20):
                copy.write(chunk)
    missing = sorted(FILES - {path.name for path in dest.iterdir()})
    if len(missing) == len(FILES) and place.name != FINAL_MODEL:
        raise Refused(f"There is no folder {FINAL_MODEL}: leave the model in it.")
    if missing:
        raise Refused(f"{FINAL_MODEL} has no {' and no '.join(missing)}: write it with assay.canopy.model.save.")
