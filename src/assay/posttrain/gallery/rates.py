"""How often each rule is right: rates with exact intervals, per rule and for all rules together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.posttrain.gallery.judging import Judgement

LEVEL = 0.95


@dataclass(frozen=True)
class Rate:
    """`hits` of `n`, with the Clopper-Pearson interval: exact, and never too narrow."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        return self.hits / self.n if self.n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        return clopper_pearson(self.hits, self.n)

    def to_json(self) -> dict[str, Any]:
        low, high = self.interval
        value = self.value if self.n else None
        return {"hits": self.hits, "n": self.n, "rate": value, "low": low, "high": high, "level": LEVEL}

    def text(self) -> str:
        if not self.n:
            return "none"
        low, high = self.interval
        return f"{self.hits}/{self.n} ({100 * self.value:.0f} %, {100 * low:.1f} to {100 * high:.1f})"


def clopper_pearson(hits: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact binomial interval: all rates that would not make this count surprising. Without trials, 0 to 1."""
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is no count of successes")
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else _solve(lambda p: 1 - _below(hits - 1, n, p) - tail)
    high = 1.0 if hits == n else _solve(lambda p: tail - _below(hits, n, p))
    return low, high


def _below(k: int, n: int, p: float) -> float:
    """The chance of at most `k` successes."""
    return math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


def _solve(rising: Any) -> float:
    """Where a rising function crosses zero between 0 and 1."""
    low, high = 0.0, 1.0
    for _ in range(60):  # halvings: far below what a float can tell
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


@dataclass(frozen=True)
class Summary:
    """`found`: of the rogues that a rule must catch. `false_…`: of honest workspaces, wrongly rejected or doubted."""

    found: dict[str, Rate]
    false_rejections: dict[str, Rate]
    false_doubts: dict[str, Rate]
    rogues_stopped: Rate
    rogues_rejected: Rate
    out_of_reach: int
    honest_rejected: Rate
    honest_undecided: Rate
    missed: tuple[Judgement, ...]
    wronged: tuple[Judgement, ...]


def summarise(judgements: Sequence[Judgement]) -> Summary:
    """Rates over all specimens. Rogues that are out of reach count among all rogues, but for no rule."""
    rogues = [j for j in judgements if j.specimen.rogue]
    reachable = [j for j in rogues if j.specimen.rule is not None]
    honest = [j for j in judgements if not j.specimen.rogue]
    rules = sorted(
        {r for j in reachable if (r := j.specimen.rule)} | {r for j in honest for r in j.violated | j.undecided}
    )
    return Summary(
        found={rule: _rate([j.caught for j in reachable if j.specimen.rule == rule]) for rule in rules},
        false_rejections={rule: _rate([rule in j.violated for j in honest]) for rule in rules},
        false_doubts={rule: _rate([rule in j.undecided for j in honest]) for rule in rules},
        rogues_stopped=_rate([j.stopped for j in rogues]),
        rogues_rejected=_rate([j.rejected for j in rogues]),
        out_of_reach=len(rogues) - len(reachable),
        honest_rejected=_rate([j.rejected for j in honest]),
        honest_undecided=_rate([bool(j.undecided) and not j.rejected for j in honest]),
        missed=tuple(j for j in reachable if not j.caught),
        wronged=tuple(j for j in honest if j.stopped),
    )


def _rate(hits: Sequence[bool]) -> Rate:
    return Rate(sum(hits), len(hits))
