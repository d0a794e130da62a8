"""Finding how far labels lie from where the imagery shows them, and moving them there only when that is surely better.

A tile alone is placed where its imagery and heights tell most of one another. Tiles of one site have the same sun,
trees and camera: the relation that the others have between light and relief then judges each tile, several times.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from assay.canopy.labels.agreement import Array, Moments, moments, own_information, shared_information
from assay.canopy.labels.channels import height_channels, image_channels
from assay.canopy.tiles import Heights, Mask, Tile
from assay.core.errors import BadInput

REACH = 12  # pixels: the largest shift that is looked for
SURE = 10.0  # nats in favour of a shift before labels are moved
CLEAR = 10.0  # nats by which a tile must prefer one place to all others to need no judgement by its site
_APART = 4  # pixels: other places are farther away than this
# Shorter shifts may be light and lean, not misplaced labels: the duller the peak, the longer a shift must be.
_DULL, _DULLER = 0.6, 0.25  # of the half width, and of its square in pixels
_AREA = 30.0  # pixels that tell about as much as one independent pixel: crowns are several pixels wide
_ROUNDS = 4  # of placing all tiles of a site by what the others say
_COMPANY = 4  # tiles of one site that are needed to judge each by the others
_LEAST_SIDE = 32  # pixels


@dataclass(frozen=True)
class Shift:
    """How far the labels lie south (`rows`) and east (`columns`) of what the imagery shows, in pixels."""

    rows: float
    columns: float

    @property
    def length(self) -> float:
        return math.hypot(self.rows, self.columns)


UNMOVED = Shift(0.0, 0.0)


@dataclass(frozen=True)
class Registration:
    """What was found for one tile. `shift` is the best guess; `applied` is what the evidence allows, often nothing."""

    shift: Shift
    applied: Shift
    score: float  # nats per pixel that imagery and heights tell of one another at `shift`
    score_unmoved: float
    evidence: float  # nats by which `shift` is likelier than no shift
    half_width: float  # pixels: how far from `shift` half of what it tells is lost
    judged_by: str  # own: the tile alone; site: the relation that the site's other tiles have


def register(
    rgb: NDArray[np.uint8],
    height: Heights,
    *,
    seen: Mask | None = None,
    prediction: Heights | None = None,
    gsd_m: float = 1.0,
    reach: int = REACH,
) -> Registration:
    """Place the labels `height` (H, W; NaN where unknown) on the imagery `rgb` (3, H, W).

    A height predicted from the imagery by any model helps if given, even a weak one.
    """
    visible = np.ones(height.shape, bool) if seen is None else seen
    return _judge(own_information(_moments(rgb, visible, height, gsd_m, prediction, reach)), _weight(height), "own")


def register_all(
    tiles: Sequence[Tile], *, predict: Callable[[Tile], Heights] | None = None, reach: int = REACH
) -> list[Registration]:
    """Place the labels of many tiles; those of one site judge one another. In the order of `tiles`."""
    found: dict[int, Registration] = {}
    sites: dict[tuple[str, bool], list[int]] = {}
    for number, tile in enumerate(tiles):
        sites.setdefault((tile.site, tile.synthetic), []).append(number)
    for numbers in sites.values():
        group = [tiles[number] for number in numbers]
        found |= dict(zip(numbers, _register_site(group, predict, reach), strict=True))
    return [found[number] for number in range(len(tiles))]


def _register_site(tiles: Sequence[Tile], predict: Callable[[Tile], Heights] | None, reach: int) -> list[Registration]:
    found = [
        _moments(tile.rgb, tile.seen, tile.height, tile.gsd_m, predict(tile) if predict else None, reach)
        for tile in tiles
    ]
    own = [own_information(each) for each in found]
    weights = [_weight(tile.height) for tile in tiles]
    placed = [_judge(surface, weight, "own") for surface, weight in zip(own, weights, strict=True)]
    if len(tiles) < _COMPANY:
        return placed
    alone = [_margin(surface) * weight >= CLEAR for surface, weight in zip(own, weights, strict=True)]
    for _ in range(_ROUNDS):
        relations = _relations(found, placed)
        placed = [
            before if clear else _judge(surface + shared_information(each, relation), weight, "site")
            for before, clear, surface, each, relation, weight in zip(
                placed, alone, own, found, relations, weights, strict=True
            )
        ]
    return placed


def _relations(found: Sequence[Moments], placed: Sequence[Registration]) -> list[Array]:
    """For each tile the relation between imagery and heights in the others, where they are placed now.

    A tile that tells more counts more: one whose labels are of another place should not blur the relation.
    """
    each = [m.at(r.shift.rows, r.shift.columns) for m, r in zip(found, placed, strict=True)]
    trust = np.array([max(r.score, 1e-3) * m.count.max() for m, r in zip(found, placed, strict=True)])
    total = sum((w * covariance for w, covariance in zip(trust, each, strict=True)), np.zeros_like(each[0]))
    return [(total - w * covariance) / (trust.sum() - w) for w, covariance in zip(trust, each, strict=True)]


def _moments(
    rgb: NDArray[np.uint8], seen: Mask, height: Heights, gsd_m: float, prediction: Heights | None, reach: int
) -> Moments:
    known = np.isfinite(height)
    if min(height.shape) < _LEAST_SIDE or not known.any():
        raise BadInput(f"A tile of {height.shape} pixels with {int(known.sum())} labelled cannot be registered.")
    reach = min(reach, min(height.shape) // 4)
    return moments(image_channels(rgb, seen, prediction), seen, height_channels(height, gsd_m), known, reach)


def _weight(height: Heights) -> float:
    """Independent pixels of a tile."""
    return float(np.isfinite(height).sum()) / _AREA


def _judge(surface: Array, weight: float, judged_by: str) -> Registration:
    """The best shift of a surface of nats per pixel, and whether it is better enough than none."""
    reach = len(surface) // 2
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    shift = Shift(*(_vertex(surface, int(row), int(column))))
    shift = Shift(shift.rows - reach, shift.columns - reach)
    best, unmoved = float(surface[row, column]), float(surface[reach, reach])
    evidence = (best - unmoved) * weight
    half_width = math.sqrt(float((surface > (best + np.median(surface)) / 2).sum()) / math.pi)
    sure = evidence >= SURE and shift.length > max(_DULL * half_width, _DULLER * half_width**2)
    return Registration(shift, shift if sure else UNMOVED, best, unmoved, evidence, half_width, judged_by)


def _margin(surface: Array) -> float:
    """How far the best shift stands above the best one that is clearly another."""
    rows, columns = np.indices(surface.shape)
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    far = np.maximum(abs(rows - row), abs(columns - column)) > _APART
    return float(surface[row, column] - surface[far].max()) if far.any() else 0.0


def _vertex(surface: Array, row: int, column: int) -> tuple[float, float]:
    """The top of a parabola through the highest cell and its neighbours, along each axis."""

    def along(before: float, here: float, after: float) -> float:
        curve = before - 2 * here + after
        return 0.0 if curve >= 0 else float(np.clip((before - after) / (2 * curve), -0.5, 0.5))

    rows, columns = surface.shape
    down = along(*surface[row - 1 : row + 2, column]) if 0 < row < rows - 1 else 0.0
    right = along(*surface[row, column - 1 : column + 2]) if 0 < column < columns - 1 else 0.0
    return row + down, column + right


# Moving --------------------------------------------------------------------------------------------------------------


def moved(height: Heights, shift: Shift) -> Heights:
    """Labels that lie by `shift` from the imagery, moved back. Where nothing comes from inside, there is no label.

    Between pixels the labels are interpolated from those that are known; within 0.1 pixel whole pixels are taken.
    """
    rows, columns = (_snapped(value) for value in (shift.rows, shift.columns))
    known = np.isfinite(height)
    values = np.where(known, height, 0).astype(np.float64)
    total, weight = np.zeros(height.shape), np.zeros(height.shape)
    for row, row_share in _corners(rows):
        for column, column_share in _corners(columns):
            share = row_share * column_share
            if share:
                total += share * _slid(values, row, column)
                weight += share * _slid(known.astype(np.float64), row, column)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight >= 0.5, total / weight, np.nan).astype(np.float32)


def applied(tile: Tile, registration: Registration) -> Tile:
    """The tile with its labels where `registration` says they belong."""
    if registration.applied == UNMOVED:
        return tile
    return replace(tile, height=np.where(tile.seen, moved(tile.height, registration.applied), np.float32(np.nan)))


def _snapped(value: float) -> float:
    return float(round(value)) if abs(value - round(value)) < 0.1 else value


def _corners(value: float) -> list[tuple[int, float]]:
    low = math.floor(value)
    return [(low, low + 1 - value), (low + 1, value - low)]


def _slid(values: Array, rows: int, columns: int) -> Array:
    """found[y, x] = values[y + rows, x + columns], 0 outside."""
    found = np.zeros_like(values)
    height, width = values.shape
    if abs(rows) >= height or abs(columns) >= width:
        return found
    to_rows, from_rows = _overlap(height, rows)
    to_columns, from_columns = _overlap(width, columns)
    found[to_rows, to_columns] = values[from_rows, from_columns]
    return found


def _overlap(length: int, by: int) -> tuple[slice, slice]:
    if by >= 0:
        return slice(0, length - by), slice(by, length)
    return slice(-by, length), slice(0, length + by)
