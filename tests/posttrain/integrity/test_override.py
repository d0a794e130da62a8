"""Overrides: a person's decision is signed beside the verdict, with author and reason, and shown everywhere."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.commands import views
from assay.core.errors import BadInput
from assay.core.ledger import Entry, Ledger, Statement, Subject, open_ledger, verify_ledger
from assay.core.override import OVERRIDE_PREDICATE, append_override, overrides
from assay.core.verdict import Outcome, Verdict
from assay.web.decision import read_all
from tests.web.test_views import printed

DIGEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
WHY = {"author": "R. Roe", "reason": "The two rows are from the public train split: see ticket 12."}


def verdict(submission: str = DIGEST, outcome: Outcome = Outcome.REJECTED) -> Verdict:
    return Verdict(
        task="posttrain/x:y", task_digest=DIGEST, submission=submission, outcome=outcome, reason="Rules were broken."
    )


def fitting() -> dict[str, Any]:
    """An override of the first verdict, as a document."""
    about = {"schema": "assay.override/1", "entry": 0, "verdict": verdict().digest, "before": "rejected"}
    return {**about, "outcome": "accepted", **WHY}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    with open_ledger() as ledger:
        ledger.append_verdict(verdict())
        ledger.append_verdict(verdict(OTHER))
    return tmp_path / "home"


def entries(ledger: Ledger) -> list[Entry]:
    return list(ledger.entries())


def test_an_override_counts_and_the_verdict_stays(place: Path) -> None:
    with open_ledger() as ledger:
        made = append_override(ledger, 0, outcome=Outcome.ACCEPTED, **WHY)
        decisions, skipped = read_all(entries(ledger))
    assert made.override.verdict == verdict().digest and made.override.before is Outcome.REJECTED
    assert [d.outcome for d in decisions] == [Outcome.ACCEPTED, Outcome.REJECTED]
    assert decisions[0].verdict.outcome is Outcome.REJECTED
    assert decisions[0].override is not None and decisions[0].override.author == "R. Roe"
    assert decisions[1].override is None and skipped == []
    assert verify_ledger().ok


def test_of_two_overrides_the_later_counts(place: Path) -> None:
    with open_ledger() as ledger:
        append_override(ledger, 0, outcome=Outcome.ACCEPTED, **WHY)
        second = append_override(ledger, 0, outcome=Outcome.INCONCLUSIVE, **WHY)
        assert second.override.before is Outcome.ACCEPTED
        assert overrides(entries(ledger))[0].override.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("index", "outcome", "author", "reason"),
    [
        (0, Outcome.ACCEPTED, "R. Roe", ""),
        (0, Outcome.ACCEPTED, "R. Roe", " \n -- "),
        (0, Outcome.ACCEPTED, "", "because"),
        (0, Outcome.ACCEPTED, "R. Roe", "x" * 5000),
        (0, Outcome.REJECTED, "R. Roe", "it is rejected already"),
        (9, Outcome.ACCEPTED, "R. Roe", "no such entry"),
    ],
)
def test_an_override_without_a_reason_or_an_effect_is_refused(
    place: Path, index: int, outcome: Outcome, author: str, reason: str
) -> None:
    with open_ledger() as ledger:
        with pytest.raises(BadInput):
            append_override(ledger, index, outcome=outcome, author=author, reason=reason)
        assert len(ledger) == 2


def test_an_override_cannot_be_overridden_itself(place: Path) -> None:
    with open_ledger() as ledger:
        made = append_override(ledger, 0, outcome=Outcome.ACCEPTED, **WHY)
        with pytest.raises(BadInput, match="not a verdict"):
            append_override(ledger, made.entry.index, outcome=Outcome.REJECTED, **WHY)


@pytest.mark.parametrize(
    "changes", [{"verdict": OTHER}, {"entry": 1}, {"entry": 5}, {"reason": " "}, {"extra": 1}, {"outcome": "fine"}]
)
def test_an_override_that_does_not_fit_its_verdict_overrides_nothing(place: Path, changes: dict[str, Any]) -> None:
    document = {**fitting(), **changes}
    with open_ledger() as ledger:
        ledger.append(Statement((Subject(DIGEST, "submission"),), OVERRIDE_PREDICATE, {"override": document}))
        decisions, skipped = read_all(entries(ledger))
    assert all(decision.override is None for decision in decisions)
    assert [one.index for one in skipped] == [2]


def test_an_override_about_another_submission_overrides_nothing(place: Path) -> None:
    document = fitting()
    with open_ledger() as ledger:
        ledger.append(Statement((Subject(OTHER, "submission"),), OVERRIDE_PREDICATE, {"override": document}))
        assert overrides(entries(ledger)) == {}


def test_table_and_panel_say_who_overrode_and_why(place: Path) -> None:
    with open_ledger() as ledger:
        append_override(ledger, 0, outcome=Outcome.ACCEPTED, **WHY)
        kept = entries(ledger)
    assert "overridden: ✓ accepted" in printed(views.verdict_table(kept))
    panel = printed(views.verdict_panel(kept[0], kept))
    assert "from rejected to ✓ accepted by R. Roe" in panel and "ticket 12" in panel and "✗ rejected" in panel
    assert "overridden" not in printed(views.verdict_panel(kept[1], kept))


def assay(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "150"}
    return subprocess.run(
        [sys.executable, "-m", "assay.cli", *arguments], env=environment, capture_output=True, text=True, timeout=120
    )


def test_the_command_signs_and_show_tells(place: Path) -> None:
    options = ("--outcome", "accepted", "--author", "R. Roe")
    refused = assay(place, "posttrain", "override", "0", *options, "--reason", "  ")
    assert refused.returncode == 2 and "--reason" in refused.stderr
    done = assay(place, "posttrain", "override", "0", *options, "--reason", WHY["reason"], "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["index"], made["entry"], made["outcome"]) == (2, 0, "accepted")
    shown = json.loads(assay(place, "show", "0", "--json").stdout)
    assert shown[0]["outcome"] == "rejected" and shown[0]["override"]["author"] == "R. Roe"
    assert "ticket 12" in assay(place, "show", DIGEST).stdout
    page = place / "page.html"
    assert assay(place, "show", "0", "--html", str(page)).returncode == 0
    assert "Overridden</b> from rejected to accepted by R. Roe" in page.read_text()
