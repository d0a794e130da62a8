"""A model comes back from its folder as it was, and nothing else is taken for one."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from assay.canopy.model import BackboneConfig, CanopyModel, HeadConfig, ModelConfig, build, keys, load, save
from assay.canopy.model.files import load_chmv2, read_state
from assay.core.errors import AssayError, BadInput, LimitExceeded, Unavailable

TINY = ModelConfig(
    backbone=BackboneConfig(width=32, depth=4, heads=2, mlp=64, registers=2, taps=(0, 1, 2, 3)),
    head=HeadConfig(inputs=(32, 32, 32, 32), reassembled=(8, 8, 8, 8), fusion=8, hidden=8, bins=16),
)


@pytest.fixture
def model() -> CanopyModel:
    torch.manual_seed(1)
    return build(TINY, pretrained=False).eval()


@pytest.fixture
def folder(model: CanopyModel, tmp_path: Path) -> Path:
    model.card = {"name": "tiny"}
    save(model, tmp_path / "model")
    return tmp_path / "model"


def test_a_model_comes_back_as_it_was(model: CanopyModel, folder: Path) -> None:
    again = load(folder)
    rgb = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        assert torch.equal(again(rgb).metres, model(rgb).metres)
    assert again.config == model.config
    assert again.card == {"name": "tiny"}
    assert not again.training


def rewritten(folder: Path, change: str) -> None:
    file = folder / "model.safetensors"
    state = load_file(file)
    name = "head.conv_depth.head.4.bias"
    if change == "missing":
        del state[name]
    elif change == "extra":
        state["head.more.weight"] = torch.zeros(2)
    elif change == "shape":
        state[name] = torch.zeros(17)
    elif change == "nan":
        state[name][0] = float("nan")
    elif change == "half":
        state[name] = state[name].half()
    save_file(state, file)


@pytest.mark.parametrize(
    ("change", "said"),
    [("missing", "lacks"), ("extra", "beyond"), ("shape", "declared"), ("nan", "finite"), ("half", "float32")],
)
def test_weights_other_than_declared_are_refused(folder: Path, change: str, said: str) -> None:
    rewritten(folder, change)
    with pytest.raises(BadInput, match=said):
        load(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.update(format="other/1"),
        lambda d: d["config"].update(surprise=1),
        lambda d: d["config"]["head"].update(bins="many"),
        lambda d: d["config"]["backbone"].update(taps=[3, 2, 1, 0]),
        lambda d: d["config"]["backbone"].update(heads=5),
        lambda d: d["config"]["normalisation"].update(std=[0.0, 1.0, 1.0]),
        lambda d: d["config"]["head"].update(max_height=0.005),
        lambda d: d["config"]["head"].update(factors=[3, 2, 1, 0.5]),
        lambda d: d["config"]["head"].update(factors=[4, 2, 1, 1]),
        lambda d: d["config"]["head"].update(inputs=[32, 32, 32, 64]),
    ],
)
def test_a_declaration_that_makes_no_model_is_refused(folder: Path, edit: object) -> None:
    file = folder / "model.json"
    declared = json.loads(file.read_text())
    edit(declared)  # type: ignore[operator]
    file.write_text(json.dumps(declared))
    with pytest.raises(BadInput):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"{}", (1 << 60).to_bytes(8, "little") + b"x" * 100])
def test_a_file_that_is_no_safetensors_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(BadInput):
        load(folder)


def test_a_declaration_larger_than_the_limit_is_not_read(folder: Path) -> None:
    (folder / "model.json").write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(LimitExceeded):
        load(folder)


def test_an_empty_folder_says_what_a_model_is(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"model\.json and model\.safetensors"):
        load(tmp_path)


# Meta's release, in small --------------------------------------------------------------------------------------------


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    torch.save({"model": Evil()}, tmp_path / "head.pth")
    with pytest.raises(BadInput):
        read_state(tmp_path / "head.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("through_timm", [False, True])
def test_metas_files_make_the_model(
    model: CanopyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, through_timm: bool
) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("k_proj.bias"):
                parameter.zero_()
    torch.save({"model": keys.head_to_hub(model.head.state_dict())}, tmp_path / "head.pth")
    hub = keys.backbone_to_hub(model.backbone.state_dict())
    hub["rope_embed.periods"] = torch.ones(4)  # as Meta's checkpoints have it; it follows from the architecture
    torch.save(hub, tmp_path / "backbone.pth")
    rgb = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        expected = model(rgb).metres
    if through_timm:
        pytest.importorskip("timm")
    kind = "dinov3-timm" if through_timm else "dinov3-transformers"
    small = TINY.model_copy(update={"backbone": TINY.backbone.model_copy(update={"kind": kind})})
    monkeypatch.setattr("assay.canopy.model.files.chmv2", lambda backbone: small)
    found = load_chmv2(tmp_path / "head.pth", tmp_path / "backbone.pth", through_timm=through_timm)
    with torch.no_grad():
        assert (found(rgb).metres - expected).abs().max() < 1e-4


def test_a_backbone_loads_from_a_local_folder_through_transformers(model: CanopyModel, tmp_path: Path) -> None:
    model.backbone.save_pretrained(tmp_path / "vit")  # type: ignore[operator]
    named = TINY.backbone.model_copy(update={"weights": str(tmp_path / "vit")})
    again = build(TINY.model_copy(update={"backbone": named}), pretrained=True).eval()
    rgb = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        for one, other in zip(model.backbone(rgb).feature_maps, again.backbone(rgb).feature_maps, strict=True):
            assert torch.equal(one, other)


def test_a_backbone_of_another_size_than_declared_is_refused(model: CanopyModel, tmp_path: Path) -> None:
    model.backbone.save_pretrained(tmp_path / "vit")  # type: ignore[operator]
    named = TINY.backbone.model_copy(update={"weights": str(tmp_path / "vit"), "depth": 5, "taps": (0, 1, 2, 4)})
    with pytest.raises(AssayError):
        build(TINY.model_copy(update={"backbone": named}), pretrained=True)


def test_a_backbone_loads_from_a_local_file_through_timm(model: CanopyModel, tmp_path: Path) -> None:
    pytest.importorskip("timm")
    file = tmp_path / "vit.safetensors"
    save_file({k: v.contiguous() for k, v in keys.backbone_to_hub(model.backbone.state_dict()).items()}, file)
    named = TINY.backbone.model_copy(update={"kind": "dinov3-timm", "weights": str(file)})
    again = build(TINY.model_copy(update={"backbone": named}), pretrained=True)
    found = keys.timm_to_hub(again.backbone.state_dict())["blocks.2.attn.proj.weight"]
    assert torch.equal(found, keys.backbone_to_hub(model.backbone.state_dict())["blocks.2.attn.proj.weight"])


def test_weights_that_are_not_there_are_said_to_be_missing(tmp_path: Path) -> None:
    named = TINY.backbone.model_copy(update={"weights": str(tmp_path / "nothing")})
    with pytest.raises(Unavailable, match="cannot be loaded"):
        build(TINY.model_copy(update={"backbone": named}), pretrained=True)


def test_a_declaration_beyond_its_weights_is_refused_before_memory_is_taken(folder: Path) -> None:
    file = folder / "model.json"
    declared = json.loads(file.read_text())
    declared["config"]["backbone"].update(width=8192, heads=64, mlp=32768, depth=64)  # some 200 GB
    declared["config"]["head"]["inputs"] = [8192] * 4
    file.write_text(json.dumps(declared))
    with pytest.raises(BadInput, match=r"lacks|declared"):
        load(folder)
