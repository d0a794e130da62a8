"""Other ways to write the kept values, for the ablation: not rounded at all, and as the original code rounds them.

All keep the same entries as `wire.compress`; only the values differ.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import torch
from torch import Tensor

from assay.pretrain import wire
from assay.pretrain.aggregate import Sparse
from assay.pretrain.sparseloco import SparseLoCo

INDEX_BITS = 12  # per value in the original payload; its own two-bit values take 8 bits each there


@dataclass(frozen=True)
class Kept:
    """Entries of a tensor with values of any kind."""

    shape: tuple[int, ...]
    where: Tensor
    amounts: Tensor
    value_bits: int = 32

    def indices(self) -> Tensor:
        return self.where

    def values(self) -> Tensor:
        return self.amounts

    @cached_property
    def square_norm(self) -> float:
        return math.fsum((self.amounts.double() ** 2).tolist())


class WithoutRounding(SparseLoCo):
    """Top-k, float32 values."""

    def _compress(self, tensors: Mapping[str, Tensor]) -> dict[str, wire.SparseTensor]:
        kept = super()._compress(tensors)
        exact = {
            name: Kept(tuple(part.shape), part.indices(), tensors[name].reshape(-1)[part.indices()])
            for name, part in kept.items()
        }
        return cast(dict[str, wire.SparseTensor], exact)


class OriginalRounding(SparseLoCo):
    """Top-k, and the published code's two bits: statistics per tensor, levels at -3, -1.5, 0 and 1.5 sigma."""

    def _compress(self, tensors: Mapping[str, Tensor]) -> dict[str, wire.SparseTensor]:
        kept = super()._compress(tensors)
        rounded = {}
        for name, part in kept.items():
            where = part.indices()
            values = original_rounding(tensors[name].reshape(-1)[where])
            rounded[name] = Kept(tuple(part.shape), where, values, value_bits=8)
        return cast(dict[str, wire.SparseTensor], rounded)


def original_rounding(values: Tensor) -> Tensor:
    """Values as the published code would give them back after sending."""
    shift = values.mean()
    centred = values - shift
    sigma = centred.norm() / math.sqrt(max(values.numel() - 1, 1))
    if sigma == 0:
        return values.clone()
    bins = torch.clamp(torch.round(centred / (1.5 * sigma) + 2), 0, 3).long()
    counts = torch.bincount(bins, minlength=4).clamp(min=1)
    sums = torch.zeros(4, dtype=centred.dtype).index_add_(0, bins, centred)
    return (sums / counts)[bins] + shift


def payload_bytes(contribution: Mapping[str, Sparse]) -> int:
    """What a contribution weighs on the wire: real bytes, or, for another quantiser, its bits per value."""
    if all(isinstance(part, wire.SparseTensor) for part in contribution.values()):
        return len(wire.pack(cast(Mapping[str, wire.SparseTensor], contribution)))
    kept = cast(Mapping[str, Kept], contribution)
    return math.ceil(sum(len(part.where) * (INDEX_BITS + part.value_bits) for part in kept.values()) / 8)
