"""The budget of a run before anybody trains: parameters, bytes, seconds, memory and money, from recipe and links.

Nothing is measured here and no tensor is made. Every figure says what it rests on; `published` does the same sums with
the numbers that were published about Covenant-72B and says which of them do not follow from one another.
Units: bytes, seconds, tokens; links in megabits (10^6) per second.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from assay.core.errors import BadInput
from assay.pretrain.recipe import Model, Recipe

BLOCK = 64  # rows and columns of a chunk of a matrix
RUN = 4_096  # values of a chunk of a vector
# Bits per transmitted value of this wire format, all included: the most that the laptop recipe's pseudo-gradients took
# in a round, rounded up. The mean over 20 rounds of 4 peers was 9.11 at 2 bits; over 4 rounds 8.41 at 1 bit.
WIRE_BITS = {2: 9.4, 1: 8.5}
PUBLISHED_BITS = 14.0  # 12-bit index and 2-bit value: what the paper counts
REAL_BITS = 20.0  # 12-bit index and a whole byte per value: what the published code sends
SECONDS_PER_DAY = 86_400
GIB = 1 << 30

# Dense bf16 teraflops per second and GiB of memory, from the makers' data sheets.
GPUS = {
    "b200": (2_250.0, 180),
    "h200": (989.0, 141),
    "h100": (989.0, 80),
    "a100": (312.0, 80),
    "l40s": (362.0, 48),
    "rtx4090": (165.0, 24),
}


# The model ------------------------------------------------------------------------------------------------------------


def shapes(model: Model) -> dict[str, tuple[int, ...]]:
    """Name and shape of every parameter, as `model.build` makes them."""
    head = model.hidden // model.heads
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (model.vocabulary, model.hidden)}
    for layer in range(model.layers):
        at = f"model.layers.{layer}"
        found[f"{at}.self_attn.q_proj.weight"] = (model.heads * head, model.hidden)
        found[f"{at}.self_attn.k_proj.weight"] = (model.kv_heads * head, model.hidden)
        found[f"{at}.self_attn.v_proj.weight"] = (model.kv_heads * head, model.hidden)
        found[f"{at}.self_attn.o_proj.weight"] = (model.hidden, model.heads * head)
        found[f"{at}.mlp.gate_proj.weight"] = (model.feed_forward, model.hidden)
        found[f"{at}.mlp.up_proj.weight"] = (model.feed_forward, model.hidden)
        found[f"{at}.mlp.down_proj.weight"] = (model.hidden, model.feed_forward)
        found[f"{at}.input_layernorm.weight"] = (model.hidden,)
        found[f"{at}.post_attention_layernorm.weight"] = (model.hidden,)
    found["model.norm.weight"] = (model.hidden,)
    if not model.tied:
        found["lm_head.weight"] = (model.vocabulary, model.hidden)
    return found


def parameters(model: Model) -> int:
    """How many there are, a tied output layer counted once."""
    return sum(math.prod(shape) for shape in shapes(model).values())


def training_flops(model: Model) -> float:
    """Floating-point operations per token, forward and backward: 6 per weight that is multiplied, 12 x layers x width x
    context for attention (PaLM's count). Recomputed activations do not count."""
    looked_up = 0 if model.tied else model.vocabulary * model.hidden
    return 6 * (parameters(model) - looked_up) + 12 * model.layers * model.hidden * model.context


# Bytes ----------------------------------------------------------------------------------------------------------------


def transmitted(model: Model, keep: int) -> int:
    """Values that one pseudo-gradient carries: `keep` of every 4,096, and at least one of every chunk."""
    kept = ((-(-keep * size // RUN), count) for shape in shapes(model).values() for size, count in _chunks(shape))
    return sum(max(1, most) * count for most, count in kept)


def _chunks(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """(values, how many) of one tensor's chunks: 64 x 64 blocks of a matrix, runs of 4,096 of a vector."""
    if len(shape) != 2:
        yield from _parts(math.prod(shape), RUN)
        return
    for height, rows in _parts(shape[0], BLOCK):
        for width, columns in _parts(shape[1], BLOCK):
            yield height * width, rows * columns


def _parts(length: int, size: int) -> Iterator[tuple[int, int]]:
    """(length, how many): whole parts of `size`, and what is left."""
    whole, rest = divmod(length, size)
    yield size, whole
    if rest:
        yield rest, 1


def payload(model: Model, keep: int, bits_per_value: float) -> float:
    """Bytes of one peer's pseudo-gradient of a round."""
    return transmitted(model, keep) * bits_per_value / 8


# Time -----------------------------------------------------------------------------------------------------------------


def _positive(*numbers: float) -> bool:
    return all(0 < number < math.inf for number in numbers)


@dataclass(frozen=True)
class Link:
    """One member's connection to the object store."""

    up: float  # Mb/s
    down: float  # Mb/s
    latency: float = 0.05  # seconds, once per object

    def __post_init__(self) -> None:
        if not (_positive(self.up, self.down) and 0 <= self.latency < math.inf):
            raise BadInput("A link has a positive rate both ways, and a latency that is not negative.")

    def upload(self, size: float) -> float:
        return self.latency + size * 8 / (self.up * 1e6)

    def download(self, size: float, objects: int) -> float:
        return self.latency * objects + objects * size * 8 / (self.down * 1e6)


@dataclass(frozen=True)
class Machine:
    """One member's GPUs."""

    gpus: int
    tflops: float  # of one GPU, in the precision of the training
    mfu: float = 0.4  # the share of it that a training gets
    price: float | None = None  # per GPU and hour

    def __post_init__(self) -> None:
        if self.gpus < 1 or not _positive(self.tflops) or not 0 < self.mfu <= 1:
            raise BadInput("A machine has at least one GPU, a positive speed, and a utilisation between 0 and 1.")
        if self.price is not None and not 0 <= self.price < math.inf:
            raise BadInput("A price is a number that is not negative.")

    def seconds(self, flops: float) -> float:
        return flops / (self.gpus * self.tflops * 1e12 * self.mfu)


@dataclass(frozen=True)
class Round:
    """Where one round's seconds go."""

    payload: float  # bytes
    compute: float  # H inner steps
    upload: float
    download: float  # of all contributions that are aggregated
    score_download: float  # a validator's, of those that it evaluates
    score_compute: float  # its forward passes
    reexecution: float  # doing drawn peers' work again, on the validator's machine
    waiting: float  # the chain's fixed phases: reveal and publish

    @property
    def score(self) -> float:
        return self.score_download + self.score_compute

    @property
    def seconds(self) -> float:
        """As this protocol runs: fetch what was selected, train, upload, reveal, be scored, publish, one by one."""
        return self.download + self.compute + self.upload + self.waiting + self.score

    @property
    def seconds_ahead(self) -> float:
        """If peers fetch sealed contributions while validators score, before they know which are selected."""
        return self.compute + self.upload + max(self.waiting + self.score, self.download)

    @property
    def utilisation(self) -> float:
        """Share of the whole round in which a peer trains."""
        return self.compute / self.seconds

    @property
    def utilisation_ahead(self) -> float:
        return self.compute / self.seconds_ahead


@dataclass(frozen=True)
class Plan:
    """A run's budget."""

    recipe: str
    peers: int
    contributors: int
    validators: int
    bits: int
    bits_per_value: float
    parameters: int
    link: Link
    machine: Machine
    round: Round
    tokens_per_round: float
    tokens_per_day: float
    tokens: float
    clock: int  # seconds of a round as the recipe has it
    utilisation: float  # share of that in which a peer trains
    days: float
    cost: float | None
    commit_needed: float  # seconds; against the recipe's phases
    commit_given: int
    score_needed: float
    score_given: int
    reexecution_share: float  # of the peers' own computing, spent on doing it again
    validators_to_keep_up: int  # machines like a peer's that re-execution keeps busy

    def to_json(self) -> dict[str, Any]:
        document = {"schema": "assay.plan/1", **asdict(self)}
        document["round"] |= {
            "score": self.round.score,
            "seconds": self.round.seconds,
            "seconds_ahead": self.round.seconds_ahead,
            "utilisation": self.round.utilisation,
            "utilisation_ahead": self.round.utilisation_ahead,
        }
        return document


def plan(
    recipe: Recipe,
    link: Link,
    machine: Machine,
    *,
    peers: int,
    validators: int = 1,
    validator_link: Link | None = None,
    compute: float | None = None,
    bits_per_value: float | None = None,
    tokens: float | None = None,
) -> Plan:
    """The budget of `recipe` among `peers` with this link and machine each. `compute`: seconds of training, if known.

    Days, money and utilisation go by the recipe's clock, or by what a round needs if that is longer.

    Validators have the peers' machine, and their link unless given one. Compressing and aggregating are not counted:
    they are bound by memory, and small beside training.
    """
    if peers < 1 or validators < 1:
        raise BadInput("A run has at least one peer and one validator.")
    if not _positive(*(number for number in (compute, bits_per_value, tokens) if number is not None)):
        raise BadInput("Seconds of training, bits per value and tokens are positive numbers.")
    model, gauntlet = recipe.model, recipe.gauntlet
    contributors = min(peers, gauntlet.contributors)
    each = bits_per_value if bits_per_value is not None else WIRE_BITS[recipe.outer.bits]
    size = payload(model, recipe.outer.keep, each)
    seconds = compute if compute is not None else machine.seconds(_round_tokens(recipe) * training_flops(model))
    evaluated = min(peers, gauntlet.evaluated)
    # Each evaluated peer: its own data before and after, random data after. Random data before: once for all.
    sequences = evaluated * (2 * gauntlet.assigned_sequences + gauntlet.random_sequences) + gauntlet.random_sequences
    timing = Round(
        payload=size,
        compute=seconds,
        upload=link.upload(size),
        download=link.download(size, contributors),
        score_download=(validator_link or link).download(size, evaluated),
        score_compute=machine.seconds(sequences * model.context * training_flops(model) / 3),
        reexecution=min(peers, max(gauntlet.reexecutions, round(gauntlet.reexecution_share * peers))) * seconds,
        waiting=recipe.timing.reveal + recipe.timing.publish,
    )
    per_round = float(contributors * _round_tokens(recipe))
    wanted = tokens if tokens is not None else recipe.rounds * per_round
    lasts = max(timing.seconds, recipe.timing.round)
    days = wanted / per_round * lasts / SECONDS_PER_DAY
    machines = peers + validators
    cost = None if machine.price is None else machine.price * machine.gpus * machines * days * 24
    return Plan(
        recipe=recipe.name,
        peers=peers,
        contributors=contributors,
        validators=validators,
        bits=recipe.outer.bits,
        bits_per_value=each,
        parameters=parameters(model),
        link=link,
        machine=machine,
        round=timing,
        tokens_per_round=per_round,
        tokens_per_day=per_round * SECONDS_PER_DAY / lasts,
        tokens=wanted,
        clock=recipe.timing.round,
        utilisation=timing.compute / lasts,
        days=days,
        cost=cost,
        commit_needed=timing.download + timing.compute + timing.upload,
        commit_given=recipe.timing.commit,
        score_needed=timing.score,
        score_given=recipe.timing.score,
        reexecution_share=validators * timing.reexecution / (peers * timing.compute),
        validators_to_keep_up=math.ceil(timing.reexecution / lasts),
    )


def _round_tokens(recipe: Recipe) -> int:
    """Of one peer."""
    return recipe.inner.steps * recipe.inner.sequences * recipe.model.context


# Memory ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """Bytes per GPU in one phase, by what they hold; and what lies in the host's memory, per GPU."""

    phase: str
    device: Mapping[str, float]
    host: Mapping[str, float]

    @property
    def device_total(self) -> float:
        return sum(self.device.values())

    @property
    def host_total(self) -> float:
        return sum(self.host.values())

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "device_total": self.device_total, "host_total": self.host_total}


def memory(model: Model, gpus: int, *, feedback_on_device: bool = False, micro_batch: int = 1) -> tuple[Memory, ...]:
    """What a peer with its model sharded over `gpus` holds, phase by phase; parameters and states in float32.

    While it trains: parameters, gradients, AdamW's two moments; on the host the round's first parameters and (unless
    `feedback_on_device`) the error feedback. While it compresses: parameters, pseudo-gradient, error feedback; AdamW's
    moments on the host. Activations are an estimate: bf16, recomputed layer by layer, one layer's own at a time.
    """
    if gpus < 1 or micro_batch < 1:
        raise BadInput("A peer has at least one GPU and a micro-batch of at least one sequence.")
    shard = 4 * parameters(model) / gpus
    layer = sum(math.prod(shape) for name, shape in shapes(model).items() if name.startswith("model.layers.0."))
    head = model.vocabulary * model.hidden
    tokens = micro_batch * model.context
    activations = {
        "gathered layers, bf16": 2.0 * (2 * layer + head),  # this layer, the next one, and the output layer
        "activations": 2.0 * tokens * model.hidden * model.layers + 34.0 * tokens * model.hidden,
        "logits and their gradient": 2 * 4.0 * tokens * model.vocabulary,
    }
    feedback = {"error feedback": shard}
    states = {"AdamW moments": 2 * shard}
    first = {"first parameters of the round": shard}
    kept, away = (feedback, {}) if feedback_on_device else ({}, feedback)
    computing = Memory(
        "computing", {"parameters": shard, "gradients": shard, **states, **kept, **activations}, first | away
    )
    sending = Memory("compressing", {"parameters": shard, "pseudo-gradient": shard, **feedback}, states)
    applying = Memory("aggregating", {"parameters": shard, "aggregate": shard, **kept}, states | away)
    return computing, sending, applying


# What was published ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A published figure beside the same figure computed from what else was published."""

    what: str
    published: str
    computed: str
    follows: bool
    because: str


COVENANT_PEERS = 20  # contributors that are aggregated, at most
COVENANT_LINK = Link(up=110, down=500, latency=0.0)
COVENANT_COMPUTE = 1_200.0  # seconds: a fixed window of 20 minutes
COVENANT_COMMUNICATION = 70.0  # seconds
COVENANT_WINDOW = 115 * 12.0  # seconds: blocks of the chain, from the code


def published(recipe: Recipe) -> tuple[Claim, ...]:
    """What was published about Covenant-72B, computed again. `recipe` is that run's."""
    untied = replace_model(recipe.model, tied=False)
    tied = replace_model(recipe.model, tied=True)
    values = parameters(untied) / 64  # as published: 1 of 64 of the parameters that were counted
    paper, real = values * PUBLISHED_BITS / 8, values * REAL_BITS / 8
    link, peers = COVENANT_LINK, COVENANT_PEERS
    up, down = link.upload(paper), link.download(paper, peers)
    alone, together = max(up, down), up + down
    needed = peers * paper * 8 / COVENANT_COMMUNICATION / 1e9
    per_peer = _round_tokens(recipe)
    return (
        Claim(
            "utilisation",
            "94.5 %",
            f"{_percent(COVENANT_COMPUTE / (COVENANT_COMPUTE + together))} to "
            f"{_percent(COVENANT_COMPUTE / (COVENANT_COMPUTE + alone))}",
            False,
            f"94.5 % is 1,200 / 1,270 s. With the published links one upload takes {up:.0f} s and {peers} downloads "
            f"{down:.0f} s: one after the other {together:.0f} s, at the same time {alone:.0f} s, not 70 s.",
        ),
        Claim(
            "utilisation of the whole window",
            "94.5 %",
            _percent(COVENANT_COMPUTE / COVENANT_WINDOW),
            False,
            "The code's window is 115 blocks of 12 s = 1,380 s, of which 1,200 s are training.",
        ),
        Claim(
            "communication",
            "70 s",
            f"{alone:.0f} s or more",
            False,
            f"70 s would need {needed:.2f} Gb/s down for {peers} contributions of {paper / 1e9:.2f} GB, nine times the "
            "published 500 Mb/s. 70 s is also the code's upload deadline after the window.",
        ),
        Claim("payload of a peer", "14 bits a value", f"{paper / 1e9:.2f} GB", True, "Parameters / 64 x 14 bits."),
        Claim(
            "compression against float32",
            "more than 146 x",
            f"{32 * 64 / REAL_BITS:.1f} x",
            False,
            f"The published code sends 12-bit indices and a whole byte per value, 20 bits: {real / 1e9:.2f} GB. "
            f"14 bits would be {32 * 64 / PUBLISHED_BITS:.1f} x.",
        ),
        Claim(
            "parameters",
            "72,747,327,488, tied",
            f"{parameters(tied):,} tied, {parameters(untied):,} untied",
            False,
            "The published number is that of the untied model with 262,144 tokens; the paper says tied, and 262,208.",
        ),
        Claim(
            "tokens of a peer and round",
            "11.8 M",
            f"{per_peer / 1e6:.1f} M",
            round(per_peer / 1e6, 1) == 11.8,
            "Inner steps x sequences x context.",
        ),
        Claim(
            "tokens of the main phase",
            "1.09 T in 6,100 rounds with 16.9 contributors",
            f"{6_100 * 16.9 * per_peer / 1e12:.2f} T",
            False,
            f"1.09 T would be {1.09e12 / 6_100 / per_peer:.1f} contributors on average.",
        ),
        Claim("utilisation of INTELLECT-1", "82.1 %", _percent(38 / (38 + 8.3)), True, "38 min and 8.3 min."),
        Claim("utilisation of the 8 B run", "95.7 %", _percent(270 / 282), True, "4.5 min and 12 s."),
    )


def replace_model(model: Model, *, tied: bool) -> Model:
    """The same shape with a tied or an untied output layer."""
    return model.model_copy(update={"tied": tied})


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
