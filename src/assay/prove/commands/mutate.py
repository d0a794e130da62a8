"""`assay prove mutate`: small changes to a component's statements and program, each of which has to be noticed.

Exit 0 if every mutant that was tried fails a gate or is shown to change nothing; 1 if one survives.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.prove.commands.check import Folder, SandboxName
from assay.terminal import Json, command, emit, err, finish, foreign, out

if TYPE_CHECKING:
    from assay.prove.mutation.campaign import Score
    from assay.prove.mutation.trial import Trial

_SIGNS = {"killed": "[green]✓[/]", "equivalent": "[cyan]=[/]", "stillborn": "·", "survived": "[bold red]✗[/]"}


@command
def mutate(
    folder: Folder,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="STATE", help="Where results are kept [default: NAME.mutants].")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="Mutants to try.")] = 100,
    seconds: Annotated[float | None, typer.Option(min=1, help="Stop after the mutant that passes this time.")] = None,
    fuzz: Annotated[int, typer.Option(min=1, help="Inputs to compare of mutants of which all theorems hold.")] = 2_000,
    sandbox: SandboxName = "bubblewrap",
    json_: Json = False,
) -> None:
    """Try mutants of a component's statements and program; a stopped run goes on where it was."""
    from assay.core.sandbox import open_sandbox
    from assay.prove.component import read
    from assay.prove.mutation.campaign import run_campaign
    from assay.prove.provers import Effort

    component = read(folder)
    state = resume or Path(f"{component.name}.mutants")

    def show(trial: "Trial", done: int, total: int) -> None:
        if not json_:
            place = f"{trial.path}:{trial.line}"
            change = f"{trial.old or '(nothing)'} → {trial.new or '(nothing)'}"
            err.print(
                f"{_SIGNS[trial.result]} {done}/{total}", foreign(f"{place} {change}: {trial.by}"), soft_wrap=True
            )

    effort = Effort(fuzz=fuzz, thorough=False, file_seconds=150.0)
    score = run_campaign(
        component, open_sandbox(sandbox), state, most=most, effort=effort, seconds=seconds, on_trial=show
    )
    if json_:
        emit({**score.document(), "state": str(state)})
    else:
        _print(score)
    finish(not score.survivors)


def _print(score: "Score") -> None:
    for trial in score.survivors:
        change = f"{trial.path}:{trial.line} in {trial.definition}: {trial.old} → {trial.new}"
        out.print("[bold red]✗[/]", foreign(f"{change}. {trial.said}"), soft_wrap=True)
    out.print(
        f"{score.component}: {len(score.trials)} of {score.chosen} mutants tried ({score.possible} are possible): "
        f"{score.count('killed')} fail a gate, {score.count('equivalent')} are shown to change nothing, "
        f"{score.count('stillborn')} have no meaning, [bold]{score.count('survived')} survive[/]."
    )
