"""`assay posttrain matrix`: one worker on every task of a suite, resumable, here or on a Ray cluster."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.terminal import Json, command, emit, err, out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.core.matrix import Outcome


@command
def matrix(
    worker: Annotated[str, typer.Option(help="A command or an agent, as for `assay run`.")],
    suite: Annotated[str, typer.Option(help="Which tasks: small, posttrainbench, smoke, or one of yours.")] = "small",
    task: Annotated[list[str] | None, typer.Option(help="These tasks instead of a suite. May be repeated.")] = None,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="How often each task is run.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Cells at a time on this machine.")] = 1,
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster: auto or HOST:PORT.")] = None,
    again: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Score the stored submissions again; run no worker.")
    ] = None,
    budget: Annotated[str | None, typer.Option(help="Real time of each cell; the task's own if not given.")] = None,
    model: Annotated[str | None, typer.Option(help="An agent's model, as Inspect names it.")] = None,
    agent_version: Annotated[str | None, typer.Option(help="An agent's version.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens that an agent may use in each cell.")] = None,
    dollars: Annotated[float | None, typer.Option(min=0.0, help="Money that an agent may spend in each cell.")] = None,
    prices: Annotated[Path | None, typer.Option(help="JSON: dollars per million tokens, by model.")] = None,
    reprompt: Annotated[bool, typer.Option("--reprompt", help="Ask an agent that stops to go on.")] = False,
    file: Annotated[list[Path] | None, typer.Option(help="Another file or folder for the workspace.")] = None,
    data: Annotated[list[Path] | None, typer.Option(help="A folder with models or benchmark data.")] = None,
    sandbox: Annotated[str, typer.Option(help="bubblewrap, or none for a worker you trust.")] = "bubblewrap",
    store: Annotated[str | None, typer.Option("--store", metavar="URL", help="Where files are kept.")] = None,
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="URL", help="Where verdicts are kept.")] = None,
    json_: Json = False,
) -> None:
    """Run one worker on many tasks. Killed, the same command goes on with the cells that are not finished.

    Exit code 0 if every cell was measured or refused, 3 if some failed and should be tried again.
    """
    from assay.core.budget import parse_duration
    from assay.core.data import use_folders
    from assay.core.ledger import open_ledger
    from assay.core.matrix import Plan, run_here, run_in_processes, run_on_ray, score_again
    from assay.core.run import Desk
    from assay.core.store import open_store
    from assay.core.workers.choose import check, choose
    from assay.posttrain.tasks import all_tasks

    use_folders(data or [])
    who = choose(worker, file or [], model=model, version=agent_version, prices=prices, reprompt=reprompt)
    given = {"wall_seconds": parse_duration(budget) if budget else None, "tokens": tokens, "dollars": dollars}
    limits = {name: value for name, value in given.items() if value is not None}
    names = tuple(task or (t.id for t in all_tasks(suite)))
    plan = Plan(names, who, limits, runs, sandbox)
    cells = plan.cells()
    for cell in cells:
        check(who, cell.budget, sandbox)

    def report(line: str) -> None:
        err.print(line, markup=False, soft_wrap=True)

    report(f"{len(cells)} cells: {len(names)} tasks, {runs} {'run' if runs == 1 else 'runs'} of each")
    found: list[Outcome] = []
    with open_ledger(ledger) as book:
        desk = Desk(open_store(store), book, report)
        if again is not None:
            outcomes: Iterator[Outcome] = score_again(plan, desk, again)
        elif ray is not None:
            outcomes = run_on_ray(plan, desk, ray, store=store, ledger=ledger)
        elif jobs > 1:
            outcomes = run_in_processes(plan, desk, jobs, store=store, ledger=ledger)
        else:
            outcomes = run_here(plan, desk)
        with contextlib.redirect_stdout(sys.stderr):  # Ray prints what its machines say; stdout is for the document
            for outcome in outcomes:
                found.append(outcome)
                ended = f"{outcome.task} #{outcome.number} {outcome.status}: {outcome.why}"
                report(f"{len(found)} of {len(cells)}: {ended}")
    found.sort(key=lambda outcome: (names.index(outcome.task), outcome.number))
    if json_:
        emit({"cells": [outcome.to_json() for outcome in found], "counts": _counts(found)})
    else:
        _table(found)
    raise typer.Exit(3 if _counts(found)["failed"] else 0)


def _counts(found: "list[Outcome]") -> dict[str, int]:
    return {status: sum(o.status == status for o in found) for status in ("done", "refused", "failed")}


def _table(found: "list[Outcome]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("task", "run", "outcome", "score", "base", "better by", "why", box=None, pad_edge=False)
    for outcome in found:
        measures: dict[str, Any] = {m.name: m for m in outcome.verdict.measures} if outcome.verdict else {}
        cells = [f"{measures[name].value:.1f}" if name in measures else "" for name in ("accuracy", "base accuracy")]
        gain = measures.get("improvement")
        span = f"{gain.value:+.1f} [{gain.interval.low:+.1f}, {gain.interval.high:+.1f}]" if gain else ""
        what = str(outcome.verdict.outcome) if outcome.verdict else outcome.status
        why = "" if what == "accepted" else outcome.why
        table.add_row(outcome.task.partition("/")[2], str(outcome.number), what, *cells, span, Text(why))
    out.print(table)
