"""The catalogue: built-in tasks are whole, a user's file adds to it, and a wrong file is refused with its reason."""

import json
from pathlib import Path

import pytest

from assay.core.errors import BadInput, Unavailable
from assay.posttrain import catalogue, tasks
from assay.posttrain.sources import locate
from tests.conftest import Assay

MINE = """
schema = "assay.catalogue/1"

[models.mine]
title = "My model"
template = "mine.jinja"
end_of_turn = "</s>"
folder = "models/mine"

[benchmarks.sums]
title = "Sums"
about = "adds numbers"
reader = "plain"
scorer = "number"
split = { dev = 5 }
decoding = { max_new_tokens = 16 }
[[benchmarks.sums.test]]
path = "sums.jsonl"

[suites.mine]
title = "Mine"
models = ["tiny-llama"]
benchmarks = ["sums"]
budget = { wall_seconds = 60, memory_bytes = 4294967296, disk_bytes = 1073741824 }
"""


def test_the_matrix_of_the_original_is_there_in_both_modes() -> None:
    found = tasks.all_tasks("posttrainbench")
    assert len(found) == 4 * 7 * 2 and len({task.name for task in found}) == 56
    assert all(task.budget.wall_seconds == 36_000 and task.budget.gpus == 1 for task in found)
    official = {t.inputs["benchmark"]: t for t in found if t.name.endswith(":qwen3-4b")}
    tokens = {name: task.verification["decoding"]["max_new_tokens"] for name, task in official.items()}
    # The published limits of the first attempt.
    assert tokens == {
        "aime2025": 16000, "gsm8k": 4000, "gpqa": 16000, "humaneval": 4000, "bfcl": 16000,
        "arena-hard-writing": 16384, "healthbench-easy": 16384,
    }  # fmt: skip
    assert official["healthbench-easy"].verification["judge"]["model"] == "openai/gpt-5-mini"


def test_a_task_is_found_by_its_name_and_its_digest_covers_how_it_is_measured() -> None:
    task = tasks.find("humaneval-small:smollm2-135m")
    assert task.verification["scorer"] == "program" and task.inputs["mode"] == "hidden"
    with pytest.raises(BadInput, match="assay tasks"):
        tasks.find("humaneval-small:qwen9")


@pytest.mark.parametrize("name", ["humaneval", "bfcl"])
def test_official_scores_the_whole_test_and_hidden_what_the_worker_never_saw(name: str) -> None:
    benchmark = catalogue.load().benchmarks[name]
    official = tasks.items(benchmark, "official")
    assert official.dev == official.hidden
    parts = tasks.items(benchmark, "hidden")
    seen = {i.group for i in (*parts.train, *parts.dev, *parts.control)}
    assert parts.dev and parts.hidden and not seen & {i.group for i in parts.hidden}
    assert parts == tasks.items(benchmark, "hidden")


def test_data_come_from_the_users_folder_if_it_has_the_pinned_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    benchmark = catalogue.load().benchmarks["gsm8k"]
    with pytest.raises(Unavailable, match=r"openai/gsm8k cannot be fetched.*--data"):
        locate(benchmark.test[0])
    (tmp_path / "gsm8k").mkdir()
    (tmp_path / "gsm8k" / "test.jsonl").write_text('{"question": "1+1?", "answer": "#### 2"}\n')
    with pytest.raises(Unavailable, match="not the pinned sha256"):
        locate(benchmark.test[0])
    with pytest.raises(Unavailable, match="accept the terms of Idavidrein/gpqa"):
        locate(catalogue.load().benchmarks["gpqa"].test[0])


def test_a_users_file_adds_models_benchmarks_and_tasks(assay: Assay, home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    (tmp_path / "mine.jinja").write_text("{{ messages[0]['content'] }}")
    added = assay("posttrain", "add", str(tmp_path / "mine.toml"), "--json")
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["tasks"] == ["posttrain/sums:tiny-llama"]
    assert (home / "catalogue" / "mine.jinja").exists()
    listed = json.loads(assay("tasks", "--json").stdout)
    assert "posttrain/sums:tiny-llama" in {task["id"] for task in listed}

    rows = "".join(json.dumps({"question": f"{n} + 1 = ?", "answer": n + 1}) + "\n" for n in range(20))
    (tmp_path / "sums.jsonl").write_text(rows)
    worker = Path(__file__).parents[1] / "flow" / "workers" / "nudge.py"
    ran = assay(
        "run", "posttrain/sums:tiny-llama", "--worker", f"python {worker}", "--data", str(tmp_path), "--json",
        timeout=600,
    )  # fmt: skip
    document = json.loads(ran.stdout)
    assert {m["name"]: m["n"] for m in document["measures"]}["accuracy"] == 15
    assert assay("posttrain", "add", str(tmp_path / "mine.toml")).returncode == 2  # it is there already


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("assay.catalogue/1", "assay.catalogue/9"), "schema"),
        (('scorer = "number"', 'scorer = "guess"'), "unknown scorer"),
        (('scorer = "number"', 'scorer = "pairs"'), "must name a judge"),
        (('reader = "plain"', 'reader = "pickle"'), "unknown reader"),
        (('"mine.jinja"', '"../../etc/passwd"'), "template"),
        (('models = ["tiny-llama"]', 'models = ["gpt"]'), "not in the catalogue"),
        (("[models.mine]", "[models.tiny-llama]"), "already in the catalogue"),
        (("[models.mine]", '[models."Mine!"]'), "cannot be a name"),
        (('folder = "models/mine"', "surprise = 1"), "not a catalogue"),
        (('folder = "models/mine"', ""), "needs a source"),
        (('title = "Sums"', "title = "), "not a catalogue"),
    ],
)
def test_a_wrong_file_is_refused_and_nothing_is_added(
    assay: Assay, home: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    assert change[0] in MINE
    (tmp_path / "mine.toml").write_text(MINE.replace(*change))
    (tmp_path / "mine.jinja").write_text("")
    added = assay("posttrain", "add", str(tmp_path / "mine.toml"))
    assert added.returncode == 2 and message in added.stderr and "Traceback" not in added.stderr
    assert not list((home / "catalogue").glob("*"))
    assert assay("tasks").returncode == 0
