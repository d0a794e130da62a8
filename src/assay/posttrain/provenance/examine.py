"""`examine`: where do these weights come from? The front door of the package."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from assay.core.errors import BadInput
from assay.core.verdict import Interval
from assay.posttrain.provenance.evidence import Sums, measure
from assay.posttrain.provenance.judge import (
    SMALL_MERGES,
    Origin,
    SiblingEvidence,
    TensorEvidence,
    beside,
    beside_merge,
    related,
    tensor_evidence,
)
from assay.posttrain.provenance.reading import Shared, Weights, rounds, shared

OnTensor = Callable[[str, int, int], None]  # name, how many are done, how many there are


class Provenance(BaseModel):
    """Where a submission's weights come from, and why that is believed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    schema_: Literal["assay.provenance/1"] = Field(default="assay.provenance/1", alias="schema")
    verdict: Origin
    reason: str
    share: float | None = Field(default=None, description="of the sibling that the submission is nearest to")
    interval: Interval | None = None
    moved: float = Field(description="distance to the base over all values, relative to the base's size")
    siblings: tuple[SiblingEvidence, ...] = ()
    not_compared: tuple[str, ...] = Field(default=(), description="tensors that base and submission do not share")
    tensors: tuple[TensorEvidence, ...] = Field(description="beside the sibling that decided")

    def to_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


def examine(
    submission: Path, base: Path, siblings: Sequence[Path] = (), on_tensor: OnTensor | None = None
) -> Provenance:
    """Compare the checkpoint in `submission` with the base's and each sibling's, a few slabs in memory at a time.

    `BadInput` or `Refused` if a folder holds no proper checkpoint.
    """
    origin, ours = Weights.open(base), Weights.open(submission)
    found: list[tuple[SiblingEvidence | None, list[TensorEvidence]]] = []
    matrices: frozenset[str] = frozenset()
    strange: list[str] = []
    for sibling in siblings or (None,):
        other = Weights.open(sibling) if sibling is not None else None
        together = (ours, origin) if other is None else (ours, origin, other)
        tensors, strange = shared(together)
        if not tensors:
            return _alien(submission, strange)
        sums: dict[str, Sums] = {}
        for done, tensor in enumerate(tensors, 1):
            sums[tensor.name] = measure(origin, ours, other, tensor)
            if on_tensor is not None:
                on_tensor(tensor.name, done, len(tensors))
        matrices = frozenset(tensor.name for tensor in tensors if tensor.matrix)
        evidence = [tensor_evidence(t.name, t.count, sums[t.name]) for t in tensors]
        if other is not None and not any(s.sibling for s in sums.values()):
            raise BadInput(f"{sibling} is the base itself: give the sibling's own folder.")
        seen = beside(Path(sibling).name, sums) if sibling is not None else None
        if other is not None and seen is not None and seen.origin is Origin.BASE:
            seen = _small_merge(seen.name, origin, ours, other, tensors) or seen
        found.append((seen, evidence))
    return _decide(found, matrices, strange, _lost(ours, origin, tensors))


def _small_merge(
    name: str, base: Weights, submission: Weights, sibling: Weights, tensors: Sequence[Shared]
) -> SiblingEvidence | None:
    """A merge so small that rounding left little of it, and trained on: looked for in files that round."""
    if not any(rounds(base.tensors[tensor.name].dtype) for tensor in tensors):
        return None
    for share in SMALL_MERGES:
        sums = {tensor.name: measure(base, submission, sibling, tensor, merge=share) for tensor in tensors}
        found = beside_merge(name, share, sums)
        if found is not None:
            return found
    return None


def _decide(
    found: list[tuple[SiblingEvidence | None, list[TensorEvidence]]],
    matrices: frozenset[str],
    strange: list[str],
    lost: float,
) -> Provenance:
    beside_all = [evidence for evidence, _ in found if evidence is not None]
    nearest, tensors = max(found, key=lambda pair: _weight(pair[0]))
    moved = _overall([(t.moved, t.values) for t in tensors])
    family = related(tensors, matrices)
    derived = nearest is not None and nearest.origin in (Origin.SIBLING, Origin.MERGE)
    verdict = nearest.origin if nearest is not None and derived and family is not Origin.OTHER else family
    if verdict is Origin.BASE and lost > _MOST_LOST:
        verdict = Origin.INCONCLUSIVE
    return Provenance(
        verdict=verdict,
        reason=_reason(verdict, nearest, tensors, matrices, lost),
        share=nearest.share if nearest is not None else None,
        interval=nearest.interval if nearest is not None else None,
        moved=moved,
        siblings=tuple(beside_all),
        not_compared=tuple(strange),
        tensors=tuple(tensors),
    )


_MOST_LOST = 0.1  # of the base's values that the submission may lack before nothing can be said


def _lost(ours: Weights, base: Weights, tensors: Sequence[Shared]) -> float:
    """The part of the base's values that the submission has no counterpart to."""
    compared = sum(tensor.count for tensor in tensors)
    stored = {(i.file, i.start): i.count for i in base.tensors.values()}
    return max(0.0, 1 - compared / sum(stored.values()))


def _weight(evidence: SiblingEvidence | None) -> tuple[bool, float]:
    if evidence is None:
        return False, 0.0
    return evidence.origin is not Origin.BASE, abs(evidence.share)


def _overall(parts: Sequence[tuple[float, int]]) -> float:
    total = sum(values for _, values in parts)
    return float((sum(moved**2 * values for moved, values in parts) / total) ** 0.5)


def _alien(submission: Path, strange: Sequence[str]) -> Provenance:
    reason = f"{submission.name} shares no tensor with the base, by name and shape: it is another model."
    return Provenance(verdict=Origin.OTHER, reason=reason, moved=1.0, not_compared=tuple(strange), tensors=())


def _reason(
    verdict: Origin,
    nearest: SiblingEvidence | None,
    tensors: Sequence[TensorEvidence],
    matrices: frozenset[str],
    lost: float,
) -> str:
    if verdict is Origin.UNTOUCHED:
        return "Every tensor is the base's: nothing was trained."
    if verdict is Origin.OTHER:
        far = sum(t.base_cosine < 0.3 for t in tensors if t.name in matrices)
        return f"{far} of {len(matrices)} matrices are at right angles to the base's: it is another model."
    if verdict is Origin.INCONCLUSIVE and lost > _MOST_LOST:
        return f"{lost:.0%} of the base's values have no counterpart in the submission: hand in all tensors."
    if verdict is Origin.INCONCLUSIVE:
        furthest = min((t for t in tensors if t.name in matrices), key=lambda t: t.base_cosine)
        return (
            f"{furthest.name} has a cosine of only {furthest.base_cosine:.2f} with the base's: its origin is not clear."
        )
    if nearest is None:
        return "The weights come from the base. No sibling was given to compare with."
    span = f"{nearest.share:.2f} ({nearest.interval.low:.2f} to {nearest.interval.high:.2f})"
    if verdict is Origin.SIBLING:
        return f"The weights come from {nearest.name}: they hold its whole change, a share of {span}."
    if verdict is Origin.MERGE:
        where = f"in {nearest.layers_with_sibling} of {nearest.layers} layers"
        return f"The weights are a merge with {nearest.name}: they hold a share of {span} of its change, {where}."
    return (
        f"The weights come from the base: of {nearest.name} they hold a share of {span} in the quiet directions; "
        f"{nearest.least_visible:.2f} or more would have been seen."
    )
