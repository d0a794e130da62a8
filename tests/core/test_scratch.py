"""Temporary folders: private, removed at the end, and swept if their process was killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from assay.core.scratch import scratch


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with scratch("x") as folder:
        (folder / "file").write_text("content")
        assert folder.stat().st_mode & 0o077 == 0
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_folder_goes_even_if_the_work_in_it_fails(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), scratch("x"):
        raise RuntimeError
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom assay.core.scratch import scratch\n"
        "with scratch('child') as folder:\n (folder / 'file').write_text('x')\n"
        " print(folder, flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert child.stdout
    folder = Path(child.stdout.readline().strip())
    with scratch("parent"):
        assert (folder / "file").exists()
    child.kill()
    child.communicate()
    assert (folder / "file").exists()
    with scratch("parent"):
        assert not folder.exists()
    assert list((tmp_path / "scratch").iterdir()) == []
