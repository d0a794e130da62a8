"""Base64 and UTF-8 as Python loads them: against the originals, CPython's tests, and the four gates."""

import base64 as python_base64
import importlib.util
import random
import subprocess
import unittest
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from assay.core.sandbox import open_sandbox
from assay.core.verdict import Outcome
from assay.prove.check import check
from assay.prove.loading import Loaded, load
from assay.prove.provers import Effort

PROOFS = Path(__file__).parents[3] / "proofs"
NAMES = ("base64", "utf8")
INPUTS = 3000


def conformance(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"conformance_{name}", PROOFS / name / "tests" / "conformance.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(function: Any, arguments: tuple[Any, ...]) -> Any:
    try:
        return function(*arguments)
    except ValueError:
        return "refused"


@pytest.fixture(scope="module")
def loaded(rocq: None) -> dict[str, Loaded]:
    return {name: load(PROOFS / name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_generated_inputs_have_the_same_answer_as_the_original(name: str, loaded: dict[str, Loaded]) -> None:
    task = conformance(name)
    for entry, original in task.ORIGINAL.items():
        seen = set()
        for arguments in islice(task.inputs(entry, random.Random(entry)), INPUTS):
            ours = answer(loaded[name].functions[entry], arguments)
            assert ours == answer(original, arguments), (entry, arguments)
            seen.add(ours if isinstance(ours, str | bool) else "answered")
        assert len(seen) == 2 or entry in ("encode", "valid_up_to")  # the refused and the accepted are both tried


@pytest.mark.parametrize("name", NAMES)
def test_cpythons_own_tests_pass_with_the_component_in_place(name: str, loaded: dict[str, Loaded]) -> None:
    suite = conformance(name).suite(loaded[name])
    if suite is None:
        pytest.skip("Python's test package is not installed")
    found = unittest.TestResult()
    suite.run(found)
    assert found.testsRun > 5
    assert not found.failures and not found.errors


def test_base64_goes_there_and_back_at_every_length(loaded: dict[str, Loaded]) -> None:
    encode, decode = loaded["base64"].encode, loaded["base64"].decode
    data = random.Random(1).randbytes(200)
    for n in range(len(data) + 1):
        assert encode(data[:n]) == python_base64.b64encode(data[:n])
        assert decode(encode(memoryview(data)[:n])) == data[:n]


@pytest.mark.parametrize(
    "text", [b"Zh==", b"Zm9=", b"Zg==Zg==", b"Zg=", b"Zg", b"Zm9v\n", b" Zg==", b"Zm9-", b"====", b"Z===", b"Zm=v"]
)
def test_base64_that_nobody_would_write_is_refused(text: bytes, loaded: dict[str, Loaded]) -> None:
    with pytest.raises(ValueError, match="not valid"):
        loaded["base64"].decode(text)


def test_every_sequence_of_two_bytes_is_judged_as_python_does(loaded: dict[str, Loaded]) -> None:
    valid_up_to = conformance("utf8").valid_up_to
    for prefix in (b"", b"12345678", "é".encode() * 15, b"x" * 39):
        for first in range(256):
            for second in (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF):
                data = prefix + bytes([first, second])
                assert loaded["utf8"].valid_up_to(data) == valid_up_to(data), data
                assert loaded["utf8"].valid(data) == (valid_up_to(data) == len(data))


@pytest.mark.parametrize("code_point", [0xD7FF, 0xD800, 0xDFFF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF])
def test_surrogates_are_the_only_code_points_that_are_refused(code_point: int, loaded: dict[str, Loaded]) -> None:
    data = chr(code_point).encode("utf-8", "surrogatepass")
    assert loaded["utf8"].valid(data) == (not 0xD800 <= code_point <= 0xDFFF)


@pytest.mark.slow(seconds=200)
@pytest.mark.parametrize("name", NAMES)
def test_it_passes_all_four_gates_from_sources(name: str, rocq: None) -> None:
    checked = check(PROOFS / name, open_sandbox(), effort=Effort(fuzz=500, thorough=False, file_seconds=240.0))
    assert [(p.gate.value, [f.message for f in p.findings]) for p in checked.passed if p.findings] == []
    assert checked.verdict().outcome is Outcome.ACCEPTED


@pytest.mark.slow(seconds=10)
def test_the_committed_inflate_is_what_is_printed(rocq: None, tmp_path: Path) -> None:
    """Its gates take minutes: here only its program is printed again."""
    build = PROOFS / "zlib" / "tests" / "fast" / "build.sh"
    subprocess.run(["sh", str(build), str(tmp_path)], check=True, capture_output=True, timeout=600)
    assert (tmp_path / "inflate.c").read_bytes() == (PROOFS / "zlib" / "c" / "zlib.c").read_bytes()
