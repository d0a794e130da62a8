"""What a submission is worth: measures, findings and an outcome.

A `Verdict` is a value: two verifications of one submission give equal verdicts. It carries no clock time; the ledger
entry that signs it does. Nothing passes by default: `decide` accepts only when every check was able to decide.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assay.core.digest import Digest, canonical_json, digest_bytes


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"


class Interval(_Model):
    """A confidence interval and how it was computed."""

    low: float
    high: float
    level: float = Field(default=0.95, gt=0, lt=1)
    method: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"interval is upside down: {self.low} > {self.high}")
        return self


class Measure(_Model):
    """One measured figure. `n` is the number of independent items it was measured on."""

    name: str
    value: float
    unit: str
    n: int = Field(ge=0)
    interval: Interval | None = None


class Severity(StrEnum):
    VIOLATION = "violation"  # the submission broke a rule: it is rejected
    UNDECIDED = "undecided"  # the rule could not be checked: the verdict is inconclusive
    NOTE = "note"  # worth knowing; changes nothing


class Evidence(_Model):
    """Where to look, so that a person can check a finding by hand."""

    where: str = Field(description="file and row, tensor name, or transcript position")
    what: str = Field(description="what was found there, short")
    matches: str | None = Field(
        default=None, description="what it matches: a test item, another model, a pinned digest"
    )
    score: float | None = None


class Finding(_Model):
    """What a rule has to say. A rule that has nothing to say returns no finding."""

    rule: str
    severity: Severity
    message: str
    evidence: tuple[Evidence, ...] = ()


class Verdict(_Model):
    """What one submission is worth for one task, with all that is needed to compute it again."""

    schema_: Literal["assay.verdict/1"] = Field(default="assay.verdict/1", alias="schema")
    task: str
    task_digest: Digest
    submission: Digest
    outcome: Outcome
    reason: str = Field(description="one sentence: why this outcome")
    measures: tuple[Measure, ...] = ()
    findings: tuple[Finding, ...] = ()
    method: dict[str, Any] = Field(default_factory=dict, description="seeds, versions, prompts, limits, sandbox")

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    @property
    def digest(self) -> Digest:
        return digest_bytes(canonical_json(self.to_json()))

    def measure(self, name: str) -> Measure:
        """The measure called `name`; raises `KeyError` if there is none."""
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise KeyError(name)


def decide(findings: Sequence[Finding], improvement: Measure | None) -> tuple[Outcome, str]:
    """The outcome of a submission whose worth is an improvement over a baseline.

    A violation rejects, whatever the score. A check that could not decide makes the verdict inconclusive. What is left
    is accepted if the whole interval of the improvement is above zero, rejected if none of it is.
    """
    violations = [f for f in findings if f.severity is Severity.VIOLATION]
    if violations:
        rules = ", ".join(sorted({f.rule for f in violations}))
        return Outcome.REJECTED, f"Rules were broken: {rules}."
    undecided = [f for f in findings if f.severity is Severity.UNDECIDED]
    if undecided:
        rules = ", ".join(sorted({f.rule for f in undecided}))
        return Outcome.INCONCLUSIVE, f"Some rules could not be checked: {rules}."
    if improvement is None or improvement.interval is None or improvement.n == 0:
        return Outcome.INCONCLUSIVE, "The improvement over the base model was not measured."
    digits = "+.1f" if improvement.unit == "points" else "+.3g"
    span = f"{improvement.interval.low:{digits}} to {improvement.interval.high:{digits}} {improvement.unit}"
    if improvement.interval.low > 0:
        return Outcome.ACCEPTED, f"No rule was broken and the improvement is above zero ({span}, n = {improvement.n})."
    if improvement.interval.high <= 0:
        return Outcome.REJECTED, f"The submission is not better than the base model ({span}, n = {improvement.n})."
    return Outcome.INCONCLUSIVE, f"The improvement cannot be told from zero ({span}, n = {improvement.n})."
