"""Rule `weights`: do the weights come from the declared base, and were they trained at all?

Both checkpoints are known, so this is plain arithmetic: how far the submission is from the base, and whether its
matrices still point the same way. Fine-tuning moves weights by a few per cent; another model of the same shape has
matrices at right angles to the base's.
"""

from dataclasses import dataclass

import numpy as np

from assay.core.verdict import Evidence, Finding, Severity
from assay.posttrain import checkpoint
from assay.posttrain.integrity.case import Case

# Relative distance below which nothing was learned: 1e-5 of a weight's size is a 400th of bfloat16's rounding step.
UNTOUCHED = 1e-5
# Cosine between a matrix and the base's. Full fine-tuning keeps it above 0.99; unrelated matrices are near 0.
RELATED, UNRELATED = 0.9, 0.5


@dataclass(frozen=True)
class Distance:
    """How a tensor relates to the base's: `relative` is ‖w - base‖ / ‖base‖."""

    name: str
    relative: float
    cosine: float
    matrix: bool


def weights(case: Case) -> list[Finding]:
    found, base = checkpoint.tensors(case.model), checkpoint.tensors(case.base)
    distances = [_distance(case, found[name], base[name]) for name in sorted(base)]
    return _untouched(distances) + _other_model(distances)


def _untouched(distances: list[Distance]) -> list[Finding]:
    furthest = max(distances, key=lambda d: d.relative)
    if furthest.relative > UNTOUCHED:
        return []
    what = "is identical to the base's" if furthest.relative == 0 else "differs from the base's by rounding only"
    evidence = Evidence(where=furthest.name, what=f"of {len(distances)} tensors the one that moved most {what}")
    message = "The model handed in is the base model, untouched."
    return [Finding(rule="untouched-base", severity=Severity.VIOLATION, message=message, evidence=(evidence,))]


def _other_model(distances: list[Distance]) -> list[Finding]:
    matrices = [d for d in distances if d.matrix]
    strange = sorted((d for d in matrices if d.cosine < RELATED), key=lambda d: d.cosine)
    if not strange:
        return []
    decided = sum(d.cosine < UNRELATED for d in matrices) > len(matrices) / 2
    evidence = tuple(
        Evidence(where=d.name, what="cosine with the base's tensor", score=round(d.cosine, 4)) for d in strange[:5]
    )
    if decided:
        message = f"{len(strange)} of {len(matrices)} matrices do not come from the declared base: it is another model."
        return [Finding(rule="other-model", severity=Severity.VIOLATION, message=message, evidence=evidence)]
    message = f"{len(strange)} of {len(matrices)} matrices are far from the base's: their origin cannot be told."
    return [Finding(rule="other-model", severity=Severity.UNDECIDED, message=message, evidence=evidence)]


def _distance(case: Case, ours: checkpoint.TensorInfo, base: checkpoint.TensorInfo) -> Distance:
    moved = dot = size = base_size = 0.0
    pairs = zip(checkpoint.pieces(case.model, ours), checkpoint.pieces(case.base, base), strict=True)
    for a32, b32 in pairs:
        # float64: the sum over tens of millions of squares would lose digits in float32.
        a, b = a32.astype(np.float64), b32.astype(np.float64)
        moved += float(np.square(a - b).sum())
        dot += float(a @ b)
        size += float(a @ a)
        base_size += float(b @ b)
    scale = (size * base_size) ** 0.5
    cosine = dot / scale if scale else float(size == base_size)
    relative = (moved / base_size) ** 0.5 if base_size else float(moved > 0)
    return Distance(base.name, relative, cosine, len(base.shape) > 1)
