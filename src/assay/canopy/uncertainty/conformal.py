"""Calibrated intervals: how far lidar lay above and below predictions, by predicted height, on sites held out in turn.

For every level the calibration keeps two curves over the predicted height: the quantiles of the error below and above,
every site counting alike. Since errors differ more between sites than within one, each site is then predicted from the
curves of the others, and the curves are widened by the share of their width with which the average site is covered as
claimed.
After Romano et al. 2019 (conformalised quantiles) and Dunn et al. 2022 (pooling the distributions of groups).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from assay.core.errors import BadInput, LimitExceeded

if TYPE_CHECKING:
    from assay.canopy.evaluation.prediction import Predict, Prediction
    from assay.canopy.tiles import Heights, Tile

Array = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.9, 0.95)
MAX_FILE = 1 << 20  # bytes of a calibration file; a real one has a few thousand
_KNOTS = 8  # of a curve over the predicted height
_ENOUGH = 500  # pixels near a knot: a site with fewer counts less there
_LEAST = 0.05  # metres: no interval is narrower than this on either side
_PIXELS = 20_000  # of one tile, drawn at random: neighbours tell little
_FLOOR = 0.5  # metres added to the model's own spread, so that a confident model has an interval too

Finite = Annotated[FiniteFloat, Field(ge=-1000, le=1000)]


@dataclass(frozen=True, eq=False)
class SiteErrors:
    """Predictions and lidar heights of some pixels of one site, by a model that was not trained on this site."""

    site: str
    truth: Array  # (N,)
    height: Array  # (N,)
    spread: Array | None  # (N,)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SiteCoverage(_Model):
    """What the calibration of the other sites covers on this one, level by level."""

    site: str = Field(max_length=200)
    pixels: int = Field(ge=1)
    covered: tuple[Finite, ...]


class Calibration(_Model):
    """Curves over the predicted height, one pair per level. Lengths are metres, or multiples of the model's spread."""

    schema_: Literal["assay.canopy.calibration/1"] = Field(default="assay.canopy.calibration/1", alias="schema")
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(min_length=1, max_length=20)
    uses_spread: bool
    knots: tuple[Finite, ...] = Field(min_length=2, max_length=100)  # predicted height, ascending
    below: tuple[tuple[Finite, ...], ...]  # by level and knot, at most 0
    above: tuple[tuple[Finite, ...], ...]  # by level and knot, at least 0
    held_out: Literal["sites", "parts"]  # what was left out in turn: whole sites, or parts of the only one
    sites: tuple[SiteCoverage, ...]

    @model_validator(mode="after")
    def _shaped(self) -> Self:
        size = (len(self.levels), len(self.knots))
        for curve in (self.below, self.above):
            if len(curve) != size[0] or any(len(row) != size[1] for row in curve):
                raise ValueError(f"the curves must have {size[0]} levels of {size[1]} knots")
        if list(self.knots) != sorted(set(self.knots)) or list(self.levels) != sorted(set(self.levels)):
            raise ValueError("levels and knots must ascend")
        if max(map(max, self.below)) > 0 or min(map(min, self.above)) < 0:
            raise ValueError("`below` must not be positive, nor `above` negative")
        return self

    def interval(
        self, height: "Heights", spread: "Heights | None" = None, level: float = 0.9
    ) -> "tuple[Heights, Heights]":
        """(low, high) in metres for predicted heights of any shape. `level` must be one of `levels`."""
        if level not in self.levels:
            raise BadInput(f"The calibration has the levels {', '.join(map(str, self.levels))}, not {level:g}.")
        number = self.levels.index(level)
        scale = _scale(spread, self.uses_spread, height.shape)
        below = np.interp(height, self.knots, self.below[number]) * scale
        above = np.interp(height, self.knots, self.above[number]) * scale
        low = np.maximum(height + below, 0).astype(np.float32)
        return low, (height + above).astype(np.float32)

    def of(self, prediction: "Prediction", level: float = 0.9) -> "tuple[Heights, Heights]":
        return self.interval(prediction.height, prediction.spread, level)

    def to_json(self) -> str:
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> "Calibration":
        try:
            if path.stat().st_size > MAX_FILE:
                raise LimitExceeded(f"{path} is larger than {MAX_FILE >> 20} MiB: this is no calibration.")
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the document"
            raise BadInput(f"{path} is no calibration: {where}: {first['msg']}.") from None


def collect_errors(predict: "Predict", tiles: "Iterable[Tile]", *, seed: int = 0) -> list[SiteErrors]:
    """Errors by site. `predict` must not have been trained on the sites of `tiles`."""
    from assay.canopy.evaluation.prediction import checked

    draw = np.random.default_rng(seed)
    found: dict[str, list[tuple[Array, Array, Array | None]]] = {}
    for tile in tiles:
        prediction = checked(predict(tile), tile)
        places = np.flatnonzero(tile.labelled)
        if len(places) > _PIXELS:
            places = draw.choice(places, _PIXELS, replace=False)
        if len(places):
            spread = None if prediction.spread is None else prediction.spread.ravel()[places].astype(np.float64)
            truth, height = (values.ravel()[places].astype(np.float64) for values in (tile.height, prediction.height))
            found.setdefault(tile.site, []).append((truth, height, spread))
    return [_joined(site, parts) for site, parts in sorted(found.items())]


def _joined(site: str, parts: Sequence[tuple[Array, Array, Array | None]]) -> SiteErrors:
    spreads = [spread for _, _, spread in parts if spread is not None]
    return SiteErrors(
        site=site,
        truth=np.concatenate([truth for truth, _, _ in parts]),
        height=np.concatenate([height for _, height, _ in parts]),
        spread=np.concatenate(spreads) if len(spreads) == len(parts) else None,
    )


# Fitting -------------------------------------------------------------------------------------------------------------


def calibrate(errors: Sequence[SiteErrors], levels: Sequence[float] = LEVELS) -> Calibration:
    """Curves from errors on held-out sites. With one site its parts are held out in turn, and the result says so.

    The model's own spread is used if it gives narrower intervals at the same coverage.
    """
    if not errors or not any(len(site.truth) for site in errors):
        raise BadInput("There is nothing to calibrate on: no labelled pixel of a held-out site.")
    held_out: Literal["sites", "parts"] = "sites" if len(errors) > 1 else "parts"
    groups = list(errors) if len(errors) > 1 else _parts(errors[0])
    levels = tuple(sorted(levels))
    plain = _fit(groups, levels, uses_spread=False)
    best = plain
    if all(site.spread is not None for site in groups):
        spread = _fit(groups, levels, uses_spread=True)
        best = min((plain, spread), key=lambda fitted: fitted.width)
    return Calibration(
        levels=levels,
        uses_spread=best.uses_spread,
        knots=tuple(map(float, best.curves.knots)),
        below=tuple(tuple(map(float, row)) for row in best.curves.below),
        above=tuple(tuple(map(float, row)) for row in best.curves.above),
        held_out=held_out,
        sites=tuple(
            SiteCoverage(site=site.site, pixels=len(site.truth), covered=tuple(map(float, shares)))
            for site, shares in zip(groups, best.covered, strict=True)
        ),
    )


def each_from_others(errors: Sequence[SiteErrors], levels: Sequence[float] = LEVELS) -> dict[str, Calibration]:
    """For every site the calibration of all others: what can be measured there. None where there is only one site."""
    if len(errors) < 2:
        return {}
    return {site.site: calibrate([other for other in errors if other is not site], levels) for site in errors}


@dataclass(frozen=True, eq=False)
class _Curves:
    knots: Array  # (K,)
    below: Array  # (levels, K)
    above: Array

    def widened(self, by: Array) -> "_Curves":
        """Moved apart by `by` (levels,) half widths on both sides, or together where it is negative."""
        half = by[:, None] * (self.above - self.below) / 2
        return _Curves(self.knots, np.minimum(self.below - half, 0), np.maximum(self.above + half, 0))


@dataclass(frozen=True, eq=False)
class _Fitted:
    uses_spread: bool
    curves: _Curves
    covered: Array  # (sites, levels), each site by the curves of the others
    width: float  # metres, of the intervals at the highest level but one, every site alike


def _fit(sites: Sequence[SiteErrors], levels: Sequence[float], *, uses_spread: bool) -> _Fitted:
    scales = [_scale(site.spread, uses_spread, site.truth.shape) for site in sites]
    needed = []  # by site: (levels, N), by how many half widths the curves of the others miss each pixel
    for number, site in enumerate(sites):
        others = [k for k in range(len(sites)) if k != number]
        curves = _curves([sites[k] for k in others], [scales[k] for k in others], levels)
        error = (site.truth - site.height) / scales[number]
        needed.append(_needed(curves, site.height, error))
    weights = np.concatenate([np.full(len(site.truth), 1 / len(site.truth)) for site in sites])
    together = np.concatenate(needed, axis=1)
    by = np.array([_quantiles(together[k], weights, [level])[0] for k, level in enumerate(levels)])
    covered = np.array([(part <= by[:, None]).mean(axis=1) for part in needed])
    curves = _curves(sites, scales, levels).widened(by)
    widths = [_mean_width(curves, site.height, scale) for site, scale in zip(sites, scales, strict=True)]
    return _Fitted(uses_spread, curves, covered, float(np.mean(widths)))


def _needed(curves: _Curves, height: Array, error: Array) -> Array:
    found = np.empty((len(curves.below), len(height)))
    for number in range(len(found)):
        below = np.interp(height, curves.knots, curves.below[number])
        above = np.interp(height, curves.knots, curves.above[number])
        found[number] = np.maximum(below - error, error - above) * 2 / (above - below)
    return found


def _mean_width(curves: _Curves, height: Array, scale: Array) -> float:
    number = max(len(curves.below) - 2, 0)
    high = np.interp(height, curves.knots, curves.above[number]) * scale
    low = np.interp(height, curves.knots, curves.below[number]) * scale
    return float(np.mean(high - np.maximum(low, -height)))


def _curves(sites: Sequence[SiteErrors], scales: Sequence[Array], levels: Sequence[float]) -> _Curves:
    """Quantiles of the error near each knot, every site counting alike where it has enough pixels there."""
    height = np.concatenate([site.height for site in sites])
    error = np.concatenate([(s.truth - s.height) / scale for s, scale in zip(sites, scales, strict=True)])
    sizes = [len(site.truth) for site in sites]
    owner = np.repeat(np.arange(len(sites)), sizes)
    alike = np.repeat([1 / size for size in sizes], sizes)
    knots = _knots(height, alike)
    tails = [(1 - level) / 2 for level in levels]
    below, above = np.empty((len(levels), len(knots))), np.empty((len(levels), len(knots)))
    for number in range(len(knots)):
        near = _near(height, knots, number)
        mass = np.bincount(owner, weights=near, minlength=len(sites))  # pixels of each site near this knot
        weights = near / np.maximum(mass, _ENOUGH)[owner]
        found = _quantiles(error, weights, [*tails, *(1 - tail for tail in tails)])
        below[:, number], above[:, number] = found[: len(tails)], found[len(tails) :]
    return _Curves(knots, np.minimum(below, -_LEAST), np.maximum(above, _LEAST))


def _knots(height: Array, weights: Array) -> Array:
    """Predicted heights that are spread as the predictions are, far enough apart to be told apart."""
    wanted = _quantiles(height, weights, list((np.arange(_KNOTS) + 0.5) / _KNOTS))
    found = [float(wanted[0])]
    for knot in wanted[1:]:
        if knot - found[-1] >= 0.5:
            found.append(float(knot))
    return np.array(found if len(found) > 1 else [found[0], found[0] + 1])


def _near(height: Array, knots: Array, number: int) -> Array:
    """How much each pixel has to do with a knot: 1 at the knot, 0 at its neighbours; beyond the ends the end knot's."""
    hat = np.zeros(len(knots))
    hat[number] = 1
    found: Array = np.interp(height, knots, hat)
    return found


def _quantiles(values: Array, weights: Array, shares: Sequence[float]) -> Array:
    """The smallest values that have at least these shares of the weight at or below them."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    places = np.searchsorted(total, np.asarray(shares) * total[-1] * (1 - 1e-12))
    found: Array = values[order][np.minimum(places, len(values) - 1)]
    return found


def _scale(spread: "NDArray[np.floating] | None", uses_spread: bool, shape: tuple[int, ...]) -> Array:
    if not uses_spread:
        return np.ones(shape)
    if spread is None:
        raise BadInput("This calibration is in multiples of the model's spread, and the prediction has none.")
    return np.asarray(spread, np.float64) + _FLOOR


def _parts(site: SiteErrors) -> list[SiteErrors]:
    """Five parts of one site, in the order in which its tiles came."""
    if len(site.truth) < 10:
        raise BadInput(f"{site.site} has {len(site.truth)} labelled pixels: too few to calibrate on.")
    cuts = np.array_split(np.arange(len(site.truth)), 5)
    return [
        SiteErrors(
            f"{site.site}, part {k + 1}", site.truth[c], site.height[c], None if site.spread is None else site.spread[c]
        )
        for k, c in enumerate(cuts)
    ]
