"""Score documents: strict, chained, judged again by anyone, and compared in words."""

import itertools
import json
from typing import Any

import pytest

from assay.core.digest import canonical_json
from assay.core.errors import BadInput, LimitExceeded
from assay.pretrain.gauntlet import ScoreDocument, check, differences, document, parse, write

from .rounds import Run, beacon, good, recipe

EIGHT = dict.fromkeys(range(8), 0)


@pytest.fixture(scope="module")
def chain_of_documents() -> list[ScoreDocument]:
    run = Run(recipe(), good, joined=EIGHT).play(4)
    documents: list[ScoreDocument] = []
    for now, seen in enumerate(run.evidences):
        documents.append(write(run.recipe, 9, documents[-1] if documents else None, seen, beacon(now)))
    return documents


def test_a_document_survives_writing_and_reading(chain_of_documents: list[ScoreDocument]) -> None:
    for one in chain_of_documents:
        assert parse(one.to_bytes()) == one
        assert parse(one.to_bytes()).digest == one.digest


def test_documents_are_chained(chain_of_documents: list[ScoreDocument]) -> None:
    assert chain_of_documents[0].previous is None
    for old, new in itertools.pairwise(chain_of_documents):
        assert new.previous == old.digest


def test_an_honest_document_is_judged_alike_by_anyone(chain_of_documents: list[ScoreDocument]) -> None:
    previous = None
    for now, one in enumerate(chain_of_documents):
        assert check(recipe(), previous, parse(one.to_bytes()), beacon(now)) == []
        previous = one


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [leaf for place, inner in enumerate(value) for leaf in leaves(inner, (*path, place))]
    return [path]


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 0.5 + 0.125
    if isinstance(value, str) and value.startswith("sha256:"):
        return "sha256:" + ("0" if value[7] != "0" else "1") + value[8:]
    return 3 if value is None else value + "x"


CONCLUDED = ("results", "standings", "previous", "run", "beacon")


def test_every_single_changed_conclusion_is_found(chain_of_documents: list[ScoreDocument]) -> None:
    """Each field of results and standings, one at a time: either it no longer parses, or the check names it."""
    old, one = chain_of_documents[2:]
    plain = json.loads(one.to_bytes())
    tried = 0
    for path in leaves(plain):
        if path[0] not in CONCLUDED or (
            path[0] in ("results", "standings") and len(path) > 2 and path[2] not in (0, 5) and path[1] not in (0, 5)
        ):
            continue
        forged = json.loads(one.to_bytes())
        at = forged
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = changed(at[path[-1]])
        tried += 1
        try:
            read = parse(canonical_json(forged))
        except BadInput:
            continue
        assert check(recipe(), old, read, beacon(3)), f"nobody noticed the change at {path}"
    assert tried > 60


def test_changed_evidence_is_found_by_measuring_again(chain_of_documents: list[ScoreDocument]) -> None:
    one = chain_of_documents[3]
    peers = list(one.evidence.peers)
    assert peers[2].losses is not None
    worse = peers[2].losses.model_copy(update={"random_after": 4.9})
    peers[2] = peers[2].model_copy(update={"losses": worse})
    forged = one.model_copy(update={"evidence": one.evidence.model_copy(update={"peers": tuple(peers)})})
    found = differences(forged, one, tolerance=1e-6)
    assert [difference.where for difference in found] == ["evidence: peers: uid 2: losses: random_after"]
    assert str(found[0]) == "evidence: peers: uid 2: losses: random_after: 4.9 here, 4.95 there"


def test_the_tolerance_is_for_measurements_only(chain_of_documents: list[ScoreDocument]) -> None:
    one = chain_of_documents[3]
    results = list(one.results)
    results[0] = results[0].model_copy(update={"score": results[0].score + 1e-9})
    forged = one.model_copy(update={"results": tuple(results)})
    assert [difference.where for difference in differences(forged, one, tolerance=0.1)] == ["results: uid 0: score"]


def test_a_missing_peer_is_one_difference(chain_of_documents: list[ScoreDocument]) -> None:
    one = chain_of_documents[3]
    fewer = one.model_copy(update={"results": one.results[:3] + one.results[4:]})
    assert [difference.where for difference in differences(fewer, one)] == ["results: uid 3"]


def test_two_validators_are_compared_without_their_chains(chain_of_documents: list[ScoreDocument]) -> None:
    one = chain_of_documents[3]
    other = one.model_copy(update={"validator": 10, "previous": None})
    assert differences(one, other) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plain: plain | {"extra": 1},
        lambda plain: plain | {"beacon": "00"},
        lambda plain: plain | {"schema": "assay.scores/2"},
        lambda plain: plain | {"validator": "9"},
        lambda plain: {key: value for key, value in plain.items() if key != "results"},
        lambda plain: plain | {"evidence": plain["evidence"] | {"peers": plain["evidence"]["peers"][::-1]}},
    ],
)
def test_what_is_no_score_document_is_refused(spoil: Any, chain_of_documents: list[ScoreDocument]) -> None:
    plain = json.loads(chain_of_documents[1].to_bytes())
    with pytest.raises(BadInput, match="not a score document"):
        parse(canonical_json(spoil(plain)))


def test_other_bytes_for_the_same_content_are_refused(chain_of_documents: list[ScoreDocument]) -> None:
    data = chain_of_documents[1].to_bytes()
    with pytest.raises(BadInput, match="canonical"):
        parse(data.replace(b'"validator":9', b'"validator": 9'))
    with pytest.raises(BadInput):
        parse(b"[" * 100_000)
    with pytest.raises(BadInput):
        parse(data.replace(b"0.01", b"NaN", 1))


def test_a_document_is_not_read_beyond_its_limit(
    monkeypatch: pytest.MonkeyPatch, chain_of_documents: list[ScoreDocument]
) -> None:
    monkeypatch.setattr(document, "MAX_DOCUMENT", 1000)
    with pytest.raises(LimitExceeded):
        parse(chain_of_documents[0].to_bytes())
