"""Do the final weights remember the hidden items? A test of the whole set against the known base.

For each item: how much likelier its tokens became from base to submission, at the tokens that the submission itself
would not have chosen. Training on other data moves hidden items and control items (same distribution, never handed
out) alike; training on the hidden items moves them further. The p-value is that of a permutation test, so it is valid
whatever the scores look like. Evidence only: it is never a violation on its own.
Source of the item score: EZ-MIA (arXiv 2601.12104). Source of the test: Mann and Whitney 1947, one-sided.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assay.core.errors import BadInput
from assay.core.verdict import Evidence, Finding, Interval, Severity
from assay.posttrain.integrity.likelihood import Likelihood

RULE = "memorisation"
PERMUTATIONS = 9_999
LEAST = 20  # items on either side: with fewer nothing but gross memorisation could be seen
UNMATCHED = 0.01  # p-value below which hidden and control items are not alike to the base, so that nothing follows
SUSPECT = 0.01  # p-value below which the finding says that the weights look as if they remember

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TokenScores:
    """One item: log-probabilities of its tokens under both models, and where the submission's choice was another."""

    base: Doubles  # (tokens,)
    tuned: Doubles  # (tokens,)
    wrong: npt.NDArray[np.bool_]  # (tokens,)

    def __post_init__(self) -> None:
        if not len(self.base) == len(self.tuned) == len(self.wrong) or not len(self.base):
            raise ValueError("one value per token is needed from both models, and at least one token")


@dataclass(frozen=True)
class Memorisation:
    """`auc`: how often a hidden item's score is above a control item's; 0.5 if neither is remembered."""

    p_value: float
    auc: float
    auc_interval: Interval
    matched_p: float  # of the difference between both sets under the base alone, two-sided
    n_hidden: int
    n_control: int
    seed: int

    @property
    def matched(self) -> bool:
        return self.matched_p >= UNMATCHED


def token_scores(base: Mapping[str, Likelihood], tuned: Mapping[str, Likelihood]) -> dict[str, TokenScores]:
    """Both models' likelihoods side by side. `BadInput` unless they are of the same items and tokens."""
    if base.keys() != tuned.keys():
        raise BadInput("Base and submission were scored on different items: score both on the same file.")
    for name, row in base.items():
        if len(row.log_p) != len(tuned[name].log_p):
            raise BadInput(f"Base and submission saw different tokens in {name[:100]!r}: use one tokenizer for both.")
    return {
        name: TokenScores(np.array(row.log_p), np.array(tuned[name].log_p), ~np.array(tuned[name].first))
        for name, row in base.items()
    }


def item_score(item: TokenScores) -> float:
    """The share of the base's surprise that is gone: 1 - tuned / base, of the sums of -log p over the tokens."""
    surprise = -float(item.base.sum())
    return 1 + float(item.tuned.sum()) / surprise if surprise > 0 else 0.0


def set_test(hidden: Sequence[TokenScores], control: Sequence[TokenScores], *, seed: int) -> Memorisation:
    """Are hidden items remembered better than control items? Equal inputs and seed give equal results."""
    if min(len(hidden), len(control)) < LEAST:
        raise BadInput(
            f"{len(hidden)} hidden and {len(control)} control items are too few to test: give at least {LEAST} of each."
        )
    random = np.random.default_rng(seed)
    ours, theirs = ([item_score(item) for item in items] for items in (hidden, control))
    plain = [[float(item.base.mean()) for item in items] for items in (hidden, control)]
    above, _ = _permutation(np.array(ours), np.array(theirs), random)
    up, down = _permutation(np.array(plain[0]), np.array(plain[1]), random)
    auc, interval = _auc(np.array(ours), np.array(theirs))
    return Memorisation(above, auc, interval, min(1.0, 2 * min(up, down)), len(hidden), len(control), seed)


def findings(test: Memorisation) -> list[Finding]:
    """A note if the weights look as if they remember, or if that cannot be told; nothing otherwise."""
    about = f"n = {test.n_hidden} hidden and {test.n_control} control items"
    if not test.matched:
        message = (
            f"Whether the weights remember the hidden items cannot be told: to the base model they are not like the "
            f"control items (p = {test.matched_p:.2g}, {about})."
        )
        return [Finding(rule=RULE, severity=Severity.NOTE, message=message)]
    if test.p_value >= SUSPECT:
        return []
    low, high = test.auc_interval.low, test.auc_interval.high
    message = (
        f"The weights look as if they had been trained on the hidden items (p = {test.p_value:.2g}, {about}). "
        "This is evidence and no proof."
    )
    what = f"a hidden item rose more than a control item in {test.auc:.1%} of pairs ({low:.1%} to {high:.1%})"
    evidence = (Evidence(where="final weights", what=what, score=round(test.p_value, 6)),)
    return [Finding(rule=RULE, severity=Severity.NOTE, message=message, evidence=evidence)]


def _permutation(ours: Doubles, theirs: Doubles, random: np.random.Generator) -> tuple[float, float]:
    """One-sided p-values that `ours` rank higher, and lower, than they would if the labels meant nothing."""
    ranks = _ranks(np.concatenate([ours, theirs]))
    seen = ranks[: len(ours)].sum()
    as_high = as_low = 1  # the labels as they are belong to the permutations: Phipson and Smyth 2010
    left = PERMUTATIONS
    while left:
        count = min(left, max(1, 2_000_000 // len(ranks)))  # 16 MB at a time
        drawn = random.permuted(np.tile(ranks, (count, 1)), axis=1)[:, : len(ours)].sum(axis=1)
        as_high += int((drawn >= seen - 1e-9).sum())
        as_low += int((drawn <= seen + 1e-9).sum())
        left -= count
    return as_high / (PERMUTATIONS + 1), as_low / (PERMUTATIONS + 1)


def _ranks(values: Doubles) -> Doubles:
    """Ranks from 1; ties share the mean of theirs."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: Doubles = last - (counts - 1) / 2
    return shared[where]


def _auc(ours: Doubles, theirs: Doubles) -> tuple[float, Interval]:
    """The chance that one of `ours` is above one of `theirs`. Interval: DeLong, DeLong and Clarke-Pearson 1988."""
    below = np.searchsorted(np.sort(theirs), ours, "left") + np.searchsorted(np.sort(theirs), ours, "right")
    above = np.searchsorted(np.sort(ours), theirs, "left") + np.searchsorted(np.sort(ours), theirs, "right")
    mine, other = below / (2 * len(theirs)), 1 - above / (2 * len(ours))
    auc = float(mine.mean())
    half = 1.96 * math.sqrt(mine.var(ddof=1) / len(ours) + other.var(ddof=1) / len(theirs))
    return auc, Interval(low=max(0.0, auc - half), high=min(1.0, auc + half), method="DeLong")
