"""Rule `confinement`: was the worker kept where it could not reach the hidden items or the verifier?"""

from assay.core import confinement as house
from assay.core.verdict import Finding
from assay.posttrain.integrity.case import Case


def confinement(case: Case) -> list[Finding]:
    """The house's own rule, asked of this case's run."""
    return house.confinement(case.submission.run)
