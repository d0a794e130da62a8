"""Collecting: a slow store costs its owner the round, and nobody else."""

import time
from pathlib import Path

from assay.core.digest import Digest
from assay.core.store import Store
from assay.pretrain.chain.protocol import Role
from assay.pretrain.exchange import Lost, Received, Stores, collect, limits_of
from assay.pretrain.following import Follower
from assay.pretrain.gauntlet.evidence import Fault, Redone
from assay.pretrain.measuring import Measurer
from assay.pretrain.scores import last_document
from assay.pretrain.training import Workbench
from tests.pretrain.network.conftest import Past


class Slow:
    """A store that takes its time."""

    def get_bytes(self, digest: str, max_bytes: int) -> bytes:
        time.sleep(20)
        raise AssertionError("nobody waits for this")


def test_slow_stores_do_not_keep_others_from_being_scored(past: Past) -> None:
    real, bench = past.stores(), Workbench(past.recipe)
    slow = {member.endpoint for member in past.chain.members() if member.uid != 2}
    stores = Stores(lambda endpoint: Slow() if endpoint in slow else real.at(endpoint))  # type: ignore[arg-type, return-value]
    members, limits = past.chain.members(Role.PEER), limits_of(past.recipe, bench.shapes)
    begun = time.monotonic()
    found = collect(past.chain, 0, past.recipe, limits, stores, members, patience=1.0)
    assert time.monotonic() - begun < 10
    assert isinstance(found[2], Received)
    assert all(isinstance(one := found[uid], Lost) and one.fault is Fault.UNAVAILABLE for uid in (0, 1, 3))


def test_whoever_may_wait_gets_everything(past: Past, tmp_path: Path) -> None:
    members, bench = past.chain.members(Role.PEER), Workbench(past.recipe)
    found = collect(past.chain, 0, past.recipe, limits_of(past.recipe, bench.shapes), past.stores(), members)
    assert list(found) == [0, 1, 2, 3] and all(isinstance(one, Received) for one in found.values())


class Hiding:
    """A store that takes its time with one object only."""

    def __init__(self, real: Store, hidden: Digest) -> None:
        self.real, self.hidden = real, hidden

    def get_bytes(self, digest: Digest, max_bytes: int) -> bytes:
        if digest == self.hidden:
            time.sleep(20)
        return self.real.get_bytes(digest, max_bytes)


def test_a_state_that_is_slow_to_come_is_refused_and_costs_nobody_else_the_round(past: Past) -> None:
    real, bench = past.stores(), Workbench(past.recipe)
    members = past.chain.members(Role.PEER)
    received = collect(past.chain, 1, past.recipe, limits_of(past.recipe, bench.shapes), real, members)[0]
    assert isinstance(received, Received)
    hidden = received.contribution.header.state_before

    def open_(endpoint: str) -> Store:
        found = real.at(endpoint)
        return Hiding(found, hidden) if endpoint == members[0].endpoint else found  # type: ignore[return-value]

    document = last_document(past.chain, real, 1)
    assert document is not None
    follower = Follower(past.recipe, past.chain, real, bench)
    follower.advance_to(1)
    measurer = Measurer(past.recipe, past.corpus, bench, patience_seconds=1.0)
    steps, begun = measurer.step_sizes_at(1, document.evidence, follower.at), time.monotonic()
    evidence, _ = measurer.measure(past.chain, Stores(open_), 1, document.standings, steps, follower.at)
    assert time.monotonic() - begun < 15
    outcomes = {peer.uid: peer.reexecution for peer in evidence.peers}
    assert outcomes[0] is not None and outcomes[0].outcome is Redone.REFUSED
    assert all((one := outcomes[uid]) is not None and one.state_equal for uid in (1, 2, 3))
