"""Checkpoints side by side: every number type, slabs of any size, names and shapes that differ."""

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from safetensors.torch import save_file

from assay.core.errors import Refused
from assay.posttrain import checkpoint
from assay.posttrain.provenance import reading
from assay.posttrain.provenance.reading import Weights, rounded, shared, slabs

TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)


def folder(place: Path, **tensors: torch.Tensor) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    save_file({name.replace("__", "."): t.contiguous() for name, t in tensors.items()}, place / "model.safetensors")
    return place


@pytest.mark.parametrize("dtype", TYPES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.lists(st.integers(1, 9), min_size=1, max_size=3), slab=st.integers(1, 40), seed=st.integers(0, 99))
def test_slabs_hold_every_value_once(
    tmp_path: Path, dtype: torch.dtype, shape: list[int], slab: int, seed: int
) -> None:
    torch.manual_seed(seed)
    tensor = torch.randn(shape).to(dtype)
    weights = Weights.open(folder(tmp_path, layer__weight=tensor))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "SLAB", slab)
        ((found,), strange) = shared((weights,))
        parts = [part.rows[0] for part in slabs((weights,), found)]
    assert strange == []
    np.testing.assert_array_equal(np.concatenate(parts).ravel(), tensor.float().numpy().ravel())
    assert all(part.size <= max(slab, shape[-1]) for part in parts)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_every_byte_of_the_short_types_is_what_torch_says(tmp_path: Path, dtype: torch.dtype) -> None:
    bytes_ = torch.arange(256, dtype=torch.uint8).view(dtype)
    weights = Weights.open(folder(tmp_path, w=bytes_))
    (part,) = slabs((weights,), shared((weights,))[0][0])
    np.testing.assert_array_equal(part.rows[0][0], bytes_.float().numpy())


@pytest.mark.parametrize(("name", "dtype"), [("BF16", torch.bfloat16), ("F16", torch.float16), ("F32", torch.float32)])
def test_rounding_is_what_torch_does(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    exact = torch.cat([torch.randn(100_000), torch.arange(-512, 513) / 256 + 2.0**-9, torch.tensor([0.0, -0.0, 1e-7])])
    assert np.array_equal(rounded(exact.numpy(), name), exact.to(dtype).float().numpy())


def test_intake_still_takes_no_short_types(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="F8_E4M3"):
        checkpoint.tensors(folder(tmp_path, w=torch.zeros(4).to(torch.float8_e4m3fn)))


def test_prefixes_do_not_matter(tmp_path: Path) -> None:
    plain = Weights.open(folder(tmp_path / "a", model__layers__0__weight=torch.ones(2, 2)))
    wrapped = Weights.open(folder(tmp_path / "b", _orig_mod__module__model__layers__0__weight=torch.ones(2, 2)))
    found, strange = shared((plain, wrapped))
    assert [tensor.name for tensor in found] == ["layers.0.weight"]
    assert strange == []


def test_two_towers_keep_their_full_names(tmp_path: Path) -> None:
    weights = Weights.open(folder(tmp_path, model__w=torch.ones(2, 2), transformer__w=torch.ones(2, 2)))
    assert set(weights.tensors) == {"model.w", "transformer.w"}


def test_a_head_written_out_is_compared_with_the_tied_embedding(tmp_path: Path) -> None:
    embedding = torch.randn(8, 4)
    tied = Weights.open(folder(tmp_path / "a", model__embed_tokens__weight=embedding))
    untied = Weights.open(folder(tmp_path / "b", model__embed_tokens__weight=embedding, lm_head__weight=2 * embedding))
    found = {tensor.name: tensor for tensor in shared((untied, tied))[0]}
    (part,) = slabs((untied, tied), found["lm_head.weight"])
    np.testing.assert_array_equal(part.rows[0], 2 * part.rows[1])
    assert [tensor.name for tensor in shared((tied, tied))[0]] == ["embed_tokens.weight"]


def test_only_vocabularies_may_differ_in_rows(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", model__embed_tokens__weight=torch.ones(8, 4), model__layers__0__weight=torch.ones(8, 4))
    b = folder(tmp_path / "b", model__embed_tokens__weight=torch.ones(6, 4), model__layers__0__weight=torch.ones(6, 4))
    found, strange = shared((Weights.open(a), Weights.open(b)))
    assert [(tensor.name, tensor.rows) for tensor in found] == [("embed_tokens.weight", 6)]
    assert strange == ["layers.0.weight"]


def test_an_empty_tensor_is_not_compared(tmp_path: Path) -> None:
    weights = Weights.open(folder(tmp_path, a=torch.zeros(0, 4), b=torch.ones(2)))
    assert [tensor.name for tensor in shared((weights, weights))[0]] == ["b"]
