"""How much of an item is in a stretch of text: letters aligned, gaps paid for, template phrases discounted.

The parts an item and a text have in common are chained in the order of the text. Each common letter counts as much as
it tells, each skipped letter costs; jumping back in the item (sentences shuffled) costs a fixed amount. What is left,
as a share of the item, decides, together with whether the numbers in the matching stretch agree.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.posttrain.overlap.normalise import fold

SEED = 5  # letters: the shortest piece in common that counts; about one word
STEP = 2  # letters between the places where pieces are looked for; each is then extended both ways
LEAP = 12  # letters compared at once
GAP = 0.6  # per skipped letter: a dropped word costs about as much as half a word in common earns
JUMP = 8.0  # for going elsewhere in the item: about two words
FAR = 60  # letters of the item skipped at once; more is a jump
LOOK_BACK = 24  # pieces a chain may skip
TEMPLATE_RUN = 12  # letters: runs this long tell a template ("how many more") from an item

AGREEING = 0.34  # of the numbers: an item with dropped words keeps most of its own, two items share some by chance

IN_BACKGROUND = 1 << 30
# A letter tells less if even its rarest run is in several items; the last two: in many, or known to be harmless.
TELLING = ((1, 1.0), (2, 0.8), (4, 0.6), (IN_BACKGROUND - 1, 0.3), (IN_BACKGROUND, 0.1))


class Numbers(StrEnum):
    """Whether the numbers in two matching stretches are the same."""

    AGREE = "agree"
    SILENT = "silent"  # one of them has none
    CONFLICT = "conflict"


class Piece(NamedTuple):
    """`length` letters in common: at `item` in the item and at `text` in the text."""

    item: int
    text: int
    length: int


@dataclass(frozen=True)
class Alignment:
    """The best chain of pieces. `score` is in telling letters, `share` is of the item's, `longest` is one piece's."""

    score: float
    share: float
    longest: float
    pieces: tuple[Piece, ...]

    @property
    def span(self) -> tuple[int, int]:
        """First and past-the-end letter in the text."""
        return self.pieces[0].text, self.pieces[-1].text + self.pieces[-1].length

    @property
    def item_span(self) -> tuple[int, int]:
        return min(p.item for p in self.pieces), max(p.item + p.length for p in self.pieces)


class ItemLetters:
    """One item's letters, prepared for alignment."""

    def __init__(self, letters: str, telling: NDArray[np.float64]) -> None:
        self.letters = letters
        self._sums: list[float] = [0.0, *np.cumsum(telling).tolist()]
        self._seeds: dict[str, list[int]] = {}
        for i in range(len(letters) - SEED + 1):
            self._seeds.setdefault(letters[i : i + SEED], []).append(i)

    def align(self, text: str) -> Alignment | None:
        """The best chain of pieces in `text`, a string of letters; none if no piece is in common."""
        pieces = self._pieces(text)
        return self._chain(pieces) if pieces else None

    def _pieces(self, text: str) -> list[Piece]:
        """Pieces in common from left to right, each the longest at its place, none overlapping in the text."""
        pieces: list[Piece] = []
        end = expected = 0  # of two equally long pieces, the one that goes on where the last ended
        grams = [text[at : at + SEED] for at in range(0, len(text) - SEED + 1, STEP)]
        for at, places in zip(range(0, len(text), STEP), map(self._seeds.get, grams), strict=False):
            if places is None or at < end:
                continue
            place, length = places[0], self._common(places[0], text, at)
            for other in places[1:]:
                common = self._common(other, text, at)
                if (common, -abs(other - expected)) > (length, -abs(place - expected)):
                    place, length = other, common
            while at > end and place and self.letters[place - 1] == text[at - 1]:
                at, place, length = at - 1, place - 1, length + 1
            pieces.append(Piece(place, at, length))
            end, expected = at + length, place + length
        return pieces

    def _common(self, place: int, text: str, at: int) -> int:
        """How many letters are the same from `place` in the item and `at` in the text on."""
        letters, length = self.letters, SEED
        while (same := letters[place + length : place + length + LEAP]) == text[
            at + length : at + length + LEAP
        ] and same:
            length += len(same)
        limit = min(len(letters) - place, len(text) - at)
        while length < limit and letters[place + length] == text[at + length]:
            length += 1
        return length

    def _chain(self, pieces: list[Piece]) -> Alignment:
        sums = self._sums
        worths = [sums[item + length] - sums[item] for item, _, length in pieces]
        scores: list[float] = []
        chains: list[tuple[Piece, ...]] = []
        for number, (piece, worth) in enumerate(zip(pieces, worths, strict=True)):
            best, chosen = worth, -1
            for earlier in range(number - 1, max(-1, number - LOOK_BACK - 1), -1):
                score = scores[earlier] + worth
                if score <= best:
                    continue
                score -= _cost(pieces[earlier], piece)
                if score > best and not _overlaps(chains[earlier], piece):
                    best, chosen = score, earlier
            scores.append(best)
            chains.append((*chains[chosen], piece) if chosen >= 0 else (piece,))
        top = max(range(len(pieces)), key=scores.__getitem__)
        longest = max(sums[piece.item + piece.length] - sums[piece.item] for piece in chains[top])
        return Alignment(scores[top], min(1.0, scores[top] / (sums[-1] or 1.0)), longest, chains[top])


def _cost(earlier: Piece, later: Piece) -> float:
    item, text, length = earlier
    skipped_item = later.item - item - length
    skipped_text = later.text - text - length
    if 0 <= skipped_item < FAR:  # a word replaced by another costs once
        return GAP * (skipped_text if skipped_text > skipped_item else skipped_item)
    return GAP * skipped_text + JUMP


def _overlaps(chain: Iterable[Piece], piece: Piece) -> bool:
    """Whether the piece repeats a part of the item that the chain already has: nothing counts twice."""
    return any(p.item < piece.item + piece.length and piece.item < p.item + p.length for p in chain)


def compare_numbers(text: str, item: str) -> Numbers:
    """Compare the numbers in two stretches that match."""
    here, there = Counter(_numbers(text)), Counter(_numbers(item))
    fewer = min(here.total(), there.total())
    if not fewer:
        return Numbers.SILENT
    return Numbers.AGREE if (here & there).total() >= AGREEING * fewer else Numbers.CONFLICT


def _numbers(text: str) -> list[str]:
    """The numbers written in digits, without separators: `$1,250.00` gives `1250.00`."""
    return [match.replace(",", "").rstrip(".") for match in re.findall(r"\d[\d,.]*", text)]


def telling_letters(parts: Sequence[str], background: Iterable[str]) -> list[NDArray[np.float64]]:
    """How much each letter of each part tells: see `TELLING`. `background` is text known to be harmless."""
    strings = [fold(part).string() for part in parts]
    counts: Counter[str] = Counter()
    for string in strings:
        counts.update(set(_runs(string)))
    for text in background:
        counts.update(
            {run: IN_BACKGROUND for run in set(_runs(fold(text).string())) if 0 < counts[run] < IN_BACKGROUND}
        )
    return [_telling(string, counts) for string in strings]


def _runs(string: str) -> Iterable[str]:
    return (string[i : i + TEMPLATE_RUN] for i in range(len(string) - TEMPLATE_RUN + 1))


def _telling(string: str, counts: Counter[str]) -> NDArray[np.float64]:
    if len(string) < TEMPLATE_RUN:
        return np.ones(len(string))
    of_runs = [
        next(worth for bound, worth in TELLING if min(counts[run], IN_BACKGROUND) <= bound) for run in _runs(string)
    ]
    padded = np.pad(np.array(of_runs), TEMPLATE_RUN - 1)
    telling: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(padded, TEMPLATE_RUN).max(axis=1)
    return telling
