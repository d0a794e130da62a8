"""`assay posttrain leaderboard`: who is better, how sure that is, and who handed in nothing.

From our own ledger, or from what PostTrainBench published.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, err, out

if TYPE_CHECKING:
    from assay.posttrain.board.cells import Board

_RULES = ("base", "drop", "zero")


@command
def leaderboard(
    import_: Annotated[
        list[Path] | None,
        typer.Option("--import", metavar="FOLDER", help="Published tables or result folders. May be repeated."),
    ] = None,
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FOLDER]...", help="More folders to import.")] = None,
    missing: Annotated[
        str, typer.Option(help="What counts without a valid score: base (as the paper has it), drop or zero.")
    ] = "base",
    task: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Of the ledger, only these: '*:NAME'. May be repeated.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page that opens in any browser.")] = None,
    store: Annotated[str | None, typer.Option("--store", metavar="URL", help="Where files are kept.")] = None,
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="URL", help="Where verdicts are kept.")] = None,
    json_: Json = False,
) -> None:
    """Compare agents: averages with intervals, differences, and what was not submitted, broken or flagged."""
    from assay.posttrain.board.document import document
    from assay.posttrain.board.importing import read_board
    from assay.posttrain.board.scoring import Missing
    from assay.posttrain.board.standing import compare

    if missing not in _RULES:
        raise BadInput(f"{missing[:40]!r} is not a rule for missing scores: choose one of {', '.join(_RULES)}.")
    places = [*(import_ or []), *(more or [])]
    if more and not import_:
        raise BadInput("To read folders write --import before the first of them.")
    if places and task:
        raise BadInput("--task chooses among the tasks of the ledger: leave it out with --import.")
    found = compare(read_board(places) if places else _own(task, store, ledger), Missing(missing))
    if html is not None:
        from assay.posttrain.board.page import leaderboard_page
        from assay.web.page import write_page

        write_page(html, leaderboard_page(found))
        err.print(f"Page: {html.absolute()}", markup=False, soft_wrap=True)
    if json_:
        emit(document(found))
    elif html is None:
        from assay.posttrain.board.view import leaderboard_table

        out.print(leaderboard_table(found, out.width))


def _own(task: list[str] | None, store: str | None, ledger: str | None) -> "Board":
    from assay.core.ledger import open_ledger
    from assay.core.store import open_store
    from assay.posttrain.board.decisions import ledger_board, of_this_arena

    with open_ledger(ledger, create=False) as book:
        decisions = of_this_arena(book.entries(), task or ())
    return ledger_board(decisions, open_store(store))
