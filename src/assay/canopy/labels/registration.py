"""Finding how far labels lie from where the imagery shows them, and moving them there only when that is surely better.

A tile alone is placed where its imagery and heights tell most of one another. Tiles of one site have the same sun,
trees and camera: the relation that the others have between light and relief then judges each tile, several times.
A tile that tells too little is left where it is, and said to be inconclusive.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.canopy.labels.agreement import Array, Moments, moments, own_information, shared_information
from assay.canopy.labels.channels import height_channels, image_channels
from assay.canopy.tiles import Heights, Mask, Tile
from assay.core.errors import BadInput

REACH = 12  # pixels: the largest shift that is looked for
SURE = 10.0  # nats in favour of a shift before labels are moved
DISTINCT = 5.0  # nats by which one place must be better than all that are clearly others; below, nothing is concluded
_APART = 4  # pixels: other places are farther away than this
# Shorter shifts may be light and lean, not misplaced labels: the duller the peak, the longer a shift must be. It is a
# share of the half width, and of its square in pixels, but no more than lean and light were seen to do.
_DULL, _DULLER, _LEAN = 0.6, 0.55, 2.6
_AREA = 30.0  # pixels that tell about as much as one independent pixel: crowns are several pixels wide
_ROUNDS = 5  # of placing all tiles of a site by what the others say
_COMPANY = 4  # tiles of one site that are needed to judge each by the others
_LEAST_SIDE = 32  # pixels

Verdict = Literal["moved", "in place", "inconclusive"]


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
    margin: float  # nats by which `shift` is likelier than any place that is clearly another
    judged_by: str  # own: the tile alone; site: the relation that the site's other tiles have; together: all as one

    @property
    def verdict(self) -> Verdict:
        """Inconclusive: the tile tells too little to say where its labels belong, and they are left."""
        if self.margin < DISTINCT:
            return "inconclusive"
        return "in place" if self.applied == UNMOVED else "moved"


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
    surface = own_information(_moments(rgb, visible, height, gsd_m, prediction, reach))
    return _gated(_judge(surface, _weight(height), "own"), scattered=False)


def register_all(
    tiles: Sequence[Tile], *, predict: Callable[[Tile], Heights] | None = None, reach: int = REACH
) -> list[Registration]:
    """Place the labels of many tiles; those of one site judge one another. In the order of `tiles`."""
    return _by_site(tiles, lambda group: _register_site(group, predict, reach))


def register_together(
    tiles: Sequence[Tile], *, predict: Callable[[Tile], Heights] | None = None, reach: int = REACH
) -> list[Registration]:
    """One shift for all tiles of a site, as when a flight or an ortho-image lies off as a whole."""
    return _by_site(tiles, lambda group: [_register_as_one(group, predict, reach)] * len(group))


def _by_site(tiles: Sequence[Tile], place: Callable[[list[Tile]], list[Registration]]) -> list[Registration]:
    found: dict[int, Registration] = {}
    sites: dict[tuple[str, bool], list[int]] = {}
    for number, tile in enumerate(tiles):
        sites.setdefault((tile.site, tile.synthetic), []).append(number)
    for numbers in sites.values():
        found |= dict(zip(numbers, place([tiles[number] for number in numbers]), strict=True))
    return [found[number] for number in range(len(tiles))]


def _register_site(tiles: Sequence[Tile], predict: Callable[[Tile], Heights] | None, reach: int) -> list[Registration]:
    found = [_of_tile(tile, predict, reach) for tile in tiles]
    weights = [_weight(tile.height) for tile in tiles]
    own = [own_information(each) for each in found]
    if len(tiles) < _COMPANY:
        judged = [_judge(surface, weight, "own") for surface, weight in zip(own, weights, strict=True)]
        return [_gated(one, scattered=False) for one in judged]
    surfaces = own
    for _ in range(_ROUNDS):
        relations = _relations(found, [_likely(s, w) for s, w in zip(surfaces, weights, strict=True)])
        surfaces = [o + shared_information(m, r) for o, m, r in zip(own, found, relations, strict=True)]
    judged = [_judge(surface, weight, "site") for surface, weight in zip(surfaces, weights, strict=True)]
    scattered = _scattered(judged)
    return [_gated(one, scattered=scattered) for one in judged]


def _register_as_one(tiles: Sequence[Tile], predict: Callable[[Tile], Heights] | None, reach: int) -> Registration:
    reach = min([reach, *(min(tile.shape) // 4 for tile in tiles)])
    found = [_of_tile(tile, predict, reach) for tile in tiles]
    weights = np.array([_weight(tile.height) for tile in tiles])
    own = [own_information(each) for each in found]
    surface = np.average(own, axis=0, weights=weights)
    for _ in range(_ROUNDS if len(tiles) >= _COMPANY else 0):
        relations = _relations(found, [_likely(surface, float(weights.sum()))] * len(tiles))
        each = [o + shared_information(m, r) for o, m, r in zip(own, found, relations, strict=True)]
        surface = np.average(each, axis=0, weights=weights)
    return _gated(_judge(surface, float(weights.sum()), "together"), scattered=False)


def _likely(surface: Array, weight: float) -> Array:
    """How likely each shift is, from nats per pixel; the sum is 1."""
    found = np.exp((surface - surface.max()) * weight)
    shares: Array = found / found.sum()
    return shares


def _relations(found: Sequence[Moments], likely: Sequence[Array]) -> list[Array]:
    """For each tile the relation between imagery and heights in the others, over all places where they may belong.

    A tile of which nobody knows where it belongs counts little: it would blur the relation.
    """
    each = [np.einsum("st,stij->ij", p, m.covariance) for m, p in zip(found, likely, strict=True)]
    spread = [-(p * np.log(p + 1e-12)).sum() for p in likely]  # the entropy: its exponential is a number of places
    trust = np.array([m.count.max() * math.exp(-h / 2) for m, h in zip(found, spread, strict=True)])
    total = sum((w * covariance for w, covariance in zip(trust, each, strict=True)), np.zeros_like(each[0]))
    return [(total - w * covariance) / (trust.sum() - w) for w, covariance in zip(trust, each, strict=True)]


def _of_tile(tile: Tile, predict: Callable[[Tile], Heights] | None, reach: int) -> Moments:
    return _moments(tile.rgb, tile.seen, tile.height, tile.gsd_m, predict(tile) if predict else None, reach)


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
    """The best shift of a surface of nats per pixel, not applied yet."""
    reach = len(surface) // 2
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    top = _vertex(surface, int(row), int(column))
    best, unmoved = float(surface[row, column]), float(surface[reach, reach])
    rows, columns = np.indices(surface.shape)
    others = surface[np.maximum(abs(rows - row), abs(columns - column)) > _APART]
    return Registration(
        shift=Shift(top[0] - reach, top[1] - reach),
        applied=UNMOVED,
        score=best,
        score_unmoved=unmoved,
        evidence=(best - unmoved) * weight,
        half_width=math.sqrt(float((surface > (best + np.median(surface)) / 2).sum()) / math.pi),
        margin=(best - float(others.max())) * weight if others.size else 0.0,
        judged_by=judged_by,
    )


def _scattered(judged: Sequence[Registration]) -> bool:
    """Whether most labels of a site lie farther off than lean and light explain: then small shifts are believed too."""
    lengths = [one.shift.length for one in judged if one.margin >= DISTINCT]
    return len(lengths) >= _COMPANY and sum(length > _LEAN for length in lengths) > len(lengths) / 2


def _gated(found: Registration, *, scattered: bool) -> Registration:
    """The shift is applied if the tile can tell, and if it is surely better than none."""
    width = found.half_width
    long = found.shift.length > max(_DULL * width, min(_DULLER * width**2, _LEAN))
    sure = found.margin >= DISTINCT and (scattered or (found.evidence >= SURE and long))
    return replace(found, applied=found.shift) if sure else found


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
