"""Tensors that are on the device only in the phase that needs them; in between they wait in host memory.

AdamW's moments are needed while a peer trains, the error feedback while it compresses: never both. Host buffers are
allocated once, and pinned where there is a GPU, so that copies run at the speed of the bus. Without a GPU the same
code runs with ordinary memory.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from assay.pretrain.clipping import local


class Swap:
    """Moves the contents of tensors out to the host and back, bit for bit. The tensor objects stay the same."""

    def __init__(self) -> None:
        self._out: list[tuple[Tensor, Tensor, int]] = []  # the device's tensor, its copy, bytes of its storage
        self._buffers: dict[tuple[int, torch.Size, torch.dtype], Tensor] = {}

    @property
    def is_out(self) -> bool:
        return bool(self._out)

    @torch.no_grad()
    def out(self, tensors: Iterable[Tensor]) -> int:
        """Copy to the host and free the device's memory. Returns the bytes freed. Sharded tensors: this rank's part."""
        if self._out:
            raise RuntimeError("What was swapped out must be brought back before anything else is.")
        parts = [local(tensor) for tensor in tensors]
        for number, part in enumerate(parts):
            buffer = self._buffer(number, part)
            buffer.copy_(part, non_blocking=True)
            self._out.append((part, buffer, part.untyped_storage().nbytes()))
        if any(part.is_cuda for part in parts):
            torch.cuda.synchronize()
        for part, _, _ in self._out:
            part.untyped_storage().resize_(0)
        return sum(size for _, _, size in self._out)

    @torch.no_grad()
    def back(self) -> None:
        """Bring back what is out."""
        for part, buffer, size in self._out:
            part.untyped_storage().resize_(size)
            part.copy_(buffer, non_blocking=True)
        if any(part.is_cuda for part, _, _ in self._out):
            torch.cuda.synchronize()
        self._out = []

    def _buffer(self, number: int, part: Tensor) -> Tensor:
        key = (number, part.shape, part.dtype)
        if key not in self._buffers:
            self._buffers[key] = torch.empty(part.shape, dtype=part.dtype, pin_memory=part.is_cuda)
        return self._buffers[key]


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    """The large tensors of an optimiser's state, in an order that does not change. Step counters stay in place."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            for name in sorted(state):
                if isinstance(state[name], Tensor) and local(state[name]).numel() > 1:
                    yield state[name]
