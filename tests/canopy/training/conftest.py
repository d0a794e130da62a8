"""Small forests whose height can be seen in the picture, and a model small enough to train in seconds."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from affine import Affine

from assay.canopy.losses import LossConfig
from assay.canopy.model import BackboneConfig, HeadConfig, ModelConfig
from assay.canopy.tiles import Tile
from assay.canopy.training import TrainConfig


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def forest(
    site: str, seed: int, size: tuple[int, int] = (96, 128), *, tallest: float = 20.0, gsd_m: float = 0.5
) -> Tile:
    """Round crowns: the taller, the greener and the wider."""
    draw = np.random.default_rng([seed, 11])
    rows, columns = np.mgrid[: size[0], : size[1]]
    height = np.zeros(size, np.float32)
    for _ in range(size[0] * size[1] // 150):
        r, c, top = draw.uniform(0, size[0]), draw.uniform(0, size[1]), draw.uniform(0.3, 1) * tallest
        distance = np.hypot(rows - r, columns - c) / (2 + 0.3 * top)
        height = np.maximum(height, np.where(distance < 1, top * (1 - distance**2), 0)).astype(np.float32)
    share = height / 40
    rgb = np.stack([140 - 220 * share, 120 + 60 * share, 90 - 120 * share]) + draw.normal(0, 6, (3, *size))
    return Tile(
        name=f"{site}_{seed}",
        site=site,
        rgb=np.clip(rgb, 0, 255).astype(np.uint8),
        height=height,
        seen=np.ones(size, bool),
        gsd_m=gsd_m,
        crs="EPSG:32611",
        transform=Affine(gsd_m, 0, 0, 0, -gsd_m, 0),
        split="train",
    )


@pytest.fixture
def forests() -> Callable[..., Tile]:
    return forest


@pytest.fixture
def tiles() -> list[Tile]:
    return [forest("A", 1), forest("A", 2), forest("B", 3, tallest=35.0)]


@pytest.fixture
def small() -> TrainConfig:
    """A tiny vision transformer: all parts of the big one, milliseconds a step."""
    model = ModelConfig(
        backbone=BackboneConfig(width=32, depth=4, heads=2, mlp=64, registers=2, taps=(0, 1, 2, 3)),
        head=HeadConfig(inputs=(32, 32, 32, 32), reassembled=(8, 8, 8, 8), fusion=16, hidden=16, bins=64),
        gsd_m=0.5,
    )
    return TrainConfig(
        model=model, pretrained=False, steps=12, batch=4, crop=32, checkpoint_every=4, loss=LossConfig(silog_eps=0.05)
    )
