"""A model as the mapper uses it: colours of 0 to 255 in, metres out, and how far they may be off if that is known.

Any callable that takes normalised colours and returns `metres` (B, 1, H, W), and if it has them `bins` (B, n, H, W),
is a `HeightModel`. The card says what it expects and goes into the map. `of_model` makes a predictor of Assay's own
models."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from assay.core.digest import digest_bytes, digest_file
from assay.core.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from assay.canopy.model import CanopyModel
    from assay.canopy.uncertainty import Calibration

LEVEL = 0.9  # share of pixels that a calibrated interval is made to hold
_FLOOR = 0.5  # metres added to the model's spread, as the calibration does


class Heights(Protocol):
    """What a model gives: metres (B, 1, H, W), and the weights of its bins or None."""

    @property
    def metres(self) -> Tensor: ...
    @property
    def bins(self) -> Tensor | None: ...


class HeightModel(Protocol):
    """(B, 3, H, W) normalised colours to heights of the same size."""

    def __call__(self, rgb: Tensor, /) -> Heights: ...


@dataclass(frozen=True)
class Card:
    """What has to be known of a model to map with it, and what a map says of its model."""

    name: str
    gsd_m: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    multiple: int  # pixels: windows are multiples of it
    sha256: str  # of the weights
    architecture: str
    licence: str = ""

    def to_json(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Uncertainty:
    """How far heights may be off: one or more layers in metres, made of what the model gives."""

    layers: tuple[str, ...]  # ("low", "high") or ("spread",)
    says: str  # what they are, in a sentence
    of: Callable[[Heights], tuple[Tensor, ...]]  # (B, 1, H, W) each
    level: float | None = None
    digest: str = ""  # of the calibration


@dataclass(frozen=True)
class _Averaged:
    """What several looks at the same place say on average."""

    metres: Tensor
    bins: Tensor | None


class Predictor:
    """A model on a device. `layers` names what it gives: height first, then those of its uncertainty.

    With `flips` it sees each window in eight positions, turned and mirrored, and averages: eight times the work.
    """

    def __init__(
        self,
        model: HeightModel,
        card: Card,
        *,
        device: str = "cpu",
        uncertainty: Uncertainty | None = None,
        half: bool = False,
        flips: bool = False,
    ) -> None:
        if min(card.std) <= 0 or card.gsd_m <= 0:
            raise BadInput(f"The model {card.name} declares a resolution or a deviation that is not above 0.")
        self.card = card
        self.half = half
        self.flips = flips
        self.uncertainty = uncertainty
        self.layers = ("height", *(uncertainty.layers if uncertainty else ()))
        self._model = model
        self.to(device)

    def to(self, device: str) -> "Predictor":
        """Move to a device; returns itself."""
        self.device = open_device(device)
        module = getattr(self._model, "func", self._model)  # of a partial
        if isinstance(module, torch.nn.Module):
            module.to(self.device).eval()
        self._mean = torch.tensor(self.card.mean, device=self.device).view(1, 3, 1, 1) * 255
        self._std = torch.tensor(self.card.std, device=self.device).view(1, 3, 1, 1) * 255
        return self

    def __call__(self, colours: Tensor) -> Tensor:
        """(B, 3, H, W) of 0 to 255, any type and device, to metres (B, layers, H, W) float32 on the model's device."""
        with torch.inference_mode(), self._precision():
            rgb = (colours.to(self.device, non_blocking=True).float() - self._mean) / self._std
            found = self._in_eight_positions(rgb) if self.flips else self._model(rgb)
            wanted = (rgb.shape[0], 1, *rgb.shape[2:])
            if tuple(found.metres.shape) != wanted:
                raise BadInput(
                    f"The model {self.card.name} gives heights of {tuple(found.metres.shape)}, not {wanted}."
                )
            extra = self.uncertainty.of(found) if self.uncertainty else ()
            return torch.cat([layer.float() for layer in (found.metres, *extra)], 1)

    def described(self) -> dict[str, Any]:
        """The card as a map says it, and that positions were averaged if they were."""
        return {**self.card.to_json(), **({"flips": True} if self.flips else {})}

    def _in_eight_positions(self, rgb: Tensor) -> Heights:
        """The mean of the heights and of the bins over four turns, each as it is and mirrored, turned back.

        Only sums are kept: the memory is that of two answers, not of eight.
        """
        total: list[Tensor | None] = [None, None]
        for turn in range(8):
            seen = torch.rot90(rgb, turn % 4, (-2, -1))
            found = self._model(seen.flip(-1) if turn >= 4 else seen)
            for number, part in enumerate((found.metres, found.bins)):
                if part is not None:
                    back = torch.rot90(part.flip(-1) if turn >= 4 else part, -(turn % 4), (-2, -1))
                    before = total[number]
                    total[number] = back.clone() if before is None else before.add_(back)
        metres, bins = total
        assert metres is not None  # noqa: S101 - every model gives metres
        return _Averaged(metres / 8, None if bins is None else bins / 8)

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16) if self.half else nullcontext()


def open_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise Unavailable(f"There is no device {name[:40]!r} here: {str(error).splitlines()[0][:200]}") from None
    return device


# Assay's own models --------------------------------------------------------------------------------------------------


def load_predictor(
    folder: Path, *, calibration: Path | None = None, device: str = "cpu", half: bool = False, flips: bool = False
) -> Predictor:
    """The model kept in `folder`, with calibrated intervals: by the file given, or by `calibration.json` there."""
    from assay.canopy.model import load
    from assay.canopy.uncertainty import Calibration

    model = load(folder)
    beside = folder / "calibration.json"
    if calibration is None and beside.is_file():
        calibration = beside
    name = str(model.card.get("name") or folder.resolve().name)
    return of_model(
        model,
        name=name,
        sha256=digest_file(folder / "model.safetensors"),
        calibration=Calibration.read(calibration) if calibration else None,
        device=device,
        half=half,
        flips=flips,
    )


def of_model(
    model: "CanopyModel",
    *,
    name: str,
    sha256: str,
    calibration: "Calibration | None" = None,
    device: str = "cpu",
    half: bool = False,
    flips: bool = False,
) -> Predictor:
    """A predictor that gives calibrated ends of an interval, or the spread of the bins where nobody has calibrated."""
    config = model.config
    card = Card(
        name=name,
        gsd_m=config.gsd_m,
        mean=config.normalisation.mean,
        std=config.normalisation.std,
        multiple=model.multiple,
        sha256=sha256,
        architecture=f"CHMv2 decoder over {config.backbone.kind}",
        licence=str(model.card.get("licence") or ""),
    )
    bins = model.cpu().bin_heights()
    uncertainty = _spread(bins) if calibration is None else calibrated(calibration, bins)
    wants_bins = calibration is None or calibration.uses_spread
    asked = functools.partial(model, with_bins=wants_bins)
    return Predictor(asked, card, device=device, uncertainty=uncertainty, half=half, flips=flips)


def _spread(bins: Tensor) -> Uncertainty:
    from assay.canopy.uncertainty import spread_of_bins

    def of(found: Heights) -> tuple[Tensor, ...]:
        if found.bins is None:
            raise BadInput("The model gives no bins: its spread cannot be had.")
        return (spread_of_bins(found.bins.float(), bins.to(found.bins.device)),)

    return Uncertainty(("spread",), "standard deviation of the model's height bins, not calibrated", of)


def calibrated(calibration: "Calibration", bins: Tensor, level: float = LEVEL) -> Uncertainty:
    """The calibration's interval, computed where the model is: the same as `Calibration.interval`."""
    from assay.canopy.uncertainty import spread_of_bins

    if level not in calibration.levels:
        raise BadInput(f"The calibration has the levels {', '.join(map(str, calibration.levels))}, not {level:g}.")
    number = calibration.levels.index(level)
    knots, below, above = (
        torch.tensor(values, dtype=torch.float32)
        for values in (calibration.knots, calibration.below[number], calibration.above[number])
    )

    def of(found: Heights) -> tuple[Tensor, ...]:
        height = found.metres.float()
        scale: Tensor | float = 1.0
        if calibration.uses_spread:
            if found.bins is None:
                raise BadInput("The calibration is in multiples of the model's spread, and the model gives no bins.")
            scale = spread_of_bins(found.bins.float(), bins.to(height.device)) + _FLOOR
        at = knots.to(height.device)
        low = (height + _between(height, at, below.to(height.device)) * scale).clamp_min(0)
        return torch.minimum(low, height), height + _between(height, at, above.to(height.device)) * scale

    says = f"{level:.0%} interval, calibrated on {calibration.held_out} held out"
    return Uncertainty(("low", "high"), says, of, level, digest_bytes(calibration.to_json().encode()))


def _between(x: Tensor, knots: Tensor, values: Tensor) -> Tensor:
    """Straight lines between the knots, flat beyond them: numpy's `interp`."""
    x = x.clamp(knots[0], knots[-1])
    right = torch.searchsorted(knots, x.contiguous()).clamp(1, len(knots) - 1)
    left = right - 1
    share = (x - knots[left]) / (knots[right] - knots[left])
    return values[left] + share * (values[right] - values[left])
