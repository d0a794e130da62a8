"""How much imagery and heights tell of one another, for every shift between them.

Both are vectors of channels per pixel. For each shift the second moments of all channels over the overlap are found
at once, by Fourier transforms, holes left out. Under a Gaussian model they give the mutual information: from one
tile's own moments, or, where other tiles are known, from the relation that those have between imagery and heights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from assay.canopy.labels.channels import Channels
from assay.canopy.tiles import Mask

Array = NDArray[np.float64]
_RIDGE = 0.02  # of a channel's variance, added to each: no two channels are taken for exactly alike


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments of image and height channels over the overlap, for every shift up to `reach` pixels.

    `covariance[reach + dy, reach + dx]` is of imagery at x and heights at x + (dy, dx). Image channels come first.
    """

    covariance: Array  # (2 reach + 1, 2 reach + 1, C + K, C + K)
    count: Array  # (2 reach + 1, 2 reach + 1): pixels in the overlap
    image: int  # C

    @property
    def reach(self) -> int:
        return len(self.count) // 2

    def at(self, rows: float, columns: float) -> Array:
        """(C + K, C + K): the covariance at the shift nearest to (`rows`, `columns`)."""
        reach = self.reach
        row, column = (int(np.clip(np.rint(v), -reach, reach)) + reach for v in (rows, columns))
        found: Array = self.covariance[row, column]
        return found


def moments(image: Channels, seen: Mask, height: Channels, known: Mask, reach: int) -> Moments:
    """Moments of image channels (C, H, W) and height channels (K, H, W), which are 0 where `seen` or `known` is not."""
    shape = [fft.next_fast_len(side + reach, real=True) for side in seen.shape]
    first, second = _with_products(image, seen), _with_products(height, known)
    of_image = np.conj(fft.rfft2(first, s=shape))
    of_height = fft.rfft2(second, s=shape)

    def correlate(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> Array:
        """sum over x of left(x) right(x + s), for all shifts s up to `reach`."""
        full = fft.irfft2(left * right, s=shape)
        rows = np.r_[-reach : reach + 1]
        found: Array = full[..., rows[:, None], rows[None, :]]
        return found

    c, k = len(image), len(height)
    count = np.maximum(correlate(of_image[0], of_height[0]), 1)  # (S, S)
    means_image = correlate(of_image[1 : c + 1], of_height[0]) / count  # (C, S, S)
    means_height = correlate(of_image[0], of_height[1 : k + 1]) / count
    both = np.empty((c + k, c + k, *count.shape))
    both[:c, :c] = _square(correlate(of_image[c + 1 :], of_height[0]) / count, c)
    both[c:, c:] = _square(correlate(of_image[0], of_height[k + 1 :]) / count, k)
    both[:c, c:] = correlate(of_image[1 : c + 1, None], of_height[None, 1 : k + 1]) / count
    both[c:, :c] = both[:c, c:].swapaxes(0, 1)
    means = np.concatenate([means_image, means_height])
    both -= means[:, None] * means[None]
    return Moments(np.ascontiguousarray(both.transpose(2, 3, 0, 1)), count, c)


def _with_products(channels: Channels, mask: Mask) -> Array:
    """The mask, the channels, and the products of all pairs of channels i <= j."""
    first, second = np.triu_indices(len(channels))
    found: Array = np.concatenate([mask[None].astype(np.float64), channels, channels[first] * channels[second]])
    return found


def _square(pairs: Array, size: int) -> Array:
    found = np.empty((size, size, *pairs.shape[1:]))
    first, second = np.triu_indices(size)
    found[first, second] = pairs
    found[second, first] = pairs
    return found


def own_information(found: Moments) -> Array:
    """(S, S): mutual information in nats per pixel, each shift from its own moments."""
    c = found.image
    whole = _regular(found.covariance)
    together = np.linalg.slogdet(whole)[1]
    apart = np.linalg.slogdet(whole[..., :c, :c])[1] + np.linalg.slogdet(whole[..., c:, c:])[1]
    information: Array = (apart - together) / 2
    return information


def shared_information(found: Moments, relation: Array) -> Array:
    """(S, S): how much likelier, in nats per pixel, the pairs of each shift are under `relation` than by chance.

    `relation` (C + K, C + K) is the covariance of well placed tiles. Negative: worse than no relation at all.
    """
    c = found.image
    whole = _regular(relation)
    apart = np.zeros_like(whole)
    apart[:c, :c], apart[c:, c:] = whole[:c, :c], whole[c:, c:]
    precision = np.linalg.inv(whole) - np.linalg.inv(apart)
    constant = np.linalg.slogdet(apart)[1] - np.linalg.slogdet(whole)[1]
    information: Array = (constant - np.einsum("ij,stij->st", precision, found.covariance)) / 2
    return information


def _regular(covariance: Array) -> Array:
    size = covariance.shape[-1]
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    found: Array = covariance + np.eye(size) * (_RIDGE * variance + 1e-6)[..., None, :]
    return found
