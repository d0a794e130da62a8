"""Where the store's bytes lie, whatever kind of place it is.

A shelf makes an object appear under its digest, whole, or not at all. `folder.py` and `bucket.py` are the two kinds.
What is read back, checked and linked together is the store's business, in `store.py`.
"""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

import obstore
from obstore.store import ObjectStore

from assay.core.digest import Digest
from assay.core.errors import BadInput, Unavailable

Progress = Callable[[int], None]  # told how many more bytes have been dealt with

CHUNK = 4 << 20  # bytes read, hashed and written at a time; larger is not faster
CHANGED = "A file changed while it was read: stop whatever writes to it and try again."

_OBJECT_KEY = re.compile(r"objects/([0-9a-f]{2})/([0-9a-f]{62})")


class NotInStore(BadInput):
    """There is no object with this digest."""


def object_key(digest: Digest) -> str:
    """`objects/ab/cdef…`: 256 folders, so that none grows too large."""
    return f"objects/{digest[7:9]}/{digest[9:]}"


@contextmanager
def speaking_to(url: str) -> Iterator[None]:
    """Turn what obstore and the file system say into one sentence."""
    try:
        yield
    except (obstore.exceptions.BaseError, OSError) as error:
        raise Unavailable(f"The store at {url} could not be used: {first_line(error)}.") from error


def first_line(error: Exception) -> str:
    """What an error says; obstore appends a dump of its own structures."""
    return str(error).splitlines()[0].rstrip(" .:-") if str(error) else type(error).__name__


def read_chunks(descriptor: int, size: int, progress: Progress | None = None) -> Iterator[memoryview]:
    """The first `size` bytes of an open file; raises `BadInput` if the file turns out shorter or longer."""
    buffer = memoryview(bytearray(min(CHUNK, size + 1)))
    left = size
    while count := os.readv(descriptor, [buffer]):
        left -= count
        if left < 0:
            break
        yield buffer[:count]
        if progress:
            progress(count)
    if left:
        raise BadInput(CHANGED)


class Batch(Protocol):
    """Objects on their way in. They are acknowledged when the batch has been left without an error."""

    def add_bytes(self, data: bytes) -> Digest: ...

    def add_file(self, descriptor: int, size: int, progress: Progress | None = None) -> Digest: ...


class Shelf(ABC):
    """What the store needs of a back end; every failure is one sentence."""

    url: str
    objects: ObjectStore

    @abstractmethod
    def lock(self, *, exclusive: bool = False) -> AbstractContextManager[None]:
        """Puts share this lock and a sweep excludes them, so that it never removes what a put relies on."""

    @abstractmethod
    def batch(self) -> AbstractContextManager[Batch]:
        """Takes objects in."""

    @abstractmethod
    def write(self, key: str, data: bytes) -> None:
        """Replace the small object at `key`, atomically and durably."""

    @abstractmethod
    def freshen(self, digest: Digest) -> None:
        """Keep an object through the next sweep, as if it had just been put."""

    @abstractmethod
    def freshened(self, since: float) -> set[Digest]:
        """What was freshened after `since` (seconds since the epoch) and does not show it by its own time."""

    @abstractmethod
    def is_fresh(self, digest: Digest, since: float) -> bool:
        """Whether the object was put or freshened after `since`, asked anew."""

    @abstractmethod
    def leftovers(self, since: float) -> list[str]:
        """Keys of what interrupted puts, or freshening, left behind before `since`."""

    def size(self, key: str) -> int | None:
        """Bytes under `key`, or `None` if there is nothing."""
        with speaking_to(self.url):
            try:
                return obstore.head(self.objects, key)["size"]
            except FileNotFoundError:
                return None

    def read(self, key: str, start: int, length: int) -> memoryview | None:
        """At most `length` bytes from `start`, or `None` if there is no such key.

        Ranges, not one long stream: a slow reader of a long stream runs into the back end's time limit for a request.
        """
        with speaking_to(self.url):
            try:
                return memoryview(obstore.get_range(self.objects, key, start=start, length=length))
            except FileNotFoundError:
                return None
            except obstore.exceptions.BaseError:
                # Each back end has its own error for a range that begins where the object has ended already.
                if start < (self.size(key) or 0):
                    raise
                return memoryview(b"")

    def keys(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        """Key, bytes and time of change (seconds since the epoch) of everything below `prefix`."""
        with speaking_to(self.url):
            for page in obstore.list(self.objects, prefix):
                for item in page:
                    yield item["path"], item["size"], item["last_modified"].timestamp()

    def stored(self) -> Iterator[tuple[Digest, int, float]]:
        """Digest, bytes and time of every object."""
        for key, size, changed in self.keys("objects/"):
            if match := _OBJECT_KEY.fullmatch(key):
                yield f"sha256:{match[1]}{match[2]}", size, changed

    def remove(self, key: str) -> None:
        with speaking_to(self.url), suppress(FileNotFoundError):
            obstore.delete(self.objects, key)
