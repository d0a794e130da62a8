"""One page about what an agent made of each benchmark: base against submission, budget used, findings, where to check.

Read from the ledger; what counts is the latest verdict on each run. Figures are the verdict's own, with its intervals.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from assay.core.arena import find_task
from assay.core.errors import AssayError, BadInput
from assay.core.task import Task
from assay.core.verdict import Measure, Outcome
from assay.posttrain.board.cells import Status, agent_name
from assay.posttrain.board.decisions import ACCURACY, BASE_ACCURACY, measure, place, status_of
from assay.web import figures, plots
from assay.web.decision import IMPROVEMENT, SYMBOLS, Decision
from assay.web.page import render

SCHEMA = "assay.posttrain-report/1"
_EVIDENCE = 5  # pieces shown per finding: the ledger has all


@dataclass(frozen=True)
class Result:
    """What one run made of one task."""

    decision: Decision
    benchmark: str
    model: str
    task: Task | None  # if this version of Assay has the very one
    status: Status
    after: Measure | None
    before: Measure | None
    gain: Measure | None

    @property
    def title(self) -> str:
        return self.task.title if self.task else f"{self.benchmark}, {self.model}"

    @property
    def outcome(self) -> Outcome:
        return self.decision.outcome


@dataclass(frozen=True)
class Agent:
    name: str
    results: tuple[Result, ...]

    @property
    def summary(self) -> str:
        """`3 results: 2 accepted, 1 rejected.`"""
        outcomes = Counter(result.outcome for result in self.results)
        told = ", ".join(f"{outcomes[o]} {o.value}" for o in Outcome if outcomes[o])
        return f"{figures.count(len(self.results), 'result')}: {told}."


def agents_of(decisions: Sequence[Decision]) -> list[Agent]:
    """The agents in the order of their names, their results by benchmark, model and entry."""
    found: dict[str, list[Result]] = {}
    for decision in decisions:
        found.setdefault(agent_name(decision.worker), []).append(_result(decision))
    return [
        Agent(name, tuple(sorted(results, key=lambda r: (r.benchmark, r.model, r.decision.index))))
        for name, results in sorted(found.items())
    ]


def _result(decision: Decision) -> Result:
    verdict = decision.verdict
    benchmark, model = place(verdict)
    return Result(
        decision=decision,
        benchmark=benchmark,
        model=model,
        task=_known(decision),
        status=status_of(decision)[0],
        after=measure(verdict, ACCURACY),
        before=measure(verdict, BASE_ACCURACY),
        gain=measure(verdict, IMPROVEMENT),
    )


def _known(decision: Decision) -> Task | None:
    try:
        _, task = find_task(decision.verdict.task)
    except AssayError:
        return None
    return task if task.digest == decision.verdict.task_digest else None


# JSON --------------------------------------------------------------------------------------------------------------


def document(agents: Sequence[Agent]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "unit": "per cent",
        "agents": [
            {"name": agent.name, "summary": agent.summary, "results": [_json(result) for result in agent.results]}
            for agent in agents
        ],
    }


def _json(result: Result) -> dict[str, Any]:
    verdict, run, override = result.decision.verdict, result.decision.run, result.decision.override
    return {
        "task": verdict.task,
        "benchmark": result.benchmark,
        "model": result.model,
        "entry": result.decision.index,
        "submission": verdict.submission,
        "outcome": result.outcome.value,
        "override": override.model_dump(mode="json", by_alias=True) if override else None,
        "status": result.status.value,
        "reason": verdict.reason,
        "base": _measure_json(result.before),
        "submission_score": _measure_json(result.after),
        "improvement": _measure_json(result.gain),
        "budget": run.budget.model_dump(mode="json") if run else None,
        "spent": run.spent.model_dump(mode="json") if run and run.spent else None,
        "findings": [finding.model_dump(mode="json") for finding in verdict.findings],
    }


def _measure_json(found: Measure | None) -> dict[str, Any] | None:
    return found.model_dump(mode="json", exclude={"name"}) if found else None


# Terminal ----------------------------------------------------------------------------------------------------------

_COLOURS = {Outcome.ACCEPTED: "green", Outcome.REJECTED: "red", Outcome.INCONCLUSIVE: "yellow"}


def report_table(agents: Sequence[Agent]) -> RenderableType:
    """A table per agent, a row per result."""
    parts: list[RenderableType] = []
    for agent in agents:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=Text(agent.name, "bold"))
        table.title_justify = "left"
        table.add_column("entry", justify="right")
        table.add_column("benchmark", overflow="fold")
        for name in ("base", "submission", "improvement", "outcome", "findings"):
            table.add_column(name, no_wrap=name == "outcome")
        for result in agent.results:
            outcome = result.outcome
            table.add_row(
                str(result.decision.index),
                Text(f"{result.benchmark}\n{result.model}"),
                _amount(result.before),
                _amount(result.after),
                _amount(result.gain),
                Text(f"{SYMBOLS[outcome]} {outcome.value}", f"bold {_COLOURS[outcome]}"),
                result.decision.findings_text,
            )
        parts += [table, Text()]
    return Group(*parts, Text("Below each figure its interval. `--html FILE` writes a page with everything.", "dim"))


def _amount(found: Measure | None) -> Text:
    if found is None:
        return Text("not measured", "dim")
    text = Text(figures.value_text(found), "bold")
    if found.interval:
        signed = figures.is_difference(found)
        text.append(f"\n{figures.interval_text(found.interval, found.unit, signed=signed)}", "not bold dim")
    return text


# The page ----------------------------------------------------------------------------------------------------------


def report_page(agents: Sequence[Agent]) -> str:
    """The page. Equal verdicts give equal pages: there is no clock in it."""
    if not agents:
        raise BadInput("There is no result to report.")
    one = agents[0].name if len(agents) == 1 else None
    results = [result for agent in agents for result in agent.results]
    return render(
        "posttrain_report.html",
        ("report.css",),
        title="Post-training report",
        who=one,
        lede=agents[0].summary if one else f"{figures.count(len(agents), 'agent')}, {_outcomes(results)}",
        agents=[(agent, _gains(agent), [(result, _compared(result)) for result in agent.results]) for agent in agents],
        n_few=any(r.after is not None and r.after.n < 50 for r in results),
        symbols=SYMBOLS,
        figures=figures,
        evidence_open=_EVIDENCE,
    )


def _outcomes(results: Sequence[Result]) -> str:
    outcomes = Counter(result.outcome for result in results)
    told = ", ".join(f"{outcomes[o]} {o.value}" for o in Outcome if outcomes[o])
    return f"{figures.count(len(results), 'result')}: {told}."


def _gains(agent: Agent) -> Markup | None:
    """The improvement on every benchmark, in one plot."""
    rows = [
        plots.Row(f"{SYMBOLS[r.outcome]} {r.benchmark}", r.gain, r.outcome.value)
        for r in agent.results
        if r.gain is not None and plots.can_draw(r.gain)
    ]
    return plots.intervals(rows, f"Improvement of {agent.name} on each benchmark", zero=True) if rows else None


def _compared(result: Result) -> Markup | None:
    """Base against submission on one benchmark."""
    rows = []
    if result.before is not None and plots.can_draw(result.before):
        rows.append(plots.Row("base model", result.before, "base"))
    if result.after is not None and plots.can_draw(result.after):
        rows.append(plots.Row("submission", result.after, result.outcome.value))
    return plots.intervals(rows, f"{result.benchmark}: base and submission") if rows else None
