"""Which number an answer gives, and how published files become items."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from assay.core.errors import BadInput
from assay.posttrain.benchmarks import READERS, numbers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ANSWER: 18", 18),
        ("She makes 9 * 2 = 18 dollars.\nANSWER: $18.", 18),
        ("answer : 1,234", 1234),
        ("ANSWER: 1\nno, wait.\nANSWER: 2", 2),
        ("#### 70000", 70000),
        (r"so \boxed{-3.50}", Decimal("-3.5")),
        ("first 5 then 7", 7),
        ("ANSWER: none of the 3... ", 3),
        ("ANSWER: unknown", None),
        ("no number here", None),
        ("", None),
        ("ANSWER: 0.5", Decimal("0.5")),
        ("costs $ 1,000,000.00", 1000000),
        ("in 2024,5 people", 5),
        ("9" * 300_000, None),
    ],
)
def test_the_number_of_an_answer(text: str, found: object) -> None:
    assert numbers.number(text) == found


def test_gsm8k_answers_are_right_by_their_own_scorer(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    rows = [
        {"question": "How much?", "answer": "It is 2*3=<<2*3=6>>6.\n#### 6"},
        {"question": "And now?", "answer": "Much.\n#### 1,200"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = READERS["gsm8k"]([path])
    assert [item.id for item in items] == ["test-0", "test-1"]
    assert items[0].target == "It is 2*3=6.\nANSWER: 6"
    assert all(numbers.is_right(item.answer(), item) for item in items)
    assert not numbers.is_right(items[1].answer(), items[0])


def test_a_line_separator_in_a_question_ends_no_line(tmp_path: Path) -> None:
    from assay.core.store import open_store
    from assay.posttrain.benchmarks import to_jsonl
    from assay.posttrain.tasks import Staged
    from assay.posttrain.workplace import write_data

    row = {"question": "How\u2028much\x85is\u2029it?", "answer": "#### 6"}
    (tmp_path / "test.jsonl").write_text((json.dumps(row, ensure_ascii=False) + "\n") * 2)
    items = READERS["gsm8k"]([tmp_path / "test.jsonl"])
    assert [item.question for item in items] == [row["question"]] * 2
    # What a worker is given must survive the careless reader that most workers have.
    store = open_store(str(tmp_path / "store"))
    digest = store.put_bytes(to_jsonl(items))
    write_data(Staged(digest, digest, digest, digest, digest), store, tmp_path / "data")
    rows = [json.loads(line) for line in (tmp_path / "data" / "train.jsonl").read_text().splitlines()]
    assert [r["item"]["question"] for r in rows] == [row["question"]] * 2


@pytest.mark.parametrize(
    "content",
    [b'{"question": "a"}\n', b'{"question": "a", "answer": "6"}\n', b"[1, 2]", b"{", b"\xff\xfe", b'["x"]'],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "test.jsonl").write_bytes(content)
    with pytest.raises(BadInput):
        READERS["gsm8k"]([tmp_path / "test.jsonl"])


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"question": "a"}\n' * 100)[:-20])
    with pytest.raises(BadInput):
        READERS["plain"]([tmp_path / "a.jsonl.gz"])


def test_gpqa_choices_are_shuffled_and_the_letter_follows(tmp_path: Path) -> None:
    from assay.posttrain.benchmarks import choices

    header = "Record ID,Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"
    rows = "".join(f'r{i},"Which, of {i}?",right{i},wrong,worse,worst\n' for i in range(40))
    (tmp_path / "gpqa_main.csv").write_text(header + rows)
    items = READERS["gpqa"]([tmp_path / "gpqa_main.csv"])
    assert {item.check["letter"] for item in items} == set("ABCD")
    for number, item in enumerate(items):
        assert f"{item.check['letter']}) right{number}" in item.messages[0].content
        assert choices.is_right(item.answer(), item)
        assert choices.is_right(f"reasons\nAnswer: **{item.check['letter'].lower()}**", item)
        assert not choices.is_right(f"I think {item.check['letter']}", item)
    assert items == READERS["gpqa"]([tmp_path / "gpqa_main.csv"])
