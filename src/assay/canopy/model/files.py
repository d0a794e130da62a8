"""A model in a folder: model.safetensors holds the weights, model.json the declared architecture and a card.

Reading is strict: size limits before reading, exactly the declared names and shapes, finite float32, nothing
executed. `load_chmv2` reads Meta's release (its .pth through PyTorch's restricted reader: tensors only).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from torch import Tensor

from assay.canopy.model import keys
from assay.canopy.model.canopy import CanopyModel, build
from assay.canopy.model.config import ModelConfig, chmv2
from assay.core.errors import BadInput, LimitExceeded

FORMAT = "assay-canopy-model/1"
WEIGHTS, DECLARED = "model.safetensors", "model.json"

_MAX_DECLARED = 1 << 20  # bytes; a declaration has about 2 thousand
_MAX_WEIGHTS = 32 << 30  # bytes; ViT-7B in float32 has 27 GB
_MAX_HEADER = 16 << 20  # bytes of the safetensors header; ViT-L has 60 thousand


class Declaration(BaseModel):
    """model.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: str
    config: ModelConfig
    card: dict[str, JsonValue] = {}


def save(model: CanopyModel, path: Path) -> None:
    """Write `path`/model.safetensors and `path`/model.json. The weights come first."""
    from safetensors.torch import save_file

    path.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().to("cpu", torch.float32).contiguous() for name, value in weights_of(model).items()}
    draft = path / f".{WEIGHTS}.{os.getpid()}"
    save_file(state, draft)
    draft.replace(path / WEIGHTS)
    declared = Declaration.model_validate({"format": FORMAT, "config": model.config, "card": model.card})
    draft = path / f".{DECLARED}.{os.getpid()}"
    draft.write_text(json.dumps(declared.model_dump(mode="json"), indent=2, sort_keys=True) + "\n")
    draft.replace(path / DECLARED)


def weights_of(model: CanopyModel) -> dict[str, Tensor]:
    """The floating-point state of a model: what has to be kept. Counters of batches are not."""
    return {name: value for name, value in model.state_dict().items() if value.is_floating_point()}


def load(path: Path) -> CanopyModel:
    """The model that was saved in `path`, in evaluation mode on the CPU."""
    declared = declaration(path)
    # On meta tensors first: nothing is allocated for weights that the file does not have.
    shapes = weights_of(build(_weightless(declared.config), pretrained=False, meta=True))
    found = _tensors(path / WEIGHTS, shapes)
    model = build(_weightless(declared.config), pretrained=False)
    model.config = declared.config
    _fill(model, found)
    model.card = dict(declared.card)
    model.eval()
    return model


def declaration(path: Path) -> Declaration:
    """model.json of a folder, checked."""
    file = path / DECLARED
    if not file.is_file():
        raise BadInput(f"{path} has no {DECLARED}: a model is a folder with {DECLARED} and {WEIGHTS}.")
    if file.stat().st_size > _MAX_DECLARED:
        raise LimitExceeded(f"{file} is larger than {_MAX_DECLARED} bytes.")
    try:
        declared = Declaration.model_validate_json(file.read_text("utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} does not declare a model: {_first(error)}.") from None
    if declared.format != FORMAT:
        raise BadInput(f"{file} is of format {declared.format!r}; this reads {FORMAT!r}.")
    return declared


def _first(error: ValidationError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    one = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in one['loc']) or 'it'}: {one['msg']}"


def _weightless(config: ModelConfig) -> ModelConfig:
    return config.model_copy(update={"backbone": config.backbone.model_copy(update={"weights": None})})


def _tensors(file: Path, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        raise BadInput(f"{file} is missing.")
    size = file.stat().st_size
    if size > _MAX_WEIGHTS:
        raise LimitExceeded(f"{file} is larger than {_MAX_WEIGHTS} bytes.")
    with file.open("rb") as stream:
        header = int.from_bytes(stream.read(8), "little")
    if header > min(_MAX_HEADER, size):
        raise LimitExceeded(f"{file} announces a header of {header} bytes; at most {_MAX_HEADER} are read.")
    try:
        with safe_open(file, framework="pt") as stored:
            _same_names(file, set(stored.keys()), set(wanted))
            for name, like in wanted.items():
                shape = tuple(stored.get_slice(name).get_shape())
                if shape != tuple(like.shape):
                    raise BadInput(f"{file}: {name} is {shape}, and {tuple(like.shape)} is declared.")
            found = {name: stored.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{file} is not a readable safetensors file: {error}.") from None
    for name, value in found.items():
        if value.dtype != torch.float32:
            raise BadInput(f"{file}: {name} is {value.dtype}; float32 is kept.")
        if not torch.isfinite(value).all():
            raise BadInput(f"{file}: {name} holds values that are not finite.")
    return found


def _same_names(file: Path, found: set[str], wanted: set[str]) -> None:
    for names, said in ((wanted - found, "lacks"), (found - wanted, "has beyond what is declared")):
        if names:
            raise BadInput(f"{file} {said} {len(names)} weights, such as {min(names)}.")


def _fill(model: CanopyModel, state: Mapping[str, Tensor]) -> None:
    counters = {name: value for name, value in model.state_dict().items() if not value.is_floating_point()}
    model.load_state_dict({**counters, **state}, strict=True)


# Meta's release ----------------------------------------------------------------------------------------------------


def load_chmv2(head: Path, backbone: Path | str | None = None, *, through_timm: bool = False) -> CanopyModel:
    """CHMv2 from Meta's files.

    `head` is the released decoder (.pth or .safetensors, Meta's or transformers' names; a checkpoint of the whole model
    will do), `backbone` the DINOv3 ViT-L SAT-493M: a .pth or .safetensors file with Meta's names, or a folder or hub
    name for transformers (or timm).
    """
    state = read_state(head)
    config = chmv2(backbone="dinov3-timm" if through_timm else "dinov3-transformers")
    whole = {name.removeprefix("backbone."): value for name, value in state.items() if name.startswith("backbone.")}
    if whole:
        model = build(_weightless(config), pretrained=False)
        put_backbone(model, whole)
        state = {name: value for name, value in state.items() if not name.startswith("backbone.")}
    elif isinstance(backbone, Path) and backbone.is_file():
        model = build(_weightless(config), pretrained=False)
        put_backbone(model, read_state(backbone))
    else:
        if backbone is not None:
            config = config.model_copy(
                update={"backbone": config.backbone.model_copy(update={"weights": str(backbone)})}
            )
        model = build(config, pretrained=True)
    put_head(model, state)
    model.card = {"name": "CHMv2", "licence": "DINOv3 License", "source": str(head.name)}
    model.eval()
    return model


def read_state(file: Path) -> dict[str, Tensor]:
    """Named tensors of a .safetensors or .pth file. A .pth is read without running what it may contain."""
    if not file.is_file():
        raise BadInput(f"{file} is missing.")
    if file.stat().st_size > _MAX_WEIGHTS:
        raise LimitExceeded(f"{file} is larger than {_MAX_WEIGHTS} bytes.")
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return dict(load_file(file))
    try:
        found: Any = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # the restricted reader raises many kinds; each means that this is no plain checkpoint
        raise BadInput(f"{file} is not a checkpoint of tensors alone: {type(error).__name__}.") from None
    for wrapper in ("model", "state_dict"):
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise BadInput(f"{file} does not hold named tensors.")
    return dict(found)


def put_head(model: CanopyModel, state: Mapping[str, Tensor]) -> None:
    """A decoder under Meta's or transformers' names into `model`; complete, or `BadInput`."""
    plain = {name.removeprefix("head."): value for name, value in state.items()}
    ours = any(name.startswith(("reassemble_stage.", "fusion_layers.")) for name in plain)
    _strictly(model.head, plain if ours else keys.head_from_hub(plain), "decoder")


def put_backbone(model: CanopyModel, state: Mapping[str, Tensor]) -> None:
    """A DINOv3 ViT under Meta's, transformers' or timm's names into `model`; complete, or `BadInput`."""
    hub: Mapping[str, Tensor] = state
    if "embeddings.cls_token" in state:
        hub = keys.backbone_to_hub(state)
    elif "reg_token" in state:
        hub = keys.timm_to_hub(state)
    timm = model.config.backbone.kind == "dinov3-timm"
    _strictly(model.backbone, keys.hub_to_timm(hub) if timm else keys.backbone_from_hub(hub), "backbone")


def _strictly(module: torch.nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    own = module.state_dict()
    computed = {name: value for name, value in own.items() if keys.is_computed(name)}
    try:
        module.load_state_dict({**computed, **state}, strict=True)
    except RuntimeError as error:
        raise BadInput(
            f"The {what} does not fit the declared architecture: {str(error).splitlines()[1].strip()}"
        ) from None
