"""Our model against transformers' CHMv2, with the same random weights: the same heights, the same names of weights."""

import numpy as np
import pytest
import torch
from transformers import CHMv2Config, CHMv2ForDepthEstimation

from assay.canopy.model import BackboneConfig, HeadConfig, ModelConfig, build, chmv2, keys
from assay.canopy.model import bins as our_bins
from assay.canopy.model.canopy import mirrored
from assay.canopy.model.files import put_backbone, put_head
from assay.core.errors import BadInput

SMALL = ModelConfig(
    backbone=BackboneConfig(width=64, depth=6, heads=4, mlp=128, registers=4, taps=(1, 2, 4, 5)),
    head=HeadConfig(inputs=(64, 64, 64, 64), reassembled=(16, 24, 32, 48), fusion=32, hidden=16),
)


def theirs(config: ModelConfig) -> CHMv2ForDepthEstimation:
    backbone = {
        "model_type": "dinov3_vit",
        "image_size": 416,
        "hidden_size": config.backbone.width,
        "intermediate_size": config.backbone.mlp,
        "num_attention_heads": config.backbone.heads,
        "num_hidden_layers": config.backbone.depth,
        "num_register_tokens": config.backbone.registers,
        "key_bias": True,
        "out_indices": [tap + 1 for tap in config.backbone.taps],
        "reshape_hidden_states": True,
        "apply_layernorm": True,
        "layer_norm_eps": 1e-6,
        "return_class_token": True,
    }
    return CHMv2ForDepthEstimation(
        CHMv2Config(
            backbone_config=backbone,
            post_process_channels=list(config.head.reassembled),
            fusion_hidden_size=config.head.fusion,
            head_hidden_size=config.head.hidden,
        )
    ).eval()


def scrambled(model: torch.nn.Module) -> None:
    """Weights that matter everywhere: biases and scales too, and logits of both signs."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def image(height: int, width: int, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("height", "width"), [(64, 64), (80, 112), (48, 16)])
def test_heights_equal_those_of_transformers(height: int, width: int) -> None:
    reference, model = theirs(SMALL), build(SMALL, pretrained=False).eval()
    scrambled(reference)
    model.load_state_dict(reference.state_dict(), strict=True)
    rgb = image(height, width)
    with torch.no_grad():
        expected = reference(pixel_values=rgb).predicted_depth
        found = model(rgb)
        with_bins = model(rgb, with_bins=True)
    assert expected.std() > 0.5, "the reference must not be flat, or equality would say nothing"
    assert (found.metres[:, 0] - expected).abs().max() < 1e-4
    assert (with_bins.metres[:, 0] - expected).abs().max() < 1e-4
    assert with_bins.bins is not None
    assert torch.allclose(with_bins.bins.sum(dim=1), torch.ones(()), atol=1e-5)


def test_full_width_has_the_very_weights_of_transformers() -> None:
    with torch.device("meta"):
        reference = CHMv2ForDepthEstimation(CHMv2Config())
    model = build(chmv2(), pretrained=False, meta=True)
    own = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert own == {name: tuple(value.shape) for name, value in reference.state_dict().items()}
    sizes = {
        part: sum(p.numel() for name, p in model.named_parameters() if name.startswith(part))
        for part in ("backbone", "head")
    }
    assert round(sizes["backbone"] / 1e6, 1) == pytest.approx(303.1, abs=0.2)
    assert round(sizes["head"] / 1e6, 2) == pytest.approx(33.75, abs=0.01)


def test_full_width_runs_on_meta_tensors() -> None:
    model = build(chmv2(), pretrained=False, meta=True).eval()
    with torch.device("meta"), torch.no_grad():
        found = model(torch.empty(1, 3, 416, 416), with_bins=True)
    assert tuple(found.metres.shape) == (1, 1, 416, 416)
    assert found.bins is not None
    assert tuple(found.bins.shape) == (1, 256, 416, 416)


def test_the_bins_are_those_of_transformers() -> None:
    reference = theirs(SMALL).features_to_depth
    expected = reference._create_mixlog_bins(256, torch.device("cpu"))
    assert torch.allclose(our_bins.edges(256, 0.001, 96.0, 8.0), expected, atol=1e-6)
    assert our_bins.edges(256, 0.001, 96.0, 8.0)[-1] == pytest.approx(12.0)


def test_timm_gives_the_heights_of_transformers() -> None:
    pytest.importorskip("timm")
    model = build(SMALL, pretrained=False).eval()
    scrambled(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("k_proj.bias"):  # timm has none; in Meta's weights it is masked out
                parameter.zero_()
    other = SMALL.model_copy(update={"backbone": SMALL.backbone.model_copy(update={"kind": "dinov3-timm"})})
    through_timm = build(other, pretrained=False).eval()
    hub = keys.backbone_to_hub(model.backbone.state_dict())
    put_backbone(through_timm, hub)
    put_head(through_timm, keys.head_to_hub(model.head.state_dict()))
    rgb = image(64, 96)
    with torch.no_grad():
        expected, found = model(rgb).metres, through_timm(rgb).metres
    assert expected.std() > 0.5
    assert (found - expected).abs().max() < 1e-4


# Names ---------------------------------------------------------------------------------------------------------------


def test_every_name_of_the_decoder_maps_there_and_back() -> None:
    state = build(chmv2(), pretrained=False, meta=True).head.state_dict()
    hub = keys.head_to_hub(state)
    assert len(hub) == len(state)
    assert {name: tuple(value.shape) for name, value in keys.head_from_hub(hub).items()} == {
        name: tuple(value.shape) for name, value in state.items()
    }
    for name in (  # as Meta's release has them
        "reassemble_blocks.projects.0.conv.weight",
        "reassemble_blocks.resize_layers.3.bias",
        "reassemble_blocks.readout_projects.2.0.weight",
        "convs.1.conv.weight",
        "fusion_blocks.1.res_conv_unit1.conv1.conv.bias",
        "fusion_blocks.0.res_conv_unit2.conv2.conv.weight",
        "fusion_blocks.3.project.conv.weight",
        "conv_depth.head.4.bias",
    ):
        assert name in hub
    assert not any(name.startswith("fusion_blocks.0.res_conv_unit1") for name in hub)


def test_every_name_of_the_backbone_maps_there_and_back() -> None:
    model = build(SMALL, pretrained=False)
    scrambled(model)
    state = {name: value for name, value in model.backbone.state_dict().items() if not keys.is_computed(name)}
    back = keys.backbone_from_hub(keys.backbone_to_hub(state))
    assert set(back) == set(state)
    for name, value in state.items():
        if name.endswith("k_proj.bias"):
            assert not back[name].any(), "Meta masks the key's bias: it must come back as zero"
        else:
            assert torch.equal(back[name], value), name


def test_timm_names_map_there_and_back() -> None:
    model = build(SMALL, pretrained=False)
    scrambled(model)
    hub = keys.backbone_to_hub(model.backbone.state_dict())
    back = keys.timm_to_hub(keys.hub_to_timm(hub))
    assert set(back) == set(hub)
    third = SMALL.backbone.width
    for name, value in hub.items():
        if name == "mask_token":
            continue
        if name.endswith("qkv.bias"):
            assert torch.equal(back[name][:third], value[:third])
            assert torch.equal(back[name][2 * third :], value[2 * third :])
        else:
            assert torch.equal(back[name], value), name


def test_a_weight_that_nobody_knows_is_refused() -> None:
    state = dict(keys.head_to_hub(build(SMALL, pretrained=False).head.state_dict()))
    state["fusion_blocks.0.extra.weight"] = torch.zeros(1)
    with pytest.raises(BadInput, match="extra"):
        keys.head_from_hub(state)


def test_a_decoder_that_lacks_a_weight_is_refused() -> None:
    model = build(SMALL, pretrained=False)
    state = dict(keys.head_to_hub(model.head.state_dict()))
    del state["conv_depth.head.4.bias"]
    with pytest.raises(BadInput, match="does not fit"):
        put_head(model, state)


def test_heights_is_a_pair_of_metres_and_bins() -> None:
    found = build(SMALL, pretrained=False).eval()(image(32, 32, 1))
    metres, weights = found
    assert metres.shape == (1, 1, 32, 32)
    assert weights is None


@pytest.mark.parametrize("shape", [(16, 16), (48, 16), (80, 112)])
def test_an_odd_number_of_patches_is_padded_and_not_stretched(shape: tuple[int, int]) -> None:
    model = build(SMALL, pretrained=False).eval()
    scrambled(model)
    assert model.multiple == 32  # two patches: the deepest level halves them
    rgb = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)
    padded = mirrored(model.normalise(torch.from_numpy(rgb))[None], 32)
    with torch.no_grad():
        whole = model(padded).metres
    assert whole.shape[-2:] == padded.shape[-2:]
    assert np.array_equal(model.predict(rgb), whole[0, 0, : shape[0], : shape[1]].numpy())
