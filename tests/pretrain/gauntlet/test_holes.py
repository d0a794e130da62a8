"""The holes that are known of the published validator, one test for each. The numbers are those of the docs' table."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from assay.core.errors import BadInput
from assay.pretrain import wire
from assay.pretrain.gauntlet import (
    Fault,
    Standing,
    Standings,
    judge,
    reexecuted,
)
from assay.pretrain.gauntlet.judge import Note
from assay.pretrain.gauntlet.measure import Trial, clip_factors, norms, sync_answer, sync_distance
from assay.pretrain.model import build, loss

from .rounds import MATCH, Run, beacon, evidence, faulty, good, losses, recipe
from .sparse import SHAPES, direction, sent


def test_1_there_is_one_door_partial_contributions_come_through_none() -> None:
    """The reserve of the original was gathered without looking whether all tensors are there."""
    limits = wire.Limits.of(SHAPES, k=64, bits=2)
    whole = sent(direction(1))
    with pytest.raises(wire.WireError):
        wire.decode(wire.pack({name: part for name, part in whole.items() if name != "norm"}), limits)
    few = recipe(contributors=4, reserve=3)
    behave = lambda uid, r: faulty(uid, Fault.MALFORMED) if uid == 9 else good(uid, r)  # noqa: E731
    run = Run(few, behave, joined=dict.fromkeys(range(12), 0)).play(2)
    assert run.first(9, "selected") is None
    assert run.first(9, "expelled") == 1


def test_2_one_content_has_one_encoding() -> None:
    """Duplicate or reordered indices gave many encodings of one gradient, and a mean of duplicates."""
    data = wire.pack(sent(direction(1)))
    assert wire.pack(wire.decode(data, wire.Limits.of(SHAPES, k=64, bits=2))) == data


def test_3_colluders_who_own_the_median_norm_do_not_get_their_size_in() -> None:
    """Five of eight send a million times too much: clipping does not shorten them, but the trial shows what they do."""
    model = build(recipe().model, seed=3)
    tokens = torch.from_numpy(np.random.Generator(np.random.PCG64(1)).integers(0, 64, size=(8, 17)))
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    huge = [sent({n: 1e6 * t for n, t in direction(uid, shapes).items()}) for uid in range(5)]
    modest = [sent({n: 1e-3 * t for n, t in direction(uid, shapes).items()}) for uid in range(5, 8)]
    factors = clip_factors([norms(one) for one in (*huge, *modest)])
    assert factors[0]["lm_head.weight" if "lm_head.weight" in shapes else min(shapes)] > 0.5  # the median is theirs
    trial = Trial(model, loss, tokens, step=0.2)
    tried = [trial.run(one, factor, tokens) for one, factor in zip(huge, factors, strict=False)]
    assert all(one.random_gain < -1 for one in tried)
    seen = [good(uid, 0, losses=tried[uid] if uid < 5 else losses()) for uid in range(8)]
    assert judge(recipe(), Standings(), evidence(0, seen), beacon(0)).selected == [5, 6, 7]


def test_4_the_sync_answer_cannot_be_copied_from_another_peer() -> None:
    model = build(recipe().model, seed=3)
    mine = {name: p.detach() for name, p in model.named_parameters()}
    usual = dict.fromkeys(mine, 1e-3)
    theirs = sync_answer(b"round 4", 1, mine)
    assert sync_distance(theirs, b"round 4", 1, mine, usual) == 0.0
    assert sync_distance(theirs, b"round 4", 2, mine, usual) > 3.0


def test_5_other_samples_than_assigned_are_not_counted() -> None:
    """The original only logged it."""
    run = Run(
        recipe(), lambda uid, r: faulty(uid, Fault.WRONG_SAMPLES) if uid == 1 else good(uid, r), joined={0: 0, 1: 0}
    )
    run.play(3)
    assert run.first(1, "selected") is None
    assert all(judged.marks[1].weight == 0 for judged in run.history)


def test_6_announcing_too_much_is_a_fault_before_a_byte_is_fetched() -> None:
    behave = lambda uid, r: faulty(uid, Fault.OVERSIZED) if uid == 1 else good(uid, r)  # noqa: E731
    assert Run(recipe(), behave, joined={0: 0, 1: 0}).play(2).first(1, "expelled") == 1


def test_7_the_order_of_commitments_is_that_of_the_same_round() -> None:
    """The original compared the upload times of the round before. Here there is only this round's order."""
    with pytest.raises(ValueError, match="same place"):
        evidence(3, [good(0, 3, order=5), good(1, 3, order=5)])


def test_8_a_validator_alone_decides_nothing_and_its_document_names_its_own_standings() -> None:
    """The leader of the original decided alone. A sheet here is one vote, and it follows from what it names."""
    judged = judge(recipe(), Standings(), evidence(0, [good(0, 0, losses=losses())]), beacon(0))
    assert judged.standings.round == 0
    with pytest.raises(BadInput):
        judge(recipe(), judged.standings, evidence(0, [good(0, 0)]), beacon(0))


@pytest.mark.parametrize("hashseed", ["1", "2"])
def test_9_judging_is_the_same_in_every_process(hashseed: str) -> None:
    """The original drew from the clock. Here two processes with other hash seeds write the same bytes."""
    script = (
        "from tests.pretrain.gauntlet.rounds import Run, beacon, good, recipe, losses\n"
        "from assay.pretrain.gauntlet import write\n"
        "joined = dict.fromkeys(range(30), 0)\n"
        "run = Run(recipe(), good, try_out=lambda u, r: losses(0.01 + u / 1000), joined=joined).play(3)\n"
        "last = None\n"
        "for now, seen in enumerate(run.evidences):\n"
        "    last = write(run.recipe, 1, last, seen, beacon(now))\n"
        "print(last.digest)\n"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONHASHSEED": hashseed}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    namespace: dict[str, object] = {}
    exec(script.replace("print(last.digest)", "found = last.digest"), namespace)
    assert done.stdout.strip() == namespace["found"]


def test_10_what_is_not_finite_is_refused_and_not_skipped() -> None:
    dense = direction(1)
    dense["norm"][3] = float("nan")
    with pytest.raises(BadInput):
        sent(dense)
    behave = lambda uid, r: faulty(uid, Fault.MALFORMED) if uid == 1 else good(uid, r)  # noqa: E731
    assert Run(recipe(), behave, joined={0: 0, 1: 0}).play(1).history[0].selected == [0]


def test_11_two_bad_marks_do_not_make_a_good_one() -> None:
    """Issue 108 of the original: negative rating times negative average was a large positive score."""
    bad = Standing(uid=0, joined=0, mu=5.0, sigma=8.0, average=-0.9, evaluations=5, last_evaluated=9)
    before = Standings(round=9, peers=(bad, Standing(uid=1, joined=0, mu=30.0, sigma=2.0, average=0.5, evaluations=5)))
    match = MATCH.model_copy(update={"round": 10})
    drawn = reexecuted(recipe(), beacon(10), 10, [0, 1], before)
    assert drawn == [0, 1]
    seen = [
        good(0, 10, losses=losses(0.01, 0.0), reexecution=match),
        good(1, 10, losses=losses(), reexecution=match),
    ]
    judged = judge(recipe(), before, evidence(10, seen), beacon(10))
    assert judged.results[0].score == 0.0
    assert judged.marks[0].weight == 0
    assert judged.marks[1].weight > 0


@pytest.mark.parametrize(("mu", "average"), [(5.0, 0.9), (40.0, -0.9)])
def test_11_one_bad_mark_is_enough_for_nothing(mu: float, average: float) -> None:
    one = Standing(uid=0, joined=0, mu=mu, sigma=8.0, average=average, evaluations=5, last_evaluated=9)
    seen = [good(0, 10, losses=losses(0.01, 0.0)), good(1, 10, losses=losses())]
    judged = judge(recipe(), Standings(round=9, peers=(one,)), evidence(10, seen), beacon(10))
    assert judged.standings.of(0, 0).score == 0.0


def test_12_doing_nothing_is_not_paid_for_what_was_done_before() -> None:
    """The original went on paying three quarters of the last score to peers that did not deliver."""
    away = lambda uid, r: faulty(uid, Fault.ABSENT) if uid == 1 and r >= 12 else good(uid, r)  # noqa: E731
    run = Run(recipe(), away, joined=dict.fromkeys(range(8), 0)).play(16)
    paid = [judged.marks[1].weight for judged in run.history]
    assert any(paid[:12]) and not any(paid[12:])


def test_12_a_round_that_was_not_done_again_is_not_paid() -> None:
    """Else whoever cheats right after a check would be paid for it with the next honest round that is checked."""
    run = Run(recipe(), good, joined=dict.fromkeys(range(8), 0)).play(12)
    for judged in run.history:
        proven = {result.uid for result in judged.results if Note.REPRODUCED in result.notes}
        assert {uid for uid, mark in judged.marks.items() if mark.weight} <= proven
    assert all(any(judged.marks[uid].weight for judged in run.history) for uid in range(8))


def test_13_what_was_scored_is_what_is_aggregated() -> None:
    """The original aggregated first and scored afterwards: a new peer's first poison was always in."""
    try_out = lambda uid, r: losses(-5.0) if uid == 7 and r == 6 else losses()  # noqa: E731
    run = Run(recipe(), good, try_out=try_out, joined=dict.fromkeys(range(8), 0)).play(8)
    assert 7 in run.history[5].selected
    assert 7 not in run.history[6].selected
