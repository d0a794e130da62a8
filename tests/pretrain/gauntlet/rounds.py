"""Made-up rounds: evidence as a validator would have measured it, and whole runs without any model."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from assay.core.digest import Digest, digest_bytes
from assay.pretrain.gauntlet import (
    Evidence,
    Fault,
    Judgement,
    Losses,
    PeerEvidence,
    Redone,
    Reexecution,
    Standings,
    evaluated,
    judge,
    reexecuted,
)
from assay.pretrain.recipe import Data, DataPhase, Gauntlet, Inner, Model, Recipe

BASE = digest_bytes(b"parameters")
MATCH = Reexecution(outcome=Redone.DONE, round=0, share=1.0, difference=0.0, state_equal=True)


def recipe(**gauntlet: Any) -> Recipe:
    """A recipe of which only the Gauntlet matters."""
    return Recipe(
        name="made-up",
        seed=1,
        rounds=100,
        model=Model(vocabulary=64, hidden=32, layers=1, heads=2, kv_heads=2, feed_forward=64, context=16),
        data=Data(tokenizer="bytes", phases=(DataPhase(name="main", first_round=0, mixture={"text": 1.0}),)),
        inner=Inner(sequences=4, learning_rate=1e-3, total_steps=100),
        gauntlet=Gauntlet(**{"reexecutions": 2, **gauntlet}),
    )


def beacon(round_: int, run: int = 0) -> bytes:
    return hashlib.sha256(f"{run}/{round_}".encode()).digest()


def object_of(uid: int, round_: int) -> Digest:
    return digest_bytes(f"{uid}/{round_}".encode())


def losses(random_gain: float = 0.01, assigned_gain: float = 0.02) -> Losses:
    return Losses(
        assigned_before=5.0,
        assigned_after=5.0 * (1 - assigned_gain),
        random_before=5.0,
        random_after=5.0 * (1 - random_gain),
    )


def good(uid: int, round_: int, **changes: Any) -> PeerEvidence:
    """An honest peer that delivered; not evaluated unless `losses` are given."""
    values: dict[str, Any] = {
        "uid": uid,
        "order": uid,
        "object": object_of(uid, round_),
        "state_after": digest_bytes(f"state {uid}/{round_}".encode()),
        "sync": 0.0,
    }
    return PeerEvidence(**(values | changes))


def faulty(uid: int, fault: Fault, **changes: Any) -> PeerEvidence:
    return PeerEvidence(**({"uid": uid, "fault": fault} | changes))


def evidence(round_: int, peers: Iterable[PeerEvidence]) -> Evidence:
    return Evidence(round=round_, base=BASE, peers=tuple(sorted(peers, key=lambda peer: peer.uid)))


def mark_reexecuted(peer: PeerEvidence, outcome: Reexecution, round_: int) -> PeerEvidence:
    return peer.model_copy(update={"reexecution": outcome.model_copy(update={"round": round_})})


Behaviour = Callable[[int, int], PeerEvidence]  # (uid, round) -> what the validator sees before it draws


@dataclass
class Run:
    """A run without a model. The outcome on the chain is this one validator's sheet."""

    recipe: Recipe
    behave: Behaviour
    redo: Callable[[int, int], Reexecution] = lambda uid, round_: MATCH
    try_out: Callable[[int, int], Losses] = lambda uid, round_: losses()
    joined: dict[int, int] = field(default_factory=dict)
    seed: int = 0
    standings: Standings = field(default_factory=Standings)
    history: list[Judgement] = field(default_factory=list)
    evidences: list[Evidence] = field(default_factory=list)

    def play(self, rounds: int) -> "Run":
        for _ in range(rounds):
            self.step()
        return self

    def step(self) -> Judgement:
        now = len(self.history)
        gone = {uid for past in self.history for uid, mark in past.marks.items() if mark.expelled}
        active = [uid for uid in sorted(self.joined) if self.joined[uid] <= now and uid not in gone]
        peers = {uid: self.behave(uid, now) for uid in active}
        seen = evidence(now, peers.values())
        shine = beacon(now, self.seed)
        for uid in reexecuted(self.recipe, shine, now, seen.revealed, self.standings):
            if peers[uid].fault is None:
                peers[uid] = mark_reexecuted(peers[uid], self.redo(uid, now), now)
        for uid in evaluated(self.recipe, shine, now, seen.revealed, self.standings):
            if peers[uid].fault is None:
                peers[uid] = peers[uid].model_copy(update={"losses": self.try_out(uid, now)})
        self.evidences.append(evidence(now, peers.values()))
        judgement = judge(self.recipe, self.standings, self.evidences[-1], shine)
        self.standings = judgement.standings
        self.history.append(judgement)
        return judgement

    def first(self, uid: int, what: str) -> int | None:
        """The first round in which the mark `what` of a peer was set."""
        return next((r for r, past in enumerate(self.history) if getattr(past.marks.get(uid), what, False)), None)

    def share_of(self, uids: Iterable[int]) -> float:
        """Share of all rewards that `uids` were paid."""
        wanted, paid, total = set(uids), 0, 0
        for past in self.history:
            for uid, mark in past.marks.items():
                weight = 0 if mark.expelled else mark.weight
                total += weight
                paid += weight if uid in wanted else 0
        return paid / total if total else 0.0
