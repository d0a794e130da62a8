"""Labels are found where they lie, moved back, and left alone when moving is not surely better."""

from dataclasses import replace

import numpy as np
import pytest

from assay.canopy.labels.registration import (
    UNMOVED,
    Registration,
    Shift,
    _gated,
    _scattered,
    applied,
    moved,
    register,
    register_all,
    register_together,
)
from assay.canopy.tiles import Tile
from assay.core.errors import BadInput
from tests.canopy import scenes

SHIFTS = [(0, 0), (3, -2), (-6, 5), (0, 8), (-4, -4), (7, 1), (2, 2), (-1, 6)]


def shifted(seed: int, rows: int, columns: int, site: str = "A") -> Tile:
    """A tile whose labels lie `rows` south and `columns` east of the imagery, cut from a larger scene."""
    whole = scenes.forest(seed, 120, site)
    label = whole.height[20 - rows : 100 - rows, 20 - columns : 100 - columns]
    return whole.crop(20, 20, 80, 80).with_height(label)


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_shift_is_found_from_one_tile_alone(shift: tuple[int, int]) -> None:
    tile = shifted(1, *shift)
    found = register(tile.rgb, tile.height)
    assert np.hypot(found.shift.rows - shift[0], found.shift.columns - shift[1]) < 0.7
    assert (found.applied == UNMOVED) == (shift == (0, 0)) or found.applied.length < 0.5


def test_moving_back_restores_the_label() -> None:
    whole = scenes.forest(2, 120)
    tile = shifted(2, 5, -3)
    mended = moved(tile.height, Shift(5, -3))
    known = np.isfinite(mended)
    assert np.array_equal(mended[known], whole.height[20:100, 20:100][known])
    assert not known[75:].any() and not known[:, :3].any() and known.sum() == 75 * 77


def test_moving_by_part_of_a_pixel_interpolates_known_heights_only() -> None:
    height = np.arange(12, dtype=np.float32).reshape(3, 4)
    height[0, 0] = np.nan
    assert moved(height, Shift(0, 0.5))[1].tolist()[:3] == pytest.approx([4.5, 5.5, 6.5])
    assert moved(height, Shift(0, 0.25))[0, 1] == pytest.approx(1.25)
    assert np.isnan(moved(height, Shift(0, 0.25))[0, 0])


def test_tiles_of_a_site_judge_one_another() -> None:
    draw = np.random.default_rng(0)
    tiles, truths = [], []
    for number in range(12):
        rows, columns = (int(v) for v in draw.integers(-5, 6, 2))
        tile = shifted(number, rows, columns, "AB"[number % 2])
        tiles.append(noisy(tile, 25, draw))
        truths.append((rows, columns))
    found = register_all(tiles)
    left = [np.hypot(r.shift.rows - t[0], r.shift.columns - t[1]) for r, t in zip(found, truths, strict=True)]
    assert np.mean(np.array(left) < 1) >= 0.9


def test_labels_that_tell_nothing_are_left_where_they_are() -> None:
    for seed in range(5):
        tile, other = scenes.forest(seed), scenes.forest(seed + 50)
        found = register(tile.rgb, other.height)
        assert found.applied == UNMOVED and applied(tile, found) is tile


def noisy(tile: Tile, deviation: float, draw: np.random.Generator) -> Tile:
    rgb = np.clip(tile.rgb + draw.normal(0, deviation, tile.rgb.shape), 1, 255)
    return scenes.tile(tile.name, rgb, tile.height, tile.site)


def test_a_tile_that_tells_too_little_is_inconclusive_and_stays() -> None:
    draw = np.random.default_rng(0)
    tile = shifted(5, 4, -3)
    flat = draw.normal(0, 0.05, tile.shape).astype(np.float32)
    for rgb, height in ((tile.rgb, flat), (draw.integers(90, 110, tile.rgb.shape).astype(np.uint8), tile.height)):
        found = register(rgb, height)
        assert found.verdict == "inconclusive" and found.applied == UNMOVED
    assert register(tile.rgb, tile.height).verdict == "moved"
    whole = shifted(5, 0, 0)
    assert register(whole.rgb, whole.height).verdict == "in place"


def test_one_shift_of_a_whole_site_is_found_where_no_tile_can_tell_its_own() -> None:
    draw = np.random.default_rng(1)
    tiles = [noisy(shifted(number, 3, -6), 200, draw) for number in range(8)]
    alone = [register(tile.rgb, tile.height) for tile in tiles]
    assert np.mean([one.verdict == "inconclusive" for one in alone]) > 0.5
    for found in register_together(tiles):
        assert np.hypot(found.applied.rows - 3, found.applied.columns + 6) < 1
        assert found.judged_by == "together"


def found_at(rows: float, columns: float, *, margin: float = 20.0, half_width: float = 2.4) -> Registration:
    return Registration(Shift(rows, columns), UNMOVED, 0.2, 0.1, 30.0, half_width, margin, "site")


def test_a_short_shift_of_a_dull_peak_is_believed_only_where_most_labels_lie_far_off() -> None:
    short, near = found_at(1.2, 1.2), [found_at(0.3, 1.0), found_at(-0.4, 0.2), found_at(1.0, 0.1)]
    far = [found_at(5, 2), found_at(-3, 6), found_at(1, -7), found_at(4, 4)]
    assert not _scattered([short, *near, far[0]]) and _gated(short, scattered=False).verdict == "in place"
    assert _scattered([short, *far]) and _gated(short, scattered=True).applied == short.shift
    # Tiles that can not tell say nothing about their site, and are not moved wherever they are.
    assert not _scattered([short, *near, *(replace(one, margin=1.0) for one in far * 3)])
    assert _gated(found_at(6, 6, margin=4.0), scattered=True).applied == UNMOVED
    # A sharp peak needs no company.
    assert _gated(found_at(1.2, 1.2, half_width=1.5), scattered=False).verdict == "moved"


def test_a_prediction_helps_where_colours_do_not() -> None:
    tile = shifted(3, 4, -5)
    grey = np.random.default_rng(0).integers(90, 110, tile.rgb.shape).astype(np.uint8)
    guess = scenes.forest(3, 120).crop(20, 20, 80, 80).height
    blind = register(grey, tile.height)
    helped = register(grey, tile.height, prediction=guess)
    assert blind.applied == UNMOVED
    assert np.hypot(helped.shift.rows - 4, helped.shift.columns + 5) < 0.5 and helped.applied == helped.shift


def test_holes_in_the_label_do_not_pull() -> None:
    tile = shifted(4, 3, 3)
    height = tile.height.copy()
    height[10:45, 20:60] = np.nan
    found = register(tile.rgb, height)
    assert np.hypot(found.shift.rows - 3, found.shift.columns - 3) < 0.7


def test_what_cannot_be_registered_is_said() -> None:
    tile = scenes.forest(1)
    with pytest.raises(BadInput, match="cannot be registered"):
        register(tile.rgb, np.full(tile.shape, np.nan, np.float32))
    with pytest.raises(BadInput, match="cannot be registered"):
        register(tile.rgb[:, :20, :20], tile.height[:20, :20])
