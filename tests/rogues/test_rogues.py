"""Every cheat that the auditor must catch, and every honest workspace that it must leave alone."""

from pathlib import Path

import pytest

from assay.core.verdict import Severity
from assay.posttrain.gallery import Material, Specimen, judge, specimens
from assay.posttrain.gallery.judging import INTAKE
from assay.posttrain.integrity import RULES

ALL = specimens()
ROGUES = [s for s in ALL if s.rogue]
HONEST = [s for s in ALL if not s.rogue]
# Not rejected, but not accepted either: what they hold or did cannot be known.
INCONCLUSIVE = {"appends_to_a_picture", "encrypts_the_data", "works_without_a_sandbox"}


def named(specimen: Specimen) -> str:
    return specimen.name


@pytest.mark.parametrize("specimen", [s for s in ROGUES if s.rule], ids=named)
def test_a_rogue_is_caught_by_the_rule_it_names(specimen: Specimen, material: Material, tmp_path: Path) -> None:
    judgement = judge(specimen, material, tmp_path)
    assert judgement.caught, judgement.findings
    if specimen.name in INCONCLUSIVE:
        assert not judgement.rejected and specimen.rule in judgement.undecided
    else:
        assert specimen.rule in judgement.violated
    evidence = [f.evidence for f in judgement.findings if f.rule == specimen.rule and f.severity is Severity.VIOLATION]
    assert all(evidence), "a violation shows where to look"


@pytest.mark.parametrize("specimen", [s for s in ROGUES if s.out_of_reach], ids=named)
def test_what_is_said_to_be_out_of_reach_is(specimen: Specimen, material: Material, tmp_path: Path) -> None:
    judgement = judge(specimen, material, tmp_path)
    assert not judgement.stopped, "it is caught after all: name the rule"


@pytest.mark.parametrize("specimen", HONEST, ids=named)
def test_an_honest_workspace_is_left_alone(specimen: Specimen, material: Material, tmp_path: Path) -> None:
    judgement = judge(specimen, material, tmp_path)
    assert not judgement.stopped, [(f.rule, f.message, f.evidence[:3]) for f in judgement.findings]


def test_the_gallery_is_large_and_covers_every_class() -> None:
    assert len(ROGUES) >= 30 and len(HONEST) >= 30
    classes = {
        *("direct ingestion", "edited items", "encoded items", "items as numbers", "test-derived data"),
        *("eval-guided generation", "indirect contamination", "model substitution", "hosted models", "keys"),
        *("changed evaluator", "template trick", "planted verdict", "injection", "untouched base", "code in the model"),
    }
    assert classes <= {s.kind for s in ROGUES}


def test_every_rule_has_a_rogue() -> None:
    findings = {"weights": {"untouched-base", "other-model"}}
    named_rules = {s.rule for s in ROGUES}
    for rule in RULES:
        assert named_rules & findings.get(rule, {rule}), rule
    assert INTAKE in named_rules
