"""What the numbers say: how a submission's change relates to a sibling's change, tensor by tensor.

With D = submission - base and S = sibling - base, a merge has D = share * S plus whatever training came after, in every
tensor and in every direction alike. Training the base on like data moves it along S too, but only in the few
directions that the data push; in the many quiet ones each run has noise of its own. So S is split by its singular
values, and the share is measured in each band: flat for a merge, falling for work of its own.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from assay.posttrain.provenance.reading import Floats, Shared, Slab, Weights, rounded, slabs

TILE = 384  # rows and columns of the pieces that are decomposed: larger ones tell no more and take far longer
BANDS = (0.0, 0.05, 0.15, 0.3, 0.5, 0.7, 1.0)  # of the singular directions, loudest first
_VALUES_PER_TILE = 1 << 22  # a tensor gets one tile for so many values,
_TILES = 8  # and at most so many
_CLOSELY = 1 << 18  # values of a chosen slab that are compared with what a merge would give
_FINE = 2.0**-20  # relative rounding that arithmetic in float32 may leave in a merge

Doubles = npt.NDArray[np.float64]


@dataclass
class Sums:
    """Running sums over one tensor, in float64: tens of millions of squares would lose digits in float32."""

    base: float = 0.0
    submission: float = 0.0
    both: float = 0.0  # base times submission
    moved: float = 0.0  # D times D
    sibling: float = 0.0  # S times S
    along: float = 0.0  # D times S
    differ: int = 0  # values where the sibling is not the base
    as_base: int = 0  # of these, where the submission is the base bit for bit
    as_sibling: int = 0  # or the sibling
    changed: int = 0  # values where the submission is not the base
    looked_at: int = 0  # of these, the ones in slabs that were looked at closely
    explained: int = 0  # and of those, where a merge of one share would give just this value
    plain: float = 0.0  # the share of that merge, weighted with how many were looked at
    band_along: Doubles = field(default_factory=lambda: np.zeros(len(BANDS) - 1))
    band_sibling: Doubles = field(default_factory=lambda: np.zeros(len(BANDS) - 1))
    band_moved: Doubles = field(default_factory=lambda: np.zeros(len(BANDS) - 1))
    directions: int = 0


def measure(
    base: Weights, submission: Weights, sibling: Weights | None, tensor: Shared, *, merge: float | None = None
) -> Sums:
    """All sums of one tensor, in one pass over the files.

    With `merge`, the sibling is replaced by base + merge * (sibling - base), rounded to the base's number type: what is
    left of so small a merge in a file. It is not a small S: only values that move by half a step are in it.
    """
    sums = Sums()
    checkpoints = (base, submission, sibling) if sibling is not None else (base, submission)
    wanted = min(_TILES, 1 + tensor.count // _VALUES_PER_TILE)
    total = -(-tensor.rows // tensor.slab_rows)
    chosen = {round(i * (total - 1) / max(1, wanted - 1)) for i in range(wanted)}
    for number, slab in enumerate(slabs(checkpoints, tensor)):
        b, w = slab.rows[0], slab.rows[1]
        if merge is not None:
            mixed = b + np.float32(merge) * (slab.rows[2] - b)
            slab = Slab(slab.start, (b, w, rounded(mixed, base.tensors[tensor.name].dtype)))
        change = w - b
        sums.base += _dot(b, b)
        sums.submission += _dot(w, w)
        sums.both += _dot(b, w)
        sums.moved += _dot(change, change)
        sums.changed += int(np.count_nonzero(change))
        if sibling is not None:
            _beside_sibling(sums, slab, change, decompose=number in chosen)
    return sums


def _beside_sibling(sums: Sums, slab: Slab, change: Floats, *, decompose: bool) -> None:
    base, submission, sibling = slab.rows
    apart = sibling - base
    sums.sibling += _dot(apart, apart)
    sums.along += _dot(change, apart)
    differ = apart != 0
    sums.differ += int(np.count_nonzero(differ))
    sums.as_base += int(np.count_nonzero(differ & (change == 0)))
    sums.as_sibling += int(np.count_nonzero(differ & (submission == sibling)))
    if decompose:
        few = max(1, _CLOSELY // change.shape[1])
        looked_at = int(np.count_nonzero(change[:few]))
        explained, share = _explained(base[:few], submission[:few], change[:few], apart[:few])
        sums.looked_at += looked_at
        sums.explained += explained
        sums.plain += share * looked_at
        for d, s in _tiles(change, apart):
            _split(sums, d, s)


def _explained(base: Floats, submission: Floats, change: Floats, apart: Floats) -> tuple[int, float]:
    """How many of the changed values are just what one share of S, rounded, would give; and that share.

    A merge that keeps only some of the changes counts with the part of S's energy that it keeps.
    """
    moved = change != 0
    d, s = change[moved].astype(np.float64), apart[moved].astype(np.float64)
    if not d.size or not s.any():
        return 0, 0.0
    step = _step(submission)
    mine = step[moved]
    clear = np.abs(d) >= 8 * mine  # where rounding hides little of the share
    if np.count_nonzero(clear) < 16:
        clear = np.abs(d) >= np.quantile(np.abs(d) / mine, 0.9) * mine
    ratio = float(np.median(d[clear] / np.where(s[clear] == 0, np.inf, s[clear])))
    room = 0.51 * mine + 2e-3 * np.abs(ratio * s) + _FINE * np.abs(base[moved])
    # A prediction of no change explains nothing: honest small steps would all fit it.
    fits = (np.abs(d - ratio * s) <= room) & (np.abs(ratio * s) >= 0.25 * mine)
    due = np.square(apart, dtype=np.float64) * (np.abs(ratio * apart) >= step)  # what a merge must have changed
    kept = float(due[moved].sum() / due.sum()) if due.any() else 1.0
    return int(np.count_nonzero(fits)), ratio * kept


def _step(values: Floats) -> Doubles:
    """The distance between neighbouring numbers of the coarsest type that `values` fit: bfloat16, float16, float32."""
    bits = values.view(np.uint32)
    if not (bits & 0xFFFF).any():
        kept = 7  # bits of a bfloat16's fraction
    elif not (bits & 0x1FFF).any():
        kept = 10
    else:
        kept = 23
    exponent = np.frexp(np.maximum(np.abs(values), np.finfo(np.float32).tiny))[1] - 1
    step: Doubles = np.ldexp(1.0, exponent - kept)
    return step


def _tiles(change: Floats, apart: Floats) -> Iterator[tuple[Floats, Floats]]:
    """One tile of the slab: its upper left corner. Matrices have no places that are better than others."""
    rows, columns = min(TILE, change.shape[0]), min(TILE, change.shape[1])
    if min(rows, columns) >= 8:
        yield change[:rows, :columns], apart[:rows, :columns]


def _split(sums: Sums, change: Floats, apart: Floats) -> None:
    """Add this tile's share of each band: what of S's i-th singular direction is in D, u_i' D v_i against s_i."""
    left, size, right = np.linalg.svd(apart, full_matrices=False)
    count = int(np.count_nonzero(size > size[0] * 1e-6)) if size[0] > 0 else 0
    along = np.einsum("ri,ri->i", left, change @ right.T).astype(np.float64)  # (directions,)
    size = size.astype(np.float64)
    edges = [round(edge * count) for edge in BANDS]
    for band, (low, high) in enumerate(itertools.pairwise(edges)):
        s, d = size[low:high], along[low:high]
        sums.band_along[band] += s @ d
        sums.band_sibling[band] += s @ s
        sums.band_moved[band] += d @ d
    sums.directions += count


def _dot(a: Floats, b: Floats) -> float:
    return float(np.einsum("ij,ij->", a, b, dtype=np.float64))
