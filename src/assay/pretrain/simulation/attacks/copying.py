"""Attacks by copying: the work of others, of accomplices or of the past, more or less disguised."""

import numpy as np
import torch
from torch import Tensor

from assay.pretrain.simulation.attacks.ring import Attacker, mean_of, normal
from assay.pretrain.training import Parameters, PeerState, Worked


class Copy(Attacker):
    """Sends what an honest peer had sent in the last round: of this round there is nothing to read."""

    trains = False

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_ - 1)
        return self.changed(worked, lambda name, g: self.vary(name, victims[0][name], round_) if victims else g)

    def random(self, name: str, round_: int) -> np.random.Generator:
        return self.ring.random(round_, self.seat.uid, *name.encode())

    def vary(self, name: str, gradient: Tensor, round_: int) -> Tensor:
        return gradient


class NoisyCopy(Copy):
    """Copies, and adds a tenth of noise."""

    share = 0.1

    def vary(self, name: str, gradient: Tensor, round_: int) -> Tensor:
        return gradient + self.share * gradient.std() * normal(self.random(name, round_), gradient)


class PermutedCopy(Copy):
    """Copies, and moves every value to another place in its tensor."""

    def vary(self, name: str, gradient: Tensor, round_: int) -> Tensor:
        order = self.random(name, round_).permutation(gradient.numel())
        return gradient.reshape(-1)[torch.from_numpy(order)].reshape(gradient.shape)


class AggregateCopy(Copy):
    """Sends the mean of what was sent in the last round."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_ - 1)
        if not victims:
            return worked
        mean = mean_of(victims)
        return self.changed(worked, lambda name, _: mean[name])


class Insider(Attacker):
    """Sends what an honest peer sends in this very round: possible only for one who reads its memory."""

    trains = False

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_)
        return self.changed(worked, lambda name, g: victims[0][name] if victims else g)


class Sybil(Attacker):
    """One worker behind all uids of the ring: the first works, the others send its work with a little noise."""

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        done = self.ring.own.get(round_, {})
        if not done:
            return super().train(parameters, state, batches, round_)
        worked = done[min(done)]
        return self.changed(worked, lambda name, g: self.vary(name, g, round_))

    def lies(self, round_: int) -> bool:
        done = self.ring.own.get(round_)
        return done is not None and self.seat.uid != min(done)

    def vary(self, name: str, gradient: Tensor, round_: int) -> Tensor:
        random = self.ring.random(round_, self.seat.uid, *name.encode())
        return gradient + 0.05 * gradient.std() * normal(random, gradient)


class SybilSplit(Attacker):
    """One worker behind all uids of the ring: each uid gets a part of the steps that it owes."""

    accomplices = 2

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        return super().train(parameters, state, batches[: max(1, len(batches) // self.accomplices)], round_)


class Colluding(Attacker):
    """A pair: they send the sum and the difference of one honest piece of work and one harmful direction."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_)
        if not victims:
            return worked
        sign = 1 if self.seat.uid % 2 else -1
        mean = mean_of(victims)
        return self.changed(worked, lambda name, g: g + sign * 0.5 * (mean[name].abs().mean() + mean[name]))


class VeiledCopy(NoisyCopy):
    """Copies, and adds as much noise as there is to copy, fresh in every round."""

    share = 1.0


class IndexCopy(Copy):
    """Copies the places of an honest peer's last contribution, and puts values of its own there."""

    def vary(self, name: str, gradient: Tensor, round_: int) -> Tensor:
        size = float(gradient.norm()) / max(1, int((gradient != 0).sum())) ** 0.5
        return torch.where(
            gradient != 0, size * normal(self.random(name, round_), gradient), torch.zeros_like(gradient)
        )


class SharedWork(Sybil):
    """One worker behind all uids of the ring: the others send the very gradient of the first, as if from their data."""

    def vary(self, name: str, gradient: Tensor, round_: int) -> Tensor:
        return gradient
