"""`assay canopy map` and `assay canopy view` as a person calls them."""

import json
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from assay.canopy.commands.map import map_area
from assay.canopy.commands.view import view
from assay.canopy.model import build, lite0, save
from tests.canopy.mapping.support import heights, scene, texture, write

APP = typer.Typer()
APP.command("map")(map_area)
APP.command("view")(view)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("model")
    save(build(lite0(fusion=8, hidden=8), pretrained=False), folder)
    return folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(APP, [str(a) for a in arguments])


def test_a_map_is_made_and_said(model: Path, tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 150, 120)
    done = call(
        "map", path, "--model", model, "--out", tmp_path / "map", "--date", "2020-07-15", "--window", 256, "--json"
    )
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["items"], document["pixels"], document["valid_pixels"]) == (["a"], 18000, 18000)
    assert heights(tmp_path / "map", "a").shape == (150, 120)
    again = call("map", path, "--model", model, "--out", tmp_path / "map", "--date", "2020-07-15", "--window", 256)
    assert again.exit_code == 0 and "1 sheet, 18,000 pixels, 100.0 % with imagery" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "does not say when it was taken"),
        (("--date", "2020", "--bands", "1,2"), 2, "are not three bands"),
        (("--date", "2020-01-01", "--bounds", "1,2,3"), 2, "takes four numbers"),
        (("--date", "2020-01-01", "--device", "cuda:99"), 3, "There is no device"),
        (("--date", "2020-01-01", "--ray", "127.0.0.1:9"), 3, "There is no Ray cluster"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_a_code(
    model: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    path = scene(tmp_path / "a.tif", 64, 64)
    done = call("map", path, "--model", model, "--out", tmp_path / "map", *arguments, "--json")
    assert done.exit_code == code
    assert says in json.loads(done.stdout)["error"]["message"]


def test_sixteen_bits_are_mapped_once_their_range_is_declared(model: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", texture(slice(0, 64), slice(0, 64)).astype("uint16") * 8)
    asked = ("map", path, "--model", model, "--out", tmp_path / "map", "--date", "2020-07-15")
    assert call(*asked).exit_code == 2
    assert call(*asked, "--range", 0, 2040).exit_code == 0


def test_a_map_of_eight_positions_is_another_map(model: Path, tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 64, 64)
    asked = ("map", path, "--model", model, "--date", "2020-07-15", "--out")
    assert call(*asked, tmp_path / "once").exit_code == 0
    assert call(*asked, tmp_path / "eight", "--flips").exit_code == 0
    said = json.loads((tmp_path / "eight" / "a.json").read_text())["properties"]["canopy:model"]
    assert said["flips"] is True
    once = json.loads((tmp_path / "once" / "a.json").read_text())["properties"]["canopy:model"]
    assert "flips" not in once
    mixed = call(*asked, tmp_path / "once", "--flips", "--json")
    assert mixed.exit_code == 2 and "a finished map of another model" in json.loads(mixed.stdout)["error"]["message"]


def test_a_model_that_is_none_is_said(tmp_path: Path) -> None:
    done = call("map", scene(tmp_path / "a.tif", 64, 64), "--model", tmp_path, "--out", tmp_path / "map", "--json")
    assert done.exit_code == 2 and "has no model.json" in json.loads(done.stdout)["error"]["message"]


def test_a_folder_without_a_map_cannot_be_looked_at(tmp_path: Path) -> None:
    done = call("view", tmp_path, "--json")
    assert done.exit_code == 2 and "has no finished map" in json.loads(done.stdout)["error"]["message"]
