"""What the gates of one check share: the component, its prover, and what was built of it. Nothing is built twice."""

import functools

from assay.core.arena import Report
from assay.core.verdict import Finding
from assay.prove.artefact import Artefact, build_artefact
from assay.prove.cell import Cell
from assay.prove.component import Component
from assay.prove.provers import Effort, Proved, Prover, open_prover


class Bench:
    """One component in one cell. Use it for one check."""

    def __init__(self, component: Component, cell: Cell, effort: Effort, report: Report) -> None:
        self.component, self.cell, self.effort, self.report = component, cell, effort, report

    @functools.cached_property
    def prover(self) -> Prover:
        return open_prover(self.component, self.cell, self.effort)

    @functools.cached_property
    def proved(self) -> Proved:
        return self.prover.prove()

    @functools.cached_property
    def artefact(self) -> Artefact | tuple[Finding, ...]:
        """What Python loads; or why there is none."""
        return build_artefact(self.component, self.cell, self.prover)
