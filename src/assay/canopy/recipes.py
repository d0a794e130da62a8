"""Named trainings: what a person asks for by a word, and where it comes from.

`plain` is the paper's loss with mild changes to crops at a size for a CPU; `general` is meant for sites never seen. Its
parts have reasons and were not chosen by measurement (docs/canopy/training.md).
"""

from pathlib import Path

from pydantic import ValidationError

from assay.canopy.augmentation import STRONG, AugmentationConfig
from assay.canopy.losses import LossConfig
from assay.canopy.sampling import SamplingConfig
from assay.canopy.training import TrainConfig
from assay.core.errors import BadInput, LimitExceeded

_MAX_SETTINGS = 1 << 20  # bytes

# 0.4 m: with the 1e-3 of DINOv3's trainer, pixels of exactly 0 m decide the logarithm (a pilot had +15 m bias).
SILOG_EPS = 0.05  # of 8 m

PLAIN = TrainConfig(
    trainable="decoder", loss=LossConfig(silog_eps=SILOG_EPS), augmentation=AugmentationConfig(), steps=300
)
GENERAL = TrainConfig(
    trainable="decoder",  # what ImageNet taught is what sites have in common; and it is half the time
    # 4.8 m: below it the error counts squared, so a pixel tends to the mean of what is possible and not to the median,
    # which for tall trees among low ones is far below.
    loss=LossConfig(silog_eps=SILOG_EPS, charbonnier_eps=0.6),
    sampling=SamplingConfig(low_share=0.1, tall_share=0.2, area_power=0.25),
    augmentation=STRONG,
    renderings=2,
    steps=400,
    average=0.98,
)
NAMED = {"plain": PLAIN, "general": GENERAL}


def chosen(
    recipe: str,
    config: Path | None = None,
    *,
    steps: int | None = None,
    seed: int | None = None,
    loss: str | None = None,
) -> TrainConfig:
    """A named training or the one in a file, with some settings replaced."""
    if config is None and recipe not in NAMED:
        raise BadInput(f"There is no recipe {recipe[:40]!r}: choose {' or '.join(NAMED)}.")
    asked = read_settings(config) if config is not None else NAMED[recipe]
    changes = {name: value for name, value in (("steps", steps), ("seed", seed)) if value is not None}
    document = {**asked.model_dump(mode="json"), **changes}
    if loss is not None:
        document["loss"] = {**document["loss"], "kind": loss}
    return _parsed(document, "These settings")


def read_settings(file: Path) -> TrainConfig:
    """A training's settings from JSON: either the settings alone or a train.json, which has them under `config`."""
    import json

    if not file.is_file():
        raise BadInput(f"There is no file {file}.")
    if file.stat().st_size > _MAX_SETTINGS:
        raise LimitExceeded(f"{file} is larger than {_MAX_SETTINGS} bytes.")
    try:
        document = json.loads(file.read_text("utf-8"))
    except (ValueError, UnicodeDecodeError):
        raise BadInput(f"{file} is not JSON.") from None
    return _parsed(document.get("config", document) if isinstance(document, dict) else document, str(file))


def _parsed(document: object, what: str) -> TrainConfig:
    import json

    try:
        return TrainConfig.model_validate_json(json.dumps(document))
    except ValidationError as error:
        one = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in one["loc"]) or "the whole"
        raise BadInput(f"{what} cannot be used: {place}: {one['msg']}.") from None
