"""An Assay home of its own for each test, with the small task's inputs brought into its store only once.

Also the order of the files when several processes run them: the longest begin first.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# One thread for each process: the tests run in several, and threads that spin for a core that another process has are
# many times slower than none. Set before NumPy and torch are imported, which read it once.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

TASK = "posttrain/bfcl-smoke:tiny-llama"
RECURSION = sys.getrecursionlimit()  # before any test module is imported
WORKERS = Path(__file__).parent / "flow" / "workers"

Assay = Callable[..., subprocess.CompletedProcess[str]]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "assay.cli", *arguments]


def pytest_runtest_setup() -> None:
    """A package that web3 and vyper bring sets the limit to 100,000 when it is imported: parsers then die of depth."""
    sys.setrecursionlimit(RECURSION)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first: one that begins last would keep a single process busy at the end."""
    seconds: dict[Path, float] = {}
    for item in items:
        marker = item.get_closest_marker("slow")
        seconds[item.path] = seconds.get(item.path, 0) + (marker.kwargs.get("seconds", 10) if marker else 0)
    items.sort(key=lambda item: -seconds[item.path])


STAGING = f"""
from assay.core.arena import find_task
from assay.core.sandbox import open_sandbox
from assay.core.store import open_store
from assay.posttrain.evaluate import Evaluator
arena, task = find_task('{TASK}')
inputs = arena.stage(task, open_store())
Evaluator(task, inputs['base'], inputs['hidden'], open_store(), open_sandbox(), print).measure_base()
"""


@pytest.fixture(scope="session")
def staged_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store has the small task's inputs and what its base answers: made once, copied for each test."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent  # which all processes of this run have in common
    home = place / "staged-home"
    with (place / "staged-home.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            draft = place / "staged-home.draft"
            environment = {**os.environ, "ASSAY_HOME": str(draft)}
            subprocess.run([sys.executable, "-c", STAGING], env=environment, check=True, timeout=600)
            draft.rename(home)
    return home


@pytest.fixture
def home(staged_home: Path, tmp_path: Path) -> Path:
    place = tmp_path / "home"
    shutil.copytree(staged_home, place)
    return place


@pytest.fixture
def assay(home: Path, tmp_path: Path) -> Assay:
    """Runs the command line in an empty folder, with the test's own home."""

    def run(*arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        where = tmp_path / "elsewhere"
        where.mkdir(exist_ok=True)
        environment = {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "150"}
        return subprocess.run(
            command(*arguments), env=environment, cwd=where, capture_output=True, text=True, timeout=timeout
        )

    return run
