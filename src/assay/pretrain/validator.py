"""A validator: follows the run, measures what peers handed in, and publishes a score sheet with the evidence behind it.

`tick` does what the phase asks for, as a peer's does. What was measured is a score document in the validator's store;
the marks that follow from it are promised on the chain before any sheet is to be seen. Honest validators on one kind of
machine conclude the same, to the last bit.
"""

import secrets
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from assay.core.digest import Digest
from assay.core.whole import write_whole
from assay.pretrain.chain.encoding import seal_sheet
from assay.pretrain.chain.protocol import Mark, Phase, Role
from assay.pretrain.exchange import Lost, Received
from assay.pretrain.following import Follower
from assay.pretrain.gauntlet.document import MAX_DOCUMENT, ScoreDocument, parse, write
from assay.pretrain.gauntlet.standings import Standings
from assay.pretrain.measuring import Measurer
from assay.pretrain.peer import Seat
from assay.pretrain.scores import last_document
from assay.pretrain.training import to_bytes


def told(document: ScoreDocument) -> str:
    """Who counts, and of the others what is held against each."""
    results = document.judgement.results
    others = [f"{r.uid} ({', '.join(sorted(r.notes)) or 'not chosen'})" for r in results if not r.selected]
    counted = ", ".join(str(r.uid) for r in results if r.selected) or "nobody"
    return f"counted: {counted}" + (f"; not counted: {', '.join(others)}" if others else "")


class Promise(BaseModel):
    """A promised sheet, as it stands in the validator's folder. The document itself is in its store."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    round: int
    document: Digest
    salt: str  # hex


class Validator:
    """One validator. Its conclusions are in small methods, so that a test can let one of them lie."""

    def __init__(self, seat: Seat, measurer: Measurer | None = None) -> None:
        self.seat = seat
        self.follower = Follower(seat.recipe, seat.chain, seat.stores, seat.bench, seat.folder)
        self.measurer = measurer or Measurer(seat.recipe, seat.corpus, seat.bench)

    def tick(self) -> None:
        """Do what is to be done now."""
        chain = self.seat.chain
        round_, phase = chain.terms().clock.at(chain.time())
        mine = next((m for m in chain.members(Role.VALIDATOR) if m.uid == self.seat.uid), None)
        if mine is None or not mine.active(round_):
            return
        if phase in (Phase.COMMIT, Phase.REVEAL):
            self.follow(round_)
        elif phase is Phase.SCORE:
            self.score(round_)
        else:
            self.publish(round_)

    def follow(self, round_: int) -> None:
        """Arrive at the round's parameters, attest to them, and keep a checkpoint now and then."""
        self.follower.advance_to(round_)
        if self.seat.uid not in self.seat.chain.attestations(round_):
            if round_ % self.seat.recipe.checkpoint_rounds == 0:
                self.seat.store.put_bytes(to_bytes(self.follower.parameters))
            self.seat.chain.attest(self.seat.uid, round_, self.follower.digest)

    def score(self, round_: int) -> None:
        """Measure the round and promise the marks. A promise that was made before a kill is made again."""
        promise = self._promise()
        if promise is None or promise.round != round_:
            self.follow(round_)
            document = self.document(round_)
            self.seat.report(f"round {round_}: {told(document)}")
            self.seat.store.put_bytes(document.to_bytes())
            promise = Promise(round=round_, document=document.digest, salt=secrets.token_hex(32))
            write_whole(self.seat.folder / "promise.json", promise.model_dump_json().encode(), private=True)
        marks = self.marks(self._document(promise))
        sealed = seal_sheet(self.seat.uid, round_, promise.document, marks, bytes.fromhex(promise.salt))
        self.seat.chain.commit_scores(self.seat.uid, round_, sealed)

    def publish(self, round_: int) -> None:
        """Publish the promised sheet."""
        promise = self._promise()
        if promise is None or promise.round != round_ or self.seat.uid in self.seat.chain.sheets(round_):
            return
        marks = self.marks(self._document(promise))
        self.seat.chain.publish_scores(self.seat.uid, round_, promise.document, marks, bytes.fromhex(promise.salt))

    # What it concludes -----------------------------------------------------------------------------------------------

    def document(self, round_: int) -> ScoreDocument:
        """Measure and judge the round; keep a copy of every contribution that opened, so that none can vanish."""
        seat, chain = self.seat, self.seat.chain
        last = last_document(chain, seat.stores, round_, mine=seat.uid)
        steps = self.measurer.step_sizes_at(round_, last.evidence if last else None, self.follower.at)
        before = last.standings if last else Standings()
        evidence, found = self.measurer.measure(chain, seat.stores, round_, before, steps, self.follower.at)
        self._mirror(round_, found)
        return write(seat.recipe, seat.uid, last, evidence, chain.beacon(round_))

    def marks(self, document: ScoreDocument) -> Mapping[int, Mark]:
        return document.judgement.marks

    def _mirror(self, round_: int, found: Mapping[int, Received | Lost]) -> None:
        for uid, one in found.items():
            if isinstance(one, Received) and not self.seat.store.has(one.commitment.object):
                endpoints = [member.endpoint for member in self.seat.chain.members() if member.uid == uid]
                sealed = self.seat.stores.fetch(one.commitment.object, endpoints, one.commitment.size)
                self.seat.store.put_bytes(sealed)

    def _promise(self) -> Promise | None:
        path = self.seat.folder / "promise.json"
        return Promise.model_validate_json(path.read_bytes()) if path.is_file() else None

    def _document(self, promise: Promise) -> ScoreDocument:
        return parse(self.seat.store.get_bytes(promise.document, MAX_DOCUMENT))
