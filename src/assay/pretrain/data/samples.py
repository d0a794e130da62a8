"""Who trains on what, and what is measured on what: functions of seed, beacon, uid and round that anyone can compute.

Every round, an eighth of each source is set aside for measuring, chosen anew. Of the rest, each uid gets a stretch of
its own in a random order that nobody knew before the beacon. `docs/formats/shards.md` has the definition byte for byte.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput
from assay.pretrain.data.corpus import Corpus, Side
from assay.pretrain.recipe import Recipe

SET_ASIDE = 8  # one in so many sequences is kept for measuring in a round
_LEAST_HALF = 4  # bits: below that a Feistel network has too few orders to be uniform

Words = np.ndarray[Any, np.dtype[np.uint64]]


class SequenceId(NamedTuple):
    """One sequence of the corpus."""

    source: str
    number: int
    side: Side = "train"


@dataclass(frozen=True)
class Samples:
    """Sequences in the order in which they are used."""

    corpus: Corpus
    ids: tuple[SequenceId, ...]
    per_batch: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def tokens(self) -> int:
        """Targets: `context` per sequence."""
        return len(self.ids) * self.corpus.context

    @property
    def digest(self) -> Digest:
        """SHA-256 of canonical JSON: the corpus's digest, its context, and the ids in order."""
        return digest_bytes(canonical_json([self.corpus.digest, self.corpus.context, [list(id_) for id_ in self.ids]]))

    def tensor(self, start: int = 0, stop: int | None = None) -> Tensor:
        """(sequences, context + 1) int64 of the ids from `start` to `stop`."""
        rows = [self.corpus.sequence(id_.source, id_.number, id_.side) for id_ in self.ids[start:stop]]
        return torch.stack(rows) if rows else torch.empty((0, self.corpus.context + 1), dtype=torch.int64)

    def batches(self) -> Iterator[Tensor]:
        """(sequences, context + 1) one after the other; the last may be smaller."""
        for start in range(0, len(self.ids), self.per_batch):
            yield self.tensor(start, start + self.per_batch)

    def subset(self, positions: Sequence[int]) -> "Samples":
        """The samples at these positions, in this order."""
        return Samples(self.corpus, tuple(self.ids[position] for position in positions), self.per_batch)


def assigned(recipe: Recipe, corpus: Corpus, beacon: bytes, uid: int, round_: int) -> Samples:
    """What the peer `uid` must train on in `round_`, in order; `beacon` is that of the round before.

    Two uids get different sequences as long as the corpus has enough of them; none gets a sequence twice in a round.
    """
    check_fits(recipe, corpus)
    total = recipe.inner.steps * recipe.inner.sequences
    ids: list[SequenceId] = []
    for source, count in shares(recipe.phase(round_).mixture, total).items():
        pool = _pool(recipe, corpus, source, round_)
        indices = pool.to_train(_stretch(recipe.seed, beacon, round_, source, uid, count, pool.training))
        ids.extend(SequenceId(source, int(index)) for index in indices)
    order = permuted(np.arange(total, dtype=np.uint64), total, ["order", recipe.seed, beacon.hex(), round_, uid])
    return Samples(corpus, tuple(ids[int(position)] for position in order), recipe.inner.sequences)


def drawn(recipe: Recipe, corpus: Corpus, beacon: bytes, round_: int, n: int, purpose: str) -> Samples:
    """`n` sequences to measure on in `round_`, from what is set aside: nobody was assigned any of them in this round.

    `beacon` is that of the round itself. `purpose` separates draws. Where `n` is more than was set aside, they repeat.
    """
    check_fits(recipe, corpus)
    ids: list[SequenceId] = []
    for source, count in shares(recipe.phase(round_).mixture, n).items():
        pool = _pool(recipe, corpus, source, round_)
        name = ["drawn", recipe.seed, beacon.hex(), round_, source, purpose]
        ids.extend(SequenceId(source, int(index)) for index in pool.to_measure(_first(count, pool.measuring, name)))
    order = permuted(np.arange(n, dtype=np.uint64), n, ["order", recipe.seed, beacon.hex(), round_, purpose])
    return Samples(corpus, tuple(ids[int(position)] for position in order), recipe.inner.sequences)


def validation(recipe: Recipe, corpus: Corpus, n: int | None = None) -> Iterator[Tensor]:
    """Batches of what is kept from every peer: `n` sequences spread evenly over all of them, or all."""
    yield from validation_samples(recipe, corpus, n).batches()


def validation_samples(recipe: Recipe, corpus: Corpus, n: int | None = None) -> Samples:
    """The sequences of `validation`: of the sources that the recipe trains on, in order of name."""
    check_fits(recipe, corpus)
    names = sorted({name for phase in recipe.data.phases for name in phase.mixture})
    ids = [SequenceId(s, index, "validation") for s in names for index in range(corpus.sequences(s, "validation"))]
    if not ids:
        raise BadInput("The corpus has no whole sequence of validation text: give more text or a larger share.")
    if n is not None and n < len(ids):
        ids = [ids[position * len(ids) // n] for position in range(n)]
    return Samples(corpus, tuple(ids), recipe.inner.sequences)


def check_fits(recipe: Recipe, corpus: Corpus) -> None:
    """`BadInput` if this corpus is not the recipe's, or its model could not read it."""
    if recipe.data.corpus not in (None, corpus.digest):
        raise BadInput(f"This is the corpus {corpus.digest}, and the recipe names {recipe.data.corpus}.")
    if corpus.context != recipe.model.context:
        raise BadInput(f"The corpus is cut into {corpus.context} tokens, and the model reads {recipe.model.context}.")
    if corpus.vocabulary > recipe.model.vocabulary:
        raise BadInput(
            f"The tokenizer {corpus.manifest.tokenizer.name} has {corpus.vocabulary} tokens, and the model "
            f"{recipe.model.vocabulary}: raise model.vocabulary in the recipe."
        )


def shares(mixture: Mapping[str, float], total: int) -> dict[str, int]:
    """`total` divided by largest remainders, in order of name; between equal remainders the earlier name gains.

    Shares count as the decimal numbers that stand in the recipe.
    """
    names = sorted(mixture)
    exact = {name: Fraction(repr(mixture[name])) for name in names}
    whole = sum(exact.values())
    quotas = {name: exact[name] * total / whole for name in names}
    counts = {name: int(quotas[name]) for name in names}
    by_remainder = sorted(names, key=lambda name: (counts[name] - quotas[name], name))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


# Pools ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pool:
    """A source's training sequences in one round: some to train on, the others to measure on."""

    size: int
    measuring: int
    name: list[Any]

    @property
    def training(self) -> int:
        return max(1, self.size - self.measuring)

    def to_train(self, positions: Words) -> Words:
        return permuted(positions, self.size, self.name)

    def to_measure(self, positions: Words) -> Words:
        return permuted(positions + np.uint64(self.size - self.measuring), self.size, self.name)


def _pool(recipe: Recipe, corpus: Corpus, source: str, round_: int) -> _Pool:
    size = corpus.sequences(source)
    if size < 2:
        raise BadInput(f"Source {source!r} has {size} sequences of {corpus.context} tokens: give more text.")
    return _Pool(size, max(1, size // SET_ASIDE), ["pool", recipe.seed, round_, source])


def _stretch(seed: int, beacon: bytes, round_: int, source: str, uid: int, count: int, size: int) -> Words:
    """`count` of the positions 0..size-1 for this uid: no other uid's as long as size allows.

    The uids fill one order of all positions, stretch after stretch; when it is full, further uids fill another order.
    Who needs more than there is goes through orders of its own.
    """
    name = ["assigned", seed, beacon.hex(), round_, source]
    if count == 0:
        return np.empty(0, np.uint64)
    if count > size:
        return _first(count, size, [*name, "own", uid])
    order, slot = divmod(uid, size // count)
    return permuted(np.arange(slot * count, (slot + 1) * count, dtype=np.uint64), size, [*name, "shared", order])


def _first(count: int, size: int, name: list[Any]) -> Words:
    """The first `count` positions of 0..size-1 in a random order; after all have come, in another one, and so on."""
    passes = [
        permuted(np.arange(min(size, count - done), dtype=np.uint64), size, [*name, number])
        for number, done in enumerate(range(0, count, size))
    ]
    return np.concatenate(passes) if passes else np.empty(0, np.uint64)


# Order ----------------------------------------------------------------------------------------------------------------


def permuted(positions: Words, size: int, name: list[Any]) -> Words:
    """Where these positions of 0..size-1 go under the permutation called `name`; any position alone costs the same.

    A Feistel network of eight rounds over the next even number of bits; what falls outside is sent through again. Its
    keys are the eight little-endian words of the SHA-512 of the name's canonical JSON.
    """
    if size <= 1:
        return np.zeros_like(positions)
    half = max(_LEAST_HALF, -(-(size - 1).bit_length() // 2))
    keys = np.frombuffer(hashlib.sha512(canonical_json(name)).digest(), "<u8").astype(np.uint64)
    found = _feistel(positions.astype(np.uint64), keys, half)
    while len(outside := np.flatnonzero(found >= size)):
        found[outside] = _feistel(found[outside], keys, half)
    return found


def _feistel(values: Words, keys: Words, half: int) -> Words:
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = values >> shift, values & mask
    for key in keys:
        left, right = right, left ^ (_mix(right + key) & mask)
    return (left << shift) | right


def _mix(words: Words) -> Words:
    """The finaliser of SplitMix64, modulo 2^64."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
