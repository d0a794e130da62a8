"""`assay canopy …`: what this arena has beyond the common verbs. Each command lives in a module of its own."""

import typer

from assay.canopy.commands import ablate, demo, evaluate, labels, map, train, view

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _arena() -> None:
    """Canopy height from imagery: train, evaluate against lidar, map at scale."""


app.command()(demo.demo)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command(name="map")(map.map_area)
app.command()(view.view)
app.add_typer(labels.app, name="labels", help="Heights from lidar: canopy height models, registration, cleaning.")
app.command()(ablate.ablate)
