"""Published tables, whole and damaged: what is missing becomes a status and a note, what is wrong an error."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.errors import BadInput, LimitExceeded
from assay.posttrain.board.cells import BASE, Cell, Status
from assay.posttrain.board.importing import read_board
from assay.posttrain.board.published import published
from assay.posttrain.board.scoring import Missing
from assay.posttrain.board.standing import Line, compare

KNOWN = published()
BENCHMARKS = [benchmark.name for benchmark in KNOWN.benchmarks]
GLM = "opencode_zai_glm-5_10h_run2"  # a single-run row of table 1
OPUS = "Opus-4.6"  # a row that is a mean of runs

Rows = dict[str, dict[str, str]]


def write(path: Path, rows: Rows) -> None:
    columns = list(next(iter(rows.values())))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["model", *columns])
        writer.writerows([model, *row.values()] for model, row in rows.items())


def read(path: Path) -> Rows:
    with path.open(newline="") as file:
        return {row.pop("model"): row for row in csv.DictReader(file)}


def change(path: Path, edit: Callable[[Rows], object]) -> None:
    rows = read(path)
    edit(rows)
    write(path, rows)


def shares(value: float) -> Rows:
    return {model: dict.fromkeys(BENCHMARKS, str(value)) for model in KNOWN.bases}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Baselines as published, a mean of three runs, and a single run with a word and a flag in it."""
    place = tmp_path / "published"
    place.mkdir()
    siblings = {model.name: model.instruct for model in KNOWN.models}
    base, instruct = KNOWN.baselines["base"], KNOWN.baselines["instruct"]
    rows = {m: {b: repr(base[b, m].score / 100) for b in BENCHMARKS} for m in KNOWN.bases}
    rows |= {siblings[m]: {b: repr(instruct[b, m].score / 100) for b in BENCHMARKS} for m in KNOWN.bases}
    write(place / "aggregated_baseline.csv", rows)
    few = KNOWN.baselines["few-shot"]
    write(
        place / "aggregated_baseline_fewshot.csv",
        {m: {b: repr(few[b, m].score / 100) for b in BENCHMARKS} for m in KNOWN.bases},
    )
    write(place / f"aggregated_avg_{OPUS}.csv", shares(0.4))
    write(place / f"aggregated_std_{OPUS}.csv", shares(0.05))
    (place / "single_metrics_aggregated.csv").write_text(f"agent,avg,std,n\r\n{OPUS},0.4,0.02,3\r\n")
    raw, final = shares(0.5), shares(0.5)
    raw["Qwen3-4B-Base"]["bfcl"] = "ERR"
    final["Qwen3-4B-Base"]["bfcl"] = repr(base["bfcl", "Qwen3-4B-Base"].score / 100)
    raw["SmolLM3-3B-Base"]["gsm8k"] = "not stored"
    final["SmolLM3-3B-Base"]["gsm8k"] = repr(base["gsm8k", "SmolLM3-3B-Base"].score / 100)
    raw["gemma-3-4b-pt"]["humaneval"] = "0.9"
    final["gemma-3-4b-pt"]["humaneval"] = repr(base["humaneval", "gemma-3-4b-pt"].score / 100)
    write(place / f"aggregated_{GLM}.csv", raw)
    write(place / f"final_{GLM}.csv", final)
    return place


def lines(folder: Path, rule: Missing = Missing.BASE) -> dict[str, Line]:
    found = compare(read_board([folder]), rule, resamples=50)
    return {line.name: line for line in found.agents}


def cell(folder: Path, agent: str, benchmark: str, model: str) -> Cell:
    board = read_board([folder])
    return next(c for c in board.cells if (c.agent, c.benchmark, c.model) == (agent, benchmark, model))


def notes(folder: Path) -> str:
    return "\n".join(compare(read_board([folder]), Missing.BASE, resamples=50).notes)


def test_what_stood_there_before_the_fallback_is_the_status(folder: Path) -> None:
    glm = "GLM 5 (OpenCode)"
    assert cell(folder, glm, "bfcl", "Qwen3-4B-Base").status is Status.BROKEN
    assert cell(folder, glm, "gsm8k", "SmolLM3-3B-Base").status is Status.NOT_SUBMITTED
    flagged = cell(folder, glm, "humaneval", "gemma-3-4b-pt")
    assert (flagged.status, flagged.score) == (Status.FLAGGED, 90)
    assert cell(folder, glm, "humaneval", "Qwen3-4B-Base").status is Status.SCORED


def test_a_mean_of_runs_has_its_deviation_and_does_not_claim_that_all_runs_were_valid(folder: Path) -> None:
    mean = cell(folder, "Opus 4.6 (Claude Code)", "bfcl", "Qwen3-4B-Base")
    assert (mean.status, mean.runs, mean.spread) == (Status.UNSTATED, 3, 5)


@pytest.mark.parametrize("rule", Missing)
def test_the_rule_decides_what_counts_for_a_cell_without_a_score(folder: Path, rule: Missing) -> None:
    base = KNOWN.baselines[BASE]["gsm8k", "SmolLM3-3B-Base"].score
    expected = {Missing.BASE: (150 + base) / 4, Missing.ZERO: 150 / 4, Missing.DROP: 50}[rule]
    assert lines(folder, rule)["GLM 5 (OpenCode)"].scored.benchmarks["gsm8k"] == pytest.approx(expected)


def test_dropping_a_whole_benchmark_scales_the_other_weights(folder: Path) -> None:
    for name in (f"aggregated_{GLM}.csv", f"final_{GLM}.csv"):
        write(folder / name, {m: {b: "not stored" if b == "bfcl" else "0.5" for b in BENCHMARKS} for m in KNOWN.bases})
    line = lines(folder, Missing.DROP)["GLM 5 (OpenCode)"]
    assert "bfcl" not in line.scored.benchmarks
    assert line.average == pytest.approx(50)


def test_a_missing_file_makes_the_agent_absent_and_says_so(folder: Path) -> None:
    (folder / f"aggregated_avg_{OPUS}.csv").unlink()
    assert "Opus 4.6 (Claude Code)" not in lines(folder)
    assert "Opus 4.6 (Claude Code) (row 1 of the paper's table 1) is absent" in notes(folder)


@pytest.mark.parametrize(
    ("word", "status"), [("ERR", Status.BROKEN), ("not stored", Status.NOT_SUBMITTED), ("", Status.NOT_SUBMITTED)]
)
def test_a_word_in_place_of_a_score_is_a_status_and_counts_as_the_base(folder: Path, word: str, status: Status) -> None:
    before = lines(folder)["Opus 4.6 (Claude Code)"].average
    change(folder / f"aggregated_avg_{OPUS}.csv", lambda rows: rows["gemma-3-4b-pt"].update(gsm8k=word))
    found = cell(folder, "Opus 4.6 (Claude Code)", "gsm8k", "gemma-3-4b-pt")
    assert (found.status, found.score) == (status, None)
    base = KNOWN.baselines[BASE]["gsm8k", "gemma-3-4b-pt"].score
    after = lines(folder)["Opus 4.6 (Claude Code)"].average
    weight = read_board([folder]).weights["gsm8k"]
    assert before is not None
    assert after == pytest.approx(before + weight * (base - 40) / 4)


@pytest.mark.parametrize("text", ["1.5", "-0.1", "nan", "inf", "banana", "50%", "0x1", "0_1", "١"])
def test_another_figure_than_a_share_is_refused_and_named(folder: Path, text: str) -> None:
    change(folder / f"final_{GLM}.csv", lambda rows: rows["gemma-3-4b-pt"].update(gsm8k=text))
    with pytest.raises(BadInput, match=r"final_.*row gemma-3-4b-pt, column gsm8k.*between 0 and 1"):
        read_board([folder])


def test_another_column_or_row_changes_nothing_and_is_noted(folder: Path) -> None:
    before = {name: line.average for name, line in lines(folder).items()}

    def more(rows: Rows) -> None:
        for row in rows.values():
            row["ifeval"] = "0.9"
        rows["Llama-9B"] = dict.fromkeys([*BENCHMARKS, "ifeval"], "1.0")

    for path in folder.glob("*_*.csv"):
        if path.name != "single_metrics_aggregated.csv":
            change(path, more)
    assert {name: line.average for name, line in lines(folder).items()} == before
    assert "the column 'ifeval' is not of the matrix" in notes(folder)
    assert "the row 'Llama-9B' is not of the matrix" in notes(folder)


def test_a_missing_column_or_row_counts_as_not_submitted_and_is_noted(folder: Path) -> None:
    change(folder / f"final_{GLM}.csv", lambda rows: [row.pop("bfcl") for row in rows.values()])
    change(folder / f"final_{GLM}.csv", lambda rows: rows.pop("gemma-3-4b-pt"))
    glm = "GLM 5 (OpenCode)"
    assert cell(folder, glm, "bfcl", "Qwen3-1.7B-Base").status is Status.NOT_SUBMITTED
    assert cell(folder, glm, "gsm8k", "gemma-3-4b-pt").status is Status.NOT_SUBMITTED
    assert "the column bfcl is missing" in notes(folder)
    assert "the row gemma-3-4b-pt is missing" in notes(folder)


def test_an_unknown_agent_is_on_the_board_by_its_files_name(folder: Path) -> None:
    write(folder / "final_newcomer_10h.csv", shares(0.6))
    line = lines(folder)["newcomer_10h"]
    assert line.rank == 1
    assert line.average == pytest.approx(60)
    assert "newcomer_10h: aggregated_newcomer_10h.csv is missing" in notes(folder)


def test_a_score_at_the_bases_may_be_the_bases_where_nothing_tells(folder: Path) -> None:
    (folder / f"aggregated_{GLM}.csv").unlink()
    assert cell(folder, "GLM 5 (OpenCode)", "gsm8k", "SmolLM3-3B-Base").status is Status.UNSTATED
    assert cell(folder, "GLM 5 (OpenCode)", "gsm8k", "Qwen3-4B-Base").status is Status.SCORED


def test_an_agent_named_like_a_baseline_is_not_taken_for_it(folder: Path) -> None:
    write(folder / "final_base.csv", shares(0.6))
    assert "agent base" in lines(folder)


def test_without_a_final_table_the_rule_is_applied_to_what_stood_before(folder: Path) -> None:
    (folder / f"final_{GLM}.csv").unlink()
    assert cell(folder, "GLM 5 (OpenCode)", "bfcl", "Qwen3-4B-Base").status is Status.BROKEN
    assert cell(folder, "GLM 5 (OpenCode)", "humaneval", "gemma-3-4b-pt").score == 90
    assert "what judges flagged is not known" in notes(folder)


def test_without_deviations_or_summary_the_notes_say_what_is_not_known(folder: Path) -> None:
    (folder / f"aggregated_std_{OPUS}.csv").unlink()
    (folder / "single_metrics_aggregated.csv").unlink()
    found = cell(folder, "Opus 4.6 (Claude Code)", "bfcl", "Qwen3-4B-Base")
    assert found.spread is None
    assert "variation between runs is not known" in notes(folder)
    assert "3 runs are assumed" in notes(folder)


def test_missing_baselines_are_the_packaged_ones_and_noted(folder: Path) -> None:
    expected = read_board([folder]).weights
    (folder / "aggregated_baseline.csv").unlink()
    (folder / "aggregated_baseline_fewshot.csv").unlink()
    board = read_board([folder])
    assert board.weights == pytest.approx(expected)
    assert sum("the packaged figures stand in" in note for note in board.notes) == 3


def test_another_baseline_gives_other_weights(folder: Path) -> None:
    expected = read_board([folder]).weights["bfcl"]
    change(folder / "aggregated_baseline.csv", lambda rows: rows["Qwen3-4B"].update(bfcl="0.2"))
    assert read_board([folder]).weights["bfcl"] > expected


def test_instruct_models_no_better_than_bases_have_no_weight_and_are_refused(folder: Path) -> None:
    def level(rows: Rows) -> None:
        for row in rows.values():
            row["bfcl"] = "0.5"

    change(folder / "aggregated_baseline.csv", level)
    with pytest.raises(BadInput, match="not better than the bases on bfcl"):
        read_board([folder])


def test_other_published_weights_or_averages_are_noted(folder: Path) -> None:
    weights = dict(read_board([folder]).weights)
    (folder / "factors.json").write_text(json.dumps(weights))
    assert "published weights differ" not in notes(folder)
    (folder / "factors.json").write_text(json.dumps({**weights, "bfcl": weights["bfcl"] + 1e-6}))
    assert "published weights differ" in notes(folder)
    (folder / "single_metrics_aggregated.csv").write_text(f"agent,avg,std,n\n{OPUS},0.41,0.02,3\n")
    assert "the source says 41.00, the cells give 40.00" in notes(folder)


def test_files_that_repeat_others_are_left_out_only_if_the_others_are_there(folder: Path) -> None:
    write(folder / "final_opencode_opencode_gemini-3.1-pro_10h_run2.csv", shares(0.6))
    assert len(lines(folder)) == 3
    write(folder / "aggregated_avg_Gemini-3.1-Pro.csv", shares(0.5))
    write(folder / "aggregated_std_Gemini-3.1-Pro.csv", shares(0.01))
    assert set(lines(folder)) == {"Opus 4.6 (Claude Code)", "GLM 5 (OpenCode)", "Gemini 3.1 Pro (OpenCode)"}


def test_a_row_or_column_that_occurs_twice_is_refused(folder: Path) -> None:
    path = folder / f"final_{GLM}.csv"
    text = path.read_text()
    path.write_text(text + text.splitlines()[1] + "\n")
    with pytest.raises(BadInput, match=r"row 'Qwen3-1\.7B-Base' twice"):
        read_board([folder])
    path.write_text("model,bfcl,bfcl\nQwen3-1.7B-Base,0.1,0.2\n")
    with pytest.raises(BadInput, match="column 'bfcl' twice"):
        read_board([folder])


def test_a_line_that_is_too_short_is_refused(folder: Path) -> None:
    path = folder / f"final_{GLM}.csv"
    path.write_text(path.read_text().rstrip().rsplit(",", 1)[0] + "\n")
    with pytest.raises(BadInput, match="line 5: 7 fields where the header has 8"):
        read_board([folder])


def test_hostile_files_are_refused_and_not_followed_or_waited_for(folder: Path, tmp_path: Path) -> None:
    path = folder / f"final_{GLM}.csv"
    content = path.read_bytes()
    secret = tmp_path / "secret"
    secret.write_text("model,bfcl\nroot,hunter2\n")
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(BadInput, match="symbolic link"):
        read_board([folder])
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BadInput, match="not a plain file"):
        read_board([folder])
    path.unlink()
    path.write_bytes(content + b"\0" * (2 << 20))
    with pytest.raises(LimitExceeded):
        read_board([folder])
    path.write_bytes(b"\xff\xfe\x00model")
    with pytest.raises(BadInput, match="not a CSV table in UTF-8"):
        read_board([folder])
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="no header"):
        read_board([folder])


def test_what_an_agents_table_says_cannot_reach_the_terminal_raw(folder: Path) -> None:
    change(folder / f"final_{GLM}.csv", lambda rows: rows["gemma-3-4b-pt"].update(gsm8k="\x1b[31m" + "x" * 5000))
    with pytest.raises(BadInput) as caught:
        read_board([folder])
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds neither"):
        read_board([tmp_path])
    with pytest.raises(BadInput, match="not a folder"):
        read_board([tmp_path / "nowhere"])


def test_one_result_found_twice_is_refused(folder: Path) -> None:
    with pytest.raises(BadInput, match="found in two places"):
        read_board([folder, folder])
