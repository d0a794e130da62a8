"""The budget of a run: every published figure computed again, and sums that must add up whatever the recipe."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from assay.core.errors import BadInput
from assay.pretrain.cli import app
from assay.pretrain.plan import (
    COVENANT_LINK,
    GIB,
    WIRE_BITS,
    Link,
    Machine,
    memory,
    parameters,
    payload,
    plan,
    published,
    replace_model,
    shapes,
    training_flops,
    transmitted,
)
from assay.pretrain.recipe import Model, read_recipe, shipped_recipes
from assay.pretrain.wire.layout import Layout

COVENANT = read_recipe("covenant-72b")
UNTIED = replace_model(COVENANT.model, tied=False)
FAST = Machine(8, 2_250.0)


def test_covenants_parameters_are_those_published_only_if_untied() -> None:
    assert parameters(UNTIED) == 72_747_327_488
    assert parameters(replace_model(COVENANT.model, tied=True)) == 70_599_843_840


def test_llama_8b_has_metas_parameters() -> None:
    assert parameters(read_recipe("llama-8b").model) == 8_030_261_248


def test_the_published_payload_and_its_times() -> None:
    values = parameters(UNTIED) / 64
    size = values * 14 / 8
    assert round(size / 1e9, 2) == 1.99
    assert round(values * 20 / 8 / 1e9, 2) == 2.84
    assert round(values * 9.36 / 8 / 1e9, 2) == 1.33
    assert round(COVENANT_LINK.upload(size)) == 145
    assert round(COVENANT_LINK.download(size, 20)) == 637
    assert payload(UNTIED, 64, 14) == pytest.approx(size, rel=1e-4)  # norms are cut into runs of 4,096


def claims() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for claim in published(COVENANT):
        found.setdefault(claim.what, claim)
    return found


def test_the_published_utilisation_does_not_follow_from_the_published_links() -> None:
    claim = claims()["utilisation"]
    assert not claim.follows
    assert claim.computed == "60.6 % to 65.3 %"
    assert "145 s" in claim.because
    assert "637 s" in claim.because
    assert claims()["utilisation of the whole window"].computed == "87.0 %"


def test_the_other_published_figures() -> None:
    found = claims()
    assert found["compression against float32"].computed == "102.4 x"
    assert "146.3 x" in found["compression against float32"].because
    assert found["payload of a peer"].computed == "1.99 GB"
    assert found["tokens of a peer and round"].computed == "11.8 M"
    assert found["tokens of a peer and round"].follows
    assert found["tokens of the main phase"].computed == "1.22 T"
    assert not found["tokens of the main phase"].follows
    assert found["utilisation of INTELLECT-1"].computed == "82.1 %"
    assert found["utilisation of the 8 B run"].computed == "95.7 %"
    assert "4.55 Gb/s" in found["communication"].because


def test_covenants_tokens_per_round_are_those_published() -> None:
    made = plan(COVENANT, COVENANT_LINK, FAST, peers=20)
    assert made.tokens_per_round == 20 * 11_796_480
    assert made.tokens_per_round <= 236e6
    assert made.contributors == 20


def test_more_peers_than_contributors_add_no_tokens() -> None:
    few, many = (plan(COVENANT, COVENANT_LINK, FAST, peers=peers) for peers in (20, 100))
    assert many.tokens_per_round == few.tokens_per_round
    assert plan(COVENANT, COVENANT_LINK, FAST, peers=5).tokens_per_round == few.tokens_per_round / 4


def test_a_round_adds_up() -> None:
    link = Link(up=100, down=400, latency=0.5)
    made = plan(COVENANT, link, FAST, peers=10, compute=1_000)
    round_ = made.round
    size = transmitted(COVENANT.model, 64) * WIRE_BITS[2] / 8
    assert round_.upload == pytest.approx(0.5 + size * 8 / 100e6)
    assert round_.download == pytest.approx(10 * (0.5 + size * 8 / 400e6))
    assert round_.waiting == 60
    total = round_.download + 1_000 + round_.upload + 60 + round_.score_download + round_.score_compute
    assert round_.seconds == pytest.approx(total)
    assert round_.utilisation == pytest.approx(1_000 / total)
    assert round_.seconds_ahead < round_.seconds
    assert made.commit_needed == pytest.approx(round_.download + 1_000 + round_.upload)
    assert made.clock == COVENANT.timing.round == 2_400
    assert total < 2_400
    assert made.tokens_per_day == pytest.approx(made.tokens_per_round * 86_400 / 2_400)
    assert made.utilisation == pytest.approx(1_000 / 2_400)


def test_a_round_that_does_not_fit_its_clock_lasts_as_long_as_it_must() -> None:
    made = plan(COVENANT, Link(up=20, down=20), FAST, peers=10)
    assert made.round.seconds > made.clock
    assert made.commit_needed > made.commit_given
    assert made.utilisation == made.round.utilisation
    assert made.tokens_per_day == pytest.approx(made.tokens_per_round * 86_400 / made.round.seconds)


def test_scoring_costs_its_forward_passes() -> None:
    made = plan(COVENANT, COVENANT_LINK, FAST, peers=10)
    sequences = 10 * (2 * 8 + 8) + 8
    flops = sequences * 2_048 * training_flops(COVENANT.model) / 3
    assert made.round.score_compute == pytest.approx(flops / (8 * 2_250e12 * 0.4))


def test_doing_work_again_costs_as_much_as_doing_it() -> None:
    made = plan(COVENANT, COVENANT_LINK, FAST, peers=20, validators=3, compute=1_200)
    assert made.round.reexecution == 1_200  # one peer per round
    assert made.reexecution_share == pytest.approx(3 / 20)
    assert made.validators_to_keep_up == 1
    many = COVENANT.model_copy(update={"gauntlet": COVENANT.gauntlet.model_copy(update={"reexecutions": 8})})
    assert plan(many, COVENANT_LINK, FAST, peers=20, compute=1_200).validators_to_keep_up > 1


def test_days_and_money() -> None:
    made = plan(COVENANT, COVENANT_LINK, Machine(8, 2_250.0, price=3.0), peers=20, tokens=1.1e12)
    assert made.days == pytest.approx(1.1e12 / made.tokens_per_day)
    assert made.cost == pytest.approx(3.0 * 8 * 21 * 24 * made.days)
    assert plan(COVENANT, COVENANT_LINK, FAST, peers=20).cost is None


def test_one_bit_sends_less() -> None:
    one = COVENANT.model_copy(update={"outer": COVENANT.outer.model_copy(update={"bits": 1})})
    two_bits, one_bit = (plan(r, COVENANT_LINK, FAST, peers=20) for r in (COVENANT, one))
    assert one_bit.round.payload / two_bits.round.payload == pytest.approx(WIRE_BITS[1] / WIRE_BITS[2])
    assert one_bit.round.utilisation > two_bits.round.utilisation


@given(st.integers(1, 200), st.integers(1, 200))
def test_every_chunk_sends_what_it_keeps(rows: int, columns: int) -> None:
    model = Model(vocabulary=rows, hidden=2 * columns, layers=1, heads=1, kv_heads=1, feed_forward=rows, context=1)
    expected = 0
    for shape in shapes(model).values():
        if len(shape) == 2:
            for top in range(0, shape[0], 64):
                for left in range(0, shape[1], 64):
                    size = min(64, shape[0] - top) * min(64, shape[1] - left)
                    expected += max(1, math.ceil(16 * size / 4_096))
        else:
            sizes = (min(4_096, shape[0] - start) for start in range(0, shape[0], 4_096))
            expected += sum(max(1, math.ceil(16 * size / 4_096)) for size in sizes)
    assert transmitted(model, 16) == expected
    assert expected == sum(Layout.of(shape).capacity(16) for shape in shapes(model).values())


def test_memory_is_divided_among_gpus_and_moves_to_the_host() -> None:
    computing, compressing, aggregating = memory(COVENANT.model, 8)
    shard = 4 * parameters(COVENANT.model) / 8
    assert computing.device["AdamW moments"] == 2 * shard
    assert "error feedback" not in computing.device
    assert computing.host == {"first parameters of the round": shard, "error feedback": shard}
    assert compressing.device_total == 3 * shard
    assert compressing.host == {"AdamW moments": 2 * shard}
    assert aggregating.device_total == 2 * shard
    on_device = memory(COVENANT.model, 8, feedback_on_device=True)[0]
    assert on_device.device_total == computing.device_total + shard
    assert computing.device_total < 180 * GIB  # 8 B200 hold the published peer
    assert memory(COVENANT.model, 16)[1].device_total == compressing.device_total / 2


@pytest.mark.parametrize("name", ["covenant-72b", "covenant-72b-chat", "covenant-72b-chat-2", "llama-8b"])
def test_a_round_of_every_large_recipe_fits_its_phases(name: str) -> None:
    """With 8 B200, the training time that was published, and a link of 1 Gb/s, as the published documents ask for."""
    recipe = read_recipe(name)
    compute = {"covenant-72b": 1_200.0, "llama-8b": 270.0}.get(name)
    made = plan(recipe, Link(1_000, 1_000), FAST, peers=20, compute=compute)
    assert made.commit_needed <= made.commit_given
    assert made.score_needed <= made.score_given


def test_covenant_fits_its_phases_with_the_published_links_and_this_wire_format() -> None:
    made = plan(COVENANT, COVENANT_LINK, FAST, peers=20, compute=1_200)
    assert made.commit_needed <= made.commit_given
    assert made.score_needed <= made.score_given
    assert 0.5 < made.round.utilisation < 0.6
    assert made.utilisation == 0.5  # 1,200 of 2,400 seconds


@pytest.mark.parametrize("wrong", [{"heads": 5}, {"heads": 64}, {"kv_heads": 3}])
def test_a_shape_that_cannot_be_built_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="heads"):
        Model.model_validate(read_recipe("tiny").model.model_dump() | wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Link(0, 100),
        lambda: Link(math.nan, 100),
        lambda: Link(100, math.inf),
        lambda: Machine(8, 100, price=-1),
        lambda: plan(COVENANT, COVENANT_LINK, FAST, peers=20, compute=0),
        lambda: plan(COVENANT, COVENANT_LINK, FAST, peers=20, tokens=math.nan),
        lambda: Link(100, -1),
        lambda: Link(100, 100, latency=-1),
        lambda: Machine(0, 100),
        lambda: Machine(8, 100, mfu=1.5),
        lambda: plan(COVENANT, COVENANT_LINK, FAST, peers=0),
        lambda: memory(COVENANT.model, 0),
    ],
)
def test_impossible_inputs_are_refused(wrong: Any) -> None:
    with pytest.raises(BadInput):
        wrong()


# The recipes themselves ----------------------------------------------------------------------------------------------


def test_every_recipe_can_be_read_and_has_a_digest_of_its_own() -> None:
    names = shipped_recipes()
    assert {"covenant-72b", "covenant-72b-chat", "covenant-72b-chat-2", "llama-8b", "laptop", "tiny"} <= set(names)
    assert len({read_recipe(name).digest for name in names}) == len(names)


def test_the_anneal_has_the_published_mixture() -> None:
    mixture = COVENANT.phase(6_100).mixture
    assert mixture == {"instruction": 0.27, "synthetic-web": 0.20, "code": 0.15, "math": 0.13, "dclm": 0.25}
    assert COVENANT.phase(6_099).mixture == {"dclm": 1.0}


def test_the_outer_rate_falls_where_the_paper_says() -> None:
    assert COVENANT.outer_rate(3_666) == 1.0  # inner step 109,980
    assert COVENANT.outer_rate(3_667) == 0.65  # inner step 110,010


def test_instruction_tuning_has_the_published_steps() -> None:
    for name, steps in (("covenant-72b-chat", 36_500), ("covenant-72b-chat-2", 20_500)):
        recipe = read_recipe(name)
        assert recipe.rounds * recipe.inner.steps == steps
        assert recipe.inner.sequences * recipe.gauntlet.contributors == 256
        assert recipe.data.chat is not None
        assert recipe.data.chat.learn == ("assistant",)


def test_the_laptops_model_has_five_million_parameters_and_its_round_fits_a_core() -> None:
    recipe = read_recipe("laptop")
    assert parameters(recipe.model) >= 5_000_000
    flops = training_flops(recipe.model) * recipe.inner.steps * recipe.inner.sequences * recipe.model.context
    assert flops / 25e9 < 1.4  # seconds on one core at 25 GFLOP/s
    assert math.isclose(parameters(read_recipe("tiny").model), 100_000, rel_tol=0.1)


# The command ---------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments], env={"COLUMNS": "200"})


def test_the_command_says_what_does_not_follow() -> None:
    result = run("covenant-72b", "--compute", "1200")
    assert result.exit_code == 0
    for figure in ("94.5 %", "60.6 % to 65.3 %", "87.0 %", "145 s", "637 s", "1.99 GB", "102.4 x", "does not follow"):
        assert figure in result.stdout


def test_the_command_prints_one_document() -> None:
    result = run("covenant-72b", "--json", "--compute", "1200", "--price", "3", "--peers", "10", "--feedback", "device")
    document = json.loads(result.stdout)
    assert document["schema"] == "assay.plan/1"
    assert document["fits"] is True
    assert document["round"]["compute"] == 1200
    assert document["round"]["seconds"] > 1200
    assert document["cost"] > 0
    assert [phase["phase"] for phase in document["memory"]] == ["computing", "compressing", "aggregating"]
    assert "error feedback" in document["memory"][0]["device"]
    assert any(claim["published"] == "94.5 %" and not claim["follows"] for claim in document["published"])
    assert "published" not in json.loads(run("laptop", "--json").stdout)


def test_a_dry_run_counts_a_model_that_takes_no_memory() -> None:
    document = json.loads(run("covenant-72b", "--json", "--dry-run").stdout)["dry_run"]
    assert document["parameters_tied"] == 70_599_843_840
    assert document["parameters_untied"] == 72_747_327_488
    assert document["bytes_per_round"]["2 bits"] > document["bytes_per_round"]["1 bit"]
    result = run("covenant-72b", "--dry-run")
    assert "70,599,843,840" in result.stdout
    assert "72,747,327,488" in result.stdout


def test_a_round_that_does_not_fit_ends_the_command_with_1() -> None:
    result = run("covenant-72b", "--up", "10", "--down", "10")
    assert result.exit_code == 1
    assert "does not fit" in result.stdout


@pytest.mark.parametrize(
    "wrong",
    ["nothing-like-it", "tiny --gpu abacus", "tiny --up nan", "tiny --mfu 2", "tiny --feedback moon", "tiny --peers 0"],
)
def test_wrong_usage_ends_the_command_with_2(wrong: str) -> None:
    assert run(*wrong.split()).exit_code == 2
