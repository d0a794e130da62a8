"""A whole network: it learns, everybody has the same parameters, and attackers and liars change nothing."""

import pytest

from assay.core.errors import BadInput
from assay.pretrain.chain.protocol import Role
from assay.pretrain.simulation.network import Cast
from assay.pretrain.simulation.summary import summarise
from tests.pretrain.network.conftest import ROUNDS, MakeNetwork, Past


def test_an_honest_run_learns_and_all_members_have_the_same_parameters(honest: Past) -> None:
    losses = [result.loss for result in honest.results]
    assert losses == sorted(losses, reverse=True) and losses[0] - losses[-1] > 0.1
    for round_ in range(ROUNDS):
        attested = honest.chain.attestations(round_)
        assert set(attested) == {member.uid for member in honest.chain.members()}
        assert len(set(attested.values())) == 1
        assert honest.results[round_].selected == [0, 1, 2, 3]


def test_the_same_run_again_is_the_same_to_the_last_bit(honest: Past, make_network: MakeNetwork) -> None:
    again = make_network(Cast(4, validators=("honest", "honest"))).run(ROUNDS)
    assert again == honest.results


@pytest.mark.slow
def test_attackers_are_out_within_ten_rounds_and_get_nothing(make_network: MakeNetwork) -> None:
    """One of each family; `python -m assay.pretrain.simulation.campaign` runs them all."""
    cast = Cast(4, ("sign-flip", "noisy-copy", "garbage", "withheld", "lazy", "forged-state"), ("honest",))
    results = make_network(cast).run(7)
    summary = summarise(cast, results)
    assert summary.honest_expelled == []
    assert summary.captured == 0
    assert max(summary.excluded_after.values()) <= 6
    assert results[-1].selected == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["liar", "accomplice", "copycat", "absent", "silent"])
def test_a_minority_of_dishonest_validators_changes_nothing(kind: str, make_network: MakeNetwork, honest: Past) -> None:
    network = make_network(Cast(4, validators=("honest", "honest", kind)))
    results = network.run(2)
    for with_liar, without in zip(results, honest.results, strict=False):
        assert (with_liar.loss, with_liar.selected) == (without.loss, without.selected)
        assert (with_liar.weights, with_liar.paid) == (without.weights, without.paid)


def test_everything_that_was_committed_is_accounted_for(honest: Past) -> None:
    from assay.pretrain.scores import documents

    for round_ in range(ROUNDS):
        committed = set(honest.chain.commitments(round_))
        for document in documents(honest.chain, honest.stores(), round_).values():
            assert {peer.uid for peer in document.evidence.peers} >= committed


def test_what_is_unknown_is_said(recipe: object) -> None:
    with pytest.raises(BadInput, match="There is no attack"):
        Cast(2, ("nonsense",))
    with pytest.raises(BadInput, match="There is no validator"):
        Cast(2, (), ("nonsense",))


def test_roles_are_as_they_were_cast(honest: Past) -> None:
    assert len(honest.chain.members(Role.PEER)) == 4 and len(honest.chain.members(Role.VALIDATOR)) == 2
