"""`assay prove print`: the C of a component's program, as the printer of its theorems gives it."""

from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import BadInput
from assay.prove.commands.check import Folder, SandboxName
from assay.terminal import Json, command, emit, err, finish, foreign


@command
def print_program(
    folder: Folder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where it goes; the component's own C file if not given.")
    ] = None,
    sandbox: SandboxName = "bubblewrap",
    json_: Json = False,
) -> None:
    """Print the program that the theorems name, and write it to the component's C file."""
    from assay.core.sandbox import open_sandbox
    from assay.core.scratch import scratch
    from assay.prove.cell import Cell
    from assay.prove.component import read
    from assay.prove.provers import open_prover

    component = read(folder)
    program = component.manifest.program
    if program is None or program.c is None:
        raise BadInput(f"{component.name} has no program that is printed as C.")
    with scratch("prove") as place:
        text, findings = open_prover(component, Cell(open_sandbox(sandbox), place)).printed()
    if text is None:
        for finding in findings:
            err.print(foreign(finding.message), soft_wrap=True)
        finish(False)
    dest = output or folder / program.c
    dest.parent.mkdir(parents=True, exist_ok=True)
    dest.write_text(text)
    if json_:
        emit({"component": component.name, "path": str(dest), "bytes": len(text.encode())})
    else:
        err.print(f"Wrote {dest}: {len(text.encode())} bytes.", markup=False, soft_wrap=True)
