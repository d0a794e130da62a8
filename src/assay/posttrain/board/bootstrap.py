"""How far an average can be trusted: a hierarchical bootstrap over test items, runs and base models.

Three questions, from narrow to wide, each with its own interval:

items   would these very submissions score the same on other test items of the same kind?
runs    would the agents score the same on these base models if all were run again?
models  would they score the same on other base models like these?

Every level resamples one unit fewer than there are, with replacement, which makes the variance of a mean unbiased
(Rao and Wu 1988). A level's own deviations are shrunk by what the levels below already explain, so that nothing is
counted twice. With four models or three runs a percentile of the resamples is far too narrow (81 % instead of 95 %
for four), so the interval is the estimate plus or minus Student's quantile times the bootstrap's standard deviation,
with Satterthwaite's degrees of freedom. Test items are shared by agents, models and runs and are resampled for all of
them together; where only a mean is known its binomial error stands in. `benchmarks/leaderboard.py` measures coverage.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from assay.core.statistics import mean_interval
from assay.core.verdict import Interval
from assay.posttrain.board.cells import Items
from assay.posttrain.board.scoring import Observation, Scored

RESAMPLES = 5000
SEED = 20261121
LEVEL = 0.95
_CHUNK = 1 << 22  # numbers drawn at a time: 32 MiB

Array = NDArray[np.float64]


class Scope(StrEnum):
    """What an interval speaks about; each holds for all that the one before holds for."""

    ITEMS = "items"
    RUNS = "runs"
    MODELS = "models"


SCOPES = {
    Scope.ITEMS: "these submissions, on other test items of the same kind",
    Scope.RUNS: "these agents on these base models, if all were run again",
    Scope.MODELS: "these agents, on other base models like these",
}


@dataclass(frozen=True)
class Contender:
    """An average and its noise. `S` resamples, `M` models; in points of the average."""

    scored: Scored
    items: Array  # (S, M) what other test items would change, by model
    runs: Array | None  # (S, M) what other runs would change; None where some cell has a single run
    deviations: Array  # (M,) how far each model's part lies from the mean part
    run_parts: tuple[tuple[float, int], ...]  # (variance, degrees of freedom) of each cell's mean over runs


@dataclass(frozen=True)
class Spread:
    """An interval's half width for each scope; `None` where the scope cannot be measured."""

    half: Mapping[Scope, float | None]


class Resampler:
    """Draws the noise of contenders on common random numbers, so that differences between them are paired."""

    def __init__(
        self,
        weights: Mapping[str, float],
        models: Sequence[str],
        *,
        resamples: int = RESAMPLES,
        seed: int = SEED,
    ) -> None:
        self._weights, self._models = weights, list(models)
        self._resamples, self._seed = resamples, seed
        self._group_draws: dict[tuple[str, tuple[str, ...]], Array] = {}
        m = len(self._models)
        self._drawn_models = self._chance("models").integers(m, size=(resamples, max(1, m - 1)))  # (S, M - 1)

    def contender(self, scored: Scored, base: Scored | None = None, *, fixed: bool = False) -> Contender:
        """`base` is what stands in for missing scores: its noise is then shared by all that it stands in for.

        `fixed` says that `scored` is one given model, as a baseline is: run again, it would be the same.
        """
        part = self._parts(scored)
        items = np.zeros((self._resamples, len(self._models)))
        runs = np.zeros_like(items)
        run_parts: list[tuple[float, int]] = []
        repeated = bool(scored.observations)
        for key, seen in scored.observations.items():
            column, weight = self._models.index(seen.model), part[key]
            items[:, column] += weight * self._item_noise(scored.name, seen, base)
            noise, variance = self._run_noise(scored.name, seen)
            repeated = repeated and seen.runs > 1
            if noise is not None:
                runs[:, column] += weight * noise
                run_parts.append((weight**2 * variance, seen.runs - 1))
        return Contender(
            scored, items, runs if repeated or fixed else None, self._deviations(scored, part), tuple(run_parts)
        )

    def spread(self, one: Contender, other: Contender | None = None) -> Spread:
        """Of one contender's average, or of the difference between two, paired by item and model."""
        items, deviations, parts = one.items, one.deviations, one.run_parts
        runs = one.runs
        if other is not None:
            items, deviations, parts = items - other.items, deviations - other.deviations, parts + other.run_parts
            runs = runs - other.runs if runs is not None and other.runs is not None else None
        parts = parts if runs is not None else ()  # what is not drawn must not count as drawn from few runs
        half: dict[Scope, float | None] = dict.fromkeys(Scope)
        half[Scope.ITEMS] = student(math.inf) * float(items.sum(axis=1).std())
        total = items if runs is None else items + runs  # (S, M)
        if runs is not None:
            variance = float(total.sum(axis=1).var())
            half[Scope.RUNS] = student(_freedom(variance, parts)) * math.sqrt(variance)
        if len(self._models) > 1:
            half[Scope.MODELS] = self._over_models(total, deviations, parts)
        return Spread(half)

    def method(self, scope: Scope) -> str:
        """How an interval of `scope` was made, for the record."""
        levels = {Scope.ITEMS: "items", Scope.RUNS: "items and runs", Scope.MODELS: "items, runs and models"}
        return f"bootstrap over {levels[scope]}, Student, {self._resamples} resamples, seed {self._seed}"

    def _over_models(self, total: Array, deviations: Array, parts: Sequence[tuple[float, int]]) -> float:
        """The half width when base models are resampled too. `total` is the noise that is already known."""
        m = len(self._models)
        between = m / (m - 1) * float((deviations**2).sum())
        centred = total - total.mean(axis=1, keepdims=True)
        explained = m / (m - 1) * float((centred**2).sum(axis=1).mean())
        shrink = math.sqrt(max(0.0, 1 - explained / between)) if between else 0.0
        drawn = deviations[self._drawn_models].sum(axis=1) * m / (m - 1)  # (S,)
        variance = float((total.sum(axis=1) + shrink * drawn).var())
        if between > explained:
            return student(_freedom(variance, [(between, m - 1)])) * math.sqrt(variance)
        return student(_freedom(variance, parts)) * math.sqrt(variance)

    def _parts(self, scored: Scored) -> dict[tuple[str, str], float]:
        """How much a point on each cell moves the average."""
        share = sum(self._weights[name] for name in scored.benchmarks)
        size = {name: sum(1 for key in scored.observations if key[0] == name) for name in scored.benchmarks}
        return {key: self._weights[key[0]] / (share * size[key[0]]) for key in scored.observations}

    def _deviations(self, scored: Scored, part: Mapping[tuple[str, str], float]) -> Array:
        found = np.zeros(len(self._models))
        for key, seen in scored.observations.items():
            found[self._models.index(seen.model)] += part[key] * (seen.mean - scored.benchmarks[seen.benchmark])
        return found

    # Noise of one cell, in points ----------------------------------------------------------------------------------

    def _item_noise(self, name: str, seen: Observation, base: Scored | None) -> Array:
        if seen.origin == "zero":
            return np.zeros(self._resamples)
        if seen.origin == "base" and base is not None and (seen.benchmark, seen.model) in base.observations:
            name, seen = base.name, base.observations[seen.benchmark, seen.model]
        if seen.items is not None and len(set(seen.items.groups)) > 1 and len(set(seen.items.scores)) > 1:
            return self._items_resampled(seen.benchmark, seen.items)
        chance = self._chance(name, seen.benchmark, seen.model)
        return math.sqrt(binomial_variance(seen.mean, seen.n)) * chance.standard_normal(self._resamples)

    def _items_resampled(self, benchmark: str, items: Items) -> Array:
        names = tuple(sorted(set(items.groups)))
        position = {name: i for i, name in enumerate(names)}
        index = np.array([position[group] for group in items.groups])
        sums = np.bincount(index, weights=100 * np.asarray(items.scores))  # (G,)
        sizes = np.bincount(index).astype(float)  # (G,)
        counts = self._draws_of_groups(benchmark, names)  # (S, G)
        noise: Array = (counts @ sums) / (counts @ sizes) - float(sums.sum() / sizes.sum())
        return noise

    def _draws_of_groups(self, benchmark: str, names: tuple[str, ...]) -> Array:
        """How often each group of items is drawn: the same draws for everybody on this benchmark."""
        key = benchmark, names
        if key not in self._group_draws:
            chance, size = self._chance("items", benchmark), len(names)
            rows = max(1, _CHUNK // size)
            pieces = [
                chance.multinomial(size - 1, np.full(size, 1 / size), size=min(rows, self._resamples - start))
                for start in range(0, self._resamples, rows)
            ]
            self._group_draws[key] = np.concatenate(pieces).astype(float)
        return self._group_draws[key]

    def _run_noise(self, name: str, seen: Observation) -> tuple[Array | None, float]:
        """The noise of the mean over runs and its variance; `None` if there is a single run."""
        if seen.runs < 2:
            return None, 0.0
        chance = self._chance("runs", name, seen.benchmark, seen.model)
        if seen.spread is not None:
            scale = seen.spread / math.sqrt(seen.runs)
            return scale * chance.standard_normal(self._resamples), scale**2
        values = np.asarray(seen.values)
        count = len(values)
        variance = float(values.var(ddof=1)) / count if count > 1 else 0.0
        shrink = self._kept_of_runs(seen, variance)
        drawn = chance.integers(count, size=(self._resamples, max(1, count - 1)))  # (S, R - 1)
        return shrink * (values - values.mean())[drawn].mean(axis=1), shrink**2 * variance

    def _kept_of_runs(self, seen: Observation, variance: float) -> float:
        """The share of the runs' deviations that the noise of items within one run does not explain.

        That noise is in the items' averages already, and resampling items counts it. Only item scores tell: without
        them nothing is taken off, which errs on the wide side.
        """
        if seen.items is None or variance == 0:
            return 1.0
        counted = 100**2 * seen.within / (seen.runs * len(seen.items.scores))
        return math.sqrt(max(0.0, 1 - counted / variance))

    def _chance(self, *names: str) -> np.random.Generator:
        """A generator of its own for every purpose: adding an agent changes nobody else's draws."""
        text = "\0".join((str(self._seed), *names)).encode()
        return np.random.default_rng(int.from_bytes(hashlib.sha256(text).digest()[:16], "big"))


# One cell ----------------------------------------------------------------------------------------------------------


def cell_interval(seen: Observation, level: float = LEVEL) -> Interval | None:
    """An interval for what counts in one cell. `None` where it is a number that was put there."""
    if seen.origin not in ("own", "mixed") or seen.n == 0:
        return None
    low, high = wilson(seen.mean / 100, seen.n)
    low, high, method = 100 * low, 100 * high, f"Wilson, n = {seen.n} items"
    if seen.items is not None:
        scores = [100 * s for s in seen.items.scores]
        found = mean_interval(scores, seen.items.groups, bounds=(0, 100), seed=SEED, level=level)
        low, high, method = found.low, found.high, found.method
    spread = seen.spread
    if spread is None and len(seen.values) > 1:
        spread = float(np.std(seen.values, ddof=1))
    if spread is not None and seen.runs > 1:
        # Never narrower than the items alone allow: three equal runs do not prove that there is no noise.
        half = student(seen.runs - 1) * spread / math.sqrt(seen.runs)
        low, high = max(0.0, min(low, seen.mean - half)), min(100.0, max(high, seen.mean + half))
        method = f"Student over {seen.runs} runs, not narrower than {method}"
    return Interval(low=min(low, seen.mean), high=max(high, seen.mean), level=level, method=method)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson 1927: an interval for a proportion; for scores between 0 and 1 it is on the safe side."""
    z = student(math.inf)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def binomial_variance(score: float, n: int) -> float:
    """Of a score in per cent over `n` items, in squared points. Two items right and two wrong are added (Agresti and
    Coull 1998), so that a score of 0 does not claim certainty."""
    if n == 0:
        return 0.0
    share = (score / 100 * n + 2) / (n + 4)
    return 100**2 * share * (1 - share) / (n + 4)


# Student's quantiles -----------------------------------------------------------------------------------------------


@cache
def student(freedom: float, level: float = LEVEL) -> float:
    """The two-sided quantile of Student's t. With t = sqrt(v) tan(a) the density is a power of cos(a): summed up."""
    if freedom > 1000:
        return 1.959963984540054
    angles = np.linspace(0, math.pi / 2, 20_001)
    density = np.cos(angles) ** (max(1.0, freedom) - 1)
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    angle = float(np.interp(level, mass / mass[-1], angles))
    return math.sqrt(max(1.0, freedom)) * math.tan(angle)


def _freedom(variance: float, parts: Sequence[tuple[float, int]]) -> float:
    """Satterthwaite 1946. What of `variance` is not in `parts` is taken as known exactly."""
    rough = sum(part**2 / freedom for part, freedom in parts if freedom > 0)
    return variance**2 / rough if rough else math.inf
