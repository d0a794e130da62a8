"""`assay posttrain …`: what this arena has beyond the common verbs. Each command lives in a module of its own."""

import typer

app = typer.Typer(no_args_is_help=True)
