"""Heights from point clouds: ground and crowns where they are, pits filled, roofs and birds left out, units kept."""

import json
from collections.abc import Callable
from pathlib import Path

import laspy
import numpy as np
import pyproj
import pytest
import rasterio

from assay.canopy.labels import chm_from_points
from assay.canopy.labels.points import read_points
from assay.core.errors import BadInput

POINTS = Path(__file__).parents[4] / "shared" / "data" / "canopy" / "points"
CORNER = (400_000.0, 3_280_000.0)

needs_points = pytest.mark.skipif(not POINTS.is_dir(), reason="the point clouds are not in ../shared/data")


def hill(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 100 + 0.15 * x + 3 * np.sin(y / 15)


class Cloud:
    """A made-up flight: ground on a slope, dome-shaped trees, a house, a bird; every return with its class."""

    def __init__(self, side: float = 60, density: float = 6, seed: int = 0) -> None:
        draw = np.random.default_rng(seed)
        count = int(side * side * density)
        self.x, self.y = draw.uniform(0, side, (2, count))
        self.trees = [(15.0, 15.0, 12.0, 4.0), (40.0, 18.0, 25.0, 5.0), (20.0, 45.0, 18.0, 4.0)]
        top = self.truth(self.x, self.y)
        self.kind = np.where(top > 0.3, 5, 2)
        # Every fourth beam slips through the crown: a pit in the surface of first returns.
        slipped = (top > 2) & (draw.random(count) < 0.25)
        self.height = np.where(slipped, top * draw.uniform(0.1, 0.5, count), top)
        house = (self.x > 40) & (self.x < 52) & (self.y > 40) & (self.y < 50)
        self.height[house], self.kind[house] = 6.0, 6
        self.returns = np.where((top > 2) & ~house, 2, 1)
        self.z = hill(self.x, self.y) + self.height + draw.normal(0, 0.03, count)

    def truth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = np.zeros(x.shape)
        for east, north, height, radius in self.trees:
            away = np.hypot(x - east, y - north) / radius
            found = np.maximum(found, height * np.sqrt(np.clip(1 - away**2, 0, 1)))
        return found

    def add(self, x: float, y: float, above: float, kind: int) -> "Cloud":
        for name, value in (("x", x), ("y", y), ("kind", kind), ("returns", 1), ("height", above)):
            setattr(self, name, np.append(getattr(self, name), value))
        self.z = np.append(self.z, hill(np.array(x), np.array(y)) + above)
        return self

    def write(self, path: Path, *, crs: str | None = "EPSG:32617", feet: bool = False, classes: bool = True) -> Path:
        header = laspy.LasHeader(point_format=6, version="1.4")
        header.scales = np.full(3, 0.001)
        header.offsets = np.array([*CORNER, 0])
        if crs:
            header.add_crs(pyproj.CRS.from_user_input(crs))
        las = laspy.LasData(header)
        factor = 1 / 0.3048006096 if feet else 1
        las.x, las.y, las.z = CORNER[0] + self.x * factor, CORNER[1] + self.y * factor, self.z * factor
        las.classification = (self.kind if classes else np.ones(len(self.x))).astype(np.uint8)
        las.return_number = np.ones(len(self.x), np.uint8)
        las.number_of_returns = self.returns.astype(np.uint8)
        las.write(path)
        return path


@pytest.fixture
def flown(tmp_path: Path) -> Callable[..., Path]:
    return lambda cloud=None, **more: (cloud or Cloud()).write(tmp_path / "cloud.laz", **more)


def centre(made: object, east: float, north: float) -> float:
    """The height above a place given in metres from the corner."""
    step = made.transform.a  # type: ignore[attr-defined]
    scale = made.gsd_m / step  # type: ignore[attr-defined]
    column, row = ~made.transform @ (CORNER[0] + east / scale, CORNER[1] + north / scale)  # type: ignore[attr-defined]
    return float(made.height[int(row), int(column)])  # type: ignore[attr-defined]


def test_trees_stand_where_they_are_as_high_as_they_are(flown: Callable[..., Path]) -> None:
    made = chm_from_points(flown(), 0.5)
    assert made.crs == "EPSG:32617" and made.ground == made.roofs == "class"
    for east, north, height, _ in Cloud().trees:
        assert centre(made, east, north) == pytest.approx(height, abs=0.5)
    for east, north in ((5, 5), (30, 30), (30, 55)):
        assert centre(made, east, north) == pytest.approx(0, abs=0.15)


def test_pits_in_crowns_are_filled(flown: Callable[..., Path]) -> None:
    cloud = Cloud()
    made = chm_from_points(flown(cloud), 0.5)
    rows, columns = np.mgrid[0 : made.height.shape[0], 0 : made.height.shape[1]]
    east, north = made.transform @ (columns + 0.5, rows + 0.5)
    truth = cloud.truth(east - CORNER[0], north - CORNER[1])
    crown = truth > 0.5 * 12
    crown &= np.isfinite(made.height) & ~made.buildings
    low = (made.height[crown] < 0.6 * truth[crown]).mean()
    assert crown.sum() > 200 and low < 0.05  # a quarter of the beams fell through
    assert abs(np.mean(made.height[crown] - truth[crown])) < 0.6


def test_ground_is_found_without_classes(flown: Callable[..., Path]) -> None:
    made = chm_from_points(flown(classes=False), 0.5)
    assert made.ground == "filter" and any("filter" in note for note in made.notes)
    for east, north, height, _ in Cloud().trees:
        assert centre(made, east, north) == pytest.approx(height, abs=0.8)
    assert centre(made, 30, 30) == pytest.approx(0, abs=0.3)


def test_roofs_are_no_canopy_by_class_shape_or_footprint(flown: Callable[..., Path], tmp_path: Path) -> None:
    by_class = chm_from_points(flown(), 0.5)
    assert by_class.roofs == "class" and centre(by_class, 46, 45) == 0
    by_shape = chm_from_points(flown(classes=False), 0.5)
    assert by_shape.roofs == "shape" and centre(by_shape, 46, 45) == 0 and centre(by_shape, 40, 18) > 20
    kept = chm_from_points(flown(classes=False), 0.5, find_roofs=False)
    assert kept.roofs == "none" and centre(kept, 46, 45) == pytest.approx(6, abs=0.5)
    west, south = CORNER[0] + 40, CORNER[1] + 40
    ring = [[west, south], [west + 12, south], [west + 12, south + 10], [west, south + 10], [west, south]]
    document = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}],
    }
    (tmp_path / "roofs.json").write_text(json.dumps(document))
    drawn = chm_from_points(flown(classes=False), 0.5, footprints=tmp_path / "roofs.json")
    assert drawn.roofs == "footprints" and centre(drawn, 46, 45) == 0 and centre(drawn, 20, 45) > 15
    (tmp_path / "roofs.json").write_text("[]")
    with pytest.raises(BadInput, match="no GeoJSON"):
        chm_from_points(flown(), 0.5, footprints=tmp_path / "roofs.json")


def test_birds_noise_and_wires_are_no_canopy(flown: Callable[..., Path]) -> None:
    cloud = Cloud().add(30, 30, 60.0, 1).add(30, 5, 40.0, 18).add(5, 30, 15.0, 14).add(33, 33, -40.0, 7)
    made = chm_from_points(flown(cloud), 0.5)
    assert np.nanmax(made.height) < 27
    for east, north in ((30, 30), (30, 5), (5, 30)):
        assert centre(made, east, north) == pytest.approx(0, abs=0.2)


def test_feet_are_no_metres(flown: Callable[..., Path]) -> None:
    path = flown(feet=True, crs="EPSG:2263")  # New York in US survey feet
    made = chm_from_points(path, 0.5)
    assert made.transform.a == pytest.approx(0.5 / 0.3048006096)
    assert centre(made, 40, 18) == pytest.approx(25, abs=0.7) and made.height.shape == pytest.approx((120, 120), abs=1)
    told = chm_from_points(flown(feet=True, crs=None), 0.5, unit_m=0.3048006096)
    assert told.crs is None and centre(told, 40, 18) == pytest.approx(25, abs=0.7)


def test_where_no_beam_came_back_nothing_is_known(flown: Callable[..., Path]) -> None:
    cloud = Cloud()
    wet = (cloud.x > 5) & (cloud.x < 30) & (cloud.y > 22) & (cloud.y < 38)
    for name in ("x", "y", "z", "kind", "returns"):
        setattr(cloud, name, getattr(cloud, name)[~wet])
    made = chm_from_points(flown(cloud), 0.5)
    assert np.isnan(centre(made, 17, 30)) and centre(made, 45, 30) == pytest.approx(0, abs=0.2)


def test_bounds_set_the_grid(flown: Callable[..., Path]) -> None:
    bounds = (CORNER[0] + 10, CORNER[1] + 10, CORNER[0] + 30, CORNER[1] + 25)
    made = chm_from_points(flown(), 0.5, bounds=bounds)
    assert made.height.shape == (30, 40) and made.transform @ (0, 0) == (bounds[0], bounds[3])
    with pytest.raises(BadInput, match="no return inside"):
        chm_from_points(flown(), 0.5, bounds=(0, 0, 10, 10))


def test_a_height_model_is_written_with_its_nodata(flown: Callable[..., Path], tmp_path: Path) -> None:
    made = chm_from_points(flown(), 0.5)
    made.write(tmp_path / "chm.tif")
    with rasterio.open(tmp_path / "chm.tif") as dataset:
        assert dataset.nodata == -9999 and dataset.crs.to_epsg() == 32617
        assert np.array_equal(dataset.read(1, masked=True).filled(np.nan), made.height, equal_nan=True)


def test_what_is_no_point_cloud_is_refused(flown: Callable[..., Path], tmp_path: Path) -> None:
    path = flown()
    with pytest.raises(BadInput, match=r"Pixels of 0\.001"):
        chm_from_points(path, 0.001)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(BadInput, match="cannot be read"):
        chm_from_points(path, 0.5)
    path.write_bytes(b"LASF is not enough")
    with pytest.raises(BadInput, match="cannot be read"):
        chm_from_points(path, 0.5)
    with pytest.raises(BadInput, match="cannot be read"):
        chm_from_points(tmp_path / "none.laz", 0.5)
    with pytest.raises(BadInput, match="in degrees"):
        chm_from_points(flown(crs="EPSG:4326"), 0.5)


@needs_points
def test_a_real_cloud_gives_the_published_heights() -> None:
    with rasterio.open(POINTS.parent / "tiles" / "OSBS" / "OSBS_006_chm.tif") as dataset:
        theirs = dataset.read(1, masked=True).filled(np.nan)
        bounds = tuple(dataset.bounds)
    made = chm_from_points(POINTS / "OSBS_006.laz", 0.5, bounds=bounds)
    both = np.isfinite(theirs) & np.isfinite(made.height)
    assert both.mean() > 0.9
    # Theirs is the highest return per pixel, with pits; ours fills them.
    tall = both & (theirs > 5)
    assert np.corrcoef(theirs[both], made.height[both])[0, 1] > 0.7
    assert abs(np.median(made.height[tall] - theirs[tall])) < 1.0


@needs_points
def test_feet_of_a_real_file_are_understood() -> None:
    points = read_points(POINTS / "EUGENE_autzen_trim.las")
    assert points.metres == pytest.approx(0.3048, abs=1e-4)
    assert np.ptp(points.z) < 100
