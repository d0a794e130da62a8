"""`assay prove new`: a component to start from, small and complete: its gates pass before anything is changed."""

import re
from pathlib import Path
from typing import Annotated

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, err


@command
def new(
    name: Annotated[str, typer.Argument(help="The component's name, which is also its folder: lower case.")],
    prover: Annotated[str, typer.Option(help="rocq or lean.")] = "rocq",
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where the folder is made.")] = Path(),
    json_: Json = False,
) -> None:
    """Make a component with a statement, a proof and tests that pass the gates, to be changed into yours."""
    from assay.prove.skeleton import make

    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name):
        raise BadInput(f"{name[:80]!r} is not a name for a component: lower case letters, digits and dashes.")
    if prover not in ("rocq", "lean"):
        raise BadInput(f"There is no prover {prover[:40]!r}: choose rocq or lean.")
    folder = into / name
    files = make(name, prover, folder)
    if json_:
        emit({"component": name, "folder": str(folder), "files": files})
        return
    for path in files:
        err.print(f"  {folder / path}", markup=False, soft_wrap=True)
    err.print(f"Check it: assay prove check {folder}", markup=False, soft_wrap=True)
