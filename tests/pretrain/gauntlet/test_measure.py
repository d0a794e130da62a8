"""Measuring leaves the model as it was, and sees what a contribution does."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from assay.pretrain.gauntlet.evidence import MAX_LOSS, MAX_STEPS
from assay.pretrain.gauntlet.measure import (
    Trial,
    applied,
    clip_factors,
    norms,
    step_sizes,
    sync_answer,
    sync_coordinates,
    sync_distance,
    trial_step,
)
from assay.pretrain.model import build, loss
from assay.pretrain.wire import compress

from .rounds import recipe
from .sparse import Contribution

RANDOM = np.random.Generator(np.random.PCG64(5))


def sequences(count: int, seed: int = 0) -> Tensor:
    """Counting upwards from anywhere: a text that can be learnt."""
    starts = np.random.Generator(np.random.PCG64(seed)).integers(0, 40, size=(count, 1))
    return torch.from_numpy((starts + np.arange(17)) % 64)


@pytest.fixture
def model() -> nn.Module:
    return build(recipe().model, seed=3)


def descent(model: nn.Module, sign: float = 1.0) -> Contribution:
    """What one large step against the gradient moves."""
    model.zero_grad()
    loss(model, sequences(16)).backward()
    moved = {name: sign * 2.0 * p.grad.detach().clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return compress(moved, k=512)


def bits(model: nn.Module) -> bytes:
    return b"".join(p.detach().numpy().tobytes() for _, p in sorted(model.named_parameters()))


def ones(contribution: Contribution) -> dict[str, float]:
    return dict.fromkeys(contribution, 1.0)


def test_what_helps_has_a_gain_and_its_opposite_a_loss(model: nn.Module) -> None:
    trial = Trial(model, loss, sequences(8, 1), step=0.2)
    helped = trial.run(descent(model), ones(descent(model)), sequences(8, 2))
    harmed = trial.run(descent(model, -1.0), ones(descent(model)), sequences(8, 2))
    assert helped.random_gain > 0.001 and helped.assigned_gain > 0.001
    assert harmed.random_gain < -0.001
    assert helped.random_before == harmed.random_before == pytest.approx(math.log(64), rel=0.05)


def test_the_model_is_the_same_to_the_bit_afterwards(model: nn.Module) -> None:
    before, step = bits(model), descent(model)
    Trial(model, loss, sequences(4), step=1e6).run(step, ones(step), sequences(4))
    assert bits(model) == before
    assert model.training


def test_the_model_is_restored_after_an_error_too(model: nn.Module) -> None:
    before, step = bits(model), descent(model)
    with pytest.raises(RuntimeError, match="in between"), applied(model, step, dict.fromkeys(step, 0.5)):
        assert bits(model) != before
        raise RuntimeError("in between")
    assert bits(model) == before


def test_a_contribution_is_applied_as_a_step_downwards(model: nn.Module) -> None:
    name, parameter = next(iter(model.named_parameters()))
    old = parameter.detach().clone()
    one = compress({name: torch.ones_like(parameter)}, k=4096)
    with applied(model, one, {name: 0.25}):
        assert torch.allclose(parameter, old - 0.25, atol=0.01)


def test_a_model_that_is_blown_up_has_a_finite_loss(model: nn.Module) -> None:
    name, parameter = next(iter(model.named_parameters()))
    huge = compress({name: torch.full_like(parameter, 1e20)})
    found = Trial(model, loss, sequences(4), step=1e20).run(huge, {name: 1.0}, sequences(4))
    assert found.random_after <= MAX_LOSS
    assert found.random_gain < 0


def test_clipping_shortens_to_the_lower_median_and_never_lengthens() -> None:
    lengths = [{"a": 1.0, "b": 0.0}, {"a": 2.0, "b": 0.0}, {"a": 3.0, "b": 5.0}, {"a": 1000.0, "b": 0.0}]
    factors = clip_factors(lengths)
    assert [one["a"] for one in factors] == [1.0, 1.0, 2 / 3, 0.002]
    assert factors[2]["b"] == 0.0  # nobody else moved it
    assert factors[0]["b"] == 1.0


def test_norms_are_those_of_the_tensors() -> None:
    dense = {"w": torch.from_numpy(RANDOM.standard_normal((64, 64)).astype(np.float32))}
    sparse = compress(dense)
    assert norms(sparse)["w"] == pytest.approx(float(sparse["w"].to_dense().norm()), rel=1e-6)


def test_the_step_is_a_share_of_the_outer_rate() -> None:
    assert trial_step(recipe(), 0) == 0.2


# Sync -----------------------------------------------------------------------------------------------------------------


def parameters(model: nn.Module, moved: float = 0.0) -> dict[str, Tensor]:
    return {name: p.detach() + moved for name, p in model.named_parameters()}


def test_whoever_is_in_step_is_no_steps_behind(model: nn.Module) -> None:
    mine = parameters(model)
    answer = sync_answer(b"beacon", 7, mine)
    assert len(answer) == 2 * len(mine)
    assert sync_distance(answer, b"beacon", 7, mine, dict.fromkeys(mine, 0.001)) == 0.0


def test_whoever_is_two_steps_behind_is_found_to_be(model: nn.Module) -> None:
    answer = sync_answer(b"beacon", 7, parameters(model))
    ahead = parameters(model, moved=0.002)
    assert sync_distance(answer, b"beacon", 7, ahead, dict.fromkeys(ahead, 0.001)) == pytest.approx(2.0, rel=1e-3)


def test_another_peers_answer_or_an_old_one_is_worth_nothing(model: nn.Module) -> None:
    mine = parameters(model)
    sizes, usual = {name: tensor.numel() for name, tensor in mine.items()}, dict.fromkeys(mine, 0.001)
    assert sync_coordinates(b"beacon", 7, sizes) != sync_coordinates(b"beacon", 8, sizes)
    assert sync_coordinates(b"beacon", 7, sizes) != sync_coordinates(b"nocaeb", 7, sizes)
    assert sync_distance(sync_answer(b"beacon", 8, mine), b"beacon", 7, mine, usual) > 3
    assert sync_distance(sync_answer(b"nocaeb", 7, mine), b"beacon", 7, mine, usual) > 3


@pytest.mark.parametrize("spoil", [lambda a: a[:-1], lambda a: ("nan", *a[1:]), lambda a: ("x", *a[1:]), lambda a: ()])
def test_a_malformed_answer_is_as_far_behind_as_can_be(spoil: object, model: nn.Module) -> None:
    mine = parameters(model)
    answer = spoil(sync_answer(b"beacon", 7, mine))  # type: ignore[operator]
    assert sync_distance(answer, b"beacon", 7, mine, {}) == MAX_STEPS
    assert sync_distance(("inf",) * (2 * len(mine)), b"beacon", 7, mine, {}) == MAX_STEPS


def test_the_usual_step_is_a_moving_mean(model: nn.Module) -> None:
    old, new, newest = parameters(model), parameters(model, 0.5), parameters(model, 1.5)
    first = step_sizes({}, old, new, first=True)
    second = step_sizes(first, new, newest, first=False)
    name = next(iter(old))
    assert first[name] == pytest.approx(0.5, rel=1e-5)
    assert second[name] == pytest.approx(0.9 * 0.5 + 0.1 * 1.0, rel=1e-5)
