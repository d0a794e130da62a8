"""Assay: AI research done by workers nobody has to trust, measured by verifiers nobody can reach.

import assay

result = assay.run("posttrain/bfcl-simple:smollm2-135m", "python train.py", budget="10m")
result.verdict.outcome, result.verdict.measure("improvement")

verdict = assay.verify("sha256:...")
assay.open_ledger().verify()
"""

from assay.api import run, verify
from assay.core.budget import Budget
from assay.core.ledger import Ledger, open_ledger
from assay.core.store import Store, open_store
from assay.core.task import Submission, Task
from assay.core.verdict import Finding, Interval, Measure, Outcome, Severity, Verdict

__all__ = [
    "Budget",
    "Finding",
    "Interval",
    "Ledger",
    "Measure",
    "Outcome",
    "Severity",
    "Store",
    "Submission",
    "Task",
    "Verdict",
    "open_ledger",
    "open_store",
    "run",
    "verify",
]
