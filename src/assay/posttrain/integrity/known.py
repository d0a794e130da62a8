"""What the rules know by name: data sets that hold test items, hosts of other people's models, instruct siblings.

The names are data (`known.toml`), so that a reader can check them and a user can see what a rule looks for.
"""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from assay.posttrain.integrity.case import Case


@dataclass(frozen=True)
class Benchmark:
    """How one benchmark is named, and which data sets hold its test items and why."""

    name: str
    tasks: tuple[str, ...]
    words: tuple[str, ...]
    itself: tuple[str, ...]
    holds: Mapping[str, str]


@dataclass(frozen=True)
class Known:
    benchmarks: tuple[Benchmark, ...]
    lookup: tuple[str, ...]
    hosts: tuple[str, ...]
    clients: frozenset[str]
    calls: frozenset[str]
    siblings: Mapping[str, tuple[str, ...]]

    def benchmark(self, case: Case) -> Benchmark | None:
        """The benchmark of the case's task, if it is a known one."""
        for benchmark in self.benchmarks:
            if case.benchmark in benchmark.tasks:
                return benchmark
        return None

    def siblings_of(self, case: Case) -> tuple[str, ...]:
        name = case.base_name.removesuffix("-base").removesuffix("-pt")
        return self.siblings.get(name, ())


@functools.cache
def known() -> Known:
    document = tomllib.loads((files("assay.posttrain.integrity") / "known.toml").read_text(encoding="utf-8"))
    benchmarks = tuple(
        Benchmark(name, tuple(b["tasks"]), tuple(b["words"]), tuple(b["itself"]), dict(b["holds"]))
        for name, b in document["benchmarks"].items()
    )
    hosted = document["hosted"]
    return Known(
        benchmarks=benchmarks,
        lookup=tuple(document["lookup"]["names"]),
        hosts=tuple(hosted["hosts"]),
        clients=frozenset(hosted["clients"]),
        calls=frozenset(hosted["calls"]),
        siblings={name: tuple(ids) for name, ids in document["siblings"].items()},
    )
