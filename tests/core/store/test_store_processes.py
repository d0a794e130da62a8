"""The store under several processes, under kill -9, and with files larger than the memory it may use."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from assay.core.store import Store, open_store


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


PUT_FOREVER = """
import os, sys
from assay.core.store import open_store
from pathlib import Path
store = open_store(Path(sys.argv[1]))
work = Path(sys.argv[2])
n = 0
while True:
    n += 1
    if n % 3 == 0:
        tree = work / str(n)
        tree.mkdir()
        for i in range(20):
            (tree / str(i)).write_bytes(os.urandom(1000))
        digest = store.put_tree(tree).digest
        store.set_ref(f"tree/{os.getpid()}-{n}", digest)
    elif n % 3 == 1:
        (work / "file").write_bytes(os.urandom(3_000_000))
        digest = store.put_file(work / "file")
    else:
        digest = store.put_bytes(os.urandom(5000))
    print(digest, flush=True)
"""


@pytest.mark.slow
def test_killing_puts_loses_nothing_acknowledged_and_leaves_nothing_wrong(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    acknowledged: list[str] = []
    chance = random.Random(1)
    for turn in range(12):
        work = tmp_path / f"work{turn}"
        work.mkdir()
        process = python(PUT_FOREVER, tmp_path / "store", work)
        assert process.stdout is not None
        acknowledged += [process.stdout.readline().strip() for _ in range(1 + turn % 6)]  # it is under way
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        acknowledged += [line.strip() for line in process.stdout.read().splitlines() if len(line) == 71]
        process.wait()
    report = store.verify()
    assert report.ok, "nothing visible is wrong, no tree or ref lacks anything"
    assert len(acknowledged) >= 42
    assert [digest for digest in acknowledged if not store.has(digest)] == []
    store.gc(acknowledged, older_than_seconds=-5)
    assert os.listdir(tmp_path / "store" / "tmp") == [], "what the killed left behind is cleared away"
    assert [digest for digest in acknowledged if not store.has(digest)] == []
    assert store.verify().ok


PUT_HALF = """
import os, sys, time
from assay.core.store import open_store
from pathlib import Path
def wait(count):
    print("half", flush=True)
    time.sleep(60)
options = eval(sys.argv[3])
open_store(sys.argv[1], **options).put_file(Path(sys.argv[2]), progress=wait)
"""


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_put_killed_half_way_leaves_no_object(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    options: dict[str, Any] = request.getfixturevalue("s3_options") if kind == "s3" else {}
    url = f"s3://{request.getfixturevalue('s3_bucket')}" if kind == "s3" else f"{tmp_path}/store"
    (tmp_path / "big").write_bytes(os.urandom(30 << 20))
    process = python(PUT_HALF, url, tmp_path / "big", options)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.wait()
    store = open_store(url, **options)
    assert list(store.list()) == []
    if kind == "folder":
        assert len(os.listdir(tmp_path / "store" / "tmp")) == 1
        assert store.gc().leftovers == 0, "it could still be under way"
        assert store.gc(older_than_seconds=-5).leftovers == 1
        assert os.listdir(tmp_path / "store" / "tmp") == []
    digest = store.put_file(tmp_path / "big")
    store.get_file(digest, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "big").read_bytes()


def test_an_object_is_never_seen_in_part(folder_store: Store, tmp_path: Path) -> None:
    """While one process puts a large file again and again under new digests, no other size is ever visible."""
    size = 40 << 20
    code = """
import os, sys
from assay.core.store import open_store
for n in range(5):
    open_store(sys.argv[1]).put_bytes(bytes([n]) * (40 << 20))
"""
    process = python(code, tmp_path / "store")
    seen: set[int] = set()
    while process.poll() is None:
        seen |= {size for _, size in folder_store.list()}
    assert process.returncode == 0
    assert len(list(folder_store.list())) == 5
    assert seen == {size}


GET_HALF = """
import sys, time
from assay.core.store import open_store
from pathlib import Path
def wait(count):
    print("half", flush=True)
    time.sleep(60)
open_store(sys.argv[1]).get_tree(sys.argv[2], Path(sys.argv[3]), progress=wait)
"""


def test_a_get_killed_half_way_leaves_no_folder_under_the_name(folder_store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / name).write_text(name)
    digest = folder_store.put_tree(tmp_path / "in").digest
    process = python(GET_HALF, tmp_path / "store", digest, tmp_path / "out")
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.wait()
    assert not (tmp_path / "out").exists()
    folder_store.get_tree(digest, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["a", "b", "c"]


PUT_SAME = """
import sys
from assay.core.store import open_store
store = open_store(sys.argv[1], **eval(sys.argv[2]))
for n in range(40):
    store.put_bytes(b"%d" % n * 5000)
    store.set_ref("shared", store.put_bytes(b"%d" % n))
"""


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_several_processes_put_the_same_at_once(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    options: dict[str, Any] = request.getfixturevalue("s3_options") if kind == "s3" else {}
    url = f"s3://{request.getfixturevalue('s3_bucket')}" if kind == "s3" else f"{tmp_path}/store"
    processes = [python(PUT_SAME, url, options) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    store = open_store(url, **options)
    assert store.verify().ok
    assert len(dict(store.list())) == 80
    assert store.ref("shared") == "sha256:" + hashlib.sha256(b"39").hexdigest()
    if kind == "folder":
        assert os.listdir(tmp_path / "store" / "tmp") == []


PUT_UNDER_SWEEPS = """
import os, sys
from assay.core.store import open_store
from pathlib import Path
store = open_store(Path(sys.argv[1]))
for n in range(60):
    store.set_ref("mine-" + sys.argv[2], store.put_bytes(b"again and again"))
    print(store.get_bytes(store.ref("mine-" + sys.argv[2]), 100).decode(), flush=True)
    store.drop_ref("mine-" + sys.argv[2])
"""


def test_sweeping_all_the_time_never_takes_what_is_being_put(folder_store: Store, tmp_path: Path) -> None:
    """The grace period (here 5 seconds) covers what lies between a put and its ref; locks cover the put itself."""
    processes = [python(PUT_UNDER_SWEEPS, tmp_path / "store", n) for n in range(2)]
    while any(process.poll() is None for process in processes):
        for digest, _ in folder_store.list():
            place = tmp_path / "store" / "objects" / digest[7:9] / digest[9:]
            if place.exists():
                os.utime(place, (1, 1))  # long ago: only what the puts themselves do can keep it
        folder_store.gc(older_than_seconds=5)
    for process in processes:
        assert process.returncode == 0
        assert process.communicate()[0].split("\n") == ["again and again"] * 60 + [""]


MEMORY = """
import sys
from pathlib import Path
from assay.core.store import open_store
def peak():  # in MiB; not ru_maxrss, which begins at what the parent process once had
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024
url, path, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
store = open_store(url, **eval(sys.argv[4]))
before = peak()
digest = store.put_file(path)
tree = store.put_tree(path.parent)
store.get_file(digest, out / "file")
store.get_tree(tree.digest, out / "tree")
with store.open(digest) as file:
    while file.read(100_000):
        pass
assert store.verify().ok
store.gc()
print(digest, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "megabytes"), [("folder", 400), ("s3", 128)])
def test_large_files_go_through_in_little_memory(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, megabytes: int
) -> None:
    options: dict[str, Any] = request.getfixturevalue("s3_options") if kind == "s3" else {}
    url = f"s3://{request.getfixturevalue('s3_bucket')}" if kind == "s3" else f"{tmp_path}/store"
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    sha = hashlib.sha256()
    with (tmp_path / "in" / "file").open("wb") as file:
        for _ in range(megabytes // 2):
            block = os.urandom(1 << 20)
            file.write(block)
            sha.update(block)
        file.truncate(megabytes << 20)  # the second half is a hole
    for _ in range(megabytes - megabytes // 2):
        sha.update(bytes(1 << 20))
    process = python(MEMORY, url, tmp_path / "in" / "file", tmp_path / "out", options)
    output, _ = process.communicate()
    assert process.returncode == 0
    digest, grown = output.split()
    assert digest == "sha256:" + sha.hexdigest()
    assert int(grown) < 110, f"memory grew by {grown} MiB"
    for place in ("file", "tree/file"):
        with (tmp_path / "out" / place).open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == sha.hexdigest()
