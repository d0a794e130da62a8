"""The embedded chain: a run's acts as signed statements in `assay.core.ledger`, its state their replay.

Each act is signed by its member; the ledger's host signs the entry around it and the tree head that says when. A reader
checks both signatures, grows the Merkle tree itself and compares it with every head, and applies the rules: an entry
that they refuse is there, and changes nothing. The format is in `docs/formats/chain.md`.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput, Corrupt, Unavailable
from assay.core.keys import PublicKey, Signer, load_key
from assay.core.ledger import Entry, Ledger, Statement, Subject, TreeHead, open_ledger
from assay.core.ledger.database import LOCK_SECONDS
from assay.core.ledger.envelope import read_envelope, sign
from assay.core.ledger.merkle import Frontier
from assay.core.ledger.statement import STATEMENT_PAYLOAD, read_time
from assay.pretrain.chain import acts
from assay.pretrain.chain.clocks import ChainClock, HostClock, ManualClock
from assay.pretrain.chain.errors import ChainRefusal
from assay.pretrain.chain.protocol import Terms
from assay.pretrain.chain.replayed import ReplayedChain
from assay.pretrain.chain.rules import State, check_terms

RUN = "urn:assay:chain-run:v1"
TRANSACTION = "urn:assay:chain-transaction:v1"
ACT_PAYLOAD = "application/vnd.assay.chain-act+json"
MAX_IGNORED = 1000  # entries without effect that are remembered, with the reason
_TERMS = TypeAdapter(Terms)


class _SignedAct(BaseModel):
    """What a member signs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    act: acts.AnyAct
    key: acts.Word  # the public key, so that the signature can be checked from the entry alone
    run: Digest


class _RunDocument(BaseModel):
    """What a run begins with. Its digest is the run's id."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    clock: Literal["host", "manual"]
    hosts: tuple[acts.Word, ...] = Field(min_length=1, max_length=64)
    terms: dict[str, Any]


class RunLog:
    """One run in a ledger: what was appended, replayed as far as it has been read. Shared by accounts and threads."""

    def __init__(self, ledger: Ledger, run: Digest | None, clock: ChainClock | None) -> None:
        self.ledger = ledger
        self.ignored: list[tuple[int, str]] = []  # entries without effect: number and reason
        self._run = run
        self._clock = clock
        self._tree = Frontier()
        self._state: State | None = None
        self._hosts: dict[str, PublicKey] = {}
        self._manual = False
        self._settled = -1  # the second until which nothing can be added any more
        self._queue: list[Statement] | None = None
        self._fork: State | None = None  # the state with the queue applied
        self._refused: dict[int, ChainRefusal] = {}
        self._lock = threading.RLock()
        self.refresh()
        if self._state is None:
            wanted = "no run" if run is None else f"no run {run}"
            raise BadInput(f"The ledger {ledger.place} holds {wanted}: begin one with `LedgerChain.create`.")
        if isinstance(clock, ManualClock) and not self._manual:
            raise BadInput("The time of this run is its host's: it cannot be moved by hand.")

    @property
    def run(self) -> Digest:
        assert self._run is not None  # noqa: S101 -- found by the constructor, which raises otherwise
        return self._run

    @property
    def state(self) -> State:
        assert self._state is not None  # noqa: S101 -- as above
        return self._state

    # Reading

    def view(self) -> State:
        """The state now."""
        with self._lock:
            if self._fork is not None:
                return self._fork.at(self._now())
            now = self._settle(self._now())
            self.refresh()
            return self.state.at(now)

    def _now(self) -> int:
        clock = self._clock or (ManualClock() if self._manual else HostClock())
        return max(clock.now(), self.state.time)

    def _settle(self, now: int) -> int:
        """Before the first look at a new phase, wait for appends that carry a time before it.

        Then what was read of the earlier phases is final. A reader that may not lock the ledger looks at the past.
        """
        if self._manual:
            return now
        clock = self.state.terms.clock
        begun = clock.begins(*clock.at(now)) if now >= clock.genesis else -1
        if begun > self._settled:
            try:
                self.ledger.settle()
            except Unavailable:
                return max(self.state.time, now - LOCK_SECONDS)
            self._settled = begun
        return now

    def refresh(self) -> None:
        """Read, check and replay what is new."""
        with self._lock:
            matched, self._refused = False, {}
            for head in self.ledger.tree_heads(self._tree.size):
                entries = list(self.ledger.entries(self._tree.size, head.size)) if head.size > self._tree.size else []
                for entry in entries:
                    self._tree.append(entry.leaf_hash)
                if (self._tree.size, self._tree.root()) != (head.size, head.root):
                    raise Corrupt(
                        f"The ledger {self.ledger.place} does not continue what was read: run `assay ledger verify`."
                    )
                matched = True
                for entry in entries:
                    self._take(entry, head)
            if not matched:
                raise Corrupt(f"The ledger {self.ledger.place} lost entries: run `assay ledger verify`.")

    def _take(self, entry: Entry, head: TreeHead) -> None:
        try:
            if entry.statement.predicate_type == RUN and self._state is None:
                self._begin(entry, head)
            elif entry.statement.predicate_type == TRANSACTION and self._is_ours(entry):
                self._replay(entry, head)
        except (BadInput, Corrupt, ValidationError, ValueError, KeyError, TypeError) as error:
            self._ignore(entry, f"It is malformed: {str(error).splitlines()[0][:200]}")
        except ChainRefusal as refusal:
            self._refused[entry.index] = refusal
            self._ignore(entry, str(refusal))

    def _is_ours(self, entry: Entry) -> bool:
        return self._state is not None and entry.statement.subjects[0].digest == self._run

    def _ignore(self, entry: Entry, reason: str) -> None:
        if len(self.ignored) < MAX_IGNORED:
            self.ignored.append((entry.index, reason))

    def _begin(self, entry: Entry, head: TreeHead) -> None:
        said = {name: entry.statement.predicate[name] for name in ("clock", "hosts", "terms")}
        document = _RunDocument.model_validate_json(canonical_json(said))
        run = _run_id(document)
        if entry.statement.subjects[0].digest != run or self._run not in (None, run):
            return
        terms = _TERMS.validate_json(canonical_json(document.terms), strict=True)
        if asdict(terms) != document.terms:
            raise BadInput("The terms are not in their canonical form.")
        hosts = {key.key_id: key for key in (PublicKey.from_raw(bytes.fromhex(raw)) for raw in document.hosts)}
        _check_host(entry, head, hosts)
        self._state, self._run = State(terms), run
        self._hosts, self._manual = hosts, document.clock == "manual"

    def _replay(self, entry: Entry, head: TreeHead) -> None:
        _check_host(entry, head, self._hosts)
        said = entry.statement.predicate
        time, transaction = said["time"], said["transaction"]
        if not self._manual:
            # Signed under the ledger's write lock, after everything before it: no member chooses it.
            time = int(read_time(head.timestamp).timestamp())
        elif type(time) is not int or not 0 <= time < 2**63:
            raise BadInput(f"{time!r} is not a time.")
        if transaction is None:
            self.state.advance(time)
            return
        if not isinstance(transaction, str):
            raise BadInput("The transaction is not a text.")
        signed = _read_act(transaction.encode())
        if signed.run != self._run:
            raise BadInput("The act is of another run.")
        self.state.apply(signed.act, _account(signed.key), time)

    # Writing

    def submit(self, act: acts.Act, signer: Signer) -> None:
        """Append an act. Nothing is appended if it would change nothing, or if it is refused already."""
        with self._lock:
            if self._fork is None:
                self.refresh()
            state, now = self._fork or self.state, self._now()
            if not state.check(act, signer.key_id, now):
                return
            statement = self._statement(self._sign(act, signer), now)
            if self._queue is not None and self._fork is not None:
                self._fork.apply(act, signer.key_id, now)
                self._queue.append(statement)
            else:
                self._append([statement])

    def tick(self) -> None:
        """Write down what time it is: for other processes, in a run whose clock is moved by hand."""
        with self._lock:
            if self._fork is None:
                self._append([self._statement(None, self._now())])

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Append what is done inside as one batch, at its end: one write instead of many.

        Reads inside see it as done. If another process was faster, an act may be refused after all: that is raised.
        """
        with self._lock:
            if self._fork is not None:
                raise BadInput("A batch cannot be opened inside another.")
            self.refresh()
            self._queue, self._fork = [], self.state.fork()
            try:
                yield
                queue = self._queue
            finally:
                self._queue = self._fork = None
            if queue:
                self._append(queue)

    def _append(self, statements: Sequence[Statement]) -> None:
        entries = self.ledger.append_many(statements)
        self.refresh()
        for entry in entries:
            if entry.index in self._refused:
                raise self._refused[entry.index]

    def _sign(self, act: acts.Act, signer: Signer) -> str:
        said = _SignedAct(act=act, key=signer.public.raw.hex(), run=self.run)
        return sign(canonical_json(said.model_dump(mode="json")), ACT_PAYLOAD, signer).decode()

    def _statement(self, transaction: str | None, now: int) -> Statement:
        said = {"time": now if self._manual else None, "transaction": transaction}
        return Statement((Subject(self.run, "run"),), TRANSACTION, said)


class LedgerChain(ReplayedChain):
    """A run in a ledger, seen by one account. `chain.acting_as(signer)` is the same run seen by another."""

    def __init__(self, log: RunLog, signer: Signer | None = None) -> None:
        self.log = log
        self._signer = signer

    @classmethod
    def create(
        cls,
        ledger: Ledger | str | Path | None,
        terms: Terms,
        *,
        key: Path | Signer | None = None,
        clock: ChainClock | None = None,
        hosts: Sequence[PublicKey] = (),
    ) -> Self:
        """Begin a run in a ledger, whose signing key becomes its host; a run that is there already is opened.

        `key` is the member's own. `hosts` are further keys whose entries and clocks are believed. With a `ManualClock`
        time is what the entries say; without, it is the host's.
        """
        check_terms(terms)
        book = ledger if isinstance(ledger, Ledger) else open_ledger(ledger)
        document = _RunDocument(
            clock="manual" if isinstance(clock, ManualClock) else "host",
            hosts=tuple(sorted({public.raw.hex() for public in [book.signer.public, *hosts]})),
            terms=asdict(terms),
        )
        run = _run_id(document)
        statement = Statement((Subject(run, "run"),), RUN, document.model_dump(mode="json"))
        book.append(statement, key=f"chain-run-{run}")
        return cls(RunLog(book, run, clock), _signer(key))

    @classmethod
    def open(
        cls,
        ledger: Ledger | str | Path | None,
        *,
        run: Digest | None = None,
        key: Path | Signer | None = None,
        clock: ChainClock | None = None,
    ) -> Self:
        """Open a run: the one named, or the first in the ledger. Name it if you do not trust who wrote the ledger."""
        book = ledger if isinstance(ledger, Ledger) else open_ledger(ledger, create=False)
        return cls(RunLog(book, run, clock), _signer(key))

    def acting_as(self, key: Path | Signer | None) -> Self:
        """The same run, seen by another account. What has been read is shared."""
        return type(self)(self.log, _signer(key))

    @property
    def account(self) -> str | None:
        return self._signer.key_id if self._signer else None

    @property
    def run(self) -> Digest:
        """The id of the run: the digest of its terms, its hosts and its kind of clock."""
        return self.log.run

    def _state(self) -> State:
        return self.log.view()

    def _do(self, act: acts.Act) -> None:
        self._must_act()
        if self._signer is not None:
            self.log.submit(act, self._signer)


def _signer(key: Path | Signer | None) -> Signer | None:
    return load_key(key) if isinstance(key, Path) else key


def _run_id(document: _RunDocument) -> Digest:
    return digest_bytes(canonical_json(document.model_dump(mode="json")))


def _check_host(entry: Entry, head: TreeHead, hosts: dict[str, PublicKey]) -> None:
    """Raise unless a host of the run signed the entry and the head over it."""
    host, sealer = hosts.get(entry.key_id), hosts.get(head.key_id)
    if host is None or sealer is None:
        raise BadInput("It was not added by a host of the run.")
    if not read_envelope(entry.envelope, STATEMENT_PAYLOAD).signed_by(host) or not head.signed_by(sealer):
        raise BadInput("It does not match its host's signature.")


def _read_act(envelope: bytes) -> _SignedAct:
    """Parse an act and check its member's signature."""
    outer = read_envelope(envelope, ACT_PAYLOAD)
    signed = _SignedAct.model_validate_json(outer.payload)
    if canonical_json(signed.model_dump(mode="json")) != outer.payload:
        raise BadInput("The act is not in its canonical form.")
    key = _public_key(signed.key)
    if key.key_id != outer.key_id or not outer.signed_by(key):
        raise BadInput("The act does not match its member's signature.")
    return signed


def _account(key: str) -> str:
    return _public_key(key).key_id


@lru_cache(maxsize=4096)
def _public_key(raw: str) -> PublicKey:
    return PublicKey.from_raw(bytes.fromhex(raw))
