"""Every attack, one network after the other: what each cost the others, and what it got. Resumable, one file per run.

A run with attackers is compared with a clean run of as many honest peers, with the same seed. What does not hold is
printed with the rest.
"""

import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.scratch import scratch
from assay.core.store import open_store
from assay.core.whole import write_whole
from assay.pretrain.data import Corpus
from assay.pretrain.recipe import Recipe
from assay.pretrain.simulation.attacks import ATTACKS, MIXTURES
from assay.pretrain.simulation.liars import LIARS
from assay.pretrain.simulation.network import Cast, Network
from assay.pretrain.simulation.summary import Summary, summarise

# What a defence promises (each line of the table says whether it holds).
WORST_LOSS = 1.01  # times the clean run's
WORST_ROUNDS = 10
MOST_REWARD = 0.02

VERSION = 2  # of what is simulated: runs that were kept by an older one are run again
Report = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """One attack, over all seeds."""

    name: str
    loss: float  # median of final loss over the clean run's
    rounds: tuple[float, int]  # from the first lie until excluded: median and worst over attackers and seeds
    captured: float  # worst
    honest_expelled: int  # in all seeds together
    aggregated: int  # contributions of attackers that were aggregated, in all seeds
    seconds: float  # that one run took, median

    @property
    def fails(self) -> list[str]:
        """What does not hold."""
        return [
            what
            for what, broken in (
                ("loss", self.loss > WORST_LOSS),
                ("exclusion", self.rounds[1] > WORST_ROUNDS),
                ("reward", self.captured > MOST_REWARD),
                ("honest peers", self.honest_expelled > 0),
            )
            if broken
        ]


def casts(honest: int, attackers: int) -> dict[str, Cast]:
    """Every attack alone with `attackers` peers, the mixtures, and the dishonest validators, by name."""
    found = {name: Cast(honest, (name,) * attackers) for name in ATTACKS}
    for name, parts in MIXTURES.items():
        found[name] = Cast(honest, tuple(parts[number % len(parts)] for number in range(attackers)))
    for name in LIARS:
        attacks = ("backdoor",) * attackers if name == "accomplice" else ()
        found[f"validator: {name}"] = Cast(honest, attacks, ("honest", "honest", name))
    return found


def run(
    recipe: Recipe,
    text: Digest,
    folder: Path,
    *,
    honest: int,
    attackers: int,
    rounds: int,
    seeds: Sequence[int],
    names: Sequence[str] | None = None,
    jobs: int = 1,
    report: Report = lambda _: None,
) -> Iterator[Line]:
    """Run what has not been run; a line for each attack. `text`: the shards' manifest, in this home's store."""
    known = casts(honest, attackers)
    chosen = list(names or known)
    plan = {"clean": Cast(honest)} | {name: known[name] for name in chosen}
    tasks = {
        (name, seed): _Task(name, recipe, text, cast, rounds, seed) for name, cast in plan.items() for seed in seeds
    }
    _finish([task for task in tasks.values() if not task.kept(folder).is_file()], folder, jobs, report)
    kept = {key: _read(task.kept(folder)) for key, task in tasks.items()}
    for name in chosen:
        yield _line(name, [kept[name, seed] for seed in seeds], [kept["clean", seed] for seed in seeds])


@dataclass(frozen=True)
class _Task:
    """One run that is wanted."""

    name: str
    recipe: Recipe
    text: Digest
    cast: Cast
    rounds: int
    seed: int

    def kept(self, folder: Path) -> Path:
        """Where its result stands. Whatever changes the result changes the name."""
        what = [VERSION, self.recipe.digest, self.text, asdict(self.cast), self.rounds, self.seed]
        return folder / f"{self.name.replace(': ', '-')}-{self.seed}-{digest_bytes(canonical_json(what))[7:19]}.json"


@dataclass(frozen=True)
class Kept:
    """A finished run, as it stands in the folder."""

    summary: Summary
    seconds: float


def _line(name: str, runs: Sequence[Kept], clean: Sequence[Kept]) -> Line:
    summaries = [one.summary for one in runs]
    excluded = [after for one in summaries for after in one.excluded_after.values()] or [0]
    return Line(
        name=name,
        loss=statistics.median(one.summary.loss / other.summary.loss for one, other in zip(runs, clean, strict=True)),
        rounds=(statistics.median(excluded), max(excluded)),
        captured=max(one.captured for one in summaries),
        honest_expelled=sum(len(one.honest_expelled) for one in summaries),
        aggregated=sum(one.selected_harm for one in summaries),
        seconds=statistics.median(one.seconds for one in runs),
    )


def _finish(tasks: Sequence[_Task], folder: Path, jobs: int, report: Report) -> None:
    if jobs == 1:
        for task in tasks:
            report(_do(task, folder))
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_do, task, folder) for task in tasks]):
            report(done.result())


def _do(task: _Task, folder: Path) -> str:
    """Run a network and keep what it came to. A line that says so."""
    torch.set_num_threads(1)  # such small models take longer with more
    corpus, begun = Corpus(open_store(), task.text, task.recipe.model.context), time.monotonic()
    with scratch("campaign") as place:
        network = Network(task.recipe, corpus, task.cast, place / "network", seed=task.seed)
        summary = summarise(task.cast, network.run(task.rounds))
    found = Kept(summary, round(time.monotonic() - begun, 1))
    write_whole(task.kept(folder), json.dumps(asdict(found), sort_keys=True).encode())
    return f"{task.name}, seed {task.seed}: {found.seconds:.0f} s"


def _read(path: Path) -> Kept:
    found = json.loads(path.read_bytes())
    summary = found["summary"]
    summary["excluded_after"] = {int(uid): rounds for uid, rounds in summary["excluded_after"].items()}
    return Kept(Summary(**summary), found["seconds"])
