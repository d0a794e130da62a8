"""Hidden items to look for: a few made up here, and the real benchmarks where their data is at hand."""

import gzip
import json
from pathlib import Path

import pytest

from assay.posttrain.overlap import Record, Reference, ReferenceItem, Unread, scan_paths

DATA = Path(__file__).parents[4] / "shared" / "data"

QUESTIONS = {
    "kites": "Marlene sews 14 kites before the harbour festival. Nine tear in the first gale and she mends a third "
    "of those. How many kites can she still fly on the last evening?",
    "bees": "A beekeeper in Tarnow harvests 36 kilograms of lime honey and pours it into jars of 450 grams. If "
    "eleven jars crack in the cellar, how many whole jars does she carry to market?",
    "tram": "The number 12 tram leaves the depot with 7 passengers. At every stop on the hill 5 people board and "
    "2 get off. After how many stops are more than 30 people aboard?",
    "quarry": "Two lorries empty a quarry of 180 tonnes of gravel. The blue lorry carries 6 tonnes a trip and the "
    "rusty one 4. How many trips does each make if they set out together every time?",
    "violin": "Ottoline practises the violin 25 minutes on weekdays and twice that on Saturdays, never on Sundays. "
    "How many hours has she practised after twelve weeks?",
    "ferry": "A ferry with 64 cabins sails half full in March and fills a quarter of the empty cabins in April. "
    "How many cabins are still vacant when the lilacs bloom?",
    "mural": "Painting one square metre of the station mural takes 0.3 litres. The wall is 18 metres long and 4 "
    "metres high, with two doors of 3 square metres each. How many litres of paint are ordered?",
    "chess": "In the winter chess league each of 9 clubs plays every other club home and away. A match has 8 "
    "boards. How many games of chess are played in the season?",
}


@pytest.fixture(scope="session")
def items() -> dict[str, str]:
    return QUESTIONS


@pytest.fixture(scope="session")
def reference() -> Reference:
    return Reference.build(ReferenceItem(name, text) for name, text in QUESTIONS.items())


def scan(paths: list[Path], reference: Reference, **options: object) -> tuple[list[Record], list[Unread]]:
    """Everything a scan finds and everything it could not read."""
    results = list(scan_paths(paths, reference, **options))  # type: ignore[arg-type]
    return [r for r in results if isinstance(r, Record)], [r for r in results if isinstance(r, Unread)]


def _lines(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        pytest.skip(f"{path.name} is not at hand: see ../shared/data/README.md")
    content = path.read_bytes()
    text = gzip.decompress(content) if path.suffix == ".gz" else content
    return [json.loads(line) for line in text.decode().split("\n") if line]


@pytest.fixture(scope="session")
def gsm8k_test() -> list[dict[str, str]]:
    return _lines(DATA / "gsm8k" / "test.jsonl")


@pytest.fixture(scope="session")
def gsm8k_train() -> Path:
    _lines(DATA / "gsm8k" / "train.jsonl")
    return DATA / "gsm8k" / "train.jsonl"


@pytest.fixture(scope="session")
def gsm8k(gsm8k_test: list[dict[str, str]]) -> Reference:
    return Reference.build(ReferenceItem(str(n), r["question"], r["answer"]) for n, r in enumerate(gsm8k_test))


@pytest.fixture(scope="session")
def humaneval_test() -> list[dict[str, str]]:
    return _lines(DATA / "humaneval" / "HumanEval.jsonl.gz")


@pytest.fixture(scope="session")
def humaneval(humaneval_test: list[dict[str, str]]) -> Reference:
    return Reference.build(ReferenceItem(r["task_id"], r["prompt"], r["canonical_solution"]) for r in humaneval_test)


@pytest.fixture(scope="session")
def bfcl_folder() -> Path:
    package = pytest.importorskip("bfcl_eval", reason="bfcl-eval is not installed: it carries the Berkeley data")
    return Path(package.__file__).parent / "data"


@pytest.fixture(scope="session")
def bfcl_test(bfcl_folder: Path) -> list[dict[str, str]]:
    unused = bfcl_folder / "unused_datasets"
    questions = _lines(unused / "question" / "BFCL_v4_exec_simple.json")
    answers = _lines(unused / "possible_answer" / "BFCL_v4_exec_simple.json")
    return [
        {"id": q["id"], "question": q["question"][0][0]["content"], "answer": "\n".join(a["ground_truth"]),
         "function": json.dumps(q["function"])}  # type: ignore[index]
        for q, a in zip(questions, answers, strict=True)
    ]  # fmt: skip


@pytest.fixture(scope="session")
def bfcl(bfcl_test: list[dict[str, str]]) -> Reference:
    return Reference.build(ReferenceItem(r["id"], r["question"], r["answer"]) for r in bfcl_test)
