"""`decompress` and `decompressobj` as the standard module `zlib` has them, around the verified decoder."""

import contextlib
import threading
import zlib
from typing import Any, NoReturn

from assay.prove.calling import Fresh
from assay.prove.zlib.arguments import Data, c_integer, contiguous, dictionary
from assay.prove.zlib.framing import USUAL, Header, Invalid, Kind, Trailer, first_checksum
from assay.prove.zlib.program import DONE, EXPANSION, INVALID, LONGEST, MORE_ROOM, Decoder, checksum_of, ffi
from assay.prove.zlib.stream import DictionaryNeeded, Stream, WrongDictionary

error = zlib.error  # one class: who catches the standard one catches ours
_ROOM = 64 << 10  # bytes of output that memory is kept for
_SHORT = 16 << 10  # bytes of input for which it is tried
_NOT_WHOLE = "Error -5 while decompressing data: incomplete or truncated stream"
_NONE = object()
_rested: list["_Kept"] = []  # nobody uses these now: at most one for each thread that was inside at once


def decompress(data: Any, /, wbits: int = zlib.MAX_WBITS, bufsize: int = zlib.DEF_BUF_SIZE) -> bytes:
    """The data of a whole stream; what follows it is left alone. `error` if it is invalid or not whole."""
    held = contiguous(data)
    room = c_integer(bufsize, 63)
    if room < 0:
        raise ValueError("bufsize must be non-negative")
    try:
        if type(wbits) is int and wbits == zlib.MAX_WBITS and bytes(held[:2]) in USUAL:
            return _inflate(held, 2, "zlib", room)
        kind, start = _header(held, c_integer(wbits, 31))
        return _inflate(held, start, kind, room)
    except Invalid as invalid:
        raise error(f"Error -3 while decompressing data: {invalid}") from None


def _header(held: Data, wbits: int) -> tuple[Kind, int]:
    try:
        header = Header(wbits)
    except ValueError:
        raise error("Error -2 while preparing to decompress data: inconsistent stream state") from None
    start = header.feed(memoryview(held), 0)
    if not header.complete:
        raise error(_NOT_WHOLE)
    if header.dictionary is not None:
        raise error("Error 2 while decompressing data")
    return header.kind, start


class _Kept:
    """A decoder, and memory for short outputs: longer ones are written where they are returned."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.out = ffi.new("uint8_t[]", _ROOM)
        self.window = ffi.buffer(self.out)


def _inflate(held: Data, start: int, kind: Kind, bufsize: int) -> bytes:
    try:
        kept = _rested.pop()  # no other thread has it then
    except IndexError:
        kept = _Kept()
    try:
        kept.decoder.reset()
        return _run(kept, held, start, kind, bufsize)
    finally:
        _rested.append(kept)


def _run(kept: _Kept, held: Data, start: int, kind: Kind, bufsize: int) -> bytes:
    data, end, run = held if type(held) is bytes else ffi.from_buffer("uint8_t[]", held), len(held), kept.decoder.run
    out, room, fresh = kept.out, _ROOM, None
    answer, position, size = run(data, start, end, out, 0, room if end <= _SHORT else 0)
    while answer == MORE_ROOM:
        if fresh is None:  # four times the input is a guess, what can come of it is not
            room = min(max(bufsize, 4 * end + _ROOM), EXPANSION * (end - start) + LONGEST)
            fresh = Fresh(room)
            ffi.memmove(ffi.cast("uint8_t *", fresh.address), out, size)
        else:
            room *= 2
            fresh.grow(room)
        out = ffi.cast("uint8_t *", fresh.address)
        answer, position, size = run(data, position, end, out, size, room)
    if answer == INVALID:
        raise Invalid(kept.decoder.reason())
    if answer != DONE:
        raise error(_NOT_WHOLE)
    trailer = Trailer(kind, checksum_of(kind, out, size, first_checksum(kind)), size)
    if held[position : position + len(trailer.expected)] != trailer.expected:
        trailer.feed(memoryview(held), position)
        raise error(_NOT_WHOLE)
    return kept.window[:size] if fresh is None else fresh.take(size)


class Decompress:
    """A stream that is decoded in pieces. `decompressobj` makes it; several threads may use it."""

    __slots__ = ("_ended", "_lock", "_stream", "_unconsumed_tail", "_unused_data")

    def __init__(self, stream: Stream | None = None, unused_data: bytes = b"", unconsumed_tail: bytes = b"") -> None:
        if stream is None:
            raise TypeError(f"cannot create '{__name__}.Decompress' instances: decompressobj does")
        self._lock = threading.Lock()
        self._stream, self._unused_data, self._unconsumed_tail = stream, unused_data, unconsumed_tail
        self._ended = False

    @property
    def eof(self) -> bool:
        """Whether the end of the stream has come."""
        return self._stream.finished

    @property
    def unused_data(self) -> bytes:
        """What followed the end of the stream."""
        return self._unused_data

    @property
    def unconsumed_tail(self) -> bytes:
        """What was not looked at, since the output had reached its limit."""
        return self._unconsumed_tail

    def decompress(self, data: Any, /, max_length: int = 0) -> bytes:
        """What `data` adds to the output, at most `max_length` bytes (0: all of it)."""
        limit = c_integer(max_length, 63)
        if limit < 0:
            raise ValueError("max_length must be non-negative")
        return self._bounded(contiguous(data), limit or None)

    @property
    def _wants_room(self) -> bool:
        """Whether the latest call ended since its limit was reached, with more to come."""
        return self._stream.wants_room

    def _bounded(self, held: Data, limit: int | None) -> bytes:
        """As `decompress`, with a limit of zero bytes or none."""
        with self._lock:
            if self._ended:
                raise error("Error -2 while decompressing data: inconsistent stream state")
            pieces: list[bytes] = []
            try:
                self._feed(held, limit, pieces)
            except Invalid as invalid:
                raise error(f"Error -3 while decompressing data: {invalid}") from None
            except DictionaryNeeded:
                raise error("Error 2 while decompressing data") from None
        return _joined(pieces)

    def flush(self, length: int = zlib.DEF_BUF_SIZE, /) -> bytes:
        """The rest of the output. As in the standard module, invalid input found here only ends it: see `eof`."""
        if c_integer(length, 63) <= 0:
            raise ValueError("length must be greater than zero")
        pieces: list[bytes] = []
        with self._lock:
            if not self._ended:
                with contextlib.suppress(Invalid, DictionaryNeeded):
                    self._feed(self._unconsumed_tail, None, pieces)
                self._ended = self._stream.finished
        return _joined(pieces)

    def _feed(self, held: Data, limit: int | None, pieces: list[bytes]) -> None:
        stream = self._stream
        try:
            stream.feed(held, limit, lambda address, size: pieces.append(ffi.buffer(address, size)[:]))
        except WrongDictionary:
            raise error("Error -3 while setting zdict: invalid input data") from None
        finally:
            rest = held[stream.position :]
            if stream.finished:
                self._unused_data += rest
            if self._unconsumed_tail or (rest and not stream.finished):
                self._unconsumed_tail = bytes(rest)  # at the end too: the standard module does so

    def copy(self) -> "Decompress":
        """Another one in the same state."""
        with self._lock:
            if self._ended:
                raise ValueError("Inconsistent stream state")
            return Decompress(self._stream.copy(), self._unused_data, self._unconsumed_tail)

    def __copy__(self) -> "Decompress":
        return self.copy()

    def __deepcopy__(self, memo: Any) -> "Decompress":
        return self.copy()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle '{type(self).__module__}.{type(self).__qualname__}' object")


class Decompressor:
    """As `zlib._ZlibDecompressor` of Python 3.12 and later: it keeps what it has not decoded yet. `gzip` uses it."""

    def __init__(self, wbits: int = zlib.MAX_WBITS, zdict: Any = _NONE) -> None:
        self._object = decompressobj(wbits, zdict)
        self._lock = threading.Lock()

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes without further input."""
        return not self._object.eof and not self._object._wants_room

    def decompress(self, data: Any, max_length: int = -1) -> bytes:
        """What `data` adds to the output, at most `max_length` bytes (negative: all of it)."""
        limit = c_integer(max_length, 63)
        with self._lock:
            if self._object.eof:
                raise EOFError("End of stream already reached")
            kept = self._object.unconsumed_tail
            given = kept + bytes(contiguous(data)) if kept else data
            return self._object._bounded(contiguous(given), None if limit < 0 else limit)


def decompressobj(wbits: int = zlib.MAX_WBITS, zdict: Any = _NONE) -> Decompress:
    """For streams that come in pieces, or are to be decoded in little memory."""
    return Decompress(Stream(c_integer(wbits, 31), None if zdict is _NONE else dictionary(zdict)))


def _joined(pieces: list[bytes]) -> bytes:
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
