"""`assay prove …` on the command line: exit codes, one JSON document, sentences."""

import json
from pathlib import Path

from tests.prove.conftest import Assay
from tests.prove.test_mutation import write_state


def test_new_check_certificate_and_recheck(rocq: None, assay: Assay, tmp_path: Path) -> None:
    made = assay("prove", "new", "triple", "--json")
    assert made.returncode == 0 and "src/Main.v" in json.loads(made.stdout)["files"]
    signed = assay("prove", "check", "triple", "--fuzz", "300", "--quick", "--sign", "--json")
    document = json.loads(signed.stdout)
    assert signed.returncode == 0, signed.stdout
    assert document["verdict"]["outcome"] == "accepted" and document["index"] is not None
    printed = assay("prove", "certificate", str(document["index"]))
    assert printed.returncode == 0 and "What is not proved" in printed.stdout
    source = tmp_path / "elsewhere" / "triple" / "src" / "Program.v"
    source.write_text(source.read_text().replace("Add Arg (Add Arg Arg)", "Add (Add Arg Arg) Arg"))
    again = assay("prove", "certificate", "triple", "--recheck", "triple", "--json")
    assert again.returncode == 1
    where = {d["where"] for d in json.loads(again.stdout)["differences"]}
    assert "submission" in where and any("Program.v" in w for w in where)


def test_a_page_shows_gates_statements_and_what_is_not_proved(rocq: None, assay: Assay, tmp_path: Path) -> None:
    assert assay("prove", "new", "triple").returncode == 0
    folder = tmp_path / "elsewhere"
    write_state(folder / "triple", folder / "state", ["killed", "survived", "equivalent"])
    options = ("--fuzz", "100", "--quick", "--mutation", "state", "--most", "3")
    made = assay("prove", "report", "triple", *options, "--html", "page.html")
    page = (tmp_path / "elsewhere" / "page.html").read_text()
    assert made.returncode == 0
    for said in ("implementation", "optimised", "Definition right", "For every word the program returns", "not proved"):
        assert said in page
    assert "Of 3 such mutants with a meaning 1 fail a gate" in " ".join(page.split())
    assert "<script" not in page


def test_bad_input_is_one_sentence_and_exit_2(assay: Assay) -> None:
    for arguments in (
        ("prove", "check", "nowhere"),
        ("prove", "new", "Not A Name"),
        ("prove", "new", "x", "--prover", "abacus"),
        ("prove", "gallery", "--only", "nobody"),
    ):
        ran = assay(*arguments)
        assert ran.returncode == 2, arguments
        assert ran.stderr.startswith("error: ") and "Traceback" not in ran.stderr


def test_no_prover_is_exit_3(assay: Assay, tmp_path: Path) -> None:
    assert assay("prove", "new", "triple").returncode == 0
    ran = assay("prove", "check", "triple", "--json", environment={"PATH": "/nowhere"})
    assert ran.returncode == 3, ran.stderr
    assert "install" in json.loads(ran.stdout)["error"]["message"] or "bwrap" in ran.stdout
