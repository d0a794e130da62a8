"""How visible the borders between windows are: the seam index.

The mean jump between neighbouring pixels across borders, over the mean jump elsewhere. 1: borders cannot be told from
the rest. Borders are counted where one window takes over from the next and where a window begins and stops to count;
the worst of these three decides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from assay.canopy.mapping.lattice import Lattice


def jumps(heights: NDArray[np.floating], axis: int) -> NDArray[np.float64]:
    """The mean absolute difference across each border between neighbours along `axis`; NaN are left out."""
    difference = np.abs(np.diff(heights.astype(np.float64), axis=axis))
    return np.asarray(np.nanmean(difference, axis=1 - axis))


def worst_index(heights: NDArray[np.floating], lattice: Lattice) -> float:
    """The index of a map of the lattice's area, for the worst kind of border."""
    kinds = zip(lattice.y.borders(), lattice.x.borders(), strict=True)
    top, left = lattice.y.area.start, lattice.x.area.start
    return max(seam_index(heights, [r - top for r in rows], [c - left for c in columns]) for rows, columns in kinds)


def seam_index(heights: NDArray[np.floating], rows: Sequence[int], columns: Sequence[int]) -> float:
    """The index of `heights` (H, W) for borders before these rows and columns."""
    at: list[float] = []
    elsewhere: list[float] = []
    for axis, borders in ((0, rows), (1, columns)):
        found = jumps(heights, axis)
        chosen = np.zeros(len(found), bool)
        chosen[[b - 1 for b in borders if 0 < b <= len(found)]] = True
        at += list(found[chosen])
        elsewhere += list(found[~chosen])
    if not at or not elsewhere:
        return 1.0
    return float(np.nanmean(at) / np.nanmean(elsewhere))
