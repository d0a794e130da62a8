"""A gradient's norm does not depend on how its rows are divided."""

import math

import pytest
import torch

from assay.pretrain.clipping import clip_gradients

from .conftest import arrays


def with_gradients(tensors):
    found = []
    for tensor in tensors:
        found.append(torch.nn.Parameter(torch.zeros(tensor.shape)))
        found[-1].grad = tensor.clone()
    return found


def test_gradients_are_scaled_to_the_norm():
    params = with_gradients(arrays(1).values())
    before = [parameter.grad.clone() for parameter in params]
    norm = clip_gradients(params, 2.0)
    assert norm == pytest.approx(math.sqrt(sum(float(g.double().square().sum()) for g in before)), rel=1e-12)
    for parameter, gradient in zip(params, before, strict=True):
        torch.testing.assert_close(parameter.grad, gradient * (2.0 / norm))


@pytest.mark.parametrize("limit", [0.0, 1e9])
def test_gradients_below_the_norm_stay_as_they_are(limit):
    params = with_gradients(arrays(1).values())
    clip_gradients(params, limit)
    assert all(torch.equal(p.grad, g) for p, g in zip(params, arrays(1).values(), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_the_norm_has_the_same_bits_however_the_rows_are_divided(seed):
    whole = arrays(seed)
    divided = [piece for tensor in whole.values() for piece in tensor.split([7, 30, len(tensor) - 37])]
    norms = {clip_gradients(with_gradients(tensors), 0) for tensors in (whole.values(), divided, divided[::-1])}
    assert len(norms) == 1


def test_parameters_without_a_gradient_are_passed_over():
    params = [torch.nn.Parameter(torch.zeros(3)), *with_gradients([torch.tensor([3.0, 4.0])])]
    assert clip_gradients(params, 0) == 5
