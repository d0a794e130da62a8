"""Export and import: what comes out goes in again whole, and nothing else goes in."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.core.errors import AssayError, BadInput, Corrupt, LimitExceeded, Unavailable
from assay.core.keys import Signer, signing_key, trust, trusted_keys
from assay.core.ledger import (
    Ledger,
    check_consistency_document,
    check_entry_document,
    import_ledger,
    open_ledger,
    verify_ledger,
)
from assay.core.ledger.bundle import MAX_LINE, BundleReader, is_bundle, read_document, read_saved_head
from assay.core.ledger.database import Database
from assay.core.ledger.importing import _insert
from assay.core.ledger.witness import recall
from tests.core.ledger.statements import file_digest, statement


@pytest.fixture
def bundle(ledger: Ledger, tmp_path: Path) -> Path:
    path = tmp_path / "bundle.jsonl"
    assert ledger.export(path) == 12
    return path


@pytest.fixture
def elsewhere(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine, which trusts this one's key and knows nothing else. Use after making the bundle."""
    public = signing_key().public
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "elsewhere"))
    trust(public)
    return tmp_path / "elsewhere"


def test_an_exported_ledger_is_the_same_ledger_elsewhere(ledger: Ledger, bundle: Path, elsewhere: Path) -> None:
    assert import_ledger(bundle) == (12, 12)
    assert verify_ledger().ok
    with open_ledger(create=False) as copy:
        assert copy.id == ledger.id
        assert list(copy.entries()) == list(ledger.entries())
        assert copy.tree_head() == ledger.tree_head()
        assert copy.tree_head(6) == ledger.tree_head(6)
        assert copy.find(key="k2") == ledger.find(key="k2")
        assert copy.export(bundle.with_name("again")) == 12
    assert file_digest(bundle) == file_digest(bundle.with_name("again"))
    assert not (elsewhere / "keys" / "signing.pem").exists()  # nothing was signed


def test_an_import_continues_the_ledger_that_is_there(ledger: Ledger, bundle: Path, elsewhere: Path) -> None:
    import_ledger(bundle)
    ledger.append_many([statement(i) for i in range(12, 700)])
    ledger.export(bundle)
    assert import_ledger(bundle) == (688, 700)
    assert import_ledger(bundle) == (0, 700)
    assert verify_ledger().ok


def test_an_older_bundle_adds_nothing(ledger: Ledger, bundle: Path, elsewhere: Path) -> None:
    longer = bundle.with_name("longer")
    ledger.append(statement(12))
    ledger.export(longer)
    import_ledger(longer)
    assert import_ledger(bundle) == (0, 13)


def test_a_ledger_moves_to_postgresql_and_back(
    bundle: Path, postgres_url: str, tmp_path: Path, elsewhere: Path
) -> None:
    assert import_ledger(bundle, postgres_url) == (12, 12)
    assert verify_ledger(postgres_url).ok
    with open_ledger(postgres_url) as copy:
        copy.export(tmp_path / "back.jsonl")
    assert file_digest(tmp_path / "back.jsonl") == file_digest(bundle)


Change = Callable[[list[bytes]], list[bytes]]


def header(change: dict[str, object]) -> Change:
    return lambda lines: [json.dumps(json.loads(lines[0]) | change).encode() + b"\n", *lines[1:]]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [],
        lambda lines: lines[:1],
        lambda lines: lines[:-1],
        lambda lines: lines[:7],
        lambda lines: lines[1:],
        lambda lines: [*lines[:-1], lines[-1][:-1]],
        lambda lines: [*lines[:-1], lines[-1][: len(lines[-1]) // 2]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines, b"\n"],
        lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
        lambda lines: [*lines[:3], *lines[4:]],
        lambda lines: [*lines[:3], lines[3].replace(b'"sig', b'"Sig'), *lines[4:]],
        lambda lines: [*lines[:3], lines[3].replace(b'\\"sig\\":\\"', b'\\"sig\\":\\"A'), *lines[4:]],
        lambda lines: [*lines[:3], b'{"entry":1}\n', *lines[4:]],
        lambda lines: [*lines[:3], b'{"entry":"","entry":""}\n', *lines[4:]],
        lambda lines: [*lines[:3], b"[" * 100_000 + b"\n", *lines[4:]],
        lambda lines: [*lines[:3], b"\xff\n", *lines[4:]],
        lambda lines: [lines[0].replace(b'"heads":4', b'"heads":3'), *lines[1:-1]],
        header({"size": 11}),
        header({"size": 13}),
        header({"size": True}),
        header({"size": -1}),
        header({"heads": 3}),
        header({"heads": 5}),
        header({"ledger": "0" * 32}),
        header({"ledger": "../../x"}),
        header({"ledger": 7}),
        header({"keys": {}}),
        header({"keys": {"a": "00" * 32}}),
        header({"keys": []}),
        header({"format": "assay.ledger/2"}),
        header({"more": 1}),
    ],
)
def test_a_tampered_or_partial_bundle_is_refused_and_nothing_is_written(
    bundle: Path, elsewhere: Path, change: Change
) -> None:
    bundle.write_bytes(b"".join(change(bundle.read_bytes().splitlines(keepends=True))))
    with pytest.raises(Corrupt):
        import_ledger(bundle)
    assert not (elsewhere / "ledger.db").exists()
    assert not list((elsewhere / "witness").glob("*.json"))


def test_any_flipped_byte_of_a_bundle_is_refused(bundle: Path, elsewhere: Path) -> None:
    intact = bundle.read_bytes()
    for at in range(0, len(intact), 97):
        changed = bytearray(intact)
        changed[at] ^= 1
        bundle.write_bytes(changed)
        with pytest.raises(AssayError):
            import_ledger(bundle)
    assert not (elsewhere / "ledger.db").exists()


def test_a_bundle_signed_by_an_unknown_key_is_refused(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = signing_key().public
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "stranger"))
    with pytest.raises(BadInput, match="not trusted here"):
        import_ledger(bundle)
    assert import_ledger(bundle, trust=[public]) == (12, 12)


def test_a_bundle_that_names_a_key_that_signed_nothing_is_refused(bundle: Path, elsewhere: Path) -> None:
    idle = Signer.from_private(Ed25519PrivateKey.generate()).public
    lines = bundle.read_bytes().splitlines(keepends=True)
    named = json.loads(lines[0])
    named["keys"][idle.key_id] = idle.raw.hex()
    bundle.write_bytes(b"".join([json.dumps(named).encode() + b"\n", *lines[1:]]))
    with pytest.raises(Corrupt, match="keys are not those that signed it"):
        import_ledger(bundle, trust=[idle])


def test_a_bundle_that_changes_while_it_is_read_is_not_written(bundle: Path, elsewhere: Path) -> None:
    database = Database()
    with bundle.open("rb") as file, pytest.raises(Corrupt, match="changed while it was being read"):
        _insert(database, BundleReader(file, trusted_keys(), signatures=False), "0" * 64, None)
    assert not database.exists()
    database.close()


def test_a_fork_is_refused(ledger: Ledger, bundle: Path, elsewhere: Path, tmp_path: Path) -> None:
    """Two copies of one ledger grow apart, each with valid signatures."""
    ledger.close()
    machine = elsewhere.parent / "home"
    twin_home = tmp_path / "twin"
    shutil.copytree(machine, twin_home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_HOME", str(machine))
        ledger.append(statement(100))
        ledger.export(bundle)
        patch.setenv("ASSAY_HOME", str(twin_home))
        with open_ledger() as twin:
            twin.append_many([statement(200), statement(201)])
            twin.export(tmp_path / "twin.jsonl")
    assert import_ledger(bundle) == (13, 13)
    before = file_digest(elsewhere / "ledger.db")
    with pytest.raises(Corrupt, match="fork"):
        import_ledger(tmp_path / "twin.jsonl")
    with pytest.raises(Corrupt, match="fork"):
        import_ledger(tmp_path / "twin.jsonl", elsewhere / "other.db")  # the witness remembers
    assert file_digest(elsewhere / "ledger.db") == before
    assert not (elsewhere / "other.db").exists()


def test_a_shorter_fork_is_refused(ledger: Ledger, bundle: Path, elsewhere: Path, tmp_path: Path) -> None:
    ledger.close()
    shutil.copytree(elsewhere.parent / "home", tmp_path / "twin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_HOME", str(elsewhere.parent / "home"))
        ledger.append(statement(100))
        ledger.append(statement(101))
        ledger.export(bundle)
        patch.setenv("ASSAY_HOME", str(tmp_path / "twin"))
        with open_ledger() as twin:
            twin.append(statement(200))
            twin.export(tmp_path / "twin.jsonl")
    import_ledger(bundle)
    with pytest.raises(Corrupt, match="fork"):
        import_ledger(tmp_path / "twin.jsonl")


def test_a_bundle_older_than_what_this_machine_saw_is_refused(ledger: Ledger, bundle: Path, tmp_path: Path) -> None:
    ledger.append(statement(12))
    with pytest.raises(Corrupt, match="13 were seen before"):
        import_ledger(bundle, tmp_path / "restored.db")


def test_the_bundle_of_another_ledger_is_refused(bundle: Path, elsewhere: Path) -> None:
    with open_ledger() as own:
        own.append(statement(1))
    with pytest.raises(BadInput, match="import into another place"):
        import_ledger(bundle)
    assert verify_ledger().entries == 1


def test_an_endless_line_is_refused(bundle: Path, elsewhere: Path) -> None:
    with bundle.open("ab") as file:
        file.truncate(bundle.read_bytes().index(b"\n") + 1)
        file.write(b'{"entry":"' + b"x" * MAX_LINE)
    with pytest.raises(LimitExceeded, match="longer than"):
        import_ledger(bundle)


def test_an_export_of_a_tampered_ledger_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    import sqlite3

    ledger.close()
    with sqlite3.connect(ledger.place) as raw:
        raw.execute(
            "UPDATE assay_heads SET envelope = (SELECT envelope FROM assay_heads WHERE size = 6) WHERE size = 5"
        )
    raw.close()
    with pytest.raises(Corrupt):
        ledger.export(tmp_path / "bundle.jsonl")
    assert not (tmp_path / "bundle.jsonl").exists()
    assert not list(tmp_path.glob(".new-*"))


def test_an_export_to_nowhere_is_said_to_be_so(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        ledger.export(tmp_path / "absent" / "bundle.jsonl")


def test_an_entry_document_holds_for_its_entry_only(ledger: Ledger) -> None:
    trusted = {signing_key().key_id: signing_key().public}
    document = ledger.entry_document(7)
    entry, head = check_entry_document(document, trusted)
    assert entry == ledger.entry(7)
    assert head == ledger.tree_head()
    for change in (
        {"index": 6},
        {"index": True},
        {"index": "7"},
        {"envelope": ledger.entry_document(8)["envelope"]},
        {"head": ledger.tree_head(6).envelope.decode()},
        {"path": document["path"] * 50},
        {"path": [1]},
        {"path": ["zz" * 32]},
        {"more": 1},
        {"format": "assay.entry/2"},
    ):
        with pytest.raises(Corrupt):
            check_entry_document(document | change, trusted)
    with pytest.raises(BadInput, match="not trusted"):
        check_entry_document(document, {})


def test_a_consistency_document_holds_for_its_heads_only(ledger: Ledger) -> None:
    trusted = {signing_key().key_id: signing_key().public}
    document = ledger.consistency_document(5)
    first, second = check_consistency_document(document, trusted)
    assert (first.size, second.size) == (5, 12)
    for change in (
        {"first": ledger.tree_head(6).envelope.decode()},
        {"first": document["second"], "second": document["first"]},
        {"path": document["path"][1:]},
        {"path": []},
    ):
        with pytest.raises(Corrupt):
            check_consistency_document(document | change, trusted)


def test_saved_heads_and_documents_are_read_strictly(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "head.json"
    path.write_text(json.dumps(json.loads(ledger.tree_head().envelope), indent=2))
    assert read_saved_head(path) == ledger.tree_head()
    assert not is_bundle(path)
    for content in (b"", b"[]", b"{}", b'{"a":1,"a":2}', b"\xff", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(BadInput):
            read_saved_head(path)
    with path.open("wb") as file:
        file.truncate(1 << 33)
    with pytest.raises(LimitExceeded):
        read_document(path)
    with pytest.raises(BadInput, match="There is no file"):
        read_document(tmp_path / "absent")


def test_the_witness_never_moves_backwards(ledger: Ledger) -> None:
    from assay.core.ledger.witness import remember

    remember(ledger.tree_head(5), "elsewhere")
    known = recall(ledger.id)
    assert known is not None
    assert known.head == ledger.tree_head()
    assert known.places == (ledger.place, "elsewhere")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"head":1}', b"x" * 100_000])
def test_a_damaged_witness_is_said_to_be_damaged(ledger: Ledger, home: Path, content: bytes) -> None:
    (home / "witness" / f"{ledger.id}.json").write_bytes(content)
    assert any("is damaged" in problem.message for problem in ledger.verify().problems)
    with pytest.raises(Corrupt, match="witness file"):
        ledger.append(statement(1))
