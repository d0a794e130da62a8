"""A model of a few thousand weights, drawn from a seed: what it says is wrong, and says something everywhere."""

import torch

from assay.canopy.model import BackboneConfig, CanopyModel, HeadConfig, ModelConfig, build


def tiny_model(seed: int = 1, trained_on: tuple[str, ...] = ()) -> CanopyModel:
    backbone = BackboneConfig(
        width=16, depth=4, heads=2, mlp=32, registers=1, patch=16, taps=(0, 1, 2, 3), weights=None
    )
    head = HeadConfig(inputs=(16, 16, 16, 16), reassembled=(4, 4, 4, 4), fusion=4, hidden=4, bins=16)
    torch.manual_seed(seed)
    model = build(ModelConfig(backbone=backbone, head=head, gsd_m=0.5), pretrained=False)
    model.card = {"trained_on": list(trained_on)}
    return model
