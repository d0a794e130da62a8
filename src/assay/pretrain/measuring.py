"""Measuring a round as a validator does: from the chain, the stores and the parameters to the evidence that is judged.

Every random choice comes from the chain's beacons, so whoever does it again, a second validator or an auditor, measures
the same things. What takes long (losses, re-executions) is done here; what follows from it is in `gauntlet`.
"""

import time
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np

from assay.core.digest import Digest
from assay.core.errors import AssayError
from assay.pretrain import wire
from assay.pretrain.aggregate import aggregate
from assay.pretrain.chain.protocol import Chain, Member, Role
from assay.pretrain.data import Corpus, Samples, assigned, drawn
from assay.pretrain.data.samples import permuted
from assay.pretrain.exchange import Lost, Received, Stores, collect, limits_of
from assay.pretrain.gauntlet import choose, overlap, reexecution
from assay.pretrain.gauntlet.evidence import (
    SERVED,
    Evidence,
    Fault,
    Losses,
    Overlap,
    PeerEvidence,
    Redone,
    Reexecution,
)
from assay.pretrain.gauntlet.measure import Trial, clip_factors, norms, step_sizes, sync_distance, trial_step
from assay.pretrain.gauntlet.standings import HISTORY, Standings
from assay.pretrain.model import loss
from assay.pretrain.recipe import Recipe
from assay.pretrain.training import Parameters, PeerState, Workbench, Worked, digest_of, size_in_bytes

K = TypeVar("K")
ParametersAt = Callable[[int], Parameters]  # the agreed parameters at the start of a round


class Measurer:
    """Measures rounds of one run. It keeps what was laid out before, because later rounds are compared with it."""

    def __init__(self, recipe: Recipe, corpus: Corpus, bench: Workbench, *, patience_seconds: float = 0.0) -> None:
        """`patience_seconds`: how long contributions may take to arrive, and states at the end; 0: only what is there.

        States at the beginning may take until three times as long after `measure` began: a peer has to see who is
        asked first, and what else a round needs is measured in the meantime.
        """
        self._recipe, self._corpus, self._bench = recipe, corpus, bench
        self._limits = limits_of(recipe, bench.shapes)
        self._patience = patience_seconds
        self._fresh = PeerState.new(bench.initial()).digest
        self._layouts: dict[tuple[int, int], overlap.Layout] = {}  # by round and uid
        self._aggregates: dict[int, overlap.Layout] = {}  # by round
        self._assigned: dict[tuple[bytes, int, int], Samples] = {}  # by beacon, round and uid

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
        """Everything that is known of a round once its reveals have ended.

        `steps`: moving mean of |change| per tensor up to the start of this round (`step_sizes_at`).
        `as_served`: take for not served what did not reach whoever measured that, though it may be there by now.
        """
        until = time.monotonic() + 3 * self._patience
        recipe, parameters = self._recipe, at(round_)
        base = digest_of(parameters)
        peers = [member for member in chain.members(Role.PEER) if member.active(round_)]
        found = collect(chain, round_, recipe, self._limits, stores, peers, patience=self._patience or None)
        for said in as_served.peers if as_served else ():
            if said.fault in SERVED and said.uid in found:
                found[said.uid] = Lost(said.fault, said.reason)
        self._fast_checks(chain, stores, round_, base, before, found)
        order = {uid: place for place, uid in enumerate(chain.commitments(round_))}
        valid = {uid: one for uid, one in found.items() if isinstance(one, Received)}
        revealed = [uid for uid, one in found.items() if not (isinstance(one, Lost) and one.fault in _NOT_REVEALED)]
        previous = chain.beacon(round_ - 1)
        lengths = {uid: norms(one.gradient) for uid, one in valid.items()}
        losses = self._losses(chain, round_, parameters, valid, lengths, revealed, before)
        alike = self._overlaps(chain, stores, round_, valid, before)
        shown = None if as_served is None else as_served.shown
        redone = self._reexecutions(chain, stores, round_, revealed, found, before, at, until, shown)
        seen = []
        for peer in peers:
            one, place = found[peer.uid], order.get(peer.uid)
            if isinstance(one, Lost):
                seen.append(
                    PeerEvidence(
                        uid=peer.uid,
                        order=place,
                        fault=one.fault,
                        reason=one.why[:500],
                        reexecution=redone.get(peer.uid),
                    )
                )
                continue
            header = one.contribution.header
            seen.append(
                PeerEvidence(
                    uid=peer.uid,
                    order=place,
                    object=one.commitment.object,
                    state_after=header.state_after,
                    anew=header.state_before == self._fresh,
                    norms=lengths[peer.uid],
                    sync=sync_distance(header.sync, previous, peer.uid, parameters, steps),
                    losses=losses.get(peer.uid),
                    overlaps=alike.get(peer.uid, ()),
                    reexecution=redone.get(peer.uid),
                )
            )
        return Evidence(round=round_, base=base, steps=dict(steps), peers=tuple(seen)), found

    def step_sizes_at(self, round_: int, last: Evidence | None, at: ParametersAt) -> dict[str, float]:
        """`steps` for `measure`: `last` is the evidence of the last round that counted."""
        if last is None:
            return {}
        return step_sizes(last.steps, at(last.round), at(last.round + 1), first=not last.steps)

    # Fast checks ------------------------------------------------------------------------------------------------------

    def _fast_checks(
        self,
        chain: Chain,
        stores: Stores,
        round_: int,
        base: Digest,
        before: Standings,
        found: dict[int, Received | Lost],
    ) -> None:
        """Replace by `Lost` what opened and parsed, and yet does not belong here."""
        for uid, one in found.items():
            if isinstance(one, Lost):
                continue
            header = one.contribution.header
            if header.base != base:
                found[uid] = Lost(
                    Fault.WRONG_BASE, f"It started from {header.base}; this round's parameters are {base}."
                )
                continue
            samples = self._samples(chain, uid, round_)
            if (header.samples, header.tokens) != (samples.digest, samples.tokens):
                found[uid] = Lost(Fault.WRONG_SAMPLES, "It names other sequences than those it was assigned.")
            elif header.state_before not in self._known_states(chain, stores, uid, round_, before):
                found[uid] = Lost(Fault.BROKEN_STATE, "It began from a state that is neither new nor its last one.")

    def _known_states(self, chain: Chain, stores: Stores, uid: int, round_: int, before: Standings) -> set[Digest]:
        """Where the peer may go on from: anew, from its standing, or from where rounds since then have led it.

        Those are void rounds, and rounds in which others could take what had not reached us: it was aggregated, so it
        was made. Where only we, or too few, could take something, the peer stands where it stood before.
        """
        standing = before.of(uid, round_)
        known = {self._fresh} if standing.state is None else {self._fresh, standing.state}
        last = standing.recent[-1][0] if standing.recent else -1
        for then in range(max(last, 0, round_ - HISTORY), round_):
            selected = uid in chain.outcome(then).selected
            asked = not selected if then == last else selected or then > before.round
            if not asked or uid not in chain.reveals(then):
                continue
            if (one := self._collected(chain, stores, then, {uid}).get(uid)) is None:
                continue
            header = one.contribution.header
            if then == last:
                known |= {header.state_before} if header.state_after == standing.state else set()
            elif header.state_before in known:
                known = {self._fresh, header.state_after}
        return known

    def _samples(self, chain: Chain, uid: int, round_: int) -> Samples:
        key = chain.beacon(round_ - 1), round_, uid
        if key not in self._assigned:
            self._assigned = {k: kept for k, kept in self._assigned.items() if k[1] >= round_ - 1}
            self._assigned[key] = assigned(self._recipe, self._corpus, key[0], uid, round_)
        return self._assigned[key]

    # Losses -----------------------------------------------------------------------------------------------------------

    def _losses(
        self,
        chain: Chain,
        round_: int,
        parameters: Parameters,
        valid: Mapping[int, Received],
        lengths: Mapping[int, Mapping[str, float]],
        revealed: Sequence[int],
        before: Standings,
    ) -> dict[int, Losses]:
        recipe, beacon = self._recipe, chain.beacon(round_)
        chosen = [uid for uid in choose.evaluated(recipe, beacon, round_, revealed, before) if uid in valid]
        uids = sorted(valid)
        factors = dict(zip(uids, clip_factors([lengths[uid] for uid in uids]), strict=True))
        random = drawn(recipe, self._corpus, beacon, round_, recipe.gauntlet.random_sequences, "random").tensor()
        self._bench.load(parameters)
        trial = Trial(self._bench.model, loss, random, step=trial_step(recipe, round_))
        found = {}
        for uid in chosen:
            own = self._samples(chain, uid, round_)
            count = min(recipe.gauntlet.assigned_sequences, len(own))
            places = permuted(np.arange(count, dtype=np.uint64), len(own), ["tried", beacon.hex(), round_, uid])
            tried = own.subset([int(place) for place in places]).tensor()
            found[uid] = trial.run(valid[uid].gradient, factors[uid], tried)
        return found

    # Likeness ---------------------------------------------------------------------------------------------------------

    def _overlaps(
        self, chain: Chain, stores: Stores, round_: int, valid: Mapping[int, Received], before: Standings
    ) -> dict[int, tuple[Overlap, ...]]:
        layouts = {uid: overlap.lay_out(one.gradient) for uid, one in valid.items()}
        self._layouts |= {(round_, uid): layout for uid, layout in layouts.items()}
        self._layouts = {key: kept for key, kept in self._layouts.items() if key[0] >= round_ - HISTORY}
        wanted = {(then, peer.uid) for peer in before.peers for then, _ in peer.recent}
        self._fetch_layouts(chain, stores, wanted)
        earlier = [
            overlap.Earlier(uid, then, self._layouts[then, uid])
            for then, uid in sorted(wanted)
            if (then, uid) in self._layouts
        ]
        last = before.round
        aggregates = {last: self._aggregate(chain, stores, last)} if last >= 0 else {}
        return overlap.likenesses(round_, layouts, earlier, {then: kept for then, kept in aggregates.items() if kept})

    def _fetch_layouts(self, chain: Chain, stores: Stores, wanted: set[tuple[int, int]]) -> None:
        """Lay out earlier contributions that this process has not seen, as far as they can still be had."""
        for then in sorted({then for then, uid in wanted if (then, uid) not in self._layouts}):
            uids = {uid for round_, uid in wanted if round_ == then and (then, uid) not in self._layouts}
            for uid, one in self._collected(chain, stores, then, uids).items():
                self._layouts[then, uid] = overlap.lay_out(one.gradient)

    def _aggregate(self, chain: Chain, stores: Stores, round_: int) -> overlap.Layout | None:
        """What was aggregated in a round, as its largest values: what a copier of the aggregate would send."""
        if round_ not in self._aggregates:
            chosen = set(chain.outcome(round_).selected)
            found = self._collected(chain, stores, round_, chosen)
            if not found or len(found) != len(chosen):
                return None
            outer = self._recipe.outer
            gradients = [found[uid].gradient for uid in sorted(found)]
            dense = aggregate(gradients, how=outer.aggregate, clip=outer.clip)
            self._aggregates = {round_: overlap.lay_out(wire.compress(dense, k=outer.keep, bits=outer.bits))}
        return self._aggregates[round_]

    def _collected(self, chain: Chain, stores: Stores, round_: int, uids: set[int]) -> dict[int, Received]:
        members = [member for member in chain.members(Role.PEER) if member.uid in uids]
        found = collect(chain, round_, self._recipe, self._limits, stores, members)
        return {uid: one for uid, one in found.items() if isinstance(one, Received)}

    # Re-execution -----------------------------------------------------------------------------------------------------

    def _reexecutions(
        self,
        chain: Chain,
        stores: Stores,
        round_: int,
        revealed: Sequence[int],
        found: Mapping[int, Received | Lost],
        before: Standings,
        at: ParametersAt,
        until: float,
        shown: Set[tuple[int, int]] | None,
    ) -> dict[int, Reexecution]:
        """All states are asked for at once, so that nobody who is slow to show his keeps others from showing theirs.

        `shown`: whose states, of which rounds, are looked at and no others; None: all that are there.
        """
        members = {member.uid: member for member in chain.members(Role.PEER)}
        asked: dict[tuple[int, int], Received] = {}
        for uid in choose.reexecuted(self._recipe, chain.beacon(round_), round_, revealed, before):
            # What it still owes comes first. Who has lost that state for ever can show this round's instead.
            for then in (before.of(uid, round_).owes, round_):
                if then is not None:
                    one = found[uid] if then == round_ else self._collected(chain, stores, then, {uid}).get(uid)
                    if isinstance(one, Received):
                        asked[uid, then] = one
        wanted = {
            key: (members[key[0]], one.contribution.header.state_before)
            for key, one in asked.items()
            if shown is None or key in shown
        }
        states = self._shown(stores, wanted, until)
        redone: dict[int, Reexecution] = {}
        again: dict[tuple[int, int], Worked] = {}
        for (uid, then), one in asked.items():
            state = states.pop((uid, then), None)
            if uid in redone and redone[uid].outcome is not Redone.REFUSED:
                continue
            redone[uid] = reexecution.refused(then)
            if state is not None:
                worked = self._work_again(chain, stores, then, uid, one, state, at(then))
                redone[uid] = self._compared(then, one, worked)
                if not redone[uid].state_equal and reexecution.near(redone[uid], self._recipe.gauntlet):
                    again[uid, then] = worked
        wanted = {key: (members[key[0]], asked[key].contribution.header.state_after) for key in again}
        ends = self._shown(stores, wanted, time.monotonic() + self._patience)
        for (uid, then), worked in again.items():
            left = ends[uid, then]
            redone[uid] = (
                reexecution.refused(then) if left is None else self._compared(then, asked[uid, then], worked, left)
            )
        return redone

    def _work_again(
        self,
        chain: Chain,
        stores: Stores,
        round_: int,
        uid: int,
        one: Received,
        state: PeerState,
        parameters: Parameters,
    ) -> Worked:
        """Do a peer's round again, from the state that it committed to."""
        working = self._with_lost_work(chain, stores, round_, uid, one.contribution.header.state_before, state)
        return self._bench.work(parameters, working, list(self._samples(chain, uid, round_).batches()), round_)

    def _compared(self, round_: int, one: Received, again: Worked, left: PeerState | None = None) -> Reexecution:
        """`left`: the state that the peer left, if that is not the very one that it should have."""
        found = reexecution.compare(one.gradient, again.gradient, round_=round_, state_equal=False)
        same = (found.share, found.difference, found.outside) == (1.0, 0.0, 0.0)
        # Whoever sent something else must have kept other books: those of the honest work do not fit it.
        due = again.state if same else again.state.having_sent(again.gradient, one.gradient)
        return found.model_copy(
            update={
                "state_equal": due.digest == one.contribution.header.state_after,
                "state_difference": min(left.difference(due), reexecution.MAX_RATIO) if left is not None else 0.0,
            }
        )

    def _shown(
        self, stores: Stores, wanted: Mapping[K, tuple[Member, Digest]], until: float
    ) -> dict[K, PeerState | None]:
        """The states that peers show, by key; None for one that does not arrive in time, or is something else."""
        if not self._patience:
            return {key: self._state(stores, *asked, 0.0) for key, asked in wanted.items()}
        pool = ThreadPoolExecutor(max(1, len(wanted)))
        try:
            begun = {key: pool.submit(self._state, stores, *asked, until) for key, asked in wanted.items()}
            done, _ = wait(begun.values(), timeout=max(0.0, until - time.monotonic()) + 1.0)
            return {key: future.result() if future in done else None for key, future in begun.items()}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _state(self, stores: Stores, member: Member, digest: Digest, until: float) -> PeerState | None:
        """The state that a peer shows; waits for it. None if it does not, or shows something else."""
        parameters = self._bench.initial()
        if digest == self._fresh:
            return PeerState.new(parameters)
        size = size_in_bytes(PeerState.shapes(parameters))
        while True:
            try:
                return PeerState.from_bytes(stores.fetch(digest, [member.endpoint], size), parameters)
            except AssayError:
                if time.monotonic() >= until:
                    return None
                time.sleep(0.2)

    def _with_lost_work(
        self, chain: Chain, stores: Stores, round_: int, uid: int, begun: Digest, state: PeerState
    ) -> PeerState:
        """If the peer's last contribution fell into a void round, it put that work back: do the same."""
        if begun == self._fresh:
            return state
        for then in range(round_ - 1, max(0, round_ - HISTORY) - 1, -1):
            if uid not in chain.reveals(then):
                continue
            outcome = chain.outcome(then)
            if uid in outcome.selected:
                return state
            last = self._collected(chain, stores, then, {uid}).get(uid)
            made = last is not None and last.contribution.header.state_after == begun
            if outcome.void:
                return state.returned(last.gradient) if made and last is not None else state
            if made:
                return state
            # It reached nobody in time, so it was never made: the peer stands where it stood.
        return state


_NOT_REVEALED = frozenset({Fault.ABSENT, Fault.UNREVEALED})
