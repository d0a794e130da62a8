"""`assay posttrain gallery`: build every rogue and every honest workspace, audit them, and print each rule's rates.

Exit 0 if every rogue within reach was caught and no honest workspace was rejected or doubted; exit 1 otherwise.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from assay.core.errors import BadInput, Unavailable
from assay.terminal import Json, command, emit, err, finish, out

if TYPE_CHECKING:
    from assay.posttrain.gallery import Judgement, Material, Specimen, Summary


@command
def gallery(
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Only this specimen. May be repeated.")
    ] = None,
    keep: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the workspaces here, to look at.")] = None,
    judge: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Ask this language model too, and compare it with the labels.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the tables as a page that opens in any browser.")] = None,
    json_: Json = False,
) -> None:
    """Try every rule on known cheats and known honest work: true and false positive rates with 95 % intervals."""
    try:
        from assay.posttrain.gallery import Material, specimens, summarise
    except ModuleNotFoundError as error:
        raise Unavailable(f"This needs {error.name}: install it with `pip install 'assay[posttrain]'`.") from None
    from assay.core.scratch import scratch

    chosen = _chosen(specimens(), only or [])
    with ExitStack() as stack:
        place = stack.enter_context(scratch("gallery"))
        if not json_:
            err.print("Training a tiny model to make the weights from: about half a minute.")
        material = Material.make(place / "material")
        judgements = _judge_all(chosen, material, keep, quiet=json_)
        opinions = _agreement(chosen, material, place / "cases", judge) if judge else None
    summary = summarise(judgements)
    if html is not None:
        from assay.posttrain.gallery.page import write_page

        write_page(html, judgements, summary)
    if json_:
        emit({**_document(judgements, summary), **({"judge": opinions} if opinions else {})})
    else:
        _print(judgements, summary)
        if opinions:
            out.print(
                f"The judge {judge} found {opinions['found']['hits']} of {opinions['found']['n']} rogues, wrongly "
                f"blamed {opinions['blamed']['hits']} of {opinions['blamed']['n']} honest, was unreadable on "
                f"{opinions['unreadable']}.",
                soft_wrap=True,
            )
        if html is not None:
            err.print(f"Wrote {html}", markup=False, soft_wrap=True)
    finish(not summary.missed and not summary.wronged)


def _chosen(all_: "list[Specimen]", only: list[str]) -> "list[Specimen]":
    unknown = sorted(set(only) - {s.name for s in all_})
    if unknown:
        raise BadInput(f"There is no specimen {unknown[0][:80]!r}: `assay posttrain gallery --json` names them all.")
    return [s for s in all_ if not only or s.name in only]


def _judge_all(chosen: "list[Specimen]", material: "Material", keep: Path | None, *, quiet: bool) -> "list[Judgement]":
    from assay.posttrain.gallery import judge

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    found = []
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress:
        task = progress.add_task("Judging", total=len(chosen))
        for specimen in chosen:
            progress.update(task, description=specimen.name)
            found.append(judge(specimen, material, keep))
            progress.advance(task)
    return found


def _agreement(chosen: "list[Specimen]", material: "Material", place: Path, model: str) -> dict[str, Any]:
    """How a language model's opinions compare with the labels. Specimens that intake refuses are not shown to it."""
    from assay.core.errors import Refused
    from assay.posttrain.gallery import Rate, build
    from assay.posttrain.integrity.judges import PROMPT_DIGEST, agreement

    cases = []
    for specimen in chosen:
        try:
            cases.append((specimen.name, specimen.rogue, build(specimen, material, place)))
        except Refused:
            continue
    found = agreement(cases, model)
    blamed = found.wrong_on_honest
    return {
        "model": model,
        "prompt": PROMPT_DIGEST,
        "found": Rate(found.right_on_rogues, found.rogues).to_json(),
        "blamed": Rate(blamed, found.honest).to_json(),
        "unreadable": found.unreadable,
        "scout": found.scout,
    }


def _document(judgements: "list[Judgement]", summary: "Summary") -> dict[str, Any]:
    rules = {
        rule: {
            "found": summary.found[rule].to_json(),
            "false_rejections": summary.false_rejections[rule].to_json(),
            "false_doubts": summary.false_doubts[rule].to_json(),
        }
        for rule in summary.found
    }
    return {
        "schema": "assay.gallery/1",
        "rules": rules,
        "rogues": {
            "stopped": summary.rogues_stopped.to_json(),
            "rejected": summary.rogues_rejected.to_json(),
            "out_of_reach": summary.out_of_reach,
        },
        "honest": {
            "rejected": summary.honest_rejected.to_json(),
            "inconclusive": summary.honest_undecided.to_json(),
        },
        "missed": [j.specimen.name for j in summary.missed],
        "wronged": [j.specimen.name for j in summary.wronged],
        "specimens": [_specimen(j) for j in judgements],
    }


def _specimen(judgement: "Judgement") -> dict[str, Any]:
    specimen = judgement.specimen
    return {
        "name": specimen.name,
        "rogue": specimen.rogue,
        "kind": specimen.kind,
        "what": specimen.what,
        "rule": specimen.rule,
        "out_of_reach": specimen.out_of_reach,
        "violated": sorted(judgement.violated),
        "undecided": sorted(judgement.undecided),
        "refused": judgement.refused,
        "caught": judgement.caught,
    }


def _print(judgements: "list[Judgement]", summary: "Summary") -> None:
    table = Table("rule", "rogues caught", "honest rejected", "honest in doubt", box=None, pad_edge=False)
    for rule, found in summary.found.items():
        table.add_row(rule, found.text(), summary.false_rejections[rule].text(), summary.false_doubts[rule].text())
    out.print(table)
    out.print()
    out.print(f"All rogues: stopped {summary.rogues_stopped.text()}, rejected {summary.rogues_rejected.text()}")
    out.print(f"Honest: rejected {summary.honest_rejected.text()}, in doubt {summary.honest_undecided.text()}")
    for judgement in judgements:
        if judgement.specimen.out_of_reach:
            out.print(f"Out of reach: {judgement.specimen.name}: {judgement.specimen.out_of_reach}.", soft_wrap=True)
    for judgement in summary.missed:
        out.print(f"[bold red]missed:[/] {judgement.specimen.name}, which {judgement.specimen.rule} must catch")
    for judgement in summary.wronged:
        rules = ", ".join(sorted(judgement.violated | judgement.undecided))
        out.print(f"[bold red]wronged:[/] {judgement.specimen.name}, by {rules}")
