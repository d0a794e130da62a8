"""Imagery that is not what it should be: one clear sentence each, before or while mapping, and never a wrong map."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

from assay.canopy.mapping import Asked, map_canopy
from assay.canopy.mapping.inputs import interval
from assay.core.errors import AssayError, BadInput, LimitExceeded, Unavailable
from tests.canopy.mapping.support import Local, heights, options, place, predictor, scene, texture, write


def refusal(source: Any, out: Path, **changes: Any) -> AssayError:
    """The sentence that a source is refused with."""
    with pytest.raises(AssayError) as caught:
        map_canopy(predictor(), source, out, options(**changes))
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 700 and sentence.endswith((".", "?"))
    return caught.value


BLOCK = texture(slice(0, 64), slice(0, 64))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"crs": None}, "no coordinate reference system: say which one with --crs"),
        ({"crs": None, "transform": Affine.identity()}, "no place on the earth"),
        ({"bands": 1}, "has 1 band: red, green and blue are needed"),
        ({"bands": 2}, "has 2 bands: red, green and blue are needed"),
        ({"dtype": "uint16"}, "type uint16 and does not say what is black and what is white"),
        ({"dtype": "float32"}, "--range 0 1 for reflectance"),
        ({"dtype": "complex64"}, "one real type is needed"),
        ({"transform": Affine(1e-9, 0, 500000, 0, -1e-9, 4100000)}, "its CRS or geotransform is wrong"),
        ({"transform": Affine(5e6, 0, 5e8, 0, -5e6, 4e9)}, "lies outside of the area"),
    ],
)
def test_what_a_raster_lacks_is_said(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    bands, dtype = change.pop("bands", 3), change.pop("dtype", "uint8")
    path = write(tmp_path / "a.tif", BLOCK[:bands].astype(dtype), **change)
    error = refusal(path, tmp_path / "map")
    assert isinstance(error, BadInput) and says in str(error) and "a.tif" in str(error)


def test_what_a_raster_lacks_can_be_said_by_the_user(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", BLOCK, crs=None)
    map_canopy(predictor(), path, tmp_path / "map", options(asked=Asked(crs="EPSG:32617")))
    with rasterio.open(tmp_path / "map" / "a.height.tif") as made:
        assert made.crs.to_epsg() == 32617
    assert "is not a coordinate reference system" in str(
        refusal(path, tmp_path / "b", asked=Asked(crs="EPSG:nonsense"))
    )


def test_a_palette_is_no_colour(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", BLOCK[:1])
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {k: (k, k, k, 255) for k in range(256)})
    assert "gdal_translate -expand rgb" in str(refusal(path, tmp_path / "map"))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(low=5, high=5), "is empty"),
        (Asked(low=5, high=float("nan")), "is empty"),
        (Asked(bands=(1, 2, 9)), "there is no band 9"),
    ],
)
def test_what_is_asked_has_to_make_sense(tmp_path: Path, asked: Asked, says: str) -> None:
    assert says in str(refusal(write(tmp_path / "a.tif", BLOCK), tmp_path / "map", asked=asked))


def test_huge_dimensions_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.vrt"
    bands = "".join(f'<VRTRasterBand dataType="Byte" band="{b}"/>' for b in (1, 2, 3))
    path.write_text(
        '<VRTDataset rasterXSize="2000000000" rasterYSize="2000000000"><SRS>EPSG:32617</SRS>'
        f"<GeoTransform>500000, 0.0005, 0, 4100000, 0, -0.0005</GeoTransform>{bands}</VRTDataset>"
    )
    error = refusal(path, tmp_path / "map")
    assert isinstance(error, LimitExceeded) and "2000000000 x 2000000000 pixels" in str(error)


def test_a_map_that_does_not_fit_on_the_disk_is_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "large.vrt"
    bands = "".join(f'<VRTRasterBand dataType="Byte" band="{b}"/>' for b in (1, 2, 3))
    path.write_text(
        '<VRTDataset rasterXSize="900000" rasterYSize="900000"><SRS>EPSG:32617</SRS>'
        f"<GeoTransform>300000, 0.5, 0, 4100000, 0, -0.5</GeoTransform>{bands}</VRTDataset>"
    )
    error = refusal(path, tmp_path / "map")
    assert isinstance(error, Unavailable) and "The map may need" in str(error)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
@pytest.mark.parametrize("layout", [{"tiled": True, "blockxsize": 64, "blockysize": 64}, {"compress": "deflate"}, {}])
def test_a_file_that_was_cut_short_is_never_mapped_in_part(
    tmp_path: Path, share: float, layout: dict[str, Any]
) -> None:
    path = scene(tmp_path / "a.tif", 256, 256, **layout)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    error = refusal(path, tmp_path / "map")
    assert "a.tif" in str(error) and not (tmp_path / "map" / "map.json").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"II*\x00" + b"\xff" * 100, b"<VRTDataset>"])
def test_what_is_no_raster_is_said_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    assert "a.tif cannot be opened as a raster" in str(refusal(tmp_path / "a.tif", tmp_path / "map"))


def test_a_vrt_whose_source_is_gone_is_said_so(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 64, 64)
    from rasterio.shutil import copy

    copy(path, tmp_path / "a.vrt", driver="VRT")
    path.unlink()
    assert "a.vrt cannot be" in str(refusal(tmp_path / "a.vrt", tmp_path / "map"))


def test_missing_files_folders_and_empty_lists_are_said(tmp_path: Path) -> None:
    assert "There is no file" in str(refusal(tmp_path / "none.tif", tmp_path / "map"))
    assert "is a folder" in str(refusal(tmp_path, tmp_path / "map"))
    (tmp_path / "list.txt").write_text("# nothing\n\n")
    assert "the list is empty" in str(refusal(tmp_path / "list.txt", tmp_path / "map"))
    (tmp_path / "list.txt").write_text("list.txt\n")
    assert "a list in a list" in str(refusal(tmp_path / "list.txt", tmp_path / "map"))


# Addresses -----------------------------------------------------------------------------------------------------------


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "web"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: _Handler(*a, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_addresses_are_read_and_what_cannot_be_read_is_unavailable(tmp_path: Path, web: str) -> None:
    scene(tmp_path / "web" / "a.tif", 130, 110)
    (tmp_path / "web" / "list.txt").write_text("a.tif\n")
    map_canopy(predictor(), f"{web}/list.txt", tmp_path / "far", options())
    map_canopy(predictor(), tmp_path / "web" / "a.tif", tmp_path / "near", options())
    assert np.array_equal(heights(tmp_path / "far", "a"), heights(tmp_path / "near", "a"))
    for name in ("none.tif", "none.txt", "none.json"):
        error = refusal(f"{web}/{name}", tmp_path / "map")
        assert isinstance(error, Unavailable) and name in str(error)
    assert isinstance(refusal("http://127.0.0.1:9/a.tif", tmp_path / "map"), Unavailable)
    data = (tmp_path / "web" / "a.tif").read_bytes()
    (tmp_path / "web" / "cut.tif").write_bytes(data[: len(data) // 2])
    assert isinstance(refusal(f"{web}/cut.tif", tmp_path / "map"), Unavailable)


# STAC Items ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a STAC Item"),
        ('{"type": "Feature", "assets": {}}', "choose one with --asset from none"),
        ('{"type": "Feature", "assets": {"visual": {}}}', "has no address"),
        ('{"type": "Feature", "assets": {"visual": {"href": 5}}}', "has no address"),
        ('{"type": "Feature", "assets": {"a": {"href": "a.tif"}, "b": {"href": "b.tif"}}}', "--asset from a, b"),
    ],
)
def test_a_damaged_item_is_said_so(tmp_path: Path, item: str, says: str) -> None:
    (tmp_path / "x.json").write_text(item)
    assert says in str(refusal(tmp_path / "x.json", tmp_path / "map"))


def test_an_asset_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"type": "Feature", "assets": {"visual": {"href": "a.tif"}}}))
    assert "it has visual" in str(refusal(tmp_path / "x.json", tmp_path / "map", asset="nir"))


# Dates ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2020-07-15", "2020-07-15T00:00:00Z"),
        ("2020:07:15 10:11:12", "2020-07-15T10:11:12Z"),
        ("2020-07", "2020-07-01T00:00:00Z"),
        ("2020-07-15T23:30:00-05:00", "2020-07-16T04:30:00Z"),
        ("2018-01-01/2019-01-01", "2018-01-01T00:00:00Z/2019-01-01T00:00:00Z"),
    ],
)
def test_dates_are_written_in_one_form(text: str, written: str) -> None:
    assert interval(text) == written


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2020-13-01", "2020-02-30", "2020-01-02/2020-01-01", "1/2/3", "0000-01-01"]
)
def test_what_is_no_date_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput):
        interval(text)


@pytest.mark.parametrize("bounds", [(0.0, 0.0, 1.0, 1.0), (5.0, 50.0, 5.0, 40.0), (float("nan"), 0.0, 1.0, 1.0)])
def test_bounds_outside_of_the_imagery_are_said(tmp_path: Path, bounds: tuple[float, float, float, float]) -> None:
    path = scene(tmp_path / "a.tif", 64, 64)
    assert "ounds" in str(refusal(path, tmp_path / "map", bounds=bounds))


def test_a_source_that_changes_while_it_is_mapped_is_noticed(tmp_path: Path) -> None:
    from assay.canopy.mapping.imagery import Imagery, Reader, describe
    from assay.canopy.mapping.lattice import Box, Span

    path = write(tmp_path / "a.tif", BLOCK, transform=place())
    imagery = Imagery.group([describe(str(path), Asked())])[0]
    write(path, BLOCK[:, :32], transform=place())
    rows, columns = imagery.grid.rows, imagery.grid.columns
    with Reader(imagery) as reader, pytest.raises(BadInput, match="its size has changed"):
        reader.read(Box(Span(rows.start, rows.start + 8), Span(columns.start, columns.start + 8)))


def test_a_model_without_the_right_size_of_output_is_refused(tmp_path: Path) -> None:
    class Half(Local):
        def forward(self, rgb: Any) -> Any:
            found = super().forward(rgb)
            return found._replace(metres=found.metres[..., ::2, ::2])

    with pytest.raises(BadInput, match="gives heights of"):
        map_canopy(predictor(Half()), scene(tmp_path / "a.tif", 64, 64), tmp_path / "map", options())
