"""The gate `optimised`: the fast version is proved equal, and what Python loads is the program the theorem names."""

from assay.core.digest import digest_bytes
from assay.core.verdict import Finding, Severity
from assay.prove.artefact import Artefact
from assay.prove.bench import Bench
from assay.prove.gates import Gate, Passed, count


def optimised(bench: Bench) -> Passed:
    """Print the program again and compare; the equality itself was proved in the gate `theorems`."""
    manifest = bench.component.manifest
    equalities = [t for t in manifest.theorems if t.role == "equality"]
    if manifest.program is None or not equalities:
        said = "The component names no [program] and theorem of the role equality: no fast version was proved equal."
        return Passed(Gate.OPTIMISED, (), (Finding(rule="optimised", severity=Severity.UNDECIDED, message=said),))
    proved = bench.proved
    missing = [t.name for t in equalities if t.name not in proved.proved]
    findings: list[Finding] = []
    if missing:
        said = f"The fast version is not proved equal: {', '.join(missing)} does not hold."
        findings.append(Finding(rule="optimised", severity=Severity.VIOLATION, message=said))
    elif proved.findings:
        said = "The gate theorems does not accept the proofs, so no equality can be relied on."
        findings.append(Finding(rule="optimised", severity=Severity.VIOLATION, message=said))
    measures = [count("equalities proved", len(equalities) - len(missing), "theorems", len(equalities))]
    facts: dict[str, object] = {"equalities": [t.name for t in equalities]}
    if not bench.prover.build().ok:
        return Passed(Gate.OPTIMISED, tuple(measures), tuple(findings), facts)
    bench.report("Printing the program again")
    if manifest.program.printer is not None:
        text, told = bench.prover.printed()
        findings += told
        if text is not None:
            data = text.encode()
            facts["printed"] = digest_bytes(data)
            measures.append(count("bytes printed", len(data), "bytes"))
    artefact = bench.artefact
    if isinstance(artefact, Artefact):
        facts["artefact"] = artefact.digest
    else:
        findings += artefact
    return Passed(Gate.OPTIMISED, tuple(measures), tuple(findings), facts)
