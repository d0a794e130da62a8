"""What a hostile folder can hold, really made, and what becomes of it when it is put into the store."""

import os
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.errors import AssayError, BadInput, LimitExceeded, Refused
from assay.core.store import Store, TreeLimits
from assay.core.store.untrusted import Walk


def _make_socket(place: Path) -> None:
    here = Path.cwd()
    os.chdir(place)  # a socket's address is short
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind("odd")
    finally:
        os.chdir(here)


def _make_device(place: Path) -> None:
    try:
        os.mknod(place / "odd", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")


def _make_block_device(place: Path) -> None:
    try:
        os.mknod(place / "odd", stat.S_IFBLK | 0o666, os.makedev(7, 99))
    except PermissionError:
        pytest.skip("only root makes devices")


def _make_hard_link(place: Path) -> None:
    outside = place.parent / "outside"
    outside.write_text("secret")
    os.link(outside, place / "odd")


def _make_file(name: bytes | str, mode: int = 0o644) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        path = os.path.join(os.fsencode(place), os.fsencode(name))
        with open(path, "wb") as file:
            file.write(b"odd")
        os.chmod(path, mode)

    return make


def _make_deep(place: Path) -> None:
    (place / "odd").mkdir()
    here = place / "odd"
    for _ in range(40):
        here = here / "d"
        here.mkdir()
    (here / "f").write_text("deep")


def _make_long(place: Path) -> None:
    here = place / ("odd" * 60)
    for _ in range(6):
        here.mkdir()
        here = here / ("n" * 180)
    here.write_text("long")


IRREGULAR: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "link to a file outside": (lambda p: (p / "odd").symlink_to("/etc/passwd"), "odd", "symbolic link"),
    "link to a folder outside": (lambda p: (p / "odd").symlink_to("/etc"), "odd", "symbolic link"),
    "link inside": (lambda p: (p / "odd").symlink_to("plain"), "odd", "symbolic link"),
    "dangling link": (lambda p: (p / "odd").symlink_to("nowhere"), "odd", "symbolic link"),
    "link to itself": (lambda p: (p / "odd").symlink_to("odd"), "odd", "symbolic link"),
    "link to its folder": (lambda p: (p / "odd").symlink_to("."), "odd", "symbolic link"),
    "hard link": (_make_hard_link, "odd", "hard link"),
    "FIFO": (lambda p: os.mkfifo(p / "odd"), "odd", "FIFO"),
    "socket": (_make_socket, "odd", "socket"),
    "character device": (_make_device, "odd", "device"),
    "block device": (_make_block_device, "odd", "device"),
    "set-user-ID": (_make_file("odd", 0o4755), "odd", "set-user-ID"),
    "set-group-ID": (_make_file("odd", 0o2755), "odd", "set-group-ID"),
    "not UTF-8": (_make_file(b"o\xffd"), "o\\xffd", "UTF-8"),
    "newline": (_make_file("o\nd"), "o\\nd", "control"),
    "escape sequence": (_make_file("o\x1b[2Jd"), "o\\x1b[2Jd", "control"),
    "C1 control": (_make_file("o\x9bd"), "o\\x9bd", "control"),
    "text direction": (_make_file("o\u202ed"), "o\\u202ed", "control"),
    "backslash": (_make_file("..\\odd"), "..\\odd", "backslash"),
    "too deep": (_make_deep, "/".join(["odd"] + ["d"] * 31), "deeper"),
    "path too long": (_make_long, "odd", "longer than 1024 bytes"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "untrusted"
    folder.mkdir()
    (folder / "plain").write_text("plain")
    (folder / "inside").mkdir()
    return folder


@pytest.mark.parametrize("nested", [False, True], ids=["top", "nested"])
@pytest.mark.parametrize("kind", IRREGULAR)
def test_an_irregular_path_is_refused_by_name_and_nothing_is_stored(
    folder_store: Store, place: Path, kind: str, nested: bool
) -> None:
    make, path, reason = IRREGULAR[kind]
    make(place / "inside" if nested else place)
    with pytest.raises(Refused, match=reason) as caught:
        folder_store.put_tree(place)
    message = str(caught.value)
    assert path[:30] in message.replace("\\\\", "\\")
    assert message.isprintable() and message.count(". ") == 0
    assert list(folder_store.list()) == []
    assert os.listdir(folder_store._shelf.root / "tmp") == []


@pytest.mark.parametrize("kind", IRREGULAR)
def test_an_irregular_path_is_left_out_and_recorded(folder_store: Store, place: Path, kind: str) -> None:
    make, path, reason = IRREGULAR[kind]
    make(place)
    stored = folder_store.put_tree(place, on_irregular="omit")
    assert [entry.path for entry in folder_store.tree(stored.digest).entries] == ["plain"]
    assert len(stored.omitted) == 1
    assert path[:30] in stored.omitted[0].path and reason in stored.omitted[0].reason
    assert stored.omitted[0].path.isprintable()


def test_both_names_of_a_file_are_hard_links(folder_store: Store, place: Path) -> None:
    os.link(place / "plain", place / "again")
    stored = folder_store.put_tree(place, on_irregular="omit")
    assert stored.files == 0
    assert {item.path for item in stored.omitted} == {"plain", "again"}


def test_what_turns_irregular_after_the_first_look_is_still_refused(folder_store: Store, place: Path) -> None:
    (place / "zzz").write_text("harmless")

    def swap(_: int) -> None:  # called while "plain" is being stored
        (place / "zzz").unlink(missing_ok=True)
        (place / "zzz").symlink_to("/etc/passwd")

    with pytest.raises(Refused, match=r"'zzz'.*symbolic link"):
        folder_store.put_tree(place, progress=swap)
    assert list(folder_store.list()) == []
    assert os.listdir(folder_store._shelf.root / "tmp") == [], "what was on its way in is cleared away"


def test_a_refused_folder_leaves_nothing_however_many_files_came_before(folder_store: Store, place: Path) -> None:
    for i in range(600):
        (place / f"{i:03}").write_text(str(i))
    (place / "zzz").symlink_to("/etc/passwd")
    with pytest.raises(Refused, match="zzz"):
        folder_store.put_tree(place)
    assert list(folder_store.list()) == []


def _become_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _become_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _become_hard_link(path: Path) -> None:
    os.link(path, path.parent / "inside" / "again")


def _become_another_file(path: Path) -> None:
    (path.parent / "new").write_text("other")
    (path.parent / "new").replace(path)


def _become_large(path: Path) -> None:
    os.truncate(path, 10_000)


@pytest.mark.parametrize(
    ("become", "reason"),
    [
        (_become_link, "cannot be read"),
        (_become_fifo, "FIFO"),
        (_become_hard_link, "hard link"),
        (_become_another_file, "replaced while it was read"),
        (_become_large, "the limit is 9999"),
    ],
)
def test_what_changes_between_looking_and_opening_is_noticed(
    place: Path, monkeypatch: pytest.MonkeyPatch, become: Callable[[Path], None], reason: str
) -> None:
    """The swap comes at the worst moment: right after the name was found to be a plain file."""
    look = Walk._status

    def look_and_swap(self: Walk, folder: int, name: str, path: str) -> os.stat_result | None:
        status = look(self, folder, name, path)
        if name == "plain":
            become(place / name)
        return status

    monkeypatch.setattr(Walk, "_status", look_and_swap)
    walk = Walk(place, TreeLimits(file_bytes=9_999), on_irregular="omit")
    assert "plain" not in [file.path for file in walk]
    assert reason in {item.path: item.reason for item in walk.omitted}["plain"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_irregular(folder_store: Store, place: Path) -> None:
    (place / "plain").chmod(0)
    with pytest.raises(Refused, match="cannot be read"):
        folder_store.put_tree(place)
    assert [item.path for item in folder_store.put_tree(place, on_irregular="omit").omitted] == ["plain"]


@pytest.mark.parametrize("how", ["link", "file", "absent", "fifo"])
def test_the_root_itself_must_be_a_real_folder(folder_store: Store, tmp_path: Path, how: str) -> None:
    root = tmp_path / "root"
    if how == "link":
        root.symlink_to("/etc")
    elif how == "file":
        root.write_text("")
    elif how == "fifo":
        os.mkfifo(root)
    with pytest.raises(BadInput, match="cannot be read as a folder"):
        folder_store.put_tree(root, on_irregular="omit")


def test_excluded_paths_are_not_looked_at(folder_store: Store, place: Path) -> None:
    (place / "inside" / "odd").symlink_to("/etc")
    (place / "inside" / "kept").write_text("kept")
    (place / "venv").mkdir()
    os.mkfifo(place / "venv" / "fifo")
    stored = folder_store.put_tree(place, exclude=["venv", "inside/odd", "plain"])
    assert [entry.path for entry in folder_store.tree(stored.digest).entries] == ["inside/kept"]
    assert stored.omitted == ()


@pytest.mark.parametrize("policy", ["refuse", "omit"])
@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (TreeLimits(files=1), "more than 1 files"),
        (TreeLimits(total_bytes=9), "more than 9 bytes"),
        (TreeLimits(names=2), "more than 2 names"),
    ],
)
def test_too_much_of_everything_is_refused_under_either_policy(
    folder_store: Store, place: Path, policy: str, limits: TreeLimits, says: str
) -> None:
    (place / "inside" / "other").write_text("plain")
    with pytest.raises(LimitExceeded, match=says):
        folder_store.put_tree(place, limits, on_irregular=policy)
    assert list(folder_store.list()) == []
    assert folder_store.put_tree(place, TreeLimits(files=2, total_bytes=10, names=3)).files == 2


def test_a_sparse_file_counts_in_full(folder_store: Store, place: Path) -> None:
    with (place / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(LimitExceeded, match="more than 1000000 bytes"):
        folder_store.put_tree(place, TreeLimits(total_bytes=1_000_000))
    with pytest.raises(Refused, match="1099511627776 bytes"):
        folder_store.put_tree(place, TreeLimits(file_bytes=1_000_000))
    omitted = folder_store.put_tree(place, TreeLimits(file_bytes=1_000_000), on_irregular="omit").omitted
    assert [item.path for item in omitted] == ["sparse"]


def test_many_odd_names_do_not_escape_the_limit(folder_store: Store, place: Path) -> None:
    for i in range(50):
        (place / f"link{i}").symlink_to("x")
    with pytest.raises(LimitExceeded, match="more than 40 names"):
        folder_store.put_tree(place, TreeLimits(names=40), on_irregular="omit")


def test_swapping_names_during_the_walk_leads_nowhere_outside(folder_store: Store, tmp_path: Path) -> None:
    """A second thread keeps swapping a file and a folder for links to a secret; the secret is never stored."""
    place, secret = tmp_path / "untrusted", tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("the secret")
    folder, file = place / "folder", place / "key"
    place.mkdir()
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            folder.mkdir()
            (folder / "key").write_text("harmless")
            file.write_text("harmless")
            (folder / "key").unlink()
            folder.rmdir()
            file.unlink()
            folder.symlink_to(secret)
            file.symlink_to(secret / "key")
            folder.unlink()
            file.unlink()
            os.mkfifo(file)
            file.unlink()

    swapping = threading.Thread(target=swap)
    swapping.start()
    taken = 0
    try:
        for _ in range(400):
            try:
                taken += folder_store.put_tree(place, on_irregular="omit").files
            except AssayError:
                continue
    finally:
        stop.set()
        swapping.join()
    contents = {folder_store.get_bytes(digest, 1 << 20) for digest, _ in folder_store.list()}
    assert not any(b"the secret" in content for content in contents)
    assert taken > 0, "the race was on: sometimes the harmless file was there"
