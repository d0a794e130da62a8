"""OpenSkill's Plackett-Luce, as the published validator uses it: one match per round among those evaluated.

The library decides; the results are rounded, so that a last digit of libm cannot split two validators.
"""

from collections.abc import Mapping

from openskill.models import PlackettLuce

from assay.pretrain.gauntlet.standings import DECIMALS, MU, SIGMA

MIN_SIGMA = 1e-3  # far below what tau lets it fall to; rounding must not make it 0


def rate(
    ratings: Mapping[int, tuple[float, float]], scores: Mapping[int, float], *, beta: float, tau: float
) -> dict[int, tuple[float, float]]:
    """New (mu, sigma) by uid after one match: the higher score wins, equal scores tie. Alone there is no match."""
    uids = sorted(scores)
    if len(uids) < 2:
        return {uid: ratings[uid] for uid in uids}
    model = PlackettLuce(mu=MU, sigma=SIGMA, beta=beta, tau=tau)
    teams = [[model.rating(mu=ratings[uid][0], sigma=ratings[uid][1])] for uid in uids]
    rated = model.rate(teams, scores=[scores[uid] for uid in uids])
    return {
        uid: (round(player.mu, DECIMALS), max(MIN_SIGMA, round(player.sigma, DECIMALS)))
        for uid, (player,) in zip(uids, rated, strict=True)
    }
