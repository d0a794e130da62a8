"""The ground under the trees: from classified returns, or found by opening the lowest surface with growing windows.

The filter follows the simple morphological filter of Pingel et al. 2013 (SMRF): what an opening removes and is steeper
than the ground may be is no ground; what lies near the surface of the rest is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from assay.canopy.labels.points import GROUND, Points
from assay.core.errors import BadInput

Array = NDArray[np.float64]

CELL = 1.0  # metres, of the lowest surface
WINDOW = 20.0  # metres: the half width of the largest object that is no ground
SLOPE = 0.2  # metres per metre that the ground may rise within a window
NEAR = 0.5  # metres between a ground return and the surface
_FOOT = 1  # cells around an object that are no ground either
_STEEPER = 1.25  # metres of tolerance added per metre per metre of slope
_SPREAD = 20.0  # metres: classified ground must be present in cells of this size ...
_SHARE = 0.5  # ... for at least this share of those that have returns


@dataclass(frozen=True, eq=False)
class Ground:
    """Ground returns as a surface. `source` says where they came from: class or filter."""

    x: Array  # metres from the corner
    y: Array
    z: Array
    source: str

    def at(self, x: Array, y: Array) -> Array:
        """Elevation of the ground at points, linear between ground returns and the nearest one outside them."""
        here = np.stack([x, y], axis=-1)
        points = np.stack([self.x, self.y], axis=-1)
        nearest = NearestNDInterpolator(points, self.z)
        if len(self.z) < 4:
            flat: Array = nearest(here)
            return flat
        found: Array = LinearNDInterpolator(points, self.z)(here)
        outside = ~np.isfinite(found)
        found[outside] = nearest(here[outside])
        return found


def find_ground(points: Points, x: Array, y: Array) -> Ground:
    """Ground returns of `points`, whose metres from the corner are `x` and `y`."""
    classified = points.kind == GROUND
    if _spread(x, y, classified):
        chosen, source = classified, "class"
    else:
        chosen, source = filtered(x, y, points.z), "filter"
    if not chosen.any():
        raise BadInput("No return can be taken for ground: the cloud is too small or has no low points.")
    return _thinned(x[chosen], y[chosen], points.z[chosen], source)


def _spread(x: Array, y: Array, classified: NDArray[np.bool_]) -> bool:
    cells = (x // _SPREAD).astype(int) * 1_000_003 + (y // _SPREAD).astype(int)
    occupied, covered = len(np.unique(cells)), len(np.unique(cells[classified]))
    return covered >= _SHARE * occupied


def _thinned(x: Array, y: Array, z: Array, source: str) -> Ground:
    """One ground return per metre: their means, so that noise evens out and a dense cloud stays quick."""
    cells = np.stack([np.floor(x), np.floor(y)], axis=1).astype(np.int64)
    _, which = np.unique(cells, axis=0, return_inverse=True)
    which = which.ravel()
    count = np.bincount(which)
    x, y, z = (np.bincount(which, weights=values) / count for values in (x, y, z))
    return Ground(x, y, z, source)


def filtered(x: Array, y: Array, z: Array) -> NDArray[np.bool_]:
    """Which returns are ground, from their geometry alone."""
    surface, known = _lowest(x, y, z)
    surface, low = _without_pits(surface)
    objects = low.copy()
    reach = round(WINDOW / CELL)
    before = surface
    for radius in range(1, reach + 1):
        opened = _opened(before, radius)
        objects |= before - opened > SLOPE * radius * CELL
        before = opened
    # What lies at an object's foot is too low to be noticed, and would lift the ground.
    objects = ndimage.binary_dilation(objects, iterations=_FOOT)
    bare = np.where(objects | ~known, np.nan, surface)
    ground = _interpolated(bare)
    steep = np.hypot(*np.gradient(ground, CELL))
    rows, columns = (y / CELL).astype(int), (x / CELL).astype(int)
    height = z - ndimage.map_coordinates(ground, [y / CELL - 0.5, x / CELL - 0.5], order=1, mode="nearest")
    near: NDArray[np.bool_] = np.abs(height) <= NEAR + _STEEPER * np.minimum(steep[rows, columns], 1)
    return near


def _lowest(x: Array, y: Array, z: Array) -> tuple[Array, NDArray[np.bool_]]:
    """The lowest return per cell (rows count up with y), empty cells filled, and which had one."""
    rows, columns = (y / CELL).astype(int), (x / CELL).astype(int)
    surface = np.full((int(rows.max()) + 1, int(columns.max()) + 1), np.inf)
    np.minimum.at(surface, (rows, columns), z)
    known = np.isfinite(surface)
    return _interpolated(np.where(known, surface, np.nan)), known


def _without_pits(surface: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Returns far below all their neighbours (multipath) must not pull the ground down."""
    closed = -_opened(-surface, 1)
    low = closed - surface > 5 * CELL
    return np.where(low, closed, surface), low


def _opened(surface: Array, radius: int) -> Array:
    """A morphological opening with a disc, edges mirrored so that they count as ground."""
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disc = rows**2 + columns**2 <= radius**2
    if radius > 4:  # a square by parts is much quicker, and hardly another thing at this size
        size = 2 * radius + 1
        found: Array = ndimage.grey_opening(surface, size=(size, size), mode="nearest")
        return found
    return np.asarray(ndimage.grey_opening(surface, footprint=disc, mode="nearest"))


def _interpolated(surface: Array) -> Array:
    """Unknown cells by straight lines between known ones, the nearest outside."""
    known = np.isfinite(surface)
    if known.all():
        return surface
    rows, columns = np.nonzero(known)
    if len(rows) == 0:
        raise BadInput("No return can be taken for ground: every low one looks like an object.")
    ground = Ground(columns.astype(float), rows.astype(float), surface[known], "")
    missing_rows, missing_columns = np.nonzero(~known)
    found = surface.copy()
    found[~known] = ground.at(missing_columns.astype(float), missing_rows.astype(float))
    return found
