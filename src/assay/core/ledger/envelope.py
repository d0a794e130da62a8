"""DSSE envelopes in one canonical form: signing, and parsing that takes nothing else.

An envelope is canonical JSON with exactly one Ed25519 signature. `read_envelope` accepts only the very bytes that
`sign` would write for the same content, so that a changed byte cannot hide in base64, spacing or repeated keys.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

from securesystemslib.dsse import Envelope

from assay.core.digest import canonical_json
from assay.core.errors import Corrupt
from assay.core.keys import PublicKey, Signer

MAX_ENVELOPE_BYTES = 1 << 20  # one entry: a verdict has a few KiB; a larger one belongs into the store, by digest


@dataclass(frozen=True, slots=True)
class SignedPayload:
    """What an envelope holds. Nothing is known of its truth before `signed_by` says yes."""

    payload: bytes
    payload_type: str
    key_id: str
    signature: bytes

    def signed_by(self, key: PublicKey) -> bool:
        message = Envelope(self.payload, self.payload_type, {}).pae()
        return key.key_id == self.key_id and key.verifies(self.signature, message)


def sign(payload: bytes, payload_type: str, signer: Signer) -> bytes:
    """The bytes of an envelope around `payload`."""
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(signer.crypto)
    return canonical_json(envelope.to_dict())


def read_envelope(data: bytes, payload_type: str) -> SignedPayload:
    """Parse an envelope of `payload_type`. Raises `Corrupt`, also if it is valid but not in the canonical form."""
    if len(data) > MAX_ENVELOPE_BYTES:
        raise Corrupt(f"The envelope is larger than {MAX_ENVELOPE_BYTES} bytes.")
    document = read_json(data, "envelope")
    try:
        (signature,) = document["signatures"]
        signed = SignedPayload(
            payload=base64.b64decode(document["payload"], validate=True),
            payload_type=payload_type,
            key_id=signature["keyid"],
            signature=base64.b64decode(signature["sig"], validate=True),
        )
    except (KeyError, TypeError, ValueError):
        raise Corrupt("The envelope is not a DSSE envelope with one signature.") from None
    if not isinstance(signed.key_id, str) or _write(signed) != data:
        raise Corrupt(f"The envelope is not in canonical form, or is no {payload_type}.")
    return signed


def read_json(data: bytes, what: str) -> Any:
    """Parse JSON from outside. Raises `Corrupt`. Whoever needs one form only compares with `canonical_json`."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Corrupt(f"The {what} is not JSON.") from None


def is_canonical(document: Any, data: bytes) -> bool:
    """Whether `data` is the one canonical form of `document`: no repeated keys, NaN, spaces or lone surrogates."""
    try:
        return canonical_json(document) == data
    except (ValueError, RecursionError):
        return False


def _write(signed: SignedPayload) -> bytes:
    signature = {"keyid": signed.key_id, "sig": base64.b64encode(signed.signature).decode()}
    payload = base64.b64encode(signed.payload).decode()
    document = {"payload": payload, "payloadType": signed.payload_type, "signatures": [signature]}
    return canonical_json(document)
