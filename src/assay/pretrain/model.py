"""The model of a run: a Llama by shape, its first parameters from a seed, its loss, optimiser and learning rate.

Everything here is a function of the recipe. The first parameters are made with integer arithmetic, so that every
machine gets the same bits. It knows nothing of rounds or peers.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from assay.core.digest import Digest
from assay.core.errors import BadInput, LimitExceeded
from assay.pretrain.recipe import Inner, Model, Recipe

IGNORED = -100  # a target that cross entropy leaves out

_INITIAL_STD = 0.02  # of every matrix, as in GPT-2 and Llama's own code
_TERMS = 12  # uniform 16-bit integers per normal variate
_PIECE = 1 << 20  # values made or hashed at a time
_MAGIC = b"ASP1"  # as in `training.to_bytes`
_MAX_HEADER = 16 << 20  # bytes of a safetensors header: 1,500 tensors have about 200 thousand


def build(shape: Model, *, seed: int, device: str = "cpu", meta: bool = False) -> nn.Module:
    """A float32 Llama in training mode. With `meta` it has shapes and no memory, and `seed` means nothing."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.context,
        rms_norm_eps=shape.norm_epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=shape.tied,
        use_cache=False,
        bos_token_id=None,
        eos_token_id=None,
        attn_implementation="sdpa",  # on a CPU as repeatable as eager attention, and it needs no mask in memory
    )
    with torch.device("meta"):
        model: nn.Module = LlamaForCausalLM._from_config(config, dtype=torch.float32)
    if not meta:
        model = _materialised(model, shape, seed).to(device)
    return model.train()


def _materialised(model: nn.Module, shape: Model, seed: int) -> nn.Module:
    """The model with memory: parameters from the seed; buffers computed again, because meta's have no content."""
    model.to_empty(device="cpu")
    rotary = model.model.rotary_emb  # type: ignore[union-attr]
    frequencies = rotary_frequencies(shape)
    with torch.no_grad():
        rotary.inv_freq.copy_(frequencies)  # type: ignore[union-attr,operator]
        rotary.original_inv_freq.copy_(frequencies)  # type: ignore[union-attr,operator]
        if shape.tied:
            model.tie_weights()  # type: ignore[operator]
        for name, parameter in model.named_parameters():
            initialise(name, parameter, shape, seed)
    return model


def rotary_frequencies(shape: Model) -> Tensor:
    """(head size / 2,): rounded once from float64, so that no machine's float32 power function is asked."""
    size = shape.hidden // shape.heads
    return torch.tensor([shape.rope_theta ** (-i / size) for i in range(0, size, 2)], dtype=torch.float32)


def initialise(name: str, parameter: Tensor, shape: Model, seed: int) -> None:
    """Fill one parameter in place: norms with ones, matrices with normal values that depend on seed and name alone.

    The two matrices of a layer that add to the residual stream get 1/sqrt(2 x layers) of the deviation, as in GPT-2.
    """
    if parameter.ndim == 1:
        parameter.fill_(1.0)
        return
    residual = name.endswith(("o_proj.weight", "down_proj.weight"))
    std = _INITIAL_STD / math.sqrt(2 * shape.layers) if residual else _INITIAL_STD
    flat = parameter.view(-1)
    for start, values in _normal(f"{seed}/{name}", flat.numel()):
        flat[start : start + len(values)] = torch.from_numpy((values * std).astype(np.float32))


def _normal(key: str, count: int) -> Iterator[tuple[int, np.ndarray[Any, np.dtype[np.float64]]]]:
    """(start, values): about normal with deviation 1, as the sum of 12 uniform 16-bit integers.

    Integers, because the logarithms of other methods differ in their last bits between machines. Only PCG64's raw
    stream is used: numpy promises never to change it.
    """
    raw = np.random.PCG64(int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "little"))
    for start in range(0, count, _PIECE):
        size = min(_PIECE, count - start)
        words = raw.random_raw(size * _TERMS // 4).astype("<u8").view("<u2").reshape(size, _TERMS)
        yield start, (words.sum(axis=1, dtype=np.int64) - _TERMS * 65_535 // 2) / 65_536.0


def loss(model: nn.Module, tokens: Tensor) -> Tensor:
    """Mean next-token cross entropy in nats, float32, of `tokens` (sequences, context + 1).

    A negative number is the complement (~token) of a token that is read but not to be predicted: a question in
    instruction tuning. If nothing is to be predicted the loss is 0.
    """
    tokens = tokens.to(next(model.parameters()).device)
    read = torch.where(tokens < 0, ~tokens, tokens)[:, :-1]
    targets = torch.where(tokens < 0, IGNORED, tokens)[:, 1:]
    logits = model(input_ids=read, use_cache=False).logits.float()
    total = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


def inner_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.AdamW:
    """AdamW over all parameters in the model's order, one plain kernel after the other; its rate is that of step 0."""
    inner = recipe.inner
    return torch.optim.AdamW(
        model.parameters(),
        lr=learning_rate(inner, 0),
        betas=inner.betas,
        eps=inner.epsilon,
        weight_decay=inner.weight_decay,
        foreach=False,
        fused=False,
    )


def learning_rate(inner: Inner, step: int) -> float:
    """The inner rate at inner step `step` of the whole run, counted from 0.

    Linear warm-up; a cosine down to `final_share`, which stands still over the `flat` stretches; from `anneal_from` a
    warm-up to `anneal_peak` and a straight line to 0.
    """
    if inner.anneal_from is None or step < inner.anneal_from:
        return _main_rate(inner, step)
    into = step - inner.anneal_from
    peak = inner.anneal_peak * inner.learning_rate
    if into < inner.anneal_warmup:
        before = _main_rate(inner, inner.anneal_from - 1)
        return before + (peak - before) * (into + 1) / inner.anneal_warmup
    if inner.anneal_steps == 0:
        return 0.0
    return peak * max(0.0, 1 - (into - inner.anneal_warmup) / inner.anneal_steps)


def _main_rate(inner: Inner, step: int) -> float:
    if step < inner.warmup_steps:
        return inner.learning_rate * (inner.warmup_from + (1 - inner.warmup_from) * (step + 1) / inner.warmup_steps)
    stood_still = sum(min(max(step - first, 0), length) for first, length in inner.flat)
    progress = (step - stood_still - inner.warmup_steps) / max(1, inner.total_steps - inner.warmup_steps)
    cosine = (1 + math.cos(math.pi * min(1.0, max(0.0, progress)))) / 2
    return inner.learning_rate * (inner.final_share + (1 - inner.final_share) * cosine)


# Parameters as bytes --------------------------------------------------------------------------------------------------


def parameters_digest(named: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> Digest:
    """SHA-256 of the bytes that `training.to_bytes` writes, without holding them: one tensor's piece at a time."""
    tensors = dict(named.items() if isinstance(named, Mapping) else named)
    names = sorted(tensors)
    header = json.dumps([[name, list(tensors[name].shape)] for name in names], separators=(",", ":")).encode()
    sha = hashlib.sha256(_MAGIC + len(header).to_bytes(4, "little") + header)
    for name in names:
        flat = tensors[name].detach().reshape(-1)
        for start in range(0, flat.numel(), _PIECE):
            piece = flat[start : start + _PIECE].to("cpu", torch.float32)
            sha.update(piece.contiguous().numpy().astype("<f4", copy=False).data)
    return "sha256:" + sha.hexdigest()


def write_safetensors(named: Mapping[str, Tensor], path: Path) -> None:
    """Write parameters as other tools read them: float32, the model's own names, without tied copies."""
    tensors = {name: named[name].detach().to("cpu", torch.float32).contiguous() for name in sorted(named)}
    save_file(tensors, path, metadata={"format": "pt"})


def read_safetensors(path: Path, shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Read parameters that must have exactly these names and shapes, in float32, and be finite. `BadInput` if not."""
    most = _MAX_HEADER + 8 + 4 * sum(math.prod(shape) for shape in shapes.values())
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    if size > most:
        raise LimitExceeded(f"{path} has {size} bytes; these parameters have at most {most}.")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            if sorted(file.keys()) != sorted(shapes):
                differing = sorted(set(file.keys()) ^ set(shapes))
                raise BadInput(f"{path} has other tensors than this model: {', '.join(differing[:3])}.")
            return {name: _checked(file, name, tuple(shapes[name]), path) for name in sorted(shapes)}
    except SafetensorError as error:
        raise BadInput(f"{path} is not a safetensors file: {error}.") from None


def _checked(file: Any, name: str, shape: tuple[int, ...], path: Path) -> Tensor:
    view = file.get_slice(name)
    if tuple(view.get_shape()) != shape or view.get_dtype() != "F32":
        raise BadInput(f"{path}: {name} is {view.get_dtype()} {view.get_shape()}, not F32 {list(shape)}.")
    tensor: Tensor = file.get_tensor(name)
    if not bool(torch.isfinite(tensor).all()):
        raise BadInput(f"{path}: {name} holds numbers that are not finite.")
    return tensor
