"""Compiled trusted libraries, and that the independent checker accepts them, kept for the next check.

Nothing of a submission gets in: what is kept was compiled in the sandbox from pinned sources, before one was in reach.
The key is a digest of the sources, of the programs of the prover and of its installed library; every file is hashed
again when it is taken out. An entry that is damaged is no entry.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from assay.core.digest import canonical_json, digest_bytes
from assay.core.home import home
from assay.core.sandbox import remove_tree
from assay.prove.cell import take_file

_SCHEMA = "assay.prove-kept/1"
_MOST_ENTRIES = 16
_MAX_INDEX = 1 << 20
_MAX_FILE = 256 << 20
_INDEX, _RECHECKED = "index.json", "rechecked.json"


def key_of(document: Any) -> str:
    """The name of an entry, from all that it depends on."""
    return digest_bytes(canonical_json([_SCHEMA, document])).removeprefix("sha256:")


def place() -> Path:
    """Where entries lie."""
    folder = home() / "prove" / "rocq"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Kept:
    """One entry, whether or not there is anything in it."""

    key: str

    @property
    def folder(self) -> Path:
        return place() / self.key

    def take(self, dest: Path) -> bool:
        """Copy the compiled files to the empty folder `dest`. False, with `dest` empty, if they are not all as kept."""
        index = self._index(_INDEX)
        if index is None:
            return False
        for path, digest in index.items():
            data = take_file(self.folder / "files" / path, _MAX_FILE)
            if data is None or digest_bytes(data) != digest:
                shutil.rmtree(dest)
                dest.mkdir()
                return False
            (dest / path).parent.mkdir(parents=True, exist_ok=True)
            (dest / path).write_bytes(data)
        os.utime(self.folder)
        return True

    def put(self, built: Path) -> None:
        """Keep the compiled files below `built`."""
        files = {str(path.relative_to(built)): path for path in sorted(built.rglob("*.vo"))}
        index = {name: digest_bytes(path.read_bytes()) for name, path in files.items()}
        new = place() / f".{self.key}.{token_hex(4)}"
        for name, path in files.items():
            (new / "files" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, new / "files" / name)
        _write(new / _INDEX, index)
        if self.folder.exists():
            remove_tree(self.folder)
        try:
            new.rename(self.folder)
        except OSError:  # another check kept the same in the meantime
            remove_tree(new)
        _sweep()

    def is_rechecked(self, files: Mapping[str, str]) -> bool:
        """Whether the independent checker has accepted just these files, by name and digest."""
        return self._index(_RECHECKED) == dict(files)

    def mark_rechecked(self, files: Mapping[str, str]) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        new = self.folder / f".{_RECHECKED}.{token_hex(4)}"
        _write(new, dict(files))
        new.replace(self.folder / _RECHECKED)

    def _index(self, name: str) -> dict[str, str] | None:
        data = take_file(self.folder / name, _MAX_INDEX)
        try:
            document = json.loads(data) if data is not None else None
        except ValueError:
            return None
        files = document.get("files") if isinstance(document, dict) and document.get("schema") == _SCHEMA else None
        if not isinstance(files, dict) or not all(isinstance(v, str) and _plain(str(k)) for k, v in files.items()):
            return None
        return {str(k): v for k, v in files.items()}


def _plain(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/")


def _write(path: Path, files: Mapping[str, str]) -> None:
    path.write_text(json.dumps({"schema": _SCHEMA, "files": dict(files)}, sort_keys=True))


def _sweep() -> None:
    """Remove the entries that were used longest ago."""
    entries = sorted((p for p in place().iterdir() if not p.name.startswith(".")), key=lambda p: p.stat().st_mtime)
    for path in entries[:-_MOST_ENTRIES]:
        remove_tree(path)
