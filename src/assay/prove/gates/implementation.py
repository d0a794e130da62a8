"""The gate `implementation`: everything compiles from sources, and Python can load and call what comes out."""

import json

from assay.core.verdict import Finding, Severity
from assay.prove.artefact import LIBRARY, Artefact
from assay.prove.bench import Bench
from assay.prove.cell import limits
from assay.prove.gates import Gate, Passed, count

LOAD_SECONDS = 60.0


def implementation(bench: Bench) -> Passed:
    """Build everything; load the result in a Python inside the sandbox and call every entry point once."""
    bench.report("Compiling definitions and proofs")
    built = bench.prover.build()
    measures = (count("source files", built.files, "files"),)
    if not built.ok:
        return Passed(Gate.IMPLEMENTATION, measures, built.findings)
    if not bench.component.manifest.entries:
        note = "The component names no entry point: there is nothing for Python to load."
        finding = Finding(rule="build", severity=Severity.NOTE, message=note)
        return Passed(Gate.IMPLEMENTATION, measures, (finding,))
    bench.report("Building what Python loads")
    artefact = bench.artefact
    if not isinstance(artefact, Artefact):
        return Passed(Gate.IMPLEMENTATION, measures, artefact)
    findings = _load(bench, artefact)
    facts = {"artefact": artefact.digest, "compiler": artefact.compiler, "flags": list(artefact.flags)}
    entries = count("entry points", len(bench.component.manifest.entries), "functions")
    return Passed(Gate.IMPLEMENTATION, (*measures, entries), findings, facts)


def _load(bench: Bench, artefact: Artefact) -> tuple[Finding, ...]:
    work = bench.cell.folder("load")
    shelves = {"library": artefact.folder}
    library = f"{bench.cell.shelf('library', artefact.folder)}/{LIBRARY}"
    (work / "entries.json").write_text(json.dumps([e.model_dump() for e in bench.component.manifest.entries]))
    inside = bench.cell.workspace(work)
    command = ["python", "-m", "assay.prove.inside", library, f"{inside}/entries.json"]
    ran = bench.cell.run(command, work, limits(LOAD_SECONDS), shelves, python=True)
    if ran.ok:
        return ()
    return (Finding(rule="load", severity=Severity.VIOLATION, message=ran.why("Loading it from Python")),)
