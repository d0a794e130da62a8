"""Bringing an exported ledger back: into an empty place, or as the continuation of the ledger that is there.

The whole file is checked before anything is written, and what is written is one transaction.
"""

from collections.abc import Iterable
from pathlib import Path

from assay.core.errors import BadInput, Corrupt
from assay.core.keys import PublicKey, trusted_keys
from assay.core.ledger import database as db
from assay.core.ledger import witness
from assay.core.ledger.bundle import BundleReader, open_limited
from assay.core.ledger.rows import Entry, read_tree_head, store_entries, store_head, store_keys, store_ledger
from assay.core.ledger.statement import TreeHead

_CHUNK = 500  # entries written at a time, so that a bundle under a single head does not fill the memory


def import_ledger(
    path: Path, url: str | Path | None = None, *, key: Path | None = None, trust: Iterable[PublicKey] = ()
) -> tuple[int, int]:
    """Bring the ledger in the file `path` to `url`. Returns how many entries were added, and how many there are.

    Raises `Corrupt` for a file that is damaged, cut short, or a fork of what is there or of what this machine saw
    before; `BadInput` for another ledger's file or a key that is not trusted.
    """
    database = db.Database(url)
    trusted = trusted_keys(trust, own=key)
    try:
        with open_limited(path) as file:
            header = BundleReader(file, trusted).header
            there = _present(database)
            if there is not None and there.ledger != header.ledger:
                raise BadInput(
                    f"{database.place} holds the ledger {there.ledger}, not {header.ledger}: import into another place."
                )
            witness.check_place(database.place, header.ledger)
            file.seek(0)
            if there is not None and there.size >= header.size:
                return _already_there(database, BundleReader(file, trusted), there)
            checked = BundleReader(file, trusted, roots=_known_roots(header.ledger, there))
            for _ in checked.items():
                pass
            file.seek(0)
            return _insert(database, BundleReader(file, trusted, signatures=False), checked.sha256, there)
    finally:
        database.close()


def _present(database: db.Database) -> TreeHead | None:
    if not database.exists():
        return None
    with database.read() as connection:
        return read_tree_head(connection, None)


def _known_roots(ledger: str, there: TreeHead | None) -> dict[int, bytes]:
    known = witness.recall(ledger) if witness.is_id(ledger) else None
    return {head.size: head.root for head in (there, known.head if known else None) if head is not None}


def _already_there(database: db.Database, reader: BundleReader, there: TreeHead) -> tuple[int, int]:
    """Check a bundle that is no longer than the ledger: it must be the ledger's own beginning."""
    last = [item.head for item in reader.items() if item.head][-1]
    with database.read() as connection:
        try:
            own = read_tree_head(connection, last.size)
        except BadInput:
            own = None
    if own is None or own.root != last.root:
        raise Corrupt(f"The bundle is a fork: its {last.size} entries are not those of {database.place}.")
    return 0, there.size


def _insert(database: db.Database, reader: BundleReader, sha256: str, there: TreeHead | None) -> tuple[int, int]:
    """Write what was checked: all that is new in the bundle, or nothing."""
    have = 0 if there is None else there.size
    if there is None:
        database.prepare()
    last = there
    with database.write() as connection:
        if there is None and database.create_tables(connection):
            store_ledger(connection, reader.header.ledger)
        elif there is None or read_tree_head(connection, None).size != there.size:
            raise BadInput(f"The ledger {database.place} grew during the import: run the import again.")
        new: list[tuple[Entry, bytes]] = []
        for item in reader.items():
            if item.entry and item.entry.index >= have:
                new.append((item.entry, item.hashes))
            elif item.head and (last is None or item.head.size > last.size):
                last = item.head
                store_head(connection, last)
            if len(new) == _CHUNK:
                store_entries(connection, new)
                new.clear()
        if new:
            store_entries(connection, new)
        store_keys(connection, reader.header.keys.values())
        if reader.sha256 != sha256:
            raise Corrupt("The bundle changed while it was being read: import it again.")
    if last is not None:
        witness.remember(last, database.place)
    return reader.header.size - have, reader.header.size
