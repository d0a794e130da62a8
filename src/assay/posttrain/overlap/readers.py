"""Files as documents: JSON Lines, JSON, CSV, Parquet, Arrow, notebooks, text and code, compressed or in archives.

What a file is, is told from its content first and its name second. Reading streams: memory does not grow with the
file. Nothing is skipped silently: what could not be read as text is handed to `unread` with the reason.
"""

import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

import zstandard

from assay.core.errors import LimitExceeded, Unavailable

WINDOW = 1 << 20  # characters of a long text looked at together
OVERLAP = 1 << 15  # characters that two windows share: more than an item is long
_BINARY_SAMPLE = 8192  # bytes looked at to tell text from binary
_WEIGHTS = (".safetensors", ".gguf", ".pt", ".pth", ".bin", ".npy", ".npz", ".h5", ".onnx", ".msgpack")
_BYTECODE = b"\r\n"  # third and fourth byte of compiled Python
_PRINTABLE = re.compile(rb"[\t\n\r -~\xc2-\xf4\x80-\xbf]{24,}")

_JSON = json.JSONDecoder()

DecodeTokens = Callable[[list[int]], str]
Report = Callable[[str, str, str], None]  # file, reason, kind: "link", "binary" or "error"


@dataclass(frozen=True)
class Limits:
    """What protects the reader. Beyond a limit a file counts as unread, with what was read of it still looked at."""

    file_bytes: int = 64 << 30  # of one file, decompressed: a bomb ends here
    record_characters: int = 16 << 20  # of one JSON record or document that is parsed; larger ones are read as text
    files: int = 1_000_000  # in all, archive members included
    archive_depth: int = 2  # archives in archives


class Document(NamedTuple):
    """One text. `row` counts records or lines from 1, and is 0 where the whole file is the document."""

    file: str
    row: int
    text: str
    base: int = 0  # where in the document `text` starts, if it is a window of a long one
    decoding: str = ""  # how `text` was made readable, if it was not


class Reader:
    """Reads files into documents, within limits."""

    def __init__(self, unread: Report, limits: Limits, decode_tokens: DecodeTokens | None = None) -> None:
        self._unread = unread
        self._limits = limits
        self._decode_tokens = decode_tokens
        self.files = 0

    def read(self, path: Path, name: str | None = None) -> Iterator[Document]:
        """The documents of one file."""
        name = name or str(path)
        if path.is_symlink():
            self._unread(name, "symbolic link: not followed", "link")
            return
        if not path.is_file():
            self._unread(name, "not a regular file", "error")
            return
        try:
            with path.open("rb") as file:
                yield from self._stream(name, cast(IO[bytes], file), 0)
        except OSError as error:
            self._unread(name, f"cannot be read: {error.strerror or error}", "error")

    def _stream(self, name: str, raw: IO[bytes], depth: int) -> Iterator[Document]:
        """The documents of one stream; any failure to read is reported, not raised."""
        self.files += 1
        if self.files > self._limits.files:
            raise LimitExceeded(f"More than {self._limits.files} files: scan fewer at a time or raise Limits.files.")
        try:
            inner, plain_name = decompressed(name, raw)
            yield from self._content(name, plain_name, _Limited(inner, self._limits.file_bytes), depth)
        except Exception as error:  # whatever a hostile file makes its parser raise, the scan goes on and says so
            self._unread(name, f"cannot be read: {_sentence(error)}", "error")

    def _content(self, name: str, plain_name: str, file: "_Limited", depth: int) -> Iterator[Document]:
        head = file.peek(_BINARY_SAMPLE)
        suffix = PurePosixPath(plain_name).suffix.lower()
        if head.startswith((b"PAR1", b"ARROW1")) or (
            suffix in (".arrow", ".feather") and head[:4] == b"\xff\xff\xff\xff"
        ):
            yield from self._columns(name, file, parquet=head.startswith(b"PAR1"))
        elif head.startswith(b"PK\x03\x04"):
            yield from self._zip(name, file, depth)
        elif head[257:262] == b"ustar":
            yield from self._tar(name, file, depth)
        elif (encoding := _text_encoding(head)) is None:
            yield from self._binary(name, suffix, file)
        else:
            text = io.TextIOWrapper(io.BufferedReader(file), encoding=encoding, errors="replace", newline="")
            yield from self._text(name, suffix, text)

    def _text(self, name: str, suffix: str, file: io.TextIOWrapper) -> Iterator[Document]:
        if suffix in (".jsonl", ".ndjson"):
            yield from self._json_lines(name, file, "")
        elif suffix in (".json", ".ipynb"):
            yield from self._json(name, file)
        elif suffix in (".csv", ".tsv"):
            yield from self._csv(name, file, "\t" if suffix == ".tsv" else ",")
        else:
            yield from self._windows(name, file, "")

    def _json_lines(self, name: str, file: io.TextIOWrapper, first: str) -> Iterator[Document]:
        """One document per line; a line that is not JSON is read as it stands."""
        row = 0
        while line := first or file.readline(self._limits.record_characters):
            first = ""
            row += 1
            if line.isspace():
                continue
            try:
                value, end = _JSON.raw_decode(line)
            except (ValueError, RecursionError):
                value, end = line, len(line)
            yield from self._record(name, row, value if line[end:].isspace() or end == len(line) else line)

    def _json(self, name: str, file: io.TextIOWrapper) -> Iterator[Document]:
        """A JSON document: a list gives one document per element, a notebook one per cell, JSON Lines one per line."""
        first = file.readline(self._limits.record_characters)
        try:
            value = json.loads(first)
        except (ValueError, RecursionError):
            rest = file.read(self._limits.record_characters)
            try:
                value = json.loads(first + rest)
            except (ValueError, RecursionError):
                yield from self._windows(name, file, first + rest)
                return
            yield from self._elements(name, value)
            return
        second = file.readline(self._limits.record_characters)
        if second:
            yield from self._record(name, 1, value)
            for document in self._json_lines(name, file, second):
                yield Document(name, document.row + 1, document.text, decoding=document.decoding)
        else:
            yield from self._elements(name, value)

    def _elements(self, name: str, value: Any) -> Iterator[Document]:
        rows = [value]
        if isinstance(value, list):
            rows = value
        elif isinstance(value, dict):
            columns = [column for column in value.values() if isinstance(column, list) and len(column) > 1]
            if isinstance(value.get("cells"), list):
                rows = value["cells"]
            elif columns:
                yield from self._record(name, 0, {k: v for k, v in value.items() if not any(v is c for c in columns)})
                rows = [element for column in columns for element in column]
        for row, element in enumerate(rows, 1):
            yield from self._record(name, row, element)

    def _csv(self, name: str, file: io.TextIOWrapper, delimiter: str) -> Iterator[Document]:
        csv.field_size_limit(self._limits.record_characters)
        for row, fields in enumerate(csv.reader(file, delimiter=delimiter), 1):
            yield Document(name, row, "\n".join(fields))

    def _columns(self, name: str, file: "_Limited", parquet: bool) -> Iterator[Document]:
        try:
            import pyarrow.ipc
            import pyarrow.parquet
        except ImportError as error:
            raise Unavailable("needs pyarrow: install assay[posttrain]") from error
        source: Any = file.whole()
        if parquet:
            batches = pyarrow.parquet.ParquetFile(source).iter_batches(batch_size=1024)
        elif file.peek(6) == b"ARROW1":
            opened = pyarrow.ipc.open_file(source)
            batches = (opened.get_batch(number) for number in range(opened.num_record_batches))
        else:
            batches = iter(pyarrow.ipc.open_stream(source))
        row = 0
        for batch in batches:
            for start in range(0, batch.num_rows, 1024):
                for value in batch.slice(start, 1024).to_pylist():
                    row += 1
                    yield from self._record(name, row, value)

    def _zip(self, name: str, file: "_Limited", depth: int) -> Iterator[Document]:
        if depth >= self._limits.archive_depth:
            self._unread(name, "archives nested too deeply", "error")
            return
        with zipfile.ZipFile(file.whole()) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    with archive.open(member) as content:
                        yield from self._stream(f"{name}!{member.filename}", content, depth + 1)

    def _tar(self, name: str, file: "_Limited", depth: int) -> Iterator[Document]:
        if depth >= self._limits.archive_depth:
            self._unread(name, "archives nested too deeply", "error")
            return
        with tarfile.open(fileobj=io.BufferedReader(file), mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield from self._stream(f"{name}!{member.name}", content, depth + 1)

    def _binary(self, name: str, suffix: str, file: "_Limited") -> Iterator[Document]:
        """Readable stretches of a binary file: a find there counts, but the file as a whole stays unread."""
        weights = suffix in _WEIGHTS
        if file.peek(4)[2:4] != _BYTECODE:  # compiled Python keeps its strings as they are
            reason = f"binary: {suffix[1:]} is not text" if weights else "binary, of an unknown kind"
            self._unread(name, reason, "binary")
        if suffix == ".safetensors":
            size = int.from_bytes(file.read(8), "little")
            yield Document(name, 0, file.read(min(size, self._limits.record_characters)).decode("utf-8", "replace"))
        elif not weights:
            base, text = 0, b""
            while block := file.read(WINDOW):
                text += b"\n".join(_PRINTABLE.findall(block)) + b"\n"
                yield Document(name, 0, text.decode("utf-8", "replace"), base)
                base, text = base + max(0, len(text) - OVERLAP), text[-OVERLAP:]

    def _windows(self, name: str, file: io.TextIOWrapper, text: str) -> Iterator[Document]:
        """A long text as overlapping windows of one document."""
        base = 0
        while True:
            while len(text) < WINDOW and (more := file.read(WINDOW - len(text))):
                text += more
            if len(text) <= WINDOW:
                if text and (base == 0 or len(text) > OVERLAP):
                    yield Document(name, 0, text, base)
                if not (more := file.read(WINDOW // 2)):
                    return
                text += more
                continue
            yield Document(name, 0, text[:WINDOW], base)
            base += WINDOW - OVERLAP
            text = text[WINDOW - OVERLAP :]

    def _record(self, name: str, row: int, value: Any) -> Iterator[Document]:
        """The text of one record: all its strings, and its lists of numbers written out."""
        if isinstance(value, str):
            yield Document(name, row, value)
            return
        if type(value) is dict:
            try:
                text = "\n".join(value.values())  # the usual record: strings by name
            except TypeError:
                pass
            else:
                yield Document(name, row, text)
                return
        tokens: list[list[int]] = []
        yield Document(name, row, "\n".join(_strings(value, tokens)))
        if self._decode_tokens is not None:
            for numbers in tokens:
                yield Document(name, row, _tokens_text(self._decode_tokens, numbers), decoding="tokens")


def _tokens_text(decode: DecodeTokens, numbers: list[int]) -> str:
    try:
        return decode(numbers)
    except (ValueError, IndexError, KeyError, OverflowError, TypeError):  # numbers that are no tokens
        return ""


_LONG_KEY = 24  # characters: a key that long may be text itself
_LONG_LIST = 16  # numbers: shorter lists hold no item


def _strings(value: Any, numbers: list[list[int]]) -> Iterator[str]:
    """All text in a JSON-like value, in order; lists of whole numbers are also collected in `numbers`."""
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, bytes):
            yield part.decode("utf-8", "replace")
        elif isinstance(part, dict):
            for key, inner in reversed(part.items()):
                stack.append(inner)
                if isinstance(key, str) and len(key) >= _LONG_KEY:
                    stack.append(key)
        elif isinstance(part, (list, tuple)):
            if len(part) >= _LONG_LIST and all(type(number) is int for number in part):
                numbers.append(list(part))
                yield str(list(part))
            else:
                stack.extend(reversed(part))
        elif isinstance(part, (int, float)) and not isinstance(part, bool):
            yield str(part)


def _sentence(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class _Limited(io.RawIOBase):
    """A stream that may be looked ahead into, and that ends with an error at the size limit."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        super().__init__()
        self._file, self._left, self._limit, self._ahead = file, limit, limit, b""

    def readable(self) -> bool:
        return True

    def peek(self, size: int) -> bytes:
        while len(self._ahead) < size and (more := self._file.read(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def readinto(self, buffer: Any) -> int:
        data = self._ahead[: len(buffer)] or self._file.read(len(buffer))
        self._ahead = self._ahead[len(data) :] if self._ahead else b""
        self._left -= len(data)
        if self._left < 0:
            raise LimitExceeded(f"larger than {self._limit} bytes (Limits.file_bytes)")
        buffer[: len(data)] = data
        return len(data)

    def whole(self) -> IO[bytes]:
        """A stream that can seek, for formats that need it: the file itself, or its content in memory if compressed."""
        if isinstance(self._file, io.BufferedReader) and isinstance(self._file.raw, io.FileIO):
            self._file.seek(0)
            return self._file
        if self._left > _IN_MEMORY:
            self._left, self._limit = _IN_MEMORY, _IN_MEMORY
        return io.BytesIO(io.BufferedReader(self).read())


_IN_MEMORY = 1 << 30  # bytes of a compressed Parquet, Arrow or zip file: these cannot be read in one pass


def decompressed(name: str, raw: IO[bytes]) -> tuple[IO[bytes], str]:
    """The stream without its compression, and the name without the compression's suffix."""
    buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, raw))
    head = buffered.peek(6)[:6]
    plain = re.sub(r"\.(gz|bz2|xz|zst|zstd)$", "", name, flags=re.IGNORECASE)
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=buffered)), plain
    if head.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(buffered)), plain
    if head.startswith(b"\xfd7zXZ\x00"):
        return cast(IO[bytes], lzma.LZMAFile(buffered)), plain
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True)), plain
    return cast(IO[bytes], buffered), name


def _text_encoding(head: bytes) -> str | None:
    """The encoding of a text that starts with `head`, or none if it is not text."""
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
        (codecs.BOM_UTF8, "utf-8-sig"),
    ):
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if odd > 0.3 * len(head) and not even:
            return "utf-16-le"
        return "utf-16-be" if even > 0.3 * len(head) and not odd else None
    strange = sum(byte < 32 and byte not in (9, 10, 12, 13, 27) for byte in head)
    return "utf-8" if strange <= 0.02 * len(head) else None
