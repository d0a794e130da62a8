"""Text as a stream of letters, each with its place in the text.

Only letters survive: case, accents, spaces, digits, punctuation, markup and invisible characters go, and letters that
merely look Latin become Latin. So text that was re-wrapped, re-numbered, glued together or disguised with look-alikes
gives the same stream. It is one table lookup per character, so it knows nothing about words or languages.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Positions = NDArray[np.int64]

# Look-alikes that Unicode's compatibility decomposition does not resolve, by the Latin letter they imitate: Cyrillic,
# Greek, Armenian, Cherokee, Lisu, Coptic, letter-like symbols. Case does not matter: both cases are listed or fold.
_LOOK_ALIKES = {
    "a": "аαᎪꓮɑ∀ⲁᗅаѧ",
    "b": "вβᏴꓐЬьҍƅᗷⲃ",
    "c": "сϲᏟꓚⅽⲥҫ",
    "d": "ԁᎠꓓɗժ",
    "e": "еєεᎬꓰҽ℮єⲉ",
    "f": "ғϝꓝքẝ",
    "g": "ɡցᏀꓖԍɢ",
    "h": "һнηᎻꓧհⲏԋ",
    "i": "іιӏᎥꓲɩıӀⲓ",
    "j": "јϳᎫꓙյ",
    "k": "кκᏦꓗĸⲕқ",
    "l": "ⅼᏞꓡլⳑℓ",
    "m": "мᎷꓟⲙμ",
    "n": "пողռ\u03a0ꓠⲛπ",
    "o": "оοσօᎾꓳഠⲟ௦०০૦",
    "p": "рρᏢꓑⲣ",
    "q": "ԛգզɋ",
    "r": "гᎡꓣⲅɾя",
    "s": "ѕʂᏚꓢտ",
    "t": "тτᎢꓔⲧŧ",
    "u": "υսꓴцʋ",
    "v": "νѵᏙꓦ∨",
    "w": "ωшԝᎳꓪѡա",
    "x": "хχꓫⲭҳ",
    "y": "уγүʏꓬⲩч",
    "z": "ᏃꓜⲍʐζԐ",
}
_LATIN_NAME = re.compile(
    r"LATIN (?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL |SCRIPT |DOTLESS |LONG )?([A-Z])(?: WITH .*)?"
)
# Ideographs and Hangul syllables stand for themselves; decomposing a syllable would keep a third of it.
_THEMSELVES = ((0x3400, 0xA000), (0xAC00, 0xD7A4), (0x10000, 0x1D400), (0x20000, 0x32400))
_LOOKED_AT = ((0x80, 0x3400), (0xA000, 0xAC00), (0xF900, 0x10000), (0x1D400, 0x1D800), (0x1F100, 0x1F200))
_TAGS = 0xE0000  # invisible tag characters: a copy of ASCII
_DROPPED_ESCAPES = tuple(ord(c) for c in "ntr")  # \n in quoted text is a space, not the letter n
_LOWER = bytes(range(256)).lower()
_NOT_LETTERS = bytes(c for c in range(256) if not (c < 128 and chr(c).isalpha()))
_ASCII = re.compile(r"[\x00-\x7f]+")
_TYPOGRAPHIC = "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u00a0\u00a3\u20ac\u00d7\u00f7\u00b0"  # no letters among them
_HEX = np.full(0x110000, 255, np.uint8)
for _digit, _value in zip("0123456789abcdefABCDEF", [*range(16), *range(10, 16)], strict=True):
    _HEX[ord(_digit)] = _value


@dataclass(frozen=True)
class Letters:
    """The letters of a text: `codes[i]` is the folded letter at character `offsets[i]` of the text."""

    codes: Codes
    offsets: Positions

    def __len__(self) -> int:
        return len(self.codes)

    def string(self) -> str:
        return letters_string(self.codes)


def letters_string(codes: Codes) -> str:
    """The letters as a string, one character each."""
    return codes.astype("<u4").tobytes().decode("utf-32-le")


def fold(text: str) -> Letters:
    """The letters of `text`."""
    characters = np.frombuffer(text.encode("utf-32-le", "replace"), dtype="<u4")
    codes = _table().take(characters)
    if "\\" in text:
        _resolve_escapes(characters, codes)
    offsets = np.flatnonzero(codes)
    return Letters(codes.take(offsets), offsets)


def fold_many(texts: Sequence[str]) -> tuple[Codes, Positions]:
    """The letters of all texts end to end, and where each text's letters start; one more start is the end.

    Without offsets, which are what costs time: those of a text that turns out to matter come from `fold`.
    """
    letters = [_ascii_letters(text) for text in texts]
    odd = [number for number, found in enumerate(letters) if found is None]
    beyond: dict[int, Codes] = {}  # texts with letters that are not Latin
    if odd:
        together = fold("\0".join(texts[number] for number in odd))
        ends = np.searchsorted(together.offsets, np.cumsum([len(texts[number]) + 1 for number in odd]))
        for number, codes in zip(odd, np.split(together.codes, ends[:-1]), strict=True):
            if len(codes) and codes.max() > 127:
                beyond[number] = codes
            else:
                letters[number] = codes.astype(np.uint8).tobytes()
    lengths = [len(beyond[number]) if found is None else len(found) for number, found in enumerate(letters)]
    starts = np.cumsum([0, *lengths])
    codes = np.frombuffer(
        b"".join(found or bytes(length) for found, length in zip(letters, lengths, strict=True)), np.uint8
    )
    codes = codes.astype(np.uint32)
    for number, own in beyond.items():
        codes[starts[number] : starts[number + 1]] = own
    return codes, starts


def _ascii_letters(text: str) -> bytes | None:
    """The letters of text whose letters are all ASCII, or none if it has others, or escapes that may be letters."""
    if "\\" in text or (not text.isascii() and _ASCII.sub("", text).strip(_TYPOGRAPHIC)):
        return None
    return text.encode("ascii", "ignore").translate(_LOWER, _NOT_LETTERS)


def _resolve_escapes(characters: Codes, codes: Codes) -> None:
    """Read backslash escapes in place: a letter written as one becomes that letter, the rest of the escape goes."""
    at = np.flatnonzero(characters == ord("\\"))
    at = at[at + 1 < len(characters)]
    kind = characters[at + 1]
    codes[at[np.isin(kind, _DROPPED_ESCAPES)] + 1] = 0
    for letter, digits in (("u", 4), ("x", 2), ("U", 8)):
        start = at[(kind == ord(letter)) & (at + 1 + digits < len(characters))]
        if not len(start):
            continue
        values = _HEX[characters[start[:, None] + 2 + np.arange(digits)]]
        valid = (values != 255).all(axis=1)
        start, values = start[valid], values[valid].astype(np.int64)
        point = (values * 16 ** np.arange(digits - 1, -1, -1)).sum(axis=1)
        codes[start[:, None] + 1 + np.arange(digits + 1)] = 0
        codes[start] = _table()[np.minimum(point, 0x10FFFF)]


@functools.cache
def _table() -> Codes:
    """For every code point the letter it stands for, or 0. Built once, in less than a tenth of a second."""
    table = np.zeros(0x110000, np.uint32)
    for start, end in _THEMSELVES:
        table[start:end] = np.arange(start, end, dtype=np.uint32)
    for point in (point for start, end in _LOOKED_AT for point in range(start, end)):
        if letter := _letter_of(chr(point)):
            table[point] = ord(letter)
    for point in range(ord("a"), ord("z") + 1):
        for copy in (0, _TAGS):
            table[copy + point] = table[copy + point - 32] = point
    for letter, imitations in _LOOK_ALIKES.items():
        for form in (form for imitation in imitations for form in (imitation, imitation.upper()[0])):
            if not form.isascii():
                table[ord(form)] = ord(letter)
    table.flags.writeable = False
    return table


def _letter_of(character: str) -> str:
    """The letter one non-ASCII character stands for, or nothing."""
    name = unicodedata.name(character, "")
    if match := _LATIN_NAME.search(name):
        return match[1].lower()
    if "REGIONAL INDICATOR" in name:
        return name[-1].lower()
    for part in unicodedata.normalize("NFKD", character):
        if part.isalpha() and not unicodedata.combining(part):
            return part.casefold()[:1]
    return ""
