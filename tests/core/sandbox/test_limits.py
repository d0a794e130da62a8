"""What a hostile worker cannot exceed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.budget import Budget
from assay.core.sandbox import Sample, Spec, open_sandbox
from assay.core.sandbox.bubblewrap import Bubblewrap
from tests.core.sandbox.conftest import Outcome, processes_with, wait_until

Attack = Callable[..., Outcome]
MIB = 1 << 20


@pytest.mark.parametrize("stay", ["stay", "leave"])
def test_nothing_outlives_the_budget(
    attack: Attack, sandbox: Bubblewrap, marker: str, workspace: Path, stay: str
) -> None:
    started = time.monotonic()
    outcome = attack("linger.py", marker, stay, sandbox=sandbox, wall_seconds=3)
    took = time.monotonic() - started
    assert processes_with(marker) == []  # at the moment when run returns
    assert "READY" in outcome.output
    if stay == "stay":
        assert outcome.exceeded == "wall clock"
        assert outcome.finished.exit_code == -signal.SIGKILL
        assert outcome.finished.spent.wall_seconds < 3 + 2
        assert took < 3 + 2 + 3
    else:
        assert outcome.exceeded is None
        assert outcome.finished.exit_code == 0
    size = (workspace / "heartbeat").stat().st_size
    assert size > 0  # they were there, and did write
    time.sleep(0.3)
    assert (workspace / "heartbeat").stat().st_size == size


def test_a_fork_bomb_is_ended(attack: Attack, sandbox: Bubblewrap, marker: str) -> None:
    program = f"# {marker}\nimport os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    outcome = attack("", command=["python", "-c", program], sandbox=sandbox, processes=40)
    assert outcome.exceeded == "processes"
    assert processes_with(marker) == []


def test_threads_count_as_processes(attack: Attack, sandbox: Bubblewrap) -> None:
    program = "import threading,time\nfor _ in range(60):\n    threading.Thread(target=time.sleep, args=(20,)).start()"
    outcome = attack("", command=["python", "-c", program], sandbox=sandbox, processes=30)
    assert outcome.exceeded == "processes"


def test_a_crowd_that_never_rests_is_ended_in_time(attack: Attack, sandbox: Bubblewrap, marker: str) -> None:
    program = f"# {marker}\nimport os\nfor _ in range(8): os.fork()\nwhile True: pass"
    outcome = attack("", command=["python", "-c", program], sandbox=sandbox, processes=300, wall_seconds=2)
    assert outcome.exceeded == "wall clock"
    assert outcome.finished.spent.wall_seconds < 2 + 2
    assert processes_with(marker) == []


MEMORY = (
    *("anonymous", "many_small_processes", "shared_memory", "private_tmp", "memory_file", "anonymous_shared"),
    "system_five",
)


@pytest.mark.parametrize("way", MEMORY)
def test_memory_of_the_whole_tree_is_limited(attack: Attack, sandbox: Bubblewrap, way: str) -> None:
    outcome = attack("memory.py", way, sandbox=sandbox, memory_bytes=256 * MIB, disk_bytes=1 << 30)
    refused = outcome.finished.exit_code == 5 and "REFUSED" in outcome.output  # a full file system, or an absent call
    assert outcome.exceeded == "memory" or refused
    peak = outcome.finished.spent.peak_memory_bytes
    # Polling sees memory only when it looks, which on a busy machine can be late; a control group is the kernel's own.
    by_kernel = outcome.finished.enforcement.startswith("cgroup")
    assert peak is not None and peak < (600 * MIB if by_kernel else 4096 * MIB)
    assert outcome.finished.spent.wall_seconds < 29


DISK = (
    *("one_big_file", "many_files", "deleted_but_open", "deleted_but_mapped", "deleted_in_a_socket"),
    *("deleted_in_a_thread", "allocated", "truncated_and_mapped", "deep_down"),
)


@pytest.mark.parametrize("way", DISK)
def test_disk_is_limited_however_it_is_taken(attack: Attack, way: str) -> None:
    outcome = attack("disk.py", way, disk_bytes=64 * MIB, memory_bytes=2 << 30, open_files=1024)
    assert outcome.exceeded == "disk"
    assert outcome.finished.spent.wall_seconds < 29


@pytest.mark.parametrize("way", ["many_empty_files", "many_folders"])
def test_the_number_of_files_is_limited(attack: Attack, way: str, workspace: Path) -> None:
    outcome = attack("disk.py", way, files=3000, disk_bytes=1 << 30)
    assert outcome.exceeded == "files"


@pytest.mark.parametrize("way", ["sparse", "hard_links"])
def test_what_takes_no_space_is_not_counted(attack: Attack, way: str) -> None:
    outcome = attack("disk.py", way)
    assert (outcome.output, outcome.exceeded) == ("DONE\n", None)


def test_a_flood_of_output_neither_blocks_nor_fills_anything(
    attack: Attack, sandbox: Bubblewrap, tmp_path: Path
) -> None:
    program = (
        "import os\nfor _ in range(400): os.write(1, b'x' * (1 << 20))\nprint('END', flush=True)\nopen('done', 'w')"
    )
    outcome = attack(
        "", command=["python", "-c", program], sandbox=sandbox, output_bytes=999_999, memory_bytes=128 * MIB
    )
    assert outcome.finished.exit_code == 0
    assert outcome.finished.output_truncated
    assert (tmp_path / "transcript").stat().st_size == 999_999
    assert (tmp_path / "workspace" / "done").exists()


def test_output_of_exactly_the_limit_is_not_called_truncated(attack: Attack, tmp_path: Path) -> None:
    outcome = attack("", command=["python", "-c", "print('x' * 999)"], output_bytes=1000)
    assert not outcome.finished.output_truncated
    assert len(outcome.output) == 1000


def test_processor_time_of_a_process_is_limited(attack: Attack) -> None:
    outcome = attack("", command=["python", "-c", "while True: pass"], cpu_seconds=1)
    assert outcome.exceeded == "CPU time"
    child = "import os\nif os.fork() == 0:\n    while True: pass\nos.wait()\nimport time; time.sleep(20)"
    assert attack("", command=["python", "-c", child], cpu_seconds=2).exceeded == "CPU time"


def test_open_files_are_limited(attack: Attack) -> None:
    program = "import os\nkept = []\ntry:\n    while True: kept.append(os.open('/', 0))\n"
    program += "except OSError: print(len(kept))"
    outcome = attack("", command=["python", "-c", program], open_files=64)
    assert 32 <= int(outcome.output) < 64


def test_a_worker_within_its_budget_is_left_alone(attack: Attack, sandbox: Bubblewrap) -> None:
    program = (
        "import time\nkept = bytearray(50 << 20)\nopen('f', 'wb').write(b'x' * (5 << 20))\ntime.sleep(1.2)\nprint('OK')"
    )
    outcome = attack("", command=["python", "-c", program], sandbox=sandbox, memory_bytes=256 * MIB)
    spent = outcome.finished.spent
    assert (outcome.output, outcome.exceeded, outcome.finished.exit_code) == ("OK\n", None, 0)
    assert spent.peak_memory_bytes is not None and 50 * MIB < spent.peak_memory_bytes < 256 * MIB
    assert spent.disk_bytes is not None and 5 * MIB <= spent.disk_bytes < 6 * MIB
    assert spent.cpu_seconds is not None and spent.cpu_seconds > 0
    samples = outcome.finished.samples
    assert len(samples) >= 3
    assert [s.elapsed_seconds for s in samples] == sorted(s.elapsed_seconds for s in samples)
    assert max(s.processes for s in samples) >= 1
    assert outcome.finished.enforcement == ("polling" if not sandbox._cgroup else outcome.finished.enforcement)


def test_samples_and_output_are_told_while_the_command_runs(workspace: Path, tmp_path: Path) -> None:
    samples: list[Sample] = []
    pieces: list[bytes] = []
    spec = Spec(workspace, Budget(wall_seconds=20))
    finished = open_sandbox().run(
        ["sh", "-c", "echo one; sleep 1.1; echo two >&2"],
        spec,
        transcript=tmp_path / "transcript",
        on_sample=samples.append,
        on_output=pieces.append,
    )
    assert pieces == [b"one\n", b"two\n"]
    assert tuple(samples) == finished.samples


def test_an_error_of_the_caller_ends_the_worker(workspace: Path, tmp_path: Path, marker: str) -> None:
    def fail(sample: Sample) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_sandbox().run(
            ["sh", "-c", f"sleep 60; echo {marker}"],
            Spec(workspace, Budget(wall_seconds=60)),
            transcript=tmp_path / "transcript",
            on_sample=fail,
        )
    assert processes_with(marker) == []


SUPERVISOR = """
import sys
from pathlib import Path
from assay.core.budget import Budget
from assay.core.sandbox import Spec, python_mounts
from assay.core.sandbox.bubblewrap import Bubblewrap
workspace, marker, cgroup = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "cgroup"
Bubblewrap(cgroup=cgroup).run(
    ["python", "linger.py", marker, "stay"],
    Spec(workspace, Budget(wall_seconds=120), python_mounts()),
    transcript=workspace.parent / "transcript",
)
"""


def groups() -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").rglob("assay-*") if path.is_dir()]


@pytest.mark.parametrize("how", ["cgroup", "polling"])
def test_the_tree_dies_with_its_supervisor(workspace: Path, marker: str, how: str) -> None:
    (workspace / "linger.py").write_text((Path(__file__).parent / "hostile" / "linger.py").read_text())
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(workspace), marker, how])
    try:
        assert wait_until(lambda: (workspace / "heartbeat").exists() and len(processes_with(marker)) >= 5)
    finally:
        process.kill()
        process.wait()
    assert wait_until(lambda: processes_with(marker) == [], seconds=2)
    assert not processes_with(str(workspace))


def test_killing_the_supervisor_at_any_moment_of_the_start_leaves_nothing(workspace: Path, marker: str) -> None:
    (workspace / "linger.py").write_text((Path(__file__).parent / "hostile" / "linger.py").read_text())
    for delay in [0.25 + 0.02 * step for step in range(12)]:
        process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(workspace), marker, "cgroup"])
        time.sleep(delay)
        process.kill()
        process.wait()
    assert wait_until(lambda: processes_with(marker) == [], seconds=5)


def test_groups_of_dead_supervisors_are_swept(attack: Attack, workspace: Path, marker: str) -> None:
    (workspace / "linger.py").write_text((Path(__file__).parent / "hostile" / "linger.py").read_text())
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(workspace), marker, "cgroup"])
    try:
        assert wait_until(lambda: len(processes_with(marker)) >= 5)
        left = [path for path in groups() if f"-{process.pid}-" in path.name]
        if not left:
            pytest.skip("this user cannot make control groups here")
    finally:
        process.kill()
        process.wait()
    assert wait_until(lambda: processes_with(marker) == [])
    assert all(path.exists() for path in left)
    attack("", command=["true"])
    assert not any(path.exists() for path in left)
    assert not any(f"-{os.getpid()}-" in path.name for path in groups())


def test_exit_codes_are_those_of_the_command(attack: Attack) -> None:
    assert attack("", command=["sh", "-c", "exit 7"]).finished.exit_code == 7
    assert attack("", command=["sh", "-c", "kill -TERM $$"]).finished.exit_code == -signal.SIGTERM
    missing = attack("", command=["no-such-program"])
    assert missing.finished.exit_code == 127
    assert missing.output == "no-such-program: not found in the sandbox; give a path or a program that its PATH has.\n"
    assert attack("", command=["/etc/passwd"]).finished.exit_code == 126
    assert attack("", command=["echo", "x" * 200_000]).finished.exit_code == 126


def test_input_is_empty_and_output_may_be_anything(attack: Attack, tmp_path: Path) -> None:
    assert attack("", command=["cat"]).output == ""
    outcome = attack("", command=["python", "-c", "import os; os.write(1, bytes(range(256))); os.write(2, b'\\xff')"])
    assert (tmp_path / "transcript").read_bytes() == bytes(range(256)) + b"\xff"
    assert outcome.finished.exit_code == 0


def test_a_command_that_closes_its_output_goes_on(attack: Attack, workspace: Path) -> None:
    outcome = attack("", command=["sh", "-c", "exec 1>&- 2>&-; sleep 0.3; touch late"])
    assert outcome.finished.exit_code == 0
    assert (workspace / "late").exists()
