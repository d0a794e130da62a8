"""What can be seen of a wrong label: figures of how imagery, a prediction and the label itself fit together.

Every figure is about one tile and has words for the report. None is an error in metres alone: that drops tall forest.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from assay.canopy.labels.agreement import Moments, moments, own_information, shared_information
from assay.canopy.labels.channels import Channels, height_channels
from assay.canopy.tiles import Heights, Mask

Array = NDArray[np.float64]

REACH = 9  # pixels: the best place within `_HERE` is compared with places farther off
_HERE = 2
_LEAST = 64  # labelled pixels, to say anything

# What each figure says when it is far from what good labels have: too low, too high.
WORDS: tuple[tuple[str, str], ...] = (
    ("relief and imagery tell little of one another", "relief and imagery tell unusually much of one another"),
    ("the relief fits elsewhere as well as here", "the relief fits here and nowhere else"),
    (
        "crowns and shadows are not where the site's other tiles have them",
        "crowns and shadows are where they should be",
    ),
    ("another place fits better than this one", "this place fits better than any other"),
    ("does not rise and fall with the prediction", "rises and falls with the prediction"),
    ("fine relief does not follow the prediction's", "fine relief follows the prediction's"),
    ("lower than predicted", "higher than predicted"),
    ("its height is as predicted", "its height is far from what is predicted"),
    ("flatter than predicted", "rougher than predicted"),
    ("close to the prediction", "far from the prediction"),
    ("its tallest canopy is lower than predicted", "its tallest canopy is higher than predicted"),
    ("less cover than predicted", "more cover than predicted"),
    ("hardly any flat ground", "large parts have one height"),
    ("smoother than canopy is", "noisier than canopy is"),
    ("no stripes", "stripes along rows or columns"),
    ("no holes", "large holes"),
    ("its relief has the right steepness", "its relief is steeper than canopy is"),
)


@dataclass(frozen=True, eq=False)
class Fit:
    """How imagery and a label fit together, and what the label looks like: all that no prediction has a say in."""

    moments: Moments
    own: tuple[float, float]  # nats per pixel here (its root), and how far that stands above other places
    looks: tuple[float, float, float, float, float]  # flat, bent, striped, holes, steep


def fitting(image: Channels, seen: Mask, height: Heights, gsd_m: float) -> Fit:
    """What `figures` needs to know of imagery and a label, and what does not change from round to round."""
    reach, known = min(REACH, min(height.shape) // 4), np.isfinite(height)
    found = moments(image, seen, height_channels(height, gsd_m), known, reach)
    own = own_information(found)
    return Fit(found, (float(np.sqrt(max(_here(own), 0))), _prominence(own)), _looks(height, known))


def _looks(height: Heights, known: Mask) -> tuple[float, float, float, float, float]:
    if known.sum() < _LEAST:
        return (np.nan,) * 5
    gradient, bend = _roughness(height)
    spread = float(height[known].astype(np.float64).std())
    return (
        _flat(height),
        float(np.log((bend + 0.02) / (gradient + 0.02))),
        _stripes(height, known),
        float(1 - known.mean()),
        float(np.log((gradient + 0.05) / (spread + 0.5))),
    )


def figures(height: Heights, prediction: Heights, fit: Fit, relation: Array) -> Array:
    """(figures,): what is seen of the label `height` beside a prediction and the relation of other tiles."""
    known = np.isfinite(height)
    t, p = height[known].astype(np.float64), prediction[known].astype(np.float64)
    if len(t) < _LEAST:
        return np.full(len(WORDS), np.nan)
    shared = shared_information(fit.moments, relation)
    level = p.mean() + 2
    ratio = float(np.log((t.mean() + 1) / (p.mean() + 1)))
    found = [
        *fit.own,
        _here(shared),
        _prominence(shared),
        _correlation(t, p),
        _fine_correlation(height, prediction, known),
        ratio,
        abs(ratio),
        np.log((t.std() + 0.5) / (p.std() + 0.5)),
        np.log1p(np.abs(t - p).mean() / level),
        (np.quantile(t, 0.95) - np.quantile(p, 0.95)) / level,
        (t > 2).mean() - (p > 2).mean(),
        *fit.looks,
    ]
    return np.array(found, np.float64)


def _here(surface: Array) -> float:
    reach = len(surface) // 2
    here = min(_HERE, reach)
    return float(surface[reach - here : reach + here + 1, reach - here : reach + here + 1].max())


def _prominence(surface: Array) -> float:
    """How far the best place nearby stands above the places farther off, in their deviations."""
    reach = len(surface) // 2
    rows, columns = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    far = surface[np.maximum(abs(rows), abs(columns)) > min(5, reach - 1)]
    return float(np.clip((_here(surface) - far.mean()) / (far.std() + 1e-6), -20, 60))


def _correlation(one: Array, other: Array) -> float:
    spread = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 1e-9 else 0.0


def _fine_correlation(height: Heights, prediction: Heights, known: Mask) -> float:
    def fine(values: Heights) -> Array:
        filled = np.where(known, values, values[known].mean()).astype(np.float64)
        found: Array = ndimage.gaussian_filter(filled, 1.0) - ndimage.gaussian_filter(filled, 5.0)
        return found[known]

    return _correlation(fine(height), fine(prediction))


def _roughness(height: Heights) -> tuple[float, float]:
    """Mean slope and mean bend of the surface, metres per pixel."""
    across, along = np.diff(height, axis=1), np.diff(height, axis=0)
    bends = np.diff(height, 2, axis=1), np.diff(height, 2, axis=0)

    def mean(parts: tuple[Heights, Heights]) -> float:
        values = np.abs(np.concatenate([part[np.isfinite(part)].ravel() for part in parts]))
        return float(values.mean()) if len(values) else 0.0

    return mean((across, along)), mean(bends)


def _flat(height: Heights) -> float:
    """The share of 4-pixel squares above ground that have one height throughout."""
    rows, columns = (side // 4 for side in height.shape)
    squares = height[: rows * 4, : columns * 4].reshape(rows, 4, columns, 4)
    with np.errstate(invalid="ignore"):
        flat = (squares.max(axis=(1, 3)) - squares.min(axis=(1, 3))) < 0.02
    return float(flat.mean()) if flat.size else 0.0


def _stripes(height: Heights, known: Mask) -> float:
    """How much more neighbouring lines differ in their means than their pixels let expect, along the worse axis."""
    found = []
    values = np.where(known, height, np.nan).astype(np.float64)
    for axis in (0, 1):
        step = np.diff(values, axis=1 - axis)
        valid = np.isfinite(step)
        count = np.maximum(valid.sum(axis=axis), 1)
        mean = np.where(valid, step, 0).sum(axis=axis) / count
        noise = np.sqrt((np.where(valid, step, 0) ** 2).sum() / max(valid.sum(), 1) / np.median(count))
        found.append(np.sqrt((mean**2).mean()) / (noise + 1e-6))
    return float(np.log(max(found) + 0.1))
