"""The plots of reports: measures with their intervals, and what was used over time. Drawn with `drawing`."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from assay.core.plain import one_line
from assay.core.verdict import Measure
from assay.web import drawing, figures
from assay.web.drawing import Element

LARGEST = 1e12  # a figure beyond it cannot be drawn beside others
_ROW, _TEXT, _HEAD, _FOOT = 46, 22, 26, 26  # pixels; the upper part of a row is text
_PIECES = 300  # of a line over time: more cannot be seen
_LABEL = 24  # characters of a label: they fit a phone beside the figures
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Row:
    """One measure of an interval plot. `kind` is an outcome's name or `base`; it chooses the mark and its colour."""

    label: str
    measure: Measure
    kind: str


def can_draw(measure: Measure) -> bool:
    ends = [measure.value] + ([measure.interval.low, measure.interval.high] if measure.interval else [])
    return all(abs(end) < LARGEST for end in ends)


# Intervals ---------------------------------------------------------------------------------------------------------


def intervals(rows: Sequence[Row], title: str, *, base: Measure | None = None, zero: bool = False) -> Markup:
    """One row per measure: its value as a mark, its interval as a bar. All share one unit.

    `base` draws a line at the value to compare with, and its interval as a band; `zero` draws a line at 0.
    """
    ends = [end for row in rows for end in _ends(row.measure)] + (_ends(base) if base else []) + ([0.0] if zero else [])
    low = min([0.0, *ends]) if rows[0].measure.unit == "%" else min(ends)
    marks = nice_ticks(low, max(ends), 6)
    across = drawing.scale(marks[0], marks[-1])
    bottom = _HEAD + _ROW * len(rows)
    svg = drawing.svg(bottom + _FOOT, title)
    for number in range(len(rows)):  # behind each bar, but not behind the text above it
        top, end = _HEAD + number * _ROW + _TEXT, _HEAD + (number + 1) * _ROW
        if base and base.interval:
            left, right = across(base.interval.low), across(base.interval.high)
            drawing.add(
                svg, "rect", "band", x=drawing.per(left), width=drawing.per(right - left), y=top, height=end - top
            )
        for mark in marks:
            drawing.vertical(svg, "grid", across(mark), top, end)
        if zero:
            drawing.vertical(svg, "zero", across(0), top, end)
        if base:
            drawing.vertical(svg, "baseline", across(base.value), top, end)
    for mark in marks:
        drawing.text(svg, "tick middle", across(mark), bottom + 17, figures.figure(mark, "", signed=zero and mark != 0))
    if zero:
        drawing.note(svg, across(0), "no better than the base")
    if base:
        drawing.note(svg, across(base.value), f"{base.name}: {_figures(base)}")
    for number, row in enumerate(rows):
        _row(svg, row, across, _HEAD + number * _ROW)
    return drawing.markup(svg)


def _ends(measure: Measure) -> list[float]:
    return [measure.value, *((measure.interval.low, measure.interval.high) if measure.interval else ())]


def _row(svg: Element, row: Row, across: Callable[[float], float], top: int) -> None:
    measure, middle = row.measure, top + 32
    group = drawing.add(svg, "g", f"row {row.kind}")
    drawing.add(group, "text", "label", x="0", y=top + 17).text = one_line(row.label, _LABEL)
    if measure.interval:
        left, right = across(measure.interval.low), across(measure.interval.high)
        drawing.add(group, "line", "bar", x1=drawing.per(left), x2=drawing.per(right), y1=middle, y2=middle)
        for end in (left, right):
            drawing.vertical(group, "bar", end, middle - 6, middle + 6)
    drawing.add(group, "text", "figures", x="100%", y=top + 17).text = _figures(measure)
    _mark(group, row.kind, across(measure.value), middle)


def _figures(measure: Measure) -> str:
    """Value and interval, without the unit, which the caption says."""
    signed = figures.is_difference(measure)
    written = figures.figure(measure.value, measure.unit, signed=signed)
    if measure.interval is None:
        return written
    return f"{written} ({figures.interval_text(measure.interval, measure.unit, signed=signed)})"


def _mark(group: Element, kind: str, at: float, middle: int) -> None:
    """A mark of its own shape for every outcome: disc, cross, ring; a bar for the base."""
    if kind == "rejected":
        # Nested, so that a cross can be drawn in pixels around a position in per cent.
        cross = drawing.add(group, "svg", "cross", x=drawing.per(at), y=middle, overflow="visible")
        drawing.add(cross, "path", "mark", d="M-6 -6L6 6M-6 6L6 -6")
    elif kind == "base":
        drawing.vertical(group, "mark", at, middle - 8, middle + 8)
    else:
        drawing.add(group, "circle", "mark", cx=drawing.per(at), cy=middle, r=6)


# Over time ---------------------------------------------------------------------------------------------------------


def over_time(
    points: Points, *, title: str, budget_seconds: float, limit: float | None, axis: Callable[[float], "Axis"]
) -> Markup:
    """What was used, against the time that was allowed: the part of the budget that was not used stays hatched.

    `points` are `(seconds, amount)`. `limit` is drawn if the amount came near it.
    """
    ended = points[-1][0]
    width = max(budget_seconds, ended)
    peak = max(amount for _, amount in points)
    scale = limit_axis(limit, peak) if limit is not None and peak > 0.3 * limit else axis(peak)
    height, top = 110, 22
    svg = drawing.svg(top + height + _FOOT, title)
    _unused(svg, ended / width, top, height)
    # A drawing of its own, stretched over the plot: lines need coordinates without a unit.
    inner = drawing.add(svg, "svg", "", x="0", y=top, width="100%", height=height, viewBox="0 0 1000 1000")
    inner.set("preserveAspectRatio", "none")
    line = [(1000 * t / width, 1000 - 1000 * amount / scale.top) for t, amount in _thinned(points)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in line)
    drawing.add(inner, "path", "area", d=f"M{line[0][0]:.1f} 1000L{path}L{line[-1][0]:.1f} 1000Z")
    drawing.add(inner, "path", "line", d=f"M{path}")
    for amount, written in scale.marks:
        at = top + height - height * amount / scale.top
        drawing.add(svg, "line", "grid", x1="0%", x2="100%", y1=f"{at:.1f}", y2=f"{at:.1f}")
        drawing.add(svg, "text", "tick end", x="100%", y=f"{at - 4:.1f}").text = written
    for mark in time_ticks(width):
        at = 100 * mark / width
        side = "start" if at < 8 else "end" if at > 92 else "middle"  # inwards at the edges, so that nothing is cut
        drawing.text(svg, f"tick {side}", at, top + height + 17, figures.duration(mark))
    return drawing.markup(svg)


def _unused(svg: Element, used: float, top: int, height: int) -> None:
    if used > 0.995:
        return
    left = 100 * used
    drawing.add(svg, "rect", "unused", x=drawing.per(left), width=drawing.per(100 - left), y=top, height=height)
    drawing.vertical(svg, "ended", left, top, top + height)
    if used < 0.7:
        drawing.text(svg, "note middle", (left + 100) / 2, top + height - 8, "time not used")


@dataclass(frozen=True)
class Axis:
    """The upper end of an axis from 0 and its marks, as amounts and as they are written."""

    top: float
    marks: tuple[tuple[float, str], ...]


def byte_axis(peak: float) -> Axis:
    """Marks at round numbers of the unit that `peak` is written in."""
    number, name = figures.in_unit(peak)
    factor = peak / number if number else 1.0
    marks = nice_ticks(0, max(number, 1), 3)
    return Axis(marks[-1] * factor, tuple((m * factor, f"{m:g} {name}") for m in marks[1:]))


def limit_axis(limit: float, peak: float) -> Axis:
    """An axis up to a limit in bytes, or further if it was exceeded."""
    return Axis(max(limit, peak), ((limit / 2, figures.size(limit / 2)), (limit, f"limit {figures.size(limit)}")))


def processor_axis(peak: float) -> Axis:
    marks = nice_ticks(0, max(peak, 1), 3)
    return Axis(marks[-1], tuple((m, f"{m:g}") for m in marks[1:]))


def nice_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers that begin at or below `low` and end at or above `high`, about `most` of them."""
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    step = 10 ** math.floor(math.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if (high - low) / (step * factor) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def time_ticks(seconds: float) -> list[float]:
    """Round times from 0 to at most `seconds`, at most five."""
    step: float = next((s for s in _TIME_STEPS if seconds / s <= 4), 86400 * math.ceil(seconds / (4 * 86400)))
    return [k * step for k in range(int(seconds / step) + 1)]


def _thinned(points: Points) -> list[tuple[float, float]]:
    """At most about `_PIECES` points; of those that fall together the highest is kept."""
    step = -(-len(points) // _PIECES)
    return (
        [max(points[i : i + step], key=lambda p: p[1]) for i in range(0, len(points), step)] if step > 1 else [*points]
    )


# Lines -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of a plot: `points` are (x, y) with x ascending; `kind` is a class that gives it colour and dashes."""

    label: str
    points: Points
    kind: str


def lines(series: Sequence[Line], *, title: str, x: str, y: str, log_x: bool = False, height: int = 260) -> Markup:
    """Lines over one another, each with its name where it ends. `x` and `y` say what the axes are, with units."""
    xs = [px for line in series for px, _ in line.points]
    ys = [py for line in series for _, py in line.points]
    if log_x and min(xs) <= 0:
        raise ValueError("a logarithmic axis has no place for 0")
    place: Callable[[float], float] = math.log10 if log_x else float
    x_marks = _decades(min(xs), max(xs)) if log_x else nice_ticks(min(xs), max(xs), 5)
    y_marks = nice_ticks(min(ys), max(ys), 4)
    low, high = min(place(min(xs)), place(x_marks[0])), max(place(max(xs)), place(x_marks[-1]))
    top, right = 26, 26.0  # pixels above; per cent on the right, for the names

    def across(value: float) -> float:
        return 7 + (100 - 7 - right) * (place(value) - low) / (high - low)

    def down(value: float) -> float:
        return top + height - height * (value - y_marks[0]) / (y_marks[-1] - y_marks[0])

    svg = drawing.svg(top + height + 44, title)
    drawing.text(svg, "tick start", 0, 13, y)
    for mark in y_marks:
        drawing.add(svg, "line", "grid", x1="7%", x2=drawing.per(100 - right), y1=down(mark), y2=down(mark))
        drawing.text(svg, "tick end", 6, down(mark) + 4, f"{mark:g}")
    for mark in x_marks:
        drawing.vertical(svg, "grid", across(mark), top, top + height)
        drawing.text(svg, "tick middle", across(mark), top + height + 17, figures.short(mark))
    drawing.text(svg, "tick middle", (7 + 100 - right) / 2, top + height + 36, x)
    # A drawing of its own, stretched over the plot: lines need coordinates without a unit.
    inner = drawing.add(
        svg, "svg", "", x="0", y=0, width="100%", height=top + height, viewBox=f"0 0 1000 {top + height}"
    )
    inner.set("preserveAspectRatio", "none")
    for line in series:
        path = "L".join(f"{10 * across(px):.1f} {down(py):.1f}" for px, py in line.points)
        drawing.add(inner, "path", f"line {line.kind}", d=f"M{path}")
    for line, at in zip(series, _apart([down(line.points[-1][1]) for line in series], 15, top + height), strict=True):
        drawing.text(svg, f"tick start name {line.kind}", across(line.points[-1][0]) + 1, at + 4, line.label)
    return drawing.markup(svg)


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten from the last one below `low` to the first above `high`."""
    return [10.0**k for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def _apart(wanted: Sequence[float], least: float, bottom: float) -> list[float]:
    """Heights near the wanted ones, at least `least` apart and none below `bottom`, so that names do not overlap."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    found = list(wanted)
    for before, after in itertools.pairwise(order):
        found[after] = max(found[after], found[before] + least)
    limit = bottom
    for number in reversed(order):
        found[number] = min(found[number], limit)
        limit = found[number] - least
    return found
