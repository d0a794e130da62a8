"""Joining late, starting again, losing everything: the parameters are the same to the last bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import BadInput, Corrupt
from assay.core.home import home
from assay.core.store import open_store
from assay.pretrain.chain.errors import ChainRefusal
from assay.pretrain.chain.ledger_chain import LedgerChain
from assay.pretrain.chain.protocol import Chain, Phase
from assay.pretrain.contribution import Sealed
from assay.pretrain.data import Corpus
from assay.pretrain.exchange import Lost, Received, collect
from assay.pretrain.following import Follower
from assay.pretrain.gauntlet.evidence import Fault
from assay.pretrain.joining import LedgerPlace, RunFile, keep_parameters
from assay.pretrain.measuring import Measurer
from assay.pretrain.peer import Peer
from assay.pretrain.recipe import Recipe
from assay.pretrain.scores import documents
from assay.pretrain.simulation.network import Cast, Network
from assay.pretrain.training import Workbench, digest_of
from tests.pretrain.network.conftest import ROUNDS, MakeNetwork, Past


def follower(past: Past, folder: Path | None = None) -> Follower:
    return Follower(past.recipe, past.chain, past.stores(), Workbench(past.recipe), folder)


def test_a_newcomer_replays_from_a_checkpoint_to_the_same_bits(past: Past) -> None:
    expected = past.chain.attestations(2)[0]
    found = follower(past)
    found.advance_to(2)
    assert found.digest == expected
    # The newest checkpoint is that of round 2: without the validators' stores round 0 is as good.
    for owner in ("validator-0", "validator-1"):
        for path in (past.folder / "public" / owner).rglob("*"):
            if path.is_file() and path.stat().st_size > 300_000:
                path.unlink()
    again = follower(past)
    again.advance_to(2)
    assert again.digest == expected


def test_what_was_followed_survives_a_restart_and_damage_to_it_does_no_harm(past: Past, tmp_path: Path) -> None:
    first = follower(past, tmp_path)
    first.advance_to(2)
    assert follower(past, tmp_path).round == 2
    kept = tmp_path / "parameters"
    data = bytearray(kept.read_bytes())
    data[len(data) // 2] ^= 1
    kept.write_bytes(data)
    again = follower(past, tmp_path)
    assert again.round == 0
    again.advance_to(2)
    assert again.digest == first.digest


def test_parameters_that_validators_do_not_attest_to_are_not_used(past: Past) -> None:
    found = follower(past)
    found.parameters["model.norm.weight"].add_(1e-6)
    with pytest.raises(Corrupt, match="validators attest"):
        found.advance_to(1)
    assert ROUNDS > 1


class Killed(BaseException):
    """What a test raises where a process would be killed."""


def test_a_peer_killed_at_any_step_hands_in_once_and_the_same(
    make_network: MakeNetwork, honest: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before and after each thing that leaves a trace, and started again: as if it had not been killed."""
    network = make_network(Cast(4, validators=("honest", "honest")))
    victim = network.peers[1]
    import assay.pretrain.peer as module

    real_write, real_hand_in = module.write_whole, module.hand_in
    kills: list[str] = []

    def once(name: str) -> None:
        if name not in kills:
            kills.append(name)
            raise Killed

    def write_whole(path: Path, data: bytes, **settings: bool) -> None:
        if path.parent == victim.seat.folder:
            once(f"before {path.name[:6]}")
        real_write(path, data, **settings)
        if path.parent == victim.seat.folder:
            once(f"after {path.name[:6]}")

    def hand_in(chain: object, uid: int, round_: int, sealed: Sealed, store: object) -> object:
        if uid == victim.seat.uid:
            once("before the upload")
        done = real_hand_in(chain, uid, round_, sealed, store)  # type: ignore[arg-type]
        if uid == victim.seat.uid:
            once("after the commitment")
        return done

    monkeypatch.setattr(module, "write_whole", write_whole)
    monkeypatch.setattr(module, "hand_in", hand_in)
    real_tick = Peer.tick

    def tick(peer: Peer) -> None:
        while True:
            try:
                return real_tick(network.peers[1] if peer.seat is victim.seat else peer)
            except Killed:
                network.peers[1] = Peer(victim.seat)

    monkeypatch.setattr(Peer, "tick", tick)
    losses_of_the_living = {"train_losses": {}}  # what a killed process measured for itself is gone
    found, expected = (
        [replace(result, **losses_of_the_living) for result in results]
        for results in (network.run(2), honest.results[:2])
    )
    assert found == expected
    assert len(kills) >= 6


def test_a_peer_that_was_away_comes_back_and_is_not_expelled(make_network: MakeNetwork) -> None:
    network = make_network(Cast(3, validators=("honest", "honest")))
    away = network.peers[2]
    real, asleep = away.tick, {1}

    def tick() -> None:
        round_, _ = network.chain.terms().clock.at(network.chain.time())
        if round_ not in asleep:
            real()

    away.tick = tick  # type: ignore[method-assign]
    results = network.run(4)
    assert [2 in result.selected for result in results] == [True, False, True, True]
    assert results[-1].expelled == []
    assert len(set(network.chain.attestations(3).values())) == 1


def test_a_peer_that_never_revealed_goes_on_from_the_state_that_others_know(make_network: MakeNetwork) -> None:
    network = make_network(Cast(3, validators=("honest",)))
    forgetful = network.peers[0]
    real = forgetful.reveal
    forgetful.reveal = lambda round_: real(round_) if round_ != 1 else None  # type: ignore[method-assign]
    results = network.run(4)
    assert [0 in result.selected for result in results] == [True, False, True, True]
    assert results[-1].expelled == []


def test_a_round_without_validators_is_void_and_loses_no_work(make_network: MakeNetwork) -> None:
    network = make_network(Cast(3, validators=("honest", "honest")))
    for validator in network.validators:
        real = validator.score

        def score(round_: int, real: object = real) -> None:
            if round_ != 1:
                real(round_)  # type: ignore[operator]

        validator.score = score  # type: ignore[method-assign]
    results = network.run(4)
    assert [len(result.selected) for result in results] == [3, 0, 3, 3]
    assert results[1].loss == results[0].loss
    assert results[-1].expelled == []  # re-executions knew that the lost work was put back
    assert results[-1].loss < results[0].loss


@pytest.mark.parametrize("seen_by", [(), (0,), (0, 1)], ids=["by nobody", "by one of three", "by two of three"])
def test_what_did_not_reach_a_validator_in_time_costs_its_sender_that_round_alone(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch, seen_by: tuple[int, ...]
) -> None:
    network = make_network(Cast(3, validators=("honest",) * 3))
    scoring: list[int] = []
    for number, validator in enumerate(network.validators):
        validator.measurer = Measurer(network.recipe, network.corpus, network.bench)
        real = validator.score

        def score(round_: int, number: int = number, real: Callable[[int], None] = real) -> None:
            scoring.append(number)
            real(round_)

        monkeypatch.setattr(validator, "score", score)

    def late(chain: Chain, round_: int, *arguments: Any, **settings: Any) -> dict[int, Received | Lost]:
        found = collect(chain, round_, *arguments, **settings)
        now, phase = chain.terms().clock.at(chain.time())
        if round_ == now == 1 and phase is Phase.SCORE and scoring[-1] not in seen_by:
            found[0] = Lost(Fault.UNAVAILABLE, "The object did not arrive in time.")
        return found

    monkeypatch.setattr("assay.pretrain.measuring.collect", late)
    results = network.run(4)
    assert [0 in result.selected for result in results] == [True, len(seen_by) == 2, True, True]
    assert results[-1].expelled == []
    # Nobody holds it against the sender for longer than the round.
    for found in documents(network.chain, network.peers[0].seat.stores, 3).values():
        assert [peer.fault for peer in found.evidence.peers] == [None] * 3


def test_a_late_commitment_is_refused(make_network: MakeNetwork) -> None:
    network = make_network(Cast(2, validators=("honest",)))
    clock = network.chain.terms().clock
    network.time.advance_to(clock.begins(0, Phase.COMMIT))
    peer = network.peers[0]
    peer.follower.advance_to(0)
    note = peer._prepare(0)
    network.time.advance_to(clock.begins(0, Phase.REVEAL))
    with pytest.raises(ChainRefusal):
        peer.upload(0, Sealed((peer.seat.folder / "sealed").read_bytes(), bytes.fromhex(note.key)))


def test_a_peer_whose_state_is_lost_is_suspended_and_comes_back(make_network: MakeNetwork) -> None:
    """It cannot show the state of a round: it is neither expelled nor counted until it has made up for it."""
    network = make_network(Cast(3, validators=("honest",)))
    careless = network.peers[0]
    real = careless.show_state
    lost = {1, 2, 3}
    careless.show_state = lambda round_: real(round_) if round_ not in lost else None  # type: ignore[method-assign]
    results = network.run(9)
    selected = [0 in result.selected for result in results]
    assert selected[0] and not all(selected) and selected[-1]
    assert results[-1].expelled == []


def test_a_run_can_start_where_another_ended(recipe: Recipe, corpus: Corpus, tmp_path: Path) -> None:
    named = recipe.model_copy(update={"rounds": 1, "data": recipe.data.model_copy(update={"corpus": corpus.digest})})
    network = Network(named, corpus, Cast(2, validators=("honest",)), tmp_path)
    network.run(1)
    (place,) = tmp_path.glob("chain-*.db")
    run = LedgerPlace(url=str(place), run=LedgerChain.open(place).run)

    def file(of: Recipe) -> Path:
        path = tmp_path / "run.json"
        path.write_text(RunFile(recipe=of, chain=run, corpus=str(home() / "store")).model_dump_json(by_alias=True))
        return path

    store = open_store()
    digest = keep_parameters(file(named), recipe, store)
    assert digest == network.validators[0].follower.digest != digest_of(Workbench(recipe).initial())
    later = recipe.model_copy(update={"start": digest, "model": recipe.model.model_copy(update={"context": 16})})
    assert digest_of(Workbench(later, store).initial()) == digest
    with pytest.raises(BadInput, match="a store that has them"):
        Workbench(later)
    with pytest.raises(BadInput, match="another model"):
        wider = recipe.model.model_copy(update={"hidden": 128})
        keep_parameters(file(named), recipe.model_copy(update={"model": wider}), store)


def test_a_run_that_goes_on_has_no_last_parameters(recipe: Recipe, corpus: Corpus, tmp_path: Path) -> None:
    named = recipe.model_copy(update={"data": recipe.data.model_copy(update={"corpus": corpus.digest})})
    Network(named, corpus, Cast(2, validators=("honest",)), tmp_path).run(1)
    (place,) = tmp_path.glob("chain-*.db")
    path = tmp_path / "run.json"
    run = LedgerPlace(url=str(place), run=LedgerChain.open(place).run)
    path.write_text(RunFile(recipe=named, chain=run, corpus=str(home() / "store")).model_dump_json(by_alias=True))
    with pytest.raises(BadInput, match="has not ended"):
        keep_parameters(path, recipe, open_store())
