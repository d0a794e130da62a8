"""Statements for tests, and a ledger that can be put back after it was tampered with."""

import hashlib
from pathlib import Path

from assay.core.digest import digest_bytes
from assay.core.ledger import Statement, Subject


def digest(number: int) -> str:
    return digest_bytes(str(number).encode())


def statement(number: int, *others: int, note: str = "x") -> Statement:
    subjects = tuple(Subject(digest(n), "submission") for n in (number, *others))
    return Statement(subjects, "urn:test:thing:v1", {"number": number, "note": note})


def file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
