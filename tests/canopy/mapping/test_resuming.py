"""Killed at any moment and run again: the finished map has the same bytes as one that nobody disturbed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from rasterio.shutil import copy

from assay.canopy.mapping import map_canopy
from assay.canopy.mapping.inference import Piece
from assay.canopy.mapping.journal import Journal, alone, pack, unpack
from assay.canopy.mapping.lattice import Cell
from assay.core.errors import BadInput
from tests.canopy.mapping.support import BAND, Local, contents, options, predictor, scene

ROOT = Path(__file__).parents[3]


def start(source: Path, folder: Path, seconds: float) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.canopy.mapping.slow_map", str(source), str(folder), str(seconds)]
    return subprocess.Popen(command, env=environment, cwd=ROOT)


def pieces(folder: Path) -> int:
    return len(list(folder.glob(".work/*/*.piece")))


def test_a_map_that_was_killed_again_and_again_has_the_same_bytes(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 420, 560)
    map_canopy(predictor(Local(), uncertainty=BAND), path, tmp_path / "whole", options(sheet=256))
    broken, seen = tmp_path / "broken", 0
    for wanted in (1, 3):
        process = start(path, broken, 0.05)
        deadline = time.monotonic() + 120
        while pieces(broken) < wanted and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None, "it should have been killed before it was done"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert pieces(broken) >= seen
        seen = pieces(broken)
        assert not (broken / "map.json").exists()
    done = map_canopy(predictor(Local(), uncertainty=BAND), path, broken, options(sheet=256))
    assert 0 < done.cells_before < done.cells
    assert contents(broken) == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["cut short", "changed", "lost", "journal torn", "journal lost"])
def test_what_is_damaged_is_made_again(tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scene(tmp_path / "a.tif", 300, 300)
    map_canopy(predictor(), path, tmp_path / "whole", options())
    out = tmp_path / "map"
    stop_before_writing(path, out, monkeypatch)
    kept = sorted(out.glob(".work/a/*.piece"))
    journal = out / ".work" / "a" / "journal.jsonl"
    if damage == "cut short":
        kept[0].write_bytes(kept[0].read_bytes()[:-10])
    elif damage == "changed":
        data = bytearray(kept[0].read_bytes())
        data[-1] ^= 1
        kept[0].write_bytes(bytes(data))
    elif damage == "lost":
        kept[0].unlink()
    elif damage == "journal torn":
        journal.write_bytes(journal.read_bytes()[:-20])
    else:
        journal.unlink()
    done = map_canopy(predictor(), path, out, options())
    missing = done.cells if damage == "journal lost" else 1
    assert done.cells - done.cells_before == missing
    assert contents(out) == contents(tmp_path / "whole")


def test_an_unfinished_map_of_something_else_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = scene(tmp_path / "a.tif", 200, 200), scene(tmp_path / "b.tif", 200, 200)
    stop_before_writing(path, tmp_path / "map", monkeypatch)
    with pytest.raises(BadInput, match="an unfinished map of another imagery or area"):
        map_canopy(predictor(), other, tmp_path / "map", options())
    with pytest.raises(BadInput, match="an unfinished map of another layers"):
        map_canopy(predictor(uncertainty=BAND), path, tmp_path / "map", options())


def stop_before_writing(path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Map until all pieces are there, and no further."""
    with monkeypatch.context() as patch:

        def stop(*_: object, **__: object) -> None:
            raise BadInput("stopped by the test")

        patch.setattr("assay.canopy.mapping.cog.write", stop)
        with pytest.raises(BadInput, match="stopped by the test"):
            map_canopy(predictor(), path, out, options())


def test_what_a_killed_writer_left_is_cleared_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scene(tmp_path / "a.tif", 200, 200)
    stop_before_writing(path, tmp_path / "map", monkeypatch)
    (tmp_path / "map" / ".a.height.77.draft.tif").write_bytes(b"half")
    (tmp_path / "map" / ".a.json.77").write_bytes(b"half")
    (tmp_path / "map" / "a.height.tif").write_bytes(b"not what the Item names")
    map_canopy(predictor(), path, tmp_path / "map", options())
    assert sorted(p.name for p in (tmp_path / "map").iterdir()) == [
        "a.height.tif",
        "a.json",
        "collection.json",
        "map.json",
    ]


def test_only_one_process_maps_into_a_folder(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 64, 64)
    with alone(tmp_path / "map" / ".work"), pytest.raises(BadInput, match="Another process is mapping"):
        map_canopy(predictor(), path, tmp_path / "map", options())


def test_a_failing_read_ends_the_run_and_the_next_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    copy(
        scene(tmp_path / "plain.tif", 900, 200), path, driver="COG", BLOCKSIZE=128, OVERVIEWS="NONE"
    )  # directory first
    good = path.read_bytes()
    path.write_bytes(good[: len(good) * 3 // 4])
    with pytest.raises(BadInput, match=r"a\.tif cannot be read at rows"):
        map_canopy(predictor(), path, tmp_path / "map", options())
    assert pieces(tmp_path / "map")
    path.write_bytes(good)
    done = map_canopy(predictor(), path, tmp_path / "map", options())
    assert 0 < done.cells_before < done.cells
    map_canopy(predictor(), path, tmp_path / "whole", options())
    assert contents(tmp_path / "map") == contents(tmp_path / "whole")


def test_a_piece_comes_back_as_it_was() -> None:
    rng = np.random.default_rng(1)
    piece = Piece(
        Cell(-3, 4),
        rng.integers(0, 999, (3, 5, 7)).astype(np.uint16),
        (rng.random((3, 2, 9)).astype(np.float32), rng.random((3, 1, 3)).astype(np.float32)),
        rng.random((6, 11)) > 0.5,
        16,
    )
    back = unpack(piece.cell, pack(piece))
    assert np.array_equal(back.body, piece.body) and np.array_equal(back.valid, piece.valid)
    assert all(np.array_equal(a, b) for a, b in zip(back.frame, piece.frame, strict=True)) and back.windows == 16
    with pytest.raises(BadInput):
        unpack(piece.cell, pack(piece)[:-4])


def test_a_journal_ignores_a_line_that_was_cut_short(tmp_path: Path) -> None:
    empty = Piece(Cell(0, 0), np.zeros((1, 1, 1), np.uint16), (), np.ones((1, 1), bool), 1)
    journal = Journal(tmp_path)
    journal.put(empty)
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"name": "r0c1", "sha')
    journal = Journal(tmp_path)
    other = Piece(Cell(0, 2), np.zeros((1, 1, 1), np.uint16), (), np.ones((1, 1), bool), 1)
    journal.put(other)
    again = Journal(tmp_path)
    assert again.has(Cell(0, 0)) and again.has(Cell(0, 2)) and not again.has(Cell(0, 1))
    shutil.rmtree(tmp_path)
