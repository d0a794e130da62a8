"""Asks the submission's program, through two pipes that have names in a shared folder. Runs on the trusted side."""

import os
import select
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from assay.prove.component import EntryPoint
from assay.prove.conformance.host import MAX_MESSAGE

REQUESTS, ANSWERS, ENDED = "requests", "answers", "ended"
_BATCH = 256
_INVALID = (1 << 64) - 1
_SILENCE_SECONDS = 60.0  # without an answer

Value = int | bool | bytes | None  # None: the function says that the input is not valid


class SubjectFailed(Exception):
    """The submission's program ended, hung or said what cannot be understood."""


class Subject:
    """A running program of the submission. `call` and `call_many` ask it; `status` is where its end is announced."""

    def __init__(self, shared: Path, status: Path, entries: Sequence[EntryPoint]) -> None:
        self._shared, self._status, self._entries = shared, status, tuple(entries)
        self._numbers = {entry.name: number for number, entry in enumerate(entries)}

    def __enter__(self) -> Self:
        # Open for both: opening never waits, whether or not the other side is there yet.
        self._requests = os.open(self._shared / REQUESTS, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self._answers = os.open(self._shared / ANSWERS, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._requests)
        os.close(self._answers)

    def call(self, name: str, arguments: Sequence[Any]) -> Value:
        """The answer to one call."""
        return self.call_many(name, [arguments])[0]

    def call_many(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Value]:
        """The answers to many calls of one entry point, in order."""
        number = self._numbers[name]
        entry = self._entries[number]
        answers: list[Value] = []
        for start in range(0, len(calls), _BATCH):
            part = calls[start : start + _BATCH]
            message = b"".join(_encode(number, entry, arguments) for arguments in part)
            writer = threading.Thread(target=self._write, args=(message,), daemon=True)
            writer.start()
            answers += [self._answer(entry) for _ in part]
            writer.join()
        return answers

    def _ended(self) -> str | None:
        path = self._status / ENDED
        return path.read_text() if path.exists() else None

    def _write(self, message: bytes) -> None:
        view = memoryview(message)
        poll = select.poll()
        poll.register(self._requests, select.POLLOUT)
        while view:
            if poll.poll(200):
                try:
                    view = view[os.write(self._requests, view[: 1 << 16]) :]
                except BlockingIOError:
                    continue
            elif self._ended() is not None:
                return

    def _answer(self, entry: EntryPoint) -> Value:
        value, written = struct.unpack("<QQ", self._read(16))
        if written > MAX_MESSAGE:
            raise SubjectFailed(f"{entry.name} answered with {written} bytes.")
        data = self._read(written)
        if entry.can_refuse and value == _INVALID:
            return None
        if entry.returns == "written":
            if len(data) != value:
                raise SubjectFailed(f"{entry.name} says that it wrote {value} bytes: its output has no room for them.")
            return data
        return bool(value) if entry.returns == "bool" else int(value)

    def _read(self, n: int) -> bytes:
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        pieces, left = [], n
        deadline = time.monotonic() + _SILENCE_SECONDS
        while left:
            if not poll.poll(200):
                ended = self._ended()
                if ended is not None and not poll.poll(0):
                    raise SubjectFailed(ended)
                if time.monotonic() > deadline:
                    raise SubjectFailed(f"The program gave no answer within {_SILENCE_SECONDS:.0f} seconds.")
                continue
            try:
                piece = os.read(self._answers, min(left, 1 << 18))
            except BlockingIOError:
                continue
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)


def _encode(number: int, entry: EntryPoint, arguments: Iterable[Any]) -> bytes:
    out = [struct.pack("<I", number)]
    for parameter, argument in zip(entry.arguments, arguments, strict=True):
        if parameter.kind == "buffer":
            data = bytes(argument)
            out += [struct.pack("<Q", len(data)), data]
        else:
            out.append(struct.pack("<Q", int(argument)))
    return b"".join(out)
