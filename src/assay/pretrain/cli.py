"""`assay pretrain …`: what this arena has beyond the common verbs. Each command lives in a module of its own."""

import typer

from assay.pretrain.commands import bench, data, plan, run, simulate

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _arena() -> None:
    """Trustless pre-training: plan a run, prepare its text, take part in it."""


app.command()(plan.plan)
app.command()(data.data)
app.command()(run.init)
app.command()(run.peer)
app.command()(run.validator)
app.command()(run.status)
app.command()(run.audit)
app.command()(simulate.simulate)
app.command()(bench.bench)
