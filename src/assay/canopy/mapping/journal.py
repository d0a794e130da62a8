"""What is finished, on disk: pieces of a map as files with their digests, so that a killed run goes on where it
stopped.

A file appears under its name only when it is whole, and counts only when the journal names its digest. What is
missing, torn or changed is made again; nothing that depends on the time or the order of work is kept. See
docs/formats/canopy-map.md."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from assay.canopy.mapping.inference import Piece
from assay.canopy.mapping.lattice import Cell
from assay.core.digest import Digest, digest_bytes, digest_file
from assay.core.errors import BadInput, Unavailable
from assay.core.whole import write_whole

_MAX_LINE = 4096
_MAX_PIECE = 4 << 30  # bytes


class Journal:
    """The finished pieces in a folder. One writer at a time; reading may go on beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "journal.jsonl"
        self._known = self._read()

    def _read(self) -> dict[str, Digest]:
        """Names and digests; a last line that was cut short by the end of a process does not count."""
        found: dict[str, Digest] = {}
        if not self._path.exists():
            return found
        with self._path.open("rb") as file:
            while line := file.readline(_MAX_LINE):
                try:
                    entry = json.loads(line)
                    found[str(entry["name"])] = str(entry["sha256"])
                except (ValueError, KeyError, TypeError):
                    continue
        return found

    def has(self, cell: Cell) -> bool:
        """Whether a piece is there and is what was written: its bytes are read."""
        digest, path = self._known.get(cell.name), self._place(cell)
        return digest is not None and path.is_file() and digest_file(path) == digest

    def put(self, piece: Piece) -> None:
        self.put_bytes(piece.cell, pack(piece))

    def put_bytes(self, cell: Cell, data: bytes) -> None:
        try:
            write_whole(self._place(cell), data)
            self._note(cell.name, digest_bytes(data))
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be written: {error.strerror}.") from None

    def get(self, cell: Cell) -> Piece:
        return unpack(cell, self._place(cell).read_bytes())

    def frame(self, cell: Cell) -> tuple[NDArray[np.float32], ...]:
        """Only the sums at a piece's border."""
        with safe_open(self._place(cell), framework="numpy") as file:
            return tuple(file.get_tensor(name) for name in sorted(file.keys()) if name.startswith("frame"))

    def drop(self, cell: Cell) -> None:
        self._place(cell).unlink(missing_ok=True)

    def _place(self, cell: Cell) -> Path:
        return self.folder / f"{cell.name}.piece"

    def _note(self, name: str, digest: Digest) -> None:
        line = json.dumps({"name": name, "sha256": digest}).encode() + b"\n"
        # A line that a killed process left unfinished is ended first, so that it does not swallow this one.
        with self._path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                line = (b"" if file.read(1) == b"\n" else b"\n") + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._known[name] = digest


def pack(piece: Piece) -> bytes:
    """A piece as safetensors: the same piece gives the same bytes."""
    arrays: dict[str, Any] = {
        "body": piece.body,
        "valid": np.packbits(piece.valid, axis=None),
        "shape": np.array(piece.valid.shape, np.int64),
        "windows": np.array([piece.windows], np.int64),
    }
    arrays |= {f"frame{number}": np.ascontiguousarray(part) for number, part in enumerate(piece.frame)}
    return bytes(save_tensors(arrays))


def unpack(cell: Cell, data: bytes) -> Piece:
    if len(data) > _MAX_PIECE:
        raise BadInput(f"The piece {cell.name} is larger than any that is written.")
    try:
        arrays = load_tensors(data)
        height, width = (int(n) for n in arrays["shape"])
        valid = np.unpackbits(arrays["valid"], count=height * width).astype(bool).reshape(height, width)
        frame = [arrays[f"frame{n}"] for n in range(sum(name.startswith("frame") for name in arrays))]
        return Piece(cell, arrays["body"], tuple(frame), valid, int(arrays["windows"][0]))
    except (SafetensorError, KeyError, ValueError) as error:
        raise BadInput(f"The piece {cell.name} is not one: {error}.") from None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else maps into `folder` meanwhile; the lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(
                f"Another process is mapping into {folder.parent}: wait for it, or choose another folder."
            ) from None
        yield
