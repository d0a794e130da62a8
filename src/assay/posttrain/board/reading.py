"""Reads files that strangers wrote: plain files only, with a limit on their size, as UTF-8.

A symbolic link, a FIFO or a device is refused, never followed or waited for. Messages quote at most a few characters.
"""

import csv
import io
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.digest import digest_bytes
from assay.core.errors import BadInput, LimitExceeded
from assay.core.plain import one_line
from assay.core.store.untrusted import open_plain_file
from assay.posttrain.board.cells import Source

MAX_FILE = 1 << 20  # bytes: the largest published file has 86 kB
MAX_NAMES = 100_000  # of one folder
_MAX_ROWS, _MAX_COLUMNS = 1000, 200  # of a table
_NUMBER = re.compile(r"[0-9]{1,30}(\.[0-9]{0,30})?([eE][-+]?[0-9]{1,3})?")  # `float` also takes 1_0
_QUOTED = 40  # characters of foreign text in a message


@dataclass(frozen=True)
class Table:
    """A CSV table: rows by the name in their first column."""

    path: Path
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]
    source: Source


def shown(text: object) -> str:
    """Foreign text as it is quoted in messages and notes."""
    return one_line(str(text), _QUOTED)


def read_bytes(path: Path, most: int = MAX_FILE) -> bytes:
    with os.fdopen(open_plain_file(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > most:
            raise LimitExceeded(f"{_place(path)} is larger than {most} bytes: it is not a file of results.")
        data = file.read(most + 1)
    if len(data) > most:
        raise LimitExceeded(f"{_place(path)} is larger than {most} bytes: it is not a file of results.")
    return data


def read_text(path: Path, most: int = MAX_FILE) -> str:
    try:
        return read_bytes(path, most).decode("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{_place(path)} is not UTF-8 text: it is not a file of results.") from None


def read_json(path: Path, most: int = MAX_FILE) -> Any:
    """A JSON document without repeated names, NaN or infinity. `BadInput` says what is wrong."""
    try:
        return json.loads(read_text(path, most), object_pairs_hook=_distinct, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadInput(f"{_place(path)} is not a JSON document that can be read.") from None


def read_table(path: Path, what: str) -> Table:
    """A CSV table with a header; names of rows and columns may not repeat, and all rows are as long as the header."""
    data = read_bytes(path)
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise BadInput(f"{_place(path)} is not a CSV table in UTF-8.") from None
    lines = [[cell.strip() for cell in line] for line in lines if line]
    if not lines or len(lines[0]) < 2:
        raise BadInput(f"{_place(path)} has no header with a column of names and columns of figures.")
    header, body = lines[0], lines[1:]
    if len(body) > _MAX_ROWS or len(header) > _MAX_COLUMNS:
        raise LimitExceeded(f"{_place(path)} has more than {_MAX_ROWS} rows or {_MAX_COLUMNS} columns.")
    for kind, names in (("column", header), ("row", [line[0] for line in body])):
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if twice is not None:
            raise BadInput(f"{_place(path)} has the {kind} {shown(twice)!r} twice: which one counts is not known.")
    for number, line in enumerate(body, start=2):
        if len(line) != len(header):
            raise BadInput(f"{_place(path)}, line {number}: {len(line)} fields where the header has {len(header)}.")
    rows = {line[0]: dict(zip(header[1:], line[1:], strict=True)) for line in body}
    return Table(path, tuple(header[1:]), rows, Source(str(path), what, digest_bytes(data)))


def share(text: str, path: Path, where: str) -> float:
    """A number between 0 and 1. `BadInput` if it is anything else."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 <= number <= 1:
        raise BadInput(f"{_place(path)}, {where}: {shown(text)!r} is not a number between 0 and 1.")
    return number


def names_in(folder: Path) -> list[str]:
    """The names in a folder, sorted."""
    try:
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append(entry.name)
                if len(found) > MAX_NAMES:
                    raise LimitExceeded(f"{_place(folder)} holds more than {MAX_NAMES} names.")
    except OSError as error:
        raise BadInput(f"{_place(folder)} cannot be read as a folder: {error.strerror}.") from None
    return sorted(found)


def is_folder(path: Path) -> bool:
    """Whether `path` is a folder itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def _place(path: Path) -> str:
    return one_line(str(path), 200)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number")
