"""What imagery and heights show at several scales, as channels that can be compared: light, colour, texture, relief.

All channels are centred and scaled per tile, so exposure, haze and the general height of a forest do not matter.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from assay.canopy.tiles import Heights, Mask

Channels = NDArray[np.float64]

_BANDS = ((0.7, 2.0), (1.5, 4.5), (3.5, 10.0))  # pixels: what lies between two blurs


def image_channels(rgb: NDArray[np.uint8], seen: Mask, prediction: Heights | None = None) -> Channels:
    """(C, H, W): light and colour in three bands, and texture; a predicted height adds its own bands."""
    colour = rgb.astype(np.float64) + 1
    light = np.log(colour.sum(axis=0))
    green = (2 * colour[1] - colour[0] - colour[2]) / colour.sum(axis=0)
    warm = (colour[0] - colour[2]) / colour.sum(axis=0)
    found = [*_bands(light, seen), *_bands(green, seen)[1:], _bands(warm, seen)[1]]
    fine = found[0]
    found.append(_blur(np.abs(fine), seen, 2.5))
    if prediction is not None:
        found += _bands(prediction.astype(np.float64), seen)
    return _scaled(np.stack(found), seen)


def height_channels(height: Heights) -> Channels:
    """(K, H, W): relief in three bands, cover, and slopes along both axes, which the sun lights from one side."""
    known = np.isfinite(height)
    filled = _filled(height, known)
    cover = np.tanh(filled / 4)
    found = [*_bands(filled, known), _bands(cover, known)[1]]
    for blur in (1.0, 2.5):
        smooth = _blur(filled, known, blur)
        found += [ndimage.sobel(smooth, axis=axis) for axis in (0, 1)]
    return _scaled(np.stack(found), known)


def _bands(values: NDArray[np.float64], known: Mask) -> list[NDArray[np.float64]]:
    return [_blur(values, known, fine) - _blur(values, known, coarse) for fine, coarse in _BANDS]


def _blur(values: NDArray[np.float64], known: Mask, sigma: float) -> NDArray[np.float64]:
    """A Gaussian mean over the known pixels only."""
    total = ndimage.gaussian_filter(np.where(known, values, 0.0), sigma, mode="reflect", truncate=3)
    weight = ndimage.gaussian_filter(known.astype(np.float64), sigma, mode="reflect", truncate=3)
    found: NDArray[np.float64] = total / np.maximum(weight, 1e-3)
    return found


def _filled(height: Heights, known: Mask) -> NDArray[np.float64]:
    """Heights with holes filled by the nearest known one, so that no edge appears where a hole begins."""
    if known.all():
        return height.astype(np.float64)
    if not known.any():
        return np.zeros(height.shape)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    found: NDArray[np.float64] = height[tuple(nearest)].astype(np.float64)
    return found


def _scaled(channels: Channels, known: Mask) -> Channels:
    """Each channel with mean 0 and deviation 1 over the known pixels, cut at 4 deviations, and 0 elsewhere."""
    if not known.any():
        return np.zeros_like(channels)
    values = channels[:, known]
    centred = channels - values.mean(axis=1)[:, None, None]
    deviation = values.std(axis=1)[:, None, None]
    found: Channels = np.where(known, np.clip(centred / np.maximum(deviation, 1e-9), -4, 4), 0)
    return found
