"""Sweeping removes what nothing leads to, and never anything else."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest

from assay.core.budget import Budget
from assay.core.digest import canonical_json, digest_bytes
from assay.core.errors import Corrupt, Unavailable
from assay.core.store import Entry, Store, Tree, open_store
from assay.core.task import Run, Submission

Damage = Callable[[Store, str, bytes], None]


def put_folder(store: Store, root: Path, *contents: str) -> str:
    root.mkdir()
    for index, content in enumerate(contents):
        (root / f"file{index}").write_text(content)
    return store.put_tree(root).digest


def put_submission(store: Store, tmp_path: Path) -> set[str]:
    """A submission with all that it leads to; the first of the sorted result is not special."""
    model = put_folder(store, tmp_path / "model", "weights", "config")
    base = put_folder(store, tmp_path / "base", "base weights")
    transcript = store.put_bytes(b"transcript")
    budget = Budget(wall_seconds=1)
    run = Run(id="r", worker="w", sandbox="none", budget=budget, transcript=transcript)
    submission = Submission(
        task="t", task_digest=digest_bytes(b"not stored"), model=model, inputs={"base": base}, run=run
    )
    digest = store.put_bytes(submission.to_bytes())
    files = {entry.sha256 for tree in (model, base) for entry in store.tree(tree).entries}
    store.set_ref("submission", digest)
    return {digest, model, base, transcript} | files


def digests(store: Store) -> set[str]:
    return {digest for digest, _ in store.list()}


def age(store: Store, digest: str, seconds: float) -> None:
    """Make an object in a folder look older."""
    path = store._shelf.root / "objects" / digest[7:9] / digest[9:]
    os.utime(path, (time.time() - seconds,) * 2)


def test_what_a_ref_leads_to_stays_and_the_rest_goes(store: Store, tmp_path: Path) -> None:
    kept = put_submission(store, tmp_path)
    garbage = {store.put_bytes(b"garbage"), put_folder(store, tmp_path / "garbage", "more")}
    garbage |= {digest_bytes(b"more")}
    assert len(kept) == 7
    report = store.gc(older_than_seconds=-5, dry_run=True)
    assert (report.objects, report.kept, report.dry_run) == (3, 7, True)
    assert digests(store) == kept | garbage, "a dry run removes nothing"
    assert store.gc(older_than_seconds=-5).objects == 3
    assert digests(store) == kept
    assert store.verify().ok
    store.drop_ref("submission")
    store.gc(older_than_seconds=-5)
    assert digests(store) == set()


def test_what_the_caller_names_stays(store: Store, tmp_path: Path) -> None:
    kept = put_submission(store, tmp_path)
    submission = store.ref("submission")
    store.drop_ref("submission")
    store.put_bytes(b"garbage")
    absent = digest_bytes(b"absent")
    store.gc(iter([submission, absent]), older_than_seconds=-5)
    assert digests(store) == kept


def test_what_was_just_put_stays(store: Store) -> None:
    digest = store.put_bytes(b"about to be named")
    assert store.gc().objects == 0
    assert store.has(digest)


def test_what_something_young_leads_to_stays(folder_store: Store) -> None:
    store = folder_store
    old = store.put_bytes(b"put yesterday")
    age(store, old, 86_400)
    tree = store.put_bytes(Tree.of([Entry("a", old, 13)]).to_bytes())
    garbage = store.put_bytes(b"garbage")
    age(store, garbage, 86_400)
    assert store.gc().objects == 1
    assert digests(store) == {old, tree}


def test_putting_something_old_again_makes_it_young(folder_store: Store) -> None:
    digest = folder_store.put_bytes(b"x")
    age(folder_store, digest, 86_400)
    folder_store.put_bytes(b"x")
    assert folder_store.gc().objects == 0


def test_naming_something_old_again_makes_it_young(folder_store: Store) -> None:
    digest = folder_store.put_bytes(b"x")
    age(folder_store, digest, 86_400)
    folder_store.set_ref("name", digest)
    folder_store.drop_ref("name")
    assert folder_store.gc().objects == 0


def test_in_a_bucket_too_putting_something_old_again_makes_it_young(store: Store) -> None:
    if "Bucket" not in type(store._shelf).__name__:
        pytest.skip("for a folder the tests above say it, without waiting")
    child = store.put_bytes(b"child")
    parent = store.put_bytes(canonical_json({"schema": "assay.test/1", "child": child}))
    garbage = store.put_bytes(b"garbage")
    time.sleep(5.5)  # S3 tells times in whole seconds
    store.put_bytes(canonical_json({"schema": "assay.test/1", "child": child}))
    report = store.gc(older_than_seconds=4)
    assert report.objects == 1
    assert digests(store) == {child, parent} and not store.has(garbage)
    store.gc(older_than_seconds=-5)
    assert digests(store) == set()
    assert [key for key, _, _ in store._shelf.keys("fresh/")] == [], "old marks go too"


def test_a_put_that_meets_a_sweep_is_stored_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep comes exactly between finding the object and relying on it."""
    digest = store.put_bytes(b"x")
    shelf = store._shelf
    freshen = type(shelf).freshen

    def swept(self: object, found: str) -> None:
        obstore.delete(shelf.objects, f"objects/{digest[7:9]}/{digest[9:]}")
        freshen(shelf, found)

    if "Bucket" not in type(shelf).__name__:
        pytest.skip("in a folder a lock keeps them apart: see the next test")
    monkeypatch.setattr(type(shelf), "freshen", swept)
    store.put_bytes(b"x")
    assert store.get_bytes(digest, 1) == b"x"


def test_a_sweep_spares_what_is_put_again_while_it_looks_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a bucket, where no lock keeps them apart: the put comes after the sweep has listed what is there."""
    store = open_store("memory://")
    digest, garbage = store.put_bytes(b"x"), store.put_bytes(b"garbage")
    time.sleep(0.6)
    look = Store.refs

    def put_meanwhile(self: Store) -> dict[str, str]:
        self.put_bytes(b"x")
        return look(self)

    monkeypatch.setattr(Store, "refs", put_meanwhile)
    store.gc(older_than_seconds=0.5)
    assert store.has(digest) and not store.has(garbage)


def test_a_sweep_waits_for_a_put_and_a_put_for_a_sweep(
    folder_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.core.store.folder._PATIENCE_SECONDS", 0.2)
    (tmp_path / "file").write_bytes(b"x" * 100)
    met: list[bool] = []

    def sweep(_: int) -> None:
        with pytest.raises(Unavailable, match="being written to"):
            open_store(tmp_path / "store").gc(older_than_seconds=-5)
        met.append(True)

    digest = folder_store.put_file(tmp_path / "file", progress=sweep)
    assert met
    assert folder_store.has(digest)
    assert folder_store.gc(older_than_seconds=-5).objects == 1, "when the put is over, the sweep goes on"


@pytest.mark.parametrize(
    "make",
    [
        lambda child: canonical_json({"schema": "assay.tree/1", "entries": [], "x": {"deep": ["in", [child]]}}),
        lambda child: ('{ "schema" : "assay.x/1",\n "child" : "' + child + '" }\n').encode(),
        lambda child: b' \n{"a":"' + child.encode() + b'","schema":"assay."}',
        lambda child: canonical_json({"schema": "assay.x/1", child: 1}),
    ],
    ids=["nested", "pretty", "spaces", "as a key"],
)
def test_a_document_leads_to_every_digest_in_it(folder_store: Store, make: Callable[[str], bytes]) -> None:
    child = folder_store.put_bytes(b"child")
    folder_store.set_ref("root", folder_store.put_bytes(make(child)))
    folder_store.gc(older_than_seconds=-5)
    assert folder_store.has(child)


@pytest.mark.parametrize(
    "make",
    [
        lambda child: canonical_json({"schema": "other/1", "child": child}),
        lambda child: canonical_json({"child": child}),
        lambda child: b'["schema":"assay.x/1","' + child.encode() + b'"]',
        lambda child: child.encode(),
        lambda child: canonical_json({"schema": "assay.x/1", "child": child[:-1]}),
    ],
    ids=["other schema", "no schema", "not an object", "bare", "not a digest"],
)
def test_what_is_no_document_of_ours_leads_nowhere(folder_store: Store, make: Callable[[str], bytes]) -> None:
    child = folder_store.put_bytes(b"child")
    folder_store.set_ref("root", folder_store.put_bytes(make(child)))
    folder_store.gc(older_than_seconds=-5)
    assert not folder_store.has(child)


@pytest.mark.parametrize("place", [0, 10, -1], ids=["first byte", "inside", "last byte"])
def test_nothing_is_removed_while_a_document_on_the_way_is_damaged(
    store: Store, damage: Damage, tmp_path: Path, place: int
) -> None:
    put_submission(store, tmp_path)
    store.put_bytes(b"garbage")
    submission = store.ref("submission")
    content = bytearray(store.get_bytes(submission, 1 << 20))
    content[place] ^= 0x01
    damage(store, submission, bytes(content))
    before = digests(store)
    with pytest.raises(Corrupt, match=submission):
        store.gc(older_than_seconds=-5)
    assert digests(store) == before


def test_verify_reports_all_damage_and_all_that_is_missing(store: Store, damage: Damage, tmp_path: Path) -> None:
    tree = put_folder(store, tmp_path / "in", "one", "two", "three")
    store.set_ref("name", tree)
    assert (store.verify().ok, store.verify().objects) == (True, 4)
    one, two = digest_bytes(b"one"), digest_bytes(b"two")
    damage(store, one, b"two")
    store._shelf.remove(f"objects/{two[7:9]}/{two[9:]}")
    seen: list[int] = []
    report = store.verify(progress=seen.append)
    assert not report.ok
    assert report.damaged == (one,)
    assert [(item.digest, item.named_by) for item in report.missing] == [(two, tree)]
    assert report.objects == 3
    store._shelf.remove(f"objects/{tree[7:9]}/{tree[9:]}")
    assert [(item.digest, item.named_by) for item in store.verify().missing] == [(tree, "name")]


def test_verify_of_an_empty_store_is_fine(store: Store) -> None:
    report = store.verify()
    assert report.ok and report.objects == 0 and report.bytes == 0


def test_foreign_files_in_the_folder_are_left_alone(folder_store: Store) -> None:
    root = folder_store._shelf.root
    (root / "objects" / "README").write_text("mine")
    (root / "objects" / "ab").mkdir()
    (root / "objects" / "ab" / "note").write_text("mine")
    (root / "notes").write_text("mine")
    folder_store.gc(older_than_seconds=-5)
    assert folder_store.verify().ok
    assert list(folder_store.list()) == []
    assert (root / "objects" / "README").exists() and (root / "objects" / "ab" / "note").exists()
    assert (root / "notes").exists()
