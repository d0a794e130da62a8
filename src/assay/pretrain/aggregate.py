"""From everyone's sparse contributions to one step, bit-identical on every machine.

Every rule here gives each contribution a multiplier per tensor and adds up, in the order of the contributions, in
float32, one element at a time: no library's reduction, no fused multiply-add. The multipliers come from norms and
inner products in float64, added in a fixed order. `docs/pretrain/sparseloco.md` says which rule was chosen, and what
was measured.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from numba import njit
from torch import Tensor

from assay.core.errors import BadInput
from assay.pretrain.wire import SparseTensor, accumulate

# A contribution agrees if its usual cosine with the others is between these shares of what is usual. Measured on
# a tiny model: honest peers 0.7 to 1.5; noise 0.02; what is made from the others' contributions 2.4 to 3.3.
AGREEMENT = (0.5, 2.0)
_WEISZFELD_STEPS = 64  # of the geometric median
_EPSILON = 1e-8  # the published clip adds it to the norm


class Sparse(Protocol):
    """What a sparse tensor must offer; `wire.SparseTensor` does."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def square_norm(self) -> float:
        """Of the values, the same on every machine."""
        ...

    def indices(self) -> Tensor:
        """Flat positions, int64, `(n,)`, each once."""
        ...

    def values(self) -> Tensor:
        """float32, `(n,)`."""
        ...


Contribution = Mapping[str, Sparse]
Shapes = Mapping[str, tuple[int, ...]]
Matrix = list[list[float]]


@dataclass(frozen=True)
class Weights:
    """What the contributions count: `clips` by tensor, one per contribution; `shares`, one per contribution."""

    clips: Mapping[str, tuple[float, ...]]
    shares: tuple[float, ...]
    per_sender: bool = False  # each coordinate is divided by the number of those who sent it

    def of(self, name: str) -> tuple[float, ...]:
        """The multiplier of each contribution for one tensor. 0: nothing of it is used."""
        return tuple(clip * share for clip, share in zip(self.clips[name], self.shares, strict=True))

    @property
    def left_out(self) -> list[int]:
        """Positions of the contributions of which nothing is used."""
        return [number for number, share in enumerate(self.shares) if share == 0]


# Rules -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aggregate:
    """A rule: from the inner products of the clipped contributions (None if `needs_gram` is False) to their shares."""

    shares: Callable[[int, Matrix], Sequence[float]]
    needs_gram: bool = False
    per_sender: bool = False


def _equal(number: int, gram: Matrix) -> list[float]:
    return [1 / number] * number


def _whole(number: int, gram: Matrix) -> list[float]:
    return [1.0] * number


def _agreement(number: int, gram: Matrix) -> list[float]:
    """Equal shares of those that agree with the others; the rest counts for nothing.

    Sparse contributions are nearly orthogonal, yet the small cosine of two honest ones is far from chance: it is
    summed over thousands of common coordinates. Each contribution is judged by the lower median of its cosines with
    the others, so that a minority can neither vouch for itself nor speak against anyone. Who agrees more than twice as
    much as is usual knew the others' contributions: peers with equal batches cannot.
    """
    if number < 3:  # nobody can be outvoted
        return _equal(number, gram)
    usual = []
    for one in range(number):
        cosines = [_cosine(gram, one, other) for other in range(number) if other != one]
        usual.append(_lower_median(cosines))
    least, most = (share * _lower_median(usual) for share in AGREEMENT)
    kept = [agrees > 0 and least <= agrees <= most for agrees in usual]
    if not any(kept):  # no two have anything in common: as good as noise, but no reason to prefer one of them
        return _equal(number, gram)
    return [1 / sum(kept) if one else 0.0 for one in kept]


def _geometric_median(number: int, gram: Matrix) -> list[float]:
    """Weights of the point with the least sum of distances (RFA, arXiv 1912.13445), by smoothed Weiszfeld steps."""
    shares = _equal(number, gram)
    smallest = 1e-6 * math.sqrt(_lower_median([gram[one][one] for one in range(number)]))
    for _ in range(_WEISZFELD_STEPS):
        towards = [math.fsum(gram[one][other] * shares[other] for other in range(number)) for one in range(number)]
        centre = math.fsum(shares[one] * towards[one] for one in range(number))
        squares = [gram[one][one] - 2 * towards[one] + centre for one in range(number)]
        near = [1 / max(math.sqrt(max(square, 0.0)), smallest, 1e-30) for square in squares]
        total = math.fsum(near)
        shares = [one / total for one in near]
    return shares


AGGREGATES: Mapping[str, Aggregate] = {
    "mean": Aggregate(_equal),  # the paper's 1/R
    "mean_of_senders": Aggregate(_whole, per_sender=True),  # the published code's
    "agreement": Aggregate(_agreement, needs_gram=True),
    "geometric_median": Aggregate(_geometric_median, needs_gram=True),
}
CLIPS = ("median_norm", "none")


def check(how: str, clip: str) -> None:
    """`BadInput` if there is no such rule."""
    if how not in AGGREGATES:
        raise BadInput(f"There is no aggregate {how[:40]!r}: choose from {', '.join(AGGREGATES)}.")
    if clip not in CLIPS:
        raise BadInput(f"There is no clip {clip[:40]!r}: choose from {', '.join(CLIPS)}.")


# What the public asks for --------------------------------------------------------------------------------------------


def aggregate(
    contributions: Sequence[Contribution],
    how: str = "mean",
    clip: str = "median_norm",
    *,
    shapes: Shapes | None = None,
) -> dict[str, Tensor]:
    """The combined update, dense, by name. The order of the contributions is part of the input: all use the same.

    `shapes`, if given, are what every contribution must have; without contributions the result is zeros of them.
    `BadInput` if contributions differ in names or shapes, or are not finite.
    """
    if not contributions:
        check(how, clip)
        if shapes is None:
            raise BadInput("Without contributions the shapes of the parameters must be given.")
        return {name: torch.zeros(shape) for name, shape in shapes.items()}
    weights = weigh(contributions, how, clip, shapes=shapes)
    return {
        name: combine([one[name] for one in contributions], weights.of(name), per_sender=weights.per_sender)
        for name in (shapes or contributions[0])
    }


def weigh(
    contributions: Sequence[Contribution],
    how: str = "mean",
    clip: str = "median_norm",
    *,
    shapes: Shapes | None = None,
) -> Weights:
    """What each contribution counts under a rule. A few numbers: every member can keep them and compare."""
    check(how, clip)
    if not contributions:
        raise BadInput("There is nothing to weigh: no contributions.")
    names = _common(contributions, shapes)
    clips = {name: _clips([one[name] for one in contributions], clip) for name in names}
    rule = AGGREGATES[how]
    products = gram(contributions, clips) if rule.needs_gram else []
    return Weights(clips, tuple(rule.shares(len(contributions), products)), rule.per_sender)


def combine(
    parts: Sequence[Sparse],
    multipliers: Sequence[float],
    *,
    per_sender: bool = False,
    within: tuple[int, int] | None = None,
    device: str | torch.device = "cpu",
) -> Tensor:
    """The weighted sum of one tensor's parts, in their order, dense, float32.

    `within` = (first, end) gives only those flat positions, as a 1-D tensor: the same bits as that piece of the whole.
    """
    shape = tuple(parts[0].shape)
    if within is None and torch.device(device).type == "cpu" and all(isinstance(p, SparseTensor) for p in parts):
        return _accumulated(cast(Sequence[SparseTensor], parts), multipliers, per_sender)
    first, end = within if within is not None else (0, math.prod(shape))
    out = torch.zeros(end - first, dtype=torch.float32, device=device)
    senders = torch.zeros_like(out) if per_sender else None
    for part, multiplier in zip(parts, multipliers, strict=True):
        if multiplier == 0:
            continue
        if out.device.type == "cpu":
            where, values = _arrays(part)
            _add(out.numpy(), first, where, values, np.float32(multiplier))
            if senders is not None:
                _count(senders.numpy(), first, where)
        else:
            _add_on_device(out, senders, first, part, multiplier)
    if senders is not None:
        out.div_(senders.clamp_(min=1))
    return out if within is not None else out.view(shape)


def _accumulated(parts: Sequence[SparseTensor], multipliers: Sequence[float], per_sender: bool) -> Tensor:
    """The same additions by the wire's own loop, which need not unpack positions and values."""
    used = [(part, multiplier) for part, multiplier in zip(parts, multipliers, strict=True) if multiplier != 0]
    out = torch.zeros(parts[0].shape, dtype=torch.float32)
    senders = torch.zeros_like(out) if per_sender else None
    accumulate(out, [part for part, _ in used], [multiplier for _, multiplier in used], senders)
    return out.div_(senders.clamp_(min=1)) if senders is not None else out


def _add_on_device(out: Tensor, senders: Tensor | None, first: int, part: Sparse, multiplier: float) -> None:
    """The same additions on a GPU: a position occurs once in a part, so their order is that of the parts."""
    where = part.indices().to(out.device) - first
    inside = (where >= 0) & (where < out.numel())
    where, values = where[inside], part.values().to(out.device)[inside]
    out[where] += values.mul_(float(np.float32(multiplier)))
    if senders is not None:
        senders[where] += 1


# Norms and inner products --------------------------------------------------------------------------------------------


def gram(contributions: Sequence[Contribution], clips: Mapping[str, Sequence[float]] | None = None) -> Matrix:
    """Inner products of all pairs of contributions, over all tensors, each tensor scaled by its `clips`."""
    number = len(contributions)
    sums: list[list[list[float]]] = [[[] for _ in range(number)] for _ in range(number)]
    for name in contributions[0]:
        clip = clips[name] if clips is not None else [1.0] * number
        arrays = [_arrays(one[name]) for one in contributions]
        scratch = np.zeros(math.prod(contributions[0][name].shape), dtype=np.float32)
        for one, (where, values) in enumerate(arrays):
            sums[one][one].append(clip[one] * clip[one] * contributions[one][name].square_norm)
            _set(scratch, where, values)
            for other in range(one + 1, number):
                product = float(_dot(scratch, *arrays[other])) * clip[one] * clip[other]
                sums[one][other].append(product)
                sums[other][one].append(product)
            _clear(scratch, where)
    return [[math.fsum(entry) for entry in row] for row in sums]


def _cosine(gram: Matrix, one: int, other: int) -> float:
    scale = math.sqrt(gram[one][one]) * math.sqrt(gram[other][other])
    return gram[one][other] / scale if scale > 0 else 0.0


def _lower_median(values: Sequence[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]


def _clips(parts: Sequence[Sparse], clip: str) -> tuple[float, ...]:
    """The published clip: a part whose norm is above the lower median is scaled down to it; none is scaled up."""
    if clip == "none":
        return (1.0,) * len(parts)
    norms = [math.sqrt(part.square_norm) for part in parts]
    median = _lower_median(norms)
    return tuple(min(1.0, median / (norm + _EPSILON)) if norm > median else 1.0 for norm in norms)


def _common(contributions: Sequence[Contribution], shapes: Shapes | None) -> list[str]:
    """Names of the tensors, if all contributions have the same with the same shapes, and finite values."""
    expected = shapes or {name: tuple(part.shape) for name, part in contributions[0].items()}
    for number, contribution in enumerate(contributions):
        if contribution.keys() != expected.keys():
            raise BadInput(f"Contribution {number} has other tensors than expected: all must come from one model.")
        for name, part in contribution.items():
            if tuple(part.shape) != tuple(expected[name]):
                raise BadInput(f"Contribution {number}: {name} has shape {tuple(part.shape)}, not {expected[name]}.")
            if not math.isfinite(part.square_norm):
                raise BadInput(f"Contribution {number}: {name} is not finite.")
    return list(expected)


# Compiled loops ------------------------------------------------------------------------------------------------------
# numba without `fastmath` keeps the order of additions and rounds each product by itself. A position outside the
# array is passed over, so that a contribution that no parser has seen cannot reach beyond it.

Positions = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def _arrays(part: Sparse) -> tuple[Positions, Floats]:
    return part.indices().cpu().contiguous().numpy(), part.values().cpu().contiguous().numpy()


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _add(out: Floats, first: int, where: Positions, values: Floats, multiplier: np.float32) -> None:
    for number in range(where.size):
        at = where[number] - first
        if 0 <= at < out.size:
            out[at] += values[number] * multiplier


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count(senders: Floats, first: int, where: Positions) -> None:
    for number in range(where.size):
        at = where[number] - first
        if 0 <= at < senders.size:
            senders[at] += np.float32(1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _set(scratch: Floats, where: Positions, values: Floats) -> None:
    for number in range(where.size):
        if 0 <= where[number] < scratch.size:
            scratch[where[number]] = values[number]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _clear(scratch: Floats, where: Positions) -> None:
    for number in range(where.size):
        if 0 <= where[number] < scratch.size:
            scratch[where[number]] = np.float32(0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _dot(scratch: Floats, where: Positions, values: Floats) -> float:
    total = 0.0
    for number in range(where.size):
        if 0 <= where[number] < scratch.size:
            # Exact in float64: a product of two float32 has at most 48 bits.
            total += np.float64(scratch[where[number]]) * np.float64(values[number])
    return total
