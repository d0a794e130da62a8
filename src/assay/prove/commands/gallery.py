"""`assay prove gallery`: build every cheat and every honest component, and ask the gate that each names.

Exit 0 if every cheat was stopped by a rule that it names and every honest component was accepted; exit 1 otherwise.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from assay.core.errors import BadInput
from assay.prove.commands.check import SandboxName
from assay.terminal import Json, command, emit, err, finish, foreign, out

if TYPE_CHECKING:
    from assay.prove.gallery import Judgement, Specimen


@command
def gallery(
    prover: Annotated[str | None, typer.Option(help="Only rocq or only lean.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="Only this one.")] = None,
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the components here, to look at.")] = None,
    sandbox: SandboxName = "bubblewrap",
    json_: Json = False,
) -> None:
    """Try the gates on known cheats and on honest components."""
    from assay.prove.gallery import specimens

    if prover not in (None, "rocq", "lean"):
        raise BadInput(f"There is no prover {prover[:40]!r}: choose rocq or lean.")
    found = specimens(prover)
    unknown = sorted(set(only or []) - {s.name for s in found})
    if unknown:
        raise BadInput(f"There is no specimen {unknown[0][:80]!r}: `assay prove gallery --json` names them all.")
    chosen = [s for s in found if not only or s.name in only]
    with tempfile.TemporaryDirectory(prefix="assay-gallery-") as name:
        judgements, skipped = _judge_all(chosen, keep or Path(name), sandbox, quiet=json_)
    wrong = [j for j in judgements if not j.right]
    if json_:
        emit(_document(judgements, skipped))
    else:
        _print(judgements, skipped)
    finish(not wrong)


def _judge_all(
    chosen: "list[Specimen]", folder: Path, sandbox: str, *, quiet: bool
) -> "tuple[list[Judgement], list[Specimen]]":
    from assay.core.sandbox import open_sandbox
    from assay.prove.gallery import judge
    from assay.prove.gallery.specimen import available

    place = open_sandbox(sandbox)
    skipped = [s for s in chosen if not available(s)]
    judgements = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress:
        task = progress.add_task("Judging", total=len(chosen) - len(skipped))
        for specimen in chosen:
            if specimen in skipped:
                continue
            progress.update(task, description=specimen.name)
            judgements.append(judge(specimen, folder, place))
            progress.advance(task)
    return judgements, skipped


def _document(judgements: "list[Judgement]", skipped: "list[Specimen]") -> dict[str, Any]:
    rogues = [j for j in judgements if j.specimen.rogue]
    honest = [j for j in judgements if not j.specimen.rogue]
    return {
        "schema": "assay.prove-gallery/1",
        "rogues": {"caught": sum(j.right for j in rogues), "n": len(rogues)},
        "honest": {"accepted": sum(j.right for j in honest), "n": len(honest)},
        "skipped": [s.name for s in skipped],
        "specimens": [
            {
                "name": j.specimen.name,
                "prover": j.specimen.prover,
                "rogue": j.specimen.rogue,
                "kind": j.specimen.kind,
                "what": j.specimen.what,
                "gate": j.specimen.gate.value,
                "outcome": j.outcome.value,
                "rules": list(j.rules),
                "sentence": j.sentence,
                "right": j.right,
            }
            for j in judgements
        ],
    }


def _print(judgements: "list[Judgement]", skipped: "list[Specimen]") -> None:
    for j in judgements:
        mark = "[green]✓[/]" if j.right else "[bold red]✗[/]"
        said = f"{j.outcome.value}: {j.sentence}" if j.sentence else j.outcome.value
        out.print(f"{mark} {j.specimen.prover} {j.specimen.name}:", foreign(said), soft_wrap=True)
    for specimen in skipped:
        out.print(f"- {specimen.prover} {specimen.name}: skipped, {specimen.needs or specimen.prover} is not installed")
    rogues = [j for j in judgements if j.specimen.rogue]
    honest = [j for j in judgements if not j.specimen.rogue]
    out.print(f"Cheats caught: {sum(j.right for j in rogues)} of {len(rogues)}")
    out.print(f"Honest components accepted: {sum(j.right for j in honest)} of {len(honest)}")
