"""One round of a peer's work as a task of the house: in a sandbox, measured, done again, signed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HONEST = "python -m assay.pretrain.demo.honest"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arena") / "home"


def assay(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assay.cli", *arguments]
    environment = {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "150"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)


def verdict(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.stdout, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def measures(document: dict[str, Any]) -> dict[str, float]:
    return {measure["name"]: measure["value"] for measure in document["measures"]}


@pytest.mark.slow
def test_a_round_that_was_done_is_accepted_and_verifies_again(home: Path) -> None:
    ended = assay(home, "run", "pretrain/tiny", "--worker", HONEST, "--json")
    found = verdict(ended)
    assert (ended.returncode, found["outcome"], found["findings"]) == (0, "accepted", [])
    assert measures(found)["improvement"] == measures(found)["improvement by honest work"] > 0
    again = verdict(assay(home, "verify", found["submission"], "--json"))
    assert (again["measures"], again["outcome"]) == (found["measures"], found["outcome"])
    assert assay(home, "ledger", "verify").returncode == 0


@pytest.mark.slow
def test_a_round_of_which_a_part_was_done_is_rejected_though_it_helps(home: Path) -> None:
    ended = assay(home, "run", "pretrain/tiny", "--worker", f"{HONEST} 1", "--json")
    found = verdict(ended)
    assert (ended.returncode, found["outcome"]) == (1, "rejected")
    assert measures(found)["improvement"] > 0
    (finding,) = found["findings"]
    assert finding["rule"] == "re-execution" and finding["evidence"][0]["score"] < 0.9


@pytest.mark.parametrize(
    ("worker", "message"),
    [
        ("true", "left no plain file"),
        ("head -c 5000 /dev/zero > pseudo-gradient.bin", "is not a pseudo-gradient"),
        ("head -c 50000000 /dev/zero > pseudo-gradient.bin", "larger than any"),
        ("ln -s /etc/passwd pseudo-gradient.bin", "left no plain file"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(home: Path, worker: str, message: str) -> None:
    ended = assay(home, "run", "pretrain/tiny", "--worker", f"sh -c '{worker}'", "--json")
    assert ended.returncode == 2
    assert message in ended.stderr and "Traceback" not in ended.stderr
