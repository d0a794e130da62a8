"""What a model says of a tile: heights and, if it can, how far they may be off.

Anything that maps a tile to a `Prediction` can be evaluated: a model, a baseline, somebody's map read from a file.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from assay.canopy.tiles import Heights, Tile
from assay.core.errors import BadInput


@dataclass(frozen=True, eq=False)
class Prediction:
    """Heights in metres for every pixel of a tile, on its grid. All arrays are (H, W) float32.

    `spread` is the model's own idea of its error in metres (the standard deviation of its bins, say), not calibrated.
    `low` and `high` are an interval that claims to hold the truth for a share `level` of the pixels.
    """

    height: Heights
    spread: Heights | None = None
    low: Heights | None = None
    high: Heights | None = None
    level: float = 0.9


Predict = Callable[[Tile], Prediction]


def checked(prediction: Prediction, tile: Tile) -> Prediction:
    """The prediction, if it speaks of every pixel that has imagery; nobody may leave out what is hard."""
    for name in ("height", "spread", "low", "high"):
        array = getattr(prediction, name)
        if array is None:
            continue
        if array.shape != tile.shape:
            raise BadInput(f"The {name} predicted for {tile.name} is {array.shape}: the tile is {tile.shape}.")
        holes = int(np.count_nonzero(~np.isfinite(array) & tile.seen))
        if holes:
            raise BadInput(f"The {name} predicted for {tile.name} is no number in {holes} pixels: predict every pixel.")
    if (prediction.low is None) != (prediction.high is None):
        raise BadInput(f"The interval predicted for {tile.name} has one end: give both `low` and `high`.")
    return prediction
