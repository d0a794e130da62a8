"""Outputs as the loader gives them room: short and long, in several threads, refused; a program that says too much."""

import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

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
