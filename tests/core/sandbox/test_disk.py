"""Measuring and removing trees that somebody made to be hard to measure and to remove."""

import contextlib
import os
import random
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import Unavailable
from assay.core.sandbox import remove_tree
from assay.core.sandbox.disk import measure

DEEP = 20_000


def dig(root: Path, depth: int) -> None:
    """A chain of folders: much longer than any path may be."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_a_tree_20000_deep_is_measured_and_removed(tmp_path: Path) -> None:
    root = tmp_path / "deep"
    root.mkdir()
    dig(root, DEEP)
    extent = measure(root)
    assert (extent.files, extent.whole) == (DEEP + 1, True)
    remove_tree(root)
    assert not root.exists()


def test_a_comb_of_folders_is_seen_whole(tmp_path: Path) -> None:
    """At every level a folder with a file is left to see after the way down: the walk has to come back to each."""
    here = tmp_path
    for _ in range(60):
        for name in ("a", "z"):
            (here / name).mkdir()
            (here / name / "file").write_text("x")
        here = here / "a"
    extent = measure(tmp_path)
    assert (extent.files, extent.whole) == (60 * 4, True)


def test_what_is_counted_is_what_du_counts(tmp_path: Path) -> None:
    generator = random.Random(1)
    for number in range(200):
        folder = tmp_path / f"f{number % 7}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number}").write_bytes(b"x" * generator.randrange(60_000))
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1 << 30)
    os.link(tmp_path / "f1" / "1", tmp_path / "linked")
    (tmp_path / "symlink").symlink_to("/usr")
    expected = sum(p.lstat().st_blocks * 512 for p in tmp_path.rglob("*") if p.name != "linked")
    assert measure(tmp_path).disk_bytes == expected


def test_measuring_stops_soon_after_the_limit(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}").mkdir()
        for inner in range(10):
            (tmp_path / f"{number}" / f"{inner}").touch()
    extent = measure(tmp_path, max_files=150)
    assert 150 < extent.files < 300
    assert not extent.whole


def test_a_walk_never_leaves_the_tree_while_folders_move(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = outside / "root"
    for letter in "klmnopqrstuvwxyz":  # the same names inside and out: a walk that lost its way would go on out there
        (outside / letter).mkdir(parents=True)
        (root / letter).mkdir(parents=True)
        for number in range(200):
            (outside / letter / f"{number}").touch()
    for number in range(30):
        (root / "a" / "b" / "c" / f"{number}" / "x").mkdir(parents=True)
    stop = threading.Event()

    def move() -> None:
        while not stop.is_set():
            os.rename(root / "a" / "b", root / "moved")
            os.rename(root / "moved", root / "a" / "b")

    thread = threading.Thread(target=move)
    thread.start()
    try:
        assert all(measure(root).files < 200 for _ in range(300))
    finally:
        stop.set()
        thread.join()


def test_folders_without_rights_and_odd_names_are_removed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in (b"plain", b"\xff\xfe not text", b"new\nline", b"-rf", b".removing-1"):
        folder = os.path.join(os.fsencode(root), name)
        os.makedirs(folder)
        with open(os.path.join(folder, b"file"), "w"):
            pass
        os.makedirs(os.path.join(folder, b"inner", b"inner"))
        os.chmod(os.path.join(folder, b"inner"), 0)
        os.chmod(folder, 0)
    os.mkfifo(root / "pipe")
    os.chmod(root, 0)
    remove_tree(root)
    assert not root.exists()


def test_links_are_removed_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    root = tmp_path / "root"
    root.mkdir()
    (root / "folder").symlink_to(kept)
    (root / "file").symlink_to(kept / "file")
    remove_tree(root)
    (tmp_path / "link").symlink_to(kept)
    remove_tree(tmp_path / "link")
    assert not (tmp_path / "link").is_symlink()
    assert (kept / "file").read_text() == "x"


def test_nothing_and_a_single_file_can_be_removed(tmp_path: Path) -> None:
    remove_tree(tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    remove_tree(tmp_path / "file")
    assert not (tmp_path / "file").exists()
    with pytest.raises(Unavailable, match="cannot be removed"):
        remove_tree(Path("/proc/self"))


def test_a_tree_that_is_still_written_to_is_removed_when_the_writer_stops(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    end = time.monotonic() + 0.5

    def write() -> None:
        number = 0
        while time.monotonic() < end:
            number += 1
            try:
                os.makedirs(root / f"{number % 5}" / "x", exist_ok=True)
                (root / f"{number % 5}" / "x" / f"{number}").touch()
            except OSError:
                continue

    thread = threading.Thread(target=write)
    thread.start()
    with contextlib.suppress(Unavailable):
        remove_tree(root)
    thread.join()
    remove_tree(root)
    assert not root.exists()


paths = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "ä", ".removing-1", ".removing-2"]), min_size=1, max_size=6),
    min_size=1,
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(paths)
def test_any_tree_is_measured_like_a_plain_walk_and_removed(
    tmp_path_factory: pytest.TempPathFactory, made: list[list[str]]
) -> None:
    root = tmp_path_factory.mktemp("tree") / "root"
    root.mkdir()
    for parts in made:
        root.joinpath(*parts).mkdir(parents=True, exist_ok=True)
    extent = measure(root)
    assert extent.files == sum(1 for _ in root.rglob("*"))
    remove_tree(root)
    assert not root.exists()
