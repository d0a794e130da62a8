"""What can be done with sparse tensors, and that it gives the same bits however it is done."""

import hashlib
import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import BadInput
from assay.pretrain import wire

SHAPES = [(), (5,), (10_000,), (64, 64), (130, 70), (1, 5000), (70, 3, 3), (4, 3, 5, 7), (0,), (0, 8)]
# Payloads of version 1. If one of these changes, so must the version.
GOLDEN = {
    (64, 2): (
        "41535047010240005c00000000000000030000002100000015066c61796572731501300b0677656967687404070901310001"
        "057363616c650201000000000000000400000001000000fadc1b628947c16a6234fd2b665801b380bbd1"
    ),
    (64, 1): (
        "41535047010140005c00000000000000030000002100000015066c61796572731501300b0677656967687404070901310001"
        "057363616c650201000000000000000400000001000000ec210100b3f2b40034d0fd2b6658018e44a1bd"
    ),
    (4096, 2): (
        "41535047010200108400000000000000030000002100000015066c61796572731501300b0677656967687404070901310001"
        "057363616c650207000000060000000c00000009000000e0ff43009e0f070715bde43890cef406211899eede54898dee6bfb"
        "5f2d2b710bddbbfbf15a59a576a515d5d41916fda145dbf0d2253904c6e99acb"
    ),
}
GOLDEN_LARGE = "c74183071911b024a76418fa551d562a2dfd7737b59da9e2e2fab5a0e2de88d8"


def tensor(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 1e-3


def example() -> dict[str, torch.Tensor]:
    """Small, and without any library's random numbers."""
    return {
        "layers.0.weight": torch.tensor(
            [[(7 * row * row + 13 * column) % 31 - 15 for column in range(9)] for row in range(7)]
        )
        / 64,
        "layers.1.weight": torch.tensor(
            [[(5 * row + 3 * column * column) % 29 - 14 for column in range(9)] for row in range(7)]
        )
        / 64,
        "scale": torch.tensor(-0.75),
    }


@pytest.mark.parametrize(("k", "bits"), GOLDEN)
def test_bytes_of_version_1_never_change(k, bits):
    assert wire.encode(example(), k, bits).hex() == GOLDEN[k, bits]


def test_bytes_of_a_large_payload_never_change():
    numbers = (
        np.random.Generator(np.random.PCG64(11))
        .integers(-(1 << 40), 1 << 40, (4, 1000, 1000))
        .prod(axis=0, dtype=np.float64)
    )
    made = {"w": torch.from_numpy((numbers / 2.0**160).astype(np.float32))}
    assert hashlib.sha256(wire.encode(made)).hexdigest() == GOLDEN_LARGE


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [1, 2])
def test_a_round_trip_keeps_the_largest_entries(shape, bits):
    given_ = tensor(shape)
    sparse = wire.decode(wire.encode({"w": given_}, 64, bits), wire.Limits.of({"w": shape}, bits=bits))["w"]
    assert sparse == wire.compress({"w": given_}, 64, bits)["w"]
    dense = sparse.to_dense()
    assert dense.shape == given_.shape
    assert torch.count_nonzero(dense) == len(sparse) >= math.ceil(given_.numel() / 64)
    kept = dense != 0
    assert torch.equal(torch.sign(dense[kept]), torch.sign(given_[kept]))
    error = torch.linalg.vector_norm((dense - given_)[kept]) / max(torch.linalg.vector_norm(given_[kept]), 1e-30)
    assert error < (0.25 if bits == 1 else 0.12)


def test_the_choice_is_the_same_as_by_sorting():
    """Ties included: of equal magnitudes the lower positions."""
    rng = np.random.default_rng(4)
    for values in (rng.standard_normal(4096), rng.integers(-3, 4, 4096), np.ones(4096), rng.standard_t(1, 4096)):
        block = values.astype(np.float32).reshape(64, 64)
        for k in (1, 64, 1000, 4096):
            order = np.argsort(-np.abs(block.reshape(-1)), kind="stable")[:k]
            expected = np.sort(order[block.reshape(-1)[order] != 0])
            sparse = wire.compress({"w": torch.from_numpy(block)}, k)["w"]
            assert np.array_equal(sparse.indices().numpy(), expected)


def test_a_chunk_does_not_depend_on_those_before():
    """The threshold of one chunk is the first guess for the next, and no more."""
    rng = np.random.default_rng(8)
    blocks = [rng.standard_normal((64, 64)) * 2.0 ** float(power) for power in (0, -90, 90, -3, 0, -90)]
    whole = wire.compress({"w": torch.from_numpy(np.concatenate(blocks, axis=1).astype(np.float32))})["w"]
    for number, block in enumerate(blocks):
        alone = wire.compress({"w": torch.from_numpy(block.astype(np.float32))})["w"]
        part = whole.entries[whole.starts[number] : whole.starts[number + 1]]
        assert np.array_equal(part, alone.entries)
        assert whole.heads[number] == alone.heads[0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_kinds_of_numbers_are_taken_as_float32(dtype):
    given_ = tensor((70, 70)).to(dtype)
    assert wire.encode({"w": given_}) == wire.encode({"w": given_.float()})


def test_memory_layout_and_order_of_names_do_not_matter():
    given_ = tensor((130, 70))
    assert wire.encode({"w": given_.t().contiguous().t()}) == wire.encode({"w": given_})
    assert wire.encode({"a": given_, "b": given_}) == wire.encode({"b": given_, "a": given_})
    given_.requires_grad_()
    assert wire.encode({"w": given_}) == wire.encode({"w": given_.detach()})


@pytest.mark.parametrize("shape", SHAPES)
def test_indices_and_values_are_the_dense_tensor(shape):
    sparse = wire.compress({"w": tensor(shape)})["w"]
    dense = torch.zeros(math.prod(shape))
    dense[sparse.indices()] = sparse.values()
    assert torch.equal(dense.view(shape), sparse.to_dense())
    assert sparse.indices().dtype == torch.int64
    assert sparse.values().dtype == torch.float32
    stale = torch.full(shape, 7.0)
    assert torch.equal(sparse.to_dense(out=stale), sparse.to_dense())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), power=st.integers(-60, 60), bits=st.sampled_from([1, 2]))
def test_the_square_norm_is_exactly_rounded(seed, power, bits):
    sparse = wire.compress({"w": tensor((150, 90), seed) * 2.0**power}, 64, bits)["w"]
    exact = sum(Fraction(value) ** 2 for value in sparse.values().tolist())
    assert sparse.square_norm == float(exact)


def test_adding_up_is_the_same_bits_one_by_one_and_all_at_once():
    parts = [wire.compress({"w": tensor((200, 130), seed)})["w"] for seed in range(7)]
    scales = [0.1, 0.3, -1.0, 1e-3, 7.0, 0.0, 1 / 3]
    slow = torch.zeros(200, 130)
    counts = torch.zeros(200, 130)
    for part, scale in zip(parts, scales, strict=True):
        slow.view(-1)[part.indices()] += part.values() * torch.tensor(scale)
        counts.view(-1)[part.indices()] += 1
    one_by_one, tally = torch.zeros(200, 130), torch.zeros(200, 130)
    for part, scale in zip(parts, scales, strict=True):
        part.count_to(tally)
        part.add_to(one_by_one, scale)
    again = torch.zeros(200, 130)
    at_once = wire.accumulate(torch.zeros(200, 130), parts, scales, counts=again)
    assert torch.equal(slow, one_by_one)
    assert torch.equal(slow, at_once)
    assert torch.equal(counts, tally)
    assert torch.equal(counts, again)


@pytest.mark.parametrize(
    "wrong", [torch.zeros(3), torch.zeros(64, 64, dtype=torch.float64), torch.zeros(64, 128)[:, ::2]]
)
def test_adding_to_something_else_is_refused(wrong):
    sparse = wire.compress({"w": tensor((64, 64))})["w"]
    with pytest.raises(BadInput):
        sparse.add_to(wrong)


def test_overlap_is_the_share_of_common_coordinates():
    a, b = (wire.compress({"w": tensor((200, 130), seed), "v": tensor((9000,), seed)}) for seed in (1, 2))
    assert wire.overlap(a, a) == 1
    common = sum(len(set(a[name].indices().tolist()) & set(b[name].indices().tolist())) for name in a)
    assert common > 0
    assert wire.overlap(a, b) == common / sum(len(one) for one in a.values())
    nothing = wire.compress({"w": torch.zeros(200, 130), "v": torch.zeros(9000)})
    assert wire.overlap(a, nothing) == 0
    part = wire.compress({"w": tensor((200, 130), 1), "v": torch.zeros(9000)})
    assert wire.overlap(a, part) == 1, "who copies a part has copied"
    with pytest.raises(BadInput):
        wire.overlap(a["w"], b["v"])
    with pytest.raises(BadInput):
        wire.overlap(a, {"w": b["w"]})


@pytest.mark.parametrize("shape", [(300, 70), (20_000,), (130, 3, 3)])
def test_stacked_shards_are_the_whole(shape):
    given_ = tensor(shape)
    unit = wire.CHUNK if len(shape) == 1 else wire.BLOCK
    shards = wire.compress({str(number): part for number, part in enumerate(given_.split(unit))})
    assert wire.stack(list(shards.values())) == wire.compress({"w": given_})["w"]
    with pytest.raises(BadInput):
        wire.stack([*wire.compress({"a": given_[:3]}).values(), *shards.values()])


def test_a_zero_tensor_is_sent_in_next_to_nothing():
    payload = wire.encode({"w": torch.zeros(4096, 4096)})
    assert len(payload) < 400
    assert not wire.decode(payload, wire.Limits())["w"].to_dense().any()


def test_size_is_within_the_published_bounds():
    """Uniform positions are harder than those of gradients. All headers are counted."""
    given_ = {"model.layers.0.weight": tensor((1024, 1024)), "model.norm.weight": tensor((1024,))}
    for bits, bound in ((2, 9.45), (1, 8.6)):
        sparse = wire.compress(given_, 64, bits)
        assert 8 * len(wire.pack(sparse)) / sum(len(one) for one in sparse.values()) < bound


def test_reading_takes_less_memory_than_twice_the_largest_legal_payload():
    shapes = {"w": (4096, 4096)}
    payload, limits = wire.encode({"w": tensor(shapes["w"])}), wire.Limits.of(shapes)
    wire.decode(payload, limits)
    tracemalloc.start()
    try:
        wire.decode(payload, limits)
        assert tracemalloc.get_traced_memory()[1] < 2 * limits.max_bytes
    finally:
        tracemalloc.stop()


def test_what_is_decoded_cannot_be_changed_by_accident():
    sparse = wire.decode(wire.encode({"w": tensor((64, 64))}), wire.Limits())["w"]
    with pytest.raises(ValueError, match="read-only"):
        sparse.entries[0] = 1
