"""`assay canopy view`: a finished map in the browser, with imagery, heights, uncertainty and profiles."""

from pathlib import Path
from typing import Annotated

import typer

from assay.terminal import Json, command, emit, err, out

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A map that `assay canopy map` has finished.")]


@command
def view(
    folder: Folder,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    imagery: Annotated[
        list[str] | None,
        typer.Option(help="Rasters to show as imagery, where the map's own have moved. May be repeated."),
    ] = None,
    maplibre: Annotated[
        Path | None, typer.Option(help="A folder with maplibre-gl.js and .css, where there is no npm.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    json_: Json = False,
) -> None:
    """Look at a map: serves it to this machine until you press Ctrl-C."""
    import webbrowser

    from assay.canopy.mapping.imagery import Asked, describe
    from assay.canopy.view.layers import Picture
    from assay.canopy.view.server import open_server

    pictures = None
    if imagery:
        scenes = [describe(location, Asked()) for location in imagery]
        pictures = [Picture(scene.location, scene.bands, scene.low, scene.high) for scene in scenes]
    with open_server(folder, port=port, maplibre=maplibre, imagery=pictures) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        if json_:
            emit({"address": address})
        else:
            out.print(f"Map: {address}", markup=False)
            err.print("Press Ctrl-C to stop.")
        out.file.flush()
        if browser and not json_:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            err.print("Stopped.")
