"""Cheats that the gates must stop, and honest components that they must let pass.

A specimen of each class by default: the whole gallery is `assay prove gallery`, or ASSAY_WHOLE_GALLERY=1 here.
"""

import os
from pathlib import Path

import pytest

from assay.core.sandbox import open_sandbox
from assay.prove.gallery import Specimen, judge, specimens
from assay.prove.gallery.specimen import available
from tests.prove.conftest import assay_home, lean, own_home, rocq

__all__ = ["assay_home", "lean", "own_home", "rocq"]

ALL = specimens()
CHOSEN = {
    *("admitted", "sealed_axiom", "guard_off_for_everyone", "positivity_bypassed", "notation_for_equality"),
    *(
        "own_statement",
        "abbreviation_of_an_axiom",
        "warns_that_it_is_closed",
        "goals_module_inside",
        "statement_in_src",
    ),
    *(
        "statement_in_src",
        "command_hidden_command",
        "cyrillic_name",
        "compiled_beside_the_source",
        "link_to_the_host",
        "plugin_sources",
    ),
    *("faster_c", "known_answers_only", "calls_the_original", "crashes"),
    *("type_classes", "own_notations", "commands_in_words", "applied_functor"),
}
WHOLE = os.environ.get("ASSAY_WHOLE_GALLERY") == "1"


def of(prover: str) -> list[Specimen]:
    return [s for s in ALL if s.prover == prover and (WHOLE or prover == "lean" or s.name in CHOSEN)]


def named(specimen: Specimen) -> str:
    return specimen.name


def check_one(specimen: Specimen, folder: Path) -> None:
    if not available(specimen):
        pytest.skip(f"{specimen.needs or specimen.prover} is not installed")
    judgement = judge(specimen, folder, open_sandbox())
    assert judgement.right, (judgement.outcome, judgement.rules, judgement.sentence)
    if specimen.rogue:
        assert judgement.sentence.endswith(".") and len(judgement.sentence) > 20


@pytest.mark.parametrize("specimen", of("rocq"), ids=named)
def test_rocq(specimen: Specimen, rocq: None, tmp_path: Path) -> None:
    check_one(specimen, tmp_path)


@pytest.mark.parametrize("specimen", of("lean"), ids=named)
def test_lean(specimen: Specimen, lean: Path, tmp_path: Path) -> None:
    check_one(specimen, tmp_path)


def test_the_gallery_covers_the_classes() -> None:
    rogues = [s for s in ALL if s.rogue]
    assert len([s for s in rogues if s.prover == "rocq"]) >= 25
    assert len([s for s in rogues if s.prover == "lean"]) >= 20
    assert len([s for s in ALL if not s.rogue]) >= 10
    classes = {
        *("assumption", "switched-off check", "other statement", "spoofed output", "command", "compiled file"),
        *("look-alike", "bad input", "other program", "conformance", "grammar", "code"),
    }
    assert classes <= {s.kind for s in rogues}
    assert {s.name for s in ALL} >= CHOSEN
