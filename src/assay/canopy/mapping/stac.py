"""A map as STAC: an Item for each sheet, a Collection over them, and in both what model made it, from what, and when.

`datetime` is when the imagery was taken, never when the map was computed: two runs give the same bytes. Footprints that
cross the antimeridian are cut there, as RFC 7946 asks.
"""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyproj
import pystac
from pystac.utils import datetime_to_str
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon, box, mapping
from shapely.ops import unary_union

from assay.canopy.mapping.cog import Product
from assay.canopy.mapping.imagery import Grid
from assay.canopy.mapping.inference import NODATA, SCALE
from assay.core.errors import BadInput

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
_EDGE = 16  # points along each side of a footprint: sides are curves on the globe


@dataclass(frozen=True)
class Written:
    """A file of a sheet."""

    product: Product
    file: Path
    sha256: str
    size: int


def footprint(grid: Grid) -> tuple[dict[str, Any], list[float]]:
    """GeoJSON geometry and bbox in longitude and latitude; west is greater than east across the antimeridian."""
    height, width = grid.box.shape
    shares = [k / _EDGE for k in range(_EDGE)]
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    ring = [
        grid.transform @ (x + share * (nx - x), y + share * (ny - y))
        for (x, y), (nx, ny) in zip(corners, corners[1:] + corners[:1], strict=True)
        for share in shares
    ]
    to_earth = pyproj.Transformer.from_crs(grid.crs.to_wkt(), "EPSG:4326", always_xy=True)
    longitudes, latitudes = to_earth.transform([x for x, _ in ring], [y for _, y in ring])
    unwrapped = [longitudes[0]]
    for longitude in longitudes[1:]:  # no side is longer than half of the globe
        turns = round((unwrapped[-1] - longitude) / 360)
        unwrapped.append(longitude + 360 * turns)
    shape = Polygon([(round(x, 9), round(y, 9)) for x, y in zip(unwrapped, latitudes, strict=True)])
    if not shape.is_valid or shape.is_empty:
        raise BadInput("The footprint of the map on the globe is not a simple shape: map it in smaller parts.")
    shape = translate(shape, -360 * ((shape.bounds[0] + 180) // 360))  # west edge within [-180, 180)
    west, south, east, north = shape.bounds
    if east <= 180:
        return dict(mapping(shape)), [west, south, east, north]
    here = shape.intersection(box(west - 1, -90, 180, 90))
    there = translate(shape.intersection(box(180, -90, east + 1, 90)), -360)
    parts = [part for side in (here, there) for part in _polygons(side)]
    return dict(mapping(MultiPolygon(parts))), [west, south, east - 360, north]


def _polygons(shape: Any) -> list[Polygon]:
    merged = unary_union(shape)
    return [part for part in getattr(merged, "geoms", [merged]) if isinstance(part, Polygon) and not part.is_empty]


def item(
    name: str,
    grid: Grid,
    written: Sequence[Written],
    *,
    taken: str,
    properties: dict[str, Any],
    derived_from: Sequence[str],
) -> pystac.Item:
    """The Item of one sheet; assets are files beside it."""
    geometry, bbox = footprint(grid)
    start, _, end = taken.partition("/")
    first, last = _time(start), _time(end or start)
    times: dict[str, Any] = (
        {"start_datetime": datetime_to_str(first), "end_datetime": datetime_to_str(last)} if end else {}
    )
    made = pystac.Item(
        id=name,
        geometry=geometry,
        bbox=bbox,
        datetime=None if end else first,
        properties={**times, **_projection(grid), **properties},
        stac_extensions=[PROJECTION, RASTER, FILE],
    )
    for one in written:
        made.add_asset(one.product.key, _asset(one))
    for link in derived_from:
        made.add_link(pystac.Link("derived_from", link, title="the imagery"))
    return made


def _time(text: str) -> dt.datetime:
    return dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)


def _projection(grid: Grid) -> dict[str, Any]:
    code = grid.crs.to_epsg()
    found: dict[str, Any] = {"proj:code": f"EPSG:{code}" if code else None}
    if not code:
        found["proj:wkt2"] = pyproj.CRS.from_user_input(grid.crs.to_wkt()).to_wkt()
    down, across = grid.ground_m
    return found | {
        "proj:shape": list(grid.box.shape),
        "proj:transform": [*tuple(grid.transform)[:6], 0.0, 0.0, 1.0],
        "gsd": round(max(down, across), 4),
    }


def _asset(written: Written) -> pystac.Asset:
    bands = [
        {
            "name": name,
            "data_type": "uint16",
            "nodata": NODATA,
            "unit": "m",
            "raster:scale": SCALE,
            "raster:offset": 0.0,
            "raster:sampling": "area",
        }
        for name in written.product.descriptions
    ]
    return pystac.Asset(
        href=f"./{written.file.name}",
        title=written.product.title,
        media_type=COG_TYPE,
        roles=["data"],
        extra_fields={
            "bands": bands,
            "file:size": written.size,
            "file:checksum": "1220" + written.sha256.removeprefix("sha256:"),  # a multihash: SHA-256, 32 bytes
        },
    )


def collection(items: Sequence[pystac.Item], *, name: str, description: str, licence: str) -> pystac.Collection:
    """The Collection over all sheets of a map."""
    boxes = [i.bbox for i in items if i.bbox]
    starts = [i.datetime or i.common_metadata.start_datetime for i in items]
    ends = [i.datetime or i.common_metadata.end_datetime for i in items]
    first, last = min(t for t in starts if t), max(t for t in ends if t)
    whole = boxes[0] if len(boxes) == 1 else _around(boxes)
    made = pystac.Collection(
        id=name,
        description=description,
        extent=pystac.Extent(
            pystac.SpatialExtent([whole] + (boxes if len(boxes) > 1 else [])), pystac.TemporalExtent([[first, last]])
        ),
        license=licence or "other",
    )
    for one in items:
        made.add_link(pystac.Link("item", f"./{one.id}.json", media_type="application/geo+json", title=one.id))
    return made


def _around(boxes: Sequence[list[float]]) -> list[float]:
    if any(b[0] > b[2] for b in boxes):  # one crosses the antimeridian: count eastwards
        boxes = [[b[0] % 360, b[1], b[2] % 360, b[3]] for b in boxes]
        west, east = min(b[0] for b in boxes), max(b[2] for b in boxes)
        ends = [x - 360 if x > 180 else x for x in (west, east)]
    else:
        ends = [min(b[0] for b in boxes), max(b[2] for b in boxes)]
    return [ends[0], min(b[1] for b in boxes), ends[1], max(b[3] for b in boxes)]


def document(made: pystac.Item | pystac.Collection, *, collection_id: str) -> bytes:
    """The JSON that is written: links to the files beside it, the same bytes every time."""
    found = made.to_dict(include_self_link=False, transform_hrefs=False)
    if isinstance(made, pystac.Item):
        found["collection"] = collection_id
        here = {"href": "./collection.json", "type": "application/json"}
        found["links"] = [*({"rel": rel, **here} for rel in ("root", "parent", "collection")), *found["links"]]
    else:
        found["links"] = [
            {"rel": "root", "href": "./collection.json", "type": "application/json"},
            *(link for link in found["links"] if link["rel"] != "root"),
        ]
    return (json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
