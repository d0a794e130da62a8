"""Hidden items from a file, as benchmarks publish them: JSON Lines, a JSON list or Parquet, compressed or not.

Fields are known by their usual names: GSM8K (`question`, `answer`), HumanEval (`task_id`, `prompt`,
`canonical_solution`), the Berkeley data (`id`, `question` as messages) and files of the same shape.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assay.core.errors import BadInput, LimitExceeded, Unavailable
from assay.posttrain.overlap.readers import decompressed
from assay.posttrain.overlap.reference import ReferenceItem

MAX_BYTES = 256 << 20  # of a file of items, decompressed: the largest benchmark is a tenth of that
TEXT_FIELDS = ("question", "prompt", "problem", "instruction", "input", "text")
ANSWER_FIELDS = ("answer", "canonical_solution", "solution", "ground_truth", "target", "output")
ID_FIELDS = ("id", "task_id", "question_id", "uid")


def read_items(path: Path) -> list[ReferenceItem]:
    """The items in `path`. An item without an id is called by its place, counted from 0.

    Raises `BadInput` if the file is missing or a record has no known text field, `LimitExceeded` if it is too large.
    """
    try:
        with path.open("rb") as raw:
            stream, _ = decompressed(path.name, raw)
            content = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        raise BadInput(f"{path} cannot be read ({error}): give a JSON Lines or JSON file of items.") from error
    if len(content) > MAX_BYTES:
        raise LimitExceeded(f"{path} is larger than {MAX_BYTES} bytes: split it.")
    return [_item(path, place, record) for place, record in enumerate(_records(path, content))]


def _records(path: Path, content: bytes) -> Iterator[Any]:
    if content.startswith(b"PAR1"):
        yield from _rows(path, content)
        return
    try:
        text = content.decode("utf-8-sig")
        if text.lstrip().startswith("["):
            yield from json.loads(text)
        else:
            yield from (json.loads(line) for line in io.StringIO(text) if not line.isspace())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not JSON Lines or a JSON list ({error}): convert it.") from error


def _rows(path: Path, content: bytes) -> list[Any]:
    """The rows of a Parquet file."""
    try:
        import pyarrow.parquet

        return list(pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist())
    except ModuleNotFoundError:
        raise Unavailable("Parquet needs pyarrow: install it with `pip install 'assay[posttrain]'`.") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not a proper Parquet file ({error}): give JSON Lines instead.") from error


def _item(path: Path, place: int, record: Any) -> ReferenceItem:
    if isinstance(record, str):
        return ReferenceItem(str(place), record)
    fields = record if isinstance(record, dict) else {}
    text = _first(fields, TEXT_FIELDS)
    if not text:
        raise BadInput(f"Item {place} of {path} has no text: name its field one of {', '.join(TEXT_FIELDS)}.")
    return ReferenceItem(_first(fields, ID_FIELDS) or str(place), text, _first(fields, ANSWER_FIELDS) or None)


def _first(fields: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := _text(fields.get(name)))), "")


def _text(value: Any) -> str:
    """A field's text; of messages what is said, but for the system's, which is often the same for all items."""
    if isinstance(value, dict):
        return _text(value.get("content")) if value.get("role") != "system" else ""
    if isinstance(value, list):
        return "\n".join(filter(None, map(_text, value)))
    return str(value) if isinstance(value, (str, int, float)) else ""
