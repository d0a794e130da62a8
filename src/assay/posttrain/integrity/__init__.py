"""The rules of integrity: each is one function from what was handed in to findings.

A rule that finds nothing returns an empty list. A rule that cannot look returns a finding of severity `undecided`:
silence always means that it looked. `audit` runs them all.
"""

from collections.abc import Callable, Iterator

from assay.core.verdict import Finding, Severity
from assay.posttrain.integrity.case import Case
from assay.posttrain.integrity.confinement import confinement
from assay.posttrain.integrity.contamination import contamination
from assay.posttrain.integrity.harness import harness, template
from assay.posttrain.integrity.weights import weights

Rule = Callable[[Case], list[Finding]]

RULES: dict[str, Rule] = {
    "contamination": contamination,
    "weights": weights,
    "template": template,
    "harness": harness,
    "confinement": confinement,
}


def audit(case: Case) -> Iterator[Finding]:
    """All findings of all rules. A rule that breaks has not decided: its failure is a finding, not a pass."""
    for name, rule in RULES.items():
        try:
            yield from rule(case)
        except Exception as error:  # a rule faces hostile files: whatever stops it must not look like silence
            yield Finding(
                rule=name,
                severity=Severity.UNDECIDED,
                message=f"The rule could not be checked: {type(error).__name__}: {str(error)[:300]}",
            )


__all__ = ["RULES", "Case", "audit"]
