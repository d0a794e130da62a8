"""What a command says, kept up to a limit and read on beyond it, so that it never waits and never fills a disk."""

import os
from collections.abc import Callable
from pathlib import Path

_PIECE = 1 << 18  # bytes read at a time: small enough that limits are looked at in between


class Capture:
    """Takes what comes out of a pipe into a file."""

    def __init__(self, pipe: int, transcript: Path, limit: int, on_output: Callable[[bytes], None] | None) -> None:
        self.pipe = pipe
        self.truncated = False
        self.ended = False
        self._left = limit
        self._on_output = on_output
        os.set_blocking(pipe, False)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(transcript, flags, 0o600)
        self._nowhere = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)

    def take(self) -> bool:
        """Take one piece. Whether there was one."""
        if self._left <= 0:
            return self._drop()
        try:
            piece = os.read(self.pipe, _PIECE)
        except BlockingIOError:
            return False
        if not piece:
            self.ended = True
            return False
        kept = piece[: self._left]
        self.truncated |= len(kept) < len(piece)
        self._left -= len(kept)
        view = memoryview(kept)
        while view:
            view = view[os.write(self._file, view) :]
        if self._on_output is not None:
            self._on_output(kept)
        return True

    def _drop(self) -> bool:
        try:
            dropped = os.splice(self.pipe, self._nowhere, _PIECE)  # without copying it
        except BlockingIOError:
            return False
        self.ended = dropped == 0
        self.truncated |= dropped > 0
        return dropped > 0

    def close(self) -> None:
        os.close(self._file)
        os.close(self._nowhere)
