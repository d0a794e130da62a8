"""Plots as inline SVG, made for one page: no script, no image, no font of their own.

Positions across are percentages and heights are pixels, so a plot fills a phone or a printed page and its text keeps
its size. Colours come from classes in the page's style sheet. Every element is built, never pasted together.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from markupsafe import Markup

from assay.core.plain import one_line
from assay.core.verdict import Measure
from assay.web import figures

LARGEST = 1e12  # a figure beyond it cannot be drawn beside others
_PAD = 3.0  # per cent left free on each side, so that a mark at the end is whole
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
    across = _scale(marks[0], marks[-1])
    bottom = _HEAD + _ROW * len(rows)
    svg = _svg(bottom + _FOOT, title)
    for number in range(len(rows)):  # behind each bar, but not behind the text above it
        top, end = _HEAD + number * _ROW + _TEXT, _HEAD + (number + 1) * _ROW
        if base and base.interval:
            left, right = across(base.interval.low), across(base.interval.high)
            _add(svg, "rect", "band", x=_per(left), width=_per(right - left), y=top, height=end - top)
        for mark in marks:
            _vertical(svg, "grid", across(mark), top, end)
        if zero:
            _vertical(svg, "zero", across(0), top, end)
        if base:
            _vertical(svg, "baseline", across(base.value), top, end)
    for mark in marks:
        _text(svg, "tick middle", across(mark), bottom + 17, figures.figure(mark, "", signed=zero and mark != 0))
    if zero:
        _note(svg, across(0), "no better than the base")
    if base:
        _note(svg, across(base.value), f"{base.name}: {_figures(base)}")
    for number, row in enumerate(rows):
        _row(svg, row, across, _HEAD + number * _ROW)
    return _markup(svg)


def _ends(measure: Measure) -> list[float]:
    return [measure.value, *((measure.interval.low, measure.interval.high) if measure.interval else ())]


def _row(svg: ElementTree.Element, row: Row, across: Callable[[float], float], top: int) -> None:
    measure, middle = row.measure, top + 32
    group = _add(svg, "g", f"row {row.kind}")
    _add(group, "text", "label", x="0", y=top + 17).text = one_line(row.label, _LABEL)
    if measure.interval:
        left, right = across(measure.interval.low), across(measure.interval.high)
        _add(group, "line", "bar", x1=_per(left), x2=_per(right), y1=middle, y2=middle)
        for end in (left, right):
            _vertical(group, "bar", end, middle - 6, middle + 6)
    _add(group, "text", "figures", x="100%", y=top + 17).text = _figures(measure)
    _mark(group, row.kind, across(measure.value), middle)


def _figures(measure: Measure) -> str:
    """Value and interval, without the unit, which the caption says."""
    signed = figures.is_difference(measure)
    written = figures.figure(measure.value, measure.unit, signed=signed)
    if measure.interval is None:
        return written
    return f"{written} ({figures.interval_text(measure.interval, measure.unit, signed=signed)})"


def _mark(group: ElementTree.Element, kind: str, at: float, middle: int) -> None:
    """A mark of its own shape for every outcome: disc, cross, ring; a bar for the base."""
    if kind == "rejected":
        # Nested, so that a cross can be drawn in pixels around a position in per cent.
        cross = _add(group, "svg", "cross", x=_per(at), y=middle, overflow="visible")
        _add(cross, "path", "mark", d="M-6 -6L6 6M-6 6L6 -6")
    elif kind == "base":
        _vertical(group, "mark", at, middle - 8, middle + 8)
    else:
        _add(group, "circle", "mark", cx=_per(at), cy=middle, r=6)


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
    svg = _svg(top + height + _FOOT, title)
    _unused(svg, ended / width, top, height)
    # A drawing of its own, stretched over the plot: lines need coordinates without a unit.
    inner = _add(svg, "svg", "", x="0", y=top, width="100%", height=height, viewBox="0 0 1000 1000")
    inner.set("preserveAspectRatio", "none")
    line = [(1000 * t / width, 1000 - 1000 * amount / scale.top) for t, amount in _thinned(points)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in line)
    _add(inner, "path", "area", d=f"M{line[0][0]:.1f} 1000L{path}L{line[-1][0]:.1f} 1000Z")
    _add(inner, "path", "line", d=f"M{path}")
    for amount, written in scale.marks:
        at = top + height - height * amount / scale.top
        _add(svg, "line", "grid", x1="0%", x2="100%", y1=f"{at:.1f}", y2=f"{at:.1f}")
        _add(svg, "text", "tick end", x="100%", y=f"{at - 4:.1f}").text = written
    for mark in time_ticks(width):
        at = 100 * mark / width
        side = "start" if at < 8 else "end" if at > 92 else "middle"  # inwards at the edges, so that nothing is cut
        _text(svg, f"tick {side}", at, top + height + 17, figures.duration(mark))
    return _markup(svg)


def _unused(svg: ElementTree.Element, used: float, top: int, height: int) -> None:
    if used > 0.995:
        return
    left = 100 * used
    _add(svg, "rect", "unused", x=_per(left), width=_per(100 - left), y=top, height=height)
    _vertical(svg, "ended", left, top, top + height)
    if used < 0.7:
        _text(svg, "note middle", (left + 100) / 2, top + height - 8, "time not used")


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


def _text(svg: ElementTree.Element, kind: str, at: float, y: float, text: str) -> None:
    _add(svg, "text", kind, x=_per(at), y=y).text = one_line(text, 60)


def _note(svg: ElementTree.Element, at: float, text: str) -> None:
    """What a line across all rows means, above it; it grows towards the middle, so that it is never cut."""
    _text(svg, "note start" if at < 50 else "note end", at, 16, text)


def _scale(low: float, high: float) -> Callable[[float], float]:
    """From a value to its position across, in per cent."""
    return lambda value: _PAD + (100 - 2 * _PAD) * (value - low) / (high - low)


def _per(number: float) -> str:
    return f"{number:.2f}%"


def _markup(svg: ElementTree.Element) -> Markup:
    return Markup(ElementTree.tostring(svg, encoding="unicode"))  # noqa: S704 - serialised, so all text is escaped
