"""Checking a whole ledger: every signature, hash, copy and head, in one pass with bounded memory.

Nothing in the database is believed but what a trusted key signed. A problem names the entries it is about; a report
without problems means that the entries are, byte for byte, those that were sealed by the latest signed head.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from assay.core.errors import AssayError, Corrupt, Unavailable
from assay.core.keys import PublicKey
from assay.core.ledger import database as db
from assay.core.ledger import merkle, witness
from assay.core.ledger.rows import limited, public_key
from assay.core.ledger.statement import MAX_SUBJECTS, SignedStatement, TreeHead, read_head, read_statement

MAX_PROBLEMS = 1000  # told one by one; more are only counted, so that a ruined ledger still gives a short report
_PAGE = 64  # rows read at a time: at most 64 MiB

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was signed. `entry` is the first entry it is about, if it is about entries."""

    message: str
    entry: int | None = None


@dataclass(frozen=True)
class Report:
    """What checking a ledger found. `witnessed` is the size of the longest head that this machine remembers."""

    place: str
    ledger: str | None
    entries: int
    heads: int
    root: bytes | None
    witnessed: int | None
    problems: tuple[Problem, ...]
    problem_count: int

    @property
    def ok(self) -> bool:
        return self.problem_count == 0

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "place": self.place,
            "ledger": self.ledger,
            "entries": self.entries,
            "heads": self.heads,
            "root": None if self.root is None else self.root.hex(),
            "witnessed": self.witnessed,
            "problem_count": self.problem_count,
            "problems": [{"entry": problem.entry, "message": problem.message} for problem in self.problems],
        }


def audit(
    database: db.Database,
    trusted: dict[str, PublicKey],
    *,
    saved: Sequence[TreeHead] = (),
    progress: Progress | None = None,
) -> Report:
    """Check the ledger in `database` against trusted keys, this machine's witness, and heads saved by its user."""
    run = _Audit(trusted)
    try:
        with database.read() as connection:
            for damage in database.damage(connection):
                run.note(f"The database is damaged: {damage}.")
            run.check(connection, saved, progress)
    except Unavailable:
        raise
    except AssayError as error:
        since = f"from entry {run.expected} on" if run.expected else "from its start"
        run.note(f"The ledger cannot be read {since}: {error}", run.expected)
    _check_place(run, database.place)
    sound = run.problem_count == 0
    if sound and run.latest is not None:
        witness.remember(run.latest, database.place)
    return Report(
        place=database.place,
        ledger=run.ledger,
        entries=run.expected,
        heads=run.head_count,
        root=run.tree.root() if sound else None,
        witnessed=run.witnessed,
        problems=tuple(run.problems),
        problem_count=run.problem_count,
    )


def _check_place(run: "_Audit", place: str) -> None:
    try:
        for known in witness.recall_place(place):
            if known.head.ledger != run.ledger and known.head.size:
                run.note(witness.replaced(known, place, run.ledger))
    except Corrupt as error:
        run.note(str(error))


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the entries, with the digests that the index of subjects has for it, as they are stored."""

    position: int
    key: str | None
    hashes: bytes
    envelope: bytes
    subjects: list[bytes]


@dataclass
class _Audit:
    """The state of one pass over a ledger."""

    trusted: dict[str, PublicKey]
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    ledger: str | None = None
    witnessed: int | None = None
    stored_keys: dict[str, PublicKey] = field(default_factory=dict)
    used_keys: set[str] = field(default_factory=set)
    believed: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict)  # size: (who says so, root)
    expected: int = 0  # the number that the next entry should have
    tree: merkle.Frontier = field(default_factory=merkle.Frontier)  # over the entries before the first missing one
    head_count: int = 0
    previous_head: int | None = None  # size of the head before, for the chain of heads
    latest: TreeHead | None = None  # the longest head that a trusted key signed
    sealed: int = 0  # entries under the longest head whose root is right
    forked: bool = False  # a root was wrong: that all later ones are wrong too says nothing new

    def note(self, message: str, entry: int | None = None) -> None:
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(message, entry))

    def check(self, connection: Connection, saved: Sequence[TreeHead], progress: Progress | None) -> None:
        self._read_ledger_row(connection)
        self._read_keys(connection)
        self._collect_believed(saved)
        total = connection.execute(sql.select(sql.func.count()).select_from(db.entries)).scalar_one()
        heads = _heads(connection)
        self._check_believed()
        waiting = self._check_heads(heads, next(heads, None))
        for row in _rows(connection, self.note):
            self._check_entry(row)
            self._check_believed()
            waiting = self._check_heads(heads, waiting)
            if progress:
                progress(self.expected, total)
        while waiting is not None:  # heads of more entries than there are, or that follow a gap
            self._check_head(*waiting)
            waiting = next(heads, None)
        self._check_end()

    def _read_ledger_row(self, connection: Connection) -> None:
        rows = connection.execute(sql.select(db.ledgers.c.id, db.ledgers.c.schema_version).limit(2)).all()
        if len(rows) != 1:
            self.note("The ledger's own row, with its id and schema, is not there exactly once.")
            return
        self.ledger = str(rows[0][0])
        if rows[0][1] != db.SCHEMA:
            self.note(f"The schema is {rows[0][1]} instead of {db.SCHEMA}: changed, or written by a newer Assay.")

    def _read_keys(self, connection: Connection) -> None:
        for key_id, raw in connection.execute(sql.select(db.keys.c.key_id, db.keys.c.public_key)):
            try:
                self.stored_keys[key_id] = public_key(key_id, raw)
            except Corrupt as error:
                self.note(str(error))

    def _collect_believed(self, saved: Sequence[TreeHead]) -> None:
        believed = [("a saved head", head) for head in saved]
        try:
            known = witness.recall(self.ledger) if self.ledger and witness.is_id(self.ledger) else None
        except Corrupt as error:
            self.note(str(error))
            known = None
        if known:
            self.witnessed = known.head.size
            believed.append(("this machine's witness", known.head))
        for who, head in believed:
            fault = self._fault(head.signed_by, head.key_id)
            if head.ledger != self.ledger:
                fault = f"is of the ledger {head.ledger}, not of this one"
            if fault:
                self.note(f"The head of {head.size} entries of {who} {fault}.")
            else:
                self.believed.setdefault(head.size, []).append((who, head.root))

    def _fault(self, signed_by: Callable[[PublicKey], bool], key_id: str) -> str | None:
        """What is wrong with a signature, if anything."""
        self.used_keys.add(key_id)
        key = self.trusted.get(key_id)
        if key is None:
            return f"is signed by the key {key_id[:80]!r}, which is not trusted here"
        return None if signed_by(key) else "does not match its signature"

    def _check_entry(self, row: _Row) -> None:
        at = row.position
        if at < self.expected:
            self.note(f"There is an entry with the impossible number {at}.", at)
            return
        gap = at > self.expected
        if gap:
            self.note(f"{_entries(self.expected, at)} missing.", self.expected)
        faults, authentic = self._entry_faults(row)
        leaf = merkle.leaf_hash(row.envelope) if isinstance(row.envelope, bytes) else b""
        stored = row.hashes if isinstance(row.hashes, bytes) else b""
        if stored[: merkle.HASH_BYTES] != leaf:
            faults.append("does not match its own hash in the tree")
        if not gap and self.tree.size == at:
            # Go on with the leaf that was more likely signed: then one changed byte is one problem, not one per level.
            usable = len(stored) >= merkle.HASH_BYTES and not authentic
            completed = self.tree.append(stored[: merkle.HASH_BYTES] if usable else leaf)
            if stored[merkle.HASH_BYTES :] != b"".join(completed[1:]):
                first = at + 1 - (1 << (len(completed) - 1))
                faults.append(f"does not match the hashes that are stored with it for entries {first} to {at}")
        if faults:
            self.note(f"Entry {at} {', and '.join(faults)}.", at)
        self.expected = at + 1

    def _entry_faults(self, row: _Row) -> tuple[list[str], bool]:
        """What is wrong with an entry by itself, and whether whoever it names did sign it."""
        try:
            parsed = read_statement(row.envelope)
        except (Corrupt, TypeError) as error:
            return [f"cannot be read ({str(error).rstrip('.')})"], False
        fault = self._fault(parsed.signed.signed_by, parsed.signed.key_id)
        faults = [fault] if fault else []
        faults += self._copy_faults(row, parsed)
        stored = self.stored_keys.get(parsed.signed.key_id)
        return faults, fault is None or (stored is not None and parsed.signed.signed_by(stored))

    def _copy_faults(self, row: _Row, parsed: SignedStatement) -> list[str]:
        """Columns that repeat what the envelope says, for look-ups."""
        faults = []
        if row.key != parsed.idempotency_key:
            faults.append("is stored under another idempotency key than it was signed with")
        # As sets: the values may be of any type in a damaged file, and the table holds none twice.
        if set(row.subjects) != {subject.raw for subject in parsed.statement.subjects}:
            faults.append("is stored under other subjects than it was signed with")
        if parsed.signed.key_id not in self.stored_keys:
            faults.append("is signed by a key that the ledger does not hold")
        return faults

    def _check_heads(self, heads: Iterator["_Head"], waiting: "_Head | None") -> "_Head | None":
        """Check the heads of as many entries as have been read. Returns the next one."""
        while waiting is not None and waiting[0] <= self.expected:
            self._check_head(*waiting)
            waiting = next(heads, None)
        return waiting

    def _check_head(self, size: int, envelope: bytes) -> None:
        self.head_count += 1
        name = f"The signed head of {size} entries"
        previous, self.previous_head = self.previous_head, size
        try:
            head = read_head(envelope)
        except (Corrupt, TypeError) as error:
            self.note(f"{name} cannot be read ({str(error).rstrip('.')}).")
            return
        fault = self._fault(head.signed_by, head.key_id)
        if fault is None and head.key_id not in self.stored_keys:
            fault = "is signed by a key that the ledger does not hold"
        elif fault is None and (head.ledger, head.size) != (self.ledger, size):
            fault = f"is one of {head.size} entries of the ledger {head.ledger}"
        if fault:
            self.note(f"{name} {fault}.")
            return
        if head.previous != previous:
            self.note(f"{name} follows one of {head.previous} entries, but the one stored before has {previous}.")
        self.latest = head
        self._check_root(head)

    def _check_root(self, head: TreeHead) -> None:
        if head.size != self.tree.size or self.forked:
            return  # entries are missing, or wrong: that has been said
        if head.root == self.tree.root():
            self.sealed = head.size
            return
        self.forked = True
        if head.size == self.sealed:
            self.note(f"The signed head of {head.size} entries does not match them.")
        else:
            span = f"entries {self.sealed} to {head.size - 1}"
            self.note(f"Among {span} are some that the signed head of {head.size} does not cover.", self.sealed)

    def _check_believed(self) -> None:
        for who, root in self.believed.get(self.tree.size, ()) if self.tree.size == self.expected else ():
            if root != self.tree.root():
                self.note(f"The first {self.tree.size} entries are not those that {who} covers.", 0)
        if self.tree.size == self.expected:
            self.believed.pop(self.tree.size, None)

    def _check_end(self) -> None:
        if self.head_count == 0 or (self.latest is None and not self.problem_count):
            self.note("There is no signed tree head.")
        size = self.latest.size if self.latest else 0
        if self.expected > size:
            self.note(f"{_entries(size, self.expected)} not covered by any signed head.", size)
        elif self.expected < size:
            self.note(f"{_entries(self.expected, size)} missing: the last signed head covers {size}.", self.expected)
        for believed, sayings in self.believed.items():
            if believed > self.expected:
                missing = f"{_entries(self.expected, believed)} missing"
                self.note(f"{missing}: {sayings[0][0]} covers {believed}.", self.expected)
        for key_id in sorted(self.stored_keys.keys() - self.used_keys):
            self.note(f"The public key {key_id} is stored but has signed nothing here.")


_Head = tuple[int, bytes]


def _entries(start: int, stop: int) -> str:
    """`Entry 3 is`, or `Entries 3 to 5 are`."""
    return f"Entry {start} is" if stop == start + 1 else f"Entries {start} to {stop - 1} are"


def _rows(connection: Connection, note: Callable[[str, int | None], None]) -> Iterator[_Row]:
    """All entries in order, with their subjects. Notes subjects of entries that are not there."""
    columns = db.entries.c
    query = sql.select(columns.position, columns.idempotency_key, columns.hashes, limited(columns.envelope))
    last: int | None = None
    while True:
        page = connection.execute(_after(query, columns.position, last).limit(_PAGE)).all()
        until = page[-1][0] if page else None
        subjects = _subjects(connection, last, until)
        for position, key, hashes, envelope in page:
            if last is not None and position <= last:
                raise Corrupt(f"Entry {position} comes after entry {last}.")
            last = position
            yield _Row(position, key, hashes, envelope, subjects.pop(position, []))
        for position in subjects:
            note(f"There is a subject of entry {position}, which is not there.", _number(position))
        if not page:
            return


def _subjects(connection: Connection, after: int | None, until: int | None) -> dict[int, list[bytes]]:
    """The index of subjects for the entries after one and up to another (None: from the start, to the end)."""
    columns = db.subjects.c
    limit = _PAGE * MAX_SUBJECTS
    query = _after(sql.select(columns.position, columns.digest), columns.position, after).limit(limit + 1)
    rows = connection.execute(query if until is None else query.where(columns.position <= until)).all()
    if len(rows) > limit:
        raise Corrupt("There are more subjects than entries can have.")
    found: dict[int, list[bytes]] = {}
    for position, digest in rows:
        found.setdefault(position, []).append(digest)
    return found


def _heads(connection: Connection) -> Iterator[_Head]:
    columns = db.heads.c
    last: int | None = None
    query = sql.select(columns.size, limited(columns.envelope))
    while page := connection.execute(_after(query, columns.size, last).limit(_PAGE)).all():
        for size, envelope in page:
            if last is not None and size <= last:
                raise Corrupt(f"The head of {size} entries comes after that of {last}.")
            last = size
            yield size, envelope


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None  # a damaged file may hold anything


def _after(query: sql.Select[Any], column: sql.ColumnElement[int], last: int | None) -> sql.Select[Any]:
    ordered = query.order_by(column)
    return ordered if last is None else ordered.where(column > last)
