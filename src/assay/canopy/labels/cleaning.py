"""Which labels are wrong: learned from wrong labels made on purpose, and judged by what other tiles have taught.

Tiles are split in folds. For every fold a classifier is fitted on the others: their labels as they are against the same
labels spoilt. Labels that look wrong are then left out of what good labels are, and everything is fitted once more.
Never by error alone: that drops tall forest, which every model gets wrong. The report shows what was dropped, and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.canopy.evaluation.metrics import BINS, bin_name
from assay.canopy.labels.channels import image_channels
from assay.canopy.labels.classifier import Classifier, fit_classifier
from assay.canopy.labels.corruption import corrupted
from assay.canopy.labels.disagreement import WORDS, figures, fitting
from assay.canopy.labels.weak import cross_fitted
from assay.canopy.tiles import Heights, Tile
from assay.core.errors import BadInput

Array = NDArray[np.float64]

FALSE_ALARMS = 0.1  # of good labels, at most this share is given up
LEAST_TILES = 30
_FOLDS = 5
_ROUNDS = 2
_SPOILT = 2  # wrong labels made of each tile
_DOUBT = 0.5  # nothing less likely to be wrong than this is dropped
_REASONS = 3


@dataclass(frozen=True)
class Judgement:
    """What is thought of one tile's label. `wrong` is between 0 and 1, calibrated to equal numbers of good and bad."""

    name: str
    site: str
    wrong: float
    dropped: bool
    reasons: tuple[str, ...]
    mean_height: float


@dataclass(frozen=True, eq=False)
class Cleaned:
    """The tiles that were kept, and a judgement of every tile, in the order in which they came."""

    kept: list[Tile]
    judgements: tuple[Judgement, ...]
    threshold: float

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": "assay.canopy.cleaning/1",
            "tiles": len(self.judgements),
            "dropped": sum(j.dropped for j in self.judgements),
            "threshold": self.threshold,
            "judgements": [
                {
                    "tile": j.name,
                    "site": j.site,
                    "wrong": round(j.wrong, 4),
                    "dropped": j.dropped,
                    "reasons": list(j.reasons),
                    "mean_height_m": round(j.mean_height, 2),
                }
                for j in self.judgements
            ],
        }

    def by_height(self) -> list[tuple[str, int, int]]:
        """By mean height: how many tiles there are, and how many were dropped. Tall forest must not be singled out."""
        found = []
        for number in range(len(BINS) - 1):
            inside = [j for j in self.judgements if BINS[number] <= j.mean_height < BINS[number + 1]]
            if inside:
                found.append((bin_name(number), len(inside), sum(j.dropped for j in inside)))
        return found


def clean(
    tiles: Sequence[Tile],
    predictions: Sequence[Heights] | None = None,
    *,
    false_alarms: float = FALSE_ALARMS,
    seed: int = 0,
) -> Cleaned:
    """Judge the labels of `tiles`. At most about `false_alarms` of the good ones are dropped, fewer where all are good.

    `predictions` (H, W in metres, one per tile) must come from models that did not see the tile's own label; without
    them a weak model is cross-fitted, and fitted again without the labels that look wrong.
    """
    if len(tiles) < LEAST_TILES:
        raise BadInput(
            f"Cleaning learns from the tiles themselves: {len(tiles)} are too few, {LEAST_TILES} are needed."
        )
    if not 0 < false_alarms < 1:
        raise BadInput("The share of false alarms must be between 0 and 1.")
    bench = _Bench(tiles, seed)
    good = np.ones(len(tiles), bool)
    for _ in range(_ROUNDS):
        predicted = list(predictions) if predictions is not None else cross_fitted(tiles, seed=seed, trusted=good)
        wrong, why = bench.judge(predicted, good)
        good = wrong < _DOUBT
        if good.sum() < LEAST_TILES / 2:
            raise BadInput("More than half of the labels look wrong: register them first, or look at the imagery.")
    threshold = max(_DOUBT, float(np.quantile(wrong[good], 1 - false_alarms)))
    judgements = tuple(
        Judgement(tile.name, tile.site, float(w), bool(w >= threshold), words, _mean(tile.height))
        for tile, w, words in zip(tiles, wrong, why, strict=True)
    )
    kept = [tile for tile, judgement in zip(tiles, judgements, strict=True) if not judgement.dropped]
    return Cleaned(kept, judgements, threshold)


class _Bench:
    """The tiles with what does not change from round to round: their channels, moments, folds and spoilt labels."""

    def __init__(self, tiles: Sequence[Tile], seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.tiles = tiles
        self.fold = draw.permutation(len(tiles)) % _FOLDS
        self.owner = np.repeat(np.arange(len(tiles)), _SPOILT)
        self.spoilt: list[Heights] = []
        self.given, self.wrong = [], []  # moments of the labels as they are, and of the spoilt ones
        heights = [tile.height for tile in tiles]
        for number, tile in enumerate(tiles):
            image = image_channels(tile.rgb, tile.seen)
            self.given.append(fitting(image, tile.seen, tile.height, tile.gsd_m))
            for _ in range(_SPOILT):
                others = [heights[k] for k in draw.choice(len(tiles), 4) if k != number]
                label, _ = corrupted(tile.height, others, draw)
                label = np.where(tile.seen, label, np.float32(np.nan))
                self.spoilt.append(label)
                self.wrong.append(fitting(image, tile.seen, label, tile.gsd_m))

    def judge(self, predicted: Sequence[Heights], good: NDArray[np.bool_]) -> tuple[Array, list[tuple[str, ...]]]:
        """For each tile how likely its label is wrong, by a classifier of the other folds, and the main reasons."""
        relations = self._relations(good)
        given = np.array([self._figures(k, predicted, relations) for k in range(len(self.tiles))])
        spoilt = np.array([self._spoilt_figures(k, predicted, relations) for k in range(len(self.owner))])
        wrong = np.zeros(len(self.tiles))
        why: list[tuple[str, ...]] = [()] * len(self.tiles)
        for number in range(_FOLDS):
            mine = np.flatnonzero(self.fold == number)
            teachers = good & (self.fold != number)
            classifier = fit_classifier(given[teachers], spoilt[teachers[self.owner]])
            wrong[mine] = classifier.probability(given[mine])
            for k in mine:
                why[k] = _reasons(classifier, given[k])
        return wrong, why

    def _relations(self, good: NDArray[np.bool_]) -> Array:
        """For each tile what imagery and heights of the other good ones have to do with one another where they are."""
        each = np.array([fit.moments.at(0, 0) for fit in self.given])
        weight = good.astype(np.float64)[:, None, None]
        rest = (each * weight).sum(axis=0) - each * weight
        found: Array = rest / (weight.sum() - weight)
        return found

    def _figures(self, k: int, predicted: Sequence[Heights], relations: Array) -> Array:
        return figures(self.tiles[k].height, predicted[k], self.given[k], relations[k])

    def _spoilt_figures(self, k: int, predicted: Sequence[Heights], relations: Array) -> Array:
        tile = int(self.owner[k])
        return figures(self.spoilt[k], predicted[tile], self.wrong[k], relations[tile])


def _reasons(classifier: Classifier, found: Array) -> tuple[str, ...]:
    """What speaks most against a label, in words."""
    pull = classifier.pull(found)
    worst = [k for k in np.argsort(-pull) if pull[k] > 0.2][:_REASONS]
    high = found > classifier.centre
    return tuple(WORDS[k][int(high[k])] for k in worst)


def _mean(height: Heights) -> float:
    known = height[np.isfinite(height)]
    return float(known.mean()) if known.size else 0.0
