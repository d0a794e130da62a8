"""The gate `theorems`: each trusted theorem is stated by the verifier, closed by the proof, and rests on nothing."""

from assay.core.verdict import Finding, Severity
from assay.prove.bench import Bench
from assay.prove.gates import Gate, Passed, count


def theorems(bench: Bench) -> Passed:
    """State and close each theorem, list what it rests on, and ask the independent checker."""
    bench.report("Stating each theorem afresh and checking its proof")
    proved = bench.proved
    wanted = bench.component.manifest.theorems
    findings = list(proved.findings)
    if not any(t.role == "witness" for t in wanted):
        said = "No theorem is a witness: nothing shows that the specification can be met at all."
        findings.append(Finding(rule="witness", severity=Severity.UNDECIDED, message=said))
    allowed = sorted({name for names in proved.assumptions.values() for name in names})
    measures = (
        count("theorems proved", len(proved.proved), "theorems", len(wanted)),
        count("assumptions", len(allowed), "assumptions", len(proved.proved)),
    )
    facts = {
        "level": proved.level.name.lower(),
        "recheck": "everything" if bench.effort.thorough else "what was compiled here",
        "level_in_words": proved.level.words,
        "statements": [
            {
                "name": t.name,
                "statement": t.statement,
                "proof": t.proof,
                "role": t.role,
                "of_program": t.of_program,
                "says": t.says,
                "proved": t.name in proved.proved,
                "assumptions": list(proved.assumptions.get(t.name, ())),
                "sha256": next((s.sha256 for s in proved.statements if s.name == t.name), ""),
            }
            for t in wanted
        ],
    }
    return Passed(Gate.THEOREMS, measures, tuple(findings), facts)
