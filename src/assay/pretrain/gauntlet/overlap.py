"""How alike two contributions are: which coordinates they keep, with which values, in which tensors.

A contribution is laid out once as sorted positions; two are compared by merging them, O(kept). What honest peers share
anyhow in a tensor (in a frozen one: everything) is measured on the round itself, as the median over all pairs, and
taken off. Sums run in a fixed order in double precision, so the numbers are the same on every machine.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from assay.core.errors import BadInput
from assay.pretrain.gauntlet.evidence import MAX_OVERLAPS, Likeness, Overlap
from assay.pretrain.gauntlet.standings import DECIMALS

if TYPE_CHECKING:
    from assay.pretrain.wire import SparseTensor

SIDE = 64  # of a block of a matrix
RUN = SIDE * SIDE  # length of a chunk of a vector
MIN_BASELINE = 3  # comparisons from which a median says what is usual: of 3 pairs one copier spoils one
MIN_VALUES = 64  # kept values of a tensor from which it can be called a copy on its own
MIN_CHUNK = 16  # kept values of a chunk from which equal values are no accident
COPIED_TENSOR = 0.6  # overlap beyond the usual from which a tensor is a copy; honest tensors stay below 0.3
REPORTED = 3  # the closest comparisons always stand in the evidence, for people

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """One contribution (or a sample of its chunks) as arrays over all its tensors, in order of name."""

    names: tuple[str, ...]
    ends: NDArray[np.int64]  # (tensors,): where each tensor's values end
    positions: NDArray[np.int64]  # (values,): flat within the tensor, ascending within each
    values: NDArray[np.float32]  # (values,)
    squares: Floats  # (tensors,): square norms
    chunks: NDArray[np.uint64]  # (chunks,): a digest of each chunk's values in any order; 0 if it has too few


def lay_out(contribution: "Mapping[str, SparseTensor]", *, beacon: bytes = b"", at_most: int | None = None) -> Layout:
    """Lay a contribution out. With `at_most` only about so many values are taken, in chunks that the beacon draws.

    Contributions can be compared if they were laid out with the same beacon and `at_most`.
    """
    names = tuple(sorted(contribution))
    arrays = {name: _sorted(contribution[name]) for name in names}
    total = sum(len(positions) for positions, _ in arrays.values())
    share = 1.0 if at_most is None or total <= at_most else at_most / total
    seed = int.from_bytes(hashlib.sha256(b"assay.overlap/1\0" + beacon).digest()[:8], "big")
    positions, values, digests, squares, first = [], [], [], [], 0
    for name in names:
        place, value = arrays[name]
        shape = tuple(contribution[name].shape)
        chunk = _chunk_of(place, shape)
        kept = _drawn(chunk + first, seed, share)
        place, value, chunk = place[kept], value[kept], chunk[kept]
        n = _chunks_in(shape)
        digests.append(_digests(chunk, value, n))
        positions.append(place)
        values.append(value)
        squares.append(float(_square(value)))
        first += n
    ends = np.cumsum([len(place) for place in positions], dtype=np.int64)
    return Layout(
        names, ends, _join(positions, np.int64), _join(values, np.float32), np.array(squares), _join(digests, np.uint64)
    )


@dataclass(frozen=True)
class Earlier:
    """A contribution of an earlier round."""

    uid: int
    round: int
    layout: Layout


def likenesses(
    round_: int,
    peers: Mapping[int, Layout],
    earlier: Sequence[Earlier] = (),
    aggregates: Mapping[int, Layout] | None = None,
) -> dict[int, tuple[Overlap, ...]]:
    """For each peer of this round what its contribution resembles, closest first.

    `aggregates`: by round, the largest values of what was aggregated, kept as a contribution keeps them
    (`wire.compress` of the aggregate). Give everything that a copier may have had: it picks its source.
    """
    uids = sorted(peers)
    within = [(a, b, round_, peers[b]) for a in uids for b in uids if a < b]
    past = [(a, old.uid, old.round, old.layout) for a in uids for old in earlier]
    own = [entry for entry in past if entry[0] == entry[1]]
    others = [entry for entry in past if entry[0] != entry[1]]
    summed = [(a, None, then, layout) for a in uids for then, layout in sorted((aggregates or {}).items())]
    found: dict[int, list[Overlap]] = {uid: [] for uid in uids}
    for kind, entries in (
        (Likeness.ROUND, within),
        (Likeness.OWN, own),
        (Likeness.EARLIER, others),
        (Likeness.AGGREGATE, summed),
    ):
        pairs = [_compare(peers[a], layout) for a, _, _, layout in entries]
        usual = _usual(pairs)
        for (a, b, then, layout), pair in zip(entries, pairs, strict=True):
            overlap = _beyond(pair, usual, peers[a], kind, b, then)
            found[a].append(overlap)
            if kind is Likeness.ROUND and b is not None:
                mirrored = _beyond(pair, usual, layout, kind, a, then)
                found[b].append(mirrored)
    return {uid: _closest(overlaps) for uid, overlaps in found.items()}


@dataclass(frozen=True)
class Pair:
    """Two layouts merged, by tensor."""

    counts: Floats  # values of the smaller of the two
    shared: Floats  # share of them that both keep
    cosines: Floats
    shuffled: float  # share of chunks with the same values


def _compare(a: Layout, b: Layout) -> Pair:
    if a.names != b.names or len(a.chunks) != len(b.chunks):
        raise BadInput("Two contributions can only be compared if they have the same tensors.")
    common, dots = merge(a, b)
    counts = np.minimum(np.diff(a.ends, prepend=0), np.diff(b.ends, prepend=0)).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = np.where(counts > 0, common / counts, 0.0)
        cosines = np.where((a.squares > 0) & (b.squares > 0), dots / np.sqrt(a.squares * b.squares), 0.0)
    both = (a.chunks != 0) & (b.chunks != 0)
    same = int(np.count_nonzero(both & (a.chunks == b.chunks))) / max(1, int(np.count_nonzero(both)))
    return Pair(counts, shared, np.clip(cosines, -1.0, 1.0), same)


def merge(a: Layout, b: Layout) -> tuple[Floats, Floats]:
    """By tensor: how many coordinates both keep, and the inner product over them."""
    common, dots = np.zeros(len(a.names)), np.zeros(len(a.names))
    _merge(a.positions, a.values, a.ends, b.positions, b.values, b.ends, common, dots)
    return common, dots


def _usual(pairs: Sequence[Pair]) -> tuple[Any, Any, float]:
    """What comparisons of this kind share by tensor: lower medians, which a minority of copiers cannot move."""
    if len(pairs) < MIN_BASELINE:
        return 0.0, 0.0, 0.0
    middle = (len(pairs) - 1) // 2
    shared = np.sort([pair.shared for pair in pairs], axis=0)[middle]
    cosines = np.maximum(0.0, np.sort([pair.cosines for pair in pairs], axis=0)[middle])
    return shared, cosines, sorted(pair.shuffled for pair in pairs)[middle]


def _beyond(
    pair: Pair, usual: tuple[Any, Any, float], mine: Layout, kind: Likeness, uid: int | None, round_: int
) -> Overlap:
    shared, cosines, shuffled = usual
    sizes = np.diff(mine.ends, prepend=0).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(shared < 1.0, (pair.shared - shared) / (1.0 - shared), 0.0)
    copied = (excess >= COPIED_TENSOR) & (pair.counts >= MIN_VALUES)
    return Overlap(
        kind=kind,
        uid=uid,
        round=round_,
        indices=_share(pair.counts, pair.shared, shared),
        values=_share(pair.counts, pair.cosines, cosines),
        part=round(float(_sum(sizes * copied) / max(1.0, _sum(sizes))), DECIMALS),
        shuffled=round(max(0.0, (pair.shuffled - shuffled) / (1.0 - shuffled)) if shuffled < 1.0 else 0.0, DECIMALS),
    )


def _share(counts: Floats, seen: Floats, usual: Any) -> float:
    """How much of what could lie beyond the usual does, over all tensors by their size."""
    room = _sum(counts * (1.0 - usual))
    return round(min(1.0, max(0.0, _sum(counts * (seen - usual)) / room)), DECIMALS) if room > 0 else 0.0


def _sum(array: Floats) -> float:
    """In order, not pairwise: numpy's blocking must not show."""
    return float(sum(array.tolist()))


def _closest(overlaps: Iterable[Overlap]) -> tuple[Overlap, ...]:
    def nearness(overlap: Overlap) -> tuple[float, str, int, int]:
        near = max(overlap.indices, overlap.values, overlap.shuffled, overlap.part)
        return -near, overlap.kind, -overlap.round, -1 if overlap.uid is None else overlap.uid

    ordered = sorted(overlaps, key=nearness)
    return tuple(o for place, o in enumerate(ordered) if place < REPORTED or -nearness(o)[0] >= 0.1)[:MAX_OVERLAPS]


def _sorted(tensor: "SparseTensor") -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    positions = tensor.indices().numpy().astype(np.int64, copy=False)
    values = tensor.values().numpy().astype(np.float32, copy=False)
    if len(positions) > 1 and not bool(np.all(positions[1:] > positions[:-1])):
        order = np.argsort(positions, kind="stable")
        positions, values = positions[order], values[order]
    return positions, values


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of the blocks that a tensor is cut into; a vector is one row."""
    if len(shape) < 2:
        return 1, shape[0] if shape else 1
    columns = 1
    for side in shape[1:]:
        columns *= side
    return shape[0], columns


def _chunks_in(shape: tuple[int, ...]) -> int:
    rows, columns = _matrix(shape)
    return -(-columns // RUN) if len(shape) < 2 else -(-rows // SIDE) * -(-columns // SIDE)


def _chunk_of(positions: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    if len(shape) < 2:
        return positions // RUN
    _, columns = _matrix(shape)
    return (positions // columns // SIDE) * (-(-columns // SIDE)) + (positions % columns) // SIDE


def _drawn(chunks: NDArray[np.int64], seed: int, share: float) -> NDArray[np.bool_]:
    if share >= 1.0:
        return np.ones(len(chunks), dtype=np.bool_)
    return _mix(chunks.astype(np.uint64) ^ np.uint64(seed)) < np.uint64(int(share * 2.0**64))


def _mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64: near inputs, unrelated outputs."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def _digests(chunks: NDArray[np.int64], values: NDArray[np.float32], n: int) -> NDArray[np.uint64]:
    """For each chunk the sum of its values' hashes: the same for the same values in any order."""
    sums, counts = np.zeros(n, dtype=np.uint64), np.bincount(chunks, minlength=n)
    _add_up(chunks, _mix(values.view(np.uint32).astype(np.uint64)), sums)
    sums[counts < MIN_CHUNK] = 0
    return sums


def _join(arrays: Sequence[Any], kind: Any) -> Any:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=kind)


@njit(cache=True, nogil=True)
def _add_up(chunks, hashes, sums):  # type: ignore[no-untyped-def]
    for i in range(len(chunks)):
        sums[chunks[i]] += hashes[i]


@njit(cache=True, nogil=True)
def _square(values):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(len(values)):
        total += np.float64(values[i]) * np.float64(values[i])
    return total


@njit(cache=True, nogil=True)
def _merge(pa, va, ea, pb, vb, eb, common, dots):  # type: ignore[no-untyped-def]
    i, j = 0, 0
    for t in range(len(ea)):
        while i < ea[t] and j < eb[t]:
            if pa[i] == pb[j]:
                common[t] += 1.0
                dots[t] += np.float64(va[i]) * np.float64(vb[j])
                i += 1
                j += 1
            elif pa[i] < pb[j]:
                i += 1
            else:
                j += 1
        i, j = ea[t], eb[t]
