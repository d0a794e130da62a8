"""What people see: the command's JSON, its table and its pages, also when a worker's name is hostile."""

import base64
import hashlib
import html
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from assay.core.verdict import Evidence, Finding, Severity
from assay.posttrain.board.decisions import ledger_board, of_this_arena
from assay.posttrain.board.page import leaderboard_page
from assay.posttrain.board.report import agents_of, report_page
from assay.posttrain.board.scoring import Missing
from assay.posttrain.board.standing import Leaderboard, compare
from tests.posttrain.board.conftest import Book
from tests.posttrain.board.test_published import DATA, needs_data
from tests.posttrain.board.test_results import result

HOSTILE = "python <script>alert(1)</script>\x1b[31m\u202e.py"


def assay(*arguments: str, columns: int = 150) -> subprocess.CompletedProcess[str]:
    """The command line, in the test's own home."""
    environment = {**os.environ, "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "assay.cli", "posttrain", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def compared(book: Book) -> Leaderboard:
    board = ledger_board(of_this_arena(book.ledger.entries()), book.store)
    return compare(board, Missing.BASE, resamples=100)


class Outline(HTMLParser):
    """The tags and the text of a page; fails on what must not be there."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("src", "style") for name, _ in attrs), attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@needs_data
def test_the_published_board_from_the_command_line_is_the_papers() -> None:
    done = assay("leaderboard", "--import", str(DATA), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "assay.leaderboard/1"
    factors = json.loads((DATA / "factors.json").read_text())
    assert found["weights"]["values"] == pytest.approx(factors, abs=1e-9)
    averages = {name: round(line["average"], 2) for name, line in found["baselines"].items()}
    assert averages == {"base": 7.53, "few-shot": 18.08, "instruct": 51.14}
    assert len(found["agents"]) == 23
    assert found["agents"][1]["printed"] == "23.2 ± 1.8"
    assert len(found["pairs"]) == 26 * 25 / 2


@needs_data
def test_two_readings_give_one_document() -> None:
    one, other = (assay("leaderboard", "--import", str(DATA), "--json").stdout for _ in range(2))
    assert one == other


def test_the_board_of_the_ledger_is_a_table_on_a_terminal(filled: Book) -> None:
    done = assay("leaderboard")
    assert done.returncode == 0, done.stderr
    first = next(line for line in done.stdout.splitlines() if "python good.py" in line)
    assert first.split()[0] == "1"
    assert "1 flagged, 1 undecided of 3" in re.sub(r"\s+", " ", done.stdout)
    assert "base model, zero-shot" in done.stdout


def test_a_narrow_terminal_leaves_the_benchmarks_out(filled: Book) -> None:
    assert "HumanEval" in assay("leaderboard").stdout
    assert "HumanEval" not in assay("leaderboard", columns=90).stdout


def test_a_page_and_the_document_can_be_had_at_once(filled: Book, tmp_path: Path) -> None:
    done = assay("leaderboard", "--json", "--html", str(tmp_path / "board.html"))
    assert json.loads(done.stdout)["agents"][0]["name"] == "python good.py"
    page = Outline((tmp_path / "board.html").read_text())
    assert "python good.py" in page.text
    assert "svg" in page.tags


def test_result_folders_are_imported(tmp_path: Path) -> None:
    (tmp_path / "results" / "claude_claude-opus-4-5_10h").mkdir(parents=True)
    result(tmp_path / "results")
    done = assay("leaderboard", "--import", str(tmp_path / "results"), "--json", "--missing", "drop")
    (agent,) = json.loads(done.stdout)["agents"]
    assert agent["average"] == 50
    assert agent["statuses"] == {"not-submitted": 27, "scored": 1}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("leaderboard", "--missing", "best"), "not a rule"),
        (("leaderboard", "--import", "nowhere"), "not a folder"),
        (("leaderboard", "here"), "--import"),
        (("leaderboard", "--import", "nowhere", "--task", "x"), "leave it out"),
        (("leaderboard", "--task", "nothing:*"), "no verdict"),
        (("report", "--agent", "nobody"), "it has those of"),
        (("report", "--task", "nothing:*"), "no verdict"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(filled: Book, arguments: tuple[str, ...], says: str) -> None:
    done = assay(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_the_report_has_every_result_of_an_agent_and_only_those(filled: Book, tmp_path: Path) -> None:
    done = assay("report", "--agent", "python cheat.py", "--json", "--html", str(tmp_path / "report.html"))
    assert done.returncode == 0, done.stderr
    (agent,) = json.loads(done.stdout)["agents"]
    outcomes = {found["benchmark"]: (found["outcome"], found["status"]) for found in agent["results"]}
    assert outcomes["gsm8k"] == ("rejected", "flagged")
    assert outcomes["bfcl-simple"] == ("inconclusive", "undecided")
    assert agent["results"][1]["spent"]["tokens"] == 12000
    page = Outline((tmp_path / "report.html").read_text())
    assert "python good.py" not in page.text
    for text in ("contamination", "data/train.jsonl, row 3", "12,000", "assay show 12", "of 10:00"):
        assert text in page.text, text


def test_the_report_on_a_terminal_has_base_submission_and_improvement(filled: Book) -> None:
    text = assay("report").stdout
    for name in ("python good.py", "python fair.py", "python cheat.py", "python late.py", "✗ rejected"):
        assert name in text


def test_a_hostile_name_is_text_on_every_page_and_terminal(book: Book) -> None:
    said = Finding(
        rule=HOSTILE, severity=Severity.NOTE, message=HOSTILE, evidence=(Evidence(where=HOSTILE, what=HOSTILE),)
    )
    book.add("gsm8k:smollm2-135m", HOSTILE, 0.5, findings=(said,))
    book.add("gsm8k:<b>model</b>", HOSTILE, 0.5)
    found = compared(book)
    for page in (leaderboard_page(found), report_page(agents_of(of_this_arena(book.ledger.entries())))):
        outline = Outline(page)
        assert "script" not in outline.tags
        assert "<script>alert(1)</script>" in outline.text
        assert "\x1b" not in page
        assert "\u202e" not in page
    for arguments in (("leaderboard",), ("report",)):
        text = assay(*arguments).stdout
        assert "\x1b[31m" not in text
        assert "\u202e" not in text


def test_a_page_loads_nothing_and_names_its_style_sheet_by_hash(filled: Book) -> None:
    page = leaderboard_page(compared(filled))
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'" in html.unescape(page)
    assert "http" not in re.sub(r'xmlns="[^"]+"|http-equiv', "", page)


def test_equal_boards_give_equal_pages(filled: Book) -> None:
    assert leaderboard_page(compared(filled)) == leaderboard_page(compared(filled))


def test_ranks_that_cannot_be_ruled_out_hold_the_rank(filled: Book) -> None:
    found = compared(filled)
    for line in found.agents:
        ranks = found.ranks(line)
        assert ranks is not None
        assert line.rank is not None
        assert ranks[0] <= line.rank <= ranks[1]
