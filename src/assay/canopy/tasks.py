"""The tasks of this arena: a model from training sites, measured on sites that the worker never saw.

`drawn` needs no data: its forests are drawn from a seed. Its hidden sites can be drawn again by whoever has the source,
so it shows that the machinery works and no more; `smoke` is the same in a minute. `lidar` is made of a folder of real
tiles (`--data`), if there is one: the sites of what its manifest calls `test` are hidden.
"""

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.core.budget import Budget
from assay.core.data import data_folders
from assay.core.digest import Digest, canonical_json, digest_bytes, digest_file
from assay.core.errors import BadInput, Unavailable
from assay.core.scratch import scratch
from assay.core.store import Store, TreeLimits
from assay.core.task import Task

LIMITS = TreeLimits(files=20_000, total_bytes=8 << 30, file_bytes=1 << 30)
SEED = 20_261_121
GIVEN, HIDDEN = "given", "hidden"
DRAWN_SITES = {"train": range(12), "val": range(12, 15), "test": range(100, 108)}
DRAWN_TILES = 4  # of each site
DRAWN_VERSION = 1  # of how forests are drawn
MANIFEST = "manifest.csv"  # as assay.canopy.tiles has it; that one needs rasterio, and tasks are listed without
_MAX_STAGED = 1 << 16


@dataclass(frozen=True)
class Drawn:
    """Which sites are drawn for a task."""

    train: range
    val: range
    test: range
    tiles: int  # of each site
    pixels: int  # of a tile's side
    wall_seconds: float

    def to_json(self) -> dict[str, object]:
        sites = {split: [numbers.start, numbers.stop] for split, numbers in self.sites().items()}
        return {"source": "drawn", "version": DRAWN_VERSION, "sites": sites, "tiles": self.tiles, "pixels": self.pixels}

    def sites(self) -> dict[str, range]:
        return {"train": self.train, "val": self.val, "test": self.test}


DRAWN = {
    "drawn": Drawn(range(12), range(12, 15), range(100, 108), tiles=4, pixels=128, wall_seconds=1800),
    "smoke": Drawn(range(7), range(7, 8), range(100, 112), tiles=2, pixels=64, wall_seconds=600),
}

RULES = (
    "Train on the tiles you are given, and on what else is yours to use. Heights of the hidden sites may not be used, "
    "from wherever they come.",
    "Hand in a model as assay.canopy.model.save writes it: model.safetensors and model.json, an architecture it knows.",
    "What is measured is the error in metres on sites that are not here.",
)


def all_tasks() -> list[Task]:
    """The tasks that can be set here: `lidar` only where a folder of real tiles is at hand."""
    found = [_drawn(name) for name in DRAWN]
    if (folder := _tiles_folder()) is not None:
        found.append(_lidar(folder))
    return found


def find(name: str) -> Task:
    for task in all_tasks():
        if task.name == name:
            return task
    if name == "lidar":
        raise Unavailable("canopy/lidar needs a folder of tiles with a manifest: name the folder above it with --data.")
    raise BadInput(f"There is no task canopy/{name[:80]}: `assay tasks 'canopy/*'` lists them.")


def stage(task: Task, store: Store) -> dict[str, Digest]:
    """The tiles that a worker is given and those that it is measured on, in the store."""
    name = f"canopy/inputs/{task.digest.removeprefix('sha256:')}"
    kept = store.ref(name)
    if kept is not None and store.has(kept):
        inputs: dict[str, Digest] = json.loads(store.get_bytes(kept, _MAX_STAGED))["inputs"]
        if all(store.has(digest) for digest in inputs.values()):
            return inputs
    with scratch("canopy-inputs") as place:
        if task.name in DRAWN:
            _draw(DRAWN[task.name], place)
        else:
            _copy(place)
        inputs = {side: store.put_tree(place / side, LIMITS).digest for side in (GIVEN, HIDDEN)}
    document = {"schema": "assay.inputs/1", "task": task.digest, "inputs": inputs}
    store.set_ref(name, store.put_bytes(canonical_json(document)))
    return inputs


def _draw(drawn: Drawn, place: Path) -> None:
    from assay.canopy.synthetic import write_sites

    for split, sites in drawn.sites().items():
        folder = place / (HIDDEN if split == "test" else GIVEN)
        folder.mkdir(exist_ok=True)
        write_sites(folder, sites, drawn.tiles, split=split, pixels=drawn.pixels)


def _copy(place: Path) -> None:
    """The user's tiles, apart by split: whatever is not `test` is given."""
    source = _tiles_folder()
    if source is None:
        raise Unavailable("canopy/lidar needs a folder of tiles with a manifest: name the folder above it with --data.")
    from assay.canopy.tiles import read_manifest

    hidden = {ref.site for ref in read_manifest(source) if ref.split == "test"}
    with (source / MANIFEST).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for side in (GIVEN, HIDDEN):
        folder = place / side
        # A site is hidden whole: other tiles and points of it are given to nobody.
        chosen = [row for row in rows if (row["site"] in hidden) == (side == HIDDEN)]
        for row in chosen:
            target = folder / row["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / row["file"], target)
        with (folder / MANIFEST).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(chosen)


def _tiles_folder() -> Path | None:
    """The first data folder with tiles: itself, or its folder `canopy`."""
    places = (place for folder in data_folders() for place in (folder / "canopy", folder))
    return next((place for place in places if (place / MANIFEST).is_file()), None)


def _drawn(name: str) -> Task:
    about = DRAWN[name].to_json()
    inputs = {**about, "data": digest_bytes(canonical_json(about))}
    return _task(name, "drawn forests", inputs, wall_seconds=DRAWN[name].wall_seconds)


def _lidar(folder: Path) -> Task:
    about = {"source": "folder", "data": digest_file(folder / MANIFEST)}
    return _task("lidar", "real tiles with lidar heights", about, wall_seconds=3600)


def _task(name: str, what: str, inputs: Mapping[str, object], *, wall_seconds: float) -> Task:
    return Task(
        arena="canopy",
        name=name,
        title=f"A canopy height model from {what}",
        objective="Train a model that reads canopy height in metres from RGB imagery, for sites it has never seen.",
        rules=RULES,
        inputs=dict(inputs),
        budget=Budget(wall_seconds=wall_seconds, memory_bytes=8 << 30, disk_bytes=4 << 30),
        verification={"seed": SEED, "measure": "mean absolute error in metres, tile by tile"},
    )
