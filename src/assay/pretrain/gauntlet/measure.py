"""Measuring with torch: what one contribution alone does to the loss, and whether a peer was in step.

Everything here leaves the model as it was, to the bit. Losses are means in nats per token; sequences are integer
tensors `(sequences, context + 1)`. Results go into `evidence` and are judged elsewhere.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.pretrain.gauntlet.evidence import MAX_LOSS, MAX_STEPS, Losses
from assay.pretrain.recipe import Recipe

if TYPE_CHECKING:
    from assay.pretrain.wire import SparseTensor

LossOf = Callable[[nn.Module, Tensor], Tensor]  # mean loss of a batch (sequences, context + 1), a scalar
SYNC_PER_TENSOR = 2  # coordinates; as published
STEP_SIZE_DECAY = 0.9  # of the moving mean of |change|, per outer step
_TINY = 1e-12  # a tensor that never moved must not divide by zero


class Trial:
    """Tries contributions of one round on one model. The losses before are measured once per set of sequences."""

    def __init__(self, model: nn.Module, loss: LossOf, random: Tensor, *, step: float, batch: int = 8) -> None:
        """`step`: outer rate x step share. `random`: the round's random sequences, the same for every peer."""
        self._model, self._loss, self._step, self._batch = model, loss, step, batch
        self._random = random
        self._random_before = self._mean(random)

    def run(self, contribution: "Mapping[str, SparseTensor]", factors: Mapping[str, float], assigned: Tensor) -> Losses:
        """Losses before and after. `factors`: what clipping multiplies each tensor of this contribution by."""
        before = self._mean(assigned)
        with applied(self._model, contribution, {name: self._step * factor for name, factor in factors.items()}):
            assigned_after, random_after = self._mean(assigned), self._mean(self._random)
        return Losses(
            assigned_before=before,
            assigned_after=assigned_after,
            random_before=self._random_before,
            random_after=random_after,
        )

    def _mean(self, sequences: Tensor) -> float:
        """Mean over sequences. One batch after another, summed in order in double precision."""
        training = self._model.training
        self._model.eval()
        total = 0.0
        with torch.no_grad():
            for batch in torch.split(sequences, self._batch):
                total += float(self._loss(self._model, batch)) * len(batch)
        self._model.train(training)
        mean = total / max(1, len(sequences))
        return min(mean, MAX_LOSS) if math.isfinite(mean) else MAX_LOSS


@contextmanager
def applied(model: nn.Module, contribution: "Mapping[str, SparseTensor]", steps: Mapping[str, float]) -> Iterator[None]:
    """The model with `steps[name] * contribution[name]` taken off each parameter; afterwards as before, to the bit.

    Only the coordinates that the contribution keeps are touched and remembered.
    """
    parameters = {name: parameter.data for name, parameter in model.named_parameters()}
    kept: list[tuple[Tensor, Tensor, Tensor]] = []
    try:
        for name in sorted(contribution):
            flat = parameters[name].reshape(-1)  # a view: parameters are contiguous
            positions = contribution[name].indices().to(flat.device)
            kept.append((flat, positions, flat[positions].clone()))
            flat[positions] -= contribution[name].values().to(flat) * steps.get(name, 0.0)
        yield
    finally:
        for flat, positions, old in kept:
            flat[positions] = old


def clip_factors(norms: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """For each contribution and tensor what median-norm clipping multiplies it by: only larger ones are shortened.

    `norms` are those of all valid contributions of the round. The median is the lower one, as in aggregation.
    """
    names = sorted({name for one in norms for name in one})
    limits = {}
    for name in names:
        ordered = sorted(one.get(name, 0.0) for one in norms)
        limits[name] = ordered[(len(ordered) - 1) // 2]
    return [{name: _factor(one.get(name, 0.0), limits[name]) for name in names} for one in norms]


def _factor(norm: float, limit: float) -> float:
    return min(1.0, limit / norm) if norm > 0 else 1.0


def norms(contribution: "Mapping[str, SparseTensor]") -> dict[str, float]:
    """The length of each tensor's contribution; exactly rounded, so the same everywhere."""
    return {name: math.sqrt(contribution[name].square_norm) for name in sorted(contribution)}


def sync_coordinates(beacon: bytes, uid: int, sizes: Mapping[str, int]) -> dict[str, list[int]]:
    """Which parameters a peer must state to show that it is in step: flat positions by tensor.

    `beacon` is that of the round before, so nobody knew them when that round's work was handed in, and every peer is
    asked for others: nothing can be copied from another peer's answer.
    """
    asked = {}
    for name in sorted(sizes):
        seed = hashlib.sha256(b"assay.sync/1\0" + beacon + uid.to_bytes(8, "big") + name.encode()).digest()
        numbers = (seed[start : start + 16] for start in (0, 16))
        asked[name] = [int.from_bytes(number, "big") % sizes[name] for number in numbers][:SYNC_PER_TENSOR]
    return asked


def sync_answer(beacon: bytes, uid: int, parameters: Mapping[str, Tensor]) -> tuple[str, ...]:
    """What a peer puts into its header: the parameters that it is asked for, at the start of the round."""
    asked = sync_coordinates(beacon, uid, {name: tensor.numel() for name, tensor in parameters.items()})
    return tuple(
        float(value).hex()
        for name in sorted(asked)
        for value in parameters[name].detach().reshape(-1)[asked[name]].to("cpu", torch.float32).tolist()
    )


def sync_distance(
    answer: Sequence[str], beacon: bytes, uid: int, parameters: Mapping[str, Tensor], step_sizes: Mapping[str, float]
) -> float:
    """How many outer steps a peer is behind: the interquartile mean of |ours - theirs| / usual |change|.

    An answer of the wrong length or that is no list of finite numbers is as far behind as can be said.
    """
    ours = [float.fromhex(value) for value in sync_answer(beacon, uid, parameters)]
    theirs = _numbers(answer)
    if theirs is None or len(theirs) != len(ours):
        return MAX_STEPS
    usual = [max(step_sizes.get(name, 0.0), _TINY) for name in sorted(parameters) for _ in range(SYNC_PER_TENSOR)]
    apart = sorted(abs(a - b) / step for a, b, step in zip(ours, theirs, usual, strict=True))
    quarter = len(apart) // 4
    middle = apart[quarter : len(apart) - quarter] or apart
    return min(MAX_STEPS, sum(middle) / max(1, len(middle)))


def _numbers(answer: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float.fromhex(text) for text in answer]
    except (ValueError, OverflowError):
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


def step_sizes(
    before: Mapping[str, float], old: Mapping[str, Tensor], new: Mapping[str, Tensor], *, first: bool
) -> dict[str, float]:
    """The moving mean of |change| by tensor after an outer step from `old` to `new` parameters."""
    sizes = {}
    for name in sorted(new):
        change = float((new[name].double() - old[name].double()).abs().mean())
        sizes[name] = change if first else STEP_SIZE_DECAY * before.get(name, 0.0) + (1 - STEP_SIZE_DECAY) * change
    return sizes


def trial_step(recipe: Recipe, round_: int) -> float:
    """With how large an outer step a single contribution is tried."""
    return recipe.outer_rate(round_) * recipe.gauntlet.step_share
