"""`assay pretrain bench`: every attack that there is, against the defence as a recipe sets it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, err, finish, foreign, out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.pretrain.simulation.campaign import Line


@command
def bench(
    recipe: Annotated[str, typer.Argument(help="A recipe by name, or a TOML file.")] = "tiny",
    honest: Annotated[int, typer.Option(min=2, help="Honest peers.")] = 6,
    attackers: Annotated[int, typer.Option(min=1, help="Attacking peers.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each run.")] = 12,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each attack.")] = 1,
    attack: Annotated[list[str] | None, typer.Option(help="Only this one. May be repeated.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, with one core each.")] = 1,
    folder: Annotated[Path, typer.Option("--out", help="Finished runs; the same folder again goes on.")] = Path(
        "assay-attacks"
    ),
    page: Annotated[Path | None, typer.Option(help="Put the table into this page, between the marks.")] = None,
    mark: Annotated[
        str | None, typer.Option(help="Of the page, as in `<!-- MARK -->`. If not given: bench HONEST+ATTACKERS.")
    ] = None,
    data: Annotated[list[Path] | None, typer.Option(help="A folder with data sets. May be repeated.")] = None,
    json_: Json = False,
) -> None:
    """Attack a network in every known way, and print what held. Exit 1 if anything did not."""
    from assay.core.data import use_folders
    from assay.core.store import open_store
    from assay.pretrain.data import build_shards
    from assay.pretrain.recipe import read_recipe
    from assay.pretrain.simulation import campaign
    from assay.pretrain.simulation.table import put_into, table

    use_folders(data or [])
    chosen, store = read_recipe(recipe), open_store()
    known = campaign.casts(honest, attackers)
    if unknown := sorted(set(attack or ()) - set(known)):
        raise BadInput(f"There is no attack {unknown[0][:50]!r}: known are {', '.join(known)}.")
    text = build_shards(chosen.data, store)

    def report(line: str) -> None:
        err.print(foreign(line), soft_wrap=True)

    lines = list(
        campaign.run(
            chosen,
            text,
            folder,
            honest=honest,
            attackers=attackers,
            rounds=rounds,
            seeds=range(seeds),
            names=attack,
            jobs=jobs,
            report=report,
        )
    )
    about = f"{honest} honest peers, {attackers} attackers, {rounds} rounds, n = {seeds}"
    holds = not any(line.fails for line in lines)
    if page is not None:
        put_into(page, mark or f"bench {honest}+{attackers}", f"Recipe `{chosen.name}`, {about}.\n\n{table(lines)}")
    if json_:
        rows = [{**vars(line), "fails": line.fails} for line in lines]
        emit({"schema": "assay.attacks/1", "recipe": chosen.digest, "rounds": rounds, "seeds": seeds, "attacks": rows})
        finish(holds)
    _print(lines)
    out.print(f"{about}; rounds that attackers counted for, from their first lie.")
    finish(holds)


def _print(lines: "Sequence[Line]") -> None:
    from rich.table import Table

    shown = Table(
        "attack", "loss / clean", "out after", "worst", "reward", "honest out", "aggregated", "does not hold", box=None
    )
    for line in lines:
        figures = (f"{line.loss:.4f}", f"{line.rounds[0]:g}", str(line.rounds[1]), f"{100 * line.captured:.1f} %")
        shown.add_row(line.name, *figures, str(line.honest_expelled), str(line.aggregated), ", ".join(line.fails))
    out.print(shown)
