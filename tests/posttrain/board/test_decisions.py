"""The board of our own ledger: what counts of a verdict, and what never does."""

import json

import pytest

from assay.core.errors import BadInput
from assay.core.override import append_override
from assay.core.store import Store, open_store
from assay.core.verdict import Finding, Outcome
from assay.posttrain import catalogue
from assay.posttrain.board.bootstrap import Scope
from assay.posttrain.board.cells import Board, Cell, Status
from assay.posttrain.board.decisions import ledger_board, of_this_arena, read_items
from assay.posttrain.board.report import agents_of, document, report_page
from assay.posttrain.board.scoring import Missing, score_agent
from assay.posttrain.board.standing import compare
from tests.posttrain.board.conftest import CHEATING, UNREAD, Book

TASK = "gsm8k:smollm2-135m"


def board_of(book: Book, *patterns: str) -> Board:
    return ledger_board(of_this_arena(book.ledger.entries(), patterns), book.store)


def cells(book: Book) -> list[Cell]:
    return list(board_of(book).cells)


def test_the_outcome_of_an_audit_is_the_cells_status(filled: Book) -> None:
    found = {
        (c.agent, c.benchmark): c.status for c in cells(filled) if c.agent in ("python cheat.py", "python late.py")
    }
    assert found == {
        ("python cheat.py", "gsm8k"): Status.FLAGGED,
        ("python cheat.py", "humaneval"): Status.SCORED,
        ("python cheat.py", "bfcl-simple"): Status.UNDECIDED,
        ("python late.py", "gsm8k"): Status.SCORED,
        ("python late.py", "humaneval"): Status.BROKEN,
        ("python late.py", "bfcl-simple"): Status.NOT_SUBMITTED,
    }


def test_neither_a_violation_nor_missing_evidence_counts_as_a_score(filled: Book) -> None:
    board = board_of(filled)
    base = board.baselines["base"]
    cheat = score_agent(board, "python cheat.py", Missing.BASE).benchmarks
    assert cheat["gsm8k"] == base["gsm8k", "smollm2-135m"].score
    assert cheat["bfcl-simple"] == base["bfcl-simple", "smollm2-135m"].score
    assert cheat["humaneval"] > base["humaneval", "smollm2-135m"].score


def test_several_runs_of_an_agent_give_an_interval_over_runs(filled: Book) -> None:
    found = compare(board_of(filled), Missing.BASE, resamples=300)
    lines = {line.name: line for line in found.agents}
    assert lines["python good.py"].intervals[Scope.RUNS] is not None
    assert lines["python good.py"].spread is not None
    assert lines["python cheat.py"].intervals[Scope.RUNS] is None
    pair = found.pair("python good.py", "base")
    assert pair is not None
    assert pair.told_apart is True


def test_the_latest_verdict_on_a_run_counts(book: Book) -> None:
    book.add(TASK, "python a.py", 0.5, run="one")
    book.add(TASK, "python a.py", 0.5, run="one", findings=(CHEATING,))
    assert [(c.status, c.run) for c in cells(book)] == [(Status.FLAGGED, "1")]


def test_runs_are_numbered_in_the_order_of_the_ledger(book: Book) -> None:
    for right in (0.2, 0.8):
        book.add(TASK, "python a.py", right)
    first, second = cells(book)
    assert (first.run, second.run) == ("1", "2")
    assert (first.score or 0) < (second.score or 0)


def test_verdicts_on_another_version_of_a_task_are_left_out(book: Book) -> None:
    book.add(TASK, "python a.py", 0.9, version=b"old")
    book.add(TASK, "python b.py", 0.2, version=b"new")
    board = board_of(book)
    assert board.agents == ["python b.py"]
    assert any("another version" in note and "#0" in note for note in board.notes)


def test_item_scores_are_read_from_the_record(book: Book) -> None:
    book.add(TASK, "python a.py", 0.5)
    (cell,) = cells(book)
    assert cell.items is not None
    assert len(cell.items.ids) == cell.n == 60
    assert 100 * sum(cell.items.scores) / 60 == pytest.approx(cell.score)


def line(**changes: object) -> str:
    return json.dumps({"id": "a", "group": "g", "base": 0.0, "submission": 1.0, **changes})


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{}",
        line(submission=1.5).encode(),
        line(base=-1).encode(),
        line(extra=1).encode(),
        line(submission="NaN").encode().replace(b'"NaN"', b"NaN"),
        f"{line()}\n{line()}".encode(),
        b"\xff" * 10,
        line(id="x" * 1000).encode(),
        b"[" * 10_000,
    ],
)
def test_a_damaged_record_of_items_is_not_used_and_noted(book: Book, store: Store, record: bytes) -> None:
    with pytest.raises(BadInput):
        read_items(store, store.put_bytes(record))
    book.add(TASK, "python a.py", 0.5, record=record)
    board = board_of(book)
    assert board.cells[0].items is None
    assert board.cells[0].score is not None
    assert any("Entry 0: item scores are not used" in note for note in board.notes)


def test_a_record_that_is_not_in_the_store_is_no_reason_to_show_nothing(book: Book) -> None:
    entry = book.add(TASK, "python a.py", 0.5)
    board = ledger_board(of_this_arena(book.ledger.entries()), open_store("memory://"))
    assert board.cells[0].entry == entry.index
    assert board.cells[0].items is None


def test_tasks_can_be_chosen_by_a_pattern(filled: Book) -> None:
    assert {c.benchmark for c in board_of(filled, "*eval:*").cells} == {"humaneval"}
    assert {c.benchmark for c in board_of(filled, "*eval:*", "gsm8k:*").cells} == {"humaneval", "gsm8k"}
    with pytest.raises(BadInput, match="no verdict"):
        board_of(filled, "nothing*")


def test_the_published_matrix_has_the_published_weights_and_others_equal_ones(book: Book) -> None:
    book.add("gsm8k:qwen3-4b", "python a.py", 0.5)
    board = board_of(book)
    assert board.weights["gsm8k"] == pytest.approx(0.0935882347031865, abs=1e-9)
    assert len(board.cells) == 28
    assert set(board.baselines) == {"base", "few-shot", "instruct"}
    measured = board.cells[0]
    assert (measured.benchmark, measured.model) == ("gsm8k", "Qwen3-4B-Base")
    book.add(TASK, "python a.py", 0.5)
    mixed = board_of(book)
    assert mixed.weights == {"gsm8k": 1.0}
    assert any("choose with --task" in note for note in mixed.notes)


def test_every_task_of_the_published_suite_is_of_the_published_matrix(book: Book) -> None:
    suite = catalogue.load().suites["posttrainbench"]
    for benchmark in suite.benchmarks:
        for model in suite.models:
            book.add(f"{benchmark}:{model}", "python a.py", 0.5, n=4)
    board = board_of(book)
    assert len(board.cells) == 28
    assert {cell.status for cell in board.cells} == {Status.SCORED}


def test_hidden_items_are_a_benchmark_of_their_own(book: Book) -> None:
    book.add("gsm8k:qwen3-4b", "python a.py", 0.5)
    book.add("gsm8k:qwen3-4b:hidden", "python a.py", 0.5)
    board = board_of(book)
    assert {(c.benchmark, c.model) for c in board.cells} == {("gsm8k", "qwen3-4b"), ("gsm8k (hidden)", "qwen3-4b")}


def test_only_tasks_that_somebody_was_given_can_be_left_out(book: Book) -> None:
    book.add(TASK, "python a.py", 0.5)
    book.add("bfcl-smoke:tiny-llama", "python b.py", 0.5)
    absent = {(c.agent, c.benchmark, c.model) for c in board_of(book).cells if c.status is Status.NOT_SUBMITTED}
    assert absent == {("python a.py", "bfcl-smoke", "tiny-llama"), ("python b.py", "gsm8k", "smollm2-135m")}


def test_a_worker_named_like_a_baseline_is_not_taken_for_it(book: Book) -> None:
    book.add(TASK, "base", 0.9)
    assert board_of(book).agents == ["agent base"]


def test_an_undecided_audit_stays_undecided_whatever_the_score(book: Book) -> None:
    book.add(TASK, "python a.py", 1.0, findings=(UNREAD,))
    (cell,) = cells(book)
    assert (cell.status, cell.score) == (Status.UNDECIDED, 100)


@pytest.mark.parametrize(
    ("findings", "outcome", "status"),
    [
        ((CHEATING,), Outcome.ACCEPTED, Status.SCORED),
        ((), Outcome.REJECTED, Status.FLAGGED),
        ((CHEATING,), Outcome.INCONCLUSIVE, Status.UNDECIDED),
    ],
)
def test_what_a_person_decided_over_a_verdict_counts_and_is_named(
    book: Book, findings: tuple[Finding, ...], outcome: Outcome, status: Status
) -> None:
    entry = book.add(TASK, "python a.py", 0.9, findings=findings)
    append_override(book.ledger, entry.index, outcome=outcome, author="R. Reader", reason="Looked at the rows.")
    (cell,) = cells(book)
    assert cell.status is status
    assert cell.detail == "overridden by R. Reader: Looked at the rows."
    (agent,) = document(agents_of(of_this_arena(book.ledger.entries())))["agents"]
    (result,) = agent["results"]
    assert (result["outcome"], result["override"]["author"]) == (outcome.value, "R. Reader")
    assert "Overridden by R. Reader" in report_page(agents_of(of_this_arena(book.ledger.entries())))


def test_an_override_cannot_make_a_score_where_none_was_measured(book: Book) -> None:
    entry = book.add(TASK, "python a.py", None)
    append_override(book.ledger, entry.index, outcome=Outcome.ACCEPTED, author="R. Reader", reason="I trust it.")
    (cell,) = cells(book)
    assert (cell.status, cell.score) == (Status.BROKEN, None)
