"""Judging a round: from what was measured to standings, marks and who is aggregated.

`judge` is a pure function: no clock, no files, no randomness but the beacon's, no order of dictionaries. Whoever has
the previous standings, the evidence and the beacon gets the same, byte for byte. The rules, the published constants
and every difference from the published validator are in `docs/pretrain/gauntlet.md`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from assay.core.errors import BadInput
from assay.pretrain.chain.protocol import Mark
from assay.pretrain.gauntlet import choose, reexecution
from assay.pretrain.gauntlet.evidence import (
    DELIBERATE,
    Entry,
    Evidence,
    Finite,
    Likeness,
    Overlap,
    PeerEvidence,
    Redone,
    Uid,
)
from assay.pretrain.gauntlet.rating import rate
from assay.pretrain.gauntlet.standings import DECIMALS, HISTORY, MU, SIGMA, WINDOW, Standing, Standings
from assay.pretrain.gauntlet.weights import share_out
from assay.pretrain.recipe import Gauntlet, Recipe

MISSING_LADDER = (0.75, 0.5, 0.0)  # what the discount is multiplied by, for the 1st, 2nd and every later round missed
HEALING = 0.25  # by which the discount rises with every round attended
MISSED_AT_EVALUATION = 0.75  # on the moving average of a peer that was drawn and had nothing valid
BAN_AT_MISSED = WINDOW // 2  # of the last WINDOW rounds
MOSTLY_HARMFUL = 0.25  # factor for a peer that did harm in more than half of its last WINDOW evaluations
SYNC_SLASH = 0.75  # factor beyond `sync_slash_from`
SMALLEST_SCORE = 1e-4  # below it a score is nothing
MALFORMED_TWICE = 2  # deliberate faults that expel
AMENDS = 3  # reproduced rounds after which a state that was lost is forgiven
NEARLY_ALL = 0.75  # of those fit to be aggregated were reproduced before: then the others wait for it
PART_SUSPECT = 0.1  # share of a contribution in copied tensors that calls for a re-execution


class Note(StrEnum):
    """What the rules did to a peer in a round; in the score document, for people."""

    FAULT = "fault"
    STRIKE = "strike"
    BANNED = "banned"
    SUSPENDED = "suspended"
    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not-reproduced"
    REFUSED = "refused"
    LIFTED = "lifted"
    COPY = "copy"
    SUSPECT = "suspect"
    HARMFUL = "harmful"
    USELESS = "useless"
    MOSTLY_HARMFUL = "mostly-harmful"
    UNPROVEN_DATA = "unproven-data"
    OUT_OF_SYNC = "out-of-sync"
    ANEW = "anew"
    UNCHECKED = "unchecked"
    EXPELLED = "expelled"


UNPAID = frozenset({Note.SUSPENDED, Note.USELESS, Note.ANEW})


class Result(Entry):
    """What was concluded on one peer."""

    uid: Uid
    counted: bool  # it handed in valid work in this round
    random_gain: Finite | None = None
    assigned_gain: Finite | None = None
    ordinal: Finite
    sync_score: Finite | None = None
    score: Finite
    weight: Annotated[int, Field(ge=0)]
    selected: bool = False
    expelled: bool = False
    notes: tuple[Note, ...] = ()

    @property
    def mark(self) -> Mark:
        return Mark(self.weight, self.selected, self.expelled)


@dataclass(frozen=True)
class Judgement:
    """A round's conclusions and the standings after it."""

    results: tuple[Result, ...]
    standings: Standings

    @property
    def marks(self) -> dict[int, Mark]:
        """By uid, for `Chain.publish_scores`."""
        return {result.uid: result.mark for result in self.results}

    @property
    def selected(self) -> list[int]:
        return [result.uid for result in self.results if result.selected]


@dataclass
class _Case:
    """One peer while it is being judged."""

    seen: PeerEvidence
    standing: Standing
    notes: set[Note] = field(default_factory=set)
    proven: bool = False  # reproduced in this round
    disproven: bool = False
    copier: bool = False
    doubled: bool = False  # another peer's contribution of this round says the same
    factor: float = 1.0
    sync_score: float | None = None

    @property
    def counted(self) -> bool:
        return self.seen.fault is None

    def change(self, **values: object) -> None:
        self.standing = self.standing.model_copy(update=values)

    def expel(self) -> None:
        self.notes.add(Note.EXPELLED)
        self.change(expelled=True)

    def start_over(self) -> None:
        """Take away what was earned: rating and moving average."""
        self.change(mu=MU, sigma=SIGMA, average=0.0, score=0.0, evaluations=0, harmful=())


def judge(recipe: Recipe, before: Standings, evidence: Evidence, beacon: bytes) -> Judgement:
    """Judge a round. `beacon` is that of this round; `before` are the standings that the last round left.

    Raises `BadInput` if the evidence cannot belong here: another round, or measurements of peers who were not drawn.
    """
    settings, now = recipe.gauntlet, evidence.round
    if before.round >= now:
        raise BadInput(f"The standings are those after round {before.round}: round {now} cannot follow it.")
    drawn = choose.evaluated(recipe, beacon, now, evidence.revealed, before)
    checked = choose.reexecuted(recipe, beacon, now, evidence.revealed, before)
    _refuse_undrawn(evidence, drawn, checked, before)
    cases = {peer.uid: _Case(peer, before.of(peer.uid, now)) for peer in evidence.peers}
    for case in cases.values():
        _attendance(case, settings, now, drawn=case.seen.uid in drawn)
        _reexecution(case, settings, now)
    _likeness(cases, settings, now)
    gains = _evaluation(cases, settings, drawn, now)
    usual = _lower_median(sorted(gains.values()))
    for case in cases.values():
        _score(case, recipe, now, peers=len(evidence.revealed), weak_round=usual < 0)
    selected = _select(cases, settings, gains, usual, now)
    payable = _payable(cases, gains, settings)
    weights = share_out(payable, settings)
    results = tuple(_result(cases[uid], weights.get(uid, 0), uid in selected) for uid in sorted(cases))
    return Judgement(results, Standings(round=now, peers=tuple(cases[uid].standing for uid in sorted(cases))))


def _refuse_undrawn(evidence: Evidence, drawn: list[int], checked: list[int], before: Standings) -> None:
    now = evidence.round
    for peer in evidence.peers:
        if peer.losses is not None and peer.uid not in drawn:
            raise BadInput(f"Round {now}: uid {peer.uid} was evaluated, but the beacon did not draw it.")
        redone = peer.reexecution
        if redone is None or (redone.round == now and peer.uid in checked and peer.fault is None):
            continue
        if redone.round != before.of(peer.uid, now).owes:
            raise BadInput(f"Round {now}: round {redone.round} of uid {peer.uid} was done again, but was not drawn.")


def _attendance(case: _Case, settings: Gauntlet, now: int, *, drawn: bool) -> None:
    seen, old = case.seen, case.standing
    attended = (*old.attended, case.counted)[-WINDOW:]
    if seen.anew and old.state is not None:  # it gave up what it carried: allowed, but no way to live
        case.notes.add(Note.ANEW)
    if seen.fault is None:
        recent = (*old.recent, (now, str(seen.object)))[-HISTORY:]
        discount = min(1.0, old.discount + HEALING)
        case.change(attended=attended, missed=0, discount=discount, state=seen.state_after, recent=recent)
        return
    case.notes.add(Note.FAULT)
    missed = old.missed + 1
    discount = old.discount * MISSING_LADDER[min(missed, len(MISSING_LADDER)) - 1]
    average = old.average * (MISSED_AT_EVALUATION if drawn else 1.0)
    case.change(attended=attended, missed=missed, discount=discount, average=round(average, DECIMALS))
    if len(attended) == WINDOW and attended.count(False) >= BAN_AT_MISSED:
        case.start_over()
        _ban(case, settings, now)
        case.change(attended=())
    if seen.fault in DELIBERATE:
        case.notes.add(Note.STRIKE)
        case.change(malformed=old.malformed + 1)
        if case.standing.malformed >= MALFORMED_TWICE:
            case.expel()


def _ban(case: _Case, settings: Gauntlet, now: int) -> None:
    case.notes.add(Note.BANNED)
    case.change(banned_until=max(case.standing.banned_until, now + 1 + settings.ban_rounds))


def _reexecution(case: _Case, settings: Gauntlet, now: int) -> None:
    """A match is paid, a mismatch expels, and whoever does not hand over its state is suspended until it does."""
    redone, owed = case.seen.reexecution, case.standing.owes
    if redone is None:
        return
    if redone.outcome is Redone.REFUSED:
        case.notes.add(Note.REFUSED)
        amends = case.standing.amends if redone.round == owed else 0
        case.change(owes=redone.round if owed is None else owed, suspect=True, amends=amends)
    elif not reexecution.matches(redone, settings):
        case.disproven = True
        case.notes.add(Note.NOT_REPRODUCED)
        case.expel()
    else:
        case.notes.add(Note.REPRODUCED)
        case.proven = redone.round == now
        amends = 0 if owed is None else case.standing.amends + 1
        settled = owed is None or redone.round == owed or amends >= AMENDS
        if case.standing.copied:
            case.notes.add(Note.LIFTED)
            case.change(copied=False, banned_until=0)
        case.change(
            last_reexecuted=now, suspect=not settled, owes=None if settled else owed, amends=amends * (not settled)
        )


def closeness(overlap: Overlap) -> float:
    """One number for how alike two contributions are: what most gives a copy away."""
    return max(overlap.indices, overlap.values, overlap.shuffled, 0.0)


def _likeness(cases: Mapping[int, _Case], settings: Gauntlet, now: int) -> None:
    for case in cases.values():
        near = [closeness(overlap) for overlap in case.seen.overlaps]
        if case.counted:
            case.change(likeness=round(max(near, default=0.0), DECIMALS))
        parts = [overlap.part for overlap in case.seen.overlaps]
        if max(parts, default=0.0) >= PART_SUSPECT and not case.proven:
            case.notes.add(Note.SUSPECT)
            case.change(suspect=True)
        for overlap in case.seen.overlaps:
            _compare(case, overlap, cases, settings, now)


def _compare(case: _Case, overlap: Overlap, cases: Mapping[int, _Case], settings: Gauntlet, now: int) -> None:
    """Punish the copier, by how near it came. Reproduced work is never a copy, whatever it looks like."""
    tier = sum(closeness(overlap) >= limit for limit in settings.overlap)
    if tier == 0 or case.proven:
        return
    case.notes.add(Note.SUSPECT)
    case.change(suspect=True)
    if overlap.kind is Likeness.ROUND:
        blame = _blame(case, cases.get(-1 if overlap.uid is None else overlap.uid), settings)
        case.doubled |= blame is not Blame.NONE
        if blame is not Blame.COPIER:
            return
    case.notes.add(Note.COPY)
    case.copier = True
    case.factor = min(case.factor, 0.5 if tier == 1 else 0.0)
    if tier >= 2:
        case.start_over()
    if tier == 3:
        _ban(case, settings, now)
        case.change(copied=True)


class Blame(StrEnum):
    """Of two alike in one round: what is held against this one."""

    NONE = "none"
    SECOND = "second"  # nobody knows yet who copied: one is left out, since the other says the same
    COPIER = "copier"


def _blame(case: _Case, other: _Case | None, settings: Gauntlet) -> Blame:
    """Whoever cannot reproduce its work is the copier. Committing later proves nothing: it may have been robbed."""
    if other is None or other.seen.order is None or case.seen.order is None or other.disproven:
        return Blame.NONE
    if other.proven or case.disproven:
        return Blame.COPIER
    if _credit(case) < _credit(other):
        return Blame.NONE
    return Blame.SECOND if settings.reexecutions else Blame.COPIER


def _credit(case: _Case) -> tuple[bool, int]:
    """Lower is believed first: whoever was reproduced before, then whoever committed first."""
    return case.standing.last_reexecuted < 0, case.seen.order or 0


def _evaluation(cases: Mapping[int, _Case], settings: Gauntlet, drawn: list[int], now: int) -> dict[int, float]:
    """Moving averages and ratings; returns the gains on random data by uid."""
    gains: dict[int, float] = {}
    entrants: dict[int, float] = {}
    for uid in drawn:
        case = cases[uid]
        if case.standing.expelled or case.copier:  # what it handed in says nothing about it
            continue
        losses = case.seen.losses
        if losses is not None:
            gains[uid] = entrants[uid] = losses.random_gain
            _moving_average(case, settings.moving_average, losses.assigned_gain > losses.random_gain, now)
        elif not case.counted:
            entrants[uid] = settings.missing_score
    usual = _lower_median(sorted(gains.values()))
    for uid, gain in gains.items():
        case = cases[uid]
        harmful = (*case.standing.harmful, gain < 0)[-WINDOW:]
        margin = gain / usual - 1.0 if usual > 0 else 0.0
        case.change(harmful=harmful, margin=round(max(-1e6, min(1e6, margin)), DECIMALS))
    ratings = {uid: (cases[uid].standing.mu, cases[uid].standing.sigma) for uid in entrants}
    for uid, (mu, sigma) in rate(ratings, entrants, beta=settings.rating_beta, tau=settings.rating_tau).items():
        cases[uid].change(mu=mu, sigma=sigma)
    return gains


def _moving_average(case: _Case, weight: float, better_on_its_own: bool, now: int) -> None:
    old = case.standing
    average = (1.0 - weight) * old.average + weight * (1.0 if better_on_its_own else -1.0)
    case.change(average=round(average, DECIMALS), evaluations=old.evaluations + 1, last_evaluated=now)


def _score(case: _Case, recipe: Recipe, now: int, *, peers: int, weak_round: bool) -> None:
    """rating x moving average x sync, as published, for those evaluated in this round; others keep theirs."""
    settings, old = recipe.gauntlet, case.standing
    if case.seen.sync is not None:
        case.sync_score = sync_score(case.seen.sync, settings)
        if case.seen.sync > settings.sync_slash_from:
            case.notes.add(Note.OUT_OF_SYNC)
            case.factor *= SYNC_SLASH
    if case.seen.losses is None or case.sync_score is None:
        return
    score = max(0.0, old.ordinal()) * _trust(case, recipe, now, peers) * case.sync_score
    if 2 * sum(old.harmful) > WINDOW and not weak_round:
        case.notes.add(Note.MOSTLY_HARMFUL)
        score *= MOSTLY_HARMFUL
    case.change(score=round(score, DECIMALS))


def sync_score(steps: float, settings: Gauntlet) -> float:
    """1 in step, 0 from `sync_limit` steps behind."""
    left = 1.0 - min(steps, settings.sync_limit) / settings.sync_limit if settings.sync_limit else float(steps == 0)
    return round(math.pow(left, settings.sync_power), DECIMALS)


def _trust(case: _Case, recipe: Recipe, now: int, peers: int) -> float:
    """The moving average; where work is done again at least the floor, since that proves more than a noisy sign.

    So it is for whoever was reproduced lately, and for newcomers whose signs were not nearly all wrong; they are
    paid only for rounds that are reproduced in any case.
    """
    settings, old = recipe.gauntlet, case.standing
    average = max(0.0, old.average)
    new, lately = old.evaluations < settings.floor_after, now - choose.reexecution_interval(recipe, peers)
    hopeful = new and old.average > -3 * settings.floor  # eight or nine wrong signs of nine end below
    if settings.reexecutions and (hopeful or old.last_reexecuted >= max(0, lately)):
        return max(average, settings.floor)
    if new or average >= settings.floor:
        return average
    case.notes.add(Note.UNPROVEN_DATA)
    return 0.0


def _suspended(case: _Case, now: int) -> bool:
    standing = case.standing
    return standing.expelled or standing.banned_until > now or standing.owes is not None


def _select(
    cases: Mapping[int, _Case], settings: Gauntlet, gains: Mapping[int, float], usual: float, now: int
) -> set[int]:
    """Who is aggregated: only work that was tried in this very round and made random data better."""
    fit = []
    for case in cases.values():
        if _suspended(case, now):
            case.notes.add(Note.SUSPENDED)
    for uid, gain in gains.items():
        case = cases[uid]
        if case.notes & {Note.SUSPENDED, Note.ANEW}:
            continue
        if gain <= 0:
            case.notes.add(Note.HARMFUL)
        elif gain < settings.useful_share * usual:
            case.notes.add(Note.USELESS)
        elif not case.copier and not case.doubled and case.sync_score and Note.UNPROVEN_DATA not in case.notes:
            fit.append(uid)
    fit = _checked_once(fit, cases, settings)
    fit.sort(key=lambda uid: (-_worth(cases[uid]), -gains[uid], uid))
    return set(fit[: settings.contributors])


def _checked_once(fit: list[int], cases: Mapping[int, _Case], settings: Gauntlet) -> list[int]:
    """Newcomers wait for their first check, once nearly all others have had theirs: names are cheap, work is not."""
    known = [uid for uid in fit if cases[uid].standing.last_reexecuted >= 0]
    if not settings.reexecutions or len(known) <= NEARLY_ALL * len(fit):
        return fit
    for uid in set(fit) - set(known):
        cases[uid].notes.add(Note.UNCHECKED)
    return known


def _payable(cases: Mapping[int, _Case], gains: Mapping[int, float], settings: Gauntlet) -> dict[int, float]:
    """Scores of those who did valid work in this round that, if it was tried, was of use.

    Where work is done again only what was reproduced is paid, so that no round in which nobody looked is worth a lie.
    """
    able = {
        uid: _worth(case)
        for uid, case in cases.items()
        if case.sync_score
        and not case.notes & UNPAID
        and gains.get(uid, 1.0) > 0  # none without valid work
        and (case.proven or not settings.reexecutions)
    }
    return {uid: worth for uid, worth in able.items() if worth >= SMALLEST_SCORE}


def _worth(case: _Case) -> float:
    return case.standing.score * case.standing.discount * case.factor


def _result(case: _Case, weight: int, selected: bool) -> Result:
    losses = case.seen.losses
    return Result(
        uid=case.seen.uid,
        counted=case.counted,
        random_gain=losses.random_gain if losses else None,
        assigned_gain=losses.assigned_gain if losses else None,
        ordinal=round(case.standing.ordinal(), DECIMALS),
        sync_score=case.sync_score,
        score=round(_worth(case), DECIMALS),
        weight=weight,
        selected=selected,
        expelled=case.standing.expelled,
        notes=tuple(sorted(case.notes)),
    )


def _lower_median(ordered: list[float]) -> float:
    return ordered[(len(ordered) - 1) // 2] if ordered else 0.0
