"""The laboratory at its smallest: runs that repeat, resume, and make tables."""

import json
import math
import os
import subprocess
import sys

import pytest

from assay.core.errors import BadInput
from assay.core.store import open_store
from assay.pretrain import wire
from assay.pretrain.lab import experiments, probe, report
from assay.pretrain.lab.experiments import Case
from assay.pretrain.lab.gradients import keep
from assay.pretrain.lab.quantisers import original_rounding
from assay.pretrain.lab.runs import Result, Settings, run
from assay.pretrain.lab.text import read_text, split
from assay.pretrain.model import learning_rate
from assay.pretrain.recipe import read_recipe

SMALL = Settings(method="sparseloco", model="tiny", peers=3, steps=30, inner_steps=10, warmup=5)


@pytest.fixture(scope="module")
def text():
    words = b"the quick brown fox jumps over the lazy dog and runs away from it "
    return split("foxes", [words * 400, words[::-1] * 200])


@pytest.fixture(scope="module")
def results(text):
    return {
        method: run(SMALL.model_copy(update={"method": method}), text) for method in ("sparseloco", "diloco", "adamw")
    }


def test_every_method_learns(results):
    for result in results.values():
        assert result.loss < math.log(256) - 0.3, "no better than taking every byte for as likely as the next"


def test_the_same_settings_give_the_same_result(text, results):
    again = run(SMALL, text)
    assert (again.loss, again.curve) == (results["sparseloco"].loss, results["sparseloco"].curve)


def test_bytes_are_counted_as_they_are_sent(results):
    dense = 4 * results["diloco"].parameters
    assert results["diloco"].bytes_sent == 3 * dense
    assert results["adamw"].bytes_sent == 30 * dense
    assert results["diloco"].bytes_sent / results["sparseloco"].bytes_sent > 100
    assert 1 < 8 * results["sparseloco"].bytes_sent / results["sparseloco"].values_sent < 13


def test_agreement_leaves_attackers_out_of_a_run(text):
    attacked = SMALL.model_copy(
        update={"peers": 5, "steps": 10, "attack": "sign flip", "attackers": 1, "aggregate": "agreement"}
    )
    result = run(attacked, text)
    assert result.attackers_left_out == 1
    assert result.honest_left_out == 0


def test_a_probe_tells_what_a_rule_makes_of_an_attack(text):
    looked = probe.Probe(SMALL.model_copy(update={"peers": 6, "steps": 30, "inner_steps": 5}), text)
    looked.run()
    seen = {key: record.distances for key, record in looked.seen.items()}
    assert {len(distances) for distances in seen.values()} == {2}
    for attack in ("sign flip", "noise", "IPM 10"):
        assert max(seen[attack, "agreement"]) < min(seen[attack, "mean"]), attack
    assert looked.seen["sign flip", "agreement"].caught == [2, 2]
    assert "| sign flip |" in probe.table(looked)


@pytest.mark.parametrize("change", [{"quantiser": "float32"}, {"quantiser": "original"}, {"delayed": True}])
def test_what_the_ablation_changes_changes_the_result(text, results, change):
    assert run(SMALL.model_copy(update=change), text).loss != results["sparseloco"].loss


def test_the_original_rounding_has_four_levels_one_of_them_positive():
    import torch

    values = torch.linspace(-4, 4, 4001)
    rounded = original_rounding(values)
    levels = torch.unique(rounded.round(decimals=4))
    assert len(levels) <= 4
    assert (levels > 0.75 * values.std()).sum() == 1


def test_a_finished_run_is_not_run_again(tmp_path, text, results):
    case = Case("method", "sparseloco", SMALL)
    assert experiments.read_result(tmp_path, SMALL) is None
    path = tmp_path / f"{SMALL.name}.json"
    path.write_text(results["sparseloco"].model_dump_json())
    rows = experiments.run_all([case], tmp_path, [], jobs=1)
    assert rows == [(case, results["sparseloco"])]


def test_a_result_under_another_name_is_refused(tmp_path, results):
    other = SMALL.model_copy(update={"seed": 3})
    (tmp_path / f"{other.name}.json").write_text(results["sparseloco"].model_dump_json())
    with pytest.raises(BadInput, match="other settings"):
        experiments.read_result(tmp_path, other)


@pytest.mark.parametrize("wide", [False, True])
def test_the_best_rates_that_were_tried_are_used_by_what_follows(tmp_path, wide):
    assert experiments.read_tuned(tmp_path) == experiments.TUNED
    cases = list(experiments.tune(SMALL, wide))
    best = {"adamw": 7, "diloco": 11, "sparseloco": 5}
    rows = []
    for number, case in enumerate(cases):
        method = case.settings.method
        mine = [one for one in cases if one.settings.method == method]
        _, result = made(method, 0, 1.0 if mine.index(case) == best[method] % len(mine) else 2.0 + number)
        rows.append((case, result))
    experiments.write_tuned(tmp_path, rows)
    tuned = experiments.read_tuned(tmp_path)
    for case in experiments.compare(SMALL, 1, tuned):
        mine = [one for one in cases if one.settings.method == case.label]
        chosen = mine[best[case.label] % len(mine)].settings
        assert case.settings == chosen.model_copy(update={"seed": 0})
    (tmp_path / "tuned.json").write_text('{"adamw": {}}')
    with pytest.raises(BadInput, match="run tune again"):
        experiments.read_tuned(tmp_path)


@pytest.mark.parametrize(
    ("best", "untried"),
    [
        (0.0005, ", no smaller inner rate tried beside it"),
        (0.001, ""),
        (0.002, ", no larger inner rate tried beside it"),
    ],
)
def test_the_table_of_rates_says_where_the_grid_was_too_narrow(best, untried):
    rows = []
    for case in experiments.tune(SMALL):
        loss = 1.0 if case.settings.inner_rate == best and case.table == "adamw" else 2.0
        rows.append((case, made("adamw", 0, loss)[1].model_copy(update={"settings": case.settings})))
    assert f"Best: adamw inner {best:g}{untried}; diloco" in report.tuning_table(rows)


def test_every_run_of_a_grid_is_another_run():
    for wide in (False, True):
        names = [case.settings.name for case in experiments.tune(SMALL, wide)]
        assert len(set(names)) == len(names) >= 9


def test_the_ablation_changes_one_thing_at_a_time():
    cases = list(experiments.ablate(SMALL, 1))
    start = cases[0].settings.model_dump()
    for case in cases[1:]:
        changed = {name for name, value in case.settings.model_dump().items() if value != start[name]}
        assert changed, case.label
        assert len(changed - {"outer_rate"}) <= 1, case.label
    assert len({case.settings.name for case in cases}) == len(cases)


def test_a_part_of_the_ablation_keeps_what_it_is_compared_with():
    cases = list(experiments.ablate(SMALL, 1))
    assert experiments.of_groups(cases, []) == cases
    part = experiments.of_groups(cases, ["k", "H"])
    assert {case.table for case in part} == {"nothing", "k", "H"}
    assert part[0] == cases[0]
    with pytest.raises(BadInput, match="quantizer"):
        experiments.of_groups(cases, ["quantizer"])


def test_the_trend_is_the_comparison_at_several_lengths_and_batches():
    base = SMALL.model_copy(update={"steps": 60, "sequences": 2})
    cases = list(experiments.trend(base, 1))
    sizes = {(case.settings.sequences, case.settings.steps) for case in cases}
    assert sorted(sizes) == [(2, 30), (2, 60), (2, 120), (8, 30), (8, 60), (8, 120)]
    assert all(case.settings.warmup == case.settings.steps // 2 for case in cases)
    rows = []
    for case in cases:
        result = made(case.label, 0, 2.0 + (case.label == "sparseloco"))[1]
        rows.append((case, result.model_copy(update={"settings": case.settings})))
    lines = report.trend_table(rows).splitlines()
    assert sum("+50.00 % | +50.00 % | +0.00 %" in line for line in lines) == 6
    assert lines[2].startswith(f"| 128 | 30 | {cases[0].settings.tokens:,} |")


def made(method, seed, loss):
    settings = SMALL.model_copy(update={"method": method, "seed": seed})
    return Case("method", method, settings), Result(
        settings=settings, text="t", text_digest="0", parameters=1000, tokens=1, loss=loss, curve=(), exchanges=3,
        bytes_sent=50 if method == "sparseloco" else 10_000, values_sent=1, step_seconds=0.01, seconds=1, torch="0",
    )  # fmt: skip


def test_the_table_compares_seed_by_seed():
    rows = [made("sparseloco", 0, 2.02), made("diloco", 0, 2.0), made("adamw", 0, 1.9)]
    rows += [made("sparseloco", 1, 3.03), made("diloco", 1, 3.0), made("adamw", 1, 2.9)]
    line = report.compare_table(rows).splitlines()[2]
    assert "+1.00 % ± 0.00" in line
    assert "200×" in line


@pytest.mark.parametrize(
    ("ours", "sent", "answers"),
    [
        (2.019, 66, ["DiLoCo: reached", "AdamW, data parallel: reached", "than DiLoCo: reached"]),
        (2.021, 67, ["DiLoCo: not reached", "AdamW, data parallel: reached", "than DiLoCo: not reached"]),
        (2.05, 66, ["DiLoCo: not reached", "AdamW, data parallel: not reached", "than DiLoCo: reached"]),
    ],
)
def test_the_table_says_which_aims_were_reached(ours, sent, answers):
    rows = [made("sparseloco", 0, ours), made("diloco", 0, 2.0), made("adamw", 0, 1.99)]
    rows[0] = (rows[0][0], rows[0][1].model_copy(update={"bytes_sent": sent}))
    table = report.compare_table(rows)
    assert all(answer in table for answer in answers)


def test_the_table_shows_the_differences_on_the_way(results):
    rows = [(Case("method", method, result.settings), result) for method, result in results.items()]
    lines = report.compare_table(rows).splitlines()
    first, last = results["sparseloco"].curve[0], results["sparseloco"].curve[-1]
    assert [line.split("|")[1].strip() for line in lines[-5:-2]] == ["10", "20", "30"]
    behind = 100 * (last.loss / results["adamw"].curve[-1].loss - 1)
    assert f"{behind:+.2f} %" in lines[-3].split("|")[3]
    assert first.step == 10


def test_the_inner_rate_ends_at_nothing_for_every_method():
    for method in ("sparseloco", "diloco", "adamw"):
        inner = SMALL.model_copy(update={"method": method}).recipe().inner
        assert learning_rate(inner, SMALL.steps) == 0
        assert learning_rate(inner, SMALL.warmup - 1) == SMALL.inner_rate


def test_a_table_is_written_between_its_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- lab:compare -->\nold\n<!-- /lab:compare -->\nafter\n")
    report.write_between(page, "compare", "| new |")
    assert page.read_text() == "before\n<!-- lab:compare -->\n| new |\n<!-- /lab:compare -->\nafter\n"
    with pytest.raises(BadInput, match="lab:ablate"):
        report.write_between(page, "ablate", "")


def test_there_is_text_without_a_data_folder(monkeypatch):
    monkeypatch.delenv("ASSAY_DATA", raising=False)
    text = read_text()
    assert text.name == "documentation of Python"
    assert len(text.train) > 500_000
    batches = [text.batch(1, 2, step, 4, 64) for step in (3, 3, 4)]
    assert batches[0].shape == (4, 65)
    assert batches[0].equal(batches[1])
    assert not batches[0].equal(batches[2])


def test_validation_text_is_not_trained_on():
    text = split("x", [bytes(range(200)), bytes(range(200, 256)) * 2])
    assert set(text.held_out.tolist()).isdisjoint(set(range(190)))
    assert len(text.train) + len(text.held_out) == 312


def test_the_command_prints_one_document(tmp_path):
    environment = {**os.environ, "ASSAY_DATA": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "assay.pretrain.lab", "compare", "--out", str(tmp_path), "--model", "tiny"]
    command += ["--peers", "3", "--tokens", "1", "--sequences", "1", "--seeds", "1", "--jobs", "1", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["runs"]) == 3
    assert (tmp_path / "compare.svg").read_text().count("<svg") == 1
    wrong = subprocess.run([*command, "--model", "huge"], env=environment, capture_output=True, text=True, timeout=600)
    assert wrong.returncode == 2
    assert "huge" in wrong.stderr


def test_pseudo_gradients_are_kept_as_they_were_before_compression(tmp_path, monkeypatch):
    from safetensors.torch import load_file

    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    recipe = read_recipe("tiny")
    kept = list(keep(recipe, open_store(), peers=2, rounds=4, every=2, folder=tmp_path / "out"))
    assert [path.name for path, _ in kept] == ["tiny-2.safetensors", "tiny-4.safetensors"]
    assert all(loss < math.log(recipe.model.vocabulary) for _, loss in kept)
    for path, _ in kept:
        tensors = load_file(path)
        sent = wire.compress(tensors)
        dense = sum(int((tensor != 0).sum()) for tensor in tensors.values())
        assert dense > 0.9 * sum(tensor.numel() for tensor in tensors.values()), "nothing has been cut off"
        assert sum(len(part) for part in sent.values()) < 0.03 * dense
