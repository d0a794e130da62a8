"""How figures are written: measures, intervals, durations and sizes, the same on a page and in a terminal."""

from collections.abc import Iterable

from assay.core.budget import Spent
from assay.core.plain import one_line
from assay.core.task import Run
from assay.core.verdict import Interval, Measure

_ONE_DECIMAL = ("%", "points")
_LARGE = 1e6  # beyond it digits are no longer read, and a float may have three hundred


def figure(value: float, unit: str, *, signed: bool = False) -> str:
    """A number as it is printed with `unit`, without the unit."""
    sign = "+" if signed else ""
    short = unit in _ONE_DECIMAL and abs(value) < _LARGE
    return format(value, f"{sign}.1f" if short else f"{sign}.4g")


def score(value: float) -> str:
    """How strong a piece of evidence is: a similarity, a cosine."""
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def is_difference(measure: Measure) -> bool:
    """Whether the sign of a measure is the point of it."""
    return measure.unit == "points"


def value_text(measure: Measure) -> str:
    return with_unit(figure(measure.value, measure.unit, signed=is_difference(measure)), measure.unit)


def interval_text(interval: Interval, unit: str, *, signed: bool = False) -> str:
    return f"{figure(interval.low, unit, signed=signed)} to {figure(interval.high, unit, signed=signed)}"


def level_text(interval: Interval) -> str:
    """`95 %`."""
    return f"{100 * interval.level:.4g} %"


def with_unit(number: str, unit: str) -> str:
    return f"{number} {one_line(unit, 20)}" if unit else number


def duration(seconds: float) -> str:
    """`7:12` or `1:02:03`; hours may have any number of digits."""
    if not 0 <= seconds < 1e9:
        return f"{seconds:.4g} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """Bytes in the largest fitting unit of 1024: `3.1 GiB`."""
    number, name = in_unit(count)
    return f"{number:.0f} {name}" if name == "B" else f"{number:.1f} {name}"


def in_unit(count: float) -> tuple[float, str]:
    for name in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return count, name
        count /= 1024
    return count, "TiB"


def share(part: float, whole: float) -> str:
    """`31 %` of a whole that may be 0."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 entry`, `3 entries`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def budget_rows(run: Run) -> Iterable[tuple[str, str, str, str]]:
    """What was used of each limit that was set or measured: name, used, allowed, share."""
    spent, budget = run.spent or Spent(wall_seconds=0), run.budget
    clock, amount = duration, size
    for name, used, limit, write_ in (
        ("wall clock", spent.wall_seconds if run.spent else None, budget.wall_seconds, clock),
        ("processor time", spent.cpu_seconds, None, clock),
        ("memory, peak", spent.peak_memory_bytes, budget.memory_bytes, amount),
        ("disk", spent.disk_bytes, budget.disk_bytes, amount),
        ("tokens", spent.tokens, budget.tokens, lambda n: f"{n:,.0f}"),
        ("money", spent.dollars, budget.dollars, lambda d: f"{d:,.2f} US$"),
    ):
        if used is None and (limit is None or not run.spent):
            continue
        both = used is not None and limit is not None
        yield (
            name,
            "not measured" if used is None else write_(used),
            "no limit" if limit is None else write_(limit),
            share(used or 0, limit or 0) if both else "-",
        )


def short(number: float) -> str:
    """A round number in few characters: `250 k`, `3 M`, `0.5`."""
    for factor, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= factor:
            return f"{number / factor:.4g} {name}"
    return f"{number:.4g}"
