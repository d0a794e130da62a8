"""What stands around DEFLATE: headers and trailers of RFC 1950 (zlib) and RFC 1952 (gzip), read strictly, in pieces.

This is Python, tested and not proved. Of a header it keeps four bytes at most, however long a name in it is.
"""

from collections.abc import Callable
from copy import copy

from assay.prove.zlib.program import Kind, checksum_of, ffi

_GZIP = b"\x1f\x8b"
_METHOD = 8  # "deflate", in both formats
_HEADER_CRC, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0  # RFC 1952, 2.3.1
_DICTIONARY = 0x20  # RFC 1950, 2.2
_TEXT = -1  # the size of a field that ends with a zero
_PIECE = 1 << 10  # bytes that are searched for the zero at once


class Invalid(Exception):
    """The stream is not what it has to be; the text says why, in the words of zlib."""


def meaning(wbits: int) -> tuple[frozenset[Kind], int]:
    """The kinds of stream that `wbits` allows; the largest window (0: what the header says). `ValueError` if none."""
    if -15 <= wbits <= -8:
        return frozenset(("raw",)), -wbits
    form, window = divmod(wbits, 16)
    if form not in (0, 1, 2) or 1 <= window <= 7:
        raise ValueError("Invalid initialization option")
    kinds: tuple[frozenset[Kind], ...] = (frozenset(("zlib",)), frozenset(("gzip",)), frozenset(("zlib", "gzip")))
    return kinds[form], window


_Field = tuple[int, Callable[["Header", bytes], None] | None]  # its size; who is told of it, where that matters


class Header:
    """A header as it comes in. At its end the `kind` is known, and the checksum of the `dictionary` asked for."""

    def __init__(self, wbits: int) -> None:
        self._kinds, self._window = meaning(wbits)
        self.kind: Kind = "raw"
        self.dictionary: int | None = None
        self._fields: tuple[_Field, ...] = () if "raw" in self._kinds else ((2, Header._start),)
        self._seen = 0  # bytes of the field at hand
        self._held = b""  # these bytes, where they matter
        self._crc: int | None = None  # of the header, where one is to come

    @property
    def complete(self) -> bool:
        return not self._fields

    def copy(self) -> "Header":
        return copy(self)

    def feed(self, data: memoryview, position: int) -> int:
        """Read on from `position`; returns how far the header goes, or the data. `Invalid` if it is none."""
        while self._fields:
            size, then = self._fields[0]
            if size == _TEXT:
                taken, whole = _through_zero(data[position:])
            else:
                taken = min(size - self._seen, len(data) - position)
                whole = self._seen + taken == size
            piece = data[position : position + taken]
            self._seen += taken
            position += taken
            if then is not None:
                self._held += piece
            if self._crc is not None and then is not Header._gzip_crc:
                self._crc = checksum_of("gzip", ffi.from_buffer("uint8_t[]", piece), taken, self._crc)
            if not whole:
                break
            held, self._held, self._seen, self._fields = self._held, b"", 0, self._fields[1:]
            if then is not None:
                then(self, held)
        return position

    def _start(self, field: bytes) -> None:
        if "gzip" in self._kinds and field == _GZIP:
            self.kind = "gzip"
            self._fields = ((2, Header._gzip_flags),)
            return
        if "zlib" not in self._kinds or int.from_bytes(field, "big") % 31:
            raise Invalid("incorrect header check")
        if field[0] & 15 != _METHOD:
            raise Invalid("unknown compression method")
        if (field[0] >> 4) + 8 > (self._window or 15):
            raise Invalid("invalid window size")
        self.kind = "zlib"
        if field[1] & _DICTIONARY:
            self._fields = ((4, Header._zlib_dictionary),)

    def _zlib_dictionary(self, field: bytes) -> None:
        self.dictionary = int.from_bytes(field, "big")

    def _gzip_flags(self, field: bytes) -> None:
        method, flags = field
        if method != _METHOD:
            raise Invalid("unknown compression method")
        if flags & _RESERVED:
            raise Invalid("unknown header flags set")
        if flags & _HEADER_CRC:
            self._crc = checksum_of("gzip", _GZIP + field, 4, 0)
        optional: tuple[tuple[int, _Field], ...] = (
            (_EXTRA, (2, Header._gzip_extra)),
            (_NAME, (_TEXT, None)),
            (_COMMENT, (_TEXT, None)),
            (_HEADER_CRC, (2, Header._gzip_crc)),
        )
        # Six bytes of time, level and system come first.
        self._fields = ((6, None), *(following for flag, following in optional if flags & flag))

    def _gzip_extra(self, field: bytes) -> None:
        self._fields = ((int.from_bytes(field, "little"), None), *self._fields)

    def _gzip_crc(self, field: bytes) -> None:
        if self._crc is None or int.from_bytes(field, "little") != self._crc & 0xFFFF:
            raise Invalid("header crc mismatch")


def _through_zero(data: memoryview) -> tuple[int, bool]:
    """How many bytes there are up to the first zero and with it; all of them if there is none."""
    for start in range(0, len(data), _PIECE):
        at = bytes(data[start : start + _PIECE]).find(0)
        if at >= 0:
            return start + at + 1, True
    return len(data), False


def first_checksum(kind: Kind) -> int:
    """The checksum of no data."""
    return 1 if kind == "zlib" else 0


class Trailer:
    """The checksum after the data, and of gzip their length: fields of four bytes."""

    def __init__(self, kind: Kind, checksum: int, size: int) -> None:
        self.expected = b""
        if kind == "zlib":
            self.expected = checksum.to_bytes(4, "big")
        elif kind == "gzip":
            self.expected = checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
        self._held = b""

    @property
    def complete(self) -> bool:
        return self._held == self.expected

    def copy(self) -> "Trailer":
        return copy(self)

    def feed(self, data: memoryview, position: int) -> int:
        """Read on from `position`; returns how far the trailer goes, or the data. `Invalid` if a field is wrong."""
        piece = data[position : position + len(self.expected) - len(self._held)]
        self._held += piece
        whole = len(self._held) // 4 * 4
        if self._held[:whole] != self.expected[:whole]:
            data_wrong = self._held[:4] != self.expected[:4]
            raise Invalid("incorrect data check" if data_wrong else "incorrect length check")
        return position + len(piece)
