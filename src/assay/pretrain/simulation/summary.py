"""What a simulation came to: the figures by which a defence is judged, from the rounds' results alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.pretrain.simulation.network import Cast, RoundResult


@dataclass(frozen=True)
class Summary:
    """One run. Shares are between 0 and 1; a round is counted from the first, in which attackers attack already."""

    loss: float  # nats per token on the validation text, at the end
    excluded_after: dict[int, int]  # by attacker: rounds until it no longer counted for anything, to the end of the run
    honest_expelled: list[int]
    captured: float  # share of all that was paid which attackers got
    held: float  # the same of what may still be paid
    selected_harm: int  # times that an attacker's contribution was aggregated


def summarise(cast: Cast, results: Sequence[RoundResult]) -> Summary:
    """Figures of a run with this cast."""
    last, cheats = results[-1], cast.cheats
    paid, held = sum(last.paid.values()), sum(last.held.values())
    return Summary(
        loss=last.loss,
        excluded_after={uid: _excluded_after(uid, results) for uid in cheats},
        honest_expelled=[uid for uid in last.expelled if uid not in cast.attackers],
        captured=sum(last.paid[uid] for uid in cheats) / paid if paid else 0.0,
        held=sum(last.held[uid] for uid in cheats) / held if held else 0.0,
        selected_harm=sum(uid in result.selected for result in results for uid in cheats),
    )


def _excluded_after(uid: int, results: Sequence[RoundResult]) -> int:
    """Rounds up to and including the last one in which `uid` was aggregated or weighed."""
    counted = [result.round + 1 for result in results if uid in result.selected or result.weights.get(uid, 0) > 0]
    return max(counted, default=0)
