"""Edited test items are found: each edit of two independently written sets, on three real benchmarks."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from assay.posttrain.overlap import Reference
from tests.posttrain.overlap.conftest import scan
from tests.posttrain.overlap.edits import CODE_EDITS, QUESTION_EDITS
from tests.posttrain.overlap.second_edits import SECOND_CODE_EDITS, SECOND_EDITS

EVERY = 3  # every third GSM8K item keeps the suite quick; benchmarks/contamination.py takes all


def found_items(folder: Path, documents: Sequence[str], reference: Reference) -> list[set[str]]:
    """The items found in each document, when all are scanned as one JSON Lines file."""
    path = folder / "train.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents))
    found: list[set[str]] = [set() for _ in documents]
    for record in scan([path], reference)[0]:
        found[record.row - 1] |= {record.item, *record.others}
    return found


def recall(folder: Path, ids: Sequence[str], documents: Sequence[str], reference: Reference) -> float:
    found = found_items(folder, documents, reference)
    return sum(name in names for name, names in zip(ids, found, strict=True)) / len(ids)


@pytest.mark.parametrize("edit", [*QUESTION_EDITS, *SECOND_EDITS])
def test_edited_gsm8k_items_are_found(
    edit: str, gsm8k: Reference, gsm8k_test: list[dict[str, str]], tmp_path: Path
) -> None:
    change, promised = (QUESTION_EDITS | SECOND_EDITS)[edit]  # type: ignore[operator]
    chosen = range(0, len(gsm8k_test), EVERY)
    documents = [change(gsm8k_test[n]["question"], gsm8k_test[n]["answer"], random.Random(n)) for n in chosen]
    assert recall(tmp_path, [str(n) for n in chosen], documents, gsm8k) >= promised


@pytest.mark.parametrize("edit", [*CODE_EDITS, *SECOND_CODE_EDITS])
def test_edited_humaneval_items_are_found(
    edit: str, humaneval: Reference, humaneval_test: list[dict[str, str]], tmp_path: Path
) -> None:
    change, promised = (CODE_EDITS | SECOND_CODE_EDITS)[edit]  # type: ignore[operator]
    documents = [change(record, random.Random(n)) for n, record in enumerate(humaneval_test)]
    assert recall(tmp_path, [r["task_id"] for r in humaneval_test], documents, humaneval) >= promised


@pytest.mark.parametrize("edit", [*QUESTION_EDITS, *SECOND_EDITS])
def test_edited_bfcl_questions_are_found_beside_their_functions(
    edit: str, bfcl: Reference, bfcl_test: list[dict[str, str]], tmp_path: Path
) -> None:
    change, promised = (QUESTION_EDITS | SECOND_EDITS)[edit]  # type: ignore[operator]
    documents = [
        f"{r['function']}\n{change(r['question'], r['answer'], random.Random(n))}" for n, r in enumerate(bfcl_test)
    ]
    assert recall(tmp_path, [r["id"] for r in bfcl_test], documents, bfcl) >= promised


def test_items_in_reversed_order_are_found(gsm8k: Reference, gsm8k_test: list[dict[str, str]], tmp_path: Path) -> None:
    documents = [record["question"] for record in reversed(gsm8k_test)]
    ids = [str(n) for n in reversed(range(len(gsm8k_test)))]
    assert recall(tmp_path, ids, documents, gsm8k) >= 0.99


def test_all_items_in_one_document_are_found(gsm8k: Reference, gsm8k_test: list[dict[str, str]]) -> None:
    text = "\n\n".join(record["question"] for record in gsm8k_test)
    found = {match.item_id for match in gsm8k.scan_text(text)}
    assert len(found) >= 0.99 * len(gsm8k_test)


@pytest.mark.parametrize(
    "hide", [str.upper, str.swapcase, lambda text: f"<b>{text}</b>".replace(" ", "&nbsp;"), lambda text: repr(text)]
)
def test_an_item_of_our_own_is_found(
    hide: Callable[[str], str], reference: Reference, items: dict[str, str], tmp_path: Path
) -> None:
    found = found_items(tmp_path, [hide(text) for text in items.values()], reference)
    assert all(name in names for name, names in zip(items, found, strict=True))


def test_an_item_spread_over_short_records_is_found(
    reference: Reference, items: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "words.jsonl"
    path.write_text("".join(json.dumps({"w": word}) + "\n" for word in items["quarry"].split()))
    (record,), _ = scan([path], reference)
    assert (record.item, record.decoding.split()[0]) == ("quarry", "rows")
