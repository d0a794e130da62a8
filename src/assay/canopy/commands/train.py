"""`assay canopy train`: train a model on a folder of tiles. Again to go on after a stop; under torchrun on many
devices.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.terminal import Json, command, emit, err, finish


@command
def train(
    data: Annotated[Path, typer.Argument(help="A folder with a manifest.csv of tiles.")],
    out: Annotated[Path, typer.Option(help="Where the model and the log go.")],
    config: Annotated[
        Path | None, typer.Option(help="A JSON file with a training's settings (as train.json has them).")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="`general` for sites never seen, `plain` for the paper's loss alone.")
    ] = "general",
    steps: Annotated[int | None, typer.Option(min=1, help="How many steps.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="What the draws depend on.")] = None,
    loss: Annotated[str | None, typer.Option(help="l1, silog, charbonnier, annealed or annealed+gradient.")] = None,
    split: Annotated[list[str] | None, typer.Option(help="Train on tiles of these splits [default: train].")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Leave out all tiles of these sites.")] = None,
    real_only: Annotated[bool, typer.Option("--real-only", help="Leave out tiles with rendered imagery.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Replace what is in --out, do not go on with it.")] = False,
    json_: Json = False,
) -> None:
    """Train a canopy height model and leave it in a folder.

    Run the same command again to go on after a stop. On several devices:
    `torchrun --no-python --nproc-per-node 8 assay canopy train DATA --out DIR`.
    """
    from assay.canopy.recipes import chosen
    from assay.canopy.resolution import at_resolution
    from assay.canopy.tiles import read_manifest
    from assay.canopy.training import train as run
    from assay.canopy.training import world
    from assay.core.errors import BadInput

    settings = chosen(recipe, config, steps=steps, seed=seed, loss=loss)
    wanted, left_out = split or ["train"], without or []
    refs = [
        ref
        for ref in read_manifest(data)
        if ref.height is not None
        and ref.split in wanted
        and ref.site not in left_out
        and not (real_only and ref.synthetic)
    ]
    if not refs:
        raise BadInput(f"{data} has no tiles with heights of the splits {', '.join(wanted)}: see its manifest.csv.")
    tiles = [at_resolution(ref.load(), settings.model.gsd_m) for ref in refs]
    trained = run(settings, tiles, out, resume=not restart)
    if not world().leads:
        return
    document: dict[str, Any] = {
        "model": str(out.absolute()),
        "steps": trained.step,
        "loss": trained.loss,
        "sites": sorted({tile.site for tile in tiles}),
        "tiles": len(tiles),
    }
    if json_:
        emit(document)
    else:
        err.print(
            f"{trained.step} steps on {len(tiles)} tiles of {', '.join(document['sites'])}; loss {trained.loss:.4f}. "
            f"Model: {out.absolute()}",
            markup=False,
            soft_wrap=True,
        )
    finish(trained.finished)
