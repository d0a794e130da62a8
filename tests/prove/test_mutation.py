"""Mutants: what is changed and what is not, what becomes of each, and that a stopped run goes on."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from assay.core.errors import BadInput
from assay.core.sandbox import open_sandbox
from assay.core.scratch import scratch
from assay.prove.component import read
from assay.prove.mutation.campaign import read_state, run_campaign
from assay.prove.mutation.equivalence import HEAD
from assay.prove.mutation.mutants import PROGRAM, TRUSTED, Mutant, chosen, definitions, mutants
from assay.prove.mutation.trial import Trial, Workshop
from tests.prove.conftest import QUICK, Assay

SOURCE = """(** A comment with 3 * 4 and Definition x := 5. *)
Require Import Coq.Lists.List.
Definition first (n : nat) : nat := n + 1. (* n + 2 *)
Lemma lemma : first 1 = 2. Proof. reflexivity. Qed.
Definition asked : Prop := forall n, (n < 5 -> first n <= 6) /\\ first 0 = 1.
Definition said := "3 + 4. Definition y := 7.".
"""


def changed(skeleton: Path, folder: Path, path: str, text: str) -> Path:
    place = folder / "triple"
    shutil.copytree(skeleton, place)
    (place / path).write_text(text)
    return place


def test_only_the_bodies_of_definitions_are_found() -> None:
    found = definitions(SOURCE)
    assert [d.name for d in found] == ["first", "asked", "said"]
    assert SOURCE[found[0].start : found[0].end].strip() == "n + 1"


def test_a_statement_is_changed_in_constants_comparisons_and_hypotheses(skeleton: Path, tmp_path: Path) -> None:
    found = mutants(read(changed(skeleton, tmp_path, "trusted/Statement.v", SOURCE)))
    mine = [m for m in found if m.path == "trusted/Statement.v"]
    texts = {m.applied(SOURCE).splitlines()[4 if m.definition == "asked" else 2] for m in mine}
    for line in (
        "Definition first (n : nat) : nat := n + 2. (* n + 2 *)",
        "Definition first (n : nat) : nat := n - 1. (* n + 2 *)",
        "Definition asked : Prop := forall n, (n <= 5 -> first n <= 6) /\\ first 0 = 1.",
        "Definition asked : Prop := forall n, ( first n <= 6) /\\ first 0 = 1.",
        "Definition asked : Prop := forall n, (n < 4 -> first n <= 6) /\\ first 0 = 1.",
        "Definition asked : Prop := forall n, (n < 5 -> first n <= 6) \\/ first 0 = 1.",
        "Definition asked : Prop := forall n, (n < 5 -> first n <= 6) /\\ first 0 <> 1.",
    ):
        assert line in texts, line
    for mutant in mine:
        lines = list(zip(SOURCE.splitlines(), mutant.applied(SOURCE).splitlines(), strict=True))
        assert {n for n, (a, b) in enumerate(lines, 1) if a != b} == {mutant.line} <= {3, 5}


def test_of_the_submission_only_the_program_is_changed(skeleton: Path, tmp_path: Path) -> None:
    text = "Definition unused : nat := 4.\nDefinition part : nat := 2.\n"
    text += (skeleton / "src" / "Program.v").read_text().replace("Add Arg (Add Arg Arg)", "Mul Arg (Num 3)")
    found = mutants(read(changed(skeleton, tmp_path, "src/Program.v", text)))
    assert {(m.definition, m.old) for m in found if m.part == PROGRAM} == {("program", "3")}


def test_mutants_are_the_same_each_time_and_half_of_them_the_statements(skeleton: Path) -> None:
    component = read(skeleton)
    found = mutants(component)
    assert [m.id for m in found] == [m.id for m in mutants(component)]
    assert len({m.id for m in found}) == len(found) > 20
    few = chosen(found, 10)
    assert len(few) == 10
    assert {m.part for m in few} >= {TRUSTED}


def test_a_mutant_of_another_text_is_refused(skeleton: Path) -> None:
    mutant = mutants(read(skeleton))[0]
    with pytest.raises(BadInput, match="not the file"):
        mutant.applied("something else")


def make(skeleton: Path, path: str, old: str, new: str) -> Mutant:
    text = (skeleton / path).read_text()
    part = TRUSTED if path.startswith("trusted") else PROGRAM
    start = text.index(old)
    line = text.count("\n", 0, start) + 1
    return Mutant(path, part, "d", line, "constant", start, start + len(old), old, new)


@pytest.mark.slow
def test_each_mutant_is_killed_or_shown_to_change_nothing(rocq: None, skeleton: Path) -> None:
    program, statement = "src/Program.v", "trusted/Statement.v"
    cases = [
        (program, "Add Arg (Add Arg Arg)", "Add Arg Arg", "killed", "theorems"),
        (program, "Add Arg (Add Arg Arg)", "Add Arg ((Add Arg Arg))", "equivalent", "same program"),
        (program, "Add Arg (Add Arg Arg)", "Add Arg 3", "stillborn", "definition"),
        (statement, "(3 * x) mod modulus", "(4 * x) mod modulus", "killed", "theorems"),
        (statement, "(3 * x) mod modulus", "(3 x) mod modulus", "stillborn", "statement"),
        (statement, "= 15", "= 10 + 5", "equivalent", "proved"),
        (statement, "x < modulus", "x <= modulus", "survived", "theorems"),
    ]
    with scratch("test-mutation") as place:
        workshop = Workshop(read(skeleton), open_sandbox(), QUICK, place)
        for path, old, new, result, by in cases:
            trial = workshop.attempt(make(skeleton, path, old, new))
            assert (trial.result, trial.by) == (result, by), (new, trial)


def test_the_order_of_quantifiers_is_no_matter(rocq: None, tmp_path: Path) -> None:
    """As in `forall value b a` for `forall value a b`: proofs fit both, and both say the same."""
    text = """
    Definition one (P : nat -> Prop) := (forall a b, a < b -> P b -> exists c, a < c /\\ P c) /\\ True.
    Definition other (P : nat -> Prop) := (forall b a, a < b -> P b -> exists c, a < c /\\ P c) /\\ True.
    Definition wrong (P : nat -> Prop) := (forall b a, a < b -> P a -> exists c, a < c /\\ P c) /\\ True.
    Goal forall P, one P <-> other P. Proof. by_order. Qed.
    Goal forall P, one P -> other P. Proof. by_order. Qed.
    Goal forall P, one P <-> wrong P. Proof. Fail by_order. Abort.
    """
    (tmp_path / "Order.v").write_text(HEAD + text)
    done = subprocess.run(["coqc", "-q", "Order.v"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_a_component_that_does_not_pass_has_no_mutants(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    place = changed(skeleton, tmp_path, "src/Main.v", "Definition nothing := 1.")
    with scratch("test-mutation") as root, pytest.raises(BadInput, match="does not pass"):
        Workshop(read(place), open_sandbox(), QUICK, root)


def trial(mutant: Mutant, result: str) -> Trial:
    fields = {"id": mutant.id, "path": mutant.path, "part": mutant.part, "definition": "d", "line": mutant.line}
    rest = {"kind": mutant.kind, "old": mutant.old, "new": mutant.new, "by": "theorems", "said": "S.", "seconds": 1.0}
    return Trial.model_validate({**fields, **rest, "result": result})


def write_state(skeleton: Path, state: Path, results: list[str]) -> None:
    component = read(skeleton)
    header = {"schema": "assay.prove-mutation/1", "component": component.name, "digest": component.digest}
    found = chosen(mutants(component), len(results))
    lines = [json.dumps(header)] + [trial(m, r).model_dump_json() for m, r in zip(found, results, strict=True)]
    state.write_text("\n".join(lines) + "\n")


def test_what_was_tried_is_not_tried_again(skeleton: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    write_state(skeleton, state, ["killed", "survived", "equivalent", "stillborn"])
    score = run_campaign(read(skeleton), open_sandbox("none"), state, most=4, effort=QUICK)
    assert score.done and [t.result for t in score.survivors] == ["survived"]
    assert (score.count("killed"), score.meaningful) == (1, 3)


def test_a_line_that_was_cut_off_is_tried_again(skeleton: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    write_state(skeleton, state, ["killed", "killed"])
    state.write_text(state.read_text()[:-20])
    assert len(read_state(state, read(skeleton))) == 1
    damaged = state.read_text().split("\n")
    state.write_text("\n".join([damaged[0], damaged[1][:-20], damaged[1], ""]))
    with pytest.raises(BadInput, match="line 2"):
        read_state(state, read(skeleton))


def test_a_state_of_other_sources_is_refused(skeleton: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    write_state(skeleton, state, ["killed"])
    text = (skeleton / "src" / "Program.v").read_text() + "\n"
    with pytest.raises(BadInput, match="other sources"):
        read_state(state, read(changed(skeleton, tmp_path, "src/Program.v", text)))


def test_the_command_says_what_survives(assay: Assay, tmp_path: Path) -> None:
    assert assay("prove", "new", "triple").returncode == 0
    folder = tmp_path / "elsewhere"
    write_state(folder / "triple", folder / "state", ["killed", "survived"])
    ran = assay("prove", "mutate", "triple", "--resume", "state", "--most", "2", "--json", "--sandbox", "none")
    assert ran.returncode == 1, ran.stderr
    document = json.loads(ran.stdout)
    assert document["killed"] == document["survived"] == 1 and len(document["survivors"]) == 1
