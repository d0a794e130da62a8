"""A tree is parsed strictly, and comes back from the store as it was put in, or not at all."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.digest import canonical_json, digest_bytes
from assay.core.errors import BadInput, Corrupt, LimitExceeded
from assay.core.store import Entry, NotInStore, Store, Tree, TreeLimits

Damage = Callable[[Store, str, bytes], None]
SHA = "sha256:" + "ab" * 32

names = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\\u2028\u2029"), min_size=1, max_size=20
)
paths = st.lists(names, min_size=1, max_size=5).map("/".join)
digests = st.binary(min_size=32, max_size=32).map(lambda raw: "sha256:" + raw.hex())
entries = st.builds(Entry, paths, digests, st.integers(0, 1 << 30), st.booleans())


def manifest(*rows: dict[str, object], **fields: object) -> bytes:
    return canonical_json({"schema": "assay.tree/1", "entries": list(rows)} | fields)


def row(path: object = "a", **fields: object) -> dict[str, object]:
    return {"path": path, "sha256": SHA, "size": 1, "executable": False} | fields


@given(st.lists(entries, max_size=20))
@settings(max_examples=300, deadline=None)
def test_a_tree_is_parsed_back_to_itself(found: list[Entry]) -> None:
    try:
        tree = Tree.of(found)
    except BadInput:
        return
    assert Tree.parse(tree.to_bytes()) == tree
    document = json.loads(tree.to_bytes())
    assert document["schema"] == "assay.tree/1" and len(document["entries"]) == len(found)
    assert canonical_json(document) == tree.to_bytes()
    assert [entry.path.encode() for entry in tree.entries] == sorted(entry.path.encode() for entry in found)


@given(st.lists(entries, min_size=1, max_size=5, unique_by=lambda entry: entry.path), st.data())
@settings(max_examples=500, deadline=None)
def test_a_changed_byte_makes_another_tree_or_none(found: list[Entry], data: st.DataObject) -> None:
    try:
        tree = Tree.of(found)
    except BadInput:
        return
    changed = bytearray(tree.to_bytes())
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place] = data.draw(st.integers(0, 255).filter(lambda value: value != changed[place]))
    try:
        other = Tree.parse(bytes(changed))
    except BadInput:
        return
    assert other != tree
    assert other.to_bytes() == changed, "what is parsed is exactly what was written"


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_are_no_tree(data: bytes) -> None:
    with pytest.raises(BadInput):
        Tree.parse(data)
    with pytest.raises(BadInput):
        Tree.parse(b'{"entries":[' + data + b'x],"schema":"assay.tree/1"}')


MALFORMED = {
    "empty": b"",
    "not JSON": b"hello",
    "another schema": manifest(schema="assay.tree/2"),
    "no schema": b'{"entries":[]}',
    "a list": b"[]",
    "spaces": b'{"entries": [], "schema": "assay.tree/1"}',
    "newline at the end": manifest() + b"\n",
    "something before": b" " + manifest(),
    "a field too many": manifest(more=1),
    "entry field too many": manifest(row(more=1)),
    "entry field missing": manifest({"path": "a", "sha256": SHA, "size": 1}),
    "entries not a list": b'{"entries":{},"schema":"assay.tree/1"}',
    "comma at the end": b'{"entries":[' + canonical_json(row()) + b',],"schema":"assay.tree/1"}',
    "no comma": b'{"entries":[' + canonical_json(row("a")) + canonical_json(row("b")) + b'],"schema":"assay.tree/1"}',
    "key twice": manifest(row()).replace(b'"size":1', b'"size":1,"size":1'),
    "sizes as text": manifest(row(size="1")),
    "size below zero": manifest(row(size=-1)),
    "size a fraction": manifest(row(size=1.5)),
    "size a float": manifest(row(size=1.0)),
    "size with zeros in front": manifest(row()).replace(b'"size":1', b'"size":01'),
    "size absurd": manifest(row(size=10**15 * 9)),
    "size beyond 64 bits": manifest(row(size=10**30)),
    "executable a number": manifest(row(executable=1)),
    "digest bare": manifest(row(sha256="ab" * 32)),
    "digest short": manifest(row(sha256="sha256:ab")),
    "digest upper case": manifest(row(sha256="sha256:" + "AB" * 32)),
    "path absolute": manifest(row("/etc/passwd")),
    "path empty": manifest(row("")),
    "path dot": manifest(row(".")),
    "path dot dot": manifest(row("..")),
    "path climbs": manifest(row("../a")),
    "path climbs inside": manifest(row("a/../../b")),
    "path dot inside": manifest(row("a/./b")),
    "path ends in slash": manifest(row("a/")),
    "path two slashes": manifest(row("a//b")),
    "path backslash": manifest(row("a\\b")),
    "path zero byte": manifest(row("a\x00b")),
    "path newline": manifest(row("a\nb")),
    "path escape sequence": manifest(row("a\x1b[2Jb")),
    "path C1 control": manifest(row("a\x9bb")),
    "path delete": manifest(row("a\x7fb")),
    "path text direction": manifest(row("a\u202eb")),
    "path line separator": manifest(row("a\u2028b")),
    "path escaped in JSON": manifest(row("a")).replace(b'"a"', b'"\\u0061"'),
    "path lone surrogate": manifest(row("a")).replace(b'"a"', b'"\\ud800"'),
    "path not UTF-8": manifest(row("a")).replace(b'"a"', b'"\xff"'),
    "path a number": manifest(row(1)),
    "path name too long": manifest(row("n" * 256)),
    "path too long": manifest(row("/".join(["n" * 200] * 6))),
    "path too deep": manifest(row("/".join("a" * 33))),
    "twice": manifest(row("a"), row("a")),
    "out of order": manifest(row("b"), row("a")),
    "file and folder": manifest(row("a"), row("a/b")),
    "file and folder apart": manifest(row("a"), row("a-b"), row("a/b")),
    "file and folder deep": manifest(row("a/b"), row("a/b/c/d")),
    "nested": b'{"entries":[' + b"[" * 100_000 + b'],"schema":"assay.tree/1"}',
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        Tree.parse(data)
    assert len(str(caught.value)) < 500 and str(caught.value).isprintable()


def test_the_limits_of_a_tree_hold_when_it_is_parsed() -> None:
    data = manifest(row("a", size=5), row("b/c", size=6))
    assert len(Tree.parse(data, TreeLimits(files=2, total_bytes=11, file_bytes=6, depth=2, path_bytes=3)).entries) == 2
    tight = [TreeLimits(files=1), TreeLimits(total_bytes=10), TreeLimits(file_bytes=5)]
    tight += [TreeLimits(depth=1), TreeLimits(path_bytes=2)]
    for limits in tight:
        with pytest.raises(LimitExceeded):
            Tree.parse(data, limits)


def test_parsing_stops_at_the_limit() -> None:
    data = manifest(row("a"), row("b"), row("malformed", size="x"))
    with pytest.raises(LimitExceeded, match="more than 1 files"):
        Tree.parse(data, TreeLimits(files=1))
    with pytest.raises(BadInput, match="entry 2"):
        Tree.parse(data, TreeLimits(files=2))


def test_a_huge_manifest_is_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.core.store.store.MAX_MANIFEST", 100)
    digest = store.put_bytes(manifest(row("a"), row("b")))
    with pytest.raises(LimitExceeded):
        store.tree(digest)


def make_folder(root: Path) -> dict[str, tuple[bytes, bool]]:
    files = {
        "run.sh": (b"#!/bin/sh\n", True),
        "empty": (b"", False),
        "a/deep/er/file": (b"deep", False),
        "a-b": (b"sorts before a/", False),
        "ünï cöde \N{SNOWMAN}": (b"names", False),
        'quo"te': (b"", False),
        "big": (os.urandom(9 << 20), False),
    }
    for path, (content, executable) in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o755 if executable else 0o644)
    return files


def test_a_folder_comes_back_as_it_went_in(store: Store, tmp_path: Path) -> None:
    files = make_folder(tmp_path / "in")
    (tmp_path / "in" / "empty folder").mkdir()
    stored = store.put_tree(tmp_path / "in")
    assert (stored.files, stored.bytes, stored.omitted) == (7, sum(len(content) for content, _ in files.values()), ())
    tree = store.get_tree(stored.digest, tmp_path / "new" / "out")
    assert tree == store.tree(stored.digest)
    assert tree.digest == stored.digest
    assert [entry.path for entry in tree.entries] == sorted(files, key=str.encode)
    found = {str(p.relative_to(tmp_path / "new/out")): p for p in (tmp_path / "new/out").rglob("*") if p.is_file()}
    assert {path: p.read_bytes() for path, p in found.items()} == {
        path: content for path, (content, _) in files.items()
    }
    for path, (_, executable) in files.items():
        assert stat.S_IMODE(found[path].stat().st_mode) == (0o755 if executable else 0o644)
    assert os.listdir(tmp_path / "new") == ["out"]
    assert store.put_tree(tmp_path / "new" / "out").digest == stored.digest


def test_a_tree_does_not_depend_on_times_or_order_or_place(folder_store: Store, tmp_path: Path) -> None:
    for place, order in (("one", "abc"), ("two", "cba")):
        (tmp_path / place).mkdir()
        for name in order:
            (tmp_path / place / name).write_text(name)
            os.utime(tmp_path / place / name, (ord(name), ord(name)))
    assert folder_store.put_tree(tmp_path / "one").digest == folder_store.put_tree(tmp_path / "two").digest


def test_an_empty_folder_is_an_empty_tree(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    stored = store.put_tree(tmp_path / "in")
    assert stored.files == 0
    store.get_tree(stored.digest, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_a_tree_with_a_damaged_file_is_not_written_at_all(store: Store, damage: Damage, tmp_path: Path) -> None:
    make_folder(tmp_path / "in")
    stored = store.put_tree(tmp_path / "in")
    deep = store.tree(stored.digest).by_path["a/deep/er/file"].sha256
    for content in (b"", b"dee", b"DEEP"):
        damage(store, deep, content)
        with pytest.raises(Corrupt, match=deep):
            store.get_tree(stored.digest, tmp_path / "out")
        assert sorted(os.listdir(tmp_path)) in (["in"], ["in", "store"])
    big = store.tree(stored.digest).by_path["big"].sha256
    damage(store, deep, b"deep")
    damage(store, big, b"cut off before the second chunk")
    with pytest.raises(Corrupt, match=big):
        store.get_tree(stored.digest, tmp_path / "out")


def test_a_tree_that_lies_about_a_size_is_not_written(store: Store, tmp_path: Path) -> None:
    inside = store.put_bytes(b"12345")
    lie = store.put_bytes(Tree.of([Entry("a", inside, 4)]).to_bytes())
    with pytest.raises(Corrupt, match=inside):
        store.get_tree(lie, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_tree_with_a_missing_file_is_not_written(store: Store, tmp_path: Path) -> None:
    absent = digest_bytes(b"absent")
    digest = store.put_bytes(Tree.of([Entry("a", absent, 6)]).to_bytes())
    with pytest.raises(NotInStore, match=absent):
        store.get_tree(digest, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    report = store.verify()
    assert not report.ok
    assert [(item.digest, item.named_by) for item in report.missing] == [(absent, digest)]


def test_an_object_that_is_no_tree_is_refused_as_one(store: Store, tmp_path: Path) -> None:
    digest = store.put_bytes(b'{"schema":"assay.task/1"}')
    assert not store.is_tree(digest)
    for ask in (lambda: store.tree(digest), lambda: store.get_tree(digest, tmp_path / "out")):
        with pytest.raises(BadInput, match="not a tree"):
            ask()


def test_a_tree_is_not_written_over_anything(folder_store: Store, tmp_path: Path) -> None:
    make_folder(tmp_path / "in")
    stored = folder_store.put_tree(tmp_path / "in")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("precious")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "file").write_text("precious")
    for place in ("full", "link", "file"):
        with pytest.raises(BadInput, match="exists already"):
            folder_store.get_tree(stored.digest, tmp_path / place)
    assert os.listdir(tmp_path / "full") == ["precious"] and os.listdir(tmp_path / "elsewhere") == []
    (tmp_path / "bare").mkdir()
    folder_store.get_tree(stored.digest, tmp_path / "bare")
    assert (tmp_path / "bare" / "run.sh").exists()


def test_a_tree_larger_than_the_readers_limits_is_not_written(store: Store, tmp_path: Path) -> None:
    same = store.put_bytes(b"x" * 1000)
    bomb = store.put_bytes(Tree.of([Entry(f"copy-{i:04}", same, 1000) for i in range(1000)]).to_bytes())
    with pytest.raises(LimitExceeded, match="1000000 bytes"):
        store.get_tree(bomb, tmp_path / "out", TreeLimits(total_bytes=999_999))
    assert not (tmp_path / "out").exists()
