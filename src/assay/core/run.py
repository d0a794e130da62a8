"""The one flow: a task and a worker in, a signed verdict out. Knows no arena.

    stage inputs -> lay out -> work (sandboxed) -> take -> verify -> sign

Each step that is done is written down. Killed at any point, the same call continues: a worker that was at work starts
again in a clean workspace; from the submission on nothing is done twice.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from assay.core.arena import Arena, Examination, Report, Workplace, find_arena, find_task
from assay.core.budget import Budget
from assay.core.digest import Digest, canonical_json, digest_bytes, digest_file
from assay.core.errors import BadInput, Refused
from assay.core.home import home
from assay.core.ledger import Entry, Ledger
from assay.core.sandbox import Finished, Sample, Sandbox, Spec, open_sandbox, remove_tree
from assay.core.store import Store
from assay.core.store.tree import shown
from assay.core.submission import read_submission
from assay.core.task import Run, Task
from assay.core.verdict import Verdict
from assay.core.workers import Watch, Worker
from assay.core.workers.agent import LOG_FOLDER, AgentFinished

MAX_STATE = 16 << 20  # bytes of a run's own notes
MAX_NETWORK_REQUESTS = 10_000  # that are kept of one run


class State(BaseModel):
    """How far a run has come. Written whole, by renaming, after every step."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_: Literal["assay.run-state/1"] = Field(default="assay.run-state/1", alias="schema")
    id: str
    task: str
    worker: str
    inputs: dict[str, Digest] = Field(default_factory=dict)
    run: Run | None = None  # set when the worker has ended
    submission: Digest | None = None
    verdict: Verdict | None = None
    records: dict[str, Digest] = Field(default_factory=dict)
    index: int | None = None  # in the ledger
    refused: str | None = None

    @property
    def finished(self) -> bool:
        return self.index is not None or self.refused is not None


@dataclass(frozen=True)
class Result:
    """A finished run."""

    run: Run
    verdict: Verdict
    entry: Entry


@dataclass(frozen=True)
class Desk:
    """Where results go and who is told what is going on."""

    store: Store
    ledger: Ledger
    report: Report = lambda _: None


def run(
    task_id: str,
    worker: Worker,
    desk: Desk,
    *,
    budget: Budget | None = None,
    sandbox: str = "bubblewrap",
    watch: Watch | None = None,
    cell: str | None = None,
) -> Result:
    """Give `worker` the task, verify what it hands in, and sign the verdict into the ledger.

    A run with the name `cell` is done once, whoever asks for it and from wherever: asked again, its result is returned.
    Raises `Refused` if the worker left nothing that can be taken; that is final for this run.
    """
    arena, task = find_task(task_id)
    confinement = open_sandbox(sandbox)
    budget = budget or task.budget
    if cell is not None and (entry := _signed(desk, cell)) is not None:
        return _result(entry)
    with _unfinished(task, worker, budget, sandbox, cell) as (folder, state):
        if state.refused is not None:
            raise Refused(state.refused)
        if state.run is None:
            _work(arena, task, worker, budget, confinement, folder, state, desk, watch or Watch())
        if state.submission is None:
            _take(arena, task, folder, state, desk)
        assert state.run and state.submission  # noqa: S101 - for the type checker: set above or raised
        if state.verdict is None:
            examination = arena.verify(state.submission, desk.store, confinement, desk.report)
            state.verdict, state.records = examination.verdict, dict(examination.records)
            _save(folder, state)
        entry = _signed(desk, cell) if cell is not None else None  # signed just before an earlier try was killed
        if entry is None:
            key = f"cell:{cell}" if cell is not None else f"run:{state.id}"
            try:
                entry = _record(state.verdict, state.submission, state.records, desk, key=key)
            except BadInput:  # somebody who was thought dead has signed this cell in the meantime: theirs counts
                entry = _signed(desk, cell) if cell is not None else None
                if entry is None:
                    raise
        state.index = entry.index
        _save(folder, state)
        _sweep(folder)
        return _result(entry)


def _signed(desk: Desk, cell: str) -> Entry | None:
    """The entry of a run that has a name, if it is in the ledger."""
    return next(iter(desk.ledger.find(key=f"cell:{cell}")), None)


def _result(entry: Entry) -> Result:
    predicate = dict(entry.statement.predicate)
    run_document = {name: value for name, value in predicate["run"].items() if name != "records"}
    return Result(Run.model_validate(run_document), Verdict.model_validate(predicate["verdict"]), entry)


def submit(task_id: str, folder: Path, store: Store) -> Digest:
    """Take a folder that was made elsewhere as a submission. `Refused` if it does not fit the task."""
    arena, task = find_task(task_id)
    made_elsewhere = Run(id=f"folder-{time.time_ns():x}", worker="unknown", sandbox="unknown", budget=task.budget)
    if not folder.is_dir():
        raise BadInput(f"{shown(str(folder))} is not a folder: give the folder of a model, or a digest.")
    return arena.take(task, arena.stage(task, store), store, folder, made_elsewhere)


def verify(
    submission: Digest, desk: Desk, *, sandbox: str = "bubblewrap", cell: str | None = None
) -> tuple[Verdict, Entry]:
    """Verify a stored submission, again or for the first time, and sign the verdict; under a name, only once."""
    if cell is not None and (signed := _signed(desk, cell)) is not None:
        return _result(signed).verdict, signed
    examination = examine(submission, desk.store, sandbox=sandbox, report=desk.report)
    entry = _record(examination.verdict, submission, dict(examination.records), desk, key=cell and f"cell:{cell}")
    return examination.verdict, entry


def examine(
    submission: Digest, store: Store, *, sandbox: str = "bubblewrap", report: Report = lambda _: None
) -> Examination:
    """Verify a stored submission without writing it down."""
    arena = find_arena(read_submission(submission, store).task.partition("/")[0])
    return arena.verify(submission, store, open_sandbox(sandbox), report)


def _work(
    arena: Arena,
    task: Task,
    worker: Worker,
    budget: Budget,
    sandbox: Sandbox,
    folder: Path,
    state: State,
    desk: Desk,
    watch: Watch,
) -> None:
    """Let the worker work, in a workspace that is clean even if an earlier try was killed."""
    desk.report("Bringing the inputs into the store")
    state.inputs = arena.stage(task, desk.store)
    _sweep(folder)
    workspace, shelf, transcript = folder / "workspace", folder / "shelf", folder / "transcript"
    workspace.mkdir()
    shelf.mkdir()
    for name, source in worker.files.items():
        if source.is_dir():
            shutil.copytree(source, workspace / name, symlinks=True)
        else:
            shutil.copy2(source, workspace / name)
    limited = task.model_copy(update={"budget": budget})
    place = arena.lay_out(limited, state.inputs, desk.store, workspace, shelf, confined=sandbox.name != "none")
    before = _digests(shelf)
    desk.report(f"The worker is at work in the sandbox {sandbox.name!r}: {worker.name}")
    finished = worker.work(sandbox, _spec(workspace, budget, place, task), transcript, watch)
    after = _digests(shelf)
    state.run = Run(
        id=state.id,
        worker=worker.name,
        sandbox=sandbox.name,
        budget=budget,
        spent=finished.spent,
        exit_code=finished.exit_code,
        transcript=desk.store.put_file(transcript),
        changed_inputs=tuple(sorted(p for p in before.keys() | after.keys() if before.get(p) != after.get(p))[:1000]),
        meters=desk.store.put_bytes(_meters(finished)),
        network_log=desk.store.put_bytes(_network_log(finished)) if finished.network_log else None,
        agent=finished.agent if isinstance(finished, AgentFinished) else None,
        agent_log=_agent_log(finished, desk.store),
    )
    _save(folder, state)


def _network_log(finished: Finished) -> bytes:
    """What the worker asked of the proxy, the first of it where it asked a great deal."""
    asked = [asdict(request) for request in finished.network_log[:MAX_NETWORK_REQUESTS]]
    return canonical_json({"schema": "assay.network-log/1", "count": len(finished.network_log), "requests": asked})


def _agent_log(finished: Finished, store: Store) -> Digest | None:
    log = finished.log if isinstance(finished, AgentFinished) else None
    return store.put_file(log) if log is not None else None


def _spec(workspace: Path, budget: Budget, place: Workplace, task: Task) -> Spec:
    return Spec(
        workspace=workspace,
        budget=budget,
        mounts=place.mounts,
        hidden=place.hidden,
        environment=place.environment,
        network=task.network,
    )


def _take(arena: Arena, task: Task, folder: Path, state: State, desk: Desk) -> None:
    assert state.run  # noqa: S101 - for the type checker: the caller has seen to it
    try:
        state.submission = arena.take(task, state.inputs, desk.store, folder / "workspace", state.run)
    except Refused as error:
        state.refused = str(error)
        _save(folder, state)
        _sweep(folder)
        raise
    _save(folder, state)


def _record(verdict: Verdict, submission: Digest, records: dict[str, Digest], desk: Desk, key: str | None) -> Entry:
    about = {**read_submission(submission, desk.store).run.to_json(), "records": records}
    return desk.ledger.append_verdict(verdict, run=about, key=key)


def _meters(finished: Finished) -> bytes:
    """What the worker used over time, for plots."""

    def row(sample: Sample) -> list[float]:
        return [
            round(sample.elapsed_seconds, 2),
            round(sample.cpu_seconds, 2),
            sample.memory_bytes,
            sample.disk_bytes,
            sample.processes,
        ]

    thinned = finished.samples[:: max(1, len(finished.samples) // 2000)]
    return canonical_json(
        {
            "schema": "assay.meters/1",
            "columns": ["elapsed_seconds", "cpu_seconds", "memory_bytes", "disk_bytes", "processes"],
            "rows": [row(sample) for sample in thinned],
            "enforcement": finished.enforcement,
            "output_truncated": finished.output_truncated,
        }
    )


def file_digests(worker: Worker) -> dict[str, Any]:
    """What a worker brings, by content: two workers of one name and content are one."""
    return {
        name: digest_file(path) if path.is_file() else _digests(path) for name, path in sorted(worker.files.items())
    }


def _digests(folder: Path) -> dict[str, str]:
    """Content and permission of every file below `folder`, and links by their target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = f"{digest_file(path)} {path.stat().st_mode & 0o111:o}"
    return found


# The folder of a run -----------------------------------------------------------------------------------------------


@contextmanager
def _unfinished(
    task: Task, worker: Worker, budget: Budget, sandbox: str, cell: str | None
) -> Iterator[tuple[Path, State]]:
    """The folder and state of the run to go on with: an unfinished one of the same kind, else a new one. Locked.

    A run that has a name has one folder: if another process is at work in it, this one waits for it.
    """
    kind = [
        task.digest,
        worker.name,
        file_digests(worker),
        budget.model_dump(),
        sandbox,
        *([cell] if cell is not None else []),
    ]
    prefix = digest_bytes(canonical_json(kind)).removeprefix("sha256:")[:12]
    runs = home() / "runs"
    runs.mkdir(exist_ok=True)
    number = 0
    while True:
        number += 1
        folder = runs / f"{prefix}-{number}"
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if cell is None else 0))
            except BlockingIOError:
                continue  # another process is at work on it
            state = _load(folder) or State(id=folder.name, task=task.id, worker=worker.name)
            if not state.finished or cell is not None:
                yield folder, state
                return


def _load(folder: Path) -> State | None:
    path = folder / "state.json"
    if not path.exists():
        return None
    if path.stat().st_size > MAX_STATE:
        raise BadInput(f"{path} is too large to be a run's state: move the folder away and run again.")
    try:
        return State.model_validate_json(path.read_bytes())
    except ValueError:
        raise BadInput(f"{path} cannot be read: move the folder away and run again.") from None


def _save(folder: Path, state: State) -> None:
    place = folder / "state.json.new"
    with place.open("w") as file:
        json.dump(state.model_dump(mode="json", by_alias=True), file)
        file.flush()
        os.fsync(file.fileno())
    place.replace(folder / "state.json")


def _sweep(folder: Path) -> None:
    """Remove what the worker had: large, and in the store if it was taken."""
    for name in ("workspace", "shelf", LOG_FOLDER):
        if (folder / name).exists():
            remove_tree(folder / name)
    (folder / "transcript").unlink(missing_ok=True)
