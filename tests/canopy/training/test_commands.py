"""`assay canopy train` and `assay canopy ablate` on a folder of tiles, as a person runs them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from assay.canopy.commands import ablate, train
from assay.canopy.model import load
from assay.canopy.tiles import Tile, write_height, write_rgb
from assay.canopy.training import TrainConfig

Make = Callable[..., Tile]

app = typer.Typer()
app.command()(train.train)
app.command()(ablate.ablate)


@pytest.fixture
def folder(forests: Make, tmp_path: Path) -> Path:
    place = tmp_path / "tiles"
    place.mkdir()
    lines = ["file,site,kind,split,gsd_m"]
    for site, seed, split in (("A", 1, "train"), ("B", 2, "train"), ("C", 3, "test"), ("C", 4, "test")):
        tile = forests(site, seed, (96, 96))
        write_rgb(place / f"{tile.name}_rgb.tif", tile)
        write_height(place / f"{tile.name}_chm.tif", tile.height, tile)
        lines += [f"{tile.name}_rgb.tif,{site},rgb (uint8),{split},0.5"]
        lines += [f'{tile.name}_chm.tif,{site},"canopy height (m, float32)",{split},0.5']
    (place / "manifest.csv").write_text("\n".join(lines) + "\n")
    return place


@pytest.fixture
def settings(small: TrainConfig, tmp_path: Path) -> Path:
    (tmp_path / "settings.json").write_text(small.model_dump_json())
    return tmp_path / "settings.json"


def test_train_leaves_a_model_and_goes_on(folder: Path, settings: Path, tmp_path: Path) -> None:
    asked = ["train", str(folder), "--out", str(tmp_path / "model"), "--config", str(settings), "--json"]
    done = CliRunner().invoke(app, [*asked, "--steps", "5"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["steps"] == 5
    assert said["sites"] == ["A", "B"], "tiles of the split `test` are not for training"
    model = load(tmp_path / "model")
    assert model.card["trained_on"] == ["A", "B"]
    again = CliRunner().invoke(app, [*asked, "--steps", "7"])
    assert again.exit_code == 2
    assert "another training" in json.loads(again.stdout)["error"]["message"]
    assert CliRunner().invoke(app, [*asked, "--steps", "7", "--restart"]).exit_code == 0
    left = CliRunner().invoke(app, [*asked, "--restart", "--steps", "3", "--without", "B"])
    assert json.loads(left.stdout)["sites"] == ["A"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--recipe", "magic"], "no recipe"),
        (["--loss", "magic"], "loss"),
        (["--split", "nowhere"], "no tiles"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(
    folder: Path, tmp_path: Path, more: list[str], said: str
) -> None:
    done = CliRunner().invoke(app, ["train", str(folder), "--out", str(tmp_path / "model"), "--json", *more])
    assert done.exit_code == 2
    assert said in json.loads(done.stdout)["error"]["message"]


def test_settings_that_are_no_settings_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"steps": -1}')
    asked = ["train", str(folder), "--out", str(tmp_path / "model"), "--config", str(tmp_path / "bad.json"), "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 2
    assert "steps" in json.loads(done.stdout)["error"]["message"]


def test_ablate_prints_the_table_of_the_baselines(folder: Path, tmp_path: Path) -> None:
    asked = ["ablate", str(folder), "--out", str(tmp_path / "kept"), "--row", "constant", "--row", "linear colour"]
    asked += ["--protocol", "site-held-out", "--seeds", "1"]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert [row["row"] for row in made["rows"]] == ["constant", "linear colour"]
    assert made["rows"][1]["mae"]["value"] < made["rows"][0]["mae"]["value"]
    shown = CliRunner().invoke(app, asked)
    assert "linear colour" in shown.output
    assert CliRunner().invoke(app, [*asked, "--row", "magic", "--json"]).exit_code == 2
    assert CliRunner().invoke(app, [*asked, "--protocol", "magic", "--json"]).exit_code == 2
