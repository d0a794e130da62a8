"""Drawn forests are the same everywhere and differ from site to site."""

import numpy as np

from assay.canopy.synthetic import TALLEST, scene


def test_a_scene_is_a_function_of_its_numbers() -> None:
    once, again, other, elsewhere = scene(3, 1, 48), scene(3, 1, 48), scene(3, 2, 48), scene(4, 1, 48)
    assert np.array_equal(once[0], again[0]) and np.array_equal(once[1], again[1])
    assert not np.array_equal(once[0], other[0]) and not np.array_equal(once[1], elsewhere[1])


def test_heights_are_heights_and_colours_are_colours() -> None:
    for site in range(4):
        rgb, height = scene(site, 0, 64)
        assert rgb.dtype == np.uint8 and rgb.shape == (3, 64, 64)
        assert height.dtype == np.float32 and height.shape == (64, 64)
        assert height.min() >= 0 and height.max() < TALLEST + 5
        assert rgb.std() > 5


def test_the_ground_is_dark_where_the_sun_is_behind_a_tree() -> None:
    """Ground just off a tree is darker on the side away from the sun than on the other: by site, one side for all."""
    for site in (0, 2):
        rgb, height = scene(site, 0, 128)
        bright, ground, tall = rgb.mean(axis=0), height < 0.1, height > 8
        beside = []
        for row, column in ((0, 5), (5, 0), (0, -5), (-5, 0), (4, 4), (-4, -4), (4, -4), (-4, 4)):
            near = np.roll(tall, (row, column), axis=(0, 1)) & ground
            beside.append(float(bright[near].mean()))
        assert max(beside) > 1.1 * min(beside)
