"""Change between two dates: whether a model sees growth and loss where lidar saw them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.canopy.evaluation.evaluating import RESAMPLES, Figure, figure_of, resampled
from assay.canopy.evaluation.metrics import Array, pixel_figures
from assay.canopy.evaluation.prediction import Predict, checked
from assay.canopy.tiles import Tile, TileRef
from assay.core.errors import BadInput

LOSS = 5.0  # metres: a canopy that is lower by more was lost


@dataclass(frozen=True)
class Change:
    """Change as predicted against change as flown. Bias is predicted change minus lidar change."""

    tiles: int
    pixels: int
    lost: int  # pixels, by lidar
    metrics: dict[str, Figure]  # mae, rmse, r2, bias; recall and precision of losses

    def to_json(self) -> dict[str, Any]:
        return {
            "tiles": self.tiles,
            "pixels": self.pixels,
            "lost_pixels": self.lost,
            "loss_is_lower_by_m": LOSS,
            "intervals": f"95 %, percentile bootstrap over tiles, {RESAMPLES} resamples",
            **{name: figure.to_json() for name, figure in self.metrics.items()},
        }


def pairs(first: Sequence[TileRef], second: Sequence[TileRef]) -> list[tuple[TileRef, TileRef]]:
    """Tiles of two manifests with one name and site."""
    later = {(ref.name, ref.site): ref for ref in second}
    found = [(ref, later[ref.name, ref.site]) for ref in first if (ref.name, ref.site) in later]
    if not found:
        raise BadInput(
            "The second folder has no tile of the same name and site as the first: there is no change to see."
        )
    return found


def evaluate_change(predict: Predict, both: Iterable[tuple[Tile, Tile]], *, seed: int = 0) -> Change:
    """Measure predicted change between pairs of tiles of one place on one grid, earlier and later."""
    rows: list[Array] = []
    for before, after in both:
        if before.shape != after.shape or not before.transform.almost_equals(after.transform, 1e-6):
            raise BadInput(f"{before.name} is on another grid at the second date: warp it to the first.")
        truth = after.height - before.height
        valid = np.isfinite(truth)
        if valid.any():
            heights = [checked(predict(tile), tile).height for tile in (before, after)]
            rows.append(_sums(truth[valid].astype(np.float64), (heights[1] - heights[0])[valid].astype(np.float64)))
    if not rows:
        raise BadInput("No pixel is labelled at both dates: there is no change to see.")
    flat = np.stack(rows)
    one, many = _figures(flat.sum(axis=0)), _figures(resampled(flat, seed))
    figures = {name: figure_of(one[name], many[name], len(rows)) for name in one}
    total = flat.sum(axis=0)
    return Change(
        tiles=len(rows),
        pixels=int(total[0]),
        lost=int(total[6]),
        metrics={name: figure for name, figure in figures.items() if figure is not None},
    )


def _sums(truth: Array, predicted: Array) -> Array:
    """Count, |e|, e², e, t, t² of the change; then lost by lidar, by prediction, and by both."""
    error = predicted - truth
    lost, seen = truth < -LOSS, predicted < -LOSS
    parts = (np.ones_like(truth), np.abs(error), error**2, error, truth, truth**2, lost, seen, lost & seen)
    return np.array([float(part.sum()) for part in parts])


def _figures(sums: Array) -> dict[str, Array]:
    found = pixel_figures(sums[..., :6])
    with np.errstate(invalid="ignore", divide="ignore"):
        found["recall"] = sums[..., 8] / sums[..., 6]
        found["precision"] = sums[..., 8] / sums[..., 7]
    return found
