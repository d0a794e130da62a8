"""CHMv2's losses: SiLog, Charbonnier, Patch Gradient, and the schedule that anneals the first into the second.

All take heights (B, 1, H, W) and a mask of valid pixels, and give one number. Constants that the paper does not
state are parameters; what we assume for them is said where they stand. Source: CHMv2, sections 2.5 and 2.6 and
algorithm 1.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

Kind = Literal["l1", "silog", "charbonnier", "annealed", "annealed+gradient"]


def silog(
    predicted: Tensor, target: Tensor, valid: Tensor, *, eps: float = 1e-3, beta: float = 0.15, only_mean: bool = False
) -> Tensor:
    """sqrt(var(g) + beta * mean(g)^2) with g = log(p + eps) - log(t + eps) over all valid pixels of the batch.

    `only_mean` leaves the variance out: DINOv3's trainer does so in its first 100 steps. The variance is the unbiased
    one, as there. Pixels of height 0 are kept unless the caller masks them (the paper does not say; it says that zeros
    "dominate the objective in log space", so they were there).
    """
    error = torch.log(predicted[valid] + eps) - torch.log(target[valid] + eps)
    if error.numel() < 2:
        return predicted.sum() * 0
    mean = beta * error.mean() ** 2
    return torch.sqrt((mean if only_mean else error.var() + mean) + 1e-12)  # 1e-12: the root has no slope at 0


def charbonnier(predicted: Tensor, target: Tensor, valid: Tensor, *, eps: float = 1e-3) -> Tensor:
    """mean of sqrt((p - t)^2 + eps^2) over valid pixels. eps is not in the paper: 1e-3, the usual one, is assumed."""
    error = predicted[valid] - target[valid]
    if not error.numel():
        return predicted.sum() * 0
    return torch.sqrt(error**2 + eps**2).mean()


def l1(predicted: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute error over valid pixels."""
    error = predicted[valid] - target[valid]
    return error.abs().mean() if error.numel() else predicted.sum() * 0


class PatchGradient(BaseModel):
    """The constants of the Patch Gradient loss."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    magnitude: float = 0.3
    range: float = 0.6
    direction: float = 0.4
    scales: tuple[int, ...] = (1, 2, 4)  # heights averaged over so many pixels
    # Not in the paper. 0.1 (of the unit the loss sees): below it, heights are the same to the loss. At 1e-3 the edge
    # between bare ground and anything else would be the steepest of all, whatever stands there.
    log_eps: float = Field(0.1, gt=0)
    direction_eps: float = Field(1e-3, gt=0)
    pool: int = 3  # pixels; the text also names 5
    temperature: float | None = (
        None  # None: plain max and min as in algorithm 1; a number: softmax pooling as in the text
    )
    diagonals: bool = False  # the text names diagonal Sobel filters, the algorithm only the two axes


_SOBEL_X = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
_SOBEL_D = ((-2.0, -1.0, 0.0), (-1.0, 0.0, 1.0), (0.0, 1.0, 2.0))


def _kernels(diagonals: bool, like: Tensor) -> Tensor:
    x, d = torch.tensor(_SOBEL_X).to(like), torch.tensor(_SOBEL_D).to(like)
    chosen = [x, x.T] + ([d, d.flip(1)] if diagonals else [])
    return torch.stack(chosen).unsqueeze(1)  # (2 or 4, 1, 3, 3)


def patch_gradient(predicted: Tensor, target: Tensor, valid: Tensor, settings: PatchGradient | None = None) -> Tensor:
    """0.3 L_mag + 0.6 L_rng + 0.4 L_dir on Sobel gradients of log heights, averaged over scales 1, 1/2 and 1/4.

    A gradient counts where its whole 3 x 3 neighbourhood is valid, a range where all gradients it pools are.
    """
    settings = settings or PatchGradient()
    per_scale = []
    for scale in settings.scales:
        p, t, v = _coarser(predicted, scale), _coarser(target.nan_to_num(), scale), valid
        if scale > 1:
            v = functional.avg_pool2d(valid.to(p.dtype), scale) > 1 - 1e-6
        per_scale.append(_patch_gradient_at(p, t, v, settings))
    return torch.stack(per_scale).mean()


def _coarser(heights: Tensor, scale: int) -> Tensor:
    return functional.avg_pool2d(heights, scale) if scale > 1 else heights


def _patch_gradient_at(predicted: Tensor, target: Tensor, valid: Tensor, settings: PatchGradient) -> Tensor:
    if min(predicted.shape[-2:]) < 3:
        return predicted.sum() * 0
    kernels = _kernels(settings.diagonals, predicted)
    inside = _all_valid(valid, 3)  # (B, 1, H - 2, W - 2)
    gradients = [
        functional.conv2d(_centred_log(heights, valid, settings.log_eps), kernels) for heights in (predicted, target)
    ]
    # 1e-12 under the root: a flat place has no direction, and the root's slope there would be infinite
    magnitudes = [torch.sqrt((gradient**2).sum(dim=1, keepdim=True) + 1e-12) for gradient in gradients]
    units = [g / (m + settings.direction_eps) for g, m in zip(gradients, magnitudes, strict=True)]
    cosine = (units[0] * units[1]).sum(dim=1, keepdim=True).clamp(-1, 1)
    return (
        settings.magnitude * _masked_mean((magnitudes[0] - magnitudes[1]).abs(), inside)
        + settings.range * _ranges(magnitudes, inside, settings)
        + settings.direction * _masked_mean(1 - cosine, inside)
    )


def _ranges(magnitudes: list[Tensor], inside: Tensor, settings: PatchGradient) -> Tensor:
    """Mean difference of the ranges; 0 where the picture is smaller than one neighbourhood."""
    if min(inside.shape[-2:]) < settings.pool:
        return magnitudes[0].sum() * 0
    ranges = [_spread(m, settings.pool, settings.temperature) for m in magnitudes]
    return _masked_mean((ranges[0] - ranges[1]).abs(), _all_valid(inside, settings.pool))


def _centred_log(heights: Tensor, valid: Tensor, eps: float) -> Tensor:
    """log(max(h, eps)) minus its mean over the valid pixels of each image."""
    logs = heights.clamp_min(eps).log()
    weight = valid.to(logs.dtype)
    mean = (logs * weight).sum(dim=(1, 2, 3), keepdim=True) / weight.sum(dim=(1, 2, 3), keepdim=True).clamp_min(1)
    return logs - mean


def _all_valid(valid: Tensor, size: int) -> Tensor:
    """Whether the whole size x size neighbourhood is valid; no border."""
    return -functional.max_pool2d(-valid.float(), size, stride=1) > 0.5


def _spread(values: Tensor, size: int, temperature: float | None) -> Tensor:
    """Greatest minus least of each size x size neighbourhood; no border."""
    if temperature is None:
        return functional.max_pool2d(values, size, stride=1) + functional.max_pool2d(-values, size, stride=1)
    batch, _, height, width = values.shape
    patches = functional.unfold(values, size)  # (B, size * size, places)
    high = (patches * torch.softmax(patches / temperature, dim=1)).sum(dim=1)
    low = (patches * torch.softmax(-patches / temperature, dim=1)).sum(dim=1)
    return (high - low).view(batch, 1, height - size + 1, width - size + 1)


def _masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    weight = valid.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp_min(1)


# The schedule --------------------------------------------------------------------------------------------------------


class LossConfig(BaseModel):
    """Which loss, with its constants. Times are shares of all steps, from CHMv2's 100,000."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Kind = "annealed+gradient"
    # Heights are divided by this before the loss, as the bins are (the paper divides the ground truth; that the loss
    # sees the quotient is assumed). It sets how SiLog, which has no unit, weighs against Charbonnier.
    unit_m: float = Field(8.0, gt=0)
    silog_eps: float = Field(1e-3, gt=0)
    silog_beta: float = Field(0.15, ge=0)
    silog_warm_share: float = Field(0.001, ge=0, le=1)  # 100 steps of 100,000 with the mean alone
    charbonnier_eps: float = Field(1e-3, gt=0)
    anneal: tuple[float, float] = (0.0, 0.3)  # SiLog to Charbonnier, linear (the shape is assumed): steps 0 to 30,000
    gradient_ramp: tuple[float, float] = (0.05, 0.5)  # steps 5,000 to 50,000
    gradient_weight: float = Field(0.075, ge=0)
    gradient: PatchGradient = PatchGradient()


@dataclass(frozen=True)
class Weights:
    """How much each loss counts at a step."""

    silog: float
    charbonnier: float
    gradient: float


def annealed(step: int, steps: int, config: LossConfig) -> Weights:
    """The curriculum at `step` of `steps` (the first is 0): SiLog fades into Charbonnier, Patch Gradient comes in."""
    done = step / max(steps, 1)
    towards = _ramp(done, config.anneal)
    return Weights(1 - towards, towards, config.gradient_weight * _ramp(done, config.gradient_ramp))


def _ramp(at: float, span: tuple[float, float]) -> float:
    start, end = span
    return min(max((at - start) / max(end - start, 1e-12), 0.0), 1.0)


def loss(
    predicted: Tensor, target: Tensor, valid: Tensor, config: LossConfig, step: int, steps: int
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch in metres at `step`, and its parts for the log."""
    p, t = predicted / config.unit_m, target / config.unit_m
    warm = step < config.silog_warm_share * steps
    parts: list[tuple[str, float, Tensor]] = []
    weights = annealed(step, steps, config)
    if config.kind == "l1":
        parts.append(("l1", 1.0, l1(p, t, valid)))
    if config.kind == "silog" or (config.kind.startswith("annealed") and weights.silog > 0):
        share = 1.0 if config.kind == "silog" else weights.silog
        value = silog(p, t, valid, eps=config.silog_eps, beta=config.silog_beta, only_mean=warm)
        parts.append(("silog", share, value))
    if config.kind == "charbonnier" or (config.kind.startswith("annealed") and weights.charbonnier > 0):
        share = 1.0 if config.kind == "charbonnier" else weights.charbonnier
        parts.append(("charbonnier", share, charbonnier(p, t, valid, eps=config.charbonnier_eps)))
    if config.kind == "annealed+gradient" and weights.gradient > 0:
        parts.append(("gradient", weights.gradient, patch_gradient(p, t, valid, config.gradient)))
    total = torch.stack([share * value for _, share, value in parts]).sum()
    return total, {name: float(value.detach()) for name, _, value in parts}
