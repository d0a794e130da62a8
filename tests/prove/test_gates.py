"""The gates on an honest component, on changed ones, and what a certificate says."""

import os
import shutil
from pathlib import Path

import pytest

from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox import open_sandbox
from assay.core.verdict import Outcome
from assay.prove.certificate import differences, lines
from assay.prove.check import Checked, check
from assay.prove.component import read
from assay.prove.gates import Gate
from assay.prove.loading import load
from assay.prove.provers import rocq_toolchain
from tests.prove.conftest import QUICK


def copy(skeleton: Path, tmp_path: Path) -> Path:
    place = tmp_path / "elsewhere" / "triple"
    shutil.copytree(skeleton, place)
    return place


def test_an_honest_component_passes_all_four_gates(checked: Checked) -> None:
    verdict = checked.verdict()
    assert verdict.outcome is Outcome.ACCEPTED, verdict.findings
    assert [p.gate for p in checked.passed] == list(Gate)
    assert verdict.measure("theorems proved").value == verdict.measure("theorems proved").n == 2
    assert verdict.measure("inputs compared").value == 500
    assert verdict.measure("differences from the original").value == 0
    facts = verdict.method["gates"]["theorems"]
    assert facts["level"] == "rechecked"
    assert all(s["assumptions"] == [] and len(s["sha256"]) == 64 for s in facts["statements"])


def test_a_certificate_says_what_is_proved_trusted_and_not_proved(checked: Checked) -> None:
    said = "\n".join(lines(checked.verdict()))
    assert "What is not proved" in said and "How long it takes." in said
    assert "assumptions: none" in said and "checked again by an independent checker" in said
    assert "the printer TripleTrusted.Language.print" in said


def test_a_check_elsewhere_gives_the_same_verdict_byte_for_byte(
    checked: Checked, skeleton: Path, tmp_path: Path
) -> None:
    again = check(copy(skeleton, tmp_path), open_sandbox(), effort=QUICK)
    assert differences(checked.verdict(), again.verdict()) == []
    assert again.verdict().digest == checked.verdict().digest


@pytest.mark.parametrize("path", ["src/Program.v", "c/triple.c", "trusted/Statement.v", "tests/conformance.py"])
def test_a_changed_byte_anywhere_is_noticed(checked: Checked, skeleton: Path, tmp_path: Path, path: str) -> None:
    place = copy(skeleton, tmp_path)
    (place / path).write_text((place / path).read_text() + "\n")
    found, certified = read(place), checked.component
    assert (found.digest, found.trusted_digest) != (certified.digest, certified.trusted_digest)
    assert found.files[path].sha256 != checked.method["sources"][path]


def test_mutants_of_program_and_specification_fail_a_gate(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    mutants = [
        ("src/Program.v", "Add Arg (Add Arg Arg)", "Add Arg Arg"),
        ("trusted/Statement.v", "(3 * x) mod modulus", "(4 * x) mod modulus"),
    ]
    for number, (path, old, new) in enumerate(mutants):
        place = copy(skeleton, tmp_path / str(number))
        (place / path).write_text((place / path).read_text().replace(old, new))
        found = check(place, open_sandbox(), only=(Gate.THEOREMS,), effort=QUICK)
        assert found.passed[0].outcome is Outcome.REJECTED, (path, new)


def test_one_gate_alone_gives_no_accepted_verdict(rocq: None, skeleton: Path) -> None:
    found = check(skeleton, open_sandbox(), only=(Gate.IMPLEMENTATION,), effort=QUICK)
    assert found.passed[0].outcome is Outcome.ACCEPTED
    assert found.verdict().outcome is Outcome.INCONCLUSIVE
    assert "Not asked" in found.verdict().reason


def test_without_a_witness_the_theorems_are_undecided(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    place = copy(skeleton, tmp_path)
    toml = place / "component.toml"
    toml.write_text(toml.read_text().replace('role = "witness"', 'role = "main"'))
    found = check(place, open_sandbox(), only=(Gate.THEOREMS,), effort=QUICK)
    assert found.passed[0].outcome is Outcome.INCONCLUSIVE


def test_a_statement_that_does_not_compile_is_the_tasks_fault(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    place = copy(skeleton, tmp_path)
    (place / "trusted" / "Statement.v").write_text("Definition right := .")
    with pytest.raises(BadInput, match="task's own statement"):
        check(place, open_sandbox(), only=(Gate.THEOREMS,), effort=QUICK)


def test_without_a_prover_it_says_what_to_install(skeleton: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rocq_toolchain.toolchain.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    try:
        with pytest.raises(Unavailable, match="apt install coq"):
            rocq_toolchain.toolchain()
    finally:
        rocq_toolchain.toolchain.cache_clear()


def test_another_version_of_the_prover_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("coqc", "coqchk", "coqdep"):
        (tmp_path / program).write_text('#!/bin/sh\necho "The Coq Proof Assistant, version 8.11.0"\n')
        (tmp_path / program).chmod(0o755)
    rocq_toolchain.toolchain.cache_clear()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    try:
        with pytest.raises(Unavailable, match=r"8\.16"):
            rocq_toolchain.toolchain()
    finally:
        rocq_toolchain.toolchain.cache_clear()


def test_python_loads_and_calls_the_printed_program(rocq: None, skeleton: Path) -> None:
    triple = load(skeleton).triple
    assert triple(5) == 15
    assert triple(2**64 - 1) == 2**64 - 3
    with pytest.raises(OverflowError):
        triple(2**64)
    with pytest.raises(TypeError):
        triple()
    with pytest.raises(AttributeError, match="it has triple"):
        _ = load(skeleton).double
