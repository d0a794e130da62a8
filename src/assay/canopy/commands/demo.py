"""`assay canopy demo`: the whole arena in minutes. A model is trained in a sandbox, measured, signed; then it maps."""

from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, finish, out

TASK = "canopy/drawn"
SITE, TILE, PIXELS = 103, 77, 512  # of the scene that is mapped: of a hidden site, and of no tile of the task
DATE = "2026-06-30"
SAID = "drawn forests of sites that it never saw; their heights stand for lidar's"


@command
def demo(
    folder: Annotated[Path, typer.Option("--out", help="A new folder for the model, the map and the page.")] = Path(
        "canopy-demo"
    ),
    steps: Annotated[int, typer.Option(min=1, help="Of training.")] = 300,
    json_: Json = False,
) -> None:
    """Train on drawn forests in a sandbox, measure on hidden sites, map a scene; leaves pages to look at."""
    from assay.canopy import tasks
    from assay.canopy.evaluation import evaluate
    from assay.canopy.evaluation.report import evaluation_page
    from assay.canopy.mapping import Options, load_predictor, map_canopy
    from assay.canopy.model import load
    from assay.canopy.predicting import predictor
    from assay.canopy.synthetic import tile
    from assay.canopy.tiles import read_manifest, write_rgb
    from assay.commands.live import Live
    from assay.commands.views import verdict_table
    from assay.core.ledger import open_ledger
    from assay.core.run import Desk, run
    from assay.core.store import open_store
    from assay.core.submission import read_submission
    from assay.core.workers import ScriptWorker
    from assay.web.page import write_page

    if folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty: give --out a new folder, or delete it.")
    folder.mkdir(parents=True, exist_ok=True)
    task = tasks.find(TASK.partition("/")[2])
    worker = ScriptWorker("honest", ("python", "-m", "assay.canopy.demo.honest", str(steps)), {})
    store = open_store()
    with open_ledger() as book, Live(task.budget) as live:
        result = run(TASK, worker, Desk(store, book, live.stage), watch=live.watch)
        handed_in = read_submission(result.verdict.submission, store)
        store.get_tree(handed_in.model, folder / "model")
        live.stage("Evaluating by site and by height")
        store.get_tree(handed_in.inputs[tasks.HIDDEN], folder / "hidden", tasks.LIMITS)
        hidden = (ref.load() for ref in read_manifest(folder / "hidden"))
        evaluation = evaluate(predictor(load(folder / "model")), hidden)
        page = folder / "evaluation.html"
        write_page(page, evaluation_page(evaluation, model="trained in the demo", data=SAID))
        live.stage("Mapping a scene")
        write_rgb(folder / "imagery.tif", tile(SITE, TILE, PIXELS))
        mapped = map_canopy(
            load_predictor(folder / "model"), folder / "imagery.tif", folder / "map", Options(date=DATE)
        )
    if json_:
        verdict = {"index": result.entry.index, **result.verdict.to_json()}
        files = {"page": str(page.absolute()), "map": str(mapped.folder.absolute())}
        emit({"verdict": verdict, "evaluation": evaluation.to_json(), **files})
    else:
        out.print(verdict_table([result.entry]))
        out.print(f"{result.verdict.outcome}. {result.verdict.reason}")
        out.print(
            f"\nBy site and by height: {page.absolute()}\n"
            f"The map: {mapped.folder.absolute()}; look at it with `assay canopy view {mapped.folder}`.",
            soft_wrap=True,
        )
    finish(result.verdict.outcome == "accepted")
