"""The ledger outside its database: whole as JSON Lines, or one entry with the proof that it is in the ledger.

Readers take nothing on trust: sizes are limited before reading, signatures and roots are checked against keys that
the reader trusts, and an import writes only after the whole file was found sound.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import sqlalchemy as sql
from sqlalchemy.engine import Connection

from assay.core.digest import canonical_json
from assay.core.errors import BadInput, Corrupt, LimitExceeded, Unavailable
from assay.core.keys import PublicKey
from assay.core.ledger import database as db
from assay.core.ledger import merkle
from assay.core.ledger.envelope import MAX_ENVELOPE_BYTES
from assay.core.ledger.rows import Entry, public_key, read_entries, read_tree_head
from assay.core.ledger.statement import MAX_ENTRIES, TreeHead, read_head, read_statement

BUNDLE_FORMAT = "assay.ledger/1"
ENTRY_FORMAT = "assay.entry/1"
CONSISTENCY_FORMAT = "assay.consistency/1"
MAX_LINE = 2 * MAX_ENVELOPE_BYTES  # an envelope as a JSON string: its quotes are escaped
MAX_DOCUMENT = 4 * MAX_ENVELOPE_BYTES  # an entry's envelope, a head's, and a path of at most 128 hashes
MAX_KEYS = 1000
_PAGE = 64

Trusted = Mapping[str, PublicKey]
T = TypeVar("T")


@dataclass(frozen=True)
class Item:
    """One line of a bundle after the first: an entry with the tree nodes it completes, or a head."""

    entry: Entry | None = None
    hashes: bytes = b""
    head: TreeHead | None = None


@dataclass(frozen=True)
class Header:
    """The first line of a bundle."""

    ledger: str
    size: int
    heads: int
    keys: dict[str, PublicKey]


def write_bundle(connection: Connection, ledger: str, file: IO[bytes]) -> str:
    """Write the whole ledger. Returns the SHA-256 of what was written, in hex."""
    size = read_tree_head(connection, None).size
    head_rows = connection.execute(sql.select(db.heads.c.size).order_by(db.heads.c.size)).scalars().all()
    keys = connection.execute(sql.select(db.keys.c.key_id, db.keys.c.public_key)).all()
    sha = hashlib.sha256()

    def write(document: Any) -> None:
        line = canonical_json(document) + b"\n"
        sha.update(line)
        file.write(line)

    stored = {key_id: bytes(raw).hex() for key_id, raw in keys}
    write({"format": BUNDLE_FORMAT, "heads": len(head_rows), "keys": stored, "ledger": ledger, "size": size})
    waiting = iter(head_rows)
    next_head = next(waiting, None)
    for count in range(-1, size):
        if count >= 0 and count % _PAGE == 0:
            page = db.entries.c.position.between(count, count + _PAGE - 1)
            entries = {entry.index: entry for entry in read_entries(connection, page)}
        if count >= 0:
            if count not in entries:
                raise Corrupt(f"Entry {count} is missing: run `assay ledger verify`.")
            write({"entry": entries[count].envelope.decode()})
        while next_head is not None and next_head <= count + 1:
            write({"head": read_tree_head(connection, next_head).envelope.decode()})
            next_head = next(waiting, None)
    return sha.hexdigest()


class BundleReader:
    """Reads a bundle once, from front to back, and checks all of it on the way.

    `roots` are roots known from elsewhere, by size: the bundle must agree with them. With `signatures` false, those
    are not checked again: only for bytes that were checked before.
    """

    def __init__(
        self, file: IO[bytes], trusted: Trusted, *, roots: Mapping[int, bytes] | None = None, signatures: bool = True
    ) -> None:
        self._file = file
        self._trusted = trusted
        self._roots = dict(roots or {})
        self._signatures = signatures
        self._sha = hashlib.sha256()
        self._line = 0
        self._tree = merkle.Frontier()
        self._signers: set[str] = set()
        self.header = self._read_header()

    @property
    def sha256(self) -> str:
        """SHA-256 of what was read so far, in hex."""
        return self._sha.hexdigest()

    def items(self) -> Iterator[Item]:
        """The entries and heads in order. Raises `Corrupt` at the first line that is not as it must be."""
        last: TreeHead | None = None
        heads = 0
        self._check_root()
        while self._tree.size < self.header.size or heads < self.header.heads:
            name, envelope = self._read_item()
            if name == "entry":
                yield self._entry(envelope)
                self._check_root()
            else:
                last = self._head(envelope, last)
                heads += 1
                yield Item(head=last)
        if last is None or last.size != self._tree.size or self._tree.size != self.header.size:
            raise Corrupt("The bundle's entries are not all covered by its last signed head.")
        if self._file.read(1):
            raise Corrupt("The bundle goes on after its end.")
        if self._signers != self.header.keys.keys():
            raise Corrupt("The bundle's keys are not those that signed it.")
        if self._roots:
            raise Corrupt(f"The bundle has {self.header.size} entries, but {max(self._roots)} were seen before.")

    def _entry(self, envelope: bytes) -> Item:
        parsed = self._in_line(read_statement, envelope)
        self._check_signature(parsed.signed.key_id, parsed.signed.signed_by)
        completed = self._tree.append(merkle.leaf_hash(envelope))
        if self._tree.size > self.header.size:
            raise Corrupt(f"The bundle has more than the {self.header.size} entries it announces.")
        return Item(Entry.of(self._tree.size - 1, envelope, completed[0], parsed), b"".join(completed))

    def _head(self, envelope: bytes, last: TreeHead | None) -> TreeHead:
        head = self._in_line(read_head, envelope)
        self._check_signature(head.key_id, head.signed_by)
        expected = (self.header.ledger, self._tree.size, self._tree.root(), last.size if last else None)
        if (head.ledger, head.size, head.root, head.previous) != expected:
            raise Corrupt(f"Line {self._line} of the bundle: the signed head does not match the entries before it.")
        return head

    def _check_signature(self, key_id: str, signed_by: Callable[[PublicKey], bool]) -> None:
        self._signers.add(key_id)
        if key_id not in self.header.keys:
            raise Corrupt(f"Line {self._line} of the bundle is signed by a key that the bundle does not name.")
        if self._signatures and not signed_by(self._trusted[key_id]):
            raise Corrupt(f"Line {self._line} of the bundle does not match its signature.")

    def _check_root(self) -> None:
        known = self._roots.pop(self._tree.size, None)
        if known is not None and known != self._tree.root():
            raise Corrupt(
                f"The bundle is a fork: its first {self._tree.size} entries are not those that were seen before."
            )

    def _in_line(self, read: Callable[[bytes], T], envelope: bytes) -> T:
        try:
            return read(envelope)
        except Corrupt as error:
            raise Corrupt(f"Line {self._line} of the bundle: {error}") from None

    def _read_header(self) -> Header:
        document = self._read_line()
        try:
            names = {"format", "heads", "keys", "ledger", "size"}
            if document.keys() != names or document["format"] != BUNDLE_FORMAT or len(document["keys"]) > MAX_KEYS:
                raise ValueError("unexpected fields")
            keys = {key_id: public_key(key_id, bytes.fromhex(raw)) for key_id, raw in document["keys"].items()}
            header = Header(document["ledger"], _count(document["size"]), _count(document["heads"]), keys)
            if not isinstance(header.ledger, str):
                raise ValueError("not an id")
        except (ValueError, TypeError, AttributeError, Corrupt):
            raise Corrupt(f"The file does not begin as a bundle in the format {BUNDLE_FORMAT}.") from None
        for key_id in keys.keys() - self._trusted.keys():
            raise BadInput(
                f"The bundle is signed by the key {key_id}, which is not trusted here: check whose it is, then run "
                f"`assay ledger trust` with it or give --trust."
            )
        return header

    def _read_item(self) -> tuple[str, bytes]:
        document = self._read_line()
        if isinstance(document, dict) and len(document) == 1:
            ((name, envelope),) = document.items()
            if name in ("entry", "head") and isinstance(envelope, str):
                return name, envelope.encode()
        raise Corrupt(f"Line {self._line} of the bundle is neither an entry nor a head.")

    def _read_line(self) -> Any:
        self._line += 1
        line = self._file.readline(MAX_LINE + 1)
        self._sha.update(line)
        if len(line) > MAX_LINE:
            raise LimitExceeded(f"Line {self._line} of the bundle is longer than {MAX_LINE} bytes.")
        if not line.endswith(b"\n"):
            raise Corrupt(f"The bundle ends within line {self._line}: a part of the file is missing.")
        return _parse(line, f"line {self._line} of the bundle")


def write_checked(connection: Connection, ledger: str, path: Path, trusted: Trusted) -> Header:
    """Write the whole ledger to `path`, which appears only once it was read back and found sound."""
    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=".new-")
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "w+b") as file:
            write_bundle(connection, ledger, file)
            file.flush()
            os.fsync(handle)
            file.seek(0)
            reader = BundleReader(file, trusted)
            for _ in reader.items():
                pass
        Path(name).replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        Path(name).unlink(missing_ok=True)
    return reader.header


def entry_document(entry: Entry, head: TreeHead, path: tuple[bytes, ...]) -> dict[str, Any]:
    """One entry, a signed head, and the proof that the head covers the entry."""
    return {
        "format": ENTRY_FORMAT,
        "index": entry.index,
        "envelope": entry.envelope.decode(),
        "path": [digest.hex() for digest in path],
        "head": head.envelope.decode(),
    }


def consistency_document(first: TreeHead, second: TreeHead, path: tuple[bytes, ...]) -> dict[str, Any]:
    """Two signed heads and the proof that the ledger under the first begins that under the second."""
    return {
        "format": CONSISTENCY_FORMAT,
        "first": first.envelope.decode(),
        "second": second.envelope.decode(),
        "path": [digest.hex() for digest in path],
    }


def check_entry_document(document: dict[str, Any], trusted: Trusted) -> tuple[Entry, TreeHead]:
    """Check what `entry_document` wrote, without the ledger. Raises `Corrupt`, or `BadInput` for a key not trusted."""
    fields = _fields(document, ENTRY_FORMAT, {"index": int, "envelope": str, "path": list, "head": str})
    index, envelope = fields["index"], fields["envelope"].encode()
    parsed, head = read_statement(envelope), read_head(fields["head"].encode())
    _require(parsed.signed.key_id, parsed.signed.signed_by, trusted, "entry")
    _require(head.key_id, head.signed_by, trusted, "tree head")
    leaf = merkle.leaf_hash(envelope)
    if not merkle.verify_inclusion(leaf, index, head.size, _path(fields["path"]), head.root):
        raise Corrupt(f"The proof does not show that this is entry {index} of the {head.size} under the signed head.")
    return Entry.of(index, envelope, leaf, parsed), head


def check_consistency_document(document: dict[str, Any], trusted: Trusted) -> tuple[TreeHead, TreeHead]:
    """Check what `consistency_document` wrote, without the ledger."""
    fields = _fields(document, CONSISTENCY_FORMAT, {"first": str, "second": str, "path": list})
    first, second = read_head(fields["first"].encode()), read_head(fields["second"].encode())
    for head in (first, second):
        _require(head.key_id, head.signed_by, trusted, "tree head")
    consistent = merkle.verify_consistency(first.size, second.size, first.root, second.root, _path(fields["path"]))
    if first.ledger != second.ledger or not consistent:
        raise Corrupt(f"The proof does not show that the head of {second.size} entries continues that of {first.size}.")
    return first, second


def read_saved_head(path: Path) -> TreeHead:
    """Read a head that `assay ledger head` printed. Its signature is checked where it is used."""
    document = read_document(path)
    try:
        return read_head(canonical_json(document))
    except (Corrupt, ValueError) as error:
        raise BadInput(f"{path} is not a tree head: give what `assay ledger head` printed ({error}).") from None


def is_bundle(path: Path) -> bool:
    """Whether the file begins as a bundle does; what follows may still be anything."""
    with open_limited(path) as file:
        return file.read(200).startswith(b'{"format":"' + BUNDLE_FORMAT.encode() + b'"')


def read_document(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file of limited size."""
    with open_limited(path) as file:
        data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise LimitExceeded(f"{path} is larger than {MAX_DOCUMENT} bytes: no proof is.")
    try:
        document = _parse(data, str(path))
    except Corrupt as error:
        raise BadInput(str(error)) from None
    if not isinstance(document, dict):
        raise BadInput(f"{path} is not a JSON object: give what `assay ledger prove` printed.")
    return document


def open_limited(path: Path) -> IO[bytes]:
    """Open a regular file for reading; the errors are sentences."""
    try:
        if not path.is_file():
            raise BadInput(f"There is no file {path}.")
        return path.open("rb")
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}.") from None


def _require(key_id: str, signed_by: Callable[[PublicKey], bool], trusted: Trusted, what: str) -> None:
    if key_id not in trusted:
        raise BadInput(
            f"The {what} is signed by the key {key_id[:80]}, which is not trusted here: give --trust KEY.pem."
        )
    if not signed_by(trusted[key_id]):
        raise Corrupt(f"The {what} does not match its signature.")


def _fields(document: dict[str, Any], form: str, types: dict[str, type]) -> dict[str, Any]:
    if document.get("format") != form or document.keys() != types.keys() | {"format"}:
        raise Corrupt(f"The document is not in the format {form}.")
    if any(type(document[name]) is not kind for name, kind in types.items()):
        raise Corrupt(f"The document is not in the format {form}.")
    return document


def _path(path: list[Any]) -> list[bytes]:
    if len(path) > merkle.MAX_PATH or not all(isinstance(digest, str) and len(digest) == 64 for digest in path):
        raise Corrupt("The proof's path is not a list of at most 128 hashes.")
    try:
        return [bytes.fromhex(digest) for digest in path]
    except ValueError:
        raise Corrupt("The proof's path is not a list of hashes in hex.") from None


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_ENTRIES:
        raise ValueError("not a count")
    return value


def _parse(data: bytes, what: str) -> Any:
    """Parse JSON; a repeated name is refused, because readers would not agree on what it means."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("repeated name")
        return dict(pairs)

    try:
        return json.loads(data, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Corrupt(f"{what[0].upper() + what[1:]} is not JSON.") from None
