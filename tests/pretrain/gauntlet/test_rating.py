"""The ratings are Plackett-Luce's, as Weng and Lin (2011) define them, written down here a second time."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.pretrain.gauntlet.rating import rate
from assay.pretrain.gauntlet.standings import MU, SIGMA

BETA, TAU = 7.0, 0.1


def by_hand(ratings: list[tuple[float, float]], scores: list[float]) -> list[tuple[float, float]]:
    """Algorithm 4 of Weng and Lin with gamma = sigma / c, for teams of one and no ties."""
    variance = [sigma**2 + TAU**2 for _, sigma in ratings]
    c = math.sqrt(sum(v + BETA**2 for v in variance))
    rank = [sum(other > score for other in scores) for score in scores]
    strength = [math.exp(mu / c) for mu, _ in ratings]
    behind = [sum(strength[s] for s in range(len(rank)) if rank[s] >= rank[q]) for q in range(len(rank))]
    new = []
    for i, (mu, _) in enumerate(ratings):
        omega = delta = 0.0
        for q in range(len(rank)):
            if rank[q] <= rank[i]:
                p = strength[i] / behind[q]
                omega += (1 - p) if q == i else -p
                delta += p * (1 - p)
        omega *= variance[i] / c
        delta *= variance[i] / c**2 * math.sqrt(variance[i]) / c
        new.append((mu + omega, math.sqrt(variance[i]) * math.sqrt(max(1 - delta, 1e-4))))
    return new


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(5, 45), st.floats(1, 9)), min_size=2, max_size=20),
    st.randoms(use_true_random=False),
)
def test_ratings_follow_the_paper(ratings: list[tuple[float, float]], random: object) -> None:
    scores = [float(n) for n in range(len(ratings))]
    random.shuffle(scores)  # type: ignore[attr-defined]
    found = rate(dict(enumerate(ratings)), dict(enumerate(scores)), beta=BETA, tau=TAU)
    for uid, (mu, sigma) in enumerate(by_hand(ratings, scores)):
        assert found[uid] == (pytest.approx(mu, abs=2e-6), pytest.approx(sigma, abs=2e-6))


def test_the_first_match_of_three_is_pinned() -> None:
    found = rate(dict.fromkeys(range(3), (MU, SIGMA)), {0: 0.3, 1: 0.2, 2: 0.1}, beta=BETA, tau=TAU)
    mus = [mu for mu, _ in found.values()]
    assert mus[0] > mus[1] > mus[2]
    assert sum(mus) == pytest.approx(3 * MU, abs=1e-5)
    assert found[0][1] < SIGMA


def test_whoever_is_missing_loses_to_everyone() -> None:
    found = rate(dict.fromkeys(range(3), (MU, SIGMA)), {0: -0.5, 1: -99.0, 2: 0.1}, beta=BETA, tau=TAU)
    assert found[1][0] < found[0][0] < found[2][0]


def test_alone_there_is_no_match() -> None:
    assert rate({4: (30.0, 2.0)}, {4: 1.0}, beta=BETA, tau=TAU) == {4: (30.0, 2.0)}


def test_the_order_of_uids_does_not_matter() -> None:
    ratings = {uid: (MU + uid, SIGMA) for uid in range(6)}
    scores = {uid: float(uid % 4) for uid in range(6)}
    turned = {uid: scores[uid] for uid in reversed(range(6))}
    assert rate(ratings, scores, beta=BETA, tau=TAU) == rate(ratings, turned, beta=BETA, tau=TAU)
