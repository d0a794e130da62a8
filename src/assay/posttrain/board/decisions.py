"""A board from our own ledger: one cell for each run of a worker on a task BENCHMARK:MODEL.

The latest verdict on a run counts. A submission that broke a rule is flagged, one whose audit could not be finished is
undecided: neither counts as a score. Item scores come from the record `items` of a verdict, where there is one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.core.digest import Digest
from assay.core.errors import AssayError, BadInput
from assay.core.ledger import Entry
from assay.core.plain import one_line
from assay.core.store import Store
from assay.core.verdict import Measure, Outcome, Severity, Verdict
from assay.posttrain.board.cells import BASE, Baseline, Benchmark, Board, Cell, Items, Point, Status, agent_name
from assay.posttrain.board.published import Published, published
from assay.posttrain.board.scoring import equal_weights
from assay.posttrain.board.tables import weights_of
from assay.web.decision import Decision, read_all

ARENA = "posttrain/"
ACCURACY, BASE_ACCURACY = "accuracy", "base accuracy"  # the measures of this arena's verifier
ITEMS = "items"  # the record with a line per test item
MAX_ITEMS = 16 << 20  # bytes: 100,000 items of 160 bytes
_MAX_LINES = 200_000
_NAME = 100  # characters of a benchmark's or model's name


class _Line(BaseModel):
    """One test item in the record `items`: scores from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: str = Field(max_length=500)
    group: str = Field(max_length=500)
    base: float = Field(ge=0, le=1)
    submission: float = Field(ge=0, le=1)


@dataclass(frozen=True)
class ItemScores:
    """Both sides of one evaluation, item by item."""

    base: Items
    submission: Items


def of_this_arena(entries: Iterable[Entry], patterns: Sequence[str] = ()) -> list[Decision]:
    """The verdicts that count: of this arena and of tasks like one of `patterns`, the latest on each run, in order."""
    latest: dict[str, Decision] = {}
    for decision in read_all(entries)[0]:
        name = decision.verdict.task.removeprefix(ARENA)
        if not decision.verdict.task.startswith(ARENA) or ":" not in name:
            continue
        if patterns and not any(fnmatchcase(name, pattern) for pattern in patterns):
            continue
        run = f"run {decision.run.id}" if decision.run else decision.verdict.submission
        latest.pop(run, None)
        latest[run] = decision
    return list(latest.values())


def status_of(decision: Decision) -> tuple[Status, str]:
    """What became of a submission, and the reason for anything but a score. What a person decided over it counts."""
    verdict, override = decision.verdict, decision.override
    if override is not None:
        why = f"overridden by {override.author}: {override.reason}"
        return _overridden(override.outcome, measure(verdict, ACCURACY) is not None), why
    severities = {finding.severity for finding in verdict.findings}
    if Severity.VIOLATION in severities:
        return Status.FLAGGED, verdict.reason
    if measure(verdict, ACCURACY) is None:
        return Status.BROKEN, verdict.reason
    if Severity.UNDECIDED in severities:
        return Status.UNDECIDED, verdict.reason
    return Status.SCORED, ""


def _overridden(outcome: Outcome, measured: bool) -> Status:
    if outcome is Outcome.REJECTED:
        return Status.FLAGGED
    if not measured:
        return Status.BROKEN
    return Status.SCORED if outcome is Outcome.ACCEPTED else Status.UNDECIDED


def measure(verdict: Verdict, name: str) -> Measure | None:
    return next((m for m in verdict.measures if m.name == name and m.unit in ("%", "points")), None)


def place(verdict: Verdict) -> tuple[str, str]:
    """Benchmark and model of a task's name, BENCHMARK:MODEL or BENCHMARK:MODEL:MODE.

    Another mode measures on other items: it is a benchmark of its own.
    """
    benchmark, _, rest = verdict.task.removeprefix(ARENA).partition(":")
    model, _, mode = rest.partition(":")
    return one_line(f"{benchmark} ({mode})" if mode else benchmark, _NAME), one_line(model, _NAME)


def read_items(store: Store, digest: Digest) -> ItemScores:
    """The record `items`. Raises `AssayError` if it is not there or not well-formed."""
    data = store.get_bytes(digest, MAX_ITEMS)
    lines = data.splitlines()
    if not 0 < len(lines) <= _MAX_LINES:
        raise BadInput(f"{digest} has {len(lines)} lines: a record of items has 1 to {_MAX_LINES}.")
    try:
        rows = [_Line.model_validate_json(line) for line in lines]
    except ValidationError:
        raise BadInput(f"{digest} is not a record of items.") from None
    ids, groups = tuple(row.id for row in rows), tuple(row.group for row in rows)
    if len(set(ids)) != len(ids):
        raise BadInput(f"{digest} names an item twice.")
    return ItemScores(
        Items(ids, groups, tuple(row.base for row in rows)), Items(ids, groups, tuple(row.submission for row in rows))
    )


def ledger_board(decisions: Sequence[Decision], store: Store) -> Board:
    """The board of these verdicts. `BadInput` if there is none."""
    if not decisions:
        raise BadInput("The ledger has no verdict on a post-training task here: `assay run` makes one.")
    notes: list[str] = []
    decisions = _of_one_version(decisions, notes)
    keys = {decision.key_id for decision in decisions}
    if len(keys) > 1:
        notes.append(f"These verdicts were signed by {len(keys)} different keys: `assay ledger log` shows which.")
    cells: list[Cell] = []
    base: dict[tuple[str, str], Point] = {}
    runs: dict[tuple[str, str, str], int] = {}
    for decision in decisions:
        where = place(decision.verdict)
        scores = _scores(decision, store, notes)
        agent = agent_name(decision.worker)
        runs[agent, *where] = runs.get((agent, *where), 0) + 1
        cells.append(_cell(decision, agent, where, str(runs[agent, *where]), scores))
        theirs = measure(decision.verdict, BASE_ACCURACY)
        if theirs is not None and _is_share(theirs):
            base[where] = Point(theirs.value, theirs.n, scores.base if scores else None)
    return _board(cells, base, notes)


def _board(cells: list[Cell], base: dict[tuple[str, str], Point], notes: list[str]) -> Board:
    known = published()
    names, models = _matrix(cells, known)
    places = list(dict.fromkeys((cell.benchmark, cell.model) for cell in cells))
    published_ones = [p for p in places if p[0] in known.task_names and _published_model(p[1], known)]
    official = len(published_ones) == len(places)
    if published_ones and not official:
        notes.append(
            "Tasks of the published matrix and others are averaged together, with equal weights: choose with --task."
        )
    baselines: dict[str, Baseline] = {BASE: base}
    weights, why = equal_weights(names), "equal: the published weights hold for the published matrix only"
    if official:
        names, models = [b.name for b in known.benchmarks], list(known.bases)
        places = [(name, model) for name in names for model in models]
        cells = [_renamed(cell, known) for cell in cells]
        own = {(known.task_names[b], _published_model(m, known) or m): point for (b, m), point in base.items()}
        baselines = {**known.baselines, BASE: {**known.baselines[BASE], **own}}
        weights, why = weights_of(known.baselines, known), "as published (PostTrainBench, equation 1)"
    cells += _absent(cells, places)
    return Board(
        title="Post-training",
        benchmarks=tuple(_benchmark(name, cells, known) for name in names),
        models=tuple(models),
        cells=tuple(cells),
        baselines=baselines,
        weights=weights,
        weights_from=why,
        notes=tuple(notes),
    )


def _cell(decision: Decision, agent: str, where: tuple[str, str], run: str, scores: ItemScores | None) -> Cell:
    status, detail = status_of(decision)
    found = measure(decision.verdict, ACCURACY)
    if found is not None and not _is_share(found):
        status, detail, found = Status.BROKEN, "the accuracy in the verdict is not between 0 and 100 per cent", None
    return Cell(
        agent=agent,
        model=where[1],
        benchmark=where[0],
        run=run,
        status=status,
        score=found.value if found else None,
        n=found.n if found else 0,
        interval=found.interval if found else None,
        items=scores.submission if scores and found else None,
        detail=one_line(detail, 300),
        entry=decision.index,
    )


def _scores(decision: Decision, store: Store, notes: list[str]) -> ItemScores | None:
    digest = decision.records.get(ITEMS)
    if digest is None:
        return None
    try:
        return read_items(store, digest)
    except AssayError as error:
        notes.append(f"Entry {decision.index}: item scores are not used. {error}")
        return None


def _of_one_version(decisions: Sequence[Decision], notes: list[str]) -> list[Decision]:
    """Only verdicts on the latest version of each task: others answer another question."""
    versions = {decision.verdict.task: decision.verdict.task_digest for decision in decisions}
    kept = [d for d in decisions if d.verdict.task_digest == versions[d.verdict.task]]
    if len(kept) < len(decisions):
        left = ", ".join(f"#{d.index}" for d in decisions if d not in kept)
        notes.append(f"Entries about another version of their task are left out: {one_line(left, 300)}.")
    return kept


def _is_share(found: Measure) -> bool:
    return 0 <= found.value <= 100


def _matrix(cells: Sequence[Cell], known: Published) -> tuple[list[str], list[str]]:
    """Benchmarks and models, in the published order as far as there is one."""
    order = list(known.task_names)
    names = sorted({c.benchmark for c in cells}, key=lambda n: (order.index(n) if n in order else len(order), n))
    return names, sorted({cell.model for cell in cells})


def _published_model(name: str, known: Published) -> str | None:
    return next((model.name for model in known.models if name in model.tasks), None)


def _renamed(cell: Cell, known: Published) -> Cell:
    model = _published_model(cell.model, known) or cell.model
    return Cell(**{**vars(cell), "benchmark": known.task_names[cell.benchmark], "model": model})


def _absent(cells: Sequence[Cell], places: Sequence[tuple[str, str]]) -> list[Cell]:
    """A cell without a submission for each of the tasks, `places`, that an agent has none for."""
    there = {(cell.agent, cell.benchmark, cell.model) for cell in cells}
    return [
        Cell(agent, model, name, "1", Status.NOT_SUBMITTED, None, 0, detail="no verdict in the ledger")
        for agent in dict.fromkeys(cell.agent for cell in cells)
        for name, model in places
        if (agent, name, model) not in there
    ]


def _benchmark(name: str, cells: Sequence[Cell], known: Published) -> Benchmark:
    size = max((cell.n for cell in cells if cell.benchmark == name), default=0)
    title = known.task_names.get(name, name)
    match = next((b for b in known.benchmarks if b.name == title), None)
    return Benchmark(name, match.title if match else name, match.short if match else name, size)
