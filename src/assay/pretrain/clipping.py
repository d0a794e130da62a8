"""Clipping gradients by a norm that does not depend on how the parameters are sharded.

`torch.nn.utils.clip_grad_norm_` adds up in an order of its own, so that two shards and one whole differ in the last
bit, and with them everything that follows. Here each row is added up by itself, and the rows' sums exactly rounded.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor


@torch.no_grad()
def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients so that their norm is at most `max_norm` (0: never). Returns the norm before.

    Sharded parameters (DTensors with rows sharded over one process group) give the same bits as whole ones on the same
    kind of machine; all ranks must call it.
    """
    held = list(parameters)
    gradients = [local(parameter.grad) for parameter in held if parameter.grad is not None]
    sums = [one for gradient in gradients for one in _row_sums(gradient)]
    norm = math.sqrt(math.fsum(_everyones(sums, _group(held))))
    if max_norm > 0 and norm > max_norm:
        for gradient in gradients:
            gradient.mul_(max_norm / norm)
    return norm


def local(tensor: Tensor) -> Tensor:
    """This rank's part of a sharded tensor; a tensor that is not sharded is its own part. No copy."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _row_sums(gradient: Tensor) -> Sequence[float]:
    """The sum of squares of each row, in float64. Rows are what sharding keeps together."""
    if gradient.numel() == 0:
        return []
    rows = gradient.detach().reshape(gradient.shape[0] if gradient.ndim else 1, -1).double()
    if gradient.device.type == "cpu":  # numpy adds every row in the same order, however many there are
        return cast(Sequence[float], (rows.numpy() ** 2).sum(axis=1).tolist())
    return cast(Sequence[float], rows.square().sum(dim=1).tolist())


def _group(parameters: Sequence[Tensor]) -> Any:
    for parameter in parameters:
        if isinstance(parameter, DTensor):
            return parameter.device_mesh.get_group()
    return None


def _everyones(sums: Sequence[float], group: Any) -> Sequence[float]:
    if group is None:
        return sums
    gathered: list[Any] = [None] * dist.get_world_size(group)
    dist.all_gather_object(gathered, sums, group=group)
    return [one for part in gathered for one in part]
