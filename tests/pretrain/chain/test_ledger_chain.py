"""The embedded chain: several processes, kills, forgeries, and who says what time it is."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.core.digest import canonical_json
from assay.core.errors import BadInput, Corrupt
from assay.core.keys import Signer
from assay.core.ledger import Statement, Subject, open_ledger
from assay.core.ledger.envelope import sign
from assay.pretrain.chain import Clock, Mark, NotAllowed, Phase, Role, TooLate, acts
from assay.pretrain.chain.clocks import ManualClock
from assay.pretrain.chain.ledger_chain import ACT_PAYLOAD, TRANSACTION, LedgerChain
from tests.core.ledger.conftest import postgres, postgres_url  # noqa: F401 -- fixtures
from tests.pretrain.chain.world import LedgerWorld, digest, terms, word

MEMBER = [sys.executable, "-m", "tests.pretrain.chain.member", "ledger"]
ROOT = Path(__file__).parents[3]


def start(where: str, *arguments: object, moment: int, linger: float = 0) -> "subprocess.Popen[bytes]":
    env = os.environ | {"MOMENT": str(moment), "LINGER": str(linger)}
    command = [*MEMBER, where, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, start_new_session=True)


@pytest.fixture
def world(tmp_path: Path) -> LedgerWorld:
    return LedgerWorld(tmp_path / "ledger.db", max_peers=8)


def signer(account: int) -> Signer:
    return Signer.from_private(Ed25519PrivateKey.from_private_bytes(word(account + 1)))


@pytest.mark.parametrize("storage", ["sqlite", "postgres"])
def test_processes_act_at_once_and_nothing_is_lost(
    storage: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    place: Any = tmp_path / "shared.db" if storage == "sqlite" else request.getfixturevalue("postgres_url")
    manual = ManualClock(1_000)
    chain = LedgerChain.create(place, terms(10_000), clock=manual)
    for account in range(3):
        chain.acting_as(signer(account)).register(Role.PEER, "s3://b", 100)
    moment = chain.terms().clock.begins(12, Phase.COMMIT)
    acks = [tmp_path / f"acks{account}" for account in range(3)]
    members = [
        start(str(place), account, "attest", account, 0, 12, acks[account], moment=moment) for account in range(3)
    ]
    assert [member.wait(120) for member in members] == [0, 0, 0]
    manual.advance_to(moment)
    for round_ in range(12):
        assert chain.attestations(round_) == dict.fromkeys(range(3), digest(round_ + 1))
    assert chain.log.ignored == [] and len(chain.log.ledger) == 1 + 3 + 36
    if storage == "sqlite":
        assert chain.log.ledger.verify().ok


def test_a_member_killed_at_any_moment_goes_on(world: LedgerWorld, tmp_path: Path) -> None:
    world.join(Role.PEER, 0)
    moment, acks = world.clock.begins(40, Phase.COMMIT), tmp_path / "acks"
    for delay in (0.05, 0.2, 0.1):
        member = start(str(world.path), 0, "attest", 0, 0, 40, acks, moment=moment)
        while not acks.exists() and member.poll() is None:
            time.sleep(0.01)
        time.sleep(delay)
        os.killpg(member.pid, signal.SIGKILL)
        member.wait()
    assert start(str(world.path), 0, "attest", 0, 0, 40, acks, moment=moment).wait(120) == 0
    world.advance_to(moment)
    reader = world.reader()
    assert [reader.attestations(round_) for round_ in range(40)] == [{0: digest(n + 1)} for n in range(40)]
    assert reader.log.ignored == [] and reader.log.ledger.verify().ok


def test_a_member_killed_between_promise_and_key_reveals_when_it_is_back(world: LedgerWorld) -> None:
    world.join(Role.PEER, 0)
    member = start(str(world.path), 0, "commit", 0, 0, moment=world.clock.begins(0, Phase.COMMIT), linger=60)
    assert member.stdout is not None and member.stdout.readline() == b"done\n"
    os.killpg(member.pid, signal.SIGKILL)
    member.wait()
    moment = world.clock.begins(0, Phase.REVEAL)
    assert start(str(world.path), 0, "reveal", 0, 0, moment=moment).wait(60) == 0
    world.advance_to(moment)
    assert list(world.reader().reveals(0)) == [0] and world.reader().log.ignored == []


def test_a_repeated_act_adds_no_entry(world: LedgerWorld) -> None:
    world.join(Role.PEER, 0)
    world.contribute(0, 0, 0)
    before = len(world.first.log.ledger)
    world.contribute(0, 0, 0)
    world.join(Role.PEER, 0)
    assert len(world.first.log.ledger) == before


def test_a_batch_is_one_write_and_comes_to_the_same(tmp_path: Path) -> None:
    worlds = [LedgerWorld(tmp_path / name) for name in ("single.db", "batched.db")]
    for world in worlds:
        peers, validators = range(3), [(3, 3), (4, 4)]
        for account in peers:
            world.join(Role.PEER, account)
        for account, _ in validators:
            world.join(Role.VALIDATOR, account)
        for uid in peers:
            world.contribute(uid, uid, 0)
        world.at(0, Phase.REVEAL)
        if world is worlds[1]:
            heads = len(list(world.first.log.ledger.tree_heads()))
            with world.first.log.batch():
                for uid in peers:
                    world.open(uid, uid, 0)
                assert list(world.first.reveals(0)) == [0, 1, 2]  # seen inside
                with pytest.raises(NotAllowed):
                    world.chain(0).reveal(0, 0, word(1))
            assert len(list(world.first.log.ledger.tree_heads())) == heads + 1
        else:
            for uid in peers:
                world.open(uid, uid, 0)
        world.score(0, {who: {0: Mark(500_000, True), 1: Mark(1)} for who in validators})
        world.at(1, Phase.COMMIT)
    one, other = (world.reader() for world in worlds)
    assert one.outcome(0) == other.outcome(0) and one.beacon(0) == other.beacon(0)
    assert one.members() == other.members() and one.earned(0) == other.earned(0)


def test_a_batch_that_is_refused_after_all_says_so(world: LedgerWorld) -> None:
    world.join(Role.PEER, 0)
    late = world.reader().acting_as(signer(0))
    with pytest.raises(NotAllowed), world.first.log.batch():
        world.at(0, Phase.COMMIT)
        world.chain(0).attest(0, 0, digest(1))
        late.attest(0, 0, digest(2))  # from elsewhere, faster
    assert world.reader().attestations(0) == {0: digest(2)}


# Forgeries: entries that are in the ledger, and must change nothing


def put(world: LedgerWorld, act: acts.Act, by: Signer, *, claims: Signer | None = None, **changes: Any) -> None:
    """Write an entry past all checks, signed by `by`, that claims to be by `claims`."""
    said = {"act": act.model_dump(mode="json"), "key": (claims or by).public.raw.hex(), "run": world.first.run}
    envelope = sign(canonical_json(said | changes.pop("said", {})), ACT_PAYLOAD, by).decode()
    predicate = {"time": world.manual.now(), "transaction": envelope} | changes
    world.first.log.ledger.append(Statement((Subject(world.first.run, "run"),), TRANSACTION, predicate))


def attest(round_: int = 0, value: int = 9) -> acts.Attest:
    return acts.Attest(uid=0, round=round_, parameters=digest(value))


def test_forged_malformed_and_refused_entries_are_ignored_by_all_alike(world: LedgerWorld) -> None:
    world.join(Role.PEER, 0)
    world.at(0, Phase.REVEAL)
    put(world, attest(), signer(1))  # a foreign account
    put(world, attest(), signer(1), claims=signer(0))  # a foreign signature
    put(world, attest(), signer(0), said={"run": digest(3)})  # signed for another run
    put(world, attest(), signer(0), said={"extra": 1})
    put(world, attest(5), signer(0))  # too early
    put(world, acts.Commit(uid=0, round=0, object=digest(1), size=1, key_hash="11" * 32), signer(0))  # late
    put(world, attest(), signer(0), time=True)
    put(world, attest(), signer(0), time=-1)
    put(world, attest(), signer(0), transaction="{}")
    put(world, attest(), signer(0), transaction=7)
    readers = [world.first, world.reader(), world.reader()]
    assert all(reader.attestations(0) == {} and reader.commitments(0) == {} for reader in readers)
    assert all(len(reader.log.ignored) == 10 for reader in readers)
    assert readers[0].log.ignored == readers[1].log.ignored == readers[2].log.ignored
    world.chain(0).attest(0, 0, digest(1))
    assert readers[1].attestations(0) == {0: digest(1)}


def test_entries_that_no_host_added_are_ignored(world: LedgerWorld, tmp_path: Path) -> None:
    world.join(Role.PEER, 0)
    stranger = tmp_path / "stranger.pem"
    stranger.touch(mode=0o600)
    stranger.write_bytes(signer(77).crypto.private_bytes)
    with open_ledger(world.path, key=stranger) as ledger:
        # The stranger's own machine trusts the host; the run does not trust the stranger.
        world.at(0, Phase.COMMIT)
        said = {"act": attest().model_dump(mode="json"), "key": signer(0).public.raw.hex(), "run": world.first.run}
        envelope = sign(canonical_json(said), ACT_PAYLOAD, signer(0)).decode()
        predicate = {"time": world.manual.now(), "transaction": envelope}
        ledger.append(Statement((Subject(world.first.run, "run"),), TRANSACTION, predicate))
    reader = world.reader()
    assert reader.attestations(0) == {} and "host" in reader.log.ignored[0][1]


def test_other_runs_and_other_statements_in_the_ledger_do_not_matter(world: LedgerWorld) -> None:
    world.join(Role.PEER, 0)
    ledger = world.first.log.ledger
    ledger.append(Statement((Subject(digest(5), "submission"),), "urn:other:v1", {"said": 1}))
    other = LedgerChain.create(ledger, terms(20_000, seed=8), clock=ManualClock(5))
    other.acting_as(signer(0)).register(Role.VALIDATOR, "s3://other", 100)
    assert [member.role for member in world.reader().members()] == [Role.PEER]
    again = LedgerChain.open(ledger, run=other.run, clock=ManualClock(5))
    assert [member.role for member in again.members()] == [Role.VALIDATOR]
    assert LedgerChain.create(ledger, terms(20_000, seed=8), clock=ManualClock(5)).run == other.run
    with pytest.raises(BadInput):
        LedgerChain.open(ledger, run=digest(99))


def test_a_ledger_that_was_changed_behind_a_reader_is_found(world: LedgerWorld) -> None:
    world.join(Role.PEER, 0)
    reader = world.reader()
    world.at(0, Phase.COMMIT)
    world.chain(0).attest(0, 0, digest(1))
    with sqlite3.connect(world.path) as raw:
        raw.execute("DELETE FROM assay_entries WHERE position = 2")
        raw.execute("DELETE FROM assay_heads WHERE size = 3")
    assert reader.attestations(0) == {}  # it had not seen the entry
    with pytest.raises(Corrupt):
        world.first.attestations(0)  # this one had
    with sqlite3.connect(world.path) as raw:
        row = raw.execute("SELECT envelope FROM assay_entries WHERE position = 1").fetchone()[0]
        raw.execute("UPDATE assay_entries SET envelope = ? WHERE position = 1", (row.replace(b"A", b"B", 1),))
    with pytest.raises(Corrupt):
        world.reader()


def copied(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)


def test_a_host_that_rewrites_the_end_is_found_by_who_had_read_it(
    world: LedgerWorld, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.join(Role.PEER, 0)
    world.at(0, Phase.COMMIT)
    copied(world.path, tmp_path / "fork.db")
    world.chain(0).attest(0, 0, digest(1))
    monkeypatch.setenv("ASSAY_KEY", str(home / "keys" / "signing.pem"))
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "no memory"))  # the host's own witness would refuse
    fork = LedgerChain.open(tmp_path / "fork.db", key=signer(0), clock=world.manual)
    fork.attest(0, 0, digest(2))
    copied(tmp_path / "fork.db", world.path)
    assert world.reader().attestations(0) == {0: digest(2)}  # every signature is right
    with pytest.raises(Corrupt):
        world.first.attestations(0)


# Time


def test_the_hosts_clock_counts_and_not_what_a_member_says(tmp_path: Path) -> None:
    genesis = int(time.time()) + 5
    given = terms(genesis)
    chain = LedgerChain.create(
        tmp_path / "ledger.db", type(given)(**(vars(given) | {"clock": Clock(genesis, 4, 300, 1, 1)}))
    )
    peer = chain.acting_as(signer(0))
    uid = peer.register(Role.PEER, "s3://b", 100)
    other = chain.acting_as(signer(1))
    late = other.register(Role.PEER, "s3://b", 100)
    while chain.time() < genesis:
        time.sleep(0.1)
    peer.commit(uid, 0, digest(1), 1, sha256(word(5)).digest())
    while chain.time() < genesis + 4:
        time.sleep(0.1)
    with pytest.raises(TooLate):
        peer.commit(uid, 0, digest(2), 1, word(5))
    with pytest.raises(NotAllowed):
        other.reveal(uid, 0, word(5))
    act = acts.Commit(uid=late, round=0, object=digest(2), size=1, key_hash="11" * 32)
    said = {"act": act.model_dump(mode="json"), "key": signer(1).public.raw.hex(), "run": chain.run}
    envelope = sign(canonical_json(said), ACT_PAYLOAD, signer(1)).decode()
    predicate = {"time": genesis + 1, "transaction": envelope}  # it says that it came in time
    chain.log.ledger.append(Statement((Subject(chain.run, "run"),), TRANSACTION, predicate))
    peer.reveal(uid, 0, word(5))
    reader = LedgerChain.open(tmp_path / "ledger.db")
    assert {u: c.object for u, c in reader.commitments(0).items()} == {uid: digest(1)}
    assert list(reader.reveals(0)) == [uid] and len(reader.log.ignored) == 1
    with pytest.raises(BadInput):
        LedgerChain.open(tmp_path / "ledger.db", clock=ManualClock(5))


def test_a_look_at_a_new_phase_waits_for_appends_under_way(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.db") as ledger:
        inside, order = threading.Event(), list[str]()

        def append() -> None:
            with ledger._database.write():
                inside.set()
                time.sleep(0.5)
                order.append("appended")

        thread = threading.Thread(target=append)
        thread.start()
        inside.wait()
        ledger.settle()
        order.append("settled")
        thread.join()
        assert order == ["appended", "settled"]


def test_a_clock_moved_by_hand_is_known_elsewhere_by_its_ticks(world: LedgerWorld) -> None:
    world.join(Role.PEER, 0)
    elsewhere = LedgerChain.open(world.path)
    world.at(3, Phase.SCORE)
    assert elsewhere.time() < world.first.time()
    world.first.log.tick()
    assert elsewhere.time() == world.first.time() == world.clock.begins(3, Phase.SCORE)
    with pytest.raises(BadInput):
        world.manual.advance(-1)


def test_the_documents_in_the_ledger_are_what_the_format_says(world: LedgerWorld) -> None:
    world.join(Role.PEER, 0)
    begun, joined = world.first.log.ledger.entries()
    assert set(begun.statement.predicate) >= {"clock", "hosts", "terms"}
    said = json.loads(__import__("base64").b64decode(json.loads(joined.statement.predicate["transaction"])["payload"]))
    assert said["act"] == {"act": "register", "role": "peer", "endpoint": "s3://bucket-0/run", "bond": 100}
    assert said["run"] == world.first.run == begun.statement.subjects[0].digest
