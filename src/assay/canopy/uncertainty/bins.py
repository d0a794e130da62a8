"""What a head of height bins says about its own error: the standard deviation of the bins under their weights."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def spread_of_bins(weights: "Tensor", heights: "Tensor") -> "Tensor":
    """The standard deviation in metres, (B, 1, H, W), of bin `heights` (K,) under `weights` (B, K, H, W) that sum to 1.

    The weights are no probabilities that anybody has calibrated. This is a scale to calibrate, not an interval.
    """
    centre = (weights * heights[None, :, None, None]).sum(dim=1, keepdim=True)  # (B, 1, H, W)
    # Around the mean, not as the difference of two large numbers: heights reach 96 m and weights may be half precision.
    away = (heights[None, :, None, None] - centre) ** 2
    return (weights * away).sum(dim=1, keepdim=True).clamp_min(0).sqrt()
