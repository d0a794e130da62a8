"""The model of a run: the same bits from a seed, a loss that counts what it should, a rate that follows the recipe."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from assay.core.errors import BadInput, LimitExceeded
from assay.pretrain.model import (
    build,
    initialise,
    inner_optimizer,
    learning_rate,
    loss,
    parameters_digest,
    read_safetensors,
    rotary_frequencies,
    write_safetensors,
)
from assay.pretrain.plan import parameters, shapes
from assay.pretrain.recipe import Inner, Model, read_recipe

TINY = Model(vocabulary=320, hidden=64, layers=2, heads=4, kv_heads=2, feed_forward=128, context=32)


def shapes_of(model: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(p.shape) for name, p in model.named_parameters()}


def tokens(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.Generator(np.random.PCG64(seed)).integers(0, 260, size))


def test_the_first_parameters_are_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = parameters_digest(build(TINY, seed=5).named_parameters())
    torch.manual_seed(2)
    assert parameters_digest(build(TINY, seed=5).named_parameters()) == first
    assert parameters_digest(build(TINY, seed=6).named_parameters()) != first


def test_the_first_parameters_are_those_of_every_machine() -> None:
    # A golden value: if it changes, members with different versions cannot be in one run.
    digest = parameters_digest(build(TINY, seed=0).named_parameters())
    assert digest == "sha256:6c8144528a7a742be66f58fb4fe8e933bcd21657245ae17991bdee6ce635059c"


def test_building_a_model_leaves_torchs_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    build(TINY, seed=0)
    assert torch.equal(before, torch.random.get_rng_state())


def test_first_values_are_normal_with_the_deviation_of_gpt_2() -> None:
    named = dict(build(TINY, seed=0).named_parameters())
    embedding = named["model.embed_tokens.weight"].detach().numpy().ravel()
    assert abs(embedding.mean()) < 4 * 0.02 / math.sqrt(embedding.size)
    assert embedding.std() == pytest.approx(0.02, rel=0.02)
    assert np.mean(np.abs(embedding) > 0.04) == pytest.approx(0.0455, abs=0.006)  # two deviations
    residual = named["model.layers.0.mlp.down_proj.weight"].detach()
    assert float(residual.std()) == pytest.approx(0.02 / math.sqrt(4), rel=0.04)
    assert bool((named["model.norm.weight"] == 1).all())


def test_a_parameter_can_be_made_alone() -> None:
    """A shard of a large model is made without the rest of it."""
    named = dict(build(TINY, seed=3).named_parameters())
    name = "model.layers.1.self_attn.q_proj.weight"
    alone = torch.empty_like(named[name])
    initialise(name, alone, TINY, 3)
    assert torch.equal(alone, named[name])


@pytest.mark.parametrize("tied", [True, False])
def test_shapes_without_a_model_are_those_of_the_model(tied: bool) -> None:
    shape = TINY.model_copy(update={"tied": tied})
    model = build(shape, seed=0, meta=True)
    assert shapes(shape) == shapes_of(model)
    assert parameters(shape) == sum(p.numel() for p in model.parameters())
    assert all(p.is_meta for p in model.parameters())


def test_a_tied_output_layer_is_the_embedding() -> None:
    model = build(TINY, seed=0)
    assert model.lm_head.weight is model.model.embed_tokens.weight  # type: ignore[union-attr]
    untied = build(TINY.model_copy(update={"tied": False}), seed=0)
    assert not torch.equal(untied.lm_head.weight, untied.model.embed_tokens.weight)  # type: ignore[union-attr,arg-type]


def test_positions_turn_by_the_recipes_theta() -> None:
    model = build(TINY.model_copy(update={"rope_theta": 500.0}), seed=0)
    expected = torch.tensor([500.0 ** (-i / 16) for i in range(0, 16, 2)])
    assert torch.allclose(model.model.rotary_emb.inv_freq, expected)  # type: ignore[union-attr,arg-type]
    assert torch.equal(rotary_frequencies(TINY), build(TINY, seed=1).model.rotary_emb.inv_freq)  # type: ignore[union-attr,arg-type]


def test_an_untrained_model_guesses() -> None:
    value = loss(build(TINY, seed=0), tokens(8, 33)).item()
    assert value == pytest.approx(math.log(320), rel=0.02)


def test_the_loss_is_the_mean_over_all_next_tokens() -> None:
    model, batch = build(TINY, seed=0), tokens(3, 33)
    logits = model(input_ids=batch[:, :-1]).logits.double()
    log_likelihood = logits.log_softmax(-1).gather(-1, batch[:, 1:, None])
    assert loss(model, batch).item() == pytest.approx(-log_likelihood.mean().item(), rel=1e-5)


def test_a_token_does_not_see_what_follows() -> None:
    model, batch = build(TINY, seed=0).eval(), tokens(1, 32)
    changed = batch.clone()
    changed[0, 20] = (changed[0, 20] + 1) % 260
    before, after = model(input_ids=batch).logits, model(input_ids=changed).logits
    assert torch.equal(before[:, :20], after[:, :20])
    assert not torch.allclose(before[:, 20:], after[:, 20:])


def test_questions_are_read_and_not_learnt() -> None:
    model, batch = build(TINY, seed=0), tokens(2, 33)
    masked = batch.clone()
    masked[:, :20] = ~masked[:, :20]
    logits = model(input_ids=batch[:, :-1]).logits.double()
    log_likelihood = logits.log_softmax(-1).gather(-1, batch[:, 1:, None])[..., 0]
    assert loss(model, masked).item() == pytest.approx(-log_likelihood[:, 19:].mean().item(), rel=1e-5)
    assert loss(model, ~batch).item() == 0.0


def test_training_is_repeatable_to_the_bit() -> None:
    recipe = read_recipe("tiny")

    def trained() -> str:
        model = build(recipe.model, seed=1)
        optimizer = inner_optimizer(recipe, model)
        for step in range(3):
            optimizer.zero_grad()
            loss(model, tokens(4, 33, seed=step)).backward()
            optimizer.step()
        return parameters_digest(model.named_parameters())

    assert trained() == trained()


def test_the_optimiser_has_the_recipes_constants() -> None:
    recipe = read_recipe("tiny")
    (group,) = inner_optimizer(recipe, build(recipe.model, seed=0)).param_groups
    assert group["betas"] == recipe.inner.betas
    assert (group["eps"], group["weight_decay"]) == (1e-8, 0.1)
    assert group["lr"] == learning_rate(recipe.inner, 0)


# The learning rate ---------------------------------------------------------------------------------------------------


def test_covenants_learning_rate_follows_what_was_published() -> None:
    inner = read_recipe("covenant-72b").inner
    rate = [learning_rate(inner, step) for step in range(0, 190_000, 10)]
    assert learning_rate(inner, 0) == pytest.approx(1.2e-4 / 1_500)
    assert learning_rate(inner, 1_499) == max([*rate, learning_rate(inner, 1_499)]) == pytest.approx(1.2e-4)
    stretch = {learning_rate(inner, step) for step in range(82_200, 95_701, 100)}
    assert len(stretch) == 1  # flat for 13,500 steps
    assert learning_rate(inner, 95_701) < learning_rate(inner, 82_200) < learning_rate(inner, 82_199)
    assert learning_rate(inner, 153_500) == pytest.approx(1.2e-5)  # 140,000 steps and the flat stretch
    assert learning_rate(inner, 182_999) == pytest.approx(1.2e-5)
    assert learning_rate(inner, 183_000) == pytest.approx(1.2e-5 + (3e-5 - 1.2e-5) / 100)
    assert learning_rate(inner, 183_099) == pytest.approx(0.25 * 1.2e-4)
    assert learning_rate(inner, 183_100 + 2_250) == pytest.approx(0.125 * 1.2e-4)
    assert learning_rate(inner, 187_600) == learning_rate(inner, 1_000_000) == 0.0


def test_the_second_stage_of_instruction_tuning_has_no_jump() -> None:
    inner = read_recipe("covenant-72b-chat-2").inner
    assert learning_rate(inner, 0) == pytest.approx(2.97e-6, rel=0.002)
    assert learning_rate(inner, 499) == pytest.approx(3.57e-6)
    rates = [learning_rate(inner, step) for step in range(500, 20_501)]
    assert all(after <= before for before, after in itertools.pairwise(rates))
    assert max(before - after for before, after in itertools.pairwise(rates)) < 0.001 * 3.57e-6
    assert learning_rate(inner, 20_500) == 0.0


def test_a_plain_cosine_ends_at_its_share() -> None:
    inner = Inner(sequences=1, learning_rate=1.0, total_steps=100, final_share=0.2)
    assert learning_rate(inner, 0) == pytest.approx(1.0)
    assert learning_rate(inner, 50) == pytest.approx(0.6)
    assert learning_rate(inner, 100) == learning_rate(inner, 10_000) == pytest.approx(0.2)


# Parameters as bytes -------------------------------------------------------------------------------------------------


def test_the_digest_depends_on_names_shapes_and_every_value() -> None:
    base = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.zeros(2)}
    digests = {
        parameters_digest(base),
        parameters_digest({**base, "a": base["a"].reshape(3, 2)}),
        parameters_digest({"c": base["a"], "b": base["b"]}),
        parameters_digest({**base, "b": torch.tensor([0.0, 1e-30])}),
        parameters_digest({**base, "b": torch.tensor([0.0, -0.0])}),
    }
    assert len(digests) == 5
    assert parameters_digest(dict(reversed(base.items()))) == parameters_digest(base)
    assert parameters_digest({**base, "a": base["a"].T.contiguous().T}) == parameters_digest(base)


def test_the_digest_is_that_of_the_bytes_which_members_exchange() -> None:
    training = pytest.importorskip("assay.pretrain.training")
    named = {name: p.detach() for name, p in build(TINY, seed=4).named_parameters()}
    assert parameters_digest(named) == training.digest_of(named)


def test_safetensors_come_back_as_they_were(tmp_path: Path) -> None:
    model = build(TINY, seed=4)
    named = {name: p.detach() for name, p in model.named_parameters()}
    write_safetensors(named, tmp_path / "model.safetensors")
    found = read_safetensors(tmp_path / "model.safetensors", shapes_of(model))
    assert parameters_digest(found) == parameters_digest(named)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"a": torch.zeros(2, 3)}, "other tensors"),
        ({"a": torch.zeros(2, 3), "b": torch.zeros(4), "c": torch.zeros(1)}, "other tensors"),
        ({"a": torch.zeros(3, 2), "b": torch.zeros(4)}, "not F32"),
        ({"a": torch.zeros(2, 3, dtype=torch.float16), "b": torch.zeros(4)}, "not F32"),
        ({"a": torch.full((2, 3), math.nan), "b": torch.zeros(4)}, "not finite"),
        ({"a": torch.full((2, 3), math.inf), "b": torch.zeros(4)}, "not finite"),
    ],
)
def test_parameters_of_another_kind_are_refused(tensors: dict[str, torch.Tensor], reason: str, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(BadInput, match=reason):
        read_safetensors(tmp_path / "model.safetensors", {"a": (2, 3), "b": (4,)})


def test_what_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "model.safetensors"
    place.write_bytes(b"\xff" * 100)
    with pytest.raises(BadInput, match="not a safetensors file"):
        read_safetensors(place, {"a": (2, 3)})
    with pytest.raises(BadInput, match="cannot be read"):
        read_safetensors(tmp_path / "absent", {"a": (2, 3)})
    with place.open("wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(LimitExceeded):
        read_safetensors(place, {"a": (2, 3)})
