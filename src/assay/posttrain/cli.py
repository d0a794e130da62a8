"""`assay posttrain …`: what this arena has beyond the common verbs. Each command lives in a module of its own."""

import typer

from assay.posttrain.commands import add, contamination, gallery, leaderboard, matrix, override, provenance, report

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _arena() -> None:
    """What the arena of post-training has beyond the common verbs."""


app.command()(add.add)
app.command()(contamination.contamination)
app.command()(leaderboard.leaderboard)
app.command()(report.report)
app.command()(matrix.matrix)
app.command()(gallery.gallery)
app.command()(override.override)
app.command()(provenance.provenance)
