"""The whole flow without a model: a worker writes known sources, the verifier checks them from the store, signs."""

from pathlib import Path

import pytest

from assay.core.errors import Refused
from assay.core.ledger import open_ledger
from assay.core.run import Desk, run, submit, verify
from assay.core.store import open_store
from assay.core.submission import read_submission
from assay.core.verdict import Outcome
from assay.core.workers import ScriptWorker
from assay.prove import tasks
from assay.prove.reference import reference_worker

TASK = "prove/rle"


@pytest.fixture
def few_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "FUZZ", 300)
    monkeypatch.setattr(tasks, "RECHECK", "what was compiled here")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_inputs: None) -> Desk:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return Desk(open_store(None), open_ledger(None))


def test_a_worker_with_known_sources_is_accepted_and_signed(rocq: None, desk: Desk) -> None:
    result = run(TASK, reference_worker("rle"), desk)
    assert result.verdict.outcome is Outcome.ACCEPTED, result.verdict.findings
    assert result.verdict.method["component"] == "rle"
    assert result.verdict.measure("theorems proved").value == 5
    assert next(iter(desk.ledger.find(subject=result.verdict.submission))).index == result.entry.index


def test_a_worker_can_ask_the_gates_itself(rocq: None, desk: Desk) -> None:
    script = (
        "cp -r known-src/. component/src/ && /task/bin/check --gate theorems > said.txt; echo $? >> said.txt; false"
    )
    worker = ScriptWorker("checks", ("sh", "-c", script), reference_worker("rle").files)
    result = run(TASK, worker, desk)
    stored = desk.store
    handed_in = read_submission(result.verdict.submission, stored)
    assert handed_in.workspace is not None
    entry = stored.tree(handed_in.workspace).by_path["said.txt"]
    said = stored.get_bytes(entry.sha256, 1 << 20).decode()
    assert "theorems: accepted" in said and said.rstrip().endswith("0")


def test_the_tasks_own_files_come_from_the_task(rocq: None, desk: Desk) -> None:
    weaken = "; ".join(
        (
            "cp -r known-src/. component/src/",
            "echo 'Definition x := 1.' > component/trusted/Statement.v",
            "echo 'Axiom a : False.' > component/src/Extra.v",
            "sed -i 's/^Theorem known.*/Axiom known : Statement.known Fast.codec./' component/src/Main.v",
            "sed -i '/^Proof. repeat/d' component/src/Main.v",
        )
    )
    result = run(TASK, ScriptWorker("weakens", ("sh", "-c", weaken), reference_worker("rle").files), desk)
    assert result.verdict.outcome is Outcome.REJECTED
    assert "assumption" in {finding.rule for finding in result.verdict.findings}


def test_nothing_handed_in_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="no sources"):
        run(TASK, ScriptWorker("idle", ("true",)), desk)


def test_compiled_files_do_not_reach_the_store(rocq: None, desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "handed-in"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "Main.v").write_text("Definition nothing := 1.")
    (folder / "src" / "Main.vo").write_bytes(b"\0")
    digest = submit(TASK, folder, desk.store)
    assert set(desk.store.tree(read_submission(digest, desk.store).model).by_path) == {"src/Main.v"}
    verdict, _ = verify(digest, desk)
    assert verdict.outcome is Outcome.REJECTED
