"""The metrics equal slow, obvious calculations, and their intervals behave."""

import json

import numpy as np
import pytest

from assay.canopy.evaluation import Prediction, compare, evaluate
from assay.canopy.evaluation.evaluating import Evaluation
from assay.canopy.tiles import Tile
from assay.core.errors import BadInput
from tests.canopy import scenes


def made(seed: int, rows: int = 120, columns: int = 170, site: str = "A") -> tuple[Tile, Prediction]:
    draw = np.random.default_rng(seed)
    height = np.abs(draw.normal(8, 10, (rows, columns)))
    height[draw.random((rows, columns)) < 0.1] = np.nan
    found = np.nan_to_num(height) * 0.8 + draw.normal(0.5, 2, (rows, columns))
    wide = np.full((rows, columns), 3.0)
    prediction = Prediction(*(a.astype(np.float32) for a in (found, wide, found - 3, found + 3)))
    return scenes.tile(f"t{seed}", np.ones((3, rows, columns)), height, site), prediction


def run(both: list[tuple[Tile, Prediction]]) -> Evaluation:
    known = {tile.name: prediction for tile, prediction in both}
    return evaluate(lambda tile: known[tile.name], [tile for tile, _ in both])


def test_metrics_equal_slow_ones() -> None:
    both = [made(1), made(2, site="B"), made(3)]
    found = run(both).overall()
    t = np.concatenate([tile.height.ravel() for tile, _ in both]).astype(float)
    p = np.concatenate([prediction.height.ravel() for _, prediction in both]).astype(float)
    known = np.isfinite(t)
    t, p = t[known], p[known]
    assert found.pixels == known.sum() and found.tiles == 3
    assert found.metrics["mae"].value == pytest.approx(np.abs(p - t).mean())
    assert found.metrics["rmse"].value == pytest.approx(np.sqrt(((p - t) ** 2).mean()))
    assert found.metrics["bias"].value == pytest.approx((p - t).mean())
    assert found.metrics["r2"].value == pytest.approx(1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum())
    inside = (t >= p - 3) & (t <= p + 3)
    assert found.coverage["0.9"].value == pytest.approx(inside.mean(), abs=1e-4)
    assert found.width["0.9"] == pytest.approx(6, abs=1e-4)


def test_bias_is_prediction_minus_lidar() -> None:
    tile, _ = made(4)
    low = Prediction(np.nan_to_num(tile.height) - np.float32(2))
    assert run([(tile, low)]).overall().metrics["bias"].value == pytest.approx(-2, abs=1e-5)


def test_block_r2_is_of_means_of_whole_blocks_of_50_pixels() -> None:
    tile, prediction = made(5, 149, 101)
    truths, means = [], []
    for row in (0, 50):
        for column in (0, 50):
            part = np.s_[row : row + 50, column : column + 50]
            known = np.isfinite(tile.height[part])
            truths.append(tile.height[part][known].astype(float).mean())
            means.append(prediction.height[part][known].astype(float).mean())
    t, p = np.array(truths), np.array(means)
    expected = 1 - ((p - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()
    assert run([(tile, prediction)]).overall().metrics["block_r2"].value == pytest.approx(expected, rel=1e-4)


def test_edge_error_compares_sobel_gradients() -> None:
    tile, prediction = made(6, 30, 40)

    def slow(values: np.ndarray, row: int, column: int) -> float:
        window = values[row - 1 : row + 2, column - 1 : column + 2].astype(float)
        kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        return float(np.hypot((window * kernel).sum(), (window * kernel.T).sum()))

    above, below = 0.0, 0.0
    for row in range(1, 29):
        for column in range(1, 39):
            if np.isfinite(tile.height[row - 1 : row + 2, column - 1 : column + 2]).all():
                t, p = slow(tile.height, row, column), slow(prediction.height, row, column)
                above, below = above + abs(p - t), below + p + t
    assert run([(tile, prediction)]).overall().metrics["edge_error"].value == pytest.approx(above / below, rel=1e-5)


def test_a_perfect_prediction_has_no_error_anywhere() -> None:
    tile, _ = made(7)
    found = run([(tile, Prediction(np.nan_to_num(tile.height)))])
    metrics = found.overall().metrics
    assert metrics["mae"].value == 0 and metrics["r2"].value == 1 and metrics["edge_error"].value == 0
    assert all(group.metrics["bias"].value == 0 for group in found.by_height())


def test_height_bins_are_of_lidar_height_and_together_hold_every_pixel() -> None:
    tile, prediction = made(8)
    found = run([(tile, prediction)])
    bins = found.by_height()
    assert sum(group.pixels for group in bins) == found.overall().pixels
    t = tile.height[tile.labelled].astype(float)
    p = prediction.height[tile.labelled].astype(float)
    tall = t >= 30
    (last,) = [group for group in bins if group.name == "30+ m"]
    assert last.pixels == tall.sum() and last.metrics["bias"].value == pytest.approx((p - t)[tall].mean())


def test_sites_are_measured_apart() -> None:
    found = run([made(1), made(2, site="B"), made(3)]).by_site()
    assert [(group.name, group.tiles) for group in found] == [("A", 2), ("B", 1)]
    assert found[1].metrics["mae"].value == run([made(2, site="B")]).overall().metrics["mae"].value
    assert found[1].metrics["mae"].low is None  # one tile tells nothing about others


def test_intervals_hold_the_value_and_narrow_with_more_tiles() -> None:
    def level(seed: int) -> tuple[Tile, Prediction]:
        tile, _ = made(seed, 20, 20)
        error = np.random.default_rng(seed).normal(0, 3)
        return tile, Prediction((np.nan_to_num(tile.height) + error).astype(np.float32))

    widths = []
    for count in (8, 60):
        bias = run([level(seed) for seed in range(count)]).overall().metrics["bias"]
        assert bias.low is not None and bias.high is not None and bias.low < bias.value < bias.high
        widths.append(bias.high - bias.low)
    assert widths[1] < widths[0] / 1.8


def test_a_large_tile_counts_as_several_pieces_and_none_is_lost() -> None:
    found = run([made(9, 310, 160)])
    assert sorted(piece.name for piece in found.pieces) == ["t9@0,0", "t9@150,0"]
    assert found.overall().metrics["mae"].low is not None
    assert found.overall().pixels == np.isfinite(made(9, 310, 160)[0].height).sum()


def test_two_evaluations_are_compared_tile_by_tile() -> None:
    both = [made(seed, 40, 40) for seed in range(12)]
    worse = [(tile, Prediction(prediction.height + np.float32(1))) for tile, prediction in both]
    found = compare(run(worse), run(both))
    assert found["bias"].value == pytest.approx(1, abs=1e-4)
    assert found["bias"].low == pytest.approx(1, abs=1e-4)  # paired: the tiles' own differences cancel
    with pytest.raises(ValueError, match="other tiles"):
        compare(run(both), run(both[1:]))


def test_who_leaves_out_a_pixel_is_refused() -> None:
    tile, prediction = made(10)
    height = prediction.height.copy()
    height[3, 4] = np.nan
    with pytest.raises(BadInput, match="no number in 1 pixels"):
        run([(tile, Prediction(height))])
    with pytest.raises(BadInput, match="the tile is"):
        run([(tile, Prediction(height[1:]))])
    with pytest.raises(BadInput, match="one end"):
        run([(tile, Prediction(prediction.height, low=prediction.low))])


def test_nothing_to_evaluate_on_is_said() -> None:
    tile, prediction = made(11)
    with pytest.raises(BadInput, match="nothing to evaluate"):
        run([(tile.with_height(np.full(tile.shape, np.nan, np.float32)), prediction)])


def test_the_document_is_json_and_says_the_sign_of_the_bias() -> None:
    document = json.loads(json.dumps(run([made(1), made(2, site="B")]).to_json(), allow_nan=False))
    assert document["bias"] == "prediction minus lidar height"
    assert {site["name"] for site in document["sites"]} == {"A", "B"} and document["overall"]["few"] is True
