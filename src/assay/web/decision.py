"""A decision as people look at it: a ledger entry read strictly as a verdict and the run that it judges.

A ledger also holds entries of other kinds, and may hold entries that others signed. What is not a well-formed verdict
about its own subject is `Skipped`, with the reason, and never shown as a verdict.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from assay.core.digest import Digest
from assay.core.ledger import VERDICT_PREDICATE, Entry
from assay.core.override import Override, overrides
from assay.core.task import Run
from assay.core.verdict import Measure, Outcome, Severity, Verdict
from assay.web.figures import count

IMPROVEMENT = "improvement"  # the measure that `core.verdict.decide` looks at
_BASE = "base "  # `base accuracy` is what `accuracy` is compared with
_RECORDS = TypeAdapter(dict[str, Digest])

# Never colour alone: a word and a symbol say it too.
SYMBOLS = {Outcome.ACCEPTED: "✓", Outcome.REJECTED: "✗", Outcome.INCONCLUSIVE: "?"}


@dataclass(frozen=True)
class Decision:
    """One verdict of the ledger. `run` is `None` if the entry says nothing of how the submission came to be."""

    index: int
    issued_at: datetime
    key_id: str
    verdict: Verdict
    run: Run | None
    records: Mapping[str, Digest]
    override: Override | None = None  # what a person decided instead; the verdict stays what it was

    @property
    def outcome(self) -> Outcome:
        """The outcome that counts: a person's, if one overrode the verdict's."""
        return self.override.outcome if self.override else self.verdict.outcome

    @property
    def worker(self) -> str:
        return self.run.worker if self.run else "not recorded"

    @property
    def symbol(self) -> str:
        return SYMBOLS[self.verdict.outcome]

    @property
    def improvement(self) -> Measure | None:
        return next((m for m in self.verdict.measures if m.name == IMPROVEMENT), None)

    @property
    def score(self) -> Measure | None:
        """The first measure that is neither the improvement nor the base's."""
        own = (m for m in self.verdict.measures if m.name != IMPROVEMENT and not m.name.startswith(_BASE))
        return next(own, None)

    @property
    def base(self) -> Measure | None:
        """What the score is compared with."""
        score = self.score
        return next((m for m in self.verdict.measures if score and m.name == _BASE + score.name), None)

    @property
    def findings_text(self) -> str:
        """`1 violation, 2 notes`, or `none`."""
        counted = Counter(finding.severity for finding in self.verdict.findings)
        words = {
            Severity.VIOLATION: ("violation", None),
            Severity.UNDECIDED: ("undecided",) * 2,
            Severity.NOTE: ("note", None),
        }
        return ", ".join(count(counted[s], *words[s]) for s in Severity if counted[s]) or "none"


@dataclass(frozen=True)
class Skipped:
    """An entry that is not shown as a verdict, and why."""

    index: int
    reason: str


def read(entry: Entry) -> Decision | Skipped:
    """`entry` as a decision, if it is one."""
    statement = entry.statement
    if statement.predicate_type != VERDICT_PREDICATE:
        return Skipped(entry.index, f"it is of another kind: {statement.predicate_type}")
    try:
        verdict = Verdict.model_validate(statement.predicate.get("verdict"))
        run, records = _run(statement.predicate.get("run"))
    except (ValidationError, RecursionError):
        return Skipped(entry.index, "it is not a verdict that this version of Assay can read")
    if verdict.submission not in {subject.digest for subject in statement.subjects}:
        return Skipped(entry.index, "its verdict is not about what the entry is about")
    return Decision(entry.index, entry.appended_at, entry.key_id, verdict, run, records)


def read_all(entries: Iterable[Entry]) -> tuple[list[Decision], list[Skipped]]:
    """Decisions and what was skipped, both in the order of the entries.

    An override that counts is no entry of its own here: it is part of the decision that it overrides.
    """
    kept = list(entries)
    over = overrides(kept)
    counted = {overriding.entry.index for overriding in over.values()}
    found = [read(entry) for entry in kept if entry.index not in counted]
    decisions = [d for d in found if isinstance(d, Decision)]
    made = [replace(d, override=over[d.index].override) if d.index in over else d for d in decisions]
    return made, [s for s in found if isinstance(s, Skipped)]


def _run(document: object) -> tuple[Run | None, dict[str, Digest]]:
    """The run of an entry, and the records that `core.run` keeps beside it."""
    if not isinstance(document, Mapping):
        return (None if document is None else Run.model_validate(document)), {}
    about = {name: value for name, value in document.items() if name != "records"}
    return Run.model_validate(about), _RECORDS.validate_python(document.get("records", {}))
