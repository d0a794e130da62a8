"""A training goes on after a stop with the same bits, shares a batch among processes, and learns something."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from assay.canopy.augmentation import STRONG
from assay.canopy.evaluation.baselines import Constant
from assay.canopy.evaluation.evaluating import evaluate
from assay.canopy.losses import LossConfig
from assay.canopy.model import CanopyModel, chmv2, lite0, load
from assay.canopy.predicting import predictor
from assay.canopy.tiles import Tile
from assay.canopy.training import TrainConfig, read_log, train
from assay.core.errors import BadInput, Corrupt


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("stop", [1, 5, 11])
def test_a_training_that_was_stopped_ends_with_the_same_bits(
    small: TrainConfig, tiles: list[Tile], tmp_path: Path, stop: int
) -> None:
    config = small.model_copy(update={"average": 0.9, "augmentation": STRONG})
    train(config, tiles, tmp_path / "whole")
    first = train(config, tiles, tmp_path / "parts", stop_after=stop)
    assert not first.finished
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    assert train(config, tiles, tmp_path / "parts").finished
    assert same(tmp_path / "whole", tmp_path / "parts")
    logs = [[e["loss"] for e in read_log(tmp_path / one / "log.jsonl")] for one in ("whole", "parts")]
    assert logs[0] == logs[1]
    assert len(logs[0]) == 12


def test_steps_after_the_last_checkpoint_are_done_again(small: TrainConfig, tiles: list[Tile], tmp_path: Path) -> None:
    train(small, tiles, tmp_path / "whole")
    train(small, tiles, tmp_path / "killed", stop_after=8)
    log = tmp_path / "killed" / "log.jsonl"
    lines = log.read_text() + json.dumps({"step": 8, "loss": 1.0}) + '\n{"step": 9, "lo'  # as a kill leaves it
    log.write_text(lines)
    train(small, tiles, tmp_path / "killed")
    assert same(tmp_path / "whole", tmp_path / "killed")
    assert [entry["step"] for entry in read_log(log)] == list(range(12))


def test_crops_that_are_prepared_ahead_are_the_same(small: TrainConfig, tiles: list[Tile], tmp_path: Path) -> None:
    config = small.model_copy(update={"augmentation": STRONG})
    train(config, tiles, tmp_path / "one")
    train(config.model_copy(update={"workers": 3}), tiles, tmp_path / "ahead")
    assert same(tmp_path / "one", tmp_path / "ahead")


def test_another_seed_makes_another_model(small: TrainConfig, tiles: list[Tile], tmp_path: Path) -> None:
    train(small, tiles, tmp_path / "one")
    train(small.model_copy(update={"seed": 1}), tiles, tmp_path / "two")
    assert not same(tmp_path / "one", tmp_path / "two")


def test_a_folder_with_another_training_is_not_taken_over(
    small: TrainConfig, tiles: list[Tile], tmp_path: Path
) -> None:
    train(small, tiles, tmp_path, stop_after=2)
    with pytest.raises(BadInput, match="another training"):
        train(small.model_copy(update={"lr": 2e-3}), tiles, tmp_path)
    with pytest.raises(BadInput, match="another training"):
        train(small, tiles[:2], tmp_path)
    assert train(small.model_copy(update={"lr": 2e-3}), tiles, tmp_path, resume=False).finished


def test_a_checkpoint_that_was_cut_off_is_said_to_be_unreadable(
    small: TrainConfig, tiles: list[Tile], tmp_path: Path
) -> None:
    train(small, tiles, tmp_path, stop_after=2)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(Corrupt, match="cannot be read"):
        train(small, tiles, tmp_path)


def test_a_loss_that_is_no_number_ends_the_training(small: TrainConfig, tiles: list[Tile], tmp_path: Path) -> None:
    wild = small.model_copy(update={"lr": 1e30, "loss": LossConfig(kind="charbonnier")})
    with pytest.raises(Corrupt, match="diverged"):
        train(wild, tiles, tmp_path)


def test_a_frozen_backbone_stays_as_it_was(small: TrainConfig, tiles: list[Tile], tmp_path: Path) -> None:
    config = small.model_copy(update={"trainable": "decoder"})
    train(config, tiles, tmp_path)
    torch.manual_seed(config.seed)
    from assay.canopy.model import build

    before, after = build(config.model, pretrained=False).state_dict(), weights(tmp_path)
    backbone = [name for name in after if name.startswith("backbone.")]
    assert backbone
    assert all(torch.equal(before[name], after[name]) for name in backbone)
    assert not any(name.startswith("weight.backbone.") for name in load_file(tmp_path / "checkpoint.safetensors"))


@pytest.mark.parametrize("kind", ["l1", "silog", "charbonnier", "annealed", "annealed+gradient"])
def test_every_loss_goes_down(small: TrainConfig, tiles: list[Tile], tmp_path: Path, kind: str) -> None:
    loss = LossConfig(kind=kind, silog_eps=0.05, anneal=(0.0, 0.01), gradient_ramp=(0.0, 0.01), silog_warm_share=0.0)
    train(small.model_copy(update={"steps": 60, "loss": loss, "lr": 3e-3}), tiles, tmp_path)
    values = [entry["loss"] for entry in read_log(tmp_path / "log.jsonl")]
    assert np.mean(values[-10:]) < 0.9 * np.mean(values[2:10])


_SCRIPT = """
import sys, torch
from pathlib import Path
from assay.canopy.training import TrainConfig, train
from tests.canopy.training.conftest import forest
torch.set_num_threads(1)
config = TrainConfig.model_validate_json(Path(sys.argv[1]).read_text())
tiles = [forest("A", 1), forest("A", 2), forest("B", 3, tallest=35.0)]
train(config, tiles, Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_two_processes_train_the_model_of_one(small: TrainConfig, tiles: list[Tile], tmp_path: Path) -> None:
    config = small.model_copy(update={"loss": LossConfig(kind="charbonnier"), "trainable": "decoder", "steps": 6})
    train(config, tiles, tmp_path / "one")
    (tmp_path / "config.json").write_text(config.model_dump_json())
    (tmp_path / "script.py").write_text(_SCRIPT)
    root = Path(__file__).parents[3]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{root}:{root / 'src'}"}
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(tmp_path / "script.py"), str(tmp_path / "config.json"), str(tmp_path / "two")],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name, value in one.items():
        assert torch.allclose(value, two[name], atol=1e-4), name
    assert [e["step"] for e in read_log(tmp_path / "two" / "log.jsonl")] == list(range(6))


@pytest.mark.slow
def test_the_open_default_learns_a_forest_it_has_not_seen(forests: object, tmp_path: Path) -> None:
    make = forests  # the fixture is a function
    train_tiles = [make("A", 1), make("B", 2)]  # type: ignore[operator]
    unseen = [make("C", 9)]  # type: ignore[operator]
    config = TrainConfig(
        model=lite0(fusion=16, hidden=16), steps=60, batch=4, crop=64, loss=LossConfig(silog_eps=0.05), seed=1
    )
    train(config, train_tiles, tmp_path)
    model = load(tmp_path)
    assert isinstance(model, CanopyModel)
    ours = evaluate(predictor(model), unseen).overall().metrics["mae"].value
    base = evaluate(Constant.fit(train_tiles), unseen).overall().metrics["mae"].value
    assert ours < 0.7 * base


def test_a_crop_that_the_decoder_would_stretch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="multiple of 32 px; it is 48"):
        train(TrainConfig(model=chmv2(), pretrained=False, crop=48), [], tmp_path)
