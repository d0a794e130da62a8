"""The printed C of the fast decoder from Python, for tests: the buffers that it needs, and one call."""

import ctypes

MORE_INPUT, MORE_ROOM, DONE, INVALID = 0, 2, 3, 4


class Decoder:
    """A decoder's state: it stays valid from one call to the next."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._inflate = library.zlib_inflate
        self._inflate.restype = None
        u8, u16, u32, u64 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64
        # state, lens, lit_table, lit_count, lit_sym, dist_table, dist_count, dist_sym: sizes as in src/Decoder.v
        self._arrays = (
            (u64 * 10)(),
            (u8 * 320)(),
            (u32 * 2048)(),
            (u16 * 16)(),
            (u16 * 288)(),
            (u32 * 512)(),
            (u16 * 16)(),
            (u16 * 32)(),
        )
        self._results = (u64(), u64(), u64())

    def run(
        self, data: bytes, out: ctypes.Array[ctypes.c_char], bounds: tuple[int, int, int, int]
    ) -> tuple[int, int, int]:
        """From data[a:b] to out[c:d], for bounds a, b, c, d; out[:c] is the history.

        Returns the answer, the position in data, and the size of out.
        """
        places = map(ctypes.c_uint64, bounds)
        self._inflate(data, out, *self._arrays, *places, *map(ctypes.byref, self._results))
        answer, position, size = (result.value for result in self._results)
        return answer, position, size
