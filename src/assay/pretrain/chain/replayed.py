"""What both chains share: acts are built the same way, and every answer is read from a replayed state.

A chain says what the state is now and how an act is handed in; the rest of the protocol is here, once.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from assay.core.digest import Digest
from assay.core.errors import BadInput
from assay.pretrain.chain import acts
from assay.pretrain.chain.encoding import SALT_BYTES, hash_beacon, pack_marks
from assay.pretrain.chain.errors import TooEarly
from assay.pretrain.chain.protocol import (
    KEY_BYTES,
    SCALE,
    Commitment,
    Mark,
    Member,
    Outcome,
    Phase,
    Role,
    Sheet,
    Terms,
)
from assay.pretrain.chain.rules import State

A = TypeVar("A", bound=acts.Act)


class ReplayedChain(ABC):
    """The protocol `Chain`, on top of a state and a way to hand in acts."""

    @property
    @abstractmethod
    def account(self) -> str | None:
        """Who we are; None for reading only."""

    @abstractmethod
    def _state(self) -> State:
        """The state at the chain's present time. For reading."""

    @abstractmethod
    def _do(self, act: acts.Act) -> None:
        """Hand in an act and wait until it is final, or raise why it was refused."""

    def time(self) -> int:
        return self._state().time

    def terms(self) -> Terms:
        return self._state().terms

    # Acts

    def register(self, role: Role, endpoint: str, bond: int) -> int:
        self._do(_build(acts.Register, role=role, endpoint=endpoint, bond=bond))
        return self._state().uids[self._must_act(), role]

    def leave(self, uid: int) -> None:
        self._do(_build(acts.Leave, uid=uid))

    def withdraw(self, uid: int) -> None:
        self._do(_build(acts.Withdraw, uid=uid))

    def commit(self, uid: int, round_: int, object_: Digest, size: int, key_hash: bytes) -> None:
        key_hash = _sized(key_hash, 32, "hash of a key")
        self._do(_build(acts.Commit, uid=uid, round=round_, object=object_, size=size, key_hash=key_hash.hex()))

    def reveal(self, uid: int, round_: int, key: bytes) -> None:
        self._do(_build(acts.Reveal, uid=uid, round=round_, key=_sized(key, KEY_BYTES, "key").hex()))

    def commit_scores(self, uid: int, round_: int, sheet_hash: bytes) -> None:
        sheet_hash = _sized(sheet_hash, 32, "hash of a sheet")
        self._do(_build(acts.CommitScores, uid=uid, round=round_, sheet_hash=sheet_hash.hex()))

    def publish_scores(self, uid: int, round_: int, document: Digest, marks: Mapping[int, Mark], salt: bytes) -> None:
        for peer, mark in marks.items():
            if peer < 0 or not 0 <= mark.weight <= SCALE:
                raise BadInput(f"The mark of peer {peer} has the weight {mark.weight}, not one of 0 to {SCALE}.")
        words, salt = pack_marks(marks), _sized(salt, SALT_BYTES, "salt")
        self._do(_build(acts.PublishScores, uid=uid, round=round_, document=document, marks=words, salt=salt.hex()))

    def attest(self, uid: int, round_: int, parameters: Digest) -> None:
        self._do(_build(acts.Attest, uid=uid, round=round_, parameters=parameters))

    def _must_act(self) -> str:
        if self.account is None:
            raise BadInput("This chain was opened for reading only: open it with a key to act on it.")
        return self.account

    # Readings

    def members(self, role: Role | None = None) -> list[Member]:
        return [member for member in self._state().members if role in (None, member.role)]

    def commitments(self, round_: int) -> dict[int, Commitment]:
        return _by_uid(self._state().round(round_).commitments)

    def reveals(self, round_: int) -> dict[int, bytes]:
        return _by_uid(self._state().round(round_).keys)

    def beacon(self, round_: int) -> bytes:
        if round_ < -1:
            raise BadInput(f"There is no round {round_}: the first beacon is that of round -1.")
        state = self._state()
        clock = state.terms.clock
        if round_ >= 0 and state.time < clock.begins(round_, Phase.SCORE):
            raise TooEarly(f"The beacon of round {round_} is not known while keys may still be revealed.")
        return hash_beacon(state.terms.seed, round_, state.round(round_).keys)

    def sheets(self, round_: int) -> dict[int, Sheet]:
        return _by_uid(self._state().round(round_).sheets)

    def outcome(self, round_: int) -> Outcome:
        if round_ < 0:
            raise BadInput(f"There is no round {round_}: rounds count from 0.")
        state = self._state()
        if round_ >= state.next_round:
            raise TooEarly(f"Round {round_} has not ended: what it decides is not known.")
        return state.outcomes.get(round_, Outcome(round_, True))

    def attestations(self, round_: int) -> dict[int, Digest]:
        return _by_uid(self._state().round(round_).attested)

    def earned(self, uid: int) -> int:
        paid = self._state().paid
        if uid not in paid:
            raise BadInput(f"There is no member {uid}.")
        return paid[uid]


V = TypeVar("V")


def _by_uid(found: Mapping[int, V]) -> dict[int, V]:
    """A copy that the caller may keep, ascending: no result depends on who came first."""
    return dict(sorted(found.items()))


def _sized(value: bytes, size: int, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise BadInput(f"A {what} has {size} bytes.")
    return value


def _build(kind: type[A], **fields: Any) -> A:
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BadInput(f"{kind.__name__}: {where}: {first['msg']}.") from None
