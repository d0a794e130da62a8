"""What imagery and heights show in fine detail, as channels that can be compared: light, colour, relief, slopes.

All channels are centred and scaled per tile, so exposure, haze and the general height of a forest do not matter.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from assay.canopy.tiles import Heights, Mask

Channels = NDArray[np.float64]

# Pixels: what lies between two blurs. Of the imagery only the finest is used: coarser light is shadow, which lies
# beside the tree that casts it, and pulls labels towards the sun.
_FINE, _MIDDLE = (0.7, 2.0), (1.5, 4.5)
# Pixels: slopes so coarse that they take up what shade does beside a crown; fine relief then says where it is.
_SLOPE = 2.5
_FACET = 0.6  # pixels: the surface whose normals the sun lights


def image_channels(rgb: NDArray[np.uint8], seen: Mask, prediction: Heights | None = None) -> Channels:
    """(C, H, W): fine light and colour; a predicted height adds its own relief."""
    colour = rgb.astype(np.float64) + 1
    total = colour.sum(axis=0)
    green = (2 * colour[1] - colour[0] - colour[2]) / total
    warm = (colour[0] - colour[2]) / total
    found = [_band(values, seen, _FINE) for values in (np.log(total), green, warm)]
    if prediction is not None:
        found += [_band(prediction.astype(np.float64), seen, band) for band in (_FINE, _MIDDLE)]
    return _scaled(np.stack(found), seen)


def height_channels(height: Heights, gsd_m: float) -> Channels:
    """(K, H, W): relief in two bands, cover, coarse slopes, and the normals of the surface, which give its light."""
    known = np.isfinite(height)
    filled = _filled(height, known)
    cover = np.tanh(filled / 4)
    found = [_band(filled, known, _FINE), _band(filled, known, _MIDDLE), _band(cover, known, _FINE)]
    coarse, fine = _blur(filled, known, _SLOPE), _blur(filled, known, _FACET)
    found += [ndimage.sobel(coarse, axis=axis) for axis in (0, 1)]
    rise = [ndimage.sobel(fine, axis=axis) / (8 * gsd_m) for axis in (0, 1)]  # metres per metre
    length = np.sqrt(1 + rise[0] ** 2 + rise[1] ** 2)
    found += [_band(part / length, known, _FINE) for part in (*rise, np.ones_like(length))]
    return _scaled(np.stack(found), known)


def _band(values: NDArray[np.float64], known: Mask, band: tuple[float, float]) -> NDArray[np.float64]:
    return _blur(values, known, band[0]) - _blur(values, known, band[1])


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
