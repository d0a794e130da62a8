"""One stream on its way through the verified decoder, in any pieces of input and with any limits on the output.

It makes no bytes objects: what is decoded stands in a window and is shown, run by run, to a sink. The window holds the
history that the program needs before its output, and little more; for a long input a larger one is borrowed.
"""

from collections.abc import Callable
from typing import Any

from assay.prove.zlib.arguments import Data
from assay.prove.zlib.framing import Header, Invalid, Trailer, first_checksum
from assay.prove.zlib.program import (
    DONE,
    HISTORY,
    INPUT_LEFT,
    INVALID,
    KINDS,
    MORE_ROOM,
    checksum_of,
    ffi,
    inflate_feed,
    new_uncleared,
    reason,
)

_BORROWED = 256 << 10
_SHORT = 1 << 10  # bytes of input for which borrowing does not pay
AT_ONCE = 16 << 10  # bytes of input whose output may have room in the stream's own window
_NO_LIMIT = (1 << 64) - 1
_STREAM = ffi.typeof("stream *")


class Window:
    """Memory for what comes out, in C and in Python."""

    __slots__ = ("address", "buffer")

    def __init__(self, address: Any) -> None:
        self.address, self.buffer = address, ffi.buffer(address)


Sink = Callable[[Window, int, int], None]  # where new bytes stand: from which, and how many
_lent: list[Window] = []  # nobody uses these now: at most one for each thread that was inside at once


_UNUSED = bytes(80)  # the state of a decoder that has read nothing


class DictionaryNeeded(Exception):
    """The stream asks for a dictionary and there is none."""


class WrongDictionary(Exception):
    """The stream asks for another dictionary."""


class Stream:
    """The state of one stream. To be used by one thread at a time."""

    __slots__ = (
        "_dictionary",
        "_failed",
        "_header",
        "_trailer",
        "decoding",
        "memory",
        "position",
        "wants_room",
        "window",
    )

    def __init__(self, wbits: int, dictionary: bytes | None = None) -> None:
        self.decoding = False  # in the middle of the compressed data
        self.position = 0  # how much of the latest input is done with
        self.wants_room = False  # the latest call ended for want of room: more output is to come
        self._header = Header(wbits)
        self._dictionary = dictionary
        self.memory = new_uncleared(_STREAM)
        self.window = Window(self.memory.window)
        self._trailer: Trailer | None = None
        self._failed: str | None = None
        if self._header.complete:
            self._begin(dictionary)

    @property
    def finished(self) -> bool:
        return self._trailer is not None and self._trailer.complete

    def copy(self) -> "Stream":
        other = Stream.__new__(Stream)
        other.position, other.wants_room = self.position, self.wants_room
        other._header, other._dictionary = self._header.copy(), self._dictionary
        other.memory = new_uncleared(_STREAM)
        ffi.memmove(other.memory, self.memory, ffi.sizeof("stream"))
        other.window = Window(other.memory.window)
        other.decoding, other._failed = self.decoding, self._failed
        other._trailer = self._trailer.copy() if self._trailer else None
        return other

    def feed(self, data: Data, limit: int | None, sink: Sink, begun: int = -1) -> None:
        """Decode from `data`, at most `limit` bytes; `position` says afterwards how many of `data` are done with.

        `begun` is what `inflate_next` has given for these data, if it has been called.
        `Invalid` once nothing valid can come of the stream, `DictionaryNeeded`, `WrongDictionary`.
        """
        self.position = 0
        if self._failed is not None:
            raise Invalid(self._failed)
        try:
            if not self.decoding and self._trailer is None:
                self._read_header(memoryview(data))
            if self.decoding:
                self._decode(data, limit, sink, begun)
            if self._trailer is not None:
                self.position = self._trailer.feed(memoryview(data), self.position)
        except Invalid as error:
            self._failed, self.decoding = str(error), False
            raise

    def _read_header(self, data: memoryview) -> None:
        self.position = self._header.feed(data, 0)
        if not self._header.complete:
            return
        wanted, dictionary = self._header.dictionary, self._dictionary
        if wanted is None:
            self._begin(None)
            return
        if dictionary is None:
            raise DictionaryNeeded
        if checksum_of("zlib", dictionary, len(dictionary), 1) != wanted:
            raise WrongDictionary
        self._begin(dictionary)

    def _begin(self, dictionary: bytes | None) -> None:
        """The data come next, after this history."""
        history, memory = (dictionary or b"")[-HISTORY:], self.memory
        ffi.memmove(memory.decoder.state, _UNUSED, len(_UNUSED))
        ffi.memmove(memory.window, history, len(history))
        memory.filled, memory.produced = len(history), 0
        memory.kind, memory.checksum = KINDS[self._header.kind], first_checksum(self._header.kind)
        self.decoding = True

    def _decode(self, data: Data, limit: int | None, sink: Sink, begun: int) -> None:
        if begun >= 0 and self._came(begun, len(data), self.window, sink):
            return
        if len(data) - self.position <= _SHORT:
            self._run(data, limit, sink, self.window, (ffi.NULL, 0))
            return
        try:
            window = _lent.pop()  # no other thread has it then
        except IndexError:
            window = Window(new_uncleared("uint8_t[]", _BORROWED))
        try:
            self._run(data, limit, sink, window, (window.address, _BORROWED))
        finally:
            _lent.append(window)

    def _run(self, data: Data, limit: int | None, sink: Sink, window: Window, lent: tuple[Any, int]) -> None:
        """Decode through the window, as often as it gets full."""
        address, end = data if type(data) is bytes else ffi.from_buffer("uint8_t[]", data), len(data)
        memory, left = self.memory, _NO_LIMIT if limit is None else limit
        while True:
            came = inflate_feed(memory, address, self.position, end, left, *lent)
            if self._came(came, end, window, sink):
                return
            if limit is not None:
                left -= came >> 32
                if not left:
                    return

    def _came(self, came: int, end: int, window: Window, sink: Sink) -> bool:
        """See to what has been answered; says whether there is nothing more to do with this input."""
        answer, made, memory = came & 7, came >> 32, self.memory
        self.position = memory.decoder.position if came & INPUT_LEFT else end
        if answer == INVALID:
            raise Invalid(reason(memory.decoder))
        if made:
            sink(window, came >> 8 & 0xFFFFFF, made)
        if answer == DONE:
            self.decoding = False
            self._trailer = Trailer(self._header.kind, memory.checksum, memory.produced)
        self.wants_room = answer == MORE_ROOM
        return not self.wants_room
