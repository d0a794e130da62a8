"""Opens checkpoints side by side: the same tensor under any of its usual names, in slabs of rows, as float32.

Wrappers put prefixes before names, tied embeddings leave the head out, and vocabularies are padded or extended. What
two checkpoints have in common is compared; what only one has is reported. At most one slab of each is in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assay.core.errors import BadInput
from assay.posttrain import checkpoint
from assay.posttrain.checkpoint import TensorInfo

Floats = npt.NDArray[np.float32]

SLAB = 1 << 20  # values of one checkpoint in memory at a time: 4 MiB as float32
# Where names of one tensor differ between libraries that save the same model.
_PREFIXES = ("_orig_mod.", "module.", "base_model.", "language_model.", "text_model.", "model.", "transformer.")
HEAD, EMBEDDING = "lm_head.weight", "embed_tokens.weight"


@dataclass(frozen=True)
class Weights:
    """A checkpoint folder: its tensors by their shortest name."""

    folder: Path
    tensors: dict[str, TensorInfo]

    @classmethod
    def open(cls, folder: Path) -> "Weights":
        """Reads headers only. `Refused` if the folder holds no proper safetensors checkpoint."""
        if not (folder / checkpoint.INDEX).is_file() and not (folder / checkpoint.SINGLE).is_file():
            raise BadInput(f"{folder} holds neither {checkpoint.SINGLE} nor {checkpoint.INDEX}: give a model's folder.")
        infos = checkpoint.tensors(folder, checkpoint.READABLE)
        short = {_short(name): info for name, info in infos.items()}
        if len(short) != len(infos):  # two towers of one model, say: then the full names tell them apart
            short = infos
        if HEAD not in short and EMBEDDING in short:
            short[HEAD] = short[EMBEDDING]  # tied: the head is the embedding
        return cls(folder, short)

    def largest_file(self) -> int:
        return max((self.folder / file).stat().st_size for file in {info.file for info in self.tensors.values()})


@dataclass(frozen=True)
class Slab:
    """The same rows of one tensor in all checkpoints; `rows[i]` is of checkpoint i, (rows, columns)."""

    start: int
    rows: tuple[Floats, ...]


@dataclass(frozen=True)
class Shared:
    """A tensor that all checkpoints have, with the rows that they have in common."""

    name: str
    rows: int
    columns: int
    matrix: bool
    whole: bool  # all have the same number of rows

    @property
    def count(self) -> int:
        return self.rows * self.columns

    @property
    def slab_rows(self) -> int:
        """Rows of one slab; a row wider than a slab is read alone."""
        return max(1, SLAB // self.columns)


def shared(checkpoints: tuple[Weights, ...]) -> tuple[list[Shared], list[str]]:
    """The tensors that can be compared, and the names of the first checkpoint that cannot."""
    first, *others = checkpoints
    found, strange = [], []
    for name, info in sorted(first.tensors.items()):  # however they are spread over files
        if name == HEAD and all(_tied(weights) for weights in checkpoints):
            continue  # it is the embedding, which is compared under its own name
        matched = [weights.tensors.get(name) for weights in others]
        shapes = [_as_matrix(i) for i in (info, *matched) if i is not None]
        if None in matched or len({columns for _, columns in shapes}) > 1 or not info.count:
            strange.append(name)
            continue
        heights = {rows for rows, _ in shapes}
        if len(heights) > 1 and not name.endswith((HEAD, EMBEDDING)):
            strange.append(name)  # only vocabularies grow or are padded
            continue
        found.append(Shared(name, min(heights), shapes[0][1], len(info.shape) > 1, len(heights) == 1))
    return found, strange


def slabs(checkpoints: tuple[Weights, ...], tensor: Shared) -> Iterator[Slab]:
    """The tensor's rows from top to bottom."""
    for start in range(0, tensor.rows, tensor.slab_rows):
        stop = min(start + tensor.slab_rows, tensor.rows)
        span = (start * tensor.columns, stop * tensor.columns)
        yield Slab(start, tuple(_read(w, w.tensors[tensor.name], span).reshape(stop - start, -1) for w in checkpoints))


def rounds(dtype: str) -> bool:
    """Whether files of this type lose much of a small merge."""
    return dtype in ("BF16", "F16")


def rounded(values: Floats, dtype: str) -> Floats:
    """`values` as a file of `dtype` would give them back, to nearest, ties to even. Other types: unchanged."""
    if dtype == "F16":
        return values.astype(np.float16).astype(np.float32)
    if dtype != "BF16":
        return values
    bits = values.view(np.uint32)
    kept: Floats = ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
    return kept


def _read(weights: Weights, info: TensorInfo, span: tuple[int, int]) -> Floats:
    values = np.empty(span[1] - span[0], dtype=np.float32)
    at = 0
    for piece in checkpoint.pieces(weights.folder, info, *span):
        values[at : at + piece.size] = piece
        at += piece.size
    return values


def _as_matrix(info: TensorInfo) -> tuple[int, int]:
    """Rows and columns: a vector is one row, and the experts of a mixture lie below one another."""
    if not info.count or not info.shape:
        return 1, info.count
    return info.count // info.shape[-1], info.shape[-1]


def _short(name: str) -> str:
    for prefix in _PREFIXES * 2:
        name = name.removeprefix(prefix)
    return name


def _tied(weights: Weights) -> bool:
    embedding = weights.tensors.get(EMBEDDING)
    return embedding is not None and weights.tensors.get(HEAD) == embedding
