"""What a run's chain does and refuses: the same scenarios on the embedded chain and on the contract."""

from hashlib import sha256

import pytest

from assay.core.errors import BadInput
from assay.pretrain.chain import (
    Mark,
    NotAllowed,
    Phase,
    Role,
    TooEarly,
    TooLate,
    agreed_parameters,
    rounds_ended,
    seal_sheet,
)
from assay.pretrain.chain.protocol import WITHDRAW_ROUNDS, Chain
from tests.pretrain.chain.world import MakeWorld, World, digest, word

FULL = Mark(1_000_000, selected=True)


def staffed(world: World, stakes: tuple[int, ...] = (100, 100, 100), peers: int = 2) -> list[tuple[int, int]]:
    """Peers are accounts 0.. with uids 0..; validators follow: (account, uid)."""
    for account in range(peers):
        assert world.join(Role.PEER, account) == account
    return [(peers + n, world.join(Role.VALIDATOR, peers + n, stake)) for n, stake in enumerate(stakes)]


def contribute_all(world: World, round_: int, peers: int = 2) -> None:
    for uid in range(peers):
        world.contribute(uid, uid, round_)
    for uid in range(peers):
        world.open(uid, uid, round_)


def test_a_round_from_register_to_reward(world: World) -> None:
    validators = staffed(world)
    contribute_all(world, 0)
    chain = world.reader()
    assert chain.time() == world.clock.begins(0, Phase.REVEAL) or chain.time() > world.clock.begins(0, Phase.REVEAL)
    assert {uid: promise.size for uid, promise in chain.commitments(0).items()} == {0: 10, 1: 10}
    assert chain.reveals(0) == {0: word(1001), 1: word(1002)}
    with pytest.raises(TooEarly):
        chain.beacon(0)
    marks = {0: Mark(600_000, selected=True), 1: Mark(400_000, selected=True)}
    world.score(0, dict.fromkeys(validators, marks))
    assert chain.beacon(0) != chain.beacon(-1) and len(chain.beacon(0)) == 32
    with pytest.raises(TooEarly):
        chain.outcome(0)
    world.at(1, Phase.COMMIT)
    outcome = chain.outcome(0)
    assert (outcome.void, outcome.selected, outcome.marks) == (False, [0, 1], marks)
    assert (chain.earned(0), chain.earned(1)) == (600, 400)
    for reader in (chain, world.reader()):
        assert reader.outcome(0) == outcome
        assert {uid: sheet.marks for uid, sheet in reader.sheets(0).items()} == {uid: marks for _, uid in validators}


def test_registering_again_gives_the_same_uid(world: World) -> None:
    chain = world.chain(0)
    first = chain.register(Role.PEER, "s3://bucket/a", 100)
    assert chain.register(Role.PEER, "s3://bucket/b", 500) == first
    assert chain.register(Role.VALIDATOR, "s3://bucket/a", 100) == first + 1
    member = chain.members(Role.PEER)[0]
    assert (member.endpoint, member.bond, member.first_round) == ("s3://bucket/a", 100, 0)
    assert member.account == chain.account


def test_a_member_takes_part_from_the_next_round_on(world: World) -> None:
    world.at(3, Phase.COMMIT)
    uid = world.join(Role.PEER, 0)
    with pytest.raises(NotAllowed):
        world.contribute(0, uid, 3)
    world.contribute(0, uid, 4)
    assert list(world.chain(0).commitments(4)) == [uid]


@pytest.mark.parametrize(
    "endpoint",
    ["", "s3://key:secret@bucket/x", "https://host/x?sig=abc", "s3://b/x#y", "s3://b/a b", "s3://bücket", "s" * 201],
)
def test_an_endpoint_with_room_for_a_secret_is_refused(world: World, endpoint: str) -> None:
    with pytest.raises((NotAllowed, BadInput)):
        world.chain(0).register(Role.PEER, endpoint, 100)
    assert world.reader().members() == []


def test_a_bond_that_is_too_small_is_refused(world: World) -> None:
    with pytest.raises(NotAllowed):
        world.join(Role.PEER, 0, bond=99)


def test_places_are_limited(make_world: MakeWorld) -> None:
    world = make_world(max_peers=2)
    world.join(Role.PEER, 0), world.join(Role.PEER, 1)
    with pytest.raises(NotAllowed):
        world.join(Role.PEER, 2)
    assert world.join(Role.VALIDATOR, 2) == 2


def test_promises_are_kept_to_their_phase(world: World) -> None:
    staffed(world)
    chain = world.chain(0)
    promise = (digest(1), 10, sha256(word(5)).digest())
    with pytest.raises(TooEarly):
        chain.commit(0, 0, *promise)
    world.at(0, Phase.COMMIT)
    with pytest.raises(TooEarly):
        chain.commit(0, 1, *promise)
    with pytest.raises(NotAllowed):
        world.chain(1).commit(0, 0, *promise)  # a foreign account
    with pytest.raises(NotAllowed):
        world.chain(2).commit(2, 0, *promise)  # a validator
    with pytest.raises(NotAllowed):
        world.chain(5).commit(9, 0, *promise)  # nobody
    with pytest.raises(NotAllowed):
        chain.commit(0, 0, digest(1), 0, promise[2])
    with pytest.raises(NotAllowed):
        chain.commit(0, 0, digest(1), 2**40 + 1, promise[2])
    chain.commit(0, 0, *promise)
    chain.commit(0, 0, *promise)  # the same again is no error
    with pytest.raises(NotAllowed):
        chain.commit(0, 0, digest(2), 10, promise[2])
    with pytest.raises(TooEarly):
        chain.reveal(0, 0, word(5))
    world.at(0, Phase.REVEAL)
    chain.commit(0, 0, *promise)  # nor is it later: whoever was killed repeats its last act
    with pytest.raises(TooLate):
        world.chain(1).commit(1, 0, *promise)
    with pytest.raises(NotAllowed):
        chain.reveal(0, 0, word(6))
    with pytest.raises(NotAllowed):
        world.chain(1).reveal(1, 0, word(5))  # promised nothing
    chain.reveal(0, 0, word(5))
    chain.reveal(0, 0, word(5))
    world.at(0, Phase.SCORE)
    with pytest.raises(TooLate):
        world.chain(1).reveal(1, 0, word(5))
    assert world.reader().reveals(0) == {0: word(5)}


def test_only_the_promised_sheet_can_be_published(world: World) -> None:
    validators = staffed(world)
    contribute_all(world, 0)
    (account, uid), (copier, copier_uid), (lazy, lazy_uid) = validators
    chain, marks, salt = world.chain(account), {0: FULL}, word(77)
    sealed = seal_sheet(uid, 0, digest(3), marks, salt)
    with pytest.raises(TooEarly):
        chain.commit_scores(uid, 0, sealed)
    world.at(0, Phase.SCORE)
    chain.commit_scores(uid, 0, sealed)
    chain.commit_scores(uid, 0, sealed)
    with pytest.raises(NotAllowed):
        chain.commit_scores(uid, 0, word(1))
    world.chain(copier).commit_scores(copier_uid, 0, sealed)  # a copied hash
    with pytest.raises(TooEarly):
        chain.publish_scores(uid, 0, digest(3), marks, salt)
    world.at(0, Phase.PUBLISH)
    with pytest.raises(TooLate):
        world.chain(lazy).commit_scores(lazy_uid, 0, sealed)
    for wrong in [(digest(4), marks, salt), (digest(3), {1: FULL}, salt), (digest(3), marks, word(78))]:
        with pytest.raises(NotAllowed):
            chain.publish_scores(uid, 0, *wrong)
    chain.publish_scores(uid, 0, digest(3), marks, salt)
    chain.publish_scores(uid, 0, digest(3), marks, salt)
    with pytest.raises(NotAllowed):
        world.chain(copier).publish_scores(copier_uid, 0, digest(3), marks, salt)  # opens for nobody else
    with pytest.raises(NotAllowed):
        world.chain(lazy).publish_scores(lazy_uid, 0, digest(3), marks, salt)  # had promised nothing
    world.at(1, Phase.COMMIT)
    with pytest.raises(TooLate):
        world.chain(copier).publish_scores(copier_uid, 0, digest(3), marks, salt)
    chain.publish_scores(uid, 0, digest(3), marks, salt)
    assert list(world.reader().sheets(0)) == [uid]


@pytest.mark.parametrize(
    "marks",
    [
        {0: Mark(600_000), 1: Mark(400_001)},
        {2: Mark(1)},  # a validator
        {9: Mark(1)},
        {4: Mark(1)},  # joins in this round
        {5: Mark(0, selected=True)},  # revealed nothing
    ],
    ids=["more than all", "a validator", "nobody", "not yet a member", "revealed nothing"],
)
def test_a_sheet_that_breaks_a_rule_is_refused(make_world: MakeWorld, marks: dict[int, Mark]) -> None:
    world = make_world()
    staffed(world, stakes=(100, 100))
    if 5 in marks:
        marks = {1: marks[5]}
        world.contribute(0, 0, 0)
    else:
        contribute_all(world, 0)
    world.at(0, Phase.COMMIT)
    assert world.join(Role.PEER, 6) == 4
    with pytest.raises(NotAllowed):
        world.score(0, {(2, 2): marks})
    assert world.reader().sheets(0) == {}


def test_the_median_is_weighted_and_low_and_flags_need_more_than_half(world: World) -> None:
    validators = staffed(world, stakes=(100, 100, 200))
    contribute_all(world, 0)
    sheets = [
        {0: Mark(300_000, selected=True), 1: Mark(100_000)},
        {0: Mark(100_000, selected=True), 1: Mark(700_000)},
        {0: Mark(500_000), 1: Mark(500_000, selected=True)},
    ]
    world.score(0, dict(zip(validators, sheets, strict=True)))
    world.at(1, Phase.COMMIT)
    # Exactly half of the stake is no majority; at exactly half of it the lower value is the median.
    assert world.reader().outcome(0).marks == {0: Mark(300_000), 1: Mark(500_000)}


def test_medians_that_add_up_to_too_much_do_not_pay_too_much(world: World) -> None:
    validators = staffed(world, peers=3)
    contribute_all(world, 0, peers=3)
    half = Mark(500_000)
    sheets = [{0: half, 1: half}, {0: half, 2: half}, {1: half, 2: half}]
    world.score(0, dict(zip(validators, sheets, strict=True)))
    world.at(1, Phase.COMMIT)
    chain = world.reader()
    assert chain.outcome(0).marks == {0: half, 1: half, 2: half}
    assert [chain.earned(uid) for uid in range(3)] == [333, 333, 333]


HONEST = {0: Mark(700_000, selected=True), 1: Mark(300_000, selected=True)}


@pytest.mark.parametrize("fault", ["lies", "is absent", "promises and vanishes"])
def test_a_faulty_minority_changes_nothing(make_world: MakeWorld, fault: str) -> None:
    world = make_world()
    honest1, honest2, faulty = staffed(world)
    for round_ in range(3):
        contribute_all(world, round_)
        sheets = {honest1: HONEST, honest2: HONEST}
        if fault == "lies":
            sheets[faulty] = {1: Mark(1_000_000, selected=True), 0: Mark(0, expelled=True)}
        if fault == "promises and vanishes":
            world.at(round_, Phase.SCORE)
            world.chain(faulty[0]).commit_scores(faulty[1], round_, word(9))
        world.score(round_, sheets)
    world.at(3, Phase.COMMIT)
    chain = world.reader()
    assert [chain.outcome(round_).marks for round_ in range(3)] == [HONEST] * 3
    assert (chain.earned(0), chain.earned(1)) == (2_100, 900)
    assert {member.uid: member.strikes for member in chain.members(Role.VALIDATOR)} == {2: 0, 3: 0, 4: 2}


def test_with_exactly_half_of_the_stake_the_run_goes_on(world: World) -> None:
    honest, _absent = staffed(world, stakes=(100, 100))
    contribute_all(world, 0)
    world.score(0, {honest: HONEST})
    world.at(1, Phase.COMMIT)
    assert world.reader().outcome(0).marks == HONEST


def test_with_less_the_round_is_void_and_the_run_resumes(world: World) -> None:
    small, absent = staffed(world, stakes=(100, 101))
    for round_ in range(3):
        contribute_all(world, round_)
        world.score(round_, {small: HONEST})
    chain = world.reader()
    world.at(3, Phase.COMMIT)
    assert [chain.outcome(round_).void for round_ in range(3)] == [True, True, False]  # the absent one has struck out
    assert chain.outcome(0).marks == {} and chain.earned(0) == 700
    contribute_all(world, 3)
    world.score(3, {small: HONEST, absent: HONEST})  # it comes back, is heard from the next round on
    world.at(4, Phase.COMMIT)
    assert [member.strikes for member in chain.members(Role.VALIDATOR)] == [0, 1]
    contribute_all(world, 4)
    world.score(4, {small: HONEST})
    world.at(5, Phase.COMMIT)
    assert chain.outcome(3).marks == HONEST and chain.outcome(4).void


def test_a_run_that_nobody_scored_for_long_resumes(world: World) -> None:
    validators = staffed(world)
    contribute_all(world, 50)
    chain = world.reader()
    assert [member.strikes for member in chain.members(Role.VALIDATOR)] == [2, 2, 2]
    sheets = dict.fromkeys(validators, HONEST)
    world.score(50, sheets)  # all have struck out: void, but whoever is there counts again
    contribute_all(world, 51)
    world.score(51, sheets)
    world.at(52, Phase.COMMIT)
    assert chain.outcome(10).void and chain.outcome(50).void and chain.outcome(51).marks == HONEST


def test_an_expelled_peer_loses_its_bond_and_keeps_what_it_was_paid(world: World) -> None:
    validators = staffed(world)
    contribute_all(world, 0)
    world.score(0, dict.fromkeys(validators, HONEST))
    contribute_all(world, 1)
    expel = {0: Mark(1_000_000, selected=True), 1: Mark(1_000, expelled=True)}  # nothing else counts
    world.score(1, dict.fromkeys(validators, expel))
    world.at(2, Phase.COMMIT)
    chain = world.reader()
    assert chain.outcome(1).marks == {0: expel[0], 1: Mark(0, expelled=True)}
    member = chain.members()[1]
    assert (member.expelled, member.last_round, chain.earned(1)) == (True, 1, 300)
    with pytest.raises(NotAllowed):
        world.contribute(1, 1, 2)
    with pytest.raises(NotAllowed):
        world.chain(1).withdraw(1)
    with pytest.raises(NotAllowed):
        world.chain(1).attest(1, 2, digest(1))
    assert world.chain(1).register(Role.PEER, "s3://again", 100) == 1  # an account does not start anew
    assert not chain.members()[1].active(2)


def test_who_leaves_can_be_expelled_until_the_bond_is_free(world: World) -> None:
    validators = staffed(world)
    world.at(0, Phase.COMMIT)
    for peer in (0, 1):
        world.chain(peer).leave(peer)
        world.chain(peer).leave(peer)
    with pytest.raises(NotAllowed):
        world.chain(1).leave(0)
    contribute_all(world, 0)  # in the round in which it left it takes part
    world.score(0, dict.fromkeys(validators, HONEST))
    with pytest.raises(NotAllowed):
        world.contribute(0, 0, 1)
    with pytest.raises(NotAllowed):
        world.score(1, {validators[0]: {0: Mark(1)}})  # nothing is earned after it
    world.score(2, {validator: {0: Mark(0, expelled=True)} for validator in validators})
    world.at(WITHDRAW_ROUNDS, Phase.PUBLISH)
    with pytest.raises(TooEarly):
        world.chain(1).withdraw(1)
    with pytest.raises(NotAllowed):
        world.chain(2).withdraw(2)  # has not left
    world.at(WITHDRAW_ROUNDS + 1, Phase.COMMIT)
    with pytest.raises(NotAllowed):
        world.chain(0).withdraw(0)
    world.chain(1).withdraw(1)
    world.chain(1).withdraw(1)
    chain = world.reader()
    assert [(m.expelled, m.released, m.last_round) for m in chain.members(Role.PEER)] == [
        (True, False, 0),
        (False, True, 0),
    ]
    assert chain.earned(1) == 300


def test_a_validator_that_struck_out_can_lose_its_seat(make_world: MakeWorld) -> None:
    world = make_world()
    for account in range(8):
        world.join(Role.VALIDATOR, account)
    with pytest.raises(NotAllowed):
        world.join(Role.VALIDATOR, 8)
    world.at(2, Phase.COMMIT)
    assert world.join(Role.VALIDATOR, 8) == 8
    members = world.reader().members()
    assert (members[0].last_round, members[8].first_round) == (2, 3)
    world.at(2, Phase.SCORE)  # until then it has its say
    sealed = seal_sheet(0, 2, digest(0), {}, word(1))
    world.chain(0).commit_scores(0, 2, sealed)
    world.at(2, Phase.PUBLISH)
    world.chain(0).publish_scores(0, 2, digest(0), {}, word(1))
    world.at(3, Phase.COMMIT)
    assert [member.strikes for member in world.reader().members()] == [1, 2, 2, 2, 2, 2, 2, 2, 0]
    world.at(3, Phase.SCORE)
    with pytest.raises(NotAllowed):
        world.chain(0).commit_scores(0, 3, sealed)


def test_attestations_and_what_is_agreed(world: World) -> None:
    (first, uid1), (second, uid2), (_, uid3) = staffed(world)
    with pytest.raises(TooEarly):
        world.chain(0).attest(0, 0, digest(1))
    world.at(0, Phase.REVEAL)
    chain: Chain = world.reader()
    world.chain(0).attest(0, 0, digest(1))
    world.chain(0).attest(0, 0, digest(1))
    with pytest.raises(NotAllowed):
        world.chain(0).attest(0, 0, digest(2))
    with pytest.raises(NotAllowed):
        world.chain(1).attest(uid1, 0, digest(2))
    world.chain(first).attest(uid1, 0, digest(1))
    assert agreed_parameters(chain, 0) is None  # a third of the stake is not enough, peers have none
    world.chain(second).attest(uid2, 0, digest(1))
    assert agreed_parameters(chain, 0) == digest(1)
    rich = world.join(Role.VALIDATOR, 6, bond=10_000)
    world.chain(6).attest(rich, 0, digest(9))
    assert agreed_parameters(chain, 0) == digest(1)  # a say on the past cannot be bought
    assert chain.attestations(0) == {0: digest(1), uid1: digest(1), uid2: digest(1), rich: digest(9)}
    assert uid3 not in chain.attestations(0)


def test_a_run_ends_with_its_last_round_and_not_with_the_clock(world: World) -> None:
    staffed(world)
    chain = world.reader()
    world.at(1, Phase.COMMIT)
    assert rounds_ended(chain, 3) == 1
    world.at(3, Phase.COMMIT)
    assert rounds_ended(chain, 2) == 2
    world.contribute(0, 0, 3)  # it went on after a pause
    world.at(7, Phase.SCORE)
    assert rounds_ended(chain, 2) == 4
    assert rounds_ended(chain, 5) == 5
    assert rounds_ended(chain, 9) == 7


def test_zero_stake_decides_nothing(make_world: MakeWorld) -> None:
    world = make_world(bond=0)
    world.join(Role.PEER, 0, 0), world.join(Role.PEER, 1, 0)
    poor = (2, world.join(Role.VALIDATOR, 2, 0))
    contribute_all(world, 0)
    world.score(0, {poor: HONEST})
    world.at(1, Phase.COMMIT)
    assert world.reader().outcome(0).void
    rich = (3, world.join(Role.VALIDATOR, 3, 5))
    contribute_all(world, 2)
    world.score(2, {poor: {0: FULL}, rich: HONEST})
    world.at(3, Phase.COMMIT)
    assert world.reader().outcome(2).marks == HONEST


def test_zeros_are_no_key_and_no_hash(world: World) -> None:
    staffed(world)
    world.at(0, Phase.COMMIT)
    world.chain(0).commit(0, 0, digest(1), 1, sha256(bytes(32)).digest())
    with pytest.raises(NotAllowed):
        world.chain(0).attest(0, 0, digest(0))
    world.at(0, Phase.REVEAL)
    with pytest.raises(NotAllowed):
        world.chain(0).reveal(0, 0, bytes(32))
    world.at(0, Phase.SCORE)
    with pytest.raises(NotAllowed):
        world.chain(2).commit_scores(2, 0, bytes(32))


def test_a_reader_cannot_act_and_arguments_are_checked(world: World) -> None:
    with pytest.raises(BadInput):
        world.reader().register(Role.PEER, "s3://b", 100)
    chain = world.chain(0)
    for bad in [
        lambda: chain.commit(-1, 0, digest(1), 1, word(1)),
        lambda: chain.commit(0, 0, "sha256:xyz", 1, word(1)),
        lambda: chain.reveal(0, 0, b"short"),
        lambda: chain.publish_scores(0, 0, digest(1), {0: Mark(2_000_000)}, word(1)),
        lambda: chain.outcome(-1),
        lambda: chain.beacon(-2),
        lambda: chain.earned(99),
    ]:
        with pytest.raises(BadInput):
            bad()
