"""From evidence to a verdict: base, sibling, merge, other, untouched or inconclusive.

The thresholds were set on models made from SmolLM2-135M and on small models trained in the tests; docs/posttrain/
provenance.md has every figure and how far honest models stay away from each of them.
"""

import math
import statistics
from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from assay.core.verdict import Interval
from assay.posttrain.provenance.evidence import BANDS, Sums

# Relative distance below which nothing was learned: 1e-5 of a weight's size is a 400th of bfloat16's rounding step.
UNTOUCHED = 1e-5
# Cosine between a matrix and the base's: a fine-tune at a rate that ruins the model keeps 0.9, unrelated ones have 0.
RELATED, UNRELATED = 0.6, 0.3
LEAST_SHARE = 0.05  # half of the smallest merge that has to be found
# The share in the quiet directions over the share in the loudest: 1 for a merge, under 0.4 for work of one's own.
FLAT = 0.55
# The same of one layer alone. It has few quiet directions: two runs on the same texts with large batches reach 0.60.
FLAT_LAYER = 0.7
ALIKE = 0.01  # cosine of both changes in the quiet directions; int4 rounding of a merge of 0.3 leaves 0.02
CERTAIN = 8.0  # standard errors
EXPLAINED = 0.9  # of a tensor's changed values are the ones that a merge would give: under 0.5 for honest models
# Small merges, rounded to the file's type, that a submission is compared with when the sibling itself is not seen in
# it; how much of one has to be there; and how much can be: a merge leaves itself once, and training adds a little.
# Beside a sibling that is very near, what a merge leaves is a handful of values, and any training moves them further.
SMALL_MERGES = (0.1, 0.2, 0.05)
LEAST_OF_MERGE, MOST_OF_MERGE = 0.5, 2.0
ALIKE_MERGE = 0.1
WHOLE = 0.9  # share from which a model is called the sibling's fine-tune and no merge
_QUIET = slice(BANDS.index(0.5), None)
_LEAST_CHANGED = 256  # values of a tensor: fewer may be explained by chance


class Origin(StrEnum):
    BASE = "base"
    SIBLING = "sibling"
    MERGE = "merge"
    OTHER = "other"
    UNTOUCHED = "untouched"
    INCONCLUSIVE = "inconclusive"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TensorEvidence(_Model):
    """One tensor. What needs a sibling, or matrices, is null without."""

    name: str
    values: int
    moved: float = Field(description="distance to the base, relative to the base's size")
    base_cosine: float = Field(description="between the tensor and the base's")
    share: float | None = Field(default=None, description="of the sibling's change, over all directions")
    quiet_share: float | None = Field(default=None, description="the same, in the quieter half of its directions")
    explained: float | None = Field(default=None, description="of the changed values, those a merge would give")
    as_base: float | None = Field(default=None, description="of values that differ in base and sibling: the base's")
    as_sibling: float | None = Field(default=None, description="of values that differ: the sibling's")


class SiblingEvidence(_Model):
    """The submission beside one sibling."""

    name: str
    origin: Origin
    share: float = Field(description="estimated share of the sibling in the submission")
    interval: Interval
    flatness: float = Field(description="share in the quiet directions over the largest share of any band")
    alike: float = Field(description="cosine of both changes, as far as the quiet directions explain it")
    bands: tuple[float, ...] = Field(description="median share per band of singular directions, loudest first")
    explained: float
    as_base: float
    as_sibling: float
    layers_with_sibling: int
    layers: int
    sibling_moved: float = Field(description="distance of the sibling to the base, relative")
    least_visible: float = Field(description="the smallest share that would have been seen after so much training")
    rounded_merge: float | None = Field(
        default=None, description="share of the small rounded merge beside which the rest was measured"
    )


def related(evidence: Sequence[TensorEvidence], matrices: frozenset[str]) -> Origin:
    """Whether the submission comes from the base's family at all: base, other, untouched or inconclusive."""
    if max(tensor.moved for tensor in evidence) <= UNTOUCHED:
        return Origin.UNTOUCHED
    cosines = [tensor.base_cosine for tensor in evidence if tensor.name in matrices]
    if sum(cosine < UNRELATED for cosine in cosines) * 2 > len(cosines):
        return Origin.OTHER
    return Origin.INCONCLUSIVE if min(cosines, default=1.0) < RELATED else Origin.BASE


def tensor_evidence(name: str, values: int, sums: Sums) -> TensorEvidence:
    size = math.sqrt(sums.base * sums.submission)
    return TensorEvidence(
        name=name,
        values=values,
        moved=math.sqrt(sums.moved / sums.base) if sums.base else float(sums.moved > 0),
        base_cosine=sums.both / size if size else float(sums.base == sums.submission),
        share=sums.along / sums.sibling if sums.sibling else None,
        quiet_share=_quiet(sums)[0] if sums.directions else None,
        explained=sums.explained / sums.looked_at if sums.sibling and sums.looked_at else None,
        as_base=sums.as_base / sums.differ if sums.differ else None,
        as_sibling=sums.as_sibling / sums.differ if sums.differ else None,
    )


def beside(name: str, tensors: dict[str, Sums]) -> SiblingEvidence:
    """What `tensors`, measured with this sibling, say together."""
    total = _add(list(tensors.values()))
    split = [sums for sums in tensors.values() if sums.directions and _quiet(sums)[1] > 0]
    bands = np.median([_shares(sums) for sums in split], axis=0) if split else np.zeros(len(BANDS) - 1)
    layers = _by_layer(tensors)
    holding = [layer for layer, parts in layers.items() if _holds(parts)]
    clean = [layer for layer, parts in layers.items() if _clean(parts)]
    everywhere = bool(split) and _flat(bands, total, _quiet(_add(split)), FLAT)
    concerned = tensors
    if not everywhere and (holding or clean):  # a merge of some layers: the share that these have
        concerned = {n: s for n, s in tensors.items() if _layer(n) in {*holding, *clean}}
    share, interval = _share(concerned, clean=bool(clean))
    few = max(2, math.ceil(len(layers) / 10))
    derived = everywhere or bool(clean) or len(holding) >= few
    whole = share >= WHOLE and not (clean and share < 1 - 0.02) and (everywhere or len(holding) * 10 >= 9 * len(layers))
    copy = total.differ > 0 and total.as_sibling >= 0.999 * total.differ
    quiet_cosine = share * math.sqrt(total.sibling / total.moved) if total.moved else 0.0
    return SiblingEvidence(
        name=name,
        origin=(Origin.SIBLING if whole or copy else Origin.MERGE) if derived or copy else Origin.BASE,
        share=share,
        interval=interval,
        flatness=_flatness(bands),
        alike=max(-1.0, min(1.0, quiet_cosine)),
        bands=tuple(round(float(band), 6) for band in bands),
        explained=total.explained / total.looked_at if total.looked_at else 0.0,
        as_base=total.as_base / total.differ if total.differ else 0.0,
        as_sibling=total.as_sibling / total.differ if total.differ else 0.0,
        layers_with_sibling=len({*holding, *clean}),
        layers=len(layers),
        sibling_moved=math.sqrt(total.sibling / total.base) if total.base else 0.0,
        least_visible=max(LEAST_SHARE, ALIKE * math.sqrt(total.moved / total.sibling)) if total.sibling else 1.0,
    )


def beside_merge(name: str, merge: float, tensors: dict[str, Sums]) -> SiblingEvidence | None:
    """The same beside a small rounded merge with the sibling; None if it is not in the submission.

    After rounding, only a few values of a small merge are moved, by a whole step each. Beside S they look like little
    of it, which honest training drowns; beside what such a merge leaves, they are all of it.
    """
    found = beside(name, tensors)
    there = LEAST_OF_MERGE <= found.share <= MOST_OF_MERGE and found.alike >= ALIKE_MERGE
    if found.origin is Origin.BASE or not there:
        return None
    span = Interval(low=found.interval.low * merge, high=found.interval.high * merge, method=found.interval.method)
    seen = {"share": found.share * merge, "interval": span, "least_visible": found.least_visible * merge}
    return found.model_copy(update={**seen, "origin": Origin.MERGE, "rounded_merge": merge})


def _flat(bands: np.ndarray, total: Sums, quiet: tuple[float, float, float], least: float) -> bool:
    """A share that is large enough, the same in all bands, and no chance."""
    share, _, error = quiet
    alike = abs(share) * math.sqrt(total.sibling / total.moved) if total.moved else 0.0
    large = abs(share) >= LEAST_SHARE and alike >= ALIKE and abs(share) >= CERTAIN * error
    return large and _flatness(bands) >= least


def _flatness(bands: np.ndarray) -> float:
    """The least of the quiet bands over the largest of all: below zero if they do not even agree in sign."""
    top = bands[int(np.argmax(np.abs(bands)))]
    return float((bands[_QUIET] / top).min()) if top else 0.0


def _holds(parts: Sequence[Sums]) -> bool:
    split = [sums for sums in parts if sums.directions and _quiet(sums)[1] > 0]
    if not split:
        return False
    together = _add(split)
    return _flat(_shares(together), together, _quiet(together), FLAT_LAYER)


def _clean(parts: Sequence[Sums]) -> bool:
    """Merged and left as it was: nearly every changed value is just what the merge gives."""
    changed = sum(sums.looked_at for sums in parts)
    return changed >= _LEAST_CHANGED and sum(sums.explained for sums in parts) >= EXPLAINED * changed


def _share(tensors: dict[str, Sums], *, clean: bool) -> tuple[float, Interval]:
    """The median share over tensors, from rounded values if the merge is plain, else from the quiet directions."""
    split = [sums for sums in tensors.values() if sums.directions and _quiet(sums)[1] > 0]
    if clean:
        found = sorted(s.plain / s.looked_at for s in tensors.values() if s.explained >= EXPLAINED * s.looked_at > 0)
    elif not split:
        found = sorted(s.along / s.sibling for s in tensors.values() if s.sibling)
    else:
        found = sorted(_quiet(sums)[0] for sums in split)
    if not found:
        return 0.0, Interval(low=0.0, high=0.0, method="none: no tensor of the sibling differs from the base's")
    half = 0.98 * math.sqrt(len(found))  # 1.96 standard deviations of a count with chance one half
    low = found[max(0, math.floor(len(found) / 2 - half))]
    high = found[min(len(found) - 1, math.ceil(len(found) / 2 + half) - 1)]
    middle = statistics.median(found)
    method = f"order statistics of the median over {len(found)} tensors"
    return middle, Interval(low=min(low, middle), high=max(high, middle), method=method)


def _shares(sums: Sums) -> np.ndarray:
    return sums.band_along / np.maximum(sums.band_sibling, 1e-300)


def _quiet(sums: Sums) -> tuple[float, float, float]:
    """Share, energy of the sibling, and the share's standard error, in the quiet half of the directions."""
    along = float(sums.band_along[_QUIET].sum())
    energy = float(sums.band_sibling[_QUIET].sum())
    if not energy:
        return 0.0, 0.0, math.inf
    share = along / energy
    left = max(0.0, float(sums.band_moved[_QUIET].sum()) - share * along)
    count = max(1, sums.directions // 2)
    return share, energy, math.sqrt(left / count / energy)


def _by_layer(tensors: dict[str, Sums]) -> dict[str, list[Sums]]:
    """Tensors of one layer together; what is in no layer stands alone."""
    found: dict[str, list[Sums]] = {}
    for name, sums in tensors.items():
        found.setdefault(_layer(name), []).append(sums)
    return found


def _layer(name: str) -> str:
    return next((part for part in name.split(".") if part.isdigit()), name)


def _add(parts: Sequence[Sums]) -> Sums:
    total = Sums()
    for sums in parts:
        for name, value in vars(sums).items():
            setattr(total, name, getattr(total, name) + value)
    return total
