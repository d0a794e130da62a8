"""Reads the text of a source, document by document: plain text, JSON lines, Parquet, or what Python itself carries.

Files belong to whoever sets a run up; they are still read line by line and with limits. Text is cut into blocks at
empty lines, so that a part of a long file can be kept for validation.
"""

import ast
import gzip
import io
import json
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, cast

from assay.core.data import data_folders
from assay.core.digest import Digest, digest_bytes, digest_file
from assay.core.errors import BadInput, Unavailable
from assay.pretrain.recipe import Chat, Source

BLOCK = 4_096  # characters after which a block ends at the next empty line
LONGEST_BLOCK = 16_384  # characters after which it ends at any line; a longer line is cut
MAX_LINE = 64 << 20  # bytes of a JSON line
MAX_FILES = 100_000  # in a folder
PYTHON_TEXTS = ("python:topics", "python:docstrings")

_SUFFIXES = (".txt", ".md", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
# Parts of the standard library that are tests, or programs that few installations have.
_NO_DOCSTRINGS = {"test", "tests", "site-packages", "dist-packages", "idlelib", "lib2to3", "turtledemo", "__pycache__"}
_SHORTEST_DOCSTRING = 80  # characters: below that it says little more than the name


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: str
    text: str


@dataclass(frozen=True)
class Document:
    """Text, or a conversation. `ends`: what follows in the source is another document."""

    content: str | tuple[Message, ...]
    ends: bool = True

    def to_bytes(self) -> bytes:
        """What decides on which side of the split it falls."""
        if isinstance(self.content, str):
            return self.content.encode("utf-8", "surrogatepass")
        return json.dumps([[m.role, m.text] for m in self.content], ensure_ascii=True).encode()


@dataclass(frozen=True)
class Input:
    """One file that was read, or one of Python's own texts."""

    name: str
    path: Path | None

    def digest(self) -> Digest:
        if self.path is not None:
            return digest_file(self.path)
        return digest_bytes("\0".join(str(document.content) for document in _python_text(self.name)).encode())


def inputs(name: str, source: Source) -> list[Input]:
    """The files of a source in order, or those of `otherwise` where one is missing. `BadInput` if that fails too."""
    try:
        return [found for file in source.files for found in _find(file)]
    except BadInput as error:
        if not source.otherwise:
            raise BadInput(f"Source {name!r}: {error}") from None
    return [found for file in source.otherwise for found in _find(file)]


def documents(found: Input, source: Source, chat: Chat | None) -> Iterator[Document]:
    """The documents of one file, in order."""
    if found.path is None:
        yield from _python_text(found.name)
    elif found.name.endswith((".txt", ".md")):
        yield from _blocks(found.path)
    else:
        if source.chat and chat is None:
            raise BadInput(f"{found.name} holds conversations: the recipe must say in [data.chat] how to write them.")
        column = chat.field if source.chat and chat is not None else source.field
        rows = _parquet(found.path, column) if found.name.endswith(".parquet") else _json_lines(found.path, column)
        for number, value in enumerate(rows, start=1):
            where = f"{found.name}:{number}"
            if source.chat and chat is not None:
                yield Document(_messages(value, chat, where))
            elif isinstance(value, str):
                yield Document(value)
            else:
                raise BadInput(f"{where}: {column!r} is not text.")


# Finding --------------------------------------------------------------------------------------------------------------


def _find(file: str) -> list[Input]:
    if file.startswith("python:"):
        if file not in PYTHON_TEXTS:
            raise BadInput(f"There is no text {file!r}: Python carries {' and '.join(PYTHON_TEXTS)}.")
        return [Input(file, None)]
    for root in (*data_folders(), Path()):
        place = root / file
        if place.is_file():
            return [_input(place, place.name)]
        if place.is_dir():
            return _folder(place)
    raise BadInput(f"{file!r} is neither in a data folder nor a path: give --data, or mend the recipe.")


def _folder(place: Path) -> list[Input]:
    found: list[Path] = []
    for path in place.rglob("*"):
        if path.is_file() and path.name.endswith(_SUFFIXES):
            found.append(path)
        if len(found) > MAX_FILES:
            raise BadInput(f"{place} holds more than {MAX_FILES} files: give its folders one by one.")
    if not found:
        raise BadInput(f"{place} holds no file that ends with {', '.join(_SUFFIXES)}.")
    names = {path.relative_to(place.parent).as_posix(): path for path in found}
    return [_input(names[name], name) for name in sorted(names)]


def _input(path: Path, name: str) -> Input:
    if not name.endswith(_SUFFIXES):
        raise BadInput(f"{path} is of no known kind: names end with {', '.join(_SUFFIXES)}.")
    return Input(name, path)


# Plain text -----------------------------------------------------------------------------------------------------------


def _blocks(path: Path) -> Iterator[Document]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from cut(iter(lambda: file.readline(LONGEST_BLOCK), ""))
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 at byte {error.start}: convert it.") from None


def cut(lines: Iterable[str]) -> Iterator[Document]:
    """Blocks of one document: whole lines, ending at the first empty line after `BLOCK` characters."""
    block: list[str] = []
    size = 0
    for line in lines:
        if block and (size + len(line) > LONGEST_BLOCK or (size >= BLOCK and not block[-1].strip())):
            yield Document("".join(block), ends=False)
            block, size = [], 0
        block.append(line)
        size += len(line)
    if block:
        yield Document("".join(block))


# Rows -----------------------------------------------------------------------------------------------------------------


def _json_lines(path: Path, column: str) -> Iterator[Any]:
    with _opened(path) as file:
        number = 0
        while line := file.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise BadInput(f"{path}:{number} is longer than {MAX_LINE} bytes: cut it.")
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                raise BadInput(f"{path}:{number} is not JSON.") from None
            if not isinstance(row, dict) or column not in row:
                raise BadInput(f"{path}:{number} has no field {column!r}.")
            yield row[column]


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        if path.name.endswith(".gz"):
            with gzip.open(path, "rb") as packed:
                yield cast(IO[bytes], packed)
        elif path.name.endswith(".zst"):
            import zstandard

            try:
                with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
                    yield io.BufferedReader(stream)
            except zstandard.ZstdError as error:
                raise BadInput(f"{path} cannot be read: {error}.") from None
        else:
            with path.open("rb") as file:
                yield file
    except (OSError, EOFError) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from None
    except ModuleNotFoundError as error:
        raise Unavailable(f"{path} needs {error.name}: install it with `pip install 'assay[pretrain]'`.") from None


def _parquet(path: Path, column: str) -> Iterator[Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise Unavailable(f"{path} needs {error.name}: install it with `pip install 'assay[pretrain]'`.") from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            if column not in file.schema_arrow.names:
                raise BadInput(f"{path} has no column {column!r}: it has {', '.join(file.schema_arrow.names[:10])}.")
            for batch in file.iter_batches(batch_size=1_024, columns=[column]):
                yield from batch.column(0).to_pylist()
    except pyarrow.ArrowException as error:
        raise BadInput(f"{path} is not a Parquet file: {str(error)[:200]}.") from None


def _messages(value: Any, chat: Chat, where: str) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise BadInput(f"{where}: a conversation is a list of messages.")
    found = []
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("content"), str):
            raise BadInput(f"{where}: a message has a role and a content.")
        if item.get("role") not in chat.roles:
            raise BadInput(f"{where}: the recipe's [data.chat] does not know the role {str(item.get('role'))[:40]!r}.")
        found.append(Message(item["role"], item["content"]))
    return tuple(found)


# What Python carries --------------------------------------------------------------------------------------------------


def _python_text(name: str) -> tuple[Document, ...]:
    return _PYTHON[name]()


@cache
def _topics() -> tuple[Document, ...]:
    """The language reference that `help()` shows: nearly half a million characters of English."""
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError:
        raise BadInput("This Python comes without its documentation: name a text file in the recipe.") from None
    return tuple(block for name in sorted(topics) for block in cut(topics[name].splitlines(keepends=True)))


@cache
def _docstrings() -> tuple[Document, ...]:
    """The docstrings of the standard library, one document per module, read without importing anything."""
    root = Path(sysconfig.get_path("stdlib"))
    blocks: list[Document] = []
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).parts):
        if _NO_DOCSTRINGS.intersection(path.relative_to(root).parts[:-1]):
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError):
            continue
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        found = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
        text = "\n\n".join(words for words in found if len(words) >= _SHORTEST_DOCSTRING)
        if text:
            blocks.extend(cut(f"{text}\n".splitlines(keepends=True)))
    return tuple(blocks)


_PYTHON: dict[str, Callable[[], tuple[Document, ...]]] = {"python:topics": _topics, "python:docstrings": _docstrings}
