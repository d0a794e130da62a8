"""What waits in host memory comes back bit for bit, and holds no device memory meanwhile."""

import pytest
import torch

from assay.pretrain.swap import Swap, optimizer_tensors


def trained():
    torch.manual_seed(1)
    model = torch.nn.Linear(30, 20)
    inner = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(2):
        model(torch.ones(1, 30)).square().sum().backward()
        inner.step()
    return model, inner


def test_what_is_out_holds_no_memory_and_comes_back_as_it_was():
    _, inner = trained()
    tensors = list(optimizer_tensors(inner))
    before = [tensor.clone() for tensor in tensors]
    swap = Swap()
    assert swap.out(tensors) == sum(4 * tensor.numel() for tensor in tensors)
    assert all(tensor.untyped_storage().nbytes() == 0 for tensor in tensors)
    swap.back()
    assert all(torch.equal(*pair) for pair in zip(tensors, before, strict=True))
    assert not swap.is_out


def test_an_optimiser_goes_on_after_its_state_was_away():
    (model, inner), (other, undisturbed) = trained(), trained()
    swap = Swap()
    for _ in range(3):
        swap.out(optimizer_tensors(inner))
        swap.back()
        for one, optimiser in ((model, inner), (other, undisturbed)):
            optimiser.zero_grad()
            one(torch.ones(1, 30)).square().sum().backward()
            optimiser.step()
    assert torch.equal(model.weight, other.weight)


def test_moments_are_swapped_and_step_counters_are_not():
    _, inner = trained()
    assert [tuple(tensor.shape) for tensor in optimizer_tensors(inner)] == [(20, 30), (20, 30), (20,), (20,)]


def test_what_is_out_cannot_be_taken_out_again():
    swap = Swap()
    swap.out([torch.ones(3)])
    with pytest.raises(RuntimeError, match="brought back"):
        swap.out([torch.ones(3)])
