"""Turns sources of text into shards of tokens in the store, named by one manifest.

A document, or a block of a long one, falls on the side of training or of validation by the hash of its content: the
same text is never on both. Memory stays within a shard per source and side. `docs/formats/shards.md` has the bytes.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.core.digest import Digest, canonical_json
from assay.core.errors import BadInput, Corrupt
from assay.core.store import Store
from assay.pretrain.data.text import Document, documents, inputs
from assay.pretrain.data.tokenizer import Tokenizer, Tokens, make_tokenizer
from assay.pretrain.recipe import Chat, Data, Source

MAX_MANIFEST = 64 << 20  # bytes; a shard takes about 200
SHARD_TOKENS = 4 << 20
PAGE = 64 << 10  # bytes of a shard that are hashed together, so that a part can be read and checked
MAGIC = b"ASSHARD1"
HEADER = struct.Struct("<8sBB6xQ")  # magic, bytes per token, 1 if masked, tokens
MASKED = 1

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Report = Callable[[str], None]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shard(_Part):
    """One object of tokens."""

    digest: Digest
    pages: Digest  # of the list of its pages' SHA-256s, 32 bytes each
    tokens: Annotated[int, Field(gt=0, lt=1 << 40)]


class Origin(_Part):
    """A file that tokens were made from."""

    name: str
    digest: Digest


class Stream(_Part):
    """The tokens of one source."""

    masked: bool  # whether there are tokens that are read and not learnt
    documents: int
    origin: tuple[Origin, ...]
    train: tuple[Shard, ...]
    validation: tuple[Shard, ...]


class TokenizerEntry(_Part):
    name: str  # as the recipe says it
    digest: Digest
    vocabulary: Annotated[int, Field(gt=0, le=1 << 31)]


class Manifest(_Part):
    """All shards of a run's text."""

    schema_: Literal["assay.corpus/1"] = Field(default="assay.corpus/1", alias="schema")
    width: Literal[2, 4]  # bytes per token
    tokenizer: TokenizerEntry
    sources: dict[str, Stream]

    def to_bytes(self) -> bytes:
        return canonical_json(self.model_dump(mode="json", by_alias=True))

    @classmethod
    def parse(cls, data: bytes) -> "Manifest":
        """Read a manifest in its canonical form; `BadInput` if it is anything else."""
        try:
            manifest = cls.model_validate_json(data)
        except (ValidationError, RecursionError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "nested too deeply"
            raise BadInput(f"This is not a manifest of shards: {reason}.") from None
        if manifest.to_bytes() != data:
            raise BadInput("This manifest of shards is not in its canonical form.")
        return manifest


def build_shards(
    data: Data, store: Store, *, report: Report = lambda _: None, shard_tokens: int = SHARD_TOKENS
) -> Digest:
    """Tokenise the recipe's sources into `store`; returns the manifest's digest. The same input, the same digest."""
    if not data.sources:
        raise BadInput("The recipe describes no sources: add [data.sources.NAME] with files.")
    tokenizer = make_tokenizer(data.tokenizer, _training_texts(data, report))
    width: Literal[2, 4] = 2 if tokenizer.vocabulary <= 1 << 16 else 4
    build = _Build(data, tokenizer, width, store, shard_tokens)
    streams = {}
    for name in sorted(data.sources):
        streams[name] = build.stream(name, data.sources[name])
        tokens = sum(shard.tokens for shard in streams[name].train)
        report(f"{name}: {streams[name].documents} documents, {tokens} tokens to train on")
    entry = TokenizerEntry(
        name=data.tokenizer, digest=store.put_bytes(tokenizer.to_bytes()), vocabulary=tokenizer.vocabulary
    )
    return store.put_bytes(Manifest(width=width, tokenizer=entry, sources=streams).to_bytes())


def is_validation(document: Document, share: float) -> bool:
    """On which side of the split this content falls, whatever source and run it is in."""
    sha = hashlib.sha256(b"assay.split/1\0" + document.to_bytes()).digest()
    return int.from_bytes(sha[:8], "big") < int(share * 2**64)


def _training_texts(data: Data, report: Report) -> Iterator[str]:
    """What a tokenizer may learn from: nothing that is kept for validation."""
    report(f"training the tokenizer {data.tokenizer}")
    for name in sorted(data.sources):
        source = data.sources[name]
        for found in inputs(name, source):
            for document in documents(found, source, data.chat):
                if is_validation(document, data.validation_share):
                    continue
                if isinstance(document.content, str):
                    yield document.content
                else:
                    yield from (message.text for message in document.content)


@dataclass(frozen=True)
class _Build:
    data: Data
    tokenizer: Tokenizer
    width: Literal[2, 4]
    store: Store
    shard_tokens: int

    def stream(self, name: str, source: Source) -> Stream:
        """Tokenise one source."""
        train, validation = self._writer(source.chat), self._writer(source.chat)
        end = np.array([self.tokenizer.special(self.data.end)], np.uint32)
        origin, count = [], 0
        last: _Writer | None = None  # where a document stands that has not ended yet
        for found in inputs(name, source):
            origin.append(Origin(name=found.name, digest=found.digest()))
            for document in documents(found, source, self.data.chat):
                side = validation if is_validation(document, self.data.validation_share) else train
                if last is not None and last is not side:
                    last.add(end)
                side.add(*self._encode(document))
                last = side
                count += 1
                if document.ends:
                    side.add(end)
                    last = None
        shards = train.finish()
        if not shards:
            raise BadInput(f"Source {name!r} gives nothing to train on: give more text or a smaller validation share.")
        return Stream(
            masked=source.chat, documents=count, origin=tuple(origin), train=shards, validation=validation.finish()
        )

    def _writer(self, masked: bool) -> "_Writer":
        return _Writer(self.store, self.width, masked, self.shard_tokens)

    def _encode(self, document: Document) -> tuple[Tokens, Mask]:
        if isinstance(document.content, str):
            tokens = self.tokenizer.encode(document.content)
            return tokens, np.ones(len(tokens), np.bool_)
        chat = self.data.chat
        if chat is None:
            raise BadInput("A conversation needs [data.chat] in the recipe.")
        return _conversation(document, chat, self.tokenizer)


def _conversation(document: Document, chat: Chat, tokenizer: Tokenizer) -> tuple[Tokens, Mask]:
    """Tokens of a conversation, and which of them are learnt: the words of `chat.learn`'s roles and what ends them."""
    pieces: list[tuple[Tokens, bool]] = [(tokenizer.encode_template(chat.start), False)]
    for message in document.content:
        if isinstance(message, str):
            raise BadInput("A conversation is a list of messages.")
        before, after = chat.roles[message.role]
        learnt = message.role in chat.learn
        pieces.append((tokenizer.encode_template(before), False))
        pieces.append((tokenizer.encode(message.text), learnt))
        pieces.append((tokenizer.encode_template(after), learnt))
    tokens = np.concatenate([tokens for tokens, _ in pieces])
    mask = np.concatenate([np.full(len(tokens), learnt, np.bool_) for tokens, learnt in pieces])
    return tokens, mask


class _Writer:
    """Collects the tokens of one source and side, and puts a shard whenever one is full."""

    def __init__(self, store: Store, width: Literal[2, 4], masked: bool, shard_tokens: int) -> None:
        self._store, self._width, self._masked, self._limit = store, width, masked, shard_tokens
        self._tokens: list[Tokens] = []
        self._masks: list[Mask] = []
        self._waiting = 0
        self._shards: list[Shard] = []

    def add(self, tokens: Tokens, mask: Mask | None = None) -> None:
        self._tokens.append(tokens)
        if self._masked:
            self._masks.append(np.ones(len(tokens), np.bool_) if mask is None else mask)
        self._waiting += len(tokens)
        while self._waiting >= self._limit:
            self._put(self._limit)

    def finish(self) -> tuple[Shard, ...]:
        if self._waiting:
            self._put(self._waiting)
        return tuple(self._shards)

    def _put(self, count: int) -> None:
        tokens, rest = np.split(np.concatenate(self._tokens), [count])
        self._tokens, self._waiting = [rest], len(rest)
        mask = None
        if self._masked:
            mask, later = np.split(np.concatenate(self._masks), [count])
            self._masks = [later]
        content = shard_bytes(tokens, mask, self._width)
        pages = b"".join(hashlib.sha256(content[at : at + PAGE]).digest() for at in range(0, len(content), PAGE))
        digest = self._store.put_bytes(content)
        self._shards.append(Shard(digest=digest, pages=self._store.put_bytes(pages), tokens=count))


def shard_bytes(tokens: Tokens, mask: Mask | None, width: Literal[2, 4]) -> bytes:
    """A shard: header, tokens, and, where there is a mask, one bit per token, the first in the lowest bit."""
    body = tokens.astype(f"<u{width}").tobytes()
    bits = b"" if mask is None else np.packbits(mask, bitorder="little").tobytes()
    return HEADER.pack(MAGIC, width, 0 if mask is None else MASKED, len(tokens)) + body + bits


def shard_size(shard: Shard, width: int, masked: bool) -> int:
    """Bytes of a shard, header and mask included."""
    return HEADER.size + shard.tokens * width + (-(-shard.tokens // 8) if masked else 0)


def check_header(header: bytes, shard: Shard, width: int, masked: bool) -> None:
    """`Corrupt` unless these first bytes are those of the shard that the manifest describes."""
    if header != HEADER.pack(MAGIC, width, MASKED if masked else 0, shard.tokens):
        raise Corrupt(f"{shard.digest} is not the shard that the manifest describes: build the shards again.")
