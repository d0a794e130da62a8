"""The leaderboard on a terminal. As many columns as fit; whatever a worker wrote is shown as plain text."""

from collections.abc import Sequence
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from assay.core.plain import one_line
from assay.core.verdict import Interval
from assay.posttrain.board.bootstrap import Scope
from assay.posttrain.board.cells import COUNTED, Status
from assay.posttrain.board.document import printed, printed_column
from assay.posttrain.board.scoring import RULES
from assay.posttrain.board.standing import Leaderboard, Line, Pair
from assay.web.figures import count

_WIDE = 130  # columns of a terminal from which on the benchmarks are shown
_AGENT = 34  # characters
_SHORT = {
    Status.NOT_SUBMITTED: "not submitted",
    Status.BROKEN: "broken",
    Status.FLAGGED: "flagged",
    Status.UNDECIDED: "undecided",
    Status.UNSTATED: "unstated",
}


def leaderboard_table(found: Leaderboard, width: int) -> RenderableType:
    """The lines best first, with the baselines among them, and what to know about them below."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=found.board.title, title_justify="left")
    table.add_column("rank", justify="right")
    table.add_column("agent", overflow="fold")
    table.add_column("average", justify="right", no_wrap=True)
    table.add_column("run again", no_wrap=True)
    table.add_column("other models", no_wrap=True)
    shown = found.board.benchmarks if width >= _WIDE else ()
    for benchmark in shown:
        table.add_column(one_line(benchmark.short, 12), justify="right", no_wrap=True)
    table.add_column("without a score", overflow="fold")
    for line in found.lines:
        style = "dim" if line.baseline else ""
        table.add_row(
            _rank(line, found),
            Text(one_line(line.title, _AGENT), "italic" if line.baseline else "bold"),
            printed(line.average, line.spread),
            _span(line.intervals[Scope.RUNS], "1 run" if line.runs == 1 else "–"),
            _span(line.intervals[Scope.MODELS], "1 model"),
            *[printed_column(line, b.name, found.board.models).partition(" ")[0] for b in shown],
            _without(line),
            style=style,
        )
    return Group(table, Text(), *_explained(found, bool(shown)))


def _rank(line: Line, found: Leaderboard) -> str:
    ranks = found.ranks(line)
    if line.rank is None or ranks is None:
        return ""
    return f"{line.rank} ({ranks[0]}–{ranks[1]})" if ranks[0] < ranks[1] else str(line.rank)


def _span(interval: Interval | None, otherwise: str) -> str:
    return f"{interval.low:.1f} to {interval.high:.1f}" if interval else otherwise


def _without(line: Line) -> str:
    """How many cells have no score of their own, and why."""
    if line.baseline:
        return ""
    if all(cell.status is Status.UNSTATED for cell in line.cells):
        return "not published"
    told = [f"{number} {_SHORT[s]}" for s, number in sorted(line.statuses.items()) if s not in COUNTED]
    return f"{', '.join(told)} of {len(line.cells)}" if told else "none"


def _explained(found: Leaderboard, benchmarks: bool) -> Sequence[Text]:
    known = [pair for pair in neighbours(found) if pair is not None]
    apart = sum(pair.told_apart is True for pair in known)
    lines = [
        "All scores in per cent; weights " + found.board.weights_from + ".",
        RULES[found.rule],
        "Average ± deviation between runs. In brackets after the rank: the ranks that cannot be ruled out.",
        "95 % intervals: of the same models if all were run again, and of other base models.",
    ]
    if known:
        lines.append(f"{apart} of {count(len(known), 'pair')} of neighbours can be told apart.")
    if not benchmarks and len(found.board.benchmarks) > 1:
        lines.append(f"A terminal of {_WIDE} columns also shows the benchmarks; --json and --html have everything.")
    return [Text(one_line(text, 500), "dim") for text in [*lines, *found.notes]]


def neighbours(found: Leaderboard) -> list[Pair | None]:
    """The pairs of agents that follow each other."""
    names = [line.name for line in found.agents if line.rank is not None]
    return [found.pair(a, b) for a, b in pairwise(names)]
