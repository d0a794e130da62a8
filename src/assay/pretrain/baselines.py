"""What SparseLoCo is measured against: DiLoCo, which sends all of the pseudo-gradient, and AdamW with a gradient mean.

Both are as published (DiLoCo, arXiv 2311.08105: outer SGD with Nesterov momentum, rate 0.7, momentum 0.9). They send
float32: `dense_bytes` per round for DiLoCo, per step for data-parallel AdamW.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from assay.core.errors import BadInput
from assay.pretrain.outer import Named, OuterOptimizer


class DiLoCo(OuterOptimizer):
    """Inner steps by each peer, then one outer step of Nesterov SGD on the mean of the dense pseudo-gradients."""

    def __init__(self, params: Named, *, lr: float = 0.7, momentum: float = 0.9, nesterov: bool = True) -> None:
        if lr < 0 or not 0 <= momentum < 1:
            raise BadInput(f"lr {lr} and momentum {momentum}: the rate is not negative, the momentum in [0, 1).")
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov})
        for _, parameter in self.named():
            self.state[parameter]["momentum"] = torch.zeros_like(parameter, requires_grad=False)

    @torch.no_grad()
    def pseudo_gradient(self) -> dict[str, Tensor]:
        """What this peer sends: everything. The parameters go back to where the round began."""
        moved = {name: delta for name, _, delta in self._moved()}
        self._put_back()
        return moved

    @torch.no_grad()
    def step(self, contributions: Sequence[Mapping[str, Tensor]]) -> None:  # type: ignore[override]
        """The outer step on the mean, in the given order. Without a contribution nothing changes."""
        if not contributions:
            return
        for group in self.param_groups:
            for name, parameter in zip(group["param_names"], group["params"], strict=True):
                mean = contributions[0][name].clone()
                for contribution in contributions[1:]:
                    mean.add_(contribution[name])
                mean.mul_(1 / len(contributions))
                momentum = self.state[parameter]["momentum"].mul_(group["momentum"]).add_(mean)
                step = mean.add_(momentum.mul(group["momentum"])) if group["nesterov"] else momentum.clone()
                parameter.sub_(step.mul_(group["lr"]))


def data_parallel_step(
    loss: Callable[[Tensor], Tensor], batches: Sequence[Tensor], inner: torch.optim.Optimizer, clip_norm: float
) -> float:
    """One step of plain data parallelism: the mean of all peers' gradients, then one step of the shared optimiser.

    `batches` holds one batch per peer, of equal size. Returns the mean loss.
    """
    parameters = [parameter for group in inner.param_groups for parameter in group["params"]]
    inner.zero_grad(set_to_none=True)
    total = 0.0
    for batch in batches:
        one = loss(batch) / len(batches)
        one.backward()  # type: ignore[no-untyped-call]
        total += one.item()
    if clip_norm > 0:
        torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
    inner.step()
    return total


def dense_bytes(named: Named) -> int:
    """Bytes of all parameters in float32: what DiLoCo and data parallelism send each time."""
    return sum(4 * parameter.numel() for _, parameter in named)
