"""Input that means harm: too much of everything. Each is ended or refused with a sentence; the machine is unharmed."""

import os
import re
import shutil
from pathlib import Path

import pytest

from assay.core.sandbox import open_sandbox
from assay.core.scratch import scratch
from assay.core.verdict import Outcome
from assay.prove.cell import MAX_SHOWN, Cell, limits
from assay.prove.check import check
from assay.prove.gates import Gate
from assay.prove.provers import Effort
from tests.prove.conftest import Assay
from tests.prove.test_recheck import Recorder

LONG = Effort(fuzz=100, thorough=False, file_seconds=240.0)
SHORT = Effort(fuzz=100, thorough=False, file_seconds=20.0)


class Watched(Recorder):
    """Remembers how large the transcripts became."""

    largest = 0

    def run(self, command, spec, *, transcript, on_sample=None, on_output=None):  # type: ignore[no-untyped-def]
        finished = super().run(command, spec, transcript=transcript, on_sample=on_sample, on_output=on_output)
        self.largest = max(self.largest, transcript.stat().st_size)
        return finished


def proof(skeleton: Path, folder: Path, text: str) -> Path:
    place = folder / "triple"
    shutil.copytree(skeleton, place)
    (place / "src" / "Main.v").write_text(text)
    return place


def test_a_gigabyte_of_output_is_cut_and_takes_no_disk(tmp_path: Path) -> None:
    sandbox = Watched()
    with scratch("test-output") as place:
        cell = Cell(sandbox, place)
        command = ["sh", "-c", "head -c 1073741824 /dev/zero | tr '\\0' 'a'; exit 7"]
        ran = cell.run(command, cell.folder("w"), limits(120.0))
    assert ran.exit_code == 7 and ran.exceeded is None
    assert 0 < sandbox.largest <= 1 << 20
    assert sum(map(len, ran.output)) <= 2 * MAX_SHOWN


@pytest.mark.slow
def test_a_proof_that_prints_without_end_is_ended(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    text = 'Ltac talk := idtac "' + "word " * 400 + '"; talk.\nLemma a : True. Proof. talk. Qed.\n'
    sandbox = Watched()
    found = check(proof(skeleton, tmp_path, text), sandbox, only=(Gate.IMPLEMENTATION,), effort=SHORT)
    assert found.passed[0].outcome is Outcome.REJECTED
    assert "clock limit" in found.findings[0].message
    assert sandbox.largest <= 1 << 20


def test_a_proof_that_eats_memory_is_ended(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    text = """Fixpoint big (n : nat) : list nat := match n with 0 => nil | S k => app (big k) (cons k (big k)) end.
Definition eaten := Eval vm_compute in big 40.
"""
    effort = Effort(fuzz=100, thorough=False, file_seconds=60.0, memory_bytes=400 << 20)
    found = check(proof(skeleton, tmp_path, text), open_sandbox(), only=(Gate.IMPLEMENTATION,), effort=effort)
    assert found.passed[0].outcome is Outcome.REJECTED
    assert re.search("memory|Out of memory|exit code", found.findings[0].message)


def test_a_hundred_thousand_files_are_refused(assay: Assay, skeleton: Path, tmp_path: Path) -> None:
    place = tmp_path / "crowd"
    shutil.copytree(skeleton, place)
    for folder in range(100):
        (place / "src" / f"D{folder}").mkdir()
        first = place / "src" / f"D{folder}" / "F.v"
        first.touch()
        for number in range(1_000):
            os.link(first, first.with_name(f"F{number}.v"))
    ran = assay("prove", "check", str(place))
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: ") and "files" in ran.stderr and "Traceback" not in ran.stderr


def test_a_library_of_a_gigabyte_is_refused(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    place = tmp_path / "triple"
    shutil.copytree(skeleton, place)
    c = place / "c" / "triple.c"
    c.write_text("char much[1 << 30] = {1};\n" + c.read_text())
    with scratch("test-disk") as root:
        before = shutil.disk_usage(root).free
        found = check(place, open_sandbox(), only=(Gate.IMPLEMENTATION,), effort=LONG)
        after = shutil.disk_usage(root).free
    assert found.passed[0].outcome is Outcome.REJECTED and found.findings[0].rule == "build"
    assert before - after < 1 << 30


def test_code_that_would_run_at_compile_time_is_refused_before_anything_runs(skeleton: Path, tmp_path: Path) -> None:
    place = proof(skeleton, tmp_path, 'Declare ML Module "evil".\n')
    (place / "src" / "evil.ml").write_text('let () = ignore (Sys.command "touch /workspace/x")\n')
    (place / "src" / "St\u0430tement.v").write_text("Definition right := True.\n")
    sandbox = Recorder()
    found = check(place, sandbox, only=(Gate.IMPLEMENTATION,), effort=SHORT)
    assert {f.rule for f in found.findings} == {"command", "plugin", "look-alike"}
    assert sandbox.commands == []


def test_a_sentence_for_no_prover_and_for_another_version(assay: Assay, tmp_path: Path) -> None:
    assert assay("prove", "new", "triple").returncode == 0
    tools = tmp_path / "tools"
    tools.mkdir()
    for program in ("bwrap", "sh", "gcc", "nm"):
        found = shutil.which(program)
        if found is not None:
            (tools / program).symlink_to(found)
    none = assay("prove", "check", "triple", environment={"PATH": str(tools)})
    assert none.returncode == 3
    assert none.stderr.startswith("error: ") and "apt install coq" in none.stderr
    for program in ("coqc", "coqchk", "coqdep"):
        (tools / program).write_text('#!/bin/sh\necho "The Coq Proof Assistant, version 8.12.2"\n')
        (tools / program).chmod(0o755)
    other = assay("prove", "check", "triple", environment={"PATH": str(tools)})
    assert other.returncode == 3
    assert "8.12.2" in other.stderr and "8.16" in other.stderr and other.stderr.count("\n") <= 3
