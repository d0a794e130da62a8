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

    `state_difference`: the same of the state that it left, which the next round begins from. An honest contribution
    with a made-up state behind it would carry the harm into the next one, and come out right there.
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
    return Reexecution(
        outcome=Redone.DONE,
        round=round_,
        share=share,
        difference=_difference(mine, again),
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
    near = redone.share >= settings.reexecution_overlap and redone.difference <= MAX_DIFFERENCE
    return near and (redone.state_equal or redone.state_difference <= MAX_DIFFERENCE)


def _difference(mine: "Layout", again: "Layout") -> float:
    """|a - b| / |b| over the coordinates that both keep."""
    import numpy as np

    apart, size = 0.0, 0.0
    start_a = start_b = 0
    for end_a, end_b in zip(mine.ends.tolist(), again.ends.tolist(), strict=True):
        _, at_a, at_b = np.intersect1d(
            mine.positions[start_a:end_a], again.positions[start_b:end_b], assume_unique=True, return_indices=True
        )
        a = mine.values[start_a:end_a][at_a].astype(np.float64)
        b = again.values[start_b:end_b][at_b].astype(np.float64)
        apart += math.fsum(((a - b) ** 2).tolist())
        size += math.fsum((b**2).tolist())
        start_a, start_b = end_a, end_b
    if size == 0.0:
        return 0.0 if apart == 0.0 else MAX_RATIO
    return math.sqrt(apart / size)
