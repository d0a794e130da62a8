"""Assay: AI research done by workers nobody has to trust, measured by verifiers nobody can reach.

import assay

result = assay.run("posttrain/bfcl-simple:smollm2-135m", "python train.py", budget="10m")
result.verdict.outcome, result.verdict.measure("improvement")

verdict = assay.verify("sha256:...")
assay.open_ledger().verify()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_PLACES = {
    "assay.api": ("run", "verify"),
    "assay.core.budget": ("Budget",),
    "assay.core.ledger": ("Ledger", "open_ledger"),
    "assay.core.store": ("Store", "open_store"),
    "assay.core.task": ("Submission", "Task"),
    "assay.core.verdict": ("Finding", "Interval", "Measure", "Outcome", "Severity", "Verdict"),
}


def __getattr__(name: str) -> Any:
    """Names are imported when they are first used: every process of Assay's imports this package, few need them."""
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'assay' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
