"""The published figures: computed from the published cells, they are those that the paper prints, digit by digit."""

from pathlib import Path

import pytest

from assay.posttrain.board.cells import BASE, FEW_SHOT, INSTRUCT, Status
from assay.posttrain.board.document import document
from assay.posttrain.board.importing import read_board
from assay.posttrain.board.published import published
from assay.posttrain.board.scoring import Missing
from assay.posttrain.board.standing import Leaderboard, compare
from assay.posttrain.board.tables import weights_of

DATA = Path(__file__).parents[4] / "shared" / "data" / "posttrainbench"

# Table 1 of the paper (arXiv 2603.08640), as printed: average, then AIME, Arena, BFCL, GPQA, GSM8K, Health, HumanEval.
TABLE_1 = """
Opus 4.6 (Claude Code)|23.2±1.8|5.0±3.5|7.8±5.2|75.9±17.8|25.5±5.8|41.0±19.3|18.8±3.7|24.7±13.1
Gemini 3.1 Pro (OpenCode)|21.6±1.1|3.9±1.9|7.4±5.4|62.8±27.3|18.5±8.3|45.5±22.3|14.5±6.7|40.2±8.4
GPT-5.2 (Codex)|21.4±2.4|0.8±1.0|6.6±5.0|52.5±40.8|23.7±8.1|55.9±3.0|15.8±6.1|30.2±11.8
GPT-5.4 High (Codex)|20.2±2.4|0.6±1.0|10.1±7.5|31.1±38.8|28.0±5.4|48.2±12.1|17.3±7.0|27.3±9.5
GPT-5.1 Codex Max (Codex)|19.7±2.5|0.6±1.0|4.0±3.2|30.8±50.8|24.0±7.2|51.6±11.6|17.8±8.8|32.0±8.4
Gemini 3 Pro (Gemini CLI)|18.1±2.4|1.7±2.9|6.3±1.2|42.3±34.3|21.2±7.5|39.1±4.2|17.3±4.6|22.7±12.7
GPT-5.3 Codex High (Codex)|17.8±3.6|0.6±0.5|2.4±1.9|45.5±38.2|27.7±2.4|33.0±7.8|8.9±6.4|29.1±9.9
Opus 4.5 (OpenCode)|17.3|0.8|5.5|43.0|17.7|54.4|9.6|24.1
GPT-5.2 Codex (Codex)|17.2±1.6|0.3±0.5|2.5±1.8|45.2±20.9|24.1±4.7|37.6±12.3|11.5±6.3|23.8±9.9
Opus 4.5 (Claude Code)|17.1±4.5|2.2±1.0|3.8±1.8|61.7±26.1|19.0±11.4|28.5±13.7|8.9±2.9|29.3±8.4
Sonnet 4.6 (Claude Code)|16.4|3.3|10.2|23.8|13.8|25.7|16.2|42.4
Gemini 3 Pro (OpenCode)|14.9|0.0|8.4|10.8|16.3|49.8|11.3|27.3
GLM 5 (OpenCode)|13.9|0.8|4.2|21.5|15.2|40.3|14.6|17.4
GPT-5.3 Codex Med (Codex)|13.8±0.8|0.3±0.5|1.0±0.7|14.8±11.5|22.8±5.2|31.7±8.8|10.2±2.5|24.0±7.4
Kimi K2.5 (OpenCode)|10.3|2.5|5.2|19.2|11.1|19.8|7.5|19.5
Sonnet 4.5 (Claude Code)|9.9|0.8|1.0|1.8|14.6|30.9|5.0|23.0
MiniMax M2.5 (OpenCode)|9.5|0.0|2.7|2.2|11.6|31.0|10.5|15.5
MiniMax M2.1 (OpenCode)|9.3|0.8|1.3|13.5|9.7|19.4|9.5|21.6
GPT-5.1 Codex Max (OpenCode)|7.7|1.7|1.1|1.5|15.3|20.0|6.1|5.8
GLM 4.7 (OpenCode)|7.5|1.7|1.3|1.5|8.5|18.8|9.5|13.9
Qwen3 Max (Claude Code)|7.4|0.8|1.0|1.5|7.1|20.6|9.5|16.5
Kimi K2 Thinking (OpenCode)|7.2|1.7|1.3|1.5|8.5|14.8|9.5|15.1
"""
BASELINES = {
    INSTRUCT: "51.1|29.2|70.2|85.0|36.2|87.0|43.3|71.5",
    FEW_SHOT: "18.1|5.1|7.2|1.7|22.6|45.0|19.1|31.5",
    BASE: "7.5|1.7|1.3|1.5|8.5|20.4|9.5|12.8",
}
ROWS = {row.split("|")[0]: row.split("|")[1:] for row in TABLE_1.strip().splitlines()}

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the published tables are not in ../shared/data")


@pytest.fixture(scope="module")
def found() -> Leaderboard:
    return compare(read_board([DATA]), Missing.BASE, resamples=200)


def test_the_packaged_baselines_give_the_published_averages_and_weights() -> None:
    known = published()
    weights = weights_of(known.baselines, known)
    assert weights == pytest.approx(
        {
            "aime2025": 0.226536549919078,
            "arenahardwriting": 0.0903518275042778,
            "bfcl": 0.0746078457817324,
            "gpqamain": 0.22462215653948,
            "gsm8k": 0.0935882347031865,
            "healthbench": 0.184144830733019,
            "humaneval": 0.106148554819225,
        },
        abs=1e-9,
    )
    for kind, average in ((BASE, 7.53), (FEW_SHOT, 18.08), (INSTRUCT, 51.14)):
        table = known.baselines[kind]
        total = sum(weights[b] * sum(table[b, m].score for m in known.bases) / 4 for b in weights)
        assert round(total, 2) == average


@needs_data
def test_the_weights_are_the_published_ones(found: Leaderboard) -> None:
    board = found.board
    assert board.published_weights is not None
    assert board.weights == pytest.approx(board.published_weights, abs=1e-9)


@needs_data
@pytest.mark.parametrize("agent", ROWS)
def test_a_row_of_table_1_is_as_printed(found: Leaderboard, agent: str) -> None:
    line = next(line for line in document(found)["agents"] if line["name"] == agent)
    made = [line["printed"], *(column["printed"] for column in line["benchmarks"].values())]
    assert [text.replace(" ", "") for text in made] == ROWS[agent]


@needs_data
@pytest.mark.parametrize("kind", BASELINES)
def test_a_baseline_of_table_1_is_as_printed(found: Leaderboard, kind: str) -> None:
    line = document(found)["baselines"][kind]
    made = [line["printed"], *(column["printed"] for column in line["benchmarks"].values())]
    assert made == BASELINES[kind].split("|")


@needs_data
def test_the_rows_of_table_1_are_in_its_order_and_one_row_is_the_websites(found: Leaderboard) -> None:
    names = [line.name for line in found.agents]
    assert [name for name in names if name in ROWS] == list(ROWS)
    assert set(names) - set(ROWS) == {"Opus 4.6 1M (Claude Code)"}


@needs_data
def test_what_agents_did_not_hand_in_is_told_from_what_they_scored(found: Leaderboard) -> None:
    single = [cell for cell in found.board.cells if cell.runs == 1 and cell.agent != "Sonnet 4.5 (Claude Code)"]
    counts = {status: sum(cell.status is status for cell in single) for status in Status}
    # Of the eleven single-run agents whose tables before the fallback were published: 308 cells.
    assert counts == {
        Status.SCORED: 171,
        Status.NOT_SUBMITTED: 92,
        Status.BROKEN: 34,
        Status.FLAGGED: 11,
        Status.UNDECIDED: 0,
        Status.UNSTATED: 0,
    }
