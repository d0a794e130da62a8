"""What resembles the items without holding one is left alone, and the few true near-copies are known by name."""

import sysconfig
from pathlib import Path

import pytest

from assay.posttrain.overlap import Reference, ReferenceItem
from tests.posttrain.overlap.conftest import DATA, scan

# GSM8K train items (line, from 1) that are flagged, with the test item (line - 1), looked at one by one. The first
# seven are one problem with other names or numbers, the other four share a sentence or two.
NEAR_COPIES = {
    (21, "632"), (1315, "602"), (2579, "579"), (2601, "974"), (3727, "824"), (5163, "602"), (6029, "1186"),
    (407, "581"), (4443, "776"), (6149, "623"), (7286, "918"),
}  # fmt: skip


def test_gsm8k_train_items_are_left_alone_but_for_near_copies(gsm8k: Reference, gsm8k_train: Path) -> None:
    records, unread = scan([gsm8k_train], gsm8k)
    assert {(record.row, record.item) for record in records} <= NEAR_COPIES
    assert len(records) <= 0.002 * 7473
    assert unread == []


def test_bfcl_simple_python_is_left_alone(bfcl: Reference, bfcl_folder: Path) -> None:
    files = [
        bfcl_folder / "BFCL_v4_simple_python.json",
        bfcl_folder / "possible_answer",
        bfcl_folder.parent / "eval_checker",
    ]
    assert scan(files, bfcl)[0] == []


@pytest.mark.parametrize("benchmark", ["gsm8k", "humaneval", "bfcl", "reference"])
@pytest.mark.parametrize("corpus", ["standard library", "licences", "wikitext-2", "tinyshakespeare.txt", "assay"])
def test_ordinary_text_and_code_are_left_alone(benchmark: str, corpus: str, request: pytest.FixtureRequest) -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    folders = {
        "standard library": [*library.glob("*.py"), library / "json", library / "asyncio", library / "email"],
        "licences": [Path("/usr/share/common-licenses")],
        "assay": [Path(__file__).parents[3] / "src", Path(__file__).parents[3] / "docs"],
    }
    paths = folders.get(corpus, [DATA / corpus])
    if not all(path.exists() for path in paths):
        pytest.skip(f"{corpus} is not at hand")
    records, _ = scan(paths, request.getfixturevalue(benchmark))
    assert records == []


def test_the_same_template_with_another_story_is_left_alone(reference: Reference) -> None:
    assert (
        reference.scan_text("How many kites does she have left? How many litres are ordered after twelve weeks?") == []
    )
    assert (
        reference.scan_text("A lorry carries 6 tonnes a trip. How many trips does it make to move 90 tonnes of sand?")
        == []
    )


@pytest.mark.parametrize(
    "opening", ["Return the largest prime factor of n.", "Given two positive integers a and b, return the"]
)
def test_the_beginning_of_a_common_docstring_is_left_alone(opening: str, humaneval: Reference) -> None:
    assert humaneval.scan_text(f'def task(a, b):\n    """{opening} sum."""\n') == []


def test_a_very_short_item_must_be_there_nearly_whole() -> None:
    reference = Reference.build([ReferenceItem("capital", "What is the capital of Upper Volta?")])
    assert reference.scan_text("What is the capital of France?") == []
    assert [match.item_id for match in reference.scan_text("Q: what is the capital of upper volta")] == ["capital"]


def test_background_text_does_not_count_as_a_match() -> None:
    shared = "You are given a list of tools that you may call. Answer with one call in JSON and nothing else, please."
    rare = "Ask the lighthouse keeper for tomorrow's tide at the old breakwater in Zeebrugge, in centimetres."
    items = [ReferenceItem("a", f"{shared} {rare}")]
    prompt = f"{shared} What is the weather in Oslo?"
    assert Reference.build(items).scan_text(prompt) != []
    informed = Reference.build(items, background=[shared])
    assert informed.scan_text(prompt) == []
    assert [match.item_id for match in informed.scan_text(rare)] == ["a"]
