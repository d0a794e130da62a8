"""How much a hostile process tree has written, and how to remove what it left.

Both walk by descriptor, never by a long path, follow no link, hold a constant number of descriptors, and survive trees
nested a hundred thousand deep that change while they are walked.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import Unavailable

_BLOCK = 512  # bytes: the unit of st_blocks, whatever the file system
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_RETRIES = 1000  # of removing a folder that somebody still writes to


@dataclass(frozen=True)
class Extent:
    """What a tree holds. Sparse files count for what they take, hard links once, folders as files."""

    disk_bytes: int
    files: int
    whole: bool = True  # false if the tree changed under the walk, or the walk stopped at its limit


class _Walk:
    def __init__(self, device: int, max_bytes: int | None, max_files: int | None) -> None:
        self.device, self.max_bytes, self.max_files = device, max_bytes, max_files
        self.disk_bytes = self.files = 0
        self.linked: set[int] = set()

    def full(self) -> bool:
        too_big = self.max_bytes is not None and self.disk_bytes > self.max_bytes
        return too_big or (self.max_files is not None and self.files > self.max_files)

    def count(self, status: os.stat_result) -> None:
        if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
            if status.st_ino in self.linked:
                return
            self.linked.add(status.st_ino)
        self.files += 1
        self.disk_bytes += status.st_blocks * _BLOCK

    def enter(self, descriptor: int) -> list[str]:
        """Count what is in an open folder; return its folders that are on the same file system."""
        folders = []
        with os.scandir(descriptor) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # gone in the meantime
                self.count(status)
                if stat.S_ISDIR(status.st_mode) and status.st_dev == self.device:
                    folders.append(entry.name)
                if self.full():
                    break
        return folders


def _open_folder(name: str, parent: int) -> int | None:
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except PermissionError:
        with contextlib.suppress(OSError):
            _make_accessible(name, parent)
            return os.open(name, _DIRECTORY, dir_fd=parent)
    except OSError:
        pass
    return None


def _make_accessible(name: str, parent: int) -> None:
    """Give the owner of a folder its rights back, without following a link that took its place."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
    try:
        Path(f"/proc/self/fd/{handle}").chmod(0o700)
    finally:
        os.close(handle)


def _open_root(root: Path) -> int:
    try:
        return os.open(root, _DIRECTORY)
    except PermissionError:  # its owner took the rights away, and its owner is this user
        parent = os.open(root.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _make_accessible(root.name, parent)
        finally:
            os.close(parent)
        return os.open(root, _DIRECTORY)


def measure(root: Path, *, max_bytes: int | None = None, max_files: int | None = None) -> Extent:
    """What is in the folder `root`, without itself. Stops early once more than a limit was found."""
    current = _open_root(root)
    status = os.fstat(current)
    walk = _Walk(status.st_dev, max_bytes, max_files)
    whole = True
    # One descriptor, going down by name and up by '..'. A folder that was moved meanwhile has another parent: the
    # numbers tell, and the walk ends rather than wander off.
    stack: list[tuple[int, list[str]]] = [(status.st_ino, walk.enter(current))]
    pending = len(stack[0][1])  # folders that were seen and not yet entered
    try:
        while pending and not walk.full():
            if stack[-1][1]:
                pending -= 1
                below = _open_folder(stack[-1][1].pop(), current)
                if below is None:
                    continue
                os.close(current)
                current = below
                stack.append((os.fstat(current).st_ino, walk.enter(current)))
                pending += len(stack[-1][1])
                continue
            stack.pop()
            above = os.open("..", _DIRECTORY, dir_fd=current)
            os.close(current)
            current = above
            if os.fstat(current).st_ino != stack[-1][0]:
                whole = False
                break
    except OSError:
        whole = False
    finally:
        os.close(current)
    return Extent(walk.disk_bytes, walk.files, whole and not walk.full())


class _Removal:
    """Empties a folder by moving every folder below it to its top, so that nothing is ever deep."""

    def __init__(self, top: int) -> None:
        self.top = top
        self.moved = 0

    def fresh_name(self) -> str:
        while True:
            self.moved += 1
            name = f".removing-{self.moved}"
            try:
                os.lstat(name, dir_fd=self.top)
            except FileNotFoundError:
                return name

    def empty(self, folder: int, *, is_top: bool) -> Iterator[str]:
        """Unlink the files of an open folder; yield the names of top folders that are to be emptied next."""
        with os.scandir(folder) as entries:
            names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_folder in names:
            if not is_folder:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
                continue
            try:
                os.rmdir(name, dir_fd=folder)
            except FileNotFoundError:
                continue
            except OSError:  # it has something in it
                _make_accessible(name, folder)
                if is_top:
                    yield name
                else:
                    fresh = self.fresh_name()
                    os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=self.top)
                    yield fresh

    def run(self) -> None:
        retries = 0
        pending = list(self.empty(self.top, is_top=True))
        while pending:
            name = pending.pop()
            folder = _open_folder(name, self.top)
            if folder is None:
                continue
            try:
                pending.extend(self.empty(folder, is_top=False))
            finally:
                os.close(folder)
            try:
                os.rmdir(name, dir_fd=self.top)
            except FileNotFoundError:
                pass
            except OSError:  # something appeared in it
                retries += 1
                if retries > _MAX_RETRIES:
                    raise
                pending.append(name)


def remove_tree(path: Path) -> None:
    """Remove a file or folder and all below it, however it was left: nested deep, without rights, full of odd names.

    A symbolic link is removed, never followed. Nothing at `path` is no error. `Unavailable` if it cannot be removed.
    """
    try:
        _remove(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Unavailable(f"{path} cannot be removed ({error.strerror}): remove it by hand.") from error


def _remove(path: Path) -> None:
    parent = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.lstat(path.name, dir_fd=parent).st_mode):
            os.unlink(path.name, dir_fd=parent)
            return
        _make_accessible(path.name, parent)
        for _ in range(100):  # somebody may still be writing: try again, but not for ever
            top = os.open(path.name, _DIRECTORY, dir_fd=parent)
            try:
                _Removal(top).run()
            finally:
                os.close(top)
            try:
                os.rmdir(path.name, dir_fd=parent)
                return
            except OSError as error:
                last = error
        raise last
    finally:
        os.close(parent)
