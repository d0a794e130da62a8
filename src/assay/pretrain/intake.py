"""Takes the one file that a worker left: a plain file of legal size that parses. Nothing else of it is kept."""

import os
from pathlib import Path

from assay.core.digest import Digest
from assay.core.errors import BadInput, Refused
from assay.core.scratch import scratch
from assay.core.store import Store
from assay.core.store.untrusted import open_plain_file
from assay.core.submission import put_submission
from assay.core.task import Run, Submission, Task
from assay.pretrain import tasks
from assay.pretrain.exchange import limits_of
from assay.pretrain.training import Workbench
from assay.pretrain.verify import decode


def take(task: Task, staged: tasks.Staged, store: Store, folder: Path, run: Run) -> Digest:
    """The digest of the submission in `folder`. `Refused`, in one sentence, if there is none that can be measured."""
    recipe = tasks.recipe_of(staged.recipe, store)
    bench = Workbench(recipe)
    data = _read(folder / tasks.GRADIENT, limits_of(recipe, bench.shapes).max_bytes)
    decode(data, recipe, bench)
    with scratch("intake") as place:
        (place / tasks.GRADIENT).write_bytes(data)
        model = store.put_tree(place).digest
    submission = Submission(task=task.id, task_digest=task.digest, model=model, inputs=staged.to_json(), run=run)
    return put_submission(submission, store)


def _read(path: Path, limit: int) -> bytes:
    try:
        descriptor = open_plain_file(path)
    except (BadInput, OSError):
        raise Refused(f"The worker left no plain file {path.name}.") from None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Refused(f"{path.name} is larger than any pseudo-gradient of this task: {limit} bytes.")
    return data
