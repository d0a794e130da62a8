"""Many runs as one: killed it goes on, on a cluster a dead machine costs nothing, and each cell is signed once."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import BadInput
from assay.core.ledger import open_ledger
from tests.conftest import TASK, WORKERS, Assay, command

NUDGE = f"python {WORKERS / 'nudge.py'}"
MATRIX = ("posttrain", "matrix", "--suite", "smoke", "--worker", NUDGE)


def entries(home: Path) -> list[str]:
    """The submissions in the ledger, one per entry; none before it has been begun."""
    try:
        with open_ledger(home / "ledger.db", create=False) as book:
            return [str(entry.statement.predicate["verdict"]["submission"]) for entry in book.entries()]
    except BadInput:
        return []


def cells(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert ended.stdout, ended.stderr
    found: list[dict[str, Any]] = json.loads(ended.stdout)["cells"]
    return found


@pytest.mark.slow
def test_a_killed_matrix_goes_on_and_finished_cells_are_not_repeated(assay: Assay, home: Path) -> None:
    with subprocess.Popen(
        command(*MATRIX, "--runs", "3", "--json"), env={**os.environ, "ASSAY_HOME": str(home)}, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.2)
            if len(entries(home)) >= 1:
                break
        os.killpg(process.pid, signal.SIGKILL)
    before = entries(home)
    assert 1 <= len(before) < 3
    ended = assay(*MATRIX, "--runs", "3", "--jobs", "2", "--json", timeout=900)  # now two at a time
    assert ended.returncode == 0, ended.stderr
    assert [(c["task"], c["run"], c["status"]) for c in cells(ended)] == [(TASK, n, "done") for n in (1, 2, 3)]
    after = entries(home)
    assert after[: len(before)] == before and len(after) == 3
    assert sorted(c["index"] for c in cells(ended)) == [0, 1, 2]

    # Finished: asked again nothing is run, and nothing is signed.
    again = assay(*MATRIX, "--runs", "3", "--json", timeout=300)
    assert cells(again) == cells(ended) and len(entries(home)) == 3

    # Scored again without the worker: three new entries about the same submissions, and only once.
    for _ in range(2):
        rescored = assay(*MATRIX, "--runs", "3", "--again", "check", "--json", timeout=900)
        assert [c["submission"] for c in cells(rescored)] == [c["submission"] for c in cells(ended)]
        assert sorted(c["index"] for c in cells(rescored)) == [3, 4, 5]
    assert assay("ledger", "verify").returncode == 0


def test_a_cell_that_cannot_be_run_does_not_stop_the_others(assay: Assay, home: Path) -> None:
    ended = assay(
        "posttrain", "matrix", "--worker", NUDGE, "--task", "posttrain/gpqa:qwen3-1.7b", "--task", TASK, "--json"
    )
    assert ended.returncode == 3
    missing, done = cells(ended)
    assert missing["status"] == "failed" and "--data" in missing["why"]
    assert done["status"] == "done" and len(entries(home)) == 1


def test_a_worker_that_leaves_nothing_is_refused_once_and_for_all(assay: Assay, home: Path) -> None:
    for _ in range(2):
        ended = assay("posttrain", "matrix", "--suite", "smoke", "--worker", "true", "--json")
        assert ended.returncode == 0
        (cell,) = cells(ended)
        assert cell["status"] == "refused" and "left no final_model" in cell["why"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--suite", "nonsense"), "There is no suite"),
        (("--task", "posttrain/nonsense"), "There is no task"),
        (("--data", "/nowhere"), "not a folder"),
        (("--ray", "127.0.0.1:1"), "There is no Ray cluster"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(assay: Assay, arguments: tuple[str, ...], message: str) -> None:
    ended = assay("posttrain", "matrix", "--worker", "true", *arguments, timeout=120)
    assert ended.returncode in (2, 3)
    assert message in ended.stderr and "Traceback" not in ended.stderr


@pytest.fixture
def cluster(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Ray cluster on this machine: a head that runs nothing, and two workers."""
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("ASSAY_HOME", str(home))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    memory = 100 << 20
    running = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": memory, "include_dashboard": False}
    )
    running.nodes = [running.add_node(num_cpus=1, object_store_memory=memory) for _ in range(2)]
    running.wait_for_nodes()
    yield running
    running.shutdown()


@pytest.mark.slow(seconds=150)
def test_on_a_cluster_a_dead_worker_costs_no_cell_and_doubles_none(assay: Assay, home: Path, cluster: Any) -> None:
    arguments = (*MATRIX, "--runs", "4", "--ray", cluster.address, "--json")
    with subprocess.Popen(
        command(*arguments), env={**os.environ, "ASSAY_HOME": str(home)}, stdout=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.2)
            if len(entries(home)) >= 1:
                break
        assert process.poll() is None
        cluster.remove_node(cluster.nodes[0], allow_graceful=False)  # half way: cells are done, at work and waiting
        output, _ = process.communicate(timeout=900)
    found = json.loads(output)["cells"]
    assert [(c["run"], c["status"]) for c in found] == [(n, "done") for n in (1, 2, 3, 4)]
    assert sorted(c["index"] for c in found) == [0, 1, 2, 3]
    assert len(entries(home)) == 4
    assert assay("ledger", "verify").returncode == 0
