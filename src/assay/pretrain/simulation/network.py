"""Runs a whole network in one process: every member ticks through the phases of every round, and time jumps.

Members are the very classes that run on machines of their own; only the clock, and what a dishonest member does, are
made up. What one member has computed, another that computes the same from the same is given: `Remembering`,
`SharedMeasurer`. What is measured after each round is in `RoundResult`, and on disk as one JSON line per round.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from torch import Tensor

from assay.core.errors import BadInput
from assay.core.keys import load_or_create_key
from assay.core.store import Store, open_store
from assay.pretrain.chain.clocks import ManualClock
from assay.pretrain.chain.ledger_chain import LedgerChain
from assay.pretrain.chain.protocol import Chain, Phase, Role
from assay.pretrain.data import Corpus, validation
from assay.pretrain.exchange import Lost, Received, Stores
from assay.pretrain.gauntlet.evidence import Evidence
from assay.pretrain.gauntlet.standings import Standings
from assay.pretrain.joining import terms_of
from assay.pretrain.measuring import Measurer, ParametersAt
from assay.pretrain.peer import Peer, Report, Seat
from assay.pretrain.recipe import Recipe
from assay.pretrain.simulation.attacks import ATTACKS, Attacker, Ring
from assay.pretrain.simulation.liars import LIARS
from assay.pretrain.training import PeerState, Workbench, Worked, digest_of
from assay.pretrain.validator import Validator

VALIDATION_SEQUENCES = 64


@dataclass(frozen=True)
class Cast:
    """Who takes part: honest peers first, then one peer per name of an attack, then validators by kind."""

    honest: int = 8
    attacks: tuple[str, ...] = ()
    validators: tuple[str, ...] = ("honest", "honest", "honest")

    def __post_init__(self) -> None:
        for name in self.attacks:
            if name not in ATTACKS:
                raise BadInput(f"There is no attack {name[:50]!r}: known are {', '.join(sorted(ATTACKS))}.")
        for name in self.validators:
            if name != "honest" and name not in LIARS:
                raise BadInput(f"There is no validator {name[:50]!r}: known are honest, {', '.join(sorted(LIARS))}.")

    @property
    def attackers(self) -> range:
        return range(self.honest, self.honest + len(self.attacks))


@dataclass(frozen=True)
class RoundResult:
    """What one round came to."""

    round: int
    loss: float  # nats per token on the validation text, at the end of the round
    tokens: int  # that selected peers trained on, since the start
    bytes_sent: dict[int, int]  # by uid, in this round
    selected: list[int]
    expelled: list[int]  # up to and including this round
    weights: dict[int, int]
    paid: dict[int, int]  # since the start
    lied: list[int]  # uids that cheated in this round, as they themselves say
    train_losses: dict[int, float] = field(default_factory=dict)  # mean over the round, by uid


class Remembering(Workbench):
    """A bench that gives a validator what the peer computed on it, where both start from the same: the work is a
    function of its inputs. `forget` begins anew."""

    def __init__(self, recipe: Recipe, store: Store | None = None) -> None:
        super().__init__(recipe, store)
        self.forget()

    def forget(self) -> None:
        self._done: dict[str, Worked] = {}

    def work(
        self, parameters: Mapping[str, Tensor], state: PeerState, batches: Iterable[Tensor], round_: int
    ) -> Worked:
        given = list(batches)
        text = hashlib.sha256(b"".join(batch.contiguous().numpy().tobytes() for batch in given)).hexdigest()
        shapes = [list(batch.shape) for batch in given]
        key = json.dumps([digest_of(parameters), state.digest, text, shapes, round_])
        if key not in self._done:
            self._done[key] = super().work(parameters, state, given, round_)
        return self._done[key]


class SharedMeasurer(Measurer):
    """Measures for all validators of a simulation: on one machine each would find the same, and take as long again."""

    _last: tuple[object, tuple[Evidence, dict[int, Received | Lost]]] | None = None

    def measure(
        self,
        chain: Chain,
        stores: Stores,
        round_: int,
        before: Standings,
        steps: Mapping[str, float],
        at: ParametersAt,
        *,
        as_served: Evidence | None = None,
    ) -> tuple[Evidence, dict[int, Received | Lost]]:
        asked = (round_, before, dict(steps), as_served)
        if self._last is None or self._last[0] != asked:
            self._last = asked, super().measure(chain, stores, round_, before, steps, at, as_served=as_served)
        return self._last[1]


class Network:
    """A run with all its members, in a folder."""

    def __init__(
        self,
        recipe: Recipe,
        corpus: Corpus,
        cast: Cast,
        folder: Path,
        report: Report = lambda _: None,
        seed: int = 0,
        store: Store | None = None,
    ) -> None:
        """`store` has the parameters that the recipe starts from, if it names any."""
        self.recipe, self.corpus, self.cast, self.folder = recipe, corpus, cast, folder
        self.bench = Remembering(recipe, store)
        self.ring = Ring(seed)
        self._report = report
        self._public: dict[str, Store] = {}
        self._stores = Stores(self._open)
        folder.mkdir(parents=True, exist_ok=True)
        self.time = ManualClock()
        # A name of its own: this machine remembers every ledger by its place, and a simulation may be deleted.
        self._ledger = LedgerChain.create(
            folder / f"chain-{secrets.token_hex(4)}.db", terms_of(recipe, recipe.timing.round), clock=self.time
        )
        self.peers: list[Peer] = []
        self.validators: list[Validator] = []
        with self._ledger.log.batch():
            self._cast()

    def _cast(self) -> None:
        cast, measurer = self.cast, SharedMeasurer(self.recipe, self.corpus, self.bench)
        for number in range(cast.honest + len(cast.attacks)):
            seat = self._seat(Role.PEER, f"peer-{number}")
            attack = cast.attacks[number - cast.honest] if number >= cast.honest else None
            self.peers.append(Peer(seat) if attack is None else ATTACKS[attack](seat, self.ring))
        for number, kind in enumerate(cast.validators):
            seat = self._seat(Role.VALIDATOR, f"validator-{number}")
            made = Validator if kind == "honest" else LIARS[kind]
            self.validators.append(made(seat, measurer))

    def untrained_loss(self) -> float:
        """Of the parameters that the run begins with, on the validation text."""
        return self.bench.validation_loss(self.bench.initial(), self.validation_batches())

    @property
    def chain(self) -> Chain:
        return self.validators[0].seat.chain

    def run(self, rounds: int, on_round: Callable[[RoundResult], None] = lambda _: None) -> list[RoundResult]:
        """Run rounds 0 to `rounds` - 1."""
        results: list[RoundResult] = []
        for round_ in range(rounds):
            self.bench.forget()
            for phase in Phase:
                self.time.advance_to(self.chain.terms().clock.begins(round_, phase))
                with self._ledger.log.batch():  # one write per phase: everybody sees at once what the others did
                    self._tick(round_, phase)
            self.time.advance_to(self.chain.terms().clock.begins(round_ + 1, Phase.COMMIT))
            result = self._result(round_, results)
            results.append(result)
            with (self.folder / "rounds.jsonl").open("a") as file:
                file.write(json.dumps(asdict(result), sort_keys=True) + "\n")
            on_round(result)
        self._ledger.log.tick()  # so that others who open the chain know that the last round has ended
        return results

    def _tick(self, round_: int, phase: Phase) -> None:
        for peer in self.peers:
            peer.tick()
            if phase is Phase.COMMIT and self.cast.attacks and not isinstance(peer, Attacker):
                self._overhear(peer, round_)
        for validator in self.validators:
            validator.tick()

    def _overhear(self, peer: Peer, round_: int) -> None:
        """Let the ring see an honest peer's work before it is revealed: the strongest attackers that there can be."""
        gradient = peer.gradient(round_)
        if gradient is not None:
            self.ring.hear(round_, peer.seat.uid, {name: sparse.to_dense() for name, sparse in gradient.items()})

    def _result(self, round_: int, before: Sequence[RoundResult]) -> RoundResult:
        validator = self.validators[0]
        validator.follower.advance_to(round_ + 1)
        outcome, members = self.chain.outcome(round_), self.chain.members(Role.PEER)
        active = {member.uid for member in members if member.active(round_)}
        tokens = self.recipe.inner.steps * self.recipe.inner.sequences * self.recipe.model.context
        return RoundResult(
            round=round_,
            loss=self.bench.validation_loss(validator.follower.parameters, self.validation_batches()),
            tokens=(before[-1].tokens if before else 0) + len(outcome.selected) * tokens,
            bytes_sent={uid: promise.size for uid, promise in self.chain.commitments(round_).items()},
            selected=outcome.selected,
            expelled=[member.uid for member in members if member.expelled],
            weights={uid: mark.weight for uid, mark in sorted(outcome.marks.items())},
            paid={member.uid: self.chain.earned(member.uid) for member in members},
            lied=sorted(
                peer.seat.uid
                for peer in self.peers
                if isinstance(peer, Attacker) and peer.seat.uid in active and peer.lies(round_)
            ),
            train_losses={
                peer.seat.uid: sum(losses) / len(losses)
                for peer in self.peers
                if (losses := peer.losses.get(round_)) and not isinstance(peer, Attacker)
            },
        )

    def validation_batches(self) -> Iterator[Tensor]:
        return validation(self.recipe, self.corpus, VALIDATION_SEQUENCES)

    # Making members ---------------------------------------------------------------------------------------------------

    def _seat(self, role: Role, name: str) -> Seat:
        endpoint = str(self.folder / "public" / name)
        chain = self._ledger.acting_as(load_or_create_key(self.folder / name / "key.pem"))
        uid = chain.register(role, endpoint, self.recipe.bond)
        return Seat(
            recipe=self.recipe,
            chain=chain,
            uid=uid,
            corpus=self.corpus,
            store=self._open(endpoint),
            stores=self._stores,
            folder=self.folder / name,
            bench=self.bench,
            secret=hashlib.sha256(f"{self.ring.seed}/{name}".encode()).digest(),  # so that a simulation can be repeated
            report=lambda line: self._report(f"{name}: {line}"),
        )

    def _open(self, endpoint: str) -> Store:
        if endpoint not in self._public:
            self._public[endpoint] = open_store(endpoint)
        return self._public[endpoint]
