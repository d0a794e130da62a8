"""A model as a function of a tile: brings the tile to the model's resolution, predicts, and brings the answer back.

With `flips` the tile is seen in eight positions and the answers are averaged: steadier, eight times the work. The
spread is the standard deviation of the bins (and of the eight answers), an uncalibrated idea of the error.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from assay.canopy.evaluation.prediction import Prediction
from assay.canopy.model import CanopyModel, load
from assay.canopy.model.canopy import mirrored
from assay.canopy.model.files import DECLARED
from assay.canopy.resolution import resized
from assay.canopy.tiles import Tile
from assay.core.errors import BadInput

_WINDOW = 512  # pixels: larger tiles are predicted in windows
_MARGIN = 64  # pixels of a window that are thrown away where another window has them


def predictor(models: CanopyModel | Sequence[CanopyModel], *, flips: bool = False) -> Callable[[Tile], Prediction]:
    """A `Predict` for `assay.canopy.evaluation.evaluate`; several models (of one resolution) are averaged."""
    several = [models] if isinstance(models, CanopyModel) else list(models)

    def predict(tile: Tile) -> Prediction:
        gsd = several[0].config.gsd_m
        rows, columns = (max(1, round(side * tile.gsd_m / gsd)) for side in tile.shape)
        colour = torch.from_numpy(np.ascontiguousarray(tile.rgb)).float() / 255
        if (rows, columns) != tile.shape:
            colour = resized(colour, rows, columns)
        found = torch.stack([_moments(model, colour, turn, flips) for model in several for turn in _turns(flips)])
        mean = found[:, 0].mean(dim=0)
        variance = (found[:, 1] + found[:, 0] ** 2).mean(dim=0) - mean**2
        both = torch.stack([mean, variance.clamp_min(0).sqrt()])
        if (rows, columns) != tile.shape:
            both = resized(both, *tile.shape)
        return Prediction(both[0].numpy().astype(np.float32), both[1].numpy().astype(np.float32))

    return predict


def trained_on(model: CanopyModel) -> frozenset[str]:
    """The sites that the model's card says it was trained on; none if it does not say."""
    named = model.card.get("trained_on")
    return frozenset(map(str, named)) if isinstance(named, list) else frozenset()


def has_models_by_site(folder: Path) -> bool:
    """Whether `folder` holds models in folders named for the sites that they never saw, and is no model itself."""
    return not (folder / DECLARED).exists() and any(folder.glob(f"*/{DECLARED}"))


def predictor_by_site(folder: Path, *, flips: bool = False) -> Callable[[Tile], Prediction]:
    """Predicts each tile with the model in `folder`/SITE, which must not have been trained on that site.

    One model is held at a time: give tiles site by site.
    """
    held: dict[str, Callable[[Tile], Prediction]] = {}

    def predict(tile: Tile) -> Prediction:
        if tile.site not in held:
            place = folder / tile.site
            if not (place / DECLARED).is_file():
                raise BadInput(f"{folder} has no model for the site {tile.site!r}: one was expected in {place}.")
            model = load(place)
            if tile.site in trained_on(model):
                raise BadInput(f"The model in {place} was trained on {tile.site}: it must be one that never saw it.")
            held.clear()
            held[tile.site] = predictor(model, flips=flips)
        return held[tile.site](tile)

    return predict


def _turns(flips: bool) -> range:
    return range(8 if flips else 1)


@torch.inference_mode()
def _moments(model: CanopyModel, colour: Tensor, turn: int, flips: bool) -> Tensor:
    """Mean and variance of the bins (2, H, W), seen in one of eight positions and turned back."""
    turned = torch.rot90(colour, turn % 4, (-2, -1))
    turned = turned.flip(-1) if turn >= 4 else turned
    found = _in_windows(model, turned)
    found = found.flip(-1) if turn >= 4 else found
    return torch.rot90(found, -(turn % 4), (-2, -1))


def _in_windows(model: CanopyModel, colour: Tensor) -> Tensor:
    rows, columns = colour.shape[-2:]
    if max(rows, columns) <= _WINDOW:
        return _window(model, colour)
    found = torch.zeros(2, rows, columns)
    step = _WINDOW - 2 * _MARGIN
    for row in range(0, rows, step):
        for column in range(0, columns, step):
            top, left = max(row - _MARGIN, 0), max(column - _MARGIN, 0)
            part = _window(model, colour[:, top : row + step + _MARGIN, left : column + step + _MARGIN])
            inner = part[:, row - top :, column - left :][:, :step, :step]
            found[:, row : row + inner.shape[1], column : column + inner.shape[2]] = inner
    return found


def _window(model: CanopyModel, colour: Tensor) -> Tensor:
    device = next(model.parameters()).device
    rows, columns = colour.shape[-2:]
    image = mirrored(model.normalise_unit(colour.to(device))[None], model.multiple)
    metres, weights = model(image, with_bins=True)
    assert weights is not None  # noqa: S101 - with_bins asks for them
    heights = model.bin_heights(device).view(1, -1, 1, 1)
    variance = (weights * (heights - metres) ** 2).sum(dim=1, keepdim=True)
    both = torch.cat([metres, variance], dim=1)[0, :, :rows, :columns]
    return both.float().cpu()
