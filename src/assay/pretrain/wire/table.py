"""The table of a payload: which tensors it holds, by name and shape, in few bytes and one way only.

Names are split at their dots into a tree. A subtree that was written before (the same names and shapes, as one layer of
a model is like the next) is written as a reference, so a table hardly grows with the number of layers. References could
blow up without bound: tensors and elements are counted before any name is put together.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.pretrain.wire.errors import WireError
from assay.pretrain.wire.layout import Layout

MAX_NAME = 255  # bytes of a tensor's whole name
MAX_DEPTH = 32  # parts of a name
MAX_DIMENSIONS = 8
MAX_SIZE = 1 << 40  # of one dimension
_PART = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REFERENCE = 0  # a node's first number, where the node is one that was written before
_KINDS = MAX_DIMENSIONS + 2  # no shape, or 0 to 8 dimensions

Shape = tuple[int, ...]
_Identity = tuple[Shape | None, tuple[tuple[str, int], ...]]  # a node's shape, and its parts with their nodes' numbers


@dataclass
class _Node:
    """What stands under one part of a name: a tensor's shape, or more parts, or (rarely) both."""

    shape: Shape | None = None
    parts: dict[str, "_Node"] = field(default_factory=dict)


def ordered(shapes: Mapping[str, Shape]) -> list[str]:
    """Names in the order in which a payload holds them: part by part, by their bytes; a name before its extensions."""
    return sorted(shapes, key=lambda name: name.split("."))


# Writing -------------------------------------------------------------------------------------------------------------


def write_table(shapes: Mapping[str, Shape]) -> bytes:
    """The table's bytes. `WireError` if a name or a shape has no place in the format."""
    root = _Node()
    for name, shape in shapes.items():
        if len(shape) > MAX_DIMENSIONS or not all(0 <= size <= MAX_SIZE for size in shape):
            raise WireError("shape", f"{name[:60]!r} has more than {MAX_DIMENSIONS} dimensions, or one above 2^40.")
        node = root
        for part in _parts_of(name):
            node = node.parts.setdefault(part, _Node())
        node.shape = tuple(shape)
    out = bytearray()
    _write(root, out, {})
    return bytes(out)


def _parts_of(name: str) -> list[str]:
    parts = name.split(".")
    if len(name) > MAX_NAME or len(parts) > MAX_DEPTH or not all(_PART.fullmatch(part) for part in parts):
        raise WireError(
            "name",
            f"{name[:60]!r} cannot be a tensor's name: use letters, digits, - and _, up to 64 between dots.",
        )
    return parts


def _write(node: _Node, out: bytearray, known: dict[_Identity, int]) -> int:
    """Write a node and what is under it, or a reference to its like. Returns its number."""
    mark = len(out)
    _write_number(out, 1 + len(node.parts) * _KINDS + (0 if node.shape is None else 1 + len(node.shape)))
    for size in node.shape or ():
        _write_number(out, size)
    numbers = []
    for part in sorted(node.parts):
        out.append(len(part))
        out += part.encode("ascii")
        numbers.append((part, _write(node.parts[part], out, known)))
    identity = (node.shape, tuple(numbers))
    if identity in known:  # so is everything under it: no number was given since `mark`
        del out[mark:]
        out.append(_REFERENCE)
        _write_number(out, known[identity])
    return known.setdefault(identity, len(known))


def _write_number(out: bytearray, number: int) -> None:
    """LEB128: seven bits a byte, lowest first."""
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


# Reading -------------------------------------------------------------------------------------------------------------


class _Reader:
    """Reads nodes, and counts what they stand for without putting any name together."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.nodes: list[_Identity] = []
        self.known: dict[_Identity, int] = {}
        self.tensors: list[int] = []  # under each node
        self.elements: list[int] = []

    def node(self, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise WireError("depth", f"The table nests deeper than {MAX_DEPTH} parts of a name.")
        head = self.number()
        if head == _REFERENCE:
            target = self.number()
            if target >= len(self.nodes):
                raise WireError("reference", "The table refers to something that it has not written before.")
            return target
        count, kind = divmod(head - 1, _KINDS)
        shape = None if kind == 0 else tuple(self.number() for _ in range(kind - 1))
        if shape is not None and any(size > MAX_SIZE for size in shape):
            raise WireError("shape", "The table has a dimension above 2^40.")
        if count > len(self.data) - self.at:  # every part takes bytes
            raise WireError("table", "The table announces more names than its bytes can hold.")
        if not count and shape is None and depth:
            raise WireError("table", "The table has a name that stands for no tensor.")
        return self.settle(shape, self.parts(count, depth))

    def parts(self, count: int, depth: int) -> tuple[tuple[str, int], ...]:
        parts: list[tuple[str, int]] = []
        for _ in range(count):
            part = self.part()
            if parts and part <= parts[-1][0]:
                raise WireError("order", "The names in the table are not in ascending order, or one stands twice.")
            parts.append((part, self.node(depth + 1)))
        return tuple(parts)

    def settle(self, shape: Shape | None, parts: tuple[tuple[str, int], ...]) -> int:
        identity = (shape, parts)
        if identity in self.known:
            raise WireError("repetition", "The table writes something twice where it must refer to the first time.")
        self.known[identity] = len(self.nodes)
        self.nodes.append(identity)
        self.tensors.append((shape is not None) + sum(self.tensors[number] for _, number in parts))
        own = math.prod(shape) if shape is not None else 0
        self.elements.append(own + sum(self.elements[number] for _, number in parts))
        return len(self.nodes) - 1

    def part(self) -> str:
        length = self.data[self.at] if self.at < len(self.data) else 0
        raw = self.data[self.at + 1 : self.at + 1 + length]
        text = raw.decode("latin-1")
        if len(raw) != length or not _PART.fullmatch(text):
            raise WireError("name", "The table has a name that is not of letters, digits, - and _, or no name at all.")
        self.at += 1 + length
        return text

    def number(self) -> int:
        value = shift = 0
        while True:
            if self.at >= len(self.data):
                raise WireError("table", "The table ends within an entry.")
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 42:
                raise WireError("number", "The table has a number of more than 49 bits.")
        if byte == 0 and shift:
            raise WireError("number", "The table has a number that is written longer than it needs.")
        return value


def read_table(data: bytes, tensors: int, max_elements: int) -> dict[str, Shape]:
    """Names and shapes, in order. There must be as many `tensors`; memory and time are bounded by them and `data`."""
    reader = _Reader(data)
    root = reader.node(0)
    if reader.at != len(data):
        raise WireError("table", f"The table has {len(data) - reader.at} bytes too many.")
    if reader.tensors[root] != tensors:
        raise WireError("tensors", f"The table has {reader.tensors[root]} tensors, the header announces {tensors}.")
    if reader.elements[root] > max_elements:
        raise WireError("elements", f"The tensors have {reader.elements[root]} elements; the limit is {max_elements}.")
    shapes: dict[str, Shape] = {}
    _expand(reader.nodes, root, "", shapes, 0)
    for shape in set(shapes.values()):
        if Layout.of(shape).columns > MAX_SIZE:
            raise WireError("shape", "The table has a tensor whose rows have more than 2^40 elements.")
    return shapes


def _expand(nodes: list[_Identity], number: int, name: str, shapes: dict[str, Shape], depth: int) -> None:
    if len(name) > MAX_NAME or depth > MAX_DEPTH:
        raise WireError("name", f"The table has a name of more than {MAX_NAME} characters or {MAX_DEPTH} parts.")
    shape, parts = nodes[number]
    if shape is not None:
        if not name:
            raise WireError("name", "The table has a tensor without a name.")
        shapes[name] = shape
    for part, child in parts:
        _expand(nodes, child, f"{name}.{part}" if name else part, shapes, depth + 1)
