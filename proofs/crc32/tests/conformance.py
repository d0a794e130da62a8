"""CRC-32 against zlib's: generated inputs, and CPython's own tests of `zlib.crc32` with the component in its place."""

import ctypes
import unittest
import zlib
from unittest import mock

from test import test_zlib

# The function that combines is in the C library only.
_COMBINE = ctypes.CDLL("libz.so.1").crc32_combine
_COMBINE.argtypes = (ctypes.c_ulong, ctypes.c_ulong, ctypes.c_long)
_COMBINE.restype = ctypes.c_ulong

ORIGINAL = {"crc32": zlib.crc32, "crc32_combine": _COMBINE}
HIDDEN = ("libz.so*",)

# Around the sixteen bytes of one round, and around the blocks of zlib's own braided loops.
LENGTHS = (0, 1, 15, 16, 17, 31, 32, 33, 39, 40, 41, 80, 4095, 4096, 4097)


def checksum(random):
    """Any value that a checksum can have."""
    return random.randrange(2**32)


def inputs(entry, random):
    """(data, running value); any 32-bit value can be carried on from."""
    while entry == "crc32_combine":
        yield checksum(random), checksum(random), random.randrange(1 << random.randrange(1, 63))
    while True:
        length = random.choice(LENGTHS) if random.random() < 0.02 else random.randrange(200)
        yield random.randbytes(length), checksum(random)


def suite(component):
    """CPython's tests of checksums that speak of CRC-32, run against the component."""

    class Crc32(test_zlib.ChecksumTestCase):
        def run(self, result=None):
            with mock.patch.object(test_zlib.zlib, "crc32", component.crc32):
                return super().run(result)

    names = [name for name in unittest.TestLoader().getTestCaseNames(Crc32) if "adler32empty" not in name]
    return unittest.TestSuite(map(Crc32, names))
