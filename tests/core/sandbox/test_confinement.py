"""What a hostile worker cannot reach, see or change."""

import errno
import os
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.core.budget import Budget
from assay.core.errors import BadInput
from assay.core.sandbox import Mount, Spec, open_sandbox, python_mounts
from tests.core.sandbox.conftest import Outcome

Attack = Callable[..., Outcome]


@pytest.fixture
def host_port() -> Iterator[int]:
    """A server on the host's loopback that answers anybody, over both versions of IP."""
    listeners = []
    first = socket.create_server(("127.0.0.1", 0))
    port = first.getsockname()[1]
    listeners.append(first)
    if socket.has_ipv6:
        listeners.append(socket.create_server(("::1", port), family=socket.AF_INET6))
    yield port
    for listener in listeners:
        listener.close()


@pytest.fixture
def abstract_socket() -> Iterator[str]:
    name = f"assay-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0" + name)
        listener.listen()
        yield name


def test_nothing_is_reached_over_any_socket(attack: Attack, host_port: int, abstract_socket: str) -> None:
    socket.create_connection(("127.0.0.1", host_port)).close()  # it is there, for those outside
    outcome = attack("network.py", str(host_port), abstract_socket)
    assert len(outcome.lines("TRIED")) == 15
    assert outcome.lines("GOT") == []
    assert len(outcome.lines("REFUSED")) == 15


def test_a_file_of_the_host_cannot_be_read(attack: Attack, tmp_path: Path) -> None:
    secret = tmp_path / "secret-file"
    secret.write_text("the host's own words")
    outcome = attack("files.py", str(secret), "the host's own words")
    assert len(outcome.lines("TRIED")) == 13
    assert outcome.lines("GOT") == []


def test_a_file_of_the_host_can_be_read_when_it_is_mounted(attack: Attack, tmp_path: Path) -> None:
    secret = tmp_path / "secret-file"
    secret.write_text("the host's own words")
    outcome = attack("files.py", "/data", "the host's own words", mounts=(Mount(secret, "/data"),))
    assert "its path" in outcome.lines("GOT")


def test_no_process_and_no_environment_of_the_host_is_seen(
    attack: Attack, marker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_TEST_SECRET", marker)
    bystander = subprocess.Popen(["sleep", "60"], env={"SECRET": marker})
    try:
        outcome = attack("others.py", marker)
    finally:
        bystander.kill()
        bystander.wait()
    assert len(outcome.lines("TRIED")) == 15
    assert outcome.lines("GOT") == []
    assert "STILL HERE" in outcome.output  # the first process could be neither stopped nor killed
    assert outcome.finished.exit_code == 0


def unread(path: Path) -> tuple[int, ...]:
    """What of a file's status must not change; when it was last read may."""
    status = path.stat()
    written = 0 if path.is_char_device() else status.st_mtime_ns + status.st_ctime_ns  # all the world writes /dev/null
    return status.st_mode, status.st_ino, status.st_nlink, status.st_uid, status.st_gid, status.st_size, written


def test_nothing_outside_the_workspace_can_be_changed(attack: Attack, workspace: Path, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted"
    mounted.write_text("as it was")
    protected = workspace / "harness.py"
    protected.write_text("as it was")
    (workspace / "mine").write_text("mine")
    before = [unread(path) for path in (mounted, protected, Path("/dev/null"))]
    outcome = attack(
        "writes.py",
        "/data/mounted",
        "/workspace/harness.py",
        mounts=(Mount(mounted, "/data/mounted"),),
        read_only_paths=("harness.py",),
    )
    assert len(outcome.lines("TRIED")) == 2 * 8 + 9 + 4 + 5 + 1 + 5 + 5
    assert outcome.lines("GOT") == []
    assert mounted.read_text() == protected.read_text() == "as it was"
    assert [unread(path) for path in (mounted, protected, Path("/dev/null"))] == before
    modes = [path.lstat().st_mode for path in workspace.rglob("*")]
    assert not any(mode & (stat.S_ISUID | stat.S_ISGID) for mode in modes)


DEVICES = [Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom", "tty")]
CHANGE_MODES = """
import contextlib, os
for name in ("null", "zero", "full", "random", "urandom", "tty"):
    for path in (f"/dev/{name}", "/proc/self/fd/0"):
        with contextlib.suppress(OSError):
            os.chmod(path, 0o667)
with contextlib.suppress(OSError):
    os.fchmod(0, 0o667)
print("DONE")
"""


def test_device_files_of_the_host_keep_their_mode(attack: Attack) -> None:
    before = [device.stat().st_mode for device in DEVICES]
    try:
        outcome = attack("", command=["python", "-c", CHANGE_MODES])
        after = [device.stat().st_mode for device in DEVICES]
    finally:
        for device, mode in zip(DEVICES, before, strict=True):
            if device.stat().st_mode != mode:  # the guard failed: the host must not suffer
                device.chmod(stat.S_IMODE(mode))
    assert outcome.output == "DONE\n"
    assert after == before


def test_system_calls_that_reach_the_kernel_or_the_host_are_refused(attack: Attack) -> None:
    outcome = attack("calls.py")
    results = {}
    for line in outcome.output.splitlines():
        name, result, error = line.split("\t")
        results[name] = (int(result), int(error))
    assert len(results) > 55
    absent = {"clone3", "openat2", "io_setup", "a call from the future", "x32"}
    unsupported = {"fallocate", "FS_IOC_RESVSP"}
    for name, (result, error) in results.items():
        if name.startswith("allowed: "):
            assert result >= 0, name
        else:
            wanted = errno.ENOSYS if name in absent else errno.EOPNOTSUPP if name in unsupported else errno.EPERM
            assert (result, error) == (-1, wanted), name


def test_the_worker_has_no_capabilities_and_an_ordinary_user_number(attack: Attack) -> None:
    outcome = attack(
        "", command=["sh", "-c", "id -u; hostname; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status"]
    )
    first, name, *status = outcome.output.split("\n")
    assert (first, name) == ("1000", "sandbox")
    fields = dict(line.split(":\t") for line in status if line)
    assert all(int(fields[cap], 16) == 0 for cap in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_the_environment_is_what_was_granted(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "sk-secret")
    outcome = attack("", command=["env"], environment={"GRANTED": "yes"})
    names = {line.partition("=")[0] for line in outcome.output.splitlines()}
    assert names == {"PATH", "HOME", "TMPDIR", "LANG", "USER", "GRANTED"}
    assert "sk-secret" not in outcome.output


def test_no_descriptor_is_inherited(attack: Attack, tmp_path: Path) -> None:
    opened = (tmp_path / "kept-open").open("w")
    os.set_inheritable(opened.fileno(), True)
    outcome = attack("", command=["ls", "/proc/self/fd"])
    assert outcome.output.split() == ["0", "1", "2", "3"]  # the last is the folder that ls reads
    opened.close()


def test_parts_of_proc_that_speak_of_the_host_are_closed(attack: Attack) -> None:
    names = ["cmdline", "kcore", "kallsyms", "keys", "timer_list", "kmsg", "slabinfo", "sysrq-trigger"]
    outcome = attack("", command=["sh", "-c", "; ".join(f"head -c 1 /proc/{n} && echo GOT {n}" for n in names)])
    assert outcome.lines("GOT") == []
    assert not Path("/workspace").exists()
    assert "No such file" in attack("", command=["ls", "/sys"]).output


def test_what_the_worker_makes_can_be_read_by_the_host_user(attack: Attack, workspace: Path) -> None:
    attack("", command=["sh", "-c", "mkdir a && echo made > a/file && chmod 700 a"])
    assert (workspace / "a" / "file").read_text() == "made\n"
    assert (workspace / "a" / "file").stat().st_uid == os.geteuid()


def test_hidden_folders_and_files_are_empty_inside(attack: Attack, tmp_path: Path) -> None:
    library = tmp_path / "library"
    (library / "secret_package").mkdir(parents=True)
    (library / "secret_package" / "answers.py").write_text("ANSWERS")
    (library / "open.py").write_text("OPEN")
    (library / "key.txt").write_text("ANSWERS")
    outcome = attack(
        "",
        command=["sh", "-c", "cat /opt/python/open.py /opt/python/key.txt; ls -A /opt/python/secret_package; echo END"],
        mounts=(Mount(library, "/opt/python"),),
        hidden=("/opt/python/secret_package", "/opt/python/key.txt", "/opt/python/absent"),
    )
    assert outcome.output == "OPENEND\n"


def test_a_read_only_path_behind_a_symbolic_link_is_refused(attack: Attack, workspace: Path) -> None:
    (workspace / "harness").symlink_to("/etc")
    with pytest.raises(BadInput, match="symbolic link"):
        attack("", command=["true"], read_only_paths=("harness",))


def test_a_mount_over_the_sandbox_itself_is_refused(tmp_path: Path) -> None:
    for target in ("/", "/proc", "/dev/shm", "/workspace", "/sys", "/etc", "relative", "/a/../b", "/a/"):
        with pytest.raises(BadInput):
            Mount(tmp_path, target)


def test_bad_specifications_are_refused_in_one_sentence(workspace: Path, attack: Attack, tmp_path: Path) -> None:
    budget = Budget(wall_seconds=1)
    for wrong in ({"hidden": ("relative",)}, {"read_only_paths": ("../up",)}, {"environment": {"a=b": "c"}}):
        with pytest.raises(BadInput):
            Spec(workspace, budget, **wrong)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="cannot be mounted"):
        attack("", command=["true"], mounts=(Mount(tmp_path / "absent", "/absent"),))
    with pytest.raises(BadInput, match="read-only path"):
        attack("", command=["true"], read_only_paths=("absent",))
    with pytest.raises(BadInput, match="not a host"):
        attack("", command=["true"], network=("http://example.org/",))
    for command in ([], [""], ["a\0b"]):
        with pytest.raises(BadInput, match="command"):
            attack("", command=command)


def test_two_sandboxes_at_once_do_not_meet(attack: Attack, workspace: Path, tmp_path: Path) -> None:
    outputs: dict[int, str] = {}

    def one(number: int) -> None:
        place = tmp_path / f"w{number}"
        place.mkdir()
        spec = Spec(place, Budget(wall_seconds=20), python_mounts())
        transcript = tmp_path / f"t{number}"
        script = f"echo {number} > /tmp/mine; echo {number} > /dev/shm/mine; sleep 1; cat /tmp/mine /dev/shm/mine; ls"
        open_sandbox().run(["sh", "-c", script], spec, transcript=transcript)
        outputs[number] = transcript.read_text()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == {number: f"{number}\n{number}\n" for number in range(3)}
