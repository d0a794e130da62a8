"""Look for hidden items in files: one record per document that holds one, and a list of what could not be read.

scan = scan_paths([workspace], reference)
for record in scan: ...
scan.unread      # files that were not read: the caller must not call them clean
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from assay.core.errors import BadInput, LimitExceeded
from assay.posttrain.overlap.decode import Decoded, Look, decodings, suspicious
from assay.posttrain.overlap.readers import DecodeTokens, Document, Limits, Reader
from assay.posttrain.overlap.reference import Match, Reference

BATCH_DOCUMENTS = 512  # looked at together: the search is vectorised over a batch
BATCH_CHARACTERS = 1 << 20
SHORT = 100  # characters: an item may be spread over records shorter than this, so neighbours are also read together
TOGETHER = 64  # short records read together, each half with the next


@dataclass(frozen=True)
class Record:
    """A document that holds a hidden item: its best match, and the ids of further items in it.

    `row` counts from 1 (line, record, row, cell), 0 is the whole file. `span` is in characters of the record's text;
    for encoded text it is the place of the encoding.
    """

    file: str
    row: int
    item: str
    score: float
    span: tuple[int, int]
    part: str = "text"
    decoding: str = ""
    excerpt: str = ""
    others: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Unread:
    """A file that was not read as text, wholly or in part: nothing can be said about it.

    `kind` is `error` for what should have been readable, `binary` for what is not text, `link` for links.
    """

    file: str
    reason: str
    kind: str = "error"


class Scan(Iterator[Record | Unread]):
    """A running scan: iterate over what it finds; `unread`, `files` and `documents` are complete at the end."""

    def __init__(
        self, documents: Iterator[Document], reader: Reader, reference: Reference, unread: list[Unread]
    ) -> None:
        self.unread = unread
        self.documents = 0
        self._reader = reader
        self._reference = reference
        self._results = self._run(documents)

    @property
    def files(self) -> int:
        return self._reader.files

    def __next__(self) -> Record | Unread:
        return next(self._results)

    def _run(self, documents: Iterator[Document]) -> Iterator[Record | Unread]:
        """What is found, in the order of the documents, and what is unread, as it comes up."""
        told = 0
        for record in self._search(documents):
            yield from self.unread[told:]
            told = len(self.unread)
            yield record
        yield from self.unread[told:]

    def _search(self, documents: Iterator[Document]) -> Iterator[Record]:
        """One record for each document with matches; the windows of one document are put together."""
        found: dict[tuple[str, int], list[Match]] = {}
        alone: dict[tuple[str, str], int] = {}  # the last row of a file that holds an item by itself
        for batch in _batches(_with_neighbours(documents)):
            self.documents += sum(not document.decoding.startswith("rows") for document in batch)
            last = (batch[-1].file, batch[-1].row)
            for document, match in self._matches(batch):
                place = (document.file, match.item_id)
                if not document.decoding.startswith("rows"):
                    alone[place] = document.row
                elif alone.get(place, -1) >= document.row:
                    continue  # the row that holds it is flagged already: its neighbours do not need it
                found.setdefault((document.file, document.row), []).append(match)
            for key in [key for key in found if key != last]:
                yield _record(key, found.pop(key))
            alone = {place: row for place, row in alone.items() if place[0] == last[0]}
        for key, matches in found.items():
            yield _record(key, matches)

    def _matches(self, batch: Sequence[Document]) -> Iterator[tuple[Document, Match]]:
        texts = [document.text for document in batch]
        for document, matches in zip(batch, self._reference.scan_batch(texts), strict=True):
            for match in matches:
                decoding = "+".join(filter(None, (document.decoding, match.decoding)))
                yield document, replace(match, span=_shift(match.span, document.base), decoding=decoding)
        yield from self._decoded(
            (batch[number], looks) for number, looks in sorted(suspicious(texts).items(), key=itemgetter(0))
        )

    def _decoded(self, documents: Iterable[tuple[Document, set[Look]]]) -> Iterator[tuple[Document, Match]]:
        found = [(document, decoded) for document, looks in documents for decoded in self._layers(document, looks)]
        matched = self._reference.scan_batch([decoded.text for _, decoded in found])
        for (document, decoded), matches in zip(found, matched, strict=True):
            for match in matches:
                names = (document.decoding, decoded.decoding, match.decoding)
                span = _shift(decoded.span, document.base)
                yield document, replace(match, span=span, decoding="+".join(filter(None, names)))

    def _layers(self, document: Document, looks: set[Look]) -> Iterator[Decoded]:
        try:
            yield from decodings(document.text, looks)
        except LimitExceeded as error:
            self.unread.append(Unread(document.file, f"row {document.row}: {error}"))


def scan_paths(
    paths: Iterable[Path | str],
    reference: Reference,
    *,
    limits: Limits | None = None,
    decode_tokens: DecodeTokens | None = None,
) -> Scan:
    """Look for `reference` in files and folders. `decode_tokens` makes text of lists of token ids, if given.

    Raises `BadInput` if a path does not exist. Links are not followed: they are reported as unread.
    """
    given = [Path(path) for path in paths]
    for path in given:
        if not path.exists() and not path.is_symlink():
            raise BadInput(f"{path} does not exist: give files or folders to scan.")
    unread: list[Unread] = []
    reader = Reader(lambda *report: unread.append(Unread(*report)), limits or Limits(), decode_tokens)
    documents = (document for path in given for file in _files(path, unread) for document in reader.read(file))
    return Scan(documents, reader, reference, unread)


def _files(path: Path, unread: list[Unread]) -> Iterator[Path]:
    if path.is_symlink() or not path.is_dir():
        yield path
        return

    def failed(error: OSError) -> None:
        unread.append(Unread(str(error.filename), f"cannot be listed: {error.strerror}"))

    for folder, folders, names in os.walk(path, onerror=failed):
        folders.sort()
        yield from (Path(folder) / name for name in sorted(names))
        yield from (Path(folder) / name for name in folders if (Path(folder) / name).is_symlink())


def _with_neighbours(documents: Iterator[Document]) -> Iterator[Document]:
    """The documents, and after each run of short records their texts read together."""
    short: list[Document] = []
    for document in documents:
        if short and (document.file != short[-1].file or len(document.text) >= SHORT):
            yield from _joined(short)
            short = []
        yield document
        if document.row and len(document.text) < SHORT:
            short.append(document)
            if len(short) == TOGETHER:
                yield from _joined(short)
                short = short[TOGETHER // 2 :]
    yield from _joined(short)


def _joined(short: list[Document]) -> Iterator[Document]:
    if len(short) > 1:
        text = "\n".join(document.text for document in short)
        yield Document(short[0].file, short[0].row, text, decoding=f"rows {short[0].row} to {short[-1].row}")


def _batches(documents: Iterator[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document.text)
        if len(batch) >= BATCH_DOCUMENTS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _shift(span: tuple[int, int], base: int) -> tuple[int, int]:
    return span[0] + base, span[1] + base


def _record(key: tuple[str, int], matches: list[Match]) -> Record:
    """One record for all matches in one document: plain text before decoded, then the higher score."""
    matches.sort(key=lambda match: (-match.score, match.decoding != "", match.item_id))
    best = matches[0]
    others = tuple(dict.fromkeys(match.item_id for match in matches if match.item_id != best.item_id))
    return Record(*key, best.item_id, best.score, best.span, best.part, best.decoding, best.excerpt, others)
