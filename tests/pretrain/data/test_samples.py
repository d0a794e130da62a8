"""Who trains on what: the same for everyone, disjoint, uniform, and as the format's document says."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import BadInput
from assay.pretrain.data import Corpus, assigned, drawn, shares, validation, validation_samples
from assay.pretrain.data.samples import permuted
from assay.pretrain.recipe import Recipe
from tests.pretrain.data.conftest import Built

BEACON = bytes(range(32))
OTHER = bytes(32)


def test_the_samples_of_a_round_follow_from_what_everyone_knows(built: Callable[..., Built], tmp_path: Path) -> None:
    recipe, corpus = built()
    first = assigned(recipe, corpus, BEACON, 3, 7)
    assigned(recipe, corpus, BEACON, 4, 7)  # nothing that was asked before matters
    again = Corpus(corpus._store, corpus.digest, corpus.context, cache=tmp_path / "another cache")
    assert assigned(recipe, again, BEACON, 3, 7).digest == first.digest
    others = [
        assigned(recipe, corpus, OTHER, 3, 7),
        assigned(recipe, corpus, BEACON, 2, 7),
        assigned(recipe, corpus, BEACON, 3, 6),
        assigned(recipe.model_copy(update={"seed": 1}), corpus, BEACON, 3, 7),
    ]
    assert len({first.digest, *(samples.digest for samples in others)}) == 5


ASSIGNED = [("plays", 2544), ("books", 1295), ("books", 1113), ("plays", 1152), ("books", 1288)]
DRAWN = [("books", 463), ("books", 1205), ("books", 708), ("books", 940), ("plays", 1950)]


def test_golden_samples(built: Callable[..., Built]) -> None:
    """If these change, so does the format: members with different versions would train on different text."""
    recipe, corpus = built()
    assert corpus.digest == "sha256:e52f9c567c195b36f969fb22ebdc6d37e32fa0cb01be15f734c106fa427c86aa"
    samples = assigned(recipe, corpus, BEACON, 1, 0)
    assert samples.digest == "sha256:7a2d286aa176a11e6a3c00bc8c74dab61e26513e7650cb08d6e43d4318eb9684"
    assert [tuple(id_)[:2] for id_ in samples.ids[:5]] == ASSIGNED
    assert [tuple(id_)[:2] for id_ in drawn(recipe, corpus, BEACON, 0, 5, "random").ids] == DRAWN
    assert permuted(np.arange(5, dtype=np.uint64), 1_000, ["golden"]).tolist() == [692, 411, 215, 152, 897]


def test_the_order_is_the_documented_one() -> None:
    """The permutation, written a second time from docs/formats/shards.md with Python's own integers."""

    def mix(word: int) -> int:
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
        return word ^ (word >> 31)

    def once(value: int, keys: list[int], half: int) -> int:
        left, right = value >> half, value % 2**half
        for key in keys:
            left, right = right, left ^ mix((right + key) % 2**64) % 2**half
        return left << half | right

    def slowly(position: int, size: int, name: list[object]) -> int:
        sha = hashlib.sha512(json.dumps(name, separators=(",", ":")).encode()).digest()
        keys = [int.from_bytes(sha[at : at + 8], "little") for at in range(0, 64, 8)]
        half = max(4, ((size - 1).bit_length() + 1) // 2)
        value = once(position, keys, half)
        while value >= size:
            value = once(value, keys, half)
        return value

    name: list[object] = ["pool", 7, 3, "books"]
    for size in (2, 17, 1_000, 70_000):
        positions = np.arange(min(size, 50), dtype=np.uint64)
        assert permuted(positions, size, name).tolist() == [slowly(p, size, name) for p in range(len(positions))]


@given(st.integers(1, 3_000), st.integers(0, 2**32))
def test_the_order_is_a_permutation(size: int, seed: int) -> None:
    assert sorted(permuted(np.arange(size, dtype=np.uint64), size, [seed]).tolist()) == list(range(size))


def test_peers_of_a_round_share_no_sequence(built: Callable[..., Built]) -> None:
    recipe, corpus = built()
    size = {source: corpus.sequences(source) for source in corpus.sources}
    for round_ in range(5):
        ids = [id_ for uid in (0, 1, 5, 17, 30) for id_ in assigned(recipe, corpus, BEACON, uid, round_).ids]
        assert len(set(ids)) == len(ids) == 5 * 12
        assert all(id_.number < size[id_.source] and id_.side == "train" for id_ in ids)


def test_nobody_is_measured_on_what_anyone_was_assigned(built: Callable[..., Built]) -> None:
    recipe, corpus = built(steps=30)
    for round_ in range(3):
        trained = {id_ for uid in range(60) for id_ in assigned(recipe, corpus, BEACON, uid, round_).ids}
        measured = set(drawn(recipe, corpus, OTHER, round_, 400, "random").ids)
        assert not trained & measured
        assert len({id_ for id_ in trained if id_.source == "books"}) > 0.85 * corpus.sequences("books")


def test_what_is_set_aside_changes_from_round_to_round(built: Callable[..., Built]) -> None:
    recipe, corpus = built()
    everything = {id_ for round_ in range(60) for id_ in drawn(recipe, corpus, BEACON, round_, 400, "random").ids}
    assert len({id_ for id_ in everything if id_.source == "books"}) > 0.95 * corpus.sequences("books")


def test_draws_for_different_purposes_differ(built: Callable[..., Built]) -> None:
    recipe, corpus = built()
    draws = [drawn(recipe, corpus, beacon, 0, 8, purpose) for beacon in (BEACON, OTHER) for purpose in ("a", "b")]
    assert len({samples.digest for samples in draws}) == 4
    assert all(len(set(samples.ids)) == len(samples) == 8 for samples in draws)


def test_a_corpus_that_is_too_small_repeats_only_when_it_must(built: Callable[..., Built]) -> None:
    recipe, corpus = built(steps=100, sequences=60, context=256)
    samples = assigned(recipe, corpus, BEACON, 0, 0)
    assert len(samples) == 6_000
    times = Counter(samples.ids)
    for source in corpus.sources:
        counts = [times[id_] for id_ in times if id_.source == source]
        assert max(counts) - min(counts) <= 1  # every sequence comes before any comes again
        assert len(counts) == corpus.sequences(source) - max(1, corpus.sequences(source) // 8)
    assert assigned(recipe, corpus, BEACON, 1, 0).digest != samples.digest


def test_two_uids_never_share_a_whole_assignment(built: Callable[..., Built]) -> None:
    """Also when there are more uids than the corpus has stretches: they then overlap by chance only."""
    recipe, corpus = built(steps=10, sequences=20, context=256)
    sets = [frozenset(assigned(recipe, corpus, BEACON, uid, 0).ids) for uid in range(40)]
    worst = max(len(a & b) for i, a in enumerate(sets) for b in sets[:i])
    assert worst < 0.75 * 200


def chi_square(counts: np.ndarray, expected: float) -> float:  # type: ignore[type-arg]
    return float(((counts - expected) ** 2 / expected).sum())


def test_every_sequence_is_as_likely_as_any_other(built: Callable[..., Built]) -> None:
    recipe, corpus = built(context=256)
    size = corpus.sequences("books")
    trained, measured, rounds = np.zeros(size), np.zeros(size), 200
    for round_ in range(rounds):
        beacon = hashlib.sha256(bytes([round_ % 256, round_ // 256])).digest()
        for id_ in assigned(recipe, corpus, beacon, round_ % 9, round_).ids:
            if id_.source == "books":
                trained[id_.number] += 1
        for id_ in drawn(recipe, corpus, beacon, round_, 12, "random").ids:
            if id_.source == "books":
                measured[id_.number] += 1
    # The 99.99 % point of chi-square with many degrees of freedom, by Wilson and Hilferty.
    limit = (size - 1) * (1 - 2 / (9 * (size - 1)) + 3.719 * (2 / (9 * (size - 1))) ** 0.5) ** 3
    assert chi_square(trained, trained.sum() / size) < limit
    assert chi_square(measured, measured.sum() / size) < limit
    assert trained.sum() == measured.sum() == rounds * 9


def test_pairs_of_places_are_uniform_in_a_small_order() -> None:
    """Where 0 and 1 go together, over many names: a weak network would favour some pairs."""
    size, names = 6, 900
    counts = Counter(tuple(permuted(np.arange(2, dtype=np.uint64), size, ["pair", n]).tolist()) for n in range(names))
    assert len(counts) == 30
    found = np.array(list(counts.values()))
    assert chi_square(found, names / 30) < 66.0  # the 99.99 % point with 29 degrees of freedom


def test_the_mixture_is_kept_in_every_round(built: Callable[..., Built]) -> None:
    recipe, corpus = built()
    for uid in range(4):
        counts = Counter(id_.source for id_ in assigned(recipe, corpus, BEACON, uid, 0).ids)
        assert counts == {"books": 9, "plays": 3}
    # Sources come in no order that a step of the inner loop could notice.
    firsts = [assigned(recipe, corpus, BEACON, uid, 0).ids[-1].source for uid in range(40)]
    assert 2 <= firsts.count("plays") <= 20


def test_shares_are_divided_by_largest_remainders() -> None:
    assert shares({"a": 0.27, "b": 0.20, "c": 0.15, "d": 0.13, "e": 0.25}, 5_760) == {
        "a": 1_555,  # 1555.2
        "b": 1_152,
        "c": 864,
        "d": 749,  # 748.8
        "e": 1_440,
    }
    assert shares({"x": 0.5, "w": 0.5}, 3) == {"w": 2, "x": 1}
    assert shares({"a": 0.29, "b": 0.71}, 100) == {"a": 29, "b": 71}
    assert shares({"a": 1.0, "b": 0.0}, 7) == {"a": 7, "b": 0}


WEIGHTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 1_000), min_size=1)


@given(WEIGHTS, st.integers(0, 999))
def test_shares_add_up(weights: dict[str, int], total: int) -> None:
    whole = sum(weights.values())
    mixture = {name: weight / whole for name, weight in weights.items()}
    found = shares(mixture, total)
    assert sum(found.values()) == total
    assert all(abs(found[name] - total * weights[name] / whole) < 1.000001 for name in weights)


def test_batches_are_the_inner_steps(built: Callable[..., Built]) -> None:
    recipe, corpus = built()
    samples = assigned(recipe, corpus, BEACON, 0, 0)
    batches = list(samples.batches())
    assert [tuple(batch.shape) for batch in batches] == [(4, 33)] * 3
    assert torch.equal(torch.cat(batches), samples.tensor())
    assert torch.equal(batches[1][2], corpus.sequence(samples.ids[6].source, samples.ids[6].number))
    assert samples.tokens == 3 * 4 * 32
    part = samples.subset([5, 2])
    assert part.ids == (samples.ids[5], samples.ids[2])
    assert part.digest != samples.digest


def test_validation_text_is_spread_over_its_sources_and_never_trained_on(built: Callable[..., Built]) -> None:
    recipe, corpus = built()
    samples = validation_samples(recipe, corpus, 20)
    assert len(samples) == 20
    assert {id_.source for id_ in samples.ids} == {"books", "plays"}
    assert {id_.side for id_ in samples.ids} == {"validation"}
    everything = validation_samples(recipe, corpus)
    assert len(everything) == sum(corpus.sequences(source, "validation") for source in corpus.sources)
    assert sum(len(batch) for batch in validation(recipe, corpus)) == len(everything)


def test_a_source_without_sequences_is_named(built: Callable[..., Built]) -> None:
    recipe, corpus = built()
    long = Corpus(corpus._store, corpus.digest, 1_000_000)
    reads_long = changed(recipe, "model", context=1_000_000)
    with pytest.raises(BadInput, match="books"):
        assigned(reads_long, long, BEACON, 0, 0)
    with pytest.raises(BadInput, match="validation"):
        validation_samples(reads_long, long)


def changed(recipe: Recipe, part: str, **values: object) -> Recipe:
    return recipe.model_copy(update={part: getattr(recipe, part).model_copy(update=values)})


@pytest.mark.parametrize(
    ("part", "values", "reason"),
    [
        ("data", {"corpus": "sha256:" + "0" * 64}, "the recipe names"),
        ("model", {"context": 33}, "cut into 32 tokens"),
        ("model", {"vocabulary": 256}, "has 260 tokens"),
    ],
)
def test_a_corpus_that_is_not_the_recipes_is_refused(
    part: str, values: dict[str, object], reason: str, built: Callable[..., Built]
) -> None:
    recipe, corpus = built()
    wrong = changed(recipe, part, **values)
    for use in (
        lambda: assigned(wrong, corpus, BEACON, 0, 0),
        lambda: drawn(wrong, corpus, BEACON, 0, 1, "random"),
        lambda: validation_samples(wrong, corpus),
    ):
        with pytest.raises(BadInput, match=reason):
            use()
    named = changed(recipe, "data", corpus=corpus.digest)
    assert assigned(named, corpus, BEACON, 0, 0).digest == assigned(recipe, corpus, BEACON, 0, 0).digest
