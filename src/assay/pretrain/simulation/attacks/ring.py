"""What every attacker has: accomplices with whom it shares all that they know, and honest work to begin from.

The ring also sees what the honest peers of the round computed, before anything is committed: no real attacker knows as
much. What is cheating is counted per round, so that an attacker that is honest at times is judged from its first lie.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from assay.pretrain import wire
from assay.pretrain.peer import Peer, Seat
from assay.pretrain.training import Parameters, PeerState, Worked
from assay.pretrain.wire import SparseTensor

Dense = dict[str, Tensor]


@dataclass
class Ring:
    """What accomplices share: everybody's work, by round and uid."""

    seed: int = 0
    honest: dict[int, dict[int, Dense]] = field(default_factory=dict)
    own: dict[int, dict[int, Worked]] = field(default_factory=dict)

    def victims(self, round_: int) -> list[Dense]:
        """The honest gradients of a round, in order of uid."""
        return [gradient for _, gradient in sorted(self.honest.get(round_, {}).items())]

    def hear(self, round_: int, uid: int, gradient: Dense) -> None:
        """Remember an honest peer's work, and forget what is long past."""
        self.honest.setdefault(round_, {})[uid] = gradient
        self.honest.pop(round_ - 2, None)

    def keep(self, round_: int, uid: int, worked: Worked) -> None:
        """Remember an accomplice's work, and forget what is long past."""
        self.own.setdefault(round_, {})[uid] = worked
        self.own.pop(round_ - 2, None)

    def random(self, *key: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, *key]))


class Attacker(Peer):
    """A peer that belongs to a ring."""

    trains = True  # whether it does the honest work first

    def __init__(self, seat: Seat, ring: Ring) -> None:
        super().__init__(seat)
        self.ring = ring

    def lies(self, round_: int) -> bool:
        """Whether it cheats in this round: asked before its work and again after the round."""
        return True

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        if self.trains:
            worked = super().train(parameters, state, batches, round_)
        else:
            nothing = {name: torch.zeros_like(p) for name, p in parameters.items()}
            worked = Worked(self.compressed(nothing), state, ())
        self.ring.keep(round_, self.seat.uid, worked)
        return self.spoil(worked, parameters, round_)

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        """Turn honest work into what is handed in."""
        return worked

    def compressed(self, dense: Mapping[str, Tensor]) -> dict[str, SparseTensor]:
        outer = self.seat.recipe.outer
        return wire.compress(dense, k=outer.keep, bits=outer.bits)

    def changed(self, worked: Worked, change: Callable[[str, Tensor], Tensor]) -> Worked:
        dense = {name: change(name, sparse.to_dense()) for name, sparse in sorted(worked.gradient.items())}
        return replace(worked, gradient=self.compressed(dense))


def normal(random: np.random.Generator, like: Tensor) -> Tensor:
    return torch.from_numpy(random.standard_normal(tuple(like.shape)).astype(np.float32))


def mean_of(gradients: list[Dense]) -> Dense:
    return {name: torch.stack([one[name] for one in gradients]).mean(0) for name in gradients[0]}
