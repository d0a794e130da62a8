"""How validators' sheets become one outcome: lower stake-weighted medians and majorities, in integers.

Pure functions. The contract in `contracts/` computes the same; a test compares the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assay.pretrain.chain.protocol import SCALE, Mark, weighted_median

# How far a sheet may be from the outcome: half of what there is to give, given to others or to nobody.
FAR = SCALE // 2
FLAG_DISTANCE = SCALE // 8  # of each wrong "selected": four may differ, as rounding at a threshold does
_NOTHING = Mark(0)
_EXPELLED = Mark(0, expelled=True)


@dataclass(frozen=True)
class Vote:
    """One validator that takes part in a round. `marks` is None if it did not publish."""

    uid: int
    stake: int
    counts: bool  # it has not struck out
    marks: Mapping[int, Mark] | None


@dataclass(frozen=True)
class Decision:
    """What a round's votes come to. `present`: validators that published, and not far from the outcome."""

    void: bool
    marks: dict[int, Mark] = field(default_factory=dict)
    present: frozenset[int] = frozenset()


def decide(votes: Sequence[Vote]) -> Decision:
    """The outcome of a round in which these validators took part."""
    published = {
        vote.uid: {uid: effective(mark) for uid, mark in vote.marks.items()} for vote in votes if vote.marks is not None
    }
    total = sum(vote.stake for vote in votes if vote.counts)
    sheets = [
        (vote.stake, published[vote.uid]) for vote in votes if vote.counts and vote.stake and vote.uid in published
    ]
    if total == 0 or 2 * sum(stake for stake, _ in sheets) < total:
        return Decision(True, present=frozenset(published))  # nothing to be far from
    named = sorted({uid for marks in published.values() for uid in marks})
    marks = {uid: _combine([(stake, marks.get(uid, _NOTHING)) for stake, marks in sheets]) for uid in named}
    near = frozenset(uid for uid, theirs in published.items() if distance(theirs, marks) <= FAR)
    return Decision(False, {uid: mark for uid, mark in marks.items() if mark != _NOTHING}, near)


def effective(mark: Mark) -> Mark:
    """What a mark comes to: whoever is expelled gets nothing else, whatever the sheet says besides."""
    return _EXPELLED if mark.expelled else mark


def distance(sheet: Mapping[int, Mark], outcome: Mapping[int, Mark]) -> int:
    """Weights that differ, added up; a wrong flag counts too, a wrong expulsion as everything."""
    result = 0
    for uid in sheet.keys() | outcome.keys():
        one, other = sheet.get(uid, _NOTHING), outcome.get(uid, _NOTHING)
        result += abs(one.weight - other.weight)
        result += FLAG_DISTANCE * (one.selected != other.selected)
        result += SCALE * (one.expelled != other.expelled)
    return result


def rewards(marks: Mapping[int, Mark], reward: int) -> dict[int, int]:
    """Units per uid, rounded down. Medians of sheets that differ may add up to more than 1: then all get less."""
    whole = max(SCALE, sum(mark.weight for mark in marks.values()))
    return {uid: reward * mark.weight // whole for uid, mark in marks.items() if mark.weight}


def _combine(said: list[tuple[int, Mark]]) -> Mark:
    stake = sum(amount for amount, _ in said)
    weight = weighted_median([(mark.weight, amount) for amount, mark in said])
    flags = [
        2 * sum(amount for amount, mark in said if getattr(mark, flag)) > stake for flag in ("selected", "expelled")
    ]
    return Mark(weight, *flags)
