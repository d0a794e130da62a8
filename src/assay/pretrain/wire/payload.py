"""A payload: header, table, sections, checksum. Canonical bytes from sparse tensors, and the strict way back.

`decode` believes nothing: sizes are computed from the table and held against the limits before anything is allocated,
and what it accepts is exactly what `pack` would have written. The format is in `docs/formats/pseudo-gradient.md`.
"""

import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from torch import Tensor

from assay.pretrain.wire import coder
from assay.pretrain.wire.coder import LANES, SLACK_RAW, SLACK_WORDS, Uint16, Uint32
from assay.pretrain.wire.errors import WireError, fault
from assay.pretrain.wire.layout import CHUNK, Layout, capacities
from assay.pretrain.wire.levels import SCALE_CODES, SCALES
from assay.pretrain.wire.models import FIRST, TABLES
from assay.pretrain.wire.sparse import SparseTensor, compress
from assay.pretrain.wire.table import Shape, ordered, read_table, write_table

MAGIC = b"ASPG"
VERSION = 1
SECTION = 1 << 18  # values after which a section ends, at the end of a chunk
_HEADER = struct.Struct("<4sBBHQII")  # magic, version, bits, k, bytes in all, tensors, bytes of the table
_STREAMS = struct.Struct("<6I")  # words of each lane, raw bytes of each lane, first state of each lane
_CHECKSUM = struct.Struct("<I")
_EMPTY = (64, 2)  # k and bits of a payload without tensors
_SMALLEST = _HEADER.size + _CHECKSUM.size


@dataclass(frozen=True)
class Limits:
    """What a reader is ready to take. Memory and time of `decode` are bounded by it, whatever the bytes say."""

    shapes: Mapping[str, Shape] | None = None  # exactly these tensors
    k: int | None = None
    bits: int | None = None
    max_bytes: int = 1 << 28
    max_elements: int = 1 << 28
    max_tensors: int = 1 << 16
    max_table: int = 1 << 20  # bytes
    max_scale: float = math.inf  # of a chunk's lower level; values are at most four times as large

    @classmethod
    def of(cls, shapes: Mapping[str, Shape], *, k: int = 64, bits: int = 2, max_scale: float = math.inf) -> Self:
        """For the pseudo-gradients of one model: no legal payload is larger than `max_bytes`, however it was made."""
        table = write_table(shapes)
        grids = [Layout.of(shape) for shape in shapes.values()]
        values, chunks = sum(grid.capacity(k) for grid in grids), sum(grid.chunks for grid in grids)
        # At most 28 bits per value (12 and 13 for the index, 3 for the level), 61 for a chunk's head.
        streams = (values // SECTION + 1) * (_STREAMS.size + 8)
        return cls(
            shapes=shapes,
            k=k,
            bits=bits,
            max_bytes=_SMALLEST + len(table) + streams + 4 * values + 8 * chunks,
            max_elements=sum(math.prod(shape) for shape in shapes.values()),
            max_tensors=len(shapes),
            max_table=len(table),
            max_scale=max_scale,
        )

    @cached_property
    def table(self) -> bytes | None:
        """The only table that `shapes` allow."""
        return None if self.shapes is None else write_table(self.shapes)

    @cached_property
    def largest_scale(self) -> int:
        """The largest scale code that `max_scale` allows; -1 for none."""
        return int(np.searchsorted(SCALES[:SCALE_CODES], self.max_scale, side="right")) - 1


@dataclass(frozen=True)
class _Section:
    """Chunks that are coded together: numbers among all chunks of the payload."""

    first: int
    sizes: Uint16
    capacities: Uint16


def _sections(grids: list[Layout], k: int) -> Iterator[_Section]:
    """A section ends with the chunk at which it has room for `SECTION` values. Known from the shapes alone."""
    held: list[Uint16] = []
    room = first = 0
    for grid in grids:
        done = 0
        while done < grid.chunks:
            # No chunk keeps fewer than one value, so this many chunks are enough to fill a section.
            sizes = grid.sizes(done, min(grid.chunks, done + SECTION - room))
            sums = np.cumsum(capacities(sizes, k), dtype=np.int64)
            fits = int(np.searchsorted(sums, SECTION - room)) + 1
            held.append(sizes[:fits])
            done += len(held[-1])
            room += int(sums[len(held[-1]) - 1])
            if room >= SECTION:
                section = _joined(first, held, k)
                yield section
                first, held, room = first + len(section.sizes), [], 0
    if held:
        yield _joined(first, held, k)


def _joined(first: int, sizes: list[Uint16], k: int) -> _Section:
    joined = np.concatenate(sizes)
    return _Section(first, joined, capacities(joined, k))


# Writing -------------------------------------------------------------------------------------------------------------


def encode(tensors: Mapping[str, Tensor], k: int = 64, bits: int = 2) -> bytes:
    """The canonical payload of dense tensors: `pack(compress(...))`."""
    return pack(compress(tensors, k, bits))


def pack(sparse: Mapping[str, SparseTensor]) -> bytes:
    """The canonical payload: one byte string per content, whoever writes it. `WireError` if it is no legal content.

    All tensors must have been made with the same k and bits.
    """
    parameters = {(one.k, one.bits) for one in sparse.values()}
    if len(parameters) > 1:
        raise WireError("parameters", "The tensors of one payload have one k and one number of bits.")
    k, bits = parameters.pop() if parameters else _EMPTY
    for one in sparse.values():
        one.check()
    shapes = {name: one.shape for name, one in sparse.items()}
    table, names = write_table(shapes), ordered(shapes)
    parts = [sparse[name] for name in names]
    entries = np.concatenate([np.empty(0, np.uint16), *(one.entries for one in parts)])
    counts = np.concatenate([np.empty(0, np.uint16), *(one.counts for one in parts)])
    heads = np.concatenate([np.empty(0, np.uint32), *(one.heads for one in parts)])
    pieces, begin = [table], 0
    for section in _sections([one.layout for one in parts], k):
        end = section.first + len(section.sizes)
        written, values = _write_section(
            section, bits, entries, begin, counts[section.first : end], heads[section.first : end]
        )
        pieces += written
        begin += values
    length = _SMALLEST + sum(len(piece) for piece in pieces)
    payload = b"".join([_HEADER.pack(MAGIC, VERSION, bits, k, length, len(names), len(table)), *pieces])
    return payload + _CHECKSUM.pack(zlib.crc32(payload))


def _write_section(
    section: _Section, bits: int, entries: Uint16, begin: int, counts: Uint16, heads: Uint32
) -> tuple[list[bytes], int]:
    """The bytes of a section, and how many values it took."""
    most = np.zeros(LANES, dtype=np.int64)
    for lane in range(LANES):
        mine = counts[lane::LANES].astype(np.int64)
        most[lane] = int(mine.sum()) + int((mine + 3).sum()) // 4 + 4 * len(mine)
    symbols = np.empty((LANES, int(most.max()) + 1), dtype=np.uint32)
    raw = np.empty((LANES, int(most.max()) + 64), dtype=np.uint32)  # at most 13 bits a value and 24 a chunk
    noted, raw_bits = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    models = coder.Models(FIRST.counts.copy(), FIRST.built.copy(), FIRST.frequencies.copy(), FIRST.slots)
    values = coder.write_section(
        section.sizes, section.capacities, bits, entries, begin, counts, heads, TABLES, models,
        symbols, raw, noted, raw_bits,
    )  # fmt: skip
    if values < 0:
        raise WireError(
            "content", f"Chunk {section.first - 1 - values} holds what the format cannot: make it with compress()."
        )
    states, begins = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    words = np.empty((LANES, int(noted.max())), dtype="<u2")  # no symbol writes more than one
    coder.write_streams(symbols, noted, words, TABLES.divide, states, begins)
    streams = [words[lane, begins[lane] :].tobytes() for lane in range(LANES)]
    sides = [raw[lane].astype("<u4", copy=False).tobytes()[: (int(raw_bits[lane]) + 7) // 8] for lane in range(LANES)]
    head = _STREAMS.pack(*(len(stream) // 2 for stream in streams), *map(len, sides), *states.tolist())
    return [head, *streams, *sides], values


# Reading -------------------------------------------------------------------------------------------------------------


def decode(data: bytes, limits: Limits) -> dict[str, SparseTensor]:
    """The sparse tensors of a payload, by name in its order. `WireError` unless it is canonical and within limits."""
    if len(data) > limits.max_bytes:
        raise WireError("too-large", f"The payload has {len(data)} bytes; the limit is {limits.max_bytes}.")
    k, bits, tensors, table_bytes = _read_header(data, limits)
    table = data[_HEADER.size : _HEADER.size + table_bytes]
    if zlib.crc32(memoryview(data)[: -_CHECKSUM.size]) != _CHECKSUM.unpack(data[-_CHECKSUM.size :])[0]:
        raise WireError("checksum", "The payload's checksum does not match: it was damaged on the way; fetch it again.")
    shapes = _read_shapes(table, tensors, limits)
    grids = [Layout.of(shape) for shape in shapes.values()]
    chunks = [grid.chunks for grid in grids]
    entries = np.empty(sum(grid.capacity(k) for grid in grids), dtype=np.uint16)
    counts, heads = np.empty(sum(chunks), dtype=np.uint16), np.empty(sum(chunks), dtype=np.uint32)
    at, values = _HEADER.size + table_bytes, 0
    for section in _sections(grids, k):
        at, more = _read_section(data, at, section, bits, limits, entries, values, counts, heads)
        values += more
    if at != len(data) - _CHECKSUM.size:
        raise WireError("trailing", f"The payload has {len(data) - _CHECKSUM.size - at} bytes after its last section.")
    if values * 2 < len(entries):
        entries = entries[:values].copy()  # what is kept of a nearly empty payload is small
    return _cut(shapes, chunks, k, bits, entries, counts, heads)


def _read_header(data: bytes, limits: Limits) -> tuple[int, int, int, int]:
    """k, bits, tensors, bytes of the table."""
    if len(data) < _SMALLEST:
        raise WireError("too-short", f"A payload has at least {_SMALLEST} bytes; this one has {len(data)}.")
    magic, version, bits, k, length, tensors, table_bytes = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise WireError("magic", f"A payload begins with {MAGIC!r}: this is no pseudo-gradient.")
    if version != VERSION:
        raise WireError("version", f"The payload has version {version}; this reader knows {VERSION}.")
    if bits not in (1, 2) or (limits.bits is not None and bits != limits.bits):
        raise WireError("bits", f"The payload has {bits} bits per value; {limits.bits or '1 or 2'} must be.")
    if not 1 <= k <= CHUNK or (limits.k is not None and k != limits.k):
        raise WireError("k", f"The payload keeps {k} of {CHUNK}; {limits.k or f'1 to {CHUNK}'} must be.")
    if tensors == 0 and (k, bits) != _EMPTY:
        raise WireError("k", f"A payload without tensors has k and bits {_EMPTY}, not {(k, bits)}.")
    if length != len(data):
        raise WireError("length", f"The payload has {len(data)} bytes and announces {length}: fetch it again.")
    if tensors > limits.max_tensors:
        raise WireError("tensors", f"The payload announces {tensors} tensors; the limit is {limits.max_tensors}.")
    if table_bytes > min(limits.max_table, len(data) - _SMALLEST):
        raise WireError("table", f"The table announces {table_bytes} bytes; the limit is {limits.max_table}.")
    return k, bits, tensors, table_bytes


def _read_shapes(table: bytes, tensors: int, limits: Limits) -> dict[str, Shape]:
    if limits.shapes is not None and table == limits.table and tensors == len(limits.shapes):
        return {name: tuple(limits.shapes[name]) for name in ordered(limits.shapes)}
    shapes = read_table(table, tensors, limits.max_elements)
    if limits.shapes is not None:
        name = next((name for name in [*limits.shapes, *shapes] if shapes.get(name) != limits.shapes.get(name)), "")
        raise WireError(
            "unexpected",
            f"{name!r} has shape {shapes.get(name)} and should have {limits.shapes.get(name)} (None: is missing).",
        )
    return shapes


def _read_section(
    data: bytes,
    at: int,
    section: _Section,
    bits: int,
    limits: Limits,
    entries: Uint16,
    begin: int,
    counts: Uint16,
    heads: Uint32,
) -> tuple[int, int]:
    """Decode one section that begins at `at`. Returns where it ends, and how many values it gave."""
    end = len(data) - _CHECKSUM.size
    if end - at < _STREAMS.size:
        raise WireError("truncated", "The payload ends before its last section.")
    word_counts, raw_counts, states = np.array(_STREAMS.unpack_from(data, at), dtype=np.int64).reshape(3, LANES)
    at += _STREAMS.size
    if 2 * word_counts.sum() + raw_counts.sum() > end - at:
        raise WireError("truncated", "A section announces more bytes than the payload has.")
    if states.min() < coder.START:
        raise WireError("state", "A stream begins in a state that no encoder leaves.")
    words = np.empty((LANES, int(word_counts.max()) + SLACK_WORDS), dtype="<u2")
    raw = np.empty((LANES, (int(raw_counts.max()) + 3) // 4 + SLACK_RAW), dtype="<u4")
    for lane in range(LANES):
        at = _copy(data, at, int(word_counts[lane]), words[lane])
    for lane in range(LANES):
        at = _copy(data, at, int(raw_counts[lane]), raw[lane].view("u1"))
    span = slice(section.first, section.first + len(section.sizes))
    number, chunk, values = coder.read_section(
        section.sizes, section.capacities, bits, limits.largest_scale, states, words, raw,
        word_counts, 8 * raw_counts, TABLES, FIRST.fresh(), entries, begin, counts[span], heads[span],
    )  # fmt: skip
    if number:
        raise fault(number, section.first + chunk)
    return at, values


def _copy(data: bytes, at: int, count: int, out: "np.ndarray[Any, Any]") -> int:
    """Copy `count` items, aligned, and zeros after them, which a decoder may run into. Returns where they end."""
    out[:count] = np.frombuffer(data, out.dtype, count, at)
    out[count:] = 0
    return at + count * out.itemsize


def _cut(
    shapes: Mapping[str, Shape], chunks: list[int], k: int, bits: int, entries: Uint16, counts: Uint16, heads: Uint32
) -> dict[str, SparseTensor]:
    """Views of each tensor's part of the arrays."""
    for array in (entries, counts, heads):
        array.setflags(write=False)
    out, chunk, begin = {}, 0, 0
    for (name, shape), number in zip(shapes.items(), chunks, strict=True):
        mine = counts[chunk : chunk + number]
        end = begin + int(mine.sum(dtype=np.int64))
        out[name] = SparseTensor(shape, k, bits, entries[begin:end], mine, heads[chunk : chunk + number])
        chunk, begin = chunk + number, end
    return out
