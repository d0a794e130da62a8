"""Cells of a map spread over a Ray cluster; each is inferred and kept once, whatever dies meanwhile.

Workers read the imagery themselves (all machines must reach it) and send pieces back; only this process writes. A
piece whose worker died is sent out again; one that is kept is never asked for again, in this run or the next."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from assay.canopy.mapping.imagery import Imagery, Reader
from assay.canopy.mapping.inference import Piece, finish, gather, infer
from assay.canopy.mapping.journal import pack, unpack
from assay.canopy.mapping.lattice import Cell, Lattice
from assay.canopy.mapping.pipeline import Spent
from assay.canopy.mapping.plan import Layout
from assay.canopy.mapping.predictor import Predictor
from assay.core.cluster import reach
from assay.core.errors import AssayError, Unavailable

_IN_FLIGHT = 2  # cells per worker: one that is inferred, one that waits
_TRIES = 5


class _Worker:
    """Lives on the cluster with a model and open rasters."""

    def __init__(self, predictor: Predictor, device: str, imagery: Imagery, lattice: Lattice, batch: int) -> None:
        self._predictor, self._lattice, self._batch = predictor.to(device), lattice, batch
        self._reader = Reader(imagery)

    def infer(self, cell: Cell) -> bytes | AssayError:
        try:
            found = infer(gather(cell, self._lattice, self._reader), self._lattice, self._predictor, self._batch)
            return pack(finish(found, self._lattice, self._predictor.card.name))
        except AssayError as error:  # comes back as a value: Ray would retry or wrap it
            return error


def infer_on_ray(
    layout: Layout, predictor: Predictor, cells: Sequence[Cell], keep: Callable[[Piece], None], options: Any
) -> Spent:
    """Infer `cells` on the cluster at `options.ray`; `keep` is called here, once for each."""
    try:
        import ray
    except ModuleNotFoundError:
        raise Unavailable("A cluster needs Ray: install it with `pip install 'assay[ray]'`.") from None
    reach(options.ray)
    joined = ray.is_initialized()  # by a program that uses Ray for other things too
    try:
        ray.init(address=options.ray, log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise Unavailable(f"There is no Ray cluster at {options.ray}: {str(error).splitlines()[0][:200]}") from None
    began = time.perf_counter()
    try:
        return _share_out(ray, layout, predictor, cells, keep, options, began)
    finally:
        if not joined:
            ray.shutdown()


def _share_out(
    ray: Any,
    layout: Layout,
    predictor: Predictor,
    cells: Sequence[Cell],
    keep: Callable[[Piece], None],
    options: Any,
    began: float,
) -> Spent:
    device = predictor.device.type
    resources = ray.cluster_resources()
    count = int(options.workers or resources.get("GPU" if device == "cuda" else "CPU", 1))
    # Ray retries nothing: a worker that dies is replaced here, and what it was doing is sent out again and counted.
    remote = ray.remote(num_cpus=1, num_gpus=int(device == "cuda"), max_restarts=0, max_task_retries=0)(_Worker)
    model, imagery, lattice = ray.put(predictor.to("cpu")), ray.put(layout.imagery), ray.put(layout.lattice)

    def worker() -> Any:
        return remote.remote(model, device, imagery, lattice, options.batch)

    workers = [worker() for _ in range(max(1, min(count, len(cells))))]
    load = [0] * len(workers)
    todo, tries, windows = list(reversed(cells)), dict.fromkeys(cells, 0), 0
    pending: dict[Any, tuple[Cell, int, Any]] = {}
    while todo or pending:
        while todo and min(load) < _IN_FLIGHT:
            cell, number = todo.pop(), load.index(min(load))
            load[number] += 1
            pending[workers[number].infer.remote(cell)] = (cell, number, workers[number])
        (reference, *_), _ = ray.wait(list(pending), num_returns=1)
        cell, number, asked = pending.pop(reference)
        load[number] -= 1
        try:
            found = ray.get(reference)
        except ray.exceptions.RayError as error:
            tries[cell] += 1
            if tries[cell] >= _TRIES:
                why = str(error).splitlines()[0][:200]
                raise Unavailable(f"The cluster lost the cell {cell.name} {_TRIES} times: {why}") from None
            todo.append(cell)
            if workers[number] is asked:  # not yet replaced for another cell that it had
                workers[number] = worker()
            continue
        if isinstance(found, AssayError):
            raise found
        piece = unpack(cell, found)
        windows += piece.windows
        keep(piece)
    predictor.to(device)
    return Spent(0.0, time.perf_counter() - began, 0.0, windows)
