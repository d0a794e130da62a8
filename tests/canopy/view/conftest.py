"""A map that the tests of the page look at, and what the page is drawn with."""

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from assay.canopy.mapping import map_canopy
from assay.canopy.view.library import VERSION, library
from assay.canopy.view.server import open_server
from assay.core.errors import Unavailable
from tests.canopy.mapping.support import BAND, RedIsHeight, options, place, predictor, write

SIZE = 400


@pytest.fixture(scope="session")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Height is x / 10 metres from 0 to 40 along a row, with a hole in the middle; pixels of half a metre."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("view")
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    data = np.stack([x * 255 / SIZE, 60 + 0 * x, y * 255 / SIZE]).astype(np.uint8)
    mask = np.full((SIZE, SIZE), 255, np.uint8)
    mask[180:220, 180:220] = 0
    path = write(folder / "scene.tif", data, transform=place(), mask=mask)
    map_canopy(predictor(RedIsHeight(), uncertainty=BAND), path, folder / "map", options())
    return folder / "map"


@pytest.fixture(scope="session")
def maplibre() -> Path:
    """A folder with MapLibre, fetched once from npm; skips the test where that cannot be done."""
    folder = Path(os.environ.get("ASSAY_TEST_AGENTS") or Path.home() / ".cache" / "assay-tests") / "maplibre"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        patch.setenv("ASSAY_HOME", str(folder))
        try:
            library()
        except Unavailable as error:
            pytest.skip(str(error))
    return folder / "web" / f"maplibre-gl-{VERSION}"


@pytest.fixture
def address(mapped: Path, maplibre: Path) -> Iterator[str]:
    with open_server(mapped, maplibre=maplibre) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
