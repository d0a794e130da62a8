"""How often the leaderboard's 95 % intervals hold the truth, on worlds where the truth is known.

A world has agents with effects of base models, of runs and of test items, drawn anew each time. Prints, for each kind
of world and each scope, the share of intervals that held the true value, of one agent's average and of the difference
between two, with its own 95 % interval. `python benchmarks/leaderboard.py --worlds 1000`
"""

import argparse
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from assay.posttrain.board.bootstrap import Resampler, Scope, student, wilson
from assay.posttrain.board.cells import Benchmark, Board, Cell, Items, Status
from assay.posttrain.board.scoring import Missing, score_agent


@dataclass(frozen=True)
class World:
    """Sizes, and standard deviations of effects on the logit of a right answer."""

    name: str
    models: int = 4
    runs: int = 3
    items: int = 100
    benchmarks: int = 3
    of_models: float = 0.4
    of_runs: float = 0.4
    of_items: float = 1.0
    item_scores: bool = True  # whether the board is told each item's score, or the mean alone


WORLDS = (
    World("4 models, 3 runs"),
    World("4 models, 3 runs, means only", item_scores=False),
    World("4 models, 1 run", runs=1),
    World("2 models, 3 runs", models=2),
    World("4 equal models, 3 runs", of_models=0.0),
    World("4 models, 3 equal runs", of_runs=0.0),
    World("1 model, 1 run", models=1, runs=1),
    World("1 model, 5 runs", models=1, runs=5),
    World("4 models, 1 run, means only, uneven items", runs=1, of_items=2.5, item_scores=False),
    World("4 models, 3 runs, 30 items", items=30),
)
_AGENTS = ("left", "right")
_MANY = 3000  # runs, models or items that stand for all there could be


def simulate(world: World, seed: int, resamples: int) -> Counter[tuple[str, Scope, bool]]:
    """One world: for each quantity and scope, whether its interval held the truth."""
    chance = np.random.default_rng(seed)
    board, truth = _world(world, chance)
    draw = Resampler(board.weights, board.models, resamples=resamples, seed=seed)
    made = {name: draw.contender(score_agent(board, name, Missing.DROP)) for name in _AGENTS}
    left, right = (made[name] for name in _AGENTS)
    found: Counter[tuple[str, Scope, bool]] = Counter()
    for quantity, estimate, spread, true in (
        ("average", left.scored.average, draw.spread(left), {s: truth["left"][s] for s in Scope}),
        (
            "difference",
            (left.scored.average or 0) - (right.scored.average or 0),
            draw.spread(left, right),
            {s: truth["left"][s] - truth["right"][s] for s in Scope},
        ),
    ):
        for scope, half in spread.half.items():
            if half is not None and estimate is not None:
                found[quantity, scope, abs(estimate - true[scope]) <= half] += 1
    return found


def _world(world: World, chance: np.random.Generator) -> tuple[Board, dict[str, dict[Scope, float]]]:
    """A board, and for each agent the true average that each scope speaks about."""
    benchmarks = [f"b{i}" for i in range(world.benchmarks)]
    models = [f"m{i}" for i in range(world.models)]
    common = world.of_models * chance.standard_normal((world.benchmarks, world.models))  # easy and hard models
    items = [world.of_items * chance.standard_normal(world.items) for _ in benchmarks]
    cells, truth = [], {}
    for agent, level in zip(_AGENTS, (0.0, 0.3), strict=True):
        truth[agent] = dict.fromkeys(Scope, 0.0)
        for b, benchmark in enumerate(benchmarks):
            of_models = common[b] + world.of_models * chance.standard_normal(world.models)
            truth[agent][Scope.MODELS] += 100 * _over_models(level, world, chance) / world.benchmarks
            for m, model in enumerate(models):
                part = 100 / (world.benchmarks * world.models)
                runs = world.of_runs * chance.standard_normal(world.runs)
                own = 0.7 * chance.standard_normal(world.items)  # what is hard for this agent and model alone
                others = level + of_models[m] + world.of_runs * chance.standard_normal(_MANY)
                wide = np.hypot(world.of_items, 0.7) * chance.standard_normal(_MANY)
                truth[agent][Scope.RUNS] += part * _sigmoid(others + wide).mean()
                for r in range(world.runs):
                    here = level + of_models[m] + runs[r]
                    truth[agent][Scope.ITEMS] += part / world.runs * _sigmoid(here + wide).mean()
                    right = chance.random(world.items) < _sigmoid(here + items[b] + own)
                    names = tuple(map(str, range(world.items)))
                    kept = Items(names, names, tuple(right.astype(float))) if world.item_scores else None
                    score = 100 * float(right.mean())
                    cells.append(Cell(agent, model, benchmark, str(r), Status.SCORED, score, world.items, items=kept))
    board = Board(
        title="simulated",
        benchmarks=tuple(Benchmark(name, name, name, world.items) for name in benchmarks),
        models=tuple(models),
        cells=tuple(cells),
        baselines={},
        weights={name: 1 / len(benchmarks) for name in benchmarks},
        weights_from="equal",
    )
    return board, truth


def _over_models(level: float, world: World, chance: np.random.Generator) -> float:
    sizes = (2 * world.of_models**2, world.of_runs**2, world.of_items**2, 0.7**2)
    return float(_sigmoid(level + np.sqrt(sum(sizes)) * chance.standard_normal(20 * _MANY)).mean())


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def coverage(world: World, worlds: int, resamples: int) -> dict[tuple[str, Scope], tuple[int, int]]:
    """For each quantity and scope: how many intervals held the truth, of how many."""
    total: Counter[tuple[str, Scope, bool]] = Counter()
    for seed in range(worlds):
        total += simulate(world, seed, resamples)
    keys = sorted({(quantity, scope) for quantity, scope, _ in total})
    return {k: (total[(*k, True)], total[(*k, True)] + total[(*k, False)]) for k in keys}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=500)
    asked = parser.parse_args()
    student(3.0)
    print(f"{'world':<44} {'of':<11} {'scope':<7} held the truth (95 % interval), n = {asked.worlds}")
    for world in WORLDS:
        start = time.monotonic()
        for (quantity, scope), (held, of) in coverage(world, asked.worlds, asked.resamples).items():
            low, high = wilson(held / of, of)
            span = f"{100 * held / of:5.1f} % ({100 * low:.1f} to {100 * high:.1f})"
            print(f"{world.name:<44} {quantity:<11} {scope:<7} {span}")
        print(f"{'':<44} {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
