"""Which crop comes next: drawn by category of height and by site, as a function of seed, step and place in the batch.

Because a draw depends on nothing else, a training that is stopped goes on with the same crops, and several processes
share one batch without speaking. Category sampling is CHMv2's: a fixed share of low and of tall crops (section 2.6).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from assay.canopy.tiles import Tile
from assay.core.errors import BadInput


class SamplingConfig(BaseModel):
    """How crops are drawn. The statistic is the 95th percentile of a crop's heights (the paper does not name one)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low_m: float = 1.0
    low_share: float = Field(0.1, ge=0, le=1)
    tall_m: float = 25.0
    tall_share: float = Field(0.1, ge=0, le=1)
    # How sites share the rest: 0 each the same, 1 by their area.
    area_power: float = Field(0.5, ge=0, le=1)
    valid_share: float = Field(0.3, ge=0, le=1)  # of a crop's pixels that must have a height


@dataclass(frozen=True)
class Place:
    """Where a crop begins: the tile, row and column; `size` pixels of it are read."""

    tile: int
    row: int
    column: int
    size: int


@dataclass(frozen=True)
class _Candidates:
    places: npt.NDArray[np.int64]  # (n, 3): tile, row, column
    p95: npt.NDArray[np.float32]
    site: npt.NDArray[np.int64]


class CropSampler:
    """All places a crop may come from, and the draw among them."""

    def __init__(self, tiles: Sequence[Tile], crop: int, config: SamplingConfig, *, seed: int):
        self._tiles, self._crop, self._config, self._seed = tiles, crop, config, seed
        self._all = _candidates(tiles, crop, config.valid_share)
        names = sorted({tile.site for tile in tiles})
        area = np.array([sum(int(np.isfinite(t.height).sum()) for t in tiles if t.site == name) for name in names])
        self._weight = np.maximum(area, 1).astype(float) ** config.area_power
        self._low = np.flatnonzero(self._all.p95 < config.low_m)
        self._tall = np.flatnonzero(self._all.p95 > config.tall_m)

    def generator(self, step: int, place: int) -> np.random.Generator:
        """The randomness of one crop of one step, for its place and its augmentation."""
        return np.random.default_rng([self._seed, step, place])

    def draw(self, random: np.random.Generator, scale: float = 1.0) -> Place:
        """A place for a crop that reads `scale` times the crop's size; where the tile ends, it has less to read."""
        chosen = self._all.places[self._pick(random)]
        tile = int(chosen[0])
        height, width = self._tiles[tile].height.shape
        size = max(round(self._crop * scale), 1)
        half = (size - self._crop) // 2
        jitter = random.integers(-(self._crop // 4), self._crop // 4 + 1, size=2)
        row = int(np.clip(chosen[1] - half + jitter[0], 0, max(height - size, 0)))
        column = int(np.clip(chosen[2] - half + jitter[1], 0, max(width - size, 0)))
        return Place(tile, row, column, size)

    def _pick(self, random: np.random.Generator) -> int:
        chance = random.random()
        if chance < self._config.low_share and len(self._low):
            return self._of_a_site(random, self._low)
        if chance > 1 - self._config.tall_share and len(self._tall):
            return self._of_a_site(random, self._tall)
        return self._of_a_site(random, np.arange(len(self._all.p95)))

    def _of_a_site(self, random: np.random.Generator, among: npt.NDArray[np.int64]) -> int:
        sites = self._all.site[among]
        present = np.unique(sites)
        weight = self._weight[present]
        site = random.choice(present, p=weight / weight.sum())
        return int(random.choice(among[sites == site]))


def _candidates(tiles: Sequence[Tile], crop: int, valid_share: float) -> _Candidates:
    names = sorted({tile.site for tile in tiles})
    places, p95, site = [], [], []
    step = max(crop // 2, 1)
    for index, tile in enumerate(tiles):
        height, width = tile.height.shape
        for row in range(0, max(height - crop, 0) + 1, step):
            for column in range(0, max(width - crop, 0) + 1, step):
                part = tile.height[row : row + crop, column : column + crop]
                known = part[np.isfinite(part)]
                if known.size and known.size >= valid_share * part.size:
                    places.append((index, row, column))
                    p95.append(np.quantile(known, 0.95))
                    site.append(names.index(tile.site))
    if not places:
        raise BadInput(f"No crop of {crop} px has heights for {valid_share:.0%} of its pixels: is this the right data?")
    return _Candidates(np.array(places), np.array(p95, np.float32), np.array(site))
