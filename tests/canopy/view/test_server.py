"""The server behind the page: tiles, values, profiles, and what it does not answer."""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pyproj
import pytest
from rasterio.io import MemoryFile

from assay.canopy.view import library as libraries
from assay.canopy.view.layers import MapFolder
from assay.core.errors import BadInput, Corrupt, Unavailable

TO_EARTH = pyproj.Transformer.from_crs(32617, 4326, always_xy=True)


def at(row: float, column: float) -> tuple[float, float]:
    """Longitude and latitude of a pixel of the map."""
    x, y = TO_EARTH.transform(500000 + (column + 0.5) * 0.5, 4100000 - (row + 0.5) * 0.5)
    return float(x), float(y)


def get(address: str, path: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    data = answer.read()
    kind = answer.headers.get_content_type()
    return answer.status, json.loads(data) if kind == "application/json" else data, dict(answer.headers)


def test_a_height_is_that_of_the_pixel(mapped: Path) -> None:
    shown = MapFolder(mapped)
    for column in (3, 100, 250, 396):
        found = shown.at(*at(50, column))
        assert found["height"] == pytest.approx(column / 10, abs=0.2)
        assert found["low"] == pytest.approx(max(0, found["height"] - 2), abs=0.11)
        assert found["taken"] == "2020-07-15T00:00:00Z"
    assert shown.at(*at(200, 200))["height"] is None
    assert shown.at(0, 0)["height"] is None


def test_a_profile_says_how_far_and_how_high(mapped: Path) -> None:
    found = MapFolder(mapped).profile([at(50, 10), at(50, 390)], 100)
    assert found[0]["m"] == 0 and found[-1]["m"] == pytest.approx(190, abs=0.3)
    heights = [f["height"] for f in found]
    assert heights == sorted(heights) and heights[-1] == pytest.approx(39, abs=0.3)
    across = MapFolder(mapped).profile([at(200, 10), at(200, 390)], 100)
    assert sum(f["height"] is None for f in across) == pytest.approx(10, abs=2)
    for points in ([at(1, 1)], [at(1, 1)] * 2, [at(1, 1)] * 100):
        with pytest.raises(BadInput):
            MapFolder(mapped).profile(points, 100)


def test_tiles_show_heights_and_nothing_where_nothing_is(mapped: Path) -> None:
    shown = MapFolder(mapped)
    zoom = shown.description["maxzoom"]
    longitude, latitude = at(50, 300)
    x = int((longitude + 180) / 360 * 2**zoom)
    y = int((1 - np.arcsinh(np.tan(np.radians(latitude))) / np.pi) / 2 * 2**zoom)
    for layer in shown.description["layers"]:
        with MemoryFile(shown.tile(layer, zoom, x, y)) as memory, memory.open() as png:
            assert png.shape == (256, 256) and png.count == 4 and png.read(4).any()
    with MemoryFile(shown.tile("height", zoom, 0, 0)) as memory, memory.open() as png:
        assert not png.read(4).any()
    with pytest.raises(BadInput):
        shown.tile("height", 3, 8, 0)


def test_the_server_answers_what_the_page_asks(address: str) -> None:
    status, about, headers = get(address, "/map.json")
    assert status == 200 and about["layers"] == ["height", "uncertainty", "imagery"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    longitude, latitude = at(50, 200)
    assert get(address, f"/at?place={longitude},{latitude}")[1]["height"] == pytest.approx(20, abs=0.2)
    points = ";".join(f"{x},{y}" for x, y in (at(50, 10), at(50, 390)))
    assert len(get(address, f"/profile?points={quote(points)}")[1]) == 300
    for name in ("", "page.js", "page.css", "maplibre-gl.js", "maplibre-gl.css"):
        assert get(address, f"/{name}")[0] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/../map.json", 404),
        ("/etc/passwd", 404),
        ("/tiles/secret/1/0/0.png", 404),
        ("/tiles/height/99/0/0.png", 400),
        ("/at?place=1", 400),
        ("/at?place=nan,1", 400),
        ("/profile?points=1,1", 400),
        ("/at?place=" + "9" * 9000, 403),
    ],
)
def test_what_makes_no_sense_is_refused(address: str, path: str, status: int) -> None:
    assert get(address, path)[0] == status


def test_a_page_from_elsewhere_cannot_read_the_map(address: str) -> None:
    assert get(address, "/map.json", Host="evil.example:80")[0] == 403


def test_a_folder_without_a_map_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="has no finished map"):
        MapFolder(tmp_path)
    (tmp_path / "map.json").write_text('{"plan": {"format": "something"}, "items": ["a"]}')
    with pytest.raises(BadInput, match="not a map of this version"):
        MapFolder(tmp_path)
    plan = {"format": "assay.canopy.map/1", "maps": []}
    (tmp_path / "map.json").write_text(json.dumps({"plan": plan, "items": ["../a"]}))
    with pytest.raises(BadInput, match="missing or damaged"):
        MapFolder(tmp_path)


def test_a_changed_library_is_not_served(maplibre: Path, tmp_path: Path) -> None:
    for name in libraries.FILES:
        (tmp_path / name).write_bytes((maplibre / name).read_bytes())
    assert set(libraries.library(tmp_path)) == set(libraries.FILES)
    (tmp_path / "maplibre-gl.js").write_bytes((maplibre / "maplibre-gl.js").read_bytes() + b"//")
    with pytest.raises(Corrupt, match=r"is not the file of maplibre-gl"):
        libraries.library(tmp_path)


def test_without_npm_the_way_to_go_on_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="fetched once with npm"):
        libraries.library()
