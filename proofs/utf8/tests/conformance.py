"""UTF-8 validation against `bytes.decode`: generated inputs, and CPython's own tests of its UTF-8 codec, run with a
codec whose every decision on what is well-formed is the component's."""

import codecs
import unittest

try:
    from test import test_codecs
except ImportError:
    test_codecs = None

NAME = "verified-utf-8"


def valid_up_to(data):
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(data)


def valid(data):
    return valid_up_to(data) == len(data)


ORIGINAL = {"valid_up_to": valid_up_to, "valid": valid}

# Bounds of the rows of the Unicode Standard's table 3-7, and their neighbours.
EDGES = (
    *(0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF),
    *(0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF),
)
POINTS = (0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0x10FFFF)


def text(random):
    """Well-formed bytes: runs of one kind of character, ASCII among them."""
    parts = []
    for _ in range(random.randrange(8)):
        kind = random.randrange(5)
        n = random.randrange(1, 20)
        if kind < 2:
            parts.append(bytes(random.randrange(128) for _ in range(n)))
        elif kind == 2:
            parts.append("".join(chr(random.choice(POINTS)) for _ in range(n)).encode())
        else:
            low, high = random.choice(((0x80, 0x800), (0x800, 0xD800), (0xE000, 0x10000), (0x10000, 0x110000)))
            parts.append("".join(chr(random.randrange(low, high)) for _ in range(n)).encode())
    return b"".join(parts)


def inputs(entry, random):
    while True:
        kind = random.random()
        if kind < 0.3:
            yield (bytes(random.choice(EDGES) for _ in range(random.randrange(8))),)
            continue
        data = bytearray(text(random))
        if data and kind < 0.85:
            place = random.randrange(len(data))
            change = random.randrange(3)
            if change == 0:
                data[place] = random.choice(EDGES)
            elif change == 1:
                data[place:place] = bytes(random.choice(EDGES) for _ in range(random.randrange(1, 4)))
            else:
                del data[place : place + random.randrange(1, 5)]
        yield (bytes(data),)


class Codec:
    """Decoding in terms of one question: how far are these bytes well-formed?"""

    def __init__(self, valid_up_to):
        self.valid_up_to = valid_up_to

    def begins(self, piece):
        """Whether more bytes could make a sequence of this."""
        tails = [bytes([b]) * n for b in (0x80, 0xBF) for n in (1, 2, 3)]
        return len(piece) < 4 and any(self.valid_up_to(piece + tail) > len(piece) - 1 for tail in tails)

    def waits(self, piece):
        """The same, and half of what the handler surrogatepass would take, for which CPython's decoder waits too."""
        return self.begins(piece) or (len(piece) == 2 and piece[0] == 0xED and 0xA0 <= piece[1] <= 0xBF)

    def decode(self, data, errors="strict", final=True):
        data, at, out = bytes(data), 0, []
        while True:
            k = self.valid_up_to(data[at:])
            out.append(str(data[at : at + k], "utf-8"))
            at += k
            rest = data[at:]
            if not rest or (not final and self.waits(rest)):
                return "".join(out), at
            span = max((n for n in (1, 2, 3) if n <= len(rest) and self.begins(rest[:n])), default=1)
            error = UnicodeDecodeError("utf-8", data, at, at + span, "not well-formed")
            said, at = codecs.lookup_error(errors)(error)
            out.append(said)

    def information(self):
        codec = self

        class Incremental(codecs.BufferedIncrementalDecoder):
            def _buffer_decode(self, data, errors, final):
                return codec.decode(data, errors, final)

        class Reader(codecs.StreamReader):
            def decode(self, data, errors="strict"):
                return codec.decode(data, errors, False)

        class Writer(codecs.StreamWriter):
            def encode(self, said, errors="strict"):
                return codecs.utf_8_encode(said, errors)

        class Encoder(codecs.IncrementalEncoder):
            def encode(self, said, final=False):
                return codecs.utf_8_encode(said, self.errors)[0]

        return codecs.CodecInfo(
            name=NAME,
            encode=codecs.utf_8_encode,
            decode=codec.decode,
            incrementalencoder=Encoder,
            incrementaldecoder=Incremental,
            streamreader=Reader,
            streamwriter=Writer,
        )


def suite(component):
    """CPython's tests of its UTF-8 codec."""
    if test_codecs is None:
        return None
    information = Codec(component.valid_up_to).information()

    def search(name):
        return information if name.replace("_", "-") == NAME else None

    class Utf8(test_codecs.UTF8Test):
        encoding = NAME

        @classmethod
        def setUpClass(cls):
            codecs.register(search)

        @classmethod
        def tearDownClass(cls):
            codecs.unregister(search)

    return unittest.TestSuite(map(Utf8, unittest.TestLoader().getTestCaseNames(Utf8)))
