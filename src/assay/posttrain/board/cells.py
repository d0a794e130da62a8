"""The nouns of a board: a cell is one agent's result on one base model and one benchmark in one run.

A status is kept apart from a score: whether anything was handed in, whether it could be evaluated, whether it was
caught cheating. What counts in its place is the business of a named rule (`scoring`), never of the cell.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from assay.core.digest import digest_bytes
from assay.core.plain import one_line
from assay.core.verdict import Interval

BASE, FEW_SHOT, INSTRUCT = "base", "few-shot", "instruct"
BASELINE_TITLES = {BASE: "base model, zero-shot", FEW_SHOT: "base model, few-shot", INSTRUCT: "official instruct"}


class Status(StrEnum):
    """What became of a cell."""

    SCORED = "scored"  # handed in, evaluated, nothing found against it
    NOT_SUBMITTED = "not-submitted"  # there was no run, or it left nothing that could be evaluated
    BROKEN = "broken"  # handed in, but the evaluation failed
    FLAGGED = "flagged"  # evaluated, and found to break a rule
    UNDECIDED = "undecided"  # evaluated, but evidence is missing: never counted as a pass
    UNSTATED = "unstated"  # a published figure that may be a score, or the base's put in its place


COUNTED = (Status.SCORED, Status.UNSTATED)  # statuses whose score is an agent's own, as far as is known

MEANINGS = {
    Status.SCORED: "handed in, evaluated, nothing found against it",
    Status.NOT_SUBMITTED: "nothing was handed in that could be evaluated",
    Status.BROKEN: "handed in, but the evaluation failed",
    Status.FLAGGED: "evaluated, and found to break a rule",
    Status.UNDECIDED: "evaluated, but evidence is missing, so it is not known whether a rule was broken",
    Status.UNSTATED: "a published figure: the source does not say whether it is a score or the base's in its place",
}


_LONGEST = 80  # characters of an agent's name: a worker may be a long command


def agent_name(text: str) -> str:
    """A worker's or method's name as the board has it: on one line, never cut to another's, never a baseline's."""
    name = one_line(text, _LONGEST)
    if name != text:
        mark = digest_bytes(text.encode("utf-8", "replace")).removeprefix("sha256:")[:7]
        name = f"{one_line(text, _LONGEST - 8)} {mark}"
    return f"agent {name}" if name in BASELINE_TITLES else name


@dataclass(frozen=True)
class Items:
    """Scores of single test items, 0 to 1. Items of one group are not independent and are resampled together."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Cell:
    """One result. `score` is in per cent, as measured, whatever the status; `None` if nothing was measured."""

    agent: str
    model: str
    benchmark: str
    run: str
    status: Status
    score: float | None
    n: int  # test items
    runs: int = 1  # how many runs `score` is the mean of
    spread: float | None = None  # standard deviation between those runs (n - 1), in points
    interval: Interval | None = None  # as the source gives it
    items: Items | None = None
    detail: str = ""  # why this status, in a few words
    entry: int | None = None  # in our ledger


@dataclass(frozen=True)
class Point:
    """A baseline's score in per cent on one model and benchmark."""

    score: float
    n: int
    items: Items | None = None


Baseline = Mapping[tuple[str, str], Point]  # by (benchmark, model)


@dataclass(frozen=True)
class Benchmark:
    """A column of the board."""

    name: str
    title: str
    short: str
    items: int


@dataclass(frozen=True)
class Source:
    """A file that was read, so that the board can be made again."""

    path: str
    what: str
    digest: str


@dataclass(frozen=True)
class Stated:
    """What a source says of an agent's average over its runs: all in per cent and points."""

    average: float
    spread: float | None
    runs: int


@dataclass(frozen=True)
class Board:
    """All that is compared. `weights` sum to 1 over `benchmarks`."""

    title: str
    benchmarks: tuple[Benchmark, ...]
    models: tuple[str, ...]
    cells: tuple[Cell, ...]
    baselines: Mapping[str, Baseline]
    weights: Mapping[str, float]
    weights_from: str
    stated: Mapping[str, Stated] = field(default_factory=dict)
    published_weights: Mapping[str, float] | None = None  # as a source gives them, to compare
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def agents(self) -> list[str]:
        """In the order of their first cells."""
        return list(dict.fromkeys(cell.agent for cell in self.cells))
