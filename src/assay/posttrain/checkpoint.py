"""Reads safetensors checkpoints that nobody trusts: headers first, values in pieces, no framework.

Format: 8 bytes little-endian header length, a JSON header, then the tensors' bytes without gaps.
Source: the safetensors format description, version 0.4 and later.
"""

import functools
import json
import math
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from assay.core.errors import LimitExceeded, Refused

MAX_HEADER = 16 << 20  # bytes: 100,000 tensors fit into less than half of it
MAX_JSON = 16 << 20  # bytes of a config or index; the largest tokenizer we know has 11 MiB and its own limit
_PIECE = 4 << 20  # values read at a time

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"

_WIDTH = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1}
TAKEN = frozenset({"F32", "F16", "BF16"})  # what a submission may be made of
READABLE = frozenset(_WIDTH)


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies: `start` is its offset in `file`, in bytes."""

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    start: int

    @property
    def count(self) -> int:
        return math.prod(self.shape)


def parse_json(data: bytes, what: str) -> Any:
    """JSON without duplicate keys or NaN; `Refused` names `what` otherwise."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise ValueError("a key stands twice in one object")
        return found

    def constant(text: str) -> Any:
        raise ValueError(f"{text} is not a JSON number")

    try:
        return json.loads(data.decode(), object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{what} is not proper JSON: {error}.") from None


def read_limited(folder: Path, name: str, limit: int) -> bytes:
    """A small plain file of `folder`, its size checked before it is read."""
    descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise LimitExceeded(f"{name} is larger than the {limit} bytes it may have.")
    return data


def tensors(folder: Path, types: Collection[str] = TAKEN) -> dict[str, TensorInfo]:
    """Every tensor of the checkpoint in `folder`, one file or shards, by name. `types` are the number types allowed."""
    if not (folder / INDEX).exists():
        return {info.name: info for info in header(folder, SINGLE, types)}
    document = parse_json(read_limited(folder, INDEX, MAX_JSON), INDEX)
    weight_map = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(weight_map, dict) or not all(isinstance(v, str) for v in weight_map.values()):
        raise Refused(f"{INDEX} has no weight_map from tensor names to files: save the model again.")
    found: dict[str, TensorInfo] = {}
    for shard in sorted(set(weight_map.values())):
        if "/" in shard or not (folder / shard).is_file():
            raise Refused(f"{INDEX} names the shard {shard[:100]!r}, which is not there: hand in every shard.")
        for info in header(folder, shard, types):
            if weight_map.get(info.name) != shard:
                raise Refused(f"{shard} holds the tensor {info.name[:100]!r}, which {INDEX} does not place there.")
            found[info.name] = info
    absent = sorted(set(weight_map) - set(found))
    if absent:
        raise Refused(f"{INDEX} names the tensor {absent[0][:100]!r}, which no shard holds: save the model again.")
    return found


def header(folder: Path, name: str, types: Collection[str] = TAKEN) -> list[TensorInfo]:
    """The tensors of one safetensors file, in the order of their bytes. `Refused` if it is not a proper one."""
    path = folder / name
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER):
            raise Refused(f"{name} is not a safetensors file: its header does not fit into it.")
        header = parse_json(file.read(length), f"The header of {name}")
    if not isinstance(header, dict):
        raise Refused(f"{name} is not a safetensors file: its header is no object.")
    header.pop("__metadata__", None)
    infos = sorted((_info(name, key, value, 8 + length, types) for key, value in header.items()), key=lambda i: i.start)
    end = 8 + length
    for info in infos:
        if info.start != end:
            raise Refused(f"{name}: the tensor {info.name[:100]!r} overlaps another or leaves a gap: save it again.")
        end += info.count * _WIDTH[info.dtype]
    if end != size:
        raise Refused(f"{name} has {size} bytes where its header describes {end}: the file is cut short or padded.")
    return infos


def _info(file: str, name: str, value: Any, base: int, types: Collection[str]) -> TensorInfo:
    try:
        dtype, shape, (start, stop) = value["dtype"], tuple(value["shape"]), value["data_offsets"]
        whole = all(type(n) is int and 0 <= n < 1 << 62 for n in (*shape, start, stop))
    except (TypeError, KeyError, ValueError):
        whole = False
    if not whole or len(shape) > 8:
        raise Refused(f"{file}: the description of the tensor {name[:100]!r} is malformed.")
    if dtype not in types:
        raise Refused(f"{file}: the tensor {name[:100]!r} has the type {str(dtype)[:20]}; save it as BF16, F16 or F32.")
    if stop - start != math.prod(shape) * _WIDTH[dtype]:
        raise Refused(f"{file}: the tensor {name[:100]!r} has another size than its shape {list(shape)} needs.")
    return TensorInfo(name, file, dtype, shape, base + start)


def pieces(
    folder: Path, info: TensorInfo, start: int = 0, stop: int | None = None
) -> Iterator[npt.NDArray[np.float32]]:
    """The values of one tensor, or those from `start` to `stop`: in order, flat, as float32, a few MiB at a time."""
    with (folder / info.file).open("rb") as file:
        file.seek(info.start + start * _WIDTH[info.dtype])
        left = (info.count if stop is None else stop) - start
        while left:
            count = min(left, _PIECE)
            data = file.read(count * _WIDTH[info.dtype])
            if len(data) != count * _WIDTH[info.dtype]:
                raise Refused(f"{info.file} is cut short.")
            yield _floats(data, info.dtype)
            left -= count


def _floats(data: bytes, dtype: str) -> npt.NDArray[np.float32]:
    if dtype == "F32":
        return np.frombuffer(data, dtype="<f4")
    if dtype == "F64":
        return np.frombuffer(data, dtype="<f8").astype(np.float32)
    if dtype == "F16":
        return np.frombuffer(data, dtype="<f2").astype(np.float32)
    if dtype.startswith("F8"):
        table = _eight_bits(exponent=4, mantissa=3) if dtype == "F8_E4M3" else _eight_bits(exponent=5, mantissa=2)
        return table[np.frombuffer(data, dtype=np.uint8)]
    return (np.frombuffer(data, dtype="<u2").astype(np.uint32) << 16).view(np.float32)  # BF16: float32's upper half


@functools.cache
def _eight_bits(*, exponent: int, mantissa: int) -> npt.NDArray[np.float32]:
    """What each of the 256 bytes stands for: E4M3 has no infinity and one NaN, E5M2 is a short float16.

    Source: FP8 Formats for Deep Learning (Micikevicius and others, 2022), table 1.
    """
    code = np.arange(256)
    sign = np.where(code >> 7, -1.0, 1.0)
    power, fraction = (code >> mantissa) & ((1 << exponent) - 1), (code & ((1 << mantissa) - 1)) / (1 << mantissa)
    bias = (1 << exponent - 1) - 1
    value = np.where(power == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (power - bias))
    if exponent == 4:
        value[(code & 0x7F) == 0x7F] = np.nan
    else:
        top = power == (1 << exponent) - 1
        value[top] = np.where(fraction[top] == 0, np.inf, np.nan)
    return (sign * value).astype(np.float32)
