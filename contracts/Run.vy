# pragma version 0.4.3
# pragma evm-version cancun
# SPDX-License-Identifier: Apache-2.0
"""
@title One pre-training run: register, clock, promises, scores, rewards.
@license Apache-2.0
@notice The rules are those of src/assay/pretrain/chain/rules.py, in words in docs/formats/chain.md. Nobody owns this
    contract: it has no administrator, no upgrade and no pause.
@dev Rounds are counted from 0 here too, but "begun" is how many have begun, so that it is 0 before genesis. Where a
    member's term is stored, `until` is the first round in which it takes no part. Every act first brings the state up
    to the present round (`_catch_up`); a round with sheets has to be decided by a call of `decide`, by anyone.
"""

SCALE: constant(uint256) = 1_000_000
MAX_PEERS: constant(uint256) = 256
MAX_VALIDATORS: constant(uint256) = 8
MAX_AMOUNT: constant(uint256) = 2**96
MAX_OBJECT: constant(uint256) = 2**40
MAX_ENDPOINT: constant(uint256) = 200
WITHDRAW_ROUNDS: constant(uint256) = 8
FAR: constant(uint256) = SCALE // 2
FLAG_DISTANCE: constant(uint256) = SCALE // 8

# A mark: weight << 2 | expelled << 1 | selected, in 32 bits.
FLAG_BITS: constant(uint256) = 2
MARK_BITS: constant(uint256) = 32
MARK: constant(uint256) = 2**32 - 1
SELECTED: constant(uint256) = 1
EXPELLED: constant(uint256) = 2

# A member's term in one word: first round, until, then these flags, and the seat of a validator.
NEVER: constant(uint256) = 2**64 - 1
UNTIL_SHIFT: constant(uint256) = 64
IS_VALIDATOR: constant(uint256) = 1 << 128
IS_EXPELLED: constant(uint256) = 1 << 129
IS_RELEASED: constant(uint256) = 1 << 130
SEAT_SHIFT: constant(uint256) = 131

COMMIT: constant(uint256) = 0
REVEAL: constant(uint256) = 1
SCORE: constant(uint256) = 2
PUBLISH: constant(uint256) = 3

SHEET_DOMAIN: constant(bytes32) = 0x61737361792e73686565742f3100000000000000000000000000000000000000
BEACON_DOMAIN: constant(bytes32) = 0x61737361792e626561636f6e2f31000000000000000000000000000000000000

struct Terms:
    recipe: bytes32
    seed: uint256
    genesis: uint256
    commit: uint256
    reveal: uint256
    score: uint256
    publish: uint256
    bond: uint256
    reward: uint256
    max_peers: uint256
    validator_strikes: uint256
    unit: uint256  # wei

event Registered:
    uid: indexed(uint256)
    account: indexed(address)
    validator: bool
    endpoint: String[MAX_ENDPOINT]
    bond: uint256
    at: uint256

event Left:
    uid: indexed(uint256)
    at: uint256

event Withdrawn:
    uid: indexed(uint256)
    at: uint256

event Committed:
    round: indexed(uint256)
    uid: indexed(uint256)
    object: bytes32
    size: uint256
    key_hash: bytes32
    at: uint256

event Revealed:
    round: indexed(uint256)
    uid: indexed(uint256)
    key: bytes32
    at: uint256

event ScoresCommitted:
    round: indexed(uint256)
    uid: indexed(uint256)
    sheet_hash: bytes32
    at: uint256

event ScoresPublished:
    round: indexed(uint256)
    uid: indexed(uint256)
    document: bytes32
    marks: DynArray[uint256, MAX_PEERS]
    salt: bytes32
    at: uint256

event Attested:
    round: indexed(uint256)
    uid: indexed(uint256)
    parameters: bytes32
    at: uint256

event Decided:
    round: indexed(uint256)
    void: bool
    marks: DynArray[uint256, MAX_PEERS]
    at: uint256

event Funded:
    giver: indexed(address)
    amount: uint256

event Claimed:
    uid: indexed(uint256)
    rewards: uint256
    bond: uint256

RECIPE: immutable(bytes32)
SEED: immutable(uint256)
GENESIS: immutable(uint256)
COMMIT_SECONDS: immutable(uint256)
REVEAL_SECONDS: immutable(uint256)
SCORE_SECONDS: immutable(uint256)
PUBLISH_SECONDS: immutable(uint256)
BOND: immutable(uint256)
REWARD: immutable(uint256)
PEERS: immutable(uint256)
STRIKES: immutable(uint256)
UNIT: immutable(uint256)
born: public(immutable(uint256))  # the block: readers begin there

# Members, by uid.
members: public(uint256)
accounts: public(HashMap[uint256, address])
bonds: public(HashMap[uint256, uint256])
terms_of: HashMap[uint256, uint256]
strikes: public(HashMap[uint256, uint256])
known: HashMap[address, HashMap[bool, uint256]]  # account and whether it validates -> uid + 1
peers: public(uint256)  # that have a place
seats: uint256[MAX_VALIDATORS]  # uid + 1
before: uint256[MAX_VALIDATORS]  # uid + 1 of who lost the seat to its holder, by striking out

# Money, in units.
earned: public(HashMap[uint256, uint256])
claimed: public(HashMap[uint256, uint256])
refunds: public(HashMap[uint256, uint256])
burnt: public(uint256)
pool: public(uint256)  # wei that rewards are paid from

# Rounds.
next_round: public(uint256)  # the first that is not decided
promises: HashMap[uint256, HashMap[uint256, bytes32]]
locks: HashMap[uint256, HashMap[uint256, bytes32]]  # hashes of keys
keys: public(HashMap[uint256, HashMap[uint256, bytes32]])
revealed: public(HashMap[uint256, uint256])  # how many
sheets: HashMap[uint256, HashMap[uint256, bytes32]]  # promised
published: public(HashMap[uint256, uint256])  # one bit per seat
marks: HashMap[uint256, HashMap[uint256, uint256]]  # round -> uid -> the marks of all seats, 32 bits each
named: public(HashMap[uint256, uint256])  # how many peers have marks
attested: public(HashMap[uint256, HashMap[uint256, bytes32]])


@deploy
def __init__(given: Terms):
    for length: uint256 in [given.commit, given.reveal, given.score, given.publish]:
        assert length >= 1 and length < 2**32, "terms"
    assert given.seed < 2**63 and given.genesis < 2**63, "terms"
    assert given.bond < MAX_AMOUNT and given.reward < MAX_AMOUNT, "terms"
    assert given.max_peers >= 1 and given.max_peers <= MAX_PEERS, "terms"
    assert given.validator_strikes >= 1 and given.validator_strikes < 2**16, "terms"
    assert given.unit < 2**128, "terms"
    RECIPE = given.recipe
    SEED = given.seed
    GENESIS = given.genesis
    COMMIT_SECONDS = given.commit
    REVEAL_SECONDS = given.reveal
    SCORE_SECONDS = given.score
    PUBLISH_SECONDS = given.publish
    BOND = given.bond
    REWARD = given.reward
    PEERS = given.max_peers
    STRIKES = given.validator_strikes
    UNIT = given.unit
    born = block.number


# Joining and leaving


@external
@payable
def register(validator: bool, endpoint: String[MAX_ENDPOINT], bond: uint256) -> uint256:
    begun: uint256 = self._catch_up()
    uid: uint256 = self.known[msg.sender][validator]
    if uid != 0:
        assert msg.value == 0, "registered"
        return uid - 1
    self._check_endpoint(endpoint)
    assert bond >= BOND and bond < MAX_AMOUNT, "bond"
    assert msg.value == bond * UNIT, "value"
    uid = self.members
    term: uint256 = begun | (NEVER << UNTIL_SHIFT)
    if validator:
        seat: uint256 = self._take_seat(uid, begun)
        term = term | IS_VALIDATOR | (seat << SEAT_SHIFT)
    else:
        assert self.peers < PEERS, "full"
        self.peers += 1
    self.members = uid + 1
    self.known[msg.sender][validator] = uid + 1
    self.accounts[uid] = msg.sender
    self.bonds[uid] = bond
    self.terms_of[uid] = term
    log Registered(
        uid=uid, account=msg.sender, validator=validator, endpoint=endpoint, bond=bond, at=block.timestamp
    )
    return uid


@external
def leave(uid: uint256):
    begun: uint256 = self._catch_up()
    term: uint256 = self._own(uid)
    if self._until(term) != NEVER:
        return
    self.terms_of[uid] = self._ending(term, begun)
    log Left(uid=uid, at=block.timestamp)


@external
def withdraw(uid: uint256):
    """Anyone may free the place of a member that left; the bond waits for its owner's `claim`."""
    begun: uint256 = self._catch_up()
    assert uid < self.members, "member"
    term: uint256 = self.terms_of[uid]
    if term & IS_RELEASED != 0:
        return
    assert term & IS_EXPELLED == 0, "expelled"
    assert self._until(term) != NEVER, "stays"
    assert begun > self._until(term) + WITHDRAW_ROUNDS, "early"
    self.terms_of[uid] = term | IS_RELEASED
    self.refunds[uid] = self.bonds[uid]
    if term & IS_VALIDATOR == 0:
        self.peers -= 1
    log Withdrawn(uid=uid, at=block.timestamp)


@external
@nonreentrant
def claim(uid: uint256) -> uint256:
    """Collect a freed bond, and what was earned as far as the pool has it. Returns wei."""
    self._catch_up()
    self._own(uid)
    rewards: uint256 = self.earned[uid] - self.claimed[uid]
    if UNIT != 0:
        rewards = min(rewards, self.pool // UNIT)
    bond: uint256 = self.refunds[uid]
    amount: uint256 = (rewards + bond) * UNIT
    self.claimed[uid] += rewards
    self.pool -= rewards * UNIT
    self.refunds[uid] = 0
    log Claimed(uid=uid, rewards=rewards, bond=bond)
    if amount != 0:
        raw_call(msg.sender, b"", value=amount)
    return amount


@external
@payable
def fund():
    """Add to the pool that rewards are paid from. It does not come back."""
    self.pool += msg.value
    log Funded(giver=msg.sender, amount=msg.value)


# Contributions


@external
def commit(uid: uint256, round_: uint256, object_: bytes32, size: uint256, key_hash: bytes32):
    self._catch_up()
    term: uint256 = self._own_role(uid, 0)
    promise: bytes32 = keccak256(abi_encode(object_, size, key_hash))
    earlier: bytes32 = self.promises[round_][uid]
    if earlier == promise:
        return
    self._must_be(round_, COMMIT)
    self._must_be_active(term, round_)
    assert earlier == empty(bytes32), "promised"
    assert size >= 1 and size <= MAX_OBJECT, "size"
    self.promises[round_][uid] = promise
    self.locks[round_][uid] = key_hash
    log Committed(round=round_, uid=uid, object=object_, size=size, key_hash=key_hash, at=block.timestamp)


@external
def reveal(uid: uint256, round_: uint256, key: bytes32):
    self._catch_up()
    term: uint256 = self._own_role(uid, 0)
    assert key != empty(bytes32), "zero"
    if self.keys[round_][uid] == key:
        return
    self._must_be(round_, REVEAL)
    self._must_be_active(term, round_)
    assert self.promises[round_][uid] != empty(bytes32), "nothing"
    assert sha256(key) == self.locks[round_][uid], "key"
    self.keys[round_][uid] = key
    self.revealed[round_] += 1
    log Revealed(round=round_, uid=uid, key=key, at=block.timestamp)


@external
@view
def beacon(round_: int256, uids: DynArray[uint256, MAX_PEERS]) -> bytes32:
    """The beacon of a round, given everyone who revealed in it, ascending: a list that leaves one out is refused."""
    assert round_ >= -1, "round"
    keys: DynArray[bytes32, MAX_PEERS] = []
    if round_ == -1:
        assert len(uids) == 0, "uids"
    else:
        number: uint256 = convert(round_, uint256)
        begun: uint256 = 0
        phase: uint256 = 0
        begun, phase = self._clock()
        assert number + 1 < begun or (number + 1 == begun and phase >= SCORE), "early"
        assert len(uids) == self.revealed[number], "uids"
        least: uint256 = 0
        for uid: uint256 in uids:
            key: bytes32 = self.keys[number][uid]
            assert uid >= least and key != empty(bytes32), "uids"
            keys.append(key)
            least = uid + 1
    return sha256(abi_encode(BEACON_DOMAIN, SEED, round_, keys))


# Scores


@external
def commit_scores(uid: uint256, round_: uint256, sheet_hash: bytes32):
    self._catch_up()
    term: uint256 = self._own_role(uid, IS_VALIDATOR)
    assert sheet_hash != empty(bytes32), "zero"
    earlier: bytes32 = self.sheets[round_][uid]
    if earlier == sheet_hash:
        return
    self._must_be(round_, SCORE)
    self._must_be_active(term, round_)
    assert earlier == empty(bytes32), "promised"
    self.sheets[round_][uid] = sheet_hash
    log ScoresCommitted(round=round_, uid=uid, sheet_hash=sheet_hash, at=block.timestamp)


@external
def publish_scores(
    uid: uint256, round_: uint256, document: bytes32, given: DynArray[uint256, MAX_PEERS], salt: bytes32
):
    self._catch_up()
    term: uint256 = self._own_role(uid, IS_VALIDATOR)
    seat: uint256 = term >> SEAT_SHIFT
    promise: bytes32 = self.sheets[round_][uid]
    sealed: bytes32 = sha256(abi_encode(SHEET_DOMAIN, round_, uid, document, salt, given))
    published: uint256 = self.published[round_]
    if (published >> seat) & 1 == 1 and sealed == promise:
        return
    self._must_be(round_, PUBLISH)
    self._must_be_active(term, round_)
    assert promise != empty(bytes32), "nothing"
    assert sealed == promise, "sheet"
    members: uint256 = self.members
    named: uint256 = 0
    weight: uint256 = 0
    least: uint256 = 0
    for word: uint256 in given:
        peer: uint256 = word >> MARK_BITS
        mark: uint256 = word & MARK
        assert peer >= least and peer < members and mark != 0, "mark"
        if mark & EXPELLED != 0:
            mark = EXPELLED  # whoever is expelled gets nothing else
        self._check_mark(round_, peer, mark)
        least = peer + 1
        weight += mark >> FLAG_BITS
        others: uint256 = self.marks[round_][peer]
        if others == 0:
            named += 1
        self.marks[round_][peer] = others | (mark << (MARK_BITS * seat))
    assert weight <= SCALE, "mark"
    if named != 0:
        self.named[round_] += named
    self.published[round_] = published | (1 << seat)
    log ScoresPublished(round=round_, uid=uid, document=document, marks=given, salt=salt, at=block.timestamp)


@external
def attest(uid: uint256, round_: uint256, parameters: bytes32):
    begun: uint256 = self._catch_up()
    term: uint256 = self._own(uid)
    assert parameters != empty(bytes32), "zero"
    earlier: bytes32 = self.attested[round_][uid]
    if earlier == parameters:
        return
    assert round_ < begun, "early"
    assert term & IS_EXPELLED == 0, "expelled"
    assert earlier == empty(bytes32), "promised"
    self.attested[round_][uid] = parameters
    log Attested(round=round_, uid=uid, parameters=parameters, at=block.timestamp)


@external
def decide(uids: DynArray[uint256, MAX_PEERS]):
    """Decide what has ended. `uids`: every peer that a sheet of the round `next_round` names, ascending.

    Anyone may call it: the result does not depend on who, or when.
    """
    begun: uint256 = 0
    phase: uint256 = 0
    begun, phase = self._clock()
    if begun <= self.next_round + 1:
        return
    ended: uint256 = self.next_round
    if self.published[ended] != 0:
        self._decide(ended, uids)
        self.next_round = ended + 1
    self._miss(begun)


# What a round comes to


@internal
def _catch_up() -> uint256:
    """How many rounds have begun. Those before the last of them are decided when this returns."""
    begun: uint256 = 0
    phase: uint256 = 0
    begun, phase = self._clock()
    if begun > self.next_round + 1:
        assert self.published[self.next_round] == 0, "decide"
        self._miss(begun)
    return begun


@internal
def _miss(begun: uint256):
    """From `next_round` on no round that has ended has sheets: strikes for whoever should have published."""
    first: uint256 = self.next_round
    end: uint256 = begun - 1
    for seat: uint256 in range(MAX_VALIDATORS):
        self._strike_absent(self.seats[seat], first, end)
        self._strike_absent(self.before[seat], first, end)
    self.next_round = end


@internal
def _strike_absent(holder: uint256, first: uint256, end: uint256):
    if holder == 0:
        return
    term: uint256 = self.terms_of[holder - 1]
    start: uint256 = max(first, self._first(term))
    stop: uint256 = min(end, self._until(term))
    if stop > start:
        self.strikes[holder - 1] = min(STRIKES, self.strikes[holder - 1] + stop - start)


@internal
def _decide(ended: uint256, uids: DynArray[uint256, MAX_PEERS]):
    published: uint256 = self.published[ended]
    holders: uint256[MAX_VALIDATORS] = empty(uint256[MAX_VALIDATORS])
    stakes: uint256[MAX_VALIDATORS] = empty(uint256[MAX_VALIDATORS])
    total: uint256 = 0
    heard: uint256 = 0
    for seat: uint256 in range(MAX_VALIDATORS):
        holders[seat] = self._holder(seat, ended)
        if holders[seat] == 0:
            continue
        uid: uint256 = holders[seat] - 1
        if self.strikes[uid] < STRIKES:
            bond: uint256 = self.bonds[uid]
            total += bond
            if (published >> seat) & 1 == 1:
                stakes[seat] = bond
                heard += bond
    void: bool = total == 0 or 2 * heard < total
    distances: uint256[MAX_VALIDATORS] = empty(uint256[MAX_VALIDATORS])
    decided: DynArray[uint256, MAX_PEERS] = []
    if not void:
        assert len(uids) == self.named[ended], "uids"
        least: uint256 = 0
        given: uint256 = 0
        for uid: uint256 in uids:
            word: uint256 = self.marks[ended][uid]
            assert uid >= least and word != 0, "uids"
            least = uid + 1
            mark: uint256 = self._combine(word, stakes, heard)
            for seat: uint256 in range(MAX_VALIDATORS):
                if (published >> seat) & 1 == 1:
                    distances[seat] += self._distance((word >> (MARK_BITS * seat)) & MARK, mark)
            if mark != 0:
                decided.append((uid << MARK_BITS) | mark)
                given += mark >> FLAG_BITS
        whole: uint256 = max(SCALE, given)
        for word: uint256 in decided:
            self._settle(word >> MARK_BITS, word & MARK, whole, ended)
    for seat: uint256 in range(MAX_VALIDATORS):
        if holders[seat] != 0:
            near: bool = (published >> seat) & 1 == 1 and distances[seat] <= FAR
            self._strike(holders[seat] - 1, near)
    log Decided(round=ended, void=void, marks=decided, at=block.timestamp)


@internal
@pure
def _combine(word: uint256, stakes: uint256[MAX_VALIDATORS], heard: uint256) -> uint256:
    """The lower weighted median of the weights, and the flags that more than half of the stake sets."""
    median: uint256 = max_value(uint256)
    selected: uint256 = 0
    expelled: uint256 = 0
    for seat: uint256 in range(MAX_VALIDATORS):
        stake: uint256 = stakes[seat]
        if stake == 0:
            continue
        mark: uint256 = (word >> (MARK_BITS * seat)) & MARK
        weight: uint256 = mark >> FLAG_BITS
        if weight < median:
            reached: uint256 = 0
            for other: uint256 in range(MAX_VALIDATORS):
                if ((word >> (MARK_BITS * other)) & MARK) >> FLAG_BITS <= weight:
                    reached += stakes[other]
            if 2 * reached >= heard:
                median = weight
        if mark & SELECTED != 0:
            selected += stake
        if mark & EXPELLED != 0:
            expelled += stake
    result: uint256 = median << FLAG_BITS
    if 2 * selected > heard:
        result = result | SELECTED
    if 2 * expelled > heard:
        result = result | EXPELLED
    return result


@internal
@pure
def _distance(one: uint256, other: uint256) -> uint256:
    if one == other:
        return 0
    first: uint256 = one >> FLAG_BITS
    second: uint256 = other >> FLAG_BITS
    result: uint256 = max(first, second) - min(first, second)
    wrong: uint256 = one ^ other
    if wrong & SELECTED != 0:
        result += FLAG_DISTANCE
    if wrong & EXPELLED != 0:
        result += SCALE
    return result


@internal
def _settle(uid: uint256, mark: uint256, whole: uint256, ended: uint256):
    if mark & EXPELLED != 0:
        term: uint256 = self.terms_of[uid]
        self.terms_of[uid] = self._ending(term, min(self._until(term), ended + 1)) | IS_EXPELLED
        self.burnt += self.bonds[uid]
        self.peers -= 1
        return
    if mark >> FLAG_BITS != 0:
        self.earned[uid] += REWARD * (mark >> FLAG_BITS) // whole


@internal
def _strike(uid: uint256, near: bool):
    strikes: uint256 = self.strikes[uid]
    if near and strikes > 0:
        self.strikes[uid] = strikes - 1
    elif not near and strikes < STRIKES:
        self.strikes[uid] = strikes + 1


@internal
@view
def _holder(seat: uint256, round_: uint256) -> uint256:
    """uid + 1 of the validator that has this seat in this round, which must be the first undecided one; 0 if none."""
    for holder: uint256 in [self.seats[seat], self.before[seat]]:
        if holder != 0:
            term: uint256 = self.terms_of[holder - 1]
            if self._first(term) <= round_ and round_ < self._until(term):
                return holder
    return 0


@internal
def _take_seat(uid: uint256, begun: uint256) -> uint256:
    """The first seat that nobody has; otherwise the first whose validator has struck out: it loses it."""
    for seat: uint256 in range(MAX_VALIDATORS):
        holder: uint256 = self.seats[seat]
        if holder == 0 or self._until(self.terms_of[holder - 1]) < begun:
            self.seats[seat] = uid + 1
            return seat
    for seat: uint256 in range(MAX_VALIDATORS):
        holder: uint256 = self.seats[seat]
        term: uint256 = self.terms_of[holder - 1]
        if self._until(term) == NEVER and self.strikes[holder - 1] >= STRIKES:
            self.terms_of[holder - 1] = self._ending(term, begun)
            self.before[seat] = holder
            self.seats[seat] = uid + 1
            return seat
    raise "full"


# What most acts need


@internal
@view
def _clock() -> (uint256, uint256):
    """How many rounds have begun, and the phase of the last."""
    if block.timestamp < GENESIS:
        return 0, COMMIT
    length: uint256 = COMMIT_SECONDS + REVEAL_SECONDS + SCORE_SECONDS + PUBLISH_SECONDS
    begun: uint256 = (block.timestamp - GENESIS) // length + 1
    into: uint256 = (block.timestamp - GENESIS) % length
    if into < COMMIT_SECONDS:
        return begun, COMMIT
    if into < COMMIT_SECONDS + REVEAL_SECONDS:
        return begun, REVEAL
    if into < COMMIT_SECONDS + REVEAL_SECONDS + SCORE_SECONDS:
        return begun, SCORE
    return begun, PUBLISH


@internal
@view
def _must_be(round_: uint256, phase: uint256):
    begun: uint256 = 0
    current: uint256 = 0
    begun, current = self._clock()
    assert round_ < begun, "early"
    assert round_ + 1 == begun, "late"
    assert current >= phase, "early"
    assert current <= phase, "late"


@internal
@view
def _own(uid: uint256) -> uint256:
    """The term of a member that belongs to the caller."""
    assert uid < self.members, "member"
    assert self.accounts[uid] == msg.sender, "account"
    return self.terms_of[uid]


@internal
@view
def _own_role(uid: uint256, role: uint256) -> uint256:
    term: uint256 = self._own(uid)
    assert term & IS_VALIDATOR == role, "role"
    return term


@internal
@pure
def _must_be_active(term: uint256, round_: uint256):
    assert self._first(term) <= round_ and round_ < self._until(term), "inactive"


@internal
@view
def _check_mark(round_: uint256, uid: uint256, mark: uint256):
    term: uint256 = self.terms_of[uid]
    until: uint256 = self._until(term)
    assert term & (IS_VALIDATOR | IS_EXPELLED) == 0, "mark"
    assert self._first(term) <= round_ and round_ < until + WITHDRAW_ROUNDS, "mark"
    assert mark >> FLAG_BITS == 0 or round_ < until, "mark"
    assert mark & SELECTED == 0 or self.keys[round_][uid] != empty(bytes32), "mark"


@internal
@pure
def _check_endpoint(endpoint: String[MAX_ENDPOINT]):
    """No spaces, no bytes outside printable ASCII, and nowhere to put a secret: user name, query, fragment."""
    raw: Bytes[MAX_ENDPOINT] = convert(endpoint, Bytes[MAX_ENDPOINT])
    assert len(raw) >= 1, "endpoint"
    for place: uint256 in range(len(raw), bound=MAX_ENDPOINT):
        letter: uint256 = convert(slice(raw, place, 1), uint256)
        assert letter >= 33 and letter <= 126, "endpoint"
        assert letter != 63 and letter != 35 and letter != 64, "endpoint"  # ? # @


@internal
@pure
def _first(term: uint256) -> uint256:
    return term & NEVER


@internal
@pure
def _until(term: uint256) -> uint256:
    return (term >> UNTIL_SHIFT) & NEVER


@internal
@pure
def _ending(term: uint256, until: uint256) -> uint256:
    """The same term, with this end."""
    return (term & ~(NEVER << UNTIL_SHIFT)) | (until << UNTIL_SHIFT)


# Readings


@external
@view
def terms() -> Terms:
    return Terms(
        recipe=RECIPE,
        seed=SEED,
        genesis=GENESIS,
        commit=COMMIT_SECONDS,
        reveal=REVEAL_SECONDS,
        score=SCORE_SECONDS,
        publish=PUBLISH_SECONDS,
        bond=BOND,
        reward=REWARD,
        max_peers=PEERS,
        validator_strikes=STRIKES,
        unit=UNIT,
    )


@external
@view
def uid_of(account: address, validator: bool) -> (bool, uint256):
    """Whether the account is registered in this role, and as whom."""
    uid: uint256 = self.known[account][validator]
    if uid == 0:
        return False, 0
    return True, uid - 1


@external
@view
def term_of(uid: uint256) -> (uint256, uint256, bool, bool, bool):
    """First round, first round in which it takes no part (2**64 - 1: not known), validator, expelled, released."""
    term: uint256 = self.terms_of[uid]
    return (
        self._first(term),
        self._until(term),
        term & IS_VALIDATOR != 0,
        term & IS_EXPELLED != 0,
        term & IS_RELEASED != 0,
    )
