"""Which crops are drawn, and that a change to a crop leaves its heights where they belong."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from assay.canopy.augmentation import STRONG, AugmentationConfig, crop_of, recoloured, scale_of
from assay.canopy.rendering import _shadow, rendered
from assay.canopy.resolution import at_resolution
from assay.canopy.sampling import CropSampler, SamplingConfig
from assay.canopy.tiles import Tile
from assay.core.errors import BadInput

Make = Callable[..., Tile]


def drawn(sampler: CropSampler, count: int = 600) -> list[tuple[int, int, int]]:
    found = []
    for place in range(count):
        spot = sampler.draw(sampler.generator(0, place))
        found.append((spot.tile, spot.row, spot.column))
    return found


def test_a_draw_depends_on_seed_step_and_place_alone(tiles: list[Tile]) -> None:
    one, two = (CropSampler(tiles, 32, SamplingConfig(), seed=5) for _ in range(2))
    drawn(one, 7)  # what was drawn before does not matter
    assert one.draw(one.generator(3, 2)) == two.draw(two.generator(3, 2))
    other = CropSampler(tiles, 32, SamplingConfig(), seed=6)
    assert drawn(one, 20) != drawn(other, 20)


def test_low_and_tall_crops_come_as_often_as_asked(forests: Make) -> None:
    bare = forests("A", 1, (256, 256))
    bare = bare.with_height(
        np.where(np.arange(256) < 200, 0.2, 12.0).astype(np.float32) * np.ones((256, 1), np.float32)
    )
    tall = forests("A", 2, (64, 64))
    tall = tall.with_height(np.full((64, 64), 40.0, np.float32))
    sampler = CropSampler([bare, tall], 64, SamplingConfig(low_share=0.2, tall_share=0.3), seed=0)
    counted = Counter(tile for tile, _, _ in drawn(sampler, 2000))
    assert 0.28 < counted[1] / 2000 < 0.38  # the tall share, and what plain draws add
    none = CropSampler([bare, tall], 64, SamplingConfig(low_share=0.0, tall_share=0.0), seed=0)
    assert Counter(tile for tile, _, _ in drawn(none, 2000))[1] / 2000 < 0.08


def test_a_large_site_does_not_drown_a_small_one(forests: Make) -> None:
    large, small = forests("large", 1, (512, 512)), forests("small", 2, (64, 64))
    shares = {}
    for power in (0.0, 1.0):
        chosen = SamplingConfig(low_share=0, tall_share=0, area_power=power)
        counted = Counter(tile for tile, _, _ in drawn(CropSampler([large, small], 32, chosen, seed=1), 1000))
        shares[power] = counted[1] / 1000
    assert shares[0.0] == pytest.approx(0.5, abs=0.06)
    assert shares[1.0] < 0.05


def test_crops_lie_inside_and_have_labels(forests: Make) -> None:
    tile = forests("A", 1, (96, 130))
    height = tile.height.copy()
    height[:, :64] = np.nan
    sampler = CropSampler([tile.with_height(height)], 32, SamplingConfig(valid_share=0.9), seed=2)
    for place in range(300):
        random = sampler.generator(1, place)
        spot = sampler.draw(random, scale_of(STRONG, random))
        assert 0 <= spot.row <= max(96 - spot.size, 0)
        assert 0 <= spot.column <= 130 - spot.size
        part = height[spot.row : spot.row + spot.size, spot.column : spot.column + spot.size]
        assert np.isfinite(part).mean() > 0.4


def test_tiles_without_labels_are_said_to_be_useless(forests: Make) -> None:
    tile = forests("A", 1)
    with pytest.raises(BadInput, match="right data"):
        CropSampler([tile.with_height(np.full(tile.shape, np.nan, np.float32))], 32, SamplingConfig(), seed=0)


# Changes to a crop ---------------------------------------------------------------------------------------------------


def test_turns_move_picture_and_heights_together() -> None:
    height = np.arange(64, dtype=np.float32).reshape(8, 8)
    rgb = np.stack([height] * 3).astype(np.uint8)
    config = AugmentationConfig(brightness=0.0)
    seen = set()
    for seed in range(60):
        made = crop_of(rgb, height, 8, config, np.random.default_rng(seed))
        assert torch.allclose(made.rgb[0] * 255, made.height[0], atol=1e-3)
        seen.add(tuple(made.height.flatten().tolist()))
    assert len(seen) == 8


def test_a_crop_that_is_blown_up_has_taller_trees() -> None:
    height, rgb = np.full((32, 32), 10.0, np.float32), np.full((3, 32, 32), 90, np.uint8)
    made = crop_of(rgb, height, 64, AugmentationConfig(scale=2.0), np.random.default_rng(0), read=32)
    assert made.height.shape == (1, 64, 64)
    assert torch.allclose(made.height, torch.full((), 20.0))
    kept = crop_of(rgb, height, 64, AugmentationConfig(heights_follow=False), np.random.default_rng(0), read=32)
    assert torch.allclose(kept.height, torch.full((), 10.0))


def test_an_unknown_pixel_stays_unknown_when_scaled() -> None:
    height, rgb = np.full((32, 32), 10.0, np.float32), np.full((3, 32, 32), 90, np.uint8)
    height[10:14, 10:14] = np.nan
    made = crop_of(rgb, height, 64, AugmentationConfig(turns=False), np.random.default_rng(0), read=32)
    assert not made.valid[0, 20:28, 20:28].any()
    assert made.valid[0, :16, :16].all()
    known = made.height[made.valid]
    assert torch.allclose(known, torch.full((), 20.0)), "heights next to a hole must not be mixed with it"


def test_strong_colour_changes_the_picture_and_stays_in_range() -> None:
    colour = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))
    made = [recoloured(colour, STRONG, np.random.default_rng(seed)) for seed in range(40)]
    assert all(float(one.min()) >= 0 and float(one.max()) <= 1 for one in made)
    assert min(float((one - colour).abs().mean()) for one in made) > 0.005
    assert any(float((one[0] - one[1]).abs().max()) < 0.15 for one in made), "colour is sometimes dropped"
    same = AugmentationConfig(brightness=0.0)
    assert torch.equal(recoloured(colour, same, np.random.default_rng(0)), colour)


def test_a_tile_at_another_resolution_keeps_its_heights(forests: Make) -> None:
    tile = forests("A", 3, (80, 120), gsd_m=0.5)
    coarse = at_resolution(tile, 1.0)
    assert coarse.shape == (40, 60)
    assert coarse.gsd_m == 1.0
    assert coarse.transform.a == pytest.approx(1.0)
    assert float(np.nanmean(coarse.height)) == pytest.approx(float(tile.height.mean()), rel=0.02)
    assert at_resolution(tile, 0.5) is tile
    holed = tile.height.copy()
    holed[:40] = np.nan
    assert np.isnan(at_resolution(tile.with_height(holed), 1.0).height[:18]).all()


def test_a_drawn_picture_shows_the_heights_and_nothing_of_the_old_picture(forests: Make) -> None:
    tile = forests("A", 3, (96, 128))
    one, two = rendered(tile, (0, 1)), rendered(tile, (0, 2))
    assert np.array_equal(one.rgb, rendered(replace(tile, rgb=np.zeros_like(tile.rgb)), (0, 1)).rgb)
    assert np.abs(one.rgb.astype(float) - two.rgb).mean() > 5
    assert np.array_equal(one.height, tile.height)
    assert one.synthetic
    assert one.site == "A (drawn)"
    flat = rendered(tile.with_height(np.zeros(tile.shape, np.float32)), (0, 1))
    assert flat.rgb.std() < one.rgb.std(), "without trees there is neither crown nor shadow"


def test_a_shadow_falls_away_from_the_sun() -> None:
    height = np.zeros((40, 40), np.float32)
    height[18:22, 18:22] = 10.0
    shade = _shadow(height, 1.0, (0.0, 1.0), 1.0)  # the sun stands where columns grow, 45 degrees high
    assert shade[20, 10:17].min() > 0.9
    assert shade[20, 23:].max() == 0
    assert shade[20, :7].max() == 0, "a tree of 10 m casts a shadow of 10 m"
