"""From 256 numbers per pixel to a height in metres: CHMv2's bins and weights.

The bins lie between a logarithmic and a linear scale, fine near the ground. The weights are ReLU(logits) plus a tiny
shift, divided by their sum: not a softmax. Source: CHMv2, section 2.5, and its released inference code.
"""

import math

import torch
from torch import Tensor

SHIFT = 1e-8  # CHMv2 adds clamp(-min, 0, 1e-4) + 1e-8; after a ReLU the minimum is never below 0, so 1e-8 is left
_FLOOR = 1e-12


def edges(bins: int, min_height: float, max_height: float, scale: float, device: torch.device | None = None) -> Tensor:
    """The heights of the bins in units of `scale` metres: (bins,), rising."""
    top = max_height / scale
    linear = torch.linspace(min_height, top, bins, device=device)
    logarithmic = torch.linspace(math.log(min_height), math.log(top), bins, device=device).exp()
    share = torch.linspace(1.0, 0.0, bins, device=device)
    return share * logarithmic + (1.0 - share) * linear


def weights(logits: Tensor) -> Tensor:
    """(B, bins, H, W) logits to weights that sum to 1."""
    positive = logits.float().relu() + SHIFT
    return positive / positive.sum(dim=1, keepdim=True).clamp_min(_FLOOR)


def metres_of(weights: Tensor, heights: Tensor, scale: float) -> Tensor:
    """Weights (B, bins, H, W) over `heights` (bins,) to metres (B, 1, H, W)."""
    return (weights * heights.view(1, -1, 1, 1)).sum(dim=1, keepdim=True).clamp_min(_FLOOR) * scale


def metres(logits: Tensor, heights: Tensor, scale: float) -> Tensor:
    """The same as `metres_of(weights(logits))` without ever holding the weights: two weighted sums and a division."""
    positive = logits.float().relu().flatten(2)  # (B, bins, H * W)
    sides = torch.stack([torch.ones_like(heights), heights])  # (2, bins)
    with torch.autocast(logits.device.type, enabled=False):  # in half precision 30 m would come in steps of 0.1 m
        both = torch.matmul(sides, positive).view(logits.shape[0], 2, *logits.shape[2:])  # (B, 2, H, W)
    total, summed = both[:, :1] + SHIFT * heights.numel(), both[:, 1:] + SHIFT * heights.sum()
    found: Tensor = (summed / total.clamp_min(_FLOOR)).clamp_min(_FLOOR) * scale
    return found
