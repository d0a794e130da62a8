"""When an answer is right: one call, accepted arguments, optional ones left out or at their default."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import BadInput
from assay.posttrain import catalogue, tasks
from assay.posttrain.benchmarks import Item, calls, from_jsonl, to_jsonl
from assay.posttrain.sources import locate

BENCHMARK = catalogue.load().benchmarks["bfcl-simple"]


def item(**accepted: list[Any]) -> Item:
    return Item(id="1", group="f", messages=(), question="q", target="", check={"accepted": accepted})


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("[f(a=1, b='x')]", True),
        ("f(a=1, b='x')", True),
        ("  [f(b='x', a=1.0)]\n", True),
        ("[f(a=2, b='x')]", False),
        ("[f(a=1)]", False),
        ("[f(a=1, b='x', c=3)]", False),
        ("[g(a=1, b='x')]", False),
        ("[f(1, 'x')]", False),
        ("[f(a=1, b='x'), f(a=1, b='x')]", False),
        ("[f(a=1, a=1, b='x')]", False),
        ("[f(a=True, b='x')]", False),
        ("[f(**{'a': 1, 'b': 'x'})]", False),
        ("[f(a=__import__('os'), b='x')]", False),
        ("The answer is [f(a=1, b='x')]", False),
        ("", False),
        ("[f(a=1, b='X')]", False),
    ],
)
def test_one_call_with_the_accepted_arguments_is_right(answer: str, right: bool) -> None:
    assert calls.is_right(answer, item(a=[1], b=["x"])) is right


@pytest.mark.parametrize("answer", ["[f(a=1)]", "[f(a=1, unit='m')]", "[f(a=1, unit='metre')]"])
def test_an_optional_parameter_may_be_left_out_or_given_an_accepted_value(answer: str) -> None:
    assert calls.is_right(answer, item(a=[1], unit=["m", "metre", ""]))


def test_an_optional_parameter_may_not_be_anything_else() -> None:
    assert not calls.is_right("[f(a=1, unit='mile')]", item(a=[1], unit=["m", ""]))


@pytest.mark.parametrize("given", ["[1, 2.0]", "(1, 2)"])
def test_lists_and_tuples_are_one_sequence(given: str) -> None:
    assert calls.is_right(f"[f(a={given})]", item(a=[[1, 2]]))


@pytest.mark.parametrize(
    "answer",
    [
        "(" * 5000,
        "[" * 9000,
        "f(" * 3000,
        "f(a=" + "-" * 9000 + "1)",
        "f(a=1" + "0" * 9000 + ")",
        "f(a='\0')",
        "a." * 4000 + "f()",
        "x" * 10**6,
    ],
)
def test_hostile_answers_are_wrong_and_harmless(answer: str) -> None:
    assert not calls.is_right(answer, item(a=[1]))


@pytest.fixture(scope="module")
def hidden() -> list[Item]:
    return calls.read_exec_simple([locate(source) for source in BENCHMARK.test])


@pytest.fixture(scope="module")
def simple() -> list[Item]:
    return calls.read_simple_python([locate(source) for source in BENCHMARK.train])


def test_the_benchmark_is_whole_and_its_own_answers_are_right(hidden: list[Item], simple: list[Item]) -> None:
    assert (len(hidden), len(simple)) == (100, 400)
    assert all(calls.is_right(i.answer(), i) for i in [*hidden, *simple])


def test_declared_defaults_are_accepted(hidden: list[Item]) -> None:
    omitted = (i for i in hidden if i.group == "sort_array" and calls.OMITTED in i.check["accepted"].get("reverse", []))
    sort = next(omitted)
    assert calls.is_right(sort.answer(), sort)
    assert calls.is_right(sort.answer().replace(")]", ", reverse=False)]"), sort)
    assert not calls.is_right(sort.answer().replace(")]", ", reverse=True)]"), sort)


def test_training_development_and_test_share_no_function() -> None:
    parts = tasks.items(BENCHMARK, "hidden")
    names = [{i.group for i in part} for part in (parts.train, parts.dev, parts.hidden)]
    assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
    assert len(names[1]) == BENCHMARK.split.dev and len(parts.train) > 250 and len(parts.hidden) == 100


def test_items_survive_the_store(hidden: list[Item]) -> None:
    assert from_jsonl(to_jsonl(hidden)) == hidden


@pytest.mark.parametrize("data", [b"{}", b"\xff", b'{"id": 1}\n', json.dumps({"id": "1", "extra": 2}).encode()])
def test_malformed_items_are_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        from_jsonl(data)


def test_a_changed_source_file_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.core.errors import Unavailable
    from assay.posttrain import sources

    source = BENCHMARK.test[0]
    assert source.package
    (tmp_path / source.package.path).parent.mkdir(parents=True)
    (tmp_path / source.package.path).write_text("{}")
    monkeypatch.setattr(sources, "package_folder", lambda _: tmp_path)
    with pytest.raises(Unavailable, match="pinned"):
        locate(source)
