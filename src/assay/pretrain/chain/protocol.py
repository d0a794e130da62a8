"""What the pretraining arena needs of a chain: a register, a clock, promises kept in public, and medians.

Two implementations keep the same rules and pass the same tests: `ledger_chain` (embedded, on `assay.core.ledger`) and
`evm` (the contract in `contracts/`). Nothing here knows about tensors. The rules are in `docs/formats/chain.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from assay.core.digest import Digest

SCALE = 1_000_000  # weights on the chain are integers: this many units are 1.0
KEY_BYTES = 32
MAX_OBJECT = 1 << 40  # bytes that a commitment may announce: readers have their own, lower limits
MAX_ENDPOINT = 200  # bytes of a member's URL
MAX_PEERS = 256  # peers at a time in any run: what a round costs on a chain grows with it
MAX_VALIDATORS = 8  # validators at a time: the marks that they give one peer fill one word of the contract
MAX_AMOUNT = 1 << 96  # units: products with SCALE and with each other stay far from 2**256
WITHDRAW_ROUNDS = 8  # rounds after its last in which a member can still be expelled; then its bond is free


class Role(StrEnum):
    PEER = "peer"
    VALIDATOR = "validator"


class Phase(StrEnum):
    """The phases of a round, in order. Each ends where the next begins; a deadline itself is outside."""

    COMMIT = "commit"  # peers train, upload what they sealed, and commit to it
    REVEAL = "reveal"  # peers reveal the keys
    SCORE = "score"  # validators measure, and commit to their score sheets
    PUBLISH = "publish"  # validators publish the sheets


@dataclass(frozen=True)
class Clock:
    """When each round and phase begins: chain seconds, integers. Before `genesis` there is no round."""

    genesis: int
    commit: int
    reveal: int
    score: int
    publish: int

    @property
    def round_seconds(self) -> int:
        return self.commit + self.reveal + self.score + self.publish

    def at(self, time: int) -> tuple[int, Phase]:
        """Round and phase at `time`; round -1 (phase COMMIT) before genesis."""
        if time < self.genesis:
            return -1, Phase.COMMIT
        round_, into = divmod(time - self.genesis, self.round_seconds)
        for phase in Phase:
            if into < (length := getattr(self, phase.value)):
                return round_, phase
            into -= length
        raise AssertionError("the phases fill the round")

    def begins(self, round_: int, phase: Phase) -> int:
        """The second at which this phase begins."""
        before = 0
        for earlier in Phase:
            if earlier is phase:
                break
            before += getattr(self, earlier.value)
        return self.genesis + round_ * self.round_seconds + before


@dataclass(frozen=True)
class Terms:
    """What a run is created with, and never changes."""

    recipe: Digest
    seed: int  # 0 <= seed < 2**63
    clock: Clock
    bond: int  # units that a member puts up, at least
    reward: int  # units per round
    max_peers: int  # at a time, at most MAX_PEERS
    validator_strikes: int


@dataclass(frozen=True)
class Member:
    """One registered member. `uid` counts from 0 in the order of registration, over both roles, and is never reused."""

    uid: int
    role: Role
    account: str  # who may act for it: a key id, or an address
    endpoint: str  # URL of the object store that it writes and everyone reads; never a credential
    bond: int  # what it put up; a validator's bond is its stake
    first_round: int  # the round after the one in which it registered
    last_round: int | None = None  # the round in which it left or was expelled; -1 before there were rounds
    expelled: bool = False
    strikes: int = 0  # of a validator; at `Terms.validator_strikes` its stake counts for nothing until it does its part
    released: bool = False  # its bond was handed back

    def active(self, round_: int) -> bool:
        """Whether it may take part in this round."""
        return self.first_round <= round_ and (self.last_round is None or round_ <= self.last_round)


@dataclass(frozen=True)
class Commitment:
    """A promise made before the deadline: this sealed object, opened by the key with this hash."""

    uid: int
    object: Digest  # of the sealed bytes in the member's store
    size: int  # bytes of the sealed object
    key_hash: bytes  # SHA-256 of the 32-byte key


@dataclass(frozen=True)
class Mark:
    """What one score sheet says of one peer."""

    weight: int  # share of the reward, in units of 1/SCALE; what is not given to anyone is burnt
    selected: bool = False  # aggregated in this round
    expelled: bool = False  # its bond is burnt, and it is no member from the next round on


@dataclass(frozen=True)
class Sheet:
    """One validator's published scores of a round."""

    validator: int
    document: Digest  # the full score document in the validator's store
    marks: Mapping[int, Mark]  # by uid; a peer not named has Mark(0)


@dataclass(frozen=True)
class Outcome:
    """What the members decided on a round: the same on every reading, final once the round has ended.

    `void`: validators with less than half of the stake that counts have published; nobody is selected or paid.
    Weight: the lower stake-weighted median (the smallest value v such that sheets with a weight of at most v hold at
    least half of the published stake). Selected, expelled: said by sheets with more than half of it. Where the
    medians add up to more than SCALE, rewards are scaled down so that a round never pays more than `Terms.reward`.
    """

    round: int
    void: bool
    marks: Mapping[int, Mark] = field(default_factory=dict)

    @property
    def selected(self) -> list[int]:
        """Uids to aggregate, ascending."""
        return sorted(uid for uid, mark in self.marks.items() if mark.selected)


class Chain(Protocol):
    """A run on a chain, seen by one account. Reading needs no key.

    Writing raises `TooEarly` or `TooLate` outside the phase, `NotAllowed` for anything else that the rules forbid
    (all in `assay.pretrain.chain.errors`), and `Unavailable` if the chain cannot be reached; writing the same again
    is no error, so that a member that was killed may repeat its last act.
    """

    @property
    def account(self) -> str | None:
        """Who we are; None if this chain was opened for reading only."""
        ...

    def time(self) -> int:
        """The chain's own clock, in seconds; never goes back."""
        ...

    def terms(self) -> Terms: ...

    def register(self, role: Role, endpoint: str, bond: int) -> int:
        """Join; returns the uid. An account has at most one uid per role; asked again it gets the same."""
        ...

    def leave(self, uid: int) -> None:
        """Take part no longer, from the next round on."""
        ...

    def withdraw(self, uid: int) -> None:
        """Take back the bond of a member that left: more than `WITHDRAW_ROUNDS` rounds after its last. Anyone may ask.

        On a chain with a currency this also collects what was paid.
        """
        ...

    def members(self, role: Role | None = None) -> list[Member]:
        """Everyone who ever registered, by uid."""
        ...

    def commit(self, uid: int, round_: int, object_: Digest, size: int, key_hash: bytes) -> None:
        """Promise a contribution: in the phase COMMIT of `round_`, once. A second, different promise is refused."""
        ...

    def commitments(self, round_: int) -> dict[int, Commitment]: ...

    def reveal(self, uid: int, round_: int, key: bytes) -> None:
        """Open the promise: in the phase REVEAL, with the key whose hash was committed."""
        ...

    def reveals(self, round_: int) -> dict[int, bytes]:
        """Keys by uid."""
        ...

    def beacon(self, round_: int) -> bytes:
        """32 bytes of randomness that nobody knew before the reveals of `round_` ended.

        SHA-256 of seed, round, and every revealed key in order of uid (`encoding.hash_beacon`). `beacon(-1)` is known
        from the start. Raises `TooEarly` while keys may still be revealed.
        """
        ...

    def commit_scores(self, uid: int, round_: int, sheet_hash: bytes) -> None:
        """Promise a score sheet (`sheet_hash` as `encoding.seal_sheet` makes it): in the phase SCORE, once."""
        ...

    def publish_scores(self, uid: int, round_: int, document: Digest, marks: Mapping[int, Mark], salt: bytes) -> None:
        """Publish the promised sheet: in the phase PUBLISH.

        Refused if it names a peer that has no part in the round, selects one that revealed nothing, or gives away more
        than SCALE. Of a mark that expels, nothing else counts.
        """
        ...

    def sheets(self, round_: int) -> dict[int, Sheet]:
        """Published sheets by the validator's uid. Empty while sheets may still be committed."""
        ...

    def outcome(self, round_: int) -> Outcome:
        """What was decided. Raises `TooEarly` until the round has ended."""
        ...

    def attest(self, uid: int, round_: int, parameters: Digest) -> None:
        """Say what the parameters are at the start of `round_`. Any member, any time from that start on, once."""
        ...

    def attestations(self, round_: int) -> dict[int, Digest]: ...

    def earned(self, uid: int) -> int:
        """Units that it has been paid since it registered."""
        ...


def agreed_parameters(chain: Chain, round_: int) -> Digest | None:
    """The parameters at the start of `round_` to which validators with at least half of the stake that counts attest.

    None until so many have attested, and if as much stake attests to anything else. Only validators that take part in
    that round count, so that nobody can buy a say on the past; of those, not the ones that have struck out.
    """
    limit = chain.terms().validator_strikes
    active = [member for member in chain.members(Role.VALIDATOR) if member.active(round_) and member.strikes < limit]
    stakes = {member.uid: member.bond for member in active}
    votes: dict[Digest, int] = {}
    for uid, digest in chain.attestations(round_).items():
        votes[digest] = votes.get(digest, 0) + stakes.get(uid, 0)
    best = max(sorted(votes), key=lambda digest: votes[digest], default=None)
    if best is None or votes[best] * 2 < sum(stakes.values()):
        return None
    return best if votes[best] * 2 > sum(votes.values()) else None


def rounds_ended(chain: Chain, planned: int) -> int:
    """How many rounds of a run have ended.

    The clock of a chain does not stop with the run: of the rounds after the `planned` ones, those count up to the last
    in which somebody handed in.
    """
    ended, _ = chain.terms().clock.at(chain.time())
    while ended > planned and not chain.commitments(ended - 1):
        ended -= 1
    return ended


def weighted_median(values: Sequence[tuple[int, int]]) -> int:
    """The lower weighted median of (value, stake) pairs with positive stakes; integers throughout."""
    total, reached = sum(stake for _, stake in values), 0
    for value, stake in sorted(values):
        reached += stake
        if 2 * reached >= total:
            return value
    raise ValueError("a median needs at least one value with stake")
