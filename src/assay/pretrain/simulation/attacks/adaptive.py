"""Attackers that choose their moment: honest at times, gone before they are looked at, or back under another name."""

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from assay.core.keys import load_or_create_key
from assay.pretrain.chain.ledger_chain import LedgerChain
from assay.pretrain.chain.protocol import Member, Role
from assay.pretrain.following import Follower
from assay.pretrain.peer import Peer
from assay.pretrain.simulation.attacks.direction import SignFlip
from assay.pretrain.simulation.attacks.poison import Backdoor
from assay.pretrain.simulation.attacks.ring import Attacker
from assay.pretrain.training import Parameters, PeerState, Worked


class AtTimes(Attacker):
    """Put before an attack: does its work in all rounds in which it does not lie."""

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        if self.lies(round_):
            return super().train(parameters, state, batches, round_)
        return Peer.train(self, parameters, state, batches, round_)


class Sleeper(AtTimes, SignFlip):
    """Is honest for four rounds, and then sends the opposite of what it learnt."""

    def lies(self, round_: int) -> bool:
        return round_ >= 4


class SleepingBackdoor(AtTimes, Backdoor):
    """Is honest for four rounds, and then plants a backdoor, which no loss betrays."""

    def lies(self, round_: int) -> bool:
        return round_ >= 4


class OnAndOff(AtTimes, Backdoor):
    """Plants a backdoor in every second round."""

    def lies(self, round_: int) -> bool:
        return round_ % 2 == 1


class Rarely(AtTimes, Backdoor):
    """Plants a backdoor in one round of five."""

    def lies(self, round_: int) -> bool:
        return round_ % 5 == 2


class AfterCheck(AtTimes, Backdoor):
    """Plants a backdoor in the rounds that follow one in which its work was done again."""

    def lies(self, round_: int) -> bool:
        chain = self.seat.chain
        return round_ > 0 and self.seat.uid in chain.reveals(round_ - 1) and self.is_reexecuted(round_ - 1)


class HitAndRun(Backdoor):
    """Plants a backdoor once, and leaves with its bond in the same round."""

    def reveal(self, round_: int) -> None:
        super().reveal(round_)
        self.seat.chain.leave(self.seat.uid)


class Whitewash(Backdoor):
    """Plants a backdoor, is expelled, and comes back under another name with another bond, as often as that goes."""

    lives = 1

    def tick(self) -> None:
        mine = self._me()
        if mine is not None and mine.expelled:
            self._come_back(mine)
        super().tick()

    def _me(self) -> Member | None:
        return next((m for m in self.seat.chain.members(Role.PEER) if m.uid == self.seat.uid), None)

    def _come_back(self, mine: Member) -> None:
        seat = self.seat
        folder: Path = seat.folder / "again"
        if not isinstance(seat.chain, LedgerChain):
            return
        self.lives += 1
        chain = seat.chain.acting_as(load_or_create_key(folder / "key.pem"))
        uid = chain.register(Role.PEER, mine.endpoint, seat.recipe.bond)
        self.seat = replace(seat, chain=chain, uid=uid, folder=folder)
        self.follower = Follower(seat.recipe, chain, seat.stores, seat.bench, folder)
