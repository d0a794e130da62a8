"""The rules of a run, as one deterministic state machine: state and act give the next state, or a refusal.

The embedded chain is its replay, the readers of the contract replay the contract's events through it, and the contract
is tested against it. Integers only; it reads no clock and does no I/O. `docs/formats/chain.md` says it in words.
"""

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from assay.core.digest import parse_digest
from assay.core.errors import BadInput
from assay.pretrain.chain import acts
from assay.pretrain.chain.decide import Decision, Vote, decide, effective, rewards
from assay.pretrain.chain.encoding import MARK_BITS, seal_words, unpack_mark, unpack_marks
from assay.pretrain.chain.errors import NotAllowed, TooEarly, TooLate
from assay.pretrain.chain.protocol import (
    MAX_AMOUNT,
    MAX_ENDPOINT,
    MAX_OBJECT,
    MAX_PEERS,
    MAX_VALIDATORS,
    SCALE,
    WITHDRAW_ROUNDS,
    Commitment,
    Mark,
    Member,
    Outcome,
    Phase,
    Role,
    Sheet,
    Terms,
)

_PHASES = list(Phase)
_FORBIDDEN = frozenset(b"?#@")  # where a URL keeps secrets: query, fragment, user name and password
Change = Callable[[], int | None]


@dataclass
class Round:
    """What was done in one round, by uid."""

    commitments: dict[int, Commitment] = field(default_factory=dict)
    keys: dict[int, bytes] = field(default_factory=dict)
    promises: dict[int, bytes] = field(default_factory=dict)  # of sheets
    sheets: dict[int, Sheet] = field(default_factory=dict)
    opened: dict[int, tuple[str, tuple[int, ...], str]] = field(default_factory=dict)  # sheets as they were published
    attested: dict[int, str] = field(default_factory=dict)

    def fork(self) -> "Round":
        return Round(*(dict(part) for part in vars(self).values()))


_NO_ROUND = Round()  # read, never written


class State:
    """A run at one moment. `apply` changes it, or raises and changes nothing but the time."""

    def __init__(self, terms: Terms) -> None:
        check_terms(terms)
        self.terms = terms
        self.time = 0
        self.members: list[Member] = []
        self.paid: dict[int, int] = {}  # units, by uid
        self.uids: dict[tuple[str, Role], int] = {}
        self.seats: list[int | None] = [None] * MAX_VALIDATORS
        self.rounds: dict[int, Round] = {}
        self.outcomes: dict[int, Outcome] = {}  # of ended rounds with sheets; the others are void
        self.next_round = 0  # the first that has not been decided
        self.burnt = 0

    # Time

    def at(self, time: int) -> "State":
        """This state as it will be at `time` if nothing is done until then. For reading: it shares its rounds."""
        if self.terms.clock.at(time)[0] <= self.next_round and time <= self.time:
            return self
        later = copy.copy(self)
        later.members, later.paid = list(self.members), dict(self.paid)
        later.outcomes = dict(self.outcomes)
        later.advance(time)
        return later

    def fork(self) -> "State":
        """A copy that can go its own way."""
        other = copy.copy(self)
        other.members, other.paid, other.uids = list(self.members), dict(self.paid), dict(self.uids)
        other.seats, other.outcomes = list(self.seats), dict(self.outcomes)
        other.rounds = {number: round_.fork() for number, round_ in self.rounds.items()}
        return other

    def advance(self, time: int) -> None:
        """Let time pass: rounds that have ended by then are decided. Time never goes back."""
        self.time = max(self.time, time)
        now = self.now()[0]
        if self.next_round >= now:
            return
        # Whatever is done brings the state up to its own round first, so only the first of these can have sheets.
        if self.round(self.next_round).sheets:
            self._decide(self.next_round)
            self.next_round += 1
        self._miss(self.next_round, now)
        self.next_round = now

    def now(self) -> tuple[int, Phase]:
        return self.terms.clock.at(self.time)

    def round(self, number: int) -> Round:
        """What was done in a round. For reading."""
        return self.rounds.get(number, _NO_ROUND)

    def decision(self, number: int) -> Decision:
        """What the sheets of the round that is to be decided next come to."""
        sheets = self.round(number).sheets
        votes = [
            Vote(
                member.uid,
                member.bond,
                self._counts(member),
                sheets[member.uid].marks if member.uid in sheets else None,
            )
            for member in self.members
            if member.role is Role.VALIDATOR and member.active(number)
        ]
        return decide(votes)

    def _counts(self, member: Member) -> bool:
        return member.strikes < self.terms.validator_strikes

    def _decide(self, number: int) -> None:
        decision = self.decision(number)
        self.outcomes[number] = Outcome(number, decision.void, decision.marks)
        units = rewards(decision.marks, self.terms.reward)
        for uid, mark in decision.marks.items():
            if mark.expelled:
                self._expel(uid, number)
            else:
                self.paid[uid] += units.get(uid, 0)
        for member in self.members:
            if member.role is Role.VALIDATOR and member.active(number):
                missed = member.uid not in decision.present
                self._strike(member, 1 if missed else -1)

    def _expel(self, uid: int, number: int) -> None:
        member = self.members[uid]
        last = number if member.last_round is None else min(number, member.last_round)
        self.members[uid] = replace(member, expelled=True, last_round=last)
        self.burnt += member.bond

    def _miss(self, first: int, end: int) -> None:
        """Rounds from `first` to before `end` have no sheets: whoever should have published gets their strikes."""
        for member in self.members:
            if member.role is Role.VALIDATOR:
                until = end if member.last_round is None else min(end, member.last_round + 1)
                missed = until - max(first, member.first_round)
                if missed > 0:
                    self._strike(member, missed)

    def _strike(self, member: Member, change: int) -> None:
        strikes = min(self.terms.validator_strikes, max(0, member.strikes + change))
        if strikes != member.strikes:
            self.members[member.uid] = replace(member, strikes=strikes)

    # Acts

    def apply(self, act: acts.Act, account: str, time: int) -> int | None:
        """Do `act` for `account` at `time`. The uid of whoever registers; repeated acts change nothing.

        Raises `TooEarly`, `TooLate` or `NotAllowed`.
        """
        self.advance(time)
        change = self._prepare(act, account)
        return change() if change else None

    def check(self, act: acts.Act, account: str, time: int) -> bool:
        """Whether `act` would change something at `time`. Raises what `apply` would raise; changes nothing."""
        return self.at(time)._prepare(act, account) is not None

    def _prepare(self, act: acts.Act, account: str) -> Change | None:
        """All the checks. What is then to be done cannot fail; None if it was done before."""
        match act:
            case acts.Register():
                return self._register(act, account)
            case acts.Leave():
                return self._leave(act, account)
            case acts.Withdraw():
                return self._withdraw(act)
            case acts.Commit():
                return self._commit(act, account)
            case acts.Reveal():
                return self._reveal(act, account)
            case acts.CommitScores():
                return self._commit_scores(act, account)
            case acts.PublishScores():
                return self._publish_scores(act, account)
            case acts.Attest():
                return self._attest(act, account)

    def _register(self, act: acts.Register, account: str) -> Change | None:
        if (account, act.role) in self.uids:
            return None
        check_endpoint(act.endpoint)
        if not self.terms.bond <= act.bond < MAX_AMOUNT:
            raise NotAllowed(f"A bond has at least {self.terms.bond} units and less than 2**96, not {act.bond}.")
        now = self.now()[0]
        seat = None
        if act.role is Role.VALIDATOR:
            seat = self._free_seat(now)
        elif self._seated_peers() >= self.terms.max_peers:
            raise NotAllowed(f"The run has its {self.terms.max_peers} peers: wait until one has left.")

        def change() -> int:
            uid = len(self.members)
            if seat is not None:
                loser = self.seats[seat]
                if loser is not None and self.members[loser].last_round is None:
                    self.members[loser] = replace(self.members[loser], last_round=now)
                self.seats[seat] = uid
            self.members.append(Member(uid, act.role, account, act.endpoint, act.bond, now + 1))
            self.paid[uid] = 0
            self.uids[account, act.role] = uid
            return uid

        return change

    def _seated_peers(self) -> int:
        return sum(member.role is Role.PEER and not member.expelled and not member.released for member in self.members)

    def _free_seat(self, now: int) -> int:
        """The first seat that nobody has; otherwise the first whose validator has struck out: it loses it."""
        holders = [None if uid is None else self.members[uid] for uid in self.seats]
        for seat, member in enumerate(holders):
            if member is None or (member.last_round is not None and member.last_round < now):
                return seat
        for seat, member in enumerate(holders):
            if member is not None and member.last_round is None and not self._counts(member):
                return seat
        raise NotAllowed(f"The run has its {MAX_VALIDATORS} validators: wait until one has left or struck out.")

    def _leave(self, act: acts.Leave, account: str) -> Change | None:
        member = self._own(act.uid, account)
        if member.last_round is not None:
            return None

        def change() -> None:
            self.members[act.uid] = replace(member, last_round=self.now()[0])

        return change

    def _withdraw(self, act: acts.Withdraw) -> Change | None:
        member = self._member(act.uid)
        if member.released:
            return None
        if member.expelled:
            raise NotAllowed(f"The bond of member {act.uid} was burnt when it was expelled.")
        if member.last_round is None:
            raise NotAllowed(f"Member {act.uid} has not left: its bond stays until it has.")
        if self.now()[0] <= member.last_round + WITHDRAW_ROUNDS:
            free = member.last_round + WITHDRAW_ROUNDS + 1
            raise TooEarly(f"Member {act.uid} can still be expelled: its bond is free from round {free} on.")

        def change() -> None:
            self.members[act.uid] = replace(member, released=True)

        return change

    def _commit(self, act: acts.Commit, account: str) -> Change | None:
        member = self._own(act.uid, account, Role.PEER)
        promise = Commitment(act.uid, act.object, act.size, bytes.fromhex(act.key_hash))
        earlier = self.round(act.round).commitments.get(act.uid)
        if earlier == promise:
            return None
        self._must_be(act.round, Phase.COMMIT)
        self._must_be_active(member, act.round)
        if earlier is not None:
            raise NotAllowed(f"Peer {act.uid} has promised another contribution to round {act.round}.")
        if not 1 <= act.size <= MAX_OBJECT:
            raise NotAllowed(f"A contribution has 1 to {MAX_OBJECT} bytes, not {act.size}.")
        return lambda: self._note(act.round).commitments.update({act.uid: promise})

    def _reveal(self, act: acts.Reveal, account: str) -> Change | None:
        member = self._own(act.uid, account, Role.PEER)
        key = _not_zero(act.key, "key")
        if self.round(act.round).keys.get(act.uid) == key:
            return None
        self._must_be(act.round, Phase.REVEAL)
        self._must_be_active(member, act.round)
        promise = self.round(act.round).commitments.get(act.uid)
        if promise is None:
            raise NotAllowed(f"Peer {act.uid} has promised nothing to round {act.round}.")
        if hashlib.sha256(key).digest() != promise.key_hash:
            raise NotAllowed(f"The key of peer {act.uid} is not the one whose hash it committed to.")
        return lambda: self._note(act.round).keys.update({act.uid: key})

    def _commit_scores(self, act: acts.CommitScores, account: str) -> Change | None:
        member = self._own(act.uid, account, Role.VALIDATOR)
        promise, earlier = _not_zero(act.sheet_hash, "hash"), self.round(act.round).promises.get(act.uid)
        if earlier == promise:
            return None
        self._must_be(act.round, Phase.SCORE)
        self._must_be_active(member, act.round)
        if earlier is not None:
            raise NotAllowed(f"Validator {act.uid} has promised another sheet for round {act.round}.")
        return lambda: self._note(act.round).promises.update({act.uid: promise})

    def _publish_scores(self, act: acts.PublishScores, account: str) -> Change | None:
        member = self._own(act.uid, account, Role.VALIDATOR)
        data, content = self.round(act.round), (act.document, act.marks, act.salt)
        if data.opened.get(act.uid) == content:
            return None
        self._must_be(act.round, Phase.PUBLISH)
        self._must_be_active(member, act.round)
        salt = bytes.fromhex(act.salt)
        if act.uid not in data.promises:
            raise NotAllowed(f"Validator {act.uid} has promised no sheet for round {act.round}.")
        if seal_words(act.uid, act.round, act.document, act.marks, salt) != data.promises[act.uid]:
            raise NotAllowed(f"This is not the sheet that validator {act.uid} has promised for round {act.round}.")
        self._check_marks(act.round, act.marks)
        sheet = Sheet(act.uid, act.document, unpack_marks(act.marks))

        def change() -> None:
            noted = self._note(act.round)
            noted.sheets[act.uid] = sheet
            noted.opened[act.uid] = content

        return change

    def _check_marks(self, round_: int, words: tuple[int, ...]) -> None:
        given, last = 0, -1
        for word in words:
            uid, bits = word >> MARK_BITS, word & (1 << MARK_BITS) - 1
            if uid <= last or bits == 0:
                raise NotAllowed("A sheet names each peer once, ascending, and only those that it gives something.")
            mark = effective(unpack_mark(bits))
            self._check_mark(round_, uid, mark)
            last, given = uid, given + mark.weight
        if given > SCALE:
            raise NotAllowed(f"A sheet gives away at most {SCALE}, not {given}.")

    def _check_mark(self, round_: int, uid: int, mark: Mark) -> None:
        member = self.members[uid] if uid < len(self.members) else None
        if member is None or member.role is not Role.PEER or member.expelled or member.first_round > round_:
            raise NotAllowed(f"{uid} is no peer of round {round_}.")
        if member.last_round is not None and round_ > member.last_round + WITHDRAW_ROUNDS:
            raise NotAllowed(f"Peer {uid} left too long before round {round_} to be marked.")
        if mark.weight and not member.active(round_):
            raise NotAllowed(f"Peer {uid} has left before round {round_}: it earns nothing there.")
        if mark.selected and uid not in self.round(round_).keys:
            raise NotAllowed(f"Peer {uid} revealed nothing in round {round_}: it cannot be selected.")

    def _attest(self, act: acts.Attest, account: str) -> Change | None:
        member = self._own(act.uid, account)
        _not_zero(act.parameters.removeprefix("sha256:"), "digest")
        earlier = self.round(act.round).attested.get(act.uid)
        if earlier == act.parameters:
            return None
        if act.round > self.now()[0]:
            raise TooEarly(f"Round {act.round} has not begun.")
        if member.expelled:
            raise NotAllowed(f"Member {act.uid} was expelled.")
        if earlier is not None:
            raise NotAllowed(f"Member {act.uid} has attested to other parameters for round {act.round}.")
        return lambda: self._note(act.round).attested.update({act.uid: act.parameters})

    # What most acts need

    def _note(self, number: int) -> Round:
        return self.rounds.setdefault(number, Round())

    def _member(self, uid: int) -> Member:
        if uid >= len(self.members):
            raise NotAllowed(f"There is no member {uid}.")
        return self.members[uid]

    def _own(self, uid: int, account: str, role: Role | None = None) -> Member:
        member = self._member(uid)
        if member.account != account:
            raise NotAllowed(f"Member {uid} belongs to another account.")
        if role is not None and member.role is not role:
            raise NotAllowed(f"Member {uid} is no {role.value}.")
        return member

    def _must_be(self, round_: int, phase: Phase) -> None:
        now, then = self.now(), (round_, _PHASES.index(phase))
        if (now[0], _PHASES.index(now[1])) < then:
            raise TooEarly(f"The phase {phase.value} of round {round_} has not begun.")
        if (now[0], _PHASES.index(now[1])) > then:
            raise TooLate(f"The phase {phase.value} of round {round_} has ended.")

    def _must_be_active(self, member: Member, round_: int) -> None:
        if not member.active(round_):
            raise NotAllowed(f"Member {member.uid} takes no part in round {round_}: it joins later, or has left.")


def _not_zero(text: str, what: str) -> bytes:
    """The bytes of a word. Zeros are what the contract's storage holds where nothing was written."""
    raw = bytes.fromhex(text)
    if not any(raw):
        raise NotAllowed(f"32 zero bytes are no {what}.")
    return raw


def check_terms(terms: Terms) -> None:
    """Raise `BadInput` for terms that no chain can keep."""
    clock = terms.clock
    lengths = (clock.commit, clock.reveal, clock.score, clock.publish)
    within = {
        "seed": (terms.seed, 0, 2**63),
        "genesis": (clock.genesis, 0, 2**63),
        "bond": (terms.bond, 0, MAX_AMOUNT),
        "reward": (terms.reward, 0, MAX_AMOUNT),
        "max_peers": (terms.max_peers, 1, MAX_PEERS + 1),
        "validator_strikes": (terms.validator_strikes, 1, 2**16),
        **{f"length of {phase.value}": (length, 1, 2**32) for phase, length in zip(Phase, lengths, strict=True)},
    }
    for name, (value, least, end) in within.items():
        if not least <= value < end:
            raise BadInput(f"The run's {name} must be at least {least} and less than {end}, not {value}.")
    parse_digest(terms.recipe)


def check_endpoint(endpoint: str) -> None:
    """Raise `NotAllowed` for a URL that could carry a secret, or that not every reader writes the same way."""
    raw = endpoint.encode()
    if not 1 <= len(raw) <= MAX_ENDPOINT or not all(0x21 <= byte <= 0x7E for byte in raw):
        raise NotAllowed(f"An endpoint has 1 to {MAX_ENDPOINT} printable ASCII characters and no spaces.")
    if _FORBIDDEN & set(raw):
        raise NotAllowed(
            "An endpoint must not have a user name, a query or a fragment (@, ?, #): everyone reads it, for ever."
        )
