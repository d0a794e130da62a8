"""The verified programs as C functions: inflate with the memory that it keeps, CRC-32 and Adler-32.

They come from the components `zlib`, `crc32` and `adler32`, and are called through `bridge.c`, which does in one call
what would take several; cffi lets go of the GIL meanwhile. What the programs ask of their caller is seen to there, here
and in the callers: sizes of arrays, bounds, no overlap.
"""

from pathlib import Path
from typing import Any, Literal

from cffi import FFI  # type: ignore[import-untyped]

from assay.core.errors import Unavailable
from assay.prove.loading import compiled, library

Kind = Literal["raw", "zlib", "gzip"]

MORE_INPUT, MORE_ROOM, DONE, INVALID, UNUSUAL = 0, 2, 3, 4, 5  # what inflate answers; UNUSUAL is of bridge_whole
MORE_TO_DO = 15  # bits of what inflate_feed gives: all zero when it has taken all and wants more
INPUT_LEFT = 8  # one of them
UNFINISHED = 1 << 20  # more than bridge_whole gives as a size
HISTORY = 1 << 15  # bytes: no distance reaches further back
LONGEST = 258  # bytes of one copy: with room for it the program takes its fast way
EXPANSION = 1032  # bytes that can come of one: theorem `expansion`
KINDS: dict[Kind, int] = {"raw": 0, "zlib": 1, "gzip": 2}

ffi = FFI()
ffi.cdef("""
void zlib_inflate(const uint8_t *input, uint8_t *out, uint64_t *state, uint8_t *lens,
  uint32_t *lit_table, uint16_t *lit_count, uint16_t *lit_sym,
  uint32_t *dist_table, uint16_t *dist_count, uint16_t *dist_sym,
  uint64_t from, uint64_t end, uint64_t o, uint64_t cap, uint64_t *go, uint64_t *position, uint64_t *size);
uint64_t adler32_update(const uint8_t *data, uint64_t size, uint64_t value);
uint64_t crc32_update(const uint8_t *data, uint64_t size, uint64_t value);
uint64_t crc32_join(uint64_t first, uint64_t second, uint64_t second_length);
int memcmp(const void *, const void *, size_t);
""")
_BRIDGE = Path(__file__).with_name("bridge.c")


def _opened() -> Any:
    """The bridge, with the programs behind it."""
    source = _BRIDGE.read_bytes()
    ffi.cdef(source.decode().partition("/* declarations */")[2].partition("/* end of the declarations */")[0])
    opened = ffi.dlopen(str(compiled(source, str(_BRIDGE))))
    programs = _inflate_library.zlib_inflate, _adler32_library.adler32_update, _crc32_library.crc32_update
    if not opened.bridge_open(*(ffi.cast("void *", program) for program in programs)):
        raise Unavailable("The compiled zlib does not do what its proved program does: remove it from the cache.")
    return opened


_inflate_library = ffi.dlopen(str(library("zlib")))
_adler32_library = ffi.dlopen(str(library("adler32")))
_crc32_library = ffi.dlopen(str(library("crc32")))
_adler32, _crc32, _crc32_join = _adler32_library.adler32_update, _crc32_library.crc32_update, _crc32_library.crc32_join
_bridge = _opened()
_begin, _run, _checksum = _bridge.bridge_begin, _bridge.bridge_run, _bridge.bridge_checksum
inflate_whole, inflate_next, inflate_feed = _bridge.bridge_whole, _bridge.bridge_next, _bridge.bridge_feed
memcmp = ffi.dlopen(None).memcmp

new_uncleared = ffi.new_allocator(should_clear_after_alloc=False)

# What the program puts into state[4] when the input is invalid, in the words of zlib.
_REASONS = {
    1: "invalid block type",
    2: "invalid stored block lengths",
    3: "too many length or distance symbols",
    4: "invalid code lengths set",
    5: "invalid bit length repeat",
    6: "invalid literal/lengths set",
    7: "invalid distances set",
    8: "invalid literal/length code",
    9: "invalid distance code",
    10: "invalid distance too far back",
    11: "invalid code -- missing end-of-block",
}


class Whole:
    """A decoder for whole streams, and memory for short outputs. To be used by one thread at a time."""

    __slots__ = ("_decoder", "memory", "out", "window")

    ROOM = len(ffi.new("whole *").out)

    def __init__(self) -> None:
        self.memory = new_uncleared("whole *")
        self._decoder = ffi.addressof(self.memory, "decoder")
        self.out = self.memory.out
        self.window = ffi.buffer(self.out)

    def begin(self, data: Any, start: int, end: int, room: int) -> int:
        """A new stream, from data[start:end] to `out`, as far as `room`; returns the answer."""
        return int(_begin(self._decoder, data, start, end, self.out, room))

    def run(self, data: Any, start: int, end: int, out: Any, o: int, cap: int) -> int:
        """Go on from data[start:end] to out[o:cap]; out[:o] is the history: its last 32,768 bytes are looked at."""
        return int(_run(self._decoder, data, start, end, out, o, cap))

    @property
    def reached(self) -> tuple[int, int]:
        """How far the latest call came in the input, and how far in the output."""
        return self._decoder.position, self._decoder.size

    def reason(self) -> str:
        """Why the input is invalid, after this was the answer."""
        return reason(self._decoder)


def reason(decoder: Any) -> str:
    """Why the input is invalid, after this was the answer of this decoder."""
    return _REASONS.get(decoder.state[4], "invalid data")


def checksum_of(kind: Kind, address: Any, size: int, value: int) -> int:
    """The checksum that a stream of this kind carries, carried on by `size` bytes."""
    return int(_checksum(KINDS[kind], address, size, value))


def adler32(data: Any, value: int = 1, /) -> int:
    """The Adler-32 of `data`, carried on from `value`."""
    view = data if type(data) is bytes else ffi.from_buffer("uint8_t[]", data)
    return int(_adler32(view, len(view), value & 0xFFFFFFFF))


def crc32(data: Any, value: int = 0, /) -> int:
    """The CRC-32 of `data`, carried on from `value`."""
    view = data if type(data) is bytes else ffi.from_buffer("uint8_t[]", data)
    return int(_crc32(view, len(view), value & 0xFFFFFFFF))


def crc32_combine(first: int, second: int, second_length: int, /) -> int:
    """The CRC-32 of two parts together, from theirs and the length of the second."""
    return int(_crc32_join(first & 0xFFFFFFFF, second & 0xFFFFFFFF, second_length))
