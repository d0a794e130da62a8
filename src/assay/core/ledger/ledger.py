"""The append-only ledger: signed statements in a Merkle tree, every batch sealed by a signed tree head.

`open_ledger` is the door. Several processes, machines and keys may append to one ledger at once. Checking all of it
is in `audit.py`; moving it, whole or by entry, in `bundle.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Self

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from assay.core.digest import Digest, parse_digest
from assay.core.errors import BadInput, Corrupt, LimitExceeded
from assay.core.keys import PublicKey, Signer, signing_key, trusted_keys
from assay.core.ledger import database as db
from assay.core.ledger import merkle, witness
from assay.core.ledger.audit import Problem, Progress, Report, audit
from assay.core.ledger.bundle import (
    consistency_document,
    entry_document,
    write_checked,
)
from assay.core.ledger.rows import (
    Entry,
    find_by_key,
    ledger_id,
    lookup_nodes,
    public_key,
    read_entries,
    read_tree_head,
    read_tree_heads,
    store_entries,
    store_head,
    store_keys,
    store_ledger,
)
from assay.core.ledger.statement import (
    VERDICT_PREDICATE,
    Statement,
    Subject,
    TreeHead,
    check_key,
    read_statement,
    sign_head,
    sign_statement,
)
from assay.core.task import Run
from assay.core.verdict import Verdict

MAX_BATCH = 10_000  # statements in one append_many: they are in memory together, and others wait meanwhile
_PAGE = 64  # entries read at a time: at most 64 MiB


@dataclass(frozen=True)
class InclusionProof:
    """That the leaf at `index` is in the tree of `size` leaves: RFC 9162 section 2.1.3."""

    index: int
    size: int
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class ConsistencyProof:
    """That the tree of `first` leaves begins the tree of `second` leaves: RFC 9162 section 2.1.4."""

    first: int
    second: int
    path: tuple[bytes, ...]


class Ledger:
    """An open ledger. Use it as a context manager, or call `close`; it may be used after a fork and by threads."""

    def __init__(self, database: db.Database, *, key: Path | None = None) -> None:
        self._database = database
        self._key = key
        self._signer: Signer | None = None
        self._id: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    @property
    def place(self) -> str:
        """Where the ledger is: a file or a URL, without a password."""
        return self._database.place

    @property
    def id(self) -> str:
        """32 hex digits that every tree head of this ledger names."""
        if self._id is None:
            with self._database.read() as connection:
                self._id = ledger_id(connection)
        return self._id

    @property
    def signer(self) -> Signer:
        """The key that this ledger is signed with from here."""
        return self._sign_with()

    # Writing

    def append(self, statement: Statement, *, key: str | None = None) -> Entry:
        """Sign and add one statement. When this returns, it is on disk and under a signed tree head.

        With an idempotency `key`, appending the same content again returns the entry that is there; other content
        under the same key raises `BadInput`.
        """
        return self.append_many([statement], keys=[key])[0]

    def append_verdict(
        self, verdict: Verdict, *, run: Run | Mapping[str, Any] | None = None, key: str | None = None
    ) -> Entry:
        """Sign and add a verdict, with the run it judges."""
        about = run.to_json() if isinstance(run, Run) else None if run is None else dict(run)
        predicate = {"verdict": verdict.to_json(), "run": about}
        return self.append(
            Statement((Subject(verdict.submission, "submission"),), VERDICT_PREDICATE, predicate), key=key
        )

    def append_many(self, statements: Sequence[Statement], *, keys: Sequence[str | None] | None = None) -> list[Entry]:
        """Sign and add statements as one batch: all of them or, if anything goes wrong, none."""
        wanted = list(keys) if keys is not None else [None] * len(statements)
        if len(wanted) != len(statements):
            raise BadInput(f"There are {len(statements)} statements but {len(wanted)} idempotency keys: give one each.")
        if len(statements) > MAX_BATCH:
            raise LimitExceeded(
                f"{len(statements)} statements are too many for one batch: append {MAX_BATCH} at a time."
            )
        if not statements:
            return []
        signer = self._sign_with()
        signed = [
            sign_statement(s, k if k is None else check_key(k), signer) for s, k in zip(statements, wanted, strict=True)
        ]
        with self._database.write() as connection:
            head, frontier = self._grow_from(connection)
            batch = _Batch(find_by_key(connection, [k for k in wanted if k is not None]), frontier)
            result = [batch.add(e, s, k) for e, s, k in zip(signed, statements, wanted, strict=True)]
            if not batch.new:
                return result
            sealed = sign_head(head.ledger, frontier.size, frontier.root(), head.size, signer)
            store_entries(connection, zip(batch.new, batch.hashes, strict=True))
            store_head(connection, sealed)
            store_keys(connection, [signer.public])
        witness.remember(sealed, self.place)
        return result

    def settle(self) -> None:
        """Wait for appends that are under way: every head that is signed after this has a later time."""
        with self._database.write():
            pass  # a head is signed under the lock that was just held

    def _sign_with(self) -> Signer:
        if self._signer is None:
            self._signer = signing_key(self._key)
        return self._signer

    def _grow_from(self, connection: Connection) -> tuple[TreeHead, merkle.Frontier]:
        """The head to build on and the tree's right edge, after checking that they are what was once signed."""
        ledger = ledger_id(connection)
        head = read_tree_head(connection, None)
        self._check_head(head, ledger)
        witness.check_place(self.place, ledger)
        known = witness.recall(ledger)
        if known and (
            known.head.size > head.size or read_tree_head(connection, known.head.size).root != known.head.root
        ):
            raise Corrupt(
                f"The ledger {self.place} lost entries: this machine saw a signed head of {known.head.size} entries "
                f"that it no longer has. Run `assay ledger verify`."
            )
        nodes = merkle.perfect_subtrees(0, head.size)
        stored = lookup_nodes(connection, nodes)
        frontier = merkle.Frontier(head.size, [stored[node] for node in nodes])
        count = connection.execute(sql.select(sql.func.max(db.entries.c.position))).scalar_one()
        if frontier.root() != head.root or (-1 if count is None else count) != head.size - 1:
            raise Corrupt(f"The ledger {self.place} does not match its last signed head: run `assay ledger verify`.")
        return head, frontier

    def _check_head(self, head: TreeHead, ledger: str) -> None:
        """Raise unless the last head is truly this ledger's and signed by a key that is trusted here."""
        own = self._signer.public if self._signer else None
        trusted = {own.key_id: own} if own and own.key_id == head.key_id else trusted_keys(own=self._key)
        if head.key_id not in trusted:
            raise BadInput(
                f"The ledger {self.place} was last signed by the key {head.key_id}, which is not trusted here: check "
                f"whose it is, then run `assay ledger trust` with it."
            )
        if head.ledger != ledger or not head.signed.signed_by(trusted[head.key_id]):
            raise Corrupt(f"The last tree head of {self.place} is not what was signed: run `assay ledger verify`.")

    # Reading

    def __len__(self) -> int:
        return self.tree_head().size

    def tree_head(self, size: int | None = None) -> TreeHead:
        """The latest signed tree head, or the one of `size` entries. Every batch leaves one."""
        with self._database.read() as connection:
            return read_tree_head(connection, size)

    def tree_heads(self, least: int = 0) -> Iterator[TreeHead]:
        """The signed heads of `least` entries and more, shortest first, a few in memory at a time."""
        while True:
            with self._database.read() as connection:
                heads = read_tree_heads(connection, least, _PAGE)
            yield from heads
            if len(heads) < _PAGE:
                return
            least = heads[-1].size + 1

    def entry(self, index: int) -> Entry:
        with self._database.read() as connection:
            rows = read_entries(connection, db.entries.c.position == index)
        if not rows:
            raise BadInput(f"The ledger {self.place} has no entry {index}: its entries are numbered from 0.")
        return rows[0]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Entries from `start` to before `stop` in order, a few in memory at a time."""
        stop = len(self) if stop is None else stop
        while start < stop:
            with self._database.read() as connection:
                inside = sql.and_(db.entries.c.position >= start, db.entries.c.position < min(stop, start + _PAGE))
                rows = read_entries(connection, inside)
            yield from rows
            start += _PAGE

    def find(self, *, subject: Digest | None = None, key: str | None = None) -> list[Entry]:
        """Entries about `subject`, or the one appended under the idempotency `key`, oldest first."""
        conditions: list[sql.ColumnElement[bool]] = []
        if subject is not None:
            raw = Subject(parse_digest(subject)).raw
            about = sql.select(db.subjects.c.position).where(db.subjects.c.digest == raw)
            conditions.append(db.entries.c.position.in_(about))
        if key is not None:
            conditions.append(db.entries.c.idempotency_key == key)
        if not conditions:
            raise BadInput("Say what to find: a subject or an idempotency key.")
        with self._database.read() as connection:
            return read_entries(connection, sql.and_(*conditions))

    def public_keys(self) -> dict[str, PublicKey]:
        """The keys that signed this ledger, by id. That a key is here does not make it trusted."""
        with self._database.read() as connection:
            rows = connection.execute(sql.select(db.keys.c.key_id, db.keys.c.public_key)).all()
        return {key_id: public_key(key_id, raw) for key_id, raw in rows}

    def prove_inclusion(self, index: int, size: int | None = None) -> InclusionProof:
        """The proof that entry `index` is in the tree of the first `size` entries (default: of the latest head)."""
        with self._database.read() as connection:
            latest = read_tree_head(connection, None).size
            size = latest if size is None else size
            if not 0 <= index < size <= latest:
                raise BadInput(f"There is no entry {index} among the first {size} of {latest} entries.")
            path = merkle.prove_inclusion(index, size, lambda nodes: lookup_nodes(connection, nodes))
        return InclusionProof(index, size, tuple(path))

    def prove_consistency(self, first: int, second: int | None = None) -> ConsistencyProof:
        """The proof that the ledger of `first` entries is the beginning of the one of `second` (default: latest)."""
        with self._database.read() as connection:
            latest = read_tree_head(connection, None).size
            second = latest if second is None else second
            if not 0 <= first <= second <= latest:
                raise BadInput(f"Sizes must be in order and at most {latest}, not {first} and {second}.")
            path = merkle.prove_consistency(first, second, lambda nodes: lookup_nodes(connection, nodes))
        return ConsistencyProof(first, second, tuple(path))

    def export(self, path: Path) -> int:
        """Write the whole ledger to `path`, checked, as JSON Lines. Returns the number of entries."""
        trusted = trusted_keys(own=self._key)
        with self._database.read() as connection:
            return write_checked(connection, ledger_id(connection), path, trusted).size

    def entry_document(self, index: int) -> dict[str, Any]:
        """Entry `index` with the proof that the latest signed head covers it, for `check_entry_document`."""
        entry, head = self.entry(index), self.tree_head()
        return entry_document(entry, head, self.prove_inclusion(index, head.size).path)

    def consistency_document(self, first: int, second: int | None = None) -> dict[str, Any]:
        """Two signed heads and the proof that the second continues the first, for `check_consistency_document`."""
        old, new = self.tree_head(first), self.tree_head(second)
        return consistency_document(old, new, self.prove_consistency(old.size, new.size).path)

    def verify(
        self,
        *,
        trust: Iterable[PublicKey] = (),
        saved: Iterable[TreeHead] = (),
        progress: Progress | None = None,
    ) -> Report:
        """Check everything, with this machine's trusted keys and `trust`, against its witness and `saved` heads."""
        trusted = trusted_keys(trust, own=self._key)
        return audit(self._database, trusted, saved=tuple(saved), progress=progress)


def open_ledger(url: str | Path | None = None, *, key: Path | None = None, create: bool = True) -> Ledger:
    """Open the ledger at `url`: a file, a database URL, or None for `ledger.db` in Assay's home.

    `key` is the private key to sign with (default: `$ASSAY_KEY`, then this machine's own). A missing ledger is begun,
    with a signed head of no entries, unless `create` is false: then `BadInput` is raised.
    """
    database = db.Database(url)
    ledger = Ledger(database, key=key)
    try:
        if not database.exists():
            witness.check_place(database.place, None)
            if not create:
                raise BadInput(f"There is no ledger at {database.place}: nothing has been signed there yet.")
            _begin(database, ledger._sign_with())
        _check_schema(database)
    except BaseException:
        ledger.close()
        raise
    return ledger


def verify_ledger(
    url: str | Path | None = None,
    *,
    key: Path | None = None,
    trust: Iterable[PublicKey] = (),
    saved: Iterable[TreeHead] = (),
    progress: Progress | None = None,
) -> Report:
    """Check the ledger at `url` whatever its state: a report, also where `open_ledger` would refuse it."""
    database = db.Database(url)
    with Ledger(database, key=key) as ledger:
        try:
            if not database.exists():
                witness.check_place(database.place, None)
                raise BadInput(f"There is no ledger at {database.place}: nothing has been signed there yet.")
        except Corrupt as error:
            return Report(database.place, None, 0, 0, None, None, (Problem(str(error)),), 1)
        return ledger.verify(trust=trust, saved=saved, progress=progress)


def _begin(database: db.Database, signer: Signer) -> None:
    """Make a ledger's tables and sign its first head, of no entries, so that its id is never unsigned."""
    database.prepare()
    head = sign_head(token_hex(16), 0, merkle.EMPTY_ROOT, None, signer)
    with database.write() as connection:
        if not database.create_tables(connection):
            return  # another process was faster: its ledger is the ledger
        store_ledger(connection, head.ledger)
        store_head(connection, head)
        store_keys(connection, [signer.public])
    witness.remember(head, database.place)


def _check_schema(database: db.Database) -> None:
    with database.read() as connection:
        versions = connection.execute(sql.select(db.ledgers.c.schema_version)).scalars().all()
    if len(versions) == 1 and isinstance(versions[0], int) and versions[0] > db.SCHEMA:
        raise BadInput(
            f"The ledger {database.place} has schema {versions[0]}, this Assay reads {db.SCHEMA}: install a newer one."
        )
    if versions != [db.SCHEMA]:
        raise Corrupt(f"The ledger {database.place} does not say its schema: run `assay ledger verify`.")


class _Batch:
    """What one append_many adds: takes statements one by one and knows which are already there."""

    def __init__(self, known: dict[str, Entry], frontier: merkle.Frontier) -> None:
        self.known = known
        self.frontier = frontier
        self.new: list[Entry] = []
        self.hashes: list[bytes] = []

    def add(self, envelope: bytes, statement: Statement, key: str | None) -> Entry:
        if key is not None and key in self.known:
            return _same(self.known[key], statement, key)
        completed = self.frontier.append(merkle.leaf_hash(envelope))
        entry = Entry.of(self.frontier.size - 1, envelope, completed[0], read_statement(envelope))
        self.new.append(entry)
        self.hashes.append(b"".join(completed))
        if key is not None:
            self.known[key] = entry
        return entry


def _same(entry: Entry, statement: Statement, key: str) -> Entry:
    if entry.statement.content() == statement.content():
        return entry
    raise BadInput(f"The idempotency key {key} belongs to entry {entry.index}, which says something else: use another.")
