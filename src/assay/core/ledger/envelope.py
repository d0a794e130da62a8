"""DSSE envelopes in one canonical form: signing, and parsing that takes nothing else.

An envelope is canonical JSON with exactly one Ed25519 signature. `read_envelope` accepts only the very bytes that
`sign` would write for the same content, so that a changed byte cannot hide in base64, spacing or repeated keys.
"""

import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from securesystemslib.dsse import Envelope

from assay.core.digest import canonical_json
from assay.core.errors import Corrupt
from assay.core.keys import PublicKey, Signer

# Matching what `sign` writes is stricter, and faster, than parsing JSON and asking whether it was written like this.
_CANONICAL = re.compile(
    rb'\{"payload":"(?P<payload>[A-Za-z0-9+/]*={0,2})",'
    rb'"payloadType":"(?P<type>[a-z0-9.+/-]+)",'
    rb'"signatures":\[\{"keyid":"(?P<keyid>[0-9a-f]{64})","sig":"(?P<sig>[A-Za-z0-9+/]{86}==)"\}\]\}'
)
MAX_ENVELOPE_BYTES = 1 << 20  # one entry: a verdict has a few KiB; a larger one belongs into the store, by digest


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """What an envelope holds. Nothing is known of its truth before `signed_by` says yes."""

    payload: bytes
    payload_type: str
    key_id: str
    signature: bytes

    def signed_by(self, key: PublicKey) -> bool:
        return key.verifies(self.signature, Envelope(self.payload, self.payload_type, {}).pae())


def sign(payload: bytes, payload_type: str, signer: Signer) -> bytes:
    """The bytes of an envelope around `payload`."""
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(signer.crypto)
    return canonical_json(envelope.to_dict())


def read_envelope(data: bytes, payload_type: str) -> SignedPayload:
    """Parse an envelope of `payload_type`. Raises `Corrupt`, also if it is valid but not in the canonical form."""
    if len(data) > MAX_ENVELOPE_BYTES:
        raise Corrupt(f"The envelope is larger than {MAX_ENVELOPE_BYTES} bytes.")
    match = _CANONICAL.fullmatch(data)
    if not match or match["type"] != payload_type.encode():
        raise Corrupt(f"The envelope is not a DSSE envelope of {payload_type} in canonical form.")
    payload, signature = _decode(match["payload"]), _decode(match["sig"])
    return SignedPayload(payload, payload_type, match["keyid"].decode(), signature)


def _decode(text: bytes) -> bytes:
    try:
        data = binascii.a2b_base64(text)
    except ValueError:
        data = b""
    if binascii.b2a_base64(data, newline=False) != text:  # the last digit may hide bits
        raise Corrupt("The envelope's base64 is not in canonical form.")
    return data


def read_json(data: bytes, what: str) -> Any:
    """Parse JSON from outside. Raises `Corrupt`. Whoever needs one form only compares with `canonical_json`."""
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        raise Corrupt(f"The {what} is not JSON.") from None


def is_canonical(document: Any, data: bytes) -> bool:
    """Whether `data` is the one canonical form of `document`: no repeated keys, NaN, spaces or lone surrogates."""
    try:
        return canonical_json(document) == data
    except (ValueError, RecursionError):
        return False
