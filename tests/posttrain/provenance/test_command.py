"""`assay posttrain provenance` as it is typed: verdicts, exit codes, documents, errors; and the rule behind it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.core.store import open_store
from assay.core.verdict import Severity
from assay.posttrain.integrity.weights import origin_findings
from tests.posttrain.provenance import derive


def assay(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "150"}
    command = [sys.executable, "-m", "assay.cli", "posttrain", "provenance", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)


def options(models: Path) -> list[str]:
    return ["--base", str(models / "base"), "--sibling", str(models / "sibling")]


@pytest.mark.parametrize(("name", "verdict", "code"), [("second", "base", 0), ("tuned", "sibling", 1)])
def test_the_verdict_is_one_document_and_an_exit_code(
    models: Path, tmp_path: Path, name: str, verdict: str, code: int
) -> None:
    done = assay(*options(models), str(models / name), "--json", home=tmp_path)
    assert done.returncode == code, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "assay.provenance/1"
    assert found["verdict"] == verdict
    assert len(found["tensors"]) > 30
    assert found["interval"]["low"] <= found["share"] <= found["interval"]["high"]


def test_a_person_reads_a_sentence_and_a_table(models: Path, tmp_path: Path) -> None:
    done = assay(*options(models), str(models / "tuned"), home=tmp_path)
    assert done.stdout.startswith("sibling The weights come from sibling")
    assert "flatness" in done.stdout


def test_a_model_is_found_in_the_store_by_its_digest(models: Path, tmp_path: Path) -> None:
    tree = open_store(str(tmp_path / "store")).put_tree(models / "tuned").digest
    done = assay(*options(models), tree, "--store", str(tmp_path / "store"), "--json", home=tmp_path)
    assert json.loads(done.stdout)["verdict"] == "sibling"


@pytest.mark.parametrize(
    ("submission", "words"),
    [("nowhere", "neither a folder nor a digest"), ("sha256:" + "0" * 64, "The store has nothing")],
)
def test_what_is_not_there_is_wrong_usage(models: Path, tmp_path: Path, submission: str, words: str) -> None:
    done = assay(*options(models), submission, "--json", home=tmp_path)
    assert done.returncode == 2
    assert words in json.loads(done.stdout)["error"]["message"]
    assert "Traceback" not in done.stderr


def test_a_base_that_is_no_folder_is_wrong_usage(models: Path, tmp_path: Path) -> None:
    done = assay("--base", str(tmp_path / "none"), str(models / "tuned"), home=tmp_path)
    assert done.returncode == 2
    assert "is no folder" in done.stderr


# The rule ----------------------------------------------------------------------------------------------------------


def found(models: Path, model: Path, forbidden: tuple[str, ...] = ()) -> list[tuple[str, Severity]]:
    findings = origin_findings(model, models / "base", [models / "sibling"], forbidden)
    return [(f.rule, f.severity) for f in findings if f.severity is not Severity.NOTE]


def test_the_sibling_and_a_merge_with_it_are_violations(models: Path, tmp_path: Path) -> None:
    merged = derive.linear(derive.read(models / "base"), derive.read(models / "sibling"), 0.2)
    for model in (models / "tuned", derive.write(tmp_path / "merge", merged, models / "base")):
        assert found(models, model) == [("sibling", Severity.VIOLATION)]


def test_work_on_the_base_leaves_a_note_at_most(models: Path) -> None:
    assert found(models, models / "second", ("sibling",)) == []


def test_a_sibling_that_is_not_at_hand_leaves_the_rule_undecided(models: Path) -> None:
    assert found(models, models / "second", ("sibling", "elsewhere")) == [("sibling", Severity.UNDECIDED)]


def test_the_untouched_base_is_a_violation(models: Path) -> None:
    assert found(models, models / "base") == [("untouched-base", Severity.VIOLATION)]
