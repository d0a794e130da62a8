"""Baselines are what they claim to be, and change between dates is measured."""

import numpy as np
import pytest

from assay.canopy.evaluation import Prediction, evaluate
from assay.canopy.evaluation.baselines import Constant, LinearColour
from assay.canopy.evaluation.change import evaluate_change
from assay.canopy.tiles import Tile
from assay.core.errors import BadInput
from tests.canopy import scenes


def test_the_constant_is_the_mean_of_the_training_pixels() -> None:
    tiles = [scenes.forest(1), scenes.forest(2, size=60)]
    known = np.concatenate([tile.height.ravel() for tile in tiles]).astype(float)
    assert Constant.fit(tiles).metres == pytest.approx(known.mean(), rel=1e-6)
    assert evaluate(Constant.fit(tiles), tiles).overall().metrics["r2"].value == pytest.approx(0, abs=1e-6)


def test_the_linear_baseline_recovers_a_linear_relation() -> None:
    draw = np.random.default_rng(1)
    rgb = draw.integers(1, 255, (3, 50, 50))
    height = 3 + 12 * rgb[0] / 255 + 5 * rgb[2] / 255
    found = LinearColour.fit([scenes.tile("a", rgb, height)])
    assert found.weights == pytest.approx([3, 12, 0, 5], abs=0.01)
    assert evaluate(found, [scenes.tile("a", rgb, height)]).overall().metrics["r2"].value > 0.999


def test_no_label_is_no_baseline() -> None:
    blank = scenes.tile("a", np.ones((3, 9, 9)), np.full((9, 9), np.nan))
    for kind in (Constant, LinearColour):
        with pytest.raises(BadInput, match="nothing to fit"):
            kind.fit([blank])


def twice(seed: int) -> tuple[Tile, Tile]:
    before = scenes.forest(seed)
    after = before.height + 1
    after[10:40, 10:40] = 0  # felled
    return before, scenes.tile(before.name, before.rgb, after)


def test_change_is_measured_against_change() -> None:
    both = [twice(seed) for seed in range(4)]
    known = {id(tile): tile.height for pair in both for tile in pair}
    found = evaluate_change(lambda tile: Prediction(known[id(tile)]), both)
    assert found.metrics["mae"].value == 0 and found.metrics["recall"].value == found.metrics["precision"].value == 1
    slow = sum(int((after.height - before.height < -5).sum()) for before, after in both)
    assert found.lost == slow > 0
    blind = evaluate_change(lambda tile: Prediction(np.zeros(tile.shape, np.float32)), both)
    assert blind.metrics["recall"].value == 0 and "precision" not in blind.metrics


def test_dates_on_different_grids_are_not_compared() -> None:
    before, after = twice(1)
    with pytest.raises(BadInput, match="another grid"):
        evaluate_change(lambda tile: Prediction(tile.height), [(before, after.crop(0, 0, 40, 40))])
