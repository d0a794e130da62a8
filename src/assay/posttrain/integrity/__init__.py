"""The rules of integrity: each is one function from what was handed in to findings.

A rule that finds nothing returns an empty list. A rule that cannot look returns a finding of severity `undecided`:
silence always means that it looked. `audit` runs them all.
"""

from collections.abc import Callable, Iterator, Mapping

from assay.core.verdict import Finding, Severity
from assay.posttrain.integrity.case import Case, HiddenItem
from assay.posttrain.integrity.confinement import confinement
from assay.posttrain.integrity.contamination import contamination
from assay.posttrain.integrity.derived import test_derived
from assay.posttrain.integrity.evaluator import evaluator_changed
from assay.posttrain.integrity.harness import harness, template
from assay.posttrain.integrity.hosted import hosted_models
from assay.posttrain.integrity.indirect import forbidden_model, indirect, lookup
from assay.posttrain.integrity.judging import injection, planted_verdict
from assay.posttrain.integrity.keys import keys
from assay.posttrain.integrity.weights import weights

Rule = Callable[[Case], list[Finding]]

RULES: dict[str, Rule] = {
    "contamination": contamination,
    "test-derived": test_derived,
    "indirect": indirect,
    "lookup": lookup,
    "weights": weights,
    "forbidden-model": forbidden_model,
    "template": template,
    "harness": harness,
    "evaluator-changed": evaluator_changed,
    "hosted-models": hosted_models,
    "keys": keys,
    "planted-verdict": planted_verdict,
    "injection": injection,
    "confinement": confinement,
}


def audit(case: Case, rules: Mapping[str, Rule] = RULES) -> Iterator[Finding]:
    """All findings of all rules. A rule that breaks has not decided: its failure is a finding, not a pass."""
    for name, rule in rules.items():
        try:
            yield from rule(case)
        except Exception as error:  # a rule faces hostile files: whatever stops it must not look like silence
            yield Finding(
                rule=name,
                severity=Severity.UNDECIDED,
                message=f"The rule could not be checked: {type(error).__name__}: {str(error)[:300]}",
            )


__all__ = ["RULES", "Case", "HiddenItem", "audit"]
