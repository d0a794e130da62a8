"""Uploading while the next round's steps run, where the algorithm permits it.

A peer cannot begin a round before it has the outer step of the last one, so with SparseLoCo as published there is
nothing to overlap with. `Delayed` takes every outer step one round late: a round's contributions then have a whole
round to travel. It costs loss; `docs/pretrain/sparseloco.md` says how much.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from assay.pretrain.aggregate import Sparse
from assay.pretrain.sparseloco import SparseLoCo

Contributions = Sequence[Mapping[str, Sparse]]


class Delayed:
    """An outer optimiser whose steps come one round late. All peers of a run are delayed, or none.

    `step` of round r applies the contributions of round r - 1. A joiner needs `waiting` besides the parameters.
    """

    def __init__(self, outer: SparseLoCo) -> None:
        self.outer = outer
        self.waiting: Contributions = ()

    def step(self, contributions: Contributions) -> None:
        """Apply what has been waiting; these wait."""
        self.outer.step(self.waiting)
        self.waiting = tuple(contributions)

    def finish(self) -> None:
        """Apply what still waits, after the last round."""
        self.step(())


class Upload:
    """Sends payloads in a thread of its own, one at a time, in order. Leaving the context waits for the last.

    `send` raises if a payload could not be sent; the next call of `start` or `wait` raises the same.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upload")
        self._last: Future[None] | None = None

    def start(self, payload: bytes) -> None:
        """Begin to send, after what was begun before has arrived."""
        self.wait()
        self._last = self._thread.submit(self._send, payload)

    def wait(self) -> None:
        """Until everything has arrived."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.wait()
        finally:
            self._thread.shutdown(wait=True, cancel_futures=True)
