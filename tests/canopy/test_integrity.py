"""Copies of hidden tiles are found however they are kept; a model that was trained on them gives itself away."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from assay.canopy.augmentation import AugmentationConfig
from assay.canopy.integrity import Errors, by_heart, copies
from assay.canopy.model import CanopyModel, load
from assay.canopy.predicting import predictor
from assay.canopy.recipes import PLAIN
from assay.canopy.synthetic import tile
from assay.canopy.tasks import LIMITS
from assay.canopy.tiles import Tile, write_height
from assay.canopy.training import train
from assay.core.verdict import Finding, Severity

HIDDEN = [tile(200, 0, 64), tile(201, 0, 64)]
OTHER = tile(7, 0, 64)


def _npy(folder: Path, secret: Tile) -> None:
    np.save(folder / "x.npy", np.stack([OTHER.height[:20, :20], secret.height[30:50, 10:30]]))


def _turned(folder: Path, secret: Tile) -> None:
    np.save(folder / "x.npy", np.rot90(secret.height, 1))


def _mirrored(folder: Path, secret: Tile) -> None:
    np.save(folder / "x.npy", np.ascontiguousarray(secret.rgb[..., ::-1]))


def _npz(folder: Path, secret: Tile) -> None:
    np.savez_compressed(folder / "x.npz", a=secret.height[:32])


def _gzip(folder: Path, secret: Tile) -> None:
    (folder / "x.bin.gz").write_bytes(gzip.compress(b"abc" + secret.rgb.transpose(1, 2, 0).tobytes()))


def _geotiff(folder: Path, secret: Tile) -> None:
    write_height(folder / "x.tif", secret.height, secret)


def _png(folder: Path, secret: Tile) -> None:
    with rasterio.open(folder / "x.png", "w", driver="PNG", count=3, height=64, width=64, dtype="uint8") as image:
        image.write(secret.rgb)


def _zipped(folder: Path, secret: Tile) -> None:
    _geotiff(folder, secret)
    with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deep/y.raw", secret.height[10:40].tobytes())
    (folder / "x.tif").unlink()


@pytest.mark.parametrize("keep", [_npy, _turned, _mirrored, _npz, _gzip, _geotiff, _png, _zipped])
def test_a_copy_of_a_hidden_tile_is_found(tmp_path: Path, keep: object) -> None:
    keep(tmp_path, HIDDEN[1])  # type: ignore[operator]
    (finding,) = copies(tmp_path, LIMITS, HIDDEN)
    assert finding.severity is Severity.VIOLATION
    assert {evidence.matches for evidence in finding.evidence} == {"S201_00"}


def test_tiles_of_other_sites_are_no_copies(tmp_path: Path) -> None:
    for number, keep in enumerate((_npy, _geotiff, _gzip, _npz, _png)):
        (tmp_path / str(number)).mkdir()
        keep(tmp_path / str(number), OTHER)
    np.save(tmp_path / "zeros.npy", np.zeros((500, 500), np.float32))
    np.save(tmp_path / "random.npy", np.random.default_rng(1).integers(0, 255, 1 << 20, dtype=np.uint8))
    (tmp_path / "notes.txt").write_text("nothing here\n" * 1000)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04" + bytes(50))
    (tmp_path / "broken.tif").write_bytes(b"II*\0" + bytes(50))
    assert copies(tmp_path, LIMITS, HIDDEN) == []


@pytest.mark.slow
def test_a_model_that_was_trained_on_the_hidden_tiles_gives_itself_away(tmp_path: Path) -> None:
    sites = range(300, 306)
    hidden = {site: [tile(site, number, 32) for number in range(3)] for site in sites}
    cheat = [one for some in hidden.values() for one in some]
    honest = [tile(site, number, 32) for site in range(3, 9) for number in range(3)]
    fast = {
        "model": PLAIN.model.model_copy(update={"gsd_m": 1.0}),
        "augmentation": AugmentationConfig(turns=False, brightness=0.0),
        "crop": 32,
        "batch": 4,
        "lr": 3e-3,
    }

    def asked(model: CanopyModel) -> list[Finding]:
        def errors(tiles: list[Tile]) -> NDArray[np.float64]:
            return np.array([float(np.abs(predictor(model)(one).height - one.height).mean()) for one in tiles])

        others = {site: [tile(site, 5000 + number, 32) for number in range(5)] for site in sites}
        return by_heart([Errors(errors(hidden[site]), errors(others[site])) for site in sites], seed=1)

    for name, tiles, steps in (("cheat", cheat, 260), ("honest", honest, 80)):
        train(PLAIN.model_copy(update={**fast, "steps": steps}), tiles, tmp_path / name)
    (finding,) = asked(load(tmp_path / "cheat"))
    assert finding.severity is Severity.VIOLATION
    assert asked(load(tmp_path / "honest")) == []


def test_chance_is_no_violation() -> None:
    draw = np.random.default_rng(5)
    alarms = 0
    for seed in range(40):
        sites = [Errors(draw.lognormal(0, 0.4, 4), draw.lognormal(0, 0.4, 4)) for _ in range(8)]
        alarms += bool(by_heart(sites, seed=seed))
    assert alarms == 0
    better = [Errors(draw.lognormal(-0.7, 0.4, 4), draw.lognormal(0, 0.4, 4)) for _ in range(8)]
    assert by_heart(better, seed=0)
