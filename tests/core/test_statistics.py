"""Intervals: they cover what they claim, and items of one group are not counted as independent."""

import numpy as np
import pytest

from assay.core.statistics import mean_interval


def test_the_interval_holds_the_mean_and_is_the_same_each_time() -> None:
    values, groups = [0.0, 1.0] * 20, [str(i) for i in range(40)]
    first = mean_interval(values, groups, bounds=(0, 1), seed=1)
    assert first.low < 0.5 < first.high
    assert first == mean_interval(values, groups, bounds=(0, 1), seed=1)
    assert first != mean_interval(values, groups, bounds=(0, 1), seed=2)


def test_items_of_one_group_make_the_interval_wider() -> None:
    generator = np.random.default_rng(0)
    per_group = generator.integers(0, 2, size=25).repeat(4).astype(float).tolist()
    grouped = mean_interval(per_group, [str(i // 4) for i in range(100)], bounds=(0, 1), seed=1)
    alone = mean_interval(per_group, [str(i) for i in range(100)], bounds=(0, 1), seed=1)
    assert (grouped.high - grouped.low) > 1.6 * (alone.high - alone.low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(7)
    hits = 0
    for _ in range(300):
        values = (generator.random(100) < 0.3).astype(float).tolist()
        interval = mean_interval(values, [str(i) for i in range(100)], bounds=(0, 1), seed=3)
        hits += interval.low <= 0.3 <= interval.high
    assert 0.90 <= hits / 300 <= 0.99


def test_one_group_says_that_it_cannot_tell() -> None:
    interval = mean_interval([0.0, 1.0, 1.0], ["a"] * 3, bounds=(0, 1), seed=1)
    assert (interval.low, interval.high) == (0.0, 1.0) and "single group" in interval.method


def test_equal_values_do_not_make_certainty() -> None:
    none_right = mean_interval([0.0] * 10, [str(i) for i in range(10)], bounds=(0, 1), seed=1)
    assert none_right.low == 0 and none_right.high == pytest.approx(0.3085, abs=1e-4)  # Clopper-Pearson, 0 of 10
    no_difference = mean_interval([0.0] * 10, [str(i) for i in range(10)], bounds=(-1, 1), seed=1)
    assert no_difference.low < 0 < no_difference.high


def test_no_values_are_an_error() -> None:
    with pytest.raises(ValueError):
        mean_interval([], [], bounds=(0, 1), seed=1)
