"""A map made by a Ray cluster: the same bytes, and each cell once, whatever dies meanwhile."""

import os
from pathlib import Path

import pytest
import torch
from rasterio.shutil import copy
from torch import Tensor

from assay.canopy.mapping import map_canopy
from assay.canopy.mapping.inference import Piece
from assay.core.errors import BadInput
from tests.canopy.mapping.support import BAND, Found, Local, contents, options, predictor, scene

ray = pytest.importorskip("ray")
ROOT = Path(__file__).parents[3]


class DiesOnce(torch.nn.Module):
    """Ends its process at its third window, once in the life of `mark`."""

    def __init__(self, mark: Path) -> None:
        super().__init__()
        self.inner, self.mark, self.calls = Local(), mark, 0

    def forward(self, rgb: Tensor) -> Found:
        self.calls += 1
        if self.calls == 3:
            try:
                self.mark.touch(exist_ok=False)
                os._exit(1)
            except FileExistsError:
                pass
        return Found(self.inner(rgb).metres)


@pytest.fixture(scope="module")
def cluster() -> object:
    """A small cluster on this machine; the mapper joins it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    environment = {"env_vars": {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}}
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment, object_store_memory=200 << 20
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


@pytest.mark.slow
def test_a_cluster_makes_the_same_map_and_each_cell_is_kept_once(
    tmp_path: Path, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scene(tmp_path / "a.tif", 420, 560)
    map_canopy(predictor(uncertainty=BAND), path, tmp_path / "here", options())
    kept: list[str] = []
    from assay.canopy.mapping.journal import Journal

    put = Journal.put

    def counting(self: Journal, piece: Piece) -> None:
        kept.append(piece.cell.name)
        put(self, piece)

    monkeypatch.setattr(Journal, "put", counting)
    mortal = predictor(DiesOnce(tmp_path / "died"), uncertainty=BAND)
    done = map_canopy(mortal, path, tmp_path / "there", options(ray=cluster, workers=2))
    assert (tmp_path / "died").exists()  # a worker did die
    assert len(kept) == len(set(kept)) == done.cells
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


@pytest.mark.slow
def test_what_is_wrong_with_the_imagery_comes_back_as_its_sentence(tmp_path: Path, cluster: str) -> None:
    path = tmp_path / "a.tif"
    copy(
        scene(tmp_path / "plain.tif", 300, 300), path, driver="COG", BLOCKSIZE=128, OVERVIEWS="NONE"
    )  # directory first
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(BadInput, match=r"a\.tif cannot be read at rows"):
        map_canopy(predictor(), path, tmp_path / "map", options(ray=cluster, workers=1))
