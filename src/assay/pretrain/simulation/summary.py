"""What a simulation came to: the figures by which a defence is judged, from the rounds' results alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.pretrain.simulation.network import Cast, RoundResult


@dataclass(frozen=True)
class Summary:
    """One run. Shares are between 0 and 1; an attacker is judged from the first round in which it cheated."""

    loss: float  # nats per token on the validation text, at the end
    excluded_after: dict[int, int]  # by cheat: rounds from its first lie until it no longer counted for anything
    honest_expelled: list[int]
    captured: float  # share of all that was paid which cheats got from their first lie on
    selected_harm: int  # times that what a cheat handed in while it cheated was aggregated


def summarise(cast: Cast, results: Sequence[RoundResult]) -> Summary:
    """Figures of a run with this cast."""
    last, began = results[-1], first_lies(results)
    paid = sum(last.paid.values())
    captured = sum(last.paid[uid] - _paid_before(uid, first, results) for uid, first in began.items())
    return Summary(
        loss=last.loss,
        excluded_after={uid: _excluded_after(uid, first, results) for uid, first in began.items()},
        honest_expelled=[uid for uid in last.expelled if uid < cast.honest],
        captured=captured / paid if paid else 0.0,
        selected_harm=sum(uid in result.selected for result in results for uid in result.lied),
    )


def first_lies(results: Sequence[RoundResult]) -> dict[int, int]:
    """By uid, the first round in which it cheated."""
    found: dict[int, int] = {}
    for result in results:
        for uid in result.lied:
            found.setdefault(uid, result.round)
    return dict(sorted(found.items()))


def _paid_before(uid: int, round_: int, results: Sequence[RoundResult]) -> int:
    return next((result.paid.get(uid, 0) for result in results if result.round == round_ - 1), 0)


def _excluded_after(uid: int, first: int, results: Sequence[RoundResult]) -> int:
    """Rounds from its first lie up to and including the last one in which `uid` was aggregated or weighed."""
    counted = [r.round for r in results if uid in r.selected or r.weights.get(uid, 0) > 0]
    return max(0, max(counted, default=-1) - first + 1)
