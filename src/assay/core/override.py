"""A person's decision over a verdict: an entry of its own in the ledger, with author and reason. The verdict stays.

An override names the entry and the digest of the verdict that it is about, and its subject is the same submission.
Of several overrides of one verdict the latest counts; all of them stay readable.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from assay.core.digest import Digest
from assay.core.errors import BadInput
from assay.core.ledger import VERDICT_PREDICATE, Entry, Ledger, Statement, Subject
from assay.core.verdict import Outcome, Verdict

OVERRIDE_PREDICATE = "urn:assay:override:v1"
MAX_AUTHOR, MAX_REASON = 200, 4000  # characters


class Override(BaseModel):
    """What a person decided, and why. `before` is the outcome that counted until then."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["assay.override/1"] = Field(default="assay.override/1", alias="schema")
    entry: int = Field(ge=0, description="index of the verdict's entry")
    verdict: Digest
    before: Outcome
    outcome: Outcome
    author: str = Field(max_length=MAX_AUTHOR)
    reason: str = Field(max_length=MAX_REASON)

    @field_validator("author", "reason")
    @classmethod
    def _said(cls, text: str) -> str:
        if not any(c.isalnum() for c in text):
            raise ValueError("says nothing")
        return text.strip()


@dataclass(frozen=True)
class Overriding:
    """An override and the entry that signs it."""

    override: Override
    entry: Entry


def append_override(ledger: Ledger, index: int, *, outcome: Outcome, author: str, reason: str) -> Overriding:
    """Sign an override of the verdict in entry `index`.

    Raises `BadInput` if that entry is no verdict, if author or reason say nothing, or if nothing would change.
    """
    overridden = ledger.entry(index)
    verdict = read_verdict(overridden)
    if verdict is None:
        raise BadInput(f"Entry {index} is not a verdict: `assay show` lists the verdicts.")
    earlier = overrides(ledger.find(subject=verdict.submission)).get(index)
    before = earlier.override.outcome if earlier else verdict.outcome
    if outcome is before:
        raise BadInput(f"Entry {index} is {before.value} already: there is nothing to override.")
    for name, text, most in (("author", author, MAX_AUTHOR), ("reason", reason, MAX_REASON)):
        if not any(c.isalnum() for c in text) or len(text) > most:
            raise BadInput(f"An override needs its {name}: give --{name} in words, 1 to {most} characters.")
    override = Override(
        entry=index, verdict=verdict.digest, before=before, outcome=outcome, author=author, reason=reason
    )
    predicate = {"override": override.model_dump(mode="json", by_alias=True)}
    statement = Statement((Subject(verdict.submission, "submission"),), OVERRIDE_PREDICATE, predicate)
    return Overriding(override, ledger.append(statement))


def read_verdict(entry: Entry) -> Verdict | None:
    """The verdict in `entry`, if it is a well-formed one about its own subject."""
    if entry.statement.predicate_type != VERDICT_PREDICATE:
        return None
    try:
        verdict = Verdict.model_validate(entry.statement.predicate.get("verdict"))
    except (ValidationError, RecursionError):
        return None
    return verdict if verdict.submission in {s.digest for s in entry.statement.subjects} else None


def read_override(entry: Entry) -> Override | None:
    """The override in `entry`, if it is a well-formed one. Whether its verdict is there is for `overrides` to say."""
    if entry.statement.predicate_type != OVERRIDE_PREDICATE:
        return None
    try:
        return Override.model_validate(entry.statement.predicate.get("override"))
    except (ValidationError, RecursionError):
        return None


def overrides(entries: Iterable[Entry]) -> dict[int, Overriding]:
    """The latest override of each verdict among `entries`, by the verdict's index.

    One that names another verdict than stands in that entry, or another submission, or an entry that came later,
    overrides nothing.
    """
    kept = sorted(entries, key=lambda entry: entry.index)
    verdicts = {entry.index: (entry, verdict) for entry in kept if (verdict := read_verdict(entry))}
    found: dict[int, Overriding] = {}
    for entry in kept:
        override = read_override(entry)
        if override is None or override.entry not in verdicts or override.entry >= entry.index:
            continue
        _, verdict = verdicts[override.entry]
        about = {subject.digest for subject in entry.statement.subjects}
        if override.verdict == verdict.digest and about == {verdict.submission}:
            found[override.entry] = Overriding(override, entry)
    return found
