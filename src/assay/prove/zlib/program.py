"""The verified programs as C functions: inflate with the memory that it keeps, CRC-32 and Adler-32.

They come from the components `zlib`, `crc32` and `adler32`; cffi lets go of the GIL while one of them runs. What the
functions ask of their caller is seen to here and in the callers: sizes of arrays, bounds, no overlap.
"""

from typing import Any

from cffi import FFI  # type: ignore[import-untyped]

from assay.prove.loading import library

MORE_INPUT, MORE_ROOM, DONE, INVALID = 0, 2, 3, 4  # what zlib_inflate answers
HISTORY = 1 << 15  # bytes: no distance reaches further back
LONGEST = 258  # bytes of one copy: with room for it the program takes its fast way
EXPANSION = 1032  # bytes that can come of one: theorem `expansion`

ffi = FFI()
ffi.cdef("""
typedef struct {  /* sizes as the program has them */
  uint64_t state[10];
  uint8_t lens[320];
  uint32_t lit_table[2048]; uint16_t lit_count[16]; uint16_t lit_sym[288];
  uint32_t dist_table[512]; uint16_t dist_count[16]; uint16_t dist_sym[32];
  uint64_t results[3];
} decoder;
void zlib_inflate(const uint8_t *input, uint8_t *out, uint64_t *state, uint8_t *lens,
  uint32_t *lit_table, uint16_t *lit_count, uint16_t *lit_sym,
  uint32_t *dist_table, uint16_t *dist_count, uint16_t *dist_sym,
  uint64_t from, uint64_t end, uint64_t o, uint64_t cap, uint64_t *go, uint64_t *position, uint64_t *size);
uint64_t adler32_update(const uint8_t *data, uint64_t size, uint64_t value);
uint64_t crc32_update(const uint8_t *data, uint64_t size, uint64_t value);
uint64_t crc32_join(uint64_t first, uint64_t second, uint64_t second_length);
int memcmp(const void *, const void *, size_t);
""")
_inflate = ffi.dlopen(str(library("zlib"))).zlib_inflate
_adler32 = ffi.dlopen(str(library("adler32"))).adler32_update
_crc32_library = ffi.dlopen(str(library("crc32")))
_crc32, _crc32_join = _crc32_library.crc32_update, _crc32_library.crc32_join
memcmp = ffi.dlopen(None).memcmp

_UNUSED = bytes(80)  # the state of a decoder that has read nothing
_new = ffi.new_allocator(should_clear_after_alloc=False)

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


_DECODER = ffi.typeof("decoder *")


class Decoder:
    """What the program keeps from one call to the next. To be used by one thread at a time."""

    __slots__ = ("_arrays", "_memory", "_places", "_results")

    def __init__(self) -> None:
        m = self._memory = _new(_DECODER)
        tables = m.lit_table, m.lit_count, m.lit_sym, m.dist_table, m.dist_count, m.dist_sym
        self._arrays = m.state, m.lens, *tables
        self._results = results = m.results
        self._places = results, results + 1, results + 2
        self.reset()

    def run(self, data: Any, start: int, end: int, out: Any, o: int, cap: int) -> tuple[int, int, int]:
        """From data[start:end] to out[o:cap]; out[:o] is the history, of which the last 32,768 bytes are looked at.

        Returns the answer, how far it came in `data`, and how far in `out`.
        """
        _inflate(data, out, *self._arrays, start, end, o, cap, *self._places)
        answer, position, size = self._results
        return answer, position, size

    def reset(self) -> None:
        """As new: only the ten words of the state matter then."""
        ffi.memmove(self._memory, _UNUSED, len(_UNUSED))

    def reason(self) -> str:
        """Why the input is invalid, after this was the answer."""
        return _REASONS.get(self._memory.state[4], "invalid data")

    def copy(self) -> "Decoder":
        other = Decoder()
        ffi.memmove(other._memory, self._memory, ffi.sizeof("decoder"))
        return other


def checksum_of(kind: str, address: Any, size: int, value: int) -> int:
    """The checksum that a stream of this kind carries, carried on by `size` bytes."""
    if kind == "zlib":
        return int(_adler32(address, size, value))
    return int(_crc32(address, size, value)) if kind == "gzip" else 0


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
