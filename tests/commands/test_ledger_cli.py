"""`assay ledger` as a person or a script uses it: what is printed where, and the exit codes."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.commands.ledger import app
from assay.core.digest import digest_bytes
from assay.core.keys import signing_key
from assay.core.ledger import Ledger, Statement, Subject, open_ledger
from assay.core.verdict import Outcome, Verdict


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_KEY", raising=False)
    monkeypatch.delenv("ASSAY_DEBUG", raising=False)
    return tmp_path / "home"


def verdict(number: int, outcome: Outcome) -> Verdict:
    return Verdict(
        task=f"posttrain/t:{number}",
        task_digest=digest_bytes(b"task"),
        submission=digest_bytes(str(number).encode()),
        outcome=outcome,
        reason="Because.",
    )


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with open_ledger() as ledger:
        ledger.append_verdict(verdict(0, Outcome.ACCEPTED), key="zero")
        ledger.append_verdict(verdict(1, Outcome.REJECTED))
        ledger.append(Statement((Subject(digest_bytes(b"p")),), "urn:assay:score:v1", {"evil": "\x1b[2J[bold]"}))
        yield ledger


def assay(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def document(*arguments: str | Path, exit_code: int = 0) -> dict[str, object]:
    result = assay(*arguments)
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def sentence(result: Result) -> str:
    return " ".join(result.stderr.split())  # a narrow terminal wraps it


def damage(ledger: Ledger) -> None:
    ledger.close()
    with sqlite3.connect(ledger.place) as raw:
        raw.execute("UPDATE assay_entries SET envelope = CAST(replace(envelope, 'a', 'b') AS BLOB) WHERE position = 1")
    raw.close()


def test_log_lists_verdicts(ledger: Ledger) -> None:
    result = assay("log")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "posttrain/t:0" in lines[1]
    assert "accepted" in lines[1]
    assert digest_bytes(b"1")[7:19] in lines[2]
    assert "urn:assay:score:v1" in lines[3]


def test_log_as_json_can_be_limited(ledger: Ledger) -> None:
    listed = document("log", "--json", "--last", "1")
    assert listed["size"] == 3
    assert [entry["index"] for entry in listed["entries"]] == [2]
    about = document("log", "--json", "--subject", digest_bytes(b"0"))["entries"]
    assert [(entry["task"], entry["outcome"], entry["key"]) for entry in about] == [
        ("posttrain/t:0", "accepted", "zero")
    ]
    assert assay("log", "--subject", "nonsense").exit_code == 2


def test_show_prints_the_statement_without_control_characters(ledger: Ledger) -> None:
    result = assay("show", "2")
    assert result.exit_code == 0
    assert "\x1b[2J" not in result.stdout
    assert "[bold]" in result.stdout
    shown = document("show", "0", "--json")
    assert shown["statement"]["predicate"]["verdict"]["outcome"] == "accepted"
    assert shown["leaf_hash"] == ledger.entry(0).leaf_hash.hex()
    assert assay("show", "3").exit_code == 2


def test_verify_says_that_all_is_well(ledger: Ledger) -> None:
    result = assay("verify")
    assert result.exit_code == 0
    assert "3 entries, 4 signed heads, all as they were signed" in result.stdout
    assert ledger.tree_head().root.hex() in result.stdout
    assert document("verify", "--json")["ok"] is True


def test_verify_names_the_damaged_entry_and_exits_1(ledger: Ledger) -> None:
    damage(ledger)
    result = assay("verify")
    assert result.exit_code == 1
    assert "Entry 1" in sentence(result)
    report = document("verify", "--json", exit_code=1)
    assert report["ok"] is False
    assert [problem["entry"] for problem in report["problems"]] == [1]
    for command in (["log"], ["show", "1"], ["prove", "1"], ["export", str(Path(ledger.place).with_name("x"))]):
        assert assay(*command).exit_code == 1


def test_verify_of_rubbish_is_one_sentence_and_exit_1(ledger: Ledger) -> None:
    ledger.close()
    Path(ledger.place).write_bytes(b"rubbish" * 1000)
    result = assay("verify")
    assert result.exit_code == 1
    assert "is damaged or is no ledger" in sentence(result)


def test_a_missing_ledger_is_the_users_mistake(tmp_path: Path, home: Path) -> None:
    for command in (["log"], ["verify"], ["head"], ["show", "0"], ["prove", "0"], ["export", "x"]):
        result = assay(*command, "--ledger", tmp_path / "none.db")
        assert result.exit_code == 2, command
        assert "There is no ledger" in sentence(result)
    assert not (tmp_path / "none.db").exists()


def test_an_absent_server_is_exit_3() -> None:
    result = assay("verify", "--ledger", "postgresql://user:secret@127.0.0.1:1/x")
    assert result.exit_code == 3
    assert "secret" not in result.output


def test_errors_are_documents_with_json(tmp_path: Path) -> None:
    result = document("log", "--json", "--ledger", tmp_path / "none.db", exit_code=2)
    assert result["error"]["kind"] == "BadInput"


def test_a_saved_head_finds_what_the_database_hides(ledger: Ledger, home: Path, tmp_path: Path) -> None:
    saved = tmp_path / "head.json"
    saved.write_text(assay("head").stdout)
    assert assay("verify", "--head", saved).exit_code == 0
    ledger.close()
    with sqlite3.connect(ledger.place) as raw:
        for table, column in (("entries", "position"), ("subjects", "position"), ("heads", "size - 1")):
            raw.execute(f"DELETE FROM assay_{table} WHERE {column} >= 2")
    raw.close()
    for file in (home / "witness").glob("*.json"):
        file.unlink()
    assert assay("verify").exit_code == 0
    result = assay("verify", "--head", saved)
    assert result.exit_code == 1
    assert "Entry 2 is missing: a saved head covers 3." in sentence(result)
    assert assay("verify", "--head", tmp_path / "absent").exit_code == 2


def test_a_proof_is_checked_without_the_ledger(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, growth, key = tmp_path / "entry.json", tmp_path / "growth.json", tmp_path / "key.pem"
    assert assay("prove", "1", "--output", entry).exit_code == 0
    growth.write_text(assay("prove", "--from", "1", "--to", "3").stdout)
    key.write_text(assay("key").stdout)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "stranger"))
    assert assay("verify", entry).exit_code == 2  # whose key is it?
    assert "Entry 1 is in the ledger" in assay("verify", entry, "--trust", key).stdout
    assert "continues the one of 1" in assay("verify", growth, "--trust", key).stdout
    changed = json.loads(entry.read_text()) | {"index": 0}
    entry.write_text(json.dumps(changed))
    assert assay("verify", entry, "--trust", key).exit_code == 1
    entry.write_text("{}")
    assert assay("verify", entry).exit_code == 1


@pytest.mark.parametrize(
    "arguments", [[], ["1", "--from", "0"], ["1", "--to", "3"], ["--to", "3"], ["9"], ["--from", "2", "--to", "1"]]
)
def test_a_proof_of_nothing_sensible_is_wrong_usage(ledger: Ledger, arguments: list[str]) -> None:
    assert assay("prove", *arguments).exit_code == 2


def test_export_and_import_between_machines(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, key = tmp_path / "bundle", tmp_path / "key.pem"
    assert document("export", bundle, "--json")["entries"] == 3
    assert document("verify", bundle, "--json")["entries"] == 3
    key.write_text(assay("key").stdout)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "elsewhere"))
    refused = assay("import", bundle)
    assert refused.exit_code == 2
    assert "not trusted here" in sentence(refused)
    assert document("trust", key, "--json")["key_id"] == signing_key_of(ledger)
    assert document("import", bundle, "--json") == {"added": 3, "entries": 3}
    assert assay("verify").exit_code == 0
    bundle.write_bytes(bundle.read_bytes()[:-10])
    assert assay("import", bundle, "--ledger", tmp_path / "new.db").exit_code == 1
    assert not (tmp_path / "new.db").exists()


def signing_key_of(ledger: Ledger) -> str:
    return ledger.tree_head().key_id


def test_keys_are_printed(ledger: Ledger) -> None:
    own = signing_key().public
    assert assay("key").stdout == own.to_pem().decode()
    assert document("key", own.key_id, "--json")["pem"] == own.to_pem().decode()
    assert assay("key", "0" * 64).exit_code == 2


def test_looking_for_a_key_makes_none(home: Path) -> None:
    assert assay("key").exit_code == 2
    assert not (home / "keys").exists()


def test_verify_takes_a_file_or_a_ledger_not_both(ledger: Ledger, tmp_path: Path) -> None:
    assert assay("verify", tmp_path / "x", "--ledger", "y").exit_code == 2
