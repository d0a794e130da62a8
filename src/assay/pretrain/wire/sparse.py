"""A sparse tensor as the wire carries it: two levels per chunk, and for each value its position, level and sign.

`compress` makes them from dense tensors; `payload` writes and reads them. Positions come in order of chunks, ascending
within each (so in flat order for vectors, not for matrices). Arithmetic on them is in a fixed order, float32, one
addition per element, and norms are exactly rounded: every machine gets the same bits.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from numba import njit
from torch import Tensor

from assay.core.errors import BadInput
from assay.pretrain.wire.errors import WireError
from assay.pretrain.wire.layout import CHUNK, Layout
from assay.pretrain.wire.levels import CEILING, LOWEST, MANTISSA_BITS, MANTISSAS, SCALES, STEPS
from assay.pretrain.wire.selection import select

Uint16 = npt.NDArray[np.uint16]
Uint32 = npt.NDArray[np.uint32]
Int64 = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

_SCALE_BITS, _SCALE_MASK = 13, (1 << 13) - 1  # of a head
_TILE = 32  # chunks added at a time for all contributions: half a megabyte, which stays in the cache


@dataclass(frozen=True, eq=False)
class SparseTensor:
    """The kept values of one tensor. Made by `compress` and `decode`; the arrays are not to be changed."""

    shape: tuple[int, ...]
    k: int  # of a chunk of 4,096; smaller chunks keep in proportion
    bits: int  # 1: every value is at its chunk's lower level; 2: or at the upper
    entries: Uint16  # (n,): position in the chunk << 2 | upper level << 1 | negative
    counts: Uint16  # (chunks,): values of each chunk
    heads: Uint32  # (chunks,): steps to the upper level << 13 | code of the lower; 0 for a chunk without values

    def __len__(self) -> int:
        """Kept values."""
        return len(self.entries)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SparseTensor)
            and (self.shape, self.k, self.bits) == (other.shape, other.k, other.bits)
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.heads, other.heads)
            and np.array_equal(self.entries, other.entries)
        )

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def layout(self) -> Layout:
        return Layout.of(self.shape)

    @cached_property
    def starts(self) -> Int64:
        """(chunks + 1,): where each chunk's entries begin."""
        return np.concatenate([[0], np.cumsum(self.counts, dtype=np.int64)])

    def levels(self) -> tuple[Floats, Floats]:
        """The lower and the upper level of each chunk, float32, `(chunks,)`; without values they mean nothing."""
        code = self.heads & _SCALE_MASK
        return SCALES[code], SCALES[code + (self.heads >> _SCALE_BITS)]

    def indices(self) -> Tensor:
        """Flat positions in the tensor, int64, `(n,)`; in order of chunks, ascending within each."""
        out = np.empty(len(self), dtype=np.int64)
        grid = self.layout
        _positions(self.entries, self.counts, grid.columns, grid.block_rows, grid.block_columns, out)
        return torch.from_numpy(out)

    def values(self) -> Tensor:
        """float32, `(n,)`, in the order of `indices`."""
        out = np.empty(len(self), dtype=np.float32)
        low, high = self.levels()
        _amounts(self.entries, self.counts, low, high, out)
        return torch.from_numpy(out)

    @cached_property
    def square_norm(self) -> float:
        """The sum of the squares of the values, exactly rounded: it is added up in whole numbers."""
        number = np.zeros(len(SCALES), dtype=np.int64)  # of values at each level
        _count_levels(self.entries, self.counts, self.heads, number)
        used = np.flatnonzero(number).tolist()
        if not used:
            return 0.0
        lowest = used[0] // STEPS
        total = 0
        for code, values in zip(used, number[used].tolist(), strict=True):
            total += values * MANTISSAS[code % STEPS] ** 2 << 2 * (code // STEPS - lowest)
        return math.ldexp(total, 2 * (lowest + LOWEST - MANTISSA_BITS))

    def to_dense(self, *, out: Tensor | None = None) -> Tensor:
        """The tensor with zeros where nothing was kept, float32; into `out` if given, which is overwritten."""
        dense = torch.zeros(self.shape, dtype=torch.float32) if out is None else out.zero_()
        if dense.device.type != "cpu":
            dense.view(-1)[self.indices().to(dense.device)] = self.values().to(dense.device)
            return dense
        return self.add_to(dense)

    def add_to(self, out: Tensor, scale: float = 1.0) -> Tensor:
        """Add `scale` times the values to a dense float32 tensor on the CPU, in place: one product, one sum each."""
        _add(self, _matrix(out, self), scale, 0, len(self.counts))
        return out

    def count_to(self, out: Tensor) -> Tensor:
        """Add 1 wherever a value was kept, to a dense float32 tensor on the CPU, in place."""
        grid = self.layout
        dense = _matrix(out, self)
        _tally(self.entries, self.counts, grid.block_rows, grid.block_columns, dense)
        return out

    def check(self) -> None:
        """`WireError` unless this is content that the format can hold, its positions apart, which `pack` checks."""
        if not (1 <= self.k <= CHUNK and self.bits in (1, 2)):
            raise WireError("parameters", f"k is {self.k} and bits {self.bits}: k is 1 to {CHUNK}, bits 1 or 2.")
        if len(self.counts) != self.layout.chunks or len(self.heads) != self.layout.chunks:
            raise WireError("chunks", f"A tensor of shape {self.shape} has {self.layout.chunks} chunks.")
        if int(self.counts.sum(dtype=np.int64)) != len(self.entries):
            raise WireError("chunks", "The chunks' counts do not add up to the number of values.")
        kinds = ((self.entries, np.uint16), (self.counts, np.uint16), (self.heads, np.uint32))
        if not all(array.dtype == kind and array.flags.c_contiguous for array, kind in kinds):
            raise WireError("chunks", "The arrays of a sparse tensor are contiguous, of 16, 16 and 32 bits.")


def compress(tensors: Mapping[str, Tensor], k: int = 64, bits: int = 2) -> dict[str, SparseTensor]:
    """Keep the largest `k` of every 4,096 entries, at `bits` bits each. By name, in the order given.

    Deterministic: of equal magnitudes the lower position is kept. Those below 2^-96 count as zero and are not kept.
    `WireError` if an entry is not finite or its magnitude exceeds 2^96, or k or bits are impossible.
    """
    if not (isinstance(k, int) and 1 <= k <= CHUNK) or bits not in (1, 2):
        raise WireError("parameters", f"k is {k} and bits {bits}: give k from 1 to {CHUNK}, and 1 or 2 bits.")
    return {name: _compress(name, tensor, k, bits) for name, tensor in tensors.items()}


def _compress(name: str, tensor: Tensor, k: int, bits: int) -> SparseTensor:
    shape = tuple(tensor.shape)
    if not tensor.is_floating_point():
        raise WireError("dtype", f"{name} is {tensor.dtype}: a pseudo-gradient is made of floating-point numbers.")
    grid = Layout.of(shape)
    dense = tensor.detach().to("cpu", torch.float32).contiguous().numpy().reshape(grid.rows, grid.columns)
    entries = np.empty(grid.capacity(k), dtype=np.uint16)
    counts, heads = np.zeros(grid.chunks, dtype=np.uint16), np.zeros(grid.chunks, dtype=np.uint32)
    kept = select(
        dense,
        dense.view(np.int32),
        grid.block_rows,
        grid.block_columns,
        k,
        bits,
        SCALES,
        entries,
        counts,
        heads,
    )
    if kept < 0:
        flat = -1 - kept
        raise WireError(
            "not-finite",
            f"{name} has {float(dense.flat[flat])} at flat position {flat}: entries are finite, {CEILING:g} at most.",
        )
    return SparseTensor(
        shape, k, bits, entries[:kept] if kept * 8 > len(entries) * 7 else entries[:kept].copy(), counts, heads
    )


def stack(parts: Sequence[SparseTensor]) -> SparseTensor:
    """One tensor from shards of its rows (of a vector: its runs). All but the last must end where a chunk ends."""
    if not parts:
        raise BadInput("There is nothing to stack: give at least one part.")
    first = parts[0]
    rows = 0
    for number, part in enumerate(parts):
        unit = CHUNK if len(part.shape) == 1 else first.layout.block_rows
        if not part.shape or (part.k, part.bits, part.shape[1:]) != (first.k, first.bits, first.shape[1:]):
            raise BadInput(f"Part {number} has another k, bits or row shape than part 0: shards are of one tensor.")
        if number + 1 < len(parts) and part.shape[0] % unit:
            raise BadInput(f"Part {number} ends within a chunk: shard at multiples of {unit} rows.")
        rows += part.shape[0]
    arrays = [np.concatenate([getattr(part, name) for part in parts]) for name in ("entries", "counts", "heads")]
    return SparseTensor((rows, *first.shape[1:]), first.k, first.bits, *arrays)


def accumulate(
    out: Tensor, contributions: Sequence[SparseTensor], scales: Sequence[float], counts: Tensor | None = None
) -> Tensor:
    """`contribution.add_to(out, scale)` for all, in their order, bit for bit, but many times as fast.

    The dense tensor is passed over once, by groups of chunks, instead of once per contribution. `counts`, if given,
    gets 1 per contribution that kept a place.
    """
    if not contributions:
        return out
    dense = _matrix(out, contributions[0])
    tally = _matrix(counts, contributions[0]) if counts is not None else None
    if len(scales) != len(contributions) or any(one.shape != contributions[0].shape for one in contributions):
        raise BadInput("Contributions to accumulate are of one shape, with one scale each.")
    chunks = len(contributions[0].counts)
    for first in range(0, chunks, _TILE):
        for one, scale in zip(contributions, scales, strict=True):
            _add(one, dense, scale, first, min(first + _TILE, chunks))
    if tally is not None:
        for one in contributions:
            _tally(one.entries, one.counts, one.layout.block_rows, one.layout.block_columns, tally)
    return out


def overlap(a: SparseTensor | Mapping[str, SparseTensor], b: SparseTensor | Mapping[str, SparseTensor]) -> float:
    """The share of kept coordinates that both keep: of the smaller number of the two. 0 if one keeps nothing."""
    ours = {"": a} if isinstance(a, SparseTensor) else a
    theirs = {"": b} if isinstance(b, SparseTensor) else b
    if {name: one.shape for name, one in ours.items()} != {name: one.shape for name, one in theirs.items()}:
        raise BadInput("Only sparse tensors of the same names and shapes can be compared.")
    common = left = right = 0
    for name, one in ours.items():
        other = theirs[name]
        common += _common(one.entries, one.counts, other.entries, other.counts)
        left, right = left + len(one), right + len(other)
    return common / min(left, right) if left and right else 0.0


def _matrix(dense: Tensor, sparse: SparseTensor) -> Floats:
    """A view of a dense tensor's memory as the sparse one's matrix."""
    if dense.dtype != torch.float32 or dense.device.type != "cpu" or not dense.is_contiguous():
        raise BadInput("The dense tensor must be torch.float32, contiguous and on the CPU.")
    if tuple(dense.shape) != sparse.shape:
        raise BadInput(f"The dense tensor has shape {tuple(dense.shape)}, the sparse one {sparse.shape}.")
    matrix: Floats = dense.detach().numpy().reshape(sparse.layout.rows, sparse.layout.columns)
    return matrix


def _add(sparse: SparseTensor, dense: Floats, scale: float, first: int, end: int) -> None:
    grid = sparse.layout
    _scatter(
        sparse.entries, sparse.heads, sparse.starts, SCALES, np.float32(scale),
        grid.block_rows, grid.block_columns, first, end, dense,
    )  # fmt: skip


# Compiled loops ------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _scatter(
    entries: Uint16, heads: Uint32, starts: Int64, scales: Floats, scale: np.float32,
    block_rows: int, block_columns: int, first: int, end: int, dense: Floats,
) -> None:  # fmt: skip
    columns = dense.shape[1]
    across = (columns + block_columns - 1) // block_columns
    flat, amounts = dense.reshape(-1), np.zeros(4, np.float32)  # by upper << 1 | negative
    for chunk in range(first, end):
        top, left = chunk // across * block_rows, chunk % across * block_columns
        width = min(block_columns, columns - left)
        code, corner = np.int64(heads[chunk]) & 8191, top * columns + left
        amounts[0], amounts[2] = scales[code] * scale, scales[code + (np.int64(heads[chunk]) >> 13)] * scale
        amounts[1], amounts[3] = -amounts[0], -amounts[2]
        for i in range(starts[chunk], starts[chunk + 1]):
            entry = np.int64(entries[i])
            place = entry >> 2
            if width == 64:
                at = corner + (place >> 6) * columns + (place & 63)
            elif block_rows == 1:
                at = corner + place
            else:
                at = corner + place // width * columns + place % width
            if at < flat.size:  # always, of what `compress` and `decode` make
                flat[np.uint64(at)] += amounts[np.uint64(entry & 3)]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _tally(entries: Uint16, counts: Uint16, block_rows: int, block_columns: int, dense: Floats) -> None:
    columns = dense.shape[1]
    across = (columns + block_columns - 1) // block_columns
    i = 0
    for chunk in range(len(counts)):
        top, left = chunk // across * block_rows, chunk % across * block_columns
        width = min(block_columns, columns - left)
        for _ in range(counts[chunk]):
            place = np.int64(entries[i]) >> 2
            if top + place // width < dense.shape[0]:
                dense[top + place // width, left + place % width] += np.float32(1)
            i += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _positions(entries: Uint16, counts: Uint16, columns: int, block_rows: int, block_columns: int, out: Int64) -> None:
    across = (columns + block_columns - 1) // block_columns
    i = 0
    for chunk in range(len(counts)):
        top, left = chunk // across * block_rows, chunk % across * block_columns
        width = min(block_columns, columns - left)
        for _ in range(counts[chunk]):
            place = np.int64(entries[i]) >> 2
            out[i] = (top + place // width) * columns + left + place % width
            i += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _amounts(entries: Uint16, counts: Uint16, lows: Floats, highs: Floats, out: Floats) -> None:
    i = 0
    for chunk in range(len(counts)):
        for _ in range(counts[chunk]):
            amount = highs[chunk] if entries[i] & 2 else lows[chunk]
            out[i] = -amount if entries[i] & 1 else amount
            i += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count_levels(entries: Uint16, counts: Uint16, heads: Uint32, number: Int64) -> None:
    i = 0
    for chunk in range(len(counts)):
        upper, end = 0, i + int(counts[chunk])
        while i < end:
            upper += (entries[i] >> 1) & 1
            i += 1
        code = int(heads[chunk] & 8191)
        number[code] += int(counts[chunk]) - upper
        number[code + int(heads[chunk] >> 13)] += upper


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _common(a: Uint16, a_counts: Uint16, b: Uint16, b_counts: Uint16) -> int:
    """Positions in both: a merge, chunk by chunk."""
    i, j, common = 0, 0, 0
    for chunk in range(len(a_counts)):
        a_end, b_end = i + int(a_counts[chunk]), j + int(b_counts[chunk])
        while i < a_end and j < b_end:
            one, other = a[i] >> 2, b[j] >> 2
            common += int(one == other)
            i, j = i + int(one <= other), j + int(other <= one)
        i, j = a_end, b_end
    return common
