"""Tiles: imagery with lidar heights on the same grid, listed by a manifest, split by site.

A folder of tiles has a `manifest.csv` with one row per file (docs/formats/canopy-tiles.md). Heights are metres as
float32, NaN where there is no label: 0 m is a height. Nothing here knows about models, losses or metrics.
"""

import csv
import io
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from assay.core.digest import digest_file
from assay.core.errors import BadInput, Corrupt, LimitExceeded
from assay.core.plain import one_line

MANIFEST = "manifest.csv"
MAX_MANIFEST = 64 << 20  # bytes: about 300,000 rows
MAX_PIXELS = 100_000_000  # of one tile: it is held in memory, 8 bytes a pixel
TALLEST = 130.0  # metres: the tallest tree known is 116 m; more is a bird, a mast or an error
LOWEST = -2.0  # metres: between this and 0 is lidar noise and counts as 0
NODATA = -9999.0  # in rasters that are written here

_REQUIRED = ("file", "site", "kind")
_ROLE = re.compile(r"_(rgb|image|chm|height)$", re.IGNORECASE)
_NAME = re.compile(r"(?!\.\.?$)[^\x00-\x1f/\\]{1,200}")  # it may name a folder

Heights = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tile:
    """One piece of land. All arrays share the grid of `transform`, row 0 in the north where the grid is north up."""

    name: str
    site: str
    rgb: NDArray[np.uint8]  # (3, H, W)
    height: Heights  # (H, W) metres; NaN: no label, or no imagery
    seen: Mask  # (H, W) where there is imagery
    gsd_m: float  # metres on the ground per pixel
    crs: str | None
    transform: Affine
    date: str | None = None  # of the imagery, ISO 8601
    split: str = ""
    synthetic: bool = False  # imagery rendered from the heights

    @property
    def shape(self) -> tuple[int, int]:
        return self.height.shape[0], self.height.shape[1]

    @property
    def labelled(self) -> Mask:
        """(H, W): where there is a height."""
        return np.isfinite(self.height)

    def crop(self, row: int, column: int, rows: int, columns: int) -> "Tile":
        """The window from (`row`, `column`), with its own transform and a name that says where it was."""
        total_rows, total_columns = self.shape
        if (
            row < 0
            or column < 0
            or rows < 1
            or columns < 1
            or row + rows > total_rows
            or column + columns > total_columns
        ):
            raise ValueError(f"the window {row}+{rows}, {column}+{columns} is not inside {self.shape}")
        part = np.s_[row : row + rows, column : column + columns]
        return replace(
            self,
            name=f"{self.name}@{row},{column}",
            rgb=self.rgb[(slice(None), *part)],
            height=self.height[part],
            seen=self.seen[part],
            transform=self.transform @ Affine.translation(column, row),
        )

    def with_height(self, height: Heights) -> "Tile":
        """The same imagery with other labels."""
        if height.shape != self.height.shape:
            raise ValueError(f"heights of {height.shape} for a tile of {self.height.shape}")
        return replace(self, height=height.astype(np.float32))


@dataclass(frozen=True)
class TileRef:
    """A tile that has not been read. Without `height` it has imagery only."""

    name: str
    site: str
    split: str  # train, val, test or empty
    synthetic: bool
    rgb: Path
    height: Path | None
    gsd_m: float | None
    crs: str | None
    date: str | None
    rgb_sha256: str | None = None
    height_sha256: str | None = None
    note: str = ""

    def load(self) -> Tile:
        """Read both rasters and check that they are what the manifest says and lie on one grid."""
        _same_bytes(self.rgb, self.rgb_sha256)
        rgb, seen, grid = _read_rgb(self.rgb)
        if self.height is None:
            height = np.full(rgb.shape[1:], np.nan, np.float32)
        else:
            _same_bytes(self.height, self.height_sha256)
            height = _read_height(self.height, grid, self.rgb)
        return Tile(
            name=self.name,
            site=self.site,
            rgb=rgb,
            height=np.where(seen, height, np.float32(np.nan)).astype(np.float32),
            seen=seen,
            gsd_m=_gsd(self, grid),
            crs=grid.crs or self.crs,
            transform=grid.transform,
            date=self.date,
            split=self.split,
            synthetic=self.synthetic,
        )


@dataclass(frozen=True)
class PointsRef:
    """A point cloud that a manifest lists."""

    name: str
    site: str
    split: str
    path: Path
    gsd_m: float | None
    crs: str | None
    sha256: str | None = None


# Splits --------------------------------------------------------------------------------------------------------------


def by_site(refs: Iterable[TileRef]) -> dict[str, list[TileRef]]:
    """The tiles of each site, sites in alphabetical order."""
    found: dict[str, list[TileRef]] = {}
    for ref in sorted(refs, key=lambda r: (r.site, r.name)):
        found.setdefault(ref.site, []).append(ref)
    return found


def hold_out(refs: Iterable[TileRef], *sites: str) -> tuple[list[TileRef], list[TileRef]]:
    """All tiles of other sites, and all tiles of `sites`: no site is in both."""
    kept: list[TileRef] = []
    held: list[TileRef] = []
    for ref in refs:
        (held if ref.site in sites else kept).append(ref)
    missing = sorted(set(sites) - {ref.site for ref in held})
    if missing:
        raise BadInput(f"There is no tile of {_list(missing)}: the sites are {_list(sorted({r.site for r in kept}))}.")
    return kept, held


def site_folds(refs: Iterable[TileRef], folds: int | None = None) -> list[tuple[list[TileRef], list[TileRef]]]:
    """(train, test) pairs in which every site is tested once. Without `folds` each site is a fold of its own.

    Large sites first, each to the fold with the fewest tiles: folds are alike in size, and always the same.
    """
    sites = by_site(refs)
    count = min(folds or len(sites), len(sites))
    groups: list[list[str]] = [[] for _ in range(count)]
    for site in sorted(sites, key=lambda name: (-len(sites[name]), name)):
        min(groups, key=lambda group: sum(len(sites[name]) for name in group)).append(site)
    everything = [ref for found in sites.values() for ref in found]
    return [hold_out(everything, *group) for group in groups if group]


def blocks(tile: Tile, size: int, *, stride: int | None = None, least_labelled: float = 0.5) -> list[Tile]:
    """Windows of `size` pixels that are labelled for at least `least_labelled` of their pixels.

    A tile smaller than `size` is one block, as it is. The last row and column of windows end at the tile's edge.
    """
    rows, columns = (min(size, side) for side in tile.shape)
    found = []
    for row in _starts(tile.shape[0], rows, stride or size):
        for column in _starts(tile.shape[1], columns, stride or size):
            piece = tile.crop(row, column, rows, columns)
            if piece.labelled.mean() >= least_labelled:
                found.append(piece)
    return found


def pieces(tile: Tile, size: int, *, least_labelled: float = 0.5) -> list[Tile]:
    """The tile cut into parts of about `size` pixels, every pixel in one of them, without those that lack labels."""
    found = []
    for top, bottom in _cuts(tile.shape[0], size):
        for left, right in _cuts(tile.shape[1], size):
            piece = tile.crop(top, left, bottom - top, right - left)
            if piece.labelled.mean() >= least_labelled:
                found.append(piece)
    return found


def _cuts(length: int, size: int) -> list[tuple[int, int]]:
    count = max(1, round(length / size))
    ends = [round(k * length / count) for k in range(count + 1)]
    return list(itertools.pairwise(ends))


def _starts(length: int, size: int, stride: int) -> list[int]:
    last = length - size
    return sorted({*range(0, last + 1, stride), last})


# The manifest --------------------------------------------------------------------------------------------------------


def read_manifest(folder: Path) -> list[TileRef]:
    """The tiles that `folder/manifest.csv` lists, by name. Nothing but the manifest is read."""
    pairs: dict[tuple[str, str], dict[str, _Row]] = {}
    for row in _rows(folder):
        if row.role in ("rgb", "height"):
            both = pairs.setdefault(row.pair, {})
            if row.role in both:
                raise BadInput(f"{row.where} is a second {row.role} raster of one tile: give the rows a column `tile`.")
            both[row.role] = row
    found: dict[str, TileRef] = {}
    for both in pairs.values():
        if "rgb" not in both:
            raise BadInput(f"{both['height'].where} has heights but no imagery: add its RGB raster to the manifest.")
        ref = _tile_ref(both["rgb"], both.get("height"))
        if ref.name in found:
            raise BadInput(f"{both['rgb'].where} is the second tile that is called {ref.name}: names must differ.")
        found[ref.name] = ref
    if not found:
        raise BadInput(f"{folder / MANIFEST} lists no imagery: rows of kind `rgb` are needed.")
    return sorted(found.values(), key=lambda ref: (ref.site, ref.name))


def read_points(folder: Path) -> list[PointsRef]:
    """The point clouds that `folder/manifest.csv` lists."""
    return [
        PointsRef(row.stem, row.site, row.split, row.path, row.gsd_m, row.crs, row.sha256)
        for row in _rows(folder)
        if row.role == "points"
    ]


@dataclass(frozen=True)
class _Row:
    """A row of a manifest, checked."""

    where: str  # for messages
    path: Path
    role: str  # rgb, height, points or other
    pair: tuple[str, str]
    stem: str
    site: str
    split: str
    synthetic: bool
    gsd_m: float | None
    crs: str | None
    date: str | None
    sha256: str | None
    note: str


def _rows(folder: Path) -> Iterator[_Row]:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise BadInput(f"{manifest} does not exist: a folder of tiles needs a manifest of its files.")
    if manifest.stat().st_size > MAX_MANIFEST:
        raise LimitExceeded(f"{manifest} is larger than {MAX_MANIFEST >> 20} MiB: split the folder.")
    try:
        text = manifest.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{manifest} is not UTF-8 text: save it as UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [name for name in _REQUIRED if name not in (reader.fieldnames or [])]
        if missing:
            raise BadInput(f"{manifest} has no column {_list(missing)}: its first line names the columns.")
        for fields in reader:
            yield _row(folder, f"{manifest}, line {reader.line_num},", fields)
    except csv.Error as error:
        raise BadInput(f"{manifest}, line {reader.line_num}, is not CSV: {error}.") from None


def _row(folder: Path, where: str, fields: dict[str, Any]) -> _Row:
    if None in fields or None in fields.values():
        raise BadInput(f"{where} has another number of fields than the first line.")
    values = {name: str(value).strip() for name, value in fields.items()}
    inside = PurePosixPath(values["file"])
    if not values["file"] or "\x00" in values["file"] or inside.is_absolute() or ".." in inside.parts:
        raise BadInput(f"{where} names {one_line(values['file'], 80)!r}: files must lie inside the folder.")
    if not _NAME.fullmatch(values["site"]):
        raise BadInput(f"{where} has no site: name the place, so that no site is trained on and tested on.")
    kind, split = values["kind"].lower(), values.get("split", "").lower()
    stem = _ROLE.sub("", inside.stem)
    named = values.get("tile", "")
    return _Row(
        where=where,
        path=folder / inside,
        role=_role(kind),
        pair=("", named) if named else (str(inside.parent), stem),
        stem=named or stem,
        site=values["site"],
        split=split.partition(" ")[0],
        synthetic="synth" in split,
        gsd_m=_metres(where, values.get("gsd_m", "")),
        crs=None if values.get("crs", "") in ("", "None") else values["crs"],
        date=_date(where, values.get("date", "")),
        sha256=_sha256(where, values.get("sha256", "")),
        note=values.get("note", ""),
    )


def _role(kind: str) -> str:
    for start, role in (("rgb", "rgb"), ("canopy height", "height"), ("height", "height"), ("points", "points")):
        if kind.startswith(start):
            return role
    return "other"


def _metres(where: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.01 <= value <= 1000:
        raise BadInput(f"{where} has gsd_m {one_line(text, 40)!r}: give metres per pixel, from 0.01 to 1000.")
    return value


def _date(where: str, text: str) -> str | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadInput(f"{where} has the date {one_line(text, 40)!r}: write 2021-06-30.") from None


def _sha256(where: str, text: str) -> str | None:
    if text and not re.fullmatch("[0-9a-f]{64}", text):
        raise BadInput(f"{where} has sha256 {one_line(text, 80)!r}: give 64 hex digits, or leave it empty.")
    return text or None


def _tile_ref(rgb: _Row, height: _Row | None) -> TileRef:
    if height is not None and (height.site, height.split) != (rgb.site, rgb.split):
        raise BadInput(f"{height.where} has another site or split than the imagery of the same tile.")
    return TileRef(
        name=rgb.stem,
        site=rgb.site,
        split=rgb.split,
        synthetic=rgb.synthetic,
        rgb=rgb.path,
        height=height.path if height else None,
        gsd_m=rgb.gsd_m,
        crs=rgb.crs,
        date=rgb.date,
        rgb_sha256=rgb.sha256,
        height_sha256=height.sha256 if height else None,
        note=(height or rgb).note,
    )


# Rasters -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Grid:
    rows: int
    columns: int
    transform: Affine
    crs: str | None
    metres: float | None  # per pixel, where the reference system says it


def _open(path: Path) -> DatasetReader:
    try:
        dataset = rasterio.open(path)
    except RasterioError as error:
        raise BadInput(f"{path} cannot be read as a raster: {one_line(str(error), 200)}.") from None
    if dataset.width * dataset.height > MAX_PIXELS:
        with dataset:
            raise LimitExceeded(
                f"{path} has {dataset.width} x {dataset.height} pixels: a tile may have {MAX_PIXELS:,}; cut it."
            )
    return dataset


def _grid(dataset: DatasetReader) -> _Grid:
    crs = dataset.crs
    return _Grid(
        rows=dataset.height,
        columns=dataset.width,
        transform=dataset.transform,
        crs=crs.to_string() if crs else None,
        metres=_ground_metres(dataset) if crs else None,
    )


def _ground_metres(dataset: DatasetReader) -> float | None:
    """Metres per pixel of a projected grid; None where the scale depends on the place (degrees, Mercator)."""
    if not dataset.crs.is_projected or dataset.crs.to_epsg() in (3857, 3395):
        return None
    across, along = _steps(dataset.transform)
    return math.sqrt(across * along) * float(dataset.crs.linear_units_factor[1])


def _steps(transform: Affine) -> tuple[float, float]:
    """How long one pixel is across and along, whichever way the grid is turned."""
    return math.hypot(transform.a, transform.d), math.hypot(transform.b, transform.e)


def _read_rgb(path: Path) -> tuple[NDArray[np.uint8], Mask, _Grid]:
    with _open(path) as dataset:
        if dataset.count < 3:
            raise BadInput(f"{path} has {dataset.count} band(s): red, green and blue are needed.")
        if any(kind != "uint8" for kind in dataset.dtypes[:3]):
            raise BadInput(f"{path} holds {dataset.dtypes[0]}: tiles are uint8; scale it by a range that you state.")
        try:
            rgb = dataset.read([1, 2, 3])
            seen = dataset.dataset_mask() > 0
        except RasterioError as error:
            raise BadInput(f"{path} cannot be read to its end: {one_line(str(error), 200)}.") from None
        return rgb, seen, _grid(dataset)


def _read_height(path: Path, grid: _Grid, rgb: Path) -> Heights:
    with _open(path) as dataset:
        mine = _grid(dataset)
        shift = _largest_shift(mine, grid) if (mine.rows, mine.columns) == (grid.rows, grid.columns) else math.inf
        if shift > 0.01 or (mine.crs and grid.crs and mine.crs != grid.crs):  # pixels
            raise BadInput(f"{path} is not on the grid of {rgb}: warp it there first (`gdalwarp -te … -tr …`).")
        try:
            height = dataset.read(1, masked=True).astype(np.float32).filled(np.nan)
        except RasterioError as error:
            raise BadInput(f"{path} cannot be read to its end: {one_line(str(error), 200)}.") from None
    return plausible(height)


def plausible(height: Heights) -> Heights:
    """Heights with slight negatives as 0 and impossible ones as no label."""
    with np.errstate(invalid="ignore"):
        wrong = ~np.isfinite(height) | (height < LOWEST) | (height > TALLEST)
    return np.where(wrong, np.float32(np.nan), np.maximum(height, np.float32(0))).astype(np.float32)


def _largest_shift(one: _Grid, other: _Grid) -> float:
    """How far, in pixels, the corners of two grids of one size lie apart."""
    step = min(_steps(other.transform))
    corners = [(0, 0), (one.columns, 0), (0, one.rows), (one.columns, one.rows)]
    apart = [np.subtract(one.transform @ corner, other.transform @ corner) for corner in corners]
    return max(math.hypot(*pair) for pair in apart) / step if step else math.inf


def _gsd(ref: TileRef, grid: _Grid) -> float:
    if ref.gsd_m is None and grid.metres is None:
        raise BadInput(f"{ref.rgb} does not say how large its pixels are on the ground: give gsd_m in the manifest.")
    if ref.gsd_m is not None and grid.metres is not None and not 0.95 < ref.gsd_m / grid.metres < 1.05:
        raise BadInput(f"{ref.rgb} has pixels of {grid.metres:.3g} m, and the manifest says {ref.gsd_m:g} m: mend one.")
    return ref.gsd_m if ref.gsd_m is not None else float(grid.metres or 0)


def _same_bytes(path: Path, sha256: str | None) -> None:
    if not path.is_file():
        raise BadInput(f"{path} is in the manifest, and does not exist.")
    if sha256 is not None and digest_file(path) != f"sha256:{sha256}":
        raise Corrupt(f"{path} is not the file that the manifest names: its SHA-256 differs.")


def write_height(path: Path, height: Heights, like: Tile) -> None:
    """Write heights on the grid of `like` as a GeoTIFF, float32 with nodata -9999."""
    write_raster(path, np.where(np.isfinite(height), height, NODATA).astype(np.float32)[None], like, NODATA)


def write_rgb(path: Path, tile: Tile) -> None:
    """Write a tile's imagery as a GeoTIFF."""
    write_raster(path, tile.rgb, tile, None)


def write_raster(path: Path, bands: NDArray[Any], like: Tile, nodata: float | None) -> None:
    """Write `bands` (C, H, W) on the grid of `like`."""
    profile = {
        "driver": "GTiff",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype.name,
        "crs": like.crs,
        "transform": like.transform,
        "nodata": nodata,
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(bands)


def load_all(refs: Sequence[TileRef]) -> list[Tile]:
    return [ref.load() for ref in refs]


def _list(names: Sequence[str]) -> str:
    return ", ".join(one_line(name, 60) for name in names[:20])
