"""Many inputs against the original, in slices that are kept."""

import json
import shutil
from pathlib import Path

import pytest

from assay.core.errors import BadInput
from assay.core.sandbox import open_sandbox
from assay.prove.component import read
from assay.prove.fuzzing import Plan, fuzz
from tests.prove.conftest import Assay


def test_a_stopped_run_goes_on_and_never_tries_an_input_twice(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    seen: list[int] = []
    plan = Plan(300, 200, lambda known: seen.append(known.done))
    known = fuzz(read(skeleton), open_sandbox(), state, plan)
    assert seen == [200, 300] and known.slices == 2 and known.differences == []
    again = fuzz(read(skeleton), open_sandbox(), state, plan)
    assert seen == [200, 300] and again == known
    more = fuzz(read(skeleton), open_sandbox(), state, Plan(400, 200))
    assert more.inputs == {"triple": 400} and more.slices == 3


def test_a_difference_is_found_and_kept(rocq: None, assay: Assay, tmp_path: Path) -> None:
    assert assay("prove", "new", "triple").returncode == 0
    c = tmp_path / "elsewhere" / "triple" / "c" / "triple.c"
    c.write_text(c.read_text().replace("(x + (x + x))", "(x % 8 == 3 ? 1 : x + (x + x))"))
    ran = assay("prove", "fuzz", "triple", "--inputs", "600", "--slice", "300", "--json")
    assert ran.returncode == 1, ran.stderr
    document = json.loads(ran.stdout)
    assert document["differences"][0]["ours"] == "1" and document["slices"] == 1
    assert (tmp_path / "elsewhere" / "triple.fuzz.json").is_file()


def test_a_state_of_another_component_is_refused(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    fuzz(read(skeleton), open_sandbox(), state, Plan(50, 50))
    place = tmp_path / "triple"
    shutil.copytree(skeleton, place)
    (place / "src" / "Program.v").write_text((place / "src" / "Program.v").read_text() + "\n")
    with pytest.raises(BadInput, match="another triple"):
        fuzz(read(place), open_sandbox(), state, Plan(50, 50))
    state.write_text("[]")
    with pytest.raises(BadInput, match="assay prove fuzz"):
        fuzz(read(skeleton), open_sandbox(), state, Plan(50, 50))
