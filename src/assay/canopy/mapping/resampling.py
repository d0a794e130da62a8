"""From native pixels to the model's and back, by positions alone: the same pixel comes out the same from any window.

Down to a coarser grid each pixel is the mean of what it covers, up to a finer one it lies on a line between the two
nearest centres. Beyond the edge of the data the imagery is mirrored. One direction at a time.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assay.canopy.mapping.lattice import Span

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Taps:
    """Each output pixel as a weighted sum of inputs: `places` and `weights` are (outputs, taps)."""

    places: Places
    weights: NDArray[np.float32]

    def apply(self, values: Tensor, dim: int) -> Tensor:
        """`values` (..., inputs, ...) along `dim` to (..., outputs, ...)."""
        shape = [1] * values.dim()
        shape[dim] = len(self.places)
        total: Tensor | None = None
        for tap in range(self.places.shape[1]):
            index = torch.from_numpy(np.ascontiguousarray(self.places[:, tap])).to(values.device)
            weight = torch.from_numpy(np.ascontiguousarray(self.weights[:, tap])).to(values.device).view(shape)
            part = values.index_select(dim, index) * weight
            total = part if total is None else total + part
        assert total is not None  # noqa: S101 - there is at least one tap
        return total


def mirrored(places: Places, data: Span) -> Places:
    """Places outside of `data` as their mirror images within: the edge pixel itself is not repeated."""
    if len(data) == 1:
        return np.full_like(places, data.start)
    period = 2 * (len(data) - 1)
    folded = (places - data.start) % period
    return data.start + np.minimum(folded, period - folded)


def native_span(extent: Span, ratio: float) -> Span:
    """The native pixels, mirrored ones included, that the model pixels of `extent` are made of."""
    if ratio == 1:
        return extent
    return Span(math.floor(extent.start * ratio) - 1, math.ceil(extent.stop * ratio) + 1)


def to_model(extent: Span, ratio: float) -> Taps:
    """Taps for the model pixels of `extent`; places are counted from the start of `native_span`."""
    origin = native_span(extent, ratio).start
    pixels = np.arange(extent.start, extent.stop)
    if ratio == 1:
        return Taps((pixels - origin)[:, None], np.ones((len(pixels), 1), np.float32))
    if ratio < 1:
        return _linear((pixels + 0.5) * ratio - 0.5 - origin)
    return _means(pixels * ratio - origin, ratio)


def to_native(pixels: Span, extent: Span, ratio: float) -> Taps:
    """Taps for the native pixels `pixels` from a window that shows the model pixels of `extent`."""
    native = np.arange(pixels.start, pixels.stop)
    if ratio == 1:
        return Taps((native - extent.start)[:, None], np.ones((len(native), 1), np.float32))
    if ratio < 1:  # a native pixel covers several of the model's
        taps = _means(native / ratio - extent.start, 1 / ratio)
    else:
        taps = _linear((native + 0.5) / ratio - 0.5 - extent.start)
    return Taps(taps.places.clip(0, len(extent) - 1), taps.weights)


def _linear(positions: NDArray[np.floating]) -> Taps:
    """Between the two nearest centres; `positions` are in pixels whose centres are whole numbers."""
    low = np.floor(positions)
    share = (positions - low).astype(np.float32)
    first = low.astype(np.int64)
    return Taps(np.stack([first, first + 1], 1), np.stack([1 - share, share], 1))


def _means(starts: NDArray[np.floating], width: float) -> Taps:
    """The mean over [start, start + width), parts of pixels in proportion."""
    count = math.ceil(width) + 1
    places = np.floor(starts).astype(np.int64)[:, None] + np.arange(count)[None, :]
    covered = np.minimum(places + 1, (starts + width)[:, None]) - np.maximum(places, starts[:, None])
    weights = (covered.clip(0) / width).astype(np.float32)
    return Taps(places, weights)
