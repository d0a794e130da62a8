"""What the page shows of a map: tiles of heights, of their uncertainty and of the imagery, values at a place and
along a line.

Tiles are read by rio-tiler from the COGs, so that only the pixels and overviews that are looked at are read.
"""

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window
from rio_tiler.errors import RioTilerError
from rio_tiler.io import Reader
from rio_tiler.utils import render

from assay.canopy.mapping.inference import NODATA, SCALE
from assay.canopy.mapping.mapping import FORMAT
from assay.core.errors import BadInput
from assay.core.plain import one_line

TILE = 256
MAX_PLAN = 64 << 20  # bytes of map.json
MAX_POINTS, MAX_SAMPLES = 64, 1000
_GEOD = pyproj.Geod(ellps="WGS84")
# From bare ground to tall forest; each step is darker, so that it reads without colour too.
_RAMP = ((0, "f6efdc"), (2, "e2dfb0"), (5, "bdd08a"), (10, "84b86a"), (20, "3d8f58"), (30, "146a55"), (40, "06394a"))
_DOUBT = ((0, "f5f2f7"), (5, "c9b3d6"), (10, "9a6cb0"), (15, "6b3380"), (20, "3a0f4c"))


@dataclass(frozen=True)
class Sheet:
    """One Item of a map: its files and where it is."""

    name: str
    bbox: tuple[float, float, float, float]
    taken: str
    height: Path
    uncertainty: Path | None

    def near(self, west: float, south: float, east: float, north: float) -> bool:
        if north < self.bbox[1] or south > self.bbox[3]:
            return False
        if self.bbox[0] > self.bbox[2]:  # across the antimeridian
            return east >= self.bbox[0] or west <= self.bbox[2]
        return east >= self.bbox[0] and west <= self.bbox[2]


@dataclass(frozen=True)
class Picture:
    """The imagery, as the map's plan describes it."""

    location: str
    bands: tuple[int, int, int]
    low: float
    high: float


class MapFolder:
    """A finished map."""

    def __init__(self, folder: Path, imagery: Sequence[Picture] | None = None) -> None:
        self.folder = folder
        self._whole = _read_plan(folder)
        self.sheets = [_sheet(folder, str(name)) for name in self._whole["items"]]
        self._pictures = list(imagery) if imagery is not None else _pictures(self._whole)

    @cached_property
    def description(self) -> dict[str, Any]:
        """What the page has to know."""
        plan = self._whole["plan"]
        boxes = [sheet.bbox for sheet in self.sheets]
        layers = list(plan["layers"])[1:]
        return {
            "title": self.sheets[0].name if len(self.sheets) == 1 else f"{len(self.sheets)} sheets",
            "bounds": _joined(boxes),
            "model": plan["model"]["name"],
            "gsd_m": plan["model"]["gsd_m"],
            "uncertainty": plan["uncertainty"],
            "layers": ["height", *(["uncertainty"] if layers else []), *(["imagery"] if self._pictures else [])],
            "taken": sorted({sheet.taken for sheet in self.sheets}),
            "notes": list(self._whole["notes"]),
            "km2": self._whole["totals"]["km2"],
            "maxzoom": self._maxzoom,
            "legends": {"height": _legend(_RAMP), "uncertainty": _legend(_DOUBT)},
        }

    @cached_property
    def _maxzoom(self) -> int:
        """The zoom whose pixels are about as small as the map's."""
        ground = min(self._ground(sheet) for sheet in self.sheets)
        latitude = math.radians((self.sheets[0].bbox[1] + self.sheets[0].bbox[3]) / 2)
        equator = 40075016.7 / TILE * math.cos(latitude)
        return max(1, min(24, math.ceil(math.log2(equator / ground))))

    def _ground(self, sheet: Sheet) -> float:
        item = json.loads((self.folder / f"{sheet.name}.json").read_bytes())
        return float(item["properties"]["gsd"])

    # Tiles

    def tile(self, layer: str, z: int, x: int, y: int) -> bytes:
        """A PNG of 256 x 256; empty where there is nothing."""
        if not 0 <= z <= 24 or not 0 <= x < 2**z or not 0 <= y < 2**z:
            raise BadInput("There is no such tile.")
        if layer == "imagery":
            colours, mask = self._imagery_tile(z, x, y)
        else:
            values, mask = self._values(layer, z, x, y)
            colours = _coloured(values, _RAMP if layer == "height" else _DOUBT)
        return bytes(render(colours, mask=mask, img_format="PNG"))

    def _values(self, layer: str, z: int, x: int, y: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        values, mask = np.zeros((TILE, TILE), np.float32), np.zeros((TILE, TILE), np.uint8)
        west, south, east, north = _tile_bounds(z, x, y)
        for sheet in self.sheets:
            file = sheet.height if layer == "height" else sheet.uncertainty
            if file is None or not sheet.near(west, south, east, north):
                continue
            found = _read_tile(str(file), z, x, y)
            if found is None:
                continue
            data, there = found
            metres = data.astype(np.float32) * SCALE
            # Of an interval the width is shown.
            one = metres[0] if layer == "height" or len(metres) == 1 else metres[1] - metres[0]
            fresh = (mask == 0) & there
            values[fresh], mask[fresh] = one[fresh], 255
        return values, mask

    def _imagery_tile(self, z: int, x: int, y: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        colours, mask = np.zeros((3, TILE, TILE), np.uint8), np.zeros((TILE, TILE), np.uint8)
        for picture in self._pictures:
            found = _read_tile(picture.location, z, x, y, picture.bands)
            if found is None:
                continue
            data, there = found
            scaled = (data.astype(np.float32) - picture.low) * (255 / (picture.high - picture.low))
            fresh = (mask == 0) & there
            colours[:, fresh] = np.clip(np.nan_to_num(scaled), 0, 255).astype(np.uint8)[:, fresh]
            mask[fresh] = 255
            if mask.all():
                break
        return colours, mask

    # Values

    def at(self, longitude: float, latitude: float) -> dict[str, Any]:
        """Height and its uncertainty at a place, or None where nothing is known."""
        return self._along([longitude], [latitude])[0]

    def profile(self, points: Sequence[tuple[float, float]], samples: int) -> list[dict[str, Any]]:
        """The same along a line of (longitude, latitude), with the distance in metres from its start."""
        if not 2 <= len(points) <= MAX_POINTS or not 2 <= samples <= MAX_SAMPLES:
            raise BadInput(f"A profile has 2 to {MAX_POINTS} points and 2 to {MAX_SAMPLES} samples.")
        lengths = [_GEOD.inv(*a, *b)[2] for a, b in itertools.pairwise(points)]
        ends = np.concatenate([[0.0], np.cumsum(lengths)])
        if ends[-1] <= 0:
            raise BadInput("The points of a profile are one place.")
        longitudes, latitudes, distances = [], [], np.linspace(0, ends[-1], samples)
        for distance in distances:
            leg = min(int(np.searchsorted(ends, distance, side="right")) - 1, len(lengths) - 1)
            azimuth = _GEOD.inv(*points[leg], *points[leg + 1])[0]
            longitude, latitude, _ = _GEOD.fwd(*points[leg], azimuth, distance - ends[leg])
            longitudes.append(longitude)
            latitudes.append(latitude)
        found = self._along(longitudes, latitudes)
        return [{"m": round(float(d), 2), **one} for d, one in zip(distances, found, strict=True)]

    def _along(self, longitudes: Sequence[float], latitudes: Sequence[float]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{"height": None} for _ in longitudes]
        for sheet in self.sheets:
            missing = [
                k
                for k, (x, y) in enumerate(zip(longitudes, latitudes, strict=True))
                if found[k]["height"] is None and sheet.near(x, y, x, y)
            ]
            if not missing:
                continue
            heights = _sampled(sheet.height, [longitudes[k] for k in missing], [latitudes[k] for k in missing])
            extra = (
                _sampled(sheet.uncertainty, [longitudes[k] for k in missing], [latitudes[k] for k in missing])
                if sheet.uncertainty
                else [{} for _ in missing]
            )
            for k, height, more in zip(missing, heights, extra, strict=True):
                if height.get("height") is not None:
                    found[k] = {**height, **more, "sheet": sheet.name, "taken": sheet.taken}
        return found


def _read_plan(folder: Path) -> dict[str, Any]:
    path = folder / "map.json"
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PLAN + 1)
        found = json.loads(data)
        if len(data) > MAX_PLAN or found["plan"]["format"] != FORMAT or not found["items"]:
            raise ValueError
        return dict(found)
    except OSError:
        raise BadInput(f"{one_line(str(folder), 200)} has no finished map: make one with assay canopy map.") from None
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{one_line(str(path), 200)} is not a map of this version of Assay.") from None


def _sheet(folder: Path, name: str) -> Sheet:
    try:
        item = json.loads((folder / f"{name}.json").read_bytes())
        if Path(name).name != name:
            raise ValueError
        box = [float(v) for v in item["bbox"]]
        properties = item["properties"]
        taken = properties.get("datetime") or f"{properties['start_datetime']}/{properties['end_datetime']}"
        doubt = folder / f"{name}.uncertainty.tif"
        return Sheet(
            name=name,
            bbox=(box[0], box[1], box[2], box[3]),
            taken=str(taken),
            height=folder / f"{name}.height.tif",
            uncertainty=doubt if "uncertainty" in item["assets"] else None,
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        raise BadInput(
            f"The Item {one_line(name, 100)} of the map is missing or damaged: make the map again."
        ) from None


def _pictures(whole: dict[str, Any]) -> list[Picture]:
    """The imagery on this machine. Addresses are not followed: the map may be a stranger's."""
    found = []
    for one in whole["plan"]["maps"]:
        for scene in one["scenes"]:
            if Path(scene["location"]).is_file():
                red, green, blue = (int(b) for b in scene["bands"])
                found.append(
                    Picture(scene["location"], (red, green, blue), float(scene["black"]), float(scene["white"]))
                )
    return found


def _joined(boxes: Sequence[tuple[float, float, float, float]]) -> list[float]:
    """West, south, east, north around all; east may exceed 180."""
    turned = [(b[0], b[1], b[2] + 360 if b[2] < b[0] else b[2], b[3]) for b in boxes]
    return [min(b[0] for b in turned), min(b[1] for b in turned), max(b[2] for b in turned), max(b[3] for b in turned)]


def _tile_bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    def latitude(row: int) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**z))))

    return x / 2**z * 360 - 180, latitude(y + 1), (x + 1) / 2**z * 360 - 180, latitude(y)


def _read_tile(
    location: str, z: int, x: int, y: int, bands: Sequence[int] | None = None
) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    """Bands (n, 256, 256) and where they are valid; None where the raster has nothing."""
    try:
        with Reader(location) as source:
            image = source.tile(x, y, z, tilesize=TILE, indexes=tuple(bands) if bands else None)
            return image.array.data, image.mask > 0
    except (RioTilerError, RasterioError):
        return None


def _sampled(path: Path, longitudes: Sequence[float], latitudes: Sequence[float]) -> list[dict[str, Any]]:
    """Values of a file's bands by name, in metres, at each place."""
    with rasterio.open(path) as dataset:
        to_map = pyproj.Transformer.from_crs("EPSG:4326", dataset.crs.to_wkt(), always_xy=True)
        names = [name or f"band {k + 1}" for k, name in enumerate(dataset.descriptions)]
        found = []
        turn = 360 if dataset.crs.is_geographic and dataset.bounds.right > 180 else 0
        for x, y in zip(*to_map.transform(longitudes, latitudes), strict=True):
            x = x + turn if turn and x < dataset.bounds.left else x
            column, row = ~dataset.transform @ (x, y)
            if not (0 <= column < dataset.width and 0 <= row < dataset.height):
                found.append(dict.fromkeys(names))
                continue
            values = dataset.read(window=Window(int(column), int(row), 1, 1))[:, 0, 0]
            found.append(
                {n: None if v == NODATA else round(float(v) * SCALE, 1) for n, v in zip(names, values, strict=True)}
            )
        return found


def _coloured(values: NDArray[np.float32], ramp: Sequence[tuple[float, str]]) -> NDArray[np.uint8]:
    at = [stop for stop, _ in ramp]
    colours = [[int(code[k : k + 2], 16) for _, code in ramp] for k in (0, 2, 4)]
    return np.stack([np.interp(values, at, channel) for channel in colours]).round().astype(np.uint8)


def _legend(ramp: Sequence[tuple[float, str]]) -> list[dict[str, Any]]:
    return [{"metres": stop, "colour": f"#{code}"} for stop, code in ramp]
