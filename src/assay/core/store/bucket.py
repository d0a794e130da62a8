"""A store in a bucket (S3, Google Cloud, Azure) or in memory, through obstore.

An upload becomes visible only when it is complete: that is the back end's own promise.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import obstore
from obstore.store import ObjectStore

from assay.core.digest import Digest, digest_bytes
from assay.core.errors import BadInput, Unavailable
from assay.core.store.shelf import CHANGED, Progress, Shelf, object_key, read_chunks, speaking_to

_PART = 8 << 20  # bytes: the smallest part of an upload; S3 wants at least 5 MiB
_MOST_PARTS = 9_000  # S3 takes at most 10,000 parts
_UPLOADS = 4  # parts under way at once: bounds memory to a few parts


class BucketShelf(Shelf):
    """A bucket, or memory. An upload becomes visible only when it is complete: that is the back end's own promise."""

    def __init__(self, url: str, objects: ObjectStore) -> None:
        self.url = url
        self.objects = objects

    @contextmanager
    def lock(self, *, exclusive: bool = False) -> Iterator[None]:
        """Buckets have no locks: `freshen` and `is_fresh` stand in, as docs/formats/store.md explains."""
        yield

    @contextmanager
    def batch(self) -> Iterator["BucketShelf"]:
        with speaking_to(self.url):
            try:
                yield self
            except FileNotFoundError as error:
                # An upload has nothing to miss but the bucket itself.
                raise Unavailable(f"The store at {self.url} could not be used: there is no such bucket.") from error

    def write(self, key: str, data: bytes) -> None:
        with self.batch():
            obstore.put(self.objects, key, data)

    def add_bytes(self, data: bytes) -> Digest:
        digest = digest_bytes(data)
        if not self._is_there(digest, len(data)):
            obstore.put(self.objects, object_key(digest), data, use_multipart=False)
        return digest

    def add_file(self, descriptor: int, size: int, progress: Progress | None = None) -> Digest:
        if size <= _PART:
            return self.add_bytes(b"".join(bytes(chunk) for chunk in read_chunks(descriptor, size, progress)))
        # The key is the digest, so a large file is read twice: once to name it, once to send it. The upload is
        # called off, and nothing becomes visible, if the second reading does not hash to the name.
        sha = hashlib.sha256()
        for chunk in read_chunks(descriptor, size):
            sha.update(chunk)
        digest = "sha256:" + sha.hexdigest()
        if not self._is_there(digest, size):
            os.lseek(descriptor, 0, os.SEEK_SET)
            part = max(_PART, -(-size // _MOST_PARTS))
            parts = _checked_copies(read_chunks(descriptor, size, progress), digest)
            obstore.put(self.objects, object_key(digest), parts, chunk_size=part, max_concurrency=_UPLOADS)
        return digest

    def freshen(self, digest: Digest) -> None:
        """A small mark beside the object: buckets cannot set an object's time without writing it again."""
        with self.batch():
            obstore.put(self.objects, _fresh_key(digest), b"")

    def freshened(self, since: float) -> set[Digest]:
        return {"sha256:" + key.rpartition("/")[2] for key, _, changed in self.keys("fresh/") if changed > since}

    def is_fresh(self, digest: Digest, since: float) -> bool:
        for key in (_fresh_key(digest), object_key(digest)):
            with speaking_to(self.url), suppress(FileNotFoundError):
                if obstore.head(self.objects, key)["last_modified"].timestamp() > since:
                    return True
        return False

    def leftovers(self, since: float) -> list[str]:
        return [key for key, _, changed in self.keys("fresh/") if changed <= since]

    def _is_there(self, digest: Digest, size: int) -> bool:
        """Whether an object of this size is stored; it is freshened. An object of another size is replaced."""
        for look in (False, True):
            try:
                if obstore.head(self.objects, object_key(digest))["size"] != size:
                    return False
            except FileNotFoundError:
                return False
            if not look:
                self.freshen(digest)  # and look again: a sweep may have come between
        return True


def _fresh_key(digest: Digest) -> str:
    return f"fresh/{digest[7:]}"


def _checked_copies(chunks: Iterator[memoryview], digest: Digest) -> Iterator[bytes]:
    sha = hashlib.sha256()
    for chunk in chunks:
        sha.update(chunk)
        yield bytes(chunk)
    if "sha256:" + sha.hexdigest() != digest:
        raise BadInput(CHANGED)
