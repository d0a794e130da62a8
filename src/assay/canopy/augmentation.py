"""Changes to a crop that leave what it shows true: turns, scale, light, colour, sharpness.

Scale grows picture and trees alike: a crop read 1.3 times smaller and blown up shows trees 1.3 times taller and
wider, so heights are multiplied too (most trees keep their shape as they grow, roughly). Colour is changed strongly:
sensors, seasons and species differ more between sites than within one. All draws come from the generator that is
passed in.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

Random = np.random.Generator


class AugmentationConfig(BaseModel):
    """How strong each change is; 0 (or 1 for scale) leaves it out."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    turns: bool = True
    scale: float = Field(1.0, ge=1, le=4)  # crops are read from 1/scale to scale of their size
    heights_follow: bool = True
    brightness: float = Field(0.25, ge=0, le=1)  # natural log of the gain, standard deviation; NYU's 0.75 to 1.25
    band_gain: float = Field(0.0, ge=0, le=1)  # the same, per band
    gamma: float = Field(0.0, ge=0, le=1)  # natural log of the exponent, standard deviation
    saturation: float = Field(0.0, ge=0, le=1)  # 1: from grey to twice the colour
    mixing: float = Field(0.0, ge=0, le=1)  # towards a random mix of the bands
    grey: float = Field(0.0, ge=0, le=1)  # how often colour is dropped altogether
    haze: float = Field(0.0, ge=0, le=1)  # greatest share of an even veil
    blur: float = Field(0.0, ge=0, le=1)  # how often the picture is softened
    noise: float = Field(0.0, ge=0, le=1)  # greatest standard deviation


STRONG = AugmentationConfig(
    scale=1.4, brightness=0.3, band_gain=0.15, gamma=0.25, saturation=0.8, mixing=0.2, grey=0.15, haze=0.2, blur=0.3,
    noise=0.03,
)  # fmt: skip


@dataclass(frozen=True)
class Crop:
    """One training example."""

    rgb: Tensor  # (3, S, S) from 0 to 1
    height: Tensor  # (1, S, S) metres; 0 where not valid
    valid: Tensor  # (1, S, S) bool


def scale_of(config: AugmentationConfig, random: Random) -> float:
    """How much of the ground a crop reads, in crop sizes; log-uniform."""
    return float(np.exp(random.uniform(-1, 1) * np.log(config.scale))) if config.scale > 1 else 1.0


def crop_of(
    rgb: npt.NDArray[np.uint8],
    height: npt.NDArray[np.float32],
    size: int,
    config: AugmentationConfig,
    random: Random,
    *,
    read: int | None = None,
) -> Crop:
    """A piece (3, h, w) with its heights, changed and brought to `size` pixels.

    `read` is how many pixels the crop should cover (`size` if not given); where the piece has fewer, the picture is
    mirrored and the heights there are unknown.
    """
    read = read or size
    colour = torch.from_numpy(np.ascontiguousarray(rgb)).float() / 255
    metres = torch.from_numpy(np.ascontiguousarray(height)).float()[None]
    known = torch.isfinite(metres)
    metres = torch.where(known, metres, torch.zeros(()))
    if metres.shape[-2:] != (read, read):
        below, right = read - metres.shape[-2], read - metres.shape[-1]
        colour = _grown(colour, read)
        metres, known = (functional.pad(part, (0, right, 0, below)) for part in (metres, known))
    if read != size:
        colour, metres, known = _resized(colour, metres, known, size, config)
    if config.turns:
        turn, flip = int(random.integers(4)), bool(random.integers(2))
        colour, metres, known = (_turned(part, turn, flip) for part in (colour, metres, known))
    return Crop(recoloured(colour, config, random), metres, known)


def _resized(
    colour: Tensor, metres: Tensor, known: Tensor, size: int, config: AugmentationConfig
) -> tuple[Tensor, Tensor, Tensor]:
    factor = size / metres.shape[-1]
    colour = functional.interpolate(
        colour[None], (size, size), mode="bilinear", align_corners=False, antialias=factor < 1
    )[0]
    weight = functional.interpolate(known[None].float(), (size, size), mode="bilinear", align_corners=False)[0]
    metres = functional.interpolate(metres[None], (size, size), mode="bilinear", align_corners=False)[0]
    known = weight > 0.999
    metres = torch.where(known, metres, torch.zeros(()))
    return colour, metres * factor if config.heights_follow else metres, known


def _grown(part: Tensor, size: int) -> Tensor:
    """Mirrored below and to the right to `size`."""
    for axis in (-2, -1):
        period = 2 * part.shape[axis]
        index = torch.arange(size) % period
        part = part.index_select(axis, torch.minimum(index, period - 1 - index))
    return part


def _turned(part: Tensor, turn: int, flip: bool) -> Tensor:
    part = torch.rot90(part, turn, (-2, -1))
    return part.flip(-1) if flip else part


def recoloured(colour: Tensor, config: AugmentationConfig, random: Random) -> Tensor:
    """Another light, sensor and season: (3, S, S) from 0 to 1 to the same."""
    if config.mixing:
        mix = np.eye(3) * (1 - config.mixing) + config.mixing * random.dirichlet((1, 1, 1), size=3)
        colour = torch.einsum("ij,jhw->ihw", torch.from_numpy(mix).float(), colour)
    if config.saturation or config.grey:
        grey = colour.mean(dim=0, keepdim=True)
        keep = float(random.uniform(1 - config.saturation, 1 + config.saturation))
        colour = grey + (0.0 if random.random() < config.grey else keep) * (colour - grey)
    gain = np.exp(config.brightness * random.standard_normal() + config.band_gain * random.standard_normal(3))
    colour = colour * torch.from_numpy(gain).float().view(3, 1, 1)
    if config.haze:
        veil = float(random.uniform(0, config.haze))
        colour = (1 - veil) * colour + veil * float(random.uniform(0.3, 0.9))
    colour = colour.clamp(0, 1)
    if config.gamma:
        colour = colour.clamp_min(1e-4) ** float(np.exp(config.gamma * random.standard_normal()))
    if random.random() < config.blur:
        colour = _blurred(colour, float(random.uniform(0.3, 1.0)))
    if config.noise:
        deviation = float(random.uniform(0, config.noise))
        colour = colour + deviation * torch.from_numpy(random.standard_normal(colour.shape, dtype=np.float32))
    return colour.clamp(0, 1)


def _blurred(colour: Tensor, sigma: float) -> Tensor:
    offsets = torch.arange(-2, 3).float()
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(colour[None], (2, 2, 2, 2), mode="replicate")
    across = functional.conv2d(padded, kernel.view(1, 1, 1, 5).expand(3, 1, 1, 5), groups=3)
    return functional.conv2d(across, kernel.view(1, 1, 5, 1).expand(3, 1, 5, 1), groups=3)[0]
