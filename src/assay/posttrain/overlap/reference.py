"""The hidden items, and whether a text holds one of them.

`Reference.build(items)` prepares the items once; `scan_text` looks for all of them in one text, `scan_batch` in many at
once, which is what makes it fast. What is caught, what is missed and the measured rates: docs/posttrain/overlap.md.
"""

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import BadInput
from assay.posttrain.overlap.align import Alignment, ItemLetters, Numbers, compare_numbers, telling_letters
from assay.posttrain.overlap.index import Candidate, RunIndex, Variant
from assay.posttrain.overlap.normalise import Positions, fold, fold_many, letters_string

# The thresholds. Each was set on GSM8K: train items against test items (negatives) and edited test items (positives).
MIN_SCORE = 24.0  # telling letters: half of the shortest GSM8K question; "how old is he now" has fewer
SHARE = {
    Numbers.AGREE: 0.33,  # words differ but the numbers are the item's: names swapped, one word in five dropped
    Numbers.SILENT: 0.40,  # half an item has 0.4 to 0.5; train items, near-copies apart, have less of any test item
    Numbers.CONFLICT: 0.50,  # the same wording with other numbers is a template, unless most of the item is there
}
ONE_PIECE = 64.0  # telling letters in one piece, about 15 words in a row: copied, whatever the rest and the numbers
ONE_PIECE_SHARE = 0.25
LONG = 200.0  # telling letters in all: a part of a long item is enough
LONG_SHARE = 0.10
DOCSTRING_LETTERS = 30  # the description in a docstring, without examples, is looked for alone if it is this long
DOCSTRING_SHARE = 0.75  # and must be there nearly whole, because it can be short
ANSWER_SCORE = 60.0  # an answer alone is weaker evidence: right answers to similar questions look alike
ANSWER_SHARE = 0.80
LEAST_SHARE = min(LONG_SHARE, ONE_PIECE_SHARE, *SHARE.values())
TOO_SHORT = 20  # letters: an item with fewer cannot be told from a common phrase
EXCERPT = 160  # characters shown of a match


@dataclass(frozen=True)
class ReferenceItem:
    """One hidden item. `text` is what identifies it: the question, not the template around it."""

    id: str
    text: str
    answer: str | None = None


@dataclass(frozen=True)
class Match:
    """Item `item_id` is in the text: `score` is the share of the item that is there, `span` where (characters)."""

    item_id: str
    score: float
    span: tuple[int, int]
    excerpt: str
    part: str = "text"
    decoding: str = ""


@dataclass(frozen=True)
class _Part:
    """A text to look for, and the items it belongs to: more than one if their letters are the same."""

    items: tuple[str, ...]
    name: str
    text: str


def _add(parts: dict[str, _Part], item: str, name: str, text: str) -> None:
    letters = fold(text).string()
    if letters not in parts:
        parts[letters] = _Part((item,), name, text)
    elif item not in parts[letters].items:
        parts[letters] = replace(parts[letters], items=(*parts[letters].items, item))


def _docstring_prose(text: str) -> list[str]:
    """What each docstring in a piece of code says, without its examples.

    A programming task is given away by its description alone, which may be a small part of its text.
    """
    prose = [_EXAMPLES.split(match[1] or match[2] or "")[0] for match in _DOCSTRING.finditer(text)]
    return [part for part in prose if len(fold(part)) >= DOCSTRING_LETTERS]


_DOCSTRING = re.compile(r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', re.DOTALL)
_EXAMPLES = re.compile(r">>>|^\s*(?:for )?(?:an )?examples?\b", re.IGNORECASE | re.MULTILINE)


@dataclass
class Reference:
    """Hidden items, ready to be looked for. Make one with `Reference.build`."""

    items: tuple[ReferenceItem, ...]
    too_short: tuple[str, ...] = field(default=())
    _parts: list[_Part] = field(default_factory=list, repr=False)
    _index: RunIndex = field(default_factory=lambda: RunIndex([], []), repr=False)
    _telling: list[NDArray[np.float64]] = field(default_factory=list, repr=False)

    @classmethod
    def build(cls, items: Iterable[ReferenceItem], background: Iterable[str] = ()) -> Self:
        """Prepare `items`. `background` is text known to be harmless (the brief, templates): it counts for little."""
        kept = tuple(items)
        if not kept:
            raise BadInput("The reference has no items: give at least one hidden item to look for.")
        parts: dict[str, _Part] = {}
        for item in kept:
            _add(parts, item.id, "text", item.text)
        for item in kept:
            for prose in _docstring_prose(item.text):
                _add(parts, item.id, "docstring", prose)
            if item.answer is not None and len(fold(item.answer)) >= ANSWER_SCORE:
                _add(parts, item.id, "answer", item.answer)
        scorable = [part for letters, part in parts.items() if len(letters) >= TOO_SHORT]
        too_short = tuple(
            id_
            for letters, part in parts.items()
            if len(letters) < TOO_SHORT and part.name == "text"
            for id_ in part.items
        )
        texts = [part.text for part in scorable]
        index = RunIndex(texts, [part.name != "answer" for part in scorable])
        return cls(kept, too_short, scorable, index, list(telling_letters(texts, background)))

    def scan_text(self, text: str) -> list[Match]:
        """All items found in `text` as it stands, best first. Encoded text is for `scan_paths` and `decodings`."""
        return self.scan_batch([text])[0]

    def scan_batch(self, texts: Sequence[str]) -> list[list[Match]]:
        """`scan_text` for each of `texts`."""
        codes, starts = fold_many(texts)
        found: list[list[Match]] = [[] for _ in texts]
        places = functools.lru_cache(maxsize=4)(lambda text: fold(text).offsets)
        for candidate in self._index.candidates(codes, starts):
            first = int(starts[candidate.document])
            letters = letters_string(codes[first + candidate.start : first + candidate.end])
            found[candidate.document] += self._decide(candidate, letters, texts[candidate.document], places)
        return [_best_of_each_item(matches) for matches in found]

    def _decide(self, candidate: Candidate, letters: str, text: str, places: Callable[[str], Positions]) -> list[Match]:
        variant = self._index.variants[candidate.variant]
        part = self._parts[variant.part]
        alignment = self._item(candidate.variant).align(letters)
        if alignment is None or alignment.score < min(MIN_SCORE, 0.8 * len(variant.letters)):
            return []
        if alignment.share < LEAST_SHARE:
            return []
        offsets = places(text)
        first, last = (candidate.start + letter for letter in alignment.span)
        start, end = int(offsets[first]), int(offsets[last - 1]) + 1
        if not _enough(alignment, part.name, variant, text[start:end]):
            return []
        excerpt = text[start : min(end, start + EXCERPT)]
        decoding = "" if variant.disguise == "none" else variant.disguise
        score = round(alignment.share, 4)
        return [Match(item, score, (start, end), excerpt, part.name, decoding) for item in part.items]

    @functools.lru_cache(maxsize=50_000)  # noqa: B019 - a reference lives as long as the scan
    def _item(self, number: int) -> ItemLetters:
        variant = self._index.variants[number]
        telling = self._telling[variant.part] if variant.disguise == "none" else np.ones(len(variant.letters))
        return ItemLetters(variant.letters, telling)

    def __hash__(self) -> int:
        return id(self)


def _enough(alignment: Alignment, part: str, variant: Variant, text: str) -> bool:
    if part == "answer":
        return alignment.score >= ANSWER_SCORE and alignment.share >= ANSWER_SHARE
    if part == "docstring":
        return alignment.share >= DOCSTRING_SHARE
    if alignment.longest >= ONE_PIECE and alignment.share >= ONE_PIECE_SHARE:
        return True
    if alignment.score >= LONG and alignment.share >= LONG_SHARE:
        return True
    return alignment.share >= SHARE[compare_numbers(text, _item_stretch(variant, alignment))]


def _item_stretch(variant: Variant, alignment: Alignment) -> str:
    """The part of the item that the alignment covers, with its numbers."""
    offsets = fold(variant.text).offsets
    first, last = alignment.item_span
    return variant.text[int(offsets[first]) : int(offsets[last - 1]) + 1]


def _best_of_each_item(matches: list[Match]) -> list[Match]:
    best: dict[str, Match] = {}
    for match in matches:
        if match.item_id not in best or match.score > best[match.item_id].score:
            best[match.item_id] = match
    return sorted(best.values(), key=lambda match: (-match.score, match.item_id))
