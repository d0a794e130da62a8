"""What is written opens, validated, in the tools that people use: COG, STAC, odc-stac, rioxarray, quadkeys."""

import json
from pathlib import Path

import numpy as np
import pystac
import pystac.validation
import pytest
import rasterio
from affine import Affine
from pystac.validation.stac_validator import GetSchemaError
from rio_cogeo.cogeo import cog_validate
from shapely.geometry import shape

from assay.canopy.mapping import map_canopy
from assay.canopy.mapping.quadkeys import quadkey, tiles_of
from tests.canopy.mapping.support import BAND, RedIsHeight, heights, options, place, predictor, scene, texture, write


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map with a hole and an interval, larger than one block."""
    folder = tmp_path_factory.mktemp("outputs")
    data = texture(slice(0, 900), slice(0, 1100))
    data[:, 200:330, 300:450] = 0
    path = write(folder / "a.tif", data, nodata=0)
    map_canopy(predictor(RedIsHeight(), uncertainty=BAND), path, folder / "map", options())
    return folder / "map"


def valid(path: Path) -> None:
    """STAC validation; where the schemas of extensions cannot be fetched, of the core alone."""
    made = pystac.read_file(str(path))
    try:
        made.validate()
    except GetSchemaError:
        document = json.loads(path.read_bytes())
        kind = pystac.STACObjectType.ITEM if document["type"] == "Feature" else pystac.STACObjectType.COLLECTION
        pystac.validation.RegisteredValidator.get_validator().validate_core(document, kind, document["stac_version"])


@pytest.mark.parametrize("product", ["height", "uncertainty"])
def test_files_are_valid_cogs(mapped: Path, product: str) -> None:
    good, errors, warnings = cog_validate(mapped / f"a.{product}.tif", strict=True, quiet=True)
    assert good and not errors and not warnings
    with rasterio.open(mapped / f"a.{product}.tif") as dataset:
        assert dataset.overviews(1) and dataset.block_shapes[0] == (512, 512)


def test_items_and_the_collection_are_valid_stac(mapped: Path) -> None:
    valid(mapped / "a.json")
    valid(mapped / "collection.json")
    collection = pystac.Collection.from_file(str(mapped / "collection.json"))
    assert [item.id for item in collection.get_items()] == ["a"]
    item = pystac.Item.from_file(str(mapped / "a.json"))
    assert item.get_collection() is not None and item.properties["canopy:model"]["name"] == "test"
    for asset in item.assets.values():
        assert Path(str(asset.get_absolute_href())).is_file()


def test_rioxarray_sees_metres_and_holes(mapped: Path) -> None:
    rioxarray = pytest.importorskip("rioxarray")
    with rioxarray.open_rasterio(mapped / "a.height.tif", mask_and_scale=True) as found:
        expected = heights(mapped, "a")
        np.testing.assert_allclose(found.values[0], expected, atol=1e-4)
        assert np.isnan(found.values[0][250, 350]) and found.rio.crs.to_epsg() == 32617
        assert found.rio.transform() == place()


def test_odc_stac_sees_the_grid_the_nodata_and_the_type(mapped: Path) -> None:
    odc_stac = pytest.importorskip("odc.stac")
    item = pystac.Item.from_file(str(mapped / "a.json"))
    found = odc_stac.load([item], bands=["height"])
    assert found.height.dtype == np.uint16 and found.height.odc.nodata == 65535
    assert found.odc.geobox.shape == (900, 1100) and found.odc.geobox.crs.epsg == 32617
    assert found.odc.geobox.affine == place()
    with rasterio.open(mapped / "a.height.tif") as dataset:
        assert np.array_equal(found.height.values[0], dataset.read(1))


def test_overviews_do_not_mix_holes_into_heights(mapped: Path) -> None:
    with rasterio.open(mapped / "a.height.tif", overview_level=0) as small:
        values = small.read(1)
    assert values[values != 65535].max() <= 400  # decimetres: no 65535 was averaged in
    assert (values[105:160, 155:220] == 65535).all() and (values[:90] != 65535).all()


# Across the antimeridian ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["degrees", "degrees from 0 to 360", "utm"])
def test_a_map_across_the_antimeridian_has_a_footprint_on_both_sides(tmp_path: Path, kind: str) -> None:
    step = 0.5 / 111_320
    west = {"degrees": 180 - 100 * step, "degrees from 0 to 360": 180 - 100 * step, "utm": 0.0}[kind]
    if kind == "utm":  # zone 60: its east edge at the equator is at about 833,978 m
        crs, transform = "EPSG:32660", Affine(0.5, 0, 833_978.5 - 50, 0, -0.5, 60)
    else:
        crs, transform = "EPSG:4326", Affine(step, 0, west, 0, -step, 30 * step)
    path = write(tmp_path / "a.tif", texture(slice(0, 120), slice(0, 200)), crs=crs, transform=transform)
    done = map_canopy(predictor(), path, tmp_path / "map", options(quadkeys=14 if kind == "degrees" else None))
    item = json.loads((tmp_path / "map" / "a.json").read_bytes())
    west, south, east, north = item["bbox"]
    assert west > 179 and east < -179 and south < north
    footprint = shape(item["geometry"])
    assert footprint.geom_type == "MultiPolygon" and len(footprint.geoms) == 2
    assert footprint.area == pytest.approx(200 * 120 * step * step, rel=0.02)
    assert all(-180 <= x <= 180 for part in footprint.geoms for x, _ in part.exterior.coords)
    assert done.valid_pixels == 200 * 120
    valid(tmp_path / "map" / "a.json")
    if kind == "degrees":
        made = sorted(p.name for p in (tmp_path / "map" / "quadkeys").glob("*.json"))
        assert {name[0] for name in made} == {"0", "1", "2", "3"}  # on both sides, and here on both of the equator
        files = (tmp_path / "map" / "quadkeys").glob("*.height.tif")
        assert (
            sum((rasterio.open(file).read(1) != 65535).sum() for file in files)
            > 0.9 * 100 * 60 * (0.5 / 1.194) ** 2 * 4
        )


def test_bounds_across_the_antimeridian_find_their_pixels(tmp_path: Path) -> None:
    step = 0.5 / 111_320
    path = write(
        tmp_path / "a.tif",
        texture(slice(0, 60), slice(0, 200)),
        crs="EPSG:4326",
        transform=Affine(step, 0, 180 - 100 * step, 0, -step, 0),
    )
    bounds = (180 - 20 * step, -1.0, -180 + 30 * step, 1.0)
    done = map_canopy(predictor(), path, tmp_path / "map", options(bounds=bounds))
    assert done.pixels == 60 * 50


# Quadkeys ------------------------------------------------------------------------------------------------------------


def test_quadkeys_are_those_of_the_tile_system() -> None:
    assert quadkey(3, 5, 3) == "213"  # the example of Bing's documentation
    assert list(tiles_of([-0.1, -0.1, 0.1, 0.1], 1)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len(list(tiles_of([179.9, 10, -179.9, 10.1], 6))) == 2


def test_webmercator_files_show_the_same_heights_at_the_same_places(tmp_path: Path) -> None:
    y, x = np.mgrid[0:600, 0:600]
    ramp = (30 + 0.15 * x + 0.15 * y).astype(np.uint8)
    path = write(tmp_path / "a.tif", np.stack([ramp] * 3), transform=place(gsd=1.0))
    map_canopy(predictor(RedIsHeight(), gsd_m=1.0), path, tmp_path / "map", options(quadkeys=15))
    folder = tmp_path / "map" / "quadkeys"
    files = sorted(folder.glob("*.height.tif"))
    assert files
    seen = 0
    from pyproj import Transformer

    for file in files:
        assert cog_validate(file, quiet=True)[0]
        valid(folder / file.name.replace(".height.tif", ".json"))
        with rasterio.open(file) as dataset:
            assert dataset.crs.to_epsg() == 3857 and dataset.shape == (1024, 1024)
            values = dataset.read(1)
            rows, columns = np.nonzero(values != 65535)
            seen += len(rows)
            chosen = slice(None, None, max(1, len(rows) // 500))
            eastings, northings = rasterio.transform.xy(dataset.transform, rows[chosen], columns[chosen])
            back = Transformer.from_crs(3857, 32617, always_xy=True).transform(eastings, northings)
            at = [(int(4100000 - n), int(e - 500000)) for e, n in zip(*back, strict=True)]
            inside = [k for k, (r, c) in enumerate(at) if 2 < r < 597 and 2 < c < 597]
            expected = np.array([ramp[at[k]] / 255 * 40 for k in inside])
            found = values[rows[chosen], columns[chosen]][inside] * 0.1
            np.testing.assert_allclose(found, expected, atol=0.5)
    assert seen > 100_000


def test_a_scene_of_one_hole_leaves_no_empty_quadkey_files(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 100, 100)
    map_canopy(predictor(), path, tmp_path / "map", options(quadkeys=17))
    for file in (tmp_path / "map" / "quadkeys").glob("*.height.tif"):
        with rasterio.open(file) as dataset:
            assert (dataset.read(1) != 65535).any()
