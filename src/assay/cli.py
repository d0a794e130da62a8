"""The command line: the common verbs. Each arena's own commands, the ledger's and the store's are mounted here.

Nothing heavy is imported before the command that needs it.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.commands.groups import Groups
from assay.terminal import Json, command, emit, finish, out

if TYPE_CHECKING:
    from assay.commands.live import Live
    from assay.core.budget import Budget
    from assay.core.ledger import Entry
    from assay.core.override import Overriding
    from assay.core.run import Desk

app = typer.Typer(
    name="assay",
    cls=Groups,
    help="AI research done by workers nobody has to trust, measured by verifiers nobody can reach.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

StoreUrl = Annotated[str | None, typer.Option("--store", metavar="URL", help="Where files are kept.")]
LedgerUrl = Annotated[str | None, typer.Option("--ledger", metavar="URL", help="Where verdicts are kept.")]
Data = Annotated[list[Path] | None, typer.Option(help="A folder with models or data sets. May be repeated.")]
SandboxName = Annotated[
    str, typer.Option("--sandbox", help="bubblewrap, or none for a worker you trust (the verdict says so).")
]


@app.callback(invoke_without_command=True)
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if debug:
        os.environ["ASSAY_DEBUG"] = "1"
    if version:
        out.print(installed_version("assay"))
        raise typer.Exit


@app.command()
@command
def tasks(
    pattern: Annotated[str, typer.Argument(help="Only these, such as '*:smollm2-135m' or 'posttrain/gsm8k*'.")] = "*",
    json_: Json = False,
) -> None:
    """List the tasks of every arena."""
    from fnmatch import fnmatchcase

    from assay.core.arena import arena_names, find_arena
    from assay.web import figures

    found = [task for name in arena_names() for task in find_arena(name).tasks() if fnmatchcase(task.id, pattern)]
    if json_:
        emit([{"id": task.id, "digest": task.digest, **task.to_json()} for task in found])
        return
    # Lines, not a table: an id that a narrow terminal has cut cannot be copied.
    longest = max((len(task.id) for task in found), default=0)
    for task in found:
        time = figures.duration(task.budget.wall_seconds)
        out.print(f"[bold]{task.id:<{longest}}[/]  {time:>8}  {task.title}", soft_wrap=True)


@app.command()
@command
def run(
    task: Annotated[str, typer.Argument(help="As `assay tasks` lists it.")],
    worker: Annotated[
        str,
        typer.Option(
            help="A command (files that it names are copied in); or an agent: claude-code, codex, gemini, opencode, "
            "inspect:react, inspect:PACKAGE/NAME, inspect:FILE.py@NAME."
        ),
    ],
    budget: Annotated[str | None, typer.Option(help="Real time, such as 10m; the task's own if not given.")] = None,
    model: Annotated[str | None, typer.Option(help="An agent's model, as Inspect names it: PROVIDER/NAME.")] = None,
    agent_version: Annotated[str | None, typer.Option(help="An agent's version; the tested one if not given.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Tokens that an agent may use.")] = None,
    dollars: Annotated[float | None, typer.Option(min=0.0, help="Money that an agent may spend on its model.")] = None,
    prices: Annotated[Path | None, typer.Option(help="JSON: dollars per million tokens, by model.")] = None,
    reprompt: Annotated[bool, typer.Option("--reprompt", help="Ask an agent that stops to go on.")] = False,
    file: Annotated[list[Path] | None, typer.Option(help="Another file or folder for the workspace.")] = None,
    data: Data = None,
    sandbox: SandboxName = "bubblewrap",
    store: StoreUrl = None,
    ledger: LedgerUrl = None,
    json_: Json = False,
) -> None:
    """Give a worker a task, verify what it hands in, sign the verdict. Killed, the same command continues."""
    from assay.core.arena import find_task
    from assay.core.budget import limited, parse_duration
    from assay.core.data import use_folders
    from assay.core.run import run as run_worker
    from assay.core.workers.choose import check, choose

    use_folders(data or [])
    seconds = parse_duration(budget) if budget else None
    limits = limited(find_task(task)[1].budget, seconds, tokens=tokens, dollars=dollars)
    who = choose(worker, file or [], model=model, version=agent_version, prices=prices, reprompt=reprompt)
    check(who, limits, sandbox)
    with _desk(store, ledger, limits) as (desk, live):
        result = run_worker(task, who, desk, budget=limits, sandbox=sandbox, watch=live.watch)
    _show_entry(result.entry, json_)
    finish(result.verdict.outcome == "accepted")


@app.command()
@command
def verify(
    submission: Annotated[str, typer.Argument(help="A digest from `assay show`, or a folder made elsewhere.")],
    task: Annotated[str | None, typer.Option(help="The task, for a folder.")] = None,
    data: Data = None,
    sandbox: SandboxName = "bubblewrap",
    store: StoreUrl = None,
    ledger: LedgerUrl = None,
    json_: Json = False,
) -> None:
    """Measure and audit a submission, again or for the first time, and sign the verdict."""
    from assay.core.data import use_folders
    from assay.core.digest import parse_digest
    from assay.core.errors import BadInput
    from assay.core.run import submit
    from assay.core.run import verify as verify_submission

    use_folders(data or [])
    with _desk(store, ledger) as (desk, _):
        if Path(submission).exists():
            if task is None:
                raise BadInput(f"{submission} is a folder: name the task that it is for with --task.")
            digest = submit(task, Path(submission), desk.store)
        else:
            digest = parse_digest(submission)
        verdict, entry = verify_submission(digest, desk, sandbox=sandbox)
    _show_entry(entry, json_)
    finish(verdict.outcome == "accepted")


@app.command()
@command
def show(
    what: Annotated[
        str | None, typer.Argument(help="A ledger index or a submission; all verdicts if not given.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report that opens in any browser.")] = None,
    store: StoreUrl = None,
    ledger: LedgerUrl = None,
    json_: Json = False,
) -> None:
    """Show verdicts: all as a table, one in full, or as an HTML report."""
    from assay.commands.views import verdict_panel, verdict_table
    from assay.core.ledger import VERDICT_PREDICATE, open_ledger
    from assay.core.override import overrides, read_override

    with open_ledger(ledger, create=False) as book:
        entries = _chosen(book, what)
        about = {subject.digest for entry in entries for subject in entry.statement.subjects}
        context = (
            entries if what is None else [entry for digest in sorted(about) for entry in book.find(subject=digest)]
        )
    over = overrides(context)
    verdicts = [entry for entry in entries if entry.statement.predicate_type == VERDICT_PREDICATE]
    if html is not None:
        _write_report([*entries, *(o.entry for o in over.values() if o.entry not in entries)], store, html)
    if json_:
        emit([{**_document(entry), **_overridden(over.get(entry.index))} for entry in verdicts])
    elif what is None:
        out.print(verdict_table(entries))
    else:
        for entry in entries:
            if read_override(entry) is None or len(entries) == 1:
                out.print(verdict_panel(entry, context))


@app.command()
@command
def demo(
    html: Annotated[Path, typer.Option(help="Where the report goes.")] = Path("assay-demo.html"),
    store: StoreUrl = None,
    ledger: LedgerUrl = None,
    json_: Json = False,
) -> None:
    """The main job on this machine: an honest and a cheating worker, measured, audited, signed."""
    from assay.commands.views import verdict_table
    from assay.core.arena import find_task
    from assay.core.budget import limited
    from assay.posttrain.demo import BUDGET_SECONDS, TASK, run_demo

    limits = limited(find_task(TASK)[1].budget, BUDGET_SECONDS)
    with _desk(store, ledger, limits) as (desk, live):
        results = run_demo(desk, limits, live.watch)
    entries = [result.entry for result in results.values()]
    _write_report(entries, store, html)
    if json_:
        emit({**{name: _document(result.entry) for name, result in results.items()}, "report": str(html.absolute())})
    else:
        out.print(verdict_table(entries))
        for name, result in results.items():
            out.print(f"[bold]{name}[/]: {result.verdict.outcome}. {result.verdict.reason}")
        out.print(f"\nReport: {html.absolute()}\nCheck the ledger: {Path(sys.argv[0])} ledger verify", soft_wrap=True)
    finish(results["honest"].verdict.outcome == "accepted" and results["cheat"].verdict.outcome == "rejected")


@contextlib.contextmanager
def _desk(store: str | None, ledger: str | None, budget: "Budget | None" = None) -> "Iterator[tuple[Desk, Live]]":
    """Store, ledger and live view of one command; `budget` is what a worker may spend, if there is one."""
    from assay.commands.live import Live
    from assay.core.budget import Budget
    from assay.core.ledger import open_ledger
    from assay.core.run import Desk
    from assay.core.store import open_store

    with open_ledger(ledger) as book, Live(budget or Budget(wall_seconds=1)) as live:
        yield Desk(open_store(store), book, live.stage), live


def _chosen(book: Any, what: str | None) -> "list[Entry]":
    from assay.core.digest import parse_digest
    from assay.core.errors import BadInput

    if what is None:
        return list(book.entries())
    if what.isdigit() and len(what) < 19:
        return [book.entry(int(what))]
    found = list(book.find(subject=parse_digest(what)))
    if not found:
        raise BadInput(f"The ledger has no verdict on {what}: `assay show` lists what it has.")
    return found


def _write_report(entries: "list[Entry]", store: str | None, html: Path) -> None:
    from assay.core.store import open_store
    from assay.web.report import write

    write(entries, open_store(store), html, title="Assay: verdicts")


def _show_entry(entry: "Entry", json_: bool) -> None:
    from assay.commands.views import verdict_panel

    if json_:
        emit(_document(entry))
    else:
        out.print(verdict_panel(entry))


def _document(entry: "Entry") -> dict[str, Any]:
    """A signed verdict as one flat JSON document."""
    predicate = dict(entry.statement.predicate)
    verdict = dict(predicate["verdict"])
    return {"index": entry.index, **verdict, "run": predicate.get("run")}


def _overridden(over: "Overriding | None") -> dict[str, Any]:
    """What a person decided over a verdict, as a part of its document."""
    if over is None:
        return {}
    return {"override": {"index": over.entry.index, **over.override.model_dump(mode="json", by_alias=True)}}


def main() -> None:
    # A closed pipe (`assay ledger log | head`) ends the program quietly, as other tools do.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # Asked to end, it ends as after an error: whatever was started is stopped, scratch folders are removed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    app(prog_name="assay")


if __name__ == "__main__":
    main()
