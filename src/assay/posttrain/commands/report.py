"""`assay posttrain report`: what one agent, or each, made of every benchmark, as a page that explains itself."""

from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, err, out


@command
def report(
    html: Annotated[Path | None, typer.Option(help="Write a page that opens in any browser.")] = None,
    agent: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this worker, as `assay show` names it.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Of the ledger, only these: '*:NAME'. May be repeated.")
    ] = None,
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="URL", help="Where verdicts are kept.")] = None,
    json_: Json = False,
) -> None:
    """Base against submission on every benchmark, with intervals, budget used, findings and where to check."""
    from assay.core.ledger import open_ledger
    from assay.posttrain.board.cells import agent_name
    from assay.posttrain.board.decisions import of_this_arena
    from assay.posttrain.board.report import agents_of, document, report_page, report_table
    from assay.web.page import write_page

    with open_ledger(ledger, create=False) as book:
        everything = of_this_arena(book.entries(), task or ())
    chosen = [
        decision for decision in everything if agent is None or agent in (decision.worker, agent_name(decision.worker))
    ]
    if not chosen:
        raise BadInput(_nothing(agent, sorted({decision.worker for decision in everything})))
    agents = agents_of(chosen)
    if html is not None:
        write_page(html, report_page(agents))
        err.print(f"Page: {html.absolute()}", markup=False, soft_wrap=True)
    if json_:
        emit(document(agents))
    elif html is None:
        out.print(report_table(agents))


def _nothing(agent: str | None, known: list[str]) -> str:
    if agent is None or not known:
        return "The ledger has no verdict on such a post-training task: `assay run` makes one."
    names = ", ".join(repr(name[:60]) for name in known[:10])
    return f"The ledger has no verdict on the work of {agent[:60]!r}: it has those of {names}."
