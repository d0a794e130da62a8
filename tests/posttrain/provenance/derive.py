"""What people do to checkpoints without training: merges of many kinds, rounding, padding, renaming, sharding.

All take and return tensors by name in float32; `write` stores them in a type and in as many files as asked for.
"""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

Tensors = dict[str, torch.Tensor]
Merge = Callable[[Tensors, Tensors, float], Tensors]


def read(folder: Path) -> Tensors:
    return {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}


def write(folder: Path, tensors: Tensors, like: Path, dtype: torch.dtype = torch.bfloat16, shards: int = 1) -> Path:
    """A model's folder with the small files of `like`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in like.glob("*.json"):
        if not path.name.startswith("model"):
            shutil.copy(path, folder)
    typed = {name: tensor.to(dtype).contiguous() for name, tensor in tensors.items()}
    if shards == 1:
        save_file(typed, folder / "model.safetensors")
        return folder
    parts: list[Tensors] = [{} for _ in range(shards)]
    for name in sorted(typed, key=lambda name: -typed[name].numel()):
        min(parts, key=lambda part: sum(t.numel() for t in part.values()))[name] = typed[name]
    index = {}
    for number, part in enumerate(parts, 1):
        file = f"model-{number:05d}-of-{shards:05d}.safetensors"
        save_file(part, folder / file)
        index |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    return folder


def linear(base: Tensors, sibling: Tensors, share: float) -> Tensors:
    return {name: b + share * (sibling[name] - b) for name, b in base.items()}


def slerp(base: Tensors, sibling: Tensors, share: float) -> Tensors:
    """Along the arc between both, tensor by tensor."""

    def arc(b: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        cosine = torch.clamp((b * s).sum() / (b.norm() * s.norm()), -1, 1)
        angle = torch.arccos(cosine)
        if angle < 1e-4:
            return b + share * (s - b)
        return (torch.sin((1 - share) * angle) * b + torch.sin(share * angle) * s) / torch.sin(angle)

    return {name: arc(b.double(), sibling[name].double()).float() for name, b in base.items()}


def ties(base: Tensors, sibling: Tensors, share: float, density: float = 0.2) -> Tensors:
    """Only the largest changes of each tensor are kept."""
    found = {}
    for name, b in base.items():
        change = sibling[name] - b
        least = change.abs().flatten().kthvalue(max(1, int((1 - density) * change.numel()))).values
        found[name] = b + share * change * (change.abs() > least)
    return found


def dare(base: Tensors, sibling: Tensors, share: float, drop: float = 0.9, seed: int = 0) -> Tensors:
    """A random tenth of the changes, ten times as large."""
    random = torch.Generator().manual_seed(seed)
    return {
        name: b + share * (sibling[name] - b) * (torch.rand(b.shape, generator=random) >= drop) / (1 - drop)
        for name, b in base.items()
    }


def by_layer(base: Tensors, sibling: Tensors, seed: int = 0) -> Tensors:
    """Every layer has a share of its own between 0.1 and 1; a third of the layers stay the base's."""
    random = torch.Generator().manual_seed(seed)
    shares: dict[str, float] = {}
    found = {}
    for name, b in base.items():
        layer = next((part for part in name.split(".") if part.isdigit()), "rest")
        if layer not in shares:
            draw = float(torch.rand((), generator=random))
            shares[layer] = 0.0 if draw < 1 / 3 else 0.1 + 0.9 * float(torch.rand((), generator=random))
        found[name] = b + shares[layer] * (sibling[name] - b)
    return found


def swapped_layers(base: Tensors, sibling: Tensors, every: int) -> Tensors:
    """Every so-many-th layer is the sibling's, the rest the base's."""

    def taken(name: str) -> bool:
        layer = next((part for part in name.split(".") if part.isdigit()), None)
        return layer is not None and int(layer) % every == 0

    return {name: sibling[name] if taken(name) else b for name, b in base.items()}


def quantised(tensors: Tensors, bits: int, group: int = 64) -> Tensors:
    """Matrices rounded to integers with one scale per `group` values of a row, and back."""
    found = {}
    for name, tensor in tensors.items():
        if tensor.ndim < 2:
            found[name] = tensor
            continue
        width = math.gcd(group, tensor.shape[-1])
        rows = tensor.reshape(-1, width)
        scale = rows.abs().amax(1, keepdim=True).clamp(min=1e-12) / (2 ** (bits - 1) - 1)
        found[name] = ((rows / scale).round() * scale).reshape(tensor.shape)
    return found


def resized(tensors: Tensors, more: int, seed: int = 0) -> Tensors:
    """A vocabulary with `more` rows (fewer, if negative), new rows near the mean as transformers makes them."""
    name = next(n for n in tensors if n.endswith("embed_tokens.weight"))
    old = tensors[name]
    if more < 0:
        return {**tensors, name: old[:more].clone()}
    random = torch.Generator().manual_seed(seed)
    new = old.mean(0) + 1e-3 * torch.randn(more, old.shape[1], generator=random)
    return {**tensors, name: torch.cat([old, new])}


def renamed(tensors: Tensors) -> Tensors:
    """As a compiled, wrapped model saves itself: without `model.`, and the tied head written out."""
    found = {"_orig_mod." + name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    found["_orig_mod.lm_head.weight"] = found["_orig_mod.embed_tokens.weight"].clone()
    return found
