"""Rows as entries, heads and keys: each row that is read is parsed strictly and compared with what it repeats.

Signatures are not checked here: `audit.py` does that for the whole ledger.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from assay.core.errors import BadInput, Corrupt
from assay.core.keys import PublicKey
from assay.core.ledger import database as db
from assay.core.ledger import merkle
from assay.core.ledger.envelope import MAX_ENVELOPE_BYTES
from assay.core.ledger.statement import SignedStatement, Statement, TreeHead, read_head, read_statement, read_time


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, parsed. `leaf_hash` is SHA-256 of a zero byte and `envelope`."""

    index: int
    envelope: bytes
    leaf_hash: bytes
    statement: Statement
    key: str | None
    appended_at: datetime
    key_id: str

    @classmethod
    def of(cls, index: int, envelope: bytes, leaf: bytes, parsed: SignedStatement) -> "Entry":
        issued = read_time(parsed.issued_at)
        return cls(index, envelope, leaf, parsed.statement, parsed.idempotency_key, issued, parsed.signed.key_id)


def limited(column: sql.ColumnElement[Any]) -> sql.ColumnElement[Any]:
    """The column, cut one byte after the limit: a row that someone made huge is not read whole."""
    return sql.type_coerce(sql.func.substr(column, 1, MAX_ENVELOPE_BYTES + 1), sql.LargeBinary)


def ledger_id(connection: Connection) -> str:
    ids = connection.execute(sql.select(db.ledgers.c.id).limit(2)).scalars().all()
    if len(ids) != 1:
        raise Corrupt(f"The ledger's own row is there {len(ids)} times instead of once: run `assay ledger verify`.")
    return str(ids[0])


def read_entries(connection: Connection, condition: sql.ColumnElement[bool]) -> list[Entry]:
    """Entries that meet `condition`, in order. Raises `Corrupt` for a row that is not what it should be."""
    columns = db.entries.c
    query = sql.select(columns.position, columns.idempotency_key, columns.hashes, limited(columns.envelope))
    rows = connection.execute(query.where(condition).order_by(columns.position))
    return [_entry(position, key, hashes, envelope) for position, key, hashes, envelope in rows]


def _entry(position: int, key: str | None, hashes: bytes, envelope: bytes) -> Entry:
    try:
        leaf = merkle.leaf_hash(envelope)
        entry = Entry.of(position, envelope, leaf, read_statement(envelope))
    except (Corrupt, TypeError) as error:
        raise Corrupt(f"Entry {position} is damaged: {error} Run `assay ledger verify`.") from None
    if entry.key != key or hashes[: merkle.HASH_BYTES] != leaf:
        raise Corrupt(f"Entry {position} does not match what is stored beside it: run `assay ledger verify`.")
    return entry


def find_by_key(connection: Connection, keys: list[str]) -> dict[str, Entry]:
    """Entries by their idempotency key, as far as they are there."""
    found = {}
    for start in range(0, len(keys), db.PARAMETERS):
        some = db.entries.c.idempotency_key.in_(keys[start : start + db.PARAMETERS])
        found.update({entry.key: entry for entry in read_entries(connection, some)})
    return {key: entry for key, entry in found.items() if key is not None}


def read_tree_head(connection: Connection, size: int | None) -> TreeHead:
    """The head of `size` entries, or the latest."""
    columns = db.heads.c
    query = sql.select(columns.size, limited(columns.envelope)).order_by(columns.size.desc()).limit(1)
    row = connection.execute(query if size is None else query.where(columns.size == size)).first()
    if row is None:
        which = "no tree head" if size is None else f"no tree head of {size} entries"
        raise BadInput(f"The ledger has {which}: a head is signed for each batch, not for each entry.")
    return _head(row[0], row[1])


def read_tree_heads(connection: Connection, least: int, most: int) -> list[TreeHead]:
    """Up to `most` heads of at least `least` entries, shortest first."""
    columns = db.heads.c
    query = sql.select(columns.size, limited(columns.envelope)).where(columns.size >= least)
    return [_head(size, envelope) for size, envelope in connection.execute(query.order_by(columns.size).limit(most))]


def _head(size: int, envelope: bytes) -> TreeHead:
    try:
        head = read_head(envelope)
    except (Corrupt, TypeError, AttributeError) as error:
        raise Corrupt(f"The tree head of {size} entries is damaged: {error} Run `assay ledger verify`.") from None
    if head.size != size:
        raise Corrupt(f"The tree head of {size} entries says {head.size}: run `assay ledger verify`.")
    return head


def lookup_nodes(connection: Connection, nodes: list[merkle.Node]) -> dict[merkle.Node, bytes]:
    """Hashes of tree nodes. Each is stored in the row of the entry that completed it."""
    positions = sorted({node.last_leaf for node in nodes})
    query = sql.select(db.entries.c.position, db.entries.c.hashes).where(db.entries.c.position.in_(positions))
    rows = {row[0]: row[1] for row in connection.execute(query)} if positions else {}
    found = {}
    for node in nodes:
        start = node.level * merkle.HASH_BYTES
        digest = rows.get(node.last_leaf, b"")[start : start + merkle.HASH_BYTES]
        if len(digest) != merkle.HASH_BYTES:
            raise Corrupt(f"Entry {node.last_leaf} lacks hashes of the tree: run `assay ledger verify`.")
        found[node] = digest
    return found


def public_key(key_id: str, raw: bytes) -> PublicKey:
    """The stored key. Raises `Corrupt` if its id is not its own."""
    try:
        key = PublicKey.from_raw(raw)
    except (ValueError, TypeError):
        raise Corrupt(f"The public key {key_id} is damaged: run `assay ledger verify`.") from None
    if key.key_id != key_id:
        raise Corrupt(f"The public key {key_id} has another id, {key.key_id}: run `assay ledger verify`.")
    return key


def store_ledger(connection: Connection, ledger: str) -> None:
    connection.execute(sql.insert(db.ledgers), {"id": ledger, "schema_version": db.SCHEMA})


def store_entries(connection: Connection, new: Iterable[tuple[Entry, bytes]]) -> None:
    """Add entries, each with the hashes of the tree nodes that it completes."""
    batch = list(new)
    rows = [
        {"position": entry.index, "idempotency_key": entry.key, "hashes": hashes, "envelope": entry.envelope}
        for entry, hashes in batch
    ]
    about = [
        {"position": entry.index, "digest": subject.raw} for entry, _ in batch for subject in entry.statement.subjects
    ]
    connection.execute(sql.insert(db.entries), rows)
    connection.execute(sql.insert(db.subjects), about)


def store_head(connection: Connection, head: TreeHead) -> None:
    connection.execute(sql.insert(db.heads), {"size": head.size, "envelope": head.envelope})


def store_keys(connection: Connection, signers: Iterable[PublicKey]) -> None:
    """Add the public keys that are not there yet."""
    for key in signers:
        if connection.execute(sql.select(db.keys.c.key_id).where(db.keys.c.key_id == key.key_id)).first() is None:
            connection.execute(sql.insert(db.keys), {"key_id": key.key_id, "public_key": key.raw})
