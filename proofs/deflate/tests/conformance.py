"""Deflate: zlib decompresses what was compressed to the same bytes; it is not much larger than at zlib's level 1."""

import random
import unittest
import zlib

ORIGINAL = {}  # compressors differ in what they write: what they write is read back instead
WORDS = b"the of and to in is that for it was on are as with be at this from have by not but what all were when".split()


def samples():
    """Bytes of several kinds and lengths, the same at every run."""
    source = random.Random(1951)
    for n in (0, 1, 2, 3, 10, 257, 258, 259, 1000, 32768, 32769, 65535, 65536, 70000):
        yield source.randbytes(n)
        yield bytes(n)
        yield bytes(source.choice(b"abc") for _ in range(n))
        yield text(source, n)


def text(source, n):
    return b" ".join(source.choice(WORDS) for _ in range(n // 3))[:n]


def suite(component):
    class Deflate(unittest.TestCase):
        def test_what_is_compressed_is_read_back(self):
            for data in samples():
                self.assertEqual(zlib.decompress(component.deflate(data), -15), data)

        def test_random_inputs_are_read_back(self):
            source = random.Random(15)
            for _ in range(2000):
                data = source.randbytes(source.randrange(8)) * source.randrange(1, 60)
                self.assertEqual(zlib.decompress(component.deflate(data), -15), data)

        def test_text_is_at_most_a_fifth_larger_than_at_level_1(self):
            data = text(random.Random(7), 300_000)
            raw = zlib.compressobj(1, zlib.DEFLATED, -15)
            self.assertLessEqual(len(component.deflate(data)), 1.2 * len(raw.compress(data) + raw.flush()))

    return unittest.defaultTestLoader.loadTestsFromTestCase(Deflate)
