"""The canopy height model: a DPT decoder with 256 height bins over a backbone (DINOv3 ViT or EfficientNet-lite0).

`build` makes one from its declared architecture, `load` and `save` keep it as safetensors and model.json, and `meta`
knows the names that Meta's release uses.
"""

from assay.canopy.model.canopy import CanopyModel, Heights, build
from assay.canopy.model.config import BackboneConfig, HeadConfig, ModelConfig, Normalisation, chmv2, lite0
from assay.canopy.model.files import load, save

__all__ = [
    "BackboneConfig",
    "CanopyModel",
    "HeadConfig",
    "Heights",
    "ModelConfig",
    "Normalisation",
    "build",
    "chmv2",
    "lite0",
    "load",
    "save",
]
