"""One peer's work in one round, as a function: parameters, own state and samples in; pseudo-gradient and new state out.

Peers call it to do their work, and validators call it to do a peer's work again. On one kind of machine it gives the
same bits; on another the same up to rounding. `advance` is the other half of a round: what everybody does with the
contributions that were selected.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from assay.core.digest import Digest
from assay.core.errors import BadInput, LimitExceeded
from assay.core.store import Store
from assay.pretrain.model import build, inner_optimizer, learning_rate, loss
from assay.pretrain.recipe import Recipe
from assay.pretrain.sparseloco import SparseLoCo
from assay.pretrain.wire import SparseTensor

Parameters = dict[str, Tensor]  # float32 on the CPU, by name

_MAGIC = b"ASP1"
_MAX_HEADER = 16 << 20  # bytes; 1,500 tensors have about 150 thousand


# Named tensors as canonical bytes: their SHA-256 names them in the store and is what members attest to -------------


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """MAGIC, length of the header (4, little-endian), header (JSON [[name, shape], ...] by name), float32 values."""
    names = sorted(tensors)
    header = json.dumps([[name, list(tensors[name].shape)] for name in names], separators=(",", ":")).encode()
    values = [tensors[name].detach().to(torch.float32).contiguous().numpy().astype("<f4").tobytes() for name in names]
    return b"".join([_MAGIC, len(header).to_bytes(4, "little"), header, *values])


def digest_of(tensors: Mapping[str, Tensor]) -> Digest:
    return "sha256:" + hashlib.sha256(to_bytes(tensors)).hexdigest()


def from_bytes(data: bytes, shapes: Mapping[str, Sequence[int]]) -> Parameters:
    """Read tensors that must have exactly these names and shapes. `BadInput` if they do not, or are not finite."""
    if data[:4] != _MAGIC or len(data) < 8:
        raise BadInput(f"Stored parameters begin with {_MAGIC!r}; these do not.")
    length = int.from_bytes(data[4:8], "little")
    if length > _MAX_HEADER:
        raise LimitExceeded(
            f"The header of stored parameters announces {length} bytes; at most {_MAX_HEADER} are read."
        )
    expected = json.dumps([[name, list(shapes[name])] for name in sorted(shapes)], separators=(",", ":")).encode()
    if data[8 : 8 + length] != expected:
        raise BadInput("Stored parameters have other names or shapes than this run's model.")
    if len(data) != 8 + length + 4 * sum(int(np.prod(shape)) for shape in shapes.values()):
        raise BadInput("Stored parameters have another length than their header says.")
    found, at = {}, 8 + length
    for name in sorted(shapes):
        count = int(np.prod(shapes[name]))
        values = np.frombuffer(data, "<f4", count, at).astype(np.float32).reshape(tuple(shapes[name]))
        if not np.isfinite(values).all():
            raise BadInput(f"Stored parameters are not finite in {name}.")
        found[name], at = torch.from_numpy(values.copy()), at + 4 * count
    return found


def size_in_bytes(shapes: Mapping[str, Sequence[int]]) -> int:
    """Of `to_bytes` for tensors of these shapes."""
    header = json.dumps([[name, list(shapes[name])] for name in sorted(shapes)], separators=(",", ":")).encode()
    return 8 + len(header) + 4 * sum(int(np.prod(shape)) for shape in shapes.values())


# A peer's own state -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PeerState:
    """What a peer carries from round to round: AdamW's moments, its step count, and the error feedback."""

    steps: int  # of AdamW, since the state was new
    first: Parameters = field(repr=False)  # moments, by parameter
    second: Parameters = field(repr=False)
    error: Parameters = field(repr=False)

    @classmethod
    def new(cls, parameters: Mapping[str, Tensor]) -> "PeerState":
        first, second, error = ({n: torch.zeros_like(p) for n, p in parameters.items()} for _ in range(3))
        return cls(0, first, second, error)

    def to_bytes(self) -> bytes:
        return to_bytes(self._flat())

    @property
    def digest(self) -> Digest:
        return digest_of(self._flat())

    @classmethod
    def shapes(cls, parameters: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """Names and shapes of `to_bytes`, for strict reading."""
        parts = {f"{part}/{n}": tuple(p.shape) for part in ("first", "second", "error") for n, p in parameters.items()}
        return {**parts, "steps": (2,)}

    @classmethod
    def from_bytes(cls, data: bytes, parameters: Mapping[str, Tensor]) -> "PeerState":
        flat = from_bytes(data, cls.shapes(parameters))
        high, low = (int(value) for value in flat["steps"])
        if not (0 <= low < 1 << 20 and 0 <= high < 1 << 20):
            raise BadInput("A peer's state counts its steps in two numbers below 2^20.")
        first, second, error = ({n: flat[f"{p}/{n}"] for n in parameters} for p in ("first", "second", "error"))
        return cls((high << 20) + low, first, second, error)

    def returned(self, gradient: Mapping[str, SparseTensor]) -> "PeerState":
        """The state with what was sent put back: nobody could use the round, so nothing of it may be lost."""
        return PeerState(
            self.steps, self.first, self.second, {n: e + gradient[n].to_dense() for n, e in self.error.items()}
        )

    def having_sent(self, computed: Mapping[str, SparseTensor], sent: Mapping[str, SparseTensor]) -> "PeerState":
        """The state after `computed`, had `sent` been sent instead: what is sent is what leaves the error feedback."""
        error = {n: e + computed[n].to_dense() - sent[n].to_dense() for n, e in self.error.items()}
        return PeerState(self.steps, self.first, self.second, error)

    def difference(self, other: "PeerState") -> float:
        """|self - other| / |other| of the part that differs most; infinite if the step counts do."""
        if self.steps != other.steps:
            return math.inf
        parts = ((self.first, other.first), (self.second, other.second), (self.error, other.error))
        return max(_apart(mine, theirs) for mine, theirs in parts)

    def _flat(self) -> Parameters:
        # A float32 holds integers below 2^24 exactly.
        flat = {"steps": torch.tensor([self.steps >> 20, self.steps & 0xFFFFF], dtype=torch.float32)}
        for part, tensors in (("first", self.first), ("second", self.second), ("error", self.error)):
            flat |= {f"{part}/{name}": tensor for name, tensor in tensors.items()}
        return flat


def _apart(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> float:
    """Relative difference of two sets of tensors, as vectors; each tensor in double precision."""
    between = math.fsum(float((mine[name].double() - theirs[name].double()).square().sum()) for name in sorted(theirs))
    size = math.fsum(float(theirs[name].double().square().sum()) for name in sorted(theirs))
    if size == 0.0:
        return 0.0 if between == 0.0 else math.inf
    return math.sqrt(between / size)


@dataclass(frozen=True)
class Worked:
    """The result of a round's work."""

    gradient: dict[str, SparseTensor] = field(repr=False)
    state: PeerState = field(repr=False)
    losses: tuple[float, ...]  # of each inner step, before it


class Workbench:
    """A model to work with. One is enough for any number of peers in a process: all they know comes as arguments."""

    def __init__(self, recipe: Recipe, store: Store | None = None) -> None:
        """`store` has the parameters that `recipe.start` names, if it names any."""
        self.recipe = recipe
        self.model: nn.Module = build(recipe.model, seed=recipe.seed)
        self._named = dict(self.model.named_parameters())
        if recipe.start is None:
            self._initial = {name: p.detach().clone() for name, p in self._named.items()}
        elif store is None:
            raise BadInput(f"The run starts from the parameters {recipe.start}: a store that has them is needed.")
        else:
            self._initial = from_bytes(store.get_bytes(recipe.start, size_in_bytes(self.shapes)), self.shapes)

    def initial(self) -> Parameters:
        """The parameters at the start of round 0: those that the recipe names, or else a function of its seed."""
        return {name: tensor.clone() for name, tensor in self._initial.items()}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(p.shape) for name, p in self._named.items()}

    def load(self, parameters: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, p in self._named.items():
                p.copy_(parameters[name])

    def work(
        self, parameters: Mapping[str, Tensor], state: PeerState, batches: Iterable[Tensor], round_: int
    ) -> Worked:
        """H inner steps on `batches` (H tensors (sequences, context + 1)); the inputs are not changed."""
        recipe, inner = self.recipe, self.recipe.inner
        self.load(parameters)
        outer = outer_optimizer(recipe, self._named, round_)
        outer.load_state_dict({"error": {n: e.clone() for n, e in state.error.items()}})
        outer.begin_round()
        adam = inner_optimizer(recipe, self.model)
        _restore(adam, self._named, state)
        losses = []
        for number, batch in enumerate(batches):
            for group in adam.param_groups:
                group["lr"] = learning_rate(inner, round_ * inner.steps + number)
            adam.zero_grad(set_to_none=True)
            value = loss(self.model, batch)
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._named.values(), inner.clip_norm)
            adam.step()
            losses.append(float(value.detach()))
        gradient = outer.pseudo_gradient()
        kept = outer.state_dict()["error"]
        moments = {name: adam.state[p] for name, p in self._named.items()}
        after = PeerState(
            state.steps + len(losses),
            {name: m["exp_avg"].detach().clone() for name, m in moments.items()},
            {name: m["exp_avg_sq"].detach().clone() for name, m in moments.items()},
            {name: e.detach().clone() for name, e in kept.items()},
        )
        return Worked(gradient, after, tuple(losses))

    def advance(
        self, parameters: Mapping[str, Tensor], contributions: Sequence[Mapping[str, SparseTensor]], round_: int
    ) -> Parameters:
        """The parameters after the outer step of `round_`; `contributions` in order of uid. The same bits anywhere."""
        if not contributions:
            return {name: tensor.clone() for name, tensor in parameters.items()}
        self.load(parameters)
        outer = outer_optimizer(self.recipe, self._named, round_)
        outer.begin_round()
        outer.step(contributions)
        return {name: p.detach().clone() for name, p in self._named.items()}

    @torch.no_grad()
    def validation_loss(self, parameters: Mapping[str, Tensor], batches: Iterable[Tensor]) -> float:
        """Mean loss over the sequences of `batches`."""
        self.load(parameters)
        sums = [(float(loss(self.model, batch)) * len(batch), len(batch)) for batch in batches]
        return sum(total for total, _ in sums) / sum(count for _, count in sums)


def outer_optimizer(recipe: Recipe, named: Mapping[str, Tensor], round_: int) -> SparseLoCo:
    """The outer optimiser with the settings of this recipe's round."""
    outer = recipe.outer
    return SparseLoCo(
        named.items(),
        lr=recipe.outer_rate(round_),
        k=outer.keep,
        bits=outer.bits,
        error_decay=outer.error_decay,
        aggregate=outer.aggregate,
        clip=outer.clip,
    )


def _restore(adam: torch.optim.Optimizer, named: Mapping[str, nn.Parameter], state: PeerState) -> None:
    for name, p in named.items():
        adam.state[p] = {
            "step": torch.tensor(float(state.steps)),
            "exp_avg": state.first[name].clone(),
            "exp_avg_sq": state.second[name].clone(),
        }
