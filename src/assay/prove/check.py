"""Checks a component: the chosen gates in order, then one verdict. `check(folder, sandbox)` is the front door."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.arena import Report
from assay.core.digest import Digest
from assay.core.sandbox import Sandbox
from assay.core.scratch import scratch
from assay.core.verdict import Finding, Outcome, Verdict
from assay.prove.bench import Bench
from assay.prove.cell import Cell
from assay.prove.component import Component, read
from assay.prove.gates import Gate, Passed, gates
from assay.prove.provers import Effort, Statement

OnGate = Callable[[Passed, float], None]  # a gate that is done, and its seconds


@dataclass(frozen=True)
class Checked:
    """What the gates found of one component."""

    component: Component
    passed: tuple[Passed, ...]
    method: dict[str, Any]
    statements: tuple[Statement, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding once, although several gates may have met it."""
        return tuple(dict.fromkeys(f for passed in self.passed for f in passed.findings))

    @property
    def outcome(self) -> Outcome:
        return self.verdict().outcome

    def verdict(
        self, submission: Digest | None = None, task: str | None = None, task_digest: Digest | None = None
    ) -> Verdict:
        """The verdict: accepted only if all four gates were asked and each accepts."""
        outcome, reason = _decide(self.passed)
        return Verdict(
            task=task or f"prove/{self.component.name}",
            task_digest=task_digest or self.component.trusted_digest,
            submission=submission or self.component.digest,
            outcome=outcome,
            reason=reason,
            measures=tuple(m for passed in self.passed for m in passed.measures),
            findings=self.findings,
            method=self.method,
        )


def check(
    folder: Path,
    sandbox: Sandbox,
    *,
    only: Sequence[Gate] = (),
    effort: Effort | None = None,
    report: Report = lambda _: None,
    on_gate: OnGate = lambda _, __: None,
) -> Checked:
    """Check the component in `folder` by the gates `only`, all four if none is named.

    `BadInput` if the folder is no component, `Unavailable` if the prover is not installed.
    """
    component = read(folder)
    with scratch("prove") as place:
        bench = Bench(component, Cell(sandbox, place), effort or Effort(), report)
        with closing(bench.prover):
            versions = bench.prover.versions()
            if not only or Gate.THEOREMS in only:
                bench.prover.expect_theorems()
            passed = []
            for gate, function in gates().items():
                if only and gate not in only:
                    continue
                found, seconds = _timed(function, bench)
                passed.append(found)
                on_gate(found, seconds)
            statements = bench.proved.statements if Gate.THEOREMS in [p.gate for p in passed] else ()
            method = _method(bench, passed, versions)
    return Checked(component, tuple(passed), method, statements)


def _timed(function: Callable[[Bench], Passed], bench: Bench) -> tuple[Passed, float]:
    started = time.monotonic()
    return function(bench), time.monotonic() - started


def _decide(passed: Sequence[Passed]) -> tuple[Outcome, str]:
    rejected = [p.gate.value for p in passed if p.outcome is Outcome.REJECTED]
    if rejected:
        return Outcome.REJECTED, f"Not passed: {', '.join(rejected)}."
    undecided = [p.gate.value for p in passed if p.outcome is Outcome.INCONCLUSIVE]
    if undecided:
        return Outcome.INCONCLUSIVE, f"Could not be decided: {', '.join(undecided)}."
    missing = [gate.value for gate in Gate if gate not in {p.gate for p in passed}]
    if missing:
        return Outcome.INCONCLUSIVE, f"Not asked: {', '.join(missing)}."
    return Outcome.ACCEPTED, "All four gates are passed."


def _method(bench: Bench, passed: Sequence[Passed], versions: dict[str, str]) -> dict[str, Any]:
    """What the certificate says beyond the outcome: no clock time and no path of this machine."""
    component = bench.component
    base = list(bench.prover.trusted_base())
    if component.manifest.program is not None and component.manifest.program.printer is not None:
        base += [
            f"the printer {component.manifest.program.printer} and the meaning that its language has in Rocq",
            "the C compiler, and the linker",
        ]
    if component.manifest.program is not None and component.manifest.program.extract:
        base += ["Coq's extraction to OCaml, which is not verified", "the OCaml compiler and its run-time system"]
    if component.manifest.entries:
        base.append("the few lines of Python that hand buffers over")
    return {
        "schema": "assay.certificate/1",
        "component": component.name,
        "title": component.manifest.title,
        "source_library": component.manifest.source.model_dump(),
        "prover": component.manifest.prover,
        "tools": versions,
        "sandbox": bench.cell.sandbox.name,
        "gates": {p.gate.value: {"outcome": p.outcome.value, **p.facts} for p in passed},
        "sources": {path: entry.sha256 for path, entry in sorted(component.files.items())},
        "task": component.trusted_document(),
        "trusted_base": base,
        "not_proved": list(component.manifest.not_proved),
    }
