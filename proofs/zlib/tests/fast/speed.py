"""The printed C of the fast decoder beside C zlib: both through ctypes, in turns, the best of many.

sh build.sh FOLDER && python speed.py FOLDER/inflate.so FILE...
"""

import ctypes
import sys
import time
import zlib
from pathlib import Path

from decoder import DONE, Decoder

Z_FINISH, Z_STREAM_END = 4, 1


class _Stream(ctypes.Structure):
    _fields_ = (
        ("next_in", ctypes.c_void_p),
        ("avail_in", ctypes.c_uint),
        ("total_in", ctypes.c_ulong),
        ("next_out", ctypes.c_void_p),
        ("avail_out", ctypes.c_uint),
        ("total_out", ctypes.c_ulong),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", ctypes.c_ulong),
        ("reserved", ctypes.c_ulong),
    )


def compare(library: ctypes.CDLL, data: bytes) -> tuple[float, float]:
    """Bytes a second: ours, zlib's. Both decoders keep their memory from one call to the next."""
    encoder = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = encoder.compress(data) + encoder.flush()
    out = ctypes.create_string_buffer(len(data) + 300)
    held = ctypes.create_string_buffer(packed, len(packed))
    theirs, stream = ctypes.CDLL("libz.so.1"), _Stream()
    theirs.inflateInit2_(ctypes.byref(stream), -15, b"1.2.13", ctypes.sizeof(_Stream))
    best = [float("inf")] * 2
    for _ in range(max(20, min(2000, 40_000_000 // (len(data) + 1)))):
        decoder = Decoder(library)
        started = time.perf_counter()
        answer, _, size = decoder.run(packed, out, (0, len(packed), 0, len(data) + 300))
        best[0] = min(best[0], time.perf_counter() - started)
        assert answer == DONE and size == len(data)  # noqa: S101
        theirs.inflateReset(ctypes.byref(stream))
        stream.next_in, stream.avail_in = ctypes.addressof(held), len(packed)
        stream.next_out, stream.avail_out = ctypes.addressof(out), len(data) + 300
        started = time.perf_counter()
        ended = theirs.inflate(ctypes.byref(stream), Z_FINISH)
        best[1] = min(best[1], time.perf_counter() - started)
        assert ended == Z_STREAM_END  # noqa: S101
    theirs.inflateEnd(ctypes.byref(stream))
    return len(data) / best[0], len(data) / best[1]


def main() -> int:
    library = ctypes.CDLL(str(Path(sys.argv[1]).resolve()))
    for name in sys.argv[2:]:
        data = Path(name).read_bytes()[:1_000_000]
        ours, theirs = compare(library, data)
        sys.stdout.write(
            f"{name}, {len(data)} bytes: {ours / 1e6:.0f} MB/s, zlib {theirs / 1e6:.0f}, ratio {ours / theirs:.2f}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
