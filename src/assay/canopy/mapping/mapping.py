"""From imagery and a model to a finished map in a folder: the mapper's front door.

`map_canopy` plans, infers what is not there yet, writes COGs and STAC. Killed at any moment and called again with the
same arguments it goes on, and the finished folder has the same bytes as without the interruption."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pystac

from assay.canopy.mapping import cog, quadkeys, stac
from assay.canopy.mapping.cog import Layers, Product
from assay.canopy.mapping.imagery import Asked
from assay.canopy.mapping.inference import NODATA, Piece
from assay.canopy.mapping.inputs import open_inputs
from assay.canopy.mapping.journal import Journal, alone
from assay.canopy.mapping.lattice import Box, Tiling
from assay.canopy.mapping.pipeline import Pipeline, Spent
from assay.canopy.mapping.plan import SHEET, Layout, Sheet, lay_out
from assay.canopy.mapping.predictor import Predictor
from assay.canopy.mapping.stitching import Stitcher
from assay.core.digest import canonical_json, digest_file
from assay.core.errors import BadInput, Unavailable
from assay.core.plain import one_line
from assay.core.whole import write_whole

FORMAT = "assay.canopy.map/1"
WORK = ".work"
_ROOM = 1.2  # of the bytes that a map may need at most, before it is begun


@dataclass(frozen=True)
class Options:
    """How to map. The defaults are right for most imagery."""

    asked: Asked = field(default_factory=Asked)
    bounds: tuple[float, float, float, float] | None = None  # west, south, east, north in degrees
    date: str | None = None
    asset: str | None = None  # of a STAC Item
    name: str | None = None
    tiling: Tiling | None = None
    sheet: int = SHEET
    batch: int = 1
    readers: int = 1
    quadkeys: int | None = None  # zoom of the WebMercator files that are written too
    ray: str | None = None  # address of a cluster
    workers: int | None = None  # on the cluster


@dataclass(frozen=True)
class Mapped:
    """A finished map, and what this call did for it."""

    folder: Path
    items: tuple[str, ...]
    pixels: int
    valid_pixels: int
    km2: float  # with imagery
    cells: int
    cells_before: int  # that an earlier call had finished
    seconds: float
    spent: Spent
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "folder": str(self.folder)}


Report = Callable[[str, int, int], None]  # what goes on, how many are done, of how many


def _quiet(what: str, done: int, of: int) -> None:
    return None


def map_canopy(
    predictor: Predictor,
    source: str | Path | Sequence[str | Path],
    out: Path,
    options: Options | None = None,
    report: Report = _quiet,
) -> Mapped:
    """Map `source` (a raster, a STAC Item, a list, or several) into the folder `out`."""
    options = options or Options()
    began = time.perf_counter()
    sources = [source] if isinstance(source, str | Path) else list(source)
    imageries = open_inputs([str(s) for s in sources], options.asked, asset=options.asset, date=options.date)
    layouts = lay_out(
        imageries, predictor.card, tiling=options.tiling, bounds=options.bounds, name=options.name, sheet=options.sheet
    )
    plan = _plan(layouts, predictor, options)
    _make(out)
    with alone(out / WORK):
        done = _finished(out, plan)
        if done is None:
            done = _Run(layouts, predictor, out, options, report, plan).run()
        _clear(out)
    return replace(done, seconds=time.perf_counter() - began)


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{one_line(str(out), 200)} cannot be made: {error.strerror}.") from None
    strangers = [p.name for p in out.iterdir() if p.name not in (WORK, "map.json")]
    if strangers and not (out / WORK).is_dir() and not (out / "map.json").is_file():
        raise BadInput(
            f"{one_line(str(out), 200)} holds other files, such as {one_line(strangers[0], 60)}: "
            "choose an empty folder."
        )


def _clear(out: Path) -> None:
    shutil.rmtree(out / WORK, ignore_errors=True)


def _plan(layouts: Sequence[Layout], predictor: Predictor, options: Options) -> dict[str, Any]:
    tiling = layouts[0].lattice.y.tiling
    uncertainty = predictor.uncertainty
    return {
        "format": FORMAT,
        "model": predictor.described(),
        "half": predictor.half,
        "layers": list(predictor.layers),
        "uncertainty": None if uncertainty is None else {"says": uncertainty.says, "level": uncertainty.level},
        "calibration": uncertainty.digest if uncertainty else None,
        "tiling": asdict(tiling),
        "batch": options.batch,  # the last bit of a height may depend on it
        "quadkeys": options.quadkeys,
        "maps": [layout.to_json() for layout in layouts],
    }


def _finished(out: Path, plan: dict[str, Any]) -> Mapped | None:
    """The finished map, if it is there and is the one that was asked for."""
    begun, whole = out / WORK / "plan.json", out / "map.json"
    for path in (whole, begun):
        if not path.is_file():
            continue
        try:
            found = json.loads(path.read_bytes())
            same = canonical_json(found["plan"]) == canonical_json(plan)
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{path} is not a map's plan: choose an empty folder.") from None
        if not same:
            state = "a finished" if path is whole else "an unfinished"
            what = _difference(found["plan"], plan)
            raise BadInput(f"{out} has {state} map of another {what}: choose another folder, or remove this one.")
        if path is whole:
            return _recalled(out, found)
    write_whole(begun, canonical_json({"plan": plan}))
    return None


def _difference(found: Any, plan: dict[str, Any]) -> str:
    known = {"maps": "imagery or area", "tiling": "tiling", "batch": "batch size"}
    different = [key for key in plan if not isinstance(found, dict) or found.get(key) != plan[key]]
    return known.get(different[0], different[0]) if different else "kind"


def _recalled(out: Path, found: dict[str, Any]) -> Mapped:
    totals = found["totals"]
    return Mapped(
        folder=out,
        items=tuple(found["items"]),
        pixels=totals["pixels"],
        valid_pixels=totals["valid_pixels"],
        km2=totals["km2"],
        cells=totals["cells"],
        cells_before=totals["cells"],
        seconds=0.0,
        spent=Spent(0, 0, 0, 0),
        notes=tuple(found["notes"]),
    )


class _Run:
    """One call's work on an unfinished map."""

    def __init__(
        self,
        layouts: Sequence[Layout],
        predictor: Predictor,
        out: Path,
        options: Options,
        report: Report,
        plan: dict[str, Any],
    ) -> None:
        self._layouts, self._predictor, self._out = layouts, predictor, out
        self._options, self._report, self._plan = options, report, plan
        self._products = products(predictor)
        self._spent: list[Spent] = []
        self._before = 0

    def run(self) -> Mapped:
        for left in [*self._out.glob(".*"), *(self._out / "quadkeys").glob(".*")]:
            if left.is_file():  # half written by a process that was killed
                left.unlink()
        _room(self._layouts, len(self._predictor.layers), self._out)
        # Files of one imagery are written while the next is inferred.
        with ThreadPoolExecutor(1) as finisher:
            finishing: list[Future[None]] = []
            for layout in self._layouts:
                self._infer(layout)
                finishing.append(finisher.submit(self._write, layout))
                for done in [f for f in finishing if f.done()]:
                    done.result()
            for done in finishing:
                done.result()
        return self._conclude()

    # Inference

    def _infer(self, layout: Layout) -> None:
        cells = list(layout.lattice.cells())
        if all(self._written(sheet) for sheet in layout.sheets):
            self._before += len(cells)
            return
        journal = Journal(self._out / WORK / layout.name)
        todo = [cell for cell in cells if not journal.has(cell)]
        self._before += len(cells) - len(todo)
        kept = len(cells) - len(todo)
        self._report(layout.name, kept, len(cells))

        def keep(piece: Piece) -> None:
            nonlocal kept
            journal.put(piece)
            kept += 1
            self._report(layout.name, kept, len(cells))

        if not todo:
            return
        if self._options.ray is not None:
            from assay.canopy.mapping.cluster import infer_on_ray

            self._spent.append(infer_on_ray(layout, self._predictor, todo, keep, self._options))
            return
        pipeline = Pipeline(
            layout.imagery,
            layout.lattice,
            self._predictor,
            keep,
            batch=self._options.batch,
            readers=self._options.readers,
        )
        self._spent.append(pipeline.run(todo))

    # Files

    def _files(self, sheet: str) -> list[Path]:
        return [self._out / f"{sheet}.{product.key}.tif" for product in self._products]

    def _written(self, sheet: Sheet) -> bool:
        """Whether a sheet's files are there and are those that its Item names."""
        try:
            assets = json.loads((self._out / f"{sheet.name}.json").read_bytes())["assets"]
            return all(
                "sha256:" + assets[product.key]["file:checksum"][4:] == digest_file(file)
                for product, file in zip(self._products, self._files(sheet.name), strict=True)
            )
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def _write(self, layout: Layout) -> None:
        journal = Journal(self._out / WORK / layout.name)
        for number, sheet in enumerate(layout.sheets):
            if not self._written(sheet):
                self._report(f"writing {sheet.name}", number, len(layout.sheets))
                self._write_sheet(layout, sheet, journal)
        for cell in layout.lattice.cells():
            journal.drop(cell)

    def _write_sheet(self, layout: Layout, sheet: Sheet, journal: Journal) -> None:
        stitcher = Stitcher(layout.lattice, journal, len(self._predictor.layers))
        counted = _Counted()
        grid = layout.grid(sheet)
        files = self._files(sheet.name)
        tags = {"ASSAY_MODEL": self._predictor.card.sha256, "ASSAY_IMAGERY_TAKEN": str(layout.imagery.scenes[0].taken)}
        cog.write(self._products, files, grid, counted.through(_regions(layout, sheet, stitcher)), tags=tags)
        written = [
            stac.Written(product, file, digest_file(file), file.stat().st_size)
            for product, file in zip(self._products, files, strict=True)
        ]
        made = stac.item(
            sheet.name,
            grid,
            written,
            taken=str(layout.imagery.scenes[0].taken),
            properties=self._properties(layout, sheet, counted),
            derived_from=_origins(layout),
        )
        write_whole(self._out / f"{sheet.name}.json", stac.document(made, collection_id=self._name))

    def _properties(self, layout: Layout, sheet: Sheet, counted: "_Counted") -> dict[str, Any]:
        down, across = layout.grid(sheet).ground_m
        first = layout.imagery.scenes[0]
        return {
            "canopy:model": self._predictor.described(),
            "canopy:uncertainty": self._plan["uncertainty"],
            "canopy:tiling": self._plan["tiling"],
            "canopy:range": {"black": first.low, "white": first.high, "from": first.range_from},
            "canopy:date_from": first.taken_from,
            "canopy:valid_pixels": counted.valid,
            "canopy:valid_km2": round(counted.valid * down * across / 1e6, 6),
            "canopy:notes": list(layout.notes),
        }

    # The end

    @property
    def _name(self) -> str:
        return self._layouts[0].name if len(self._layouts) == 1 else f"{self._layouts[0].name}-and-more"

    def _conclude(self) -> Mapped:
        names = [sheet.name for layout in self._layouts for sheet in layout.sheets]
        items = [pystac.Item.from_dict(json.loads((self._out / f"{name}.json").read_bytes())) for name in names]
        if self._options.quadkeys is not None:
            self._report("writing quadkeys", 0, 1)
            quadkeys.write(self._out, items, self._products, self._options.quadkeys)
        valid = sum(item.properties["canopy:valid_pixels"] for item in items)
        notes = [note for layout in self._layouts for note in layout.notes]
        if not valid:
            notes.append("No pixel of the imagery has data: the map is empty.")
        totals = {
            "pixels": sum(layout.area.size for layout in self._layouts),
            "valid_pixels": valid,
            "km2": round(sum(item.properties["canopy:valid_km2"] for item in items), 6),
            "cells": sum(1 for layout in self._layouts for _ in layout.lattice.cells()),
        }
        made = stac.collection(
            items,
            name=self._name,
            description=f"Canopy height in metres, by {self._predictor.card.name} from imagery.",
            licence="other",
        )
        write_whole(self._out / "collection.json", stac.document(made, collection_id=self._name))
        whole = {"plan": self._plan, "items": names, "totals": totals, "notes": notes}
        write_whole(self._out / "map.json", json.dumps(whole, indent=1, sort_keys=True).encode() + b"\n")
        spent = Spent(
            *(sum(getattr(s, f) for s in self._spent) for f in ("waiting", "inferring", "handing_over", "windows"))
        )
        return Mapped(
            folder=self._out,
            items=tuple(names),
            cells_before=self._before,
            seconds=0.0,
            spent=spent,
            notes=tuple(notes),
            **totals,
        )


class _Counted:
    """Counts valid pixels as regions go by."""

    def __init__(self) -> None:
        self.valid = 0

    def through(self, regions: Iterator[tuple[Box, Layers]]) -> Iterator[tuple[Box, Layers]]:
        for box, layers in regions:
            self.valid += int(np.count_nonzero(layers[0] != NODATA))
            yield box, layers


def _regions(layout: Layout, sheet: Sheet, stitcher: Stitcher) -> Iterator[tuple[Box, Layers]]:
    """The finished regions of all cells that have a part in a sheet, cut to it, row by row."""
    for cell in layout.lattice.cells():
        region = layout.lattice.region(cell)
        part = region & sheet.box
        if part.size:
            yield part, stitcher.region(cell)[(slice(None), *part.within(region))]


def _origins(layout: Layout) -> list[str]:
    """Where the imagery is, once each; a list of thousands is named by its first and its number in the notes."""
    found = dict.fromkeys(scene.derived_from or scene.location for scene in layout.imagery.scenes)
    return list(found)[:1000]


def products(predictor: Predictor) -> list[Product]:
    """The files of each sheet."""
    found = [Product("height", (0,), ("height",), "Canopy height")]
    if predictor.uncertainty is not None:
        layers = predictor.uncertainty.layers
        found.append(Product("uncertainty", tuple(range(1, 1 + len(layers))), layers, predictor.uncertainty.says))
    return found


def _room(layouts: Sequence[Layout], layers: int, out: Path) -> None:
    """`Unavailable` if the disk is clearly too small: pieces, drafts and files, 2 bytes a pixel and layer each."""
    needed = max(layout.area.size for layout in layouts) * layers * 2 * 2 * _ROOM
    free = shutil.disk_usage(out).free
    if needed > free:
        raise Unavailable(
            f"The map may need {needed / 1e9:.1f} GB while it is made and {out} has {free / 1e9:.1f} GB: "
            "choose another disk, or map a part with --bounds."
        )
