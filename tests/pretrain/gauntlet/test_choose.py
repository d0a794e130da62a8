"""Who is evaluated and re-executed: everyone in time, nobody safe, the same for all who compute it."""

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.pretrain.gauntlet import Standing, Standings, choose
from assay.pretrain.recipe import Recipe

from .rounds import beacon, recipe


def standings(now: int, peers: Mapping[int, dict[str, Any]]) -> Standings:
    known = tuple(Standing(**{"uid": uid, "joined": 0} | peers[uid]) for uid in sorted(peers))
    return Standings(round=now - 1, peers=known)


def drawn_over(settings_: Recipe, joined: dict[int, int], rounds: int, seed: int) -> list[list[int]]:
    """Who is re-executed in each round, if everyone always delivers and is always cleared."""
    checked: dict[int, int] = {}
    history = []
    for now in range(rounds):
        active = [uid for uid, at in joined.items() if at <= now]
        before = standings(
            now, {uid: {"joined": joined[uid], "last_reexecuted": checked.get(uid, -1)} for uid in active}
        )
        drawn = choose.reexecuted(settings_, beacon(now, seed), now, active, before)
        checked |= dict.fromkeys(drawn, now)
        history.append(drawn)
    return history


@settings(max_examples=60, deadline=None)
@given(peers=st.integers(1, 40), places=st.integers(1, 6), seed=st.integers(0, 2**32))
def test_everyone_is_reexecuted_within_the_interval_again_and_again(peers: int, places: int, seed: int) -> None:
    wanted = recipe(reexecutions=places)
    interval = choose.reexecution_interval(wanted, peers)
    history = drawn_over(wanted, dict.fromkeys(range(peers), 0), 3 * interval, seed)
    for start in range(len(history) - interval + 1):
        seen = {uid for drawn in history[start : start + interval] for uid in drawn}
        assert seen == set(range(peers))
    assert max(len(drawn) for drawn in history) <= places + 1


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.integers(0, 60), st.integers(0, 12), min_size=1, max_size=24), st.integers(0, 2**32))
def test_whoever_joins_late_is_reexecuted_within_the_interval_too(joined: dict[int, int], seed: int) -> None:
    wanted = recipe(reexecutions=2)
    longest = choose.reexecution_interval(wanted, len(joined))
    history = drawn_over(wanted, joined, 13 + longest, seed)
    for uid, start in joined.items():
        assert any(uid in drawn for drawn in history[start : start + longest])


def test_whoever_was_checked_yesterday_may_be_checked_today() -> None:
    history = drawn_over(recipe(reexecutions=2), dict.fromkeys(range(8), 0), 300, 7)
    again = Counter(uid for a, b in itertools.pairwise(history) for uid in set(a) & set(b))
    assert set(again) == set(range(8))  # for each peer there were rounds in which cheating right after a check fails
    gaps = Counter()
    for uid in range(8):
        rounds = [r for r, drawn in enumerate(history) if uid in drawn]
        gaps.update(b - a for a, b in itertools.pairwise(rounds))
    assert max(gaps) <= 5
    assert gaps[1] / sum(gaps.values()) > 0.15  # a place by lottery of 8: no gap is safe


def test_the_least_useful_and_the_most_alike_are_checked_sooner() -> None:
    counts = Counter()
    for seed in range(400):
        peers = {
            uid: {"last_reexecuted": 9, "margin": -0.1 * (uid == 3), "likeness": 0.2 * (uid == 5)} for uid in range(8)
        }
        counts.update(choose.reexecuted(recipe(reexecutions=2), beacon(0, seed), 10, range(8), standings(10, peers)))
    assert min(counts[3], counts[5]) > 1.4 * max(n for uid, n in counts.items() if uid not in (3, 5))


def test_suspects_are_checked_at_once_and_a_swarm_of_them_protects_nobody() -> None:
    peers = {uid: {"last_reexecuted": 9, "suspect": uid == 4} for uid in range(8)}
    for seed in range(20):
        assert 4 in choose.reexecuted(recipe(), beacon(0, seed), 10, range(8), standings(10, peers))
    swarm = {uid: {"last_reexecuted": 1 if uid == 0 else 9, "suspect": uid > 2} for uid in range(20)}
    drawn = choose.reexecuted(recipe(), beacon(0), 13, range(20), standings(13, swarm))
    assert 0 in drawn and len(drawn) <= 2 * 3


def test_without_reexecutions_nobody_is_drawn() -> None:
    assert choose.reexecuted(recipe(reexecutions=0), beacon(0), 0, range(8), Standings()) == []


def test_the_draw_depends_on_the_beacon_and_on_nothing_else() -> None:
    draws = [choose.reexecuted(recipe(), beacon(0, seed), 0, range(12), Standings()) for seed in range(50)]
    again = [choose.reexecuted(recipe(), beacon(0, seed), 0, reversed(range(12)), Standings()) for seed in range(50)]
    assert draws == again
    assert len({tuple(draw) for draw in draws}) > 25


def test_twenty_are_evaluated_and_nobody_waits_for_ever() -> None:
    before, waits = Standings(), Counter(dict.fromkeys(range(60), 0))
    for now in range(60):
        drawn = choose.evaluated(recipe(), beacon(now), now, range(60), before)
        assert len(drawn) == 20 == len(set(drawn))
        last = {peer.uid: peer.last_evaluated for peer in before.peers} | dict.fromkeys(drawn, now)
        peers = tuple(Standing(uid=uid, joined=0, last_evaluated=last.get(uid, -1)) for uid in range(60))
        before = Standings(round=now, peers=peers)
        waits.update({uid: now - seen for uid, seen in last.items() if uid not in drawn})
    assert all(peer.last_evaluated > 60 - 15 for peer in before.peers)


def test_fewer_than_the_limit_are_all_evaluated_but_not_the_banned_and_expelled() -> None:
    peers = (Standing(uid=0, joined=0, banned_until=7), Standing(uid=1, joined=0, expelled=True))
    before = Standings(round=4, peers=peers)
    assert choose.evaluated(recipe(), beacon(5), 5, [0, 1, 2, 3], before) == [2, 3]
    assert choose.evaluated(recipe(), beacon(7), 7, [0, 1, 2, 3], before) == [0, 2, 3]


@settings(max_examples=30, deadline=None)
@given(peers=st.integers(1, 40), share=st.sampled_from([0.1, 0.3, 0.5, 0.75, 1.0]), seed=st.integers(0, 2**32))
def test_a_share_of_the_peers_is_reexecuted_and_everyone_within_the_interval(
    peers: int, share: float, seed: int
) -> None:
    wanted = recipe(reexecutions=1, reexecution_share=share)
    interval = choose.reexecution_interval(wanted, peers)
    history = drawn_over(wanted, dict.fromkeys(range(peers), 0), 2 * interval, seed)
    assert {len(drawn) for drawn in history} == {min(peers, max(2, -int(-share * peers // 1)))}
    for start in range(len(history) - interval + 1):
        assert {uid for drawn in history[start : start + interval] for uid in drawn} == set(range(peers))


def test_with_a_share_of_one_everyone_is_reexecuted_in_every_round_suspects_or_not() -> None:
    wanted = recipe(reexecutions=1, reexecution_share=1.0)
    for suspects in ((), (2,), range(5), range(20)):
        peers = {uid: {"last_reexecuted": 9, "suspect": uid in suspects} for uid in range(20)}
        drawn = choose.reexecuted(wanted, beacon(0), 10, range(20), standings(10, peers))
        assert drawn == list(range(20))
