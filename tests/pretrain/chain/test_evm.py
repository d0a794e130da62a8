"""The contract through web3: nodes that fail, money, gas, and what a reader makes of a chain that changes its mind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import BadInput, Corrupt, Unavailable
from assay.pretrain.chain import Mark, NotAllowed, Phase, Role, TooEarly, TooLate, acts, decide, evm
from assay.pretrain.chain.decide import Decision
from assay.pretrain.chain.encoding import pack_marks, seal_words
from assay.pretrain.chain.evm import EvmChain
from assay.pretrain.chain.protocol import WITHDRAW_ROUNDS
from tests.pretrain.chain.anvil import Anvil, installed_anvil
from tests.pretrain.chain.test_contract import Both
from tests.pretrain.chain.world import EvmWorld, digest, terms, word

ROOT = Path(__file__).parents[3]
MEMBER = [sys.executable, "-m", "tests.pretrain.chain.member", "evm"]
FULL = {0: Mark(1_000_000, selected=True)}


@pytest.fixture
def world(anvil: Anvil, tmp_path: Path) -> EvmWorld:
    return EvmWorld(anvil, tmp_path)


@pytest.fixture
def own_node(tmp_path: Path) -> Iterator[Anvil]:
    """A node that a test may stop."""
    node = Anvil(installed_anvil(), tmp_path, state=tmp_path / "state.json")
    node.start()
    yield node
    node.stop()


def balance(world: EvmWorld, address: str) -> int:
    return int(world.node.ask("eth_getBalance", address, "latest"), 16)


# Nodes


def test_a_node_that_is_away_is_unavailable_and_its_address_is_no_secret_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        EvmChain.connect("http://user:word@127.0.0.1:9/v3/projectkey", "0x" + "11" * 20, deadline=1)
    assert "127.0.0.1" in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("user", "word", "projectkey"))
    with pytest.raises(BadInput):
        EvmChain.connect("ftp://host", "0x" + "11" * 20)


def test_an_address_without_a_run_is_said_to_be_one(anvil: Anvil) -> None:
    with pytest.raises(BadInput):
        EvmChain.connect(anvil.url, "0x" + "11" * 20, deadline=5)


def test_a_node_restarted_in_the_middle_of_an_act_loses_nothing(own_node: Anvil, tmp_path: Path) -> None:
    world = EvmWorld(own_node, tmp_path)
    uid, chain = world.join(Role.PEER, 0), world.chain(0)  # acts without a phase: a node's clock starts anew with it
    own_node.stop()
    back = threading.Timer(2, own_node.start)
    back.start()
    chain.leave(uid)
    back.join()
    assert [member.last_round for member in world.reader().members()] == [-1]
    own_node.stop()
    own_node.start()
    assert chain.members() == world.reader().members()
    assert chain.register(Role.VALIDATOR, "s3://b", 100) == 1


def test_a_member_killed_between_promise_and_key_reveals_when_it_is_back(world: EvmWorld) -> None:
    world.join(Role.PEER, 0)
    world.at(0, Phase.COMMIT)
    where = f"{world.node.url} {world.first.address}"
    member = subprocess.Popen(
        [*MEMBER, where, str(world.key(0)), "commit", "0", "0"],
        cwd=ROOT,
        env=os.environ | {"LINGER": "60"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert member.stdout is not None and member.stdout.readline() == b"done\n"
    os.killpg(member.pid, signal.SIGKILL)
    member.wait()
    world.at(0, Phase.REVEAL)
    subprocess.run([*MEMBER, where, str(world.key(0)), "reveal", "0", "0"], cwd=ROOT, check=True, timeout=120)
    assert list(world.reader().reveals(0)) == [0]


def test_members_act_at_once(world: EvmWorld) -> None:
    for account in range(4):
        world.join(Role.PEER, account)
    world.at(0, Phase.COMMIT)
    threads = [threading.Thread(target=world.contribute, args=(uid, uid, 0)) for uid in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(world.reader().commitments(0)) == [0, 1, 2, 3]


def test_a_block_that_is_undone_is_forgotten(own_node: Anvil, tmp_path: Path) -> None:
    world = EvmWorld(own_node, tmp_path)
    world.join(Role.PEER, 0)
    reader = world.reader()
    world.at(0, Phase.COMMIT)
    before = own_node.ask("evm_snapshot")
    world.chain(0).attest(0, 0, digest(1))
    assert reader.attestations(0) == {0: digest(1)}
    own_node.ask("evm_revert", before)
    assert reader.attestations(0) == {}
    world.chain(0).attest(0, 0, digest(2))
    assert reader.attestations(0) == {0: digest(2)}


def test_an_act_is_done_when_enough_blocks_follow(own_node: Anvil, tmp_path: Path) -> None:
    world = EvmWorld(own_node, tmp_path)
    world.join(Role.PEER, 0)
    careful = EvmChain.connect(own_node.url, world.first.address, key=world.key(0), deadline=60, confirmations=3)
    thread = threading.Thread(target=careful.leave, args=(0,))
    thread.start()
    while world.reader().members()[0].last_round is None:
        time.sleep(0.05)
    for _ in range(3):
        time.sleep(0.2)
        assert thread.is_alive()
        own_node.ask("evm_mine")
    thread.join(30)
    assert not thread.is_alive() and careful.members() == world.reader().members()


def test_a_receipt_that_comes_late_is_waited_for(world: EvmWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = evm._receipt, list[Any]()

    def late(eth: Any, hash_: Any) -> Any:
        asked.append(hash_)
        return None if len(asked) < 5 else real(eth, hash_)

    monkeypatch.setattr(evm, "_receipt", late)
    assert world.join(Role.PEER, 0) == 0
    assert len(set(asked)) == 1 and len(world.reader().members()) == 1


def test_an_account_without_coins_is_told_so(own_node: Anvil, tmp_path: Path) -> None:
    poor = tmp_path / "poor"
    poor.touch(mode=0o600)
    poor.write_text("11" * 32)
    with pytest.raises(Unavailable, match="refuses"):
        EvmChain.deploy(own_node.url, terms(own_node.now() + 100), key=poor, deadline=5)


def test_a_reader_and_a_contract_that_disagree_are_noticed(world: EvmWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.join(Role.PEER, 0)
    validator = (1, world.join(Role.VALIDATOR, 1))
    world.contribute(0, 0, 0)
    world.open(0, 0, 0)
    world.score(0, {validator: FULL})
    world.at(1, Phase.COMMIT)
    world.chain(0).attest(0, 1, digest(1))  # has the contract decide
    assert world.reader().outcome(0).marks == FULL
    monkeypatch.setattr("assay.pretrain.chain.rules.decide", lambda votes: Decision(True))
    with pytest.raises(Corrupt):
        world.reader().outcome(0)
    assert decide.FAR > 0


def test_keys_are_files_that_others_cannot_read(anvil: Anvil, tmp_path: Path) -> None:
    path = tmp_path / "key"
    given = terms(anvil.now() + 100)
    for text, mode in [("11" * 32, 0o644), ("no key", 0o600), ("11" * 600, 0o600)]:
        path.write_text(text)
        path.chmod(mode)
        with pytest.raises(BadInput) as caught:
            EvmChain.deploy(anvil.url, given, key=path)
        assert text not in str(caught.value)
    for missing in (tmp_path / "none", tmp_path):
        with pytest.raises((BadInput, Unavailable)):
            EvmChain.deploy(anvil.url, given, key=missing)


# Money


def test_bonds_come_back_rewards_are_paid_and_burnt_money_stays(anvil: Anvil, tmp_path: Path) -> None:
    world = EvmWorld(anvil, tmp_path, max_peers=3)
    unit = 10**9
    for account in range(2):
        world.join(Role.PEER, account, 500)
    validator = (2, world.join(Role.VALIDATOR, 2))
    address = world.first.address
    assert balance(world, address) == (500 + 500 + 100 + 10**6) * unit
    for uid in range(2):
        world.contribute(uid, uid, 0)
    for uid in range(2):
        world.open(uid, uid, 0)
    world.score(0, {validator: {0: Mark(400_000, True), 1: Mark(0, expelled=True)}})
    world.at(1, Phase.COMMIT)
    chain = world.chain(0)
    functions = world.first._contract.functions
    chain.withdraw(0)  # it stays: only what it earned
    assert (functions.claimed(0).call(), functions.pool().call()) == (400, (10**6 - 400) * unit)
    chain.leave(0)
    world.at(WITHDRAW_ROUNDS + 2, Phase.COMMIT)
    assert world.join(Role.PEER, 3, 100) == 3  # a third place: the one that left still has its own
    with pytest.raises(NotAllowed):
        world.chain(3).node and world.chain(3)._send(functions.claim(0))
    before = balance(world, str(chain.account))
    chain.withdraw(0)
    chain.withdraw(0)
    fees = 10**16
    assert 500 * unit - fees < balance(world, str(chain.account)) - before <= 500 * unit
    assert balance(world, address) == (500 + 100 + 100 + 10**6 - 400) * unit  # of the expelled one nothing comes out
    assert functions.burnt().call() == 500


def test_rewards_wait_until_the_pool_has_them(anvil: Anvil, tmp_path: Path) -> None:
    world = EvmWorld(anvil, tmp_path, reward=10**7)
    world.join(Role.PEER, 0)
    validator = (1, world.join(Role.VALIDATOR, 1))
    world.contribute(0, 0, 0)
    world.open(0, 0, 0)
    world.score(0, {validator: FULL})
    world.at(1, Phase.COMMIT)
    world.chain(0).decide()
    world.chain(0).withdraw(0)
    claimed = world.first._contract.functions.claimed(0)
    assert claimed.call() == 10**6  # all that was in it; bonds are never touched
    assert balance(world, world.first.address) == 200 * 10**9
    world.first.fund(10**7)
    world.chain(0).withdraw(0)
    assert claimed.call() == 10**7


# Refusals have their meaning, also when the estimate could not see them coming


def test_a_round_with_sheets_is_decided_by_whoever_acts_next(world: EvmWorld) -> None:
    world.join(Role.PEER, 0)
    validator = (1, world.join(Role.VALIDATOR, 1))
    world.contribute(0, 0, 0)
    world.open(0, 0, 0)
    world.score(0, {validator: FULL})
    world.at(5, Phase.COMMIT)
    next_round = world.first._contract.functions.next_round()
    assert next_round.call() == 0 and world.reader().outcome(0).marks == FULL  # readers do not wait for it
    world.chain(0).attest(0, 5, digest(1))
    assert next_round.call() == 5 and world.reader().outcome(0).marks == FULL
    assert world.reader().members()[1].strikes == 2  # absent since
    world.chain(0).decide()  # nothing is left to do, which is no error


def test_reasons_become_errors(world: EvmWorld) -> None:
    world.join(Role.PEER, 0)
    chain = world.chain(0)
    with pytest.raises(TooEarly):
        chain.commit(0, 0, digest(1), 1, word(1))
    world.at(0, Phase.REVEAL)
    with pytest.raises(TooLate):
        chain.commit(0, 0, digest(1), 1, word(1))
    with pytest.raises(NotAllowed, match="Nothing was promised"):
        chain.reveal(0, 0, word(1))


# What a round costs


class Crowd(Both):
    """As many accounts as are needed."""

    def grow(self, count: int) -> None:
        self.node.ask("anvil_autoImpersonateAccount", True)
        for number in range(count):
            address = self.chain.node.web3.to_checksum_address(f"0x{number + 0xABC000:040x}")
            self.node.ask("anvil_setBalance", address, hex(10**20))
            self.accounts.append(address)


def round_cost(node: Anvil, key: Path, peers: int) -> dict[str, int]:
    """The most gas that each act took in a round of so many peers and 8 validators that do not quite agree."""
    both = Crowd(node, key, max_peers=peers)
    both.accounts.clear()
    both.grow(peers + 8)
    for account in range(peers + 8):
        role = Role.PEER if account < peers else Role.VALIDATOR
        both.do(acts.Register(role=role, endpoint="s3://bucket/" + "x" * 50, bond=100 + account), account)
    clock = both.rules.terms.clock
    for phase, step in (
        (Phase.COMMIT, commit),
        (Phase.REVEAL, reveal),
        (Phase.SCORE, promise),
        (Phase.PUBLISH, publish),
    ):
        both.time = max(both.time, clock.begins(0, phase))
        step(both, 0, peers)
    both.time = clock.begins(1, Phase.COMMIT)
    both.compare()
    assert len(both.rules.outcomes[0].marks) == peers and both.refused == 0
    return both.gas


def commit(both: Both, round_: int, peers: int) -> None:
    for uid in range(peers):
        key_hash = sha256(word(uid + 1)).hexdigest()
        both.do(acts.Commit(uid=uid, round=round_, object=digest(uid + 1), size=10**9, key_hash=key_hash), uid)


def reveal(both: Both, round_: int, peers: int) -> None:
    for uid in range(peers):
        both.do(acts.Reveal(uid=uid, round=round_, key=word(uid + 1).hex()), uid)


def _words(uid: int, peers: int) -> tuple[int, ...]:
    return pack_marks({peer: Mark(1_000_000 // peers - (uid + peer) % 8, True, peer % 2 == 0) for peer in range(peers)})


def promise(both: Both, round_: int, peers: int) -> None:
    for uid in range(peers, peers + 8):
        sealed = seal_words(uid, round_, digest(5), _words(uid, peers), word(7))
        both.do(acts.CommitScores(uid=uid, round=round_, sheet_hash=sealed.hex()), uid)


def publish(both: Both, round_: int, peers: int) -> None:
    for uid in range(peers, peers + 8):
        words: Any = _words(uid, peers)
        both.do(acts.PublishScores(uid=uid, round=round_, document=digest(5), marks=words, salt=word(7).hex()), uid)


def test_a_round_of_64_peers_and_8_validators_fits_the_limits(
    anvil: Anvil, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text((EvmWorld(anvil, tmp_path).key(23)).read_text())
    gas = round_cost(anvil, key, 64)
    with capsys.disabled():
        print("\ngas:", dict(sorted(gas.items())))
    assert max(gas.values()) < 2**24  # what EIP-7825 allows one transaction
    assert gas["commit"] < 150_000 and gas["reveal"] < 150_000
    whole = 64 * (gas["commit"] + gas["reveal"] + gas["register"])
    assert whole + 8 * (gas["commit_scores"] + gas["publish_scores"]) + gas["decide"] < 2 * 30_000_000


def test_time_does_not_go_back(world: EvmWorld) -> None:
    reader = world.reader()
    seen = []
    for _ in range(3):
        seen.append(reader.time())
        world.node.ask("evm_mine")
        time.sleep(0.01)
    assert seen == sorted(seen)
