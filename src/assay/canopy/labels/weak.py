"""A weak model of height from imagery that is fitted in seconds: what labels are compared with before a real model is.

Each pixel is described by light, colour and texture at several scales, passed through fixed random rectifiers, and a
ridge regression. Cross-fitted: what is predicted for a tile comes from the other folds, so no label vouches for itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from assay.canopy.evaluation.prediction import Prediction
from assay.canopy.tiles import Heights, Tile
from assay.core.errors import BadInput

Array = NDArray[np.float64]

_HIDDEN = 120
_PIXELS = 1500  # of one tile: neighbours tell little
_RIDGE = 3e-3  # of the pixels' number


@dataclass(frozen=True, eq=False)
class WeakModel:
    """Height as a ridge regression on random rectified features, never below 0."""

    centre: Array  # (D,) of the descriptions
    scale: Array
    mix: Array  # (D + 1, hidden), random
    weights: Array  # (hidden + 1,)

    def heights(self, tile: Tile) -> Heights:
        described = describe(tile)
        rows = described.reshape(len(described), -1).T
        found = _rectified(rows, self.centre, self.scale, self.mix) @ self.weights
        return np.maximum(found, 0).reshape(tile.shape).astype(np.float32)

    def __call__(self, tile: Tile) -> Prediction:
        return Prediction(self.heights(tile))


def fit_weak(tiles: Sequence[Tile], *, seed: int = 0) -> WeakModel:
    """Fit to all labelled pixels of `tiles` (a few thousand of each)."""
    return _solve(_Sample.of(tiles, seed), np.ones(len(tiles), bool))


def cross_fitted(
    tiles: Sequence[Tile], *, folds: int = 5, seed: int = 0, trusted: NDArray[np.bool_] | None = None
) -> list[Heights]:
    """A prediction for each tile by a model that was fitted without its fold, and to `trusted` tiles only."""
    sample = _Sample.of(tiles, seed)
    fold = np.random.default_rng(seed).permutation(len(tiles)) % min(folds, len(tiles))
    good = np.ones(len(tiles), bool) if trusted is None else trusted
    models = {}
    for number in range(fold.max() + 1):
        used = good & (fold != number)
        models[number] = _solve(sample, used if used.any() else good)
    return [models[int(number)].heights(tile) for number, tile in zip(fold, tiles, strict=True)]


@dataclass(frozen=True, eq=False)
class _Sample:
    """Described pixels of many tiles."""

    rows: Array  # (N, D)
    heights: Array  # (N,)
    owner: NDArray[np.int64]  # (N,): which tile
    mix: Array

    @classmethod
    def of(cls, tiles: Sequence[Tile], seed: int) -> "_Sample":
        draw = np.random.default_rng(seed)
        rows, heights, owner = [], [], []
        for number, tile in enumerate(tiles):
            places = np.flatnonzero(tile.labelled)
            if len(places) > _PIXELS:
                places = draw.choice(places, _PIXELS, replace=False)
            described = describe(tile)
            rows.append(described.reshape(len(described), -1)[:, places].T)
            heights.append(tile.height.ravel()[places].astype(np.float64))
            owner.append(np.full(len(places), number))
        if not rows or not sum(map(len, heights)):
            raise BadInput("There is nothing to fit a weak model to: no tile has labelled pixels.")
        size = rows[0].shape[1]
        mix = draw.normal(size=(size + 1, _HIDDEN)) / np.sqrt(size)
        return cls(np.concatenate(rows), np.concatenate(heights), np.concatenate(owner), mix)


def _solve(sample: _Sample, used: NDArray[np.bool_]) -> WeakModel:
    chosen = used[sample.owner]
    rows, heights = sample.rows[chosen], sample.heights[chosen]
    centre, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    features = _rectified(rows, centre, scale, sample.mix)
    gram = features.T @ features + _RIDGE * len(features) * np.eye(features.shape[1])
    weights: Array = np.linalg.solve(gram, features.T @ heights).astype(np.float64)
    return WeakModel(centre, scale, sample.mix, weights)


def _rectified(rows: Array, centre: Array, scale: Array, mix: Array) -> Array:
    """(N, hidden + 1): a constant, and random rectifiers of the scaled descriptions."""
    scaled = np.clip((rows - centre) / scale, -5, 5)
    hidden = np.maximum(scaled @ mix[:-1] + mix[-1], 0)
    return np.concatenate([np.ones((len(rows), 1)), hidden], axis=1)


def describe(tile: Tile) -> Array:
    """(D, H, W): light, colour and texture of each pixel and its surroundings, relative to the tile and as they are."""
    colour = tile.rgb.astype(np.float64) + 1
    total = colour.sum(axis=0)
    light = np.log(total)
    green = (2 * colour[1] - colour[0] - colour[2]) / total
    warm = (colour[0] - colour[2]) / total
    seen = tile.seen
    middle = float(np.median(light[seen])) if seen.any() else 0.0
    dark = (light < middle - 0.5).astype(np.float64)
    blurred = {sigma: _blur(light, sigma) for sigma in (1.0, 2.0, 4.0, 8.0)}
    found = [light - middle, *(blur - middle for blur in blurred.values()), blurred[4.0]]
    for values in (green, warm):
        found += [_blur(values, 1.0), _blur(values, 4.0)]
    for fine, coarse in ((1.0, 2.0), (2.0, 4.0), (4.0, 8.0)):
        found.append(_blur(np.abs(blurred[fine] - blurred[coarse]), 2 * coarse))
    found.append(_blur(np.abs(light - blurred[1.0]), 4.0))
    found += [_blur(dark, 3.0), _blur(dark, 9.0)]
    return np.stack(found)


def _blur(values: Array, sigma: float) -> Array:
    found: Array = ndimage.gaussian_filter(values, sigma, mode="reflect", truncate=3)
    return found
