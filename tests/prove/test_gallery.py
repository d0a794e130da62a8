"""Specimens of the gallery that only one check stops, or that one check once stopped wrongly."""

import subprocess
from pathlib import Path

import pytest

from assay.core.sandbox import open_sandbox
from assay.prove.gallery.specimen import build, judge, specimens
from assay.prove.provers.rocq_toolchain import toolchain

ROGUES = (
    "value_kept_from_a_tactic",
    "functor_applied_without_the_guard",
    "hypothesis_behind_a_lemma",
    "numbers_that_overflow",
)
HONEST = ("implicit_arguments", "another_name")


@pytest.mark.parametrize("name", [*ROGUES, *HONEST])
def test_the_gate_judges_it_rightly(rocq: None, name: str, tmp_path: Path) -> None:
    specimen = next(s for s in specimens("rocq") if s.name == name)
    assert specimen.rogue is (name in ROGUES)
    judgement = judge(specimen, tmp_path, open_sandbox())
    assert judgement.right, (judgement.rules, judgement.sentence)


def test_the_prover_alone_would_say_that_it_rests_on_nothing(rocq: None, tmp_path: Path) -> None:
    """Otherwise the first two show nothing about the checker and the audit."""
    if not toolchain().version.startswith("8.16."):
        pytest.skip("the mistake is one of that version")
    place = build(next(s for s in specimens("rocq") if s.name == ROGUES[0]), tmp_path)
    main = place / "src" / "Main.v"
    main.write_text(main.read_text() + "Print Assumptions t1.\n")
    names = ["-Q", "trusted", "Task", "-Q", "src", "Own"]
    ran = ""
    for path in ("trusted/Statement.v", "src/Main.v"):
        command = ["coqc", "-q", "-noglob", "-native-compiler", "no", *names, path]
        done = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True, timeout=600)
        ran += done.stdout
    assert ran == "Closed under the global context\n"
