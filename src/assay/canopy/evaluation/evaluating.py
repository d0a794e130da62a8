"""Predict tiles, add up, and say how good the predictions are, with intervals from drawing tiles again.

A large tile counts as several pieces of 150 pixels; pieces of one tile are alike, so with few tiles the intervals are
too narrow, and with one piece there is none. Nothing here knows what made the predictions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.canopy.evaluation.metrics import BINS, JOINT, Array, Stacked, Sums, bin_name, sums
from assay.canopy.evaluation.prediction import Predict, Prediction, checked
from assay.canopy.tiles import Heights, Tile
from assay.canopy.uncertainty.conformal import Calibration
from assay.core.errors import BadInput

PIECE = 150  # pixels: three of the blocks of the block R²
RESAMPLES = 2000
SCHEMA = "assay.canopy.evaluation/1"
METRICS = ("mae", "rmse", "r2", "block_r2", "bias", "edge_error")
_FEW = 10  # tiles: with fewer an interval says little
_EXAMPLES = 12
_PICTURE = 256  # pixels: examples are cut to this


@dataclass(frozen=True)
class Figure:
    """A metric and its 95 % interval over tiles; no interval where there is one tile."""

    value: float
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Group:
    """Metrics of some of the pixels. A metric that is not defined there is missing."""

    name: str
    tiles: int
    pixels: int
    metrics: dict[str, Figure]
    coverage: dict[str, Figure]  # by level: the share of pixels inside the interval
    width: dict[str, float]  # by level: metres

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "tiles": self.tiles,
            "pixels": self.pixels,
            "few": self.tiles < _FEW,
            **{name: figure.to_json() for name, figure in self.metrics.items()},
            "coverage": {level: figure.to_json() for level, figure in self.coverage.items()},
            "interval_width_m": self.width,
        }


@dataclass(frozen=True, eq=False)
class Example:
    """A tile to look at."""

    name: str
    site: str
    mae: float
    gsd_m: float
    rgb: NDArray[np.uint8]
    truth: Heights
    height: Heights
    width: Heights | None  # of the interval, metres


@dataclass(frozen=True, eq=False)
class Piece:
    """A tile, or a piece of a large one: what is drawn again for intervals."""

    name: str
    site: str
    sums: Sums


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything that was measured. `levels` are those of the intervals, none if the model gave none."""

    pieces: tuple[Piece, ...]
    levels: tuple[float, ...]
    examples: tuple[Example, ...]
    seed: int

    def overall(self) -> Group:
        return self._group("all", self.pieces)

    def by_site(self) -> list[Group]:
        sites = sorted({piece.site for piece in self.pieces})
        return [self._group(site, [p for p in self.pieces if p.site == site]) for site in sites]

    def by_height(self) -> list[Group]:
        """By lidar height; bins without pixels are left out."""
        found = [self._group(bin_name(k), self.pieces, k) for k in range(len(BINS) - 1)]
        return [group for group in found if group.pixels]

    def joint(self) -> Array:
        """(60, 60): pixels by lidar height and prediction, in cells of a metre; the last cell takes the rest."""
        return sum((piece.sums.joint for piece in self.pieces), np.zeros((JOINT, JOINT)))

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "bias": "prediction minus lidar height",
            "intervals": f"95 %, percentile bootstrap over tiles, {RESAMPLES} resamples, seed {self.seed}",
            "overall": self.overall().to_json(),
            "sites": [group.to_json() for group in self.by_site()],
            "heights": [group.to_json() for group in self.by_height()],
        }

    def _group(self, name: str, pieces: Sequence[Piece], number: int | None = None) -> Group:
        """The metrics of `pieces`, of all heights or of the bin `number`."""
        flat = np.stack([piece.sums.flat() for piece in pieces])  # (pieces, sums)
        whole = Stacked.of(flat.sum(axis=0), len(self.levels))
        again = Stacked.of(resampled(flat, self.seed), len(self.levels))
        part = slice(None) if number is None else slice(number, number + 1)
        present = sum(bool(piece.sums.pixels[part, 0].sum()) for piece in pieces)
        one, many = (s.overall() if number is None else s.in_bin(number) for s in (whole, again))
        metrics = {name: figure_of(one[name], many[name], present) for name in METRICS if name in one}
        written = [f"{level:g}" for level in self.levels]
        return Group(
            name=name,
            tiles=present,
            pixels=int(whole.pixels[part, 0].sum()),
            metrics={name: figure for name, figure in metrics.items() if figure is not None},
            coverage={
                level: figure
                for k, level in enumerate(written)
                if (figure := figure_of(whole.coverage(k, number), again.coverage(k, number), present)) is not None
            },
            width={
                level: float(width)
                for k, level in enumerate(written)
                if np.isfinite(width := whole.mean_width(k, number))
            },
        )


def evaluate(
    predict: Predict,
    tiles: Iterable[Tile],
    *,
    calibration: Calibration | Mapping[str, Calibration] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Measure `predict` on `tiles`, which are read one after another. Unlabelled tiles are passed over.

    With a `calibration` (or one for each site) its intervals are measured, otherwise those that the predictions have,
    if they have any.
    """
    pieces: list[Piece] = []
    shown: dict[str, dict[str, Example]] = {}  # by site: the first tile, and the worst
    levels: tuple[float, ...] | None = None
    for tile in tiles:
        if not tile.labelled.any():
            continue
        prediction = checked(predict(tile), tile)
        known = calibration.get(tile.site) if isinstance(calibration, Mapping) else calibration
        stated, intervals = _intervals(prediction, known)
        if levels is not None and stated != levels:
            raise BadInput(f"The intervals predicted for {tile.name} are of other levels than those before.")
        levels = stated
        pieces += _pieces(tile, prediction.height, intervals)
        _show(shown.setdefault(tile.site, {}), tile, prediction, intervals)
    if not pieces:
        raise BadInput("There is nothing to evaluate on: no tile has labelled pixels.")
    examples = [example for found in shown.values() for example in found.values()]
    return Evaluation(tuple(pieces), levels or (), tuple(examples[:_EXAMPLES]), seed)


def compare(one: Evaluation, other: Evaluation, *, seed: int = 0) -> dict[str, Figure]:
    """Each metric of `one` minus that of `other`, with intervals in which both share every draw of tiles."""
    if [p.name for p in one.pieces] != [p.name for p in other.pieces]:
        raise ValueError("the evaluations are of other tiles: they cannot be paired")
    first, second = ((np.stack([p.sums.flat() for p in e.pieces]), len(e.levels)) for e in (one, other))
    found = {}
    for name in METRICS:
        value = _overall(first[0].sum(axis=0), first[1], name) - _overall(second[0].sum(axis=0), second[1], name)
        drawn = _overall(resampled(first[0], seed), first[1], name) - _overall(
            resampled(second[0], seed), second[1], name
        )
        figure = figure_of(value, drawn, len(one.pieces))
        if figure is not None:
            found[name] = figure
    return found


def _overall(flat: Array, levels: int, name: str) -> Array:
    return Stacked.of(flat, levels).overall()[name]


def _intervals(
    prediction: Prediction, calibration: Calibration | None
) -> tuple[tuple[float, ...], list[tuple[Heights, Heights]]]:
    if calibration is not None:
        return calibration.levels, [calibration.of(prediction, level) for level in calibration.levels]
    if prediction.low is not None and prediction.high is not None:
        return (prediction.level,), [(prediction.low, prediction.high)]
    return (), []


def _pieces(tile: Tile, height: Heights, intervals: Sequence[tuple[Heights, Heights]]) -> list[Piece]:
    """The tile as pieces of at most `PIECE` pixels; a rest narrower than half a piece goes with its neighbour."""
    found = []
    for rows in _cuts(tile.shape[0]):
        for columns in _cuts(tile.shape[1]):
            part = np.s_[rows, columns]
            truth = tile.height[part]
            if np.isfinite(truth).any():
                ends = [(low[part], high[part]) for low, high in intervals]
                name = f"{tile.name}@{rows.start},{columns.start}"
                found.append(Piece(name, tile.site, sums(truth, height[part], ends)))
    return found


def _cuts(length: int) -> list[slice]:
    count = max(1, (length + PIECE // 2) // PIECE)
    starts = [k * PIECE for k in range(count)]
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], length], strict=True)]


def resampled(flat: Array, seed: int) -> Array:
    """(resamples, sums): the sums of as many pieces as there are, drawn with replacement."""
    draw = np.random.default_rng(seed)
    count = len(flat)
    weights = draw.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)
    found: Array = weights @ flat
    return found


def figure_of(value: Array, again: Array, tiles: int) -> Figure | None:
    if not np.isfinite(value):
        return None
    known = again[np.isfinite(again)]
    if tiles < 2 or len(known) < RESAMPLES / 2:
        return Figure(float(value))
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(float(value), float(low), float(high))


def _show(
    shown: dict[str, Example], tile: Tile, prediction: Prediction, intervals: Sequence[tuple[Heights, Heights]]
) -> None:
    error = float(np.nanmean(np.abs(prediction.height - tile.height)))
    worst = shown.get("worst")
    if "first" in shown and worst is not None and worst.mae >= error:
        return
    cut = np.s_[:_PICTURE, :_PICTURE]
    widest = intervals[-2 if len(intervals) > 1 else -1] if intervals else None
    example = Example(
        name=tile.name,
        site=tile.site,
        mae=error,
        gsd_m=tile.gsd_m,
        rgb=tile.rgb[(slice(None), *cut)].copy(),
        truth=tile.height[cut].copy(),
        height=prediction.height[cut].copy(),
        width=(widest[1] - widest[0])[cut].copy() if widest else None,
    )
    shown["worst" if "first" in shown else "first"] = example
