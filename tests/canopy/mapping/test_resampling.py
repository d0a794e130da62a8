"""Resampling: constants stay, planes stay, and a pixel does not depend on the window that it is seen from."""

import numpy as np
import pytest
import torch

from assay.canopy.mapping.lattice import Span
from assay.canopy.mapping.resampling import mirrored, native_span, to_model, to_native

RATIOS = [1.0, 2.0, 0.5, 2 ** (5 / 16), 2 ** (-7 / 16), 6.5]


def there_and_back(extent: Span, ratio: float, slope: float) -> tuple[np.ndarray, np.ndarray]:
    """A plane by native pixel centres, brought to the model's pixels and back: (as it is, as it comes back)."""
    native = native_span(extent, ratio)
    values = torch.tensor((np.arange(native.start, native.stop) + 0.5) * slope + 7, dtype=torch.float32)
    model = to_model(extent, ratio).apply(values, 0)
    centres = (np.arange(extent.start, extent.stop) + 0.5) * ratio * slope + 7
    np.testing.assert_allclose(model.numpy(), centres, rtol=1e-4, atol=0.1 * slope)  # parts of pixels: a tenth of one
    pixels = Span(int(np.ceil((extent.start + 2) * ratio)), int(np.floor((extent.stop - 2) * ratio)))
    back = to_native(pixels, extent, ratio).apply(model, 0)
    return (np.arange(pixels.start, pixels.stop) + 0.5) * slope + 7, back.numpy()


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("slope", [0.0, 0.25])
def test_a_plane_comes_back_as_it_was(ratio: float, slope: float) -> None:
    there, back = there_and_back(Span(-40, 70), ratio, slope)
    assert len(there) > 20
    np.testing.assert_allclose(back, there, rtol=1e-4, atol=0.2 * slope + 1e-3)


@pytest.mark.parametrize("ratio", RATIOS)
def test_two_windows_see_the_same_pixels_where_they_overlap(ratio: float) -> None:
    world = torch.rand(4000, generator=torch.Generator().manual_seed(1))

    def window(extent: Span) -> torch.Tensor:
        native = native_span(extent, ratio)
        return to_model(extent, ratio).apply(world[native.start + 500 : native.stop + 500], 0)

    one, other = window(Span(0, 96)), window(Span(64, 160))
    assert torch.equal(one[64:], other[:32])


def test_beyond_the_edge_the_imagery_is_mirrored_without_repeating_the_edge() -> None:
    assert mirrored(np.arange(-3, 7), Span(0, 4)).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert mirrored(np.arange(-2, 3), Span(5, 6)).tolist() == [5] * 5
