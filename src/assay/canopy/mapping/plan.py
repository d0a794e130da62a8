"""What a map will be, decided before anything is computed: the lattice over each imagery, its sheets, what is said of
it.

The plan is written beside the map. A run that goes on with an unfinished map has to have the same plan.
"""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from rasterio.warp import transform_bounds

from assay.canopy.mapping.imagery import Grid, Imagery
from assay.canopy.mapping.lattice import Axis, Box, Lattice, Span, Tiling
from assay.canopy.mapping.predictor import Card
from assay.core.errors import BadInput
from assay.core.plain import one_line

_STEPS = 16  # to the factor two: scales between imagery and model are one of these, so that neighbours have the same
_FINEST, _COARSEST = 8.0, 1 / 3  # native pixels per model pixel
_UNEVEN = 1.05  # the ground a pixel covers may differ by this across a map before it is said
SHEET = 32768  # native pixels along a side of the largest file: Meta's product has as many
_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Sheet:
    """A part of a map that becomes one Item: `box` in native pixels."""

    name: str
    box: Box


@dataclass(frozen=True)
class Layout:
    """One imagery's map."""

    name: str
    imagery: Imagery
    lattice: Lattice
    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def area(self) -> Box:
        return Box(self.lattice.y.area, self.lattice.x.area)

    def grid(self, sheet: Sheet) -> Grid:
        return self.imagery.grid.part(sheet.box)

    def to_json(self) -> dict[str, Any]:
        """What makes this map this map: if any of it differs, pieces of an unfinished one cannot be used."""
        grid = self.imagery.grid
        first = self.imagery.scenes[0]
        return {
            "name": self.name,
            "crs": grid.crs.to_string(),
            "transform": [float(v) for v in tuple(grid.transform)[:6]],
            "data": _box(grid.box),
            "area": _box(self.area),
            "native_per_model_pixel": [self.lattice.y.ratio, self.lattice.x.ratio],
            "scenes": [
                {
                    "location": scene.location,
                    "bands": list(scene.bands),
                    "type": scene.dtype,
                    "black": scene.low,
                    "white": scene.high,
                    "range_from": scene.range_from,
                    "taken": scene.taken,
                    "taken_from": scene.taken_from,
                    "derived_from": scene.derived_from,
                }
                for scene in self.imagery.scenes
            ],
            "taken": first.taken,
            "sheets": [sheet.name for sheet in self.sheets],
            "notes": list(self.notes),
        }


def _box(box: Box) -> dict[str, list[int]]:
    return {"rows": [box.rows.start, box.rows.stop], "columns": [box.columns.start, box.columns.stop]}


def lay_out(
    imageries: Sequence[Imagery],
    card: Card,
    *,
    tiling: Tiling | None = None,
    bounds: tuple[float, float, float, float] | None = None,
    name: str | None = None,
    sheet: int = SHEET,
) -> list[Layout]:
    """Plan a map of each imagery. `bounds` (west, south, east, north in degrees) asks for a part of it."""
    if sheet < 1:
        raise BadInput("A sheet has at least one pixel.")
    found: list[Layout] = []
    taken: set[str] = set()
    for imagery in imageries:
        area = imagery.grid.box if bounds is None else _part(imagery.grid, bounds)
        if not area.size:
            continue
        called = _unique(name or _stem(imagery), taken)
        found.append(_layout(imagery, card, area, tiling or Tiling.of(card.multiple), called, sheet))
    if not found:
        raise BadInput(
            "The bounds have no pixel in common with the imagery: they are west, south, east, north in degrees."
        )
    return found


def _stem(imagery: Imagery) -> str:
    return PurePosixPath(imagery.scenes[0].location.split("?")[0]).stem


def _unique(name: str, taken: set[str]) -> str:
    base = _NAME.sub("-", name).strip("-")[:80] or "map"
    called, number = base, 2
    while called.lower() in taken or called.lower() in ("map", "collection"):
        called, number = f"{base}-{number}", number + 1
    taken.add(called.lower())
    return called


def _layout(imagery: Imagery, card: Card, area: Box, tiling: Tiling, name: str, sheet: int) -> Layout:
    grid = imagery.grid
    down, across = grid.ground_m
    shown = one_line(imagery.scenes[0].location, 200)
    ratios = (_ratio(card.gsd_m / down, down, card, shown), _ratio(card.gsd_m / across, across, card, shown))
    lattice = Lattice(
        Axis(grid.rows, area.rows, ratios[0], tiling), Axis(grid.columns, area.columns, ratios[1], tiling)
    )
    return Layout(name, imagery, lattice, _sheets(name, area, sheet), tuple(_notes(grid, card, ratios)))


def _ratio(exact: float, ground: float, card: Card, shown: str) -> float:
    """Native pixels per model pixel, from a fixed series; 1 if the imagery is near the model's own resolution."""
    if not _COARSEST <= exact <= _FINEST:
        what = "coarse" if exact < 1 else "fine"
        raise BadInput(
            f"{shown} has pixels of {ground:.3g} m: too {what} for the model {card.name}, which sees {card.gsd_m:g} m "
            f"(from {card.gsd_m / _FINEST:.2g} to {card.gsd_m / _COARSEST:.2g} m are resampled). "
            + ("Heights cannot be seen in it." if exact < 1 else "Resample it first with gdal_translate -tr.")
        )
    return float(2 ** (round(math.log2(exact) * _STEPS) / _STEPS))


def _notes(grid: Grid, card: Card, ratios: tuple[float, float]) -> list[str]:
    """What a person should know of this map."""
    notes = []
    down, across = grid.ground_m
    if ratios != (1, 1):
        notes.append(
            f"The imagery has pixels of {down:.3g} x {across:.3g} m and the model sees {card.gsd_m:g} m: it is "
            "resampled for the model, and heights are brought back to the imagery's grid. "
            "They are no sharper than the model's pixels."
        )
    height, width = grid.box.shape
    try:
        ends = [grid.ground_at(width / 2, row) for row in (0.5, height - 0.5)]
    except BadInput:
        return notes
    sizes = [math.sqrt(a * b) for a, b in ends]
    if max(sizes) > _UNEVEN * min(sizes):
        notes.append(
            f"A pixel covers {min(sizes):.3g} m on the ground at one end and {max(sizes):.3g} m at the other: one "
            "scale is used for all. Map it in parts, or in a projection that keeps lengths."
        )
    return notes


def _sheets(name: str, area: Box, size: int) -> tuple[Sheet, ...]:
    """The area in parts of at most `size` pixels a side; several lie on a grid of the world."""
    if max(area.shape) <= size:
        return (Sheet(name, area),)
    rows, columns = _cuts(area.rows, size), _cuts(area.columns, size)
    return tuple(
        Sheet(f"{name}_{i}_{j}", Box(row, column)) for i, row in enumerate(rows) for j, column in enumerate(columns)
    )


def _cuts(span: Span, size: int) -> list[Span]:
    places = [span.start, *range((span.start // size + 1) * size, span.stop, size), span.stop]
    return [Span(a, b) for a, b in itertools.pairwise(places)]


def _part(grid: Grid, bounds: tuple[float, float, float, float]) -> Box:
    """The pixels of a grid that cover bounds in degrees."""
    west, south, east, north = bounds
    if not (all(map(math.isfinite, bounds)) and -90 <= south < north <= 90 and abs(west) <= 360 and abs(east) <= 360):
        raise BadInput("Bounds are west, south, east, north in degrees, for example -119.1,37.0,-119.0,37.1.")
    if west > east:
        east += 360  # across the antimeridian
    found: Box | None = None
    for shift in (0, -360, 360):
        if grid.crs.is_geographic:
            left, bottom, right, top = west + shift, south, east + shift, north
        elif shift:
            continue
        else:
            left, bottom, right, top = transform_bounds(
                "EPSG:4326", grid.crs, west, south, min(east, west + 359), north
            )
        corners = [~grid.transform @ (x, y) for x in (left, right) for y in (bottom, top)]
        if not np.isfinite(corners).all():
            continue
        columns, rows = [x for x, _ in corners], [y for _, y in corners]
        box = Box(_covering(rows, grid.rows), _covering(columns, grid.columns))
        if box.size and (found is None or box.size > found.size):
            found = box
    return found or Box(Span(0, 0), Span(0, 0))


def _covering(places: Sequence[float], span: Span) -> Span:
    low, high = math.floor(max(-1e15, min(places)) + 1e-6), math.ceil(min(1e15, max(places)) - 1e-6)
    return Span(span.start + low, span.start + high) & span
