"""A model's declared architecture: everything that is needed to build it again, and nothing that is not.

`chmv2()` is Meta's CHMv2, number for number; `lite0()` is the open default. What is written to model.json is this.
"""

import math
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal["dinov3-transformers", "dinov3-timm", "efficientnet-lite0"]
Side = Literal["project", "ignore"]

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)

# What the CHMv2 head was trained with. DINOv3's README says 0.430 for red: right for a fresh head, not for Meta's.
CHMV2_MEAN, CHMV2_STD = (0.420, 0.411, 0.296), (0.213, 0.156, 0.143)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Normalisation(BaseModel):
    """Colour in: (value / 255 - mean) / std, per band."""

    model_config = _STRICT
    mean: tuple[float, float, float] = CHMV2_MEAN
    std: tuple[float, float, float] = CHMV2_STD

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if min(self.std) <= 0:
            raise ValueError("std must be above 0 for every band")
        return self


class BackboneConfig(BaseModel):
    """What turns colours into features at four depths. The widths and depths are a vision transformer's."""

    model_config = _STRICT
    kind: Kind = "dinov3-transformers"
    width: int = Field(1024, ge=8, le=8192)
    depth: int = Field(24, ge=1, le=64)
    heads: int = Field(16, ge=1, le=64)
    mlp: int = Field(4096, ge=8, le=32768)
    registers: int = Field(4, ge=0, le=16)
    patch: int = Field(16, ge=1, le=64)
    theta: float = Field(100.0, gt=0)
    norm_eps: float = Field(1e-6, gt=0)  # 1e-6 in transformers' configuration of CHMv2, 1e-5 in Meta's print-out
    taps: tuple[int, int, int, int] = (5, 11, 17, 23)  # zero-based blocks whose output the decoder reads
    weights: str | None = Field(None, max_length=4096)  # a hub name or a folder or file; None: random

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if list(self.taps) != sorted(set(self.taps)) or self.taps[0] < 0 or self.taps[-1] >= self.depth:
            raise ValueError(f"taps {self.taps} must rise and lie within the {self.depth} blocks")
        if self.kind != "efficientnet-lite0" and self.width % (4 * self.heads):
            raise ValueError(f"a width of {self.width} is not a multiple of 4 x {self.heads} heads")
        return self


class HeadConfig(BaseModel):
    """The decoder: reassemble four levels, fuse them from deep to shallow, 256 bins per pixel."""

    model_config = _STRICT
    inputs: tuple[int, int, int, int] = (1024, 1024, 1024, 1024)
    factors: tuple[float, float, float, float] = (4.0, 2.0, 1.0, 0.5)
    reassembled: tuple[int, int, int, int] = (128, 256, 512, 1024)
    fusion: int = Field(256, ge=2, le=2048)
    hidden: int = Field(128, ge=1, le=2048)
    bins: int = Field(256, ge=2, le=4096)
    readout: Side = "project"  # "project" mixes the CLS token into every patch; "ignore" keeps the model local
    # True as in CHMv2: then what a pixel gets depends on the size of the window. False: only on its surroundings.
    align_corners: bool = True
    min_height: float = Field(0.001, gt=0)
    max_height: float = Field(96.0, gt=0, le=1000)
    scale: float = Field(8.0, gt=0)  # heights are divided by this inside

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_height >= self.max_height / self.scale:
            raise ValueError("min_height must be below max_height / scale")
        if any(factor not in (0.25, 0.5, 1.0, 2.0, 4.0, 8.0) for factor in self.factors):
            raise ValueError("factors must be powers of two from 0.25 to 8")
        return self


# EfficientNet-lite0, block by block: how many features it gives and how many pixels each stands for.
_LITE0_WIDTHS = (16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320)
_LITE0_STRIDES = (2, 4, 4, 8, 8, 16, 16, 16, 16, 16, 16, 32, 32, 32, 32, 32)


_DEEPEST = 32  # pixels: the stride of the deepest level that the decoder fuses


class ModelConfig(BaseModel):
    """One model, declared."""

    model_config = _STRICT
    backbone: BackboneConfig = BackboneConfig()
    head: HeadConfig = HeadConfig()
    normalisation: Normalisation = Normalisation()
    gsd_m: float = Field(0.6, gt=0, le=100)  # metres per pixel the model expects

    @property
    def multiple(self) -> int:
        """Sides of an image that are multiples of this give heights of the same size: no level has to be rounded up."""
        return math.lcm(self.backbone.patch, _DEEPEST)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        taps = self.backbone.taps
        if self.backbone.kind == "efficientnet-lite0":
            widths = tuple(_LITE0_WIDTHS[tap] for tap in taps)
            strides = [_LITE0_STRIDES[tap] for tap in taps]
        else:
            widths, strides = (self.backbone.width,) * 4, [self.backbone.patch] * 4
        if self.head.inputs != widths:
            raise ValueError(f"the decoder reads {self.head.inputs} features and the backbone gives {widths}")
        reassembled = [stride / factor for stride, factor in zip(strides, self.head.factors, strict=True)]
        if reassembled != [4, 8, 16, 32]:
            raise ValueError(
                f"the levels must be at strides 4, 8, 16 and 32; with these factors they are {reassembled}"
            )
        return self


def chmv2(*, backbone: Literal["dinov3-transformers", "dinov3-timm"] = "dinov3-transformers") -> ModelConfig:
    """Meta's CHMv2: DINOv3 ViT-L/16 (SAT-493M) and its decoder."""
    weights = "facebook/dinov3-vitl16-pretrain-sat493m"
    if backbone == "dinov3-timm":
        weights = "vit_large_patch16_dinov3_qkvb.sat493m"
    return ModelConfig(backbone=BackboneConfig(kind=backbone, weights=weights))


def lite0(*, fusion: int = 32, hidden: int = 32, gsd_m: float = 0.5) -> ModelConfig:
    """The open default: EfficientNet-lite0 with the same decoder, narrower; local, so that windows make no seams."""
    widths = (24, 40, 112, 320)  # what lite0 gives at strides 4, 8, 16 and 32: the levels that DPT reassembles
    return ModelConfig(
        backbone=BackboneConfig(
            kind="efficientnet-lite0",
            width=320,
            depth=16,
            heads=1,
            mlp=1920,
            registers=0,
            patch=32,
            taps=(2, 4, 10, 15),
        ),
        head=HeadConfig(
            inputs=widths,
            factors=(1.0, 1.0, 1.0, 1.0),
            reassembled=widths,
            fusion=fusion,
            hidden=hidden,
            readout="ignore",
            align_corners=False,
        ),
        normalisation=Normalisation(mean=IMAGENET_MEAN, std=IMAGENET_STD),
        gsd_m=gsd_m,
    )
