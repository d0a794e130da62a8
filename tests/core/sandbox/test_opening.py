"""Choosing a sandbox, what is said where there is none, and running without one."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from assay.core.budget import Budget
from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox import Spec, open_sandbox, python_mounts, remove_tree
from assay.core.sandbox.cgroups import is_abandoned, place_for_version_two, supervisor_name
from tests.core.sandbox.conftest import processes_with, wait_until


def test_without_bubblewrap_one_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match="apt install bubblewrap") as caught:
        open_sandbox()
    assert caught.value.exit_code == 3
    assert str(caught.value).count(". ") == 0


def test_bubblewrap_that_may_not_work_is_unavailable_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Unavailable, match="setting up uid map: Permission denied") as caught:
        open_sandbox().run(["true"], Spec(tmp_path, Budget(wall_seconds=5)), transcript=tmp_path / "t")
    assert caught.value.exit_code == 3


def test_an_unknown_sandbox_is_refused() -> None:
    with pytest.raises(BadInput, match="bubblewrap or none"):
        open_sandbox("docker")


def test_without_a_sandbox_the_command_runs_in_its_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "sk-secret")
    sandbox = open_sandbox("none")
    assert sandbox.name == "none"
    spec = Spec(tmp_path, Budget(wall_seconds=20), environment={"GRANTED": "yes"})
    transcript = tmp_path.parent / "transcript-none"
    finished = sandbox.run(
        ["sh", "-c", "pwd; echo $ASSAY_WORKSPACE $GRANTED $API_KEY; cat"], spec, transcript=transcript
    )
    assert transcript.read_text() == f"{tmp_path}\n{tmp_path} yes\n"
    assert (finished.exit_code, finished.enforcement) == (0, "wall clock only")
    assert sandbox.run(["no-such-program"], spec, transcript=transcript).exit_code == 127
    assert "no-such-program: cannot be started" in transcript.read_text()


def test_without_a_sandbox_time_and_output_are_still_limited(tmp_path: Path, marker: str) -> None:
    spec = Spec(tmp_path, Budget(wall_seconds=1, output_bytes=1000))
    transcript = tmp_path / "t"
    command = ["sh", "-c", f"trap '' TERM; (sleep 60; echo {marker}) & yes"]
    finished = open_sandbox("none").run(command, spec, transcript=transcript)
    assert finished.spent.exceeded == "wall clock"
    assert finished.output_truncated and transcript.stat().st_size == 1000
    assert wait_until(lambda: processes_with(marker) == [])  # a killed process takes a moment to go


@pytest.mark.slow
def test_torch_can_be_imported_inside(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    spec = Spec(tmp_path, Budget(wall_seconds=120), python_mounts())
    transcript = tmp_path / "t"
    program = "import torch, assay.core.budget, sys; print(torch.ones(2, 2).sum().item(), sys.prefix)"
    finished = open_sandbox().run(["python", "-c", program], spec, transcript=transcript)
    assert (finished.exit_code, transcript.read_text()) == (0, f"4.0 {sys.prefix}\n")


@pytest.mark.slow
def test_data_loaders_share_memory_inside(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "load.py").write_text(
        "import torch\nfrom torch.utils.data import DataLoader\n"
        "if __name__ == '__main__':\n"
        "    data = torch.arange(64.).reshape(16, 4)\n"
        "    print(sum(batch.sum().item() for batch in DataLoader(data, batch_size=4, num_workers=2)))\n"
    )
    transcript = tmp_path / "t"
    spec = Spec(tmp_path, Budget(wall_seconds=120), python_mounts())
    finished = open_sandbox().run(["python", "load.py"], spec, transcript=transcript)
    assert transcript.read_text() == "2016.0\n", finished


ORDINARY = """
import sys
import tempfile
from pathlib import Path
from assay.core.budget import Budget
from assay.core.sandbox import Spec, open_sandbox, remove_tree
place = Path(sys.argv[1])
work = place / "work"
work.mkdir()
script = "id -u; cat /etc/shadow; touch /usr/x; mkdir -p a/b && echo made > a/b/file && chmod 0 a/b a; echo end"
finished = open_sandbox().run(["sh", "-c", script], Spec(work, Budget(wall_seconds=20)), transcript=place / "t")
print(finished.exit_code, finished.enforcement, finished.spent.exceeded)
print((place / "t").read_text())
remove_tree(work)
print(work.exists())
for number, program in enumerate((
    "x = bytearray(900 << 20)\\nx[::4096] = b'y' * len(x[::4096])\\nimport time; time.sleep(9)",
    "import os\\nwhile True:\\n    try: os.fork()\\n    except OSError: pass",
    "for n in range(999): open(str(n), 'wb').write(b'x' * (1 << 20))",
    "import os\\nk = []\\nwhile True:\\n"
    "    k.append(open('g', 'wb')); os.unlink('g'); k[-1].write(b'x' * (1 << 20)); k[-1].flush()",
    "import ctypes, os\\nctypes.CDLL(None).prctl(4, 0)\\nk = []\\nwhile True:\\n"
    "    k.append(open('g', 'wb')); os.unlink('g'); k[-1].write(b'x' * (1 << 20)); k[-1].flush()",
    "import os, time; os.chmod('/workspace', 0); time.sleep(2.5); os.chmod('/workspace', 0)",
    "import time; time.sleep(99)",
)):
    big = place / f"big{number}"
    big.mkdir()
    seconds = 2 if "(99)" in program else 20
    budget = Budget(wall_seconds=seconds, memory_bytes=200 << 20, processes=50, disk_bytes=20 << 20)
    finished = open_sandbox().run(["python3", "-c", program], Spec(big, budget), transcript=place / "t")
    print("EXCEEDED", finished.spent.exceeded)
"""


def test_an_ordinary_user_has_the_same_sandbox(request: pytest.FixtureRequest) -> None:
    """As `nobody`, without control groups and with another user's files all around."""
    system = shutil.which("python3", path="/usr/bin")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if os.geteuid() != 0 or shutil.which("runuser") is None or system is None:
        pytest.skip("this needs root, to become somebody else")
    said = subprocess.run(
        [system, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
    )
    if said.stdout.strip() != version:
        pytest.skip(f"/usr/bin/python3 is not a Python {version}")
    nobody = pwd.getpwnam("nobody")
    place = Path(tempfile.mkdtemp(prefix="assay-test-"))  # pytest's own folders are closed to others
    request.addfinalizer(lambda: remove_tree(place))
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    source = Path(__file__).parents[3] / "src"
    packages = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    done = subprocess.run(
        ["runuser", "-u", "nobody", "--", "env", f"PYTHONPATH={source}:{packages}", system, "-c", ORDINARY, str(place)],
        capture_output=True,
        text=True,
        cwd="/",
    )
    if "Permission denied" in done.stderr and "import" in done.stderr:
        pytest.skip("this checkout cannot be read by others")
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.startswith("0 ") and first.endswith(" None")
    assert rest[0] == "1000"
    assert "Permission denied" in rest[1] or "No such file" in rest[1]
    assert "Read-only" in rest[2]
    assert "False" in rest
    exceeded = [line.removeprefix("EXCEEDED ") for line in rest if line.startswith("EXCEEDED")]
    assert exceeded == ["memory", "processes", "disk", "disk", "disk", "None", "wall clock"]


def folder_like_a_group(path: Path, controllers: str) -> Path:
    path.mkdir(parents=True)
    (path / "cgroup.subtree_control").write_text(controllers)
    (path / "cgroup.procs").write_text("")
    return path


def test_a_group_of_version_two_is_made_in_the_nearest_place_with_controllers(tmp_path: Path) -> None:
    root = folder_like_a_group(tmp_path / "root", "cpu memory pids")
    middle = folder_like_a_group(root / "user.slice", "memory pids")
    folder_like_a_group(middle / "session.scope", "")
    assert place_for_version_two(root, "/user.slice/session.scope") == middle
    (middle / "cgroup.subtree_control").write_text("memory")
    assert place_for_version_two(root, "/user.slice/session.scope") == root
    (root / "cgroup.subtree_control").write_text("")
    assert place_for_version_two(root, "/user.slice/session.scope") is None
    assert place_for_version_two(root, "/absent") is None


def test_only_groups_of_dead_supervisors_count_as_abandoned() -> None:
    assert not is_abandoned(supervisor_name())
    namespace, pid, start, count = supervisor_name().removeprefix("assay-").split("-")
    assert is_abandoned(f"assay-{namespace}-{pid}-{int(start) + 1}-{count}")
    assert not is_abandoned(f"assay-1-{pid}-{int(start) + 1}-{count}")  # another machine's numbers, so to say
    assert not is_abandoned("assay-of-somebody-else")
