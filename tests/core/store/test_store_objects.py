"""Objects and refs behave the same in a folder, in memory and in S3."""

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.errors import BadInput, Corrupt, LimitExceeded
from assay.core.store import NotInStore, Store

Damage = Callable[[Store, str, bytes], None]
ABSENT = "sha256:" + "0" * 64


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\x00" * 100, os.urandom(100_000)], ids=["empty", "one", "zeros", "random"]
)
def test_bytes_come_back_as_they_went_in(store: Store, data: bytes) -> None:
    digest = store.put_bytes(data)
    assert digest == digest_of(data)
    assert store.get_bytes(digest, len(data)) == data
    assert store.has(digest)
    assert store.size(digest) == len(data)
    with store.open(digest) as file:
        assert file.read() == data


@pytest.mark.parametrize("size", [0, 1, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, (17 << 20) + 3])
def test_a_file_of_any_size_comes_back_as_it_went_in(store: Store, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "in").write_bytes(data)
    seen: list[int] = []
    digest = store.put_file(tmp_path / "in", progress=seen.append)
    assert digest == digest_of(data)
    assert sum(seen) == size
    store.get_file(digest, tmp_path / "new" / "out")
    assert (tmp_path / "new" / "out").read_bytes() == data
    assert os.listdir(tmp_path / "new") == ["out"], "nothing else is left beside it"
    with store.open(digest) as file:
        assert b"".join(iter(lambda: file.read(100_000), b"")) == data


def test_identical_content_is_kept_once(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    assert store.put_bytes(b"same") == store.put_file(tmp_path / "a") == store.put_file(tmp_path / "b")
    assert list(store.list()) == [(digest_of(b"same"), 4)]


def test_list_names_every_object_and_nothing_else(store: Store) -> None:
    put = {store.put_bytes(bytes([i])): 1 for i in range(20)}
    store.set_ref("name", next(iter(put)))
    assert dict(store.list()) == put


def test_an_object_over_the_callers_limit_is_not_read(store: Store) -> None:
    digest = store.put_bytes(b"12345")
    with pytest.raises(LimitExceeded, match="5 bytes; at most 4"):
        store.get_bytes(digest, 4)
    assert store.get_bytes(digest, 5) == b"12345"


def test_a_file_over_the_callers_limit_is_not_stored(store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    with pytest.raises(LimitExceeded, match="5 bytes"):
        store.put_file(tmp_path / "f", max_bytes=4)
    assert list(store.list()) == []


def test_what_is_not_stored_is_said_in_one_sentence(store: Store, tmp_path: Path) -> None:
    assert not store.has(ABSENT)
    for ask in (
        lambda: store.size(ABSENT),
        lambda: store.get_bytes(ABSENT, 1),
        lambda: store.open(ABSENT),
        lambda: store.get_file(ABSENT, tmp_path / "out"),
        lambda: store.get_tree(ABSENT, tmp_path / "out"),
        lambda: store.tree(ABSENT),
        lambda: store.set_ref("name", ABSENT),
    ):
        with pytest.raises(NotInStore, match=ABSENT):
            ask()
    assert not (tmp_path / "out").exists()
    assert store.ref("name") is None


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:../../etc/passwd", "a" * 63, "SHA256:" + "a" * 64, "sha256:" + "A" * 64]
)
def test_what_is_no_digest_never_becomes_a_path(store: Store, tmp_path: Path, text: str) -> None:
    for ask in (store.has, store.size, store.tree, lambda bad: store.get_file(bad, tmp_path / "out")):
        with pytest.raises(BadInput, match="not a digest"):
            ask(text)


@pytest.mark.parametrize(
    "content",
    [b"", b"damaged content", b"original conten", b"original content and more", b"Original content"],
    ids=["emptied", "replaced", "cut", "grown", "flipped"],
)
def test_damage_is_found_whichever_way_it_is_read(store: Store, damage: Damage, tmp_path: Path, content: bytes) -> None:
    digest = store.put_bytes(b"original content")
    damage(store, digest, content)
    with pytest.raises(Corrupt, match=digest):
        store.get_bytes(digest, 1 << 20)
    with pytest.raises(Corrupt, match=digest):
        store.get_file(digest, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(Corrupt, match=digest), store.open(digest) as file:
        file.read()
    assert store.verify().damaged == (digest,)


def test_the_last_piece_of_damaged_content_is_never_handed_out(store: Store, damage: Damage, tmp_path: Path) -> None:
    data = bytearray(os.urandom(9 << 20))
    (tmp_path / "big").write_bytes(data)
    digest = store.put_file(tmp_path / "big")
    data[5] ^= 1
    damage(store, digest, bytes(data))
    seen = 0
    with pytest.raises(Corrupt, match=digest):
        for chunk in store.chunks(digest):
            seen += len(chunk)
    assert seen < len(data)


def test_putting_the_original_again_mends_an_object_of_another_size(store: Store, damage: Damage) -> None:
    digest = store.put_bytes(b"original")
    damage(store, digest, b"cut")
    store.put_bytes(b"original")
    assert store.get_bytes(digest, 100) == b"original"


def test_in_a_folder_putting_the_original_again_mends_any_damage(folder_store: Store, damage: Damage) -> None:
    digest = folder_store.put_bytes(b"original")
    damage(folder_store, digest, b"0riginal")
    folder_store.put_bytes(b"original")
    assert folder_store.get_bytes(digest, 100) == b"original"


@pytest.mark.parametrize("size", [1 << 20, 20 << 20], ids=["small", "large"])
def test_a_file_that_grows_while_it_is_read_is_refused(store: Store, tmp_path: Path, size: int) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * size)

    def grow(_: int) -> None:
        with path.open("ab") as file:
            file.write(b"y")

    with pytest.raises(BadInput, match="changed while it was read"):
        store.put_file(path, progress=grow)
    assert list(store.list()) == []


def test_a_file_that_is_cut_while_it_is_read_is_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "shrinking"
    path.write_bytes(b"x" * (20 << 20))
    with pytest.raises(BadInput, match="changed while it was read"):
        store.put_file(path, progress=lambda _: os.truncate(path, 5 << 20))
    assert list(store.list()) == []


def test_a_file_that_is_rewritten_while_it_is_read_is_never_stored_under_a_wrong_digest(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "changing"
    path.write_bytes(b"x" * (20 << 20))

    def rewrite(_: int) -> None:
        with path.open("r+b") as file:
            file.write(os.urandom(20 << 20))

    try:
        digest = store.put_file(path, progress=rewrite)
    except BadInput as error:
        assert "changed while it was read" in str(error)
        assert list(store.list()) == []
    else:
        content = store.get_bytes(digest, 20 << 20)
        assert digest == digest_of(content)
        assert content.startswith(b"x" * (1 << 20)) and not content.endswith(b"x" * 100), "it did change meanwhile"
    assert store.verify().ok


def test_only_plain_files_are_put(store: Store, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("target")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BadInput, match="symbolic link"):
        store.put_file(tmp_path / "link")
    with pytest.raises(BadInput, match="not a plain file"):
        store.put_file(tmp_path / "fifo")  # and does not wait for a writer
    with pytest.raises(BadInput, match="not a plain file"):
        store.put_file(tmp_path)
    with pytest.raises(BadInput, match="No such file"):
        store.put_file(tmp_path / "absent")
    assert list(store.list()) == []


def test_a_file_is_replaced_and_a_link_at_its_place_is_not_followed(store: Store, tmp_path: Path) -> None:
    digest = store.put_bytes(b"new")
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "out").symlink_to("precious")
    store.get_file(digest, tmp_path / "out")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (tmp_path / "out").read_bytes() == b"new" and not (tmp_path / "out").is_symlink()
    with pytest.raises(BadInput, match="cannot be written"):
        store.get_file(digest, tmp_path)


def test_an_open_object_reads_like_a_file(store: Store) -> None:
    digest = store.put_bytes(b"one\ntwo\nthree")
    assert io.TextIOWrapper(store.open(digest)).read().splitlines() == ["one", "two", "three"]
    with store.open(digest) as file:
        assert file.readline() == b"one\n"
        assert list(file) == [b"two\n", b"three"]
        assert file.read() == b""


def test_what_is_acknowledged_in_a_folder_was_flushed_before_it_was_named(
    folder_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls are real and only listened to: a power cut cannot be had in a test."""
    flush, flushed = os.fsync, []

    def listen(descriptor: int) -> None:
        place = os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), tmp_path / "store")
        flushed.append((place.split("/")[0] if place.startswith("tmp") else place, len(list(folder_store.list()))))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", listen)
    digest = folder_store.put_bytes(b"content")
    inside = f"objects/{digest[7:9]}"
    assert flushed == [("tmp", 0), ("objects", 1), (inside, 1)], "content, then the name, then the folders that hold it"
    flushed.clear()
    folder_store.put_bytes(b"content")
    assert flushed == [("objects", 1), (inside, 1)], "another process may have named it and flushed nothing yet"
    flushed.clear()
    folder_store.set_ref("name", digest)
    assert flushed == [("tmp", 1), ("refs", 1)]


# Refs


def test_a_ref_points_at_what_it_was_last_set_to(store: Store) -> None:
    first, second = store.put_bytes(b"1"), store.put_bytes(b"2")
    store.set_ref("a", first)
    store.set_ref("a/b:c+d@e_f-1.7b", first)
    store.set_ref("a", second)
    assert store.ref("a") == second
    assert store.refs() == {"a": second, "a/b:c+d@e_f-1.7b": first}
    store.drop_ref("a")
    store.drop_ref("a")
    assert store.ref("a") is None
    assert store.refs() == {"a/b:c+d@e_f-1.7b": first}


@pytest.mark.parametrize(
    "name",
    ["", "/", "/a", "a/", "a//b", "..", "a/../b", ".a", "a/.b", "A", "a b", "a=b", "a\n", "ä", "a\\b", "a" * 201, "-a"],
)
def test_a_ref_name_that_is_not_plain_is_refused(store: Store, name: str) -> None:
    digest = store.put_bytes(b"")
    for ask in (lambda: store.set_ref(name, digest), lambda: store.ref(name), lambda: store.drop_ref(name)):
        with pytest.raises(BadInput, match="not a ref name"):
            ask()
    assert store.refs() == {}


@pytest.mark.parametrize("content", [b"", b"sha256:", b"x" * 71, b"sha256:" + b"0" * 64 + b"\n", b"y" * 100_000])
def test_a_damaged_ref_is_found(store: Store, content: bytes) -> None:
    import obstore

    store.set_ref("name", store.put_bytes(b""))
    obstore.put(store._shelf.objects, "refs/name", content)
    with pytest.raises(Corrupt, match="refs/name"):
        store.ref("name")
    with pytest.raises(Corrupt, match="refs/name"):
        store.refs()
