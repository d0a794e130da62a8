"""`assay prove …`: what this arena has beyond the common verbs. Each command lives in a module of its own."""

import typer

from assay.prove.commands import certificate, check, fuzz, gallery, mutate, new, print_program, report

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _arena() -> None:
    """Software in a machine-checked verified form, through four gates."""


app.command()(new.new)
app.command()(check.check)
app.command(name="print")(print_program.print_program)
app.command()(certificate.certificate)
app.command()(gallery.gallery)
app.command()(report.report)
app.command()(mutate.mutate)
app.command()(fuzz.fuzz)
