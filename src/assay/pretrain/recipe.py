"""A recipe: everything about a run that its members must agree on, as one frozen document.

Recipes are TOML files; `recipes/` holds those that ship. Their canonical JSON is hashed, and the digest stands on the
chain: two members that read different recipes are not in the same run. Sizes are in elements, times in seconds.
"""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput, LimitExceeded

MAX_RECIPE = 256 << 10  # bytes; the longest that ships has three thousand

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Amount = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    """Settings that cannot be changed or misspelt."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(Part):
    """The shape of a Llama-style decoder."""

    vocabulary: Positive
    hidden: Positive
    layers: Positive
    heads: Positive
    kv_heads: Positive
    feed_forward: Positive
    context: Positive  # tokens
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-6
    tied: bool = True  # the output layer is the embedding

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.hidden % (2 * self.heads) or self.heads % self.kv_heads:
            raise ValueError("hidden must be an even multiple of heads, and heads a multiple of kv_heads")
        return self


class DataPhase(Part):
    """From `first_round` on, what share of each peer's tokens comes from which source."""

    name: str
    first_round: int = Field(ge=0)
    mixture: dict[str, Share]

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        if abs(sum(self.mixture.values()) - 1) > 1e-6:
            raise ValueError(f"the shares of phase {self.name!r} add up to {sum(self.mixture.values()):g}, not 1")
        return self


class Source(Part):
    """Text under a name that mixtures use. `docs/pretrain/data.md` says what files may be."""

    files: tuple[str, ...] = Field(min_length=1)  # files and folders below the data folders, paths, or "python:..."
    otherwise: tuple[str, ...] = ()  # used where one of `files` is missing, so that a demo runs everywhere
    field: str = "text"  # of a JSON line or a Parquet row
    chat: bool = False  # rows are conversations; only what the roles in `Chat.learn` say is learnt


class Chat(Part):
    """How a conversation is written down: for each role, what comes before and after each of its messages."""

    roles: dict[str, tuple[str, str]]
    start: str = ""
    learn: tuple[str, ...] = ("assistant",)  # roles whose words, and what ends them, count in the loss
    field: str = "messages"  # of a row: a list of {"role": ..., "content": ...}


class Data(Part):
    """Which text, cut and mixed how."""

    tokenizer: str = Field(
        pattern=r"^(bytes|bpe:[1-9][0-9]{2,6}|\w[\w.-]*/\w[\w.-]*@[0-9a-f]{40})$"
    )  # or a hub name @ commit
    end: str = "<|end|>"  # the token that ends a document
    sources: dict[str, Source] = {}
    chat: Chat | None = None
    corpus: Digest | None = None  # the manifest of the shards; filled in when a run is set up
    phases: tuple[DataPhase, ...] = Field(min_length=1)
    validation_share: Share = 0.05  # of each source, kept from every peer

    @model_validator(mode="after")
    def _starts_at_zero(self) -> Self:
        starts = [phase.first_round for phase in self.phases]
        if starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("phases must start at round 0 and follow one another")
        unknown = {name for phase in self.phases for name in phase.mixture} - set(self.sources)
        if self.sources and unknown:
            raise ValueError(f"phases use sources that are not described: {', '.join(sorted(unknown))}")
        return self


class Inner(Part):
    """What a peer does by itself in a round: AdamW."""

    steps: Positive = 30  # H
    sequences: Positive  # per inner step
    learning_rate: Amount
    final_share: Share = 0.1  # of the learning rate, where the cosine ends
    warmup_steps: int = Field(default=0, ge=0)
    warmup_from: Share = 0.0  # of the learning rate, where the warm-up begins
    total_steps: Positive  # where the cosine ends
    flat: tuple[tuple[int, int], ...] = ()  # (first inner step, steps) over which the schedule stands still
    anneal_from: int | None = None  # inner step from which the rate falls linearly to 0
    anneal_warmup: int = Field(default=0, ge=0)  # steps from the rate before the anneal to its peak
    anneal_steps: int = Field(default=0, ge=0)  # from the peak to 0
    anneal_peak: Share = 1.0  # share of the learning rate at the start of the anneal
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: Amount = 0.1
    epsilon: Amount = 1e-8
    clip_norm: Amount = 1.0


class Outer(Part):
    """What happens to all peers' work at the end of a round: SparseLoCo."""

    learning_rate: tuple[tuple[int, float], ...] = ((0, 1.0),)  # (from this inner step on, rate)
    keep: Positive = 64  # k of each chunk
    bits: Literal[1, 2] = 2
    error_decay: Share = 0.95  # beta
    aggregate: str = "mean"  # a name in `aggregate.AGGREGATES`
    clip: Literal["median_norm", "none"] = "median_norm"


class Timing(Part):
    """The four phases of a round, in seconds of the chain's clock."""

    commit: Positive = 1_270  # train, upload, commit the digest
    reveal: Positive = 30
    score: Positive = 300  # validators measure and commit their scores
    publish: Positive = 30

    @property
    def round(self) -> int:
        return self.commit + self.reveal + self.score + self.publish


class Gauntlet(Part):
    """The constants of scoring. The defaults are those of the published code where it has them."""

    evaluated: Positive = 20  # peers scored per round, at most
    random_sequences: Positive = 8
    assigned_sequences: Positive = 8
    step_share: Share = 0.2  # of the outer rate, with which a single contribution is tried
    moving_average: Share = 0.05  # weight of the newest assigned-or-random sign
    floor_after: int = 10  # rounds after which a moving average below `floor` counts as nothing
    floor: Share = 0.10
    useful_share: Share = 0.1  # of the usual gain on random data, below which a contribution is not aggregated
    rating_beta: Amount = 7.0
    rating_tau: Amount = 0.1
    missing_score: float = -99.0
    sync_limit: Amount = 3.0  # steps behind at which nothing is left
    sync_power: Amount = 2.5
    sync_slash_from: Amount = 2.0
    overlap: tuple[float, float, float] = (0.4, 0.5, 0.6)  # halve, reset, ban
    ban_rounds: Positive = 20
    contributors: Positive = 20  # aggregated per round, at most
    reserve: int = 10
    weights: Literal["ramp", "power"] = "ramp"  # the code's; the paper's
    power: Amount = 2.0
    reexecutions: int = Field(default=0, ge=0)  # peers per round whose work is done again from their committed state
    reexecution_share: Share = 0.0  # of those who delivered, at least so many; 1: everyone in every round
    reexecution_overlap: Share = 0.99  # of the kept coordinates that must be found again; 1: equal to the bit
    reward: Positive = 1_000_000  # units per round
    validator_strikes: Positive = 3  # rounds absent or far from the outcome after which stake counts for nothing


class Recipe(Part):
    """One run."""

    name: str
    seed: int = Field(ge=0, lt=2**63)
    rounds: Positive
    start: Digest | None = None  # parameters to start from; without it they follow from the seed
    model: Model
    data: Data
    inner: Inner
    outer: Outer = Outer()
    timing: Timing = Timing()
    gauntlet: Gauntlet = Gauntlet()
    checkpoint_rounds: Positive = 10  # validators keep the parameters at the start of every so many rounds
    bond: int = Field(default=1_000, ge=0)
    max_peers: Positive = 256

    def document(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @property
    def digest(self) -> Digest:
        return digest_bytes(canonical_json(self.document()))

    def outer_rate(self, round_: int) -> float:
        """The outer learning rate of a round: the last entry that has begun."""
        step = round_ * self.inner.steps
        return [rate for first, rate in self.outer.learning_rate if first <= step][-1]

    def phase(self, round_: int) -> DataPhase:
        return [phase for phase in self.data.phases if phase.first_round <= round_][-1]


def shipped_recipes() -> list[str]:
    """Names of the recipes in this package."""
    folder = files("assay.pretrain") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def read_recipe(name: str) -> Recipe:
    """A shipped recipe by name, or one from a TOML file. `BadInput` says what is wrong with it."""
    if name in shipped_recipes():
        text = (files("assay.pretrain") / "recipes" / f"{name}.toml").read_text()
    else:
        path = Path(name)
        if not path.is_file():
            raise BadInput(f"There is no recipe {name[:100]!r}: give a TOML file or {', '.join(shipped_recipes())}.")
        if path.stat().st_size > MAX_RECIPE:
            raise LimitExceeded(f"{path} has {path.stat().st_size} bytes; a recipe has at most {MAX_RECIPE}.")
        text = path.read_text()
    return parse_recipe(text, name)


def parse_recipe(text: str, origin: str) -> Recipe:
    """Read a recipe's TOML. `origin` names it in errors."""
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{origin} is not TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the recipe"
        raise BadInput(f"{origin}: {where}: {first['msg']}.") from None
