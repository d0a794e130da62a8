"""Outputs as the loader gives them room: short and long, in several threads, refused; a program that says too much."""

import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from assay.prove.calling import bind
from assay.prove.component import EntryPoint

SOURCE = """
#include <stdint.h>
#include <unistd.h>
uint64_t repeat(const uint8_t *data, uint8_t *out, uint64_t size) {
  if (size && data[0] == 255) return UINT64_MAX;          /* refused */
  if (size && data[0] == 254) return 2 * size + 6;        /* one more than there is room */
  for (uint64_t i = 0; i < size; i++) out[2 * i] = out[2 * i + 1] = data[i];
  if (size && data[0] == 253) usleep(300000);            /* others come in meanwhile */
  return 2 * size;
}
uint64_t reversed(const uint8_t *data, uint64_t size, uint8_t *out, uint64_t room) {
  if (room != size + 1) return UINT64_MAX;
  for (uint64_t i = 0; i < size; i++) out[size - 1 - i] = data[i];
  return size;
}
void runs(const uint8_t *data, uint8_t *out, uint16_t *seen, uint64_t from, uint64_t size, uint64_t room,
          uint64_t *how, uint64_t *taken, uint64_t *written) {
  uint64_t i = from, o = 0;                              /* bytes until one has come before; 255 is refused */
  while (i < size && data[i] != 255 && !seen[data[i]]++) out[o++] = data[i++];
  *how = i < size && data[i] == 255 ? 4 : 3; *taken = i; *written = o + (room != 2 * size + 1);
}
"""
DATA, LENGTH = {"kind": "buffer", "name": "data"}, {"kind": "length", "of": "data"}
ENTRIES: list[dict[str, Any]] = [
    {
        "name": "repeat",
        "symbol": "repeat",
        "parameters": [DATA, {"kind": "output", "name": "out", "of": "data", "times": [2, 1], "plus": 5}, LENGTH],
        "returns": "written",
        "invalid": "max",
    },
    {
        "name": "reversed",
        "symbol": "reversed",
        "parameters": [
            DATA,
            LENGTH,
            {"kind": "output", "name": "out", "of": "data", "plus": 1},
            {"kind": "capacity", "of": "out"},
        ],
        "returns": "written",
    },
]
RUNS = [
    DATA,
    {"kind": "output", "name": "out", "of": "data", "times": [2, 1], "plus": 1},
    {"kind": "scratch", "bytes": 512, "word": 16},
    {"kind": "constant", "value": 1},
    LENGTH,
    {"kind": "capacity", "of": "out"},
    *({"kind": "result", "name": name} for name in ("how", "taken", "written")),
]
VALID = {"result": "how", "is": 3}
ENTRIES += [
    {"name": n, "symbol": "runs", "parameters": RUNS, "returns": returns, "result": result, "valid": VALID}
    for n, returns, result in (("runs", "written", "written"), ("taken", "u64", "taken"))
]
SIZES = (0, 1, 2, 1000, 65533, 65534, 65535, 200_000)  # outputs of 128 KiB and a little more among them


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("calling")
    library = folder / "sample.so"
    command = ["gcc", "-O1", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=SOURCE.encode(), check=True, timeout=60)
    return {e.name: f for e, f in bind(Path(library), [EntryPoint.model_validate(entry) for entry in ENTRIES])}


def doubled(data: bytes) -> bytes:
    return bytes(byte for byte in data for _ in range(2))


def sample(size: int) -> bytes:
    return bytes(random.Random(size).choices(range(200), k=size))


@pytest.mark.parametrize("size", SIZES)
def test_outputs_of_every_size_are_bytes_of_their_own(size: int, functions: dict[str, Any]) -> None:
    data = sample(size)
    first, second = functions["repeat"](data), functions["repeat"](bytearray(data))
    assert type(first) is bytes
    assert first == second == doubled(data)
    assert {first: 1}[second] == 1  # they hash as bytes do
    assert functions["reversed"](data) == functions["reversed"](data=memoryview(data)) == data[::-1]
    functions["repeat"](bytes(size))
    assert first == doubled(data)  # a later call does not touch it


@pytest.mark.parametrize("size", [1, 1000, 70_000])
def test_what_is_refused_leaves_nothing_behind(size: int, functions: dict[str, Any]) -> None:
    for first, words in ((255, "the input is not valid"), (254, f"says that it wrote {2 * size + 6} bytes into")):
        with pytest.raises(ValueError, match=words):
            functions["repeat"](bytes([first]) + bytes(size - 1))
    assert functions["repeat"](b"ab") == b"aabb"


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_result_is_let_go_when_nobody_holds_it(size: int, functions: dict[str, Any]) -> None:
    for name in ("repeat", "reversed"):
        result, ordinary = functions[name](sample(size)), bytes(bytearray(size))
        assert sys.getrefcount(result) == sys.getrefcount(ordinary)


def test_threads_do_not_write_over_each_other(functions: dict[str, Any]) -> None:
    inputs = [b"\xfd" + sample(size) for size in (500, 600, 700)]
    functions["repeat"](b"a")  # memory is kept of it, for one of them
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(functions["repeat"], inputs)) == list(map(doubled, inputs))


def test_other_arguments_than_one_buffer_are_refused(functions: dict[str, Any]) -> None:
    for arguments in ((), (b"a", b"b"), ("text",), (None,)):
        with pytest.raises(TypeError):
            functions["repeat"](*arguments)
    with pytest.raises(TypeError):
        functions["reversed"](b"a", other=1)


def test_one_of_several_results_is_returned_if_another_says_that_the_input_is_valid(functions: dict[str, Any]) -> None:
    for _ in range(2):  # the array that it works with is zero each time
        assert functions["runs"](b"xabcab") == b"abc"
        assert functions["taken"](b"xabcab") == 4
        assert functions["runs"](b"x") == b""
    for name in ("runs", "taken"):
        with pytest.raises(ValueError, match=f"{name}: the input is not valid"):
            functions[name](b"xab\xff")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"result": None}, "go together"),
        ({"result": "size"}, "no result size"),
        ({"valid": {"result": "size", "is": 3}}, "no result size"),
        ({"returns": "u8"}, "returns written or u64"),
        ({"invalid": "max"}, "takes the place of"),
        ({"parameters": [*RUNS, {"kind": "constant"}]}, "has a value"),
        ({"parameters": [*RUNS, {"kind": "u64", "name": "x", "value": 1}]}, "has a value"),
        ({"parameters": [*RUNS, {"kind": "scratch", "bytes": 3, "word": 16}]}, "whole number"),
        ({"parameters": [*RUNS, {"kind": "length", "of": "data", "word": 16}]}, "scratch array"),
        ({"parameters": [p for p in RUNS if p["kind"] not in ("output", "capacity")]}, "has one output"),
    ],
)
def test_an_entry_with_results_that_makes_no_sense_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EntryPoint.model_validate({**ENTRIES[2], **change})
