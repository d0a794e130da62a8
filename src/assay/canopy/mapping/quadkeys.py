"""A map as WebMercator files named by quadkey, like Meta's product: 1.19 m pixels of zoom 17, one file per tile of a
zoom.

A second form beside the one in the imagery's own grid, from which it is resampled. Pixels of EPSG:3857 shrink away
from the equator: areas measured on them need the square of the latitude's cosine."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from assay.canopy.mapping import cog, stac
from assay.canopy.mapping.cog import Layers, Product
from assay.canopy.mapping.imagery import Grid, settings
from assay.canopy.mapping.inference import NODATA
from assay.canopy.mapping.lattice import Box, Span
from assay.core.digest import digest_file
from assay.core.errors import BadInput
from assay.core.whole import write_whole

ZOOM = 10  # of Meta's files
_PIXELS = 17  # zoom whose pixels, of 256 to a tile, are written
_HALF = 20037508.342789244  # metres from the middle to the edge of WebMercator
_POLE = 85.051128779806604  # degrees: its edge in the north
_STRIP = 1024  # rows at a time
_MOST = 10_000  # files of one map
_WEB = CRS.from_epsg(3857)


def write(out: Path, items: Sequence[pystac.Item], products: Sequence[Product], zoom: int) -> None:
    """Write every tile of `zoom` that the items touch into `out`/quadkeys, each with an Item."""
    if not 5 <= zoom <= _PIXELS:
        raise BadInput(f"Quadkeys are written for zooms from 5 to {_PIXELS}, not {zoom}.")
    tiles = sorted({tile for item in items if item.bbox for tile in tiles_of(item.bbox, zoom)})
    if len(tiles) > _MOST:
        raise BadInput(f"The map touches {len(tiles)} tiles of zoom {zoom}: choose a smaller zoom.")
    folder = out / "quadkeys"
    folder.mkdir(exist_ok=True)
    for tile in tiles:
        _write_tile(out, folder, items, products, tile, zoom)


def tiles_of(bbox: Sequence[float], zoom: int) -> Iterator[tuple[int, int]]:
    """(x, y) of the tiles that a bbox in degrees touches."""
    west, south, east, north = bbox
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    count = 2**zoom
    top, bottom = _row(north, count), _row(south, count)
    for left, right in spans:
        first, last = (min(count - 1, max(0, math.floor((x + 180) / 360 * count))) for x in (left, right))
        for x in range(first, last + 1):
            for y in range(top, bottom + 1):
                yield x, y


def _row(latitude: float, count: int) -> int:
    angle = math.radians(max(-_POLE, min(_POLE, latitude)))
    share = (1 - math.asinh(math.tan(angle)) / math.pi) / 2
    return min(count - 1, max(0, math.floor(share * count)))


def quadkey(x: int, y: int, zoom: int) -> str:
    """The tile's name: one digit per zoom."""
    return "".join(str((x >> k & 1) + 2 * (y >> k & 1)) for k in reversed(range(zoom)))


def _write_tile(
    out: Path, folder: Path, items: Sequence[pystac.Item], products: Sequence[Product], tile: tuple[int, int], zoom: int
) -> None:
    side = 2 ** (_PIXELS + 8 - zoom)
    pixel = 2 * _HALF / 2 ** (_PIXELS + 8)
    x, y = tile
    transform = Affine(pixel, 0, x * side * pixel - _HALF, 0, -pixel, _HALF - y * side * pixel)
    grid = Grid(_WEB, transform, Span(y * side, (y + 1) * side), Span(x * side, (x + 1) * side))
    near = [item for item in items if item.bbox and tile in set(tiles_of(item.bbox, zoom))]
    name = quadkey(x, y, zoom)
    files = [folder / f"{name}.{product.key}.tif" for product in products]
    layers = [Product(p.key, tuple(range(len(p.layers))), p.descriptions, p.title) for p in products]
    written = []
    any_valid = False
    for product, file in zip(layers, files, strict=True):
        sources = [out / f"{item.id}.{product.key}.tif" for item in near]
        regions = _Warped(sources, grid, len(product.layers))
        cog.write([product], [file], grid, iter(regions), tags={})
        any_valid = any_valid or regions.valid
        written.append(stac.Written(product, file, digest_file(file), file.stat().st_size))
    if not any_valid:  # its corner only is near the map
        for file in files:
            file.unlink()
        return
    write_whole(folder / f"{name}.json", _document(name, grid, written, near))


def _document(name: str, grid: Grid, written: Sequence[stac.Written], items: Sequence[pystac.Item]) -> bytes:
    times = sorted(
        {
            end
            for item in items
            for end in (
                item.properties.get("datetime") or item.properties.get("start_datetime"),
                item.properties.get("datetime") or item.properties.get("end_datetime"),
            )
            if end
        }
    )
    taken = times[0] if len(times) == 1 else f"{times[0]}/{times[-1]}"
    kept = ("canopy:model", "canopy:uncertainty")
    properties = {key: items[0].properties[key] for key in kept if key in items[0].properties}
    made = stac.item(
        name, grid, written, taken=taken, properties=properties, derived_from=[f"../{item.id}.json" for item in items]
    )
    document: dict[str, Any] = made.to_dict(include_self_link=False, transform_hrefs=False)
    return (json.dumps(document, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


class _Warped:
    """The regions of a tile, strip by strip; the first source that has a pixel counts."""

    def __init__(self, sources: Sequence[Path], grid: Grid, layers: int) -> None:
        self._sources, self._grid, self._layers = sources, grid, layers
        self.valid = False

    def __iter__(self) -> Iterator[tuple[Box, Layers]]:
        height, width = self._grid.box.shape
        with ExitStack() as stack:
            stack.enter_context(settings())
            warped = []
            for source in self._sources:
                dataset = stack.enter_context(rasterio.open(source))
                down, across = Grid.of(dataset.crs, dataset.transform, dataset.height, dataset.width).ground_m
                # Where several pixels fall into one their mean is taken; nothing is invented between them otherwise.
                coarser = self._grid.ground_m[0] > 1.5 * max(down, across)
                warped.append(
                    stack.enter_context(
                        WarpedVRT(
                            dataset,
                            src_transform=_turned(dataset, self._grid),
                            crs=_WEB,
                            transform=self._grid.transform,
                            width=width,
                            height=height,
                            resampling=Resampling.average if coarser else Resampling.bilinear,
                            nodata=NODATA,
                            src_nodata=NODATA,
                            warp_mem_limit=64,
                        )
                    )
                )
            for row in range(0, height, _STRIP):
                rows = min(_STRIP, height - row)
                found = np.full((self._layers, rows, width), NODATA, np.uint16)
                for source in warped:
                    fresh = source.read(window=Window(0, row, width, rows))
                    found = np.where(found == NODATA, fresh, found)
                if (found == NODATA).all():
                    continue
                self.valid = True
                rows_here = Span(self._grid.rows.start + row, self._grid.rows.start + row + rows)
                yield Box(rows_here, self._grid.columns), found


def _turned(dataset: DatasetReader, grid: Grid) -> Affine:
    """The transform of a raster in degrees, on the side of the antimeridian where the tile is."""
    transform: Affine = dataset.transform
    if not dataset.crs.is_geographic:
        return transform
    middle = (grid.transform.c + grid.transform.a * len(grid.columns) / 2) / _HALF * 180
    turns = round((middle - (dataset.bounds.left + dataset.bounds.right) / 2) / 360)
    return Affine.translation(360 * turns, 0) @ transform
