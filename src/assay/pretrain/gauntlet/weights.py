"""From scores to shares of a round's reward: the published code's ramp, or the paper's power law.

Shares are integers in units of 1/SCALE, rounded down: what is left over is burnt, never given to anyone by accident.
"""

from collections.abc import Mapping

from assay.pretrain.chain.protocol import SCALE
from assay.pretrain.recipe import Gauntlet

RESERVE_SHARE = 0.25  # of the reward for those who stand ready behind the contributors
TOP_TO_BOTTOM = 2.0  # the first of the ramp gets twice what the last gets


def share_out(scores: Mapping[int, float], settings: Gauntlet) -> dict[int, int]:
    """Units by uid for everyone with a score above 0. They add up to at most `SCALE`."""
    ranked = sorted((uid for uid, score in scores.items() if score > 0), key=lambda uid: (-scores[uid], uid))
    if not ranked:
        return {}
    if settings.weights == "power":
        best = scores[ranked[0]]  # taken out first, so that nothing under- or overflows
        return _in_units({uid: (scores[uid] / best) ** settings.power for uid in ranked}, 1.0)
    top, reserve = ranked[: settings.contributors], ranked[settings.contributors :][: settings.reserve]
    # The original keeps the reserve's quarter back even if nobody is in reserve, and burns it.
    units = _in_units(_ramp(top), 1.0 - RESERVE_SHARE if reserve else 1.0)
    if reserve:
        lowest = min(units.values())
        falling = {uid: 0.5**place for place, uid in enumerate(reserve)}
        units |= {uid: min(n, lowest) for uid, n in _in_units(falling, RESERVE_SHARE).items()}
    return units


def _ramp(ranked: list[int]) -> dict[int, float]:
    last = max(1, len(ranked) - 1)
    return {uid: TOP_TO_BOTTOM - (TOP_TO_BOTTOM - 1.0) * place / last for place, uid in enumerate(ranked)}


def _in_units(parts: Mapping[int, float], share: float) -> dict[int, int]:
    total = sum(parts.values())
    # Rounded to 3 places first: pow may differ in its last digit between machines, and int() would show it.
    return {uid: int(round(part / total * share * SCALE, 3)) for uid, part in parts.items()}
