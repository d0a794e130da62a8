"""Attacks on effort: less work than is owed, or the same work again and again."""

from dataclasses import replace

from torch import Tensor

from assay.pretrain.data import drawn
from assay.pretrain.simulation.attacks.ring import Attacker
from assay.pretrain.training import Parameters, PeerState, Worked
from assay.pretrain.wire import SparseTensor


class Zero(Attacker):
    """Does nothing and sends zeros."""

    trains = False


class Lazy(Attacker):
    """Does half of the steps."""

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        return super().train(parameters, state, batches[: max(1, len(batches) // 2)], round_)


class SmallBatch(Attacker):
    """Trains on half of each batch."""

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        halves = [batch[: max(1, len(batch) // 2)] for batch in batches]
        return super().train(parameters, state, halves, round_)


class StaleReplay(Attacker):
    """Works once, and sends that again and again."""

    first: dict[str, SparseTensor] | None = None

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        self.first = self.first or worked.gradient
        return replace(worked, gradient=self.first)


class CheapData(Attacker):
    """Trains on one batch of its own choice, in every step of every round."""

    kept: Tensor | None = None

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        self.kept = batches[0] if self.kept is None else self.kept
        return super().train(parameters, state, [self.kept] * len(batches), round_)


class EvaluationPool(Attacker):
    """Trains on what this round's contributions may be tried on; which of it they will be, nobody knows yet."""

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        seat = self.seat
        n = seat.recipe.inner.sequences * len(batches)
        pool = drawn(seat.recipe, seat.corpus, bytes(32), round_, n, "random")
        return super().train(parameters, state, list(pool.batches()), round_)


class Amnesiac(Attacker):
    """Does its work, and claims in every round to have lost what it carried: its error feedback never comes due."""

    def _state(self, round_: int) -> tuple[PeerState, PeerState]:
        fresh = PeerState.new(self.follower.parameters)
        return fresh, fresh
