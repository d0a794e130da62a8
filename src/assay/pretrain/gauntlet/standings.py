"""What a validator carries from round to round about every peer.

Standings stand in each score document, so that a round can be judged again from two documents. Everything is an
integer, a digest, or a float rounded to `DECIMALS` places, so that libm's last digit cannot make two machines differ.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from assay.core.digest import Digest
from assay.pretrain.gauntlet.evidence import Amount, Entry, Finite, Uid

DECIMALS = 6
MU = 25.0  # openskill's defaults
SIGMA = round(25.0 / 3.0, DECIMALS)
WINDOW = 8  # rounds, evaluations: the published validator looks back this far
HISTORY = 10  # contributions per peer that later ones are compared with: a replay of w-10 is found

Flags = Annotated[tuple[bool, ...], Field(max_length=WINDOW)]


class Standing(Entry):
    """One peer."""

    uid: Uid
    joined: Annotated[int, Field(ge=0)]  # the first round in which it was judged
    mu: Finite = MU
    sigma: Amount = SIGMA
    average: Annotated[float, Field(ge=-1, le=1)] = 0.0  # moving average of the assigned-or-random sign
    evaluations: Annotated[int, Field(ge=0)] = 0
    score: Amount = 0.0  # of the last evaluation
    discount: Annotated[float, Field(ge=0, le=1)] = 1.0  # lowered by rounds missed, heals with rounds attended
    missed: Annotated[int, Field(ge=0)] = 0  # rounds in a row
    attended: Flags = ()  # the last rounds, newest last
    harmful: Flags = ()  # the last evaluations: did it make random data worse?
    malformed: Annotated[int, Field(ge=0)] = 0  # deliberate faults
    banned_until: Annotated[int, Field(ge=0)] = 0  # the first round in which it counts again
    copied: bool = False  # the ban is for likeness: a matching re-execution lifts it
    suspect: bool = False  # to be re-executed as soon as it delivers
    margin: Finite = 0.0  # of its last evaluation: gain on random data over the median gain, minus 1
    likeness: Annotated[float, Field(ge=0, le=1)] = 0.0  # the highest of its last contribution
    last_evaluated: Annotated[int, Field(ge=-1)] = -1
    last_reexecuted: Annotated[int, Field(ge=-1)] = -1  # with a match
    owes: Annotated[int, Field(ge=0)] | None = None  # the round whose state it did not hand over: suspended meanwhile
    amends: Annotated[int, Field(ge=0)] = 0  # later rounds that were reproduced while it owes
    state: Digest | None = None  # where it said that its optimiser and error feedback ended
    recent: Annotated[tuple[tuple[int, Digest], ...], Field(max_length=HISTORY)] = ()  # (round, sealed object)
    expelled: bool = False

    def ordinal(self) -> float:
        """The rating that it has almost certainly earned: mu - 3 sigma."""
        return self.mu - 3.0 * self.sigma


class Standings(Entry):
    """All peers after a round, in order of uid."""

    schema_: Literal["assay.standings/1"] = Field(default="assay.standings/1", alias="schema")
    round: Annotated[int, Field(ge=-1)] = -1  # the last that was judged
    peers: tuple[Standing, ...] = ()

    model_config = Entry.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        uids = [peer.uid for peer in self.peers]
        if uids != sorted(set(uids)):
            raise ValueError("peers must be in ascending order of uid, each once")
        return self

    def of(self, uid: int, round_: int) -> Standing:
        """The peer's standing; a fresh one if it was never judged before `round_`."""
        for peer in self.peers:
            if peer.uid == uid:
                return peer
        return Standing(uid=uid, joined=round_)
