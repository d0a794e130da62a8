"""Comparing a peer's work with the same work done again.

On the same kind of machine the two are equal to the bit. On another they are near: the thresholds were chosen from
measurements. `docs/pretrain/gauntlet.md` has the table, and says which cheats hide below the noise of foreign hardware.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from assay.core.errors import BadInput
from assay.pretrain.gauntlet.evidence import Redone, Reexecution
from assay.pretrain.recipe import Gauntlet

if TYPE_CHECKING:
    from assay.pretrain.gauntlet.overlap import Layout
    from assay.pretrain.wire import SparseTensor

# Of the values that both keep, as vectors: with every coordinate found again, nothing else betrays one that scales or
# flips them. Sums in another order gave the same values (12 of 12 rounds). But a single other coordinate can move a
# chunk's codebook: 0.04 in a contribution of twenty chunks.
MAX_DIFFERENCE = 0.08
# Of the state at the end, as a vector, given what was sent: error feedback makes up for what another kind of machine
# sends differently, so that only rounding is left (2e-5 with sums in another order).
MAX_STATE_DIFFERENCE = 0.002
# The length of what only one of the two keeps, over sqrt(1 - share): what falls on the other side of the limit to top-k
# is no larger than the rest. Without it one chunk of a hundred could hold anything.
MAX_OUTSIDE = 4.0
MAX_RATIO = 1e6  # documents hold finite numbers only


def compare(
    submitted: "Mapping[str, SparseTensor]",
    recomputed: "Mapping[str, SparseTensor]",
    *,
    round_: int,
    state_equal: bool,
    state_difference: float = 0.0,
) -> Reexecution:
    """How near a peer's contribution is to the one that its samples, parameters and state lead to.

    `state_difference`: of the state that it left from the one that this work, and sending what it sent, leads to. An
    honest contribution with a made-up state behind it would carry the harm into the next one, and come out right there.
    """
    from assay.pretrain.gauntlet.overlap import lay_out, merge  # judging needs `matches`, but neither numpy nor numba

    if sorted(submitted) != sorted(recomputed):
        raise BadInput("A contribution and its re-execution must have the same tensors.")
    mine, again = lay_out(submitted), lay_out(recomputed)
    if mine.names != again.names or len(mine.chunks) != len(again.chunks):
        raise BadInput("A contribution and its re-execution must have tensors of the same shapes.")
    common, _ = merge(mine, again)
    total = max(len(mine.positions), len(again.positions))
    share = float(sum(common.tolist())) / total if total else 1.0
    difference, outside = _apart(mine, again)
    return Reexecution(
        outcome=Redone.DONE,
        round=round_,
        share=share,
        difference=difference,
        outside=outside,
        state_equal=state_equal,
        state_difference=min(state_difference, MAX_RATIO),
    )


def refused(round_: int) -> Reexecution:
    """The peer did not hand over the state that it began from."""
    return Reexecution(outcome=Redone.REFUSED, round=round_)


def matches(redone: Reexecution, settings: Gauntlet) -> bool:
    """Whether the work was done. `reexecution_overlap` 1.0 asks for equality to the bit, the final state included."""
    if settings.reexecution_overlap >= 1.0:
        return redone.share == 1.0 and redone.difference == 0.0 and redone.state_equal
    return near(redone, settings) and (redone.state_equal or redone.state_difference <= MAX_STATE_DIFFERENCE)


def near(redone: Reexecution, settings: Gauntlet) -> bool:
    """Whether what was sent came out again, whatever the state that was left. If not, there is no need to see it."""
    if settings.reexecution_overlap >= 1.0:
        return False
    return (
        redone.share >= settings.reexecution_overlap
        and redone.difference <= MAX_DIFFERENCE
        and redone.outside <= MAX_OUTSIDE * math.sqrt(max(0.0, 1.0 - redone.share))
    )


def _apart(mine: "Layout", again: "Layout") -> tuple[float, float]:
    """|a - b| / |b| over the coordinates that both keep, and |a and b where only one keeps anything| / |b|."""
    import numpy as np

    apart, outside, common, size = 0.0, 0.0, 0.0, 0.0
    start_a = start_b = 0
    for end_a, end_b in zip(mine.ends.tolist(), again.ends.tolist(), strict=True):
        _, at_a, at_b = np.intersect1d(
            mine.positions[start_a:end_a], again.positions[start_b:end_b], assume_unique=True, return_indices=True
        )
        all_a = mine.values[start_a:end_a].astype(np.float64)
        all_b = again.values[start_b:end_b].astype(np.float64)
        apart += math.fsum(((all_a[at_a] - all_b[at_b]) ** 2).tolist())
        common += math.fsum((all_b[at_b] ** 2).tolist())
        outside += math.fsum((np.delete(all_a, at_a) ** 2).tolist()) + math.fsum((np.delete(all_b, at_b) ** 2).tolist())
        size += math.fsum((all_b**2).tolist())
        start_a, start_b = end_a, end_b
    return _ratio(apart, common), _ratio(outside, size)


def _ratio(part: float, whole: float) -> float:
    """Of two square lengths, as lengths."""
    if whole == 0.0:
        return 0.0 if part == 0.0 else MAX_RATIO
    return min(MAX_RATIO, math.sqrt(part / whole))
