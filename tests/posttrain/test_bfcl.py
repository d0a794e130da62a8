"""When an answer is right: one call, accepted arguments, optional ones left out or at their default."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import BadInput
from assay.posttrain import bfcl, tasks
from assay.posttrain.sources import locate


def item(**accepted: list[Any]) -> bfcl.Item:
    function = {"name": "f", "description": "", "parameters": {"properties": {}, "required": []}}
    return bfcl.Item(id="1", question="q", function=function, accepted=accepted)


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
    assert bfcl.is_right(answer, item(a=[1], b=["x"])) is right


@pytest.mark.parametrize("answer", ["[f(a=1)]", "[f(a=1, unit='m')]", "[f(a=1, unit='metre')]"])
def test_an_optional_parameter_may_be_left_out_or_given_an_accepted_value(answer: str) -> None:
    assert bfcl.is_right(answer, item(a=[1], unit=["m", "metre", ""]))


def test_an_optional_parameter_may_not_be_anything_else() -> None:
    assert not bfcl.is_right("[f(a=1, unit='mile')]", item(a=[1], unit=["m", ""]))


@pytest.mark.parametrize("given", ["[1, 2.0]", "(1, 2)"])
def test_lists_and_tuples_are_one_sequence(given: str) -> None:
    assert bfcl.is_right(f"[f(a={given})]", item(a=[[1, 2]]))


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
    assert not bfcl.is_right(answer, item(a=[1]))


@pytest.fixture(scope="module")
def hidden() -> list[bfcl.Item]:
    return bfcl.read_exec_simple(locate(tasks.QUESTIONS), locate(tasks.ANSWERS))


@pytest.fixture(scope="module")
def simple() -> list[bfcl.Item]:
    return bfcl.read_simple_python(locate(tasks.TRAIN_QUESTIONS), locate(tasks.TRAIN_ANSWERS))


def test_the_benchmark_is_whole_and_its_own_answers_are_right(hidden: list[bfcl.Item], simple: list[bfcl.Item]) -> None:
    assert (len(hidden), len(simple)) == (100, 400)
    assert all(bfcl.is_right(i.answer(), i) for i in [*hidden, *simple])


def test_declared_defaults_are_accepted(hidden: list[bfcl.Item]) -> None:
    sort = next(
        i
        for i in hidden
        if i.name == "sort_array" and "reverse" in i.accepted and bfcl.OMITTED in i.accepted["reverse"]
    )
    assert bfcl.is_right(sort.answer(), sort)
    assert bfcl.is_right(sort.answer().replace(")]", ", reverse=False)]"), sort)
    assert not bfcl.is_right(sort.answer().replace(")]", ", reverse=True)]"), sort)


def test_training_development_and_test_share_no_function(hidden: list[bfcl.Item], simple: list[bfcl.Item]) -> None:
    train, dev = tasks.split(simple, hidden)
    names = [{i.name for i in part} for part in (train, dev, hidden)]
    assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
    assert len(names[1]) == tasks.DEV_FUNCTIONS and len(train) > 250


def test_items_survive_the_store(hidden: list[bfcl.Item]) -> None:
    assert bfcl.from_jsonl(bfcl.to_jsonl(hidden)) == hidden


@pytest.mark.parametrize("data", [b"{}", b"\xff", b'{"id": 1}\n', json.dumps({"id": "1", "extra": 2}).encode()])
def test_malformed_items_are_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        bfcl.from_jsonl(data)


def test_a_changed_source_file_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.core.errors import Unavailable
    from assay.posttrain import sources

    (tmp_path / Path(tasks.QUESTIONS.path)).parent.mkdir(parents=True)
    (tmp_path / tasks.QUESTIONS.path).write_text("{}")
    monkeypatch.setattr(sources, "package_folder", lambda _: tmp_path)
    with pytest.raises(Unavailable, match="pinned"):
        locate(tasks.QUESTIONS)
