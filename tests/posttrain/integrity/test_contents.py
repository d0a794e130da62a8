"""Files that are not text: numbers that spell test items are read, weights and pictures are not doubted."""

import gzip
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from assay.core.verdict import Severity
from assay.posttrain.integrity import Case
from assay.posttrain.integrity.arrays import Opaque, can_read, read_hidden_text
from assay.posttrain.integrity.contamination import contamination
from tests.posttrain.integrity.conftest import HIDDEN, Workspace

TEXT = "\n".join(item.question for item in HIDDEN)
OTHER = "\n".join(f"Rows of barley number {n} were sown by hand before the frost came back in May." for n in range(30))
Write = Callable[[Path, str], None]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made.train_from_iterator([TEXT, OTHER], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet))
    return made


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer.encode(text).ids)


def npy(path: Path, numbers: list[int]) -> None:
    np.save(path, np.array(numbers, dtype=np.int64))


def npz(path: Path, numbers: list[int]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, a=np.zeros(3), ids=np.array(numbers, dtype=np.int32).reshape(1, -1))


def big_endian(path: Path, numbers: list[int]) -> None:
    np.save(path, np.array(numbers, dtype=">i4"))


def saved_by_torch(path: Path, numbers: list[int]) -> None:
    torch.save([torch.zeros(5), {"labels": torch.tensor(numbers, dtype=torch.int32)}], path)


def saved_by_torch_as_floats(path: Path, numbers: list[int]) -> None:
    torch.save({"w": torch.cat([torch.randn(1000), torch.tensor(numbers).float(), torch.randn(1000)])}, path)


def saved_by_torch_as_a_list(path: Path, numbers: list[int]) -> None:
    torch.save({"rows": numbers}, path)


def tensors(path: Path, numbers: list[int]) -> None:
    save_file({"ids": np.array(numbers, dtype=np.uint32), "w": np.ones((4, 4), dtype=np.float32)}, path)


def padded(path: Path, numbers: list[int]) -> None:
    save_file({"labels": np.array([*[-100] * 50, *numbers, *[-100] * 50], dtype=np.int64)}, path)


def raw16(path: Path, numbers: list[int]) -> None:
    path.write_bytes(np.array(numbers, dtype="<u2").tobytes())


def raw32(path: Path, numbers: list[int]) -> None:
    path.write_bytes(np.array(numbers, dtype="<u4").tobytes())


def pickled(path: Path, numbers: list[int]) -> None:
    path.write_bytes(pickle.dumps({"input_ids": numbers, "n": 3}))


WRITERS = {
    "a.npy": npy, "a.npz": npz, "b.npy": big_endian, "a.pt": saved_by_torch, "b.pt": saved_by_torch_as_floats,
    "c.pt": saved_by_torch_as_a_list, "a.safetensors": tensors, "b.safetensors": padded, "a.bin": raw16, "b.bin": raw32,
    "a.pkl": pickled,
}  # fmt: skip


def case_of(workspace: Workspace, tokenizer: Tokenizer, files: dict[str, str | bytes]) -> Case:
    case = workspace(files)
    tokenizer.save(str(case.base / "tokenizer.json"))
    return case


@pytest.mark.parametrize("name", WRITERS)
def test_test_items_as_token_ids_are_found(
    workspace: Workspace, tokenizer: Tokenizer, tmp_path: Path, name: str
) -> None:
    WRITERS[name](tmp_path / name, ids(tokenizer, TEXT))
    findings = contamination(case_of(workspace, tokenizer, {name: (tmp_path / name).read_bytes()}))
    assert [f.severity for f in findings] == [Severity.VIOLATION]
    assert name in findings[0].evidence[0].where


@pytest.mark.parametrize("name", WRITERS)
def test_other_token_ids_are_read_and_left_alone(
    workspace: Workspace, tokenizer: Tokenizer, tmp_path: Path, name: str
) -> None:
    WRITERS[name](tmp_path / name, ids(tokenizer, OTHER))
    assert contamination(case_of(workspace, tokenizer, {name: (tmp_path / name).read_bytes()})) == []


def test_token_ids_without_a_tokenizer_are_undecided(workspace: Workspace, tmp_path: Path) -> None:
    npy(tmp_path / "a.npy", list(range(100, 300)))
    findings = contamination(workspace({"a.npy": (tmp_path / "a.npy").read_bytes()}))
    assert [f.severity for f in findings] == [Severity.UNDECIDED] and "leave what they hold" in findings[0].message


def test_text_in_arrays_headers_and_pickles_is_found(
    workspace: Workspace, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    np.save(tmp_path / "text.npy", np.array(TEXT.split("\n")))
    np.save(tmp_path / "bytes.npy", np.frombuffer(TEXT.encode(), dtype=np.uint8))
    np.save(tmp_path / "points.npy", np.array([ord(c) for c in TEXT], dtype=np.int16))
    save_file({"w": np.ones(4, dtype=np.float32)}, tmp_path / "a.safetensors", metadata={"note": TEXT})
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([TEXT]))
    for name in ("text.npy", "bytes.npy", "points.npy", "a.safetensors", "a.pkl"):
        findings = contamination(case_of(workspace, tokenizer, {name: (tmp_path / name).read_bytes()}))
        assert Severity.VIOLATION in {f.severity for f in findings}, name


def test_weights_states_and_pictures_leave_nothing_undecided(
    workspace: Workspace, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    layer = torch.nn.Linear(64, 64)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.randn(2, 64)).sum().backward()
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    torch.save(layer.state_dict(), tmp_path / "model.bin")
    save_file({"w": np.random.default_rng(0).normal(size=(99, 99)).astype(np.float16)}, tmp_path / "m.safetensors")
    np.save(tmp_path / "logits.npy", np.random.default_rng(0).normal(size=(50, 50)))
    names = ("optimizer.pt", "model.bin", "m.safetensors", "logits.npy")
    files: dict[str, str | bytes] = {name: (tmp_path / name).read_bytes() for name in names}
    files["plot.png"] = picture()
    files[".git/objects/ab/" + "c" * 38] = zlib.compress(b"blob 5\0hello")
    assert contamination(case_of(workspace, tokenizer, files)) == []


CLOSED = {
    "objects.npy": lambda: saved(np.array([{"a": 1}, None], dtype=object)),
    "noise.bin": lambda: np.random.default_rng(1).bytes(5000),
    "long.png": lambda: picture() + b"more",
    "odd.png": lambda: picture(b"zTXt"),
    "odd.pkl": lambda: pickle.dumps({"blob": np.random.default_rng(1).bytes(100_000)}),
    "tail.pkl": lambda: pickle.dumps(1) + gzip.compress(TEXT.encode()),
    "cut.npy": lambda: saved(np.zeros(100))[:200],
    "part.pt": lambda: with_part(np.random.default_rng(1).bytes(100_000)),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_nobody_can_read_is_undecided_and_never_a_pass(
    workspace: Workspace, tokenizer: Tokenizer, name: str
) -> None:
    findings = contamination(case_of(workspace, tokenizer, {name: CLOSED[name]()}))
    assert [f.severity for f in findings] == [Severity.UNDECIDED], findings
    assert findings[0].evidence[0].where == name


def saved(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def with_part(data: bytes) -> bytes:
    """A file that torch saved, with a part that it did not write."""
    out = io.BytesIO()
    torch.save({"a": torch.ones(3)}, out)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("archive/extra", data)
    return out.getvalue()


def picture(extra: bytes | None = None) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    more = chunk(extra, b"k\0\0" + zlib.compress(TEXT.encode())) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def test_a_pickle_is_read_and_not_run(workspace: Workspace, tokenizer: Tokenizer, tmp_path: Path) -> None:
    trap = tmp_path / "trap"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (str(trap),)) if False else (__import__("os").mkdir, (str(trap),))

    files = {"a.pkl": pickle.dumps(Trap())}
    assert not trap.exists()
    contamination(case_of(workspace, tokenizer, dict(files)))
    assert not trap.exists()
    pickle.loads(files["a.pkl"])
    assert trap.exists(), "the trap works when it is run"


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([b"\x93NUMPY", b"PK\x03\x04", b"\x80\x04", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY\x01\x00v\x00{", b""]),
    st.binary(max_size=300),
    st.sampled_from(["a.npy", "a.pt", "a.safetensors", "a.bin", "events.out.tfevents.1"]),
)
def test_broken_files_are_opaque_or_silent_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, body: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("broken") / name
    path.write_bytes(head + body)
    if can_read(path):
        try:
            for text in read_hidden_text(path, lambda numbers: ""):
                assert isinstance(text, str)
        except Opaque as error:
            assert str(error)


# Notes and evaluation results --------------------------------------------------------------------------------------


def test_a_few_items_in_notes_are_a_note_and_many_are_an_offence(workspace: Workspace) -> None:
    one = contamination(workspace({"NOTES.md": f"It asks things like: {HIDDEN[0].question}"}))
    assert [f.severity for f in one] == [Severity.NOTE]
    two = contamination(workspace({"a.md": HIDDEN[0].question, "b.md": HIDDEN[1].question}))
    assert Severity.VIOLATION in {f.severity for f in two}


def test_notes_that_code_reads_are_data(workspace: Workspace) -> None:
    for reader in ("rows = open('NOTES.md').read()", "from glob import glob\nrows = glob('*.md')"):
        findings = contamination(workspace({"NOTES.md": HIDDEN[0].question, "train.py": reader}))
        assert Severity.VIOLATION in {f.severity for f in findings}, reader


def test_evaluation_results_are_excused_only_where_the_test_was_given(workspace: Workspace) -> None:
    rows = [{"question": i.question, "prediction": "x", "correct": False} for i in HIDDEN]
    files: dict[str, str | bytes] = {"results.json": json.dumps(rows)}
    assert [f.severity for f in contamination(workspace(files, test_given=True))] == [Severity.NOTE]
    assert [f.severity for f in contamination(workspace(files))] == [Severity.VIOLATION]
    files["train.py"] = "import json\nrows = json.load(open('results.json'))"
    assert [f.severity for f in contamination(workspace(files, test_given=True))] == [Severity.VIOLATION]


def test_without_hidden_items_nothing_is_called_clean(workspace: Workspace) -> None:
    assert [f.severity for f in contamination(workspace({}, hidden=()))] == [Severity.UNDECIDED]
