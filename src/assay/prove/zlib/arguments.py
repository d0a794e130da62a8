"""Arguments as the standard module `zlib` takes them, with its errors."""

import operator
from typing import Any, SupportsIndex


def c_integer(value: SupportsIndex, bits: int) -> int:
    """A number that C could hold in a signed integer with `bits` bits and a sign."""
    number = operator.index(value)
    if number >> bits not in (0, -1):
        raise OverflowError(f"Python int too large to convert to C {'int' if bits == 31 else 'ssize_t'}")
    return number


def dictionary(zdict: Any) -> bytes:
    """A preset dictionary, kept as long as the stream."""
    try:
        return bytes(memoryview(zdict).cast("B"))
    except TypeError:
        raise TypeError("zdict argument must support the buffer protocol") from None
