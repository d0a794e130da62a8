"""The decoder: DPT as CHMv2 has it. Modules carry the names that transformers gives them, so its weights load as they
are.

Levels come in from shallow to deep. Each is projected and resized to strides 4, 8, 16 and 32 (reassemble), taken to
one width (convs), and fused from deep to shallow; every fusion doubles the resolution, and the last block reaches
the pixel. Every convolution starts with Kaiming weights: CHMv2 has them in the last block, where they mattered (its
table 5); with PyTorch's own, a signal fades on its way through the decoder, and a training of some hundred steps
does not get going.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.canopy.model.bins import edges
from assay.canopy.model.config import HeadConfig

Level = tuple[Tensor, Tensor]  # features (B, C, h, w) and the CLS token (B, C)


class Reassemble(nn.Module):
    """One level: 1 x 1 projection, then a change of resolution by `factor`."""

    def __init__(self, inputs: int, outputs: int, factor: float):
        super().__init__()
        self.projection = nn.Conv2d(inputs, outputs, 1)
        self.resize: nn.Module = nn.Identity()
        if factor > 1:
            self.resize = nn.ConvTranspose2d(outputs, outputs, int(factor), stride=int(factor))
        elif factor < 1:
            self.resize = nn.Conv2d(outputs, outputs, 3, stride=int(1 / factor), padding=1)

    def forward(self, features: Tensor) -> Tensor:
        resized: Tensor = self.resize(self.projection(features))
        return resized


class ReassembleStage(nn.Module):
    """All levels; with readout "project" the CLS token is mixed into every position first."""

    def __init__(self, config: HeadConfig):
        super().__init__()
        parts = zip(config.inputs, config.reassembled, config.factors, strict=True)
        self.layers = nn.ModuleList(Reassemble(inputs, outputs, factor) for inputs, outputs, factor in parts)
        self.readout_projects: nn.ModuleList | None = None
        if config.readout == "project":
            self.readout_projects = nn.ModuleList(
                nn.Sequential(nn.Linear(2 * width, width), nn.GELU()) for width in config.inputs
            )

    def forward(self, levels: Sequence[Level]) -> list[Tensor]:
        reassembled = []
        for index, (features, cls) in enumerate(levels):
            mixed = features
            if self.readout_projects is not None:
                tokens = features.flatten(2).transpose(1, 2)  # (B, h * w, C)
                both = torch.cat((tokens, cls.unsqueeze(1).expand_as(tokens)), dim=-1)
                mixed = self.readout_projects[index](both).transpose(1, 2).reshape(features.shape)
            reassembled.append(self.layers[index](mixed))
        return reassembled


class ResidualUnit(nn.Module):
    """ReLU and 3 x 3 convolution twice, and what came in."""

    def __init__(self, width: int):
        super().__init__()
        self.convolution1 = nn.Conv2d(width, width, 3, padding=1)
        self.convolution2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        inner: Tensor = self.convolution2(self.convolution1(features.relu()).relu())
        return inner + features


class Fusion(nn.Module):
    """What was fused so far and one shallower level, at twice the resolution."""

    def __init__(self, width: int, *, first: bool, align_corners: bool):
        super().__init__()
        self.align_corners = align_corners
        self.projection = nn.Conv2d(width, width, 1)
        if not first:
            self.residual_layer1 = ResidualUnit(width)
        self.residual_layer2 = ResidualUnit(width)

    def forward(self, fused: Tensor, level: Tensor | None = None) -> Tensor:
        if level is not None:
            if level.shape != fused.shape:  # an odd number of patches: the deeper level was rounded up
                level = functional.interpolate(level, fused.shape[-2:], mode="bilinear", align_corners=False)
            fused = fused + self.residual_layer1(level)
        fused = self.residual_layer2(fused)
        fused = functional.interpolate(fused, scale_factor=2.0, mode="bilinear", align_corners=self.align_corners)
        projected: Tensor = self.projection(fused)
        return projected


class UpConvHead(nn.Module):
    """3 x 3, twice the resolution, 3 x 3, ReLU, 1 x 1 to the bins."""

    def __init__(self, config: HeadConfig):
        super().__init__()
        half = config.fusion // 2
        self.head = nn.ModuleList(
            [
                nn.Conv2d(config.fusion, half, 3, padding=1),
                nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=config.align_corners),
                nn.Conv2d(half, config.hidden, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(config.hidden, config.bins, 1),
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        for layer in self.head:
            features = layer(features)
        return features


def _kaiming(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _start_low(last: nn.Module, config: HeadConfig) -> None:
    """Begin near 8 m with every bin alive.

    Without it a pixel begins at the mean of all bins, 33 m; on the way down most bins fall below 0 everywhere, where
    the ReLU has no slope, and what is left can hardly tell one pixel from another.
    """
    if isinstance(last, nn.Conv2d) and last.bias is not None:
        heights = edges(config.bins, config.min_height, config.max_height, config.scale) * config.scale
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.copy_(2 * torch.exp(-heights / 15) + 0.05)


class Head(nn.Module):
    """Four levels in, (B, bins, H, W) logits out, at the resolution of the image."""

    def __init__(self, config: HeadConfig):
        super().__init__()
        self.reassemble_stage = ReassembleStage(config)
        self.convs = nn.ModuleList(
            nn.Conv2d(width, config.fusion, 3, padding=1, bias=False) for width in config.reassembled
        )
        self.fusion_layers = nn.ModuleList(
            Fusion(config.fusion, first=index == 0, align_corners=config.align_corners) for index in range(4)
        )
        self.conv_depth = UpConvHead(config)
        self.apply(_kaiming)
        for unit in self.modules():
            if isinstance(unit, ResidualUnit):  # eight units one after another would double the variance each time
                unit.convolution2.weight.data.mul_(0.1)
        _start_low(self.conv_depth.head[4], config)

    def forward(self, levels: Sequence[Level]) -> Tensor:
        reassembled = self.reassemble_stage(levels)
        narrowed = [conv(level) for conv, level in zip(self.convs, reassembled, strict=True)]
        fused = self.fusion_layers[0](narrowed[3])
        for fusion, level in zip(self.fusion_layers[1:], narrowed[2::-1], strict=True):
            fused = fusion(fused, level)
        logits: Tensor = self.conv_depth(fused)
        return logits
