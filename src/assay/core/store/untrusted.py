"""Walks a folder that nobody trusts, so that it can be taken into the store.

Every file is reached from the folder's own descriptor, one name at a time, without following links: renaming things
while the walk is on cannot lead it out of the folder. Only plain files come out; what else is there is refused or
omitted. Nothing here writes, blocks on a FIFO or opens a device.
"""

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assay.core.errors import BadInput, LimitExceeded, Refused
from assay.core.store.tree import TreeLimits, fault_of_name, shown

OnIrregular = Literal["refuse", "omit"]

# O_NONBLOCK: should a FIFO take a file's place after it was looked at, opening it must not wait for a writer.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "it is a symbolic link",
    stat.S_IFIFO: "it is a FIFO",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFCHR: "it is a device",
    stat.S_IFBLK: "it is a device",
}


@dataclass(frozen=True, slots=True)
class Omitted:
    """A path that was not taken, printable, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A plain file, open for reading. The walk closes `descriptor` when it goes on."""

    path: str
    descriptor: int
    size: int
    executable: bool


def open_plain_file(path: Path) -> int:
    """A descriptor of the plain file at `path`; a symbolic link is not followed. Raises `BadInput`."""
    try:
        descriptor = os.open(path, _OPEN_FILE)
    except OSError as error:
        if path.is_symlink():
            raise BadInput(f"{shown(str(path))} is a symbolic link: give the file it points to.") from None
        raise BadInput(f"{shown(str(path))} cannot be read: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput(f"{shown(str(path))} is not a plain file: give a file, or put a folder as a tree.")
    return descriptor


class Walk:
    """The plain files below `root`, in order of their names. Iterate once; `omitted` is complete afterwards.

    `exclude` holds paths relative to `root` that are not looked at (a folder stands for all in it). What makes one
    path unfit (a link, a bad name, too deep, too large) follows `on_irregular`; too much of everything always raises
    `LimitExceeded`.
    """

    def __init__(
        self, root: Path, limits: TreeLimits, *, exclude: Collection[str] = (), on_irregular: OnIrregular = "refuse"
    ) -> None:
        self.root = root
        self.limits = limits
        self.omitted: list[Omitted] = []
        self._exclude = frozenset(exclude)
        self._on_irregular = on_irregular
        self._names = self._files = self._bytes = 0

    def __iter__(self) -> Iterator[FoundFile]:
        try:
            descriptor = os.open(self.root, _OPEN_FOLDER)
        except OSError as error:
            reason = "it is a symbolic link" if self.root.is_symlink() else error.strerror
            raise BadInput(f"{shown(str(self.root))} cannot be read as a folder: {reason}.") from None
        try:
            yield from self._folder(descriptor, "", 1)
        finally:
            os.close(descriptor)

    def _folder(self, folder: int, prefix: str, depth: int) -> Iterator[FoundFile]:
        for name in self._list(folder):
            path = prefix + name
            if path in self._exclude:
                continue
            if fault := fault_of_name(name) or self._fault_of_place(path, depth):
                self._irregular(path, fault)
                continue
            status = self._status(folder, name, path)
            if status is None:
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self._enter(folder, name, path, depth)
            else:
                yield from self._file(folder, name, path, status)

    def _list(self, folder: int) -> list[str]:
        names = []
        with os.scandir(folder) as entries:
            for entry in entries:
                self._names += 1
                if self._names > self.limits.names:
                    raise LimitExceeded(self._too_much(f"more than {self.limits.names} names"))
                names.append(entry.name)
        return sorted(names)

    def _fault_of_place(self, path: str, depth: int) -> str | None:
        if depth > self.limits.depth:
            return f"it lies deeper than {self.limits.depth} names"
        if len(path.encode()) > self.limits.path_bytes:
            return f"its path is longer than {self.limits.path_bytes} bytes"
        return None

    def _status(self, folder: int, name: str, path: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            self._irregular(path, f"it cannot be read ({error.strerror})")
            return None

    def _enter(self, folder: int, name: str, path: str, depth: int) -> Iterator[FoundFile]:
        try:
            descriptor = os.open(name, _OPEN_FOLDER, dir_fd=folder)
        except OSError as error:
            self._irregular(path, f"it cannot be read ({error.strerror})")
            return
        try:
            yield from self._folder(descriptor, path + "/", depth + 1)
        finally:
            os.close(descriptor)

    def _file(self, folder: int, name: str, path: str, before: os.stat_result) -> Iterator[FoundFile]:
        """Open what was looked at; everything is asked again of the open file, because a name can be given away."""
        if fault := self._fault_of_file(before):
            self._irregular(path, fault)
            return
        try:
            descriptor = os.open(name, _OPEN_FILE, dir_fd=folder)
        except OSError as error:
            self._irregular(path, f"it cannot be read ({error.strerror})")
            return
        try:
            now = os.fstat(descriptor)
            same = (now.st_dev, now.st_ino) == (before.st_dev, before.st_ino)
            if fault := self._fault_of_file(now) or (None if same else "it was replaced while it was read"):
                self._irregular(path, fault)
                return
            self._count(now.st_size)
            yield FoundFile(path, descriptor, now.st_size, bool(now.st_mode & stat.S_IXUSR))
        finally:
            os.close(descriptor)

    def _fault_of_file(self, status: os.stat_result) -> str | None:
        if not stat.S_ISREG(status.st_mode):
            return _KINDS.get(stat.S_IFMT(status.st_mode), "it is not a plain file")
        if status.st_nlink > 1:
            return "it is a hard link: the same file has another name"
        if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            return "it has a set-user-ID or set-group-ID bit"
        if status.st_size > self.limits.file_bytes:
            return f"it has {status.st_size} bytes and the limit is {self.limits.file_bytes}"
        return None

    def _count(self, size: int) -> None:
        self._files += 1
        self._bytes += size
        if self._files > self.limits.files:
            raise LimitExceeded(self._too_much(f"more than {self.limits.files} files"))
        if self._bytes > self.limits.total_bytes:
            raise LimitExceeded(self._too_much(f"more than {self.limits.total_bytes} bytes"))

    def _too_much(self, what: str) -> str:
        return f"{shown(str(self.root))} holds {what}, which is the limit: remove what does not belong to it."

    def _irregular(self, path: str, reason: str) -> None:
        if self._on_irregular == "refuse":
            raise Refused(f"{shown(path)!r} in {shown(str(self.root))} is not taken: {reason}.")
        self.omitted.append(Omitted(shown(path), reason))
