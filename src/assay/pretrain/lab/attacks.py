"""Attackers who know everything: they see the round's honest contributions before they make their own.

Each attack makes one dense update that all attackers of the round send, compressed like any other, so that nothing
but its content is wrong. They measure the aggregates alone: a run has the Gauntlet before them.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from assay.pretrain.aggregate import Sparse

Dense = dict[str, Tensor]
Attack = Callable[[Dense, Sequence[Dense], int], Dense]  # own honest work, the others' work, a seed


def dense(contribution: Mapping[str, Sparse]) -> Dense:
    """A contribution with its zeros."""
    found = {}
    for name, part in contribution.items():
        flat = torch.zeros(math.prod(part.shape))
        flat[part.indices()] = part.values()
        found[name] = flat.view(tuple(part.shape))
    return found


def sign_flip(own: Dense, honest: Sequence[Dense], seed: int) -> Dense:
    return {name: -tensor for name, tensor in own.items()}


def scaled(own: Dense, honest: Sequence[Dense], seed: int) -> Dense:
    """The wrong way, and a thousand times as far."""
    return {name: -1000 * tensor for name, tensor in own.items()}


def noise(own: Dense, honest: Sequence[Dense], seed: int) -> Dense:
    """Random values with the norm of honest work, tensor by tensor."""
    random = np.random.Generator(np.random.PCG64(seed))
    found = {}
    for name, tensor in own.items():
        drawn = torch.from_numpy(random.standard_normal(tensor.shape, dtype=np.float32))
        found[name] = drawn * (tensor.norm() / drawn.norm().clamp(min=1e-30))
    return found


def alie(z: float) -> Attack:
    """A little is enough (arXiv 1902.06156): the honest mean, `z` standard deviations beside itself, per coordinate."""

    def attack(own: Dense, honest: Sequence[Dense], seed: int) -> Dense:
        found = {}
        for name in own:
            stack = torch.stack([one[name] for one in honest])
            found[name] = stack.mean(0) - z * stack.std(0)
        return found

    return attack


def ipm(epsilon: float) -> Attack:
    """Inner-product manipulation (arXiv 1903.03936): minus the honest mean."""

    def attack(own: Dense, honest: Sequence[Dense], seed: int) -> Dense:
        return {name: -epsilon * torch.stack([one[name] for one in honest]).mean(0) for name in own}

    return attack


def one_tensor(own: Dense, honest: Sequence[Dense], seed: int) -> Dense:
    """Honest but for the largest tensor, where minus the honest mean is sent."""
    largest = max(own, key=lambda name: own[name].numel())
    return {**own, largest: -torch.stack([one[largest] for one in honest]).sum(0)}


ATTACKS: Mapping[str, Attack] = {
    "sign flip": sign_flip,
    "scaled": scaled,
    "noise": noise,
    "ALIE 0.3": alie(0.3),
    "ALIE 1.5": alie(1.5),
    "IPM 0.5": ipm(0.5),
    "IPM 10": ipm(10.0),
    "one tensor": one_tensor,
}
