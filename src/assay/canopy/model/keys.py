"""Names of weights in three worlds: Meta's hub, transformers, timm. Every map goes both ways and loses nothing.

Meta's checkpoints join query, key and value and mask the key's bias; transformers splits them; timm joins them and
has no key bias. A key that no rule knows is an error, never dropped.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from assay.core.errors import BadInput

State = dict[str, Tensor]

# The decoder: (Meta's, transformers'), {n} a number, {p} weight or bias.
_HEAD = (
    ("reassemble_blocks.projects.{n}.conv.{p}", "reassemble_stage.layers.{n}.projection.{p}"),
    ("reassemble_blocks.resize_layers.{n}.{p}", "reassemble_stage.layers.{n}.resize.{p}"),
    ("reassemble_blocks.readout_projects.{n}.0.{p}", "reassemble_stage.readout_projects.{n}.0.{p}"),
    ("convs.{n}.conv.{p}", "convs.{n}.{p}"),
    ("fusion_blocks.{n}.res_conv_unit1.conv1.conv.{p}", "fusion_layers.{n}.residual_layer1.convolution1.{p}"),
    ("fusion_blocks.{n}.res_conv_unit1.conv2.conv.{p}", "fusion_layers.{n}.residual_layer1.convolution2.{p}"),
    ("fusion_blocks.{n}.res_conv_unit2.conv1.conv.{p}", "fusion_layers.{n}.residual_layer2.convolution1.{p}"),
    ("fusion_blocks.{n}.res_conv_unit2.conv2.conv.{p}", "fusion_layers.{n}.residual_layer2.convolution2.{p}"),
    ("fusion_blocks.{n}.project.conv.{p}", "fusion_layers.{n}.projection.{p}"),
    ("conv_depth.head.{n}.{p}", "conv_depth.head.{n}.{p}"),
)

# The backbone, apart from query, key and value.
_BACKBONE = (
    ("cls_token", "embeddings.cls_token"),
    ("mask_token", "embeddings.mask_token"),
    ("storage_tokens", "embeddings.register_tokens"),
    ("patch_embed.proj.{p}", "embeddings.patch_embeddings.{p}"),
    ("blocks.{n}.norm1.{p}", "model.layer.{n}.norm1.{p}"),
    ("blocks.{n}.norm2.{p}", "model.layer.{n}.norm2.{p}"),
    ("blocks.{n}.attn.proj.{p}", "model.layer.{n}.attention.o_proj.{p}"),
    ("blocks.{n}.ls1.gamma", "model.layer.{n}.layer_scale1.lambda1"),
    ("blocks.{n}.ls2.gamma", "model.layer.{n}.layer_scale2.lambda1"),
    ("blocks.{n}.mlp.fc1.{p}", "model.layer.{n}.mlp.up_proj.{p}"),
    ("blocks.{n}.mlp.fc2.{p}", "model.layer.{n}.mlp.down_proj.{p}"),
    ("norm.{p}", "norm.{p}"),
)

_TIMM = (
    ("cls_token", "cls_token"),
    ("storage_tokens", "reg_token"),
    ("patch_embed.proj.{p}", "patch_embed.proj.{p}"),
    ("blocks.{n}.norm1.{p}", "blocks.{n}.norm1.{p}"),
    ("blocks.{n}.norm2.{p}", "blocks.{n}.norm2.{p}"),
    ("blocks.{n}.attn.proj.{p}", "blocks.{n}.attn.proj.{p}"),
    ("blocks.{n}.attn.qkv.weight", "blocks.{n}.attn.qkv.weight"),
    ("blocks.{n}.ls1.gamma", "blocks.{n}.gamma_1"),
    ("blocks.{n}.ls2.gamma", "blocks.{n}.gamma_2"),
    ("blocks.{n}.mlp.fc1.{p}", "blocks.{n}.mlp.fc1.{p}"),
    ("blocks.{n}.mlp.fc2.{p}", "blocks.{n}.mlp.fc2.{p}"),
    ("norm.{p}", "norm.{p}"),
)

_COMPUTED = re.compile(r"(^|\.)(rope_embed\.periods|rope\.\w+|rope_embeddings\.inv_freq)$|\.bias_mask$")
_QKV = re.compile(r"^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$")
_SPLIT = re.compile(r"^model\.layer\.(\d+)\.attention\.([qkv])_proj\.(weight|bias)$")


def is_computed(key: str) -> bool:
    """Whether a buffer follows from the architecture and is not a weight."""
    return _COMPUTED.search(key) is not None


Rules = tuple[tuple[str, str], ...]


def _pattern(template: str) -> re.Pattern[str]:
    escaped = re.escape(template).replace(r"\{n\}", r"(?P<n>\d+)").replace(r"\{p\}", r"(?P<p>weight|bias)")
    return re.compile(escaped)


def _translated(key: str, rules: Rules, *, back: bool, what: str) -> str:
    for one, other in rules:
        source, target = (other, one) if back else (one, other)
        if match := _pattern(source).fullmatch(key):
            return target.format(**match.groupdict())
    raise BadInput(f"The {what} has a weight named {key}, which CHMv2 does not: is this its checkpoint?")


def head_from_hub(state: Mapping[str, Tensor]) -> State:
    """Meta's decoder (with or without the prefix "head." or "decoder.") to our names."""
    plain = {re.sub(r"^(head|decoder)\.", "", key): value for key, value in state.items()}
    return {_translated(key, _HEAD, back=False, what="decoder"): value for key, value in plain.items()}


def head_to_hub(state: Mapping[str, Tensor]) -> State:
    """Our decoder's names to Meta's."""
    return {_translated(key, _HEAD, back=True, what="decoder"): value for key, value in state.items()}


def backbone_from_hub(state: Mapping[str, Tensor]) -> State:
    """Meta's DINOv3 ViT to transformers' names; the key's bias, which Meta masks out, becomes zero."""
    found: State = {}
    for key, value in state.items():
        if _COMPUTED.search(key) or key.startswith("local_cls_norm."):
            continue
        if match := _QKV.match(key):
            for letter, part in zip("qkv", value.chunk(3, dim=0), strict=True):
                masked = letter == "k" and match[2] == "bias"
                found[f"model.layer.{match[1]}.attention.{letter}_proj.{match[2]}"] = (
                    torch.zeros_like(part) if masked else part.clone()
                )
            continue
        name = _translated(key, _BACKBONE, back=False, what="backbone")
        found[name] = value.unsqueeze(1) if key == "mask_token" and value.ndim == 2 else value
    return found


def backbone_to_hub(state: Mapping[str, Tensor]) -> State:
    """transformers' DINOv3 ViT to Meta's names."""
    found: State = {}
    parts: dict[tuple[str, str], dict[str, Tensor]] = {}
    for key, value in state.items():
        if _COMPUTED.search(key):
            continue
        if match := _SPLIT.match(key):
            parts.setdefault((match[1], match[3]), {})[match[2]] = value
            continue
        name = _translated(key, _BACKBONE, back=True, what="backbone")
        found[name] = value.squeeze(1) if name == "mask_token" else value
    for (block, kind), one in parts.items():
        missing = {"q", "k", "v"} - set(one)
        if missing == {"k"} and kind == "bias":
            one["k"] = torch.zeros_like(one["q"])
        elif missing:
            raise BadInput(f"Block {block} of the backbone has no {kind} for {', '.join(sorted(missing))}.")
        found[f"blocks.{block}.attn.qkv.{kind}"] = torch.cat([one[letter] for letter in "qkv"])
    return found


def hub_to_timm(state: Mapping[str, Tensor]) -> State:
    """Meta's DINOv3 ViT to the names of timm's `..._dinov3_qkvb`: no mask token, no key bias."""
    found: State = {}
    for key, value in state.items():
        if _COMPUTED.search(key) or key == "mask_token" or key.startswith("local_cls_norm."):
            continue
        match = _QKV.match(key)
        if match and match[2] == "bias":
            query, _, values = value.chunk(3)
            found[f"blocks.{match[1]}.attn.q_bias"] = query.clone()
            found[f"blocks.{match[1]}.attn.v_bias"] = values.clone()
            continue
        found[_translated(key, _TIMM, back=False, what="backbone")] = value
    return found


def timm_to_hub(state: Mapping[str, Tensor]) -> State:
    """timm's names to Meta's; the key's bias is zero and the mask token, which nothing here reads, is zero."""
    found: State = {}
    for key, value in state.items():
        if _COMPUTED.search(key) or key.endswith((".k_bias", ".attn.v_bias")):
            continue
        if key.endswith(".attn.q_bias"):
            other = state[key.removesuffix("q_bias") + "v_bias"]
            found[key.removesuffix("q_bias") + "qkv.bias"] = torch.cat([value, torch.zeros_like(value), other])
            continue
        found[_translated(key, _TIMM, back=True, what="backbone")] = value
    found["mask_token"] = torch.zeros_like(found["cls_token"][:, 0])
    return found
