"""A tree: the manifest that names every file of a folder by path, digest, size and executable bit.

A tree is itself an object in the store, so one digest pins a whole folder. Manifests come from strangers too: the
parser takes exactly the bytes that `Tree.to_bytes` would write and nothing else.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput, LimitExceeded
from assay.core.plain import visible

MAX_MANIFEST = 64 << 20  # bytes: half a million entries with ordinary paths; read into memory when parsed
MAX_OBJECT = 1 << 50  # bytes: one pebibyte, more than any file system here holds; keeps sums within 64 bits

HEAD = b'{"entries":['
TAIL = b'],"schema":"assay.tree/1"}'
_ENTRY = re.compile(
    rb'\{"executable":(true|false),"path":("(?:[^"\\\x00-\x1f]++|\\["\\])++"),'
    rb'"sha256":"(sha256:[0-9a-f]{64})","size":(0|[1-9][0-9]{0,15})\}'
)
# C0 and C1 controls, line separators, and the marks that turn the direction of text: they make a listing lie.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NAME_BYTES = 255  # a longer name cannot be written on the file systems we know


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """How much of a folder is taken. The defaults hold any model a single machine can post-train."""

    files: int = 100_000
    total_bytes: int = 1 << 40
    file_bytes: int = 1 << 40  # apparent size: a sparse file counts in full
    depth: int = 32  # names in a path
    path_bytes: int = 1024  # of the whole path, in UTF-8
    names: int = 1_000_000  # everything that is looked at: folders and irregular files too


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree. `path` is relative, with `/` between names."""

    path: str
    sha256: Digest
    size: int
    executable: bool = False


def shown(path: str) -> str:
    """`path` as it may be printed: what is not UTF-8 or would steer a terminal is written as an escape."""
    return visible(path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"), keep="")


def fault_of_name(name: str) -> str | None:
    """Why `name` cannot be a name in a tree, or `None` if it can."""
    if name in ("", ".", ".."):
        return "its name is empty, . or .."
    if "/" in name or "\\" in name:
        return "its name holds a slash or backslash"
    if _UNPRINTABLE.search(name):
        return "its name holds control characters"
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not valid UTF-8"
    return f"its name is longer than {_NAME_BYTES} bytes" if len(encoded) > _NAME_BYTES else None


@dataclass(frozen=True)
class Tree:
    """The files of a folder, sorted by the bytes of their paths. Empty folders are not part of a tree."""

    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, entries: Iterable[Entry], limits: TreeLimits | None = None) -> "Tree":
        """The tree of `entries` in any order; raises `BadInput` if they cannot all be in one folder."""
        tree = cls(tuple(sorted(entries, key=_sort_key)))
        _check(tree.entries, limits or TreeLimits())
        return tree

    @classmethod
    def parse(cls, data: bytes, limits: TreeLimits | None = None) -> "Tree":
        """Read a manifest strictly; raises `BadInput` for anything that `to_bytes` would not have written."""
        limits = limits or TreeLimits()
        if len(data) > MAX_MANIFEST:
            raise LimitExceeded(f"This tree's manifest has {len(data)} bytes; the limit is {MAX_MANIFEST}.")
        entries = tuple(islice(_parse_entries(data), limits.files + 1))  # one too many is enough to know
        _check(entries, limits)
        tree = cls(entries)
        if tree.to_bytes() != data:
            raise BadInput("This is not a tree: it is not in canonical form.")
        return tree

    def to_bytes(self) -> bytes:
        """The manifest, in the one canonical form."""
        return HEAD + b",".join(_entry_bytes(entry) for entry in self.entries) + TAIL

    @cached_property
    def digest(self) -> Digest:
        return digest_bytes(self.to_bytes())

    @property
    def total_bytes(self) -> int:
        return sum(entry.size for entry in self.entries)

    @cached_property
    def by_path(self) -> dict[str, Entry]:
        return {entry.path: entry for entry in self.entries}


def _entry_bytes(entry: Entry) -> bytes:
    return canonical_json(
        {"path": entry.path, "sha256": entry.sha256, "size": entry.size, "executable": entry.executable}
    )


def _sort_key(entry: Entry) -> bytes:
    return entry.path.encode("utf-8", "surrogateescape")


def _parse_entries(data: bytes) -> Iterator[Entry]:
    if not (data.startswith(HEAD) and data.endswith(TAIL) and len(data) >= len(HEAD) + len(TAIL)):
        raise BadInput('This is not a tree: it is not a canonical JSON document with the schema "assay.tree/1".')
    position, end, index = len(HEAD), len(data) - len(TAIL), 0
    while position < end:
        match = _ENTRY.match(data, position, end)
        if not match:
            raise BadInput(f"This is not a tree: its entry {index} (at byte {position}) is malformed.")
        yield Entry(_parse_path(match[2], index), match[3].decode(), int(match[4]), match[1] == b"true")
        position = match.end() + 1  # past the comma; that it is one shows when the whole is written again
        index += 1


def _parse_path(quoted: bytes, index: int) -> str:
    try:
        return str(json.loads(quoted.decode("utf-8")))
    except ValueError:
        raise BadInput(f"This is not a tree: the path of its entry {index} is not valid UTF-8 text.") from None


def _check(entries: tuple[Entry, ...], limits: TreeLimits) -> None:
    """Raise unless `entries` are sorted, agree with each other and with `limits`."""
    if len(entries) > limits.files:
        raise LimitExceeded(f"This tree names more than {limits.files} files, which is the limit.")
    previous = b""
    total = 0
    files: set[str] = set()
    for entry in entries:
        _check_entry(entry, limits)
        key = _sort_key(entry)
        if key <= previous:
            raise BadInput(f"This is not a tree: the path {shown(entry.path)!r} is there twice or out of order.")
        previous = key
        names = entry.path.split("/")
        # A parent sorts before what is in it, so its file would have been seen already.
        if any("/".join(names[:depth]) in files for depth in range(1, len(names))):
            raise BadInput(f"This is not a tree: a file and a folder have the same path above {shown(entry.path)!r}.")
        files.add(entry.path)
        total += entry.size
    if total > limits.total_bytes:
        raise LimitExceeded(f"This tree holds {total} bytes; the limit is {limits.total_bytes}.")


def _check_entry(entry: Entry, limits: TreeLimits) -> None:
    names = entry.path.split("/")
    for name in names:
        if fault := fault_of_name(name):
            raise BadInput(f"This is not a tree: {shown(entry.path)!r} cannot be a path in it: {fault}.")
    if len(names) > limits.depth or len(entry.path.encode()) > limits.path_bytes:
        raise LimitExceeded(
            f"The path {shown(entry.path)[:80]!r} is too long: "
            f"the limits are {limits.depth} names and {limits.path_bytes} bytes."
        )
    if not 0 <= entry.size <= min(limits.file_bytes, MAX_OBJECT):
        raise LimitExceeded(f"{shown(entry.path)!r} has {entry.size} bytes; the limit is {limits.file_bytes}.")
