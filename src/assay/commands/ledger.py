"""`assay ledger`: look at what was decided, check it, prove it to others, and move it.

What may be piped into a file goes to stdout; what a person wants to know goes to stderr.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from assay.core.errors import BadInput, Corrupt, Unavailable
from assay.core.keys import PublicKey, load_key, signing_key_path, trust, trusted_keys
from assay.core.ledger import (
    VERDICT_PREDICATE,
    Entry,
    Ledger,
    Report,
    check_consistency_document,
    check_entry_document,
    import_ledger,
    open_ledger,
    verify_ledger,
)
from assay.core.ledger.audit import Progress as OnProgress
from assay.core.ledger.bundle import (
    CONSISTENCY_FORMAT,
    ENTRY_FORMAT,
    BundleReader,
    is_bundle,
    open_limited,
    read_document,
    read_saved_head,
)
from assay.terminal import Json, command, emit, err, finish, foreign, out

app = typer.Typer(help="Signed decisions: append-only, and checkable by anyone.", no_args_is_help=True)

Where = Annotated[
    str | None,
    typer.Option("--ledger", metavar="URL", help="A file, or postgresql://… [default: ledger.db in Assay's home]."),
]
Key = Annotated[Path | None, typer.Option("--key", metavar="PEM", help="Private key to use [default: $ASSAY_KEY].")]
Trust = Annotated[
    list[Path] | None, typer.Option("--trust", metavar="PEM", help="Also believe this public key. May be repeated.")
]


@app.command()
@command
def log(
    subject: Annotated[str | None, typer.Option("--subject", metavar="DIGEST", help="Only entries about this.")] = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, max=100_000, help="How many of the latest.")] = 20,
    ledger: Where = None,
    json_: Json = False,
) -> None:
    """List the latest entries, oldest first."""
    with open_ledger(ledger, create=False) as kept:
        size = len(kept)
        found = kept.find(subject=subject)[-last:] if subject else list(kept.entries(max(0, size - last)))
        place = kept.place
    if json_:
        emit({"ledger": place, "size": size, "entries": [_summary(entry) for entry in found]})
        return
    table = Table("index", "time (UTC)", "task", "outcome", "subject", box=None, pad_edge=False)
    for entry in found:
        row = _summary(entry)
        when = entry.appended_at.strftime("%Y-%m-%d %H:%M:%S")
        subjects = [digest.removeprefix("sha256:")[:12] for digest in row["subjects"]]
        more = f" +{len(subjects) - 1}" if len(subjects) > 1 else ""
        # An entry that is no verdict has neither task nor outcome: its type says what it is.
        task, outcome = row["task"] or row["predicate_type"], row["outcome"] or "-"
        table.add_row(str(entry.index), when, foreign(task), foreign(outcome), subjects[0] + more)
    out.print(table)
    err.print(f"{len(found)} of {size} entries of {place}", markup=False, soft_wrap=True)


@app.command()
@command
def show(
    index: Annotated[int, typer.Argument(min=0, help="The entry's number.")], ledger: Where = None, json_: Json = False
) -> None:
    """Show one entry: the signed statement, who signed it, and its place in the tree."""
    with open_ledger(ledger, create=False) as kept:
        entry, head = kept.entry(index), kept.tree_head()
    statement = json.loads(base64.b64decode(json.loads(entry.envelope)["payload"]))
    if json_:
        about = {"index": index, "leaf_hash": entry.leaf_hash.hex(), "key_id": entry.key_id, "key": entry.key}
        emit({**about, "appended_at": _summary(entry)["time"], "size": head.size, "statement": statement})
        return
    out.print(foreign(json.dumps(statement, indent=2, ensure_ascii=False), keep="\n"), soft_wrap=True)
    err.print(f"Entry {index} of {head.size}, signed by the key {entry.key_id}.")


@app.command()
@command
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="Check this exported file (entry, proof, ledger) instead of a ledger.")
    ] = None,
    head: Annotated[
        list[Path] | None, typer.Option("--head", metavar="FILE", help="The ledger must contain this saved head.")
    ] = None,
    trust_: Trust = None,
    ledger: Where = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Check every signature, hash and head. Exit 1 names the entries that are not as they were signed."""
    believed = [PublicKey.load(path) for path in trust_ or []]
    if file is not None:
        if head or ledger:
            raise BadInput("Give either a file to check, or --ledger and --head.")
        _verify_file(file, trusted_keys(believed, own=key), json_)
        return
    saved = [read_saved_head(path) for path in head or []]
    with _bar("Checking", quiet=json_) as progress:
        report = verify_ledger(ledger, key=key, trust=believed, saved=saved, progress=progress)
    if json_:
        emit(report.to_json())
    else:
        _print_report(report)
    finish(report.ok)


def _print_report(report: Report) -> None:
    for problem in report.problems:
        err.print("[bold red]problem:[/]", foreign(problem.message), soft_wrap=True)
    untold = report.problem_count - len(report.problems)
    if untold:
        err.print(f"... and {untold} more problems.")
    if not report.ok:
        err.print(foreign(f"{report.place} is not as it was signed. Problems: {report.problem_count}."), soft_wrap=True)
        return
    assert report.root is not None  # noqa: S101 -- for the type checker
    sound = f"{report.place}: {report.entries} entries, {report.heads} signed heads, all as they were signed."
    out.print(foreign(sound), soft_wrap=True)
    out.print(f"root {report.root.hex()}", soft_wrap=True)


def _verify_file(path: Path, trusted: dict[str, PublicKey], json_: bool) -> None:
    if is_bundle(path):
        with open_limited(path) as file:
            reader = BundleReader(file, trusted)
            for _ in reader.items():
                pass
        result: dict[str, Any] = {"ledger": reader.header.ledger, "entries": reader.header.size}
        sentence = f"{reader.header.size} entries of the ledger {reader.header.ledger}, all as they were signed."
    else:
        result, sentence = _verify_document(path, trusted)
    if json_:
        emit({"ok": True, **result})
    else:
        out.print(foreign(sentence), soft_wrap=True)


def _verify_document(path: Path, trusted: dict[str, PublicKey]) -> tuple[dict[str, Any], str]:
    document = read_document(path)
    if document.get("format") == ENTRY_FORMAT:
        entry, head = check_entry_document(document, trusted)
        result = {"ledger": head.ledger, "size": head.size, **_summary(entry)}
        return result, f"Entry {entry.index} is in the ledger {head.ledger} of {head.size} entries, as it was signed."
    if document.get("format") == CONSISTENCY_FORMAT:
        first, second = check_consistency_document(document, trusted)
        result = {"ledger": second.ledger, "first": first.size, "second": second.size}
        return result, f"The ledger of {second.size} entries continues the one of {first.size}: nothing was changed."
    raise Corrupt(f"{path} is no entry, proof or ledger that Assay exported.")


@app.command()
@command
def prove(
    index: Annotated[int | None, typer.Argument(min=0, help="Prove that this entry is in the ledger.")] = None,
    first: Annotated[
        int | None, typer.Option("--from", min=0, metavar="SIZE", help="Prove that nothing changed since this size.")
    ] = None,
    second: Annotated[
        int | None, typer.Option("--to", min=0, metavar="SIZE", help="Up to this size [default: now].")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here instead of to stdout.")] = None,
    ledger: Where = None,
    json_: Json = False,
) -> None:
    """Print a proof that others can check with public tools: of one entry, or that the ledger only grew."""
    if (index is None) == (first is None):
        raise BadInput("Say what to prove: an entry's INDEX, or --from SIZE.")
    with open_ledger(ledger, create=False) as kept:
        document = _proof(kept, index, first, second)
    if output is None:
        emit(document)
        return
    try:
        output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"{output} cannot be written: {error.strerror}.") from None
    if json_:
        emit({"output": str(output), "format": document["format"]})
    err.print(f"Wrote {output}: check it with `assay ledger verify {output}`.", markup=False)


def _proof(kept: Ledger, index: int | None, first: int | None, second: int | None) -> dict[str, Any]:
    if first is not None:
        return kept.consistency_document(first, second)
    if second is not None or index is None:
        raise BadInput("--to goes with --from.")
    return kept.entry_document(index)


@app.command()
@command
def head(ledger: Where = None, json_: Json = False) -> None:
    """Print the latest signed tree head. Keep it elsewhere: `verify --head FILE` then finds what was cut off."""
    with open_ledger(ledger, create=False) as kept:
        latest = kept.tree_head()
    emit(json.loads(latest.envelope))
    if not json_:
        err.print(
            f"Head of {latest.size} entries, signed {latest.timestamp}, root {latest.root.hex()}.", soft_wrap=True
        )


@app.command()
@command
def export(
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    ledger: Where = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Write the whole ledger, checked, to FILE as JSON Lines."""
    with open_ledger(ledger, key=key, create=False) as kept:
        size = kept.export(file)
    if json_:
        emit({"file": str(file), "entries": size})
    err.print(f"Wrote {size} entries to {file}.", markup=False)


@app.command("import")
@command
def import_(
    file: Annotated[Path, typer.Argument(help="What `assay ledger export` wrote.")],
    trust_: Trust = None,
    ledger: Where = None,
    key: Key = None,
    json_: Json = False,
) -> None:
    """Bring an exported ledger here, or bring the one here up to date. Checks all of it before it writes."""
    believed = [PublicKey.load(path) for path in trust_ or []]
    added, size = import_ledger(file, ledger, key=key, trust=believed)
    if json_:
        emit({"added": added, "entries": size})
    err.print(f"Added {added} entries; the ledger has {size}.")


@app.command()
@command
def key(
    key_id: Annotated[
        str | None, typer.Argument(metavar="KEY_ID", help="A key of the ledger [default: yours].")
    ] = None,
    ledger: Where = None,
    json_: Json = False,
) -> None:
    """Print a public key in PEM: this machine's, or one that signed the ledger."""
    public = load_key(signing_key_path()).public if key_id is None else _stored_key(key_id, ledger)
    if json_:
        emit({"key_id": public.key_id, "pem": public.to_pem().decode()})
        return
    out.print(public.to_pem().decode(), end="")
    err.print(f"Key {public.key_id}", soft_wrap=True)


def _stored_key(key_id: str, ledger: str | None) -> PublicKey:
    with open_ledger(ledger, create=False) as kept:
        keys = kept.public_keys()
    if key_id not in keys:
        raise BadInput(f"No key {key_id[:80]!r} signed this ledger; these did: {', '.join(sorted(keys))}.")
    return keys[key_id]


@app.command("trust")
@command
def trust_key(
    file: Annotated[Path, typer.Argument(metavar="PEM", help="A public key, as `assay ledger key` prints it.")],
    json_: Json = False,
) -> None:
    """Believe from now on what this public key signed. Make sure whose key it is first."""
    public = PublicKey.load(file)
    path = trust(public)
    if json_:
        emit({"key_id": public.key_id, "file": str(path)})
    err.print(f"Trusted: {public.key_id}. Delete {path} to take it back.", markup=False, soft_wrap=True)


def _summary(entry: Entry) -> dict[str, Any]:
    predicate = entry.statement.predicate
    verdict = predicate.get("verdict") if entry.statement.predicate_type == VERDICT_PREDICATE else None
    verdict = verdict if isinstance(verdict, dict) else {}
    return {
        "index": entry.index,
        "time": predicate["issued_at"],
        "key": entry.key,
        "key_id": entry.key_id,
        "predicate_type": entry.statement.predicate_type,
        "subjects": [subject.digest for subject in entry.statement.subjects],
        "task": verdict.get("task"),
        "outcome": verdict.get("outcome"),
    }


@contextmanager
def _bar(what: str, *, quiet: bool) -> Iterator[OnProgress | None]:
    if quiet or not err.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
