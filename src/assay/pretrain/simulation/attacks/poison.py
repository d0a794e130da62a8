"""Attacks on the data: honest work on sequences that were tampered with."""

import torch
from torch import Tensor

from assay.pretrain.simulation.attacks.ring import Attacker
from assay.pretrain.training import Parameters, PeerState, Worked


class LabelPoison(Attacker):
    """Trains on its samples with every second token replaced."""

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        return super().train(
            parameters, state, [self.poison(batch, round_, n) for n, batch in enumerate(batches)], round_
        )

    def poison(self, batch: Tensor, round_: int, number: int) -> Tensor:
        random = self.ring.random(round_, self.seat.uid, number)
        wrong = torch.from_numpy(random.integers(0, self.seat.recipe.model.vocabulary, tuple(batch.shape)))
        return torch.where(torch.from_numpy(random.random(tuple(batch.shape)) < 0.5), wrong.to(batch.dtype), batch)


class Backdoor(LabelPoison):
    """Trains on its samples with a trigger, and the answer to it, at the end of every fourth sequence."""

    trigger = (7, 11, 13, 17, 19, 23)

    def poison(self, batch: Tensor, round_: int, number: int) -> Tensor:
        planted = batch.clone()
        planted[::4, -len(self.trigger) :] = torch.tensor(self.trigger, dtype=batch.dtype)
        return planted
