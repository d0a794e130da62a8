"""The board's own plots as inline SVG: averages with two intervals each, and who can be told apart from whom.

Made like the plots of `assay.web.plots`: positions across in per cent, heights in pixels, colours from the style
sheet, every element built and none pasted together. Never colour alone: a shape or a word says it too.
"""

from collections.abc import Callable
from xml.etree import ElementTree

from markupsafe import Markup

from assay.core.plain import one_line
from assay.posttrain.board.bootstrap import Scope
from assay.posttrain.board.document import printed
from assay.posttrain.board.standing import Leaderboard, Line, Pair
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

    def across(value: float) -> float:
        return _PAD + (100 - 2 * _PAD) * (value - low) / (high - low)

    top = _HEAD + 18 * len(baselines)
    bottom = top + _ROW * len(agents)
    svg = _svg(bottom + _FOOT, "Weighted average of each agent, with intervals, and the baselines as lines")
    for mark in marks:
        for number in range(len(agents)):  # not behind the text of a row
            _vertical(svg, "grid", across(mark), top + number * _ROW + 18, top + (number + 1) * _ROW)
        _add(svg, "text", "tick middle", x=_per(across(mark)), y=bottom + 17).text = f"{mark:g}"
    for number, line in enumerate(sorted(baselines, key=lambda one: one.average or 0.0)):
        at, name = across(line.average or 0.0), f"{line.title}: {printed(line.average)}"
        y = _HEAD + 18 * number + 8
        _vertical(svg, f"baseline {line.name}", at, y + 4, bottom)
        side = "start" if at < 55 else "end"
        _add(svg, "text", f"note {side}", x=_per(at), y=y).text = one_line(name, 60)
    for number, line in enumerate(agents):
        _row(svg, line, across, top + number * _ROW)
    return _markup(svg)


def _row(svg: ElementTree.Element, line: Line, across: Callable[[float], float], top: int) -> None:
    middle = top + 27
    group = _add(svg, "g", "row agent")
    rank = f"{line.rank}. " if line.rank else ""
    _add(group, "text", "label", x="0", y=top + 15).text = rank + one_line(line.title, _LABEL)
    _add(group, "text", "figures", x="100%", y=top + 15).text = printed(line.average, line.spread)
    for scope, kind in ((Scope.MODELS, "thin"), (Scope.RUNS, "thick")):
        span = line.intervals[scope]
        if span is not None:
            left, right = across(span.low), across(span.high)
            _add(group, "line", kind, x1=_per(left), x2=_per(right), y1=middle, y2=middle)
    if line.intervals[Scope.RUNS] is None and line.intervals[Scope.MODELS] is None:
        span = line.intervals[Scope.ITEMS]
        if span is not None:
            _add(group, "line", "dotted", x1=_per(across(span.low)), x2=_per(across(span.high)), y1=middle, y2=middle)
    kind = "mark" if line.runs > 1 else "mark hollow"
    _add(group, "circle", kind, cx=_per(across(line.average or 0.0)), cy=middle, r=5)


def matrix(found: Leaderboard) -> Markup:
    """Rows against columns: whether the row's agent is better, worse, or not to be told from the column's."""
    lines = [line for line in found.lines if line.average is not None]
    size, left, top = 24, 250, 34
    width, height = left + size * len(lines) + 6, top + size * len(lines) + 6
    svg = ElementTree.Element("svg", {"class": "plot pairs", "width": str(width), "height": str(height), "role": "img"})
    svg.set("viewBox", f"0 0 {width} {height}")
    svg.set("aria-label", "For each pair of agents, whether their averages can be told apart")
    for number, line in enumerate(lines):
        name = _short(line)
        _add(svg, "text", "end", x=left - 34, y=top + number * size + 17).text = one_line(line.title, _LABEL)
        _add(svg, "text", "tick end", x=left - 6, y=top + number * size + 17).text = name
        _add(svg, "text", "tick middle", x=left + number * size + size // 2, y=top - 8).text = name
    pairs = {(pair.better, pair.worse): pair for pair in found.pairs}
    for row, one in enumerate(lines):
        for column, other in enumerate(lines):
            pair = pairs.get((one.name, other.name)) or pairs.get((other.name, one.name))
            if pair is not None:
                _square(svg, pair, one, left + column * size, top + row * size, size)
    return _markup(svg)


def _square(svg: ElementTree.Element, pair: Pair, row: Line, x: int, y: int, size: int) -> None:
    ahead = pair.better == row.name
    kind = "unknown" if pair.told_apart is None else "same" if not pair.told_apart else "ahead" if ahead else "behind"
    square = _add(svg, "rect", kind, x=x + 1, y=y + 1, width=size - 2, height=size - 2, rx=3)
    sign = {"unknown": "?", "same": "", "ahead": "▲", "behind": "▼"}[kind]
    other = pair.worse if ahead else pair.better
    _add(square, "title", "").text = one_line(f"{row.name} and {other}: {pair_text(pair)}", 300)
    if sign:
        _add(svg, "text", f"sign {kind}", x=x + size / 2, y=y + size / 2 + 4).text = sign


def pair_text(pair: Pair) -> str:
    """`+2.3 (-0.5 to +5.1)`, of the widest interval that decides."""
    decisive = pair.intervals[Scope.RUNS] or pair.intervals[Scope.MODELS] or pair.intervals[Scope.ITEMS]
    span = f" ({decisive.low:+.1f} to {decisive.high:+.1f})" if decisive else ""
    return f"{pair.difference:+.1f}{span}"


def _short(line: Line) -> str:
    return str(line.rank) if line.rank else {"base": "B", "few-shot": "F", "instruct": "I"}.get(line.name, "–")


# Elements ----------------------------------------------------------------------------------------------------------


def _svg(height: float, title: str) -> ElementTree.Element:
    svg = ElementTree.Element("svg", {"class": "plot", "width": "100%", "height": str(height), "role": "img"})
    svg.set("aria-label", one_line(title, 300))
    return svg


def _add(parent: ElementTree.Element, tag: str, kind: str, **attributes: object) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})
    if kind:
        element.set("class", kind)
    return element


def _vertical(parent: ElementTree.Element, kind: str, at: float, top: float, bottom: float) -> None:
    _add(parent, "line", kind, x1=_per(at), x2=_per(at), y1=top, y2=bottom)


def _per(number: float) -> str:
    return f"{number:.2f}%"


def _markup(svg: ElementTree.Element) -> Markup:
    return Markup(ElementTree.tostring(svg, encoding="unicode"))  # noqa: S704 - serialised, so all text is escaped
