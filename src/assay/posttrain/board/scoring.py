"""From cells to an average, under a named rule for cells without a score of their own.

Benchmarks are weighted by how hard they are to gain on: the inverse of the distance between the instruct models and
the bases (PostTrainBench, equation 1). All scores are in per cent.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from assay.core.errors import BadInput
from assay.posttrain.board.cells import BASE, COUNTED, Baseline, Board, Cell, Items


class Missing(StrEnum):
    """What counts for a cell without a score of its own: nothing handed in, broken, flagged or undecided."""

    BASE = "base"  # the untouched base model's score: the rule of PostTrainBench
    ZERO = "zero"
    DROP = "drop"  # the cell is left out: of its benchmark's mean, and a benchmark without cells of the weights


RULES = {
    Missing.BASE: "A cell without a valid score counts as the untouched base model's zero-shot score there.",
    Missing.ZERO: "A cell without a valid score counts as 0.",
    Missing.DROP: "A cell without a valid score is left out, and the weights are scaled to what is left.",
}


@dataclass(frozen=True)
class Observation:
    """What counts for an agent on one benchmark and model: the mean over its runs, and what is known of its noise.

    `own` says that every run has a score of its own; if not, `origin` says what stands in its place.
    """

    benchmark: str
    model: str
    mean: float
    values: tuple[float, ...]  # one per run; one value if only their mean is known
    runs: int
    spread: float | None  # between runs, if only that is known
    n: int
    items: Items | None  # item scores, averaged over runs
    within: float  # variance of an item's score (0 to 1) from run to run, averaged over items; 0 if not known
    origin: str  # own, mixed, base or zero


@dataclass(frozen=True)
class Scored:
    """An agent or a baseline with its average. A benchmark or an average that nothing counts for is absent."""

    name: str
    observations: Mapping[tuple[str, str], Observation]  # by (benchmark, model)
    benchmarks: Mapping[str, float]
    average: float | None


def weights(base: Baseline, instruct: Baseline, benchmarks: Sequence[str], models: Sequence[str]) -> dict[str, float]:
    """PostTrainBench, equation 1: 1 / (mean instruct - mean base) per benchmark, normalised to a sum of 1."""
    inverse = {}
    for name in benchmarks:
        gap = _mean([instruct[name, m].score for m in models]) - _mean([base[name, m].score for m in models])
        if gap <= 0:
            raise BadInput(
                f"The instruct models are not better than the bases on {name} ({gap:+.2f} points), so its weight "
                "cannot be computed: check the table of baselines."
            )
        inverse[name] = 1 / gap
    total = sum(inverse.values())
    return {name: value / total for name, value in inverse.items()}


def equal_weights(benchmarks: Sequence[str]) -> dict[str, float]:
    return {name: 1 / len(benchmarks) for name in benchmarks}


def score_agent(board: Board, agent: str, rule: Missing) -> Scored:
    """The agent's cells under `rule`."""
    mine = [cell for cell in board.cells if cell.agent == agent]
    found = {}
    for benchmark in board.benchmarks:
        for model in board.models:
            cells = [c for c in mine if (c.benchmark, c.model) == (benchmark.name, model)]
            seen = _observe(cells, board, rule)
            if seen is not None:
                found[benchmark.name, model] = seen
    return _scored(board, agent, found)


def score_baseline(board: Board, name: str) -> Scored:
    found = {
        key: Observation(*key, p.score, (p.score,), 1, None, p.n, p.items, 0.0, "own")
        for key, p in board.baselines[name].items()
        if key[1] in board.models
    }
    return _scored(board, name, found)


def run_averages(board: Board, agent: str, rule: Missing) -> list[float]:
    """The average of each run, where every run covers the same cells one by one; empty if it does not."""
    mine = [cell for cell in board.cells if cell.agent == agent]
    runs = sorted({cell.run for cell in mine})
    places = [{(c.benchmark, c.model) for c in mine if c.run == run} for run in runs]
    if len(runs) < 2 or any(place != places[0] for place in places) or any(c.runs > 1 for c in mine):
        return []
    averages = []
    for run in runs:
        found = {}
        for cell in mine:
            if cell.run == run and (seen := _observe([cell], board, rule)) is not None:
                found[cell.benchmark, cell.model] = seen
        averages.append(_scored(board, agent, found).average)
    return [value for value in averages if value is not None]


def spread_of(values: Sequence[float]) -> float | None:
    """The sample standard deviation (n - 1), which PostTrainBench prints after a plus-minus sign."""
    return statistics.stdev(values) if len(values) > 1 else None


def deviation(seen: Observation) -> float | None:
    """Between the runs of one cell; `None` if it ran once."""
    return seen.spread if seen.spread is not None else spread_of(seen.values)


def benchmark_spread(scored: Scored, benchmark: str, models: Sequence[str]) -> float | None:
    """The mean over models of the deviation between runs, as table 1 of the paper prints it."""
    seen = [scored.observations.get((benchmark, model)) for model in models]
    known = [spread for o in seen if o is not None and (spread := deviation(o)) is not None]
    return _mean(known) if known and len(known) == len(models) else None


def counted(cell: Cell, board: Board, rule: Missing) -> tuple[float | None, str]:
    """What counts for a cell, and where that comes from: own, base, zero or dropped."""
    if cell.status in COUNTED and cell.score is not None:
        return cell.score, "own"
    if rule is Missing.DROP:
        return None, "dropped"
    if rule is Missing.ZERO:
        return 0.0, "zero"
    point = board.baselines[BASE].get((cell.benchmark, cell.model))
    if point is None:
        raise BadInput(
            f"The base model's score on {cell.benchmark} with {cell.model} is not known, so nothing can stand in for "
            f"the cell of {cell.agent}: choose --missing drop or zero."
        )
    return point.score, "base"


def _observe(cells: Sequence[Cell], board: Board, rule: Missing) -> Observation | None:
    pairs = [(cell, *counted(cell, board, rule)) for cell in cells]
    kept = [(cell, value, origin) for cell, value, origin in pairs if value is not None]
    if not kept:
        return None
    first = kept[0][0]
    origins = {origin for _, _, origin in kept}
    own = origins == {"own"}
    values = tuple(value for _, value, _ in kept)
    base = board.baselines.get(BASE, {}).get((first.benchmark, first.model))
    items, within = _over_runs([cell.items for cell, _, _ in kept]) if own else (None, 0.0)
    return Observation(
        benchmark=first.benchmark,
        model=first.model,
        mean=_mean(values),
        values=values,
        runs=sum(cell.runs for cell, _, _ in kept),
        spread=first.spread if own and len(kept) == 1 else None,
        n=min((cell.n for cell, _, _ in kept if cell.n), default=base.n if base else 0),
        items=items,
        within=within,
        origin=next(iter(origins)) if len(origins) == 1 else "mixed",
    )


def _over_runs(runs: Sequence[Items | None]) -> tuple[Items | None, float]:
    """Item scores averaged over runs, and an item's mean variance from run to run, if all runs have the same items."""
    known = [items for items in runs if items is not None]
    if len(known) != len(runs) or any((i.ids, i.groups) != (known[0].ids, known[0].groups) for i in known):
        return None, 0.0
    rows = list(zip(*(items.scores for items in known), strict=True))
    within = _mean([statistics.variance(row) for row in rows]) if len(known) > 1 else 0.0
    return Items(known[0].ids, known[0].groups, tuple(_mean(row) for row in rows)), within


def _scored(board: Board, name: str, found: Mapping[tuple[str, str], Observation]) -> Scored:
    means = {}
    for benchmark in board.benchmarks:
        seen = [found[benchmark.name, m].mean for m in board.models if (benchmark.name, m) in found]
        if seen:
            means[benchmark.name] = _mean(seen)
    share = sum(board.weights[name] for name in means)
    average = sum(board.weights[name] * value for name, value in means.items()) / share if share else None
    return Scored(name, found, means, average)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
