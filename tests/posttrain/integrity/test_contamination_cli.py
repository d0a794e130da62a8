"""`assay posttrain contamination`: one record per flagged document, exit codes, and nothing skipped in silence."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay.posttrain.commands.contamination import resolve

ITEMS = [
    {"question": f"A ferry from {a} to {b} takes {n} minutes and costs {n + 7} crowns; what do two trips cost?"}
    for n, (a, b) in enumerate((("Stavanger", "Tau"), ("Molde", "Vestnes"), ("Horten", "Moss")), 31)
]


def contamination(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assay.cli", "posttrain", "contamination", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return path


def test_flagged_documents_are_one_json_document(reference: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.jsonl").write_text('{"t": "nothing"}\n' + json.dumps({"t": ITEMS[1]["question"]}) + "\n")
    (data / "b.bin").write_bytes(bytes(range(256)) * 10)
    done = contamination("--reference", reference, "--json", data)
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    (record,) = document["flagged"]
    assert (record["file"], record["row"], record["item"]) == (str(data / "a.jsonl"), 2, "1")
    assert record["score"] == 1.0 and record["span"][1] > record["span"][0]
    assert [one["file"] for one in document["unread"]] == [str(data / "b.bin")]
    assert document["totals"] == {"files": 2, "documents": 2, "flagged": 1, "unread": 1} and document["clean"] is False


def test_clean_files_end_with_zero_and_unread_ones_do_not(reference: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("Bread needs time more than it needs work.")
    (data / "link").symlink_to("nowhere")
    assert contamination("--reference", reference, data).returncode == 0
    assert json.loads(contamination("--reference", reference, "--json", data).stdout)["clean"] is True
    (data / "b.gz").write_bytes(b"\x1f\x8b broken")
    assert contamination("--reference", reference, data).returncode == 1


def test_bad_input_is_one_sentence_and_exit_two(reference: Path, tmp_path: Path) -> None:
    for arguments in (
        ("--reference", reference, tmp_path / "absent"),
        ("--reference", "no-such-benchmark", tmp_path),
        ("--reference", "gsm8k", "--data", tmp_path, tmp_path),
        ("--reference", reference, "--tokenizer", reference, tmp_path),
    ):
        done = contamination(*arguments)
        assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    answered = contamination("--reference", "no-such-benchmark", "--json", tmp_path)
    assert json.loads(answered.stdout)["error"]["kind"] == "BadInput"


def test_berkeleys_items_come_with_their_package() -> None:
    items = resolve("bfcl", None)
    assert len(items) == 100 and items[0].id == "exec_simple_0"


def test_a_reference_may_be_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    place = tmp_path / "gsm8k" / "main"
    place.mkdir(parents=True)
    pyarrow.parquet.write_table(pa.Table.from_pylist(ITEMS), place / "test-00000-of-00001.parquet")
    assert [item.text for item in resolve("gsm8k", tmp_path)] == [item["question"] for item in ITEMS]


def test_lists_of_token_ids_are_read_with_a_tokenizer(reference: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: n for n, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"input_ids": tokenizer.encode(ITEMS[0]["question"]).ids}) + "\n")
    assert contamination("--reference", reference, data).returncode == 0
    assert contamination("--reference", reference, "--tokenizer", tmp_path / "tokenizer.json", data).returncode == 1
