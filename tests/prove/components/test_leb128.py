"""The committed C of LEB128 as Python loads it: against Python's integers, at the ends, on what is no code."""

import importlib.util
import random
import shutil
from array import array
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from assay.prove.loading import Loaded, load

FOLDER = Path(__file__).parents[3] / "proofs" / "leb128"
INPUTS = 600
LOWEST, HIGHEST = -(1 << 63), (1 << 64) - 1


@pytest.fixture(scope="module")
def python() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance_leb128", FOLDER / "tests" / "conformance.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def leb128() -> Loaded:
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")
    return load(FOLDER)


def answer(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ValueError:
        return "refused"


def memory(*numbers: int) -> bytes:
    return b"".join((number % (1 << 64)).to_bytes(8, "little") for number in numbers)


def test_generated_inputs_have_the_same_answer_as_python(leb128: Loaded, python: ModuleType) -> None:
    for entry, original in python.ORIGINAL.items():
        refused = accepted = 0
        for arguments in islice(python.inputs(entry, random.Random(entry)), INPUTS):
            ours = answer(leb128.functions[entry], *arguments)
            assert ours == answer(original, *arguments), (entry, arguments)
            refused += ours in ("refused", 0)
            accepted += ours not in ("refused", 0)
        assert refused > INPUTS // 50, entry
        assert accepted > INPUTS // 10, entry


def test_every_beginning_of_two_bytes_has_the_length_that_python_sees(leb128: Loaded, python: ModuleType) -> None:
    for data in (bytes([a, b]) for a in range(256) for b in (*range(8), *range(56, 72), *range(120, 136), 192, 255)):
        assert leb128.unsigned_length(data) == python.measure(data, False), data
        assert leb128.signed_length(data) == python.measure(data, True), data


@pytest.mark.parametrize(
    ("kind", "number", "text"),
    [
        ("unsigned", 0, "00"),
        ("unsigned", 127, "7f"),
        ("unsigned", 128, "8001"),
        ("unsigned", 12857, "b964"),
        ("unsigned", HIGHEST, "ffffffffffffffffff01"),
        ("signed", 0, "00"),
        ("signed", -1, "7f"),
        ("signed", 63, "3f"),
        ("signed", 64, "c000"),
        ("signed", -64, "40"),
        ("signed", -65, "bf7f"),
        ("signed", 127, "ff00"),
        ("signed", -129, "ff7e"),
        ("signed", -LOWEST - 1, "ffffffffffffffffff00"),
        ("signed", LOWEST, "8080808080808080807f"),
    ],
)
def test_the_examples_of_dwarf_and_the_ends_of_the_range(kind: str, number: int, text: str, leb128: Loaded) -> None:
    code = bytes.fromhex(text)
    assert leb128.functions[f"encode_{kind}"](memory(number)) == code
    assert leb128.functions[f"decode_{kind}"](code) == memory(number)
    assert leb128.functions[f"{kind}_length"](code + b"\xff\x00") == len(code)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("unsigned", "8000"),  # not the shortest
        ("unsigned", "ff808000"),
        ("unsigned", "ffffffffffffffffff02"),  # 2^64 and more
        ("unsigned", "ffffffffffffffffffff01"),  # eleven bytes
        ("unsigned", "80"),  # cut off
        ("unsigned", "0180"),
        ("signed", "8000"),
        ("signed", "ff7f"),
        ("signed", "bfff7f"),
        ("signed", "80808080808080808001"),  # 2^63
        ("signed", "ffffffffffffffffff7e"),  # below -2^63
        ("signed", "8080808080808080807e"),
        ("signed", "c0"),
    ],
)
def test_what_no_number_is_written_as_is_refused(kind: str, text: str, leb128: Loaded) -> None:
    code = bytes.fromhex(text)
    with pytest.raises(ValueError, match="not valid"):
        leb128.functions[f"decode_{kind}"](code)
    with pytest.raises(ValueError, match="not valid"):
        leb128.functions[f"decode_{kind}"](b"\x05" + code)
    assert leb128.functions[f"{kind}_length"](code) == (1 if code[0] < 128 else 0)


def test_arrays_of_numbers_go_there_and_back(leb128: Loaded) -> None:
    source = random.Random(2)
    unsigned = array("Q", (source.getrandbits(source.randrange(65)) for _ in range(400)))
    signed = array("q", ((-1) ** i * source.getrandbits(source.randrange(64)) for i in range(400)))
    for n in (0, 1, 2, 3, 50, 400):
        assert array("Q", leb128.decode_unsigned(leb128.encode_unsigned(unsigned[:n]))) == unsigned[:n]
        assert array("q", leb128.decode_signed(leb128.encode_signed(signed[:n]))) == signed[:n]
    with pytest.raises(ValueError, match="not valid"):
        leb128.encode_unsigned(b"1234567")
