"""The top of the canopy without pits: triangles over first returns, for several heights, the highest of all.

A beam that slips through a crown leaves a pit in the surface of first returns. Surfaces made only of the returns above
5, 10, 15 m and so on, from triangles with short edges, cover these pits (Khosravipour et al. 2014).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError, cKDTree

Array = NDArray[np.float64]

_LEVELS = (2.0, *np.arange(5.0, 100.0, 5.0))  # metres above ground
_FEW = 4  # returns: fewer make no surface
ISOLATED = 6.0  # metres: a high return without two others within this distance is a bird or noise


def pit_free(x: Array, y: Array, height: Array, rows: int, columns: int, gsd: float, spacing: float) -> Array:
    """Heights (rows, columns) of the canopy over `x`, `y` in metres from the north-west corner, y to the south.

    NaN where the next return is too far away to know: over water, at the edge, in shadow.
    """
    x, y, height = _highest_only(x, y, np.maximum(height, 0), gsd / 2)
    grid_y, grid_x = np.mgrid[0:rows, 0:columns]
    places = np.stack([(grid_x.ravel() + 0.5) * gsd, (grid_y.ravel() + 0.5) * gsd], axis=1)
    found = _surface(x, y, height, places, np.inf)
    longest = float(np.clip(3 * spacing, max(1.0, 2 * gsd), 4.0))
    for level in _LEVELS:
        above = height >= level
        if above.sum() < _FEW:
            break
        layer = _surface(x[above], y[above], height[above], places, longest)
        found = np.fmax(found, layer)
    away = cKDTree(np.stack([x, y], axis=1)).query(places, distance_upper_bound=hole_metres(spacing, gsd))[0]
    found[~np.isfinite(away)] = np.nan
    return found.reshape(rows, columns)


def hole_metres(spacing: float, gsd: float) -> float:
    """Farther than this from any return nothing is known."""
    return max(2.0, 3 * spacing, 1.5 * gsd)


def not_isolated(x: Array, y: Array, height: Array) -> NDArray[np.bool_]:
    """Returns above 5 m that have others near them, and all lower ones."""
    keep = np.ones(len(x), bool)
    high = np.flatnonzero(height > 5)
    if len(high) and len(x) > 2:
        points = np.stack([x, y, height], axis=1)
        third = cKDTree(points).query(points[high], k=3, distance_upper_bound=ISOLATED)[0][:, 2]
        keep[high[~np.isfinite(third)]] = False
    return keep


def _surface(x: Array, y: Array, height: Array, places: Array, longest: float) -> Array:
    """Heights at `places` (N, 2) on triangles whose edges are at most `longest` metres; NaN elsewhere."""
    found = np.full(len(places), np.nan)
    if len(x) < _FEW:
        return found
    try:
        mesh = Delaunay(np.stack([x, y], axis=1))
    except QhullError:  # all returns on one line
        return found
    corners = mesh.points[mesh.simplices]  # (T, 3, 2)
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    which = mesh.find_simplex(places)
    inside = which >= 0
    inside[inside] = edges[which[inside]] <= longest
    chosen = which[inside]
    affine = mesh.transform[chosen]  # (N, 3, 2)
    two = np.einsum("nij,nj->ni", affine[:, :2], places[inside] - affine[:, 2])
    shares = np.concatenate([two, 1 - two.sum(axis=1, keepdims=True)], axis=1)
    found[inside] = (height[mesh.simplices[chosen]] * shares).sum(axis=1)
    return found


def _highest_only(x: Array, y: Array, height: Array, cell: float) -> tuple[Array, Array, Array]:
    """The highest return of each cell of half a pixel: the others add triangles and no knowledge of the top."""
    columns, rows = np.floor(x / cell).astype(np.int64), np.floor(y / cell).astype(np.int64)
    key = rows * (int(columns.max()) + 2) + columns
    order = np.lexsort((-height, key))
    _, start = np.unique(key[order], return_index=True)
    chosen = order[start]
    return x[chosen], y[chosen], height[chosen]
