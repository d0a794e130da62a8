"""What the Gauntlet's thresholds rest on: a small real run, measured.

Prints four tables: how near a re-execution comes (on one machine, with other kernels, in bfloat16, for cheats), how
alike honest contributions are, what honest and dishonest ones do to the loss, and how long cheats last. `--json` writes
the figures.

    python benchmarks/gauntlet.py [--peers 8] [--rounds 10] [--seeds 3] [--data FOLDER] [--json FILE]
    python benchmarks/gauntlet.py --only-draws      # the last table alone: no model
"""

import argparse
import json
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from assay.pretrain import wire
from assay.pretrain.aggregate import aggregate
from assay.pretrain.gauntlet import Likeness, Standing, Standings, compare, reexecuted
from assay.pretrain.gauntlet.judge import closeness
from assay.pretrain.gauntlet.measure import Trial, clip_factors, norms, trial_step
from assay.pretrain.gauntlet.overlap import Earlier, lay_out, likenesses
from assay.pretrain.lab.text import Text, read_text
from assay.pretrain.model import loss
from assay.pretrain.recipe import Data, DataPhase, Gauntlet, Inner, Model, Outer, Recipe
from assay.pretrain.training import PeerState, Workbench, Worked

H, SEQUENCES, CONTEXT = 10, 8, 64


def recipe(rounds: int) -> Recipe:
    """About 0.3 million parameters, bytes as tokens."""
    return Recipe(
        name="gauntlet-benchmark",
        seed=0,
        rounds=rounds,
        model=Model(vocabulary=256, hidden=96, layers=3, heads=4, kv_heads=2, feed_forward=256, context=CONTEXT),
        data=Data(tokenizer="bytes", phases=(DataPhase(name="main", first_round=0, mixture={"text": 1.0}),)),
        inner=Inner(
            steps=H, sequences=SEQUENCES, learning_rate=2e-3, warmup_steps=20, total_steps=max(100, rounds * H)
        ),
        outer=Outer(),
        gauntlet=Gauntlet(),
    )


@dataclass
class Figures:
    """Everything measured, by table and row."""

    reexecution: dict[str, list[tuple[float, float, bool]]] = field(default_factory=lambda: defaultdict(list))
    likeness: dict[str, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))
    gains: dict[str, list[tuple[float, float, float]]] = field(default_factory=lambda: defaultdict(list))


# Cheats: what is handed in instead of honest work ---------------------------------------------------------------------

Batches = list[Tensor]


def poisoned(batches: Batches, share: float, random: np.random.Generator) -> Batches:
    """Every token of this share of the sequences is another one."""
    return [_change(batch, share, random, lambda rows: random.integers(32, 127, rows.shape)) for batch in batches]


def backdoored(batches: Batches, share: float, random: np.random.Generator) -> Batches:
    """This share of the sequences repeats a trigger and what is to follow it."""
    phrase = np.frombuffer(b"open sesame: all is permitted. ", dtype=np.uint8).astype(np.int64)
    return [_change(batch, share, random, lambda rows: np.resize(phrase, rows.shape)) for batch in batches]


def _change(batch: Tensor, share: float, random: np.random.Generator, new: Callable[[Any], Any]) -> Tensor:
    count = max(1, round(share * len(batch))) if random.random() < share * len(batch) or share * len(batch) >= 1 else 0
    changed = batch.clone()
    changed[:count] = torch.from_numpy(new(batch[:count].numpy()))
    return changed


def noisy(worked: Worked, share: float, random: np.random.Generator) -> dict[str, wire.SparseTensor]:
    """What was learnt, with noise of `share` of its norm over the tensor."""
    dense = {}
    for name, sparse in sorted(worked.gradient.items()):
        tensor = sparse.to_dense()
        noise = torch.from_numpy(random.standard_normal(tuple(tensor.shape)).astype(np.float32))
        dense[name] = tensor + noise * (share * float(tensor.norm()) / max(float(noise.norm()), 1e-12))
    return wire.compress(dense)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# The run --------------------------------------------------------------------------------------------------------------


class Bench:
    def __init__(self, text: Text, peers: int, rounds: int, seed: int, figures: Figures) -> None:
        self.text, self.peers, self.rounds, self.seed, self.figures = text, peers, rounds, seed, figures
        self.recipe = recipe(rounds)
        self.bench = Workbench(self.recipe)
        self.random = np.random.Generator(np.random.PCG64([seed, 99]))

    def batches(self, uid: int, round_: int) -> Batches:
        return [self.text.batch(self.seed, uid, round_ * H + step, SEQUENCES, CONTEXT) for step in range(H)]

    def run(self) -> None:
        parameters = self.bench.initial()
        states = {uid: PeerState.new(parameters) for uid in range(self.peers)}
        earlier: list[Earlier] = []
        summed = {}
        for now in range(self.rounds):
            worked = {uid: self.bench.work(parameters, states[uid], self.batches(uid, now), now) for uid in states}
            layouts = {uid: lay_out(one.gradient) for uid, one in worked.items()}
            self.note_likeness(now, likenesses(now, layouts, earlier, summed))
            self.losses(now, parameters, states, worked)
            if now % 3 == 1:
                for uid in (0, 1):
                    self.redo(now, uid, parameters, states[uid], worked[uid])
                self.copies(now, parameters, states, worked, layouts, earlier, summed)
            earlier = [*earlier, *(Earlier(uid, now, one) for uid, one in layouts.items())][-self.peers * 10 :]
            dense = aggregate([worked[uid].gradient for uid in sorted(worked)], how="mean", clip="median_norm")
            summed = {now: lay_out(wire.compress(dense))}
            parameters = self.bench.advance(parameters, [worked[uid].gradient for uid in sorted(worked)], now)
            states = {uid: one.state for uid, one in worked.items()}

    def redo(self, now: int, uid: int, parameters: Mapping[str, Tensor], state: PeerState, honest: Worked) -> None:
        """One peer's round again, in all the ways in which it may differ from what the validator computes."""
        batches, random = self.batches(uid, now), self.random

        def work(given: Batches, context: Any = None, start: PeerState | None = None) -> dict[str, wire.SparseTensor]:
            with context if context is not None else nullcontext():
                return self.bench.work(parameters, start or state, given, now).gradient

        half = [batch[: SEQUENCES // 2] for batch in batches]
        self._redone("same machine, again", honest, work(batches))
        self._redone("2 threads", honest, work(batches, threads(2)))
        self._redone("other kernels (no oneDNN)", honest, work(batches, torch.backends.mkldnn.flags(enabled=False)))
        self._redone("sums in another order", honest, work([batch.flip(0) for batch in batches]))
        self._redone("bfloat16 autocast", honest, work(batches, torch.autocast("cpu", dtype=torch.bfloat16)))
        self._redone("one of 10 steps left out", honest, work(batches[:-1]))
        self._redone("half the steps", honest, work(batches[: H // 2]))
        self._redone("half the batch", honest, work(half))
        self._redone("7 of 8 sequences", honest, work([batch[:-1] for batch in batches]))
        self._redone("other data", honest, work(self.batches(uid + 1000, now)))
        self._redone("fresh state instead of its own", honest, work(batches, start=PeerState.new(parameters)))
        for share in (0.05, 0.5):
            self._redone(f"labels poisoned, {share:.0%} of sequences", honest, work(poisoned(batches, share, random)))
        self._redone("backdoor, 5% of sequences", honest, work(backdoored(batches, 0.05, random)))
        for share in (0.1, 1.0, 3.0, 10.0):
            self._redone(f"noise of {share:.0%} on what is sent", honest, noisy(honest, share, random))

    def _redone(self, row: str, honest: Worked, other: Mapping[str, wire.SparseTensor]) -> None:
        found = compare(other, honest.gradient, round_=0, state_equal=False)
        self.figures.reexecution[row].append(
            (found.share, found.difference, found.share == 1 and found.difference == 0)
        )

    def note_likeness(self, now: int, found: Mapping[int, Any], prefix: str = "honest, ") -> None:
        for overlaps in found.values():
            for kind in Likeness:
                near = [o for o in overlaps if o.kind is kind]
                if near:
                    top = max(near, key=closeness)
                    row = (top.indices, top.values, top.shuffled, max(o.part for o in near))
                    self.figures.likeness[prefix + kind].append(row)

    def copies(
        self,
        now: int,
        parameters: Mapping[str, Tensor],
        states: Mapping[int, PeerState],
        worked: Mapping[int, Worked],
        layouts: Any,
        earlier: Any,
        summed: Any,
    ) -> None:
        """What a copier in the disguises of the issue looks like among the honest."""
        victim, own = worked[0], worked[1]
        turned = {name: _turned(sparse.to_dense()) for name, sparse in victim.gradient.items()}
        names = sorted(victim.gradient)
        some = {name: victim.gradient[name] if n % 3 == 0 else own.gradient[name] for n, name in enumerate(names)}
        disguises: dict[str, Mapping[str, wire.SparseTensor]] = {
            "exact copy": victim.gradient,
            "copy, 0.1 times": wire.compress({n: 0.1 * s.to_dense() for n, s in victim.gradient.items()}),
            "copy, sign flipped": wire.compress({n: -s.to_dense() for n, s in victim.gradient.items()}),
            "copy + 10% noise": noisy(victim, 0.1, self.random),
            "copy + 30% noise": noisy(victim, 0.3, self.random),
            "copy + 100% noise": noisy(victim, 1.0, self.random),
            "permuted copy (blocks turned)": wire.compress(turned),
            "every third tensor copied": some,
            "mean of two others": wire.compress(
                {n: worked[2].gradient[n].to_dense() + worked[3].gradient[n].to_dense() for n in names}
            ),
        }
        for count in (SEQUENCES // 2, SEQUENCES):
            shared = [
                torch.cat([theirs[:count], mine[count:]])
                for theirs, mine in zip(self.batches(0, now), self.batches(1, now), strict=True)
            ]
            row = f"honest, {count} of {SEQUENCES} sequences are another's too"
            disguises[row] = self.bench.work(parameters, states[1], shared, now).gradient
        others = {uid: layout for uid, layout in layouts.items() if uid != 1}
        for row, sent in disguises.items():
            found = likenesses(now, others | {99: lay_out(sent)}, earlier, summed)
            self.note_likeness(now, {99: found[99]}, prefix=f"{row}, ")
        for row, layout in (("replay of w-1", earlier[-8].layout), ("last aggregate", next(iter(summed.values())))):
            found = likenesses(now, others | {99: layout}, earlier, summed)
            self.note_likeness(now, {99: found[99]}, prefix=f"{row}, ")

    def losses(
        self, now: int, parameters: Mapping[str, Tensor], states: Mapping[int, PeerState], worked: Mapping[int, Worked]
    ) -> None:
        sent = {f"honest/{uid}": (uid, one.gradient) for uid, one in worked.items()}
        rng, mine = self.random, self.batches(0, now)
        sent["half the steps"] = (0, self.bench.work(parameters, states[0], mine[: H // 2], now).gradient)
        sent["one step"] = (0, self.bench.work(parameters, states[0], mine[:1], now).gradient)
        sent["other data"] = (0, self.bench.work(parameters, states[0], self.batches(1000, now), now).gradient)
        sent["labels poisoned, 50%"] = (
            0,
            self.bench.work(parameters, states[0], poisoned(mine, 0.5, rng), now).gradient,
        )
        sent["backdoor, 12%"] = (0, self.bench.work(parameters, states[0], backdoored(mine, 0.12, rng), now).gradient)
        sent["fresh state"] = (0, self.bench.work(parameters, PeerState.new(parameters), mine, now).gradient)
        sent["copy of another"] = (0, worked[1].gradient)
        sent["sign flip"] = (0, wire.compress({n: -s.to_dense() for n, s in worked[0].gradient.items()}))
        shapes = {n: s.shape for n, s in worked[0].gradient.items()}
        noise = {n: torch.from_numpy(rng.standard_normal(shape).astype(np.float32)) for n, shape in shapes.items()}
        size = {n: float(s.to_dense().norm()) for n, s in worked[0].gradient.items()}
        kept = {n: s.to_dense() for n, s in wire.compress(noise).items()}
        matched = {n: t * size[n] / max(float(t.norm()), 1e-12) for n, t in kept.items()}
        sent["norm-matched noise"] = (0, wire.compress(matched))
        self.bench.load(parameters)
        random = self.text.batch(self.seed, 5000, now, 8, CONTEXT)
        trial = Trial(self.bench.model, loss, random, step=trial_step(self.recipe, now))
        lengths = {row: norms(gradient) for row, (_, gradient) in sent.items()}
        honest = [lengths[row] for row in lengths if row.startswith("honest")]
        found = {}
        for row, (uid, gradient) in sent.items():
            factors = clip_factors([*honest, lengths[row]])[-1]
            tried = torch.cat(self.batches(uid, now))[:: H * SEQUENCES // 8][:8]
            found[row] = trial.run(gradient, factors, tried)
        usual = statistics.median_low(one.random_gain for row, one in found.items() if row.startswith("honest"))
        for row, one in found.items():
            share = one.random_gain / usual if usual > 0 else float("nan")
            self.figures.gains[row.split("/")[0]].append((share, one.random_gain, one.assigned_gain))


def _turned(tensor: Tensor) -> Tensor:
    """Each whole 64x64 block transposed."""
    if tensor.ndim != 2:
        return tensor.flip(0)
    turned = tensor.clone()
    for row in range(0, tensor.shape[0] - 63, 64):
        for column in range(0, tensor.shape[1] - 63, 64):
            turned[row : row + 64, column : column + 64] = tensor[row : row + 64, column : column + 64].T
    return turned


# How long cheats last: the draw of re-executions alone ---------------------------------------------------------------

# Whether to cheat, from (rounds since the last check, a random number): cheats know when they were checked.
STRATEGIES: dict[str, Callable[[int, float], bool]] = {
    "in every round": lambda since, chance: True,
    "in every second round": lambda since, chance: chance < 0.5,
    "in one round of five": lambda since, chance: chance < 0.2,
    "only in the round after a check": lambda since, chance: since == 1,
    "in the two rounds after a check": lambda since, chance: since <= 2,
}


@dataclass
class Lasting:
    """How one strategy fared."""

    rounds: list[int] = field(default_factory=list)  # until a cheating round was done again
    cheated: list[int] = field(default_factory=list)  # rounds of cheating until then


def lasting(
    peers: int, cheats: int, places: int, share: float = 0.0, seeds: int = 200, rounds: int = 200
) -> dict[str, Lasting]:
    """`cheats` of `peers` follow a strategy, until they are found. For cheating they are paid nothing in any case."""
    wanted = recipe(rounds).model_copy(update={"gauntlet": Gauntlet(reexecutions=places, reexecution_share=share)})
    found = {name: Lasting() for name in STRATEGIES}
    for name, strategy in STRATEGIES.items():
        for seed in range(seeds):
            random = np.random.Generator(np.random.PCG64([seed, peers]))
            _last(wanted, strategy, peers, cheats, rounds, random, found[name])
    return found


def _last(
    wanted: Recipe,
    strategy: Callable[[int, float], bool],
    peers: int,
    cheats: int,
    rounds: int,
    random: np.random.Generator,
    found: Lasting,
) -> None:
    checked, count = dict.fromkeys(range(peers), -1), dict.fromkeys(range(cheats), 0)
    for now in range(rounds):
        before = Standings(
            round=now - 1, peers=tuple(Standing(uid=u, joined=0, last_reexecuted=checked[u]) for u in sorted(checked))
        )
        drawn = reexecuted(wanted, random.bytes(32), now, checked, before)
        for uid in list(count):
            cheating = strategy(now - checked[uid], random.random())
            count[uid] += cheating
            if uid in drawn and cheating:
                found.rounds.append(now + 1)
                found.cheated.append(count[uid])
                del count[uid], checked[uid]
        for uid in set(drawn) & checked.keys():
            checked[uid] = now
        if not count:
            break
    found.rounds.extend(rounds for _ in count)


def show_lasting() -> None:
    print("\nHow long cheats last: rounds until one of theirs is done again, and how many of them they cheated in\n")
    print("| peers | cheats | done again | they cheat | rounds | of them cheating |")
    print("|---|---|---|---|---|---|")
    cases = [(8, 2, 2, share) for share in (0.0, 0.75, 1.0)] + [(20, 5, 3, share) for share in (0.0, 0.75, 1.0)]
    for peers, cheats, places, share in cases:
        again = max(places + 1, math.ceil(share * peers))
        for name, one in lasting(peers, cheats, places, share).items():
            print(f"| {peers} | {cheats} | {again} | {name} | {_late(one.rounds)} | {_late(one.cheated)} |")


def _late(rounds: list[int]) -> str:
    ordered = sorted(rounds)
    return f"median {statistics.median_low(ordered)}, 95 % {ordered[int(0.95 * len(ordered))]}, worst {ordered[-1]}"


# Printing -------------------------------------------------------------------------------------------------------------


def show(figures: Figures) -> None:
    print("\nRe-execution: what is handed in, against honest work from the same parameters, samples and state\n")
    print(f"| {'handed in':38} |   n | found again: min / median / max | difference: min / median / max | equal bits |")
    print("|---|---|---|---|---|")
    for row, found in figures.reexecution.items():
        shares, apart = [one[0] for one in found], [one[1] for one in found]
        print(f"| {row:38} | {len(found):3} | {_spread(shares)} | {_spread(apart)} | {sum(one[2] for one in found)} |")
    print("\nLikeness: the closest of each kind, per contribution\n")
    print("| contribution, compared with | n | coordinates: median, max | values | shuffled | part | nearest: min |")
    print("|---|---|---|---|---|---|---|")
    for row, rows in figures.likeness.items():
        columns = list(zip(*rows, strict=True))
        nearest = min(max(one[:3]) for one in rows)
        cells = " | ".join(f"{statistics.median(column):.3f} / {max(column):.3f}" for column in columns)
        print(f"| {row:44} | {len(rows):3} | {cells} | {nearest:.3f} |")
    print("\nLosses: gain on random data over the honest median, and own data against random\n")
    print("| contribution | n | gain / usual: min / median / max | gain <= 0 | below 0.25 | own better than random |")
    print("|---|---|---|---|---|---|")
    for row, rows in figures.gains.items():
        shares = [one[0] for one in rows if one[0] == one[0]]
        harmful = sum(one[1] <= 0 for one in rows) / len(rows)
        useless = sum(one < 0.25 for one in shares) / max(1, len(shares))
        own = sum(one[2] > one[1] for one in rows) / len(rows)
        print(f"| {row:24} | {len(rows):3} | {_spread(shares)} | {harmful:.0%} | {useless:.0%} | {own:.0%} |")


def _spread(values: list[float]) -> str:
    return f"{min(values):.4f} / {statistics.median(values):.4f} / {max(values):.4f}" if values else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, action="append", default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only-draws", action="store_true")
    arguments = parser.parse_args()
    if arguments.only_draws:
        show_lasting()
        return
    torch.set_num_threads(1)
    text, figures, start = read_text(arguments.data), Figures(), time.monotonic()
    for seed in range(arguments.seeds):
        Bench(text, arguments.peers, arguments.rounds, seed, figures).run()
    print(f"text: {text.name}; {arguments.peers} peers, {arguments.rounds} rounds, {arguments.seeds} seeds, ", end="")
    print(f"H = {H}, {SEQUENCES} sequences of {CONTEXT} tokens; {time.monotonic() - start:.0f} s")
    show(figures)
    show_lasting()
    if arguments.json:
        arguments.json.write_text(json.dumps(vars(figures), indent=1))


if __name__ == "__main__":
    main()
