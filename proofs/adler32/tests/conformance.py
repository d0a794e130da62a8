"""Adler-32 against zlib: generated inputs, and CPython's own tests of it with the component in its place."""

import ctypes
import unittest
import zlib
from unittest import mock

from test import test_zlib

# The function that combines is in the C library only.
_COMBINE = ctypes.CDLL("libz.so.1").adler32_combine
_COMBINE.argtypes = (ctypes.c_ulong, ctypes.c_ulong, ctypes.c_long)
_COMBINE.restype = ctypes.c_ulong

ORIGINAL = {"adler32": zlib.adler32, "adler32_combine": _COMBINE}
HIDDEN = ("libz.so*",)

# Around the batch of 5552 bytes, and around zlib's own unrolling by 16.
LENGTHS = (0, 1, 15, 16, 17, 5551, 5552, 5553, 11104, 11105)


def checksum(random):
    """Any value that a checksum can have."""
    return random.randrange(65521) << 16 | random.randrange(65521)


def inputs(entry, random):
    """(data, running value), the value a checksum; long runs of 255 make the sums as large as they get."""
    while entry == "adler32_combine":
        yield checksum(random), checksum(random), random.randrange(1 << random.randrange(1, 63))
    while True:
        length = random.choice(LENGTHS) if random.random() < 0.02 else random.randrange(200)
        data = b"\xff" * length if random.random() < 0.1 else random.randbytes(length)
        yield data, checksum(random)


def suite(component):
    """CPython's tests of checksums that speak of Adler-32, run against the component."""

    class Adler32(test_zlib.ChecksumTestCase):
        def run(self, result=None):
            with mock.patch.object(test_zlib.zlib, "adler32", component.adler32):
                return super().run(result)

    names = [name for name in unittest.TestLoader().getTestCaseNames(Adler32) if "crc32" not in name]
    return unittest.TestSuite(map(Adler32, names))
