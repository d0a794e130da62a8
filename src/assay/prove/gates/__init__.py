"""The four gates: each a function from a component on the bench to measures and findings.

implementation   it builds from sources, calls nothing it should not, and loads from Python
conformance      the original's own tests and differential fuzzing against the original agree
theorems         every trusted theorem is proved, rests on nothing, and an independent checker agrees
optimised        the fast version is proved equal, and what is loaded is the program that the theorem names
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from assay.core.verdict import Finding, Measure, Outcome, Severity
from assay.prove.bench import Bench


class Gate(StrEnum):
    """The gates, in the order in which they are passed."""

    IMPLEMENTATION = "implementation"
    CONFORMANCE = "conformance"
    THEOREMS = "theorems"
    OPTIMISED = "optimised"


@dataclass(frozen=True)
class Passed:
    """What one gate found. `facts` go into the certificate."""

    gate: Gate
    measures: tuple[Measure, ...] = ()
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        severities = {finding.severity for finding in self.findings}
        if Severity.VIOLATION in severities:
            return Outcome.REJECTED
        return Outcome.INCONCLUSIVE if Severity.UNDECIDED in severities else Outcome.ACCEPTED


def gates() -> "dict[Gate, Callable[[Bench], Passed]]":
    """The gates by name."""
    from assay.prove.gates.conformance import conformance
    from assay.prove.gates.implementation import implementation
    from assay.prove.gates.optimised import optimised
    from assay.prove.gates.theorems import theorems

    return {
        Gate.IMPLEMENTATION: implementation,
        Gate.CONFORMANCE: conformance,
        Gate.THEOREMS: theorems,
        Gate.OPTIMISED: optimised,
    }


def count(name: str, value: int, unit: str, n: int | None = None) -> Measure:
    return Measure(name=name, value=float(value), unit=unit, n=value if n is None else n)
