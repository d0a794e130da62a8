"""Attacks on the bytes: what is sent is no pseudo-gradient of this run, or none at all."""

from dataclasses import replace

import torch
from torch import Tensor

from assay.core.errors import AssayError
from assay.pretrain.simulation.attacks.ring import Attacker
from assay.pretrain.training import Parameters, PeerState, Worked


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
