"""The outer optimiser: the two equations, and what a peer relies on."""

import doctest
import subprocess
import sys

import numpy as np
import pytest
import torch

from assay.core.errors import BadInput
from assay.pretrain import SparseLoCo, sparseloco, wire

from .conftest import SHAPES, arrays, contribution


def parameters(seed=1):
    return {name: torch.nn.Parameter(tensor) for name, tensor in arrays(seed).items()}


def move(params, seed):
    """Inner steps, as far as the outer optimiser can tell."""
    moved = arrays(seed)
    with torch.no_grad():
        for name, parameter in params.items():
            parameter.add_(0.1 * moved[name])


def snapshot(params):
    return {name: parameter.detach().clone() for name, parameter in params.items()}


def test_the_example_in_its_docstring_runs():
    assert doctest.testmod(sparseloco).attempted >= 7
    assert doctest.testmod(sparseloco).failed == 0


def test_importing_the_arena_does_not_import_torch():
    script = "import sys, assay.pretrain; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_what_is_sent_and_the_error_are_those_of_the_equations():
    params = parameters()
    outer = SparseLoCo(params.items(), error_decay=0.95)
    error = {name: torch.zeros(shape) for name, shape in SHAPES.items()}
    for round_ in range(4):
        start = snapshot(params)
        outer.begin_round()
        move(params, 10 + round_)
        delta = {name: start[name] - parameter.detach() for name, parameter in params.items()}
        sent = outer.pseudo_gradient()
        wanted = {name: error[name] * 0.95 + delta[name] for name in params}
        assert wire.pack(sent) == wire.encode(wanted, k=64, bits=2)
        error = {name: wanted[name] - sent[name].to_dense() for name in params}
        for name, kept in outer.state_dict()["error"].items():
            assert torch.equal(kept, error[name])
        outer.step([sent])


def test_the_rounding_of_what_was_sent_is_fed_back():
    params = parameters()
    outer = SparseLoCo(params.items())
    outer.begin_round()
    move(params, 3)
    sent = outer.pseudo_gradient()["layer"]
    left = outer.state_dict()["error"]["layer"].view(-1)[sent.indices()]
    assert (left != 0).float().mean() > 0.9


def test_the_parameters_go_back_bit_for_bit():
    params = parameters()
    before = snapshot(params)
    outer = SparseLoCo(params.items())
    outer.begin_round()
    move(params, 4)
    outer.pseudo_gradient()
    assert all(torch.equal(before[name], params[name]) for name in params)


def test_the_outer_step_is_the_rate_times_the_mean():
    params = parameters()
    before = snapshot(params)
    sent = [contribution(seed) for seed in range(3)]
    SparseLoCo(params.items(), lr=0.65, clip="none").step(sent)
    for name in params:
        mean = np.zeros(SHAPES[name], dtype=np.float32)
        for one in sent:
            mean += one[name].to_dense().numpy() * np.float32(1 / 3)
        assert np.array_equal(params[name].detach().numpy(), before[name].numpy() - np.float32(0.65) * mean)


def test_two_peers_end_with_the_same_bits():
    one, other = parameters(), parameters()
    outers = [SparseLoCo(one.items()), SparseLoCo(other.items())]
    for round_ in range(3):
        sent = []
        for number, (outer, params) in enumerate(zip(outers, (one, other), strict=True)):
            outer.begin_round()
            move(params, 20 + 2 * round_ + number)
            sent.append(outer.pseudo_gradient())
        for outer in outers:
            outer.step(sent)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_without_contributions_nothing_moves():
    params = parameters()
    before = snapshot(params)
    SparseLoCo(params.items()).step([])
    assert all(torch.equal(before[name], params[name]) for name in params)


def test_a_schedule_of_torch_sets_the_outer_rate():
    params = parameters()
    outer = SparseLoCo(params.items(), lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(outer, lambda round_: 1.0 if round_ < 2 else 0.65)
    for _ in range(2):
        outer.step([contribution(0)])
        schedule.step()
    before = snapshot(params)
    outer.step([contribution(0)])
    moved = before["layer"] - params["layer"].detach()
    torch.testing.assert_close(moved, 0.65 * contribution(0)["layer"].to_dense(), rtol=1e-3, atol=1e-6)


def test_a_saved_state_goes_on_with_the_same_bytes():
    params = parameters()
    outer = SparseLoCo(params.items(), lr=0.65)
    outer.begin_round()
    move(params, 5)
    outer.pseudo_gradient()
    saved = {name: tensor.clone() for name, tensor in outer.state_dict()["error"].items()}
    again = parameters()
    other = SparseLoCo(again.items())
    other.load_state_dict({"error": saved, "lr": outer.state_dict()["lr"]})
    assert other.param_groups[0]["lr"] == 0.65
    payloads = []
    for optimiser, named in ((outer, params), (other, again)):
        optimiser.begin_round()
        move(named, 6)
        payloads.append(wire.pack(optimiser.pseudo_gradient()))
    assert payloads[0] == payloads[1]
    fresh = SparseLoCo((third := parameters()).items())
    fresh.begin_round()
    move(third, 6)
    assert wire.pack(fresh.pseudo_gradient()) != payloads[0], "the error feedback makes no difference"


def test_a_state_of_another_model_is_refused():
    outer = SparseLoCo(parameters().items())
    saved = outer.state_dict()["error"]
    with pytest.raises(BadInput, match="names"):
        outer.load_state_dict({"error": {"layer": saved["layer"]}})
    with pytest.raises(BadInput, match="bias has shape"):
        outer.load_state_dict({"error": {**saved, "bias": torch.zeros(299)}})


def test_parameters_that_are_not_finite_send_nothing_and_change_nothing():
    params = parameters()
    outer = SparseLoCo(params.items())
    outer.begin_round()
    move(params, 7)
    outer.pseudo_gradient()
    kept = {name: tensor.clone() for name, tensor in outer.state_dict()["error"].items()}
    outer.begin_round()
    with torch.no_grad():
        params["bias"][3] = torch.nan
    with pytest.raises(BadInput, match="bias is not finite"):
        outer.pseudo_gradient()
    assert all(torch.equal(kept[name], outer.state_dict()["error"][name]) for name in kept)


def test_a_round_must_begin_before_it_ends():
    with pytest.raises(BadInput, match="begin_round"):
        SparseLoCo(parameters().items()).pseudo_gradient()


def test_parameters_without_names_or_in_half_precision_are_refused():
    with pytest.raises(BadInput, match="named_parameters"):
        SparseLoCo(parameters().values())
    with pytest.raises(BadInput, match="float32"):
        SparseLoCo([("w", torch.nn.Parameter(torch.zeros(3, dtype=torch.bfloat16)))])


@pytest.mark.parametrize("bad", [{"error_decay": 1.5}, {"lr": -1.0}, {"aggregate": "sum"}, {"clip": "max"}])
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(BadInput):
        SparseLoCo(parameters().items(), **bad)
