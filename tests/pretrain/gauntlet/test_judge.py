"""The rules of judging, one by one, on made-up evidence."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import BadInput
from assay.pretrain.chain.protocol import SCALE, Mark
from assay.pretrain.gauntlet import (
    Evidence,
    Fault,
    Judgement,
    Likeness,
    Note,
    Overlap,
    PeerEvidence,
    Redone,
    Reexecution,
    Standing,
    Standings,
    judge,
    reexecuted,
    refused,
    sync_score,
)
from assay.pretrain.gauntlet.evidence import MISSING

from .rounds import MATCH, Run, beacon, evidence, faulty, good, losses, mark_reexecuted, object_of, recipe

MISMATCH = Reexecution(outcome=Redone.DONE, round=0, share=0.3, difference=0.1)
EIGHT = dict.fromkeys(range(8), 0)


def once(peers: Evidence, before: Standings | None = None, **gauntlet: object) -> Judgement:
    settings_ = recipe(reexecutions=0, **gauntlet)
    return judge(settings_, before or Standings(round=peers.round - 1), peers, beacon(peers.round))


def notes(judgement: Judgement, uid: int) -> set[Note]:
    return next(set(result.notes) for result in judgement.results if result.uid == uid)


def standing(judgement: Judgement, uid: int) -> Standing:
    return judgement.standings.of(uid, 0)


# An honest run --------------------------------------------------------------------------------------------------------


def test_in_an_honest_run_everyone_is_selected_and_paid() -> None:
    run = Run(recipe(), good, joined=EIGHT).play(30)
    for judgement in run.history:
        assert judgement.selected == list(range(8))
        assert not any(mark.expelled for mark in judgement.marks.values())
        assert sum(mark.weight for mark in judgement.marks.values()) <= SCALE
    for uid in range(8):
        assert run.share_of([uid]) > 0.05


def test_judging_again_gives_the_same() -> None:
    run = Run(recipe(), good, joined=EIGHT).play(6)
    before = run.history[4].standings
    again = judge(run.recipe, before, run.evidences[5], beacon(5))
    assert again == run.history[5]


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(8)), st.integers(0, 1000))
def test_no_uid_is_better_than_another(order: list[int], seed: int) -> None:
    gains = {uid: 0.01 + 0.001 * order[uid] for uid in range(8)}
    straight = once(evidence(0, [good(uid, 0, losses=losses(gains[uid])) for uid in range(8)]))
    best = max(gains, key=lambda uid: gains[uid])
    assert max(straight.marks, key=lambda uid: (straight.marks[uid].weight, gains[uid])) == best


# Faults ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", list(Fault))
def test_whoever_delivers_nothing_valid_is_neither_selected_nor_paid(fault: Fault) -> None:
    before = Run(recipe(reexecutions=0), good, joined=EIGHT).play(12)
    assert before.history[-1].marks[3].weight > 0
    peers = [good(uid, 12, losses=losses()) for uid in range(8) if uid != 3] + [faulty(3, fault)]
    judged = once(evidence(12, peers), before.standings)
    mark = judged.marks[3]
    assert mark == Mark(0)
    assert Note.FAULT in notes(judged, 3)


@pytest.mark.parametrize("fault", [Fault.MALFORMED, Fault.OVERSIZED])
def test_what_cannot_happen_by_accident_expels_the_second_time(fault: Fault) -> None:
    run = Run(recipe(), lambda uid, r: faulty(uid, fault) if uid == 2 and r in (3, 6) else good(uid, r), joined=EIGHT)
    run.play(8)
    assert run.first(2, "expelled") == 6
    assert Note.STRIKE in notes(run.history[3], 2)
    assert run.share_of([2]) <= run.share_of([1])


@pytest.mark.parametrize("fault", sorted(set(Fault) - {Fault.MALFORMED, Fault.OVERSIZED}))
def test_a_slow_or_confused_peer_is_never_expelled(fault: Fault) -> None:
    run = Run(recipe(), lambda uid, r: faulty(uid, fault) if uid == 2 else good(uid, r), joined=EIGHT).play(40)
    assert run.first(2, "expelled") is None
    assert run.first(2, "selected") is None


def test_rounds_missed_cost_a_quarter_a_half_and_then_everything_and_heal() -> None:
    away = {12, 13, 14}
    run = Run(
        recipe(), lambda uid, r: faulty(uid, Fault.ABSENT) if uid == 5 and r in away else good(uid, r), joined=EIGHT
    )
    run.play(20)
    discounts = [judged.standings.of(5, 0).discount for judged in run.history]
    assert discounts[11:19] == [1.0, 0.75, 0.375, 0.0, 0.25, 0.5, 0.75, 1.0]
    assert run.history[17].marks[5].weight > 0


def test_half_of_the_last_eight_missed_bans_for_twenty_rounds() -> None:
    run = Run(
        recipe(),
        lambda uid, r: faulty(uid, Fault.UNAVAILABLE) if uid == 1 and 10 <= r < 14 else good(uid, r),
        joined=EIGHT,
    )
    run.play(40)
    assert Note.BANNED in notes(run.history[13], 1)
    assert [1 in judged.selected for judged in run.history].index(True, 10) == 34
    assert run.first(1, "expelled") is None


def test_a_joiner_that_misses_its_first_rounds_is_not_banned() -> None:
    behave = lambda uid, r: faulty(uid, Fault.ABSENT) if uid == 7 and r < 6 else good(uid, r)  # noqa: E731
    run = Run(recipe(), behave, joined=EIGHT | {7: 2}).play(8)
    assert run.first(7, "selected") == 6
    assert run.history[-1].standings.of(7, 0).banned_until == 0


# Re-execution ---------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    peers=st.integers(3, 24),
    bad=st.sets(st.integers(0, 23), min_size=1, max_size=6),
    n=st.integers(2, 4),
    seed=st.integers(0, 10**6),
)
def test_whoever_does_other_work_is_expelled_in_time_and_nobody_else(
    peers: int, bad: set[int], n: int, seed: int
) -> None:
    wanted = recipe(reexecutions=n)
    cheats = {uid for uid in bad if uid < peers}
    run = Run(
        wanted,
        good,
        lambda uid, r: MISMATCH if uid in cheats else MATCH,
        joined=dict.fromkeys(range(peers), 0),
        seed=seed,
    )
    longest = -(-peers // n) + 1
    run.play(longest)
    for uid in range(peers):
        assert (run.first(uid, "expelled") is not None) == (uid in cheats)
    assert run.share_of(cheats) == 0.0


def test_one_who_cheats_only_now_and_then_is_found_as_well() -> None:
    found = []
    for seed in range(20):
        redo = lambda uid, r: MISMATCH if uid == 0 and r % 2 else MATCH  # noqa: E731
        run = Run(recipe(), good, redo, joined=EIGHT, seed=seed).play(40)
        found.append(run.first(0, "expelled"))
    assert all(round_ is not None for round_ in found)
    assert sorted(found)[10] < 12  # type: ignore[type-var]


def test_in_the_round_in_which_it_is_expelled_a_peer_gets_nothing() -> None:
    run = Run(recipe(), good, lambda uid, r: MISMATCH if uid == 3 and r >= 12 else MATCH, joined=EIGHT).play(18)
    last = run.first(3, "expelled")
    assert last is not None and last >= 12
    assert run.history[11].marks[3].weight > 0
    mark = run.history[last].marks[3]
    assert (mark.weight, mark.selected) == (0, False)


def test_an_expelled_peer_stays_expelled_and_is_never_selected_again() -> None:
    before = Standings(round=3, peers=(Standing(uid=0, joined=0, expelled=True), Standing(uid=1, joined=0)))
    judged = judge(recipe(reexecutions=0), before, evidence(4, [good(0, 4), good(1, 4, losses=losses())]), beacon(4))
    assert judged.marks[0].expelled
    assert judged.selected == [1]


def test_a_state_that_is_not_shown_suspends_until_it_is() -> None:
    late = {}

    def redo(uid: int, round_: int) -> Reexecution:
        if uid == 4 and 4 not in late:
            late[4] = round_
            return refused(round_)
        return MATCH

    run = Run(recipe(), good, redo, joined=EIGHT)
    while 4 not in late:
        run.step()
    now = late[4] + 1
    assert Note.REFUSED in notes(run.history[-1], 4)
    assert not run.history[-1].marks[4].selected and run.history[-1].marks[4].weight == 0
    owed = mark_reexecuted(good(4, now), MATCH, late[4])
    judged = judge(run.recipe, run.standings, evidence(now, [owed]), beacon(now))
    assert judged.standings.of(4, 0).owes is None


def test_a_lost_state_is_forgiven_after_three_reproduced_rounds_and_not_before() -> None:
    refusals = iter([True])
    run = Run(recipe(), good, lambda uid, r: refused(r) if uid == 4 and next(refusals, False) else MATCH, joined=EIGHT)
    run.play(40)
    start = next(r for r, judged in enumerate(run.history) if Note.REFUSED in notes(judged, 4))
    shown = [r for r, judged in enumerate(run.history) if r > start and Note.REPRODUCED in notes(judged, 4)]
    back = next(r for r in range(start, 40) if 4 in run.history[r].selected)
    assert back == shown[2]
    assert [run.history[r].marks[4].weight > 0 for r in shown[:3]] == [False, False, True]
    assert run.first(4, "expelled") is None


def test_whoever_begins_anew_again_and_again_is_neither_aggregated_nor_paid() -> None:
    def behave(uid: int, round_: int) -> PeerEvidence:
        return good(uid, round_, anew=round_ == 0 or (uid == 3 and round_ >= 4) or (uid == 5 and round_ == 6))

    run = Run(recipe(reexecutions=1, reexecution_share=1.0), behave, joined=EIGHT).play(10)
    for round_, judged in enumerate(run.history):
        out = {uid for uid in (3, 5) if (uid == 3 and round_ >= 4) or (uid == 5 and round_ == 6)}
        assert judged.selected == [uid for uid in range(8) if uid not in out]
        assert {uid for uid, mark in judged.marks.items() if mark.weight} == set(judged.selected)
        assert {uid for uid in range(8) if Note.ANEW in notes(judged, uid)} == out
    assert run.first(3, "expelled") is None


def test_a_newcomer_is_aggregated_from_its_first_reproduced_round_on() -> None:
    """Otherwise an expelled peer comes back under another name and has a chance that its first round is not checked."""
    run = Run(recipe(), good, joined={**EIGHT, 8: 10}).play(20)
    first = next(r for r, judged in enumerate(run.history) if r >= 10 and Note.REPRODUCED in notes(judged, 8))
    for round_ in range(10, 20):
        judged = run.history[round_]
        assert (8 in judged.selected) == (round_ >= first)
        assert (Note.UNCHECKED in notes(judged, 8)) == (round_ < first)
    assert all(run.history[round_].selected == list(range(8)) for round_ in range(10))  # nobody waits at the start


def test_exactness_can_be_demanded() -> None:
    near = MATCH.model_copy(update={"share": 0.9999})
    run = Run(recipe(reexecution_overlap=1.0), good, lambda uid, r: near if uid == 1 else MATCH, joined=EIGHT).play(6)
    assert run.first(1, "expelled") is not None
    assert Run(recipe(), good, lambda uid, r: near, joined=EIGHT).play(6).first(1, "expelled") is None


@pytest.mark.parametrize("bad", [MATCH.model_copy(update={"difference": 0.9}), MATCH.model_copy(update={"share": 0.5})])
def test_other_coordinates_or_other_values_are_a_mismatch(bad: Reexecution) -> None:
    run = Run(recipe(), good, lambda uid, r: bad if uid == 1 else MATCH, joined=EIGHT).play(6)
    assert run.first(1, "expelled") is not None


def test_measurements_of_peers_that_were_not_drawn_are_refused() -> None:
    peers = [good(uid, 0) for uid in range(8)]
    before, wanted = Standings(), recipe()
    drawn = reexecuted(wanted, beacon(0), 0, range(8), before)
    other = next(uid for uid in range(8) if uid not in drawn)
    wrong = [mark_reexecuted(peer, MATCH, 0) if peer.uid == other else peer for peer in peers]
    with pytest.raises(BadInput, match="was not drawn"):
        judge(wanted, before, evidence(0, wrong), beacon(0))
    many = [good(uid, 0, losses=losses()) for uid in range(30)]
    with pytest.raises(BadInput, match="did not draw"):
        judge(wanted, before, evidence(0, many), beacon(0))


def test_a_round_cannot_be_judged_on_later_standings() -> None:
    with pytest.raises(BadInput, match="cannot follow"):
        judge(recipe(), Standings(round=5), evidence(5, [good(0, 5)]), beacon(5))


# Losses and ratings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [-0.2, -1e-9, 0.0])
def test_work_that_does_no_good_is_never_selected_nor_paid(gain: float) -> None:
    run = Run(recipe(), good, try_out=lambda uid, r: losses(gain if uid == 6 else 0.01), joined=EIGHT).play(20)
    assert run.first(6, "selected") is None
    assert all(judged.marks[6].weight == 0 for judged in run.history)
    assert Note.HARMFUL in notes(run.history[0], 6)


def test_work_of_next_to_no_use_is_not_selected() -> None:
    run = Run(recipe(), good, try_out=lambda uid, r: losses(0.0009 if uid == 6 else 0.01), joined=EIGHT).play(3)
    assert run.first(6, "selected") is None
    assert Note.USELESS in notes(run.history[0], 6)
    assert all(judged.marks[6].weight == 0 for judged in run.history)


def test_only_what_was_tried_in_this_round_is_selected() -> None:
    run = Run(recipe(), good, joined=dict.fromkeys(range(30), 0)).play(3)
    for judged, seen in zip(run.history, run.evidences, strict=True):
        tried = [peer.uid for peer in seen.peers if peer.losses is not None]
        assert len(tried) == 20
        assert set(judged.selected) <= set(tried)


def test_training_on_other_data_than_assigned_costs_the_reward_where_nothing_is_reexecuted() -> None:
    try_out = lambda uid, r: losses(0.01, 0.005 if uid == 0 else 0.02)  # noqa: E731
    run = Run(recipe(reexecutions=0), good, try_out=try_out, joined=EIGHT).play(15)
    assert run.share_of([0]) == 0.0
    assert Note.UNPROVEN_DATA in notes(run.history[-1], 0)
    assert run.share_of([1]) > 0.05


def test_reproduced_work_outweighs_an_unlucky_moving_average() -> None:
    try_out = lambda uid, r: losses(0.01, 0.005 if uid == 0 else 0.02)  # noqa: E731
    run = Run(recipe(), good, try_out=try_out, joined=EIGHT).play(15)
    assert 0 in run.history[-1].selected
    assert Note.UNPROVEN_DATA not in notes(run.history[-1], 0)


def test_mostly_harmful_peers_earn_a_quarter() -> None:
    try_out = lambda uid, r: losses(-0.001 if uid == 0 and r % 4 else 0.01)  # noqa: E731
    run = Run(recipe(), good, try_out=try_out, joined=EIGHT).play(21)
    assert Note.MOSTLY_HARMFUL in notes(run.history[20], 0)
    assert Note.MOSTLY_HARMFUL not in notes(run.history[20], 1)


def test_better_work_is_rated_and_paid_better() -> None:
    run = Run(recipe(), good, try_out=lambda uid, r: losses(0.01 + 0.001 * uid), joined=EIGHT).play(40)
    ratings = [run.standings.of(uid, 0).mu for uid in range(8)]
    assert ratings == sorted(ratings)
    earned = [sum(judged.marks[uid].weight for judged in run.history) for uid in range(8)]
    assert sum(earned[4:]) > 1.1 * sum(earned[:4])  # in whose rounds they are checked is chance


# Sync -----------------------------------------------------------------------------------------------------------------


def test_the_sync_score_is_the_published_formula() -> None:
    constants = recipe().gauntlet
    assert sync_score(0.0, constants) == 1.0
    assert sync_score(1.5, constants) == round(0.5**2.5, 6)
    assert sync_score(3.0, constants) == sync_score(1e6, constants) == 0.0


def test_a_peer_out_of_sync_is_slashed_and_one_far_behind_is_out() -> None:
    before = Run(recipe(reexecutions=0), good, joined=EIGHT).play(12).standings
    steps = {0: 0.0, 1: 2.5, 2: 4.0}
    judged = once(evidence(12, [good(uid, 12, losses=losses(), sync=steps[uid]) for uid in range(3)]), before)
    assert judged.selected == [0, 1]
    assert Note.OUT_OF_SYNC in notes(judged, 1)
    assert judged.marks[0].weight > judged.marks[1].weight > judged.marks[2].weight == 0
    assert 0 < judged.results[1].score == pytest.approx(0.75 * standing(judged, 1).score, abs=1e-6)


# Copies ---------------------------------------------------------------------------------------------------------------


def like(kind: Likeness, near: float, uid: int | None = None, round_: int = 4) -> Overlap:
    return Overlap(kind=kind, uid=uid, round=round_, indices=near, values=near, part=0.0, shuffled=0.0)


def seasoned(reexecutions: int = 0) -> Standings:
    return Run(recipe(reexecutions=reexecutions), good, joined=EIGHT).play(12).standings


def replayed(near: float, kind: Likeness = Likeness.EARLIER) -> Judgement:
    uid = None if kind is Likeness.AGGREGATE else 1
    peers = [good(uid, 12, losses=losses()) for uid in range(1, 8)]
    return once(evidence(12, [good(0, 12, losses=losses(), overlaps=(like(kind, near, uid),)), *peers]), seasoned())


@pytest.mark.parametrize("kind", [Likeness.EARLIER, Likeness.OWN, Likeness.AGGREGATE])
def test_the_tiers_of_copying_what_was_there_before(kind: Likeness) -> None:
    assert 0 in replayed(0.39, kind).selected
    halved, reset, banned = (replayed(near, kind) for near in (0.45, 0.55, 0.65))
    for judged in (halved, reset, banned):
        assert 0 not in judged.selected
        assert Note.COPY in notes(judged, 0)
    assert 0 < halved.marks[0].weight < min(halved.marks[uid].weight for uid in range(1, 8))
    assert reset.marks[0].weight == banned.marks[0].weight == 0
    assert standing(reset, 0).average == 0.0
    assert standing(reset, 0).banned_until == 0
    assert standing(banned, 0).banned_until == 33


def twins(first: Reexecution | None, second: Reexecution | None, n: int = 8, never: int | None = None) -> Judgement:
    """Uid 1 and 0 hand in the same, uid 1 first; both were drawn, with these results."""
    wanted = recipe(reexecutions=n)
    assert reexecuted(wanted, beacon(12), 12, range(n), seasoned(8)) == list(range(n))
    peers = [good(uid, 12, losses=losses(), order=n - uid) for uid in range(n)]
    peers[0] = peers[0].model_copy(update={"overlaps": (like(Likeness.ROUND, 1.0, 1, 12),)})
    peers[1] = peers[1].model_copy(update={"overlaps": (like(Likeness.ROUND, 1.0, 0, 12),)})
    peers[0] = peers[0].model_copy(update={"order": 90})
    peers[1] = peers[1].model_copy(update={"order": 80})
    for uid, outcome in enumerate((second, first)):
        if outcome is not None:
            peers[uid] = mark_reexecuted(peers[uid], outcome, 12)
    before = seasoned(8)
    if never is not None:
        known = [
            peer.model_copy(update={"last_reexecuted": -1}) if peer.uid == never else peer for peer in before.peers
        ]
        before = before.model_copy(update={"peers": tuple(known)})
    return judge(wanted, before, evidence(12, peers), beacon(12))


def test_of_two_alike_the_one_that_cannot_be_reproduced_is_the_copy_even_if_it_came_first() -> None:
    judged = twins(first=MISMATCH, second=MATCH)
    assert judged.marks[1].expelled and not judged.marks[0].expelled
    assert 0 in judged.selected
    judged = twins(first=MATCH, second=MISMATCH)
    assert judged.marks[0].expelled and 1 in judged.selected
    judged = twins(first=MISMATCH, second=None)
    assert 0 in judged.selected


def test_of_two_alike_one_reproduced_the_other_is_the_copy() -> None:
    judged = twins(first=None, second=MATCH)
    assert 0 in judged.selected and 1 not in judged.selected
    assert standing(judged, 1).banned_until > 12


def test_two_alike_that_are_both_reproduced_are_no_copies() -> None:
    judged = twins(first=MATCH, second=MATCH)
    assert {0, 1} <= set(judged.selected)


def test_of_two_alike_of_which_nothing_is_known_one_is_aggregated_and_none_is_punished() -> None:
    judged = twins(first=None, second=None)
    assert 1 in judged.selected and 0 not in judged.selected
    assert standing(judged, 0).banned_until == standing(judged, 1).banned_until == 0


def test_of_two_alike_whoever_was_reproduced_before_is_believed_though_it_came_later() -> None:
    judged = twins(first=None, second=None, never=1)
    assert 0 in judged.selected and 1 not in judged.selected


def test_without_reexecution_the_later_of_two_alike_is_the_copier() -> None:
    peers = [good(uid, 12, losses=losses(), order=20 - uid) for uid in range(8)]
    peers[0] = peers[0].model_copy(update={"overlaps": (like(Likeness.ROUND, 1.0, 1, 12),)})
    peers[1] = peers[1].model_copy(update={"overlaps": (like(Likeness.ROUND, 1.0, 0, 12),)})
    judged = once(evidence(12, peers), seasoned())
    assert 1 in judged.selected and 0 not in judged.selected
    assert standing(judged, 0).banned_until == 33


def test_a_ban_for_likeness_is_lifted_by_work_that_is_reproduced() -> None:
    state = {"done": False}

    def behave(uid: int, round_: int) -> object:
        if uid == 0 and round_ == 2:
            return good(uid, round_, overlaps=(like(Likeness.EARLIER, 0.7, 1, 1),))
        return good(uid, round_)

    run = Run(recipe(), behave, joined=EIGHT)  # type: ignore[arg-type]
    run.play(12)
    if Note.BANNED in notes(run.history[2], 0):
        lifted = next(r for r in range(3, 12) if Note.LIFTED in notes(run.history[r], 0))
        assert 0 in run.history[lifted + 1].selected
    else:  # it was re-executed in the very round
        assert Note.REPRODUCED in notes(run.history[2], 0)
    assert run.first(0, "expelled") is None
    assert not state["done"]


def test_contributions_are_remembered_for_ten_rounds() -> None:
    run = Run(recipe(), good, joined=EIGHT).play(14)
    assert run.standings.of(3, 0).recent == tuple((r, object_of(3, r)) for r in range(4, 14))


def test_missing_faults_are_those_that_happen_to_honest_peers() -> None:
    assert {Fault.ABSENT, Fault.UNREVEALED, Fault.UNAVAILABLE} == MISSING
