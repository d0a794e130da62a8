"""The text that the laboratory trains on, as bytes: WikiText-2 and tinyshakespeare where a data folder has them.

Without them, the documentation that comes with Python, which every machine has. The last part of each text is kept for
validation.
"""

import ast
import hashlib
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from assay.core.data import data_folders

VALIDATION_SHARE = 0.05
_WANTED = ("wikitext-2/valid.txt", "wikitext-2/test.txt", "tinyshakespeare.txt")
_MAX_TEXT = 64 << 20  # bytes of one file

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Text:
    """What to train on and what to validate on."""

    name: str
    digest: str  # SHA-256 of all of it, the first 16 hex digits
    train: Bytes = field(repr=False)
    held_out: Bytes = field(repr=False)

    def batch(self, seed: int, uid: int, step: int, sequences: int, context: int) -> Tensor:
        """What a peer trains on in a step: `(sequences, context + 1)`, int64. A function of the arguments alone."""
        name = hashlib.sha256(f"lab samples {seed} {uid} {step}".encode()).digest()
        random = np.random.Generator(np.random.PCG64(int.from_bytes(name[:16], "little")))
        starts = random.integers(0, len(self.train) - context, size=sequences)
        return _windows(self.train, starts, context)

    def validation(self, sequences: int, context: int) -> Tensor:
        """Sequences spread evenly over what was kept, `(sequences, context + 1)`; fewer if it is short."""
        count = min(sequences, (len(self.held_out) - 1) // context)
        starts = np.linspace(0, len(self.held_out) - context - 1, count).astype(np.int64)
        return _windows(self.held_out, starts, context)


def _windows(text: Bytes, starts: npt.NDArray[np.int64], context: int) -> Tensor:
    return torch.from_numpy(np.stack([text[start : start + context + 1] for start in starts]).astype(np.int64))


def read_text(folders: Sequence[Path] = ()) -> Text:
    """The text at hand: from `folders` and `$ASSAY_DATA`, else Python's own documentation."""
    found = [path for name in _WANTED if (path := _find([*folders, *data_folders()], name)) is not None]
    if found:
        names = " and ".join(sorted({path.parent.name if "wikitext" in str(path) else path.stem for path in found}))
        return split(names, [path.read_bytes()[:_MAX_TEXT] for path in found])
    return split("documentation of Python", [_documentation()])


def split(name: str, texts: Sequence[bytes]) -> Text:
    """Keep the last part of every text for validation."""
    train, held_out = [], []
    for text in texts:
        cut = len(text) - int(len(text) * VALIDATION_SHARE)
        train.append(np.frombuffer(text[:cut], dtype=np.uint8))
        held_out.append(np.frombuffer(text[cut:], dtype=np.uint8))
    digest = hashlib.sha256(b"".join(texts)).hexdigest()[:16]
    return Text(name, digest, np.concatenate(train), np.concatenate(held_out))


def _find(folders: Sequence[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _documentation() -> bytes:
    """The documentation strings of the standard library's modules, in order of their names."""
    texts = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        try:
            module = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(module):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                texts.append(text)
    return "\n\n".join(texts).encode()
