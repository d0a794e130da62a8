"""Lines over one another: inside the plot, named where they end, and the names do not cover one another."""

import itertools
import re
from xml.etree import ElementTree

import pytest

from assay.web.plots import Line, lines

FALLING = [(1.0, 5.0), (10.0, 4.0), (100.0, 3.0)]


def drawn(*series: Line, **settings: bool) -> ElementTree.Element:
    return ElementTree.fromstring(str(lines(series, title="loss", x="tokens", y="nats", **settings)))  # type: ignore[arg-type]


def points(path: str) -> list[tuple[float, float]]:
    found = [re.split("[ML ]", piece) for piece in re.findall(r"[ML][-\d. ]+", path)]
    return [(float(x), float(y)) for _, x, y in found]


@pytest.mark.parametrize("log_x", [False, True])
def test_a_line_falls_to_the_right_and_stays_inside(log_x: bool) -> None:
    svg = drawn(Line("a", FALLING, "one"), log_x=log_x)
    (path,) = [e.get("d", "") for e in svg.iter("path")]
    found = points(path)
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    assert [y for _, y in found] == sorted(y for _, y in found)  # down the page is down the axis
    assert all(0 <= x <= 1000 and 0 <= y <= float(svg.get("height", "0")) for x, y in found)


def test_names_of_lines_that_end_together_stand_apart() -> None:
    svg = drawn(*(Line(f"line {n}", [(1.0, 2.0), (2.0, 1.0 + n / 1000)], "one") for n in range(3)))
    heights = sorted(float(e.get("y", "0")) for e in svg.iter("text") if (e.text or "").startswith("line"))
    assert len(heights) == 3 and min(b - a for a, b in itertools.pairwise(heights)) >= 14.9


def test_a_logarithmic_axis_has_no_place_for_zero() -> None:
    with pytest.raises(ValueError, match="no place for 0"):
        drawn(Line("a", [(0.0, 1.0), (1.0, 2.0)], "one"), log_x=True)


def test_a_name_is_escaped() -> None:
    assert "<script" not in str(lines([Line("<script>", FALLING, "one")], title="t", x="x", y="y"))
