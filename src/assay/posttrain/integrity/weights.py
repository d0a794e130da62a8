"""Rule `weights`: do the weights come from the declared base alone, and were they trained at all?

The base and its siblings are known, so this is plain arithmetic; `assay.posttrain.provenance` does it and its page has
the measured rates. Findings are `untouched-base`, `other-model` and `sibling`.
"""

from collections.abc import Sequence
from pathlib import Path

from assay.core.verdict import Evidence, Finding, Severity
from assay.posttrain.integrity.case import Case
from assay.posttrain.provenance import Origin, Provenance, SiblingEvidence, examine

UNTOUCHED_BASE, OTHER_MODEL, SIBLING = "untouched-base", "other-model", "sibling"
_VISIBLE = 0.1  # a merge of this share has to be found; where it could not be, a note says so
# Half way to a merge: a small share that was rounded and trained on looks so, and so do two runs on the same texts with
# large batches. A person should look at the transcript.
_HALF_FLAT, _ALIKE = 0.25, 0.1
_SHOWN = 5  # tensors in the evidence


def weights(case: Case) -> list[Finding]:
    return origin_findings(case.model, case.base, case.siblings, case.forbidden)


def origin_findings(model: Path, base: Path, siblings: Sequence[Path], forbidden: Sequence[str] = ()) -> list[Finding]:
    """What the weights in `model` say. `forbidden` names the task's siblings.

    One that is not at hand, as a folder of its name among `siblings`, leaves the rule undecided.
    """
    found = examine(model, base, siblings)
    absent = sorted(set(forbidden) - {folder.name for folder in siblings})
    findings = _of_the_base(found)
    for evidence in found.siblings:
        if evidence.origin in (Origin.SIBLING, Origin.MERGE):
            findings.append(_sibling(found, evidence))
        elif evidence.flatness >= _HALF_FLAT and evidence.alike >= _ALIKE:
            findings.append(_unclear(evidence))
        elif evidence.least_visible > _VISIBLE:
            findings.append(_dim(evidence))
    if absent:
        message = f"Whether the weights come from {', '.join(absent)} is not known: that model is not at hand."
        findings.append(Finding(rule=SIBLING, severity=Severity.UNDECIDED, message=message))
    return findings


def _of_the_base(found: Provenance) -> list[Finding]:
    if found.verdict is Origin.UNTOUCHED:
        furthest = max(found.tensors, key=lambda tensor: tensor.moved)
        what = "is identical to the base's" if furthest.moved == 0 else "differs from the base's by rounding only"
        evidence = Evidence(where=furthest.name, what=f"of {len(found.tensors)} tensors the one that moved most {what}")
        message = "The model handed in is the base model, untouched."
        return [Finding(rule=UNTOUCHED_BASE, severity=Severity.VIOLATION, message=message, evidence=(evidence,))]
    if found.verdict in (Origin.OTHER, Origin.INCONCLUSIVE):
        severity = Severity.VIOLATION if found.verdict is Origin.OTHER else Severity.UNDECIDED
        strangest = sorted(found.tensors, key=lambda tensor: tensor.base_cosine)[:_SHOWN]
        shown = tuple(
            Evidence(where=t.name, what="cosine with the base's tensor", score=round(t.base_cosine, 4))
            for t in strangest
        )
        return [Finding(rule=OTHER_MODEL, severity=severity, message=found.reason, evidence=shown)]
    return []


def _sibling(found: Provenance, evidence: SiblingEvidence) -> Finding:
    kind = "come from" if evidence.origin is Origin.SIBLING else "are a merge with"
    low, high = evidence.interval.low, evidence.interval.high
    message = (
        f"The weights {kind} {evidence.name}: they hold a share of {evidence.share:.2f} ({low:.2f} to {high:.2f}) of "
        f"what sets it apart from the base, in {evidence.layers_with_sibling} of {evidence.layers} layers."
    )
    shown = tuple(
        Evidence(where=t.name, what="share of the sibling's change", matches=evidence.name, score=round(t.share, 4))
        for t in sorted(found.tensors, key=lambda t: -(t.explained or 0))[:_SHOWN]
        if t.share is not None
    )
    return Finding(rule=SIBLING, severity=Severity.VIOLATION, message=message, evidence=shown)


def _unclear(evidence: SiblingEvidence) -> Finding:
    message = (
        f"The weights agree with {evidence.name} more than training on other texts explains, and less than a merge: "
        f"a share of {evidence.share:.2f} in the quiet directions, flatness {evidence.flatness:.2f}."
    )
    return Finding(rule=SIBLING, severity=Severity.NOTE, message=message)


def _dim(evidence: SiblingEvidence) -> Finding:
    message = (
        f"No share of {evidence.name} was found; after so much training only a share of {evidence.least_visible:.2f} "
        "or more would be visible."
    )
    return Finding(rule=SIBLING, severity=Severity.NOTE, message=message)
