"""What the rules look at: the submission on disk, checked out from the store, and what is known about its run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from assay.core.sandbox import NetworkRequest
from assay.core.task import Submission


class HiddenItem(Protocol):
    """One test item, whatever its benchmark."""

    @property
    def id(self) -> str: ...

    @property
    def question(self) -> str: ...

    def answer(self) -> str: ...


@dataclass(frozen=True)
class Case:
    """One submission to audit. All folders are private copies, verified against their digests.

    What is not known is left at its default: a rule that needs it then says nothing of it, or is undecided.
    """

    submission: Submission
    model: Path
    base: Path
    workspace: Path | None  # None: only a model was handed in
    hidden: Sequence[HiddenItem]
    chat_template: str
    transcript: Path | None = None  # what the worker printed
    network_log: Sequence[NetworkRequest] = ()
    allowed_hosts: Sequence[str] = ()  # hosts that the task grants, hosted models included
    given: Path | None = None  # what the task gave the worker: copies of it are nobody's offence
    test_given: bool = False  # the task hands out the test items themselves, for evaluation only
    siblings: Sequence[Path] = ()  # models that must not be handed in, such as the instruct sibling, that are at hand
    forbidden: Sequence[str] = ()  # the names of all of them

    @property
    def benchmark(self) -> str:
        """The first part of the task's name, `BENCHMARK:MODEL` and perhaps a mode: `bfcl-simple`, `gsm8k`."""
        return self._names[0]

    @property
    def base_name(self) -> str:
        """The declared base model's name: `smollm2-135m`."""
        return self._names[1] if len(self._names) > 1 else ""

    @property
    def _names(self) -> list[str]:
        return self.submission.task.partition("/")[2].split(":")
