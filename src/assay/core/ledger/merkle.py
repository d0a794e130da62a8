"""The Merkle tree of RFC 9162 section 2.1 (the same as RFC 6962): roots, inclusion proofs, consistency proofs.

Pure functions over SHA-256 hashes; it knows nothing of entries, keys or databases. Written here because pymerkle's
proofs have a form of their own that no other tool reads, and it hashes every leaf again for each proof.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

HASH_BYTES = 32
MAX_PATH = 128  # hashes: no proof about a tree of fewer than 2**63 leaves is longer; a longer one is an attack
EMPTY_ROOT = hashlib.sha256().digest()


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Node(NamedTuple):
    """A perfect subtree: it covers the leaves from `number << level` up to, but without, `(number + 1) << level`."""

    level: int
    number: int

    @property
    def last_leaf(self) -> int:
        """The leaf whose arrival completes this subtree."""
        return ((self.number + 1) << self.level) - 1


def perfect_subtrees(start: int, stop: int) -> list[Node]:
    """The fewest perfect subtrees that cover the leaves `start` to `stop`, from left to right.

    `start` must be a multiple of the largest power of two that fits between the two, as it is in every proof.
    """
    nodes = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees given from left to right; the root of the empty tree if there are none."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


@dataclass
class Frontier:
    """The right edge of a growing tree: all that is needed to append to it and to know its root."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)  # roots of perfect_subtrees(0, size)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add a leaf hash. Returns the nodes that it completes: itself, then its ancestors from the bottom up."""
        completed = [leaf]
        remaining = self.size
        while remaining & 1:
            completed.append(node_hash(self.peaks.pop(), completed[-1]))
            remaining >>= 1
        self.peaks.append(completed[-1])
        self.size += 1
        return completed

    def root(self) -> bytes:
        return fold(self.peaks)


Span = tuple[int, int]
Lookup = Callable[[list[Node]], dict[Node, bytes]]


def _split(width: int) -> int:
    """The largest power of two smaller than `width`: where RFC 9162 splits a tree."""
    return 1 << (width - 1).bit_length() - 1


def _inclusion_spans(index: int, size: int) -> list[Span]:
    """PATH(index, D[size]) of RFC 9162 section 2.1.3.1, as ranges of leaves."""
    start, stop, spans = 0, size, []
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def _consistency_spans(first: int, second: int) -> list[Span]:
    """PROOF(first, D[second]) of RFC 9162 section 2.1.4.1, as ranges of leaves."""
    start, stop, spans, whole = 0, second, [], True
    while first != stop:
        middle = start + _split(stop - start)
        if first <= middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start, whole = middle, False
    if not whole:
        spans.append((start, stop))
    return spans[::-1]


def _resolve(spans: list[Span], lookup: Lookup) -> list[bytes]:
    parts = [perfect_subtrees(*span) for span in spans]
    known = lookup([node for part in parts for node in part])
    return [fold([known[node] for node in part]) for part in parts]


def prove_inclusion(index: int, size: int, lookup: Lookup) -> list[bytes]:
    """The audit path of leaf `index` in the tree of the first `size` leaves."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    return _resolve(_inclusion_spans(index, size), lookup)


def prove_consistency(first: int, second: int, lookup: Lookup) -> list[bytes]:
    """The proof that the tree of the first `first` leaves is the beginning of the tree of `second` leaves."""
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} leaves is not the beginning of one of {second}")
    return _resolve(_consistency_spans(first, second), lookup) if first else []


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that `leaf` is at `index` under `root` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or not _well_formed(path):
        return False
    position, last, computed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and computed == root


def verify_consistency(first: int, second: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the tree under `old_root` begins the one under `root` (RFC 9162 section 2.1.4.2)."""
    if not 0 <= first <= second or not _well_formed(path):
        return False
    if first == 0:  # every tree begins with the empty one
        return not path and old_root == EMPTY_ROOT
    if first == second:
        return not path and old_root == root
    hashes: Iterator[bytes] = iter(path if first & (first - 1) else [old_root, *path])
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = next(hashes, b"")
    for sibling in hashes:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old == old_root and new == root


def _well_formed(path: Sequence[bytes]) -> bool:
    return len(path) <= MAX_PATH and all(len(digest) == HASH_BYTES for digest in path)
