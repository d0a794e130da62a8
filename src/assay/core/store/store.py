"""The store: files and folders kept by the SHA-256 of their content, in a folder, in a bucket or in memory.

What was put is never changed, identical content is kept once, and whatever is read back is checked against its digest
before it is handed out. Large files stream. Small mutable names, refs, say what is to be kept by `gc`.
"""

import errno
import hashlib
import io
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from assay.core.digest import Digest, parse_digest
from assay.core.errors import BadInput, Corrupt, LimitExceeded, Unavailable
from assay.core.store.shelf import CHUNK, NotInStore, Progress, Shelf, object_key
from assay.core.store.tree import HEAD, MAX_MANIFEST, TAIL, Entry, Tree, TreeLimits, shown
from assay.core.store.untrusted import Omitted, OnIrregular, Walk, open_plain_file
from assay.core.store.upkeep import Freed, Report, sweep, verify_all

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GRACE_SECONDS = 3600.0  # what was put within the last hour may belong to work that has not named it yet

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REF_NAME = re.compile(r"[a-z0-9][a-z0-9._:@+-]*(/[a-z0-9][a-z0-9._:@+-]*)*")
_REF_BYTES = 71  # a ref is a file that holds one digest and nothing else
_REF_LENGTH = 200  # with its folder this fits every file system and back end


@dataclass(frozen=True, slots=True)
class StoredTree:
    """What `put_tree` took and what it left out."""

    digest: Digest
    files: int
    bytes: int
    omitted: tuple[Omitted, ...] = ()


class Store:
    """Content-addressed files, trees and refs. Safe to use from several threads and processes at once."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.url = shelf.url

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    # Writing ------------------------------------------------------------------------------------------------------

    def put_bytes(self, data: bytes) -> Digest:
        """Store `data`. Once this returns, it survives the end of this process and, in a folder, a power cut."""
        with self._shelf.batch() as batch:
            return batch.add_bytes(data)

    def put_file(self, path: Path, *, max_bytes: int | None = None, progress: Progress | None = None) -> Digest:
        """Store the plain file at `path`, streaming. A symbolic link is not followed."""
        descriptor = open_plain_file(Path(path))
        try:
            size = os.fstat(descriptor).st_size
            if max_bytes is not None and size > max_bytes:
                raise LimitExceeded(f"{shown(str(path))} has {size} bytes; the limit is {max_bytes}.")
            with self._shelf.batch() as batch:
                return batch.add_file(descriptor, size, progress)
        finally:
            os.close(descriptor)

    def put_tree(
        self,
        root: Path,
        limits: TreeLimits | None = None,
        *,
        exclude: Collection[str] = (),
        on_irregular: OnIrregular = "refuse",
        progress: Progress | None = None,
    ) -> StoredTree:
        """Store the untrusted folder `root`: see `assay.core.store.untrusted.Walk` for what is taken and what is not.

        The folder is looked through before anything is stored, so what is refused leaves nothing behind.
        """
        limits = limits or TreeLimits()
        for _ in Walk(Path(root), limits, exclude=exclude, on_irregular=on_irregular):
            pass
        walk = Walk(Path(root), limits, exclude=exclude, on_irregular=on_irregular)
        with self._shelf.batch() as batch:
            entries = []
            for file in walk:
                digest = batch.add_file(file.descriptor, file.size, progress)
                entries.append(Entry(file.path, digest, file.size, file.executable))
            tree = Tree.of(entries, limits)
            manifest = tree.to_bytes()
            if len(manifest) > MAX_MANIFEST:
                raise LimitExceeded(f"{shown(str(root))} has too many or too long paths for one tree.")
        # In a batch of its own: the manifest is visible only after all that it names.
        digest = self.put_bytes(manifest)
        return StoredTree(digest, len(entries), tree.total_bytes, tuple(walk.omitted))

    # Reading ------------------------------------------------------------------------------------------------------

    def has(self, digest: Digest) -> bool:
        return self._shelf.size(object_key(parse_digest(digest))) is not None

    def size(self, digest: Digest) -> int:
        """Bytes of an object, without reading it. Raises `NotInStore`."""
        size = self._shelf.size(object_key(parse_digest(digest)))
        if size is None:
            raise self._absent(digest)
        return size

    def chunks(self, digest: Digest, progress: Progress | None = None) -> Iterator[memoryview]:
        """An object's content piece by piece. The last piece is handed out only after the whole was checked."""
        return self._chunks(parse_digest(digest), self.size(digest), progress)

    def get_bytes(self, digest: Digest, max_bytes: int) -> bytes:
        """A whole object in memory. Its size is compared with `max_bytes` before it is read."""
        size = self.size(digest)
        if size > max_bytes:
            raise LimitExceeded(f"{digest} has {size} bytes; at most {max_bytes} are read here.")
        return b"".join(self.chunks(digest))

    def get_range(self, digest: Digest, start: int, length: int) -> bytes:
        """At most `length` bytes of an object from `start`, unchecked: the caller knows what they must hash to."""
        data = self._shelf.read(object_key(parse_digest(digest)), start, length)
        if data is None:
            raise self._absent(digest)
        return bytes(data)

    def open(self, digest: Digest) -> BinaryIO:
        """A file object to read once from start to end. Reading the last byte of damaged content raises `Corrupt`."""
        return io.BufferedReader(_Stream(self.chunks(digest)), CHUNK)

    def get_file(self, digest: Digest, dest: Path, *, progress: Progress | None = None) -> None:
        """Write an object to `dest`, which appears (or is replaced) only when it is whole and checked."""
        chunks = self.chunks(digest, progress)
        with _appearing(Path(dest)) as temporary:
            _write(chunks, temporary, executable=False)

    def tree(self, digest: Digest, limits: TreeLimits | None = None) -> Tree:
        """The tree with this digest. Raises `BadInput` if the object is not one."""
        return Tree.parse(self.get_bytes(digest, MAX_MANIFEST), limits)

    def get_tree(
        self, digest: Digest, dest: Path, limits: TreeLimits | None = None, *, progress: Progress | None = None
    ) -> Tree:
        """Write a tree to the folder `dest`, which must not exist or be empty, and appears only when it is complete."""
        tree = self.tree(digest, limits)
        dest = Path(dest)
        if dest.is_symlink() or (dest.exists() and not (dest.is_dir() and not any(dest.iterdir()))):
            raise BadInput(f"{shown(str(dest))} exists already: give a new or empty folder.")
        with _appearing(dest) as temporary:
            temporary.mkdir(mode=0o755)
            for entry in tree.entries:
                place = temporary / entry.path
                place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                chunks = self._chunks(entry.sha256, entry.size, progress)
                _write(chunks, place, executable=entry.executable)
        return tree

    def is_tree(self, digest: Digest) -> bool:
        """Whether an object begins and ends as a tree does; `tree` then says whether it is one."""
        size = self.size(digest)
        first, last = self.ends(digest, size)
        return size <= MAX_MANIFEST and first.startswith(HEAD) and last.endswith(TAIL)

    def ends(self, digest: Digest, size: int) -> tuple[bytes, bytes]:
        """The first and last 64 bytes of an object of `size` bytes, unchecked: a sieve, nothing to rely on."""
        key, count = object_key(parse_digest(digest)), min(size, 64)
        if count == 0:
            return b"", b""
        first, last = self._shelf.read(key, 0, count), self._shelf.read(key, size - count, count)
        return bytes(first or b""), bytes(last or b"")

    def _chunks(self, digest: Digest, size: int, progress: Progress | None) -> Iterator[memoryview]:
        key, sha, left = object_key(digest), hashlib.sha256(), size
        while left:
            wanted = min(CHUNK, left)
            data = self._shelf.read(key, size - left, wanted)
            if data is None:
                raise self._absent(digest)
            sha.update(data)
            left = left - wanted if len(data) == wanted else 0
            if not left:
                self._check(digest, sha.hexdigest())
            yield data
            if progress:
                progress(len(data))
        self._check(digest, sha.hexdigest())

    def _check(self, digest: Digest, found: str) -> None:
        if digest != f"sha256:{found}":
            raise Corrupt(
                f"{digest} in the store at {self.url} is damaged: what is there has another digest. "
                "Put the original again to mend it; `assay store verify` lists all damage."
            )

    def _absent(self, digest: Digest) -> NotInStore:
        return NotInStore(f"{digest} is not in the store at {self.url}: `assay store ls` lists what is.")

    # Refs ---------------------------------------------------------------------------------------------------------

    def set_ref(self, name: str, digest: Digest) -> None:
        """Point the ref `name` at a stored object, atomically. Names are lower-case words, with `/` between them."""
        key, digest = _ref_key(name), parse_digest(digest)
        with self._shelf.lock():
            self._shelf.freshen(digest)
            self.size(digest)
            self._shelf.write(key, digest.encode())

    def ref(self, name: str) -> Digest | None:
        """What the ref `name` points at, or `None` if there is no such ref."""
        return self._read_ref(_ref_key(name))

    def refs(self) -> dict[str, Digest]:
        """All refs, sorted by name."""
        found = {}
        for key, _, _ in self._shelf.keys("refs/"):
            name = key.removeprefix("refs/").replace("=", "/")
            if not _REF_NAME.fullmatch(name):
                continue
            digest = self._read_ref(key)
            if digest is not None:
                found[name] = digest
        return dict(sorted(found.items()))

    def drop_ref(self, name: str) -> None:
        """Remove the ref `name` if it is there; what it pointed at becomes free for `gc`."""
        self._shelf.remove(_ref_key(name))

    def _read_ref(self, key: str) -> Digest | None:
        data = self._shelf.read(key, 0, _REF_BYTES + 1)
        if data is None:
            return None
        text = bytes(data).decode("ascii", "replace")
        if not _DIGEST.fullmatch(text):
            raise Corrupt(f"The ref at {key} in the store at {self.url} is damaged: set it again.")
        return text

    # Upkeep -------------------------------------------------------------------------------------------------------

    def list(self) -> Iterator[tuple[Digest, int]]:
        """Every object and its size in bytes, in no particular order."""
        for digest, size, _ in self._shelf.stored():
            yield digest, size

    def verify(self, *, progress: Progress | None = None) -> Report:
        """Read every object again and compare it with its digest; also look for trees and refs that lack something."""
        return verify_all(self, progress)

    def gc(
        self, keep: Iterable[Digest] = (), older_than_seconds: float = GRACE_SECONDS, *, dry_run: bool = False
    ) -> Freed:
        """Remove objects that neither a ref nor `keep` leads to, and what interrupted puts left behind.

        Whatever was put within `older_than_seconds`, and what that leads to, stays: it may be about to be named. Do
        not go below the duration of the longest running work while something else writes to this store.
        """
        with self._shelf.lock(exclusive=True):
            return sweep(self, self._shelf, keep, time.time() - older_than_seconds, dry_run)


def _ref_key(name: str) -> str:
    if not _REF_NAME.fullmatch(name) or len(name) > _REF_LENGTH:
        raise BadInput(
            f"{shown(name)[:80]!r} is not a ref name: use up to {_REF_LENGTH} lower-case letters, digits and ._:@+- "
            "in words with / between them."
        )
    # "=" stands for "/": so that a ref may be called a, and another a/b, where keys are files.
    return "refs/" + name.replace("/", "=")


class _Stream(io.RawIOBase):
    """Chunks as a raw file, for `io.BufferedReader`."""

    def __init__(self, chunks: Iterator[memoryview]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        if not self._rest:
            self._rest = next(self._chunks, self._rest)
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


@contextmanager
def _appearing(dest: Path) -> Iterator[Path]:
    """A path to write to that becomes `dest` in one step at the end, or is removed.

    It lies in a new folder beside `dest` that only this user can enter, so nobody can put a link in the way.
    """
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        private = Path(tempfile.mkdtemp(prefix=".assay-", dir=dest.parent))
        try:
            yield private / "new"
            (private / "new").replace(dest)
        finally:
            shutil.rmtree(private, ignore_errors=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise Unavailable(f"{shown(str(dest))} could not be written: {error.strerror}.") from error
        raise BadInput(f"{shown(str(dest))} cannot be written: {error.strerror}.") from error


def _write(chunks: Iterator[memoryview], place: Path, *, executable: bool) -> None:
    with place.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
        os.fchmod(file.fileno(), 0o755 if executable else 0o644)
