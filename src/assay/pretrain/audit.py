"""Recomputing a round from the chain and the stores: scores, selection, aggregate. Anyone can; it takes no key.

What differs from what was published is a finding. What cannot be recomputed, because a part is no longer to be
had, is said to be unknown and never taken for right.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from assay.core.errors import AssayError, Unavailable
from assay.pretrain.chain.decide import Vote, decide
from assay.pretrain.chain.protocol import Chain, Mark, Role, Sheet
from assay.pretrain.data import Corpus
from assay.pretrain.exchange import Stores
from assay.pretrain.following import Follower
from assay.pretrain.gauntlet.document import MAX_DOCUMENT, ScoreDocument, check, differences, parse, write
from assay.pretrain.gauntlet.evidence import SERVED, Evidence, Redone, Reexecution
from assay.pretrain.gauntlet.standings import Standings
from assay.pretrain.measuring import Measurer
from assay.pretrain.recipe import Recipe
from assay.pretrain.scores import fetch, same_marks
from assay.pretrain.training import Workbench


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was published, or (`unknown`) that cannot be found out."""

    where: str
    what: str
    unknown: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def unserved(there: Evidence, elsewhere: Evidence) -> Iterator[str]:
    """What members' stores served whoever measured `there`, and not whoever measured the same round `elsewhere`."""
    others = {peer.uid: peer for peer in elsewhere.peers}
    for peer in there.peers:
        other = others.get(peer.uid)
        if other is None:
            continue
        if other.fault in SERVED and peer.fault not in SERVED:
            yield f"the contribution of uid {peer.uid}"
        elif peer.reexecution and other.reexecution and _shows_more(peer.reexecution, other.reexecution):
            yield f"the state of uid {peer.uid} in round {peer.reexecution.round}"


def _shows_more(one: Reexecution, other: Reexecution) -> bool:
    """Of what is owed and this round's state, the former is looked at first, and the latter only without it."""
    return one.outcome is Redone.DONE and (other.outcome is Redone.REFUSED or one.round < other.round)


class Auditor:
    """Recomputes a run's rounds. `tolerance`: relative, for what is measured; 0 on the validators' kind of machine"""

    def __init__(
        self, recipe: Recipe, chain: Chain, corpus: Corpus, stores: Stores, bench: Workbench, *, tolerance: float = 0.0
    ) -> None:
        self._recipe, self._chain, self._stores, self._bench = recipe, chain, stores, bench
        self._measurer = Measurer(recipe, corpus, bench)
        self._follower = Follower(recipe, chain, stores, bench)
        self._tolerance = tolerance

    def audit(self, round_: int) -> list[Finding]:
        """All findings of a round that has ended."""
        if self._chain.terms().recipe != self._recipe.digest:
            return [Finding("recipe", f"the run's is {self._chain.terms().recipe}, this one is {self._recipe.digest}")]
        return [*self._outcome(round_), *self._sheets(round_), *self._parameters(round_)]

    # The decision -----------------------------------------------------------------------------------------------------

    def _outcome(self, round_: int) -> Iterator[Finding]:
        """The medians of the published sheets against what the chain says was decided."""
        outcome, sheets = self._chain.outcome(round_), self._chain.sheets(round_)
        # Who had struck out back then is not on the chain any more: of the others the medians are the same.
        votes = [
            Vote(member.uid, member.bond, True, sheets[member.uid].marks)
            for member in self._chain.members(Role.VALIDATOR)
            if member.uid in sheets
        ]
        if outcome.void:
            return
        expected = decide(votes).marks
        for uid in sorted(expected.keys() | outcome.marks.keys()):
            ours, theirs = expected.get(uid, Mark(0)), outcome.marks.get(uid, Mark(0))
            if ours != theirs:
                yield Finding(
                    f"outcome of round {round_}, uid {uid}", f"the sheets give {ours}, the chain says {theirs}"
                )

    # The scores -------------------------------------------------------------------------------------------------------

    def _sheets(self, round_: int) -> Iterator[Finding]:
        measured: dict[object, Evidence] = {}
        for uid, sheet in sorted(self._chain.sheets(round_).items()):
            where = f"validator {uid}, round {round_}"
            document = fetch(self._chain, self._stores, sheet)
            if document is None:
                yield Finding(where, f"its score document {sheet.document} is not to be had", unknown=True)
                continue
            try:
                yield from self._document(where, round_, uid, sheet, document, measured)
            except AssayError as error:
                yield Finding(
                    where, f"its scores cannot be recomputed: {error}", unknown=isinstance(error, Unavailable)
                )

    def _document(
        self,
        where: str,
        round_: int,
        uid: int,
        sheet: Sheet,
        document: ScoreDocument,
        measured: dict[object, Evidence],
    ) -> Iterator[Finding]:
        named = (document.round, document.validator, document.run, document.beacon)
        if named != (round_, uid, self._recipe.digest, self._chain.beacon(round_).hex()):
            yield Finding(where, "its score document is of another round, validator, run or beacon")
            return
        if not same_marks(sheet.marks, document.judgement.marks):
            yield Finding(where, "the published marks are not those of its score document")
        if document.previous not in self._may_follow(round_):
            yield Finding(where, "goes on from a score document that nobody published for the last round that counted")
        previous = self._previous(document)
        for difference in check(self._recipe, previous, document, self._chain.beacon(round_)):
            yield Finding(where, f"does not follow from its evidence: {difference}")
        key = (previous.standings, tuple(sorted(previous.evidence.steps.items()))) if previous else ()
        if key not in measured:
            measured[key] = self._measure(round_, previous)
        evidence = measured[key]
        gone = list(unserved(document.evidence, evidence))
        for what in gone:
            yield Finding(where, f"its scores cannot be measured again: {what} is not to be had any more", unknown=True)
        if gone:
            return
        late = list(unserved(evidence, document.evidence))
        for what in late:
            yield Finding(
                where, f"says that {what} did not reach it: it is there now, when it came nobody can tell", unknown=True
            )
        if late:
            evidence = self._measure(round_, previous, as_served=document.evidence)
        again = write(self._recipe, uid, previous, evidence, self._chain.beacon(round_))
        for difference in differences(again, document, self._tolerance):
            yield Finding(where, f"measured again: {difference}")

    def _measure(self, round_: int, previous: ScoreDocument | None, *, as_served: Evidence | None = None) -> Evidence:
        self._arrive(round_)
        standings = previous.standings if previous else Standings()
        steps = self._measurer.step_sizes_at(round_, previous.evidence if previous else None, self._follower.at)
        evidence, _ = self._measurer.measure(
            self._chain, self._stores, round_, standings, steps, self._follower.at, as_served=as_served
        )
        return evidence

    def _may_follow(self, round_: int) -> set[str | None]:
        """Digests of the documents from which this round's may go on: any that was published for the last that counted.

        What is wrong with one of them is found when that round is audited.
        """
        for then in range(round_ - 1, -1, -1):
            if not self._chain.outcome(then).void:
                return {sheet.document for sheet in self._chain.sheets(then).values()}
        return {None}

    def _previous(self, document: ScoreDocument) -> ScoreDocument | None:
        if document.previous is None:
            return None
        endpoints = [member.endpoint for member in self._chain.members(Role.VALIDATOR)]
        return parse(self._stores.fetch(document.previous, endpoints, MAX_DOCUMENT))

    # The parameters ---------------------------------------------------------------------------------------------------

    def _parameters(self, round_: int) -> Iterator[Finding]:
        """What everybody attests to at the start of this round and the next, against what follows from the chain."""
        for then in (round_, round_ + 1):
            try:
                self._arrive(then)
                ours = self._follower.digest_at(then)
            except AssayError as error:
                yield Finding(f"parameters of round {then}", str(error), unknown=isinstance(error, Unavailable))
                return
            for uid, attested in sorted(self._chain.attestations(then).items()):
                if attested != ours:
                    yield Finding(
                        f"parameters of round {then}",
                        f"member {uid} attests to {attested}, the contributions lead to {ours}",
                    )

    def _arrive(self, round_: int) -> None:
        if self._follower.round < round_:
            self._follower.advance_to(round_)
