"""`assay store` as a person and as a script use it, in a process of its own."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.core.ledger import Statement, Subject, open_ledger
from assay.core.store import open_store

MAIN = "from assay.commands.store import app; app(prog_name='assay store')"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


def assay_store(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", MAIN, *map(str, arguments)], capture_output=True, text=True)


def answer(*arguments: object, code: int = 0) -> Any:
    """The one JSON document on stdout."""
    done = assay_store(*arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def one_sentence(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "folder"
    (root / "sub").mkdir(parents=True)
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "sub" / "[bold]x").write_text("hello")
    return root


def test_a_file_goes_in_and_comes_out(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(os.urandom(100_000))
    put = assay_store("put", tmp_path / "in")
    digest = put.stdout.strip()
    assert put.returncode == 0 and len(digest) == 71, "stdout is the digest and nothing else"
    assert assay_store("get", digest, tmp_path / "out").returncode == 0
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()
    assert open_store().has(digest)


def test_a_folder_goes_in_and_comes_out_by_its_name(folder: Path, tmp_path: Path) -> None:
    put = answer("put", folder, "--ref", "my/folder")
    assert (put["files"], put["bytes"], put["omitted"]) == (2, 15, [])
    got = answer("get", "my/folder", tmp_path / "out")
    assert got["digest"] == put["digest"] and got["files"] == 2
    assert (tmp_path / "out" / "sub" / "[bold]x").read_text() == "hello"
    assert os.access(tmp_path / "out" / "run.sh", os.X_OK)
    answer("get", "my/folder", tmp_path / "manifest", "--raw")
    assert json.loads((tmp_path / "manifest").read_bytes())["schema"] == "assay.tree/1"


def test_listing_names_objects_refs_and_files(folder: Path) -> None:
    digest = answer("put", folder, "--ref", "mine")["digest"]
    objects = answer("ls")
    assert objects["count"] == 3 == len(objects["objects"])
    assert [item["digest"] for item in objects["objects"] if item["refs"] == ["mine"]] == [digest]
    entries = answer("ls", digest)["entries"]
    assert [(entry["path"], entry["size"], entry["executable"]) for entry in entries] == [
        ("run.sh", 10, True),
        ("sub/[bold]x", 5, False),
    ]
    assert f"{digest}" in assay_store("ls").stdout and "mine" in assay_store("ls").stdout
    assert "sub/[bold]x" in assay_store("ls", "mine").stdout


def test_a_link_is_refused_or_left_out(folder: Path) -> None:
    (folder / "link").symlink_to("/etc/passwd")
    assert "'link'" in one_sentence(assay_store("put", folder), 2)
    assert answer("ls")["count"] == 0
    put = answer("put", folder, "--omit")
    assert put["omitted"] == [{"path": "link", "reason": "it is a symbolic link"}]
    assert "Left out link" in assay_store("put", folder, "--omit").stderr


def test_what_is_named_on_the_command_line_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert answer("put", tmp_path / "link")["digest"] == answer("put", folder)["digest"]


def test_wrong_usage_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("")
    digest = assay_store("put", tmp_path / "there").stdout.strip()
    assert "No such file" in one_sentence(assay_store("put", tmp_path / "absent"), 2)
    assert "exists already" in one_sentence(assay_store("get", digest, tmp_path / "there"), 2)
    assert "neither a digest nor a ref" in one_sentence(assay_store("get", "name", tmp_path / "out"), 2)
    assert "not a ref name" in one_sentence(assay_store("get", "../../x", tmp_path / "out"), 2)
    assert "is not in the store" in one_sentence(assay_store("get", "0" * 64, tmp_path / "out"), 2)
    assert "not a tree" in one_sentence(assay_store("ls", digest), 2)
    assert "cannot be opened" in one_sentence(assay_store("ls", "--store", "http://example.org"), 2)
    assert "no ref" in one_sentence(assay_store("unref", "name"), 2)
    assert "could not be used" in one_sentence(assay_store("ls", "--store", tmp_path / "there"), 3)
    error = answer("get", "0" * 64, tmp_path / "out", code=2)["error"]
    assert error["kind"] == "NotInStore"


def test_verify_names_what_is_damaged_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("content")
    digest = assay_store("put", tmp_path / "in").stdout.strip()
    report = answer("verify")
    assert report["ok"] and report["objects"] == 1
    place = tmp_path / "home" / "store" / "objects" / digest[7:9] / digest[9:]
    place.unlink()
    place.write_text("c0ntent")
    report = answer("verify", code=1)
    assert not report["ok"] and report["damaged"] == [digest]
    done = assay_store("verify")
    assert done.returncode == 1 and f"damaged {digest}" in done.stdout
    assert digest in one_sentence(assay_store("get", digest, tmp_path / "out"), 1)
    assert not (tmp_path / "out").exists()


def test_gc_keeps_refs_and_frees_the_rest(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "garbage").write_text("garbage")
    answer("put", tmp_path / "garbage")
    answer("put", folder, "--ref", "mine")
    assert answer("gc")["freed_objects"] == 0, "an hour of grace"
    assert answer("gc", "--older-than", "0", "--dry-run")["freed_objects"] == 1
    assert answer("ls")["count"] == 4
    freed = answer("gc", "--older-than", "0")
    assert (freed["freed_objects"], freed["freed_bytes"], freed["kept_objects"]) == (1, 7, 3)
    assert assay_store("unref", "mine").returncode == 0
    assert answer("gc", "--older-than", "0")["kept_objects"] == 0


def test_gc_keeps_what_the_ledger_names(folder: Path, tmp_path: Path, home: Path) -> None:
    store = open_store()
    subject = store.put_tree(folder).digest
    log = store.put_bytes(b"a log that the statement names")
    bare = store.put_bytes(b"named as in-toto names it")
    garbage = store.put_bytes(b"garbage")
    predicate = {"method": {"logs": [log]}, "materials": [{"digest": {"sha256": bare.removeprefix("sha256:")}}]}
    with open_ledger() as ledger:
        ledger.append(Statement((Subject(subject),), "urn:assay:test:v1", predicate))
    assert answer("gc", "--older-than", "0")["freed_objects"] == 1
    assert not store.has(garbage)
    assert all(store.has(digest) for digest in (subject, log, bare))
    assert store.verify().ok
    with open_ledger(tmp_path / "other.db"):
        pass
    assert answer("gc", "--older-than", "0", "--ledger", tmp_path / "other.db")["kept_objects"] == 0


def test_gc_stops_at_a_ledger_that_is_not_there_or_damaged(tmp_path: Path, home: Path) -> None:
    digest = open_store().put_bytes(b"x")
    one_sentence(assay_store("gc", "--older-than", "0", "--ledger", tmp_path / "absent.db"), 2)
    (home / "ledger.db").write_bytes(b"not a database" * 1000)
    done = assay_store("gc", "--older-than", "0")
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert open_store().has(digest)


def test_a_person_sees_a_progress_bar_and_a_script_does_not(tmp_path: Path) -> None:
    with (tmp_path / "in").open("wb") as file:
        file.truncate(64 << 20)
    master, terminal = pty.openpty()
    command = [sys.executable, "-c", MAIN, "put", str(tmp_path / "in")]
    environment = os.environ | {"TERM": "xterm"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, text=True, env=environment)
    os.close(terminal)
    seen = b""
    while True:
        try:
            block = os.read(master, 4096)
        except OSError:  # the other side is closed
            break
        if not block:
            break
        seen += block
    os.close(master)
    output, _ = process.communicate()
    assert process.returncode == 0
    assert "Putting in" in seen.decode() and "Stored 1 file" in seen.decode()
    assert len(output.strip()) == 71
    assert "Putting" not in assay_store("put", tmp_path / "in").stderr
