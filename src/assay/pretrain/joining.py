"""A run's file, and taking a seat in the run that it names.

The file holds all that a stranger needs to take part or to audit: the recipe, where the chain is, where the text is,
and no secret. `init` writes it; `open_run` compares the recipe's digest with the one that the chain was begun with.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.core.digest import Digest
from assay.core.errors import BadInput, LimitExceeded, Unavailable
from assay.core.keys import load_or_create_key
from assay.core.store import Store, open_store
from assay.pretrain.chain.errors import ChainRefusal
from assay.pretrain.chain.evm import EvmChain
from assay.pretrain.chain.ledger_chain import LedgerChain
from assay.pretrain.chain.protocol import Chain, Clock, Role, Terms
from assay.pretrain.data import Corpus
from assay.pretrain.exchange import Stores, open_endpoint
from assay.pretrain.following import Follower
from assay.pretrain.peer import Report, Seat
from assay.pretrain.recipe import Recipe
from assay.pretrain.training import Workbench, to_bytes

MAX_RUN_FILE = 1 << 20  # bytes


class LedgerPlace(BaseModel):
    """A run in a ledger of `assay.core`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["ledger"] = "ledger"
    url: str
    run: Digest


class EvmPlace(BaseModel):
    """A run's contract."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["evm"] = "evm"
    url: str
    address: str


class RunFile(BaseModel):
    """What everybody who takes part, or looks on, must have."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal["assay.pretrain-run/1"] = Field(default="assay.pretrain-run/1", alias="schema")
    recipe: Recipe
    chain: Annotated[LedgerPlace | EvmPlace, Field(discriminator="kind")]
    corpus: str  # URL of the store with the shards, and with the parameters that the run starts from if it names any

    @classmethod
    def read(cls, path: Path) -> "RunFile":
        if not path.is_file():
            raise BadInput(f"There is no run file {path}: `assay pretrain init` writes one.")
        if path.stat().st_size > MAX_RUN_FILE:
            raise LimitExceeded(f"{path} has {path.stat().st_size} bytes; a run file has at most {MAX_RUN_FILE}.")
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the document"
            raise BadInput(f"{path} is not a run file: {where}: {first['msg']}.") from None


def terms_of(recipe: Recipe, genesis: int) -> Terms:
    """What a run of this recipe is created with; its first round begins at `genesis`, in the chain's seconds."""
    timing, gauntlet = recipe.timing, recipe.gauntlet
    clock = Clock(genesis, timing.commit, timing.reveal, timing.score, timing.publish)
    return Terms(
        recipe=recipe.digest,
        seed=recipe.seed,
        clock=clock,
        bond=recipe.bond,
        reward=gauntlet.reward,
        max_peers=recipe.max_peers,
        validator_strikes=gauntlet.validator_strikes,
    )


@dataclass(frozen=True)
class OpenRun:
    """A run that was opened, for looking on: no key, no seat."""

    file: RunFile
    chain: Chain
    corpus: Corpus
    stores: Stores
    bench: Workbench


def open_run(path: Path, *, key: Path | None = None) -> OpenRun:
    """Open the run of a run file. With `key` acts can be written to its chain."""
    file = RunFile.read(path)
    chain: Chain
    if isinstance(file.chain, LedgerPlace):
        signer = load_or_create_key(key) if key else None
        chain = LedgerChain.open(file.chain.url, run=file.chain.run, key=signer)
    else:
        chain = EvmChain.connect(file.chain.url, file.chain.address, key=key)
    if chain.terms().recipe != file.recipe.digest:
        raise BadInput(f"{path} holds another recipe than its run: the chain says {chain.terms().recipe}.")
    if file.recipe.data.corpus is None:
        raise BadInput(f"{path} does not say which text the run is on: write it anew with `assay pretrain init`.")
    text = open_store(file.corpus)
    corpus = Corpus(text, file.recipe.data.corpus, file.recipe.model.context)
    folders = path.resolve().parent
    stores = Stores(lambda endpoint: open_endpoint(endpoint, folders))
    return OpenRun(file, chain, corpus, stores, Workbench(file.recipe, text))


def keep_parameters(after: Path, recipe: Recipe, store: Store) -> Digest:
    """Put the last parameters of a run that has ended into `store`, for a run of `recipe` to start from."""
    run = open_run(after)
    last, _ = run.chain.terms().clock.at(run.chain.time())
    if last < run.file.recipe.rounds:
        raise BadInput(f"{after} has not ended: its round {last} of {run.file.recipe.rounds} is not over.")
    mine, theirs = (one.model.model_copy(update={"context": 1}) for one in (recipe, run.file.recipe))
    if mine != theirs or recipe.data.tokenizer != run.file.recipe.data.tokenizer:
        raise BadInput(f"The run {after} has another model or tokenizer than the recipe {recipe.name}.")
    follower = Follower(run.file.recipe, run.chain, run.stores, run.bench)
    follower.advance_to(run.file.recipe.rounds)
    return store.put_bytes(to_bytes(follower.parameters))


def take_seat(run: OpenRun, role: Role, endpoint: str, folder: Path, report: Report) -> Seat:
    """Register, or come back to the seat that this account has."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    uid = run.chain.register(role, endpoint, run.file.recipe.bond)
    store: Store = run.stores.at(endpoint)
    report(f"taking part as {role.value} {uid}")
    return Seat(run.file.recipe, run.chain, uid, run.corpus, store, run.stores, folder, run.bench, report=report)


class Ticking(Protocol):
    """A member."""

    def tick(self) -> None: ...


def keep_ticking(
    member: Ticking,
    chain: Chain,
    rounds: int,
    report: Report,
    *,
    pause: float = 0.5,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tick until `rounds` rounds have ended, or until we are asked to stop.

    What fails now (a store that does not answer, a deadline that was missed) is said and tried again at the next tick:
    the chain decides what still counts.
    """
    stopping: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        stopping.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    said = ""
    try:
        while not stopping and chain.terms().clock.at(chain.time())[0] < rounds:
            try:
                member.tick()
                said = ""
            except (ChainRefusal, Unavailable) as error:
                if str(error) != said:
                    said = str(error)
                    report(said)
            sleep(pause)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
