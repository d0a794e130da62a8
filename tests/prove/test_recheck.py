"""Checked again elsewhere a component gives the same; changed in any byte it does not. What is kept misleads nobody."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import AssayError
from assay.core.home import home
from assay.core.sandbox import Finished, Sandbox, Spec, open_sandbox
from assay.core.verdict import Outcome
from assay.prove.check import Checked, check
from assay.prove.component import copy_libraries, read
from assay.prove.gallery.rocq_honest import ADDITION
from assay.prove.gallery.rocq_material import main, plain
from assay.prove.gates import Gate
from assay.prove.provers import Effort
from tests.prove.conftest import ROOT, Assay

COMPONENTS = sorted(path.parent.name for path in (ROOT / "proofs").glob("*/component.toml"))


def copied(name: str, folder: Path) -> Path:
    """A component of this checkout with its libraries beside it."""
    ignore = shutil.ignore_patterns("*.vo*", "*.glob", ".*.aux", "__pycache__")
    shutil.copytree(ROOT / "proofs" / name, folder / name, ignore=ignore)
    copy_libraries(read(ROOT / "proofs" / name), folder)
    return folder / name


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_changed_byte_in_any_file_is_noticed(name: str, tmp_path: Path) -> None:
    place = copied(name, tmp_path)
    certified = read(place)
    document = certified.trusted_document()
    files = [place / path for path in certified.files]
    files += [certified.libraries[n] / path for n, found in certified.library_files.items() for path in found]
    assert files and len(files) == len(certified.files) + sum(map(len, certified.library_files.values()))
    for path in files:
        data = path.read_bytes()
        for at in sorted({0, len(data) // 3, len(data) // 2, max(len(data) - 1, 0)}):
            if not data:
                continue
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            try:
                found = read(place)
            except AssayError:
                continue  # what is no component any more is noticed too
            finally:
                path.write_bytes(data)
            assert (found.digest, found.trusted_document()) != (certified.digest, document), (path, at)
    assert read(place).digest == certified.digest


def test_a_certificate_is_checked_again_in_another_folder(rocq: None, assay: Assay, tmp_path: Path) -> None:
    assert assay("prove", "new", "triple").returncode == 0
    signed = assay("prove", "check", "triple", "--fuzz", "200", "--quick", "--sign", "--json")
    assert signed.returncode == 0, signed.stderr
    place = tmp_path / "far" / "away" / "called-otherwise"
    place.parent.mkdir(parents=True)
    shutil.copytree(tmp_path / "elsewhere" / "triple", place)
    again = assay("prove", "certificate", str(json.loads(signed.stdout)["index"]), "--recheck", str(place), "--json")
    assert again.returncode == 0, again.stdout
    assert json.loads(again.stdout)["differences"] == []
    c = place / "c" / "triple.c"
    c.write_bytes(c.read_bytes().replace(b"(x + (x + x))", b"(x + (x | x))"))
    changed = assay("prove", "certificate", "triple", "--recheck", str(place), "--json")
    where = {d["where"] for d in json.loads(changed.stdout)["differences"]}
    assert changed.returncode == 1
    assert {"outcome", "submission", "method/sources/c/triple.c"} <= where


class Recorder:
    """A sandbox that remembers what it ran."""

    name = "bubblewrap"

    def __init__(self) -> None:
        self.commands: list[str] = []
        self._inside: Sandbox = open_sandbox()

    def run(
        self,
        command: Sequence[str],
        spec: Spec,
        *,
        transcript: Path,
        on_sample: Callable[[Any], None] | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Finished:
        self.commands.append(" ".join(command))
        return self._inside.run(command, spec, transcript=transcript, on_sample=on_sample, on_output=on_output)

    def compiled(self, name: str) -> int:
        return sum("coqc" in line and f"/{name}" in line for line in self.commands)

    def rechecked(self) -> int:
        return sum("coqchk" in line for line in self.commands)


def with_library(folder: Path) -> Path:
    """A small component that rests on a library, and loads nothing else but the prover's own first files."""
    place = folder / "gallery"
    plain(place)
    (folder / "base").mkdir()
    (folder / "base" / "Numbers.v").write_text("Definition two := 2.\n")
    for path, text in main(ADDITION).items():
        (place / path).write_text(str(text))
    toml = place / "component.toml"
    toml.write_text(toml.read_text().replace('trusted = "Task"', 'trusted = "Task"\nlibraries = { Base = "../base" }'))
    statement = place / "trusted" / "Statement.v"
    statement.write_text("From Base Require Numbers.\n" + statement.read_text())
    return place


def ask(place: Path, sandbox: Sandbox) -> Checked:
    return check(place, sandbox, only=(Gate.THEOREMS,), effort=Effort(fuzz=10))


@pytest.fixture
def own_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "house"))


@pytest.mark.slow(seconds=120)
def test_what_is_kept_changes_nothing_but_the_time(rocq: None, own_house: None, tmp_path: Path) -> None:
    place = with_library(tmp_path / "proofs")
    cold, warm = Recorder(), Recorder()
    first, second = ask(place, cold), ask(place, warm)
    assert first.passed[0].outcome is Outcome.ACCEPTED, first.findings
    assert first.verdict().digest == second.verdict().digest
    assert (cold.compiled("Numbers.v"), warm.compiled("Numbers.v")) == (1, 0)
    assert (cold.rechecked(), warm.rechecked()) == (2, 1)
    # The submission's own files are compiled each time.
    assert cold.compiled("Main.v") == warm.compiled("Main.v") == 1

    kept = next((home() / "prove" / "rocq").glob("*/files/Numbers.vo"))
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    mended = Recorder()
    assert ask(place, mended).verdict().digest == first.verdict().digest
    assert mended.compiled("Numbers.v") == 1

    (tmp_path / "proofs" / "base" / "Numbers.v").write_text("Axiom two : nat.\n")
    other = Recorder()
    found = ask(place, other)
    assert other.compiled("Numbers.v") == 1 and other.rechecked() == 2
    assert "recheck" in {f.rule for f in found.findings}, found.findings


def test_nothing_is_kept_or_taken_without_a_sandbox(rocq: None, own_house: None, tmp_path: Path) -> None:
    place = with_library(tmp_path / "proofs")
    found = check(place, open_sandbox("none"), only=(Gate.IMPLEMENTATION,), effort=Effort(fuzz=10))
    assert found.passed[0].outcome is Outcome.ACCEPTED
    assert not list((home() / "prove").rglob("*.vo"))
