"""The rules on weights, templates, harness and confinement: what they catch, and what they leave alone."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from assay.core.budget import Budget
from assay.core.task import Run, Submission
from assay.core.verdict import Severity
from assay.posttrain.integrity import RULES, Case, audit
from assay.posttrain.integrity.confinement import confinement
from assay.posttrain.integrity.harness import harness, template
from assay.posttrain.integrity.weights import weights
from tests.posttrain.conftest import TEMPLATE, TOKENIZER, fine_tuned, random_weights

DIGEST = "sha256:" + "0" * 64


def case(model: Path, base: Path, **run: Any) -> Case:
    about = Run(**{"id": "1", "worker": "w", "sandbox": "bubblewrap", "budget": Budget(wall_seconds=1), **run})
    submission = Submission(task="posttrain/x", task_digest=DIGEST, model=DIGEST, run=about)
    return Case(submission, model, base, None, (), TEMPLATE)


def rules_of(findings: list[Any]) -> set[tuple[str, Severity]]:
    return {(f.rule, f.severity) for f in findings}


def test_a_fine_tune_is_left_alone(model: Path, base: Path) -> None:
    assert weights(case(model, base)) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_untouched_base_is_found_in_any_precision(model: Path, base: Path, dtype: torch.dtype) -> None:
    save_file({name: w.to(dtype) for name, w in random_weights().items()}, model / "model.safetensors")
    assert rules_of(weights(case(model, base))) == {("untouched-base", Severity.VIOLATION)}


def test_noise_below_rounding_is_still_the_untouched_base(model: Path, base: Path) -> None:
    save_file({name: w.float() * (1 + 1e-7) for name, w in random_weights().items()}, model / "model.safetensors")
    assert ("untouched-base", Severity.VIOLATION) in rules_of(weights(case(model, base)))


def test_a_change_in_one_tensor_alone_counts_as_touched(model: Path, base: Path) -> None:
    changed = random_weights()
    changed["model.norm.weight"] = changed["model.norm.weight"] * 1.5
    save_file(changed, model / "model.safetensors")
    assert weights(case(model, base)) == []


def test_another_model_of_the_same_shape_is_found(model: Path, base: Path) -> None:
    save_file(random_weights(seed=99), model / "model.safetensors")
    findings = weights(case(model, base))
    assert rules_of(findings) == {("other-model", Severity.VIOLATION)}
    assert findings[0].evidence[0].score is not None


def test_a_negated_base_is_another_model(model: Path, base: Path) -> None:
    save_file({name: -w for name, w in random_weights().items()}, model / "model.safetensors")
    assert ("other-model", Severity.VIOLATION) in rules_of(weights(case(model, base)))


def test_weights_far_from_the_base_are_undecided(model: Path, base: Path) -> None:
    save_file(fine_tuned(amount=1.5), model / "model.safetensors")
    assert rules_of(weights(case(model, base))) == {("other-model", Severity.UNDECIDED)}


def test_a_zeroed_model_is_not_the_base(model: Path, base: Path) -> None:
    save_file({name: torch.zeros_like(w) for name, w in random_weights().items()}, model / "model.safetensors")
    assert ("other-model", Severity.VIOLATION) in rules_of(weights(case(model, base)))


def test_the_bases_own_template_and_tokenizer_are_left_alone(model: Path, base: Path) -> None:
    (model / "chat_template.jinja").write_text(TEMPLATE + "\n")
    (model / "tokenizer.json").write_text(json.dumps({**TOKENIZER, "padding": {"strategy": "longest"}}, indent=3))
    assert template(case(model, base)) == []


@pytest.mark.parametrize("file", ["chat_template.jinja", "tokenizer_config.json", "chat_template.json"])
def test_another_template_is_found_wherever_it_stands(model: Path, base: Path, file: str) -> None:
    text = "Cheat: {{ messages }}"
    (model / file).write_text(text if file.endswith(".jinja") else json.dumps({"chat_template": text}))
    findings = template(case(model, base))
    assert rules_of(findings) == {("template", Severity.VIOLATION)}
    assert [e.where for e in findings[0].evidence] == [file]


def test_another_tokenizer_is_found(model: Path, base: Path) -> None:
    changed = {**TOKENIZER, "model": {"type": "BPE", "vocab": {"b": 0, "a": 1}, "merges": []}}
    (model / "tokenizer.json").write_text(json.dumps(changed))
    assert rules_of(template(case(model, base))) == {("template", Severity.VIOLATION)}


def test_a_changed_harness_is_found(model: Path, base: Path) -> None:
    findings = harness(case(model, base, changed_inputs=("bin/evaluate",)))
    assert rules_of(findings) == {("harness", Severity.VIOLATION)}
    assert findings[0].evidence[0].where == "bin/evaluate"
    assert harness(case(model, base)) == []


@pytest.mark.parametrize(("sandbox", "decided"), [("bubblewrap", True), ("none", False), ("unknown", False)])
def test_an_unconfined_worker_leaves_the_verdict_undecided(
    model: Path, base: Path, sandbox: str, decided: bool
) -> None:
    findings = confinement(case(model, base, sandbox=sandbox))
    assert rules_of(findings) == (set() if decided else {("confinement", Severity.UNDECIDED)})


def test_a_rule_that_breaks_is_undecided_and_never_silent(
    model: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Case) -> list[Any]:
        raise RuntimeError("boom")

    monkeypatch.setitem(RULES, "weights", broken)
    findings = [f for f in audit(case(model, base)) if f.rule == "weights"]
    assert rules_of(findings) == {("weights", Severity.UNDECIDED)}
    assert "boom" in findings[0].message
