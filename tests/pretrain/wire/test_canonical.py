"""The format is what the documentation says, and a content has one byte string: a second codec agrees on every byte."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.pretrain import wire
from tests.pretrain.wire import reference

SHAPES = st.one_of(
    st.just(()),
    st.tuples(st.integers(0, 9000)),
    st.tuples(st.integers(0, 150), st.integers(0, 150)),
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12)),
    st.tuples(st.integers(1, 80), st.integers(1, 3), st.integers(1, 3), st.integers(1, 9)),
)
PARTS = st.sampled_from(["model", "layers", "0", "1", "10", "weight", "bias", "a-b", "a_b", "Z"])
NAMES = st.lists(PARTS, min_size=1, max_size=4).map(".".join)
KINDS = st.sampled_from(["normal", "heavy", "spread", "ties", "sparse", "rows", "zero", "tiny", "constant"])


def array(shape: tuple[int, ...], kind: str, seed: int) -> np.ndarray:
    """Numbers as gradients have them, and as they should not."""
    rng = np.random.default_rng(seed)
    plain = rng.standard_normal(shape)
    made = {
        "normal": lambda: plain * 1e-3,
        "heavy": lambda: rng.standard_t(2, shape),
        "spread": lambda: plain * np.exp2(rng.integers(-60, 60)),
        "ties": lambda: np.round(plain),
        "sparse": lambda: plain * (rng.random(shape) < 0.004),
        "rows": lambda: plain * (np.arange(shape[0] if shape else 1) % 7 == 0).reshape(-1, *[1] * (len(shape) - 1)),
        "zero": lambda: plain * 0,
        "tiny": lambda: plain * 2.0**-96,
        "constant": lambda: np.full(shape, -0.25),
    }[kind]()
    return np.asarray(made, dtype=np.float32).reshape(shape)


TENSORS = st.dictionaries(NAMES, st.tuples(SHAPES, KINDS, st.integers(0, 2**32)), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(tensors=TENSORS, k=st.sampled_from([1, 3, 16, 64, 100, 512, 4096]), bits=st.sampled_from([1, 2]))
def test_an_encoder_written_from_the_documentation_gives_the_same_bytes(tensors, k, bits):
    made = {name: array(*one) for name, one in tensors.items()}
    if sum(one.size for one in made.values()) * k > 4e6:
        k = 64
    content = reference.compress(made, k, bits)
    expected = reference.pack(content, k, bits)
    sparse = wire.compress({name: torch.from_numpy(one.copy()) for name, one in made.items()}, k, bits)
    assert wire.pack(sparse) == expected
    decoded = wire.decode(expected, wire.Limits())
    assert list(decoded) == reference.order(list(made))
    assert decoded == sparse
    assert wire.pack(decoded) == expected
    assert reference.unpack(expected) == {name: content[name] for name in decoded}
    for name, one in reference.dense(content).items():
        assert torch.equal(decoded[name].to_dense(), torch.from_numpy(one))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), k=st.sampled_from([2, 64, 256]), bits=st.sampled_from([1, 2]))
def test_any_legal_content_has_one_encoding(seed, k, bits):
    """Also content that `compress` would never choose: all levels, any number of values."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 200, size=rng.integers(0, 3)))
    content = {"w": (shape, [any_chunk(rng, len(places), k, bits) for places in reference.blocks(shape)])}
    payload = reference.pack(content, k, bits)
    decoded = wire.decode(payload, wire.Limits())
    assert wire.pack(decoded) == payload
    assert np.array_equal(decoded["w"].to_dense().numpy(), reference.dense(content)["w"])


def any_chunk(rng: np.random.Generator, elements: int, k: int, bits: int) -> reference.Chunk:
    count = int(rng.integers(0, reference.room(elements, k) + 1))
    if count == 0:
        return None
    places = np.sort(rng.choice(elements, count, replace=False)).tolist()
    upper = [int(bits == 2 and rng.random() < 0.4) for _ in places]
    upper[int(rng.integers(count))] = 0
    rise = int(rng.integers(1, 64)) if any(upper) else 0
    code = int(rng.integers(reference.SCALE_CODES))
    return code, rise, [(at, int(rng.random() < 0.5), up) for at, up in zip(places, upper, strict=True)]


def test_learning_and_forgetting_are_as_documented():
    """Enough chunks that frequencies are set anew many times and counts are halved."""
    rng = np.random.default_rng(5)
    made = {"w": (rng.standard_normal((64 * 11, 64 * 6)) * rng.random((1, 64 * 6))).astype(np.float32)}
    content = reference.compress(made, 2048, 2)
    assert wire.encode({"w": torch.from_numpy(made["w"])}, 2048, 2) == reference.pack(content, 2048, 2)


def test_a_payload_without_tensors_is_legal():
    assert wire.pack({}) == reference.pack({}, 64, 2)
    assert wire.decode(wire.pack({}), wire.Limits()) == {}


@pytest.mark.parametrize("bits", [1, 2])
def test_sections_end_where_the_documentation_says(bits):
    """More room than one section has; nearly all chunks empty, so that the slow encoder is not too slow."""
    made = np.zeros((64 * 70, 64), dtype=np.float32)
    made[::500] = np.random.default_rng(1).standard_normal((9, 64))
    content = reference.compress({"a.w": made, "b": made[0]}, 4096, bits)
    payload = wire.encode({"a.w": torch.from_numpy(made), "b": torch.from_numpy(made[0])}, 4096, bits)
    assert len(reference.sections(content, 4096)) == 2
    assert payload == reference.pack(content, 4096, bits)
    assert wire.pack(wire.decode(payload, wire.Limits())) == payload
