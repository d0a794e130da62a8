"""Attacks on the direction: what is sent does harm, in sizes from enormous to just below what anybody looks at."""

from dataclasses import replace

import torch
from torch import Tensor

from assay.pretrain.data import drawn
from assay.pretrain.peer import Peer
from assay.pretrain.simulation.attacks.ring import Attacker, mean_of, normal
from assay.pretrain.training import Parameters, PeerState, Worked


class SignFlip(Attacker):
    """Sends the opposite of what it learnt."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        return self.changed(worked, lambda _, g: -g)


class Scale(Attacker):
    """Sends its work a thousand times too large."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        return self.changed(worked, lambda _, g: 1000 * g)


class Noise(Attacker):
    """Sends noise with the norm of honest work."""

    trains = False

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_)
        random = self.ring.random(round_, self.seat.uid)

        def noise(name: str, g: Tensor) -> Tensor:
            drawn = normal(random, g)
            norm = float(victims[0][name].norm()) if victims else float(g.norm())
            return drawn * norm / max(float(drawn.norm()), 1e-12)

        return self.changed(worked, noise)


class ALittleIsEnough(Attacker):
    """Sends the honest mean moved by as many standard deviations as hide among the honest (Baruch et al. 2019)."""

    z = 1.5

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_)
        if len(victims) < 2:
            return worked
        stacked = {name: torch.stack([v[name] for v in victims]) for name in victims[0]}
        return self.changed(worked, lambda name, _: stacked[name].mean(0) - self.z * stacked[name].std(0))


class InnerProduct(Attacker):
    """Sends a small step against the honest mean (Xie et al. 2019)."""

    share = 0.5

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_)
        if not victims:
            return worked
        mean = mean_of(victims)
        return self.changed(worked, lambda name, _: -self.share * mean[name])


class ConstantDirection(Attacker):
    """Sends the same random direction in every round."""

    trains = False

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        random = self.ring.random(0)
        return self.changed(worked, lambda _, g: 1e-3 * normal(random, g))


class BelowTheClip(Attacker):
    """Sends the opposite of the honest mean, each tensor as long as clipping leaves it."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_)
        if not victims:
            return worked
        mean = mean_of(victims)

        def longest(name: str, _: Tensor) -> Tensor:
            lengths = sorted(float(victim[name].norm()) for victim in victims)
            return -mean[name] * lengths[(len(lengths) - 1) // 2] / max(float(mean[name].norm()), 1e-12)

        return self.changed(worked, longest)


class SmallNorm(Attacker):
    """Sends a thousandth of its work, so that the median to which all others are clipped falls."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        return self.changed(worked, lambda _, g: 1e-3 * g)


class Against(Attacker):
    """Does its work, and takes off what it would have learnt from one other set of sequences: ascent on that domain."""

    def domain(self, round_: int) -> Tensor:
        """The sequences to be unlearnt: the same in every round."""
        seat = self.seat
        return drawn(seat.recipe, seat.corpus, bytes(32), 0, seat.recipe.inner.sequences, "held-out").tensor()

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        other = Peer.train(self, parameters, PeerState.new(parameters), [self.domain(round_)] * len(batches), round_)
        worked = super().train(parameters, state, batches, round_)
        unlearnt = {name: sparse.to_dense() for name, sparse in other.gradient.items()}
        return self.changed(worked, lambda name, g: g - unlearnt[name])


class AssignedOnly(Against):
    """Learns its assigned sequences and unlearns others, so that its own data always does better than random data."""

    def domain(self, round_: int) -> Tensor:
        seat, beacon = self.seat, self.seat.chain.beacon(round_ - 1)
        return drawn(seat.recipe, seat.corpus, beacon, round_, seat.recipe.inner.sequences, "not mine").tensor()


class SlowDrift(Attacker):
    """Does its work, and adds a hundredth of it in a direction that is the same in every round."""

    share = 0.01

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        random = self.ring.random(1)

        def push(_: str, g: Tensor) -> Tensor:
            drift = normal(random, g) * (g != 0)
            return g + self.share * float(g.norm()) * drift / max(float(drift.norm()), 1e-12)

        return self.changed(worked, push)


class Nudge(Attacker):
    """Sends all its values a little larger than they are, as far as a re-execution lets pass, and keeps right books.

    What is sent too much is taken off its error feedback, as it must be, so that it is missing in the next round.
    """

    factor = 1.07

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        sent = self.changed(worked, lambda _, g: self.factor * g)
        error = {
            name: e + worked.gradient[name].to_dense() - sent.gradient[name].to_dense()
            for name, e in worked.state.error.items()
        }
        return replace(sent, state=replace(worked.state, error=error))


class FalseBooks(Nudge):
    """Sends all its values a little larger than they are, and does not take it off its error feedback."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        return self.changed(worked, lambda _, g: self.factor * g)
