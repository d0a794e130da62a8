"""Verdicts on a terminal: the figures are there, and nobody's words steer the screen."""

import io

import pytest
from rich.console import Console, RenderableType

from assay.commands import views
from assay.core.digest import digest_bytes
from assay.core.ledger import Entry, Ledger, Statement, Subject
from assay.core.store import Store
from tests.web import examples
from tests.web.examples import append, run, scores, verdict
from tests.web.test_report import HOSTILE, hostile_entry


def printed(view: RenderableType, width: int = 140) -> str:
    paper = io.StringIO()
    Console(file=paper, width=width).print(view)
    return paper.getvalue()


def test_the_table_has_every_verdict_with_its_figures(entries: list[Entry]) -> None:
    shown = printed(views.verdict_table(entries))
    lines = shown.splitlines()
    assert lines[0].strip() == examples.TASK
    row = next(i for i, line in enumerate(lines) if "python honest.py" in line)
    for text in ("0", "✓ accepted", "27.0 %", "+24.0 points", "none"):
        assert text in lines[row]
    for text in (entries[0].statement.subjects[0].digest[7:19], "18.0 to 36.0", "+15.0 to +33.0"):
        assert text in lines[row + 1]
    assert "✗ rejected" in shown and "1 violation" in shown
    assert "? inconclusive" in shown and "1 undecided" in shown


def test_the_table_fits_eighty_columns_without_losing_a_figure(entries: list[Entry]) -> None:
    shown = printed(views.verdict_table(entries), width=80)
    for text in ("? inconclusive", "+48.0 to +68.0", "1 violation", "entry", "improvement"):
        assert text in shown
    assert "…" not in shown


def test_entries_of_another_kind_are_counted_below_the_table(entries: list[Entry], ledger: Ledger) -> None:
    other = ledger.append(Statement((Subject(digest_bytes(b"x")),), "urn:test:round:v1", {"n": 1}))
    assert "1 entry is not shown: `assay ledger log` lists them." in printed(views.verdict_table([*entries, other]))
    assert "Entry 3 is not shown: it is of another kind: urn:test:round:v1." in printed(views.verdict_panel(other))


def test_an_empty_ledger_is_a_sentence() -> None:
    assert printed(views.verdict_table([])) == "There are no verdicts yet.\n"


def test_the_panel_has_the_reason_the_measures_and_the_budget(entries: list[Entry]) -> None:
    shown = printed(views.verdict_panel(entries[0]))
    assert "No rule was broken and the improvement is above zero (+15.0 to +33.0 points, n = 100)." in shown
    for text in ("+24.0 points", "+15.0 to +33.0 (95 %)", "n = 100", "3:34", "of 10:00", "36 %", "3.2 GiB"):
        assert text in shown
    assert entries[0].statement.subjects[0].digest in shown


def test_the_panel_has_the_evidence_and_says_where_the_rest_is(entries: list[Entry]) -> None:
    shown = printed(views.verdict_panel(entries[1]))
    assert "data/train_mix.jsonl, row 3 " in shown
    assert "↔ exec_simple_36" in shown and "↔ exec_simple_40" not in shown
    assert "and 15 more: `assay ledger show 1` has them all" in shown


def test_a_run_that_was_stopped_says_at_which_limit(entries: list[Entry]) -> None:
    assert "exit code -9, stopped at its limit on wall clock" in printed(views.verdict_panel(entries[2]))


def test_a_verdict_without_a_run_or_measures_is_shown(ledger: Ledger, store: Store) -> None:
    entry = append(ledger, store, verdict("x", ()), None)
    assert "does not say how the submission came to be" in printed(views.verdict_panel(entry))
    assert "not measured" in printed(views.verdict_table([entry]))


@pytest.mark.parametrize("words", HOSTILE)
def test_no_words_of_a_stranger_steer_the_terminal(ledger: Ledger, store: Store, words: str) -> None:
    entry = hostile_entry(ledger, store, words)
    for view in (views.verdict_table([entry]), views.verdict_panel(entry)):
        assert [c for c in printed(view) if not c.isprintable() and c != "\n"] == []


def test_brackets_are_text_and_not_markup(ledger: Ledger, store: Store) -> None:
    about = run(store, "python [bold]x[/bold] [link=a]y", 10, 1e9)
    entry = append(ledger, store, verdict("x", scores(9, 8, 10)), about)
    assert "python [bold]x[/bold] [link=a]y" in printed(views.verdict_table([entry]), width=200)
    assert "python [bold]x[/bold] [link=a]y" in printed(views.verdict_panel(entry), width=200)
