"""A canopy model as a task of the house: trained in a sandbox, measured on sites that the worker never saw, signed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.canopy import tasks
from assay.canopy.tiles import read_manifest
from assay.canopy.workplace import lay_out
from assay.core.sandbox import Spec, open_sandbox
from assay.core.store import open_store

HONEST = "env OMP_NUM_THREADS=1 python -m assay.canopy.demo.honest 160"  # tests run beside it


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("canopy") / "home"


def assay(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "assay.cli", *arguments]
    environment = {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "150", "OMP_NUM_THREADS": "2"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)


def verdict(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.stdout, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.slow
def test_an_honest_model_is_accepted_and_verifies_again(home: Path) -> None:
    ended = assay(home, "run", "canopy/smoke", "--worker", HONEST, "--json")
    found = verdict(ended)
    assert (ended.returncode, found["outcome"], found["findings"]) == (0, "accepted", [])
    measures = {measure["name"]: measure["value"] for measure in found["measures"]}
    assert measures["MAE"] < measures["MAE of a constant"]
    assert measures["improvement"] == pytest.approx(measures["MAE of a constant"] - measures["MAE"])
    again = verdict(assay(home, "verify", found["submission"], "--json"))
    assert (again["measures"], again["outcome"]) == (found["measures"], found["outcome"])
    assert assay(home, "ledger", "verify").returncode == 0


def test_a_worker_that_nobody_kept_in_is_never_accepted(home: Path, tmp_path: Path) -> None:
    script = tmp_path / "left.py"
    script.write_text(
        "from pathlib import Path\n"
        "from assay.canopy.model import build, lite0, save\n"
        "save(build(lite0(gsd_m=1.0), pretrained=False), Path('final_model'))\n"
    )
    ended = assay(home, "run", "canopy/smoke", "--sandbox", "none", "--worker", f"python {script}", "--json")
    found = verdict(ended)
    assert (ended.returncode, found["outcome"]) == (1, "inconclusive")
    assert [finding["rule"] for finding in found["findings"]] == ["confinement"]


@pytest.mark.parametrize(
    ("worker", "message"),
    [
        ("true", "There is no folder final_model"),
        ("mkdir final_model", "has no model.json and no model.safetensors"),
        ("mkdir final_model; cd final_model; echo {} > model.json; echo > model.safetensors", "not declare a model"),
        ("ln -s /etc final_model", "There is no folder final_model"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(home: Path, worker: str, message: str) -> None:
    ended = assay(home, "run", "canopy/smoke", "--worker", f"sh -c '{worker}'", "--json")
    assert ended.returncode == 2
    assert message in ended.stderr and "Traceback" not in ended.stderr


def test_a_worker_sees_no_hidden_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    workspace, shelf = tmp_path / "workspace", tmp_path / "shelf"
    workspace.mkdir()
    shelf.mkdir()
    task, store = tasks.find("smoke"), open_store(None)
    place = lay_out(task, tasks.stage(task, store), store, workspace, shelf, confined=True)
    spec = Spec(workspace, task.budget, place.mounts, hidden=place.hidden, environment=dict(place.environment))
    look = (
        "ls /task/tiles/tiles; python -c 'from assay.canopy.synthetic import scene' && echo drawn; find / -name 'S10*'"
    )
    open_sandbox().run(["sh", "-c", look], spec, transcript=tmp_path / "transcript")
    said = (tmp_path / "transcript").read_text()
    assert "S000_00_rgb.tif" in said
    assert "S100" not in said and "drawn" not in said


def test_no_site_is_both_given_and_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    store = open_store(None)
    inputs = tasks.stage(tasks.find("smoke"), store)
    sites = []
    for side in (tasks.GIVEN, tasks.HIDDEN):
        store.get_tree(inputs[side], tmp_path / side, tasks.LIMITS)
        sites.append({ref.site for ref in read_manifest(tmp_path / side)})
    assert len(sites[0]) == 8 and len(sites[1]) == 12
    assert not sites[0] & sites[1]


def test_users_tiles_become_a_task_whose_test_sites_are_hidden_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.canopy.synthetic import write_sites

    folder = tmp_path / "data" / "canopy"
    folder.mkdir(parents=True)
    for split, site in (("train", 1), ("test", 2)):
        write_sites(folder, [site], 1, split=split, pixels=32)
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text() + "points/S002.laz,S002,points,train,1.0,EPSG:32617,,\n")
    (folder / "points").mkdir()
    (folder / "points" / "S002.laz").write_bytes(b"x")
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    store = open_store(None)
    inputs = tasks.stage(tasks.find("lidar"), store)
    given = [entry.path for entry in store.tree(inputs[tasks.GIVEN]).entries]
    assert not [path for path in given if "S002" in path]
    assert [path for path in given if "S001" in path]


def test_tasks_are_listed_without_the_packages_of_this_arena(tmp_path: Path) -> None:
    """Somebody who installed another arena alone can still see what there is."""
    program = "\n".join(
        (
            "import sys",
            "class Missing:",
            "    def find_spec(self, name, path=None, target=None):",
            "        if name.split('.')[0] in ('rasterio', 'affine', 'laspy', 'scipy', 'pystac'):",
            "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)",
            "sys.meta_path.insert(0, Missing())",
            "sys.argv = ['assay', 'tasks', 'canopy/*']",
            "from assay.cli import main",
            "main()",
        )
    )
    environment = {**os.environ, "ASSAY_HOME": str(tmp_path / "home"), "ASSAY_DATA": ""}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    assert "canopy/drawn" in ended.stdout
