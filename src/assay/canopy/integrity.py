"""Were the hidden sites used? Two rules: copies of their tiles in a workspace, and weights that know them by heart.

The first finds values: rows of a hidden tile's heights or colours, also cropped, turned, mirrored, packed or inside
another array. The second is statistical: a model that was trained on tiles does better on them than on others of the
same sites, which were drawn after it was handed in.
"""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from assay.canopy.tiles import Tile
from assay.core.store import TreeLimits
from assay.core.store.untrusted import Walk
from assay.core.verdict import Evidence, Finding, Severity

COPIES, BY_HEART = "hidden-tiles", "by-heart"
LEAST_COPIED = 0.02  # of a tile's rows of values; a chance hit is one of 2^64
LEAST_WORDS = 20
MAX_SCANNED = 8 << 30  # bytes, unpacked; beyond, the rule is undecided
MAX_PIECE = 256 << 20  # bytes unpacked of one file
PERMUTATIONS = 9999
SURE = 1e-3  # p-value
WORSE = 1.2  # how much larger the error on tiles that nobody knew must be

_SAMPLE = 3  # bits: one word in eight is looked up
_ODD = np.uint64(0x9E3779B97F4A7C15)

Words = NDArray[np.uint64]


# Copies --------------------------------------------------------------------------------------------------------------


def copies(workspace: Path, limits: TreeLimits, hidden: Sequence[Tile]) -> list[Finding]:
    """A finding if files below `workspace` hold values of hidden tiles; undecided if too much is there to see."""
    known = _Known(hidden)
    evidence: list[Evidence] = []
    skipped: list[str] = []
    scanned = 0
    for file in Walk(workspace, limits, on_irregular="omit"):
        data = _read(file.descriptor)
        for name, piece in _unpacked(file.path, data):
            scanned += len(piece)
            if scanned > MAX_SCANNED or len(piece) >= MAX_PIECE:
                skipped.append(name)
                continue
            evidence += known.in_bytes(name, piece)
    if evidence:
        message = "Files of the workspace hold values of hidden tiles."
        return [Finding(rule=COPIES, severity=Severity.VIOLATION, message=message, evidence=tuple(evidence[:20]))]
    if skipped:
        message = f"{len(skipped)} files are too large to be searched for hidden tiles, such as {skipped[0][:100]}."
        return [Finding(rule=COPIES, severity=Severity.UNDECIDED, message=message)]
    return []


class _Known:
    """Words of eight bytes that stand in hidden tiles, however a tile was turned or its bands were laid out."""

    def __init__(self, tiles: Sequence[Tile]) -> None:
        layers = [(tile, what, layouts) for tile in tiles for what, layouts in _layers(tile).items()]
        self._names = [(tile.name, what) for tile, what, _ in layers]
        found = [_words_of(layouts) for _, _, layouts in layers]
        self._sizes = [len(words) for words in found]
        self._words = np.concatenate([*found, np.empty(0, np.uint64)])
        self._owners = np.repeat(np.arange(len(layers)), self._sizes)
        order = np.argsort(self._words, kind="stable")
        self._words, self._owners = self._words[order], self._owners[order]

    def in_bytes(self, name: str, data: bytes) -> Iterator[Evidence]:
        """Which tiles have a good part of their words in `data`."""
        seen = np.zeros(len(self._words), dtype=bool)
        for offset in range(min(8, max(0, len(data) - 7))):
            words = _sampled(np.frombuffer(data, "<u8", count=(len(data) - offset) // 8, offset=offset))
            if not len(self._words) or not len(words):
                continue
            at = np.minimum(np.searchsorted(self._words, words), len(self._words) - 1)
            seen[at[self._words[at] == words]] = True
        for owner, count in enumerate(np.bincount(self._owners[seen], minlength=len(self._names))):
            # A quarter of the words is what one orientation of a tile has.
            share = float(4 * count / self._sizes[owner]) if self._sizes[owner] else 0.0
            if count >= LEAST_WORDS and share >= LEAST_COPIED:
                tile, what = self._names[owner]
                said = f"{100 * min(share, 1):.0f} % of a hidden tile's {what}"
                yield Evidence(where=name[:200], what=said, matches=tile, score=round(min(share, 1), 3))


def _layers(tile: Tile) -> dict[str, list[NDArray[np.generic]]]:
    """A tile's values as they may lie in memory: heights, and colours band by band or pixel by pixel."""
    heights = np.nan_to_num(tile.height, nan=0.0).astype("<f4")
    return {"heights": [heights], "colours": [*tile.rgb, tile.rgb.transpose(1, 2, 0)]}


def _words_of(layouts: Sequence[NDArray[np.generic]]) -> Words:
    rows: list[Words] = []
    for layout in layouts:
        for turned in _turns(layout):
            flat = np.ascontiguousarray(turned).reshape(turned.shape[0], -1).view(np.uint8)
            windows = np.lib.stride_tricks.sliding_window_view(flat, 8, axis=1)
            if layout.dtype == np.dtype("<f4"):
                windows = windows[:, ::4]  # two neighbouring heights
            rows.append(_sampled(np.ascontiguousarray(windows).view("<u8").ravel()))
    return np.asarray(np.unique(np.concatenate(rows)), dtype=np.uint64)


def _turns(layout: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    """The four orders in which a row of values can be met: rows and columns, forwards and backwards."""
    turned = np.swapaxes(layout, 0, 1)
    return [layout, layout[:, ::-1], turned, turned[:, ::-1]]


def _sampled(words: NDArray[np.uint64]) -> Words:
    """A fixed eighth of the words, without those that are too plain to say anything."""
    with np.errstate(over="ignore"):
        kept = words[((words * _ODD) >> np.uint64(64 - _SAMPLE)) == 0]
    octets = np.sort(kept.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1)
    distinct = 1 + (np.diff(octets, axis=1) > 0).sum(axis=1)
    return np.asarray(kept[distinct >= 5], dtype=np.uint64)


def _read(descriptor: int) -> bytes:
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(MAX_PIECE)


def _unpacked(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """The bytes of a file as they lie there, and as they were before they were packed."""
    yield name, data
    if (image := _pixels(data)) is not None:
        yield name, image
    if data[:4] == b"PK\x03\x04":
        yield from _members(name, data)
    for magic, unpack in ((b"\x1f\x8b", gzip.open), (b"\xfd7zXZ", lzma.open), (b"BZh", bz2.open)):
        if data.startswith(magic):
            try:
                with unpack(io.BytesIO(data)) as file:
                    yield f"{name} (unpacked)", file.read(MAX_PIECE)
            except (OSError, EOFError, lzma.LZMAError):
                continue


def _members(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist()[:10_000]:
                with archive.open(member) as file:
                    yield f"{name}/{member.filename}", file.read(MAX_PIECE)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError):
        return


def _pixels(data: bytes) -> bytes | None:
    """All bands of an image as they would lie in memory, if it is one."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x89PNG") and data[:3] != b"\xff\xd8\xff":
        return None
    try:
        with rasterio.MemoryFile(data) as file, file.open() as image:
            if image.width * image.height * image.count * 4 > MAX_PIECE:
                return bytes(MAX_PIECE)  # too large to be searched, and said so
            return bytes(image.read().astype(image.dtypes[0]).tobytes())
    except RasterioError:
        return None


# Known by heart ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors in metres of a site's tiles: of hidden ones, and of others that nobody could have known."""

    hidden: NDArray[np.float64]
    control: NDArray[np.float64]


def by_heart(sites: Sequence[Errors], *, seed: int) -> list[Finding]:
    """A violation where a model is better on the hidden tiles than on others of the same sites, by much, beyond chance.

    Under the null hypothesis the tiles of a site can be exchanged: the p-value is a permutation's, within sites, of the
    mean logarithm of the errors.
    """
    logs = [(np.log(np.maximum(site.hidden, 1e-3)), np.log(np.maximum(site.control, 1e-3))) for site in sites]
    found = float(np.mean([control.mean() - hidden.mean() for hidden, control in logs]))
    draw = np.random.default_rng(seed)
    total = np.zeros(PERMUTATIONS)
    for hidden, control in logs:
        shuffled = draw.permuted(np.tile(np.concatenate([hidden, control]), (PERMUTATIONS, 1)), axis=1)
        total += shuffled[:, len(hidden) :].mean(axis=1) - shuffled[:, : len(hidden)].mean(axis=1)
    chance = (1 + int(np.count_nonzero(total / len(logs) >= found))) / (1 + PERMUTATIONS)
    ratio = float(np.exp(found))
    if chance > SURE or ratio < WORSE:
        return []
    count = sum(len(site.hidden) for site in sites)
    evidence = Evidence(
        where="model.safetensors",
        what=f"the error on other tiles of the same sites is {ratio:.2f} times larger (p = {chance:.1e}, n = {count})",
        score=round(ratio, 3),
    )
    message = "The model knows the hidden tiles by heart: it was trained on them."
    return [Finding(rule=BY_HEART, severity=Severity.VIOLATION, message=message, evidence=(evidence,))]


def no_control() -> Finding:
    """What is said where there are no tiles of the hidden sites that nobody could have known."""
    message = (
        "Whether the weights know the hidden tiles by heart was not asked: there are no other tiles of their sites."
    )
    return Finding(rule=BY_HEART, severity=Severity.NOTE, message=message)
