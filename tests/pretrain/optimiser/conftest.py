"""Sparse contributions made from plain arrays, the same on every machine."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from assay.pretrain import wire

SHAPES = {"embedding": (100, 130), "layer": (192, 256), "bias": (300,)}


def arrays(seed: int) -> dict[str, torch.Tensor]:
    """Random float32 tensors of SHAPES."""
    random = np.random.Generator(np.random.PCG64(seed))
    return {name: torch.from_numpy(random.standard_normal(shape, dtype=np.float32)) for name, shape in SHAPES.items()}


def contribution(seed: int, *, shared: Mapping[str, torch.Tensor] | None = None, share: float = 0.0):
    """What a peer might send: its own noise, and `share` of something that all have in common."""
    own = arrays(seed)
    return wire.compress({name: own[name] + share * (shared[name] if shared else 0) for name in own}, 64, 2)


@pytest.fixture
def honest():
    """Six contributions that have something in common."""
    common = arrays(99)
    return [contribution(seed, shared=common, share=1.0) for seed in range(6)]
