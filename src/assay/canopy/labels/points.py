"""Reading lidar returns: LAS, LAZ and COPC files, in metres, without noise, within limits.

Units come from the file's reference system; a file that does not say can be told. Coordinates stay in the units of the
reference system, heights become metres.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import laspy
import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BadInput, LimitExceeded
from assay.core.plain import one_line

Array = NDArray[np.float64]

MAX_POINTS = 100_000_000  # 3.5 GB in memory; cut larger files, or give bounds
_CHUNK = 2_000_000
GROUND, BUILDING = 2, 6  # classes of the ASPRS LAS 1.4 specification, table 9
# Low point, reserved, water is kept; rail, road surface kept; wires, towers, connectors, bridge deck, high noise.
DROPPED = (7, 13, 14, 15, 16, 17, 18)

Bounds = tuple[float, float, float, float]  # west, south, east, north


@dataclass(frozen=True, eq=False)
class Points:
    """Lidar returns. `x` and `y` in the units of `crs`, `z` in metres."""

    x: Array
    y: Array
    z: Array
    kind: NDArray[np.uint8]  # ASPRS class
    first: NDArray[np.bool_]  # first return of its pulse
    only: NDArray[np.bool_]  # the pulse's only return
    crs: str | None
    metres: float  # per horizontal unit

    def __len__(self) -> int:
        return len(self.x)

    def where(self, chosen: NDArray[np.bool_]) -> "Points":
        return replace(
            self,
            x=self.x[chosen],
            y=self.y[chosen],
            z=self.z[chosen],
            kind=self.kind[chosen],
            first=self.first[chosen],
            only=self.only[chosen],
        )


def read_points(path: Path, *, bounds: Bounds | None = None, unit_m: float | None = None) -> Points:
    """All returns of a file, or those inside `bounds`, without noise, wires and bridges.

    `unit_m` says how many metres one unit of the file is, for files without a reference system (0.3048: feet).
    """
    try:
        with laspy.open(path) as reader:
            header = reader.header
            if bounds is None and header.point_count > MAX_POINTS:
                raise LimitExceeded(
                    f"{path} has {header.point_count:,} returns: give bounds, or cut it to {MAX_POINTS:,}."
                )
            crs, across, up = _units(path, header, unit_m)
            chunks = [_chunk(chunk, bounds, up) for chunk in reader.chunk_iterator(_CHUNK)]
    except (laspy.errors.LaspyException, OSError, ValueError, RuntimeError) as error:
        raise BadInput(f"{path} cannot be read as LAS, LAZ or COPC: {one_line(str(error), 200)}.") from None
    if not sum(len(chunk[0]) for chunk in chunks):
        where = " inside the bounds" if bounds else ""
        raise BadInput(f"{path} has no return{where}.")
    x, y, z, kind, first, only = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    if not np.isfinite(np.stack([x, y, z])).all():
        raise BadInput(f"{path} has coordinates that are no numbers.")
    return Points(x, y, z, kind, first, only, crs, across)


def _chunk(chunk: laspy.ScaleAwarePointRecord, bounds: Bounds | None, up: float) -> tuple[NDArray[np.generic], ...]:
    x, y, z = (np.asarray(getattr(chunk, name), np.float64) for name in "xyz")
    kind = np.asarray(chunk.classification, np.uint8)
    number, count = np.asarray(chunk.return_number), np.asarray(chunk.number_of_returns)
    keep = ~np.isin(kind, DROPPED) & (np.asarray(chunk.withheld) == 0)
    if bounds is not None:
        west, south, east, north = bounds
        keep &= (x >= west) & (x < east) & (y >= south) & (y < north)
    # A file that numbers no returns counts as first returns throughout.
    parts = (x, y, z * up, kind, number <= 1, (number <= 1) & (count <= 1))
    return tuple(part[keep] for part in parts)


def _units(path: Path, header: laspy.LasHeader, unit_m: float | None) -> tuple[str | None, float, float]:
    """The reference system, metres per horizontal unit, and metres per vertical unit."""
    logging.getLogger("laspy").setLevel(logging.ERROR)  # it warns of every system that it cannot parse
    try:
        crs = header.parse_crs()
    except Exception as error:
        raise BadInput(f"{path} has a reference system that cannot be read: {one_line(str(error), 120)}.") from None
    if crs is None:
        return None, unit_m or 1.0, unit_m or 1.0
    if crs.is_geographic:
        raise BadInput(f"{path} is in degrees: project it first (`pdal translate … filters.reprojection`).")
    factors = [axis.unit_conversion_factor for axis in crs.axis_info]
    across = unit_m or float(factors[0] or 1.0)
    up = unit_m or (float(factors[2]) if len(factors) > 2 and factors[2] else across)
    authority = crs.to_authority() or (crs.sub_crs_list[0].to_authority() if crs.sub_crs_list else None)
    return (":".join(authority) if authority else crs.to_wkt()), across, up
