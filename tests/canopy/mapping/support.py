"""Small models with known answers, and rasters of any kind, for the tests of the mapper."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
import torch
from affine import Affine
from torch import Tensor, nn

from assay.canopy.mapping import Card, Options, Predictor, Tiling, Uncertainty
from assay.canopy.mapping.predictor import Heights

UTM = "EPSG:32617"
SMALL = Tiling(window=96, overlap=32, ramp=24, multiple=16)
DATE = "2020-07-15"


class Found(NamedTuple):
    metres: Tensor
    bins: Tensor | None = None


class RedIsHeight(nn.Module):
    """Height is red: 0 to 40 m. Every pixel alone, so that resampling and places show."""

    def forward(self, rgb: Tensor) -> Found:
        return Found(rgb[:, :1] * 40)


class Local(nn.Module):
    """A few convolutions: a pixel depends on its surroundings up to 3 pixels away."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        sizes = ((3, 8), (8, 8), (8, 1))
        self.layers = nn.ModuleList([nn.Conv2d(a, b, 3, padding=1) for a, b in sizes])

    def forward(self, rgb: Tensor) -> Found:
        for layer in self.layers:
            rgb = layer(rgb).abs()
        return Found(rgb * 80)


class Attentive(nn.Module):
    """Patches of 16 that look at all others of the window: what a pixel gets depends on all that the window shows."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.embed = nn.Conv2d(3, 32, 16, stride=16)
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)
        self.out = nn.Linear(32, 1)
        self.detail = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, rgb: Tensor) -> Found:
        patches = self.embed(rgb)
        tokens = patches.flatten(2).transpose(1, 2)
        tokens = tokens + self.attention(tokens, tokens, tokens)[0] + tokens.mean(1, keepdim=True) * 3
        coarse = self.out(tokens).transpose(1, 2).reshape(rgb.shape[0], 1, *patches.shape[2:])
        whole = nn.functional.interpolate(coarse, size=rgb.shape[2:], mode="bilinear")
        return Found((whole * 20 + self.detail(rgb) * 2 + 15).clamp_min(0))


def card(name: str = "test", gsd_m: float = 0.5, multiple: int = 16) -> Card:
    return Card(name, gsd_m, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), multiple, "sha256:" + "0" * 64, "test")


def around(found: Heights) -> tuple[Tensor, ...]:
    """An interval of known ends: 2 m below, 3 m above."""
    return (found.metres - 2).clamp_min(0), found.metres + 3


BAND = Uncertainty(("low", "high"), "90% interval of the tests", around, 0.9)


def predictor(
    model: nn.Module | None = None, *, gsd_m: float = 0.5, uncertainty: Uncertainty | None = None
) -> Predictor:
    return Predictor(model or Local(), card(gsd_m=gsd_m), uncertainty=uncertainty)


def options(**changes: Any) -> Options:
    return Options(**{"tiling": SMALL, "date": DATE, **changes})


def texture(rows: slice, columns: slice, seed: int = 1) -> np.ndarray:
    """(3, H, W) uint8 by place: the same place has the same colour in every scene."""
    y, x = np.mgrid[rows, columns].astype(np.float64)
    waves = np.random.default_rng(seed).uniform(0.01, 0.5, (3, 4, 3))
    total = [
        sum(np.sin(a * y + b * x + 7 * c) for a, b, c in waves[band]) / 4
        + 0.3 * np.sin(12.9898 * y + 78.233 * x + band)
        for band in range(3)
    ]
    return np.clip(128 + 80 * np.stack(total), 0, 255).astype(np.uint8)


def write(path: Path, data: np.ndarray, *, transform: Affine | None = None, crs: str | None = UTM, **more: Any) -> Path:
    """A GeoTIFF of `data` (bands, H, W); its first pixel is at (500000, 4100000) unless said."""
    tags, mask = more.pop("tags", {}), more.pop("mask", None)
    bands, height, width = data.shape
    profile = {
        "driver": "GTiff",
        "count": bands,
        "height": height,
        "width": width,
        "dtype": str(data.dtype),
        "crs": crs,
        "transform": transform or place(),
        **more,
    }
    if profile["transform"] == Affine.identity():
        del profile["transform"]
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as dataset:
        dataset.write(data)
        if mask is not None:
            dataset.write_mask(mask)
        dataset.update_tags(**tags)
    return path


def place(row: int = 0, column: int = 0, gsd: float = 0.5) -> Affine:
    return Affine(gsd, 0, 500000 + column * gsd, 0, -gsd, 4100000 - row * gsd)


def scene(path: Path, height: int, width: int, *, row: int = 0, column: int = 0, **more: Any) -> Path:
    """Part of one large scene, as a raster of its own."""
    data = texture(slice(row, row + height), slice(column, column + width))
    return write(path, data, transform=place(row, column), **more)


def heights(folder: Path, name: str, product: str = "height") -> np.ndarray:
    """The map in metres, NaN where nothing is known: (H, W), or (layers, H, W) of an uncertainty."""
    with rasterio.open(folder / f"{name}.{product}.tif") as dataset:
        raw = dataset.read()
    metres = np.where(raw == 65535, np.nan, raw * 0.1)
    return metres[0] if product == "height" else metres


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
