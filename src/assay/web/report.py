"""The report: verdicts as one HTML file that explains itself, works offline, and runs nothing.

No script, no request: a strict content security policy allows the page its own style sheet and nothing else. Every
string goes through `plain.visible` and HTML escaping on its way out, whoever wrote it. The page is a view; the ledger
is what counts, and the page says how to check it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from assay.core.arena import find_task
from assay.core.budget import Budget
from assay.core.digest import Digest
from assay.core.errors import AssayError
from assay.core.ledger import Entry
from assay.core.plain import one_line
from assay.core.store import Store
from assay.core.task import Task
from assay.core.verdict import Finding, Measure, Outcome
from assay.web import figures, page, plots
from assay.web.decision import SYMBOLS, Decision, Skipped, read_all
from assay.web.meters import Meters, read_ending, read_meters
from assay.web.page import write_page

_LAST_LINES = 40  # of a transcript
_EVIDENCE_OPEN, _EVIDENCE_MOST = 5, 500  # shown at once, and at all: the ledger has the rest
_METHOD_DEPTH = 4


@dataclass(frozen=True)
class Asked:
    """One task and the decisions about it. `task` is `None` where its text is not known here."""

    id: str
    digest: Digest
    task: Task | None
    decisions: tuple[Decision, ...]
    plots: tuple[tuple[str, Markup], ...]  # caption and picture


@dataclass(frozen=True)
class Details:
    """What is shown of one run beside its verdict."""

    budget: tuple[tuple[str, str, str, str], ...]  # what, used, allowed, share
    notes: tuple[str, ...]
    plots: tuple[tuple[str, Markup], ...]
    last_lines: tuple[str, ...]


def write(entries: Iterable[Entry], store: Store, dest: Path, *, title: str) -> None:
    """Write the report of `entries` to the file `dest`, which appears (or is replaced) only when it is whole."""
    write_page(dest, render(entries, store, title=title))


def render(entries: Iterable[Entry], store: Store, *, title: str) -> str:
    """The page. Equal entries and stores give equal pages: there is no clock in it."""
    decisions, skipped = read_all(entries)
    return page.render(
        "report.html",
        ("report.css",),
        title=title,
        decisions=decisions,
        skipped=skipped,
        summary=_summary(decisions, skipped),
        asked=_by_task(decisions),
        details={decision.index: _details(decision, store) for decision in decisions},
        figures=figures,
        symbols=SYMBOLS,
        has_matches=has_matches,
        has_scores=has_scores,
        method_rows=method_rows,
        rules_checked=rules_checked,
        evidence_open=_EVIDENCE_OPEN,
        evidence_most=_EVIDENCE_MOST,
    )


def _summary(decisions: list[Decision], skipped: list[Skipped]) -> str:
    tasks = len({(d.verdict.task, d.verdict.task_digest) for d in decisions})
    outcomes = [(o, sum(d.verdict.outcome is o for d in decisions)) for o in Outcome]
    told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes if number)
    sentence = f"{figures.count(len(decisions), 'verdict')} on {figures.count(tasks, 'task')}"
    sentence += f": {told}." if told else "."
    if skipped:
        sentence += (
            f" {figures.count(len(skipped), 'entry is', 'entries are')} not shown here; see the end of the page."
        )
    return sentence


# Tasks -------------------------------------------------------------------------------------------------------------


def _by_task(decisions: list[Decision]) -> list[Asked]:
    found: dict[tuple[str, Digest], list[Decision]] = {}
    for decision in decisions:
        found.setdefault((decision.verdict.task, decision.verdict.task_digest), []).append(decision)
    return [
        Asked(task_id, digest, _known(task_id, digest), tuple(group), tuple(_compared(group)))
        for (task_id, digest), group in found.items()
    ]


def _known(task_id: str, digest: Digest) -> Task | None:
    """The task itself, if this version of Assay has the very one that the verdict is about."""
    try:
        _, task = find_task(task_id)
    except AssayError:
        return None
    return task if task.digest == digest else None


def _compared(decisions: list[Decision]) -> Iterable[tuple[str, Markup]]:
    """The plot of the scores and the plot of the improvements, as far as there are any."""
    scores = [(d, d.score) for d in decisions]
    names = {(score.name, score.unit) for _, score in scores if score}
    for name, unit in sorted(names):
        shown = [(d, m) for d, m in scores if m and (m.name, m.unit) == (name, unit) and plots.can_draw(m)]
        bases = [(d, d.base) for d, _ in shown if d.base and d.base.unit == unit and plots.can_draw(d.base)]
        rows = [_row(d, m) for d, m in shown]
        common = bases[0][1] if len({base for _, base in bases}) == 1 else None
        if common is None:  # measured apart, perhaps on other machines: each is shown
            rows += [plots.Row(f"#{d.index} {base.name}", base, "base") for d, base in bases]
        if rows:
            yield _caption(name, rows), plots.intervals(rows, name, base=common)
    gains = [(d, d.improvement) for d in decisions]
    for unit in sorted({gain.unit for _, gain in gains if gain}):
        rows = [_row(d, m) for d, m in gains if m and m.unit == unit and plots.can_draw(m)]
        if rows:
            yield _caption("improvement over the base", rows), plots.intervals(rows, "improvement", zero=True)


def _row(decision: Decision, measure: Measure) -> plots.Row:
    return plots.Row(f"{decision.symbol} #{decision.index} {decision.worker}", measure, str(decision.verdict.outcome))


def _caption(name: str, rows: list[plots.Row]) -> str:
    unit = {"%": "per cent", "points": "percentage points"}.get(rows[0].measure.unit, rows[0].measure.unit)
    levels = {figures.level_text(row.measure.interval) for row in rows if row.measure.interval}
    bars = f". The bars are {' and '.join(sorted(levels))} intervals" if levels else ""
    return f"{name[:1].upper()}{name[1:]}{f' in {unit}' if unit else ''}{bars}."


# Runs --------------------------------------------------------------------------------------------------------------


def _details(decision: Decision, store: Store) -> Details:
    run = decision.run
    if run is None:
        return Details((), ("The entry does not say how the submission came to be.",), (), ())
    notes: list[str] = []
    pictures: tuple[tuple[str, Markup], ...] = ()
    last_lines: tuple[str, ...] = ()
    if run.spent and run.spent.exceeded:
        notes.append(f"The worker was stopped: it reached its limit on {run.spent.exceeded}.")
    if run.meters:
        meters = read_meters(store, run.meters)
        if isinstance(meters, Meters):
            pictures = tuple(_used(meters, run.budget)) if meters.rows else ()
            notes.append(f"Limits were held by: {meters.enforcement}.")
            if meters.output_truncated:
                notes.append("The worker printed more than is kept; the rest was cut off.")
        else:
            notes.append(f"The use over time is not shown: {meters}")
    if run.transcript:
        ending = read_ending(store, run.transcript, _LAST_LINES)
        if isinstance(ending, str):
            notes.append(f"What the worker printed is not shown: {ending}")
        else:
            last_lines = ending.lines
    return Details(tuple(figures.budget_rows(run)), tuple(notes), pictures, last_lines)


def _used(meters: Meters, budget: Budget) -> Iterable[tuple[str, Markup]]:
    """Memory, processors and disk over time, each against the whole time that was allowed."""
    series = (
        ("Memory", meters.memory(), budget.memory_bytes, plots.byte_axis, figures.size),
        ("Processors in use", meters.processors(), None, plots.processor_axis, lambda n: f"{n:.1f}"),
        ("Disk", meters.disk(), budget.disk_bytes, plots.byte_axis, figures.size),
    )
    for name, points, limit, axis, write_ in series:
        if not points or max(max(point) for point in points) > plots.LARGEST * 1e3:
            continue
        peak = f"peak {write_(max(amount for _, amount in points))}"
        caption = f"{name}: {peak}{f' of {write_(limit)}' if limit else ''}"
        yield (
            caption,
            plots.over_time(points, title=caption, budget_seconds=budget.wall_seconds, limit=limit, axis=axis),
        )


# What the template calls -------------------------------------------------------------------------------------------


def method_rows(method: Mapping[str, Any], prefix: str = "", depth: int = 1) -> list[tuple[str, str]]:
    """A nested document as rows of `a.b` and a value in JSON."""
    rows: list[tuple[str, str]] = []
    for name, value in method.items():
        path = f"{prefix}{one_line(name, 100)}"
        if isinstance(value, Mapping) and value and depth < _METHOD_DEPTH:
            rows += method_rows(value, f"{path}.", depth + 1)
        else:
            rows.append((path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return rows


def rules_checked(decision: Decision) -> str:
    """The rules that the verifier says it ran."""
    rules = decision.verdict.method.get("rules")
    return ", ".join(map(str, rules)) if isinstance(rules, list | tuple) else ""


def has_matches(finding: Finding) -> bool:
    return any(evidence.matches is not None for evidence in finding.evidence)


def has_scores(finding: Finding) -> bool:
    return any(evidence.score is not None for evidence in finding.evidence)
