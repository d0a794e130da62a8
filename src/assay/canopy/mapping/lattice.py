"""Where the windows lie that a model looks through, and how their heights are put together.

Windows lie on a lattice that is fixed in the world: it depends on the imagery's grid and on the model's resolution,
never on the area asked for, so that any part of a map equals the same part of a larger one. Neighbouring windows
overlap; across the overlap one fades into the next. Windows come in cells, the unit of reading, keeping and sharing
out. Only numbers here: nothing is read, no model is known.

Two kinds of pixel: *native* ones of the imagery's grid, which the map keeps, and *model* ones of the model's
resolution. Both are counted from a corner of the world, see `imagery.Grid`. Intervals are half open."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BadInput

_LEAST = 8  # steps of `multiple` that a window at the edge has at least: with less context heights are poor
_CELL = 4  # windows along a side of a cell


@dataclass(frozen=True)
class Tiling:
    """Sizes in model pixels. In `ramp` pixels of the overlap neighbours fade into one another; 0 cuts there."""

    window: int = 640
    overlap: int = 64
    ramp: int = 48
    multiple: int = 32  # windows begin and end at multiples of it: the model's patch or stride

    def __post_init__(self) -> None:
        m = self.multiple
        if m < 1 or self.window % m or self.overlap % (2 * m):
            raise BadInput(f"A window has to be a multiple of {m} pixels, and the overlap of {2 * m}.")
        if not 0 <= self.ramp <= self.overlap or self.window < 2 * self.overlap or self.overlap < 0:
            raise BadInput("The ramp has to fit into the overlap, and the overlap into half of the window.")

    @classmethod
    def of(cls, multiple: int, window: int | None = None) -> "Tiling":
        """The usual sizes for a model that works in steps of `multiple` pixels."""
        margin = multiple * max(1, round(32 / multiple))
        size = multiple * max(8, round((window or 640) / multiple))
        return cls(size, 2 * margin, 2 * margin * 3 // 4, multiple)

    @property
    def step(self) -> int:
        return self.window - self.overlap

    @property
    def waste(self) -> float:
        """Pixels that are predicted for each pixel that is wanted, far from edges."""
        return (self.window / self.step) ** 2


@dataclass(frozen=True)
class Span:
    """Whole numbers from `start` to before `stop`."""

    start: int
    stop: int

    def __len__(self) -> int:
        return max(0, self.stop - self.start)

    def __and__(self, other: "Span") -> "Span":
        start = max(self.start, other.start)
        return Span(start, max(start, min(self.stop, other.stop)))

    def shifted(self, by: int) -> "Span":
        return Span(self.start + by, self.stop + by)

    def within(self, origin: int) -> slice:
        """The place of this span in an array whose first element is `origin`."""
        return slice(self.start - origin, self.stop - origin)


@dataclass(frozen=True)
class Axis:
    """One direction. `data`: native pixels there are; `area`: those asked for; `ratio`: native per model pixel."""

    data: Span
    area: Span
    ratio: float
    tiling: Tiling

    def boundary(self, model: float) -> int:
        """The first native pixel whose centre is at or past a place in model pixels."""
        return math.ceil(model * self.ratio - 0.5)

    @property
    def per_cell(self) -> int:
        """Windows along a cell: fewer where a model pixel covers many native ones, so that memory stays bounded."""
        return max(1, round(_CELL / max(1.0, self.ratio)))

    @property
    def halo(self) -> int:
        """How far, in native pixels, a cell's windows reach beyond the cell."""
        return math.ceil(self.tiling.ramp / 2 * self.ratio) + 1 if self.tiling.ramp else 0

    @cached_property
    def _last(self) -> tuple[int, int]:
        """The first and the last window with imagery in its core."""
        low, high = (self.data.start + 0.5) / self.ratio, (self.data.stop - 0.5) / self.ratio
        return math.floor(low / self.tiling.step), math.floor(high / self.tiling.step)

    def support(self, index: int) -> Span:
        """The native pixels that a window's heights go into."""
        step, half = self.tiling.step, self.tiling.ramp / 2
        first, last = self._last
        start = self.data.start if index == first else self.boundary(index * step - half)
        stop = self.data.stop if index == last else self.boundary((index + 1) * step + half)
        return Span(start, stop) & self.data

    @cached_property
    def windows(self) -> range:
        """The windows whose heights go into the area."""
        first, last = self._last
        low, high = (self.area.start + 0.5) / self.ratio, (self.area.stop - 0.5) / self.ratio
        step, half = self.tiling.step, self.tiling.ramp / 2
        near = max(first, math.floor((low - half) / step) - 1), min(last, math.floor((high + half) / step) + 1)
        found = [k for k in range(near[0], near[1] + 1) if len(self.support(k) & self.area)]
        return range(found[0], found[-1] + 1)

    def extent(self, index: int) -> Span:
        """The model pixels that a window shows. At the edge of the data it ends shortly after it, but is never tiny."""
        tiling, m = self.tiling, self.tiling.multiple
        margin = tiling.overlap // 2
        start, stop = index * tiling.step - margin, (index + 1) * tiling.step + margin
        # Half a step of mirrored imagery beyond the edge, so that a model's own padding stays away from real pixels.
        low = math.floor((self.data.start / self.ratio - m / 2) / m) * m
        high = math.ceil((self.data.stop / self.ratio + m / 2) / m) * m
        least = min(_LEAST * m, tiling.window)
        start, stop = max(start, low), min(stop, high)
        if stop - start < least:  # a sliver: look further into the data, or mirror more where there is none
            start = max(low, stop - least) if stop == high else start
            stop = max(stop, start + least)
        return Span(start, stop)

    def weights(self, index: int, pixels: Span) -> NDArray[np.float32]:
        """How much of each native pixel of `pixels` a window gives. Over all windows these add up to 1."""
        step, ramp = self.tiling.step, self.tiling.ramp
        centres = (np.arange(pixels.start, pixels.stop) + 0.5) / self.ratio
        first, last = self._last
        rising, falling = centres - index * step, (index + 1) * step - centres
        weights = np.ones(len(pixels))
        if index != first:
            weights *= np.clip(0.5 + rising / ramp, 0, 1) if ramp else rising >= 0
        if index != last:
            weights *= np.clip(0.5 + falling / ramp, 0, 1) if ramp else falling > 0
        return weights.astype(np.float32)

    # Cells

    @cached_property
    def cells(self) -> range:
        return range(self.windows[0] // self.per_cell, self.windows[-1] // self.per_cell + 1)

    def windows_of(self, cell: int) -> range:
        low, high = cell * self.per_cell, (cell + 1) * self.per_cell
        return range(max(low, self.windows[0]), min(high, self.windows[-1] + 1))

    def region(self, cell: int) -> Span:
        """The native pixels of the area that belong to a cell: regions of all cells tile the area."""
        side = self.per_cell * self.tiling.step
        first, last = self._last
        start = self.boundary(cell * side) if cell > first // self.per_cell else self.data.start
        stop = self.boundary((cell + 1) * side) if cell < last // self.per_cell else self.data.stop
        return Span(start, stop) & self.area

    def reach(self, cell: int) -> Span:
        """The native pixels of the area that a cell's windows give something to."""
        windows = self.windows_of(cell)
        return Span(self.support(windows[0]).start, self.support(windows[-1]).stop) & self.area

    def body(self, cell: int) -> Span:
        """The part of a cell's region that no other cell gives anything to."""
        region, halo = self.region(cell), self.halo
        inner = Span(
            region.start + (halo if cell > self.cells[0] else 0), region.stop - (halo if cell < self.cells[-1] else 0)
        )
        return inner & region

    def borders(self) -> tuple[list[int], list[int], list[int]]:
        """Native pixels before which a window begins to count, takes over from the last, and counts alone."""
        half, step = self.tiling.ramp / 2, self.tiling.step
        found = [{self.boundary(k * step + shift) for k in self.windows} for shift in (-half, 0.0, half)]
        first, second, third = (sorted(p for p in f if self.area.start < p < self.area.stop) for f in found)
        return first, second, third


@dataclass(frozen=True, order=True)
class Cell:
    """A block of windows: what is read, inferred, kept and shared out as one."""

    row: int
    column: int

    @property
    def name(self) -> str:
        """`r3c-2`: a name for files, the same whatever area is asked for."""
        return f"r{self.row}c{self.column}"


@dataclass(frozen=True)
class Box:
    """Rows and columns, native or model pixels."""

    rows: Span
    columns: Span

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.columns)

    @property
    def size(self) -> int:
        return len(self.rows) * len(self.columns)

    def __and__(self, other: "Box") -> "Box":
        return Box(self.rows & other.rows, self.columns & other.columns)

    def within(self, origin: "Box") -> tuple[slice, slice]:
        """The place of this box in an array that covers `origin`."""
        return self.rows.within(origin.rows.start), self.columns.within(origin.columns.start)


@dataclass(frozen=True)
class Lattice:
    """Both directions."""

    y: Axis
    x: Axis

    def cells(self) -> Iterator[Cell]:
        """All cells of the area, row by row."""
        for row in self.y.cells:
            for column in self.x.cells:
                yield Cell(row, column)

    def neighbours(self, cell: Cell) -> list[Cell]:
        """The cells around and the cell itself, as far as they exist, row by row."""
        return [
            Cell(row, column)
            for row in range(cell.row - 1, cell.row + 2)
            for column in range(cell.column - 1, cell.column + 2)
            if row in self.y.cells and column in self.x.cells
        ]

    def windows(self, cell: Cell) -> list[tuple[int, int]]:
        return [(k, j) for k in self.y.windows_of(cell.row) for j in self.x.windows_of(cell.column)]

    def extent(self, window: tuple[int, int]) -> Box:
        return Box(self.y.extent(window[0]), self.x.extent(window[1]))

    def support(self, window: tuple[int, int]) -> Box:
        return Box(self.y.support(window[0]), self.x.support(window[1]))

    def region(self, cell: Cell) -> Box:
        return Box(self.y.region(cell.row), self.x.region(cell.column))

    def reach(self, cell: Cell) -> Box:
        return Box(self.y.reach(cell.row), self.x.reach(cell.column))

    def body(self, cell: Cell) -> Box:
        return Box(self.y.body(cell.row), self.x.body(cell.column))

    def frame(self, cell: Cell) -> list[Box]:
        """What a cell reaches beyond its body, as up to four boxes without overlap: above, below, left, right."""
        reach, body = self.reach(cell), self.body(cell)
        if not body.size:
            return [reach]
        boxes = [
            Box(Span(reach.rows.start, body.rows.start), reach.columns),
            Box(Span(body.rows.stop, reach.rows.stop), reach.columns),
            Box(body.rows, Span(reach.columns.start, body.columns.start)),
            Box(body.rows, Span(body.columns.stop, reach.columns.stop)),
        ]
        return [box for box in boxes if box.size]

    @property
    def count(self) -> int:
        return len(self.y.windows) * len(self.x.windows)

    @property
    def predicted_pixels(self) -> int:
        """Model pixels of all windows."""
        rows = sum(len(self.y.extent(k)) for k in self.y.windows)
        return rows * sum(len(self.x.extent(j)) for j in self.x.windows)
