"""A store in a folder on this machine.

An object is hashed while it is written to a temporary file, made durable (fsync), and renamed into place. Many small
objects share their waits for the disk. obstore reads; it does not write here, because it never calls fsync.
"""

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from obstore.store import LocalStore

from assay.core.digest import Digest, digest_bytes
from assay.core.errors import Unavailable
from assay.core.store.shelf import CHUNK, Progress, Shelf, object_key, read_chunks, speaking_to

_PATIENCE_SECONDS = 60.0  # how long a sweep waits for puts to end
_BATCH_FILES = 256  # objects that are made durable together: one fsync then pays for many
_BATCH_BYTES = 256 << 20


class FolderShelf(Shelf):
    """A folder. An object is written to `tmp/`, made durable (fsync), and renamed into place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = root.as_uri()
        with speaking_to(self.url):
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("objects", "refs", "tmp"):
                (root / name).mkdir(mode=0o700, exist_ok=True)
            _sync(root)
            self.objects = LocalStore(root)

    @contextmanager
    def lock(self, *, exclusive: bool = False) -> Iterator[None]:
        with speaking_to(self.url):
            descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if exclusive:
                self._wait_for_puts(descriptor)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    def _wait_for_puts(self, descriptor: int) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unavailable(f"The store at {self.url} is being written to: try again later.") from None
                time.sleep(0.05)

    @contextmanager
    def batch(self) -> Iterator["_FolderBatch"]:
        batch = _FolderBatch(self)
        with speaking_to(self.url), self.lock():
            try:
                yield batch
                batch.finish()
            finally:
                batch.discard()

    def write(self, key: str, data: bytes) -> None:
        with speaking_to(self.url):
            temporary = self.temporary()
            try:
                with temporary.open("xb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self.root / key)
            finally:
                temporary.unlink(missing_ok=True)
            _sync((self.root / key).parent)

    def temporary(self) -> Path:
        return self.root / "tmp" / secrets.token_hex(16)

    def freshen(self, digest: Digest) -> None:
        with speaking_to(self.url), suppress(FileNotFoundError):
            os.utime(self.root / object_key(digest))

    def freshened(self, since: float) -> set[Digest]:
        return set()  # an object's own time shows it

    def is_fresh(self, digest: Digest, since: float) -> bool:
        with speaking_to(self.url), suppress(FileNotFoundError):
            return (self.root / object_key(digest)).stat().st_mtime > since
        return False

    def leftovers(self, since: float) -> list[str]:
        return [key for key, _, changed in self.keys("tmp/") if changed <= since]


@dataclass(frozen=True, slots=True)
class _Pending:
    temporary: Path
    digest: Digest
    size: int


class _FolderBatch:
    """Objects written to temporaries, many made durable with few waits for the disk."""

    def __init__(self, shelf: FolderShelf) -> None:
        self._shelf = shelf
        self._pending: list[_Pending] = []
        self._folders = {shelf.root / "objects"}  # whose names are to be made durable

    def add_bytes(self, data: bytes) -> Digest:
        digest = digest_bytes(data)
        if not self._is_there(digest):
            self._write(iter((memoryview(data),)), len(data))
        return digest

    def add_file(self, descriptor: int, size: int, progress: Progress | None = None) -> Digest:
        if size <= CHUNK:  # in memory, and so without a temporary for what is stored already
            return self.add_bytes(b"".join(bytes(chunk) for chunk in read_chunks(descriptor, size, progress)))
        return self._write(read_chunks(descriptor, size, progress), size)

    def _write(self, chunks: Iterator[memoryview], size: int) -> Digest:
        temporary = self._shelf.temporary()
        sha = hashlib.sha256()
        try:
            with temporary.open("xb", buffering=0) as file:
                for chunk in chunks:
                    sha.update(chunk)
                    _write_all(file.fileno(), chunk)
                os.fchmod(file.fileno(), 0o444)  # immutable from now on
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        digest = "sha256:" + sha.hexdigest()
        self._pending.append(_Pending(temporary, digest, size))
        if len(self._pending) >= _BATCH_FILES or sum(item.size for item in self._pending) >= _BATCH_BYTES:
            self._publish()
        return digest

    def finish(self) -> None:
        """Give every object its name, and make the names durable: all that was added can be acknowledged."""
        self._publish()
        for folder in sorted(self._folders):
            _sync(folder)

    def _publish(self) -> None:
        new = [item for item in self._pending if not self._is_there(item.digest)]
        for item in new:
            _sync(item.temporary)
        for item in new:
            place = self._shelf.root / object_key(item.digest)
            place.parent.mkdir(mode=0o700, exist_ok=True)
            item.temporary.replace(place)
            self._folders.add(place.parent)
        self.discard()

    def discard(self) -> None:
        for item in self._pending:
            item.temporary.unlink(missing_ok=True)
        self._pending.clear()

    def _is_there(self, digest: Digest) -> bool:
        """Whether the object is stored already and sound. If it is damaged, putting it again mends it."""
        place = self._shelf.root / object_key(digest)
        try:
            with place.open("rb", buffering=0) as file:
                sound = hashlib.file_digest(file, "sha256").hexdigest() == digest[7:]
        except OSError:
            return False
        if sound:
            self._shelf.freshen(digest)
            self._folders.add(place.parent)  # whoever wrote it may not have come to making its name durable
        return sound


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
