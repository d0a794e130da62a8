"""One stream on its way through the verified decoder, in any pieces of input and with any limits on the output.

It makes no bytes objects: what is decoded stands in a window and is shown, run by run, to a sink. The window holds the
history that the program needs before its output, and little more; for a long input a larger one is borrowed.
"""

from collections.abc import Callable
from typing import Any

from assay.prove.zlib.arguments import Data
from assay.prove.zlib.framing import Header, Invalid, Trailer, first_checksum
from assay.prove.zlib.program import DONE, HISTORY, INVALID, MORE_INPUT, MORE_ROOM, Decoder, checksum_of, ffi

Sink = Callable[[Any, int], None]  # where new bytes stand, and how many

_OWN = HISTORY + (8 << 10)  # bytes; with the decoder's tables within 1.5 times of what C zlib keeps
_BORROWED = 256 << 10
_SHORT = 1 << 10  # bytes of input for which borrowing does not pay
_new = ffi.new_allocator(should_clear_after_alloc=False)
_lent: list[Any] = []  # windows that nobody uses now: at most one for each thread that was inside at once


class DictionaryNeeded(Exception):
    """The stream asks for a dictionary and there is none."""


class WrongDictionary(Exception):
    """The stream asks for another dictionary."""


class Stream:
    """The state of one stream. To be used by one thread at a time."""

    def __init__(self, wbits: int, dictionary: bytes | None = None) -> None:
        self.position = 0  # how much of the latest input is done with
        self.wants_room = False  # the latest call ended for want of room: more output is to come
        self._header = Header(wbits)
        self._dictionary = dictionary
        self._decoder = Decoder()
        self._window = _new("uint8_t[]", _OWN)
        self._size = 0  # of what stands in the window
        self._checksum = self._produced = 0
        self._decoding = False
        self._trailer: Trailer | None = None
        self._failed: str | None = None
        if self._header.complete:
            self._begin(dictionary)

    @property
    def finished(self) -> bool:
        return self._trailer is not None and self._trailer.complete

    def copy(self) -> "Stream":
        other = Stream.__new__(Stream)
        other.__dict__.update(self.__dict__)
        other._header, other._decoder = self._header.copy(), self._decoder.copy()
        other._trailer = self._trailer.copy() if self._trailer else None
        other._window = _new("uint8_t[]", _OWN)
        ffi.memmove(other._window, self._window, self._size)
        return other

    def feed(self, data: Data, limit: int | None, sink: Sink) -> None:
        """Decode from `data`, at most `limit` bytes; `position` says afterwards how many of `data` are done with.

        `Invalid` once nothing valid can come of the stream, `DictionaryNeeded`, `WrongDictionary`.
        """
        self.position = 0
        if self._failed is not None:
            raise Invalid(self._failed)
        try:
            if not self._decoding and self._trailer is None:
                self._read_header(memoryview(data))
            if self._decoding:
                self._decode(data, limit, sink)
            if self._trailer is not None:
                self.position = self._trailer.feed(memoryview(data), self.position)
        except Invalid as error:
            self._failed = str(error)
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
        history = (dictionary or b"")[-HISTORY:]
        ffi.memmove(self._window, history, len(history))
        self._size = len(history)
        self._checksum = first_checksum(self._header.kind)
        self._decoding = True

    def _decode(self, data: Data, limit: int | None, sink: Sink) -> None:
        if len(data) - self.position <= _SHORT:
            self._size = self._run(data, limit, sink, self._window, self._size, _OWN)
            return
        try:
            window = _lent.pop()  # no other thread has it then
        except IndexError:
            window = _new("uint8_t[]", _BORROWED)
        try:
            size = self._run(data, limit, sink, window, _recent(self._window, self._size, window), _BORROWED)
            self._size = _recent(window, size, self._window)
        finally:
            _lent.append(window)

    def _run(self, data: Data, limit: int | None, sink: Sink, window: Any, size: int, room: int) -> int:
        """Decode through the window, of which `size` bytes are filled; returns how many are in the end."""
        address = data if type(data) is bytes else ffi.from_buffer("uint8_t[]", data)
        end, kind = len(data), self._header.kind
        left = -1 if limit is None else limit
        while True:
            if size == room:
                size = _recent(window, size, window)
            cap = room if left < 0 else min(room, size + left)
            answer, self.position, reached = self._decoder.run(address, self.position, end, window, size, cap)
            if answer == INVALID:
                raise Invalid(self._decoder.reason())
            made = reached - size
            if made:
                address_of_new = window + size
                self._checksum = checksum_of(kind, address_of_new, made, self._checksum)
                self._produced += made
                sink(address_of_new, made)
            size, left = reached, left - made if left >= 0 else left
            if answer == DONE:
                self._decoding = False
                self._trailer = Trailer(kind, self._checksum, self._produced)
            if answer in (DONE, MORE_INPUT) or left == 0:
                self.wants_room = answer == MORE_ROOM
                return size


def _recent(source: Any, size: int, target: Any) -> int:
    """Put the last bytes of a window to the beginning of one, as far as distances reach; returns how many."""
    kept = min(size, HISTORY)
    ffi.memmove(target, source + (size - kept), kept)
    return kept
