"""Dishonest validators, each a `Validator` with one method that goes wrong on purpose."""

from collections.abc import Mapping
from dataclasses import replace

from assay.pretrain.chain.protocol import SCALE, Mark
from assay.pretrain.gauntlet.document import ScoreDocument
from assay.pretrain.validator import Validator


class Liar(Validator):
    """Gives everything to the last peer, selects only it, and expels all others."""

    def marks(self, document: ScoreDocument) -> dict[int, Mark]:
        uids = sorted(super().marks(document))
        return {uid: Mark(SCALE, selected=True) if uid == uids[-1] else Mark(0, expelled=True) for uid in uids}


class Copycat(Validator):
    """Measures nothing and publishes what another validator published a round before."""

    def marks(self, document: ScoreDocument) -> Mapping[int, Mark]:
        others = [sheet for uid, sheet in self.seat.chain.sheets(document.round - 1).items() if uid != self.seat.uid]
        return others[0].marks if others else {}


class Absent(Validator):
    """Registers, and is never seen again."""

    def tick(self) -> None:
        pass


class Silent(Validator):
    """Promises its sheets and does not publish them."""

    def publish(self, round_: int) -> None:
        pass


class Accomplice(Validator):
    """Gives all to those peers whom the honest ones would expel, and expels nobody."""

    def marks(self, document: ScoreDocument) -> Mapping[int, Mark]:
        honest = super().marks(document)
        friends = [uid for uid, mark in honest.items() if mark.expelled] or [max(honest)]
        able = set(self.seat.chain.reveals(document.round))
        others = {uid: replace(mark, weight=0) for uid, mark in honest.items() if uid not in friends}
        return others | {uid: Mark(SCALE // len(friends), selected=uid in able) for uid in friends}


LIARS: dict[str, type[Validator]] = {
    "liar": Liar,
    "accomplice": Accomplice,
    "copycat": Copycat,
    "absent": Absent,
    "silent": Silent,
}
