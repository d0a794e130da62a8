"""Inflate against C zlib: generated and spoiled streams, and CPython's own tests with the component in zlib's place."""

import types
import unittest
import zlib
from unittest import mock

try:
    from test import test_zlib
except ImportError:
    test_zlib = None


def inflate(data):
    return _decoded(data)[0]


def taken(data):
    return _decoded(data)[1]


def _decoded(data):
    decoder = zlib.decompressobj(-15)
    try:
        found = decoder.decompress(data)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not decoder.eof:
        raise ValueError("the stream is not complete")
    return found, len(data) - len(decoder.unused_data)


ORIGINAL = {"inflate": inflate, "taken": taken}
HIDDEN = ("libz.so*",)


def text(random):
    """Data of some kind: random bytes, few letters, repeats near and far."""
    size = random.choice((0, 1, 2, 7, random.randrange(300), random.randrange(3000)))
    kind = random.randrange(4)
    if kind == 0:
        return random.randbytes(size)
    if kind == 1:
        return bytes(random.choice(b"abcd \n") for _ in range(size))
    if kind == 2:
        return random.randbytes(1 + random.randrange(20)) * (1 + size // 8)
    far = random.randbytes(1 + size // 10)
    return far + bytes(random.randrange(200) * [random.randrange(256)]) + far + random.randbytes(20) + far


def stream(random):
    level, memory = random.randrange(-1, 10), random.randrange(1, 10)
    window, strategy = -random.randrange(9, 16), random.choice((0, 1, 2, 3, 4))
    encoder = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
    parts = []
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        parts.append(encoder.compress(text(random)))
        parts.append(encoder.flush(random.choice((zlib.Z_NO_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH))))
    return b"".join(parts) + encoder.flush()


def inputs(entry, random):
    while True:
        data = bytearray(stream(random) if random.random() < 0.9 else random.randbytes(random.randrange(80)))
        for _ in range(random.choice((0, 0, 0, 1, 1, 2, 5))):
            place = random.randrange(len(data) + 1)
            change = random.randrange(4)
            if change == 0:
                del data[place:]
            elif change == 1:
                data[place:place] = random.randbytes(1)
            elif data:
                place = min(place % 60, len(data) - 1) if change == 2 else place % len(data)
                data[place] ^= 1 << random.randrange(8)
        yield (bytes(data),)


def stand_in(component):
    """The module zlib, whose decompression is the component's."""

    def decompress(data, /, wbits=zlib.MAX_WBITS, bufsize=zlib.DEF_BUF_SIZE):
        data = bytes(data)
        if wbits < 0:
            return _inflated(data)
        if len(data) < 2 or (data[0] * 256 + data[1]) % 31 or data[0] & 15 != 8:
            raise zlib.error("Error -3 while decompressing data: incorrect header check")
        found = _inflated(data[2:])
        if data[2 + component.taken(data[2:]) :][:4] != zlib.adler32(found).to_bytes(4, "big"):
            raise zlib.error("Error -5 while decompressing data: incomplete or truncated stream")
        return found

    def _inflated(data):
        try:
            return component.inflate(data)
        except ValueError:
            raise zlib.error("Error -5 while decompressing data: incomplete or truncated stream") from None

    names = {name: getattr(zlib, name) for name in dir(zlib) if not name.startswith("_")}
    return types.SimpleNamespace(**{**names, "decompress": decompress})


def suite(component):
    """CPython's tests of whole streams (those of decompressors that are fed in pieces are run on assay.prove.zlib)."""
    if test_zlib is None:
        return None

    class Whole(test_zlib.CompressTestCase):
        def run(self, result=None):
            with mock.patch.object(test_zlib, "zlib", stand_in(component)):
                return super().run(result)

    return unittest.TestLoader().loadTestsFromTestCase(Whole)
