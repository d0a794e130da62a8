"""`assay posttrain override`: a person decides over a verdict. Signed, with author and reason; the verdict stays."""

from typing import Annotated

import typer

from assay.terminal import Json, command, emit, err


@command
def override(
    index: Annotated[int, typer.Argument(min=0, help="The verdict's entry in the ledger.")],
    outcome: Annotated[str, typer.Option(help="accepted, rejected or inconclusive.")],
    author: Annotated[str, typer.Option(help="Who decides: a name that others can ask.")],
    reason: Annotated[str, typer.Option(help="Why, in words that others can judge.")],
    ledger: Annotated[str | None, typer.Option("--ledger", metavar="URL", help="Where verdicts are kept.")] = None,
    json_: Json = False,
) -> None:
    """Override a verdict, for the record: a signed entry beside it says who decided what, and why."""
    from assay.core.errors import BadInput
    from assay.core.ledger import open_ledger
    from assay.core.override import append_override
    from assay.core.verdict import Outcome

    if outcome not in list(Outcome):
        raise BadInput(f"{outcome[:50]!r} is no outcome: choose {', '.join(Outcome)}.")
    with open_ledger(ledger, create=False) as book:
        made = append_override(book, index, outcome=Outcome(outcome), author=author, reason=reason)
    if json_:
        emit({"index": made.entry.index, **made.override.model_dump(mode="json", by_alias=True)})
        return
    said = made.override
    err.print(
        f"Entry {made.entry.index}: entry {index} now counts as {said.outcome}, and was {said.before}.",
        markup=False,
        soft_wrap=True,
    )
