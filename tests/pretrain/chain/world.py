"""A run on either chain, with accounts that act on it and a clock that a test can move."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.core.keys import Signer
from assay.core.ledger import open_ledger
from assay.pretrain.chain import Chain, Clock, Mark, Phase, Role, Terms, seal_sheet
from assay.pretrain.chain.clocks import ManualClock
from assay.pretrain.chain.evm import EvmChain
from assay.pretrain.chain.ledger_chain import LedgerChain
from tests.pretrain.chain.anvil import Anvil, account_key

RECIPE = "sha256:" + "ab" * 32
HOUR = 3_600  # phases are long: on a node whose clock runs, none may end by itself


def terms(genesis: int, **changes: Any) -> Terms:
    given: dict[str, Any] = {
        "recipe": RECIPE,
        "seed": 7,
        "clock": Clock(genesis, HOUR, HOUR, HOUR, HOUR),
        "bond": 100,
        "reward": 1_000,
        "max_peers": 4,
        "validator_strikes": 2,
    }
    return Terms(**(given | changes))


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


class World(ABC):
    """A run, and what moves it."""

    clock: Clock

    @abstractmethod
    def chain(self, account: int) -> Chain:
        """The run as this account sees it."""

    @abstractmethod
    def reader(self) -> Chain:
        """The run, read from its start by somebody else."""

    @abstractmethod
    def advance_to(self, moment: int) -> None: ...

    def at(self, round_: int, phase: Phase) -> None:
        """Let this phase begin."""
        self.advance_to(self.clock.begins(round_, phase))

    # Shorthand that the scenarios share

    def join(self, role: Role, account: int, bond: int = 100) -> int:
        return self.chain(account).register(role, f"s3://bucket-{account}/run", bond)

    def contribute(self, account: int, uid: int, round_: int) -> None:
        from hashlib import sha256

        key = word(1_000 * (round_ + 1) + uid + 1)
        self.at(round_, Phase.COMMIT)
        self.chain(account).commit(uid, round_, digest(uid + 1), 10, sha256(key).digest())

    def open(self, account: int, uid: int, round_: int) -> None:
        self.at(round_, Phase.REVEAL)
        self.chain(account).reveal(uid, round_, word(1_000 * (round_ + 1) + uid + 1))

    def score(self, round_: int, sheets: dict[tuple[int, int], dict[int, Mark]], publish: bool = True) -> None:
        """All these validators, (account, uid), promise and publish their marks."""
        self.at(round_, Phase.SCORE)
        for (account, uid), marks in sheets.items():
            sealed = seal_sheet(uid, round_, digest(uid), marks, word(uid + 1))
            self.chain(account).commit_scores(uid, round_, sealed)
        self.at(round_, Phase.PUBLISH)
        for (account, uid), marks in sheets.items():
            if publish:
                self.chain(account).publish_scores(uid, round_, digest(uid), marks, word(uid + 1))


class LedgerWorld(World):
    """The embedded chain in a file."""

    def __init__(self, path: Path, **changes: Any) -> None:
        self.path, self.manual = path, ManualClock(1_000)
        given = terms(10_000, **changes)
        self.clock = given.clock
        self.first = LedgerChain.create(path, given, clock=self.manual)

    def signer(self, account: int) -> Signer:
        return Signer.from_private(Ed25519PrivateKey.from_private_bytes(word(account + 1)))

    def chain(self, account: int) -> LedgerChain:
        return self.first.acting_as(self.signer(account))

    def reader(self) -> LedgerChain:
        return LedgerChain.open(open_ledger(self.path), clock=self.manual)

    def advance_to(self, moment: int) -> None:
        self.manual.advance_to(moment)


class EvmWorld(World):
    """A contract of its own on a shared node."""

    def __init__(self, node: Anvil, folder: Path, **changes: Any) -> None:
        self.node, self.folder = node, folder
        given = terms(node.now() + 10 * HOUR, **changes)  # long after all that comes before it
        self.clock = given.clock
        self.first = EvmChain.deploy(node.url, given, key=self.key(23), unit=10**9, deadline=30)
        self.first.fund(10**6)
        self._chains: dict[int, EvmChain] = {}

    def key(self, account: int) -> Path:
        path = self.folder / f"account{account}"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(account_key(account))
        return path

    def chain(self, account: int) -> EvmChain:
        if account not in self._chains:
            self._chains[account] = EvmChain.connect(
                self.node.url, self.first.address, key=self.key(account), deadline=30
            )
        return self._chains[account]

    def reader(self) -> EvmChain:
        return EvmChain.connect(self.node.url, self.first.address, deadline=30)

    def advance_to(self, moment: int) -> None:
        self.node.advance_to(moment)


MakeWorld = Callable[..., World]
