"""Temporary folders that do not outlive their process by much, even if it is killed.

Each lies in Assay's home with a lock that the kernel drops when the process ends. Whoever makes the next one removes
those that nobody holds: copies of models are too large to be left lying about.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.core.home import home
from assay.core.sandbox import remove_tree


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """An empty folder, readable by its owner only, removed at the end."""
    place = home() / "scratch"
    place.mkdir(mode=0o700, exist_ok=True)
    _sweep(place)
    folder, lock = _claim(place, purpose)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        _remove(folder, lock)


def _claim(place: Path, purpose: str) -> tuple[Path, int]:
    """A new name and its lock. Another process may sweep the lock before it is held: then with another name."""
    while True:
        folder = place / f"{purpose}-{secrets.token_hex(8)}"
        lock = _hold(folder.with_suffix(".lock"))
        if lock is not None and folder.with_suffix(".lock").exists():
            return folder, lock
        if lock is not None:
            os.close(lock)


def _sweep(place: Path) -> None:
    for path in place.glob("*.lock"):
        lock = _hold(path)
        if lock is not None:
            _remove(path.with_suffix(""), lock)


def _hold(path: Path) -> int | None:
    """A descriptor that holds the lock at `path`; None if another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _remove(folder: Path, lock: int) -> None:
    if folder.exists():
        remove_tree(folder)
    folder.with_suffix(".lock").unlink(missing_ok=True)
    os.close(lock)
