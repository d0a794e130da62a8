"""From scores to shares of the reward."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pretrain.chain.protocol import SCALE
from assay.pretrain.gauntlet.weights import share_out

from .rounds import recipe

SETTINGS = recipe().gauntlet
POWER = recipe(weights="power").gauntlet


def test_the_ramp_falls_from_two_to_one_over_the_contributors() -> None:
    units = share_out({uid: float(100 - uid) for uid in range(20)}, SETTINGS)
    assert units[0] == pytest.approx(2 * units[19], abs=2)
    steps = [units[uid] - units[uid + 1] for uid in range(19)]
    assert max(steps) - min(steps) <= 2
    assert sum(units.values()) == pytest.approx(SCALE, abs=20)


def test_the_reserve_shares_a_quarter_that_halves_and_stays_below_the_contributors() -> None:
    units = share_out({uid: float(100 - uid) for uid in range(40)}, SETTINGS)
    assert len(units) == 30
    assert sum(units[uid] for uid in range(20)) == pytest.approx(0.75 * SCALE, abs=20)
    assert units[20] == units[19]  # capped
    assert units[25] == pytest.approx(2 * units[26], abs=2)


def test_the_power_law_is_the_papers() -> None:
    assert share_out({0: 1.0, 1: 2.0, 2: 0.0}, POWER) == {0: SCALE // 5, 1: 4 * SCALE // 5}


def test_splitting_one_peer_into_weaker_ones_does_not_pay_under_the_power_law() -> None:
    whole = share_out({0: 10.0, 1: 10.0}, POWER)[0]
    halves = share_out({0: 5.0, 1: 10.0, 2: 5.0}, POWER)
    assert halves[0] + halves[2] < whole


@given(st.dictionaries(st.integers(0, 300), st.floats(-10, 100), max_size=60), st.sampled_from([SETTINGS, POWER]))
def test_no_more_than_the_reward_is_given_and_nothing_for_nothing(scores: dict[int, float], settings: object) -> None:
    units = share_out(scores, settings)  # type: ignore[arg-type]
    assert sum(units.values()) <= SCALE
    assert all(scores[uid] > 0 for uid in units)
    ranked = sorted(units, key=lambda uid: (-scores[uid], uid))
    assert [units[uid] for uid in ranked] == sorted(units.values(), reverse=True)
