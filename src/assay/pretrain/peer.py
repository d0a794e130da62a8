"""A peer: follows the run, trains on its samples, hands in sealed contributions and shows its state when asked.

`tick` does whatever the phase of the round asks for and has not been done; call it as often as you like. All that must
survive a kill is in the peer's folder before the chain hears of it, so that a peer that starts again repeats its last
act and goes on.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from assay.core.digest import Digest, digest_bytes
from assay.core.store import Store
from assay.core.whole import write_whole
from assay.pretrain import wire
from assay.pretrain.chain.protocol import Chain, Phase, Role
from assay.pretrain.contribution import Contribution, Header, Sealed, open_sealed, seal
from assay.pretrain.data import Corpus, Samples, assigned
from assay.pretrain.exchange import Stores, hand_in
from assay.pretrain.following import Follower
from assay.pretrain.gauntlet.choose import reexecuted
from assay.pretrain.gauntlet.document import ScoreDocument
from assay.pretrain.gauntlet.measure import sync_answer
from assay.pretrain.gauntlet.standings import Standings
from assay.pretrain.recipe import Recipe
from assay.pretrain.scores import documents
from assay.pretrain.training import Parameters, PeerState, Workbench, Worked

Report = Callable[[str], None]


@dataclass
class Seat:
    """What a member of a run needs to do anything: who it is, and its doors to everything else."""

    recipe: Recipe
    chain: Chain
    uid: int
    corpus: Corpus
    store: Store  # its own, which others can read
    stores: Stores  # everybody's
    folder: Path  # its own notes, which nobody else reads
    bench: Workbench
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)  # what keys are made from
    report: Report = field(default=lambda _: None)


class Note(BaseModel):
    """A peer's last contribution, as it stands in its folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    round: int
    object: Digest
    key: str  # hex
    before: Digest  # states, each in a file named by its digest
    working: Digest  # `before`, with what came to nothing put back
    after: Digest


class Peer:
    """One peer. Its work is in small methods, so that a test can let one of them go wrong."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.follower = Follower(seat.recipe, seat.chain, seat.stores, seat.bench, seat.folder)
        self.losses: dict[int, tuple[float, ...]] = {}  # inner steps' losses by round, of this process
        self.seconds, self.steps = 0.0, 0  # spent on inner steps, and how many, by this process

    def tick(self) -> None:
        """Do what is to be done now."""
        seat = self.seat
        round_, phase = seat.chain.terms().clock.at(seat.chain.time())
        if not self._is_member(round_):
            return
        if phase is Phase.COMMIT:
            self.contribute(round_)
        elif phase is Phase.REVEAL:
            self.reveal(round_)
        else:
            self.show_state(round_)

    def contribute(self, round_: int) -> None:
        """Train, and hand in what was learnt. Done once per round, or done again in the same words."""
        note = self._note()
        if note is None or note.round < round_:
            if note is not None:
                self.show_state(note.round)  # in case we were away when it was asked for
            self.follower.advance_to(round_)
            self.attest(round_)
            note = self._prepare(round_)
        if self.seat.uid not in self.seat.chain.commitments(round_):
            self.upload(round_, Sealed((self.seat.folder / "sealed").read_bytes(), bytes.fromhex(note.key)))

    def attest(self, round_: int) -> None:
        self.seat.chain.attest(self.seat.uid, round_, self.follower.digest)

    def upload(self, round_: int, sealed: Sealed) -> None:
        hand_in(self.seat.chain, self.seat.uid, round_, sealed, self.seat.store)

    def reveal(self, round_: int) -> None:
        note = self._note()
        promised = self.seat.chain.commitments(round_).get(self.seat.uid)
        if note is None or note.round != round_ or promised is None or promised.object != note.object:
            return
        if self.seat.uid not in self.seat.chain.reveals(round_):
            self.seat.chain.reveal(self.seat.uid, round_, bytes.fromhex(note.key))

    def show_state(self, round_: int) -> None:
        """If validators are to do this round's work again: put the states where they can read them."""
        note, seat = self._note(), self.seat
        if note is None or note.round != round_ or seat.uid not in seat.chain.reveals(round_):
            return
        if self.is_reexecuted(round_):
            for digest in (note.before, note.after):
                if not seat.store.has(digest):
                    seat.store.put_bytes(self._state_file(digest).read_bytes())

    def is_reexecuted(self, round_: int) -> bool:
        """Whether any validator is to do this round's work of ours again."""
        seat, chain = self.seat, self.seat.chain
        beacon, revealed = chain.beacon(round_), sorted(chain.reveals(round_))
        known = [document.standings for document in self._last_documents(round_)] or [Standings()]
        return any(seat.uid in reexecuted(seat.recipe, beacon, round_, revealed, before) for before in known)

    def _last_documents(self, round_: int) -> list[ScoreDocument]:
        """All validators' documents of the last round that counted: any of them may be the one that is gone on from."""
        chain = self.seat.chain
        for then in range(round_ - 1, -1, -1):
            if not chain.outcome(then).void:
                return list(documents(chain, self.seat.stores, then).values())
        return []

    # The work itself -------------------------------------------------------------------------------------------------

    def samples(self, round_: int) -> Samples:
        seat = self.seat
        return assigned(seat.recipe, seat.corpus, seat.chain.beacon(round_ - 1), seat.uid, round_)

    def train(self, parameters: Parameters, state: PeerState, batches: list[Tensor], round_: int) -> Worked:
        return self.seat.bench.work(parameters, state, batches, round_)

    def encode(self, worked: Worked, round_: int) -> bytes:
        return wire.pack(worked.gradient)

    def header(self, round_: int, samples: Samples, before: PeerState, after: PeerState) -> Header:
        seat = self.seat
        return Header(
            run=seat.recipe.digest,
            round=round_,
            uid=seat.uid,
            base=self.follower.digest,
            samples=samples.digest,
            tokens=samples.tokens,
            sync=sync_answer(seat.chain.beacon(round_ - 1), seat.uid, self.follower.parameters),
            state_before=before.digest,
            state_after=after.digest,
        )

    def _prepare(self, round_: int) -> Note:
        """Do the round's work and note it. Nothing has left this machine when this returns."""
        seat, (before, working) = self.seat, self._state(round_)
        samples = self.samples(round_)
        seat.report(f"round {round_}: training on {samples.tokens} tokens")
        begun = time.monotonic()
        worked = self.train(self.follower.parameters, working, list(samples.batches()), round_)
        self.seconds, self.steps = self.seconds + time.monotonic() - begun, self.steps + len(worked.losses)
        self.losses[round_] = worked.losses
        header = self.header(round_, samples, before, worked.state)
        sealed = seal(Contribution(header, self.encode(worked, round_)), seat.secret)
        note = Note(
            round=round_,
            object=digest_bytes(sealed.data),
            key=sealed.key.hex(),
            before=before.digest,
            working=working.digest,
            after=worked.state.digest,
        )
        for state, digest in ((before, note.before), (working, note.working), (worked.state, note.after)):
            if not self._state_file(digest).is_file():
                write_whole(self._state_file(digest), state.to_bytes(), private=True)
        write_whole(seat.folder / "sealed", sealed.data, private=True)
        write_whole(seat.folder / "note.json", note.model_dump_json().encode(), private=True)
        self._forget_states({note.before, note.working, note.after})
        return note

    def _state(self, round_: int) -> tuple[PeerState, PeerState]:
        """The state that validators know of us, and the one to work with.

        They differ after a round that came to nothing: what was sent in it goes back into the error feedback.
        """
        note, seat = self._note(), self.seat
        if note is None:
            fresh = PeerState.new(self.follower.parameters)
            return fresh, fresh
        if seat.uid not in seat.chain.reveals(note.round):  # nobody saw that contribution: it was never made
            return self._read_state(note.before), self._read_state(note.working)
        outcome = seat.chain.outcome(note.round)
        if not outcome.void and seat.uid not in outcome.selected and self._was_lost(note.round):
            return self._read_state(note.before), self._read_state(note.working)  # validators stand where they stood
        known = self._read_state(note.after)
        if not outcome.void:
            return known, known
        sent = self.gradient(note.round)
        return known, known if sent is None else known.returned(sent)

    def _was_lost(self, round_: int) -> bool:
        """Whether half of the validators or more could not take what we handed in: it reached them too late, say."""
        found = documents(self.seat.chain, self.seat.stores, round_).values()
        mine = [peer for document in found for peer in document.evidence.peers if peer.uid == self.seat.uid]
        return bool(mine) and 2 * sum(peer.fault is not None for peer in mine) >= len(mine)

    def gradient(self, round_: int) -> dict[str, wire.SparseTensor] | None:
        """What we sent in a round, if it was the last in which we sent anything."""
        note, seat = self._note(), self.seat
        if note is None or note.round != round_:
            return None
        sealed, key = (seat.folder / "sealed").read_bytes(), bytes.fromhex(note.key)
        sent = open_sealed(sealed, key, run=seat.recipe.digest, round_=round_, uid=seat.uid)
        return wire.decode(sent.gradient, self.follower.limits)

    # Notes -----------------------------------------------------------------------------------------------------------

    def _is_member(self, round_: int) -> bool:
        mine = next((m for m in self.seat.chain.members(Role.PEER) if m.uid == self.seat.uid), None)
        return mine is not None and mine.active(round_)

    def _note(self) -> Note | None:
        path = self.seat.folder / "note.json"
        return Note.model_validate_json(path.read_bytes()) if path.is_file() else None

    def _state_file(self, digest: Digest) -> Path:
        return self.seat.folder / f"state-{digest.removeprefix('sha256:')[:16]}"

    def _read_state(self, digest: Digest) -> PeerState:
        path = self._state_file(digest)
        if path.is_file() and digest_bytes(data := path.read_bytes()) == digest:
            return PeerState.from_bytes(data, self.follower.parameters)
        return PeerState.new(self.follower.parameters)  # lost: a peer may always begin anew

    def _forget_states(self, keep: set[Digest]) -> None:
        kept = {self._state_file(digest) for digest in keep}
        for path in self.seat.folder.glob("state-*"):
            if path not in kept:
                path.unlink()
