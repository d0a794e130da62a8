"""Which graphics processors a sandbox is given, and what happens where there are none."""

from pathlib import Path

import pytest

from assay.core.budget import Budget
from assay.core.errors import Unavailable
from assay.core.sandbox import Spec, open_sandbox
from assay.core.sandbox.layout import graphics_devices


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia-modeset", "null"):
        (tmp_path / name).touch()
    return tmp_path


def test_only_as_many_as_the_budget_has_and_only_those_that_may_be_used(devices: Path) -> None:
    assert graphics_devices(0, None, devices) == []
    assert graphics_devices(1, None, devices) == ["nvidia0", "nvidiactl", "nvidia-uvm"]
    assert graphics_devices(2, "10,1", devices) == ["nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm"]


@pytest.mark.parametrize(("count", "visible"), [(4, None), (2, "1"), (1, ""), (1, "7")])
def test_too_few_are_not_silently_fewer(devices: Path, count: int, visible: str | None) -> None:
    with pytest.raises(Unavailable, match=f"needs {count} graphics processor"):
        graphics_devices(count, visible, devices)


def test_a_run_that_needs_one_says_so_where_there_is_none(tmp_path: Path) -> None:
    if list(Path("/dev").glob("nvidia[0-9]*")):
        pytest.skip("this machine has a graphics processor")
    (tmp_path / "workspace").mkdir()
    spec = Spec(tmp_path / "workspace", Budget(wall_seconds=5, gpus=1))
    with pytest.raises(Unavailable, match="graphics processor"):
        open_sandbox().run(["true"], spec, transcript=tmp_path / "out")
