"""One cell of a map: its imagery in, the heights that its windows give out.

`gather` reads a cell's pixels once and mirrors them beyond the edge of the data; `infer` cuts them into windows,
fills holes, runs the model in batches of equal size and adds up what the windows say. What no other cell adds to is
finished (the body, decimetres); the rest (the frame) is kept as sums that `stitching` adds to the neighbours'."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from assay.canopy.mapping.imagery import Pixels, Reader, Valid
from assay.canopy.mapping.lattice import Box, Cell, Lattice, Span
from assay.canopy.mapping.predictor import Predictor
from assay.canopy.mapping.resampling import mirrored, native_span, to_model, to_native
from assay.core.errors import BadInput

NODATA = 65535  # decimetres: no height is known. 0 is a height
HIGHEST = 65534
SCALE = 0.1  # metres


@dataclass(frozen=True)
class Gathered:
    """A cell's pixels. `colours` (3, H, W) and `valid` (H, W) cover `box`, which reaches beyond the data."""

    cell: Cell
    box: Box
    colours: Pixels
    valid: Valid


@dataclass(frozen=True)
class Inferred:
    """What the windows of a cell add up to, still on the device: `total` (layers, H, W) in metres."""

    gathered: Gathered
    total: Tensor
    windows: int  # that the model looked through


@dataclass(frozen=True)
class Piece:
    """A cell's part of the map. `valid`: where there is imagery in its region; layers first in the other arrays."""

    cell: Cell
    body: NDArray[np.uint16]
    frame: tuple[NDArray[np.float32], ...]
    valid: Valid
    windows: int  # that the model looked through


def gather(cell: Cell, lattice: Lattice, reader: Reader) -> Gathered:
    """Read what a cell's windows show."""
    rows = _native([lattice.y.extent(k) for k in lattice.y.windows_of(cell.row)], lattice.y.ratio)
    columns = _native([lattice.x.extent(k) for k in lattice.x.windows_of(cell.column)], lattice.x.ratio)
    across, down = _places(columns, lattice.x.data), _places(rows, lattice.y.data)
    wanted = Box(_hull(down), _hull(across))
    colours, valid = reader.read(wanted)
    box = Box(rows, columns)
    if wanted == box:
        return Gathered(cell, box, colours, valid)
    at = np.ix_(down - wanted.rows.start, across - wanted.columns.start)
    return Gathered(cell, box, colours[:, at[0], at[1]], valid[at])


def _native(extents: list[Span], ratio: float) -> Span:
    spans = [native_span(extent, ratio) for extent in extents]
    return Span(min(s.start for s in spans), max(s.stop for s in spans))


def _places(span: Span, data: Span) -> NDArray[np.int64]:
    return mirrored(np.arange(span.start, span.stop), data)


def _hull(places: NDArray[np.int64]) -> Span:
    return Span(int(places.min()), int(places.max()) + 1)


def infer(gathered: Gathered, lattice: Lattice, predictor: Predictor, batch: int) -> Inferred:
    """Run the model over a cell's windows and add up what they give. Nothing here waits for a graphics processor."""
    cell = gathered.cell
    reach = lattice.reach(cell)
    total = torch.zeros((len(predictor.layers), *reach.shape), device=predictor.device)
    count = 0
    for windows, colours in _batches(gathered, lattice, predictor, batch):
        count += len(windows)
        for window, heights in zip(windows, predictor(colours), strict=True):
            part = lattice.support(window) & reach
            if not part.size:
                continue
            down = torch.from_numpy(lattice.y.weights(window[0], part.rows)).to(total.device)
            across = torch.from_numpy(lattice.x.weights(window[1], part.columns)).to(total.device)
            rows, columns = part.within(reach)
            native = _native_heights(heights, lattice, window, part)
            total[:, rows, columns] += native * down[:, None] * across[None, :]
    return Inferred(gathered, total, count)


def _native_heights(heights: Tensor, lattice: Lattice, window: tuple[int, int], part: Box) -> Tensor:
    """A window's heights (layers, H, W) on the native pixels of `part`."""
    extent = lattice.extent(window)
    if (lattice.y.ratio, lattice.x.ratio) == (1, 1):
        rows, columns = part.within(extent)
        return heights[:, rows, columns]
    heights = to_native(part.rows, extent.rows, lattice.y.ratio).apply(heights, 1)
    return to_native(part.columns, extent.columns, lattice.x.ratio).apply(heights, 2)


def _batches(
    gathered: Gathered, lattice: Lattice, predictor: Predictor, size: int
) -> Iterator[tuple[list[tuple[int, int]], Tensor]]:
    """The cell's windows that show any imagery, in batches of one shape; the batches depend on the cell alone."""
    shapes: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for window in lattice.windows(gathered.cell):
        if _valid(gathered, lattice, window).any():
            shapes.setdefault(lattice.extent(window).shape, []).append(window)
    for windows in shapes.values():
        for start in range(0, len(windows), size):
            chosen = windows[start : start + size]
            yield chosen, torch.stack([_window(gathered, lattice, w, predictor.device) for w in chosen])


def _valid(gathered: Gathered, lattice: Lattice, window: tuple[int, int]) -> Valid:
    return gathered.valid[_native_box(lattice, window).within(gathered.box)]


def _native_box(lattice: Lattice, window: tuple[int, int]) -> Box:
    extent = lattice.extent(window)
    return Box(native_span(extent.rows, lattice.y.ratio), native_span(extent.columns, lattice.x.ratio))


def _window(gathered: Gathered, lattice: Lattice, window: tuple[int, int], device: torch.device) -> Tensor:
    """The colours that a window shows, (3, H, W) in model pixels."""
    place = _native_box(lattice, window).within(gathered.box)
    colours, valid = gathered.colours[(slice(None), *place)], gathered.valid[place]
    if not valid.all():
        colours = _filled(colours, valid)
    pixels = torch.from_numpy(np.ascontiguousarray(colours)).to(device)
    if (lattice.y.ratio, lattice.x.ratio) == (1, 1):
        return pixels
    extent = lattice.extent(window)
    rows = to_model(extent.rows, lattice.y.ratio).apply(pixels.float(), 1)
    return to_model(extent.columns, lattice.x.ratio).apply(rows, 2)


def _filled(colours: Pixels, valid: Valid) -> Pixels:
    """Holes take the colour of the nearest pixel: a black hole would look like a shadow, and its edge like a tree."""
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return np.asarray(colours[:, nearest[0], nearest[1]])


def finish(inferred: Inferred, lattice: Lattice, name: str) -> Piece:
    """The piece of a cell. Waits for the device: call it where that holds nobody up."""
    gathered, total = inferred.gathered, inferred.total
    cell = gathered.cell
    if not torch.isfinite(total).all():
        raise BadInput(f"The model {name} gives heights that are no numbers near {_where(lattice, cell)}.")
    reach, region, body = lattice.reach(cell), lattice.region(cell), lattice.body(cell)
    valid = gathered.valid[region.within(gathered.box)] if region.size else np.zeros(region.shape, bool)
    frame = []
    for box in lattice.frame(cell):
        place = box.within(reach)
        frame.append(total[:, place[0], place[1]].cpu().numpy().copy())
    rows, columns = body.within(reach)
    inside = np.ascontiguousarray(valid[body.within(region)]) if body.size else np.zeros(body.shape, bool)
    written = decimetres(total[:, rows, columns], inside)
    return Piece(cell, written, tuple(frame), np.ascontiguousarray(valid), inferred.windows)


def decimetres(metres: Tensor, valid: Valid) -> NDArray[np.uint16]:
    """Layers in metres (L, H, W) as they are written; where nothing is valid, NODATA."""
    written = (metres / SCALE).round().clamp(0, HIGHEST).to(torch.int32).cpu().numpy().astype(np.uint16)
    written[:, ~valid] = NODATA
    return written


def _where(lattice: Lattice, cell: Cell) -> str:
    region = lattice.region(cell)
    rows, columns = region.rows.start - lattice.y.data.start, region.columns.start - lattice.x.data.start
    return f"row {rows}, column {columns}"
