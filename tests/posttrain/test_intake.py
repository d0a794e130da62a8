"""Intake takes fine-tunes of the base and refuses everything else, each with one clear sentence."""

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from assay.core.errors import AssayError, LimitExceeded, Refused
from assay.posttrain import checkpoint, intake
from tests.posttrain.conftest import CONFIG, fine_tuned


def refusal(model: Path, base: Path) -> str:
    with pytest.raises((Refused, LimitExceeded)) as caught:
        intake.check(model, base)
    sentence = str(caught.value)
    assert caught.value.exit_code == 2
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 400
    return sentence


def change_config(model: Path, **changes: object) -> None:
    (model / "config.json").write_text(json.dumps({**CONFIG, **changes}))


def test_a_fine_tune_of_the_base_is_taken(model: Path, base: Path) -> None:
    intake.check(model, base)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_plain_precision_is_taken(model: Path, base: Path, dtype: torch.dtype) -> None:
    save_file({name: w.to(dtype) for name, w in fine_tuned().items()}, model / "model.safetensors")
    intake.check(model, base)


def test_a_sharded_checkpoint_is_taken(model: Path, base: Path) -> None:
    shard(model)
    intake.check(model, base)


def shard(model: Path) -> dict[str, str]:
    weights = list(fine_tuned().items())
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    placed = {}
    for name, part in zip(names, (weights[:3], weights[3:]), strict=True):
        save_file(dict(part), model / name)
        placed.update({key: name for key, _ in part})
    (model / "model.safetensors").unlink()
    (model / checkpoint.INDEX).write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    return placed


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "optimizer.pth", "weights.pkl", "x.ckpt", "a.npy"])
def test_pickled_weights_are_refused_unopened(model: Path, base: Path, name: str) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (f"touch {model.parent}/exploded",)

    (model / name).write_bytes(pickle.dumps(Bomb()))
    assert "pickled" in refusal(model, base)
    assert not (model.parent / "exploded").exists()


def test_a_pickle_named_safetensors_is_refused(model: Path, base: Path) -> None:
    (model / "model.safetensors").write_bytes(pickle.dumps({"weight": [1.0] * 100}))
    assert "not a safetensors file" in refusal(model, base)


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "config.json"])
def test_a_symbolic_link_is_refused(model: Path, base: Path, target: str) -> None:
    (model.parent / "secret").write_text("secret")
    (model / "README.md").symlink_to(target)
    assert "link" in refusal(model, base)


def test_a_hard_link_is_refused(model: Path, base: Path) -> None:
    (model.parent / "secret").write_text("secret")
    os.link(model.parent / "secret", model / "README.md")
    assert "README.md" in refusal(model, base)


def test_a_linked_folder_is_refused(model: Path, base: Path) -> None:
    model.rename(model.parent / "elsewhere")
    model.symlink_to(model.parent / "elsewhere")
    refusal(model, base)


@pytest.mark.parametrize(
    "name", ["modeling.py", "lib.so", "run.sh", "checkpoint-10/model.safetensors", "a\\..\\b", "x\n"]
)
def test_unknown_files_are_refused(model: Path, base: Path, name: str) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("x")
    refusal(model, base)


def test_a_fifo_is_refused_and_does_not_block(model: Path, base: Path) -> None:
    os.mkfifo(model / "vocab.json")
    assert "FIFO" in refusal(model, base)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_code_of_its_own_is_refused(model: Path, base: Path, file: str) -> None:
    document = json.loads((model / file).read_text()) if (model / file).exists() else {}
    (model / file).write_text(json.dumps({**document, "auto_map": {"AutoModel": "modeling.Evil"}}))
    assert "auto_map" in refusal(model, base)


@pytest.mark.parametrize(
    "changes",
    [
        {"architectures": ["Qwen2ForCausalLM"]},
        {"model_type": "qwen2"},
        {"hidden_size": 16},
        {"num_hidden_layers": 2},
        {"rms_norm_eps": 1e-3},
        {"tie_word_embeddings": False},
        {"rope_scaling": {"type": "linear", "factor": 2}},
        {"sliding_window": 4},
    ],
)
def test_another_architecture_is_refused(model: Path, base: Path, changes: dict[str, object]) -> None:
    change_config(model, **changes)
    assert next(iter(changes)) in refusal(model, base)


def test_bookkeeping_in_the_config_may_differ(model: Path, base: Path) -> None:
    change_config(model, transformers_version="9.9", torch_dtype="float32", use_cache=False, _name_or_path="x")
    intake.check(model, base)


def test_quantised_weights_are_refused(model: Path, base: Path) -> None:
    change_config(model, quantization_config={"bits": 4})
    assert "quantised" in refusal(model, base)


def test_wrong_shapes_are_refused(model: Path, base: Path) -> None:
    weights = fine_tuned() | {"model.norm.weight": torch.zeros(9)}
    save_file(weights, model / "model.safetensors")
    assert "model.norm.weight" in refusal(model, base)


def test_missing_and_extra_tensors_are_refused(model: Path, base: Path) -> None:
    weights = fine_tuned()
    save_file(weights | {"model.extra": torch.zeros(1)}, model / "model.safetensors")
    assert "model.extra" in refusal(model, base)
    del weights["model.norm.weight"]
    save_file(weights, model / "model.safetensors")
    assert "lacks model.norm.weight" in refusal(model, base)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_values_that_are_not_finite_are_refused(model: Path, base: Path, value: float, dtype: torch.dtype) -> None:
    weights = {name: w.to(dtype) for name, w in fine_tuned().items()}
    weights["model.layers.0.mlp.up_proj.weight"][15, 7] = value  # the very last value
    save_file(weights, model / "model.safetensors")
    assert "NaN or infinity" in refusal(model, base)


def test_integer_tensors_are_refused(model: Path, base: Path) -> None:
    save_file(fine_tuned() | {"model.norm.weight": torch.zeros(8, dtype=torch.int8)}, model / "model.safetensors")
    assert "I8" in refusal(model, base)


def test_a_missing_tokenizer_is_refused(model: Path, base: Path) -> None:
    (model / "tokenizer.json").unlink()
    assert "tokenizer.json is missing" in refusal(model, base)


def test_a_missing_config_is_refused(model: Path, base: Path) -> None:
    (model / "config.json").unlink()
    assert "config.json is missing" in refusal(model, base)


def test_missing_weights_are_refused(model: Path, base: Path) -> None:
    (model / "model.safetensors").unlink()
    assert "no weights" in refusal(model, base)


def test_a_file_over_the_limit_is_refused_by_its_size(model: Path, base: Path) -> None:
    with (model / "tokenizer.json").open("r+b") as file:
        file.truncate(intake.MAX_TOKENIZER + 1)  # sparse: takes no disk, counts in full
    assert "tokenizer.json" in refusal(model, base)


def test_a_huge_sparse_weight_file_is_refused(model: Path, base: Path) -> None:
    with (model / "model.safetensors").open("r+b") as file:
        file.truncate(1 << 40)
    refusal(model, base)


def test_an_index_that_names_absent_shards_is_refused(model: Path, base: Path) -> None:
    shard(model)
    (model / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors" in refusal(model, base)


@pytest.mark.parametrize("shard_name", ["../base/model.safetensors", "/etc/passwd", "", "..", 3])
def test_an_index_that_points_elsewhere_is_refused(model: Path, base: Path, shard_name: object) -> None:
    placed: dict[str, object] = {**shard(model)}
    placed["model.norm.weight"] = shard_name
    (model / checkpoint.INDEX).write_text(json.dumps({"weight_map": placed}))
    refusal(model, base)


def test_a_stray_shard_is_refused(model: Path, base: Path) -> None:
    save_file({"hidden": torch.zeros(4)}, model / "model-00009-of-00009.safetensors")
    assert "model-00009-of-00009.safetensors" in refusal(model, base)


def test_an_empty_folder_is_refused(model: Path, base: Path) -> None:
    empty = model.parent / "empty"
    empty.mkdir()
    assert "empty" in refusal(empty, base)


def test_a_missing_folder_is_refused(model: Path, base: Path) -> None:
    refusal(model.parent / "absent", base)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, '{"model_type": "llama"', "\ufeff{}"]
)
def test_a_broken_config_is_refused(model: Path, base: Path, text: str) -> None:
    (model / "config.json").write_text(text)
    refusal(model, base)


def header_of(model: Path) -> tuple[dict[str, object], bytes]:
    data = (model / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write_header(model: Path, header: object, body: bytes) -> None:
    text = json.dumps(header).encode()
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)


@pytest.mark.parametrize(
    "damage",
    [
        {"data_offsets": [0, 4]},
        {"data_offsets": [-16, 0]},
        {"data_offsets": [1 << 70, 1 << 71]},
        {"data_offsets": "x"},
        {"shape": [-8]},
        {"shape": [8, 1 << 40]},
        {"shape": [True]},
        {"dtype": None},
    ],
)
def test_a_lying_header_is_refused(model: Path, base: Path, damage: dict[str, object]) -> None:
    header, body = header_of(model)
    header["model.norm.weight"] = {**header["model.norm.weight"], **damage}  # type: ignore[dict-item]
    write_header(model, header, body)
    refusal(model, base)


def test_overlapping_tensors_are_refused(model: Path, base: Path) -> None:
    header, body = header_of(model)
    header["model.norm.weight"] = header["model.layers.0.input_layernorm.weight"]
    write_header(model, header, body)
    refusal(model, base)


@pytest.mark.parametrize("length", [0, 7, 8, 100, -1])
def test_a_truncated_or_padded_file_is_refused(model: Path, base: Path, length: int) -> None:
    data = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(data[:length] if length >= 0 else data + b"\0")
    refusal(model, base)


def test_a_header_that_claims_to_be_huge_is_refused(model: Path, base: Path) -> None:
    data = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(struct.pack("<Q", (1 << 63) - 1) + data[8:])
    refusal(model, base)


def test_every_refusal_is_an_error_of_the_house(model: Path, base: Path) -> None:
    """Random damage to any byte of the header never ends in anything but a refusal or a fit model."""
    original = (model / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", original[:8])
    for position in range(0, 8 + length, 3):
        damaged = bytearray(original)
        damaged[position] ^= 0x15
        (model / "model.safetensors").write_bytes(bytes(damaged))
        try:
            intake.check(model, base)
        except AssayError as error:
            assert error.exit_code == 2
