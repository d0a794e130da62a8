"""`assay canopy labels`: heights from points, labels moved to where the imagery shows them, and wrong ones dropped."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, err, finish, out

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _labels() -> None:
    """Labels that can be trusted: from lidar points, registered, cleaned."""


Data = Annotated[Path, typer.Argument(metavar="DATA", help="A folder with a manifest.csv of tiles.")]
Out = Annotated[Path, typer.Option("--out", help="A new folder for the tiles with the mended labels.")]
Html = Annotated[Path | None, typer.Option(help="Write a page that shows what was done, and why.")]


@app.command()
@command
def chm(
    points: Annotated[Path, typer.Argument(metavar="POINTS", help="A LAS, LAZ or COPC file.")],
    out_: Annotated[Path, typer.Option("--out", help="The GeoTIFF to write.")],
    gsd: Annotated[float, typer.Option(help="Pixel size in metres.")] = 1.0,
    bounds: Annotated[
        str | None, typer.Option(metavar="W,S,E,N", help="Only this part, in the file's coordinates.")
    ] = None,
    unit_m: Annotated[float | None, typer.Option(help="Metres per unit of the file, where it does not say.")] = None,
    footprints: Annotated[Path | None, typer.Option(help="Building polygons as GeoJSON, in the same system.")] = None,
    keep_roofs: Annotated[bool, typer.Option("--keep-roofs", help="Do not look for roofs by their shape.")] = False,
    json_: Json = False,
) -> None:
    """Make a canopy height model from a point cloud: pit-free, above the ground, without buildings."""
    from assay.canopy.labels import chm_from_points

    made = chm_from_points(
        points, gsd, bounds=_bounds(bounds), unit_m=unit_m, footprints=footprints, find_roofs=not keep_roofs
    )
    made.write(out_)
    known = made.height[made.height == made.height]
    document = {
        "out": str(out_.absolute()),
        "pixels": list(made.height.shape),
        "gsd_m": made.gsd_m,
        "crs": made.crs,
        "first_returns_per_m2": round(made.density, 2),
        "ground": made.ground,
        "buildings": made.roofs,
        "building_pixels": int(made.buildings.sum()),
        "unknown_pixels": int(made.height.size - known.size),
        "mean_height_m": round(float(known.mean()), 3) if known.size else None,
        "tallest_m": round(float(known.max()), 2) if known.size else None,
        "notes": list(made.notes),
    }
    if json_:
        emit(document)
    else:
        rows, columns = made.height.shape
        out.print(
            f"{columns} x {rows} pixels of {gsd:g} m, {made.density:.1f} first returns per m², "
            f"ground by {made.ground}, buildings by {made.roofs}: {out_.absolute()}",
            markup=False,
            soft_wrap=True,
        )
        for note in made.notes:
            err.print(note, markup=False, soft_wrap=True)
    finish(True)


def _bounds(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput("Bounds are four numbers: west,south,east,north.") from None
    return west, south, east, north


@app.command()
@command
def register(
    data: Data,
    out_: Out,
    together: Annotated[bool, typer.Option("--together", help="One shift for all tiles of a site.")] = False,
    json_: Json = False,
) -> None:
    """Move labels to where the imagery shows them, where that is surely better than leaving them."""
    from assay.canopy.labels.folder import write_folder
    from assay.canopy.labels.registration import applied, register_all, register_together
    from assay.canopy.tiles import load_all, read_manifest

    tiles = load_all([ref for ref in read_manifest(data) if ref.height is not None])
    found = register_together(tiles) if together else register_all(tiles)
    moved = [applied(tile, registration) for tile, registration in zip(tiles, found, strict=True)]
    rows: list[dict[str, Any]] = [
        {
            "tile": tile.name,
            "site": tile.site,
            "found_rows": round(r.shift.rows, 2),
            "found_columns": round(r.shift.columns, 2),
            "moved": r.applied.length > 0,
            "verdict": r.verdict,
            "score": round(r.score, 4),
            "score_unmoved": round(r.score_unmoved, 4),
            "evidence_nats": round(r.evidence, 1),
            "margin_nats": round(r.margin, 1),
            "half_width": round(r.half_width, 2),
            "judged_by": r.judged_by,
        }
        for tile, r in zip(tiles, found, strict=True)
    ]
    document = {"schema": "assay.canopy.registration/1", "tiles": rows, "out": str(out_.absolute())}
    write_folder(out_, moved)
    (out_ / "registration.json").write_text(json.dumps(document, indent=1) + "\n")
    if json_:
        emit(document)
    else:
        for row in rows:
            by = f" by {row['found_rows']:+.1f}, {row['found_columns']:+.1f}" if row["moved"] else ""
            out.print(
                f"{row['site']} {row['tile']}: {row['verdict']}{by} ({row['evidence_nats']:.0f} nats)", markup=False
            )
    finish(True)


@app.command()
@command
def clean(
    data: Data,
    out_: Out,
    block: Annotated[
        int, typer.Option(min=32, max=1024, help="Pixels: larger tiles are judged in parts of about this size.")
    ] = 64,
    false_alarms: Annotated[float, typer.Option(help="At most about this share of good labels is given up.")] = 0.1,
    html: Html = None,
    seed: Annotated[int, typer.Option(min=0, help="What the draws depend on.")] = 0,
    json_: Json = False,
) -> None:
    """Drop labels that are of another place, another date, or broken. Dropped blocks get no label."""
    from assay.canopy.labels.cleaning import clean as run
    from assay.canopy.labels.folder import without, write_folder
    from assay.canopy.labels.report import cleaning_page
    from assay.canopy.tiles import load_all, pieces, read_manifest
    from assay.web.page import write_page

    tiles = load_all([ref for ref in read_manifest(data) if ref.height is not None])
    cut = [piece for tile in tiles for piece in pieces(tile, block)]
    cleaned = run(cut, false_alarms=false_alarms, seed=seed)
    dropped = [piece for piece, judged in zip(cut, cleaned.judgements, strict=True) if judged.dropped]
    write_folder(out_, [without(tile, dropped) for tile in tiles])
    document = {**cleaned.to_json(), "out": str(out_.absolute())}
    (out_ / "cleaning.json").write_text(json.dumps(document, indent=1) + "\n")
    if html is not None:
        write_page(html, cleaning_page(cleaned, cut, data.name))
        document["page"] = str(html.absolute())
    if json_:
        emit(document)
    else:
        out.print(f"{len(dropped)} of {len(cut)} labels were dropped: {out_.absolute()}", markup=False, soft_wrap=True)
        for name, total, gone in cleaned.by_height():
            out.print(f"  mean height {name}: {gone} of {total}")
    finish(True)
