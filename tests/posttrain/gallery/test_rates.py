"""The intervals are the exact ones, and the summary counts what it says."""

import math
from typing import Any

import pytest

from assay.core.verdict import Finding, Severity
from assay.posttrain.gallery.judging import Judgement
from assay.posttrain.gallery.rates import Rate, clopper_pearson, summarise
from assay.posttrain.gallery.specimen import Specimen


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # From the closed forms for 0 and n, and from tables of the beta distribution.
    [
        (0, 30, 0.0, 1 - 0.025 ** (1 / 30)),
        (30, 30, 0.025 ** (1 / 30), 1.0),
        (5, 10, 0.1870861, 0.8129139),
        (1, 20, 0.0012651, 0.2487328),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_clopper_pearsons(hits: int, n: int, low: float, high: float) -> None:
    assert clopper_pearson(hits, n) == pytest.approx((low, high), abs=1e-6)


def test_the_interval_covers_at_least_as_often_as_it_says() -> None:
    n, p = 25, 0.13
    chance = sum(
        math.comb(n, k) * p**k * (1 - p) ** (n - k)
        for k in range(n + 1)
        if clopper_pearson(k, n)[0] <= p <= clopper_pearson(k, n)[1]
    )
    assert 0.95 <= chance < 1


@pytest.mark.parametrize(("hits", "n"), [(-1, 3), (4, 3)])
def test_an_impossible_count_is_refused(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="no count"):
        clopper_pearson(hits, n)


def judgement(name: str, rogue: bool, rule: str | None, *found: tuple[str, Severity], refused: str = "") -> Judgement:
    def build(*_: Any) -> None:
        return None

    out_of_reach = "because" if rogue and rule is None else None
    specimen = Specimen(name, rogue, "kind", "what", build, rule, out_of_reach)
    findings = tuple(Finding(rule=r, severity=s, message="m") for r, s in found)
    return Judgement(specimen, findings, refused or None)


def test_the_summary_counts_each_specimen_where_it_belongs() -> None:
    against, doubt, note = Severity.VIOLATION, Severity.UNDECIDED, Severity.NOTE
    summary = summarise(
        [
            judgement("a", True, "x", ("x", against)),
            judgement("b", True, "x", ("y", against)),  # caught, but not by its own rule
            judgement("c", True, "x", ("x", doubt)),
            judgement("d", True, None),
            judgement("e", True, "intake", refused="no"),
            judgement("f", False, None, ("x", note)),
            judgement("g", False, None, ("y", against)),
            judgement("h", False, None, ("x", doubt)),
        ]
    )
    assert summary.found["x"] == Rate(2, 3) and summary.found["intake"] == Rate(1, 1)
    assert summary.false_rejections["y"] == Rate(1, 3) and summary.false_rejections["x"] == Rate(0, 3)
    assert summary.false_doubts["x"] == Rate(1, 3)
    assert summary.rogues_stopped == Rate(4, 5) and summary.rogues_rejected == Rate(3, 5)
    assert summary.out_of_reach == 1
    assert summary.honest_rejected == Rate(1, 3) and summary.honest_undecided == Rate(1, 3)
    assert [j.specimen.name for j in summary.missed] == ["b"]
    assert [j.specimen.name for j in summary.wronged] == ["g", "h"]
