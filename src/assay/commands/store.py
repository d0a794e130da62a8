"""`assay store`: put files and folders in, get them out, look, check and clear away.

Digests go to stdout, so that a script can take them; what a person wants to know goes to stderr.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from assay.core.budget import parse_duration
from assay.core.digest import Digest, parse_digest
from assay.core.errors import BadInput
from assay.core.home import home
from assay.core.store import NotInStore, Store, StoredTree, open_store
from assay.core.store.shelf import Progress as Report
from assay.core.store.tree import shown
from assay.terminal import Json, command, emit, err, finish, out

app = typer.Typer(help="Files and folders kept by the SHA-256 of their content.", no_args_is_help=True)

_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{64}")  # in-toto writes digests bare

Where = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL", help="A folder, s3://, gs:// or az://. Without it: `store` in Assay's home."
    ),
]
Named = Annotated[str, typer.Argument(metavar="DIGEST", help="A digest, or the name of a ref.")]


@app.command()
@command
def put(
    path: Annotated[Path, typer.Argument(help="A file or a folder.")],
    ref: Annotated[
        str | None, typer.Option("--ref", help="Keep it under this name; without one, gc may free it.")
    ] = None,
    omit: Annotated[
        bool, typer.Option("--omit", help="Leave out links, devices and the like instead of refusing.")
    ] = False,
    store: Where = None,
    json_: Json = False,
) -> None:
    """Store PATH and print its digest."""
    kept = open_store(store)
    with _bar(f"Putting {path.name}", None, quiet=json_) as progress:
        taken = _put(kept, path, omit, progress)
    if ref is not None:
        kept.set_ref(ref, taken.digest)
    if json_:
        omitted = [{"path": item.path, "reason": item.reason} for item in taken.omitted]
        emit({"digest": taken.digest, "files": taken.files, "bytes": taken.bytes, "omitted": omitted, "ref": ref})
        return
    for item in taken.omitted:
        err.print(f"Left out {item.path}: {item.reason}.", markup=False)
    err.print(f"Stored {_files(taken.files)}, {taken.bytes} bytes.")
    out.print(taken.digest, soft_wrap=True)


def _put(store: Store, path: Path, omit: bool, progress: Report | None) -> StoredTree:
    # What a person names on a command line may be a link; what is inside a folder may not.
    real = path.resolve()
    if real.is_dir():
        return store.put_tree(real, on_irregular="omit" if omit else "refuse", progress=progress)
    digest = store.put_file(real, progress=progress)
    return StoredTree(digest, 1, store.size(digest))


@app.command()
@command
def get(
    digest: Named,
    dest: Annotated[Path, typer.Argument(help="Where to write it; must not exist.")],
    raw: Annotated[bool, typer.Option("--raw", help="Write a tree's manifest instead of its files.")] = False,
    store: Where = None,
    json_: Json = False,
) -> None:
    """Write the file or folder DIGEST to DEST, checked."""
    kept = open_store(store)
    found = _digest(kept, digest)
    if dest.exists() or dest.is_symlink():
        raise BadInput(f"{shown(str(dest))} exists already: give another place, or remove it.")
    is_tree = not raw and kept.is_tree(found)
    with _bar(
        f"Getting {dest.name}", kept.tree(found).total_bytes if is_tree else kept.size(found), quiet=json_
    ) as bar:
        if is_tree:
            tree = kept.get_tree(found, dest, progress=bar)
            files, size = len(tree.entries), tree.total_bytes
        else:
            kept.get_file(found, dest, progress=bar)
            files, size = 1, kept.size(found)
    if json_:
        emit({"digest": found, "dest": str(dest), "files": files, "bytes": size})
    else:
        err.print(f"Wrote {_files(files)}, {size} bytes, to {shown(str(dest))}.", markup=False)


@app.command("ls")
@command
def list_(
    digest: Annotated[str | None, typer.Argument(help="A tree: its files are listed.")] = None,
    store: Where = None,
    json_: Json = False,
) -> None:
    """List the objects of the store with the refs that name them, or the files of one tree."""
    kept = open_store(store)
    if digest is not None:
        _list_tree(kept, _digest(kept, digest), json_)
        return
    names: dict[Digest, list[str]] = {}
    for name, target in kept.refs().items():
        names.setdefault(target, []).append(name)
    objects = sorted(kept.list())
    total = sum(size for _, size in objects)
    if json_:
        listed = [{"digest": found, "size": size, "refs": names.get(found, [])} for found, size in objects]
        emit({"store": kept.url, "count": len(objects), "bytes": total, "objects": listed})
        return
    for found, size in objects:
        out.print(f"{found} {size:>14} {' '.join(names.get(found, []))}".rstrip(), markup=False, soft_wrap=True)
    err.print(f"{len(objects)} objects, {total} bytes, in {kept.url}", markup=False)


def _list_tree(store: Store, digest: Digest, as_json: bool) -> None:
    tree = store.tree(digest)
    if as_json:
        rows = [
            {"path": entry.path, "sha256": entry.sha256, "size": entry.size, "executable": entry.executable}
            for entry in tree.entries
        ]
        emit({"digest": digest, "files": len(rows), "bytes": tree.total_bytes, "entries": rows})
        return
    for entry in tree.entries:
        mark = "x" if entry.executable else "-"
        out.print(f"{entry.sha256} {entry.size:>14} {mark} {shown(entry.path)}", markup=False, soft_wrap=True)
    err.print(f"{_files(len(tree.entries))}, {tree.total_bytes} bytes")


@app.command()
@command
def verify(store: Where = None, json_: Json = False) -> None:
    """Read every object again and compare it with its digest. Exit 1 if anything is damaged or missing."""
    kept = open_store(store)
    with _bar("Checking", sum(size for _, size in kept.list()), quiet=json_) as progress:
        report = kept.verify(progress=progress)
    if json_:
        missing = [{"digest": item.digest, "named_by": item.named_by} for item in report.missing]
        counts = {"objects": report.objects, "bytes": report.bytes}
        emit({"store": kept.url, "ok": report.ok, **counts, "damaged": list(report.damaged), "missing": missing})
        finish(report.ok)
    for digest in report.damaged:
        out.print(f"damaged {digest}", soft_wrap=True)
    for item in report.missing:
        out.print(f"missing {item.digest} named by {item.named_by}", markup=False, soft_wrap=True)
    err.print(f"{report.objects} objects, {report.bytes} bytes: {'all sound' if report.ok else 'not all sound'}.")
    finish(report.ok)


@app.command()
@command
def gc(
    older_than: Annotated[
        str, typer.Option(metavar="DURATION", help="Spare what was put within this time: it may be in use.")
    ] = "1h",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    ledger: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="Keep what this ledger names; repeatable. Without it: the one in Assay's home."
        ),
    ] = None,
    store: Where = None,
    json_: Json = False,
) -> None:
    """Remove what no ref and no ledger entry leads to."""
    kept = open_store(store)
    grace = 0.0 if older_than in ("0", "0s") else parse_duration(older_than)
    freed = kept.gc(_named_by_ledgers(ledger), grace, dry_run=dry_run)
    if json_:
        counts = {"freed_objects": freed.objects, "freed_bytes": freed.bytes, "kept_objects": freed.kept}
        emit({"store": kept.url, "dry_run": dry_run, **counts, "leftovers": freed.leftovers})
        return
    verb = "Would remove" if dry_run else "Removed"
    err.print(
        f"{verb} {freed.objects} objects ({freed.bytes} bytes) and {freed.leftovers} leftovers; {freed.kept} stay."
    )


@app.command()
@command
def unref(name: Annotated[str, typer.Argument(help="The ref to remove.")], store: Where = None) -> None:
    """Remove the ref NAME; what it kept becomes free for gc."""
    kept = open_store(store)
    if kept.ref(name) is None:
        raise NotInStore(f"There is no ref {name!r} in the store at {kept.url}: `assay store ls` shows them.")
    kept.drop_ref(name)


def _named_by_ledgers(urls: list[str] | None) -> Iterator[Digest]:
    """Every digest that an entry of the ledgers names: subjects, and whatever their statements say."""
    from assay.core.ledger import open_ledger  # SQLAlchemy: half a second that the other commands save

    places: list[str | None] = [*urls] if urls else [None]
    for url in places:
        try:
            ledger = open_ledger(url, create=False)
        except BadInput:
            if url is not None or (home() / "ledger.db").exists():
                raise
            continue  # nothing was ever decided on this machine
        with ledger:
            for entry in ledger.entries():
                yield from (subject.digest for subject in entry.statement.subjects)
                yield from _digests_in(entry.statement.predicate)


def _digests_in(value: Any) -> Iterator[Digest]:
    if isinstance(value, str):
        if _DIGEST.fullmatch(value):
            yield parse_digest(value)
        return
    inside: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inside:
        yield from _digests_in(item)


def _digest(store: Store, text: str) -> Digest:
    """A digest, or what the ref of that name points at."""
    try:
        return parse_digest(text)
    except BadInput:
        if text.startswith("sha256:"):
            raise
    found = store.ref(text)
    if found is None:
        raise NotInStore(f"{text!r} is neither a digest nor a ref in the store at {store.url}: see `assay store ls`.")
    return found


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


@contextmanager
def _bar(label: str, total: int | None, *, quiet: bool) -> Iterator[Report | None]:
    """A progress bar in bytes on stderr, when a person is looking."""
    if quiet or not err.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(shown(label), total=total)
        yield lambda count: progress.advance(task, count)
