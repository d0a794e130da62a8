"""Encoded text made readable: base64, base32, hex, number lists, percent and entity escapes, leetspeak, compression.

`decodings(text)` gives every readable text that is hidden in `text`, layer under layer, with its name and place. What
is produced is limited in depth and size, so that a document cannot make its reader work without end.
"""

import base64
import binascii
import bz2
import html
import lzma
import quopri
import re
import string
import urllib.parse
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import zstandard

from assay.core.errors import LimitExceeded

MAX_DEPTH = 4  # layers: base64 of gzip of JSON of hex
MAX_OUTPUT = 16 << 20  # characters decoded from one document in all, against decompression bombs
MIN_BLOB = 16  # characters of a run that may be encoded text; identifiers are mostly shorter
MIN_ENCODED = 32  # characters of encoded text in all; less cannot hold an item
MIN_UNBROKEN = 24  # characters without a space that ordinary words do not reach
MIN_DIGITS = 64  # characters of digits and what separates them; a table row of numbers seldom reaches that
LEET_EVERY = 400  # characters: in text written with digits for letters, every second word has one
LONGEST_WORDS = 15  # characters on average, spaces included: more is not words
FEW_ESCAPES = 5  # escapes, or digits inside words, that ordinary text does not reach
READABLE = 0.85  # share of a decoded text's characters that are printable; random bytes have 0.4

# Quantifiers are possessive throughout (`++`): hostile text must not make a pattern try again and again.
_CONTINUED = r"(?>\s\+\s|\\n|[\s\"',\\]){1,12}+"  # what stands between the lines or pieces of one encoded text
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{MIN_BLOB},}}+={{0,2}}+(?:{_CONTINUED}[A-Za-z0-9+/_-]{{4,}}+={{0,2}}+)*+")
_BASE64_WORD = re.compile(r"[A-Za-z0-9+/_-]{4,}+={0,2}+")
_HEX_GAP = r"(?>0x|\\x|\\n|[\s\"',:;-]){0,12}+"
_HEX = re.compile(rf"[0-9A-Fa-f]{{2}}+(?:{_HEX_GAP}[0-9A-Fa-f]{{2}}+){{{MIN_ENCODED // 2},}}+")
_CODE_POINTS = re.compile(r"\d{1,6}+(?:[^\w.]{1,6}+\d{1,6}+){19,}+")
_BITS = re.compile(r"[01]{7,8}+(?:[^\w.]{0,4}+[01]{7,8}+){15,}+")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9A-Fa-f]+|[A-Za-z]{2,8});")
_QUOTED = re.compile(r"(?:=[0-9A-F]{2}){5}")
_LEET_DIGIT = re.compile(r"(?<=[A-Za-z])[0134578@$]++|(?<![0134578@$])[0134578@$]++(?=[A-Za-z])")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_ASCII_RUN = re.compile(rb"[\t\n\r -~]{48,}+")
_LEET = str.maketrans("0134578@$", "oieastbas")


@dataclass(frozen=True)
class Decoded:
    """Readable `text` found by `decoding` (layers from outside in, `base64+gzip`) at characters `span` of the whole."""

    text: str
    decoding: str
    span: tuple[int, int]
    whole: bool = True  # false if compressed text ended early or was too large


class Look(Enum):
    """What encoded text looks like from afar."""

    UNBROKEN = "a long run without spaces"
    DIGITS = "a long run of digits and what separates them"
    ESCAPES = "many escapes"
    LEET = "digits inside words"


def decodings(text: str, looks: Iterable[Look] = tuple(Look)) -> Iterator[Decoded]:
    """Every decoding of a part of `text`, outermost first. `text` itself is not among them.

    The outermost layer is searched only for what it looks like, see `suspicious`. Raises `LimitExceeded` at the end if
    something was left out because of its size.
    """
    budget, whole = MAX_OUTPUT, True
    layer = [Decoded(text, "", (0, len(text)))]
    for _ in range(MAX_DEPTH):
        below: list[Decoded] = []
        for outer in layer:
            for inner in _one_layer(outer.text, looks):
                budget -= len(inner.text)
                if budget < 0:
                    raise LimitExceeded(f"decoded text is larger than {MAX_OUTPUT} characters: decode it first.")
                span = outer.span if outer.decoding else inner.span
                found = Decoded(inner.text, f"{outer.decoding}+{inner.decoding}".lstrip("+"), span)
                whole = whole and inner.whole
                below.append(found)
                yield found
        layer, looks = below, tuple(Look)
    if not whole:
        raise LimitExceeded("compressed text in it is cut off or too large: unpack it first.")


def suspicious(texts: Sequence[str]) -> dict[int, set[Look]]:
    """Which of `texts` may hide encoded text, and of what look: a quick glance that lets ordinary text pass."""
    joined = "\0".join(texts).encode("utf-8", "replace")
    if joined.count(b"\0") >= len(texts):
        joined = "\0".join(text.replace("\0", " ") for text in texts).encode("utf-8", "replace")
    found: dict[int, set[Look]] = {}
    for number, text in enumerate(texts):
        if text.count("%") >= FEW_ESCAPES and _many(_PERCENT, text):
            found.setdefault(number, set()).add(Look.ESCAPES)
    if joined.count(b"&") >= FEW_ESCAPES:
        for number, text in enumerate(texts):
            if text.count("&") >= FEW_ESCAPES and _many(_ENTITY, text):
                found.setdefault(number, set()).add(Look.ESCAPES)
    for look, kind, pattern, often in _GLANCES:
        classes, at, number, counted = joined.translate(kind), -1, 0, 0
        seen: Counter[int] = Counter()
        while (at := classes.find(pattern, at + 1)) >= 0:
            if (
                look is Look.UNBROKEN
                and len(joined[at : at + MIN_UNBROKEN].translate(None, _LETTERS)) > MIN_UNBROKEN // 2
            ):
                continue  # an equation
            number, counted = number + joined.count(b"\0", counted, at), at
            seen[number] += 1
            if seen[number] >= often and (look is not Look.LEET or seen[number] * LEET_EVERY >= len(texts[number])):
                found.setdefault(number, set()).add(look)
                at = joined.find(b"\0", at)  # on to the next text
                if at < 0:
                    break
    return found


def _class_table(members: str) -> bytes:
    """A table that maps the characters of `members` to 0 and every other byte to 1."""
    return bytes(0 if chr(byte) in members else 1 for byte in range(256))


_ALPHANUMERIC = string.ascii_letters + string.digits
_LETTERS = string.ascii_letters.encode()
_UNBROKEN = _class_table(_ALPHANUMERIC + "+/_=")
_DIGITS = _class_table(string.hexdigits + "x \n\r\t,;:=%&#\\-\"'[]")
_LETTER_DIGIT = bytes(
    ord("a") if chr(byte) in string.ascii_letters else ord("1") if chr(byte) in "013457@$" else ord(" ")
    for byte in range(256)
)
_GLANCES = (  # classes of bytes, what to look for among the classes, how often
    (Look.UNBROKEN, _UNBROKEN, bytes(MIN_UNBROKEN), 1),
    (Look.DIGITS, _DIGITS, bytes(MIN_DIGITS), 1),
    (Look.LEET, _LETTER_DIGIT, b"a1", FEW_ESCAPES),
)


def _one_layer(text: str, looks: Iterable[Look]) -> Iterator[Decoded]:
    for decode in dict.fromkeys(decode for look in looks for decode in _DECODERS[look]):
        yield from decode(text)


def _base64(text: str) -> Iterator[Decoded]:
    for match in _BASE64.finditer(text):
        whole = "".join(_BASE64_WORD.findall(match[0].replace("\\n", " ")))
        pieces = [whole] if len(whole) >= MIN_ENCODED else []
        if " " in match[0] or "\n" in match[0] or '"' in match[0]:
            pieces += [piece for piece in re.split(_CONTINUED, match[0]) if len(piece) >= MIN_ENCODED]
        if match.start() == 0:  # a window may begin inside of an encoding
            pieces += [whole[skip:] for skip in (1, 2, 3)]
        for piece in pieces:
            standard = piece.rstrip("=").replace("-", "+").replace("_", "/").replace("=", "")
            if len(standard) % 4 == 1:
                standard = standard[:-1]
            yield from _readable(base64.b64decode, standard + "=" * (-len(standard) % 4), "base64", match.span())


def _base32(text: str) -> Iterator[Decoded]:
    for match in re.finditer(
        rf"[A-Z2-7]{{{MIN_ENCODED},}}+|[a-z2-7]{{{MIN_ENCODED},}}+", re.sub(r"(?<=[A-Z2-7])\n(?=[A-Z2-7])", "", text)
    ):
        body = match[0].upper()
        body = body[: len(body) - (len(body) % 8 in (1, 3, 6))]
        yield from _readable(base64.b32decode, body + "=" * (-len(body) % 8), "base32", match.span())


def _hex(text: str) -> Iterator[Decoded]:
    for match in _HEX.finditer(text):
        digits = re.sub(r"0x|\\x|\\n|[^0-9A-Fa-f]", "", match[0])
        yield from _readable(bytes.fromhex, digits[: len(digits) // 2 * 2], "hex", match.span())


def _bits(text: str) -> Iterator[Decoded]:
    for match in _BITS.finditer(text):
        groups = re.findall(r"[01]+", match[0])
        if len(groups) == 1:
            groups = re.findall("[01]{8}", groups[0])
        yield from _readable(_from_bits, " ".join(groups), "binary", match.span())


def _code_points(text: str) -> Iterator[Decoded]:
    for match in _CODE_POINTS.finditer(text):
        points = [int(number) for number in re.findall(r"\d+", match[0])]
        if max(points) < 0x110000 and sum(point in range(9, 127) for point in points) > 0.8 * len(points):
            yield Decoded("".join(map(chr, points)), "code points", match.span())


def _many(pattern: re.Pattern[str], text: str) -> bool:
    return len(pattern.findall(text)) >= FEW_ESCAPES


def _escapes(text: str) -> Iterator[Decoded]:
    """Text with escapes in it, decoded as a whole: letters between escapes are letters."""
    whole = (0, len(text))
    if _many(_PERCENT, text) and (decoded := urllib.parse.unquote_plus(text)) != text:
        yield Decoded(decoded, "percent", whole)
    if _many(_ENTITY, text) and (decoded := html.unescape(text)) != text:
        yield Decoded(decoded, "entities", whole)
    if _QUOTED.search(text):
        decoded = quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace")
        if decoded != text:
            yield Decoded(decoded, "quoted-printable", whole)


def _leetspeak(text: str) -> Iterator[Decoded]:
    if len(text.split()) * LONGEST_WORDS < len(text):
        return  # no words: hexadecimal digits, for example
    plain, count = _LEET_DIGIT.subn(lambda digit: digit[0].translate(_LEET), text)
    if count >= FEW_ESCAPES:
        yield Decoded(plain, "leetspeak", (0, len(text)))


def _from_bits(groups: str) -> bytes:
    return bytes(int(bits, 2) for bits in groups.split())


def _readable(decode: Callable[[str], bytes], encoded: str, name: str, span: tuple[int, int]) -> Iterator[Decoded]:
    """What `decode` makes of `encoded`, if that is text or compressed text."""
    try:
        data = decode(encoded)
    except (binascii.Error, ValueError):
        return
    method, data, whole = decompress(data)
    encoding = "utf-16-le" if data[1:40:2].count(0) > 15 else "utf-8"
    name = f"{name}+{method}".rstrip("+")
    text = data.decode(encoding, "replace")
    if not _is_readable(text):
        text = "\n".join(run.decode() for run in _ASCII_RUN.findall(data))  # text between other things: a pickle
    if len(text) >= MIN_ENCODED // 2:
        yield Decoded(text, name, span, whole)


def _is_readable(text: str) -> bool:
    unreadable = text.count("\ufffd") + len(_CONTROLS.findall(text))
    return unreadable <= (1 - READABLE) * len(text)


def decompress(data: bytes) -> tuple[str, bytes, bool]:
    """The compression's name, the content, and whether that is all; at most `MAX_OUTPUT` bytes.

    Data that is not compressed comes back as it is, with no name.
    """
    for magic, name, method in _COMPRESSIONS:
        if data.startswith(magic):
            try:
                return name, *method(data)
            except (zlib.error, OSError, EOFError, lzma.LZMAError, zstandard.ZstdError, ValueError):
                return "", data, True
    return "", data, True


def _zlib(data: bytes) -> tuple[bytes, bool]:
    decompressor = zlib.decompressobj(47)  # gzip or zlib, told from the header
    return decompressor.decompress(data, MAX_OUTPUT), decompressor.eof


def _bzip2(data: bytes) -> tuple[bytes, bool]:
    decompressor = bz2.BZ2Decompressor()
    return decompressor.decompress(data, MAX_OUTPUT), decompressor.eof


def _xz(data: bytes) -> tuple[bytes, bool]:
    decompressor = lzma.LZMADecompressor(memlimit=256 << 20)
    return decompressor.decompress(data, MAX_OUTPUT), decompressor.eof


def _zstd(data: bytes) -> tuple[bytes, bool]:
    content = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(data).read(MAX_OUTPUT + 1)
    return content[:MAX_OUTPUT], len(content) <= MAX_OUTPUT


_COMPRESSIONS: tuple[tuple[bytes, str, Callable[[bytes], tuple[bytes, bool]]], ...] = (
    (b"\x1f\x8b", "gzip", _zlib),
    (b"\x78", "zlib", _zlib),
    (b"BZh", "bzip2", _bzip2),
    (b"\xfd7zXZ", "xz", _xz),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd),
)

_DECODERS: dict[Look, tuple[Callable[[str], Iterator[Decoded]], ...]] = {
    Look.UNBROKEN: (_base64, _base32, _hex, _bits),
    Look.DIGITS: (_hex, _bits, _code_points, _escapes),
    Look.ESCAPES: (_escapes,),
    Look.LEET: (_leetspeak,),
}
