"""Maps as a whole: right heights at the right places, whatever part is asked for and however it is cut."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine

from assay.canopy.mapping import Asked, Tiling, map_canopy
from assay.canopy.mapping.imagery import Imagery, describe
from assay.canopy.mapping.lattice import Lattice
from assay.canopy.mapping.plan import lay_out
from assay.canopy.mapping.seams import worst_index
from assay.core.errors import BadInput
from tests.canopy.mapping.support import (
    BAND,
    SMALL,
    Attentive,
    Local,
    RedIsHeight,
    card,
    contents,
    heights,
    options,
    place,
    predictor,
    scene,
    texture,
    write,
)


def bare(model: torch.nn.Module, colours: np.ndarray) -> np.ndarray:
    """What the model says when it sees everything at once."""
    with torch.inference_mode():
        return model(torch.from_numpy(colours).float()[None] / 255).metres[0, 0].numpy()


def lattice_of(path: Path, tiling: Tiling = SMALL) -> Lattice:
    return lay_out([Imagery.group([describe(str(path), Asked())])[0]], card(), tiling=tiling)[0].lattice


def test_a_map_is_what_the_model_says_of_the_whole_image(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 500, 430, row=37, column=1011)
    done = map_canopy(predictor(), path, tmp_path / "map", options())
    expected = bare(Local(), texture(slice(37, 537), slice(1011, 1441)))
    found = heights(tmp_path / "map", "a")
    assert done.cells > 3 and found.shape == (500, 430)
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(found - expected)[inner].max() <= 0.051  # rounded to decimetres
    assert expected.std() > 1  # there is something to see


def test_the_grid_is_the_imagery_s_own(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 120, 90)
    map_canopy(predictor(), path, tmp_path / "map", options())
    with rasterio.open(path) as there, rasterio.open(tmp_path / "map" / "a.height.tif") as made:
        assert (made.crs, made.transform, made.shape) == (there.crs, there.transform, there.shape)
        assert (made.dtypes, made.nodata, made.scales, made.units) == (("uint16",), 65535, (0.1,), ("m",))


@pytest.mark.parametrize("model", [Local, Attentive])
def test_any_part_of_a_map_is_the_same_part_of_a_larger_one(tmp_path: Path, model: type[torch.nn.Module]) -> None:
    whole = scene(tmp_path / "whole.tif", 640, 600)
    part = scene(tmp_path / "part.tif", 400, 371, row=150, column=133)  # a file of its own, off the lattice
    for path in (whole, part):
        map_canopy(predictor(model()), path, tmp_path / path.stem, options())
    large, small = heights(tmp_path / "whole", "whole")[150:550, 133:504], heights(tmp_path / "part", "part")
    edge = 8 if model is Local else 96  # pixels; with attention windows at the edge see something else
    inner = np.s_[edge:-edge, edge:-edge]
    assert np.abs(large - small)[inner].max() <= 0.05
    # Not because everything is one height, and nearer to the edge they do differ.
    assert large.std() > 0.5 and np.abs(large - small).max() > 0.05


def test_bounds_give_exactly_that_part(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 500, 500)
    map_canopy(predictor(Attentive()), path, tmp_path / "whole", options())
    with rasterio.open(path) as dataset:
        from rasterio.warp import transform_bounds

        left, bottom = dataset.transform @ (100.0, 400.0)
        right, top = dataset.transform @ (310.0, 130.0)
        bounds = transform_bounds(dataset.crs, "EPSG:4326", left, bottom, right, top)
    map_canopy(predictor(Attentive()), path, tmp_path / "part", options(bounds=bounds))
    with rasterio.open(tmp_path / "part" / "a.height.tif") as part:
        column, row = (round(v) for v in ~place() @ (part.transform.c, part.transform.f))
        found = part.read(1)
    assert 95 <= column <= 100 and 125 <= row <= 130 and found.shape[0] < 290
    whole = np.round(heights(tmp_path / "whole", "a") * 10)[
        row : row + found.shape[0], column : column + found.shape[1]
    ]
    assert np.array_equal(whole, found)  # to the last bit: the edge of what is asked for is not an edge of the data


def test_an_attentive_model_leaves_no_seams_when_windows_fade_into_one_another(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 900, 900)
    indices = {}
    for name, ramp in (("fading", 48), ("cut", 0)):
        tiling = Tiling(160, 64, ramp, 16)
        map_canopy(predictor(Attentive()), path, tmp_path / name, options(tiling=tiling))
        indices[name] = worst_index(heights(tmp_path / name, "a"), lattice_of(path, tiling))
    assert indices["fading"] <= 1.05
    assert indices["cut"] > 1.2  # the same model does make seams


def test_files_are_cut_into_sheets_that_fit_together(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 420, 500)
    map_canopy(predictor(uncertainty=BAND), path, tmp_path / "one", options())
    done = map_canopy(predictor(uncertainty=BAND), path, tmp_path / "many", options(sheet=256))
    whole, seen = heights(tmp_path / "one", "a"), np.zeros((420, 500), int)
    for name in done.items:
        with rasterio.open(tmp_path / "many" / f"{name}.height.tif") as sheet:
            column, row = (round(v) for v in ~place() @ (sheet.transform.c, sheet.transform.f))
            at = np.s_[row : row + sheet.height, column : column + sheet.width]
            assert max(sheet.shape) <= 256
        assert np.array_equal(heights(tmp_path / "many", name), whole[at])
        seen[at] += 1
    assert len(done.items) >= 4 and (seen == 1).all()


def test_an_interval_lies_around_the_height(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 300, 200)
    map_canopy(predictor(uncertainty=BAND), path, tmp_path / "map", options())
    height, (low, high) = heights(tmp_path / "map", "a"), heights(tmp_path / "map", "a", "uncertainty")
    np.testing.assert_allclose(high - height, 3, atol=0.11)
    np.testing.assert_allclose(height - low, np.minimum(height, 2), atol=0.11)


# Holes ---------------------------------------------------------------------------------------------------------------


def test_a_hole_stays_a_hole_and_bare_ground_is_a_height(tmp_path: Path) -> None:
    data = np.full((3, 300, 300), 100, np.uint8)
    data[:, 40:90, 50:120] = 7  # nodata
    data[0, 150:260, 20:200] = 0  # no red: bare ground, with other colours
    data[:, 200, 280] = (7, 7, 8)  # one colour differs: it is imagery
    path = write(tmp_path / "a.tif", data, nodata=7)
    done = map_canopy(predictor(RedIsHeight()), path, tmp_path / "map", options())
    found = heights(tmp_path / "map", "a")
    hole = (data == 7).all(0)
    assert np.array_equal(np.isnan(found), hole)
    assert (found[160:250, 30:190] == 0).all()
    np.testing.assert_allclose(found[~hole & (data[0] == 100)], 100 / 255 * 40, atol=0.051)
    assert done.valid_pixels == 300 * 300 - hole.sum()
    with rasterio.open(tmp_path / "map" / "a.height.tif") as dataset:
        assert np.array_equal(dataset.read_masks(1) == 0, hole)
        assert np.array_equal(dataset.dataset_mask() == 0, hole)


def test_a_hole_does_not_darken_what_is_around_it(tmp_path: Path) -> None:
    data = texture(slice(0, 300), slice(0, 300))
    holed = data.copy()
    holed[:, 100:180, 100:180] = 0
    mask = np.full((300, 300), 255, np.uint8)
    mask[100:180, 100:180] = 0
    write(tmp_path / "plain.tif", np.full_like(data, 90))
    flat = np.full_like(data, 90)
    flat[:, 100:180, 100:180] = 0
    write(tmp_path / "flat.tif", flat, mask=mask)
    for name in ("plain", "flat"):
        map_canopy(predictor(Local()), tmp_path / f"{name}.tif", tmp_path / name, options())
    plain, flat_heights = heights(tmp_path / "plain", "plain"), heights(tmp_path / "flat", "flat")
    assert np.isnan(flat_heights[100:180, 100:180]).all()
    there = ~np.isnan(flat_heights)
    assert there.sum() == 300 * 300 - 80 * 80
    assert np.array_equal(plain[there], flat_heights[there])


def test_imagery_without_any_data_gives_an_empty_map_that_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.zeros((3, 200, 200), np.uint8), nodata=0)
    done = map_canopy(predictor(), path, tmp_path / "map", options())
    assert np.isnan(heights(tmp_path / "map", "a")).all()
    assert done.valid_pixels == 0 and any("has data" in note for note in done.notes)


# Resolution and grids ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gsd_m", [0.3, 0.5, 0.6, 1.0, 1.25])
def test_other_resolutions_are_resampled_and_come_back_to_the_same_place(tmp_path: Path, gsd_m: float) -> None:
    y, x = np.mgrid[0:320, 0:300]
    ramp = (40 + 100 * x / 300 + 80 * y / 320).astype(np.uint8)
    path = write(tmp_path / "a.tif", np.stack([ramp, ramp, ramp]))
    done = map_canopy(predictor(RedIsHeight(), gsd_m=gsd_m), path, tmp_path / "map", options())
    found = heights(tmp_path / "map", "a")
    assert found.shape == (320, 300)
    np.testing.assert_allclose(found, ramp / 255 * 40, atol=0.35)
    assert abs((found - ramp / 255 * 40).mean()) < 0.02  # not shifted
    assert any("resampled" in note for note in done.notes) == (gsd_m != 0.5)


def test_resampled_parts_are_the_same_too(tmp_path: Path) -> None:
    scene(tmp_path / "whole.tif", 700, 500)
    scene(tmp_path / "part.tif", 400, 300, row=130, column=77)
    for name in ("whole", "part"):
        map_canopy(predictor(gsd_m=0.7), tmp_path / f"{name}.tif", tmp_path / name, options())
    large, small = heights(tmp_path / "whole", "whole")[130:530, 77:377], heights(tmp_path / "part", "part")
    assert np.abs(large - small)[20:-20, 20:-20].max() <= 0.05


@pytest.mark.parametrize(("gsd_m", "word"), [(30.0, "fine"), (0.1, "coarse")])
def test_a_resolution_that_is_far_off_is_refused(tmp_path: Path, gsd_m: float, word: str) -> None:
    path = scene(tmp_path / "a.tif", 64, 64)
    with pytest.raises(BadInput, match=f"too {word} for the model test"):
        map_canopy(predictor(gsd_m=gsd_m), path, tmp_path / "map", options())


def test_degrees_are_taken_for_what_they_are_on_the_ground(tmp_path: Path) -> None:
    down = 0.5 / 110_900
    path = write(
        tmp_path / "a.tif",
        texture(slice(0, 200), slice(0, 200)),
        crs="EPSG:4326",
        transform=Affine(down * 2, 0, 8.5, 0, -down, 60),
    )
    layout = lay_out(Imagery.group([describe(str(path), Asked())]), card(gsd_m=0.5), tiling=SMALL)[0]
    assert (layout.lattice.y.ratio, layout.lattice.x.ratio) == (1, 1)  # at 60° a degree of longitude is half as long


@pytest.mark.parametrize("kind", ["rotated", "south up"])
def test_a_rotated_grid_is_kept(tmp_path: Path, kind: str) -> None:
    turned = Affine.translation(500000, 4100000) @ Affine.rotation(30) @ Affine.scale(0.5, -0.5)
    transform = turned if kind == "rotated" else Affine(0.5, 0, 500000, 0, 0.5, 4000000)
    data = texture(slice(0, 300), slice(0, 260))
    map_canopy(predictor(), write(tmp_path / "a.tif", data, transform=transform), tmp_path / "map", options())
    with rasterio.open(tmp_path / "map" / "a.height.tif") as made:
        assert made.transform.almost_equals(transform, 1e-9)
        assert np.abs(made.read(1) * 0.1 - bare(Local(), data))[8:-8, 8:-8].max() <= 0.051
    item = json.loads((tmp_path / "map" / "a.json").read_bytes())
    assert item["properties"]["proj:transform"][:6] == pytest.approx(list(transform)[:6])


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2), (17, 400)])
def test_tiny_images_have_maps(tmp_path: Path, shape: tuple[int, int]) -> None:
    path = write(tmp_path / "a.tif", np.full((3, *shape), 51, np.uint8))
    done = map_canopy(predictor(RedIsHeight()), path, tmp_path / "map", options())
    np.testing.assert_allclose(heights(tmp_path / "map", "a"), 8, atol=0.051)
    assert done.valid_pixels == shape[0] * shape[1]


# Radiometry ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("uint16", 100, 2147), ("int16", -500, 9500), ("float32", 0.02, 0.62), ("float64", -1, 1)],
)
def test_the_declared_range_decides_not_the_brightest_pixel(
    tmp_path: Path, dtype: str, low: float, high: float
) -> None:
    share = np.linspace(0.1, 0.9, 200 * 200).reshape(200, 200)
    data = np.stack([low + share * (high - low)] * 3).astype(dtype)
    data[:, 0, 0] = np.array(high * 3).astype(dtype)  # one glint
    path = write(tmp_path / "a.tif", data)
    map_canopy(predictor(RedIsHeight()), path, tmp_path / "map", options(asked=Asked(low=low, high=high)))
    found = heights(tmp_path / "map", "a")
    np.testing.assert_allclose(found[1:], share[1:] * 40, atol=0.08)
    assert found[0, 0] == 40  # clipped


def test_declared_bits_are_a_range(tmp_path: Path) -> None:
    data = np.full((3, 64, 64), 1024, np.uint16)
    map_canopy(predictor(RedIsHeight()), write(tmp_path / "a.tif", data, nbits=11), tmp_path / "map", options())
    np.testing.assert_allclose(heights(tmp_path / "map", "a"), 1024 / 2047 * 40, atol=0.051)


def test_no_number_in_float_imagery_is_a_hole(tmp_path: Path) -> None:
    data = np.full((3, 100, 100), 0.5, np.float32)
    data[1, 10:20, 10:20] = np.nan
    data[2, 30:40, 30:40] = np.inf
    path = write(tmp_path / "a.tif", data)
    map_canopy(predictor(RedIsHeight()), path, tmp_path / "map", options(asked=Asked(low=0, high=1)))
    found = heights(tmp_path / "map", "a")
    assert np.isnan(found).sum() == 200 and np.isnan(found[10:20, 10:20]).all()


def test_colours_are_found_by_what_the_bands_are_called(tmp_path: Path) -> None:
    from rasterio.enums import ColorInterp

    data = np.stack([np.full((64, 64), v, np.uint8) for v in (10, 200, 30, 40)])
    path = write(tmp_path / "a.tif", data)
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = (ColorInterp.undefined, ColorInterp.blue, ColorInterp.green, ColorInterp.red)
    map_canopy(predictor(RedIsHeight()), path, tmp_path / "map", options())
    np.testing.assert_allclose(heights(tmp_path / "map", "a"), 40 / 255 * 40, atol=0.051)
    map_canopy(predictor(RedIsHeight()), path, tmp_path / "other", options(asked=Asked(bands=(2, 3, 4))))
    np.testing.assert_allclose(heights(tmp_path / "other", "a"), 200 / 255 * 40, atol=0.051)


def test_alpha_is_a_mask(tmp_path: Path) -> None:
    from rasterio.enums import ColorInterp

    data = np.full((4, 100, 100), 102, np.uint8)
    data[3] = 255
    data[3, :50] = 0
    path = write(tmp_path / "a.tif", data, photometric="RGB")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)
    map_canopy(predictor(RedIsHeight()), path, tmp_path / "map", options())
    found = heights(tmp_path / "map", "a")
    assert np.isnan(found[:50]).all() and np.isfinite(found[50:]).all()


# Several scenes ------------------------------------------------------------------------------------------------------


def test_scenes_on_one_grid_are_mapped_as_one_without_a_seam(tmp_path: Path) -> None:
    names = []
    for row in (0, 200):
        for column in (0, 150, 300):
            names.append(f"s_{row}_{column}.tif")
            scene(tmp_path / names[-1], 210, 160, row=row, column=column)
    (tmp_path / "list.txt").write_text("# scenes\n" + "\n".join(names) + "\n")
    done = map_canopy(predictor(), tmp_path / "list.txt", tmp_path / "many", options(name="m"))
    scene(tmp_path / "whole.tif", 410, 460)
    map_canopy(predictor(), tmp_path / "whole.tif", tmp_path / "one", options(name="m"))
    assert done.items == ("m",)
    assert np.array_equal(heights(tmp_path / "many", "m"), heights(tmp_path / "one", "m"))


def test_scenes_on_different_grids_are_items_of_one_collection(tmp_path: Path) -> None:
    first = scene(tmp_path / "a.tif", 100, 100)
    second = write(tmp_path / "b.tif", texture(slice(0, 90), slice(0, 80)), crs="EPSG:32618", transform=place())
    done = map_canopy(predictor(), [first, second], tmp_path / "map", options())
    assert done.items == ("a", "b")
    collection = json.loads((tmp_path / "map" / "collection.json").read_bytes())
    assert [link["href"] for link in collection["links"] if link["rel"] == "item"] == ["./a.json", "./b.json"]


def test_a_vrt_is_a_raster(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 120, 100)
    from rasterio.shutil import copy

    copy(path, tmp_path / "a.vrt", driver="VRT")
    map_canopy(predictor(), tmp_path / "a.vrt", tmp_path / "vrt", options())
    map_canopy(predictor(), path, tmp_path / "tif", options())
    assert np.array_equal(heights(tmp_path / "vrt", "a"), heights(tmp_path / "tif", "a"))


def test_a_stac_item_gives_its_image_and_its_date(tmp_path: Path) -> None:
    scene(tmp_path / "image.tif", 80, 80)
    assets = {
        "thumbnail": {"href": "t.png", "type": "image/png"},
        "visual": {"href": "./image.tif", "type": "image/tiff"},
    }
    properties = {"datetime": "2019-06-01T10:30:00+02:00"}
    item = {"type": "Feature", "stac_version": "1.0.0", "id": "x", "properties": properties, "assets": assets}
    (tmp_path / "x.json").write_text(json.dumps(item))
    map_canopy(predictor(), tmp_path / "x.json", tmp_path / "map", options(date=None))
    made = json.loads((tmp_path / "map" / "image.json").read_bytes())
    assert made["properties"]["datetime"] == "2019-06-01T08:30:00Z"
    assert [link["href"] for link in made["links"] if link["rel"] == "derived_from"] == [str(tmp_path / "x.json")]


def test_the_date_comes_from_the_imagery_or_is_asked_for(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 64, 64, tags={"TIFFTAG_DATETIME": "2018:05:04 03:02:01"})
    map_canopy(predictor(), path, tmp_path / "own", options(date=None))
    made = json.loads((tmp_path / "own" / "a.json").read_bytes())["properties"]
    assert (made["datetime"], made["canopy:date_from"]) == ("2018-05-04T03:02:01Z", "TIFFTAG_DATETIME")
    map_canopy(predictor(), path, tmp_path / "asked", options(date="2018-01-01/2020-12-31"))
    made = json.loads((tmp_path / "asked" / "a.json").read_bytes())["properties"]
    assert (made["datetime"], made["start_datetime"], made["end_datetime"]) == (
        None,
        "2018-01-01T00:00:00Z",
        "2020-12-31T00:00:00Z",
    )
    undated = scene(tmp_path / "b.tif", 64, 64)
    with pytest.raises(BadInput, match="does not say when it was taken"):
        map_canopy(predictor(), undated, tmp_path / "none", options(date=None))


# Again ---------------------------------------------------------------------------------------------------------------


def test_a_finished_map_is_not_made_again_and_another_is_not_written_over_it(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 150, 150)
    map_canopy(predictor(), path, tmp_path / "map", options())
    before = contents(tmp_path / "map")
    again = map_canopy(predictor(), path, tmp_path / "map", options())
    assert again.cells == again.cells_before and contents(tmp_path / "map") == before
    with pytest.raises(BadInput, match="a finished map of another"):
        map_canopy(predictor(), path, tmp_path / "map", options(tiling=Tiling(128, 32, 24, 16)))
    with pytest.raises(BadInput, match="holds other files"):
        map_canopy(predictor(), path, tmp_path, options())


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 300, 300)
    for name in ("one", "two"):
        map_canopy(predictor(uncertainty=BAND), path, tmp_path / name, options(readers=1 if name == "one" else 3))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_model_that_gives_no_numbers_is_not_mapped(tmp_path: Path) -> None:
    class Broken(torch.nn.Module):
        def forward(self, rgb: torch.Tensor) -> object:
            found = RedIsHeight()(rgb)
            return found._replace(metres=found.metres * float("nan"))

    with pytest.raises(BadInput, match="no numbers near row 0, column 0"):
        map_canopy(predictor(Broken()), scene(tmp_path / "a.tif", 64, 64), tmp_path / "map", options())
