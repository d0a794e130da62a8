"""One training run of the laboratory: settings in, losses, bytes and times out.

All peers share one model object; each has an optimiser of its own. Every method sees the same tokens: peer uid's
batch of step t is a function of seed, uid and t. Runs of one seed begin with the same parameters.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from assay.core.digest import canonical_json, digest_bytes
from assay.core.errors import BadInput
from assay.pretrain import recipe
from assay.pretrain.aggregate import Sparse, weigh
from assay.pretrain.baselines import DiLoCo, data_parallel_step, dense_bytes
from assay.pretrain.lab.attacks import ATTACKS, dense
from assay.pretrain.lab.quantisers import OriginalRounding, WithoutRounding, payload_bytes
from assay.pretrain.lab.text import Text
from assay.pretrain.model import build, inner_optimizer, learning_rate, loss
from assay.pretrain.overlap import Delayed
from assay.pretrain.sparseloco import SparseLoCo
from assay.pretrain.wire import compress

Progress = Callable[[str], None]

CURVE = 12  # validations during a run
CURVE_SEQUENCES, FINAL_SEQUENCES = 32, 384
_EVALUATED_AT_ONCE = 32

# (hidden, layers, heads, feed_forward, context); the vocabulary is the 256 bytes
MODELS: Mapping[str, tuple[int, int, int, int, int]] = {
    "5m": (320, 4, 5, 896, 64),  # 5,163,840 parameters
    "1m": (192, 3, 3, 512, 64),
    "tiny": (64, 2, 2, 192, 64),
}

Method = Literal["sparseloco", "diloco", "adamw"]


class Settings(BaseModel):
    """Everything that a run's result depends on, but the text and the machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method
    model: str = "5m"
    seed: int = 0
    peers: int = 8
    steps: int = 960  # inner steps of each peer
    sequences: int = 1  # per peer and inner step
    inner_steps: int = 5  # H; a short run needs as many rounds as a long one
    inner_rate: float = 4e-3
    warmup: int = 60
    final_share: float = 0.0  # of the inner rate, where its cosine ends
    outer_rate: float = 1.0
    momentum: float = 0.9  # of DiLoCo
    keep: int = 64
    quantiser: Literal["2 bit", "1 bit", "float32", "original"] = "2 bit"
    error_decay: float = 0.95
    aggregate: str = "mean"
    clip: str = "median_norm"
    delayed: bool = False
    attack: str = ""  # by the last `attackers` peers
    attackers: int = 0

    @property
    def name(self) -> str:
        """Of the file that keeps the result."""
        return f"{self.method}-{digest_bytes(canonical_json(self.model_dump())).removeprefix('sha256:')[:12]}"

    @property
    def context(self) -> int:
        return MODELS[self.model][-1]

    @property
    def tokens(self) -> int:
        """Of all peers together."""
        return self.steps * self.peers * self.sequences * self.context

    def recipe(self) -> recipe.Recipe:
        """The same settings as the rest of the arena writes them, for its model and optimiser."""
        hidden, layers, heads, forward, context = MODELS[self.model]
        shape = recipe.Model(
            vocabulary=256,
            hidden=hidden,
            layers=layers,
            heads=heads,
            kv_heads=heads,
            feed_forward=forward,
            context=context,
        )
        inner = recipe.Inner(
            steps=self.inner_steps,
            sequences=self.sequences,
            learning_rate=self.inner_rate,
            final_share=self.final_share,
            warmup_steps=self.warmup,
            total_steps=self.steps,
        )
        phase = recipe.DataPhase(name="main", first_round=0, mixture={"text": 1.0})
        data = recipe.Data(tokenizer="bytes", phases=(phase,))
        rounds = math.ceil(self.steps / self.inner_steps)
        return recipe.Recipe(name="laboratory", seed=self.seed, rounds=rounds, model=shape, data=data, inner=inner)


class Point(BaseModel):
    """A place on the curve."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    loss: float  # nats per byte, on CURVE_SEQUENCES of the validation text


class Result(BaseModel):
    """What a run gave. Written once, when it has finished."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Settings
    text: str
    text_digest: str
    parameters: int
    tokens: int
    loss: float  # nats per byte, at the end, on up to FINAL_SEQUENCES of the validation text
    curve: tuple[Point, ...]
    exchanges: int  # rounds, or steps of data-parallel AdamW
    bytes_sent: int  # by one peer in the whole run
    values_sent: int  # by one peer in the whole run
    attackers_left_out: float = 0.0  # share of (attacker, round) of which nothing was used
    honest_left_out: float = 0.0
    shared_coordinates: float = 0.0  # of those that anyone sent, the share that three or more sent, in the last round
    step_seconds: float  # of one peer's inner step here, median
    seconds: float
    torch: str


def run(settings: Settings, text: Text, progress: Progress = lambda line: None) -> Result:
    """Train and measure. The same settings and text give the same result on the same kind of machine."""
    if settings.steps % settings.inner_steps:
        raise BadInput(f"{settings.steps} steps are not a whole number of rounds of {settings.inner_steps}.")
    return (_DataParallel if settings.method == "adamw" else Rounds)(settings, text, progress).run()


class _Run:
    """What the methods share: the model, its validation, and the record."""

    def __init__(self, settings: Settings, text: Text, progress: Progress) -> None:
        self.settings, self.text, self.progress = settings, text, progress
        self.recipe = settings.recipe()
        self.model: nn.Module = build(self.recipe.model, seed=settings.seed)
        self.named = dict(self.model.named_parameters())
        self.curve: list[Point] = []
        self.step_seconds: list[float] = []
        self.exchanges = self.bytes_sent = self.values_sent = 0
        self.left_out: list[tuple[int, int]] = []  # attackers and honest peers of whom nothing was used, by round
        self.shared = 0.0
        self._validation = text.validation(FINAL_SEQUENCES, settings.context)

    def train(self) -> None:
        raise NotImplementedError

    def run(self) -> Result:
        begun = time.monotonic()
        self.train()
        settings, rounds = self.settings, max(len(self.left_out), 1)
        return Result(
            settings=settings,
            text=self.text.name,
            text_digest=self.text.digest,
            parameters=sum(parameter.numel() for parameter in self.named.values()),
            tokens=settings.tokens,
            loss=self._validate(self._validation),
            curve=tuple(self.curve),
            exchanges=self.exchanges,
            bytes_sent=self.bytes_sent,
            values_sent=self.values_sent,
            attackers_left_out=sum(a for a, _ in self.left_out) / (rounds * max(settings.attackers, 1)),
            honest_left_out=sum(h for _, h in self.left_out) / (rounds * (settings.peers - settings.attackers)),
            shared_coordinates=self.shared,
            step_seconds=statistics.median(self.step_seconds),
            seconds=time.monotonic() - begun,
            torch=torch.__version__,
        )

    def inner(self) -> torch.optim.Optimizer:
        """The arena's inner optimiser, in torch's fused form: the same formula, three times as fast here."""
        inner = inner_optimizer(self.recipe, self.model)
        for group in inner.param_groups:
            group["fused"] = True
        return inner

    def batch(self, uid: int, step: int) -> Tensor:
        return self.text.batch(self.settings.seed, uid, step, self.settings.sequences, self.settings.context)

    def set_rate(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe.inner, step)

    def mark(self, step: int, before: int) -> None:
        """Validate, where a part of the run has gone by since."""
        if step * CURVE // self.settings.steps > before * CURVE // self.settings.steps:
            every = self._validation[:: max(1, len(self._validation) // CURVE_SEQUENCES)]
            self.curve.append(Point(step=step, loss=self._validate(every)))
            self.progress(f"{self.settings.name} step {step}: {self.curve[-1].loss:.4f}")

    @torch.no_grad()
    def _validate(self, sequences: Tensor) -> float:
        parts = torch.split(sequences, _EVALUATED_AT_ONCE)
        return math.fsum(float(loss(self.model, part)) * len(part) for part in parts) / len(sequences)


class _DataParallel(_Run):
    """AdamW on the mean gradient of all peers, exchanged in every step."""

    def train(self) -> None:
        settings = self.settings
        inner = self.inner()
        for step in range(settings.steps):
            self.set_rate(inner, step)
            begun = time.monotonic()
            # Batches of one size: the gradient of all of them at once is the mean of the peers' gradients.
            together = torch.cat([self.batch(uid, step) for uid in range(settings.peers)])
            data_parallel_step(lambda batch: loss(self.model, batch), [together], inner, self.recipe.inner.clip_norm)
            self.step_seconds.append((time.monotonic() - begun) / settings.peers)
            self.exchanges += 1
            self.bytes_sent += dense_bytes(self.named.items())
            self.mark(step + 1, step)
        self.values_sent = self.bytes_sent // 4


class Rounds(_Run):
    """DiLoCo and SparseLoCo: H inner steps by every peer, one exchange."""

    def train(self) -> None:
        settings = self.settings
        outers = [self._outer() for _ in range(settings.peers)]
        inners = [self.inner() for _ in range(settings.peers)]
        delayed = Delayed(outers[0]) if settings.delayed and isinstance(outers[0], SparseLoCo) else None
        for round_ in range(settings.steps // settings.inner_steps):
            first = round_ * settings.inner_steps
            contributions: list[Any] = []
            for uid, (outer, inner) in enumerate(zip(outers, inners, strict=True)):
                outer.begin_round()
                for step in range(first, first + settings.inner_steps):
                    self._inner_step(inner, uid, step)
                contributions.append(outer.pseudo_gradient())
            if settings.attackers:
                self._attack(contributions, round_)
            self._count(contributions)
            (delayed or outers[0]).step(contributions)
            self.mark(first + settings.inner_steps, first)
        if delayed:
            delayed.finish()

    def _outer(self) -> SparseLoCo | DiLoCo:
        settings = self.settings
        if settings.method == "diloco":
            return DiLoCo(self.named.items(), lr=settings.outer_rate, momentum=settings.momentum)
        kind = {"float32": WithoutRounding, "original": OriginalRounding}.get(settings.quantiser, SparseLoCo)
        return kind(
            self.named.items(),
            lr=settings.outer_rate,
            k=settings.keep,
            bits=1 if settings.quantiser == "1 bit" else 2,
            error_decay=settings.error_decay,
            aggregate=settings.aggregate,
            clip=settings.clip,
        )

    def _inner_step(self, inner: torch.optim.Optimizer, uid: int, step: int) -> None:
        self.set_rate(inner, step)
        begun = time.monotonic()
        inner.zero_grad(set_to_none=True)
        loss(self.model, self.batch(uid, step)).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.named.values(), self.recipe.inner.clip_norm)
        inner.step()
        self.step_seconds.append(time.monotonic() - begun)

    def _attack(self, contributions: list[Any], round_: int) -> None:
        settings = self.settings
        honest = [dense(one) for one in contributions[: -settings.attackers]]
        for place in range(settings.peers - settings.attackers, settings.peers):
            made = ATTACKS[settings.attack](dense(contributions[place]), honest, settings.seed + round_)
            contributions[place] = compress(made, settings.keep, 1 if settings.quantiser == "1 bit" else 2)

    def _count(self, contributions: list[Any]) -> None:
        settings = self.settings
        self.exchanges += 1
        if settings.method == "diloco":
            self.bytes_sent += dense_bytes(self.named.items())
            self.values_sent += sum(parameter.numel() for parameter in self.named.values())
            return
        self.bytes_sent += payload_bytes(contributions[0])
        self.values_sent += sum(part.values().numel() for part in contributions[0].values())
        left_out = weigh(contributions, settings.aggregate, settings.clip).left_out
        honest = settings.peers - settings.attackers
        self.left_out.append((sum(one >= honest for one in left_out), sum(one < honest for one in left_out)))
        self.shared = _shared(contributions)


def _shared(contributions: list[Mapping[str, Sparse]]) -> float:
    """Of the coordinates that anyone sent, the share that three or more sent."""
    sent = three = 0
    for name in contributions[0]:
        counts = torch.unique(torch.cat([one[name].indices() for one in contributions]), return_counts=True)[1]
        sent, three = sent + len(counts), three + int((counts >= 3).sum())
    return three / max(sent, 1)
