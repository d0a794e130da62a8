"""A canopy height model from points: ground, heights of first returns above it, a surface without pits, no roofs."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from assay.canopy.labels import buildings
from assay.canopy.labels.canopy_surface import not_isolated, pit_free
from assay.canopy.labels.ground import find_ground
from assay.canopy.labels.points import BUILDING, Bounds, Points, read_points
from assay.canopy.tiles import MAX_PIXELS, NODATA, Heights, Mask, plausible
from assay.core.errors import BadInput, LimitExceeded

_DENSE = 0.5  # returns per square metre: fewer cannot show crowns
_COARSE = 3  # pixels narrower than the returns are apart by this factor make a picture of triangles


@dataclass(frozen=True, eq=False)
class Chm:
    """Canopy height on a grid, north up, and how it was made."""

    height: Heights  # (H, W) metres; NaN: not known; 0 on roofs
    buildings: Mask  # (H, W)
    transform: Affine
    crs: str | None
    gsd_m: float
    density: float  # first returns per square metre of the part that has returns
    ground: str  # class or filter
    roofs: str  # class, footprints, shape or none
    notes: tuple[str, ...]

    def write(self, path: Path) -> None:
        """A GeoTIFF, float32 metres with nodata -9999."""
        profile = {
            "driver": "GTiff",
            "count": 1,
            "height": self.height.shape[0],
            "width": self.height.shape[1],
            "dtype": "float32",
            "crs": self.crs,
            "transform": self.transform,
            "nodata": NODATA,
            "compress": "deflate",
            "predictor": 3,
        }
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(np.where(np.isfinite(self.height), self.height, NODATA).astype(np.float32), 1)
            dataset.update_tags(
                1, unit="m", ground=self.ground, buildings=self.roofs, density=f"{self.density:.2f}", method="pit-free"
            )


def chm_from_points(
    path: Path,
    gsd: float,
    *,
    bounds: Bounds | None = None,
    unit_m: float | None = None,
    footprints: Path | None = None,
    find_roofs: bool = True,
) -> Chm:
    """The canopy over a LAS, LAZ or COPC file, in pixels of `gsd` metres.

    `bounds` (west, south, east, north in the file's units) sets the grid and leaves out the rest; otherwise the grid
    covers all returns, its corner at a multiple of the pixel. Roofs come from `footprints` (GeoJSON), or from class 6,
    or, with `find_roofs`, from their shape; they get height 0, as CHMv2's labels do.
    """
    if not 0.1 <= gsd <= 100:
        raise BadInput(f"Pixels of {gsd:g} m: give a size from 0.1 to 100 m.")
    points = read_points(path, bounds=bounds, unit_m=unit_m)
    west, north, rows, columns = _grid(path, points, gsd, bounds)
    x, y = (points.x - west) * points.metres, (north - points.y) * points.metres  # metres east and south of the corner
    ground = find_ground(points, x, y)
    height = points.z - ground.at(x, y)
    keep = points.first & (height > -5) & not_isolated(x, y, height)
    if not keep.any():
        raise BadInput(f"{path} has no usable first return.")
    density = _density(x[keep], y[keep])
    surface = pit_free(x[keep], y[keep], height[keep], rows, columns, gsd, 1 / math.sqrt(density))
    transform = Affine(gsd / points.metres, 0, west, 0, -gsd / points.metres, north)
    roofs, roof_source = _roofs(points, x, y, height, (rows, columns, gsd), transform, footprints, find_roofs)
    found = plausible(surface.astype(np.float32))
    found[roofs & np.isfinite(found)] = 0
    return Chm(
        height=found,
        buildings=roofs,
        transform=transform,
        crs=points.crs,
        gsd_m=gsd,
        density=density,
        ground=ground.source,
        roofs=roof_source,
        notes=tuple(_notes(points, density, gsd, ground.source, roof_source, unit_m)),
    )


def _grid(path: Path, points: Points, gsd: float, bounds: Bounds | None) -> tuple[float, float, int, int]:
    """West, north, rows and columns."""
    step = gsd / points.metres
    if bounds is None:
        west, south = (math.floor(values.min() / step) * step for values in (points.x, points.y))
        east, north = (math.floor(values.max() / step + 1) * step for values in (points.x, points.y))
    else:
        west, south, east, north = bounds
        if east <= west or north <= south:
            raise BadInput("Bounds are west, south, east, north: east of west and north of south.")
    rows, columns = round((north - south) / step), round((east - west) / step)
    if rows < 1 or columns < 1:
        raise BadInput(f"{path} covers less than a pixel of {gsd:g} m.")
    if rows * columns > MAX_PIXELS:
        raise LimitExceeded(f"{path} would make {columns} x {rows} pixels: use larger pixels, or give bounds.")
    return west, north, rows, columns


def _density(x: np.typing.NDArray[np.float64], y: np.typing.NDArray[np.float64]) -> float:
    """First returns per square metre, over the squares of 5 m that have any."""
    cells = np.unique(np.stack([x // 5, y // 5], axis=1), axis=0)
    return max(len(x) / (25 * len(cells)), 1e-3)


def _roofs(
    points: Points,
    x: np.typing.NDArray[np.float64],
    y: np.typing.NDArray[np.float64],
    height: np.typing.NDArray[np.float64],
    grid: tuple[int, int, float],
    transform: Affine,
    footprints: Path | None,
    find_roofs: bool,
) -> tuple[Mask, str]:
    rows, columns, gsd = grid
    if footprints is not None:
        return buildings.from_footprints(footprints, transform, rows, columns), "footprints"
    if (points.kind == BUILDING).any():
        return buildings.from_class(x, y, points.kind, rows, columns, gsd), "class"
    if find_roofs:
        return buildings.from_shape(x, y, height, points.only, rows, columns, gsd), "shape"
    return np.zeros((rows, columns), bool), "none"


def _notes(points: Points, density: float, gsd: float, ground: str, roofs: str, unit_m: float | None) -> list[str]:
    """What a person should know of this height model before training on it."""
    found = []
    if points.crs is None:
        found.append(f"The file names no reference system: units were taken as {unit_m or 1.0:g} m.")
    if ground == "filter":
        found.append("Too few returns are classified as ground: it was found by a filter.")
    if roofs == "shape":
        found.append("No return is classified as a building: roofs were found by their shape, small ones are missed.")
    if density < _DENSE:
        found.append(f"{density:.2g} first returns per square metre are too few to show crowns.")
    if gsd * _COARSE < 1 / math.sqrt(density):
        found.append(f"Pixels of {gsd:g} m are much finer than the returns: most heights are interpolated.")
    return found
