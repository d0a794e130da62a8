"""`assay prove fuzz`: compare a component with the original on as many inputs as wanted; a stopped run goes on.

Exit 0 if no difference was found, 1 if one was.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.prove.commands.check import Folder, SandboxName
from assay.terminal import Json, command, emit, err, finish, foreign, out

if TYPE_CHECKING:
    from assay.prove.fuzzing import Fuzzed


@command
def fuzz(
    folder: Folder,
    inputs: Annotated[int, typer.Option(min=1, max=10**10, help="Inputs of each function.")] = 1_000_000,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="STATE", help="Where it is kept [default: NAME.fuzz.json].")
    ] = None,
    slice_size: Annotated[int, typer.Option("--slice", min=1, max=1_000_000, help="Inputs between saves.")] = 50_000,
    sandbox: SandboxName = "bubblewrap",
    json_: Json = False,
) -> None:
    """Compare with the original on generated inputs. Nothing is proved by it; a difference would be news."""
    from assay.core.sandbox import open_sandbox
    from assay.prove.component import read
    from assay.prove.fuzzing import Plan
    from assay.prove.fuzzing import fuzz as run

    component = read(folder)
    state = resume or Path(f"{component.name}.fuzz.json")
    started = time.monotonic()

    def show(known: "Fuzzed") -> None:
        if not json_:
            counts = ", ".join(f"{name} {n}" for name, n in known.inputs.items())
            err.print(f"{time.monotonic() - started:6.0f} s  {counts}: {len(known.differences)} differences")

    known = run(component, open_sandbox(sandbox), state, Plan(inputs, slice_size, show))
    if json_:
        emit({**known.model_dump(by_alias=True), "state": str(state)})
    else:
        for difference in known.differences:
            said = f"{difference['entry']}: {difference['ours']} instead of {difference.get('original', 'an answer')}"
            out.print("[bold red]✗[/]", foreign(said), soft_wrap=True)
        out.print(f"{component.name}: {sum(known.inputs.values())} inputs, {len(known.differences)} differences.")
    finish(not known.differences)
