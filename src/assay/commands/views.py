"""What commands show of decisions on a terminal: many as a table, one in full, and a run while it goes on.

Everything that a worker or another signer wrote goes through `plain`: it cannot move the cursor, colour the screen or
turn the line around.
"""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from assay.commands.live import Live
from assay.core.ledger import Entry
from assay.core.override import Override, overrides
from assay.core.plain import one_line, visible
from assay.core.verdict import Finding, Measure, Outcome, Severity
from assay.web import figures
from assay.web.decision import SYMBOLS, Decision, Skipped, read, read_all

_EVIDENCE = 10  # lines of evidence per finding; the ledger and the report have more
_MESSAGE = 2000  # characters
_COLOURS = {Outcome.ACCEPTED: "green", Outcome.REJECTED: "red", Outcome.INCONCLUSIVE: "yellow"}
_SEVERITIES = {Severity.VIOLATION: "red", Severity.UNDECIDED: "yellow", Severity.NOTE: "dim"}


def verdict_table(entries: Iterable[Entry]) -> RenderableType:
    """One row per verdict, by task. Entries that are no verdicts are counted below, not shown."""
    decisions, skipped = read_all(entries)
    tasks = dict.fromkeys(decision.verdict.task for decision in decisions)
    parts: list[RenderableType] = [_table(task, [d for d in decisions if d.verdict.task == task]) for task in tasks]
    if skipped:
        note = f"{figures.count(len(skipped), 'entry is', 'entries are')} not shown: `assay ledger log` lists them."
        parts.append(Text(note, "dim"))
    return Group(*(parts or [Text("There are no verdicts yet.", "dim")]))


def _table(task: str, decisions: Iterable[Decision]) -> Table:
    """Two lines per verdict: it fits 80 columns."""
    title = _text(task, 200, "bold")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=title, title_justify="left")
    table.add_column("entry", justify="right")
    table.add_column("worker", overflow="fold")
    for name in ("outcome", "score", "improvement", "findings"):
        table.add_column(name, no_wrap=name == "outcome")
    for decision in decisions:
        verdict = decision.verdict
        submission = (verdict.submission.removeprefix("sha256:")[:12], "dim")
        table.add_row(
            str(decision.index),
            Text.assemble(_text(decision.worker, 80), "\n", submission),
            _both_outcomes(decision),
            _amount(decision.score),
            _amount(decision.improvement),
            decision.findings_text,
        )
    return table


def verdict_panel(entry: Entry, context: Iterable[Entry] = ()) -> RenderableType:
    """One verdict in full: why, what was measured, what was found, what the run used, and the digests.

    `context` is where overrides of the verdict are looked for: the entries about the same submission.
    """
    decision = read(entry)
    if isinstance(decision, Skipped):
        return Text(visible(f"Entry {decision.index} is not shown: {decision.reason}."))
    verdict = decision.verdict
    over = overrides([entry, *context]).get(entry.index)
    parts: list[RenderableType] = [*_overridden(over.override if over else None)]
    parts += [_text(verdict.reason, _MESSAGE), Text()]
    if verdict.measures:
        parts += [_measures(verdict.measures), Text()]
    if verdict.findings:
        parts += [part for finding in verdict.findings for part in (*_finding(finding, decision.index), Text())]
    parts += [*_run(decision), _digests(decision)]
    title = Text.assemble(
        f"entry {decision.index} ", _outcome(verdict.outcome), " ", (one_line(verdict.task, 80), "bold")
    )
    return Panel(Group(*parts), title=title, title_align="left", border_style=_COLOURS[verdict.outcome], padding=(1, 2))


def _both_outcomes(decision: Decision) -> Text:
    """The verdict's outcome and, below it, the one a person put in its place."""
    told = _outcome(decision.verdict.outcome)
    if decision.override:
        told.append("\noverridden: ", "not bold dim").append_text(_outcome(decision.outcome))
    return told


def _overridden(override: Override | None) -> Iterable[RenderableType]:
    if override is None:
        return
    yield Text.assemble(
        ("overridden ", "bold"),
        f"from {override.before} to ",
        _outcome(override.outcome),
        f" by {one_line(override.author, 200)}: {one_line(override.reason, _MESSAGE)}",
    )
    yield Text()


def _text(text: str, most: int, style: str = "") -> Text:
    return Text(one_line(text, most), style)


def _outcome(outcome: Outcome) -> Text:
    return Text(f"{SYMBOLS[outcome]} {outcome.value}", f"bold {_COLOURS[outcome]}")


def _amount(measure: Measure | None) -> Text:
    """A value and, below it, its interval."""
    if measure is None:
        return Text("not measured", "dim")
    text = Text(one_line(figures.value_text(measure), 40), "bold")
    if measure.interval:
        signed = figures.is_difference(measure)
        span = figures.interval_text(measure.interval, measure.unit, signed=signed)
        text.append(f"\n{span}", "not bold dim")
    return text


def _grid(*justify: str) -> Table:
    grid = Table.grid(padding=(0, 3, 0, 0))
    for side in justify:
        grid.add_column(justify="right" if side == "right" else "left", overflow="fold")
    return grid


def _measures(measures: Iterable[Measure]) -> RenderableType:
    grid = _grid("left", "right", "left", "left")
    for measure in measures:
        signed, interval = figures.is_difference(measure), measure.interval
        grid.add_row(
            _text(measure.name, 80),
            _text(figures.value_text(measure), 40, "bold"),
            f"{figures.interval_text(interval, measure.unit, signed=signed)} ({figures.level_text(interval)})"
            if interval
            else Text("no interval", "dim"),
            Text(f"n = {measure.n}", "dim"),
        )
    return grid


def _finding(finding: Finding, index: int) -> Iterable[RenderableType]:
    yield Text.assemble(
        (finding.severity.value, f"bold {_SEVERITIES[finding.severity]}"),
        " ",
        (one_line(finding.rule, 80), "bold"),
        f": {one_line(finding.message, _MESSAGE)}",
    )
    if not finding.evidence:
        return
    grid = _grid("left", "left", "left", "right")
    for evidence in finding.evidence[:_EVIDENCE]:
        grid.add_row(
            _text(f"  {evidence.where}", 200),
            _text(evidence.what, 300),
            _text(f"↔ {evidence.matches}" if evidence.matches is not None else "", 200),
            "" if evidence.score is None else figures.score(evidence.score),
        )
    yield grid
    more = len(finding.evidence) - _EVIDENCE
    if more > 0:
        yield Text(f"  and {more} more: `assay ledger show {index}` has them all", "dim")


def _run(decision: Decision) -> Iterable[RenderableType]:
    run = decision.run
    if run is None:
        yield Text("The entry does not say how the submission came to be.", "dim")
        yield Text()
        return
    ended = "" if run.exit_code is None else f", exit code {run.exit_code}"
    stopped = f", stopped at its limit on {run.spent.exceeded}" if run.spent and run.spent.exceeded else ""
    yield _text(f"worker {run.worker} in the sandbox {run.sandbox}{ended}{stopped}", 400)
    grid = _grid("left", "right", "left", "right")
    for name, used, allowed, share in figures.budget_rows(run):
        grid.add_row(f"  {name}", Text(used, "bold"), Text(f"of {allowed}" if share != "-" else allowed, "dim"), share)
    yield grid
    yield Text()


def _digests(decision: Decision) -> RenderableType:
    grid = _grid("left", "left")
    rows = {"submission": decision.verdict.submission}
    if decision.run:
        rows |= {"transcript": decision.run.transcript or "none", "meters": decision.run.meters or "none"}
    rows |= decision.records
    for name, digest in rows.items():
        grid.add_row(_text(name, 60, "dim"), Text(digest))
    grid.add_row(Text("signed", "dim"), f"{decision.issued_at:%Y-%m-%d %H:%M:%S} UTC, key {decision.key_id[:16]}…")
    return grid


__all__ = ["Live", "verdict_panel", "verdict_table"]
