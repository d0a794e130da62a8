"""`assay pretrain simulate`: a whole network on this machine, with attackers if asked for, and a page about it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, err, foreign, out

if TYPE_CHECKING:
    from assay.pretrain.simulation.network import Cast, RoundResult


@command
def simulate(
    recipe: Annotated[str, typer.Argument(help="A recipe by name, or a TOML file.")] = "laptop",
    peers: Annotated[int, typer.Option(min=1, max=256, help="Honest peers.")] = 8,
    attack: Annotated[list[str] | None, typer.Option(help="One more peer that attacks so. May be repeated.")] = None,
    validator: Annotated[
        list[str] | None, typer.Option(help="A validator: honest, liar, copycat, absent, silent. May be repeated.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="The recipe's if not given.")] = None,
    seed: Annotated[int, typer.Option(help="Of the network; the recipe has its own.")] = 0,
    folder: Annotated[Path, typer.Option("--out", help="A new folder for everything that the network writes.")] = Path(
        "assay-simulation"
    ),
    up: Annotated[float, typer.Option(help="Mb/s of each peer's upload, for the plot against time.")] = 110.0,
    down: Annotated[float, typer.Option(help="Mb/s of its download.")] = 500.0,
    data: Annotated[list[Path] | None, typer.Option(help="A folder with data sets. May be repeated.")] = None,
    json_: Json = False,
) -> None:
    """Simulate a run: every member's own code, one process, time that jumps. Leaves a page to look at."""
    from assay.core.data import use_folders
    from assay.core.store import open_store
    from assay.pretrain.data import Corpus, build_shards
    from assay.pretrain.plan import Link, parameters
    from assay.pretrain.recipe import read_recipe
    from assay.pretrain.simulation import page
    from assay.pretrain.simulation.network import Cast, Network
    from assay.pretrain.simulation.summary import summarise

    use_folders(data or [])
    chosen = read_recipe(recipe)
    cast = Cast(peers, tuple(attack or ()), tuple(validator or ("honest",) * 3))
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty: give --out a new folder, or delete it.")
    store = open_store()
    err.print("Preparing the text")
    corpus = Corpus(store, build_shards(chosen.data, store), chosen.model.context)
    network = Network(chosen, corpus, cast, folder, seed=seed, store=store)
    untrained = network.untrained_loss()
    count, begun = rounds or chosen.rounds, time.monotonic()
    results = network.run(count, lambda result: _tell(result, cast, count, time.monotonic() - begun))
    summary = summarise(cast, results)
    step = sum(peer.seconds for peer in network.peers) / max(1, sum(peer.steps for peer in network.peers))
    picture = folder / "report.html"
    page.write(picture, chosen, cast, results, summary, Link(up, down), step, parameters(chosen.model), untrained)
    if json_:
        emit(
            {
                "schema": "assay.simulation/1",
                "recipe": chosen.digest,
                "summary": vars(summary),
                "rounds": [vars(result) for result in results],
                "report": str(picture),
            }
        )
        return
    _print_peers(cast, results)
    out.print(f"Report: {picture}", soft_wrap=True)


def _tell(result: "RoundResult", cast: "Cast", rounds: int, seconds: float) -> None:
    attackers = [uid for uid in result.selected if uid in cast.attackers]
    bad = f", of them attackers: {attackers}" if attackers else ""
    gone = f"; expelled so far: {result.expelled}" if result.expelled else ""
    left = seconds / (result.round + 1) * (rounds - result.round - 1)
    line = (
        f"round {result.round}: loss {result.loss:.4f}, aggregated {len(result.selected)}{bad}{gone}; {left:.0f} s left"
    )
    err.print(foreign(line), soft_wrap=True)


def _print_peers(cast: "Cast", results: "list[RoundResult]") -> None:
    from rich.table import Table

    from assay.pretrain.simulation.page import table

    shown = Table("uid", "what it does", "aggregated", "share of rewards", "at the end", box=None, pad_edge=False)
    for peer in table(cast, results):
        rounds = f"{peer.aggregated} of {len(results)}"
        shown.add_row(str(peer.uid), peer.kind, rounds, f"{100 * peer.share:.1f} %", peer.state)
    out.print(shown)
