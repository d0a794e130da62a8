"""What PostTrainBench published, as data: benchmarks, models, baselines, and whose row is in which file.

The figures lie in `published.toml`, with their source. This file only reads them.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from assay.posttrain.board.cells import Baseline, Benchmark, Point


@dataclass(frozen=True)
class Model:
    """A base model of the matrix, its instruct sibling, and where the base comes from."""

    name: str
    tasks: tuple[str, ...]
    instruct: str
    hub: str


@dataclass(frozen=True)
class Row:
    """An agent of the published table. `key` names its files; `table_1` is its place in the paper, if it has one."""

    agent: str
    key: str
    table_1: int | None


@dataclass(frozen=True)
class Repeat:
    """Files named by `key` that tell nothing that those named by `of` do not tell."""

    key: str
    of: str
    why: str


@dataclass(frozen=True)
class Published:
    source: str
    benchmarks: tuple[Benchmark, ...]
    models: tuple[Model, ...]
    baselines: Mapping[str, Baseline]
    rows: tuple[Row, ...]
    repeats: tuple[Repeat, ...]
    task_names: Mapping[str, str]  # of benchmarks in our own tasks, to their published names

    @property
    def bases(self) -> tuple[str, ...]:
        return tuple(model.name for model in self.models)


@cache
def published() -> Published:
    document = tomllib.loads(files("assay.posttrain.board").joinpath("published.toml").read_text("utf-8"))
    task_names = {task: row["name"] for row in document["benchmarks"] for task in row.pop("tasks")}
    benchmarks = tuple(Benchmark(**row) for row in document["benchmarks"])
    sizes = {benchmark.name: benchmark.items for benchmark in benchmarks}
    return Published(
        source=document["source"],
        benchmarks=benchmarks,
        models=tuple(Model(**{**row, "tasks": tuple(row["tasks"])}) for row in document["models"]),
        baselines={
            kind: {
                (benchmark, model): Point(100 * share, sizes[benchmark])
                for model, shares in table.items()
                for benchmark, share in shares.items()
            }
            for kind, table in document["baselines"].items()
        },
        rows=tuple(Row(row["agent"], row["key"], row.get("table_1")) for row in document["rows"]),
        repeats=tuple(Repeat(**row) for row in document["repeats"]),
        task_names=task_names,
    )
