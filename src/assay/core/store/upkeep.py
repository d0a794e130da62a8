"""Keeping a store sound and small: reading everything again, and removing what nothing leads to.

What leads to what is found by looking, not by a register that could be wrong: an object that is a JSON document with a
`schema` that starts with `assay.` leads to every digest that is written in it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.core.digest import Digest
from assay.core.errors import BadInput, Corrupt
from assay.core.store.shelf import NotInStore, Progress, Shelf, object_key
from assay.core.store.tree import HEAD, MAX_MANIFEST, Tree, TreeLimits

if TYPE_CHECKING:
    from assay.core.store.store import Store

MAX_DOCUMENT = MAX_MANIFEST  # bytes: nothing larger is a document of ours

# Looked for in the bytes, not in a parsed document: a hostile file cannot make this slow or large, and a digest that is
# found where it means nothing only keeps an object longer.
_SCHEMA = re.compile(rb'"schema"\s*:\s*"assay\.')
_DIGEST = re.compile(rb'"(sha256:[0-9a-f]{64})"')


@dataclass(frozen=True, slots=True)
class Missing:
    """An object that is named and not there."""

    digest: Digest
    named_by: str  # the digest of a tree, or the name of a ref


@dataclass(frozen=True, slots=True)
class Report:
    """What reading everything again showed."""

    objects: int
    bytes: int
    damaged: tuple[Digest, ...]
    missing: tuple[Missing, ...]

    @property
    def ok(self) -> bool:
        return not self.damaged and not self.missing


@dataclass(frozen=True, slots=True)
class Freed:
    """What was removed, or would be."""

    objects: int
    bytes: int
    kept: int
    leftovers: int  # unfinished files and old marks
    dry_run: bool


def verify_all(store: "Store", progress: Progress | None) -> Report:
    """Hash every object; memory grows with the number of objects, not with their size."""
    there: set[Digest] = set()
    named: dict[Digest, str] = {}
    damaged: list[Digest] = []
    total = 0
    for digest, size in store.list():
        try:
            tree = _read_all(store, digest, size, progress)
        except Corrupt:
            damaged.append(digest)
        except NotInStore:
            continue  # removed since it was listed
        else:
            named.update((entry.sha256, digest) for entry in tree.entries)
        there.add(digest)
        total += size
    named.update((digest, name) for name, digest in store.refs().items())
    missing = [Missing(digest, by) for digest, by in named.items() if digest not in there and not store.has(digest)]
    missing.sort(key=lambda item: item.digest)
    return Report(len(there), total, tuple(sorted(damaged)), tuple(missing))


def _read_all(store: "Store", digest: Digest, size: int, progress: Progress | None) -> Tree:
    """Read and check an object; the tree it is, or an empty one if it is none."""
    start = bytearray()
    for chunk in store.chunks(digest, progress):
        if size <= MAX_MANIFEST and (start or chunk[: len(HEAD)] == HEAD):
            start += chunk
    try:
        return Tree.parse(bytes(start), TreeLimits(files=size)) if start else Tree(())
    except BadInput:
        return Tree(())


def sweep(store: "Store", shelf: Shelf, keep: Iterable[Digest], since: float, dry_run: bool) -> Freed:
    """Remove what neither refs, nor `keep`, nor anything younger than `since` leads to.

    Nothing is removed if anything on the way is damaged: what a damaged document led to cannot be known.
    """
    sizes, young = {}, shelf.freshened(since)
    for digest, size, changed in shelf.stored():
        sizes[digest] = size
        if changed > since:
            young.add(digest)
    reached = _reach(store, sizes, [*store.refs().values(), *keep, *young])
    objects = freed = 0
    for digest in sorted(sizes.keys() - reached):
        if shelf.is_fresh(digest, since):
            continue
        objects += 1
        freed += sizes[digest]
        if not dry_run:
            shelf.remove(object_key(digest))
    leftovers = shelf.leftovers(since)
    for key in leftovers if not dry_run else ():
        shelf.remove(key)
    return Freed(objects, freed, len(sizes) - objects, len(leftovers), dry_run)


def _reach(store: "Store", sizes: dict[Digest, int], roots: Iterable[Digest]) -> set[Digest]:
    reached: set[Digest] = set()
    waiting = list(roots)
    while waiting:
        digest = waiting.pop()
        if digest in sizes and digest not in reached:
            reached.add(digest)
            waiting.extend(_names(store, digest, sizes[digest]))
    return reached


def _names(store: "Store", digest: Digest, size: int) -> set[Digest]:
    """The digests that an object names, if it is a document of ours."""
    if size > MAX_DOCUMENT:
        return set()
    first, last = store.ends(digest, size)
    # Either end, so that one damaged byte does not hide a document: then it is read, and found to be damaged.
    if not (first.lstrip().startswith(b"{") or last.rstrip().endswith(b"}")):
        return set()
    data = store.get_bytes(digest, MAX_DOCUMENT)
    return {found.decode() for found in _DIGEST.findall(data)} if _SCHEMA.search(data) else set()
