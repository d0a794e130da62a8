"""Every attack, one network after the other: what each cost the others, and what it got. Resumable, one file per run.

A run with attackers is compared with a clean run of as many honest peers, with the same seed. What does not hold is
printed with the rest.
"""

import json
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from assay.core.digest import canonical_json, digest_bytes
from assay.pretrain.data import Corpus
from assay.pretrain.keeping import write_whole
from assay.pretrain.recipe import Recipe
from assay.pretrain.simulation.attacks import ATTACKS, MIXTURES
from assay.pretrain.simulation.liars import LIARS
from assay.pretrain.simulation.network import Cast, Network
from assay.pretrain.simulation.summary import Summary, summarise

# What a defence promises (each line of the table says whether it holds).
WORST_LOSS = 1.01  # times the clean run's
WORST_ROUNDS = 10
MOST_REWARD = 0.02

Report = Callable[[str], None]


@dataclass(frozen=True)
class Line:
    """One attack, over all seeds."""

    name: str
    loss: float  # median of final loss over the clean run's
    rounds: tuple[float, int]  # until excluded: median and worst over attackers and seeds
    captured: float  # worst
    honest_expelled: int  # in all seeds together
    aggregated: int  # contributions of attackers that were aggregated, in all seeds

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
    for name, (one, other) in MIXTURES.items():
        half = attackers // 2
        found[name] = Cast(honest, (one,) * (attackers - half) + (other,) * half)
    for name in LIARS:
        found[f"validator: {name}"] = Cast(honest, (), ("honest", "honest", name))
    return found


def run(
    recipe: Recipe,
    corpus: Corpus,
    folder: Path,
    *,
    honest: int,
    attackers: int,
    rounds: int,
    seeds: Sequence[int],
    names: Sequence[str] | None,
    report: Report,
) -> Iterator[Line]:
    """Run what has not been run, and give a line for each attack."""
    known = casts(honest, attackers)
    for name in names or known:
        runs, clean = [], []
        for seed in seeds:
            clean.append(_one(recipe, corpus, folder, "clean", Cast(honest), rounds, seed, report))
            runs.append(_one(recipe, corpus, folder, name, known[name], rounds, seed, report))
        yield _line(name, runs, clean)


def _line(name: str, runs: Sequence[Summary], clean: Sequence[Summary]) -> Line:
    excluded = [after for one in runs for after in one.excluded_after.values()] or [0]
    return Line(
        name=name,
        loss=statistics.median(one.loss / other.loss for one, other in zip(runs, clean, strict=True)),
        rounds=(statistics.median(excluded), max(excluded)),
        captured=max(one.captured for one in runs),
        honest_expelled=sum(len(one.honest_expelled) for one in runs),
        aggregated=sum(one.selected_harm for one in runs),
    )


def _one(
    recipe: Recipe, corpus: Corpus, folder: Path, name: str, cast: Cast, rounds: int, seed: int, report: Report
) -> Summary:
    key = digest_bytes(canonical_json([recipe.digest, corpus.digest, asdict(cast), rounds, seed]))[7:19]
    kept = folder / f"{name.replace(': ', '-')}-{seed}-{key}.json"
    if kept.is_file():
        found = json.loads(kept.read_bytes())
        return Summary(**found | {"excluded_after": {int(uid): n for uid, n in found["excluded_after"].items()}})
    report(f"{name}, seed {seed}")
    place = folder / "running"
    shutil.rmtree(place, ignore_errors=True)
    summary = summarise(cast, Network(recipe, corpus, cast, place, seed=seed).run(rounds))
    write_whole(kept, json.dumps(asdict(summary), sort_keys=True).encode())
    shutil.rmtree(place)
    return summary
