"""`compress` and `compressobj`: the standard module's encoder, whose streams are decoded before the caller gets them.

The encoder is not verified. The verified decoder reads all that it makes, and what comes out is compared with what it
was given: so the round trip holds for every stream that leaves here. A stream that fails raises `RoundTripFailed`.
"""

import threading
import zlib
from collections import deque
from typing import Any, NoReturn

from assay.prove.zlib.arguments import contiguous, dictionary
from assay.prove.zlib.decompressing import decompress, error
from assay.prove.zlib.framing import Invalid
from assay.prove.zlib.program import ffi, memcmp
from assay.prove.zlib.stream import DictionaryNeeded, Stream, Window, WrongDictionary

# After a flush of these kinds everything that was given stands in the stream.
_COMPLETE = (zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH)
_DIFFERENT = "the encoder's stream does not decode to its data"
_SHORT = 32 << 10  # bytes of data that are decoded to memory of their own, which is quicker then
_NONE = object()


class RoundTripFailed(error):
    """The encoder made a stream that does not decode to the data it was given. Nothing of it was returned."""


def readable(wbits: int) -> int:
    """For the decoder: an encoder may write 9 where it is told a window of 8 bits, so any window is read."""
    return -15 if wbits < 0 else 31 if wbits > 15 else 15


class Guard:
    """What an encoder has been given, and what the verified decoder reads in the stream made of it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._given: deque[Any] = deque()  # buffers that have not come back yet
        self._seen = 0  # bytes of the first that have
        self._broken = False

    @classmethod
    def of(cls, wbits: int, zdict: bytes | None = None) -> "Guard":
        """For an encoder with these."""
        return cls(Stream(readable(wbits), zdict))

    def copy(self) -> "Guard":
        other = Guard(self._stream.copy())
        other._given, other._seen, other._broken = self._given.copy(), self._seen, self._broken
        return other

    def gave(self, data: Any) -> None:
        """The encoder gets these: they must not change before they have come back."""
        if len(data):
            self._given.append(ffi.from_buffer("uint8_t[]", data))

    def made(self, stream: bytes, flush: int = zlib.Z_NO_FLUSH) -> bytes:
        """The encoder's stream goes on with these, after a flush of this kind; returns them if all is well."""
        try:
            if self._broken:
                raise RoundTripFailed("the encoder has failed before")
            self._stream.feed(stream, None, self._compare)
            if self._stream.position != len(stream):
                raise RoundTripFailed("the encoder wrote more than a stream")
            if flush in _COMPLETE and self._given:
                raise RoundTripFailed("the encoder left out the end of its data")
            if flush == zlib.Z_FINISH and not self._stream.finished:
                raise RoundTripFailed("the encoder did not end its stream")
        except (Invalid, DictionaryNeeded, WrongDictionary) as what:
            self._broken = True
            raise RoundTripFailed(f"the encoder's stream is invalid: {what}") from None
        except RoundTripFailed:
            self._broken = True
            raise
        return stream

    def _compare(self, window: Window, start: int, size: int) -> None:
        while size:
            if not self._given:
                raise RoundTripFailed("the encoder's stream decodes to more than its data")
            first = self._given[0]
            part = min(size, len(first) - self._seen)
            if memcmp(window.address + start, first + self._seen, part):
                raise RoundTripFailed(_DIFFERENT)
            start, size, self._seen = start + part, size - part, self._seen + part
            if self._seen == len(first):
                self._given.popleft()
                self._seen = 0


def compress(data: Any, /, level: int = zlib.Z_DEFAULT_COMPRESSION, wbits: int = zlib.MAX_WBITS) -> bytes:
    """A stream that decodes to `data`: that it does has been seen."""
    made = zlib.compress(data, level, wbits)
    held = contiguous(data)
    if len(held) > _SHORT:
        guard = Guard.of(wbits)
        guard.gave(held)
        return guard.made(made, zlib.Z_FINISH)
    try:
        decoded = decompress(made, readable(wbits))
    except error as what:
        raise RoundTripFailed(f"the encoder's stream is invalid: {what}") from None
    if decoded != held:
        raise RoundTripFailed(_DIFFERENT)
    return made


class Compress:
    """A stream that is made in pieces. `compressobj` makes it; several threads may use it."""

    __slots__ = ("_encoder", "_guard", "_lock")

    def __init__(self, encoder: Any = None, guard: Guard | None = None) -> None:
        if encoder is None or guard is None:
            raise TypeError(f"cannot create '{__name__}.Compress' instances: compressobj does")
        self._lock = threading.Lock()
        self._encoder, self._guard = encoder, guard

    def compress(self, data: Any, /) -> bytes:
        """Take `data` in; returns what of the stream is ready."""
        held = bytes(contiguous(data))  # it stays as it is until it has come back
        with self._lock:
            made = self._encoder.compress(held)
            self._guard.gave(held)
            return self._guard.made(made) if made else b""

    def flush(self, mode: int = zlib.Z_FINISH, /) -> bytes:
        """What of the stream is ready with such a flush."""
        with self._lock:
            return self._guard.made(self._encoder.flush(mode), mode)

    def copy(self) -> "Compress":
        """Another one in the same state."""
        with self._lock:
            return Compress(self._encoder.copy(), self._guard.copy())

    def __copy__(self) -> "Compress":
        return self.copy()

    def __deepcopy__(self, memo: Any) -> "Compress":
        return self.copy()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle '{__name__}.Compress' object")


def compressobj(
    level: int = zlib.Z_DEFAULT_COMPRESSION,
    method: int = zlib.DEFLATED,
    wbits: int = zlib.MAX_WBITS,
    memLevel: int = zlib.DEF_MEM_LEVEL,  # noqa: N803 - the standard module's name
    strategy: int = zlib.Z_DEFAULT_STRATEGY,
    zdict: Any = _NONE,
) -> Compress:
    """For streams that are made in pieces."""
    if zdict is _NONE:
        return Compress(zlib.compressobj(level, method, wbits, memLevel, strategy), Guard.of(wbits))
    preset = dictionary(zdict)
    return Compress(zlib.compressobj(level, method, wbits, memLevel, strategy, preset), Guard.of(wbits, preset))
