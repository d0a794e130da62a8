"""`evaluate --calibrate` measures intervals where they were not made, and says at which sites and heights they fail."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from assay.canopy.cli import app
from assay.canopy.evaluation import Prediction, coverage_of, evaluate
from assay.canopy.labels.folder import write_folder
from assay.canopy.model import save
from assay.canopy.tiles import Tile
from assay.canopy.uncertainty import SiteErrors, calibrate, collect_errors, each_from_others
from tests.canopy import scenes
from tests.canopy.evaluation.models import tiny_model

SITES = "ABC"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`data` with three sites, `model` that saw site Z, and `models` with one for each site."""
    folder = tmp_path_factory.mktemp("held out")
    tiles = [scenes.forest(10 * k + j, 32, site, tall=8 + 10 * k) for k, site in enumerate(SITES) for j in range(2)]
    write_folder(folder / "data", tiles)
    save(tiny_model(trained_on=("Z",)), folder / "model")
    for seed, site in enumerate(SITES):
        save(tiny_model(seed, tuple(set(SITES) - {site})), folder / "models" / site)
    return folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def document(*arguments: object) -> dict[str, Any]:
    done = call(*arguments, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refusal(*arguments: object) -> str:
    done = call(*arguments)
    assert done.exit_code == 2, done.output
    return " ".join(done.stderr.split())


def everything(place: Path) -> list[str]:
    return [part for site in SITES for part in ("--site", site)]


def test_each_site_is_measured_with_intervals_of_the_others(place: Path, tmp_path: Path) -> None:
    both = ("--site", "A", "--site", "C")
    crossed = document(place / "model", place / "data", *both, "--calibrate", tmp_path / "both.json")
    for site, other in ("AC", "CA"):
        made = tmp_path / f"{other}.json"
        alone = document(place / "model", place / "data", "--site", other, "--calibrate", made)
        assert "coverage_of_intervals" not in alone  # one site has no others: nothing was held out that can be measured
        apart = document(place / "model", place / "data", "--site", site, "--calibration", made)
        assert crossed["coverage_of_intervals"]["sites"][site] == apart["coverage_of_intervals"]["overall"]
    said = crossed["coverage_of_intervals"]
    assert (said["level"], said["asked"], said["intervals"]) == (0.9, [0.87, 0.93], "each site by the others")
    assert set(said["heights"]) == {group["name"] for group in crossed["heights"]}
    assert json.loads((tmp_path / "both.json").read_text())["held_out"] == "sites"


def test_the_page_and_the_terminal_say_where_intervals_fail(place: Path, tmp_path: Path) -> None:
    page, made = tmp_path / "page.html", tmp_path / "made.json"
    done = call(place / "model", place / "data", *everything(place), "--calibrate", made, "--html", page)
    assert done.exit_code == 0, done.output
    text = done.stdout
    assert "90 % intervals (each site by the others) hold" in text and "lidar heights" in text
    (line,) = [line for line in text.splitlines() if line.startswith("90 % intervals")]
    assert line in page.read_text()


def test_a_model_is_not_calibrated_on_sites_that_it_was_trained_on(place: Path, tmp_path: Path) -> None:
    save(tiny_model(trained_on=("B", "Z")), tmp_path / "model")
    asked = (tmp_path / "model", place / "data", *everything(place))
    said = refusal(*asked, "--calibrate", tmp_path / "made.json")
    assert "The model was trained on B" in said and "--site" in said
    assert not (tmp_path / "made.json").exists()
    assert document(*asked)["overall"]["tiles"] == 6  # to be evaluated there is another matter


def test_each_site_is_predicted_by_the_model_that_never_saw_it(place: Path) -> None:
    whole = document(place / "models", place / "data", *everything(place))
    for site in whole["sites"]:
        name = site["name"]
        alone = document(place / "models" / name, place / "data", "--site", name)
        assert site["mae"]["value"] == alone["overall"]["mae"]["value"]
    assert len({site["mae"]["value"] for site in whole["sites"]}) == 3


def test_models_by_site_must_be_there_and_must_not_know_their_site(place: Path, tmp_path: Path) -> None:
    for site in "AB":
        save(tiny_model(trained_on=("B",)), tmp_path / "models" / site)
    assert "was trained on B" in refusal(tmp_path / "models", place / "data", "--site", "B")
    assert "has no model for the site 'C'" in refusal(tmp_path / "models", place / "data", "--site", "C")
    assert document(tmp_path / "models", place / "data", "--site", "A")["overall"]["tiles"] == 2


def test_eight_positions_change_what_is_measured_and_calibrated(place: Path, tmp_path: Path) -> None:
    asked = (place / "model", place / "data", "--site", "B", "--calibrate")
    once, eight = (document(*asked, tmp_path / "made.json", *more) for more in ((), ("--flips",)))
    assert once["overall"]["mae"]["value"] != eight["overall"]["mae"]["value"]
    assert once["overall"]["pixels"] == eight["overall"]["pixels"]


def predict(tile: Tile) -> Prediction:
    """Errors of 2 m; at site C everything is 6 m too low."""
    noise = np.random.default_rng(len(tile.name) + int(tile.name[1:])).normal(0, 2, tile.shape)
    return Prediction(np.maximum(tile.height + noise - 6 * (tile.site == "C"), 0).astype(np.float32))


def test_sites_that_are_not_covered_are_named() -> None:
    tiles = [scenes.forest(10 * k + j, 48, site) for k, site in enumerate("ABCDEF") for j in range(2)]
    calibrations = each_from_others(collect_errors(predict, tiles))
    assert set(calibrations) == set("ABCDEF")
    found = coverage_of(evaluate(predict, tiles, calibration=calibrations), "each site by the others")
    assert found is not None and "C" in found.outside_sites and found.sites["C"] < 0.7
    assert found.sites["A"] > 0.87
    (line,) = [line for line in found.sentences() if "sites" in line and line.startswith("Not so")]
    assert f"C ({found.sites['C']:.1%})" in line
    assert coverage_of(evaluate(predict, tiles), "none") is None


def test_one_site_has_no_others() -> None:
    height = np.linspace(0, 20, 100)
    site = SiteErrors("A", height + 1, height, None)
    assert each_from_others([site]) == {}
    assert calibrate([site]).held_out == "parts"
