"""`assay posttrain provenance`: where do these weights come from? The weights check on its own.

Exit 0: they come from the base and were trained. Exit 1: they are the sibling's, a merge with it, another model's or
the base itself, or that cannot be told.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from assay.core.errors import BadInput, Unavailable
from assay.terminal import Json, command, emit, err, finish, out

if TYPE_CHECKING:
    from assay.posttrain.provenance import Provenance
    from assay.posttrain.provenance.examine import OnTensor


@command
def provenance(
    submission: Annotated[str, typer.Argument(help="A model's folder, or a digest in the store.")],
    base: Annotated[Path, typer.Option("--base", metavar="DIR", help="The declared base model.")],
    sibling: Annotated[
        list[Path] | None,
        typer.Option("--sibling", metavar="DIR", help="A model it must not come from. May be repeated."),
    ] = None,
    store: Annotated[str | None, typer.Option("--store", metavar="URL", help="Where digests are looked up.")] = None,
    json_: Json = False,
) -> None:
    """Tell base, sibling, merge, another model or the untouched base from the weights alone."""
    try:
        from assay.posttrain.provenance import Origin, examine
    except ModuleNotFoundError as error:
        raise Unavailable(f"This needs {error.name}: install it with `pip install 'assay[posttrain]'`.") from None

    for folder in (base, *(sibling or [])):
        if not folder.is_dir():
            raise BadInput(f"{folder} is no folder: give the folder of a model in safetensors.")
    with _folder(submission, store) as model, _progress(quiet=json_) as on_tensor:
        found = examine(model, base, sibling or [], on_tensor)
    if json_:
        emit(found.to_json())
    else:
        _print(found)
    finish(found.verdict is Origin.BASE)


@contextlib.contextmanager
def _folder(submission: str, store: str | None) -> Iterator[Path]:
    """The model's folder: as given, or checked out of the store if a submission or a model is named by its digest."""
    if Path(submission).is_dir():
        yield Path(submission)
        return
    from assay.core.digest import parse_digest
    from assay.core.errors import AssayError
    from assay.core.scratch import scratch
    from assay.core.store import open_store
    from assay.core.submission import read_submission

    try:
        digest = parse_digest(submission)
    except BadInput:
        raise BadInput(f"{submission[:200]!r} is neither a folder nor a digest: give one of them.") from None
    kept = open_store(store)
    if not kept.has(digest):
        raise BadInput(f"The store has nothing under {digest}: `assay show` lists submissions.")
    # What is no submission's document is the tree of a model, or checking it out says what is wrong.
    with contextlib.suppress(AssayError):
        digest = read_submission(digest, kept).model
    with scratch("provenance") as place:
        kept.get_tree(digest, place / "model")
        yield place / "model"


@contextlib.contextmanager
def _progress(*, quiet: bool) -> "Iterator[OnTensor | None]":
    if quiet or not err.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("tensors"))
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("Comparing", total=None)

        def show(_: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show


def _print(found: "Provenance") -> None:
    out.print(Text(found.verdict, style="bold"), Text(_printable(found.reason)), soft_wrap=True)
    if not found.siblings:
        return
    table = Table("sibling", "verdict", "share", "95 % interval", "flatness", "as sibling", "layers", box=None)
    for row in found.siblings:
        table.add_row(
            Text(_printable(row.name)),
            row.origin,
            f"{row.share:.3f}",
            f"{row.interval.low:.3f} to {row.interval.high:.3f}",
            f"{row.flatness:.2f}",
            f"{row.as_sibling:.1%}",
            f"{row.layers_with_sibling} of {row.layers}",
        )
    out.print(table)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
