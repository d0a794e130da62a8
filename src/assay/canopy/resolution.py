"""A tile at another ground resolution: what a model was trained for is what it should see.

Colour is averaged when it gets coarser and interpolated when it gets finer; heights likewise, over labelled pixels
only.
"""

from dataclasses import replace

import numpy as np
import torch
from affine import Affine
from torch import Tensor
from torch.nn import functional

from assay.canopy.tiles import Tile

_SAME = 0.02  # as a share: a tile of 0.6 m needs no resampling for a model of 0.61 m


def at_resolution(tile: Tile, gsd_m: float) -> Tile:
    """`tile` with pixels of `gsd_m` metres; as it is if it has them already."""
    factor = tile.gsd_m / gsd_m
    if abs(factor - 1) < _SAME:
        return tile
    rows, columns = (max(1, round(side * factor)) for side in tile.shape)
    colour = resized(torch.from_numpy(np.ascontiguousarray(tile.rgb)).float(), rows, columns)
    known = torch.from_numpy(np.isfinite(tile.height))[None].float()
    weight = resized(known, rows, columns)
    total = resized(torch.from_numpy(np.nan_to_num(tile.height))[None].float() * known, rows, columns)
    height = torch.where(weight > 0.5, total / weight.clamp_min(1e-6), torch.full((), float("nan")))
    seen = resized(torch.from_numpy(np.ascontiguousarray(tile.seen))[None].float(), rows, columns) > 0.5
    return replace(
        tile,
        rgb=colour.round().clamp(0, 255).to(torch.uint8).numpy(),
        height=height[0].numpy().astype(np.float32),
        seen=seen[0].numpy(),
        gsd_m=gsd_m,
        transform=tile.transform @ Affine.scale(tile.shape[1] / columns, tile.shape[0] / rows),
    )


def resized(values: Tensor, rows: int, columns: int) -> Tensor:
    """(C, H, W) at another size: bilinear, averaged where it gets coarser."""
    coarser = rows < values.shape[-2] or columns < values.shape[-1]
    return functional.interpolate(
        values[None], (rows, columns), mode="bilinear", align_corners=False, antialias=coarser
    )[0]
