"""The canopy height model as one module: colour in, metres out, and the bins if they are asked for.

It holds a backbone as its library made it and the decoder under transformers' names, so that its state has the very
keys of `CHMv2ForDepthEstimation`. Knows nothing about files, tiles or training.
"""

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from assay.canopy.model import backbones, bins
from assay.canopy.model.config import ModelConfig
from assay.canopy.model.head import Head, Reassemble
from assay.canopy.model.lite0 import DEVIATIONS
from assay.core.errors import BadInput


class Heights(NamedTuple):
    """What the model says."""

    metres: Tensor  # (B, 1, H, W)
    bins: Tensor | None  # (B, bins, H, W) weights that sum to 1 over the bins; None unless asked for


class CanopyModel(nn.Module):
    """A backbone and CHMv2's decoder."""

    def __init__(self, config: ModelConfig, backbone: nn.Module):
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.head = Head(config.head)
        if config.backbone.kind == "efficientnet-lite0":
            for layer, tap in zip(self.head.reassemble_stage.layers, config.backbone.taps, strict=True):
                if isinstance(layer, Reassemble):
                    layer.projection.weight.data.div_(DEVIATIONS.get(tap, 1.0))
        self.card: dict[str, object] = {}  # what a person should know about these weights; kept in model.json

    @property
    def multiple(self) -> int:
        """Pad height and width to multiples of this; windows at multiples of it agree with each other."""
        return self.config.multiple

    def bin_heights(self, device: torch.device | None = None) -> Tensor:
        """What the bins stand for, in metres: (bins,)."""
        head = self.config.head
        return bins.edges(head.bins, head.min_height, head.max_height, head.scale, device) * head.scale

    def forward(self, rgb: Tensor, *, with_bins: bool = False) -> Heights:
        """Normalised colour (B, 3, H, W), H and W multiples of the patch.

        If they are not multiples of `multiple`, heights come back stretched to the next, as transformers' do.
        """
        patch = self.config.backbone.patch
        if rgb.ndim != 4 or rgb.shape[1] != 3 or rgb.shape[2] % patch or rgb.shape[3] % patch:
            raise BadInput(
                f"The model takes (B, 3, H, W) with H and W multiples of {patch}; this is {tuple(rgb.shape)}."
            )
        logits = self.head(backbones.taps(self.config.backbone, self.backbone, rgb))
        head = self.config.head
        heights = bins.edges(head.bins, head.min_height, head.max_height, head.scale, rgb.device)
        if not with_bins:
            return Heights(bins.metres(logits, heights, head.scale), None)
        weights = bins.weights(logits)
        return Heights(bins.metres_of(weights, heights, head.scale), weights)

    def normalise(self, rgb: Tensor) -> Tensor:
        """uint8 colour (..., 3, H, W) to what `forward` takes."""
        return self.normalise_unit(rgb.float() / 255)

    def normalise_unit(self, colour: Tensor) -> Tensor:
        """Colour from 0 to 1 (..., 3, H, W) to what `forward` takes."""
        norm = self.config.normalisation
        mean = torch.tensor(norm.mean, device=colour.device).view(3, 1, 1)
        std = torch.tensor(norm.std, device=colour.device).view(3, 1, 1)
        return (colour - mean) / std

    @torch.inference_mode()
    def predict(self, rgb: np.ndarray) -> np.ndarray:
        """uint8 colour (3, H, W) of any size to metres (H, W); beyond the border the image is mirrored."""
        device = next(self.parameters()).device
        image = self.normalise(torch.from_numpy(np.ascontiguousarray(rgb)).to(device))[None]
        height, width = rgb.shape[-2:]
        metres = self(mirrored(image, self.multiple)).metres
        return np.asarray(metres[0, 0, :height, :width].float().cpu().numpy())

    def train(self, mode: bool = True) -> Self:
        """The backbone stays in evaluation mode: its normalisation statistics are those it was trained with."""
        super().train(mode)
        self.backbone.eval()
        return self


def mirrored(image: Tensor, multiple: int) -> Tensor:
    """(B, C, H, W) grown below and to the right to multiples, by mirroring; black borders would look like land."""
    height, width = image.shape[-2:]
    rows = _mirror(height, -(-height // multiple) * multiple).to(image.device)
    columns = _mirror(width, -(-width // multiple) * multiple).to(image.device)
    return image.index_select(-2, rows).index_select(-1, columns)


def _mirror(size: int, grown: int) -> Tensor:
    period = max(2 * size - 2, 1)
    position = torch.arange(grown) % period
    return torch.where(position < size, position, period - position).clamp(0, size - 1)


def build(config: ModelConfig, *, pretrained: bool, meta: bool = False) -> CanopyModel:
    """A model as `config` declares it.

    `pretrained` loads the backbone's weights (the decoder starts anew); `meta` makes shapes without memory.
    """
    if meta:
        with torch.device("meta"):
            return CanopyModel(config, backbones.make(config.backbone, pretrained=False))
    return CanopyModel(config, backbones.make(config.backbone, pretrained=pretrained))
