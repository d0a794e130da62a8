"""Small tiles made for tests: canopy with crowns, and imagery that follows it."""

import numpy as np
from affine import Affine
from scipy import ndimage

from assay.canopy.tiles import Tile

GRID = Affine(0.5, 0, 400_000, 0, -0.5, 3_280_000)


def tile(name: str, rgb: np.ndarray, height: np.ndarray, site: str = "A", split: str = "train") -> Tile:
    return Tile(
        name=name,
        site=site,
        rgb=rgb.astype(np.uint8),
        height=height.astype(np.float32),
        seen=np.ones(height.shape, bool),
        gsd_m=0.5,
        crs="EPSG:32617",
        transform=GRID,
        split=split,
    )


def forest(seed: int, size: int = 80, site: str = "A", tall: float = 20.0) -> Tile:
    """Crowns on ground, lit from the north-west, in the colours of their site, with noise."""
    draw = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:size, 0:size]
    height = np.zeros((size, size))
    for _ in range(size * size // 110):
        top, radius = draw.uniform(0.3, 1.0) * tall, draw.uniform(3, 6)
        away = np.hypot(rows - draw.uniform(0, size), columns - draw.uniform(0, size)) / radius
        height = np.maximum(height, top * np.sqrt(np.clip(1 - away**2, 0, 1)))
    slope = ndimage.sobel(height, axis=0) + ndimage.sobel(height, axis=1)
    shade = 0.55 + 0.35 * np.tanh(slope / 25) + 0.1 * np.tanh(height / 10)
    warm = sum(map(ord, site)) % 5 / 20
    ground = np.array([0.55 + warm, 0.5, 0.4])[:, None, None]
    leaf = np.array([0.22 + warm / 2, 0.42, 0.16])[:, None, None]
    cover = np.tanh(height / 2)
    colour = (ground * (1 - cover) + leaf * cover) * shade + draw.normal(0, 0.02, (3, size, size))
    return tile(f"{site}{seed}", np.clip(255 * colour, 1, 255), height, site)
