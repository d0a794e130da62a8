"""Attacks on the protocol: deadlines, promises, stores and states, with honest or dishonest work inside."""

from dataclasses import replace

from torch import Tensor

from assay.pretrain.chain.encoding import hash_beacon
from assay.pretrain.chain.errors import ChainRefusal
from assay.pretrain.contribution import Sealed
from assay.pretrain.data import Samples
from assay.pretrain.gauntlet.choose import reexecuted
from assay.pretrain.gauntlet.standings import Standings
from assay.pretrain.simulation.attacks.direction import SignFlip
from assay.pretrain.simulation.attacks.effort import CheapData
from assay.pretrain.simulation.attacks.poison import Backdoor
from assay.pretrain.simulation.attacks.ring import Attacker
from assay.pretrain.training import Parameters, PeerState, Worked


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


class DriftingState(Attacker):
    """Sends honest work, and moves the state that it goes on from by a twentieth, always to the same side."""

    share = 0.05

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        worked = super().train(parameters, state, batches, round_)
        error = {name: (1 + self.share) * e for name, e in worked.state.error.items()}
        return replace(worked, state=replace(worked.state, error=error))


class Echo(Attacker):
    """Promises the very object that an honest peer promised before, and opens it with the key that this one reveals."""

    trains = False
    _whose: int | None = None

    def upload(self, round_: int, sealed: Sealed) -> None:
        for uid, promise in self.seat.chain.commitments(round_).items():
            if uid != self.seat.uid:
                self._whose = uid
                self.seat.chain.commit(self.seat.uid, round_, promise.object, promise.size, promise.key_hash)
                return

    def reveal(self, round_: int) -> None:
        key = self.seat.chain.reveals(round_).get(-1 if self._whose is None else self._whose)
        if key is not None and self.seat.uid in self.seat.chain.commitments(round_):
            self.seat.chain.reveal(self.seat.uid, round_, key)


class ChosenReveal(Backdoor):
    """Reveals last, and only if the beacon that comes of it does not have its work done again."""

    def reveal(self, round_: int) -> None:
        chain, uid, note = self.seat.chain, self.seat.uid, self._note()
        if note is None or note.round != round_ or uid not in chain.commitments(round_):
            return
        keys = chain.reveals(round_) | {uid: bytes.fromhex(note.key)}
        beacon = hash_beacon(chain.terms().seed, round_, keys)
        known = [document.standings for document in self._last_documents(round_)] or [Standings()]
        if not any(uid in reexecuted(self.seat.recipe, beacon, round_, sorted(keys), before) for before in known):
            super().reveal(round_)
