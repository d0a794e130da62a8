"""The three backbones behind one call: `taps(net, rgb)` gives four levels with their CLS tokens, shallow to deep.

DINOv3 comes from `transformers` or from `timm` (both load from a hub by name or from a local path); EfficientNet-
lite0 is ours, with weights from a package. A network is kept as its library made it, so its own checkpoints fit by
name.
"""

from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from assay.canopy.model.config import BackboneConfig
from assay.canopy.model.head import Level
from assay.canopy.model.lite0 import Lite0, load_imagenet, packaged_weights
from assay.core.errors import BadInput, Unavailable

_TIMM_DEFAULT = "vit_large_patch16_dinov3_qkvb"  # with biases on query and value, as the SAT-493M weights have them


def make(config: BackboneConfig, *, pretrained: bool) -> nn.Module:
    """The network of `config`, with its pretrained weights or with random ones."""
    if config.kind == "efficientnet-lite0":
        return _lite0(config, pretrained=pretrained)
    if pretrained and config.weights is None:
        raise BadInput(
            "This backbone names no weights: give a hub name or a local path in `backbone.weights`, or build without."
        )
    return _timm(config, pretrained) if config.kind == "dinov3-timm" else _transformers(config, pretrained)


def taps(config: BackboneConfig, net: nn.Module, rgb: Tensor) -> list[Level]:
    """Normalised colour (B, 3, H, W) to four levels: features (B, C, h, w) and CLS token (B, C)."""
    if config.kind == "efficientnet-lite0":
        return [(features, features.mean(dim=(2, 3))) for features in net(rgb)]
    if config.kind == "dinov3-transformers":
        found = net(rgb)
        return list(zip(found.feature_maps, found.cls_tokens, strict=True))
    eva: Any = net
    levels = eva.forward_intermediates(
        rgb, indices=list(config.taps), return_prefix_tokens=True, norm=True, intermediates_only=True
    )
    return [(features, prefix[:, 0]) for features, prefix in levels]


def _lite0(config: BackboneConfig, *, pretrained: bool) -> Lite0:
    net = Lite0(config.taps)
    if pretrained:
        load_imagenet(net, Path(config.weights) if config.weights else packaged_weights())
    return net


def _transformers(config: BackboneConfig, pretrained: bool) -> nn.Module:
    from transformers import DINOv3ViTBackbone, DINOv3ViTConfig

    reading = {
        "out_indices": [tap + 1 for tap in config.taps],  # there the embedding counts as the first of 25 states
        "apply_layernorm": True,
        "reshape_hidden_states": True,
        "return_class_token": True,
    }
    if pretrained:
        try:
            net: nn.Module = DINOv3ViTBackbone.from_pretrained(
                config.weights, key_bias=True, layer_norm_eps=config.norm_eps, **reading
            )
        except (OSError, ValueError) as error:
            raise _not_there(config.weights, error) from None
        _same_shape(net, config)
        return net
    declared = DINOv3ViTConfig(
        patch_size=config.patch,
        hidden_size=config.width,
        intermediate_size=config.mlp,
        num_hidden_layers=config.depth,
        num_attention_heads=config.heads,
        num_register_tokens=config.registers,
        rope_theta=config.theta,
        layer_norm_eps=config.norm_eps,
        key_bias=True,  # as transformers' CHMv2; in Meta's weights it is zero
        **reading,
    )
    made: nn.Module = DINOv3ViTBackbone(declared)
    return made


def _same_shape(net: Any, config: BackboneConfig) -> None:
    found = net.config
    real = (found.hidden_size, found.num_hidden_layers, found.patch_size, found.num_register_tokens)
    said = (config.width, config.depth, config.patch, config.registers)
    if real != said:
        raise BadInput(
            f"{config.weights} has width, depth, patch and registers {real}; the model declares {said}: declare those."
        )


def _timm(config: BackboneConfig, pretrained: bool) -> nn.Module:
    try:
        import timm
    except ModuleNotFoundError:
        raise Unavailable("This backbone comes through timm, which is not installed: `pip install timm`.") from None

    made = {
        "patch_size": config.patch,
        "embed_dim": config.width,
        "depth": config.depth,
        "num_heads": config.heads,
        "mlp_ratio": config.mlp / config.width,
        "num_reg_tokens": config.registers,
        "rope_temperature": config.theta,
        "norm_layer": partial(nn.LayerNorm, eps=config.norm_eps),
        "num_classes": 0,
    }
    name, local = _TIMM_DEFAULT, None
    if config.weights is not None:
        if Path(config.weights).is_file():
            local = config.weights
        else:
            name = config.weights
    if local and Path(local).suffix != ".safetensors":
        raise BadInput(f"{local} is not a .safetensors file: other formats can run code when they are read.")
    try:
        if pretrained and local is not None:
            return _module(timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": local}, **made))
        return _module(timm.create_model(name, pretrained=pretrained, **made))
    except (OSError, RuntimeError, ValueError) as error:
        raise _not_there(config.weights, error) from None


def _module(made: Any) -> nn.Module:
    net: nn.Module = made
    return net


def _not_there(name: str | None, error: Exception) -> Unavailable:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return Unavailable(f"The backbone's weights cannot be loaded from {name}: {reason}")
