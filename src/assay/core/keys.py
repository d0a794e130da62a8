"""Ed25519 keys: the one this machine signs with, and the public keys it trusts.

The signing key is made on first use, in `keys/signing.pem` of Assay's home; `$ASSAY_KEY` or an explicit path names
another. Files are PEM (PKCS #8 and SubjectPublicKeyInfo), so that OpenSSL reads them; key ids are securesystemslib's.
"""

import os
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]  # public, but not re-exported

from assay.core.errors import BadInput, LimitExceeded, Unavailable
from assay.core.home import home
from assay.core.whole import sync_directory

MAX_KEY_BYTES = 16 << 10  # an Ed25519 PEM has about 120 bytes; a file far larger is not a key
MAKE_A_KEY = "make one with `openssl genpkey -algorithm ed25519 -out KEY.pem`"


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key. `key_id` is the id that securesystemslib and in-toto give it."""

    key_id: str
    raw: bytes = field(repr=False)
    _key: Ed25519PublicKey = field(repr=False, compare=False)

    @classmethod
    def from_raw(cls, raw: bytes) -> "PublicKey":
        """The key of 32 raw bytes; raises `ValueError` if they are none."""
        key = Ed25519PublicKey.from_public_bytes(raw)
        return cls(SSlibKey.from_crypto(key).keyid, raw, key)

    @classmethod
    def load(cls, path: Path) -> "PublicKey":
        """Read a public key in PEM, such as `assay ledger key` prints."""
        data = _read_limited(path, private=False)
        try:
            key = load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm):
            raise BadInput(f"{path} is not a public key in PEM: give what `assay ledger key` prints.") from None
        if not isinstance(key, Ed25519PublicKey):
            raise BadInput(f"{path} is not an Ed25519 key: the ledger takes no other kind.")
        return cls.from_raw(key.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def to_pem(self) -> bytes:
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        # `cryptography` directly: the same check through securesystemslib costs a fifth more time per entry.
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """A private key that can sign."""

    public: PublicKey
    crypto: CryptoSigner = field(repr=False, compare=False)

    @classmethod
    def from_private(cls, key: Ed25519PrivateKey) -> "Signer":
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(PublicKey.from_raw(raw), CryptoSigner(key))

    @property
    def key_id(self) -> str:
        return self.public.key_id


def signing_key_path() -> Path:
    """Where this machine's signing key is: `$ASSAY_KEY`, or `keys/signing.pem` in Assay's home."""
    named = os.environ.get("ASSAY_KEY")
    return Path(named) if named else home() / "keys" / "signing.pem"


def signing_key(path: Path | None = None) -> Signer:
    """The key at `path`, or at `$ASSAY_KEY`, or this machine's own, which is made if it is missing."""
    if path is not None or os.environ.get("ASSAY_KEY"):
        return load_key(path or signing_key_path())
    return load_or_create_key(signing_key_path())


def load_key(path: Path) -> Signer:
    """Read a private key in PEM that only its owner can read."""
    data = _read_limited(path, private=True)
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError:
        raise BadInput(
            f"The key {path} has a passphrase, which Assay cannot ask for: give a key without one."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput(f"{path} is not a private key in PEM: {MAKE_A_KEY}.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(f"{path} is not an Ed25519 key: {MAKE_A_KEY}.")
    return Signer.from_private(key)


def load_or_create_key(path: Path) -> Signer:
    """Read the key at `path`; make it first if there is none. Safe if several processes do so at once."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pem = CryptoSigner(Ed25519PrivateKey.generate()).private_bytes
        _publish(pem, path)
    return load_key(path)


def _publish(data: bytes, path: Path) -> None:
    """Put a complete file at `path` unless there is one: a link either appears whole or finds the name taken."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
        sync_directory(path.parent)
    except FileExistsError:
        pass  # another process was first: its key is the key
    finally:
        Path(name).unlink()


def _read_limited(path: Path, *, private: bool) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # non-blocking: a pipe must not hang us
    except FileNotFoundError:
        raise BadInput(f"There is no key at {path}: {MAKE_A_KEY}.") from None
    except OSError as error:
        raise Unavailable(f"The key {path} cannot be read: {error.strerror}.") from None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"{path} is not a file: a key is a PEM file.")
        if private and status.st_mode & 0o077:
            raise BadInput(f"Others can read the private key {path}: run `chmod 600 {path}`.")
        if status.st_size > MAX_KEY_BYTES:
            raise LimitExceeded(f"{path} is too large for a key: {status.st_size} bytes.")
        return file.read(MAX_KEY_BYTES)


def _trust_directory() -> Path:
    return home() / "keys" / "trusted"


def trust(key: PublicKey) -> Path:
    """Remember that entries signed by `key` are to be believed. Returns the file that says so."""
    directory = _trust_directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{key.key_id}.pem"
    _publish(key.to_pem(), path)
    return path


def trusted_keys(extra: Iterable[PublicKey] = (), *, own: Path | None = None) -> dict[str, PublicKey]:
    """Keys to believe, by id: this machine's, the one named by `own` or `$ASSAY_KEY`, those trusted, and `extra`."""
    keys = {key.key_id: key for key in extra}
    machine = home() / "keys" / "signing.pem"
    paths = {own or signing_key_path()} | ({machine} if machine.exists() else set())
    for path in paths:
        if path != machine or machine.exists():
            public = load_key(path).public
            keys[public.key_id] = public
    for file in sorted(_trust_directory().glob("*.pem")):
        key = PublicKey.load(file)
        keys[key.key_id] = key
    return keys
