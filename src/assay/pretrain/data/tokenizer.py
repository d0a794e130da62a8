"""Tokenizers: bytes, a BPE trained on the run's own text, or one from the hub at a pinned commit.

What a tokenizer is stands in the store as one JSON file. Text from documents never becomes a special token: only the
recipe's own chat template and end-of-document mark do.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from assay.core.data import data_folders
from assay.core.digest import canonical_json
from assay.core.errors import BadInput, Unavailable

END = "<|end|>"
SPECIAL = (END, "<|system|>", "<|user|>", "<|assistant|>")  # of the two kinds that we make
MAX_TOKENIZER = 64 << 20  # bytes: the largest in use have about 35 million

Tokens = np.ndarray[Any, np.dtype[np.uint32]]


class Tokenizer(Protocol):
    """Text to tokens and back."""

    @property
    def vocabulary(self) -> int:
        """One more than the highest token."""
        ...

    def encode(self, text: str) -> Tokens:
        """Tokens of a document's words: none of them special, whatever the words are."""
        ...

    def encode_template(self, text: str) -> Tokens:
        """Tokens of words that the recipe says: the names of special tokens become special tokens."""
        ...

    def special(self, name: str) -> int:
        """The special token with this name; `BadInput` if there is none."""
        ...

    def decode(self, tokens: Sequence[int]) -> str: ...

    def to_bytes(self) -> bytes: ...


class Bytes:
    """Token = byte of UTF-8; the special tokens follow."""

    vocabulary = 256 + len(SPECIAL)

    def encode(self, text: str) -> Tokens:
        return np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.uint32)

    def encode_template(self, text: str) -> Tokens:
        found: list[int] = []
        while text:
            name = next((name for name in SPECIAL if text.startswith(name)), None)
            found.extend([self.special(name)] if name else text[0].encode())
            text = text[len(name) if name else 1 :]
        return np.array(found, np.uint32)

    def special(self, name: str) -> int:
        if name not in SPECIAL:
            raise BadInput(f"The tokenizer of bytes has no token {name!r}: it has {', '.join(SPECIAL)}.")
        return 256 + SPECIAL.index(name)

    def decode(self, tokens: Sequence[int]) -> str:
        parts = [bytes([token]) if token < 256 else SPECIAL[token - 256].encode() for token in tokens]
        return b"".join(parts).decode("utf-8", "replace")

    def to_bytes(self) -> bytes:
        return canonical_json({"schema": "assay.tokenizer/1", "kind": "bytes", "special": list(SPECIAL)})


class Subwords:
    """A tokenizer of the `tokenizers` library."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.vocabulary: int = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    @classmethod
    def parse(cls, data: bytes, origin: str) -> "Subwords":
        from tokenizers import Tokenizer as Library

        try:
            return cls(Library.from_str(data.decode("utf-8")))
        except Exception as error:  # the library raises bare exceptions of its own
            raise BadInput(f"{origin} is not a tokenizer: {str(error)[:200]}.") from None

    def encode(self, text: str) -> Tokens:
        return self._encoded(text, ordinary=True)

    def encode_template(self, text: str) -> Tokens:
        return self._encoded(text, ordinary=False)

    def special(self, name: str) -> int:
        found: int | None = self._tokenizer.token_to_id(name)
        if found is None:
            raise BadInput(f"The tokenizer has no token {name[:60]!r}: name one that it has in the recipe.")
        return found

    def decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(tokens), skip_special_tokens=False)
        return text

    def to_bytes(self) -> bytes:
        self._tokenizer.encode_special_tokens = False
        text: str = self._tokenizer.to_str()
        return text.encode()

    def _encoded(self, text: str, *, ordinary: bool) -> Tokens:
        self._tokenizer.encode_special_tokens = ordinary
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, np.uint32)


def make_tokenizer(name: str, texts: Iterable[str]) -> Tokenizer:
    """The tokenizer that a recipe names: `bytes`, `bpe:N` trained on `texts`, or `owner/name@commit`."""
    if name == "bytes":
        return Bytes()
    if name.startswith("bpe:"):
        return train_bpe(int(name.removeprefix("bpe:")), texts)
    return _from_hub(name)


def read_tokenizer(data: bytes, origin: str) -> Tokenizer:
    """What `to_bytes` wrote."""
    made = Bytes()
    return made if data == made.to_bytes() else Subwords.parse(data, origin)


def train_bpe(size: int, texts: Iterable[str]) -> Subwords:
    """A byte-level BPE with at most `size` tokens: the same file from the same texts, on every machine."""
    from tokenizers import Tokenizer as Library
    from tokenizers import decoders, models, pre_tokenizers, trainers

    least = 256 + len(SPECIAL)
    if size < least:
        raise BadInput(f"bpe:{size} is too small: {len(SPECIAL)} special tokens and 256 bytes need {least}.")
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    library.train_from_iterator(texts, trainer)
    return Subwords(library)


def _from_hub(name: str) -> Subwords:
    """A hub tokenizer: from a data folder that has it, otherwise from the hub at the pinned commit. Never code."""
    repository, _, commit = name.partition("@")
    path = _local(repository, commit)
    if path is None:
        path = _downloaded(repository, commit)
    size = path.stat().st_size
    if size > MAX_TOKENIZER:
        raise BadInput(f"{path} has {size} bytes; a tokenizer has at most {MAX_TOKENIZER}.")
    return Subwords.parse(path.read_bytes(), str(path))


def _local(repository: str, commit: str) -> Path | None:
    """A folder `owner/name` or `name` below a data folder. A file `REVISION` in it, if there is one, must agree."""
    for root in data_folders():
        for folder in (root / repository, root / repository.partition("/")[2]):
            if not (folder / "tokenizer.json").is_file():
                continue
            note = folder / "REVISION"
            if note.is_file() and (found := note.read_text()[:64].strip()) != commit:
                raise BadInput(f"{folder} is at commit {found}, and the recipe pins {commit}: fetch that one.")
            return folder / "tokenizer.json"
    return None


def _downloaded(repository: str, commit: str) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ModuleNotFoundError as error:
        raise Unavailable(f"This needs {error.name}: install it with `pip install 'assay[pretrain]'`.") from None
    try:
        return Path(hf_hub_download(repository, "tokenizer.json", revision=commit))
    except Exception as error:  # network, licence gate, no such file: the hub's own sentence says which
        reason = str(error).strip().split("\n")[0][:300]
        raise Unavailable(
            f"The tokenizer {repository} at {commit[:12]} could not be fetched ({reason}): accept its licence and log "
            "in with `hf auth login`, or put its tokenizer.json below a data folder."
        ) from None
