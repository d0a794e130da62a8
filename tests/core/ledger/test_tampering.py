"""Whoever can write to the database changes something: `verify` must say so, and name the entry."""

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assay.core.errors import BadInput, Corrupt
from assay.core.keys import Signer
from assay.core.ledger import Ledger, Report, open_ledger, verify_ledger
from assay.core.ledger.statement import sign_head
from tests.core.ledger.statements import digest, statement

TABLES = ("assay_ledger", "assay_keys", "assay_entries", "assay_subjects", "assay_heads")
Attack = Callable[[sqlite3.Connection], object]


def tamper(ledger: Ledger, attack: Attack) -> Report:
    """Attack a closed ledger as someone with the file would, minding none of its rules."""
    ledger.close()
    with sqlite3.connect(ledger.place) as raw:
        raw.execute("PRAGMA ignore_check_constraints = ON")
        attack(raw)
    raw.close()
    return verify_ledger()


def execute(statement: str, *values: object) -> Attack:
    return lambda raw: raw.execute(statement, values)


def named(report: Report) -> set[int | None]:
    return {problem.entry for problem in report.problems}


def flipped(value: object, at: int) -> object:
    if isinstance(value, int):
        return value ^ (1 << (10 + at % 30))  # a small bit would make it equal to a neighbour, which the table refuses
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[at % len(data)] ^= 0x40  # turns no stored text into its neighbour, which the table would refuse
    return data.decode() if isinstance(value, str) else bytes(data)


def cells(path: str) -> list[tuple[str, str, int, object]]:
    """Every value of every column of every table, as (table, column, row, value)."""
    found = []
    with sqlite3.connect(path) as raw:
        for table in TABLES:
            rows = raw.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in rows.description]
            for number, row in enumerate(rows.fetchall()):
                found += [(table, name, number, value) for name, value in zip(names, row, strict=True)]
    raw.close()
    return found


def replace_cell(raw: sqlite3.Connection, table: str, column: str, row: int, value: object) -> None:
    columns = [info[1] for info in raw.execute(f"PRAGMA table_info({table})")]
    old = raw.execute(f"SELECT * FROM {table}").fetchall()[row]
    condition = " AND ".join(f"{name} IS ?" for name in columns)
    changed = raw.execute(f"UPDATE {table} SET {column} = ? WHERE {condition}", (value, *old))
    assert changed.rowcount == 1


def test_an_untouched_ledger_is_sound(ledger: Ledger) -> None:
    report = ledger.verify()
    assert report.ok
    assert (report.entries, report.heads, report.witnessed) == (12, 4, 12)
    assert report.root == ledger.tree_head().root


def test_a_changed_value_in_any_column_of_any_row_is_found(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    path, intact = Path(ledger.place), tmp_path / "intact.db"
    shutil.copy(path, intact)
    found = cells(str(path))
    assert {(table, column) for table, column, _, _ in found} >= {("assay_entries", "hashes"), ("assay_heads", "size")}
    for count, (table, column, row, value) in enumerate(found):
        value = flipped("0" if value is None else value, 7 * count)
        shutil.copy(intact, path)
        report = tamper(ledger, partial(replace_cell, table=table, column=column, row=row, value=value))
        where = f"{table}.{column} row {row}"
        assert not report.ok, where
        if table == "assay_entries" and column != "position":
            assert row in named(report), where


def test_every_byte_of_an_envelope_counts(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    path, intact = Path(ledger.place), tmp_path / "intact.db"
    shutil.copy(path, intact)
    envelope = ledger.entry(3).envelope
    ledger.close()
    for at in range(0, len(envelope), 5):
        changed = bytearray(envelope)
        changed[at] ^= 1
        shutil.copy(intact, path)
        report = tamper(ledger, execute("UPDATE assay_entries SET envelope = ? WHERE position = 3", changed))
        assert named(report) == {3}, at


@pytest.mark.parametrize("position", [0, 4, 11])
def test_a_deleted_entry_is_named(ledger: Ledger, position: int) -> None:
    report = tamper(ledger, lambda raw: raw.execute("DELETE FROM assay_entries WHERE position = ?", (position,)))
    assert position in named(report)


def test_a_deleted_entry_whose_successors_move_up_is_found(ledger: Ledger) -> None:
    def attack(raw: sqlite3.Connection) -> None:
        raw.execute("DELETE FROM assay_entries WHERE position = 4")
        raw.execute("DELETE FROM assay_subjects WHERE position = 4")
        for table in ("assay_entries", "assay_subjects"):
            for position in range(5, 12):
                raw.execute(f"UPDATE {table} SET position = position - 1 WHERE position = ?", (position,))

    assert 4 in named(tamper(ledger, attack))


def swap(raw: sqlite3.Connection, first: int, second: int) -> None:
    for table in ("assay_entries", "assay_subjects"):
        for old, new in ((first, -1), (second, first), (-1, second)):
            raw.execute(f"UPDATE {table} SET position = ? WHERE position = ?", (new, old))


@pytest.mark.parametrize("pair", [(0, 1), (7, 8), (2, 9), (6, 10)])
def test_swapped_entries_are_named(ledger: Ledger, pair: tuple[int, int]) -> None:
    assert named(tamper(ledger, lambda raw: swap(raw, *pair))) & {pair[0], pair[1], 6}


def rebuild_hashes(raw: sqlite3.Connection) -> None:
    """Make the stored tree fit the entries again: all that an attacker without a key can do."""
    from assay.core.ledger.merkle import Frontier, leaf_hash

    tree = Frontier()
    for position, envelope in raw.execute("SELECT position, envelope FROM assay_entries ORDER BY position").fetchall():
        hashes = b"".join(tree.append(leaf_hash(envelope)))
        raw.execute("UPDATE assay_entries SET hashes = ? WHERE position = ?", (hashes, position))


def test_swapped_entries_are_found_although_the_tree_was_rebuilt(ledger: Ledger) -> None:
    def attack(raw: sqlite3.Connection) -> None:
        swap(raw, 7, 8)
        rebuild_hashes(raw)

    report = tamper(ledger, attack)
    assert any("entries 6 to 11" in problem.message for problem in report.problems)


def truncate(raw: sqlite3.Connection, size: int) -> None:
    raw.execute("DELETE FROM assay_entries WHERE position >= ?", (size,))
    raw.execute("DELETE FROM assay_subjects WHERE position >= ?", (size,))
    raw.execute("DELETE FROM assay_heads WHERE size > ?", (size,))


def test_cut_off_entries_are_found_by_the_head_that_covers_them(ledger: Ledger) -> None:
    report = tamper(ledger, lambda raw: raw.execute("DELETE FROM assay_entries WHERE position >= 9"))
    assert any("Entries 9 to 11 are missing: the last signed head covers 12" in p.message for p in report.problems)


def test_entries_cut_off_with_their_heads_are_found_by_the_witness(ledger: Ledger) -> None:
    report = tamper(ledger, lambda raw: truncate(raw, 6))
    (problem,) = report.problems
    assert problem.entry == 6
    assert "Entries 6 to 11 are missing: this machine's witness covers 12." in problem.message


def test_entries_cut_off_with_their_heads_are_found_by_a_saved_head(ledger: Ledger, home: Path) -> None:
    saved = ledger.tree_head()
    ledger.close()
    with sqlite3.connect(ledger.place) as raw:
        truncate(raw, 6)
    raw.close()
    shutil.rmtree(home / "witness")
    assert verify_ledger().ok  # nobody else remembers
    assert named(verify_ledger(saved=[saved])) == {6}


def test_a_truncated_ledger_takes_no_more_entries(ledger: Ledger) -> None:
    assert not tamper(ledger, lambda raw: truncate(raw, 6)).ok
    with pytest.raises(Corrupt, match="lost entries"), open_ledger() as again:
        again.append(statement(99))


def test_a_rolled_back_copy_takes_no_more_entries(ledger: Ledger, tmp_path: Path) -> None:
    ledger.close()
    shutil.copy(ledger.place, tmp_path / "copy.db")
    ledger.append(statement(50))
    with pytest.raises(Corrupt, match="lost entries"), open_ledger(tmp_path / "copy.db") as copy:
        copy.append(statement(51))


def test_an_entry_beyond_the_last_head_is_found(ledger: Ledger) -> None:
    def attack(raw: sqlite3.Connection) -> None:
        raw.execute("INSERT INTO assay_entries SELECT 12, NULL, hashes, envelope FROM assay_entries WHERE position = 1")
        raw.execute("INSERT INTO assay_subjects SELECT 12, digest FROM assay_subjects WHERE position = 1")
        rebuild_hashes(raw)

    report = tamper(ledger, attack)
    assert any("Entry 12 is not covered by any signed head" in problem.message for problem in report.problems)
    with pytest.raises(Corrupt), open_ledger() as again:
        again.append(statement(99))


def test_an_entry_with_an_impossible_number_is_found(ledger: Ledger) -> None:
    report = tamper(ledger, execute("UPDATE assay_entries SET position = -1 WHERE position = 3"))
    assert "There is an entry with the impossible number -1." in [problem.message for problem in report.problems]


def test_entries_whose_public_key_is_gone_are_named(ledger: Ledger) -> None:
    report = tamper(ledger, execute("DELETE FROM assay_keys"))
    assert named(report) >= set(range(12))


def test_a_public_key_that_signed_nothing_is_found(ledger: Ledger) -> None:
    key = Signer.from_private(Ed25519PrivateKey.generate()).public
    report = tamper(ledger, execute("INSERT INTO assay_keys VALUES (?, ?)", key.key_id, key.raw))
    assert [problem.message for problem in report.problems] == [
        f"The public key {key.key_id} is stored but has signed nothing here."
    ]


def test_an_entry_far_beyond_the_last_head_keeps_others_from_being_added(ledger: Ledger) -> None:
    copy = "INSERT INTO assay_entries SELECT 40, NULL, hashes, envelope FROM assay_entries WHERE position = 1"
    assert 12 in named(tamper(ledger, execute(copy)))
    with pytest.raises(Corrupt, match="does not match its last signed head"), open_ledger() as again:
        again.append(statement(99))


@pytest.mark.parametrize("change", ["idempotency_key = 'x'", "hashes = zeroblob(32)", "envelope = zeroblob(9)"])
def test_a_changed_row_is_not_read(ledger: Ledger, change: str) -> None:
    tamper(ledger, execute(f"UPDATE assay_entries SET {change} WHERE position = 2"))
    with pytest.raises(Corrupt, match="Entry 2"), open_ledger() as again:
        again.entry(2)


def test_a_deleted_head_is_found(ledger: Ledger) -> None:
    report = tamper(ledger, lambda raw: raw.execute("DELETE FROM assay_heads WHERE size = 5"))
    assert any("follows one of 5 entries" in problem.message for problem in report.problems)


def test_a_tampered_tree_is_not_built_upon(ledger: Ledger) -> None:
    tamper(ledger, lambda raw: raw.execute("UPDATE assay_entries SET hashes = zeroblob(length(hashes))"))
    with pytest.raises(Corrupt), open_ledger() as again:
        again.append(statement(99))


def test_a_history_rewritten_with_a_stolen_key_is_found_by_the_witness(ledger: Ledger) -> None:
    """Even a valid signature cannot make two histories out of one, for whoever saw the first."""
    from assay.core.keys import signing_key
    from assay.core.ledger.merkle import Frontier, leaf_hash

    ledger.close()
    with sqlite3.connect(ledger.place) as raw:
        swap(raw, 7, 8)
        rebuild_hashes(raw)
        tree = Frontier()
        for (envelope,) in raw.execute("SELECT envelope FROM assay_entries ORDER BY position"):
            tree.append(leaf_hash(envelope))
        forged = sign_head(ledger.id, 12, tree.root(), 6, signing_key())
        raw.execute("UPDATE assay_heads SET envelope = ? WHERE size = 12", (forged.envelope,))
    raw.close()
    ledger.close()
    report = verify_ledger()
    assert any("not those that this machine's witness covers" in problem.message for problem in report.problems)


def test_an_entry_signed_by_an_unknown_key_is_named(ledger: Ledger, home: Path, tmp_path: Path) -> None:
    ledger.close()
    (home / "keys" / "signing.pem").rename(tmp_path / "old.pem")
    report = verify_ledger()
    assert set(range(12)) <= named(report)
    assert any("not trusted here" in problem.message for problem in report.problems)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER t AFTER INSERT ON assay_entries BEGIN DELETE FROM assay_entries WHERE position = 0; END",
        "DROP INDEX assay_subjects_by_digest",
        "CREATE VIEW v AS SELECT * FROM assay_entries",
    ],
)
def test_a_changed_schema_is_found(ledger: Ledger, change: str) -> None:
    assert not tamper(ledger, lambda raw: raw.execute(change)).ok


def test_a_replaced_ledger_is_found(ledger: Ledger, tmp_path: Path) -> None:
    with open_ledger(tmp_path / "other.db") as other:
        other.append(statement(1))
    ledger.close()
    shutil.copy(tmp_path / "other.db", ledger.place)
    report = verify_ledger()
    assert any("another ledger" in problem.message for problem in report.problems)
    with pytest.raises(Corrupt, match="another ledger"), open_ledger() as again:
        again.append(statement(2))


def test_a_removed_ledger_is_found_and_not_begun_anew(ledger: Ledger) -> None:
    ledger.close()
    Path(ledger.place).unlink()
    report = verify_ledger()
    assert not report.ok
    assert "nothing is there now" in report.problems[0].message
    with pytest.raises(Corrupt, match="nothing is there now"):
        open_ledger()


def test_an_emptied_file_is_found(ledger: Ledger) -> None:
    ledger.close()
    Path(ledger.place).write_bytes(b"")
    assert not verify_ledger().ok


def test_a_ledger_that_was_never_there_is_the_users_mistake() -> None:
    with pytest.raises(BadInput, match="There is no ledger"):
        verify_ledger()


def content(path: str) -> list[tuple[str, str, int, object]] | None:
    try:
        return cells(path)
    except sqlite3.Error:
        return None


def test_a_flipped_bit_anywhere_in_the_file_is_found_or_changes_nothing(ledger: Ledger) -> None:
    """Headers, page headers, free space, indices and all: 400 places, among them each of the first 100 bytes."""
    ledger.append_many([statement(i, note="y" * 3000) for i in range(12, 20)])
    ledger.close()
    path = Path(ledger.place)
    intact, original = path.read_bytes(), cells(ledger.place)
    rng = random.Random(7)
    pages = [page + at for page in range(0, len(intact), 4096) for at in rng.sample(range(24), 3)]
    offsets = [*range(100), *pages, *rng.sample(range(len(intact)), 200)]
    missed = []
    for offset in offsets:
        changed = bytearray(intact)
        changed[offset] ^= 1 << rng.randrange(8)
        for leftover in path.parent.glob("ledger.db-*"):
            leftover.unlink()
        path.write_bytes(changed)
        if verify_ledger().ok and content(ledger.place) != original:
            missed.append(offset)
    assert not missed


def test_a_flipped_bit_in_the_write_ahead_log_is_found_or_changes_nothing(home: Path) -> None:
    """A process that is killed leaves the log. SQLite drops what does not add up there: the witness misses it."""
    program = (
        "import os; from assay.core.ledger import open_ledger; from tests.core.ledger.statements import statement\n"
        "ledger = open_ledger()\n"
        "for number in range(8): ledger.append(statement(number))\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=True)
    path, log = home / "ledger.db", home / "ledger.db-wal"
    database, intact = path.read_bytes(), log.read_bytes()
    assert verify_ledger().entries == 8
    original, rng, found = cells(str(path)), random.Random(3), 0
    for offset in [*range(0, 56, 4), *rng.sample(range(len(intact)), 40)]:
        changed = bytearray(intact)
        changed[offset] ^= 1
        (home / "ledger.db-shm").unlink(missing_ok=True)
        path.write_bytes(database)
        log.write_bytes(changed)
        report = verify_ledger()
        found += not report.ok
        assert not report.ok or content(str(path)) == original, offset
    assert found > 20


def test_the_subjects_of_entries_that_are_not_there_are_found(ledger: Ledger) -> None:
    raw_digest = bytes.fromhex(digest(3).removeprefix("sha256:"))
    for position in (-3, 40):
        report = tamper(ledger, execute("INSERT INTO assay_subjects VALUES (?, ?)", position, raw_digest))
        assert position in named(report)


def test_a_changed_value_in_any_column_is_found_on_postgresql(postgres_url: str) -> None:
    with open_ledger(postgres_url) as ledger:
        ledger.append_many([statement(i) for i in range(6)], keys=[f"k{i}" for i in range(6)])
    with psycopg.connect(postgres_url, autocommit=True) as raw:
        for table in TABLES:
            rows = raw.execute(f"SELECT ctid::text, * FROM {table}")
            names = [column.name for column in rows.description or ()][1:]
            for count, (ctid, *values) in enumerate(rows.fetchall()):
                for name, value in zip(names, values, strict=True):
                    change = f"UPDATE {table} SET {name} = %s WHERE {name} = %s"
                    wrong = flipped(value, 7 * count)
                    assert raw.execute(change + " AND ctid = %s::tid", (wrong, value, ctid)).rowcount == 1
                    report = verify_ledger(postgres_url)
                    assert not report.ok, (table, name)
                    if table == "assay_entries" and name != "position":
                        assert count in named(report)
                    raw.execute(change, (value, wrong))
                    (ctid,) = raw.execute(f"SELECT ctid::text FROM {table} WHERE {name} = %s", (value,)).fetchone()
    assert verify_ledger(postgres_url).ok
