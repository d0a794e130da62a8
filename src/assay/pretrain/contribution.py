"""A contribution: what a peer hands in for one round, sealed until the deadline has passed.

Bytes: MAGIC, length of the header (4, little-endian), header (canonical JSON), pseudo-gradient (`wire`). Sealed with
ChaCha20-Poly1305 under a key used once; run, round and uid are authenticated: a copy under another uid does not open.
The format is in `docs/formats/contribution.md`.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.core.digest import Digest, canonical_json
from assay.core.errors import BadInput, LimitExceeded

MAGIC = b"ASC1"
MAX_HEADER = 256 << 10  # bytes; a header with 1,500 tensors' sync values has about 60 thousand
SEAL_BYTES = 16  # the authentication tag
KEY_BYTES = 32
_NONCE = bytes(12)  # a key seals one message, so the nonce need not vary


class Malformed(BadInput):
    """A contribution that breaks the format; the sentence says where."""


class Header(BaseModel):
    """What a peer says about its work. All of it can be checked by a validator."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    schema_: Literal["assay.contribution/1"] = Field(default="assay.contribution/1", alias="schema")
    run: Digest  # of the recipe
    round: Annotated[int, Field(ge=0)]
    uid: Annotated[int, Field(ge=0)]
    base: Digest  # of the parameters that it started from
    samples: Digest  # of the ids of the sequences it trained on
    tokens: Annotated[int, Field(ge=0)]
    sync: tuple[str, ...] = Field(default=(), max_length=16_384)  # float.hex of the parameters that it was asked for
    state_before: Digest  # of optimiser and error feedback when the round began, for re-execution
    state_after: Digest  # the same when it ended


@dataclass(frozen=True)
class Contribution:
    """A header and the bytes of a pseudo-gradient, which are decoded by `wire.decode`."""

    header: Header
    gradient: bytes

    def to_bytes(self) -> bytes:
        header = canonical_json(self.header.model_dump(mode="json", by_alias=True))
        return MAGIC + len(header).to_bytes(4, "little") + header + self.gradient


@dataclass(frozen=True)
class Sealed:
    """Sealed bytes, to be uploaded before the deadline, and the key, to be revealed after it."""

    data: bytes
    key: bytes

    @property
    def key_hash(self) -> bytes:
        return hashlib.sha256(self.key).digest()


def seal(contribution: Contribution, secret: bytes) -> Sealed:
    """Seal a contribution under a key of its own: a hash of `secret`, which its peer keeps, and of all that is sealed.

    So no key ever seals two messages, and sealing the same again gives the same.
    """
    header, message = contribution.header, contribution.to_bytes()
    key = hmac.digest(secret, b"assay.seal/1\0" + hashlib.sha256(message).digest(), "sha256")
    bound = _bound_to(header.run, header.round, header.uid)
    return Sealed(ChaCha20Poly1305(key).encrypt(_NONCE, message, bound), key)


def open_sealed(sealed: bytes, key: bytes, *, run: Digest, round_: int, uid: int) -> Contribution:
    """Open and parse what the member `uid` sealed for this round of this run. `Malformed` if it is anything else."""
    if len(key) != KEY_BYTES:
        raise Malformed(f"The key has {len(key)} bytes, not {KEY_BYTES}.")
    try:
        data = ChaCha20Poly1305(key).decrypt(_NONCE, sealed, _bound_to(run, round_, uid))
    except InvalidTag:
        raise Malformed("The seal does not open with the revealed key for this run, round and uid.") from None
    contribution = parse(data)
    header = contribution.header
    if (header.run, header.round, header.uid) != (run, round_, uid):
        raise Malformed("The header names another run, round or uid than the seal.")
    return contribution


def parse(data: bytes) -> Contribution:
    """Parse an opened contribution. Canonical: what is parsed, written again, gives the same bytes."""
    if data[:4] != MAGIC or len(data) < 8:
        raise Malformed(f"A contribution begins with {MAGIC!r} and a length.")
    length = int.from_bytes(data[4:8], "little")
    if length > MAX_HEADER:
        raise LimitExceeded(f"The header announces {length} bytes; at most {MAX_HEADER} are read.")
    if len(data) < 8 + length:
        raise Malformed("The contribution ends within its header.")
    raw = data[8 : 8 + length]
    try:
        header = Header.model_validate_json(raw)
    except (ValidationError, RecursionError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "nested too deeply"
        raise Malformed(f"The header is not a contribution's: {reason}.") from None
    if canonical_json(header.model_dump(mode="json", by_alias=True)) != raw:
        raise Malformed("The header is not in its canonical form.")
    return Contribution(header, data[8 + length :])


def _bound_to(run: Digest, round_: int, uid: int) -> bytes:
    return json.dumps(["assay.contribution/1", run, round_, uid]).encode()
