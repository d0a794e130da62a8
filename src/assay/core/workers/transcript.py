"""The transcript of an agent: what it said, what it called and what came back, as plain text, up to a limit.

It is written while the agent works, so that a run that is killed leaves it; everything in full is in the Inspect log.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from assay.core.workers.metering import Spending

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, ModelOutput

_LONGEST = 4000  # characters of one text that are written


class Transcript:
    """Use as a context manager. `on_output` hears every piece that is kept."""

    def __init__(self, path: Path, limit: int, on_output: Callable[[bytes], None] | None = None) -> None:
        self._file = path.open("wb")
        self._left = limit
        self._on_output = on_output
        self._began = time.monotonic()
        self._told: set[str] = set()  # results of tools that were written: each call repeats the whole conversation
        self.truncated = False

    def __enter__(self) -> "Transcript":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, text: str) -> None:
        data = (text.rstrip("\n") + "\n").encode("utf-8", "replace")
        kept = data[: self._left]
        self.truncated = self.truncated or len(kept) < len(data)
        self._left -= len(kept)
        if kept:
            self._file.write(kept)
            self._file.flush()
            if self._on_output is not None:
                self._on_output(kept)

    def call(self, spending: Spending, asked: "list[ChatMessage]", answer: "ModelOutput") -> None:
        """Write what one call to the model brought: what its tools had said since, and what it says now."""
        for message in asked:
            if message.role == "tool" and (key := message.tool_call_id or message.id or message.text) not in self._told:
                self._told.add(key)
                self.write(_indented(message.text))
        money = "" if spending.dollars is None else f", ${spending.dollars:.4f}"
        seconds = time.monotonic() - self._began
        self.write(f"[{seconds:.0f} s, call {spending.calls}, {spending.tokens:,} tokens{money}]")
        if answer.choices:
            if answer.message.text.strip():
                self.write(_short(answer.message.text))
            for tool in answer.message.tool_calls or ():
                arguments = json.dumps(tool.arguments, ensure_ascii=False, default=str)
                self.write(f"> {tool.function} {_short(arguments)}")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [... {len(text) - _LONGEST} characters more]"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in _short(text).splitlines() or [""])
