"""Roofs are not canopy: where they are, from classified returns, from footprints, or from how flat and closed they are.

A roof is smooth and sends one return back; a crown is rough and sends several. That finds houses and misses sheds;
footprints are better where they exist.
"""

import json
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio import features
from scipy import ndimage

from assay.canopy.labels.points import BUILDING
from assay.core.errors import BadInput, LimitExceeded

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAX_FOOTPRINTS = 256 << 20  # bytes
_CELL = 1.0  # metres, or so large that a cell has about four returns
_LOWEST = 2.0  # metres: lower roofs are not looked for
_ROUGH = 0.25  # metres: how far a roof's returns lie from a plane, root mean square over 3 x 3 cells
_SINGLE = 0.9  # share of returns that are their pulse's only one
_AREA = 25.0  # square metres


def from_class(x: Array, y: Array, kind: NDArray[np.uint8], rows: int, columns: int, gsd: float) -> Mask:
    """Pixels with returns of class building, closed over gaps of a metre."""
    chosen = kind == BUILDING
    found = np.zeros((rows, columns), bool)
    found[_pixels(y[chosen], gsd, rows), _pixels(x[chosen], gsd, columns)] = True
    size = max(1, round(1.5 / gsd))
    closed: Mask = ndimage.binary_closing(found, iterations=size) | found
    return closed


def from_shape(x: Array, y: Array, height: Array, only: Mask, rows: int, columns: int, gsd: float) -> Mask:
    """Pixels that look like roofs: high, smooth, closed to the beam, and large enough."""
    cell = max(_CELL, 2 * float(np.sqrt(rows * columns / max(len(x), 1))) * gsd)
    shape = (_cells(rows, gsd, cell), _cells(columns, gsd, cell))
    down, across = _pixels(y, cell, shape[0]), _pixels(x, cell, shape[1])
    count = _sum(down, across, np.ones_like(height), shape)
    mean = _sum(down, across, height, shape) / np.maximum(count, 1)
    single = _sum(down, across, only.astype(float), shape) / np.maximum(count, 1)
    high = (count > 0) & (mean > _LOWEST) & (single >= _SINGLE)
    roof = high & (_off_plane(mean, count > 0) < _ROUGH)
    roof = ndimage.binary_opening(ndimage.binary_closing(roof), iterations=1)
    names, number = ndimage.label(roof)
    sizes = ndimage.sum_labels(roof, names, np.arange(number + 1))
    roof = (sizes >= _AREA / cell**2)[names] & roof
    roof = ndimage.binary_dilation(roof, iterations=1) & (mean > _LOWEST / 2)  # eaves
    grid = np.ix_(_cell_of(rows, gsd, cell, shape[0]), _cell_of(columns, gsd, cell, shape[1]))
    found: Mask = roof[grid]
    return found


def from_footprints(path: Path, transform: Affine, rows: int, columns: int) -> Mask:
    """Pixels inside the polygons of a GeoJSON file, whose coordinates must be those of the raster."""
    try:
        if path.stat().st_size > MAX_FOOTPRINTS:
            raise LimitExceeded(f"{path} is larger than {MAX_FOOTPRINTS >> 20} MiB: cut it to the place.")
        document = json.loads(path.read_bytes())
        shapes = [feature["geometry"] for feature in document["features"] if feature["geometry"]]
        if not shapes:
            return np.zeros((rows, columns), bool)
        found: Mask = features.geometry_mask(shapes, (rows, columns), transform, all_touched=True, invert=True)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput(f"{path} is no GeoJSON collection of polygons.") from None
    return found


def _off_plane(mean: Array, known: Mask) -> Array:
    """How far cells lie from the plane through their 3 x 3 neighbourhood: root mean square; infinite where unknown."""
    whole = ndimage.uniform_filter(known.astype(float), 3, mode="constant") > 0.99
    values = np.where(known, mean, 0.0)
    average = ndimage.uniform_filter(values, 3)
    square = ndimage.uniform_filter(values**2, 3)
    slopes = [
        ndimage.correlate1d(ndimage.uniform_filter1d(values, 3, axis=1 - a), [-0.5, 0, 0.5], axis=a) for a in (0, 1)
    ]
    # The variance that a plane explains: slope² times the variance of -1, 0, 1.
    rest = square - average**2 - (slopes[0] ** 2 + slopes[1] ** 2) * 2 / 3
    return np.where(whole, np.sqrt(np.maximum(rest, 0)), np.inf)


def _sum(rows: NDArray[np.int64], columns: NDArray[np.int64], weights: Array, shape: tuple[int, int]) -> Array:
    flat = np.bincount(rows * shape[1] + columns, weights=weights, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.float64)


def _pixels(metres: Array, size: float, count: int) -> NDArray[np.int64]:
    return np.clip((metres / size).astype(np.int64), 0, count - 1)


def _cells(pixels: int, gsd: float, cell: float) -> int:
    return max(1, int(np.ceil(pixels * gsd / cell)))


def _cell_of(pixels: int, gsd: float, cell: float, cells: int) -> NDArray[np.int64]:
    return np.clip(((np.arange(pixels) + 0.5) * gsd / cell).astype(np.int64), 0, cells - 1)
