"""Tiles and their manifest: what is read is what the manifest says, and what is wrong is said in a sentence."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from assay.canopy.tiles import Tile, TileRef, blocks, by_site, hold_out, pieces, read_manifest, read_points, site_folds
from assay.core.errors import AssayError, BadInput, Corrupt, LimitExceeded

DATA = Path(__file__).parents[4] / "shared" / "data" / "canopy"
GRID = Affine(0.5, 0, 400_000, 0, -0.5, 3_280_000)


def raster(
    path: Path, bands: np.ndarray, transform: Affine = GRID, crs: str | None = "EPSG:32617", **more: object
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    count, rows, columns = bands.shape
    profile = {"driver": "GTiff", "count": count, "height": rows, "width": columns, "dtype": bands.dtype.name}
    with rasterio.open(path, "w", transform=transform, crs=crs, **profile, **more) as dataset:
        dataset.write(bands)


def pair(folder: Path, name: str, **more: object) -> list[dict[str, str]]:
    draw = np.random.default_rng(3)
    rgb = draw.integers(1, 255, (3, 20, 30)).astype(np.uint8)
    height = draw.uniform(0, 30, (1, 20, 30)).astype(np.float32)
    height[0, :2] = -9999
    height[0, 2, 0], height[0, 2, 1] = -0.7, 700
    raster(folder / f"{name}_rgb.tif", rgb)
    raster(folder / f"{name}_chm.tif", height, nodata=-9999, **more)
    row = {"site": name[0].upper(), "split": "train", "gsd_m": "0.5", "date": "2021-06-30"}
    return [
        {"file": f"{name}_rgb.tif", "kind": "rgb (uint8)", **row},
        {"file": f"{name}_chm.tif", "kind": "canopy height (m, float32)", **row},
    ]


def manifest(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, sorted({name for row in rows for name in row}))
        table.writeheader()
        table.writerows(rows)


def one(folder: Path) -> TileRef:
    (ref,) = read_manifest(folder)
    return ref


def test_a_tile_is_read_with_its_georeference_and_unknown_heights_as_nan(tmp_path: Path) -> None:
    manifest(tmp_path, pair(tmp_path, "a1"))
    tile = one(tmp_path).load()
    assert (tile.name, tile.site, tile.split, tile.date, tile.gsd_m) == ("a1", "A", "train", "2021-06-30", 0.5)
    assert tile.rgb.shape == (3, 20, 30) and tile.rgb.dtype == np.uint8
    assert tile.crs == "EPSG:32617" and tile.transform == GRID
    assert not tile.labelled[:2].any() and tile.labelled[3:].all()
    assert tile.height[2, 0] == 0  # a slight negative is noise
    assert np.isnan(tile.height[2, 1])  # no tree has 700 m


def test_pixels_without_imagery_have_no_label(tmp_path: Path) -> None:
    rows = pair(tmp_path, "a1")
    rgb = np.full((3, 20, 30), 90, np.uint8)
    rgb[:, 10:12] = 0
    raster(tmp_path / "a1_rgb.tif", rgb, nodata=0)
    manifest(tmp_path, rows)
    tile = one(tmp_path).load()
    assert not tile.seen[10:12].any() and not tile.labelled[10:12].any() and tile.labelled[13:].all()


def test_a_tile_without_heights_is_imagery_only(tmp_path: Path) -> None:
    manifest(tmp_path, pair(tmp_path, "a1")[:1])
    ref = one(tmp_path)
    assert ref.height is None and not ref.load().labelled.any()


def test_a_window_keeps_its_place_on_the_ground(tmp_path: Path) -> None:
    manifest(tmp_path, pair(tmp_path, "a1"))
    tile = one(tmp_path).load()
    part = tile.crop(4, 6, 8, 10)
    assert part.shape == (8, 10) and part.transform @ (0, 0) == tile.transform @ (6, 4)
    assert np.array_equal(part.rgb, tile.rgb[:, 4:12, 6:16]) and part.name == "a1@4,6"
    with pytest.raises(ValueError, match="not inside"):
        tile.crop(15, 0, 10, 10)


def test_blocks_cover_a_tile_to_its_edge_and_leave_out_what_has_no_label(tmp_path: Path) -> None:
    manifest(tmp_path, pair(tmp_path, "a1"))
    tile = one(tmp_path).load()
    found = blocks(tile, 12)
    assert {(piece.name) for piece in found} == {f"a1@{r},{c}" for r in (0, 8) for c in (0, 12, 18)}
    assert [piece.name for piece in blocks(tile, 100)] == ["a1@0,0"]
    height = tile.height.copy()
    height[:12] = np.nan
    assert {piece.name for piece in blocks(tile.with_height(height), 12)} == {f"a1@8,{c}" for c in (0, 12, 18)}


def test_pieces_hold_every_pixel_once(tmp_path: Path) -> None:
    manifest(tmp_path, pair(tmp_path, "a1"))
    tile = one(tmp_path).load().with_height(np.arange(600, dtype=np.float32).reshape(20, 30) / 10)
    found = pieces(tile, 8)
    assert sorted(np.concatenate([piece.height.ravel() for piece in found])) == sorted(tile.height.ravel())
    assert {max(piece.shape) for piece in found} <= {7, 8, 10} and len(found) == 8


def test_no_site_is_trained_on_and_tested_on(tmp_path: Path) -> None:
    manifest(tmp_path, [row for name in ("a1", "a2", "b1", "c1", "c2") for row in pair(tmp_path, name)])
    refs = read_manifest(tmp_path)
    assert {site: len(found) for site, found in by_site(refs).items()} == {"A": 2, "B": 1, "C": 2}
    train, test = hold_out(refs, "B")
    assert [ref.site for ref in test] == ["B"] and {ref.site for ref in train} == {"A", "C"}
    for folds in (None, 2):
        tested = []
        for train, test in site_folds(refs, folds):
            assert not {ref.site for ref in train} & {ref.site for ref in test}
            tested += [ref.name for ref in test]
        assert sorted(tested) == ["a1", "a2", "b1", "c1", "c2"]
    with pytest.raises(BadInput, match="no tile of Z"):
        hold_out(refs, "Z")


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    rows = pair(tmp_path, "a1")
    for row in rows:
        row["sha256"] = hashlib.sha256((tmp_path / row["file"]).read_bytes()).hexdigest()
    manifest(tmp_path, rows)
    assert one(tmp_path).load().labelled.any()
    data = bytearray((tmp_path / "a1_chm.tif").read_bytes())
    data[-5] ^= 1
    (tmp_path / "a1_chm.tif").write_bytes(data)
    with pytest.raises(Corrupt, match=r"a1_chm\.tif is not the file"):
        one(tmp_path).load()


BAD_ROWS = {
    "outside": ({"file": "../secret_rgb.tif"}, "inside the folder"),
    "absolute": ({"file": "/etc/passwd"}, "inside the folder"),
    "no site": ({"site": ""}, "has no site"),
    "no size": ({"gsd_m": "none"}, "gsd_m"),
    "huge size": ({"gsd_m": "1e9"}, "gsd_m"),
    "date": ({"date": "June"}, "2021-06-30"),
    "digest": ({"sha256": "zz"}, "64 hex digits"),
    "missing file": ({"file": "z_rgb.tif"}, "does not exist"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_refused_with_its_line(tmp_path: Path, case: str) -> None:
    change, message = BAD_ROWS[case]
    rows = pair(tmp_path, "a1")[:1]
    manifest(tmp_path, [{**rows[0], "sha256": "", **change}])
    with pytest.raises(AssayError, match=message):
        one(tmp_path).load()


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.csv").write_text("file,kind\na_rgb.tif,rgb\n")
    with pytest.raises(BadInput, match="no column site"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.csv").write_text("file,site,kind\na_rgb.tif,A\n")
    with pytest.raises(BadInput, match="number of fields"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.csv").write_bytes(b"file,site,kind\n\xff\xfe,A,rgb\n")
    with pytest.raises(BadInput, match="UTF-8"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.csv").write_text("file,site,kind\n")
    with pytest.raises(BadInput, match="lists no imagery"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.csv").write_text("file,site,kind\na_chm.tif,A,height\n")
    with pytest.raises(BadInput, match="no imagery"):
        read_manifest(tmp_path)


def test_two_tiles_of_one_name_are_refused(tmp_path: Path) -> None:
    rows = pair(tmp_path, "a1")[:1] + [{**row, "file": "deep/" + row["file"]} for row in pair(tmp_path, "a1")[:1]]
    manifest(tmp_path, rows)
    with pytest.raises(BadInput, match="called a1"):
        read_manifest(tmp_path)


def test_rasters_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    rows = pair(tmp_path, "a1")
    manifest(tmp_path, rows)
    height = np.ones((1, 20, 30), np.float32)
    raster(tmp_path / "a1_chm.tif", height, transform=GRID @ Affine.translation(0.5, 0))
    with pytest.raises(BadInput, match="not on the grid"):
        one(tmp_path).load()
    raster(tmp_path / "a1_chm.tif", height, crs="EPSG:32618")
    with pytest.raises(BadInput, match="not on the grid"):
        one(tmp_path).load()
    raster(tmp_path / "a1_chm.tif", height[:, :10])
    with pytest.raises(BadInput, match="not on the grid"):
        one(tmp_path).load()


def test_imagery_that_is_no_imagery_is_refused(tmp_path: Path) -> None:
    rows = pair(tmp_path, "a1")
    manifest(tmp_path, rows)
    raster(tmp_path / "a1_rgb.tif", np.ones((3, 20, 30), np.uint16))
    with pytest.raises(BadInput, match="uint16"):
        one(tmp_path).load()
    raster(tmp_path / "a1_rgb.tif", np.ones((2, 20, 30), np.uint8))
    with pytest.raises(BadInput, match=r"2 band\(s\)"):
        one(tmp_path).load()
    whole = pair(tmp_path, "a1")[0]["file"]
    (tmp_path / whole).write_bytes((tmp_path / whole).read_bytes()[:900])
    with pytest.raises(BadInput, match="cannot be read"):
        one(tmp_path).load()
    (tmp_path / whole).write_bytes(b"no raster")
    with pytest.raises(BadInput, match="cannot be read as a raster"):
        one(tmp_path).load()


def test_a_huge_raster_is_refused_before_it_is_read(tmp_path: Path) -> None:
    rows = pair(tmp_path, "a1")
    manifest(tmp_path, rows)
    with rasterio.open(
        tmp_path / "a1_rgb.tif", "w", driver="GTiff", count=3, dtype="uint8", width=200_000, height=100_000,
        sparse_ok=True, tiled=True, bigtiff="yes", transform=GRID, crs="EPSG:32617",
    ):  # fmt: skip
        pass
    with pytest.raises(LimitExceeded, match="200000 x 100000"):
        one(tmp_path).load()


def test_a_pixel_size_that_contradicts_the_raster_is_refused(tmp_path: Path) -> None:
    rows = pair(tmp_path, "a1")
    manifest(tmp_path, [{**row, "gsd_m": "1.0"} for row in rows])
    with pytest.raises(BadInput, match=r"pixels of 0\.5 m, and the manifest says 1 m"):
        one(tmp_path).load()
    manifest(tmp_path, [{**row, "gsd_m": ""} for row in rows])
    assert one(tmp_path).load().gsd_m == 0.5


def test_without_any_pixel_size_a_tile_is_refused(tmp_path: Path) -> None:
    rows = pair(tmp_path, "a1")[:1]
    raster(tmp_path / "a1_rgb.tif", np.ones((3, 20, 30), np.uint8), crs=None)
    manifest(tmp_path, [{**row, "gsd_m": ""} for row in rows])
    with pytest.raises(BadInput, match="give gsd_m"):
        one(tmp_path).load()


@pytest.mark.skipif(not DATA.is_dir(), reason="the tiles are not in ../shared/data")
def test_the_tiles_at_hand_are_read() -> None:
    refs = read_manifest(DATA)
    sites = {site: len(found) for site, found in by_site(refs).items()}
    assert sites == {"ABBY": 1, "EUGENE": 1, "HARV": 5, "NZWGTN": 1, "OSBS": 4, "SOAP": 1, "TEAK": 18, "ZURICH": 1}
    assert {ref.site for ref in refs if ref.synthetic} == {"ABBY", "SOAP"}
    assert len(read_points(DATA)) == 9
    for ref in refs:
        if ref.site in ("OSBS", "ZURICH", "EUGENE"):
            tile: Tile = ref.load()
            assert tile.labelled.any() and np.nanmin(tile.height) >= 0 and np.nanmax(tile.height) < 80
