"""`assay canopy map`: canopy heights of an area as Cloud Optimized GeoTIFFs with STAC.

Exit 0 when the map is finished; 2 if the input or the model cannot be used; 3 if a disk, an address, a device or a
cluster is missing. Interrupted, it goes on where it stopped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.core.errors import BadInput
from assay.terminal import Json, command, emit, err, foreign, out

if TYPE_CHECKING:
    from assay.canopy.mapping import Asked, Mapped, Options, Predictor

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT...", help="Rasters, VRTs, STAC Items, or lists of them (.txt); files or addresses."),
]
Model = Annotated[Path, typer.Option("--model", metavar="DIR", help="A model, as `assay canopy train` writes it.")]
Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where the map goes: an empty folder, or one to go on with.")
]


@command
def map_area(
    inputs: Inputs,
    model: Model,
    folder: Out,
    date: Annotated[str | None, typer.Option(help="When the imagery was taken, or FROM/TO.")] = None,
    range_: Annotated[
        tuple[float, float] | None, typer.Option("--range", metavar="BLACK WHITE", help="Values of black and white.")
    ] = None,
    bands: Annotated[
        str | None, typer.Option(metavar="R,G,B", help="Numbers of the colour bands [default: 1,2,3].")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="Coordinate reference system, where the raster names none.")] = None,
    nodata: Annotated[float | None, typer.Option(help="Value of missing pixels, where the raster names none.")] = None,
    bounds: Annotated[
        str | None, typer.Option(metavar="W,S,E,N", help="Only this part, in degrees of longitude and latitude.")
    ] = None,
    asset: Annotated[str | None, typer.Option(help="Which asset of a STAC Item.")] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Calibrated intervals [default: calibration.json in the model's folder].")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the map [default: the raster's].")] = None,
    window: Annotated[
        int | None, typer.Option(min=64, max=8192, help="Pixels along a side of the model's windows.")
    ] = None,
    sheet: Annotated[int, typer.Option(min=256, help="Pixels along a side of the largest file.")] = 32768,
    quadkeys: Annotated[
        int | None, typer.Option(metavar="ZOOM", help="Write WebMercator files named by quadkey too; 10 as Meta does.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")] = "cpu",
    half: Annotated[bool, typer.Option("--half", help="Compute in bfloat16: for graphics processors.")] = False,
    flips: Annotated[
        bool, typer.Option("--flips", help="Average eight positions of each window: steadier, eight times the work.")
    ] = False,
    batch: Annotated[int | None, typer.Option(min=1, max=256, help="Windows at a time.")] = None,
    readers: Annotated[int | None, typer.Option(min=1, max=64, help="Threads that read.")] = None,
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Spread over this Ray cluster.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Workers on the cluster [default: all].")] = None,
    json_: Json = False,
) -> None:
    """Map canopy height. The map keeps the imagery's grid; 0 is a height, 65535 is nothing known."""
    from assay.canopy.mapping import Options, Tiling, load_predictor

    predictor = load_predictor(model, calibration=calibration, device=device, half=half, flips=flips)
    fast = predictor.device.type == "cuda"
    options = Options(
        asked=_asked(range_, bands, crs, nodata),
        bounds=_numbers(bounds, "--bounds"),
        date=date,
        asset=asset,
        name=name,
        tiling=Tiling.of(predictor.card.multiple, window) if window else None,
        sheet=sheet,
        batch=batch or (8 if fast else 1),
        readers=readers or (8 if fast else 1),
        quadkeys=quadkeys,
        ray=ray,
        workers=workers,
    )
    mapped = _map(predictor, inputs, folder, options, quiet=json_)
    if json_:
        emit(mapped.to_json())
    else:
        _show(mapped)


def _map(predictor: "Predictor", inputs: list[str], folder: Path, options: "Options", *, quiet: bool) -> "Mapped":
    """Map with a progress bar on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from assay.canopy.mapping import map_canopy

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as progress:
        bars: dict[str, Any] = {}

        def report(what: str, done: int, of: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what.replace("[", r"\["), total=of)
            progress.update(bars[what], completed=done)

        return map_canopy(predictor, inputs, folder, options, report)


def _asked(range_: tuple[float, float] | None, bands: str | None, crs: str | None, nodata: float | None) -> "Asked":
    from assay.canopy.mapping import Asked

    chosen: tuple[int, int, int] | None = None
    if bands is not None:
        parts = bands.split(",")
        if len(parts) != 3 or not all(part.strip().isdigit() and 0 < int(part) < 10_000 for part in parts):
            raise BadInput(f"{bands[:40]!r} are not three bands: write for example --bands 4,3,2.")
        chosen = (int(parts[0]), int(parts[1]), int(parts[2]))
    low, high = range_ or (None, None)
    return Asked(chosen, low, high, crs, nodata)


def _numbers(text: str | None, option: str) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInput(f"{option} takes four numbers: west,south,east,north in degrees.") from None
    return west, south, east, north


def _show(mapped: "Mapped") -> None:
    for note in mapped.notes:
        err.print("[yellow]note:[/]", foreign(note), soft_wrap=True)
    share = 100 * mapped.valid_pixels / mapped.pixels
    out.print(
        f"{mapped.km2:.4g} km² in {mapped.seconds:.1f} s: {len(mapped.items)} sheet{'s' * (len(mapped.items) > 1)}, "
        f"{mapped.pixels:,} pixels, {share:.1f} % with imagery."
    )
    out.print(f"Map: {mapped.folder}", markup=False, soft_wrap=True)
    err.print(f"Look at it: assay canopy view {mapped.folder}", markup=False, soft_wrap=True)
