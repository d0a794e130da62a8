"""Reads and writes submissions in the store. Whoever needs one comes through here, so all are equally strict."""

from assay.core.digest import Digest
from assay.core.errors import BadInput, Refused
from assay.core.store import Store
from assay.core.task import MAX_SUBMISSION_DOCUMENT, Submission


def read_submission(digest: Digest, store: Store) -> Submission:
    """A stored submission. `BadInput` if the digest names something else."""
    try:
        return Submission.model_validate_json(store.get_bytes(digest, MAX_SUBMISSION_DOCUMENT))
    except ValueError:
        raise BadInput(f"{digest} is in the store, but is not a submission: `assay show` lists them.") from None


def put_submission(submission: Submission, store: Store) -> Digest:
    """The digest of the stored document. `Refused` if it is larger than a reader would accept."""
    document = submission.to_bytes()
    if len(document) > MAX_SUBMISSION_DOCUMENT:
        raise Refused("The workspace has too many irregular files to be recorded: remove them.")
    return store.put_bytes(document)
