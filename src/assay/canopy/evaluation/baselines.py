"""What a model has to be better than: the mean height of the training sites, and a linear function of colour."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.canopy.evaluation.prediction import Prediction
from assay.canopy.tiles import Tile
from assay.core.errors import BadInput

_PIXELS = 50_000  # of one tile


@dataclass(frozen=True)
class Constant:
    """The same height everywhere."""

    metres: float

    @classmethod
    def fit(cls, tiles: Iterable[Tile]) -> "Constant":
        """The mean over all labelled pixels: the constant with the least squared error on the training sites."""
        total, count = 0.0, 0
        for tile in tiles:
            known = tile.height[tile.labelled].astype(np.float64)
            total, count = total + float(known.sum()), count + known.size
        if not count:
            raise BadInput("There is nothing to fit a baseline to: no training tile has labelled pixels.")
        return cls(total / count)

    def __call__(self, tile: Tile) -> Prediction:
        return Prediction(np.full(tile.shape, self.metres, np.float32))


@dataclass(frozen=True, eq=False)
class LinearColour:
    """A linear function of red, green and blue of each pixel, never below 0."""

    weights: NDArray[np.float64]  # (4,): the constant, then metres per unit of red, green and blue in 0..1

    @classmethod
    def fit(cls, tiles: Iterable[Tile], *, seed: int = 0) -> "LinearColour":
        """Least squares over the labelled pixels of the training sites."""
        draw = np.random.default_rng(seed)
        gram, moment = np.zeros((4, 4)), np.zeros(4)
        for tile in tiles:
            places = np.flatnonzero(tile.labelled)
            if len(places) > _PIXELS:
                places = draw.choice(places, _PIXELS, replace=False)
            features = _colours(tile).reshape(4, -1)[:, places]
            gram += features @ features.T
            moment += features @ tile.height.ravel()[places].astype(np.float64)
        if not gram[0, 0]:
            raise BadInput("There is nothing to fit a baseline to: no training tile has labelled pixels.")
        # A little of the identity: imagery of one colour has no unique answer.
        return cls(np.linalg.solve(gram + 1e-6 * gram[0, 0] * np.eye(4), moment))

    def __call__(self, tile: Tile) -> Prediction:
        height = np.tensordot(self.weights, _colours(tile), axes=1)
        return Prediction(np.maximum(height, 0).astype(np.float32))


def _colours(tile: Tile) -> NDArray[np.float64]:
    """(4, H, W): ones, red, green, blue."""
    return np.concatenate([np.ones((1, *tile.shape)), tile.rgb / 255.0])
