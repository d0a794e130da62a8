"""Reads benchmark files as they are published: JSON lines, JSON, CSV or Parquet, plain or gzipped.

They come from a pinned source or from the user's own folder; even so they are read with a size limit and never
executed.
"""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

from assay.core.errors import BadInput, LimitExceeded

MAX_FILE = 1 << 30  # bytes, unpacked


def read_records(path: Path) -> list[dict[str, Any]]:
    """All records of `path`, in order. `BadInput` if it is not what its name says."""
    name = path.name.removesuffix(".gz")
    try:
        if name.endswith(".parquet"):
            return _parquet(path)
        text = _bytes(path).decode("utf-8-sig")
        if name.endswith(".csv"):
            return [dict(row) for row in csv.DictReader(io.StringIO(text), strict=True)]
        lines = text.split("\n")  # nothing else ends a line of JSON: a text may hold U+2028
        records = json.loads(text) if text.lstrip().startswith("[") else [json.loads(x) for x in lines if x.strip()]
    except (ValueError, EOFError, OSError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read as benchmark data: {str(error)[:200]}.") from None
    if not all(isinstance(record, dict) for record in records):
        raise BadInput(f"{path} cannot be read as benchmark data: every record must be an object.")
    return list(records)


def _bytes(path: Path) -> bytes:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise LimitExceeded(f"{path} is over {MAX_FILE >> 20} MiB: it is not a benchmark's file.")
    return bytes(data)


def _parquet(path: Path) -> list[dict[str, Any]]:
    from pyarrow import parquet

    if path.stat().st_size > MAX_FILE:
        raise LimitExceeded(f"{path} is over {MAX_FILE >> 20} MiB: it is not a benchmark's file.")
    return list(parquet.read_table(path).to_pylist())


def field(record: dict[str, Any], name: str, path: Path) -> str:
    """A text field of a record; numbers are written as text. `BadInput` if it is not there."""
    value = record.get(name)
    if not isinstance(value, str | int | float):
        raise BadInput(f"{path} has a record without the field {name!r}: it is not the file this benchmark expects.")
    return str(value)
