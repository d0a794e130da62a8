"""Was the worker kept where it could not reach what is hidden, or the verifier? The same question in every arena."""

from assay.core.task import Run
from assay.core.verdict import Finding, Severity

RULE = "confinement"


def confinement(run: Run) -> list[Finding]:
    """Undecided unless the run was in a sandbox: nobody knows what an unconfined worker saw or changed."""
    if run.sandbox not in ("none", "unknown"):
        return []
    how = "ran without a sandbox" if run.sandbox == "none" else "was not run here"
    message = f"The worker {how}: what it could read, change and spend is not known."
    return [Finding(rule=RULE, severity=Severity.UNDECIDED, message=message)]
