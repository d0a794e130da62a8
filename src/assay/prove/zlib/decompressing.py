"""`decompress` and `decompressobj` as the standard module `zlib` has them, around the verified decoder."""

import contextlib
import threading
import zlib
from typing import Any, NoReturn

from assay.prove.calling import Fresh
from assay.prove.zlib.arguments import Data, c_integer, contiguous, dictionary
from assay.prove.zlib.framing import Header, Invalid, Trailer, first_checksum
from assay.prove.zlib.program import (
    DONE,
    EXPANSION,
    INVALID,
    LONGEST,
    MORE_ROOM,
    MORE_TO_DO,
    UNFINISHED,
    UNUSUAL,
    Kind,
    Whole,
    checksum_of,
    ffi,
    inflate_next,
    inflate_whole,
)
from assay.prove.zlib.stream import AT_ONCE, DictionaryNeeded, Stream, Window, WrongDictionary

error = zlib.error  # one class: who catches the standard one catches ours
_SHORT = 48 << 10  # bytes of input whose output is tried to be short
_ROOM = Whole.ROOM
_SAMPLE = 4 << 10  # bytes of output that tell how much is to come of a longer one
_PLENTY = 16 << 20  # bytes of output that are not too much to ask for in vain
_NOT_WHOLE = "Error -5 while decompressing data: incomplete or truncated stream"
_NONE = object()
_NO_LIMIT = 0  # of output, where none is named
_rested: list[Whole] = []  # nobody uses these now: at most one for each thread that was inside at once


def decompress(data: Any, /, wbits: int = zlib.MAX_WBITS, bufsize: int = zlib.DEF_BUF_SIZE) -> bytes:
    """The data of a whole stream; what follows it is left alone. `error` if it is invalid or not whole."""
    if type(data) is not bytes or type(wbits) is not int or wbits != 15 or bufsize is not zlib.DEF_BUF_SIZE:
        return _decompress(contiguous(data), wbits, bufsize)
    end = len(data)
    try:
        whole = _rested.pop()  # no other thread has it then
    except IndexError:
        whole = Whole()
    try:
        size = inflate_whole(whole.memory, data, end, _ROOM if end <= _SHORT else _SAMPLE)
        if size < UNFINISHED:
            short: bytes = whole.window[:size]
            return short
        if size != UNFINISHED + UNUSUAL:
            return _rest(whole, size - UNFINISHED, data, 2, "zlib", bufsize)
    except Invalid as invalid:
        raise _refused(invalid) from None
    finally:
        _rested.append(whole)
    return _decompress(data, wbits, bufsize)


def _decompress(held: Data, wbits: int, bufsize: int) -> bytes:
    room = c_integer(bufsize, 63)
    if room < 0:
        raise ValueError("bufsize must be non-negative")
    try:
        kind, start = _header(held, c_integer(wbits, 31))
        return _inflate(held, start, kind, room)
    except Invalid as invalid:
        raise _refused(invalid) from None


def _refused(invalid: Invalid) -> error:
    return error(f"Error -3 while decompressing data: {invalid}")


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


def _inflate(held: Data, start: int, kind: Kind, bufsize: int) -> bytes:
    try:
        whole = _rested.pop()
    except IndexError:
        whole = Whole()
    try:
        data, end = held if type(held) is bytes else ffi.from_buffer("uint8_t[]", held), len(held)
        answer = whole.begin(data, start, end, _ROOM if end <= _SHORT else _SAMPLE)
        return _rest(whole, answer, held, start, kind, bufsize)
    finally:
        _rested.append(whole)


def _rest(whole: Whole, answer: int, held: Data, start: int, kind: Kind, bufsize: int) -> bytes:
    """What follows the first call, which has given this answer."""
    data, end = held if type(held) is bytes else ffi.from_buffer("uint8_t[]", held), len(held)
    out, fresh, room = whole.out, None, 0
    position, size = whole.reached
    while answer == MORE_ROOM:
        if fresh is None:
            room = _likely_room(position - start, size, end - start, bufsize)
            fresh = Fresh(room)
            ffi.memmove(ffi.cast("uint8_t *", fresh.address), out, size)
        else:
            room *= 2
            fresh.grow(room)
        out = ffi.cast("uint8_t *", fresh.address)
        answer = whole.run(data, position, end, out, size, room)
        position, size = whole.reached
    if answer == INVALID:
        raise Invalid(whole.reason())
    if answer != DONE:
        raise error(_NOT_WHOLE)
    trailer = Trailer(kind, checksum_of(kind, out, size, first_checksum(kind)), size)
    if held[position : position + len(trailer.expected)] != trailer.expected:
        trailer.feed(memoryview(held), position)
        raise error(_NOT_WHOLE)
    return whole.window[:size] if fresh is None else fresh.take(size)


def _likely_room(taken: int, made: int, given: int, bufsize: int) -> int:
    """For how many bytes to ask, when `made` have come of the first `taken` ones of `given`.

    It is a guess, but for its bound: no more can come. Guessing far too high costs time: memory above some size is new
    to the process each time, and the system clears each page of it.
    """
    likely = given * made // max(taken, 1)
    if made == _SAMPLE and likely > given + given // 16:  # text begins with less to copy from than it has later
        likely = max(2 * likely, 4 * given)
    likely = min(likely + likely // 16 + _SAMPLE, max(16 * given, _PLENTY))
    return min(max(likely, bufsize), EXPANSION * given + LONGEST)


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

    def decompress(self, data: Any, /, max_length: int = _NO_LIMIT) -> bytes:
        """What `data` adds to the output, at most `max_length` bytes (0: all of it)."""
        if type(data) is bytes and max_length is _NO_LIMIT:
            with self._lock:
                stream, size = self._stream, len(data)
                if not stream.decoding or size > AT_ONCE or self._unconsumed_tail:
                    return self._bounded(data, None)
                answer = inflate_next(stream.memory, data, size)  # most often there is no more to do
                if answer & MORE_TO_DO:
                    return self._bounded(data, None, answer)
                stream.wants_room = False
                start = answer >> 8 & 0xFFFFFF
                piece: bytes = stream.window.buffer[start : start + (answer >> 32)]
                return piece
        limit = c_integer(max_length, 63)
        if limit < 0:
            raise ValueError("max_length must be non-negative")
        held = contiguous(data)
        with self._lock:
            return self._bounded(held, limit or None)

    @property
    def _wants_room(self) -> bool:
        """Whether the latest call ended since its limit was reached, with more to come."""
        return self._stream.wants_room

    def _decompress(self, held: Data, limit: int | None) -> bytes:
        """As `decompress`, with a limit of zero bytes or none."""
        with self._lock:
            return self._bounded(held, limit)

    def _bounded(self, held: Data, limit: int | None, begun: int = -1) -> bytes:
        """As `decompress`, with a limit of zero bytes or none, by the thread that has the lock."""
        if self._ended:
            raise error("Error -2 while decompressing data: inconsistent stream state")
        pieces: list[bytes] = []
        try:
            self._feed(held, limit, pieces, begun)
        except Invalid as invalid:
            raise _refused(invalid) from None
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

    def _feed(self, held: Data, limit: int | None, pieces: list[bytes], begun: int = -1) -> None:
        def sink(window: Window, start: int, size: int) -> None:
            pieces.append(window.buffer[start : start + size])

        stream = self._stream
        try:
            stream.feed(held, limit, sink, begun)
        except WrongDictionary:
            raise error("Error -3 while setting zdict: invalid input data") from None
        finally:
            if stream.position != len(held) or self._unconsumed_tail:
                self._leave(held[stream.position :])

    def _leave(self, rest: Data) -> None:
        """Keep what was not taken."""
        finished = self._stream.finished
        if finished:
            self._unused_data += rest
        if self._unconsumed_tail or (rest and not finished):
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
            return self._object._decompress(contiguous(given), None if limit < 0 else limit)


def decompressobj(wbits: int = zlib.MAX_WBITS, zdict: Any = _NONE) -> Decompress:
    """For streams that come in pieces, or are to be decoded in little memory."""
    return Decompress(Stream(c_integer(wbits, 31), None if zdict is _NONE else dictionary(zdict)))


def _joined(pieces: list[bytes]) -> bytes:
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
