"""The recipes of docs/formats/ledger.md, run as they stand there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from assay.core.keys import signing_key
from assay.core.ledger import Ledger

DOCUMENT = Path(__file__).parents[3] / "docs" / "formats" / "ledger.md"


def recipe(kind: str) -> str:
    (found,) = re.findall(rf"<!-- recipe: {kind} -->\n```\w+\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return found


@pytest.fixture
def folder(ledger: Ledger, tmp_path: Path) -> Path:
    folder = tmp_path / "reader"
    folder.mkdir()
    (folder / "check.py").write_text(recipe("python"))
    (folder / "key.pem").write_bytes(signing_key().public.to_pem())
    return folder


def check(folder: Path, document: object) -> subprocess.CompletedProcess[str]:
    (folder / "entry.json").write_text(json.dumps(document))
    command = [sys.executable, "-I", "check.py", "entry.json", "key.pem"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_python_recipe_accepts_every_entry(ledger: Ledger, folder: Path) -> None:
    for index in range(12):
        done = check(folder, ledger.entry_document(index))
        assert done.returncode == 0, done.stderr
        assert f"entry {index} of ledger {ledger.id} is as it was signed" in done.stdout


def test_the_python_recipe_refuses_what_was_changed(ledger: Ledger, folder: Path) -> None:
    document = ledger.entry_document(7)
    other = ledger.entry_document(8)
    for change in (
        {"envelope": other["envelope"]},
        {"envelope": document["envelope"].replace('"sig":"', '"sig":"A')},
        {"index": 6},
        {"path": document["path"][::-1]},
        {"path": []},
        {"head": ledger.tree_head(6).envelope.decode()},
        {"head": document["envelope"]},
    ):
        assert check(folder, document | change).returncode != 0, change


def test_the_shell_recipe_checks_the_signature(ledger: Ledger, folder: Path) -> None:
    if not (shutil.which("jq") and shutil.which("openssl")):
        pytest.skip("needs jq and openssl")
    (folder / "entry.json").write_text(json.dumps(ledger.entry_document(7)))
    run = ["bash", "-e", "-o", "pipefail", "-c"]
    done = subprocess.run([*run, recipe("shell")], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert ledger.entry(7).leaf_hash.hex() in done.stdout
    damaged = recipe("shell").replace("cat payload;", "tr 0 1 < payload;")
    assert subprocess.run([*run, damaged], cwd=folder, capture_output=True).returncode != 0
