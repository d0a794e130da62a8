"""Doing the work again: honest work is found again, other work is not."""

import numpy as np
import pytest
import torch

from assay.core.errors import BadInput
from assay.pretrain.gauntlet import Reexecution, compare, matches, reexecution, refused
from assay.pretrain.gauntlet.evidence import Redone
from assay.pretrain.recipe import Data, DataPhase, Inner, Model, Recipe
from assay.pretrain.training import PeerState, Workbench, Worked
from assay.pretrain.wire import compress

from .rounds import recipe
from .sparse import direction, honest, mixed, sent

LOOSE, STRICT = recipe().gauntlet, recipe(reexecution_overlap=1.0).gauntlet


def against(a: object, b: object, state_equal: bool = True) -> Reexecution:
    return compare(a, b, round_=4, state_equal=state_equal)  # type: ignore[arg-type]


def test_the_same_is_found_again_to_the_bit() -> None:
    found = against(sent(honest(1)), sent(honest(1)))
    assert (found.share, found.difference, found.round, found.outcome) == (1.0, 0.0, 4, Redone.DONE)
    assert matches(found, STRICT) and matches(found, LOOSE)


def test_exactness_includes_the_state_at_the_end() -> None:
    assert not matches(against(sent(honest(1)), sent(honest(1)), state_equal=False), STRICT)


def test_a_single_other_coordinate_is_not_exact() -> None:
    dense = honest(1)
    other = {name: tensor.clone() for name, tensor in dense.items()}
    other["layer.weight"].view(-1)[int(other["layer.weight"].abs().argmin())] = 5.0
    found = against(sent(dense), sent(other))
    assert 0.99 < found.share < 1.0
    assert not matches(found, STRICT)
    assert matches(found, LOOSE)


@pytest.mark.parametrize("factor", [-1.0, 1.1, 2.0, 0.5, 10.0])
def test_scaled_or_flipped_work_is_not_found_again(factor: float) -> None:
    scaled = sent({name: factor * tensor for name, tensor in honest(1).items()})
    found = against(scaled, sent(honest(1)))
    assert found.share == 1.0
    assert not matches(found, LOOSE)


def test_other_work_is_not_found_again() -> None:
    assert against(sent(honest(1)), sent(honest(2))).share < 0.3
    assert not matches(against(sent(mixed(honest(1), direction(9), 0.9)), sent(honest(1))), LOOSE)


def test_sending_less_than_was_learnt_counts_what_is_missing() -> None:
    dense = honest(1)
    less = dense | {"layer.down": torch.zeros_like(dense["layer.down"])}
    assert against(sent(less), sent(dense)).share < 0.75
    assert against(sent(dense), sent(less)).share < 0.75


def test_nothing_at_all_does_not_match_something() -> None:
    nothing = sent({name: torch.zeros_like(tensor) for name, tensor in honest(1).items()})
    assert not matches(against(nothing, sent(honest(1))), LOOSE)
    assert not matches(against(sent(honest(1)), nothing), LOOSE)


def test_work_with_other_tensors_cannot_be_compared() -> None:
    with pytest.raises(BadInput):
        against(sent(honest(1)), sent({"w": torch.ones(64, 64)}))
    with pytest.raises(BadInput):
        against(sent({"w": torch.ones(64, 64)}), sent({"w": torch.ones(64, 640)}))


def test_refusing_is_no_result() -> None:
    assert refused(3).outcome is Redone.REFUSED


# Real work of a tiny model --------------------------------------------------------------------------------------------

STEPS = 6


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return Workbench(
        Recipe(
            name="tiny",
            seed=0,
            rounds=4,
            model=Model(vocabulary=64, hidden=64, layers=2, heads=4, kv_heads=2, feed_forward=128, context=16),
            data=Data(tokenizer="bytes", phases=(DataPhase(name="main", first_round=0, mixture={"text": 1.0}),)),
            inner=Inner(steps=STEPS, sequences=4, learning_rate=3e-3, total_steps=24),
        )
    )


def work(bench: Workbench, seed: int = 0, steps: int = STEPS, sequences: int = 4) -> Worked:
    random = np.random.Generator(np.random.PCG64(seed))
    batches = [torch.from_numpy(random.integers(0, 64, size=(4, 17))) for _ in range(STEPS)]
    start = bench.initial()
    return bench.work(start, PeerState.new(start), [batch[:sequences] for batch in batches[:steps]], 0)


def test_real_work_done_again_on_this_machine_is_equal_to_the_bit(bench: Workbench) -> None:
    first, again = work(bench), work(bench)
    found = against(first.gradient, again.gradient, first.state.digest == again.state.digest)
    assert matches(found, STRICT)


@pytest.mark.parametrize("lazy", [{"steps": STEPS - 1}, {"steps": STEPS // 2}, {"sequences": 2}, {"seed": 1}])
def test_less_or_other_real_work_is_not_found_again(bench: Workbench, lazy: dict[str, int]) -> None:
    found = against(work(bench, **lazy).gradient, work(bench).gradient, False)
    assert not matches(found, LOOSE), found


def test_what_only_one_of_the_two_keeps_cannot_hold_anything() -> None:
    """One chunk of a hundred is within the share; it must not be a thousand times as large as all others."""
    shape = {"w": (640, 640)}
    dense = direction(1, shape)
    other = {"w": dense["w"].clone()}
    other["w"][:64, :64] = 1000 * direction(2, {"w": (64, 64)})["w"]
    found = against(sent(other), sent(dense))
    assert found.share >= 0.99 and found.outside > 10.0
    avoided = found.model_copy(update={"difference": 0.0})  # as if it kept no coordinate that the other keeps too
    assert not matches(avoided, LOOSE)
    assert matches(avoided.model_copy(update={"outside": 0.1}), LOOSE)


def test_an_honest_difference_at_the_limit_to_top_k_is_let_pass() -> None:
    dense = direction(1, {"w": (640, 640)})
    near = {"w": dense["w"] + 2e-3 * direction(2, {"w": (640, 640)})["w"]}
    found = against(sent(near), sent(dense))
    assert 0.99 < found.share < 1.0
    assert 0.0 < found.outside < 0.5 * reexecution.MAX_OUTSIDE * (1 - found.share) ** 0.5
    assert matches(found, LOOSE)


def test_the_books_must_fit_what_was_sent(bench: Workbench) -> None:
    """Who sends more than it learnt must take it off its error feedback, and then it is missing in the next round."""
    again = work(bench)
    sent_ = compress({name: 1.07 * part.to_dense() for name, part in again.gradient.items()}, k=64, bits=2)
    right = again.state.having_sent(again.gradient, sent_)
    assert right.difference(again.state.having_sent(again.gradient, sent_)) == 0.0
    assert again.state.difference(again.state.having_sent(again.gradient, again.gradient)) < 1e-6
    apart = again.state.difference(right)
    assert apart > reexecution.MAX_STATE_DIFFERENCE
    found = compare(sent_, again.gradient, round_=0, state_equal=False, state_difference=apart)
    assert found.share == 1.0 and found.difference < reexecution.MAX_DIFFERENCE
    assert not matches(found, LOOSE)
    assert matches(found.model_copy(update={"state_difference": 0.0}), LOOSE)
