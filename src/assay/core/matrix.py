"""Many runs as one: every task with one worker, some times over, on this machine or on a Ray cluster.

A cell is one task and the number of its try. Each cell has a name, and the run of that name happens once: `run` sees to
that, through the ledger. So a matrix that was killed, or whose machine died, goes on where it stopped.
"""

import ctypes
import functools
import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from assay.core.arena import find_task
from assay.core.budget import Budget
from assay.core.cluster import reach
from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import AssayError, Refused, Unavailable
from assay.core.ledger import Entry, open_ledger
from assay.core.run import Desk, file_digests, run, verify
from assay.core.store import Store, open_store
from assay.core.verdict import Verdict
from assay.core.workers import Worker

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Plan:
    """What is to be run. `limits` replaces fields of each task's own budget."""

    tasks: tuple[str, ...]
    worker: Worker
    limits: dict[str, Any]
    runs: int = 1
    sandbox: str = "bubblewrap"

    def cells(self) -> list["Cell"]:
        """Every task's first run before any second one, so that a matrix cut short has compared all tasks."""
        kind = [self.worker.name, file_digests(self.worker), self.limits, self.sandbox]
        name = digest_bytes(canonical_json(kind)).removeprefix("sha256:")[:12]
        found = [(task, find_task(task)[1]) for task in self.tasks]
        return [
            Cell(
                name=f"{name}/{task_id}/{task.digest.removeprefix('sha256:')[:12]}/{number}",
                task=task_id,
                number=number,
                budget=task.budget.model_copy(update=self.limits),
            )
            for number in range(1, self.runs + 1)
            for task_id, task in found
        ]


@dataclass(frozen=True)
class Cell:
    """One run of a matrix. `number` says which try of its task it is, from 1."""

    name: str
    task: str
    number: int
    budget: Budget


@dataclass(frozen=True)
class Outcome:
    """What became of a cell. `refused` is final; `failed` is tried again by the next call."""

    task: str
    number: int
    status: Literal["done", "refused", "failed"]
    why: str
    index: int | None = None
    verdict: Verdict | None = None

    @classmethod
    def done(cls, cell: Cell, verdict: Verdict, entry: Entry) -> "Outcome":
        return cls(cell.task, cell.number, "done", verdict.reason, entry.index, verdict)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"task": self.task, "run": self.number, "status": self.status, "why": self.why}
        if self.verdict is not None:
            found |= {
                "index": self.index,
                "submission": self.verdict.submission,
                "outcome": str(self.verdict.outcome),
                "measures": [measure.model_dump(mode="json") for measure in self.verdict.measures],
            }
        return found


def run_cell(cell: Cell, worker: Worker, sandbox: str, desk: Desk) -> Outcome:
    """Run one cell, or read what became of it. An error is an outcome: one cell does not stop the others."""
    try:
        result = run(cell.task, worker, desk, budget=cell.budget, sandbox=sandbox, cell=cell.name)
    except Refused as error:
        return Outcome(cell.task, cell.number, "refused", str(error))
    except AssayError as error:
        return Outcome(cell.task, cell.number, "failed", str(error))
    return Outcome.done(cell, result.verdict, result.entry)


def run_here(plan: Plan, desk: Desk) -> Iterator[Outcome]:
    """Run the cells in this process, one after another."""
    for cell in plan.cells():
        yield run_cell(cell, plan.worker, plan.sandbox, _named(desk, cell))


def score_again(plan: Plan, desk: Desk, label: str) -> Iterator[Outcome]:
    """Verify the stored submission of every finished cell again, without its worker. A `label` is done once."""
    for cell in plan.cells():
        signed = desk.ledger.find(key=f"cell:{cell.name}")
        if not signed:
            yield Outcome(cell.task, cell.number, "failed", "This cell has not been run: there is nothing to score.")
            continue
        submission: Digest = signed[0].statement.predicate["verdict"]["submission"]
        try:
            again = verify(submission, _named(desk, cell), sandbox=plan.sandbox, cell=f"{cell.name}/again/{label}")
        except AssayError as error:
            yield Outcome(cell.task, cell.number, "failed", str(error))
            continue
        yield Outcome.done(cell, *again)


def _named(desk: Desk, cell: Cell) -> Desk:
    """The desk, with every report saying which cell it is about."""
    name = f"{cell.task.partition('/')[2]} #{cell.number}"
    return replace(desk, report=lambda line: desk.report(f"{name}: {line}"))


# In other processes and on other machines ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Errand:
    """A cell as it travels to another machine. The worker's files are in the store, a tree each, by name."""

    cell: Cell
    worker: Worker  # its `files` mean nothing there: `files` below replaces them
    files: dict[str, Digest]
    sandbox: str
    store: str | None
    ledger: str | None


def run_in_processes(plan: Plan, desk: Desk, jobs: int, *, store: str | None, ledger: str | None) -> Iterator[Outcome]:
    """Run the cells on this machine, `jobs` at a time; outcomes come as cells end.

    Each in a process of its own, since Inspect runs one agent per process. They die with this one.
    """
    files = _put_files(plan.worker, desk.store)
    context = multiprocessing.get_context("spawn")
    # One cell per process: what an evaluation leaves in memory goes with it.
    with ProcessPoolExecutor(jobs, context, _die_with, (os.getpid(),), max_tasks_per_child=1) as pool:
        pending = {
            pool.submit(_run_errand, Errand(cell, plan.worker, files, plan.sandbox, store, ledger)): cell
            for cell in plan.cells()
        }
        for future in as_completed(pending):
            cell = pending[future]
            try:
                yield future.result()
            except BrokenProcessPool:
                yield Outcome(cell.task, cell.number, "failed", "The process of this cell, or of one beside it, died.")


def _die_with(parent: int) -> None:
    """Let the kernel end this process when `parent` ends, however that happens."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def run_on_ray(plan: Plan, desk: Desk, address: str, *, store: str | None, ledger: str | None) -> Iterator[Outcome]:
    """Run the cells on the cluster at `address`; outcomes come as cells end.

    A cell whose machine dies is sent out again. Graphics processors are Ray's resource `GPU`. All machines must reach
    `store` and `ledger`; without URLs these are this machine's own, which serves a cluster on one machine.
    """
    try:
        import ray
    except ModuleNotFoundError:
        raise Unavailable("A cluster needs Ray: install it with `pip install 'assay[ray]'`.") from None
    reach(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise Unavailable(f"There is no Ray cluster at {address}: {str(error).splitlines()[0][:200]}") from None
    try:
        files = _put_files(plan.worker, desk.store)
        # Errors of ours come back as outcomes; what Ray retries is the death of a machine or process.
        remote = ray.remote(max_retries=5)(_run_errand)
        pending = {}
        for cell in plan.cells():
            try:
                arena, task = find_task(cell.task)
                arena.stage(task, desk.store)  # here, where the data are: other machines read the store
            except AssayError as error:
                yield Outcome(cell.task, cell.number, "failed", str(error))
                continue
            errand = Errand(cell, plan.worker, files, plan.sandbox, store, ledger)
            pending[remote.options(num_cpus=1, num_gpus=cell.budget.gpus).remote(errand)] = cell
            desk.report(f"{cell.task.partition('/')[2]} #{cell.number}: sent to the cluster")
        while pending:
            (reference, *_), _ = ray.wait(list(pending), num_returns=1)
            cell = pending.pop(reference)
            try:
                yield ray.get(reference)
            except ray.exceptions.RayError as error:
                why = f"The cluster lost this cell: {str(error).splitlines()[0][:200]}"
                yield Outcome(cell.task, cell.number, "failed", why)
    finally:
        ray.shutdown()


def _run_errand(errand: Errand) -> Outcome:
    """On another machine: fetch the worker's files, run the cell, sign it into the common ledger."""
    try:
        with tempfile.TemporaryDirectory(prefix="assay-errand-") as name, open_ledger(errand.ledger) as ledger:
            store = open_store(errand.store)
            files = _get_files(errand.files, store, Path(name))
            worker = replace(errand.worker, files=files)  # type: ignore[type-var]  # every worker is a dataclass
            return run_cell(errand.cell, worker, errand.sandbox, Desk(store, ledger))
    except AssayError as error:
        return Outcome(errand.cell.task, errand.cell.number, "failed", str(error))


def _put_files(worker: Worker, store: Store) -> dict[str, Digest]:
    found = {}
    with tempfile.TemporaryDirectory(prefix="assay-errand-") as place:
        for number, (name, path) in enumerate(sorted(worker.files.items())):
            folder = Path(place) / str(number)
            folder.mkdir()
            copy = functools.partial(shutil.copytree, symlinks=True) if path.is_dir() else shutil.copy2
            copy(path, folder / name)
            found[name] = store.put_tree(folder).digest
    return found


def _get_files(files: dict[str, Digest], store: Store, folder: Path) -> dict[str, Path]:
    found = {}
    for number, (name, digest) in enumerate(files.items()):
        if not store.has(digest):
            raise Unavailable(
                "This machine's store does not have the worker's files: give the cluster one store and one ledger, "
                "--store and --ledger URLs that all of its machines reach."
            )
        store.get_tree(digest, folder / str(number))
        found[name] = folder / str(number) / name
    return found
