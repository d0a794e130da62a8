"""`assay prove report`: a component's check as a page that opens in any browser."""

from pathlib import Path
from typing import Annotated

import typer

from assay.core.verdict import Outcome
from assay.prove.commands.check import Folder, Fuzz, Quick, SandboxName, document, run_check
from assay.terminal import Json, command, emit, err, finish


@command
def report(
    folder: Folder,
    html: Annotated[Path | None, typer.Option(help="Where the page goes [default: NAME.html].")] = None,
    fuzz: Fuzz = 20_000,
    quick: Quick = False,
    speed: Annotated[
        bool, typer.Option("--speed", help="Measure the speed too: this runs the component and its tests unconfined.")
    ] = False,
    mutation: Annotated[
        Path | None,
        typer.Option("--mutation", metavar="STATE", help="A score that `assay prove mutate` kept."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="Mutants that were asked of it.")] = 100,
    sandbox: SandboxName = "bubblewrap",
    json_: Json = False,
) -> None:
    """Check a component and write a page: gates, statements, what is trusted, what is not proved."""
    from assay.prove.provers import Effort
    from assay.prove.report import Speed, report_page
    from assay.web.page import write_page

    score = None
    if mutation is not None:
        from assay.prove.component import read
        from assay.prove.mutation.campaign import score_of

        score = score_of(read(folder), mutation, most)
    checked = run_check(folder, [], Effort(fuzz, thorough=not quick), sandbox, quiet=json_)
    accepted = checked.verdict().outcome is Outcome.ACCEPTED
    measured: tuple[Speed, ...] = ()
    if speed and accepted:
        from assay.prove.speed import speeds

        measured = speeds(checked.component)
    dest = html or Path(f"{checked.component.name}.html")
    write_page(dest, report_page(checked, measured, score))
    if json_:
        emit({**document(checked, None), "page": str(dest.absolute())})
    else:
        err.print(f"Page: {dest.absolute()}", markup=False, soft_wrap=True)
    finish(accepted)
