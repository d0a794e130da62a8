"""Dishonest peers, each a `Peer` with one method that goes wrong on purpose. They may know everything.

Accomplices share a `Ring`, which also sees what the honest peers of the round computed, before anything is committed:
no real attacker knows as much. `ATTACKS` names them all; `assay pretrain simulate --attack NAME` runs one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from assay.core.errors import AssayError
from assay.pretrain import wire
from assay.pretrain.chain.errors import ChainRefusal
from assay.pretrain.contribution import Sealed
from assay.pretrain.data import Samples
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

    def random(self, *key: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64([self.seed, *key]))


class Attacker(Peer):
    """A peer that belongs to a ring."""

    trains = True  # whether it does the honest work first

    def __init__(self, seat: Seat, ring: Ring) -> None:
        super().__init__(seat)
        self.ring = ring

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        if self.trains:
            worked = super().train(parameters, state, batches, round_)
        else:
            nothing = {name: torch.zeros_like(p) for name, p in parameters.items()}
            worked = Worked(self.compressed(nothing), state, ())
        self.ring.own.setdefault(round_, {})[self.seat.uid] = worked
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


# The direction ------------------------------------------------------------------------------------------------------


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
            drawn = torch.from_numpy(random.standard_normal(tuple(g.shape)).astype(np.float32))
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
        return self.changed(worked, lambda name, _: -self.share * torch.stack([v[name] for v in victims]).mean(0))


class ConstantDirection(Attacker):
    """Sends the same random direction in every round."""

    trains = False

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        random = self.ring.random(0)
        return self.changed(
            worked, lambda _, g: 1e-3 * torch.from_numpy(random.standard_normal(tuple(g.shape)).astype(np.float32))
        )


# Doing less ---------------------------------------------------------------------------------------------------------


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


# Using the work of others -------------------------------------------------------------------------------------------


class Copy(Attacker):
    """Sends what an honest peer had sent in the last round: of this round there is nothing to read."""

    trains = False

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_ - 1)
        return self.changed(worked, lambda name, g: self.vary(name, victims[0][name], round_) if victims else g)

    def vary(self, name: str, gradient: Tensor, round_: int) -> Tensor:
        return gradient


class NoisyCopy(Copy):
    """Copies, and adds a tenth of noise."""

    def vary(self, name: str, gradient: Tensor, round_: int) -> Tensor:
        drawn = self.ring.random(round_, self.seat.uid).standard_normal(tuple(gradient.shape)).astype(np.float32)
        return gradient + 0.1 * gradient.std() * torch.from_numpy(drawn)


class PermutedCopy(Copy):
    """Copies, and moves every value to another place in its tensor."""

    def vary(self, name: str, gradient: Tensor, round_: int) -> Tensor:
        order = self.ring.random(round_, self.seat.uid).permutation(gradient.numel())
        return gradient.reshape(-1)[torch.from_numpy(order)].reshape(gradient.shape)


class AggregateCopy(Copy):
    """Sends the mean of what was sent in the last round."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        victims = self.ring.victims(round_ - 1)
        if not victims:
            return worked
        return self.changed(worked, lambda name, _: torch.stack([v[name] for v in victims]).mean(0))


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
        random = self.ring.random(round_, self.seat.uid)

        def vary(_: str, g: Tensor) -> Tensor:
            drawn = torch.from_numpy(random.standard_normal(tuple(g.shape)).astype(np.float32))
            return g + 0.05 * g.std() * drawn

        return self.changed(worked, vary)


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
        mean = {name: torch.stack([v[name] for v in victims]).mean(0) for name in victims[0]}
        return self.changed(worked, lambda name, g: g + sign * 0.5 * (mean[name].abs().mean() + mean[name]))


# The data -----------------------------------------------------------------------------------------------------------


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


# The bytes ----------------------------------------------------------------------------------------------------------


class BadBytes(Attacker):
    """Changes the payload after it was encoded."""

    def encode(self, worked: Worked, round_: int) -> bytes:
        return self.mangle(super().encode(worked, round_), round_)

    def mangle(self, payload: bytes, round_: int) -> bytes:
        raise NotImplementedError


class Garbage(BadBytes):
    """Sends random bytes: duplicate and out-of-range indices, NaN and huge scales in one."""

    def mangle(self, payload: bytes, round_: int) -> bytes:
        return self.ring.random(round_, self.seat.uid).bytes(len(payload))


class BitFlip(BadBytes):
    """Flips a bit somewhere in the payload."""

    def mangle(self, payload: bytes, round_: int) -> bytes:
        at = int(self.ring.random(round_, self.seat.uid).integers(0, 8 * len(payload)))
        return payload[: at // 8] + bytes([payload[at // 8] ^ 1 << at % 8]) + payload[at // 8 + 1 :]


class Partial(BadBytes):
    """Sends the first half of the payload."""

    def mangle(self, payload: bytes, round_: int) -> bytes:
        return payload[: len(payload) // 2]


class Oversized(BadBytes):
    """Sends far more bytes than any contribution has."""

    def mangle(self, payload: bytes, round_: int) -> bytes:
        return payload + bytes(16 * len(payload) + (1 << 20))


class Bomb(BadBytes):
    """Announces tensors with 2^60 elements in a few bytes."""

    def mangle(self, payload: bytes, round_: int) -> bytes:
        return payload[:16] + b"\xff" * 64 + payload[80:200]


class WrongShape(Attacker):
    """Sends tensors of half the size."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        dense = {name: sparse.to_dense() for name, sparse in worked.gradient.items()}
        return replace(worked, gradient=self.compressed({n: g[: max(1, len(g) // 2)] for n, g in dense.items()}))


class SomeTensors(Attacker):
    """Sends only some of the tensors."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        names = sorted(worked.gradient)[::2]
        return replace(worked, gradient={name: worked.gradient[name] for name in names})


class HugeScale(Attacker):
    """Sends the largest values that the format can say."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        for size in (1e38, 1e28, 1e20, 1e10, 1e6):
            try:
                return self.changed(worked, lambda _, g, size=size: g.sign() * size)  # type: ignore[misc]
            except AssayError:
                continue
        return worked


class NotFinite(HugeScale):
    """Sends NaN in place of its values; where the format cannot say that, the largest that it can."""

    def spoil(self, worked: Worked, parameters: Parameters, round_: int) -> Worked:
        try:
            return self.changed(worked, lambda _, g: torch.full_like(g, float("nan")))
        except AssayError:
            return super().spoil(worked, parameters, round_)


class WrongVersion(BadBytes):
    """Sends a later version of the format."""

    def mangle(self, payload: bytes, round_: int) -> bytes:
        return payload[:4] + bytes([payload[4] + 1]) + payload[5:]


class WrongBase(Attacker):
    """Trains from old parameters and says so."""

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        return super().train(self.seat.bench.initial(), state, batches, round_)


# The protocol -------------------------------------------------------------------------------------------------------


class Late(Attacker):
    """Commits after the deadline."""

    _late: tuple[int, Sealed] | None = None

    def upload(self, round_: int, sealed: Sealed) -> None:
        self._late = (round_, sealed)

    def reveal(self, round_: int) -> None:
        if self._late is not None and self._late[0] == round_:
            try:
                super().upload(round_, self._late[1])
            except ChainRefusal:
                self._late = None


class Withheld(Attacker):
    """Commits and never reveals."""

    def reveal(self, round_: int) -> None:
        pass


class NothingStored(Attacker):
    """Commits and reveals, and uploads nothing."""

    def upload(self, round_: int, sealed: Sealed) -> None:
        note = self._note()
        if note is not None:
            self.seat.chain.commit(self.seat.uid, round_, note.object, len(sealed.data), sealed.key_hash)


class Replaced(NothingStored):
    """Commits to one object and stores another."""

    def upload(self, round_: int, sealed: Sealed) -> None:
        self.seat.store.put_bytes(bytes(len(sealed.data)))
        super().upload(round_, sealed)


class Equivocating(Attacker):
    """Shows some readers its promise and tells others of another."""

    def upload(self, round_: int, sealed: Sealed) -> None:
        super().upload(round_, sealed)
        other = seal_again(sealed)
        self.seat.store.put_bytes(other.data)
        try:
            super().upload(round_, other)
        except ChainRefusal:
            return


class StateWithheld(SignFlip):
    """Sends harmful work and never shows the state that it began from."""

    def show_state(self, round_: int) -> None:
        pass


class ForgedState(Attacker):
    """Sends honest work, and plants a harmful direction in the state that the next round begins from.

    What is done again from that state comes out right; only the round before gives it away.
    """

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        worked = super().train(parameters, state, batches, round_)
        error = {name: e - 3 * worked.gradient[name].to_dense() for name, e in worked.state.error.items()}
        return replace(worked, state=replace(worked.state, error=error))


class ForgedSamples(CheapData):
    """Trains on data of its own, and names other samples."""

    def samples(self, round_: int) -> Samples:
        return super().samples(max(0, round_ - 1))


def seal_again(sealed: Sealed) -> Sealed:
    """Other bytes under another key: not a contribution of anybody."""
    return Sealed(sealed.data[::-1], sealed.key[::-1])


ATTACKS: dict[str, type[Attacker]] = {
    "sign-flip": SignFlip,
    "scale": Scale,
    "noise": Noise,
    "alie": ALittleIsEnough,
    "ipm": InnerProduct,
    "constant": ConstantDirection,
    "zero": Zero,
    "lazy": Lazy,
    "small-batch": SmallBatch,
    "stale": StaleReplay,
    "cheap-data": CheapData,
    "copy": Copy,
    "noisy-copy": NoisyCopy,
    "permuted-copy": PermutedCopy,
    "aggregate-copy": AggregateCopy,
    "insider": Insider,
    "sybil": Sybil,
    "sybil-split": SybilSplit,
    "colluding": Colluding,
    "label-poison": LabelPoison,
    "backdoor": Backdoor,
    "garbage": Garbage,
    "bit-flip": BitFlip,
    "partial": Partial,
    "oversized": Oversized,
    "bomb": Bomb,
    "wrong-shape": WrongShape,
    "some-tensors": SomeTensors,
    "nan": NotFinite,
    "huge": HugeScale,
    "wrong-version": WrongVersion,
    "wrong-base": WrongBase,
    "late": Late,
    "withheld": Withheld,
    "nothing-stored": NothingStored,
    "replaced": Replaced,
    "equivocating": Equivocating,
    "state-withheld": StateWithheld,
    "forged-samples": ForgedSamples,
    "forged-state": ForgedState,
}

MIXTURES: dict[str, tuple[str, str]] = {
    "flip-and-copy": ("sign-flip", "noisy-copy"),
    "poison-and-lazy": ("backdoor", "lazy"),
    "alie-and-withheld": ("alie", "withheld"),
}
