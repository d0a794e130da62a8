"""A board, scored and compared: one value that the terminal, the JSON document and the page are made of."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from assay.core.verdict import Interval
from assay.posttrain.board.bootstrap import (
    LEVEL,
    RESAMPLES,
    SEED,
    Contender,
    Resampler,
    Scope,
    Spread,
    cell_interval,
)
from assay.posttrain.board.cells import BASE, BASELINE_TITLES, Board, Cell, Status
from assay.posttrain.board.scoring import (
    Missing,
    Observation,
    Scored,
    benchmark_spread,
    run_averages,
    score_agent,
    score_baseline,
    spread_of,
)

Intervals = Mapping[Scope, Interval | None]


@dataclass(frozen=True)
class Place:
    """What counts in one place of the matrix for one line."""

    seen: Observation
    interval: Interval | None


@dataclass(frozen=True)
class Line:
    """An agent or a baseline. `rank` is `None` for a baseline and for an agent nothing counts for."""

    name: str
    title: str
    baseline: bool
    rank: int | None
    scored: Scored
    spread: float | None  # standard deviation of the average between runs
    runs: int  # the least number of runs of any cell
    intervals: Intervals
    spreads: Mapping[str, float | None]  # by benchmark
    places: Mapping[tuple[str, str], Place]
    cells: tuple[Cell, ...]

    @property
    def average(self) -> float | None:
        return self.scored.average

    @property
    def statuses(self) -> Counter[Status]:
        return Counter(cell.status for cell in self.cells)

    @property
    def interval(self) -> Interval | None:
        """The widest that can be measured."""
        return next((found for scope in reversed(Scope) if (found := self.intervals[scope])), None)


@dataclass(frozen=True)
class Pair:
    """The difference of two averages, the better one first. Paired by model, benchmark and item."""

    better: str
    worse: str
    difference: float
    intervals: Intervals

    def apart(self, scope: Scope) -> bool | None:
        """Whether the difference is above zero; `None` where the scope cannot be measured."""
        found = self.intervals[scope]
        return None if found is None else found.low > 0

    @property
    def told_apart(self) -> bool | None:
        """Whether the better agent would stay better if all were run again, as far as that can be measured.

        With a single run of either, variation between runs is seen only in the variation between models; with a single
        model too it is not seen at all, and no difference between agents is claimed.
        """
        again = self.apart(Scope.RUNS)
        return self.apart(Scope.MODELS) if again is None else again


@dataclass(frozen=True)
class Leaderboard:
    """Lines by average, best first, with the baselines among them."""

    board: Board
    rule: Missing
    lines: tuple[Line, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]
    seed: int
    resamples: int

    @property
    def agents(self) -> list[Line]:
        return [line for line in self.lines if not line.baseline]

    def pair(self, one: str, other: str) -> Pair | None:
        return next((p for p in self.pairs if {p.better, p.worse} == {one, other}), None)

    def ranks(self, line: Line) -> tuple[int, int] | None:
        """The ranks that an agent may truly have: from those told to be better, to those told to be worse."""
        if line.rank is None:
            return None
        names = {agent.name for agent in self.agents if agent.rank is not None}
        told = [p for p in self.pairs if p.told_apart and {p.better, p.worse} <= names]
        above = sum(p.worse == line.name for p in told)
        below = sum(p.better == line.name for p in told)
        return 1 + above, len(names) - below


def compare(board: Board, rule: Missing, *, seed: int = SEED, resamples: int = RESAMPLES) -> Leaderboard:
    """Score all agents and baselines of `board` under `rule`, and compare each with each."""
    draw = Resampler(board.weights, board.models, seed=seed, resamples=resamples)
    baselines = [score_baseline(board, name) for name in board.baselines]
    base = next((scored for scored in baselines if scored.name == BASE), None)
    agents = [score_agent(board, name, rule) for name in board.agents]
    agents.sort(key=lambda s: (s.average is None, -(s.average or 0.0), s.name))
    made = {id(scored): draw.contender(scored, base) for scored in agents if scored.average is not None}
    made |= {id(scored): draw.contender(scored, fixed=True) for scored in baselines if scored.average is not None}
    ranks = {scored.name: i for i, scored in enumerate((s for s in agents if s.average is not None), start=1)}
    lines = [_line(board, s, rule, draw, made.get(id(s)), rank=ranks.get(s.name)) for s in agents]
    lines += [_line(board, s, rule, draw, made.get(id(s)), baseline=True) for s in baselines]
    lines.sort(key=lambda line: (line.average is None, -(line.average or 0.0)))
    compared = [line.scored for line in lines if line.average is not None]
    pairs = tuple(_pair(draw, made[id(a)], made[id(b)]) for a, b in combinations(compared, 2))
    return Leaderboard(board, rule, tuple(lines), pairs, (*board.notes, *_notes(board, lines)), seed, resamples)


def _line(
    board: Board,
    scored: Scored,
    rule: Missing,
    draw: Resampler,
    made: Contender | None,
    *,
    rank: int | None = None,
    baseline: bool = False,
) -> Line:
    stated = None if baseline else board.stated.get(scored.name)
    spread = stated.spread if stated else None if baseline else spread_of(run_averages(board, scored.name, rule))
    return Line(
        name=scored.name,
        title=BASELINE_TITLES[scored.name] if baseline else scored.name,
        baseline=baseline,
        rank=rank,
        scored=scored,
        spread=spread,
        runs=min((o.runs for o in scored.observations.values()), default=0),
        intervals=_intervals(scored.average or 0.0, draw.spread(made) if made else None, draw, bounds=(0.0, 100.0)),
        spreads={b.name: benchmark_spread(scored, b.name, board.models) for b in board.benchmarks},
        places={key: Place(seen, cell_interval(seen)) for key, seen in scored.observations.items()},
        cells=() if baseline else tuple(cell for cell in board.cells if cell.agent == scored.name),
    )


def _pair(draw: Resampler, one: Contender, other: Contender) -> Pair:
    """`one` is not the worse of both: lines are sorted."""
    difference = (one.scored.average or 0.0) - (other.scored.average or 0.0)
    intervals = _intervals(difference, draw.spread(one, other), draw, bounds=(-100.0, 100.0))
    return Pair(one.scored.name, other.scored.name, difference, intervals)


def _intervals(value: float, spread: Spread | None, draw: Resampler, *, bounds: tuple[float, float]) -> Intervals:
    found: dict[Scope, Interval | None] = {}
    for scope in Scope:
        half = spread.half[scope] if spread else None
        if half is None:
            found[scope] = None
            continue
        low, high = max(bounds[0], value - half), min(bounds[1], value + half)
        found[scope] = Interval(low=low, high=high, level=LEVEL, method=draw.method(scope))
    return found


def _notes(board: Board, lines: Sequence[Line]) -> list[str]:
    notes = []
    agents = [line for line in lines if not line.baseline]
    single = [line for line in agents if line.runs == 1]
    if single:
        who = "every agent" if len(single) == len(agents) else f"{len(single)} of {len(agents)} agents"
        notes.append(
            f"{who[:1].upper()}{who[1:]} ran only once: how much their scores vary from run to run cannot be measured, "
            "so the interval `runs` is missing and the interval `items` is too narrow to compare agents with."
        )
    if len(board.models) == 1:
        notes.append("There is a single base model: nothing here says how agents would do on others.")
    elif len(board.models) < 4:
        notes.append(
            f"With {len(board.models)} base models the interval `models` held the truth in about 9 of 10 simulated "
            "cases instead of 19 of 20."
        )
    if any(p.seen.items is None and p.seen.origin == "own" for line in agents for p in line.places.values()):
        notes.append(
            "Item scores are not known for all cells: the binomial error of the mean stands in, as if each model had "
            "items of its own."
        )
    if board.published_weights is not None:
        worst = max((abs(board.weights[k] - v) for k, v in board.published_weights.items()), default=0.0)
        if worst > 1e-9 or board.published_weights.keys() != board.weights.keys():
            notes.append(
                f"The published weights differ from those computed from the baselines, by up to {worst:.2g}: the "
                "computed ones are used."
            )
    for name, stated in board.stated.items():
        line = next((line for line in agents if line.name == name), None)
        if line and line.average is not None and abs(line.average - stated.average) > 0.005:
            notes.append(f"{name}: the source says {stated.average:.2f}, the cells give {line.average:.2f}.")
    return notes
