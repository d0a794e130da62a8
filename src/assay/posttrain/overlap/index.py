"""The test items as an index of letter runs, and the vectorised search for documents that may hold one.

Every run of ten letters that is rare among the items points back to its item. A document that shares enough of an
item's runs is a candidate for that item; only candidates are aligned letter by letter. Items are also indexed as they
read when disguised letter by letter (reversed, words reversed, rot13), so the search needs to look only once.
"""

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.posttrain.overlap.normalise import Codes, Positions, fold

RUN = 10  # letters: about two words; longer runs lose items with dropped words, shorter ones are in every document
COMMON = 4  # a run in more items than this is a template ("how much money does"); it points nowhere
ENOUGH_RUNS = 40  # an item with fewer rare runs keeps its common ones as well, so that every item can be found
SPARSE = 3  # disguised items are whole: every third run finds them, and the index stays small
FILTER_BITS = 22  # 4 MiB of flags: at 1,319 GSM8K items one flag in ten is set
CANDIDATE_RUNS = (7, 40)  # shared runs that make a candidate: at least, and never more than, however long the item
CANDIDATE_SHARE = 0.08  # of the item's letters; one word in five dropped leaves 0.3, the median train document has 0.02
WINDOW = 4096  # letters looked at together in a long document; windows overlap by half

Disguise = Literal["none", "reversed", "words-reversed", "rot13"]
DISGUISES: dict[Disguise, Callable[[str], str]] = {
    "none": lambda text: text,
    "reversed": lambda text: text[::-1],
    "words-reversed": lambda text: " ".join(reversed(text.split())),
    "rot13": lambda text: codecs.encode(text, "rot13"),
}


@dataclass(frozen=True)
class Variant:
    """One text to look for: an item's question or answer, plain or disguised."""

    part: int
    disguise: Disguise
    text: str
    letters: str


@dataclass(frozen=True)
class Candidate:
    """Variant `variant` may be in document `document` of the batch, around letters `start` to `end`."""

    document: int
    variant: int
    start: int
    end: int


def hashes(codes: Codes) -> Codes:
    """A 32-bit hash of every run of `RUN` letters; empty if there are fewer letters."""
    if len(codes) < RUN:
        return np.empty(0, np.uint32)
    mixed = codes * np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(15)
    two = mixed[:-1] * _power(1) + mixed[1:]
    four = two[:-2] * _power(2) + two[2:]
    eight = four[:-4] * _power(4) + four[4:]
    ten = eight[:-2] * _power(2) + two[8:]
    ten ^= ten >> np.uint32(16)
    ten *= np.uint32(0x7FEB352D)
    return ten


def _power(exponent: int) -> np.uint32:
    return np.uint32(pow(0x9E3779B1, exponent, 1 << 32))


class RunIndex:
    """Which variants hold which runs of letters."""

    def __init__(self, parts: Sequence[str], disguised: Sequence[bool]) -> None:
        """Index `parts`, those marked `disguised` also in every disguise."""
        self.variants: list[Variant] = []
        occurrences: list[tuple[Codes, int, int]] = []  # hashes, variant, weight of each
        plain = [fold(part) for part in parts]
        rare = _rare([hashes(letters.codes) for letters in plain])
        for number, (part, letters) in enumerate(zip(parts, plain, strict=True)):
            self.variants.append(Variant(number, "none", part, letters.string()))
            occurrences.append((rare[number], len(self.variants) - 1, 1))
            for disguise in DISGUISES if disguised[number] else ():
                if disguise != "none" and (text := DISGUISES[disguise](part)) != part:
                    folded = fold(text)
                    self.variants.append(Variant(number, disguise, text, folded.string()))
                    occurrences.append((hashes(folded.codes)[::SPARSE], len(self.variants) - 1, SPARSE))
        self._store(occurrences)
        low, high = CANDIDATE_RUNS
        lengths = np.array([len(variant.letters) for variant in self.variants] or [0])
        self._needed = np.clip(lengths * CANDIDATE_SHARE, np.minimum(low, lengths // 3), high)
        self._reach = lengths

    def _store(self, occurrences: list[tuple[Codes, int, int]]) -> None:
        """Keep (hash, variant, weight) sorted by hash, and the flags that tell most hashes are absent."""
        keys = np.concatenate([np.unique(run) for run, _, _ in occurrences] or [np.empty(0, np.uint32)])
        sizes = [len(np.unique(run)) for run, _, _ in occurrences]
        owners = np.repeat(np.array([variant for _, variant, _ in occurrences], np.int64), sizes)
        weights = np.repeat(np.array([weight for _, _, weight in occurrences], np.int64), sizes)
        order = np.argsort(keys, kind="stable")
        self._owners, self._weights = owners[order], weights[order]
        self._keys, self._first = np.unique(keys[order], return_index=True)
        self._first = np.append(self._first, len(keys))
        self._flags = np.zeros(1 << FILTER_BITS, bool)
        self._flags[self._keys >> np.uint32(32 - FILTER_BITS)] = True

    def candidates(self, codes: Codes, starts: Positions) -> list[Candidate]:
        """Candidates among documents whose letters are `codes[starts[d]:starts[d + 1]]` (`starts` ends with the end)."""
        runs = hashes(codes)
        at = np.flatnonzero(self._flags.take(runs >> np.uint32(32 - FILTER_BITS)))
        if not len(at) or not len(self._keys):
            return []
        found = np.searchsorted(self._keys, runs[at])
        found[found == len(self._keys)] = 0
        known = self._keys[found] == runs[at]
        at, found = at[known], found[known]
        counts = self._first[found + 1] - self._first[found]
        at, posting = np.repeat(at, counts), _ranges(self._first[found], counts)
        return self._gather(at, self._owners[posting], self._weights[posting], starts)

    def _gather(
        self, at: Positions, owners: NDArray[np.int64], weights: NDArray[np.int64], starts: Positions
    ) -> list[Candidate]:
        """Add up the shared runs of every (window of a document, variant) and keep those with enough."""
        document = np.searchsorted(starts, at, side="right") - 1
        bucket = (at - starts[document]) // (WINDOW // 2)
        window = bucket + _first_window(starts)[document]
        pairs = window * len(self.variants) + owners
        later = bucket > 0  # the first half of a window is the second half of the one before it
        every = np.concatenate([pairs, pairs[later] - len(self.variants)])
        keys, inverse = np.unique(every, return_inverse=True)
        totals = np.bincount(inverse, np.concatenate([weights, weights[later]]))
        enough = totals >= self._needed[keys % len(self.variants)]
        if not enough.any():
            return []
        place = np.concatenate([at, at[later]])
        chosen = enough[inverse]
        low, high = np.full(len(keys), np.iinfo(np.int64).max), np.zeros(len(keys), np.int64)
        np.minimum.at(low, inverse[chosen], place[chosen])
        np.maximum.at(high, inverse[chosen], place[chosen] + RUN)
        return [self._candidate(int(keys[k]), int(low[k]), int(high[k]), starts) for k in np.flatnonzero(enough)]

    def _candidate(self, key: int, low: int, high: int, starts: Positions) -> Candidate:
        variant = key % len(self.variants)
        document = int(np.searchsorted(starts, low, side="right")) - 1
        reach = int(self._reach[variant])
        first, last = int(starts[document]), int(starts[document + 1])
        return Candidate(document, variant, max(first, low - reach) - first, min(last, high + reach) - first)


def _first_window(starts: Positions) -> Positions:
    """The number of each document's first window, when all windows of a batch are numbered through."""
    windows = np.diff(starts) // (WINDOW // 2) + 1
    return np.concatenate([[0], np.cumsum(windows)])


def _ranges(first: Positions, counts: Positions) -> Positions:
    """`first[i], first[i] + 1, ...` of length `counts[i]`, one after the other."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - counts), counts)


def _rare(parts: list[Codes]) -> list[Codes]:
    """The runs of each part that few parts share."""
    distinct = [np.unique(runs) for runs in parts]
    keys, counts = np.unique(np.concatenate(distinct or [np.empty(0, np.uint32)]), return_counts=True)
    common = keys[counts > COMMON]
    chosen = []
    for runs in distinct:
        rare = runs[~np.isin(runs, common)]
        chosen.append(rare if len(rare) >= ENOUGH_RUNS else runs)
    return chosen
