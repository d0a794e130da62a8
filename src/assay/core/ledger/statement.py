"""What is signed: in-toto Statements about submissions, and tree heads about the ledger itself.

Building and strict parsing, without keys and without storage. The ledger adds two fields to each predicate,
`issued_at` and `idempotency_key`, so that the signature covers all that it stores about an entry.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assay.core.digest import Digest, canonical_json, parse_digest
from assay.core.errors import BadInput, Corrupt, LimitExceeded
from assay.core.keys import PublicKey, Signer
from assay.core.ledger.envelope import (
    MAX_ENVELOPE_BYTES,
    SignedPayload,
    is_canonical,
    read_envelope,
    read_json,
    sign,
)
from assay.core.ledger.merkle import HASH_BYTES

STATEMENT_PAYLOAD = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
HEAD_PAYLOAD = "application/vnd.assay.tree-head+json"
HEAD_FORMAT = "assay.tree-head/1"
VERDICT_PREDICATE = "urn:assay:verdict:v1"

MAX_SUBJECTS = 1024  # peers of one round, items of one batch; each is a row of the index
MAX_ENTRIES = 1 << 53  # indices stay exact in every JSON reader
_RESERVED = ("issued_at", "idempotency_key")
_TYPE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,200}")
_KEY = re.compile(r"[!-~]{1,200}")  # printable ASCII: the same in every database
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_HEX = re.compile(r"[0-9a-f]{64}")
_LEDGER_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing a statement is about: a digest, and the part it plays."""

    digest: Digest
    name: str | None = None

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.digest.removeprefix("sha256:"))


@dataclass(frozen=True, slots=True)
class Statement:
    """An in-toto Statement v1: what is claimed (`predicate`) of what (`subjects`)."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    def content(self) -> bytes:
        """All that the caller said, without what the ledger added: equal when an append is repeated."""
        said = {name: value for name, value in self.predicate.items() if name not in _RESERVED}
        subjects = [[subject.digest, subject.name] for subject in self.subjects]
        return canonical_json([subjects, self.predicate_type, said])


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A parsed entry: a statement, when and under which idempotency key it was issued, and by which key."""

    statement: Statement
    issued_at: str
    idempotency_key: str | None
    signed: SignedPayload


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The signed state of a ledger after `size` entries. `previous` is the size of the head signed before it."""

    ledger: str
    size: int
    root: bytes
    timestamp: str
    previous: int | None
    signed: SignedPayload
    envelope: bytes

    @property
    def key_id(self) -> str:
        return self.signed.key_id

    def signed_by(self, key: PublicKey) -> bool:
        return self.signed.signed_by(key)


def now() -> str:
    """The time in RFC 3339, UTC, always with six decimals: one form, which sorts as text."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def check_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise BadInput(f"{key[:80]!r} is not an idempotency key: use 1 to 200 printable ASCII characters, no spaces.")
    return key


def sign_statement(statement: Statement, key: str | None, signer: Signer) -> bytes:
    """The envelope of an entry. Raises `BadInput` for a statement that the ledger cannot hold."""
    _check(statement)
    document = _to_json(statement, now(), key)
    try:
        payload = canonical_json(document)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadInput(
            f"The predicate cannot be written as JSON ({error}): use plain, finite, nested values."
        ) from None
    envelope = sign(payload, STATEMENT_PAYLOAD, signer)
    if len(envelope) > MAX_ENVELOPE_BYTES:
        size = f"{len(envelope)} bytes, more than {MAX_ENVELOPE_BYTES}"
        raise LimitExceeded(f"The entry has {size}: put large parts into the store and name their digests.")
    return envelope


def read_statement(envelope: bytes) -> SignedStatement:
    """Parse an entry's envelope. Raises `Corrupt`. The signature is not checked here."""
    signed = read_envelope(envelope, STATEMENT_PAYLOAD)
    document = read_json(signed.payload, "statement")
    try:
        subjects = tuple(
            Subject("sha256:" + subject["digest"]["sha256"], subject.get("name")) for subject in document["subject"]
        )
        predicate = document["predicate"]
        statement = Statement(subjects, document["predicateType"], predicate)
        _check(statement, stored=True)
        issued_at, key = predicate["issued_at"], predicate.get("idempotency_key")
        well_formed = _is_time(issued_at) and (key is None or _KEY.fullmatch(key))
    except (KeyError, TypeError, AttributeError, BadInput):
        well_formed = False
    if not well_formed or not is_canonical(_to_json(statement, issued_at, key), signed.payload):
        raise Corrupt("The payload is not an in-toto Statement v1 of this ledger.")
    return SignedStatement(statement, issued_at, key, signed)


def sign_head(ledger: str, size: int, root: bytes, previous: int | None, signer: Signer) -> TreeHead:
    document = {"format": HEAD_FORMAT, "ledger": ledger, "previous": previous, "root": root.hex(), "size": size}
    envelope = sign(canonical_json({**document, "timestamp": now()}), HEAD_PAYLOAD, signer)
    return read_head(envelope)


def read_head(envelope: bytes) -> TreeHead:
    """Parse a tree head's envelope. Raises `Corrupt`. The signature is not checked here."""
    signed = read_envelope(envelope, HEAD_PAYLOAD)
    document = read_json(signed.payload, "tree head")
    try:
        fields = {name: document[name] for name in ("ledger", "size", "root", "timestamp", "previous")}
        well_formed = (
            _LEDGER_ID.fullmatch(fields["ledger"])
            and _HEX.fullmatch(fields["root"])
            and _is_time(fields["timestamp"])
            and _is_size(fields["size"])
            and (fields["previous"] is None or (_is_size(fields["previous"]) and fields["previous"] < fields["size"]))
            and is_canonical({**fields, "format": HEAD_FORMAT}, signed.payload)
        )
    except (KeyError, TypeError):
        well_formed = False
    if not well_formed:
        raise Corrupt(f"The payload is not a tree head in the format {HEAD_FORMAT}.")
    root = bytes.fromhex(fields["root"])
    assert len(root) == HASH_BYTES  # noqa: S101 -- for the reader: _HEX has matched
    return TreeHead(fields["ledger"], fields["size"], root, fields["timestamp"], fields["previous"], signed, envelope)


def _to_json(statement: Statement, issued_at: str, key: str | None) -> dict[str, Any]:
    subjects = []
    for subject in statement.subjects:
        named = {} if subject.name is None else {"name": subject.name}
        subjects.append({**named, "digest": {"sha256": subject.digest.removeprefix("sha256:")}})
    added = {"issued_at": issued_at} if key is None else {"issued_at": issued_at, "idempotency_key": key}
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": statement.predicate_type,
        "predicate": {**statement.predicate, **added},
    }


def _check(statement: Statement, *, stored: bool = False) -> None:
    if not 1 <= len(statement.subjects) <= MAX_SUBJECTS:
        raise BadInput(f"A statement needs 1 to {MAX_SUBJECTS} subjects, not {len(statement.subjects)}.")
    for subject in statement.subjects:
        if parse_digest(subject.digest) != subject.digest:
            raise BadInput(f"{subject.digest!r} is not a digest: write sha256: and 64 hex digits.")
        if subject.name is not None and not 1 <= len(subject.name) <= 200:
            raise BadInput("The name of a subject must have 1 to 200 characters.")
    if len({subject.digest for subject in statement.subjects}) != len(statement.subjects):
        raise BadInput("A statement must not name the same subject twice.")
    if not _TYPE_URI.fullmatch(statement.predicate_type):
        raise BadInput(f"{statement.predicate_type!r} is not a predicate type: give a URI such as {VERDICT_PREDICATE}.")
    if not stored and any(name in statement.predicate for name in _RESERVED):
        raise BadInput(f"A predicate must not hold {' or '.join(_RESERVED)}: the ledger sets them.")


def _is_time(text: Any) -> bool:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return False
    try:
        read_time(text)
    except ValueError:  # the 31st of February
        return False
    return True


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ENTRIES
