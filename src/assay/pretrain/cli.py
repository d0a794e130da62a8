"""`assay pretrain …`: what this arena has beyond the common verbs. Each command lives in a module of its own."""

import typer

from assay.pretrain.commands import data, plan

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _arena() -> None:
    """Trustless pre-training: plan a run, prepare its text, take part in it."""


app.command()(plan.plan)
app.command()(data.data)
