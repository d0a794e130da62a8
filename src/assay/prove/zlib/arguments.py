"""Arguments as the standard module `zlib` takes them, with its errors."""

import operator
from typing import Any, SupportsIndex

Data = bytes | memoryview  # of bytes


def c_integer(value: SupportsIndex, bits: int) -> int:
    """A number that C could hold in a signed integer with `bits` bits and a sign."""
    number = operator.index(value)
    if number >> bits not in (0, -1):
        raise OverflowError(f"Python int too large to convert to C {'int' if bits == 31 else 'ssize_t'}")
    return number


def contiguous(data: Any) -> Data:
    """A buffer as bytes, without a copy."""
    if type(data) is bytes:
        return data
    view = memoryview(data)
    if not view.c_contiguous:
        raise BufferError("memoryview: underlying buffer is not C-contiguous")
    return view.cast("B")


def dictionary(zdict: Any) -> bytes:
    """A preset dictionary, kept as long as the stream."""
    try:
        return bytes(contiguous(zdict))
    except TypeError:
        raise TypeError("zdict argument must support the buffer protocol") from None
