"""CRC-32 against zlib's: generated inputs, and CPython's own tests of `zlib.crc32` with the component in its place."""

import unittest
import zlib
from unittest import mock

from test import test_zlib

ORIGINAL = {"crc32": zlib.crc32}
HIDDEN = ("libz.so*",)

# Around the sixteen bytes of one round, and around the blocks of zlib's own braided loops.
LENGTHS = (0, 1, 15, 16, 17, 31, 32, 33, 39, 40, 41, 80, 4095, 4096, 4097)


def inputs(entry, random):
    """(data, running value); any 32-bit value can be carried on from."""
    while True:
        length = random.choice(LENGTHS) if random.random() < 0.02 else random.randrange(200)
        yield random.randbytes(length), random.randrange(2**32)


def suite(component):
    """CPython's tests of checksums that speak of CRC-32, run against the component."""

    class Crc32(test_zlib.ChecksumTestCase):
        def run(self, result=None):
            with mock.patch.object(test_zlib.zlib, "crc32", component.crc32):
                return super().run(result)

    names = [name for name in unittest.TestLoader().getTestCaseNames(Crc32) if "adler32empty" not in name]
    return unittest.TestSuite(map(Crc32, names))
