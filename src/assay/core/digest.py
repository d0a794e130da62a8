"""SHA-256 digests and the one canonical JSON that is hashed.

A digest is written `sha256:<64 hex digits>` wherever people or documents see it.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from assay.core.errors import BadInput

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHUNK = 1 << 20  # bytes read at a time: constant memory for files of any size


def _check(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError(f"not a digest: {text[:80]!r} (expected sha256: and 64 hex digits)")
    return text


Digest = Annotated[str, AfterValidator(_check)]


def parse_digest(text: str) -> Digest:
    """Return `text` if it is a digest, with or without the `sha256:` prefix; raise `BadInput` otherwise."""
    candidate = text if text.startswith("sha256:") else f"sha256:{text}"
    if not _DIGEST.fullmatch(candidate):
        raise BadInput(f"{text[:80]!r} is not a digest: give sha256: and 64 hex digits, as `assay show` prints them.")
    return candidate


def digest_bytes(data: bytes) -> Digest:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> Digest:
    """The digest of a file's content, read in chunks."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
    return "sha256:" + sha.hexdigest()


def canonical_json(document: Any) -> bytes:
    """One byte string per JSON value: sorted keys, no spaces, UTF-8, no NaN or infinity."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
