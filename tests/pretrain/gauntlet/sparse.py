"""Pseudo-gradients as a validator sees them: made up, with what honest peers of one round have in common."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from assay.pretrain.wire import SparseTensor, compress

SHAPES = {"embedding": (96, 128), "layer.weight": (128, 192), "layer.down": (192, 128), "norm": (128,)}
Contribution = dict[str, SparseTensor]


def direction(seed: int, shapes: Mapping[str, tuple[int, ...]] = SHAPES) -> dict[str, Tensor]:
    """Dense Gaussian tensors with heavy tails, as pseudo-gradients have."""
    random = np.random.Generator(np.random.PCG64(seed))
    return {
        name: torch.from_numpy(random.standard_t(4, size=shape).astype(np.float32)) for name, shape in shapes.items()
    }


def mixed(a: Mapping[str, Tensor], b: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """`share` of a and the rest of b, in the sense of variance."""
    return {name: a[name] * share**0.5 + b[name] * (1 - share) ** 0.5 for name in a}


def honest(uid: int, round_: int = 0, common: float = 0.3) -> dict[str, Tensor]:
    """What a peer learnt: partly the direction that everybody finds in this round."""
    return mixed(direction(1_000 + round_), direction(2_000 + 100 * round_ + uid), common)


def sent(dense: Mapping[str, Tensor]) -> Contribution:
    return compress(dense, k=64, bits=2)
