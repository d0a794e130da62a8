"""The metrics, as functions of sums that can be added over tiles.

Everything that is reported follows from a few sums per tile, so intervals come from drawing tiles again and adding.
Definitions are in docs/canopy/evaluation.md. Bias is prediction minus lidar height: negative is too low.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.canopy.tiles import Heights, Mask

Array = NDArray[np.float64]

# Metres. The last bin is the canopy that models saturate on.
BINS = (0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, np.inf)
BLOCK = 50  # pixels: the blocks whose means CHMv1 and CHMv2 compare
JOINT = 60  # one-metre cells of the plot of prediction against lidar height
_COUNT, _ABSOLUTE, _SQUARE, _ERROR, _TRUTH, _TRUTH_SQUARE = range(6)


def bin_name(number: int) -> str:
    low, high = BINS[number], BINS[number + 1]
    return f"{low:g}+ m" if np.isinf(high) else f"{low:g}-{high:g} m"


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the labelled pixels of one piece of land. All can be added."""

    pixels: Array  # (bins, 6): count, |e|, e², e, t, t², by lidar height
    blocks: Array  # (4,): count, e², t, t² of block means
    edges: Array  # (2,): how far the gradients differ, and how large both are
    covered: Array  # (levels, bins): pixels inside the interval
    width: Array  # (levels, bins): metres
    joint: Array  # (60, 60): pixels by lidar height (row) and prediction (column), metre by metre

    def flat(self) -> Array:
        """All but `joint` in one vector: what a bootstrap adds up."""
        return np.concatenate(
            [part.ravel() for part in (self.pixels, self.blocks, self.edges, self.covered, self.width)]
        )


def sums(truth: Heights, height: Heights, intervals: Sequence[tuple[Heights, Heights]]) -> Sums:
    """The sums of a prediction `height` (H, W) against lidar heights `truth` (H, W), NaN where unknown."""
    valid = np.isfinite(truth)
    t = truth[valid].astype(np.float64)
    p = height[valid].astype(np.float64)
    error = p - t
    which = np.clip(np.searchsorted(BINS, t, side="right") - 1, 0, len(BINS) - 2)

    def by_bin(values: Array) -> Array:
        return np.bincount(which, weights=values, minlength=len(BINS) - 1).astype(np.float64)

    terms = (np.ones_like(t), np.abs(error), error**2, error, t, t**2)
    covered, width = [], []
    for low, high in intervals:
        ends = low[valid].astype(np.float64), high[valid].astype(np.float64)
        covered.append(by_bin(((t >= ends[0]) & (t <= ends[1])).astype(np.float64)))
        width.append(by_bin(ends[1] - ends[0]))
    empty = np.zeros((0, len(BINS) - 1))
    cells = np.clip(t, 0, JOINT - 1).astype(int) * JOINT + np.clip(p, 0, JOINT - 1).astype(int)
    return Sums(
        pixels=np.stack([by_bin(term) for term in terms], axis=1),
        blocks=_block_sums(truth, height, valid),
        edges=_edge_sums(truth, height, valid),
        covered=np.stack(covered) if covered else empty,
        width=np.stack(width) if width else empty,
        joint=np.bincount(cells, minlength=JOINT * JOINT).reshape(JOINT, JOINT).astype(np.float64),
    )


def _block_sums(truth: Heights, height: Heights, valid: Mask) -> Array:
    """Sums over means of whole blocks that are labelled for at least half of their pixels."""
    rows, columns = (side // BLOCK for side in truth.shape)
    if not rows or not columns:
        return np.zeros(4)

    def blocks(values: NDArray[np.generic]) -> Array:
        cut = values[: rows * BLOCK, : columns * BLOCK].astype(np.float64)
        return np.asarray(cut.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3)).ravel(), np.float64)

    count = blocks(valid)
    enough = count >= BLOCK * BLOCK / 2
    t = (blocks(np.where(valid, truth, 0)) / np.maximum(count, 1))[enough]
    p = (blocks(np.where(valid, height, 0)) / np.maximum(count, 1))[enough]
    return np.array([len(t), ((p - t) ** 2).sum(), t.sum(), (t**2).sum()])


def _edge_sums(truth: Heights, height: Heights, valid: Mask) -> Array:
    """Sums of |‖∇p‖ - ‖∇t‖| and ‖∇p‖ + ‖∇t‖ over pixels whose 3 x 3 neighbourhood is labelled (Sobel)."""
    if min(truth.shape) < 3:
        return np.zeros(2)
    whole = np.ones((truth.shape[0] - 2, truth.shape[1] - 2), bool)
    for row in range(3):
        for column in range(3):
            whole &= valid[row : row + whole.shape[0], column : column + whole.shape[1]]
    t, p = (sobel(np.where(valid, values, 0).astype(np.float64))[whole] for values in (truth, height))
    return np.array([np.abs(p - t).sum(), (p + t).sum()])


def sobel(values: Array) -> Array:
    """The magnitude of the Sobel gradient of (H, W), without the outermost pixels: (H - 2, W - 2)."""
    across = values[:, 2:] - values[:, :-2]
    along = values[2:] - values[:-2]
    gx = across[:-2] + 2 * across[1:-1] + across[2:]
    gy = along[:, :-2] + 2 * along[:, 1:-1] + along[:, 2:]
    return np.hypot(gx, gy)


# From sums to figures ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Stacked:
    """Sums of any leading shape (such as resamples), taken from vectors of `Sums.flat`."""

    pixels: Array  # (..., bins, 6)
    blocks: Array
    edges: Array
    covered: Array  # (..., levels, bins)
    width: Array

    @classmethod
    def of(cls, flat: Array, levels: int) -> "Stacked":
        bins, lead = len(BINS) - 1, flat.shape[:-1]
        ends = np.cumsum([bins * 6, 4, 2, levels * bins])
        pixels, blocks, edges, covered, width = np.split(flat, ends, axis=-1)
        return cls(
            pixels.reshape(*lead, bins, 6),
            blocks,
            edges,
            covered.reshape(*lead, levels, bins),
            width.reshape(*lead, levels, bins),
        )

    def overall(self) -> dict[str, Array]:
        """Each metric over all pixels; NaN where it is not defined."""
        found = pixel_figures(self.pixels.sum(axis=-2))
        with np.errstate(invalid="ignore", divide="ignore"):
            count, square, truth, truth_square = np.moveaxis(self.blocks, -1, 0)
            found["block_r2"] = _r2(count, square, truth, truth_square)
            found["edge_error"] = self.edges[..., 0] / self.edges[..., 1]
        return found

    def in_bin(self, number: int) -> dict[str, Array]:
        """The metrics of one height bin. R² means little inside a narrow bin and is left out."""
        found = pixel_figures(self.pixels[..., number, :])
        del found["r2"]
        return found

    def coverage(self, level: int, number: int | None = None) -> Array:
        """The share of pixels inside the interval of the `level`-th level, overall or in one bin."""
        return self._of_interval(self.covered, level, number)

    def mean_width(self, level: int, number: int | None = None) -> Array:
        return self._of_interval(self.width, level, number)

    def _of_interval(self, values: Array, level: int, number: int | None) -> Array:
        part = slice(None) if number is None else slice(number, number + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Array = values[..., level, part].sum(axis=-1) / self.pixels[..., part, _COUNT].sum(axis=-1)
        return found


def pixel_figures(pixels: Array) -> dict[str, Array]:
    """The metrics of sums (..., 6) over pixels."""
    count, absolute, square, error, truth, truth_square = np.moveaxis(pixels, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "mae": absolute / count,
            "rmse": np.sqrt(square / count),
            "r2": _r2(count, square, truth, truth_square),
            "bias": error / count,
        }


def _r2(count: Array, square: Array, truth: Array, truth_square: Array) -> Array:
    """1 - residual over total sum of squares; not defined where all truths are one value."""
    with np.errstate(invalid="ignore", divide="ignore"):
        total = truth_square - truth**2 / count
        found: Array = np.where(total > 1e-9 * np.maximum(truth_square, 1), 1 - square / total, np.nan)
    return found
