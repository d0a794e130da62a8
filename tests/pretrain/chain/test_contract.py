"""The contract against the rules that it must keep: random sequences of acts, and everything compared.

Each act goes to both, at the same second: both take it or both refuse it, for the same kind of reason, and afterwards
every member, account and outcome is the same.
"""

import http.client
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from assay.pretrain.chain import Clock, Mark, NotAllowed, Phase, Role, TooEarly, TooLate, acts
from assay.pretrain.chain.encoding import digest_word, hash_beacon, pack_marks, seal_words
from assay.pretrain.chain.errors import ChainRefusal
from assay.pretrain.chain.evm import EvmChain
from assay.pretrain.chain.protocol import WITHDRAW_ROUNDS
from assay.pretrain.chain.rules import State
from tests.pretrain.chain.anvil import Anvil, account_key
from tests.pretrain.chain.world import digest, terms, word

PHASE = 100  # seconds
ACCOUNTS = 14
GAS = 16_000_000  # below what one transaction may use on today's main network


class Wire:
    """JSON-RPC over one connection."""

    def __init__(self, node: Anvil) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)

    def ask(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        self.connection.request("POST", "/", body, {"Content-Type": "application/json"})
        return json.loads(self.connection.getresponse().read())


class Both:
    """One run kept twice: by the rules, and by a contract."""

    def __init__(self, node: Anvil, key: Path, **changes: Any) -> None:
        genesis = node.now() + 10 * PHASE
        given = terms(genesis, **changes)
        given = replace(given, clock=Clock(genesis, PHASE, PHASE, PHASE, PHASE))
        self.rules, self.time, self.node, self.gas = State(given), node.now() + 1, node, dict[str, int]()
        self.chain = EvmChain.deploy(node.url, given, key=key, unit=3, deadline=60)
        self.functions = self.chain._contract.functions
        self.wire = Wire(node)
        self.accounts: list[str] = [self.chain.node.web3.to_checksum_address(a) for a in node.ask("eth_accounts")]
        self.agreed = self.refused = 0

    def wait(self, seconds: int) -> None:
        self.time += seconds

    def do(self, act: acts.Act, account: int) -> bool:
        """Do it in both. Whether it was accepted."""
        self.time = max(self.time, self.node_time() + 1)
        self._decide_first()
        value = 3 * act.bond if isinstance(act, acts.Register) else 0
        if isinstance(act, acts.Register) and (self.accounts[account], act.role) in self.rules.uids:
            value = 0
        found = self._transact(self.chain._function(act), account, value)
        try:
            self.rules.apply(act, self.accounts[account], self.time)
            wanted = None
        except ChainRefusal as refusal:
            wanted = type(refusal)
        assert found is wanted, (act, account, found, wanted, self.rules.now())
        self.agreed += wanted is None
        self.refused += wanted is not None
        return wanted is None

    def node_time(self) -> int:
        return int(self.wire.ask("eth_getBlockByNumber", "latest", False)["result"]["timestamp"], 16)

    def _decide_first(self) -> None:
        """Sheets of a round that has ended wait in the contract for somebody to say whom they name."""
        waiting = self.rules.next_round
        sheets = self.rules.round(waiting).sheets
        if sheets and self.rules.terms.clock.at(self.time)[0] > waiting:
            named = sorted({uid for sheet in sheets.values() for uid in sheet.marks})
            if named and not self.rules.decision(waiting).void:
                assert self._transact(self.functions.decide(named[:-1]), 0, 0) is NotAllowed
                self.time += 1
            assert self._transact(self.functions.decide(named), 0, 0) is None
            self.rules.advance(self.time)
            self.time += 1

    def _transact(self, function: Any, account: int, value: int) -> type[ChainRefusal] | None:
        call = {
            "from": self.accounts[account],
            "to": self.chain.address,
            "data": function._encode_transaction_data(),
            "value": hex(value),
            "gas": hex(GAS),
        }
        self.wire.ask("evm_setNextBlockTimestamp", self.time)
        sent = self.wire.ask("eth_sendTransaction", call)
        if "result" in sent:
            receipt = None
            while receipt is None:  # mined at once, but not always before the answer
                receipt = self.wire.ask("eth_getTransactionReceipt", sent["result"])["result"]
            if receipt["status"] == "0x1":
                used = int(receipt["gasUsed"], 16)
                self.gas[function.fn_name] = max(used, self.gas.get(function.fn_name, 0))
                return None
        answer = self.wire.ask("eth_call", call, "latest")  # in the block that was just mined: at the same second
        reason = answer["error"]["message"].rsplit(": ", 1)[-1]
        assert reason != "decide" and "revert" not in reason, answer
        return {"early": TooEarly, "late": TooLate}.get(reason, NotAllowed)

    def compare(self) -> None:
        """Everything that the contract can be asked."""
        self.time = max(self.time, self.node_time() + 1)
        self._decide_first()
        assert (
            self._transact(self.functions.decide([]), 0, 0) is None
        )  # a refused act brought only the rules up to date
        self.rules.advance(self.time)
        state = self.rules
        assert self.functions.members().call() == len(state.members)
        assert self.functions.next_round().call() == state.next_round
        assert self.functions.burnt().call() == state.burnt
        assert self.functions.peers().call() == state._seated_peers()
        for member in state.members:
            first, until, validator, expelled, released = self.functions.term_of(member.uid).call()
            assert first == member.first_round, member
            assert until == (2**64 - 1 if member.last_round is None else member.last_round + 1), member
            assert (validator, expelled, released) == (
                member.role is Role.VALIDATOR,
                member.expelled,
                member.released,
            )
            assert self.functions.strikes(member.uid).call() == member.strikes, member
            assert self.functions.earned(member.uid).call() == state.paid[member.uid], member
        now, phase = state.now()
        for round_, noted in state.rounds.items():
            if noted.keys and (round_ < now or phase in (Phase.SCORE, Phase.PUBLISH)):
                wanted = hash_beacon(state.terms.seed, round_, noted.keys)
                assert self.functions.beacon(round_, sorted(noted.keys)).call() == wanted

    def compare_readers(self) -> None:
        """What a reader makes of the contract's events is what the rules say."""
        reader = EvmChain.connect(self.node.url, self.chain.address, deadline=60)
        state = self.rules.at(reader.time())
        assert reader.members() == state.members
        for round_ in range(state.next_round):
            outcome = reader.outcome(round_)
            assert (outcome.void, outcome.marks) == (
                (state.outcomes[round_].void, state.outcomes[round_].marks) if round_ in state.outcomes else (True, {})
            )
        assert [reader.earned(member.uid) for member in state.members] == list(state.paid.values())


class Player:
    """Random acts: mostly sensible, so that rounds come about, and often not."""

    def __init__(self, both: Both, seed: int) -> None:
        self.both, self.random = both, Random(seed)

    def uid(self, role: Role | None = None) -> int:
        fitting = [m.uid for m in self.both.rules.members if role in (None, m.role)]
        return self.random.choice(fitting) if fitting and self.random.random() < 0.95 else self.random.randrange(20)

    def owner(self, uid: int) -> int:
        members, accounts = self.both.rules.members, self.both.accounts
        if uid < len(members) and self.random.random() < 0.95:
            return accounts.index(members[uid].account)
        return self.random.randrange(ACCOUNTS)

    def round(self) -> int:
        now = max(0, self.both.rules.terms.clock.at(self.both.time)[0])
        return max(0, now + self.random.choice([0, 0, 0, 0, 0, 0, 0, 0, -1, 1]))

    def join(self) -> None:
        role = self.random.choice([Role.PEER, Role.PEER, Role.VALIDATOR])
        bond = self.random.choice([100, 100, 100, 100, 200, 200, 300, 99, 2**96])  # few values: ties
        endpoint = self.random.choice(["s3://b/x", "s3://b/x", "s3://b/x", "s3://u@b", "", "a b", "~!"])
        self.both.do(acts.Register(role=role, endpoint=endpoint, bond=bond), self.random.randrange(ACCOUNTS))

    def quit(self) -> None:
        uid = self.uid()
        kind = self.random.choice([acts.Leave, acts.Withdraw, acts.Withdraw])
        self.both.do(kind(uid=uid), self.owner(uid))

    def attest(self) -> None:
        uid, value = self.uid(), digest(self.random.choice([0, 1, 1, 1, 2]))
        self.both.do(acts.Attest(uid=uid, round=self.round(), parameters=value), self.owner(uid))

    def commit(self) -> None:
        uid, round_ = self.uid(Role.PEER), self.round()
        size = self.random.choice([1, 1, 1, 1, 0, 2**40, 2**40 + 1])
        key_hash = sha256(self._key(uid, round_)).hexdigest()
        act = acts.Commit(
            uid=uid, round=round_, object=digest(self.random.choice([1, 1, 2])), size=size, key_hash=key_hash
        )
        self.both.do(act, self.owner(uid))

    def reveal(self) -> None:
        uid, round_ = self.uid(Role.PEER), self.round()
        key = self._key(uid, round_) if self.random.random() < 0.9 else word(self.random.choice([0, 3]))
        self.both.do(acts.Reveal(uid=uid, round=round_, key=key.hex()), self.owner(uid))

    def _key(self, uid: int, round_: int) -> bytes:
        return word(10_000 * (round_ + 1) + uid + 1)

    def round_of_scores(self) -> None:
        """Validators promise sheets, all alike or not, and publish them or not; marks are of every kind."""
        both = self.both
        clock = both.rules.terms.clock
        round_ = both.rules.now()[0]
        if round_ < 0:
            return
        both.time = max(both.time, clock.begins(round_, Phase.SCORE))
        base, sheets = self._marks(round_), {}
        for member in [m for m in both.rules.members if m.role is Role.VALIDATOR]:
            words = pack_marks(base if self.random.random() < 0.7 else self._marks(round_))
            salt = word(self.random.randrange(1, 100))
            sealed = seal_words(member.uid, round_, digest(5), words, salt)
            act = acts.CommitScores(uid=member.uid, round=round_, sheet_hash=sealed.hex())
            if self.random.random() < 0.9 and both.do(act, self.owner(member.uid)):
                sheets[member.uid] = (words, salt)
        both.time = max(both.time, clock.begins(round_, Phase.PUBLISH) - self.random.choice([0, 0, 0, 0, 15]))
        for uid, (words, salt) in sheets.items():
            if self.random.random() < 0.85:
                shown = words if self.random.random() < 0.95 else words[:-1]
                act = acts.PublishScores(uid=uid, round=round_, document=digest(5), marks=shown, salt=salt.hex())
                both.do(act, self.owner(uid))

    def _marks(self, round_: int) -> dict[int, Mark]:
        rules, left, marks = self.both.rules, 1_000_000, {}
        for member in rules.members:
            fitting = member.role is Role.PEER and member.first_round <= round_ and not member.expelled
            if not fitting and self.random.random() < 0.97:
                continue
            active = member.active(round_) or self.random.random() < 0.03
            weight = self.random.choice([0, left, left // 2, left // 3]) if active else 0
            left -= weight
            selected = member.uid in rules.round(round_).keys and self.random.random() < 0.7
            # Now and then at random, and in every fifth round all agree on one.
            expelled = self.random.random() < 0.05 or (round_ % 5 == 4 and member.uid == round_ // 5)
            marks[member.uid] = Mark(weight, selected, expelled)
        if self.random.random() < 0.03 and marks:
            marks[min(marks)] = Mark(999_999)
        return marks

    def wait(self) -> None:
        self.both.wait(self.random.choice([1, PHASE // 2, PHASE, PHASE, 4 * PHASE, 9 * PHASE]))

    def act(self, name: str) -> None:
        getattr(self, name)()


# More of what is needed for a round to come about.
STEPS = ["join"] * 4 + ["commit"] * 6 + ["reveal"] * 4 + ["round_of_scores"] * 3 + ["wait"] * 4 + ["quit", "attest"]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "account"
    path.touch(mode=0o600)
    path.write_text(account_key(23))
    return path


# Not shrunk: every try is a contract of its own on a node, and minutes would pass.
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Stage.explicit, Stage.generate],
)
@given(seed=st.integers(0, 2**32), steps=st.lists(st.sampled_from(STEPS), min_size=30, max_size=60).map(" ".join))
def test_the_contract_keeps_the_rules_on_random_acts(anvil: Anvil, key: Path, seed: int, steps: str) -> None:
    both = Both(anvil, key, max_peers=3)
    player = Player(both, seed)
    for _ in range(8):
        player.join()
    both.wait(10 * PHASE)
    for number, step in enumerate(steps.split()):
        player.act(step)
        if number % 20 == 19:
            both.compare()
    both.compare()
    both.compare_readers()


def test_whole_rounds_are_decided_alike(anvil: Anvil, key: Path) -> None:
    """Orderly rounds with disorderly validators, until members leave, are expelled and strike out."""
    both = Both(anvil, key, max_peers=5)
    player = Player(both, 13)
    for account in range(5):
        both.do(acts.Register(role=Role.PEER, endpoint="s3://b", bond=100 + account), account)
    for account in range(5, 13):
        both.do(acts.Register(role=Role.VALIDATOR, endpoint="s3://b", bond=100 + 100 * (account % 2)), account)
    clock = both.rules.terms.clock
    for round_ in range(14):
        both.time = max(both.time, clock.begins(round_, Phase.COMMIT))
        for uid in range(5):
            both.do(
                acts.Commit(
                    uid=uid,
                    round=round_,
                    object=digest(1),
                    size=1,
                    key_hash=sha256(player._key(uid, round_)).hexdigest(),
                ),
                uid,
            )
        both.time = max(both.time, clock.begins(round_, Phase.REVEAL))
        for uid in range(5):
            both.do(acts.Reveal(uid=uid, round=round_, key=player._key(uid, round_).hex()), uid)
        player.round_of_scores()
        if round_ == 3:
            both.do(acts.Leave(uid=0), 0)
            both.do(acts.Leave(uid=5), 5)
        both.time = max(both.time, clock.begins(round_ + 1, Phase.COMMIT))
        if round_ % 4 == 1:
            both.compare()
    both.do(acts.Withdraw(uid=0), 4)
    both.do(acts.Withdraw(uid=5), 5)
    both.compare()
    both.compare_readers()
    outcomes = both.rules.outcomes.values()
    assert any(outcome.void for outcome in outcomes) and not all(outcome.void for outcome in outcomes)
    assert any(mark.expelled for outcome in outcomes for mark in outcome.marks.values())
    assert both.rules.next_round > WITHDRAW_ROUNDS and both.refused > 5


def test_compiling_again_gives_the_bytes_that_ship() -> None:
    from contracts.compile import TARGET, compiled

    assert compiled() == TARGET.read_text(), "run `python contracts/compile.py`"


def test_digests_and_words_agree() -> None:
    assert digest_word(digest(7)) == word(7)
