"""What the rules look at: the submission on disk, checked out from the store, and what is known about its run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.task import Submission
from assay.posttrain.bfcl import Item


@dataclass(frozen=True)
class Case:
    """One submission to audit. All folders are private copies, verified against their digests."""

    submission: Submission
    model: Path
    base: Path
    workspace: Path | None  # None: only a model was handed in
    hidden: Sequence[Item]
    chat_template: str
