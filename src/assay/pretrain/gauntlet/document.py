"""The score document: everything a validator measured and concluded in a round, chained to its last one.

Canonical JSON; format in `docs/formats/score-document.md`. `check` judges a document again from itself and the one
before it; `differences` says in words where two documents part, and is what `assay pretrain audit` prints.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput, LimitExceeded
from assay.pretrain.gauntlet.evidence import Entry, Evidence, Uid
from assay.pretrain.gauntlet.judge import Judgement, Result, judge
from assay.pretrain.gauntlet.standings import Standings
from assay.pretrain.recipe import Recipe

MAX_DOCUMENT = 64 << 20  # bytes; 256 peers with 750 tensors each have about 8 million
MAX_DIFFERENCES = 1000  # more are not listed
_WORDS = frozenset({"reason"})  # for people: nothing follows from them
# What follows from measured numbers without any threshold in between, and so differs as little as they do.
_MEASURED = frozenset({"random_gain", "assigned_gain", "sync_score", "margin", "likeness"})


class ScoreDocument(Entry):
    """One validator's round."""

    schema_: Literal["assay.scores/1"] = Field(default="assay.scores/1", alias="schema")
    run: Digest  # of the recipe
    validator: Uid
    previous: Digest | None  # the validator's last score document; None for its first
    beacon: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # of this round
    evidence: Evidence
    results: tuple[Result, ...]
    standings: Standings  # after this round

    model_config = Entry.model_config | {"populate_by_name": True}

    @property
    def round(self) -> int:
        return self.evidence.round

    @property
    def judgement(self) -> Judgement:
        return Judgement(self.results, self.standings)

    def to_bytes(self) -> bytes:
        return canonical_json(self.model_dump(mode="json", by_alias=True))

    @property
    def digest(self) -> Digest:
        return digest_bytes(self.to_bytes())


def write(
    recipe: Recipe, validator: int, previous: ScoreDocument | None, evidence: Evidence, beacon: bytes
) -> ScoreDocument:
    """Judge a round and write everything down."""
    judgement = judge(recipe, previous.standings if previous else Standings(), evidence, beacon)
    return ScoreDocument(
        run=recipe.digest,
        validator=validator,
        previous=previous.digest if previous else None,
        beacon=beacon.hex(),
        evidence=evidence,
        results=judgement.results,
        standings=judgement.standings,
    )


def parse(data: bytes) -> ScoreDocument:
    """Read a score document. Only the canonical bytes are taken, so that its digest is that of its content."""
    if len(data) > MAX_DOCUMENT:
        raise LimitExceeded(f"The score document has {len(data)} bytes; at most {MAX_DOCUMENT} are read.")
    try:
        document = ScoreDocument.model_validate_json(data)
    except (ValidationError, RecursionError) as error:
        raise BadInput(f"This is not a score document: {_first(error)}.") from None
    if document.to_bytes() != data:
        raise BadInput("The score document is not in its canonical form: another program wrote or changed it.")
    return document


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "it is nested too deeply"
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"]) or "document"
    return f"{where[:200]}: {first['msg'][:300]}"


def check(recipe: Recipe, previous: ScoreDocument | None, document: ScoreDocument, beacon: bytes) -> list["Difference"]:
    """Judge the document's own evidence again; what differs from what it concluded. An honest one gives nothing."""
    again = write(recipe, document.validator, previous, document.evidence, beacon)
    return differences(document, again)


@dataclass(frozen=True)
class Difference:
    """One place at which two documents part."""

    where: str  # such as "results of uid 3: weight"
    mine: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.where}: {_short(self.mine)} here, {_short(self.theirs)} there"


ABSENT = "nothing"


def differences(mine: ScoreDocument, theirs: ScoreDocument, tolerance: float = 0.0) -> list[Difference]:
    """Where two documents differ. What was measured may do so by `tolerance`, relatively; no conclusion may.

    The digests of previous documents are not compared if the validators differ: each has its own chain. Nor are the
    reasons of faults.
    """
    a, b = (document.model_dump(mode="json", by_alias=True) for document in (mine, theirs))
    if mine.validator != theirs.validator:
        for document in (a, b):
            del document["validator"], document["previous"]
    found = []
    for difference in _walk(a, b, (), tolerance):
        found.append(difference)
        if len(found) == MAX_DIFFERENCES:
            break
    return found


def _walk(a: Any, b: Any, path: tuple[str, ...], tolerance: float) -> Iterator[Difference]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted((a.keys() | b.keys()) - _WORDS):
            yield from _walk(a.get(key, ABSENT), b.get(key, ABSENT), (*path, str(key)), tolerance)
    elif isinstance(a, list) and isinstance(b, list):
        left, right = _by_name(a), _by_name(b)
        for key in sorted(left.keys() | right.keys(), key=lambda key: (len(key), key)):
            yield from _walk(left.get(key, ABSENT), right.get(key, ABSENT), (*path, key), tolerance)
    elif not _same(a, b, tolerance if path[0] == "evidence" or path[-1] in _MEASURED else 0.0):
        yield Difference(": ".join(path), a, b)


def _by_name(entries: list[Any]) -> dict[str, Any]:
    """Entries of peers by uid, so that one peer too many does not make all later ones differ."""
    if entries and all(isinstance(entry, dict) and "uid" in entry and "kind" not in entry for entry in entries):
        return {f"uid {entry['uid']}": entry for entry in entries}
    return {f"[{place}]": entry for place, entry in enumerate(entries)}


def _same(a: Any, b: Any, tolerance: float) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and tolerance > 0:
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return bool(a == b)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."
