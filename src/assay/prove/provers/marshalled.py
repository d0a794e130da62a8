"""Reads what OCaml's `Marshal` wrote, and the segments of a compiled file of Rocq. Believes nothing of what it reads.

Integers become `int`, strings `bytes`, blocks `Block`; what was shared stays shared. Functions and custom values are
refused: none belongs into the segments that are read here.
"""

import struct
from dataclasses import dataclass

MAGIC_VO = 0x436F7121  # "Coq!"
_SMALL, _BIG = 0x8495A6BE, 0x8495A6BF
_DOUBLE_TAG = 253
MOST_OBJECTS = 5_000_000  # about a gigabyte while they are looked at


class NotMarshalled(ValueError):
    """Bytes that are not what they should be."""


class Block:
    """A tagged block of OCaml."""

    __slots__ = ("fields", "tag")

    def __init__(self, tag: int) -> None:
        self.tag = tag
        self.fields: list[Value] = []


Value = int | bytes | float | Block


@dataclass(frozen=True)
class _Item:
    """What was read next: a finished value, or a block whose fields follow."""

    value: Value
    size: int = 0


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.objects: list[Value] = []

    def take(self, form: str) -> int:
        size = struct.calcsize(form)
        if self.at + size > len(self.data):
            raise NotMarshalled("it ends too early")
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += size
        return int(value)

    def raw(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise NotMarshalled("a string ends too late")
        found = self.data[self.at : self.at + size]
        self.at += size
        return found

    def new(self, value: Value) -> None:
        self.objects.append(value)
        if len(self.objects) > MOST_OBJECTS:
            raise NotMarshalled("it holds too many objects")

    def shared(self, distance: int) -> Value:
        if not 1 <= distance <= len(self.objects):
            raise NotMarshalled("it points to nothing")
        return self.objects[-distance]

    def block(self, tag: int, size: int) -> _Item:
        found = Block(tag)
        if size > len(self.data):
            raise NotMarshalled("a block is larger than the file")
        if size:
            self.new(found)
        return _Item(found, size)

    def string(self, size: int) -> _Item:
        value = self.raw(size)
        self.new(value)
        return _Item(value)

    def double(self, form: str) -> _Item:
        (value,) = struct.unpack(form, self.raw(8))
        self.new(float(value))
        return _Item(float(value))

    def next(self) -> _Item:
        code = self.take(">B")
        if code >= 0x80:
            return self.block(code & 0xF, (code >> 4) & 0x7)
        if code >= 0x40:
            return _Item(code & 0x3F)
        if code >= 0x20:
            return self.string(code & 0x1F)
        if code in _INTEGERS:
            return _Item(self.take(_INTEGERS[code]))
        if code in _SHARED:
            return _Item(self.shared(self.take(_SHARED[code])))
        if code in _STRINGS:
            return self.string(self.take(_STRINGS[code]))
        if code in (0x08, 0x13):
            header = self.take(">I" if code == 0x08 else ">Q")
            return self.block(header & 0xFF, header >> 10)
        if code in (0x0B, 0x0C):
            return self.double(">d" if code == 0x0B else "<d")
        raise NotMarshalled(f"the code {code:#x} does not belong there")


_INTEGERS = {0x00: ">b", 0x01: ">h", 0x02: ">i", 0x03: ">q"}
_SHARED = {0x04: ">B", 0x05: ">H", 0x06: ">I", 0x14: ">Q"}
_STRINGS = {0x09: ">B", 0x0A: ">I", 0x15: ">Q"}


def unmarshal(data: bytes, at: int = 0) -> Value:
    """The value that was written at `at`. `NotMarshalled` if there is none."""
    reader = _Reader(data, at)
    magic = reader.take(">I")
    if magic == _SMALL:
        reader.at += 16
    elif magic == _BIG:
        reader.at += 28
    else:
        raise NotMarshalled("it does not begin as it should")
    first = reader.next()
    open_blocks: list[tuple[Block, int]] = []
    if first.size and isinstance(first.value, Block):
        open_blocks.append((first.value, first.size))
    while open_blocks:
        block, size = open_blocks[-1]
        if len(block.fields) == size:
            open_blocks.pop()
            continue
        item = reader.next()
        block.fields.append(item.value)
        if item.size and isinstance(item.value, Block):
            open_blocks.append((item.value, item.size))
    return first.value


def segments(data: bytes) -> dict[str, tuple[int, int]]:
    """The segments of a compiled file by name: where each begins, and its length."""
    reader = _Reader(data, 0)
    if reader.take(">I") != MAGIC_VO:
        raise NotMarshalled("it is not a compiled file")
    reader.take(">I")
    reader.at = reader.take(">Q")
    found = {}
    for _ in range(min(reader.take(">I"), 64)):
        name = reader.raw(reader.take(">I")).decode("ascii", "replace")
        start, size = reader.take(">Q"), reader.take(">Q")
        reader.raw(16)
        found[name] = (start, size)
    return found
