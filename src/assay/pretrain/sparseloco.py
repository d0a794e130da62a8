"""SparseLoCo: peers that talk once in H steps and send 64 of 4,096 numbers, at two bits each.

Eq. 1 and 2 of the Covenant-72B report (arXiv 2603.08163): the pseudo-gradient plus the decayed error of earlier
rounds is cut to its largest entries and quantised; what was cut or rounded away is the new error. All peers' sparse
contributions are combined (`aggregate`) and everybody takes the same plain SGD step.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from assay.core.errors import BadInput
from assay.pretrain import wire
from assay.pretrain.aggregate import Sparse, check, combine, weigh
from assay.pretrain.outer import Named, OuterOptimizer


class SparseLoCo(OuterOptimizer):
    """The outer optimiser of a peer. It stands on its own: whatever moves the parameters may be the inner optimiser.

    >>> import torch
    >>> from assay.pretrain import SparseLoCo
    >>> model = torch.nn.Linear(256, 256)
    >>> inner = torch.optim.AdamW(model.parameters(), lr=1e-3)
    >>> outer = SparseLoCo(model.named_parameters(), lr=1.0)
    >>> for round_ in range(2):
    ...     outer.begin_round()
    ...     for step in range(10):
    ...         inner.zero_grad()
    ...         model(torch.randn(8, 256)).square().mean().backward()
    ...         inner.step()
    ...     mine = outer.pseudo_gradient()  # wire.pack(mine) is what travels
    ...     outer.step([mine])  # and what wire.decode gives of the others, in the order all have agreed on
    >>> sorted(mine)
    ['bias', 'weight']

    lr: the outer rate (published: 1.0, then 0.65). k: values kept of each 4,096. bits: per value on the wire, 1 or 2.
    error_decay: beta. aggregate, clip: names in `aggregate.AGGREGATES` and `aggregate.CLIPS`. The parameters are
    float32. The state (one error tensor per parameter, 4 bytes an element) is in `state_dict()`.
    """

    def __init__(
        self,
        params: Named,
        *,
        lr: float = 1.0,
        k: int = 64,
        bits: int = 2,
        error_decay: float = 0.95,
        aggregate: str = "mean",
        clip: str = "median_norm",
    ) -> None:
        if not 0 <= error_decay <= 1:
            raise BadInput(f"error_decay is {error_decay}: give a share between 0 and 1.")
        if lr < 0:
            raise BadInput(f"lr is {lr}: the outer rate is not negative.")
        check(aggregate, clip)
        super().__init__(params, {"lr": lr})
        self.k, self.bits, self.error_decay = k, bits, error_decay
        self.aggregate, self.clip = aggregate, clip
        for _, parameter in self.named():
            self.state[parameter]["error"] = torch.zeros(parameter.shape, device=parameter.device)

    @torch.no_grad()
    def pseudo_gradient(self) -> dict[str, wire.SparseTensor]:
        """What this peer sends for the round. The parameters go back to where the round began.

        Nothing is changed if it fails (`BadInput`, where a parameter is not finite).
        """
        wanted = {
            # Two roundings, one for each operation: the same on every machine.
            name: self.state[parameter]["error"].mul(self.error_decay).add_(delta)
            for name, parameter, delta in self._moved()
        }
        kept = self._compress(wanted)
        for name, parameter in self.named():
            # eq. 2: the error is taken against what was sent, so that the rounding of the values is fed back too.
            take(wanted[name], kept[name])
            self.state[parameter]["error"] = wanted[name]
        self._put_back()
        return kept

    def _compress(self, tensors: Mapping[str, Tensor]) -> dict[str, wire.SparseTensor]:
        """Largest entries, quantised. The laboratory's other quantisers replace this method."""
        return wire.compress(tensors, self.k, self.bits)

    @torch.no_grad()
    def step(self, contributions: Sequence[Mapping[str, Sparse]]) -> None:  # type: ignore[override]
        """Combine everyone's contributions, in the given order, and take the outer step: bit-identical everywhere.

        Without a contribution the parameters stay as they are.
        """
        if not contributions:
            return
        weights = weigh(contributions, self.aggregate, self.clip, shapes=self._shapes())
        for name, parameter, rate in self.rates():
            parts = [one[name] for one in contributions]
            step = combine(parts, weights.of(name), per_sender=weights.per_sender, device=parameter.device)
            # Not `alpha=-rate`: a fused multiply-add would round once on some machines and twice on others.
            parameter.sub_(step.mul_(rate))

    def state_dict(self) -> dict[str, Any]:
        """`error`: a tensor by name, the live ones; `lr`: a rate per group. Complete between rounds."""
        return {
            "error": {name: self.state[parameter]["error"] for name, parameter in self.named()},
            "lr": [float(group["lr"]) for group in self.param_groups],
        }

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` gave (`lr` may be missing): the tensors are copied. `BadInput` if they do not fit."""
        errors: Mapping[str, Tensor] = state_dict["error"]
        if errors.keys() != self._shapes().keys():
            raise BadInput("The saved error feedback is of another model: the names of its tensors differ.")
        for name, shape in self._shapes().items():
            if tuple(errors[name].shape) != shape:
                raise BadInput(
                    f"The saved error feedback of {name} has shape {tuple(errors[name].shape)}, not {shape}."
                )
        for name, parameter in self.named():
            self.state[parameter]["error"] = errors[name].detach().to(parameter.device, torch.float32, copy=True)
        for group, rate in zip(self.param_groups, state_dict.get("lr", []), strict=False):
            group["lr"] = rate

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(parameter.shape) for name, parameter in self.named()}


def take(tensor: Tensor, sparse: Sparse) -> None:
    """Subtract a sparse tensor from a contiguous dense one, in place."""
    flat, where = tensor.view(-1), sparse.indices().to(tensor.device)
    flat[where] -= sparse.values().to(tensor.device)
