"""Reading, inferring and writing at the same time, with a bounded amount of work between them.

Readers fetch cells ahead of the device, one thread infers, one writes. Queues are short, so memory does not depend on
the area. What goes wrong in one thread ends all of them and is raised to the caller."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assay.canopy.mapping.imagery import Imagery, Reader
from assay.canopy.mapping.inference import Gathered, Inferred, Piece, finish, gather, infer
from assay.canopy.mapping.lattice import Cell, Lattice
from assay.canopy.mapping.predictor import Predictor

_AHEAD = 1  # cells that wait for the device, and pieces that wait for the disk
_LOOK = 0.2  # seconds between looks at whether to stop


@dataclass(frozen=True)
class Spent:
    """Seconds of the device's thread: how long it waited for imagery, inferred, and waited for the writer."""

    waiting: float
    inferring: float
    handing_over: float
    windows: int


class _Stopped(Exception):
    """Another thread has failed."""


class Pipeline:
    """One run over some cells. `keep` is called in the writer's thread, for one piece at a time."""

    def __init__(
        self,
        imagery: Imagery,
        lattice: Lattice,
        predictor: Predictor,
        keep: Callable[[Piece], None],
        *,
        batch: int,
        readers: int,
    ) -> None:
        self._imagery, self._lattice, self._predictor = imagery, lattice, predictor
        self._keep, self._batch, self._readers = keep, batch, max(1, readers)
        self._stop = threading.Event()
        self._errors: list[BaseException] = []

    def run(self, cells: Iterable[Cell]) -> Spent:
        """Infer all `cells`, and return when the last of them is kept."""
        todo = iter(list(cells))
        lock = threading.Lock()
        gathered: queue.Queue[Gathered | None] = queue.Queue(_AHEAD)
        pieces: queue.Queue[Inferred | None] = queue.Queue(_AHEAD)
        readers = [
            threading.Thread(target=self._guard, args=(self._read, todo, lock, gathered), daemon=True)
            for _ in range(self._readers)
        ]
        writer = threading.Thread(target=self._guard, args=(self._write, pieces), daemon=True)
        for thread in (*readers, writer):
            thread.start()
        try:
            spent = self._infer(gathered, pieces)
            self._put(pieces, None)
        except _Stopped:
            spent = Spent(0, 0, 0, 0)
        except BaseException as error:
            self._errors.insert(0, error)
            self._stop.set()
            spent = Spent(0, 0, 0, 0)
        for thread in (*readers, writer):
            thread.join()
        if self._errors:
            raise self._errors[0]
        return spent

    def _guard(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except _Stopped:
            pass
        except BaseException as error:  # carried to the caller's thread and raised there
            self._errors.append(error)
            self._stop.set()

    def _read(self, todo: Iterator[Cell], lock: threading.Lock, gathered: "queue.Queue[Gathered | None]") -> None:
        with Reader(self._imagery) as reader:
            while True:
                with lock:
                    cell = next(todo, None)
                if cell is None:
                    break
                self._put(gathered, gather(cell, self._lattice, reader))
        self._put(gathered, None)

    def _infer(self, gathered: "queue.Queue[Gathered | None]", pieces: "queue.Queue[Inferred | None]") -> Spent:
        left, waited, inferred, handed, windows = self._readers, 0.0, 0.0, 0.0, 0
        while left:
            began = time.perf_counter()
            cell = self._get(gathered)
            read = time.perf_counter()
            waited += read - began
            if cell is None:
                left -= 1
                continue
            found = infer(cell, self._lattice, self._predictor, self._batch)
            done = time.perf_counter()
            inferred += done - read
            windows += found.windows
            self._put(pieces, found)
            handed += time.perf_counter() - done
        return Spent(waited, inferred, handed, windows)

    def _write(self, pieces: "queue.Queue[Inferred | None]") -> None:
        while (found := self._get(pieces)) is not None:
            self._keep(finish(found, self._lattice, self._predictor.card.name))

    def _put(self, where: "queue.Queue[Any]", what: Any) -> None:
        while True:
            if self._stop.is_set():
                raise _Stopped
            try:
                return where.put(what, timeout=_LOOK)
            except queue.Full:
                continue

    def _get(self, where: "queue.Queue[Any]") -> Any:
        while True:
            if self._stop.is_set():
                raise _Stopped
            try:
                return where.get(timeout=_LOOK)
            except queue.Empty:
                continue
