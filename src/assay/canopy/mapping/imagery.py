"""Imagery as the mapper sees it: three colours of 0 to 255 and where there are any, on one grid, window by window.

What a raster says of itself is checked here, before anything is read: a place on the earth, three colour bands, the
range that black and white were declared with (never the darkest and brightest pixel of a scene). Several rasters on
one grid are one imagery. Reading is by windows only, in constant memory."""

import math
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from assay.canopy.mapping.lattice import Box, Span
from assay.core.errors import AssayError, BadInput, LimitExceeded, Unavailable
from assay.core.plain import one_line

MAX_PIXELS = 10**12  # of one map: a million by a million; its heights alone are 2 TB
CACHE_MB = 64  # of GDAL's blocks, for the whole process: without it GDAL takes a share of the machine's memory
_OPEN = 16  # rasters that are open at once, per thread
_ROOM = 0.01  # of a pixel: rasters that are closer than this to one grid are on it
_TINY, _HUGE = 0.001, 1000.0  # metres on the ground per pixel that can be true
_REMOTE = ("http://", "https://", "s3://", "gs://", "az://", "/vsicurl", "/vsis3", "/vsigs", "/vsiaz")
_GEOD = pyproj.Geod(ellps="WGS84")

Pixels = NDArray[Any]
Valid = NDArray[np.bool_]


def settings(location: str = "") -> "rasterio.Env":
    """GDAL's settings for reading `location`; GDAL keeps them per thread."""
    options: dict[str, Any] = {
        "GDAL_CACHEMAX": CACHE_MB << 20,
        "GDAL_HTTP_CONNECTTIMEOUT": 20,
        "GDAL_HTTP_TIMEOUT": 60,
        "GDAL_HTTP_MAX_RETRY": 4,
        "GDAL_HTTP_RETRY_DELAY": 0.5,
    }
    if remote(location):
        options["GDAL_DISABLE_READDIR_ON_OPEN"] = "EMPTY_DIR"  # no guessing at names of files beside it
    return rasterio.Env(**options)


def remote(location: str) -> bool:
    return location.startswith(_REMOTE)


@dataclass(frozen=True)
class Grid:
    """Pixels on the earth, counted from a corner of the world: the same numbers in all parts of a raster."""

    crs: CRS
    transform: Affine  # of the raster's first pixel
    rows: Span
    columns: Span

    @classmethod
    def of(cls, crs: CRS, transform: Affine, height: int, width: int) -> "Grid":
        a, b, c, d, e, f = tuple(transform)[:6]
        column, row = ~Affine(a, b, 0, d, e, 0) @ (c, f)
        # A quarter of a pixel of slack: grids that begin at whole or at half pixels are numbered the same everywhere.
        first_row, first_column = math.floor(row + 0.25), math.floor(column + 0.25)
        return cls(crs, transform, Span(first_row, first_row + height), Span(first_column, first_column + width))

    @property
    def box(self) -> Box:
        return Box(self.rows, self.columns)

    def part(self, box: Box) -> "Grid":
        """The grid of some of the pixels."""
        shift = Affine.translation(box.columns.start - self.columns.start, box.rows.start - self.rows.start)
        return Grid(self.crs, self.transform @ shift, box.rows, box.columns)

    def joined(self, other: "Grid") -> "Grid | None":
        """The grid that covers both, or None if they are not on one grid."""
        a, b = self.transform, other.transform
        if self.crs != other.crs or not all(
            math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-15) for x, y in zip(_linear(a), _linear(b), strict=True)
        ):
            return None
        column, row = ~a @ (b.c, b.f)
        if abs(column - round(column)) > _ROOM or abs(row - round(row)) > _ROOM:
            return None
        rows = Span(self.rows.start + round(row), self.rows.start + round(row) + len(other.rows))
        columns = Span(self.columns.start + round(column), self.columns.start + round(column) + len(other.columns))
        box = Box(_around(self.rows, rows), _around(self.columns, columns))
        return self.part(box)

    @cached_property
    def ground_m(self) -> tuple[float, float]:
        """Metres on the ground along a column and along a row, per pixel, in the middle of the grid."""
        return self.ground_at(len(self.columns) / 2, len(self.rows) / 2)

    def ground_at(self, column: float, row: float) -> tuple[float, float]:
        """The same at a place in pixels. `BadInput` if the place is not on the earth."""
        steps = [self.transform @ place for place in ((column, row), (column, row + 1), (column + 1, row))]
        try:
            to_earth = pyproj.Transformer.from_crs(self.crs.to_wkt(), "EPSG:4326", always_xy=True)
            longitudes, latitudes = to_earth.transform([x for x, _ in steps], [y for _, y in steps])
        except (pyproj.exceptions.ProjError, CRSError) as error:
            raise BadInput(f"Its coordinate reference system cannot be used: {one_line(str(error), 200)}.") from None
        if not all(map(math.isfinite, (*longitudes, *latitudes))):
            raise BadInput("It lies outside of the area that its coordinate reference system is made for.")
        down = _GEOD.inv(longitudes[0], latitudes[0], longitudes[1], latitudes[1])[2]
        across = _GEOD.inv(longitudes[0], latitudes[0], longitudes[2], latitudes[2])[2]
        return float(down), float(across)


def _linear(transform: Affine) -> tuple[float, float, float, float]:
    return transform.a, transform.b, transform.d, transform.e


def _around(one: Span, other: Span) -> Span:
    return Span(min(one.start, other.start), max(one.stop, other.stop))


@dataclass(frozen=True)
class Asked:
    """What the user says of the imagery. None: as the raster says itself."""

    bands: tuple[int, int, int] | None = None
    low: float | None = None  # what is black, and what is white
    high: float | None = None
    crs: str | None = None
    nodata: float | None = None


@dataclass(frozen=True)
class Scene:
    """One raster, described."""

    location: str  # as GDAL opens it
    grid: Grid
    bands: tuple[int, int, int]
    dtype: str
    low: float
    high: float
    range_from: str  # who declared it
    nodata: tuple[float | None, float | None, float | None]
    masked: bool  # by a mask or alpha band
    taken: str | None = None  # date or interval of the imagery, ISO 8601
    taken_from: str = ""
    derived_from: str = ""  # a STAC item

    @property
    def name(self) -> str:
        return one_line(self.location, 200)


def describe(location: str, asked: Asked) -> Scene:
    """Open a raster and see whether a map can be made of it. Errors say what is missing and how to mend it."""
    name = one_line(location, 200)
    with settings(location):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)  # it is an error here, said below
                dataset = rasterio.open(location)
        except (RasterioError, OSError, ValueError) as error:
            raise _cannot_open(location, error) from None
        with dataset:
            try:
                return _describe(dataset, location, asked)
            except RasterioError as error:
                raise _cannot_open(location, error) from None
            except BadInput as error:
                raise type(error)(f"{name}: {error}") from None


def _cannot_open(location: str, error: Exception) -> AssayError:
    said = one_line(str(error), 300)
    if remote(location):
        return Unavailable(f"{one_line(location, 200)} cannot be read: {said}. Check the address and the network.")
    return BadInput(f"{one_line(location, 200)} cannot be opened as a raster: {said}.")


def _describe(dataset: DatasetReader, location: str, asked: Asked) -> Scene:
    bands = asked.bands or _colours(dataset)
    if max(bands) > dataset.count:
        raise BadInput(f"It has {dataset.count} bands: there is no band {max(bands)}.")
    low, high, declared = _range(dataset, bands, asked)
    nodata = tuple(asked.nodata if asked.nodata is not None else dataset.nodatavals[b - 1] for b in bands)
    flags = dataset.mask_flag_enums[bands[0] - 1]
    taken, source = _date(dataset)
    return Scene(
        location=location,
        grid=_grid(dataset, asked),
        bands=bands,
        dtype=str(dataset.dtypes[bands[0] - 1]),
        low=low,
        high=high,
        range_from=declared,
        nodata=(nodata[0], nodata[1], nodata[2]),
        masked=MaskFlags.per_dataset in flags or MaskFlags.alpha in flags,
        taken=taken,
        taken_from=source,
    )


def _grid(dataset: DatasetReader, asked: Asked) -> Grid:
    crs, transform = dataset.crs, dataset.transform
    if asked.crs is not None:
        try:
            crs = CRS.from_user_input(asked.crs)
        except (CRSError, ValueError):
            raise BadInput(
                f"{asked.crs[:60]!r} is not a coordinate reference system: write for example EPSG:32617."
            ) from None
    if transform == Affine.identity() or transform.is_degenerate:
        points = " It has ground control points only: run gdalwarp on it first." if dataset.gcps[0] else ""
        raise BadInput(f"It has no place on the earth: no geotransform says where its pixels lie.{points}")
    if not crs:
        raise BadInput("It has no coordinate reference system: say which one with --crs, for example --crs EPSG:32617.")
    if dataset.width * dataset.height > MAX_PIXELS:
        raise LimitExceeded(
            f"It is {dataset.width} x {dataset.height} pixels: more than {MAX_PIXELS:.0e} in one map are not taken. "
            "Cut it into parts."
        )
    grid = Grid.of(crs, transform, dataset.height, dataset.width)
    down, across = grid.ground_m
    if not (_TINY <= down <= _HUGE and _TINY <= across <= _HUGE):
        raise BadInput(
            f"Its pixels would be {down:.3g} x {across:.3g} m on the ground: its CRS or geotransform is wrong."
        )
    return grid


def _colours(dataset: DatasetReader) -> tuple[int, int, int]:
    meanings = list(dataset.colorinterp)
    if ColorInterp.palette in meanings:
        raise BadInput("Its colours are numbers of a palette: run gdal_translate -expand rgb on it first.")
    if dataset.count < 3:
        raise BadInput(f"It has {dataset.count} band{'s' * (dataset.count > 1)}: red, green and blue are needed.")
    named = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(colour in meanings for colour in named):
        red, green, blue = (meanings.index(colour) + 1 for colour in named)
        return red, green, blue
    return 1, 2, 3


def _range(dataset: DatasetReader, bands: tuple[int, int, int], asked: Asked) -> tuple[float, float, str]:
    """What counts as black and as white. For 8 bits it is clear; for more it has to be declared."""
    types = {dataset.dtypes[b - 1] for b in bands}
    if len(types) > 1 or any("complex" in t for t in types):
        raise BadInput(f"Its colour bands are of type {', '.join(sorted(types))}: one real type is needed.")
    if asked.low is not None and asked.high is not None:
        if not (math.isfinite(asked.low) and math.isfinite(asked.high) and asked.low < asked.high):
            raise BadInput(f"The range {asked.low:g} to {asked.high:g} is empty: give black first, then white.")
        return asked.low, asked.high, "asked for"
    dtype = types.pop()
    if dtype == "uint8":
        return 0.0, 255.0, "8 bits"
    bits = dataset.tags(bands[0], ns="IMAGE_STRUCTURE").get("NBITS", "")
    if dtype == "uint16" and bits.isdigit() and 1 <= int(bits) <= 16:
        return 0.0, float(2 ** int(bits) - 1), f"NBITS={bits}"
    examples = "--range 0 1 for reflectance" if "float" in dtype else "--range 0 10000 or --range 0 2047"
    raise BadInput(
        f"It is of type {dtype} and does not say what is black and what is white: declare it, for example {examples}. "
        "The brightest pixel is not used: heights would then depend on what else is in the scene."
    )


def _date(dataset: DatasetReader) -> tuple[str | None, str]:
    """When the imagery was taken, if it says so."""
    taken = dataset.tags(ns="IMAGERY").get("ACQUISITIONDATETIME")
    if taken:
        return taken.strip(), "ACQUISITIONDATETIME"
    tags = dataset.tags()
    for key in ("ACQUISITION_DATETIME", "ACQUISITIONDATETIME", "ACQUISITION_DATE", "DATETIME", "TIFFTAG_DATETIME"):
        if tags.get(key, "").strip():
            return tags[key].strip(), key
    return None, ""


@dataclass(frozen=True)
class Imagery:
    """Scenes on one grid. Where several have a pixel, the first that has imagery there counts."""

    scenes: tuple[Scene, ...]
    grid: Grid

    @classmethod
    def group(cls, scenes: Sequence[Scene]) -> "list[Imagery]":
        """As few imageries as possible: scenes on one grid are mapped as one, so that no seam is between them."""
        found: list[Imagery] = []
        for scene in scenes:
            for number, other in enumerate(found):
                grid = other.grid.joined(scene.grid)
                if grid is not None and other.scenes[0].dtype == scene.dtype and other._taken() == scene.taken:
                    found[number] = cls((*other.scenes, replace(scene, grid=_numbered(scene.grid, other.grid))), grid)
                    break
            else:
                found.append(cls((scene,), scene.grid))
        for imagery in found:
            if imagery.grid.box.size > MAX_PIXELS:
                raise LimitExceeded(f"The scenes span {imagery.grid.box.size:.1e} pixels: map them in parts.")
        return found

    def _taken(self) -> str | None:
        return self.scenes[0].taken

    def dtype(self) -> str:
        return "uint8" if all((s.dtype, s.low, s.high) == ("uint8", 0, 255) for s in self.scenes) else "float32"


def _numbered(grid: Grid, like: Grid) -> Grid:
    """`grid` with the rows and columns counted exactly as in `like`."""
    column, row = ~like.transform @ (grid.transform.c, grid.transform.f)
    rows, columns = like.rows.start + round(row), like.columns.start + round(column)
    return replace(grid, rows=Span(rows, rows + len(grid.rows)), columns=Span(columns, columns + len(grid.columns)))


class Reader:
    """Reads windows of an imagery. One per thread: rasters stay open, as many as are needed, few at a time."""

    def __init__(self, imagery: Imagery) -> None:
        self.imagery = imagery
        self._open: OrderedDict[str, DatasetReader] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def read(self, box: Box) -> tuple[Pixels, Valid]:
        """Colours (3, H, W) of 0 to 255, uint8 or float32, and where they are valid (H, W)."""
        colours = np.zeros((3, *box.shape), self.imagery.dtype())
        valid = np.zeros(box.shape, bool)
        for scene in self.imagery.scenes:
            part = box & scene.grid.box
            if not part.size:
                continue
            place = part.within(box)
            if len(self.imagery.scenes) > 1 and valid[place].all():
                continue
            found, there = self._read(scene, part)
            if found.shape[1:] == box.shape and not valid.any():  # the usual case, without a copy
                colours, valid = found.astype(colours.dtype, copy=False), there
                continue
            fresh = there & ~valid[place]
            np.copyto(colours[(slice(None), *place)], found.astype(colours.dtype, copy=False), where=fresh)
            valid[place] |= fresh
        return colours, valid

    def _read(self, scene: Scene, box: Box) -> tuple[Pixels, Valid]:
        rows, columns = box.within(scene.grid.box)
        window = Window.from_slices(rows, columns)
        with settings(scene.location):
            try:
                dataset = self._dataset(scene)
                raw = dataset.read(scene.bands, window=window)
                valid = _present(raw, scene)
                if scene.masked:
                    valid &= dataset.read_masks(scene.bands[0], window=window) > 0
            except (RasterioError, OSError) as error:
                raise _cannot_read(scene, rows, columns, error) from None
        return _scaled(raw, scene, valid), valid

    def _dataset(self, scene: Scene) -> DatasetReader:
        """The open raster; the one that was not used for longest is closed to make room."""
        if scene.location in self._open:
            self._open.move_to_end(scene.location)
            return self._open[scene.location]
        dataset = rasterio.open(scene.location)
        if (dataset.height, dataset.width) != scene.grid.box.shape:
            dataset.close()
            raise BadInput(f"{scene.name} is not what it was when the map was begun: its size has changed.")
        self._open[scene.location] = dataset
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)[1].close()
        return dataset


def _cannot_read(scene: Scene, rows: slice, columns: slice, error: Exception) -> AssayError:
    cause = error.__cause__ or error
    where = f"rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop}"
    text = f"{scene.name} cannot be read at {where}: {one_line(str(cause), 300)}. "
    if remote(scene.location):
        return Unavailable(text + "Run the same command again: it goes on where it stopped.")
    if isinstance(error, RasterioIOError):
        text += "The file is cut short or damaged: get it again and run the same command."
    return BadInput(text)


def _present(raw: Pixels, scene: Scene) -> Valid:
    """Where there is imagery: a pixel is missing if all its colours are the nodata value, or one is no number."""
    missing = np.zeros(raw.shape[1:], bool)
    if all(value is not None for value in scene.nodata):
        missing = np.ones(raw.shape[1:], bool)
        for colour, value in zip(raw, scene.nodata, strict=True):
            if value is not None and not math.isnan(value):
                missing &= colour == value
            else:
                missing &= np.isnan(colour) if colour.dtype.kind == "f" else False
    if raw.dtype.kind == "f":
        missing |= ~np.isfinite(raw).all(axis=0)
    return ~missing


def _scaled(raw: Pixels, scene: Scene, valid: Valid) -> Pixels:
    """Declared black to 0 and white to 255; what lies beyond is clipped."""
    if raw.dtype == np.uint8 and (scene.low, scene.high) == (0, 255):
        return raw
    scaled = (raw.astype(np.float32) - np.float32(scene.low)) * np.float32(255 / (scene.high - scene.low))
    scaled = np.where(valid, scaled, 0)
    return np.clip(scaled, 0, 255, out=scaled)
