"""Who is evaluated and who is re-executed in a round: drawn by the beacon, computed by anyone.

Peers run these too: from the last score document they learn after the reveals whether they must show the state they
began from. Integers and SHA-256 only, so that everyone draws the same. `revealed` are the uids that the chain knows to
have revealed in time.
"""

import hashlib
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from assay.pretrain.gauntlet.standings import Standing, Standings
from assay.pretrain.recipe import Recipe

# Tickets in the lottery of re-execution. Everyone has some: whoever was checked yesterday may be checked today.
TICKETS = 4
TICKETS_UNCHECKED = 8  # never reproduced
TICKETS_LEAST_USEFUL = 8  # the lowest margin
TICKETS_MOST_ALIKE = 8  # the highest likeness to something else


def evaluated(recipe: Recipe, beacon: bytes, round_: int, revealed: Iterable[int], before: Standings) -> list[int]:
    """Uids whose contribution is tried on data: at most `gauntlet.evaluated`, ascending. Banned ones are not.

    Drawn without replacement; a peer has as many tickets as rounds have passed since its last evaluation.
    """
    waiting = {
        peer.uid: max(1, round_ - peer.last_evaluated)
        for peer in _able(revealed, before, round_)
        if peer.banned_until <= round_
    }
    return sorted(_draw(waiting, recipe.gauntlet.evaluated, _seed(beacon, "evaluated", round_)))


def reexecuted(recipe: Recipe, beacon: bytes, round_: int, revealed: Iterable[int], before: Standings) -> list[int]:
    """Uids whose work is done again, ascending: suspects, whoever's deadline presses, and a lottery among all others.

    With n = `gauntlet.reexecutions` there are n + 1 places, or `reexecution_share` of those who delivered if that is
    more, and as many again while there are suspects. Whoever delivers in every round is chosen at least once within
    `reexecution_interval` rounds. No more places than need be go by deadline, and the rest are drawn, so that nobody
    can know that it is safe to cheat.
    """
    if recipe.gauntlet.reexecutions == 0:
        return []
    able = _able(revealed, before, round_)
    places = _places(recipe, len(able))
    seed = _seed(beacon, "reexecuted", round_)
    # In a random order, and no more than the places: a swarm of suspects must not stop a validator.
    suspects = sorted((peer.uid for peer in able if peer.suspect), key=lambda uid: _rank(seed, uid))
    chosen = set(suspects[:places])
    chosen.update(_pressing(able, round_, places, reexecution_interval(recipe, len(able)), seed))
    left = {uid: tickets for uid, tickets in _tickets(able).items() if uid not in chosen}
    chosen.update(_draw(left, max(0, places - len(chosen)), seed))
    return sorted(chosen)


def reexecution_interval(recipe: Recipe, peers: int) -> int:
    """Rounds within which everyone of `peers` is re-executed at least once."""
    return -(-peers // max(1, _places(recipe, peers) - 1)) + 1


def _places(recipe: Recipe, peers: int) -> int:
    settings = recipe.gauntlet
    return max(settings.reexecutions + 1, math.ceil(round(settings.reexecution_share * peers, 6)))


def _able(revealed: Iterable[int], before: Standings, round_: int) -> list[Standing]:
    standings = [before.of(uid, round_) for uid in sorted(set(revealed))]
    return [standing for standing in standings if not standing.expelled]


def _pressing(able: Sequence[Standing], round_: int, places: int, interval: int, seed: bytes) -> Sequence[int]:
    """Who must be chosen now, so that no deadline is missed in any later round; at most `places`.

    A peer with slack s may wait s rounds. Those with a slack of at most s fit into the later rounds only if they are at
    most `places` times s; however many are beyond that must be chosen now, earliest deadline first.
    """
    slack = {peer.uid: max(0, _last_check(peer) + interval - round_) for peer in able}
    spread = sorted(slack.values())
    beyond = max((count - places * value for count, value in enumerate(spread, start=1)), default=0)
    order = sorted(slack, key=lambda uid: (slack[uid], _rank(seed, uid)))
    return order[: min(places, max(0, beyond))]


def _last_check(peer: Standing) -> int:
    """The round of its last check; for one that never was checked the round before its first."""
    return max(peer.last_reexecuted, peer.joined - 1)


def _tickets(able: Sequence[Standing]) -> dict[int, int]:
    if not able:
        return {}
    least = min(peer.margin for peer in able)
    most = max(peer.likeness for peer in able)
    return {
        peer.uid: TICKETS
        + TICKETS_UNCHECKED * (peer.last_reexecuted < 0)
        + TICKETS_LEAST_USEFUL * (peer.margin == least)
        + TICKETS_MOST_ALIKE * (peer.likeness == most)
        for peer in able
    }


def _seed(beacon: bytes, purpose: str, round_: int) -> bytes:
    return hashlib.sha256(b"assay.gauntlet/1\0" + purpose.encode() + round_.to_bytes(8, "big") + beacon).digest()


def _rank(seed: bytes, uid: int) -> bytes:
    return hashlib.sha256(seed + b"rank" + uid.to_bytes(8, "big")).digest()


def _draw(tickets: Mapping[int, int], n: int, seed: bytes) -> list[int]:
    """`n` uids without replacement, each draw in proportion to the tickets. 256 bits: the modulo's bias is nothing."""
    left, drawn = dict(sorted(tickets.items())), []
    for count in range(min(n, len(left))):
        number = int.from_bytes(hashlib.sha256(seed + b"draw" + count.to_bytes(8, "big")).digest(), "big")
        ticket = number % sum(left.values())
        uid = next(uid for uid, end in zip(left, itertools.accumulate(left.values()), strict=True) if ticket < end)
        drawn.append(uid)
        del left[uid]
    return drawn
