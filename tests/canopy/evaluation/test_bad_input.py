"""Whatever is wrong with what `assay canopy evaluate` is given: one sentence that says it, and exit code 2."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from typer.testing import CliRunner

from assay.canopy.cli import app
from assay.canopy.labels.folder import write_folder
from assay.canopy.model import save
from assay.canopy.model.files import DECLARED, WEIGHTS
from assay.canopy.uncertainty import SiteErrors, calibrate
from tests.canopy import scenes
from tests.canopy.evaluation.models import tiny_model

FILES = {"rgb": "tiles/00000_rgb.tif", "height": "tiles/00000_height.tif"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`data`, `later` (the same tiles again) and `model`."""
    place = tmp_path_factory.mktemp("whole")
    tiles = [scenes.forest(1, 32, "A"), scenes.forest(2, 32, "B")]
    for name in ("data", "later"):
        write_folder(place / name, [scenes.tile(t.name, t.rgb, t.height, t.site, "test") for t in tiles])
        listed = (place / name / "manifest.csv").read_text().splitlines()  # without SHA-256: it would find all damage
        (place / name / "manifest.csv").write_text("".join(line.rpartition(",")[0] + "\n" for line in listed))
    save(tiny_model(), place / "model")
    return place


@pytest.fixture
def place(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "place")
    return tmp_path / "place"


def refusal(*arguments: object) -> str:
    """The sentence with which a command is refused."""
    done = CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--json"])
    assert done.exit_code == 2, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    said: str = json.loads(done.stdout)["error"]["message"]
    assert "\n" not in said and said.endswith("."), said
    return said


def manifest(place: Path) -> Path:
    return place / "data" / "manifest.csv"


def rewrite(path: Path, array: np.ndarray, **changes: object) -> None:
    with rasterio.open(path) as dataset:
        profile = {**dataset.profile, "count": len(array), "dtype": array.dtype.name, "nodata": None, **changes}
    profile.pop("photometric", None)
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(array)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


Damage = Callable[[Path], object]
DATA: dict[str, tuple[Damage, str]] = {
    "no folder": (lambda p: shutil.rmtree(p / "data"), "does not exist"),
    "no manifest": (lambda p: manifest(p).unlink(), "does not exist"),
    "a manifest of bytes": (lambda p: manifest(p).write_bytes(b"\xff\xfe\x00"), "is not UTF-8"),
    "an empty manifest": (lambda p: manifest(p).write_text(""), "has no column"),
    "a column is missing": (lambda p: replace(manifest(p), "site", "place"), "has no column site"),
    "a site that names a folder above": (lambda p: replace(manifest(p), ",A,", ",..,"), "has no site"),
    "a file outside": (lambda p: replace(manifest(p), "tiles/00000_rgb", "../tiles/00000_rgb"), "inside the folder"),
    "no heights": (lambda p: replace(manifest(p), ",height,", ",notes,"), "No tile is left"),
    "a file is missing": (lambda p: (p / "data" / FILES["rgb"]).unlink(), "does not exist"),
    "no raster": (lambda p: (p / "data" / FILES["rgb"]).write_text("II*"), "cannot be read"),
    "cut short": (
        lambda p: (p / "data" / FILES["rgb"]).write_bytes((p / "data" / FILES["rgb"]).read_bytes()[:-900]),
        "cannot be read",
    ),
    "two bands": (
        lambda p: rewrite(p / "data" / FILES["rgb"], np.zeros((2, 32, 32), np.uint8)),
        "has 2 band(s)",
    ),
    "16 bits": (lambda p: rewrite(p / "data" / FILES["rgb"], np.zeros((3, 32, 32), np.uint16)), "holds uint16"),
    "other grids": (
        lambda p: rewrite(p / "data" / FILES["height"], np.zeros((1, 20, 32), np.float32), height=20),
        "is not on the grid",
    ),
    "another place": (
        lambda p: rewrite(
            p / "data" / FILES["height"],
            np.zeros((1, 32, 32), np.float32),
            transform=Affine(0.5, 0, 500_000, 0, -0.5, 3_280_000),
        ),
        "is not on the grid",
    ),
}


@pytest.mark.parametrize("kind", DATA)
def test_data_that_cannot_be_evaluated_on(place: Path, kind: str) -> None:
    damage, says = DATA[kind]
    damage(place)
    assert says in refusal(place / "model", place / "data")


MODEL: dict[str, tuple[Damage, str]] = {
    "nothing": (lambda p: shutil.rmtree(p / "model"), "is no folder with a model"),
    "an empty folder": (lambda p: [(p / "model" / n).unlink() for n in (WEIGHTS, DECLARED)], "has no model.json"),
    "no weights": (lambda p: (p / "model" / WEIGHTS).unlink(), "is missing"),
    "no JSON": (lambda p: (p / "model" / DECLARED).write_text("{"), "does not declare a model"),
    "another format": (lambda p: replace(p / "model" / DECLARED, "canopy-model/1", "canopy-model/9"), "is of format"),
    "weights cut short": (
        lambda p: (p / "model" / WEIGHTS).write_bytes((p / "model" / WEIGHTS).read_bytes()[:-64]),
        "is not a readable safetensors file",
    ),
    "a header beyond the file": (lambda p: (p / "model" / WEIGHTS).write_bytes(b"\xff" * 64), "announces a header"),
    "another architecture": (lambda p: replace(p / "model" / DECLARED, '"bins": 16', '"bins": 17'), "is declared"),
}


@pytest.mark.parametrize("kind", MODEL)
def test_a_model_that_is_none(place: Path, kind: str) -> None:
    damage, says = MODEL[kind]
    damage(place)
    assert says in refusal(place / "model", place / "data")


def test_weights_that_are_no_numbers(place: Path) -> None:
    model = tiny_model()
    with torch.no_grad():
        next(model.head.parameters())[:] = float("nan")
    save(model, place / "model")
    assert "not finite" in refusal(place / "model", place / "data")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("{", "is no calibration"),
        ('{"schema": "assay.canopy.calibration/9"}', "is no calibration"),
        (" " * (2 << 20), "this is no calibration"),
        (str(Path("/")), "cannot be read"),
    ],
)
def test_a_calibration_that_is_none(place: Path, text: str | None, says: str) -> None:
    file = place / "calibration.json"
    if text is not None and text != "/":
        file.write_text(text)
    assert says in refusal(place / "model", place / "data", "--calibration", "/" if text == "/" else file)


def test_a_calibration_for_a_model_that_says_how_unsure_it_is(place: Path) -> None:
    draw = np.random.default_rng(0)
    height, spread = draw.uniform(0, 20, 500), draw.uniform(0.1, 4, 500)
    errors = [SiteErrors(site, height + spread * draw.standard_normal(500), height, spread) for site in "XYZ"]
    made = calibrate(errors)
    assert made.uses_spread
    (place / "calibration.json").write_text(made.to_json())
    said = refusal("constant", place / "data", "--site", "A", "--calibration", place / "calibration.json")
    assert "multiples of the model's spread" in said


def test_a_second_date_that_cannot_be_compared(place: Path) -> None:
    asked = (place / "model", place / "data", "--second", place / "later")
    rewrite(place / "later" / FILES["height"], np.full((1, 32, 32), np.nan, np.float32))
    rewrite(place / "later" / "tiles/00001_height.tif", np.full((1, 32, 32), np.nan, np.float32))
    assert "No pixel is labelled at both dates" in refusal(*asked)
    replace(place / "later" / "manifest.csv", ",A,", ",Z,")
    replace(place / "later" / "manifest.csv", ",B,", ",Y,")
    assert "no tile of the same name and site" in refusal(*asked)
    shutil.rmtree(place / "later")
    assert "does not exist" in refusal(*asked)


@pytest.mark.parametrize("option", ["--html", "--calibrate"])
def test_a_place_that_cannot_be_written_is_said_before_the_work(place: Path, option: str) -> None:
    for where in (place / "none" / "file", place):
        assert "name a file in a folder that exists" in refusal("no model", place / "data", option, where)


def test_unknown_names_and_no_labels(place: Path) -> None:
    assert "There is no labelled tile of the split 'nights'" in refusal("constant", place / "data", "--split", "nights")
    for name in FILES, {"height": "tiles/00001_height.tif"}:
        rewrite(place / "data" / name["height"], np.full((1, 32, 32), np.nan, np.float32))
    assert "no tile has labelled pixels" in refusal(place / "model", place / "data")
    calibration = place / "calibration.json"
    assert "labelled pixels" in refusal(place / "model", place / "data", "--calibrate", calibration)
    assert not calibration.exists()
