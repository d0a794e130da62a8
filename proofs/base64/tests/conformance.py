"""Base64 against CPython's binascii: generated inputs, and CPython's own tests with the component in its place."""

import base64
import binascii
import types
import unittest
from unittest import mock

try:
    from test import test_base64
except ImportError:
    test_base64 = None

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def encode(data):
    return binascii.b2a_base64(data, newline=False)


def decode(text):
    """What binascii decodes strictly and would have written itself: it lets left-over bits through."""
    data = binascii.a2b_base64(text, strict_mode=True)
    if binascii.b2a_base64(data, newline=False) != text:
        raise ValueError("bits are left over")
    return data


ORIGINAL = {"encode": encode, "decode": decode}


def spoiled(text, random):
    """A text with something changed: a character, a pad, the length, the order."""
    text = bytearray(text)
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        place = random.randrange(len(text) + 1)
        change = random.randrange(6)
        if change == 0:
            text.insert(place, random.choice(b"=\n-_ A/\x00\xff"))
        elif change == 1:
            del text[place:]
        elif text and change == 2:
            text[place % len(text)] = random.randrange(256)
        elif text and change == 3:
            text[-1 - place % min(4, len(text))] = random.choice(ALPHABET + b"====")
        elif text and change == 4:
            del text[place % len(text)]
        else:
            text += random.choice((b"=", b"==", b"A", b"AA==", b"\n"))
    return bytes(text)


def inputs(entry, random):
    while True:
        data = random.randbytes(random.choice((0, 1, 2, 3, 4, 5, 6, random.randrange(120))))
        if entry == "encode":
            yield (data,)
        elif random.random() < 0.1:
            yield (bytes(random.choice(ALPHABET + b"==") for _ in range(4 * random.randrange(5))),)
        else:
            yield (spoiled(encode(data), random),)


def stand_in(component):
    """The module binascii with the component's functions. Its lenient decoder is made of the strict one."""

    def b2a_base64(data, *, newline=True):
        return component.encode(data) + (b"\n" if newline else b"")

    def a2b_base64(data, *, strict_mode=False):
        try:
            return component.decode(data if strict_mode else tidied(bytes(memoryview(data))))
        except ValueError as error:
            raise binascii.Error(str(error)) from None

    names = {name: getattr(binascii, name) for name in dir(binascii) if not name.startswith("_")}
    return types.SimpleNamespace(**{**names, "b2a_base64": b2a_base64, "a2b_base64": a2b_base64})


def tidied(text):
    """The letters of a text up to its pads, the left-over bits cleared: what a lenient decoder reads."""
    letters, pads = bytearray(), 0
    for c in text:
        if c == ord("="):
            pads += 1
            if len(letters) % 4 >= 2 and len(letters) % 4 + pads >= 4:
                break
        elif c in ALPHABET:
            letters.append(c)
            pads = 0
    else:
        if len(letters) % 4:
            raise ValueError("the last group is not complete")
    left = -len(letters) % 4
    if left:
        letters[-1] = ALPHABET[ALPHABET.index(letters[-1]) >> 2 * left << 2 * left]
    return bytes(letters) + b"=" * left


def suite(component):
    """CPython's tests of base64 (not those of base32, base16, base85 and of the command line)."""
    if test_base64 is None:
        return None

    def with_component(case):
        class Base64(case):
            def run(self, result=None):
                with mock.patch.object(base64, "binascii", stand_in(component)):
                    return super().run(result)

        names = unittest.TestLoader().getTestCaseNames(Base64)
        apart = ("b32", "b16", "a85", "b85")
        return unittest.TestSuite(Base64(name) for name in names if not any(word in name for word in apart))

    return unittest.TestSuite(map(with_component, (test_base64.LegacyBase64TestCase, test_base64.BaseXYTestCase)))
