"""The baselines do what their papers say, measured against torch's own optimisers."""

import pytest
import torch

from assay.core.errors import BadInput
from assay.pretrain.baselines import DiLoCo, data_parallel_step, dense_bytes

from .conftest import SHAPES, arrays
from .test_sparseloco import move, parameters, snapshot


def test_diloco_is_nesterov_sgd_on_the_mean_pseudo_gradient():
    params, reference = parameters(), parameters()
    outer = DiLoCo(params.items(), lr=0.7, momentum=0.9)
    sgd = torch.optim.SGD(reference.values(), lr=0.7, momentum=0.9, nesterov=True)
    for round_ in range(3):
        sent = []
        for peer in range(2):
            start = snapshot(params)
            outer.begin_round()
            move(params, 10 * round_ + peer)
            moved = {name: start[name] - parameter.detach() for name, parameter in params.items()}
            sent.append(outer.pseudo_gradient())
            assert all(torch.equal(sent[-1][name], moved[name]) for name in params)
            assert all(torch.equal(start[name], params[name]) for name in params)
        for name, parameter in reference.items():
            parameter.grad = (sent[0][name] + sent[1][name]) / 2
        outer.step(sent)
        sgd.step()
    for name in params:
        torch.testing.assert_close(params[name], reference[name], rtol=1e-5, atol=1e-6)


def test_diloco_without_momentum_takes_the_mean_itself():
    params = parameters()
    before = snapshot(params)
    sent = [arrays(1), arrays(2)]
    DiLoCo(params.items(), lr=1.0, momentum=0.0, nesterov=False).step(sent)
    for name in params:
        torch.testing.assert_close(params[name].detach(), before[name] - (sent[0][name] + sent[1][name]) / 2)


def test_data_parallel_adamw_is_adamw_on_all_batches():
    torch.manual_seed(0)
    one, other = torch.nn.Linear(20, 3), torch.nn.Linear(20, 3)
    other.load_state_dict(one.state_dict())
    batches = [torch.randn(4, 20) for _ in range(3)]
    optimisers = [torch.optim.AdamW(model.parameters(), lr=0.01) for model in (one, other)]
    for _ in range(3):
        data_parallel_step(lambda batch: one(batch).square().mean(), batches, optimisers[0], clip_norm=0.5)
        optimisers[1].zero_grad()
        other(torch.cat(batches)).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(other.parameters(), 0.5)
        optimisers[1].step()
    torch.testing.assert_close(one.weight, other.weight, rtol=1e-5, atol=1e-7)


def test_dense_methods_send_four_bytes_a_parameter():
    assert dense_bytes(parameters().items()) == 4 * sum(torch.Size(shape).numel() for shape in SHAPES.values())


def test_a_momentum_of_one_is_refused():
    with pytest.raises(BadInput, match="momentum"):
        DiLoCo(parameters().items(), momentum=1.0)
