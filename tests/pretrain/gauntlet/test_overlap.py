"""Copies in all their disguises are found, and honest peers are never called copiers."""

import numpy as np
import pytest
import torch

from assay.core.errors import BadInput
from assay.pretrain import wire
from assay.pretrain.gauntlet import Likeness, Overlap
from assay.pretrain.gauntlet.judge import PART_SUSPECT, closeness
from assay.pretrain.gauntlet.overlap import Earlier, Layout, lay_out, likenesses

from .rounds import recipe
from .sparse import SHAPES, direction, honest, mixed, sent

HALVE, RESET, BAN = recipe().gauntlet.overlap
PEERS = 8


def crowd(round_: int = 0, common: float = 0.3) -> dict[int, Layout]:
    return {uid: lay_out(sent(honest(uid, round_, common))) for uid in range(PEERS)}


def closest(overlaps: tuple[Overlap, ...]) -> Overlap:
    return max(overlaps, key=closeness)


def with_copier(layout: Layout, **past: object) -> Overlap:
    """How uid 99 looks that hands in `layout` among honest peers."""
    return closest(likenesses(5, crowd(5) | {99: layout}, **past)[99])  # type: ignore[arg-type]


@pytest.mark.parametrize("common", [0.0, 0.3, 0.6])
def test_honest_peers_are_far_from_the_first_tier(common: float) -> None:
    earlier = [Earlier(uid, past, layout) for past in (3, 4) for uid, layout in crowd(past, common).items()]
    for overlaps in likenesses(5, crowd(5, common), earlier).values():
        assert closeness(closest(overlaps)) < HALVE / 2
        assert max(overlap.part for overlap in overlaps) < PART_SUSPECT


def test_an_exact_copy_is_found_in_both_directions() -> None:
    peers = crowd(5)
    found = likenesses(5, peers | {99: peers[3]})
    for uid, other in ((99, 3), (3, 99)):
        near = closest(found[uid])
        assert (near.kind, near.uid, near.round) == (Likeness.ROUND, other, 5)
        assert near.indices == near.values == near.shuffled == 1.0
        assert near.part > 0.99  # the two kept values of the norm are too few to be called a copy


@pytest.mark.parametrize("factor", [0.1, 3.0, -1.0])
def test_a_scaled_or_flipped_copy_is_found(factor: float) -> None:
    dense = {name: tensor * factor for name, tensor in honest(3, 5).items()}
    assert closeness(with_copier(lay_out(sent(dense)))) >= BAN


@pytest.mark.parametrize(("noise", "tier"), [(0.01, BAN), (0.1, BAN), (0.3, RESET)])
def test_a_copy_with_noise_is_found(noise: float, tier: float) -> None:
    spread = {name: tensor * noise for name, tensor in direction(77).items()}
    dense = {name: tensor + spread[name] for name, tensor in honest(3, 5).items()}
    assert closeness(with_copier(lay_out(sent(dense)))) >= tier


def test_a_copy_whose_values_change_places_is_found() -> None:
    """Each 64x64 block turned: other coordinates, the same values."""
    original = {"w": honest(3, 5)["layer.weight"]}
    turned = {"w": original["w"].reshape(2, 64, 3, 64).transpose(1, 3).reshape(128, 192)}
    others = {uid: lay_out(sent({"w": honest(uid, 5)["layer.weight"]})) for uid in range(PEERS)}
    overlap = closest(likenesses(5, others | {99: lay_out(sent(turned))})[99])
    assert overlap.indices < 0.2
    assert (overlap.shuffled, overlap.uid) == (pytest.approx(1.0), 3)


def test_a_partial_copy_is_called_suspect_even_below_the_tiers() -> None:
    own, stolen = honest(99, 5), honest(3, 5)
    dense = own | {"layer.down": stolen["layer.down"]}
    overlap = closest(likenesses(5, crowd(5) | {99: lay_out(sent(dense))})[99])
    assert overlap.uid == 3
    assert overlap.part == pytest.approx(0.36, abs=0.05)
    assert overlap.part >= PART_SUSPECT


@pytest.mark.parametrize("ago", [1, 10])
def test_a_replay_of_ones_own_or_anothers_earlier_work_is_found(ago: int) -> None:
    old = lay_out(sent(honest(99, 20 - ago)))
    own = with_copier(
        old, earlier=[Earlier(99, 20 - ago, old), *(Earlier(u, 20 - ago, c) for u, c in crowd(20 - ago).items())]
    )
    assert (own.kind, own.uid, own.round, own.indices) == (Likeness.OWN, 99, 20 - ago, 1.0)
    past = crowd(20 - ago)
    other = with_copier(past[2], earlier=[Earlier(uid, 20 - ago, layout) for uid, layout in past.items()])
    assert (other.kind, other.uid, other.indices) == (Likeness.EARLIER, 2, 1.0)


def test_a_copy_of_the_last_aggregate_is_found_and_honest_work_is_not_taken_for_one() -> None:
    summed = {name: sum(sent(honest(uid, 4))[name].to_dense() for uid in range(PEERS)) for name in SHAPES}
    aggregate = lay_out(wire.compress(summed, k=64, bits=2))
    overlap = with_copier(aggregate, aggregates={4: aggregate})
    assert (overlap.kind, overlap.uid, overlap.round) == (Likeness.AGGREGATE, None, 4)
    assert closeness(overlap) >= BAN
    for uid, overlaps in likenesses(5, crowd(5), (), {4: aggregate}).items():
        assert closeness(closest(overlaps)) < HALVE / 2, uid


def test_a_tensor_that_everybody_sends_alike_does_not_count() -> None:
    """Rows of an embedding that no sequence used: only weight decay moved them, for everybody the same."""
    frozen = direction(5)["embedding"]
    peers = {uid: lay_out(sent(honest(uid, 5) | {"embedding": frozen})) for uid in range(PEERS)}
    for overlaps in likenesses(5, peers).values():
        assert closeness(closest(overlaps)) < HALVE / 2
    found = likenesses(5, peers | {99: peers[3]})[99]
    assert closest(found).uid == 3 and closeness(closest(found)) >= BAN


def test_three_of_eight_that_send_the_same_do_not_make_copying_usual() -> None:
    peers = crowd(5)
    found = likenesses(5, peers | {6: peers[5], 7: peers[5]})
    assert all(closeness(closest(found[uid])) >= BAN for uid in (5, 6, 7))
    assert all(closeness(closest(found[uid])) < HALVE / 2 for uid in range(5))


def test_a_sample_of_the_chunks_finds_the_same() -> None:
    peers = {uid: sent(honest(uid, 5)) for uid in range(PEERS)}
    total = sum(len(tensor.indices()) for tensor in peers[0].values())
    some = {uid: lay_out(peer, beacon=b"b", at_most=total // 2) for uid, peer in (peers | {99: peers[3]}).items()}
    assert 0.2 * total < len(some[0].positions) < 0.8 * total
    found = likenesses(5, some)
    assert closest(found[99]).indices == 1.0
    assert all(closeness(closest(found[uid])) < HALVE for uid in (0, 1, 2, 4, 5, 6, 7))
    other = lay_out(peers[0], beacon=b"c", at_most=total // 2)
    assert not np.array_equal(other.positions, some[0].positions)


def test_contributions_with_other_tensors_cannot_be_compared() -> None:
    with pytest.raises(BadInput, match="same tensors"):
        likenesses(5, {0: lay_out(sent(direction(1))), 1: lay_out(sent({"other": torch.ones(64, 64)}))})


def test_empty_and_zero_contributions_are_no_copies_of_one_another() -> None:
    nothing = {name: torch.zeros(shape) for name, shape in SHAPES.items()}
    assert lay_out({}).positions.shape == (0,)
    found = likenesses(5, {0: lay_out(sent(nothing)), 1: lay_out(sent(honest(1, 5)))})
    assert all(
        np.isfinite([o.indices, o.values, o.part, o.shuffled]).all() for overlaps in found.values() for o in overlaps
    )


def test_honest_work_resembles_itself_under_a_mixture_only_as_far_as_it_is_shared() -> None:
    near = closeness(with_copier(lay_out(sent(mixed(honest(3, 5), direction(9), 0.9)))))
    far = closeness(with_copier(lay_out(sent(mixed(honest(3, 5), direction(9), 0.1)))))
    assert far < HALVE < near
