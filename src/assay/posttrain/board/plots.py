"""The board's own plots as inline SVG: averages with two intervals each, and who can be told apart from whom.

Never colour alone: a shape or a word says it too.
"""

from collections.abc import Callable

from markupsafe import Markup

from assay.core.plain import one_line
from assay.posttrain.board.bootstrap import Scope
from assay.posttrain.board.document import printed
from assay.posttrain.board.standing import Leaderboard, Line, Pair
from assay.web import drawing
from assay.web.drawing import Element
from assay.web.plots import nice_ticks

_ROW, _HEAD, _FOOT = 38, 8, 24  # pixels
_LABEL = 34  # characters
_PAD = 2.0  # per cent left free on each side


def averages(found: Leaderboard) -> Markup:
    """One row per agent: the average as a mark, a thick bar for the same models run again, a thin one for others.

    The baselines are lines across all rows.
    """
    agents = [line for line in found.agents if line.average is not None]
    baselines = [line for line in found.lines if line.baseline and line.average is not None]
    ends = [0.0]
    for line in agents + baselines:
        spans = [] if line.baseline else [span for scope in Scope if (span := line.intervals[scope])]
        ends += [line.average or 0.0, *(span.low for span in spans), *(span.high for span in spans)]
    marks = nice_ticks(min(ends), max(ends), 6)
    low, high = marks[0], marks[-1]

    across = drawing.scale(low, high, _PAD)
    top = _HEAD + 18 * len(baselines)
    bottom = top + _ROW * len(agents)
    svg = drawing.svg(bottom + _FOOT, "Weighted average of each agent, with intervals, and the baselines as lines")
    for mark in marks:
        for number in range(len(agents)):  # not behind the text of a row
            drawing.vertical(svg, "grid", across(mark), top + number * _ROW + 18, top + (number + 1) * _ROW)
        drawing.add(svg, "text", "tick middle", x=drawing.per(across(mark)), y=bottom + 17).text = f"{mark:g}"
    for number, line in enumerate(sorted(baselines, key=lambda one: one.average or 0.0)):
        at, name = across(line.average or 0.0), f"{line.title}: {printed(line.average)}"
        y = _HEAD + 18 * number + 8
        drawing.vertical(svg, f"baseline {line.name}", at, y + 4, bottom)
        side = "start" if at < 55 else "end"
        drawing.add(svg, "text", f"note {side}", x=drawing.per(at), y=y).text = one_line(name, 60)
    for number, line in enumerate(agents):
        _row(svg, line, across, top + number * _ROW)
    return drawing.markup(svg)


def _row(svg: Element, line: Line, across: Callable[[float], float], top: int) -> None:
    middle = top + 27
    group = drawing.add(svg, "g", "row agent")
    rank = f"{line.rank}. " if line.rank else ""
    drawing.add(group, "text", "label", x="0", y=top + 15).text = rank + one_line(line.title, _LABEL)
    drawing.add(group, "text", "figures", x="100%", y=top + 15).text = printed(line.average, line.spread)
    for scope, kind in ((Scope.MODELS, "thin"), (Scope.RUNS, "thick")):
        span = line.intervals[scope]
        if span is not None:
            left, right = across(span.low), across(span.high)
            drawing.add(group, "line", kind, x1=drawing.per(left), x2=drawing.per(right), y1=middle, y2=middle)
    if line.intervals[Scope.RUNS] is None and line.intervals[Scope.MODELS] is None:
        span = line.intervals[Scope.ITEMS]
        if span is not None:
            drawing.add(
                group,
                "line",
                "dotted",
                x1=drawing.per(across(span.low)),
                x2=drawing.per(across(span.high)),
                y1=middle,
                y2=middle,
            )
    kind = "mark" if line.runs > 1 else "mark hollow"
    drawing.add(group, "circle", kind, cx=drawing.per(across(line.average or 0.0)), cy=middle, r=5)


def matrix(found: Leaderboard) -> Markup:
    """Rows against columns: whether the row's agent is better, worse, or not to be told from the column's."""
    lines = [line for line in found.lines if line.average is not None]
    size, left, top = 24, 250, 34
    width, height = left + size * len(lines) + 6, top + size * len(lines) + 6
    svg = Element("svg", {"class": "plot pairs", "width": str(width), "height": str(height), "role": "img"})
    svg.set("viewBox", f"0 0 {width} {height}")
    svg.set("aria-label", "For each pair of agents, whether their averages can be told apart")
    for number, line in enumerate(lines):
        name = _short(line)
        drawing.add(svg, "text", "end", x=left - 34, y=top + number * size + 17).text = one_line(line.title, _LABEL)
        drawing.add(svg, "text", "tick end", x=left - 6, y=top + number * size + 17).text = name
        drawing.add(svg, "text", "tick middle", x=left + number * size + size // 2, y=top - 8).text = name
    pairs = {(pair.better, pair.worse): pair for pair in found.pairs}
    for row, one in enumerate(lines):
        for column, other in enumerate(lines):
            pair = pairs.get((one.name, other.name)) or pairs.get((other.name, one.name))
            if pair is not None:
                _square(svg, pair, one, left + column * size, top + row * size, size)
    return drawing.markup(svg)


def _square(svg: Element, pair: Pair, row: Line, x: int, y: int, size: int) -> None:
    ahead = pair.better == row.name
    kind = "unknown" if pair.told_apart is None else "same" if not pair.told_apart else "ahead" if ahead else "behind"
    square = drawing.add(svg, "rect", kind, x=x + 1, y=y + 1, width=size - 2, height=size - 2, rx=3)
    sign = {"unknown": "?", "same": "", "ahead": "▲", "behind": "▼"}[kind]
    other = pair.worse if ahead else pair.better
    drawing.add(square, "title", "").text = one_line(f"{row.name} and {other}: {pair_text(pair)}", 300)
    if sign:
        drawing.add(svg, "text", f"sign {kind}", x=x + size / 2, y=y + size / 2 + 4).text = sign


def pair_text(pair: Pair) -> str:
    """`+2.3 (-0.5 to +5.1)`, of the widest interval that decides."""
    decisive = pair.intervals[Scope.RUNS] or pair.intervals[Scope.MODELS] or pair.intervals[Scope.ITEMS]
    span = f" ({decisive.low:+.1f} to {decisive.high:+.1f})" if decisive else ""
    return f"{pair.difference:+.1f}{span}"


def _short(line: Line) -> str:
    return str(line.rank) if line.rank else {"base": "B", "few-shot": "F", "instruct": "I"}.get(line.name, "–")
