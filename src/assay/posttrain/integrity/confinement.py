"""Rule `confinement`: was the worker kept where it could not reach the hidden items or the verifier?"""

from assay.core.verdict import Finding, Severity
from assay.posttrain.integrity.case import Case


def confinement(case: Case) -> list[Finding]:
    """Undecided unless the run was in a sandbox: nobody knows what an unconfined worker saw or changed."""
    where = case.submission.run.sandbox
    if where not in ("none", "unknown"):
        return []
    how = "ran without a sandbox" if where == "none" else "was not run here"
    message = f"The worker {how}: what it could read, change and spend is not known."
    return [Finding(rule="confinement", severity=Severity.UNDECIDED, message=message)]
