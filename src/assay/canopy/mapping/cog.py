"""Heights as Cloud Optimized GeoTIFFs: uint16 decimetres, nodata 65535 and a mask, overviews, the same bytes every
time.

A sheet is written in two steps: regions of cells into a plain tiled TIFF, then a copy of it by GDAL's COG driver.
Both work block by block in constant memory. A finished file appears under its name only when it is whole."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from assay.canopy.mapping.imagery import Grid, settings
from assay.canopy.mapping.inference import NODATA, SCALE
from assay.canopy.mapping.lattice import Box
from assay.core.errors import Unavailable

BLOCK = 512
COMPRESSION = "DEFLATE"

Layers = NDArray[np.uint16]  # (layers, H, W)


@dataclass(frozen=True)
class Product:
    """One file of a sheet: which layers it holds and how they are described."""

    key: str  # of the asset, and the end of the file's name
    layers: tuple[int, ...]
    descriptions: tuple[str, ...]
    title: str


def write(
    products: Sequence[Product],
    files: Sequence[Path],
    grid: Grid,
    regions: Iterator[tuple[Box, Layers]],
    *,
    tags: dict[str, str],
) -> None:
    """Write the regions of a sheet on `grid` into one COG per product."""
    drafts = [file.with_name(f".{file.stem}.{os.getpid()}.draft.tif") for file in files]
    finals = [file.with_name(f".{file.stem}.{os.getpid()}.cog.tif") for file in files]
    try:
        with settings():
            _fill(products, drafts, grid, regions, tags)
            for draft, final in zip(drafts, finals, strict=True):
                _optimise(draft, final)
                draft.unlink()
            for final, file in zip(finals, files, strict=True):
                _sync(final)
                final.replace(file)
    except RasterioError as error:
        raise Unavailable(f"{files[0].parent} cannot be written: {error}.") from None
    finally:
        for left in (*drafts, *finals):
            for file in left.parent.glob(f"{left.name}*"):
                file.unlink(missing_ok=True)


def _fill(
    products: Sequence[Product],
    drafts: Sequence[Path],
    grid: Grid,
    regions: Iterator[tuple[Box, Layers]],
    tags: dict[str, str],
) -> None:
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True))
        opened = [
            stack.enter_context(_draft(draft, grid, product, tags))
            for draft, product in zip(drafts, products, strict=True)
        ]
        for box, layers in regions:
            part = box & grid.box
            if not part.size:
                continue
            window = Window.from_slices(*part.within(grid.box))
            place = part.within(box)
            for dataset, product in zip(opened, products, strict=True):
                chosen = layers[(list(product.layers), *place)]
                dataset.write(chosen, window=window)
                dataset.write_mask(np.where(chosen[0] == NODATA, 0, 255).astype(np.uint8), window=window)


def _draft(path: Path, grid: Grid, product: Product, tags: dict[str, str]) -> DatasetWriter:
    height, width = grid.box.shape
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": len(product.layers),
        "dtype": "uint16",
        "crs": grid.crs,
        "transform": grid.transform,
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "interleave": "band",
        "photometric": "MINISBLACK",
        "BIGTIFF": "IF_SAFER",
    }
    dataset: DatasetWriter = rasterio.open(path, "w", **profile)
    count = len(product.layers)
    dataset.scales, dataset.offsets = (SCALE,) * count, (0.0,) * count
    dataset.units, dataset.descriptions = ("m",) * count, product.descriptions
    dataset.update_tags(AREA_OR_POINT="Area", **tags)
    return dataset


def _optimise(draft: Path, final: Path) -> None:
    rasterio.shutil.copy(
        draft,
        final,
        driver="COG",
        COMPRESS=COMPRESSION,
        PREDICTOR="YES",
        BLOCKSIZE=BLOCK,
        OVERVIEWS="IGNORE_EXISTING",
        OVERVIEW_RESAMPLING="AVERAGE",
        BIGTIFF="IF_SAFER",
        NUM_THREADS="ALL_CPUS",
    )


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
