"""The commands as a user meets them: one document, a page, sentences for what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from assay.canopy.cli import app
from assay.canopy.labels.folder import write_folder
from assay.canopy.tiles import read_manifest
from tests.canopy import scenes


def assay(*arguments: str | Path, ok: int = 0) -> Result:
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert found.exit_code == ok, found.output[-2000:]
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "tiles"
    tiles = [scenes.forest(10 * k + j, 64, site) for k, site in enumerate("ABC") for j in range(12)]
    marked = [scenes.tile(t.name, t.rgb, t.height, t.site, "test" if t.site == "C" else "train") for t in tiles]
    write_folder(folder, marked)
    return folder


def test_a_written_folder_is_read_back(data: Path) -> None:
    refs = read_manifest(data)
    assert len(refs) == 36 and {ref.split for ref in refs if ref.site == "C"} == {"test"}
    tile = refs[0].load()
    assert np.allclose(tile.height, scenes.forest(int(tile.name[1:]), 64, tile.site).height)


def test_evaluate_prints_one_document_and_writes_a_page(data: Path, tmp_path: Path) -> None:
    page, calibration = tmp_path / "page.html", tmp_path / "calibration.json"
    first = assay("evaluate", "colour", data, "--site", "A", "--calibrate", calibration, "--json")
    assert json.loads(first.stdout)["overall"]["tiles"] == 12
    more = ["--calibration", calibration, "--html", page, "--second", data, "--json"]
    document = json.loads(assay("evaluate", "colour", data, *more).stdout)
    assert [site["name"] for site in document["sites"]] == ["C"]
    assert 0 < document["overall"]["coverage"]["0.9"]["value"] <= 1
    assert document["change"]["mae"]["value"] == 0
    text = page.read_text()
    assert "By lidar height" in text and "CHMv2" in text and "<script" not in text and text.count("<img ") >= 8


def test_evaluate_prints_tables(data: Path) -> None:
    text = assay("evaluate", "constant", data).stdout
    assert "lidar height" in text and "SatLidar" in text and "bias" in text


def test_evaluate_says_what_is_wrong(data: Path, tmp_path: Path) -> None:
    assert "no labelled tile of the site" in assay("evaluate", "colour", data, "--site", "Z", ok=2).stderr
    assert "is no folder with a model" in assay("evaluate", tmp_path / "none", data, ok=2).stderr
    assert "does not exist" in assay("evaluate", "colour", tmp_path, ok=2).stderr
    everywhere = assay("evaluate", "constant", data, "--split", "train", "--split", "test", ok=2)
    assert "there is none" in everywhere.stderr


def test_tiles_of_a_site_are_moved_together(tmp_path: Path) -> None:
    draw, tiles = np.random.default_rng(1), []
    for number in range(6):  # so noisy that hardly any tile can tell its own shift
        whole = scenes.forest(number, 120)
        cut = whole.crop(20, 20, 80, 80)
        rgb = np.clip(cut.rgb + draw.normal(0, 200, cut.rgb.shape), 1, 255)
        tiles.append(scenes.tile(f"A{number}", rgb, whole.height[17:97, 26:106]))
    write_folder(tmp_path / "data", tiles)
    document = json.loads(
        assay("labels", "register", tmp_path / "data", "--out", tmp_path / "placed", "--together", "--json").stdout
    )
    rows = document["tiles"]
    assert len(rows) == 6 and all(row["moved"] and row["judged_by"] == "together" for row in rows)
    assert len({(row["found_rows"], row["found_columns"]) for row in rows}) == 1
    assert np.hypot(rows[0]["found_rows"] - 3, rows[0]["found_columns"] + 6) < 1
    assert json.loads((tmp_path / "placed" / "registration.json").read_text()) == document
    moved = read_manifest(tmp_path / "placed")[0].load()
    known = np.isfinite(moved.height)
    truth = scenes.forest(0, 120).height[20:100, 20:100]
    assert np.abs(moved.height - truth)[known].mean() < 0.5 * np.abs(tiles[0].height - truth).mean()
    alone = assay("labels", "register", tmp_path / "data", "--out", tmp_path / "alone").stdout
    assert alone.count("moved") < 6


@pytest.mark.slow
def test_labels_are_registered_and_cleaned_into_new_folders(data: Path, tmp_path: Path) -> None:
    document = json.loads(assay("labels", "register", data, "--out", tmp_path / "placed", "--json").stdout)
    assert len(document["tiles"]) == 36 and not any(tile["moved"] for tile in document["tiles"])
    assert len(read_manifest(tmp_path / "placed")) == 36
    page = tmp_path / "cleaning.html"
    found = assay("labels", "clean", tmp_path / "placed", "--out", tmp_path / "clean", "--html", page, "--json")
    document = json.loads(found.stdout)
    assert document["tiles"] == 36 and document["dropped"] <= 4 and "dropped" in page.read_text()
    kept = [ref for ref in read_manifest(tmp_path / "clean") if ref.height is not None]
    assert len(kept) == 36 - document["dropped"]
    again = assay("labels", "clean", data, "--out", tmp_path / "clean", ok=2)
    assert "is not empty" in again.stderr
