"""The leaderboard as one HTML page that explains itself: averages, benchmarks, statuses, pairs, and every cell."""

from collections.abc import Mapping
from dataclasses import dataclass

from assay.posttrain.board import plots
from assay.posttrain.board.bootstrap import LEVEL, SCOPES, Scope
from assay.posttrain.board.cells import BASE, COUNTED, FEW_SHOT, INSTRUCT, MEANINGS, Cell, Status
from assay.posttrain.board.document import printed, printed_column
from assay.posttrain.board.scoring import RULES, counted
from assay.posttrain.board.standing import Leaderboard, Line
from assay.posttrain.board.view import neighbours
from assay.web.figures import count
from assay.web.page import render

# One sign per status, so that colour is never alone.
SIGNS = {
    Status.SCORED: "●",
    Status.NOT_SUBMITTED: "○",
    Status.BROKEN: "✕",
    Status.FLAGGED: "⚑",
    Status.UNDECIDED: "?",
    Status.UNSTATED: "◐",
}
_SHADES = 8  # of the heat table, from the base to the instruct model
_SOURCES = 200


@dataclass(frozen=True)
class HeatRow:
    """One line of the table of benchmarks: text and shade of each."""

    line: Line
    rank: str
    average: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Detail:
    """One cell as the page lists it."""

    cell: Cell
    title: str
    score: str
    interval: str
    counts: str


def leaderboard_page(found: Leaderboard) -> str:
    """The page. Equal leaderboards give equal pages: there is no clock in it."""
    board = found.board
    present = [status for status in Status if any(cell.status is status for cell in board.cells)]
    return render(
        "leaderboard.html",
        ("report.css", "leaderboard.css"),
        title=f"{board.title}: leaderboard",
        lede=_lede(found),
        findings=_findings(found),
        rule=RULES[found.rule],
        averages=plots.averages(found),
        pairs=plots.matrix(found) if len(found.pairs) > 1 else None,
        heat=[_heat(line, found) for line in found.lines],
        has_instruct=INSTRUCT in board.baselines,
        benchmarks=board.benchmarks,
        weights=board.weights,
        weights_from=board.weights_from,
        models=board.models,
        statuses=[(SIGNS[status], status.value, MEANINGS[status]) for status in present],
        strips=[(line, _strips(line, found)) for line in found.agents],
        details=[(line, [_detail(cell, found) for cell in line.cells]) for line in found.agents],
        scopes=[(scope.value, SCOPES[scope]) for scope in Scope],
        level=f"{100 * LEVEL:.0f} %",
        seed=found.seed,
        resamples=found.resamples,
        notes=found.notes,
        sources=board.sources[:_SOURCES],
        single=any(line.runs == 1 for line in found.agents),
        dotted=any(line.runs == 1 for line in found.agents) and len(board.models) == 1,
    )


def _lede(found: Leaderboard) -> str:
    board = found.board
    where = f"{count(len(board.models), 'base model')} and {count(len(board.benchmarks), 'benchmark')}"
    return f"{count(len(found.agents), 'agent')} on {where}."


def _findings(found: Leaderboard) -> list[str]:
    """What the figures say, in sentences."""
    said = []
    ranked = [line for line in found.agents if line.rank is not None]
    if len(ranked) > 1:
        told = [pair for line in ranked[1:] if (pair := found.pair(ranked[0].name, line.name)) and pair.told_apart]
        rivals = len(ranked) - 1 - len(told)
        tail = f"It cannot be told apart from {count(rivals, 'other')}." if rivals else "It can be told apart from all."
        said.append(f"First is {ranked[0].title} with {printed(ranked[0].average, ranked[0].spread)}. {tail}")
        pairs = [pair for pair in neighbours(found) if pair is not None]
        apart = sum(pair.told_apart is True for pair in pairs)
        said.append(f"Of {count(len(pairs), 'pair')} of neighbours, {apart} can be told apart.")
    for name, what in (
        (FEW_SHOT, "the base model with a few examples in its prompt"),
        (BASE, "the untouched base model"),
    ):
        baseline = next((line for line in found.lines if line.baseline and line.name == name), None)
        if baseline is None or baseline.average is None or not ranked:
            continue
        above = [line for line in ranked if (line.average or 0.0) > baseline.average]
        sure = sum(1 for line in above if (pair := found.pair(line.name, name)) and pair.told_apart)
        said.append(
            f"{len(above)} of {count(len(ranked), 'agent')} score above {what} ({printed(baseline.average)}); "
            f"for {sure} of them the difference is beyond chance."
        )
    missing = sum(cell.status not in COUNTED for line in found.agents for cell in line.cells)
    total = sum(len(line.cells) for line in found.agents)
    if missing:
        said.append(f"{missing} of {total} cells have no valid score of their own.")
    return said


def _heat(line: Line, found: Leaderboard) -> HeatRow:
    board = found.board
    by_name = {other.name: other.scored.benchmarks for other in found.lines if other.baseline}
    values = []
    for benchmark in board.benchmarks:
        text = printed_column(line, benchmark.name, board.models).replace(" ", "")
        values.append((text, _shade(line.scored.benchmarks.get(benchmark.name), benchmark.name, by_name)))
    ranks = found.ranks(line)
    rank = "" if line.rank is None or ranks is None else f"{line.rank} ({ranks[0]}–{ranks[1]})"
    return HeatRow(line, rank, printed(line.average, line.spread), tuple(values))


def _shade(value: float | None, benchmark: str, baselines: Mapping[str, Mapping[str, float]]) -> str:
    """A class: `below` the base, or `up0` to `up8` on the way from the base to the instruct model (or to 100)."""
    if value is None:
        return "none"
    base = baselines.get(BASE, {}).get(benchmark, 0.0)
    top = baselines.get(INSTRUCT, {}).get(benchmark, 100.0)
    if value < base - 0.05:
        return "below"
    way = (value - base) / (top - base) if top > base else 1.0
    return f"up{max(0, min(_SHADES, round(_SHADES * way)))}"


def _strips(line: Line, found: Leaderboard) -> list[list[tuple[str, str, str]]]:
    """For each benchmark the sign, class and explanation of each of its cells, in the order of the models."""
    order = list(found.board.models)
    return [
        [
            (SIGNS[cell.status], cell.status.value, f"{cell.model}: {cell.status.value}")
            for cell in sorted(line.cells, key=lambda c: (order.index(c.model), c.run))
            if cell.benchmark == benchmark.name
        ]
        for benchmark in found.board.benchmarks
    ]


def _detail(cell: Cell, found: Leaderboard) -> Detail:
    value, origin = counted(cell, found.board, found.rule)
    place = next(
        (
            p
            for line in found.lines
            if line.name == cell.agent
            for k, p in line.places.items()
            if k == (cell.benchmark, cell.model)
        ),
        None,
    )
    interval = cell.interval or (place.interval if place and origin == "own" else None)
    score = "–" if cell.score is None else printed(cell.score, cell.spread)
    counts = {"own": "its own", "base": f"the base's {printed(value)}", "zero": "0", "dropped": "nothing"}[origin]
    title = next(b.title for b in found.board.benchmarks if b.name == cell.benchmark)
    return Detail(cell, title, score, f"{interval.low:.1f} to {interval.high:.1f}" if interval else "", counts)
