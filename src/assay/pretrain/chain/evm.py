"""A run on an EVM chain: the contract `contracts/Run.vy`, through web3.

Writing goes to the contract, which keeps the rules. Reading replays the contract's events through `rules`, and compares
every outcome that the contract decided: if the two ever differ, that is `Corrupt`, not a silent choice. web3 is
imported when a chain is opened, and not before.
"""

import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from assay.core.errors import AssayError, BadInput, Corrupt, LimitExceeded, Unavailable
from assay.pretrain.chain import acts
from assay.pretrain.chain.encoding import digest_word, pack_marks, word_digest
from assay.pretrain.chain.errors import ChainRefusal, NotAllowed, TooEarly, TooLate
from assay.pretrain.chain.protocol import Clock, Outcome, Role, Terms
from assay.pretrain.chain.replayed import ReplayedChain
from assay.pretrain.chain.rules import State, check_terms

DEADLINE = 120.0  # seconds that a call, or the wait for a receipt, may take in all
MAX_KEY_FILE = 1 << 10  # bytes: a key has 64 hex digits
LOG_BLOCKS = 2_000  # asked for at a time: public nodes refuse long ranges
GAS_MARGIN = 1.25  # over the estimate: between estimate and block another member may have acted first
TIP = 10**9  # wei per gas
RECEIPT_SECONDS = 10.0  # a node may count a transaction before it knows its receipt
_REQUEST_SECONDS = 10.0
_DECIDE = "decide"
_BEHIND = ("header not found", "block not found", "unknown block", "missing trie node")  # it will have it in a moment

# The contract's reasons. Those of time have errors of their own.
_REASONS = {
    "registered": "This account is registered already.",
    "bond": "The bond is smaller than the run asks for, or impossibly large.",
    "value": "The amount sent is not the bond.",
    "full": "The run has no free place: wait until a member has left.",
    "member": "There is no such member.",
    "account": "The member belongs to another account.",
    "role": "The member has the other role.",
    "inactive": "The member takes no part in this round: it joins later, or has left.",
    "promised": "Something else was promised for this round.",
    "nothing": "Nothing was promised for this round.",
    "size": "A contribution has at least 1 byte and at most 2**40.",
    "key": "The key is not the one whose hash was committed.",
    "sheet": "This is not the sheet that was promised.",
    "mark": "The sheet breaks a rule: see `publish_scores` in docs/formats/chain.md.",
    "endpoint": "An endpoint has 1 to 200 printable ASCII characters, and no user name, query or fragment.",
    "expelled": "The member was expelled.",
    "stays": "The member has not left.",
    "zero": "32 zero bytes are no key, no hash and no digest.",
    "uids": "The list does not name exactly those whom the round's sheets name.",
}

T = TypeVar("T")


class EvmChain(ReplayedChain):
    """A run's contract on some node, seen by one account or by nobody."""

    def __init__(self, node: "Node", address: str, *, key: Path | None = None) -> None:
        self.node = node
        self.address = node.web3.to_checksum_address(address)
        self._contract = node.web3.eth.contract(address=self.address, abi=artefact()["abi"])
        self._key = _Account.load(node, key) if key else None
        self._unit, terms = self._read_terms()
        self._replay = _Replay(node, self._contract, terms)

    @classmethod
    def deploy(
        cls, url: str, terms: Terms, *, key: Path, unit: int = 1, deadline: float = DEADLINE, confirmations: int = 0
    ) -> Self:
        """Put a new run on the chain. `unit` is what one unit of bond and reward is worth, in wei."""
        check_terms(terms)
        if not 0 <= unit < 2**128:
            raise BadInput(f"A unit is worth at least 0 and less than 2**128 wei, not {unit}.")
        node = Node(url, deadline, confirmations)
        account = _Account.load(node, key)
        compiled = artefact()
        factory = node.web3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
        receipt = account.send(factory.constructor(_terms_tuple(terms, unit)), 0)
        return cls(node, str(receipt["contractAddress"]), key=key)

    @classmethod
    def connect(
        cls,
        url: str,
        address: str,
        *,
        key: Path | None = None,
        deadline: float = DEADLINE,
        confirmations: int = 0,
    ) -> Self:
        """Open the run at `address`.

        `confirmations`: how many blocks must follow an act before it counts as done, and a block before it is not read
        again. None on a node of one's own; on a public chain as many as it may undo.
        """
        return cls(Node(url, deadline, confirmations), address, key=key)

    @property
    def account(self) -> str | None:
        return self._key.address if self._key else None

    def withdraw(self, uid: int) -> None:
        """Free the bond of a member that left; if it is ours, also collect it, and what was earned."""
        state = self._state()
        member = state.members[uid] if 0 <= uid < len(state.members) else None
        paid = member is not None and state.paid[uid] > 0
        if not (member and member.account == self.account and member.last_round is None and paid):
            super().withdraw(uid)  # a member that stays has only its earnings to collect
        if member is not None and member.account == self.account:
            self._send(self._contract.functions.claim(uid))

    def fund(self, units: int) -> None:
        """Add to the pool that rewards are paid from. It does not come back."""
        self._send(self._contract.functions.fund(), units * self._unit)

    def _state(self) -> State:
        return self._replay.state()

    def _do(self, act: acts.Act) -> None:
        self._must_act()
        if isinstance(act, acts.Register) and (self._must_act(), act.role) in self._state().uids:
            return  # the contract would ask for no money, and we would send it
        value = act.bond * self._unit if isinstance(act, acts.Register) else 0
        try:
            self._send(self._function(act), value)
        except NotAllowed:
            if not (isinstance(act, acts.Register) and (self._must_act(), act.role) in self._state().uids):
                raise  # otherwise it was ours, sent before a crash and mined since

    def _function(self, act: acts.Act) -> Any:
        """The contract's function for an act."""
        call = self._contract.functions
        match act:
            case acts.Register():
                return call.register(act.role is Role.VALIDATOR, act.endpoint, act.bond)
            case acts.Leave():
                return call.leave(act.uid)
            case acts.Withdraw():
                return call.withdraw(act.uid)
            case acts.Commit():
                key_hash = bytes.fromhex(act.key_hash)
                return call.commit(act.uid, act.round, digest_word(act.object), act.size, key_hash)
            case acts.Reveal():
                return call.reveal(act.uid, act.round, bytes.fromhex(act.key))
            case acts.CommitScores():
                return call.commit_scores(act.uid, act.round, bytes.fromhex(act.sheet_hash))
            case acts.PublishScores():
                document, salt = digest_word(act.document), bytes.fromhex(act.salt)
                return call.publish_scores(act.uid, act.round, document, list(act.marks), salt)
            case acts.Attest():
                return call.attest(act.uid, act.round, digest_word(act.parameters))

    def _send(self, function: Any, value: int = 0) -> None:
        """Send a transaction; if a round must be decided first, do that."""
        if self._key is None:
            raise BadInput("This chain was opened for reading only: open it with a key to act on it.")
        for _ in range(3):  # between deciding one round and acting, the next may end: twice at most in practice
            try:
                self._key.send(function, value)
                return
            except _MustDecide:
                self.decide()
        raise Unavailable(
            "Rounds end faster than transactions are mined: the run's phases are too short for this chain."
        )

    def decide(self) -> None:
        """Have the contract decide the round that has ended, if there is one. Any account may; acting does it too."""
        if self._key is not None:
            self._key.send(self._contract.functions.decide(self._replay.undecided()), 0)

    def _read_terms(self) -> tuple[int, Terms]:
        try:
            raw = self.node.call(self._contract.functions.terms().call)
        except (AssayError, OSError):
            raise
        except Exception as error:  # web3 has many ways to say that this is not our contract
            raise BadInput(f"There is no run at {self.address}: {type(error).__name__}.") from None
        clock = Clock(raw[2], raw[3], raw[4], raw[5], raw[6])
        return raw[11], Terms(word_digest(raw[0]), raw[1], clock, raw[7], raw[8], raw[9], raw[10])


class _MustDecide(Exception):
    """The contract waits for `decide`."""


class NodeRefusal(Unavailable):
    """The node answers, but does not do it: no coins for gas, a method that it lacks, a limit of its own."""


class Node:
    """A node, asked again until it answers or the deadline has passed."""

    def __init__(self, url: str, deadline: float = DEADLINE, confirmations: int = 0) -> None:
        web3 = _web3()
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput("A node's address is http://HOST:PORT or https://HOST/PATH.")
        self.place = f"{parts.scheme}://{parts.hostname}"  # nothing else: paths and users often are secrets
        self.deadline, self.confirmations = deadline, confirmations
        provider = web3.HTTPProvider(
            url, request_kwargs={"timeout": _REQUEST_SECONDS}, exception_retry_configuration=None
        )
        self.web3 = web3.Web3(provider)
        # Chains with proof of authority put signatures where web3 expects 32 bytes.
        self.web3.middleware_onion.inject(web3.middleware.ExtraDataToPOAMiddleware, layer=0)

    def call(self, ask: Callable[[], T], deadline: float | None = None) -> T:
        """The answer to `ask`. A refusal by the contract is raised as what it means."""
        end, pause = time.monotonic() + (self.deadline if deadline is None else deadline), 0.05
        while True:
            try:
                return self._ask(ask)
            except _unreachable() as error:
                if time.monotonic() > end:
                    reason = type(error).__name__
                    raise Unavailable(
                        f"The node {self.place} did not answer in {self.deadline:g} s ({reason})."
                    ) from None
            time.sleep(pause)
            pause = min(1.0, pause * 2)

    def _ask(self, ask: Callable[[], T]) -> T:
        from web3.exceptions import ContractLogicError, Web3RPCError

        try:
            return ask()
        except ContractLogicError as error:
            raise _meaning(error) from None
        except Web3RPCError as error:
            if any(sign in str(error).lower() for sign in _BEHIND):
                raise ConnectionError("the node is behind") from None
            raise NodeRefusal(f"The node {self.place} refuses: {str(error)[:200]}") from None


def _meaning(error: Any) -> Exception:
    """What a revert stands for."""
    text = str(error.args[0]) if error.args else ""
    reason = text.removeprefix("execution reverted").removeprefix(": ").removeprefix("revert: ").strip()
    if reason == _DECIDE:
        return _MustDecide()
    if reason == "early":
        return TooEarly("The chain says that it is too early: the phase or round has not begun.")
    if reason == "late":
        return TooLate("The chain says that the deadline has passed.")
    if reason in _REASONS:
        return NotAllowed(_REASONS[reason])
    return NotAllowed(f"The contract refused without a reason that is known here ({reason[:80] or 'none'}).")


@dataclass(frozen=True)
class _Account:
    """An account that signs here; its key does not leave this process."""

    node: Node
    signer: Any

    @classmethod
    def load(cls, node: Node, path: Path) -> Self:
        from eth_account import Account

        return cls(node, Account.from_key(_read_key(path)))

    @property
    def address(self) -> str:
        return str(self.signer.address)

    def send(self, function: Any, value: int) -> Any:
        """Sign, send and wait for the receipt. Sent again if the node forgot it; built anew if the nonce is gone."""
        end = time.monotonic() + self.node.deadline
        while True:
            fields = self._fields(function, value)
            signed = self.signer.sign_transaction(fields)
            receipt = self._deliver(signed, int(fields["nonce"]), end)
            if receipt is None:
                continue  # our nonce was used by something else: acts may be repeated, so build it anew
            if receipt["status"] != 1:
                self._explain(function, value, receipt)
            return receipt

    def _fields(self, function: Any, value: int) -> Any:
        """The transaction. Estimating its gas runs it: what the contract refuses is not sent."""
        eth, call = self.node.web3.eth, self.node.call
        gas = call(lambda: function.estimate_gas({"from": self.address, "value": value}))
        base = call(lambda: eth.get_block("latest")).get("baseFeePerGas", 0)
        nonce = call(lambda: eth.get_transaction_count(self.address, "latest"))
        fees = {"maxFeePerGas": 2 * base + TIP, "maxPriorityFeePerGas": TIP}
        chain = call(lambda: eth.chain_id)
        limit = int(gas * GAS_MARGIN) + 5_000
        given = {"from": self.address, "value": value, "gas": limit, "nonce": nonce, "chainId": chain, **fees}
        return call(lambda: function.build_transaction(given))

    def _deliver(self, signed: Any, nonce: int, end: float) -> Any | None:
        """The receipt; None if another transaction of this account took the nonce."""
        eth, pause = self.node.web3.eth, 0.02
        sent_at, used_since = float("-inf"), None
        while True:
            left = max(0.0, end - time.monotonic())
            if time.monotonic() - sent_at > 5:  # a node that was restarted has forgotten it
                with _tolerating_repeats():
                    self.node.call(lambda: eth.send_raw_transaction(signed.raw_transaction), left)
                sent_at = time.monotonic()
            receipt = self.node.call(lambda: _receipt(eth, signed.hash), left)
            if receipt is not None and self._deep(receipt, left):
                return receipt
            count = self.node.call(lambda: eth.get_transaction_count(self.address, "latest"), left)
            if receipt is not None or count <= nonce:
                used_since = None
            elif used_since is None:
                used_since = time.monotonic()
            elif time.monotonic() - used_since > RECEIPT_SECONDS:
                return None
            if time.monotonic() > end:
                raise Unavailable(
                    f"The chain at {self.node.place} did not mine a transaction in {self.node.deadline:g} s."
                )
            time.sleep(pause)
            pause = min(1.0, pause * 1.5)

    def _deep(self, receipt: Any, left: float) -> bool:
        """Whether enough blocks follow the one with this receipt."""
        wanted = receipt["blockNumber"] + self.node.confirmations
        return not self.node.confirmations or self.node.call(lambda: self.node.web3.eth.block_number, left) >= wanted

    def _explain(self, function: Any, value: int, receipt: Any) -> None:
        """Raise what a mined transaction failed of: run it again where it stood."""
        at = receipt["blockNumber"]
        self.node.call(lambda: function.call({"from": self.address, "value": value}, block_identifier=at))
        raise TooLate("The transaction failed when it was mined: the phase had ended, or another was faster.")


def _receipt(eth: Any, hash_: Any) -> Any | None:
    from web3.exceptions import TransactionNotFound

    try:
        return eth.get_transaction_receipt(hash_)
    except TransactionNotFound:
        return None


@contextmanager
def _tolerating_repeats() -> Iterator[None]:
    """A transaction that is sent again may be known or mined, or wait behind one from before a crash."""
    try:
        yield
    except NodeRefusal as refusal:
        text = str(refusal).lower()
        if not any(known in text for known in ("already known", "already imported", "nonce too low", "underpriced")):
            raise


class _Replay:
    """The contract's events, replayed through the rules. Blocks that may still be undone are read again each time."""

    def __init__(self, node: Node, contract: Any, terms: Terms) -> None:
        self._node, self._contract, self._terms = node, contract, terms
        self._born = node.call(contract.functions.born().call)
        self._events = {event_topic(event): event for event in contract.events}
        self._begin()

    def _begin(self) -> None:
        self._settled = State(self._terms)  # up to and with the block `_read`
        self._read, self._hash = self._born - 1, None
        self._time = 0

    def state(self) -> State:
        """The state at the newest block."""
        head = self._node.call(lambda: self._node.web3.eth.get_block("latest"))
        safe = max(self._read, head["number"] - self._node.confirmations)
        if self._undone(head):
            self._begin()
            safe = max(self._read, head["number"] - self._node.confirmations)
        if safe > self._read:
            self._apply(self._settled, self._read + 1, safe)
            kept = head if safe == head["number"] else self._node.call(lambda: self._node.web3.eth.get_block(safe))
            self._read, self._hash = safe, kept["hash"]
        state = self._settled
        if head["number"] > self._read:
            state = self._settled.fork()
            self._apply(state, self._read + 1, head["number"])
        self._time = max(self._time, head["timestamp"])
        return state.at(self._time)

    def undecided(self) -> list[int]:
        """Whom `decide` has to name: the peers in the sheets of the round that the contract has to decide next."""
        waiting = self._node.call(self._contract.functions.next_round().call)
        sheets = self.state().round(waiting).sheets.values()
        return sorted({uid for sheet in sheets for uid in sheet.marks})

    def _undone(self, head: Any) -> bool:
        """Whether the chain no longer has the block that was read last."""
        if self._hash is None:
            return False
        if head["number"] < self._read:
            return True
        kept = self._node.call(lambda: self._node.web3.eth.get_block(self._read))
        return bool(kept["hash"] != self._hash)

    def _apply(self, state: State, first: int, last: int) -> None:
        for start in range(first, last + 1, LOG_BLOCKS):
            wanted: Any = {"address": self._contract.address, "fromBlock": start}
            wanted["toBlock"] = min(last, start + LOG_BLOCKS - 1)
            logs = self._node.call(lambda wanted=wanted: self._node.web3.eth.get_logs(wanted))  # type: ignore[misc]
            for log in sorted(logs, key=lambda log: (log["blockNumber"], log["logIndex"])):
                event = self._events.get(bytes(log["topics"][0]))
                if event is not None:
                    found = event.process_log(log)
                    _replay_event(state, found["event"], found["args"])


def event_topic(event: Any) -> bytes:
    from eth_utils.abi import event_abi_to_log_topic

    return bytes(event_abi_to_log_topic(event.abi))


def _replay_event(state: State, name: str, said: Any) -> None:
    """Apply what the contract accepted. The rules must accept it too, and come to the same."""
    try:
        if name == "Decided":
            _compare(state, said)
        elif name == "Registered":
            role = Role.VALIDATOR if said["validator"] else Role.PEER
            act = acts.Register(role=role, endpoint=said["endpoint"], bond=said["bond"])
            if state.apply(act, said["account"], said["at"]) != said["uid"]:
                raise Corrupt(f"The contract gave {said['account']} the uid {said['uid']}, which the rules do not.")
        elif name in _ACTS:
            state.apply(_ACTS[name](said), state.members[said["uid"]].account, said["at"])
    except (ChainRefusal, IndexError) as error:
        raise Corrupt(f"The contract accepted what the rules refuse ({name}): {error}") from None


_ACTS: dict[str, Callable[[Any], acts.Act]] = {
    "Left": lambda said: acts.Leave(uid=said["uid"]),
    "Withdrawn": lambda said: acts.Withdraw(uid=said["uid"]),
    "Committed": lambda said: acts.Commit(
        uid=said["uid"],
        round=said["round"],
        object=word_digest(said["object"]),
        size=said["size"],
        key_hash=said["key_hash"].hex(),
    ),
    "Revealed": lambda said: acts.Reveal(uid=said["uid"], round=said["round"], key=said["key"].hex()),
    "ScoresCommitted": lambda said: acts.CommitScores(
        uid=said["uid"], round=said["round"], sheet_hash=said["sheet_hash"].hex()
    ),
    "ScoresPublished": lambda said: acts.PublishScores(
        uid=said["uid"],
        round=said["round"],
        document=word_digest(said["document"]),
        marks=tuple(said["marks"]),
        salt=said["salt"].hex(),
    ),
    "Attested": lambda said: acts.Attest(
        uid=said["uid"], round=said["round"], parameters=word_digest(said["parameters"])
    ),
}


def _compare(state: State, said: Any) -> None:
    """What the contract decided must be what the rules decide."""
    round_ = said["round"]
    state.advance(said["at"])
    outcome = state.outcomes.get(round_, Outcome(round_, True))
    if (outcome.void, list(pack_marks(outcome.marks))) != (said["void"], list(said["marks"])):
        raise Corrupt(f"The contract decided round {round_} otherwise than the rules do: trust neither, and report it.")


def _terms_tuple(terms: Terms, unit: int) -> tuple[Any, ...]:
    clock = terms.clock
    times = (clock.genesis, clock.commit, clock.reveal, clock.score, clock.publish)
    amounts = (terms.bond, terms.reward, terms.max_peers, terms.validator_strikes, unit)
    return (digest_word(terms.recipe), terms.seed, *times, *amounts)


@cache
def artefact() -> dict[str, Any]:
    """The compiled contract: `abi` and `bytecode`, and what they were compiled from."""
    found: dict[str, Any] = json.loads((files("assay.pretrain.chain") / "Run.json").read_text())
    return found


def _web3() -> Any:
    """web3, without the 100,000 nested calls that one of its packages allows everybody when it is imported.

    With that limit a parser that is given deeply nested JSON ends the process, where it should raise.
    """
    limit = sys.getrecursionlimit()
    try:
        import eth_account  # noqa: F401 - imported now, so that the limit is put back once and for all
        import web3
    except ImportError:
        raise Unavailable("An EVM chain needs web3: run `pip install 'assay[pretrain]'`.") from None
    finally:
        sys.setrecursionlimit(limit)
    return web3


def _unreachable() -> tuple[type[Exception], ...]:
    """What says that the node is away, starting or overloaded, rather than that it refuses."""
    from requests.exceptions import RequestException
    from web3.exceptions import BadResponseFormat, BlockNotFound, ProviderConnectionError, TimeExhausted

    return OSError, RequestException, ProviderConnectionError, TimeExhausted, BadResponseFormat, BlockNotFound


def _read_key(path: Path) -> str:
    """A private key: 64 hex digits in a file that only its owner can read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # non-blocking: a pipe must not hang us
    except FileNotFoundError:
        raise BadInput(f"There is no key at {path}: write the account's private key there, 64 hex digits.") from None
    except OSError as error:
        raise Unavailable(f"The key {path} cannot be read: {error.strerror}.") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise BadInput(f"{path} is not a file: a key is a file with 64 hex digits.")
    with os.fdopen(handle, "rb") as file:
        if status.st_mode & 0o077:
            raise BadInput(f"Others can read the private key {path}: run `chmod 600 {path}`.")
        if status.st_size > MAX_KEY_FILE:
            raise LimitExceeded(f"{path} is too large for a key: {status.st_size} bytes.")
        text = file.read(MAX_KEY_FILE).decode("ascii", "replace").strip().removeprefix("0x")
    if len(text) != 64 or not set(text.lower()) <= set("0123456789abcdef"):
        raise BadInput(f"{path} is not a private key: it holds 64 hex digits and nothing else.")
    return "0x" + text
