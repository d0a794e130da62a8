"""What a validator measured in one round, and nothing that it concluded: the input of `judge`.

Measuring is slow, needs torch and may differ in the last digits between machines; judging is arithmetic that anyone can
repeat. These documents are the line between the two. Losses are in nats per token, shares are between 0 and 1.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assay.core.digest import Digest

MAX_LOSS = 1e6  # nats; what a model that was blown up is said to lose, since documents hold finite numbers only
MAX_STEPS = 1e6  # of being out of sync
MAX_OVERLAPS = 64  # per peer; `overlap` reports the closest

Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Uid = Annotated[int, Field(ge=0, lt=2**31)]
Round = Annotated[int, Field(ge=0, lt=2**53)]


class Entry(BaseModel):
    """A frozen document with no unknown fields and no conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Fault(StrEnum):
    """Why there is nothing to measure: the fast checks, in the order in which they are made."""

    ABSENT = "absent"  # no commitment before the deadline: the chain takes no late one
    UNREVEALED = "unrevealed"  # the key was not revealed in time
    OVERSIZED = "oversized"  # more bytes were announced than a contribution of this run can have; nothing was fetched
    UNAVAILABLE = "unavailable"  # the object could not be fetched before scoring had to begin
    REPLACED = "replaced"  # what was fetched has another size or digest than what was promised
    MALFORMED = "malformed"  # the promised bytes break the seal, the header or the wire format
    WRONG_BASE = "wrong-base"  # it started from other parameters
    WRONG_SAMPLES = "wrong-samples"  # it names other sequences than those it was assigned
    BROKEN_STATE = "broken-state"  # its optimiser began neither fresh nor where it said that the last round ended


# A slow, restarted or disconnected honest peer can end here.
MISSING = frozenset({Fault.ABSENT, Fault.UNREVEALED, Fault.UNAVAILABLE})
# A confused one can end here: nothing is counted, and it adds up like rounds missed.
INVALID = frozenset({Fault.REPLACED, Fault.WRONG_BASE, Fault.WRONG_SAMPLES, Fault.BROKEN_STATE})
# Nobody ends here by accident: the chain binds the sender to these very bytes (or to this size).
DELIBERATE = frozenset({Fault.OVERSIZED, Fault.MALFORMED})
# What the stores served at that time makes these: later they may serve something else, and nobody can tell.
SERVED = frozenset({Fault.OVERSIZED, Fault.UNAVAILABLE, Fault.REPLACED})


class Losses(Entry):
    """Mean loss before and after this contribution alone was tried, on its own assigned and on random sequences."""

    assigned_before: Amount
    assigned_after: Amount
    random_before: Amount
    random_after: Amount

    @property
    def assigned_gain(self) -> float:
        """Relative improvement on what the peer was told to train on."""
        return _gain(self.assigned_before, self.assigned_after)

    @property
    def random_gain(self) -> float:
        """Relative improvement on sequences that nobody knew before the commitments."""
        return _gain(self.random_before, self.random_after)


def _gain(before: float, after: float) -> float:
    return (before - after) / before if before > 0 else 0.0


class Likeness(StrEnum):
    """What a contribution was compared with."""

    ROUND = "round"  # another peer's contribution of this round
    EARLIER = "earlier"  # another peer's contribution of an earlier round
    OWN = "own"  # the peer's own contribution of an earlier round
    AGGREGATE = "aggregate"  # the largest values of what was aggregated in an earlier round


class Overlap(Entry):
    """How alike a contribution is to one other thing; 0 is what strangers share, 1 is a copy. See `overlap`."""

    kind: Likeness
    uid: Uid | None = None  # whose; None for an aggregate
    round: Round
    indices: Share  # kept coordinates in common beyond what this round's peers usually share
    values: Annotated[float, Field(ge=-1, le=1)]  # cosine of the two
    part: Share  # share of the contribution that lies in tensors which are copies
    shuffled: Share  # share of chunks with the very same values, wherever they stand


class Redone(StrEnum):
    """How a re-execution ended."""

    DONE = "done"  # the work was done again: the numbers say how near it came
    REFUSED = "refused"  # the peer did not hand over the state that it began from, so it could not be done again


class Reexecution(Entry):
    """A peer's work, done again by the validator from the state that the peer had committed to."""

    outcome: Redone
    round: Round  # whose work was done again: this round, or the one that the peer still owed
    share: Share = 0.0  # of the kept coordinates that were found again
    difference: Amount = 0.0  # relative difference of the values that both keep, as vectors
    outside: Amount = 0.0  # relative length of what only one of the two keeps
    state_equal: bool = False  # the state at the end has the digest that the peer had committed to
    state_difference: Amount = 0.0  # else: relative difference of the two, as vectors, in the part that differs most


class PeerEvidence(Entry):
    """Everything measured of one peer."""

    uid: Uid
    order: Annotated[int, Field(ge=0)] | None = None  # of its commitment among this round's, as the chain has them
    object: Digest | None = None  # the sealed contribution
    fault: Fault | None = None
    reason: Annotated[str, Field(max_length=500)] = ""  # one sentence for people; nothing follows from it
    state_after: Digest | None = None  # as committed, once it was seen
    anew: bool = False  # it began from a new state
    norms: dict[str, Amount] = Field(default_factory=dict)  # by tensor, before clipping
    sync: Amount | None = None  # steps behind
    losses: Losses | None = None  # None: not drawn, or faulty
    overlaps: Annotated[tuple[Overlap, ...], Field(max_length=MAX_OVERLAPS)] = ()
    reexecution: Reexecution | None = None  # None: not chosen

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.fault is not None and (self.losses is not None or self.overlaps or self.sync is not None):
            raise ValueError(f"uid {self.uid} has a fault ({self.fault}) and yet was measured")
        if self.fault is None and (self.order is None or self.object is None or self.state_after is None):
            raise ValueError(f"uid {self.uid} has no fault, so it needs order, object and state_after")
        if self.fault is None and self.sync is None:
            raise ValueError(f"uid {self.uid} has no fault, so its sync must have been measured")
        return self


class Evidence(Entry):
    """One round, all active peers in order of uid."""

    round: Round
    base: Digest  # the agreed parameters at the start of the round
    steps: dict[str, Amount] = Field(default_factory=dict)  # moving mean of |change| per outer step, by tensor
    peers: tuple[PeerEvidence, ...]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        uids = [peer.uid for peer in self.peers]
        if uids != sorted(set(uids)):
            raise ValueError("peers must be in ascending order of uid, each once")
        orders = [peer.order for peer in self.peers if peer.order is not None]
        if len(set(orders)) != len(orders):
            raise ValueError("two commitments cannot have the same place in the order")
        return self

    @property
    def revealed(self) -> list[int]:
        """Uids that committed and revealed in time: the chain says who they are, and the beacon draws from them."""
        return [peer.uid for peer in self.peers if peer.fault not in (Fault.ABSENT, Fault.UNREVEALED)]

    @property
    def shown(self) -> set[tuple[int, int]]:
        """Uid and round of the states that were handed over, so that the work could be done again."""
        redone = ((peer.uid, peer.reexecution) for peer in self.peers)
        return {(uid, one.round) for uid, one in redone if one is not None and one.outcome is Redone.DONE}
