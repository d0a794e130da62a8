"""Forests that were never flown over: scenes drawn from a seed, for a task and a demo where no data is at hand.

A scene is trees on ground: crowns give the height, the sun gives light and cast shadows, species and ground give the
colours. Every site draws its own species, light and density, so a held-out site is a real change of domain. It is not
imagery: what is measured on it says that the machinery works, not how well a model maps a real forest.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from affine import Affine

from assay.canopy.tiles import MANIFEST, Tile, write_height, write_rgb

Array = npt.NDArray[np.float32]

TALLEST = 45.0  # metres
CRS = "EPSG:32617"  # somewhere: the scenes lie nowhere
_SOFT = 0.35  # what a shadow leaves of the light


@dataclass(frozen=True)
class _Species:
    colour: tuple[float, float, float]  # reflectance of red, green, blue
    pointed: float  # exponent of the crown's profile: 1 is a cone, 2 a dome
    slender: float  # crown radius in metres = slender * height ** 0.7


@dataclass(frozen=True)
class _Site:
    species: tuple[_Species, ...]
    ground: tuple[float, float, float]
    mean_height: float  # metres, of the dominant trees
    stems: float  # trees per square metre where there is forest
    open_share: float  # of the area without trees
    azimuth: float  # of the sun, radians
    slope: float  # tangent of the sun's elevation
    exposure: float
    haze: float


def _site(number: int) -> _Site:
    draw = np.random.default_rng([20_260_917, number])
    species = tuple(
        _Species(
            colour=(float(draw.uniform(0.05, 0.16)), float(draw.uniform(0.12, 0.26)), float(draw.uniform(0.03, 0.10))),
            pointed=float(draw.uniform(0.9, 2.4)),
            slender=float(draw.uniform(0.24, 0.42)),
        )
        for _ in range(int(draw.integers(2, 5)))
    )
    soil = float(draw.uniform(0.18, 0.42))
    return _Site(
        species=species,
        ground=(soil, soil * float(draw.uniform(0.8, 1.0)), soil * float(draw.uniform(0.5, 0.75))),
        mean_height=float(draw.uniform(10, 30)),
        stems=float(draw.uniform(0.012, 0.035)),
        open_share=float(draw.uniform(0.05, 0.5)),
        azimuth=float(draw.uniform(0, 2 * np.pi)),
        slope=float(draw.uniform(0.7, 1.8)),
        exposure=float(draw.uniform(1.6, 2.6)),
        haze=float(draw.uniform(0.0, 0.08)),
    )


def scene(site: int, tile: int, pixels: int = 128, gsd_m: float = 1.0) -> tuple[npt.NDArray[np.uint8], Array]:
    """RGB uint8 (3, pixels, pixels) and height in metres, float32 (pixels, pixels), of a tile of a site."""
    about = _site(site)
    draw = np.random.default_rng([20_260_918, site, tile])
    margin = int(np.ceil(30 / gsd_m))  # trees and shadows reach in from outside
    size = pixels + 2 * margin
    forest = _noise(draw, size, 40 / gsd_m) > np.quantile(_noise(draw, size, 40 / gsd_m), about.open_share)
    height, owner = _trees(about, draw, forest, size, gsd_m)
    light = _light(height, about, gsd_m)
    inner = slice(margin, margin + pixels)
    rgb = _colours(about, draw, height, owner, light)[:, inner, inner]
    return rgb, np.ascontiguousarray(height[inner, inner])


def _noise(draw: np.random.Generator, size: int, length: float) -> Array:
    """Smooth noise whose features are about `length` pixels wide: a coarse grid, interpolated."""
    coarse = max(3, int(size / length) + 3)
    grid = draw.standard_normal((coarse, coarse))
    at = np.linspace(0, coarse - 1.001, size)
    low, part = at.astype(int), at - at.astype(int)
    part = part * part * (3 - 2 * part)
    rows = grid[low] * (1 - part)[:, None] + grid[low + 1] * part[:, None]
    return np.asarray(rows[:, low] * (1 - part) + rows[:, low + 1] * part, dtype=np.float32)


def _trees(
    about: _Site, draw: np.random.Generator, forest: npt.NDArray[np.bool_], size: int, gsd_m: float
) -> tuple[Array, npt.NDArray[np.int16]]:
    """Height in metres, and for each pixel the species whose crown is on top (-1: ground)."""
    height = np.zeros((size, size), dtype=np.float32)
    owner = np.full((size, size), -1, dtype=np.int16)
    vigour = _noise(draw, size, 60 / gsd_m)
    for _ in range(int(about.stems * (size * gsd_m) ** 2)):
        y, x = draw.uniform(0, size, 2)
        kind = int(draw.integers(len(about.species)))
        spread = float(draw.normal(0, 0.22))
        if not forest[int(y), int(x)]:
            continue
        tall = about.mean_height * float(np.exp(spread + 0.25 * vigour[int(y), int(x)]))
        tall = float(np.clip(tall, 1.5, TALLEST))
        species = about.species[kind]
        radius = species.slender * tall**0.7 / gsd_m * 2
        top, bottom = max(0, int(y - radius)), min(size, int(y + radius) + 2)
        left, right = max(0, int(x - radius)), min(size, int(x + radius) + 2)
        yy, xx = np.mgrid[top:bottom, left:right]
        away = np.hypot(yy - y, xx - x) / radius
        crown = np.where(away < 1, tall * (1 - 0.65 * away**species.pointed), 0).astype(np.float32)
        window = height[top:bottom, left:right]
        higher = crown > window
        window[higher] = crown[higher]
        owner[top:bottom, left:right][higher] = kind
    rough = np.where(owner >= 0, 0.6 * draw.standard_normal((size, size)), 0).astype(np.float32)
    return np.maximum(height + rough, 0).astype(np.float32), owner


def _light(height: Array, about: _Site, gsd_m: float) -> Array:
    """Light on each pixel: the angle to the sun, less what stands in its way."""
    rise_y, rise_x = np.gradient(height, gsd_m)
    towards = np.array([np.sin(about.azimuth), np.cos(about.azimuth)])
    facing = (about.slope - rise_y * towards[0] - rise_x * towards[1]) / (
        np.sqrt(1 + rise_y**2 + rise_x**2) * np.hypot(1, about.slope)
    )
    blocked = np.zeros_like(height)
    for step in range(1, int(TALLEST / about.slope / gsd_m)):
        dy, dx = (round(float(v) * step) for v in towards)
        nearer = np.roll(height, (-dy, -dx), axis=(0, 1)) - step * gsd_m * about.slope
        blocked = np.maximum(blocked, nearer)
    shade = np.clip((blocked - height) / 1.5, 0, 1)
    return np.asarray(np.clip(facing, 0.12, 1) * (1 - (1 - _SOFT) * shade), dtype=np.float32)


def _colours(
    about: _Site, draw: np.random.Generator, height: Array, owner: npt.NDArray[np.int16], light: Array
) -> npt.NDArray[np.uint8]:
    palette = np.array([*(s.colour for s in about.species), about.ground], dtype=np.float32)  # the ground is last
    reflectance = palette[owner].transpose(2, 0, 1)
    size = height.shape[0]
    patchy = 1 + 0.12 * _noise(draw, size, 12) + 0.05 * draw.standard_normal((size, size))
    seen = reflectance * light * patchy * about.exposure + about.haze
    return (255 * np.clip(seen, 0, 1) ** (1 / 1.8)).astype(np.uint8)


def site_name(number: int) -> str:
    return f"S{number:03d}"


def tile(site: int, number: int, pixels: int = 128) -> Tile:
    """A scene as a tile of 1 m pixels."""
    rgb, height = scene(site, number, pixels)
    place = Affine(1, 0, 400_000 + 1000 * site, 0, -1, 3_280_000 + 200 * number)
    name = f"{site_name(site)}_{number:02d}"
    return Tile(name, site_name(site), rgb, height, np.ones(height.shape, bool), 1.0, CRS, place)


def write_sites(folder: Path, sites: Sequence[int], tiles: int, *, split: str, pixels: int = 128) -> None:
    """Write scenes as GeoTIFF pairs and add them to `folder/manifest.csv`."""
    (folder / "tiles").mkdir(parents=True, exist_ok=True)
    with (folder / MANIFEST).open("a", newline="") as file:
        writer = csv.DictWriter(file, ["file", "site", "kind", "split", "gsd_m", "crs", "licence", "source"])
        if file.tell() == 0:
            writer.writeheader()
        for one in (tile(site, number, pixels) for site in sites for number in range(tiles)):
            about = {
                "site": one.site,
                "split": split,
                "gsd_m": 1.0,
                "crs": CRS,
                "licence": "CC0-1.0",
                "source": "drawn",
            }
            rgb, chm = f"tiles/{one.name}_rgb.tif", f"tiles/{one.name}_chm.tif"
            write_rgb(folder / rgb, one)
            write_height(folder / chm, one.height, one)
            writer.writerow({"file": rgb, "kind": "rgb (uint8)", **about})
            writer.writerow({"file": chm, "kind": "canopy height (m, float32)", **about})
