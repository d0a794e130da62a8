"""What this machine remembers of each ledger outside its database: the longest signed tree head it has seen.

Whoever can write to the database can cut off its end together with the heads that prove it; only a memory elsewhere
can tell. One small file per ledger in `witness/` of Assay's home, replaced as a whole and never moved backwards.
"""

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.digest import canonical_json
from assay.core.errors import AssayError, Corrupt
from assay.core.home import home
from assay.core.ledger.statement import TreeHead, read_head
from assay.core.whole import write_whole

FORMAT = "assay.witness/1"
MAX_WITNESS_BYTES = 64 << 10
MAX_PLACES = 64  # a ledger that was copied more often forgets its oldest places
_NAME = re.compile(r"[0-9a-f]{32}\.json")


@dataclass(frozen=True)
class Witness:
    """The longest head seen of one ledger, and the places (files or URLs) it was seen at."""

    head: TreeHead
    places: tuple[str, ...]
    path: Path


def is_id(text: str) -> bool:
    """Whether `text` can be the id of a ledger, and so a file name."""
    return _NAME.fullmatch(f"{text}.json") is not None


def recall(ledger: str) -> Witness | None:
    """What this machine remembers of the ledger with this id."""
    path = _directory() / f"{ledger}.json"
    return _read(path) if path.exists() else None


def recall_place(place: str) -> list[Witness]:
    """What this machine remembers of ledgers at `place`: normally one at most."""
    files = sorted(path for path in _directory().glob("*.json") if _NAME.fullmatch(path.name))
    return [witness for witness in map(_read, files) if place in witness.places]


def check_place(place: str, ledger: str | None) -> None:
    """Raise `Corrupt` if `place` held another ledger than `ledger` (None: there is nothing there now)."""
    for witness in recall_place(place):
        if witness.head.ledger != ledger and witness.head.size:
            raise Corrupt(replaced(witness, place, ledger))


def replaced(witness: Witness, place: str, ledger: str | None) -> str:
    now = "nothing is there now" if ledger is None else f"another ledger ({ledger}) is there now"
    return (
        f"{place} held the ledger {witness.head.ledger} with {witness.head.size} entries, and {now}: restore it, or "
        f"delete {witness.path} if you removed it yourself."
    )


def remember(head: TreeHead, place: str) -> None:
    """Note `head` if it is longer than what is known. Never moves backwards, also with several processes."""
    directory = _directory()
    with _locked(directory):
        known = recall(head.ledger)
        places = known.places if known else ()
        if known and known.head.size >= head.size and place in places:
            return
        longest = known.head if known and known.head.size >= head.size else head
        kept = (*(other for other in places if other != place), place)[-MAX_PLACES:]
        document = {"format": FORMAT, "head": longest.envelope.decode(), "ledger": head.ledger, "places": list(kept)}
        write_whole(directory / f"{head.ledger}.json", canonical_json(document), private=True)


def _read(path: Path) -> Witness:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_WITNESS_BYTES + 1)
        document: Any = json.loads(data) if len(data) <= MAX_WITNESS_BYTES else None
        head = read_head(document["head"].encode())
        places = tuple(document["places"])
        known = {"format": FORMAT, "head": head.envelope.decode(), "ledger": path.stem, "places": list(places)}
        if document != known or head.ledger != path.stem or not all(isinstance(place, str) for place in places):
            raise ValueError("unexpected content")
    except (OSError, ValueError, RecursionError, TypeError, KeyError, AttributeError, AssayError):
        raise Corrupt(
            f"The witness file {path} is damaged: delete it only if you have checked the ledger with a saved head."
        ) from None
    return Witness(head, places, path)


def _directory() -> Path:
    directory = home() / "witness"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    with (directory / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, also by kill -9
        yield
