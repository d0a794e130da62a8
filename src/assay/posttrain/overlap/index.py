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
ENOUGH_RUNS = 20  # an item with fewer rare runs keeps its common ones as well, so that every item can be found
SPARSE = 4  # answers and disguised items must be there nearly whole: every fourth run finds them, the index stays small
PROBE = 3  # every third run of a document is looked up; prime to `SPARSE`, or some documents would miss every run
FILTER_BITS = 22  # 4 MiB of flags: at 1,319 GSM8K items one in fourteen is set
SLOT_BITS = 19  # 2 MiB: about one run per slot there; small tables stay in the processor's cache
FEWEST = 3  # shared runs: fewer are chance
SKIP = 0.3  # cost of a letter between shared runs in the look-ahead: half of the alignment's, so that it loses nothing
MOST_SKIPPED = 60  # letters: more cost the same, it is then a jump
_SHARE = {"text": 0.20, "other": 0.50}  # of a variant's letters that the look-ahead must find
MOST_NEEDED = 80.0  # letters that are always enough
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
    two = _joined(mixed, mixed, 1)
    four = _joined(two, two, 2)
    eight = _joined(four, four, 4)
    ten = _joined(eight, two, 8)
    ten ^= ten >> np.uint32(16)
    ten *= np.uint32(0x7FEB352D)
    return ten


def _joined(left: Codes, right: Codes, apart: int) -> Codes:
    """Hashes of longer runs: each of `left` and the one of `right` that starts `apart` letters later."""
    both = left[: len(right) - apart] * _power(apart)
    both += right[apart : apart + len(both)]
    return both


def _power(exponent: int) -> np.uint32:
    return np.uint32(pow(0x9E3779B1, exponent, 1 << 32))


class RunIndex:
    """Which variants hold which runs of letters."""

    def __init__(self, parts: Sequence[str], questions: Sequence[bool]) -> None:
        """Index `parts`; those that are `questions` densely and in every disguise, the others sparsely."""
        self.variants: list[Variant] = []
        occurrences: list[tuple[Codes, Positions, int]] = []  # runs, their places, variant
        plain = [fold(part) for part in parts]
        rare = _rare([hashes(letters.codes) for letters in plain])
        for number, (part, letters) in enumerate(zip(parts, plain, strict=True)):
            runs = hashes(letters.codes)
            chosen = rare[number] if questions[number] else rare[number][::SPARSE]
            occurrences.append((runs[chosen], chosen, len(self.variants)))
            self.variants.append(Variant(number, "none", part, letters.string()))
            for disguise in DISGUISES if questions[number] else ():
                if disguise != "none" and (text := DISGUISES[disguise](part)) != part:
                    folded = fold(text)
                    runs = hashes(folded.codes)
                    chosen = _once(runs)[::SPARSE]
                    occurrences.append((runs[chosen], chosen, len(self.variants)))
                    self.variants.append(Variant(number, disguise, text, folded.string()))
        self._store(occurrences)
        self._lengths = np.array([len(variant.letters) for variant in self.variants] or [0])
        share = np.array(
            [_SHARE["text" if v.disguise == "none" and questions[v.part] else "other"] for v in self.variants]
        )
        self._needed = np.minimum(self._lengths * (share if len(share) else 0.0), MOST_NEEDED)

    def _store(self, occurrences: list[tuple[Codes, Positions, int]]) -> None:
        """Keep (hash, variant, place) sorted by hash, and the flags that tell most hashes are absent."""
        keys = np.concatenate([np.empty(0, np.uint32), *(runs for runs, _, _ in occurrences)])
        owners = np.repeat(
            np.array([variant for _, _, variant in occurrences], np.int64), [len(runs) for runs, _, _ in occurrences]
        )
        places = np.concatenate([np.empty(0, np.int64), *(places for _, places, _ in occurrences)])
        order = np.argsort(keys, kind="stable")
        self._owners, self._places = owners[order].astype(np.int32), places[order].astype(np.int32)
        self._keys, first = np.unique(keys[order], return_index=True)
        self._first = np.append(first, len(keys)).astype(np.int32)
        self._flags = np.zeros(1 << FILTER_BITS, bool)
        self._flags[self._keys >> np.uint32(32 - FILTER_BITS)] = True
        slots = np.arange((1 << SLOT_BITS) + 1)
        self._slots = np.searchsorted(self._keys >> np.uint32(32 - SLOT_BITS), slots).astype(np.int32)

    def candidates(self, codes: Codes, starts: Positions) -> list[Candidate]:
        """Candidates among documents whose letters are `codes[starts[d]:starts[d + 1]]` (the last start is the end)."""
        at, found = self._find(hashes(codes))
        counts = self._first[found + 1] - self._first[found]
        posting = _ranges(self._first[found], counts)
        return self._gather(np.repeat(at, counts), self._owners[posting], self._places[posting], starts)

    def _find(self, runs: Codes) -> tuple[Positions, Positions]:
        """Which of `runs` are indexed, and under which key. Keys are sorted, so those of one slot are neighbours."""
        at = np.flatnonzero(self._flags.take(runs[::PROBE] >> np.uint32(32 - FILTER_BITS))) * PROBE
        wanted = runs.take(at)
        slots = wanted >> np.uint32(32 - SLOT_BITS)
        first, end = self._slots.take(slots), self._slots.take(slots + 1)
        places, keys = [], []
        while len(at):
            hit = self._keys.take(first) == wanted
            places.append(at[hit])
            keys.append(first[hit].astype(np.int64))
            first += 1
            more = np.flatnonzero((first < end) & ~hit)
            at, wanted, first, end = at.take(more), wanted.take(more), first.take(more), end.take(more)
        return np.concatenate([at, *places]), np.concatenate([np.empty(0, np.int64), *keys])

    def _gather(
        self, at: Positions, owners: NDArray[np.int32], places: NDArray[np.int32], starts: Positions
    ) -> list[Candidate]:
        """Group the shared runs by (window of a document, variant) and keep the groups that hang together."""
        document = np.searchsorted(starts, at, side="right") - 1
        bucket = (at - starts[document]) // (WINDOW // 2)
        pairs = (bucket + _first_window(starts)[document]) * len(self.variants) + owners
        later = bucket > 0  # the first half of a window is the second half of the one before it
        pairs, at, places = (
            np.concatenate([pairs, pairs[later] - len(self.variants)]),
            np.concatenate([at, at[later]]),
            np.concatenate([places, places[later]]),
        )
        pairs, at, places = _frequent(pairs, at, places)
        if not len(at):
            return []
        order = np.argsort(pairs * (int(starts[-1]) + 1) + at)
        pairs, at, places = pairs[order], at[order], places[order]
        edges = np.flatnonzero(np.diff(pairs, prepend=-1, append=-1))
        variant = pairs[edges[:-1]] % len(self.variants)
        good = np.flatnonzero(_coherence(at, places, edges) >= self._needed[variant])
        return [
            self._candidate(int(variant[k]), int(at[edges[k]]), int(at[edges[k + 1] - 1]) + RUN, starts) for k in good
        ]

    def _candidate(self, variant: int, low: int, high: int, starts: Positions) -> Candidate:
        document = int(np.searchsorted(starts, low, side="right")) - 1
        reach = int(self._lengths[variant])
        first, last = int(starts[document]), int(starts[document + 1])
        return Candidate(document, variant, max(first, low - reach) - first, min(last, high + reach) - first)


def _frequent(
    pairs: Positions, at: Positions, places: NDArray[np.int32]
) -> tuple[Positions, Positions, NDArray[np.int32]]:
    """Leave out most of the pairs that are seen fewer than `FEWEST` times: they are the bulk, and sorting costs."""
    buckets = (pairs * 0x9E3779B1 >> 13) & 0x3FFFF
    kept = np.flatnonzero(np.bincount(buckets, minlength=1)[buckets] >= FEWEST)
    return pairs[kept], at[kept], places[kept]


def _first_window(starts: Positions) -> Positions:
    """The number of each document's first window, when all windows of a batch are numbered through."""
    windows = np.diff(starts) // (WINDOW // 2) + 1
    return np.concatenate([[0], np.cumsum(windows)])


def _ranges(first: NDArray[np.int32], counts: NDArray[np.int32]) -> Positions:
    """`first[i], first[i] + 1, ...` of length `counts[i]`, one after the other."""
    ends = np.cumsum(counts)
    positions: Positions = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - counts), counts)
    return positions


def _coherence(at: Positions, places: NDArray[np.int32], edges: Positions) -> NDArray[np.float64]:
    """For each group of shared runs the best score of a stretch of it: a quick, generous look ahead at the alignment.

    Letters in common count one each, letters between two shared runs cost, wherever in the item the next one is.
    """
    step, item_step = np.diff(at, prepend=0), np.diff(places, prepend=0)
    straight = step == item_step
    gain = np.minimum(step, RUN).astype(np.float64)
    skipped = np.maximum(step, np.abs(item_step)) - RUN
    cost = np.clip(skipped, 0, MOST_SKIPPED) * SKIP
    value = gain - np.where(straight & (skipped < MOST_SKIPPED), 0.0, cost)
    value[edges[:-1]] = RUN
    group = np.repeat(np.arange(len(edges) - 1), np.diff(edges)) * 1e9
    sums = np.cumsum(value)
    lowest = np.minimum.accumulate(sums - value - group) + group
    best: NDArray[np.float64] = np.maximum.reduceat(sums - lowest, edges[:-1])
    return best


def _once(runs: Codes) -> Positions:
    """The places of the runs that occur once: a repeated one would point to a wrong place as often as to the right.

    Text that mostly repeats itself keeps the first place of every run.
    """
    _, first, counts = np.unique(runs, return_index=True, return_counts=True)
    single = first[counts == 1]
    places: Positions = np.sort(single if 2 * len(single) >= len(first) else first)
    return places


def _rare(parts: list[Codes]) -> list[Positions]:
    """The places of the runs of each part that few parts share and that the part itself does not repeat."""
    once = [_once(runs) for runs in parts]
    keys, counts = np.unique(
        np.concatenate([np.empty(0, np.uint32), *(runs[at] for runs, at in zip(parts, once, strict=True))]),
        return_counts=True,
    )
    common = keys[counts > COMMON]
    chosen = []
    for runs, at in zip(parts, once, strict=True):
        rare = at[~np.isin(runs[at], common)]
        chosen.append(rare if len(rare) >= ENOUGH_RUNS else at)
    return chosen
