"""The text of a run as sequences of tokens, by number, read from the store and checked.

A small shard is fetched once into a local cache and mapped into memory. Of a large one only the pages that are needed
are read, each checked against the list of pages' hashes that the manifest names.
"""

import itertools
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from assay.core.digest import Digest, digest_bytes
from assay.core.errors import BadInput, Corrupt
from assay.core.home import home
from assay.core.store import Store
from assay.pretrain.data.shards import (
    HEADER,
    MAX_MANIFEST,
    PAGE,
    Manifest,
    Shard,
    Stream,
    check_header,
    shard_size,
)
from assay.pretrain.data.tokenizer import MAX_TOKENIZER, Tokenizer, read_tokenizer

Side = Literal["train", "validation"]

WHOLE = 64 << 20  # bytes: a shard up to this size is fetched whole
_PAGES_KEPT = 512  # of large shards, in memory: 32 MiB
_OPEN_SHARDS = 4_096  # mapped at once: the kernel allows 65,530 maps


class Corpus:
    """Sequences of `context` + 1 tokens. Number i begins at token i x context of its source and side.

    Neighbours share one token: the last target of one is the first input of the next.
    """

    def __init__(
        self, store: Store, digest: Digest, context: int, *, cache: Path | None = None, whole: int = WHOLE
    ) -> None:
        """Open the manifest `digest` in `store`. Shards of up to `whole` bytes are kept in the folder `cache`."""
        self.digest = digest
        self.context = context
        self.manifest = Manifest.parse(store.get_bytes(digest, MAX_MANIFEST))
        self._store = store
        self._cache = cache if cache is not None else home() / "cache" / "shards"
        self._whole = whole
        self._pages: OrderedDict[tuple[Digest, int], bytes] = OrderedDict()
        self._open: OrderedDict[Digest, _Readable] = OrderedDict()
        self._tracks: dict[tuple[str, Side], _Track] = {}
        for name, stream in self.manifest.sources.items():
            self._tracks[name, "train"] = _Track(stream.train)
            self._tracks[name, "validation"] = _Track(stream.validation)

    @property
    def vocabulary(self) -> int:
        """Every token is below it."""
        return self.manifest.tokenizer.vocabulary

    @property
    def sources(self) -> list[str]:
        return sorted(self.manifest.sources)

    def sequences(self, source: str, side: Side = "train") -> int:
        """How many whole sequences there are."""
        return max(0, (self._track(source, side).tokens - 1) // self.context)

    def sequence(self, source: str, index: int, side: Side = "train") -> Tensor:
        """(context + 1,) int64. A token that is read and not learnt is written as its complement, ~token."""
        if not 0 <= index < self.sequences(source, side):
            count = self.sequences(source, side)
            raise BadInput(f"{source} has {count} sequences ({side}): there is no number {index}.")
        stream, track = self.manifest.sources[source], self._track(source, side)
        found = np.empty(self.context + 1, np.int64)
        filled, start = 0, index * self.context
        while filled < len(found):
            shard, into = track.at(start + filled)
            count = min(len(found) - filled, shard.tokens - into)
            found[filled : filled + count] = self._read(shard, stream, into, count)
            filled += count
        return torch.from_numpy(found)

    def tokenizer(self) -> Tokenizer:
        entry = self.manifest.tokenizer
        return read_tokenizer(self._store.get_bytes(entry.digest, MAX_TOKENIZER), entry.digest)

    def _track(self, source: str, side: Side) -> "_Track":
        if (source, side) not in self._tracks:
            raise BadInput(f"The corpus has no source {source[:60]!r}: it has {', '.join(self.sources)}.")
        return self._tracks[source, side]

    def _read(self, shard: Shard, stream: Stream, start: int, count: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """`count` tokens of a shard from token `start`."""
        width = self.manifest.width
        opened = self._opened(shard, stream)
        raw = opened.read(HEADER.size + start * width, count * width)
        tokens = np.frombuffer(raw, f"<u{width}").astype(np.int64)
        if tokens.max(initial=0) >= self.vocabulary:
            raise Corrupt(f"{shard.digest} holds tokens that its tokenizer does not have: build the shards again.")
        if stream.masked:
            first = start // 8
            bits = opened.read(HEADER.size + shard.tokens * width + first, -(-(start + count) // 8) - first)
            mask = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[start % 8 :][:count].astype(np.bool_)
            tokens[~mask] = ~tokens[~mask]
        return tokens

    def _opened(self, shard: Shard, stream: Stream) -> "_Readable":
        if shard.digest in self._open:
            self._open.move_to_end(shard.digest)
            return self._open[shard.digest]
        size = shard_size(shard, self.manifest.width, stream.masked)
        opened: _Readable
        opened = self._mapped(shard, size) if size <= self._whole else _Paged(self._store, shard, size, self._pages)
        check_header(opened.read(0, HEADER.size), shard, self.manifest.width, stream.masked)
        self._open[shard.digest] = opened
        if len(self._open) > _OPEN_SHARDS:
            self._open.popitem(last=False)
        return opened

    def _mapped(self, shard: Shard, size: int) -> "_Mapped":
        place = self._cache / shard.digest.removeprefix("sha256:")
        if not place.is_file() or place.stat().st_size != size:
            stored = self._store.size(shard.digest)
            if stored != size:
                raise Corrupt(f"{shard.digest} has {stored} bytes, not {size} as the manifest says: build it again.")
            self._store.get_file(shard.digest, place)  # appears only when it is whole and its digest is right
        return _Mapped(place)


class _Track:
    """The shards of one source and side, one after the other."""

    def __init__(self, shards: Iterable[Shard]) -> None:
        self._shards = tuple(shards)
        self._starts = list(itertools.accumulate((shard.tokens for shard in self._shards), initial=0))

    @property
    def tokens(self) -> int:
        return self._starts[-1]

    def at(self, token: int) -> tuple[Shard, int]:
        """The shard in which this token is, and its place there."""
        number = bisect_right(self._starts, token) - 1
        return self._shards[number], token - self._starts[number]


class _Readable(Protocol):
    def read(self, start: int, count: int) -> bytes: ...


class _Mapped:
    """A shard in the local cache."""

    def __init__(self, place: Path) -> None:
        self._bytes = np.memmap(place, np.uint8, "r")

    def read(self, start: int, count: int) -> bytes:
        return self._bytes[start : start + count].tobytes()


class _Paged:
    """A shard of which only some pages are read."""

    def __init__(self, store: Store, shard: Shard, size: int, kept: OrderedDict[tuple[Digest, int], bytes]) -> None:
        self._store, self._digest, self._size, self._kept = store, shard.digest, size, kept
        count = -(-size // PAGE)
        self._hashes = store.get_bytes(shard.pages, 32 * count)
        if len(self._hashes) != 32 * count:
            raise Corrupt(f"{shard.pages} lists {len(self._hashes) // 32} pages, not {count}: build the shards again.")

    def read(self, start: int, count: int) -> bytes:
        first, last = start // PAGE, (start + count - 1) // PAGE
        pages = b"".join(self._page(number) for number in range(first, last + 1))
        return pages[start - first * PAGE :][:count]

    def _page(self, number: int) -> bytes:
        key = (self._digest, number)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        page = self._store.get_range(self._digest, number * PAGE, min(PAGE, self._size - number * PAGE))
        if digest_bytes(page) != "sha256:" + self._hashes[32 * number :][:32].hex():
            raise Corrupt(f"Page {number} of {self._digest} is damaged in the store at {self._store.url}.")
        self._kept[key] = page
        if len(self._kept) > _PAGES_KEPT:
            self._kept.popitem(last=False)
        return page
