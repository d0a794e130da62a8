"""Result folders as the original leaves them: what counts, what is flagged, and what a hostile folder cannot do."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.errors import BadInput
from assay.posttrain.board.cells import Cell, Status
from assay.posttrain.board.importing import read_board
from assay.posttrain.board.scoring import Missing
from assay.posttrain.board.standing import compare

METHOD = "claude_claude-opus-4-5_10h"
CELL = "gsm8k_Qwen_Qwen3-4B-Base_{}"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    place = tmp_path / "results"
    (place / METHOD).mkdir(parents=True)
    return place


def result(results: Path, number: int = 7, method: str = METHOD, cell: str = CELL, **files: Any) -> Path:
    """A finished run: metrics, both judgements of version 1, and whatever `files` changes (`None` removes)."""
    folder = results / method / cell.format(number)
    (folder / "final_model").mkdir(parents=True)
    content: dict[str, Any] = {
        "metrics.json": {"accuracy": 0.5},
        "time_taken.txt": "09:59:00",
        "contamination_judgement.txt": "no contamination detected\n",
        "disallowed_model_judgement.txt": "only allowed use detected",
        **{name.replace("__", "."): value for name, value in files.items()},
    }
    for name, value in content.items():
        if value is not None:
            (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return folder


def only(results: Path) -> Cell:
    found = [c for c in read_board([results]).cells if (c.benchmark, c.model) == ("gsm8k", "Qwen3-4B-Base")]
    assert len(found) == 1
    return found[0]


def test_a_clean_result_is_scored_and_the_rest_of_the_matrix_is_not_submitted(results: Path) -> None:
    result(results)
    board = read_board([results])
    assert only(results).status is Status.SCORED
    assert only(results).score == 50
    assert sum(cell.status is Status.NOT_SUBMITTED for cell in board.cells) == 27
    found = compare(board, Missing.BASE, resamples=50)
    line = found.agents[0]
    base = next(line for line in found.lines if line.name == "base")
    gain = (50 - board.baselines["base"]["gsm8k", "Qwen3-4B-Base"].score) / 4 * board.weights["gsm8k"]
    assert line.average == pytest.approx((base.average or 0) + gain)


def test_the_newest_run_counts_by_number(results: Path) -> None:
    result(results, 9, metrics__json={"accuracy": 0.1})
    result(results, 10, metrics__json={"accuracy": 0.2})
    assert only(results).score == 20


def test_repetitions_are_runs_of_one_agent(results: Path) -> None:
    for run in (1, 2):
        result(results, method=f"{METHOD}_run{run}", metrics__json={"accuracy": 0.1 * run})
    board = read_board([results])
    assert board.agents == [METHOD]
    assert {cell.run for cell in board.cells} == {"run1", "run2"}
    line = compare(board, Missing.BASE, resamples=50).agents[0]
    assert line.runs == 2
    assert line.spread == pytest.approx(board.weights["gsm8k"] * 10 / 4 / 2**0.5)


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"metrics__json": None, "time_taken__txt": None}, Status.NOT_SUBMITTED),
        ({"metrics__json": None}, Status.BROKEN),
        ({"metrics__json": "{"}, Status.BROKEN),
        ({"metrics__json": {"accuracy": "0.5"}}, Status.BROKEN),
        ({"metrics__json": {"accuracy": True}}, Status.BROKEN),
        ({"metrics__json": {"accuracy": 1.5}}, Status.BROKEN),
        ({"metrics__json": '{"accuracy": NaN}'}, Status.BROKEN),
        ({"metrics__json": '{"accuracy": 0.1, "accuracy": 0.9}'}, Status.BROKEN),
        ({"metrics__json": "[" * 100_000}, Status.BROKEN),
        ({"metrics__json": [0.5]}, Status.BROKEN),
        ({"contamination_judgement__txt": "contamination detected"}, Status.FLAGGED),
        ({"disallowed_model_judgement__txt": "disallowed use detected"}, Status.FLAGGED),
        ({"contamination_judgement__txt": None}, Status.UNDECIDED),
        ({"contamination_judgement__txt": "no contamination detected, trust me"}, Status.UNDECIDED),
        ({"disallowed_model_judgement__txt": "x" * 100_000}, Status.UNDECIDED),
    ],
)
def test_what_is_wrong_with_a_result_is_its_status(results: Path, files: dict[str, Any], status: Status) -> None:
    result(results, **files)
    assert only(results).status is status


def test_without_a_final_model_nothing_was_submitted(results: Path) -> None:
    folder = result(results, metrics__json=None)
    (folder / "final_model").rmdir()
    assert only(results).status is Status.NOT_SUBMITTED


CLEAN = {"contamination": False, "disallowed_model": False}


@pytest.mark.parametrize(
    ("documents", "status"),
    [
        ({"judgement_gpt5_4__json": CLEAN}, Status.SCORED),
        ({"judgement_gpt5_4__json": {**CLEAN, "contamination": True}}, Status.FLAGGED),
        ({"judgement_gpt5_4__json": {**CLEAN, "disallowed_model": True}}, Status.FLAGGED),
        ({"judgement_gpt5_4__json": {"contamination": False}}, Status.UNDECIDED),
        ({"judgement_gpt5_4__json": {**CLEAN, "contamination": "false"}}, Status.UNDECIDED),
        ({"judgement_gpt5_4__json": "no"}, Status.UNDECIDED),
        ({"judgement_api__json": {"disallowed_api_usage": False}}, Status.UNDECIDED),  # the main judgement is missing
        ({"judgement_gpt5_4__json": CLEAN, "judgement_api__json": {"disallowed_api_usage": True}}, Status.FLAGGED),
        (
            {"judgement_gpt5_4__json": CLEAN, "judgement_ptb_lookup__json": {"disallowed_ptb_lookup": True}},
            Status.FLAGGED,
        ),
        (
            {"judgement_gpt5_4__json": {**CLEAN, "contamination": True}, "judgement_gpt5_4_rerun__json": CLEAN},
            Status.SCORED,
        ),
    ],
)
def test_documents_of_newer_judges_count_before_the_texts(
    results: Path, documents: dict[str, Any], status: Status
) -> None:
    result(
        results, contamination_judgement__txt="contamination detected" if status is Status.SCORED else None, **documents
    )
    assert only(results).status is status


def test_a_flagged_score_is_shown_and_counts_as_the_base(results: Path) -> None:
    result(results, contamination_judgement__txt="contamination detected")
    found = compare(read_board([results]), Missing.BASE, resamples=50)
    assert only(results).score == 50
    assert found.agents[0].average == pytest.approx(next(x.average for x in found.lines if x.name == "base"))


def test_links_out_of_the_folder_are_not_followed(results: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"accuracy": 0.99}')
    folder = result(results, metrics__json=None)
    (folder / "metrics.json").symlink_to(secret)
    assert only(results).score is None
    other = tmp_path / "elsewhere"
    (other / "final_model").mkdir(parents=True)
    (results / METHOD / CELL.format(99)).symlink_to(other)
    assert only(results).status is Status.BROKEN


def test_a_fifo_in_place_of_a_file_is_not_waited_for(results: Path) -> None:
    folder = result(results, metrics__json=None, contamination_judgement__txt=None)
    os.mkfifo(folder / "metrics.json")
    assert only(results).status is Status.BROKEN


def test_baselines_derived_folders_and_strange_names_are_left_out_and_noted(results: Path) -> None:
    result(results)
    result(results, method="baseline")
    result(results, cell="gsm8k_meta-llama_Llama-3_{}")
    result(results, cell="ifeval_Qwen_Qwen3-4B-Base_{}")
    (results / METHOD / "notes\x1b[31m").mkdir()
    board = read_board([results])
    assert board.agents == [METHOD]
    assert len(board.notes) == 5  # the four above and the packaged baselines
    assert "\x1b" not in "".join(board.notes)


def test_a_method_folder_alone_can_be_read(results: Path) -> None:
    result(results)
    assert read_board([results / METHOD]).agents == [METHOD]


def test_long_names_that_begin_alike_stay_apart(results: Path) -> None:
    for end in "ab":
        result(results, method="m" * 120 + end)
    assert len(read_board([results]).agents) == 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_no_content_of_any_file_breaks_the_reading(results: Path, content: bytes) -> None:
    folder = results / METHOD / CELL.format(7)
    if not folder.exists():
        result(results)
    for name in ("metrics.json", "contamination_judgement.txt", "judgement_gpt5_4.json"):
        (folder / name).write_bytes(content)
    try:
        status = only(results).status
    except BadInput:
        pytest.fail("a damaged result must not hide the others")
    assert status is not Status.SCORED
