"""A component's check as one page for people: the four gates, the statements, what is trusted, what is not proved."""

from dataclasses import dataclass

from assay.core.verdict import Outcome, Severity
from assay.prove.certificate import level
from assay.prove.check import Checked
from assay.prove.mutation.campaign import Score
from assay.web.page import render

SYMBOLS = {Outcome.ACCEPTED: "✓", Outcome.REJECTED: "✗", Outcome.INCONCLUSIVE: "?"}
_GATES = {
    "implementation": "It compiles from its sources, and Python can load it.",
    "conformance": "It does what the original does: the original's own tests, a kept corpus, new inputs.",
    "theorems": "Each statement is stated by the verifier, proved by the submission, and rests on nothing.",
    "optimised": "The fast version is proved equal, and what Python loads is what the theorem speaks of.",
}


@dataclass(frozen=True)
class Speed:
    """Bytes a second of one function and of the original, called from Python in one process."""

    entry: str
    ours: float
    original: float | None

    @property
    def ratio(self) -> str:
        return f"{self.ours / self.original:.2f}" if self.original else "not compared"

    @property
    def text(self) -> str:
        return f"{self.ours / 1e6:,.0f} MB/s"

    @property
    def original_text(self) -> str:
        return f"{self.original / 1e6:,.0f} MB/s" if self.original else ""


def report_page(checked: Checked, speeds: tuple[Speed, ...] = (), mutation: Score | None = None) -> str:
    """The page. Equal checks give equal pages, but for the speed."""
    verdict = checked.verdict()
    statements = {statement.name: statement for statement in checked.statements}
    proved = verdict.method["gates"].get("theorems", {}).get("statements", [])
    return render(
        "prove_report.html",
        ("report.css",),
        title=f"{checked.component.manifest.title}: verified",
        manifest=checked.component.manifest,
        verdict=verdict,
        symbol=SYMBOLS[verdict.outcome],
        level=level(verdict),
        gates=[(p, SYMBOLS[p.outcome], _GATES[p.gate.value]) for p in checked.passed],
        theorems=[(found, statements.get(found["name"])) for found in proved],
        speeds=speeds,
        mutation=mutation,
        severity=Severity,
        sources=sorted(verdict.method["sources"].items()),
    )
