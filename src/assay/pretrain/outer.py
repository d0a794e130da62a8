"""What every outer optimiser does in a round: remember where it began, and measure how far the inner steps went.

The parameters at the start of a round are the same for everybody. Inner steps move a peer's own copy; the difference is
its pseudo-gradient, and the parameters go back to where they were. What is sent, and how everyone's pseudo-gradients
become one outer step, is up to the optimiser: `sparseloco.SparseLoCo`, `baselines.DiLoCo`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from assay.core.errors import BadInput

Named = Iterable[tuple[str, Tensor]]  # what `Module.named_parameters()` gives


class OuterOptimizer(torch.optim.Optimizer):
    """A `torch.optim.Optimizer` over named float32 parameters whose steps are rounds. `lr` is the outer rate.

    Learning-rate schedules of `torch.optim.lr_scheduler` work on it as on any optimiser. Its state may be saved between
    rounds; within a round it is not complete, for the parameters have moved.
    """

    def __init__(self, params: Named, defaults: dict[str, Any]) -> None:
        super().__init__(list(params), defaults)
        self._base: dict[str, Tensor] = {}
        for name, parameter in self.named():
            if parameter.dtype != torch.float32:
                raise BadInput(f"{name} is {parameter.dtype}: the outer optimiser's parameters are torch.float32.")

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Names and parameters, in their order."""
        for group in self.param_groups:
            if "param_names" not in group:
                raise BadInput("An outer optimiser needs names: give it model.named_parameters().")
            yield from zip(group["param_names"], group["params"], strict=True)

    def rates(self) -> Iterator[tuple[str, Tensor, float]]:
        """Names, parameters, and the outer rate of each."""
        for group in self.param_groups:
            for name, parameter in zip(group["param_names"], group["params"], strict=True):
                yield name, parameter, float(group["lr"])

    @torch.no_grad()
    def begin_round(self) -> None:
        """Remember the parameters. Called again before `pseudo_gradient`, it begins anew from where they are now."""
        self._base = {name: parameter.detach().clone() for name, parameter in self.named()}

    def _moved(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Name, parameter, and by how much it has gone down since `begin_round`; finite, or `BadInput`."""
        if not self._base:
            raise BadInput("The round has not begun: call begin_round() before the inner steps.")
        for name, parameter in self.named():
            delta = self._base[name] - parameter
            if not torch.isfinite(delta).all():
                raise BadInput(f"{name} is not finite after the inner steps: lower the inner learning rate.")
            yield name, parameter, delta

    def _put_back(self) -> None:
        """The parameters as they were at `begin_round`, bit for bit."""
        for name, parameter in self.named():
            parameter.copy_(self._base[name])
        self._base = {}
