"""Text that may hide in numbers: token ids, bytes or code points in arrays, weights, pickles and raw binary files.

Nothing is unpickled or run. `read_hidden_text` gives what a file of numbers says when it is read as text, and raises
`Opaque` where nobody can tell. Weights and optimizer states hold fractions and say nothing.
"""

import io
import json
import math
import pickletools
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

DecodeTokens = Callable[[list[int]], str]
Array = npt.NDArray[Any]

BLOCK = 64  # values judged together: about the tokens of one item
CHUNK = 1 << 22  # bytes read at a time
MAX_HEADER = 16 << 20  # bytes
MAX_PICKLE = 64 << 20  # bytes of opcodes; arrays lie outside of them
MAX_TOKENS = 50_000_000  # decoded of one file: about 200 MB of text, minutes of work
SMALL = 32 << 10  # bytes: the state of a few random generators
MOSTLY = 0.9  # of a block
_DTYPES = {  # of safetensors; 8-bit floats are looked at as bytes
    name: kind
    for names, kind in (
        (("F64",), "<f8"),
        (("F32",), "<f4"),
        (("F16",), "<f2"),
        (("BF16",), "bf16"),
        (("I64",), "<i8"),
        (("I32",), "<i4"),
        (("I16",), "<i2"),
        (("U64",), "<u8"),
        (("U32",), "<u4"),
        (("U16",), "<u2"),
        (("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), "<u1"),
    )
    for name in names
}
_STORAGES = {  # of torch
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "BFloat16Storage": "bf16",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "<u1",
    "UntypedStorage": "<u1",
}
_PRINTABLE = np.zeros(256, dtype=bool)
_PRINTABLE[[9, 10, 13, *range(32, 127)]] = True
_WHOLE = frozenset({"INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4"})  # opcodes; others count places
_STRETCH = re.compile(rb"[\t\n\r -~]{24,}")


class Opaque(Exception):
    """What a file holds cannot be told. The message is the reason."""


def can_read(path: Path) -> bool:
    """Whether `path` is a file of numbers, a picture or a repository's object: read here, not as text."""
    with path.open("rb") as file:
        head = file.read(16)
    return _reader(path, head) is not None


def read_hidden_text(path: Path, decode: DecodeTokens | None) -> Iterator[str]:
    """What the numbers in `path` say as text, in pieces; nothing if they are fractions. Raises `Opaque`."""
    with path.open("rb") as file:
        reader = _reader(path, file.read(16))
        if reader is None:
            raise Opaque("it is no file of numbers")
        file.seek(0)
        try:
            yield from reader(file, _Meaning(decode))
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, RecursionError, OverflowError) as error:
            raise Opaque(f"it cannot be read: {str(error)[:200] or type(error).__name__}") from None


class _Meaning:
    """Numbers read as text. Counts what it decodes, so that no file makes it work without end."""

    def __init__(self, decode: DecodeTokens | None) -> None:
        self._decode = decode
        self._left = MAX_TOKENS

    def of(self, values: Array, dtype: str) -> Iterator[str]:
        """What one chunk of an array says."""
        raw = values.view(np.uint8)
        yield from _ascii(raw)
        if dtype == "bf16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        if values.dtype.kind == "f":
            yield from self._fractions(values)
        elif values.dtype.itemsize > 1:
            yield from self._whole(values)

    def _fractions(self, values: Array) -> Iterator[str]:
        """Floats that are all whole numbers, block by block, may be token ids."""
        whole = _blocks(values)
        with np.errstate(invalid="ignore"):
            small = (whole > 1) & (whole < 1 << 20)
            telling = (whole == np.floor(whole)) & small
            share = telling.sum(axis=1) / np.maximum(1, (whole != 0).sum(axis=1))
        for block in _runs(share >= MOSTLY):
            # Where they begin and end, a block has both: one more on either side, whole numbers only.
            around = slice(max(0, block.start - 1), block.stop + 1)
            yield from self._tokens(whole[around][telling[around]].astype(np.int64))

    def _whole(self, values: Array) -> Iterator[str]:
        numbers = values.astype(np.int64) if values.dtype != np.uint64 else values.view(np.int64)
        numbers = numbers[numbers >= 0]
        if numbers.size < 16 or numbers.max() <= 1:
            return  # a mask, a shape, a counter
        yield from self._tokens(numbers)

    def _tokens(self, numbers: npt.NDArray[np.int64]) -> Iterator[str]:
        if self._decode is None:
            raise Opaque("it holds whole numbers that may be tokens, and there is no tokenizer to read them")
        self._left -= numbers.size
        if self._left < 0:
            raise Opaque(f"it holds more than {MAX_TOKENS} whole numbers")
        for start in range(0, numbers.size, 65536 - 1024):
            piece = numbers[start : start + 65536]
            yield self._decode(piece[piece < 1 << 31].tolist())
            if (piece[:4096] >= 32).mean() > MOSTLY and (piece < 0x3000).mean() > MOSTLY:
                yield "".join(map(chr, piece[piece < 0x3000].tolist()))  # code points

    def of_stream(self, file: IO[bytes], size: int, dtype: str) -> Iterator[str]:
        """`size` bytes of one array, a few MiB at a time."""
        plain = np.dtype("<u2" if dtype == "bf16" else dtype)
        left = size - size % plain.itemsize
        while left:
            data = file.read(min(left, CHUNK))
            data += b"" if len(data) == min(left, CHUNK) else file.read(min(left, CHUNK) - len(data))
            if not data or len(data) % plain.itemsize:
                raise Opaque("it is cut short")
            left -= len(data)
            yield from self.of(np.frombuffer(data, dtype=plain), dtype)


def _blocks(values: Array) -> Array:
    """`values` in rows of `BLOCK`, the last one filled up with zeros."""
    padding = -values.size % min(BLOCK, max(16, values.size))
    width = min(BLOCK, max(16, values.size))
    return np.pad(values, (0, padding)).reshape(-1, width)


def _runs(chosen: npt.NDArray[np.bool_]) -> Iterator[slice]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], chosen, [False]))))
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield slice(start, end)


def _ascii(raw: npt.NDArray[np.uint8]) -> Iterator[str]:
    """Stretches of bytes that are nearly all printable: text inside an array."""
    rows = _blocks(raw)
    for block in _runs(_PRINTABLE[rows].mean(axis=1) >= MOSTLY):
        yield rows[block].tobytes().decode("ascii", "replace")


# Formats -----------------------------------------------------------------------------------------------------------

_Reader = Callable[[IO[bytes], _Meaning], Iterator[str]]


def _reader(path: Path, head: bytes) -> _Reader | None:
    suffix = path.suffix.lower()
    if head.startswith(b"\x93NUMPY"):
        return _npy
    if head.startswith(b"PK\x03\x04"):
        return _archive if suffix in (".npz", ".pt", ".pth", ".bin", ".ckpt") or _has_pickle(path) else None
    if suffix == ".safetensors":
        return _safetensors
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png
    if ".git" in path.parts and (head[:1] == b"\x78" or head.startswith(b"DIRC")):
        return _git
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _pickle
    if path.name.startswith("events.out.tfevents"):
        return _records
    if suffix in (".bin", ".dat", ".tokens", ".ids", ".idx", ".u16", ".u32", ".raw") and b"\0" in path_sample(path):
        return _raw
    return None


def path_sample(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8192)


def _has_pickle(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist()[:10_000])
    except (zipfile.BadZipFile, OSError):
        return False


def _npy(file: IO[bytes], meaning: _Meaning) -> Iterator[str]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file, max_header_size=MAX_HEADER)
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind in "SU":
        data = file.read(min(size, MAX_PICKLE))
        yield data.decode("utf-32-le" if dtype.kind == "U" else "utf-8", "replace").replace("\0", " ")
    elif dtype.kind in "iufb":
        yield from meaning.of_stream(file, size, dtype.str if dtype.kind != "b" else "<u1")
    else:
        raise Opaque("it is an array of objects, which only running it would open")


def _archive(file: IO[bytes], meaning: _Meaning) -> Iterator[str]:
    """A file of NumPy arrays, or one that torch saved: a pickle that names storages."""
    with zipfile.ZipFile(file) as archive:
        pickles = [n for n in archive.namelist() if n.endswith("data.pkl")]
        kinds: dict[str, str] = {}
        for name in pickles:
            with archive.open(name) as member:
                data = member.read(MAX_PICKLE + 1)
            yield from _opcodes(data, meaning)
            kinds |= {name.removesuffix("data.pkl") + f"data/{key}": kind for key, kind in _storages(data)}
        for info in archive.infolist():
            if info.is_dir() or info.filename in pickles:
                continue
            with archive.open(info) as member:
                if info.filename in kinds:
                    yield from meaning.of_stream(member, info.file_size, kinds[info.filename])
                elif info.filename.endswith(".npy"):
                    yield from _npy(member, meaning)
                elif info.file_size > SMALL or not pickles:
                    raise Opaque(f"its part {info.filename[:80]!r} is of no known kind")
                else:
                    yield member.read().decode("utf-8", "replace")


def _storages(data: bytes) -> Iterator[tuple[str, str]]:
    """Number and type of each storage that a torch pickle names."""
    recent: list[str] = []
    memo: dict[int, str] = {}
    last = ""
    for code, argument, _ in pickletools.genops(data):
        if code.name in ("GLOBAL", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"):
            last = str(argument)
            recent = [*recent[-7:], last]
        elif code.name in ("BINPUT", "LONG_BINPUT") and last:
            memo[int(argument or 0)] = last
        elif code.name == "MEMOIZE":
            memo[len(memo)] = last
        elif code.name in ("BINGET", "LONG_BINGET"):
            recent = [*recent[-7:], memo.get(int(argument or 0), "")]
        elif code.name == "BINPERSID":
            kind = next((k for text in reversed(recent) for k in _STORAGES if text.endswith(k)), None)
            at = next((n for n in range(len(recent) - 1, -1, -1) if kind and recent[n].endswith(kind)), None)
            if kind is not None and at is not None and at + 1 < len(recent):
                yield recent[at + 1], _STORAGES[kind]
        if code.name not in ("BINUNICODE", "SHORT_BINUNICODE", "GLOBAL", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            last = ""


def _pickle(file: IO[bytes], meaning: _Meaning) -> Iterator[str]:
    yield from _opcodes(file.read(MAX_PICKLE + 1), meaning)
    if file.read(1):
        raise Opaque("it goes on after its pickle")


def _opcodes(data: bytes, meaning: _Meaning) -> Iterator[str]:
    """Everything that a pickle writes down: text, bytes and whole numbers are its opcodes' arguments."""
    if len(data) > MAX_PICKLE:
        raise Opaque(f"it is a pickle of more than {MAX_PICKLE} bytes")
    words: list[str] = []
    numbers: list[int] = []
    end = 0
    for code, argument, position in pickletools.genops(data):
        end = position or 0
        if isinstance(argument, str):
            words.append(argument)
        elif isinstance(argument, bytes | bytearray):
            yield from _bytes(bytes(argument))
        elif isinstance(argument, int) and code.name in _WHOLE:
            numbers.append(argument)
    yield "\n".join(words)
    if len(numbers) >= BLOCK:
        fitting = [n for n in numbers if 0 <= n < 1 << 31]
        yield from meaning.of(np.array(fitting, dtype=np.int64), "<i8")
    if len(data) - end - 1 > 0 and data[end + 1 :].strip(b"\0"):
        raise Opaque("it goes on after its pickle")


def _bytes(data: bytes) -> Iterator[str]:
    stretches = _STRETCH.findall(data)
    yield b"\n".join(stretches).decode("ascii")
    if len(data) > SMALL and sum(map(len, stretches)) < MOSTLY * len(data):
        raise Opaque("it holds bytes that are no text")


def _safetensors(file: IO[bytes], meaning: _Meaning) -> Iterator[str]:
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER:
        raise Opaque("its header is too large")
    text = file.read(length).decode()
    yield text  # names and notes are text too
    header = json.loads(text)
    infos = [v for k, v in header.items() if k != "__metadata__"]
    for info in sorted(infos, key=lambda i: i["data_offsets"][0]):
        start, end = info["data_offsets"]
        file.seek(8 + length + start)
        yield from meaning.of_stream(file, end - start, _DTYPES[info["dtype"]])
    if file.read(1):
        raise Opaque("it goes on after its last tensor")


def _png(file: IO[bytes], meaning: _Meaning) -> Iterator[str]:
    """A picture is let pass if it is one from end to end; its notes are text."""
    file.seek(8)
    kind = b""
    while kind != b"IEND":
        size = int.from_bytes(file.read(4), "big")
        kind, data = file.read(4), file.read(size)
        if len(data) != size or len(file.read(4)) != 4:
            raise Opaque("it is cut short")
        if kind in (b"tEXt", b"iTXt"):
            yield data.decode("utf-8", "replace")
        elif kind not in (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"pHYs", b"gAMA", b"sRGB", b"cHRM", b"tIME"):
            raise Opaque(f"it has a part {kind!r} that pictures need not have")
    if file.read(1):
        raise Opaque("it goes on after the picture")


def _git(file: IO[bytes], meaning: _Meaning) -> Iterator[str]:
    """A loose object of a repository: compressed text. Its index holds names only."""
    data = file.read(MAX_PICKLE)
    if data.startswith(b"DIRC"):
        yield from _bytes(data[: 2 * SMALL])
        return
    content = zlib.decompressobj().decompress(data, MAX_PICKLE)
    kind, _, body = content.partition(b"\0")
    if kind.startswith(b"tree "):
        return  # names and digests
    text = body.decode("utf-8", "replace")
    if text.count("\ufffd") > 0.01 * len(text):
        raise Opaque("it is a binary file in a repository")
    yield text


def _records(file: IO[bytes], _: _Meaning) -> Iterator[str]:
    """TensorBoard's log: length, checksum, content, checksum; the content's readable stretches."""
    while head := file.read(12):
        size = int.from_bytes(head[:8], "little")
        if len(head) < 12 or size > CHUNK:
            raise Opaque("it is no event file")
        data = file.read(size)
        file.read(4)
        yield from _bytes(data)


def _raw(file: IO[bytes], meaning: _Meaning) -> Iterator[str]:
    """A flat file of token ids, as training programs write them: the widest type whose values all fit a vocabulary."""
    data = file.read(4 * MAX_TOKENS + 1)
    if len(data) > 4 * MAX_TOKENS:
        raise Opaque(f"it holds more than {MAX_TOKENS} numbers")
    for dtype in ("<i8", "<u4", "<u2"):
        width = np.dtype(dtype).itemsize
        if len(data) % width or len(data) < 16 * width:
            continue
        values = np.frombuffer(data, dtype=dtype)
        fits = (values >= 0) & (values < 1 << 18)
        if fits.all() and (width > 2 or _like_tokens(values)):
            yield from meaning.of_stream(io.BytesIO(data), len(data), dtype)
            return
    raise Opaque("it is neither text nor a file of token ids")


def _like_tokens(values: Array) -> bool:
    """16-bit token ids are uneven: a few are common, and random or compressed bytes use the whole range alike."""
    counts = np.bincount(values >> 12, minlength=16)
    return bool(counts.max() > 2.5 * counts.mean())
