"""Medians, majorities and distances, by hand; and terms that no chain can keep."""

from dataclasses import replace
from typing import Any

import pytest

from assay.core.errors import BadInput
from assay.pretrain.chain import SCALE, Clock, Mark
from assay.pretrain.chain.decide import Vote, decide, rewards
from assay.pretrain.chain.encoding import pack_marks, unpack_marks
from assay.pretrain.chain.protocol import weighted_median
from assay.pretrain.chain.rules import check_terms
from tests.pretrain.chain.world import terms


def test_the_lower_weighted_median() -> None:
    assert weighted_median([(5, 1), (7, 1)]) == 5
    assert weighted_median([(5, 1), (7, 2)]) == 7
    assert weighted_median([(9, 1), (1, 1), (4, 1)]) == 4
    with pytest.raises(ValueError):
        weighted_median([])


def votes(*sheets: dict[int, Mark] | None, stakes: tuple[int, ...] = (1, 1, 1), silent: int = -1) -> list[Vote]:
    return [Vote(uid, stakes[uid], uid != silent, sheet) for uid, sheet in enumerate(sheets)]


def test_who_is_far_from_the_outcome_is_not_present() -> None:
    honest = {uid: Mark(SCALE // 10, selected=True) for uid in range(10)}

    def changed(count: int, **how: Any) -> dict[int, Mark]:
        return {uid: replace(mark, **how) if uid < count else mark for uid, mark in honest.items()}

    assert decide(votes(honest, honest, changed(4, selected=False))).present == {0, 1, 2}
    assert decide(votes(honest, honest, changed(5, selected=False))).present == {0, 1}
    assert decide(votes(honest, honest, changed(5, weight=0))).present == {0, 1, 2}
    assert decide(votes(honest, honest, changed(6, weight=0))).present == {0, 1}
    assert decide(votes(honest, honest, changed(1, expelled=True))).present == {0, 1}
    assert decide(votes(honest, honest, None)).present == {0, 1}
    assert decide(votes(honest, honest, {})).marks == honest


def test_a_validator_that_struck_out_is_not_heard_but_may_be_near() -> None:
    one, other = {0: Mark(SCALE)}, {1: Mark(SCALE)}
    assert decide(votes(one, other, stakes=(1, 5), silent=1)).marks == one
    assert decide(votes(one, one, stakes=(1, 5), silent=1)).present == {0, 1}
    assert decide(votes(one, stakes=(1,), silent=0)) == decide(votes(one, stakes=(0,)))
    assert decide(votes(one, None, stakes=(1, 1))).void is False
    assert decide(votes(one, None, stakes=(1, 2))).void is True


def test_rewards_are_rounded_down_and_never_more_than_there_is() -> None:
    assert rewards({0: Mark(333_333), 1: Mark(0, selected=True)}, 100) == {0: 33}
    assert rewards({uid: Mark(SCALE) for uid in range(3)}, 100) == {0: 33, 1: 33, 2: 33}


def test_marks_are_packed_one_way() -> None:
    marks = {3: Mark(SCALE, True, True), 1: Mark(0, selected=True), 2: Mark(0)}
    words = pack_marks(marks)
    assert words == (1 << 32 | 1, 3 << 32 | SCALE << 2 | 3)
    assert unpack_marks(words) == {1: marks[1], 3: marks[3]}


@pytest.mark.parametrize(
    "change",
    [
        {"seed": -1},
        {"seed": 2**63},
        {"bond": -1},
        {"reward": 2**96},
        {"max_peers": 0},
        {"max_peers": 257},
        {"validator_strikes": 0},
        {"clock": Clock(10, 0, 1, 1, 1)},
        {"clock": Clock(-1, 1, 1, 1, 1)},
        {"recipe": "sha256:short"},
    ],
)
def test_terms_that_no_chain_can_keep_are_refused(change: dict[str, Any]) -> None:
    check_terms(terms(10))
    with pytest.raises(BadInput):
        check_terms(replace(terms(10), **change))
