"""A peer that is many ranks sends the same bytes, and arrives at the same parameters, as a peer that is one."""

import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from assay.core.errors import BadInput
from assay.pretrain.sharded import Layout, ShardedSparseLoCo

WORKER = Path(__file__).with_name("worker.py")


def run_peer(folder, ranks):
    """Start one process per rank; what rank 0 wrote."""
    out, environment = folder / f"{ranks}.json", {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(WORKER)]
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(ranks), str(folder / f"meeting{ranks}"), str(out)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]
    try:
        errors = [process.communicate(timeout=300)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert all(process.returncode == 0 for process in processes), "\n".join(errors)
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run_peer(tmp_path_factory.mktemp("one"), 1)


@pytest.mark.parametrize("ranks", [2, 4])
def test_shards_send_the_same_bytes_and_arrive_at_the_same_parameters(tmp_path, whole, ranks):
    sharded = run_peer(tmp_path, ranks)
    for aggregate, expected in whole.items():
        assert sharded[aggregate]["payloads"] == expected["payloads"]
        assert sharded[aggregate]["parameters"] == expected["parameters"]
    assert len(set(whole["mean"]["payloads"])) == 5


SHAPES = [(1,), (63,), (4096,), (9001,), (1, 5), (64, 64), (65, 3), (100, 130), (128, 1), (37, 5, 26)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_every_row_is_owned_once_by_the_rank_that_holds_the_first_row_of_its_chunk(shape, ranks):
    layout = Layout(shape, ranks)
    rows = layout.rows
    holder = {row: rank for rank in range(ranks) for row in range(*layout.held(rank))}
    owner = {row: rank for rank in range(ranks) for row in range(*layout.owned(rank))}
    assert sorted(holder) == sorted(owner) == list(range(rows))
    assert all(owner[row] == holder[row - row % layout.unit] for row in range(rows))
    assert rows * layout.columns == math.prod(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ranks", [2, 3, 8])
def test_the_rows_that_move_are_those_that_another_rank_owns(shape, ranks):
    layout = Layout(shape, ranks)
    for source, target in itertools.product(range(ranks), repeat=2):
        moved = set(range(*layout.moves(source, target)))
        assert moved == set(range(*layout.held(source))) & set(range(*layout.owned(target)))


def test_a_parameter_that_is_not_sharded_is_refused():
    with pytest.raises(BadInput, match="fully_shard"):
        ShardedSparseLoCo([("w", torch.nn.Parameter(torch.zeros(3)))])
