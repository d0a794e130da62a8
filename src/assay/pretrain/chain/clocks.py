"""Clocks for the embedded chain: the host's own, and one that only moves when it is told to."""

import time
from typing import Protocol

from assay.core.errors import BadInput


class ChainClock(Protocol):
    """Something that says the time in whole seconds."""

    def now(self) -> int: ...


class HostClock:
    """This machine's clock."""

    def now(self) -> int:
        return int(time.time())


class ManualClock:
    """A clock for simulations: time passes by `advance` only."""

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def advance(self, seconds: int) -> None:
        if seconds < 0:
            raise BadInput(f"Time does not go back: {seconds} seconds is less than none.")
        self._now += seconds

    def advance_to(self, moment: int) -> None:
        """Let it become `moment`; nothing happens if it is later already."""
        self._now = max(self._now, moment)
