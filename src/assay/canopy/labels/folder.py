"""Writing tiles with mended labels as a new folder with its own manifest. What was there is never changed."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assay.canopy.tiles import MANIFEST, Tile, write_height, write_rgb
from assay.core.digest import digest_file
from assay.core.errors import BadInput

_COLUMNS = ("file", "site", "kind", "split", "gsd_m", "crs", "date", "tile", "sha256")


def write_folder(folder: Path, tiles: Sequence[Tile]) -> None:
    """Write `tiles` to the new folder `folder`. Tiles without any label keep their imagery."""
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(f"{folder} is not empty: name a new folder.")
    (folder / "tiles").mkdir(parents=True, exist_ok=True)
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, _COLUMNS)
        table.writeheader()
        for number, tile in enumerate(tiles):
            for kind, path in _write(folder, number, tile):
                table.writerow(_row(folder, path, kind, tile))


def _write(folder: Path, number: int, tile: Tile) -> list[tuple[str, Path]]:
    """The rasters of one tile. Files are numbered: a name may not be one that a file can have."""
    rgb, height = (folder / "tiles" / f"{number:05}_{role}.tif" for role in ("rgb", "height"))
    write_rgb(rgb, tile)
    found = [("rgb", rgb)]
    if tile.labelled.any():
        write_height(height, tile.height, tile)
        found.append(("height", height))
    return found


def _row(folder: Path, path: Path, kind: str, tile: Tile) -> dict[str, object]:
    return {
        "file": path.relative_to(folder).as_posix(),
        "site": tile.site,
        "kind": kind,
        "split": f"{tile.split} (semi-synthetic)" if tile.synthetic else tile.split,
        "gsd_m": tile.gsd_m,
        "crs": tile.crs or "",
        "date": tile.date or "",
        "tile": tile.name,
        "sha256": digest_file(path).removeprefix("sha256:"),
    }


def without(tile: Tile, dropped: Sequence[Tile]) -> Tile:
    """The tile with no label where one of the `dropped` blocks of it lies."""
    height = tile.height.copy()
    for piece in dropped:
        name, _, place = piece.name.rpartition("@")
        if name == tile.name and piece.site == tile.site:
            row, column = (int(part) for part in place.split(","))
            height[row : row + piece.shape[0], column : column + piece.shape[1]] = np.nan
    return tile.with_height(height)
