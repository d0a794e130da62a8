"""The losses against loops over pixels, their slopes against differences, and the schedule against the paper's
numbers.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.canopy import losses
from assay.canopy.losses import LossConfig, PatchGradient, annealed
from tests.canopy.training import reference

Case = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def case(seed: int = 0, size: tuple[int, int] = (16, 20), holes: float = 0.04) -> Case:
    """Heights with exact zeros and unknown pixels, float64."""
    draw = np.random.default_rng(seed)
    shape = (2, 1, *size)
    truth = np.where(draw.random(shape) < 0.3, 0.0, draw.gamma(2.0, 6.0, shape))
    guess = np.maximum(truth + draw.normal(0, 3, shape), 0.01)
    return torch.from_numpy(guess), torch.from_numpy(truth), torch.from_numpy(draw.random(shape) >= holes)


def plain(*tensors: torch.Tensor) -> list[np.ndarray]:
    return [tensor[:, 0].numpy() for tensor in tensors]


@pytest.mark.parametrize("seed", range(3))
def test_silog_equals_the_slow_one(seed: int) -> None:
    p, t, valid = case(seed)
    for eps, beta in ((1e-3, 0.15), (0.05, 0.85)):
        found = losses.silog(p, t, valid, eps=eps, beta=beta)
        assert float(found) == pytest.approx(reference.silog(*plain(p, t, valid), eps=eps, beta=beta), rel=1e-9)


def test_silog_starts_with_the_mean_alone() -> None:
    p, t, valid = case()
    mean = (torch.log(p[valid] + 1e-3) - torch.log(t[valid] + 1e-3)).mean()
    assert float(losses.silog(p, t, valid, only_mean=True)) == pytest.approx(float((0.15 * mean**2).sqrt()), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_charbonnier_equals_the_slow_one(seed: int) -> None:
    p, t, valid = case(seed)
    for eps in (1e-3, 0.5):
        found = losses.charbonnier(p, t, valid, eps=eps)
        assert float(found) == pytest.approx(reference.charbonnier(*plain(p, t, valid), eps=eps), rel=1e-9)


@pytest.mark.parametrize(
    "chosen",
    [
        PatchGradient(),
        PatchGradient(pool=5),
        PatchGradient(diagonals=True),
        PatchGradient(temperature=0.2),
        PatchGradient(scales=(1, 2), magnitude=1.0, range=0.0, direction=0.0),
        PatchGradient(scales=(4,), log_eps=1.0, direction_eps=0.1),
    ],
)
def test_patch_gradient_equals_the_slow_one(chosen: PatchGradient) -> None:
    p, t, valid = case(4, (28, 36), holes=0.01)
    found = losses.patch_gradient(p, t, valid, chosen)
    expected = reference.patch_gradient(
        *plain(p, t, valid),
        weights=(chosen.magnitude, chosen.range, chosen.direction),
        scales=chosen.scales,
        log_eps=chosen.log_eps,
        direction_eps=chosen.direction_eps,
        pool=chosen.pool,
        temperature=chosen.temperature,
        diagonals=chosen.diagonals,
    )
    assert float(found) == pytest.approx(expected, rel=1e-6)
    assert expected > 0.01


def test_the_weights_of_the_patch_gradient_are_the_papers() -> None:
    paper = PatchGradient()
    assert (paper.magnitude, paper.range, paper.direction, paper.scales) == (0.3, 0.6, 0.4, (1, 2, 4))


@pytest.mark.parametrize("name", ["silog", "charbonnier", "patch_gradient", "l1"])
def test_slopes_equal_differences(name: str) -> None:
    p, t, valid = case(5, (12, 12), holes=0.02)
    p = p.clone().requires_grad_(True)
    function = getattr(losses, name)
    arguments = (PatchGradient(scales=(1, 2)),) if name == "patch_gradient" else ()
    assert torch.autograd.gradcheck(
        lambda heights: function(heights, t, valid, *arguments), (p,), eps=1e-7, atol=1e-4, rtol=1e-3
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["silog", "charbonnier", "patch_gradient", "l1"]))
def test_what_is_not_valid_changes_nothing(seed: int, name: str) -> None:
    p, t, valid = case(seed, (12, 16), holes=0.1)
    garbage = torch.where(valid, t, torch.full_like(t, 1e6))
    wrong = torch.where(valid, p, torch.full_like(p, 50.0))
    function = getattr(losses, name)
    if name == "patch_gradient":  # coarser scales average whole blocks; those with an unknown pixel must not count
        assert float(function(wrong, garbage, valid)) == pytest.approx(float(function(p, t, valid)), rel=1e-9)
    else:
        assert float(function(wrong, garbage, valid)) == float(function(p, t, valid))


@pytest.mark.parametrize("name", ["silog", "charbonnier", "patch_gradient", "l1"])
def test_nothing_valid_gives_zero_and_no_slope(name: str) -> None:
    p, t, _ = case()
    p = p.clone().requires_grad_(True)
    value = getattr(losses, name)(p, t, torch.zeros_like(t, dtype=torch.bool))
    value.backward()
    assert float(value.detach()) == 0
    assert p.grad is not None
    assert not p.grad.any()


@pytest.mark.parametrize("name", ["charbonnier", "patch_gradient", "l1", "silog"])
def test_a_perfect_answer_costs_almost_nothing(name: str) -> None:
    _, t, valid = case()
    t = t + 1.0  # no zeros: silog's logarithm then has no floor to hide behind
    value = float(getattr(losses, name)(t.clone(), t, valid))
    assert value < 0.01


def test_the_schedule_is_the_papers() -> None:
    config, steps = LossConfig(), 100_000
    assert (annealed(0, steps, config).silog, annealed(0, steps, config).charbonnier) == (1.0, 0.0)
    assert annealed(15_000, steps, config).charbonnier == pytest.approx(0.5)
    assert annealed(30_000, steps, config).silog == 0.0
    assert annealed(5_000, steps, config).gradient == 0.0
    assert annealed(27_500, steps, config).gradient == pytest.approx(0.0375)
    assert annealed(50_000, steps, config).gradient == pytest.approx(0.075)
    assert annealed(99_999, steps, config).gradient == pytest.approx(0.075)


def test_the_loss_of_a_step_is_the_weighted_sum() -> None:
    p, t, valid = case(6, (32, 32))
    config = LossConfig(silog_warm_share=0.0)
    total, parts = losses.loss(p, t, valid, config, 20, 100)
    w = annealed(20, 100, config)
    expected = (
        w.silog * losses.silog(p / 8, t / 8, valid)
        + w.charbonnier * losses.charbonnier(p / 8, t / 8, valid)
        + w.gradient * losses.patch_gradient(p / 8, t / 8, valid)
    )
    assert float(total) == pytest.approx(float(expected), rel=1e-9)
    assert set(parts) == {"silog", "charbonnier", "gradient"}
    for kind in ("l1", "silog", "charbonnier"):
        alone, one = losses.loss(p, t, valid, LossConfig(kind=kind, silog_warm_share=0.0), 20, 100)
        assert set(one) == {kind}
        assert float(alone) == pytest.approx(one[kind])
