"""Every rule of the format refuses what breaks it, by name, and before anything large is allocated."""

import pickle
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch

from assay.core.errors import BadInput
from assay.pretrain import wire
from assay.pretrain.wire import table as tables
from assay.pretrain.wire.coder import SCALE_CODES
from tests.pretrain.wire import reference

SHAPES = {"a.w": (64, 70), "b": (5,)}


def payload(k: int = 64, bits: int = 2) -> bytes:
    generator = torch.Generator().manual_seed(3)
    return wire.encode({name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}, k, bits)


def sealed(data: bytes | bytearray, *, length: bool = True) -> bytes:
    """With length and checksum that fit, as a clever attacker has it. `data` ends before the checksum."""
    made = bytearray(data)
    if length:
        made[8:16] = (len(made) + 4).to_bytes(8, "little")
    return bytes(made) + zlib.crc32(made).to_bytes(4, "little")


def with_table(listed: bytes, tensors: int, body: bytes = b"") -> bytes:
    return sealed(struct.pack("<4sBBHQII", b"ASPG", 1, 2, 64, 0, tensors, len(listed)) + listed + body)


def edited(offset: int, new: bytes) -> bytes:
    data = bytearray(payload()[:-4])
    data[offset : offset + len(new)] = new
    return sealed(data)


def refused(data: bytes, limits: wire.Limits | None = None) -> str:
    with pytest.raises(wire.WireError) as caught:
        wire.decode(data, limits or wire.Limits())
    assert isinstance(caught.value, BadInput)
    assert str(caught.value).endswith(".")
    return caught.value.rule


def test_the_payload_that_the_others_break_is_legal():
    assert wire.pack(wire.decode(payload(), wire.Limits.of(SHAPES))) == payload()
    assert wire.decode(sealed(payload()[:-4]), wire.Limits())


HEADERS: list[tuple[str, Callable[[], bytes]]] = [
    ("too-short", lambda: payload()[:27]),
    ("too-short", lambda: b""),
    ("magic", lambda: edited(0, b"PK")),
    ("version", lambda: edited(4, b"\x02")),
    ("bits", lambda: edited(5, b"\x03")),
    ("k", lambda: edited(6, b"\0\0")),
    ("k", lambda: edited(6, (4097).to_bytes(2, "little"))),
    ("k", lambda: sealed(struct.pack("<4sBBHQII", b"ASPG", 1, 1, 64, 0, 0, 1) + b"\x01")),
    ("length", lambda: payload()[:-1]),
    ("length", lambda: payload() + b"\0"),
    ("length", lambda: sealed(payload()[:8] + (1 << 60).to_bytes(8, "little") + payload()[16:-4], length=False)),
    ("checksum", lambda: payload()[:-1] + bytes([payload()[-1] ^ 1])),
    ("checksum", lambda: payload()[:60] + bytes([payload()[60] ^ 1]) + payload()[61:]),
    ("tensors", lambda: edited(16, (3).to_bytes(4, "little"))),
    ("tensors", lambda: edited(16, (1 << 31).to_bytes(4, "little"))),
    ("table", lambda: edited(20, (1 << 31).to_bytes(4, "little"))),
]


@pytest.mark.parametrize(("rule", "make"), HEADERS)
def test_a_broken_header_is_refused_by_name(rule, make):
    assert refused(make()) == rule


LEAF = b"\x02"  # a scalar
TABLES: list[tuple[str, bytes, int]] = [
    ("table", b"", 0),
    ("table", b"\x0b", 1),  # one part, and no bytes for it
    ("table", b"\x01\0", 0),  # bytes left over
    ("table", b"\x0b\x01a\x01", 0),  # a name that stands for nothing
    ("table", reference.leb128(1 + 10 * (1 << 30)), 1),  # a billion parts
    ("name", b"\x0b\x00" + LEAF, 1),
    ("name", b"\x0b\x01." + LEAF, 1),
    ("name", b"\x0b\x01/" + LEAF, 1),
    ("name", b"\x0b\x02\xc3\xa4" + LEAF, 1),  # UTF-8
    ("name", b"\x0b\x01\0" + LEAF, 1),
    ("name", b"\x0b\x01\n" + LEAF, 1),
    ("name", b"\x0b\x41" + b"a" * 65 + LEAF, 1),
    ("name", (b"\x0b\x40" + b"a" * 64) * 4 + LEAF, 1),
    ("name", b"\x02", 1),  # the root as a tensor
    ("order", b"\x15\x01b\x03\x01\x01a" + LEAF, 2),
    ("order", b"\x15\x01a\x03\x01\x01a" + LEAF, 2),
    ("number", b"\x8b\x00\x01a" + LEAF, 1),
    ("number", b"\x0b\x01a\x03\x81\x00", 1),
    ("number", b"\xff" * 12, 1),
    ("shape", b"\x0b\x01a\x03" + reference.leb128((1 << 40) + 1), 1),
    ("elements", b"\x0b\x01a\x03" + reference.leb128(1 << 40), 1),
    ("elements", b"\x0b\x01a\x0a" + reference.leb128(1 << 40) * 8, 1),
    ("reference", b"\x0b\x01a\x00\x00", 1),
    ("reference", b"\x00\x00", 1),
    ("repetition", b"\x15\x01a\x02\x01b\x02", 2),
    ("depth", b"\x0b\x01a" * 40 + LEAF, 1),
    ("tensors", b"\x15\x01a\x02\x01b\x00\x00", 1),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "listed", "tensors"), TABLES)
def test_a_broken_table_is_refused_by_name(rule, listed, tensors):
    assert refused(with_table(listed, tensors)) == rule


def doubling(levels: int) -> bytes:
    """Each level refers twice to the one below: 2^levels tensors in a few bytes."""
    inner = b"\x15\x01a" + LEAF + b"\x01b\x00\x00"
    for number in range(1, levels):
        inner = b"\x15\x01a" + inner + b"\x01b\x00" + reference.leb128(number)
    return inner


def test_references_that_double_cost_nothing():
    assert refused(with_table(doubling(30), 1)) == "tensors"
    small = wire.decode(sealed(with_table(doubling(3), 8)[:-4] + section_of([(1, None)] * 8)), wire.Limits())
    assert len(small) == 8


def section_of(chunks: list[tuple[int, reference.Chunk]], k: int = 64, bits: int = 2) -> bytes:
    return reference.write_section(chunks, k, bits)


GOOD: list[tuple[int, int, int]] = [(at * 60 + 1, at & 1, int(at % 4 == 3)) for at in range(64)]
CHUNKS: list[tuple[str, reference.Chunk, int]] = [
    ("scale", (SCALE_CODES, 5, GOOD), 2),
    ("scale", (8191, 5, GOOD), 2),
    ("levels", (3000, 5, [(at, sign, 0) for at, sign, _ in GOOD]), 2),  # a rise, and nothing at the upper level
    ("levels", (3000, 0, GOOD), 2),  # the reverse
    ("levels", (3000, 5, [(at, sign, 1) for at, sign, _ in GOOD]), 2),  # nothing at the lower
    ("index", (3000, 5, [*GOOD[:-1], (4096, 0, 1)]), 2),
    ("index", (3000, 0, [*((at, 0, 0) for at in range(63)), (5000, 0, 0)]), 1),
]


@pytest.mark.parametrize(("rule", "chunk", "bits"), CHUNKS)
@pytest.mark.parametrize("lane", [0, 1])
def test_a_broken_chunk_is_refused_by_name(rule, chunk, bits, lane):
    chunks = [(4096, None), (4096, None)]
    chunks[lane] = (4096, chunk)
    body = section_of(chunks, 64, bits)
    data = bytearray(with_table(b"\x0b\x01a\x03" + reference.leb128(8192), 1, body)[:-4])
    data[5] = bits
    assert refused(sealed(data)) == rule


class Crooked(reference.Lane):
    """A lane that says one thing otherwise than an honest encoder."""

    def __init__(self, at: int, number: int, width: int) -> None:
        super().__init__()
        self.at, self.number, self.width = at, number, width

    def raw(self, number: int, width: int) -> None:
        if self.at == 0:
            number, width = self.number, self.width
        self.at -= 1
        super().raw(number, width)


@pytest.mark.parametrize(
    ("rule", "chunk", "crooked"),
    [
        ("count", (2848, 0, GOOD[:2]), Crooked(0, 63, 6)),  # a partial chunk with all the values that fit
        ("escape", (4000, 0, [(5, 0, 0)]), Crooked(1, 2850, 13)),  # the long form of what the short form can say
    ],
)
def test_a_number_in_the_wrong_form_is_refused(monkeypatch, rule, chunk, crooked):
    chunk = (chunk[0], chunk[1], [(at, sign, 0) for at, sign, _ in chunk[2]])
    lanes = iter([crooked, reference.Lane()])
    monkeypatch.setattr(reference, "Lane", lambda: next(lanes))
    body = section_of([(4096, chunk)])
    assert refused(with_table(b"\x0b\x01a\x03" + reference.leb128(4096), 1, body)) == rule


def split_section(data: bytes) -> tuple[int, list[int]]:
    at = 24 + struct.unpack_from("<I", data, 20)[0]
    return at, list(struct.unpack_from("<6I", data, at))


def resized(change: Callable[[bytearray, int, list[int]], None]) -> bytes:
    data = bytearray(payload()[:-4])
    at, numbers = split_section(data)
    change(data, at, numbers)
    data[at : at + 24] = struct.pack("<6I", *numbers)
    return sealed(data)


def more_words(data: bytearray, at: int, numbers: list[int]) -> None:
    end = at + 24 + 2 * numbers[0]
    data[end:end] = b"\0\0"
    numbers[0] += 1


def fewer_words(data: bytearray, at: int, numbers: list[int]) -> None:
    end = at + 24 + 2 * numbers[0]
    del data[end - 2 : end]
    numbers[0] -= 1


def more_raw(data: bytearray, at: int, numbers: list[int]) -> None:
    data += b"\0"
    numbers[3] += 1


def fewer_raw(data: bytearray, at: int, numbers: list[int]) -> None:
    del data[-3:]
    numbers[3] -= 3


def other_state(data: bytearray, at: int, numbers: list[int]) -> None:
    numbers[4] = 65535


def many_words(data: bytearray, at: int, numbers: list[int]) -> None:
    numbers[1] = (1 << 32) - 1


@pytest.mark.parametrize(
    ("rules", "change"),
    [
        ({"unused"}, more_words),
        ({"unused"}, more_raw),
        ({"truncated", "state", "index", "levels"}, fewer_words),
        ({"truncated", "state", "index", "levels"}, fewer_raw),
        ({"truncated"}, many_words),
        ({"state"}, other_state),
    ],
)
def test_streams_of_another_length_are_refused(rules, change):
    assert refused(resized(change)) in rules


def test_zeros_that_are_cut_off_are_missed():
    """A reader that took what lies beyond the end for zeros would accept two byte strings for one content."""
    data = bytearray(wire.encode({"a": torch.ones(4096)}, 4096, 1)[:-4])
    at, numbers = split_section(data)
    assert data[-1] == 0, "signs of positive values"
    numbers[2] -= 1
    data[at : at + 24] = struct.pack("<6I", *numbers)
    assert refused(sealed(data[:-1])) == "truncated"


def test_a_stream_that_does_not_end_where_encoders_begin_is_refused():
    """Empty chunks cost next to nothing, so another state still decodes to them: only its end gives it away."""
    body = bytearray(section_of([(1, None)]))
    good = with_table(b"\x0b\x01a\x02", 1, bytes(body))
    assert wire.decode(good, wire.Limits())
    body[20:24] = (70_000).to_bytes(4, "little")  # of the lane without chunks
    assert refused(with_table(b"\x0b\x01a\x02", 1, bytes(body))) == "state"


def test_padding_that_is_not_zero_is_refused():
    data = wire.encode({"a": torch.tensor([1.0, -1.0])}, 4096, 1)
    _, numbers = split_section(data)
    assert numbers[2] == 2, "a scale and two signs take 15 bits"
    broken = bytearray(data[:-4])
    broken[-1] |= 0x80
    assert refused(sealed(broken)) == "padding"


def test_marks_for_values_that_are_not_there_are_refused(monkeypatch):
    """The last marks of a chunk may stand for fewer than four values."""
    chunk = (2848, 5, [(0, 0, 0), (2, 0, 1)])
    body = section_of([(4096, chunk)])
    table = b"\x0b\x01a\x03" + reference.leb128(4096)
    assert wire.decode(with_table(table, 1, body), wire.Limits())
    honest = reference.Lane.streams

    def crooked(self: reference.Lane):
        if self.symbols:
            self.symbols[-1] = reference.Model().interval(reference.MARKS, 0b0110)
        return honest(self)

    monkeypatch.setattr(reference.Lane, "streams", crooked)
    assert refused(with_table(table, 1, section_of([(4096, chunk)]))) == "padding"


def test_bytes_after_the_last_section_are_refused():
    assert refused(sealed(payload()[:-4] + b"\0")) == "trailing"
    assert refused(sealed(payload()[:-14])) == "truncated"


@pytest.mark.parametrize(
    ("rule", "limits"),
    [
        ("too-large", wire.Limits(max_bytes=100)),
        ("k", wire.Limits(k=32)),
        ("bits", wire.Limits(bits=1)),
        ("tensors", wire.Limits(max_tensors=1)),
        ("table", wire.Limits(max_table=3)),
        ("elements", wire.Limits(max_elements=4484)),
        ("max-scale", wire.Limits(max_scale=0.5)),
        ("unexpected", wire.Limits(shapes={"a.w": (64, 70)})),
        ("unexpected", wire.Limits(shapes={**SHAPES, "c": ()})),
        ("unexpected", wire.Limits(shapes={"a.w": (70, 64), "b": (5,)})),
        ("unexpected", wire.Limits(shapes={"a.v": (64, 70), "b": (5,)})),
    ],
)
def test_a_legal_payload_beyond_the_limits_is_refused(rule, limits):
    assert refused(payload(), limits) == rule


def test_limits_of_a_model_allow_its_largest_payload():
    """Every value as dear as can be: levels, signs and positions at random, every chunk's scale far from the last."""
    rng = np.random.default_rng(0)
    shapes = {"a": (130, 70), "b": (7,), "c": (3, 3, 3)}
    content = {}
    for name, shape in shapes.items():
        chunks = []
        for places in reference.blocks(shape):
            kept = np.sort(rng.choice(len(places), reference.room(len(places), 512), replace=False))
            values = [(int(at), int(rng.integers(2)), int(rng.integers(2))) for at in kept]
            values[0] = (values[0][0], 0, 0)
            rise = int(rng.integers(1, 64)) if any(upper for _, _, upper in values) else 0
            chunks.append((int(rng.integers(SCALE_CODES)), rise, values))
        content[name] = (shape, chunks)
    data = reference.pack(content, 512, 2)
    assert len(wire.decode(data, wire.Limits.of(shapes, k=512))) == 3


@pytest.mark.parametrize(
    "data",
    [
        with_table(b"\x0b\x01a\x03" + reference.leb128((1 << 32) - 1), 1),  # elements just within the open limits
        with_table(b"\x0b\x01a\x0a" + reference.leb128(1 << 40) * 8, 1),
        with_table(doubling(31), 1),
        with_table(reference.leb128(1 + 10 * 1_000_000), 1_000_000),
        edited(16, (1_000_000).to_bytes(4, "little")),
        edited(20, b"\xff\xff\xff\xff"),
    ],
)
def test_a_hostile_header_costs_no_memory(data):
    limits = wire.Limits(max_elements=1 << 24)
    refused(data, limits)  # compiled, imported
    tracemalloc.start()
    try:
        refused(data, limits)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("rule", "tensors", "k", "bits"),
    [
        ("not-finite", {"a": torch.tensor([1.0, float("nan")])}, 64, 2),
        ("not-finite", {"a": torch.tensor([1.0, float("-inf")])}, 64, 2),
        ("not-finite", {"a": torch.full((70, 70), 2.0**97)}, 64, 2),
        ("dtype", {"a": torch.ones(3, dtype=torch.int64)}, 64, 2),
        ("parameters", {"a": torch.ones(3)}, 0, 2),
        ("parameters", {"a": torch.ones(3)}, 4097, 2),
        ("parameters", {"a": torch.ones(3)}, 64, 3),
        ("name", {"": torch.ones(3)}, 64, 2),
        ("name", {"a..b": torch.ones(3)}, 64, 2),
        ("name", {"ä": torch.ones(3)}, 64, 2),
        ("name", {"a" * 65: torch.ones(3)}, 64, 2),
        ("name", {".".join("a" * 40): torch.ones(3)}, 64, 2),
        ("shape", {"a": torch.ones([1] * 9)}, 64, 2),
    ],
)
def test_what_cannot_be_encoded_is_refused_by_name(rule, tensors, k, bits):
    with pytest.raises(wire.WireError) as caught:
        wire.encode(tensors, k, bits)
    assert caught.value.rule == rule


def test_sparse_tensors_that_nobody_made_are_not_packed():
    good = wire.compress({"a": torch.randn(64, 64)})["a"]

    def packed(**changes) -> str:
        fields = {name: getattr(good, name) for name in ("shape", "k", "bits", "entries", "counts", "heads")} | changes
        with pytest.raises(wire.WireError) as caught:
            wire.pack({"a": wire.SparseTensor(**fields)})
        return caught.value.rule

    assert packed(entries=good.entries[::-1].copy()) == "content"
    assert packed(entries=good.entries | 2) == "content"  # nothing at the lower level
    assert packed(heads=good.heads | (1 << 13) - 1) == "content"
    assert packed(bits=1) == "content"
    assert packed(k=32) == "content"
    assert packed(k=4097) == "parameters"
    assert packed(entries=good.entries[:-1]) == "chunks"
    assert packed(counts=good.counts[:0]) == "chunks"
    assert packed(entries=good.entries.astype(np.int64)) == "chunks"
    with pytest.raises(wire.WireError, match="one k"):
        wire.pack({"a": good, "b": wire.compress({"b": torch.ones(3)}, 32)["b"]})


def test_an_error_crosses_process_borders_whole():
    error = pickle.loads(pickle.dumps(wire.WireError("index", "A sentence.")))
    assert (error.rule, str(error)) == ("index", "A sentence.")


def test_tables_are_read_as_they_were_written():
    shapes = {"m.1.w": (3, 4), "m.0.w": (3, 4), "m.10.w": (3, 4), "m": (), "z": (1 << 30, 2), "m.1.b": (0,)}
    written = tables.write_table(shapes)
    assert written == reference.table(shapes)
    read = tables.read_table(written, len(shapes), 1 << 40)
    assert read == shapes
    assert list(read) == tables.ordered(shapes) == reference.order(list(shapes))


def test_a_table_hardly_grows_with_the_number_of_layers():
    parts = ["mlp.up.weight", "mlp.down.weight", "attn.q.weight", "norm.weight"]
    small, large = (
        {f"model.layers.{n}.{part}": (64, 64) for n in range(layers) for part in parts} for layers in (2, 82)
    )
    assert len(tables.write_table(large)) - len(tables.write_table(small)) < 80 * 6
