"""Reads and writes submissions in the store. Whoever needs one comes through here, so all are equally strict."""

from collections.abc import Callable, Mapping

from assay.core.digest import Digest
from assay.core.errors import BadInput, Refused
from assay.core.store import Store
from assay.core.task import MAX_SUBMISSION_DOCUMENT, Submission, Task


def read_submission(digest: Digest, store: Store) -> Submission:
    """A stored submission. `BadInput` if the digest names something else."""
    try:
        return Submission.model_validate_json(store.get_bytes(digest, MAX_SUBMISSION_DOCUMENT))
    except ValueError:
        raise BadInput(f"{digest} is in the store, but is not a submission: `assay show` lists them.") from None


def submission_to_verify(
    digest: Digest, store: Store, find: Callable[[str], Task], stage: Callable[[Task], Mapping[str, Digest]]
) -> tuple[Submission, Task]:
    """A stored submission and its task, if it can be measured: made for this version of it, with its own inputs.

    `find` and `stage` are the arena's: a task by name, and a task's inputs in the store.

    The document says what the worker was given; what it is measured on is the task's alone to say.
    """
    handed_in = read_submission(digest, store)
    task = find(handed_in.task.partition("/")[2])
    if task.digest != handed_in.task_digest:
        raise BadInput(
            f"The submission was made for another version of {task.id} ({handed_in.task_digest}): verify it with the "
            "version of Assay that made it."
        )
    if handed_in.inputs != stage(task):
        raise BadInput("The submission names other inputs than its task has: it cannot be measured as that task.")
    return handed_in, task


def put_submission(submission: Submission, store: Store) -> Digest:
    """The digest of the stored document. `Refused` if it is larger than a reader would accept."""
    document = submission.to_bytes()
    if len(document) > MAX_SUBMISSION_DOCUMENT:
        raise Refused("The workspace has too many irregular files to be recorded: remove them.")
    return store.put_bytes(document)
