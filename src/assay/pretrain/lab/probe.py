"""What an aggregate makes of an attack in one round: a quick look, where `robust` trains to the end.

Eight peers train honestly. In each round but the first few, every attack is tried on what six of them sent, with every
rule; nothing of it is applied. Measured is how far the aggregate is from the mean of the six: 0 would be as if nobody
had attacked, 1 as if the six had sent nothing, and more than 1 is worse than that.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from assay.pretrain.aggregate import AGGREGATES, aggregate, weigh
from assay.pretrain.lab.attacks import ATTACKS, dense
from assay.pretrain.lab.runs import Rounds, Settings
from assay.pretrain.lab.text import Text
from assay.pretrain.wire import compress

ATTACKERS = 2
FIRST = 4  # rounds that are not measured: the error feedback is still filling


@dataclass
class Seen:
    """What was measured of one rule under one attack, a value per round."""

    distances: list[float] = field(default_factory=list)
    caught: list[int] = field(default_factory=list)  # attackers of whom nothing was used
    wronged: list[int] = field(default_factory=list)  # honest peers of whom nothing was used


class Probe(Rounds):
    """A run of SparseLoCo whose rounds are looked at, and go on as if nothing had been."""

    def __init__(self, settings: Settings, text: Text) -> None:
        super().__init__(settings, text, lambda line: None)
        self.seen = {(attack, rule): Seen() for attack in ("nobody", *ATTACKS) for rule in AGGREGATES}

    def _count(self, contributions: list[Any]) -> None:
        super()._count(contributions)
        if self.exchanges <= FIRST:
            return
        honest = contributions[:-ATTACKERS]
        truth = aggregate(honest, "mean", "none")
        seen = [dense(one) for one in honest]
        for (attack, rule), record in self.seen.items():
            sent = [*honest, *self._attackers(attack, contributions[-ATTACKERS:], seen)]
            left_out = weigh(sent, rule).left_out
            record.distances.append(distance(aggregate(sent, rule), truth))
            record.caught.append(sum(one >= len(honest) for one in left_out))
            record.wronged.append(sum(one < len(honest) for one in left_out))

    def _attackers(self, attack: str, own: Sequence[Any], honest: list[dict[str, Tensor]]) -> Iterator[Any]:
        if attack == "nobody":
            return
        for one in own:
            yield compress(ATTACKS[attack](dense(one), honest, self.exchanges), self.settings.keep, 2)


def distance(found: dict[str, Tensor], truth: dict[str, Tensor]) -> float:
    """The norm of the difference, over that of the truth."""
    off = math.fsum(float((found[name] - truth[name]).double().square().sum()) for name in truth)
    return math.sqrt(off / math.fsum(float(tensor.double().square().sum()) for tensor in truth.values()))


def table(probe: Probe) -> str:
    """Attacks by rules, in Markdown."""
    rounds = probe.exchanges - FIRST
    lines = ["| attack | " + " | ".join(AGGREGATES) + " | left out by agreement: attackers, honest |"]
    lines.append("|---" * (len(AGGREGATES) + 2) + "|")
    for attack in dict.fromkeys(attack for attack, _ in probe.seen):
        cells = [f"{statistics.fmean(probe.seen[attack, rule].distances):.2f}" for rule in AGGREGATES]
        agreement = probe.seen[attack, "agreement"]
        attackers = 0 if attack == "nobody" else ATTACKERS * rounds
        honest = (probe.settings.peers - ATTACKERS) * rounds
        counts = f"{sum(agreement.caught)} of {attackers}, {sum(agreement.wronged)} of {honest}"
        lines.append(f"| {attack} | " + " | ".join(cells) + f" | {counts} |")
    settings = probe.settings
    parameters = sum(parameter.numel() for parameter in probe.named.values())
    honest = settings.peers - ATTACKERS
    lines += [
        "",
        f"{probe.text.name}; Llama of {parameters:,} parameters on bytes; {honest} honest, {ATTACKERS} attackers; "
        f"H = {settings.inner_steps}, seed {settings.seed}; distance from the mean of the honest, mean of {rounds} "
        f"rounds; of the coordinates that anyone sent, {probe.shared:.1%} were sent by three or more of "
        f"{settings.peers} peers.",
    ]
    return "\n".join(lines)
