"""Combining contributions: the published rules to the bit, and the robust ones against attackers."""

import hashlib
import itertools
import math

import numpy as np
import pytest
import torch

from assay.core.errors import BadInput
from assay.pretrain import wire
from assay.pretrain.aggregate import AGGREGATES, _add_on_device, aggregate, combine, gram, weigh
from assay.pretrain.lab.attacks import ATTACKS, dense
from assay.pretrain.lab.quantisers import Kept

from .conftest import SHAPES, arrays, contribution


def plain(contributions, name, factors):
    """One element after another, in float32: what `aggregate` promises to the bit."""
    total = np.zeros(math.prod(SHAPES[name]), dtype=np.float32)
    for one, factor in zip(contributions, factors, strict=True):
        where, values = one[name].indices().numpy(), one[name].values().numpy()
        for at, value in zip(where, values, strict=True):
            total[at] = np.float32(total[at] + np.float32(value * np.float32(factor)))
    return total.reshape(SHAPES[name])


def attacked(honest, attack, number=2):
    """The honest contributions and those of attackers who have seen them."""
    seen = [dense(one) for one in honest]
    own = [dense(contribution(50 + n, shared=arrays(99), share=1.0)) for n in range(number)]
    return [*honest, *(wire.compress(ATTACKS[attack](mine, seen, 7), 64, 2) for mine in own)]


def test_the_mean_is_the_sum_in_order_to_the_bit(honest):
    combined = aggregate(honest, "mean", "none")
    for name in SHAPES:
        assert np.array_equal(combined[name].numpy(), plain(honest, name, [1 / 6] * 6))


def test_the_mean_of_senders_divides_by_those_who_sent_the_coordinate(honest):
    combined = aggregate(honest, "mean_of_senders", "none")
    for name in SHAPES:
        senders = sum((dense(one)[name] != 0).int() for one in honest)
        total = sum(dense(one)[name].double() for one in honest)
        torch.testing.assert_close(combined[name].double(), total / senders.clamp(min=1), rtol=1e-6, atol=1e-7)
        assert int(senders.max()) > 1, "the test needs a coordinate with two senders"


def test_the_clip_scales_down_to_the_lower_median_and_never_up(honest):
    sizes = [1.0, 2.0, 3.0, 4.0]
    sent = [{"layer": Kept((2,), torch.arange(2), torch.tensor([size, 0.0]))} for size in sizes]
    clips = weigh(sent, "mean", "median_norm").clips["layer"]
    assert clips[:2] == (1.0, 1.0)
    assert clips[2:] == (2 / (3 + 1e-8), 2 / (4 + 1e-8))
    assert weigh(sent, "mean", "none").clips["layer"] == (1.0,) * 4


def test_clipped_contributions_are_multiplied_once(honest):
    scaled = [dense(one) for one in honest]
    big = wire.compress({name: 10 * tensor for name, tensor in scaled[0].items()}, 64, 2)
    contributions = [big, *honest[1:]]
    weights = weigh(contributions)
    combined = aggregate(contributions)
    for name in SHAPES:
        assert weights.clips[name][0] < 0.2
        assert np.array_equal(combined[name].numpy(), plain(contributions, name, weights.of(name)))


@pytest.mark.parametrize("how", AGGREGATES)
def test_a_piece_of_the_aggregate_has_the_bits_of_the_whole(honest, how):
    weights = weigh(honest, how)
    for name, shape in SHAPES.items():
        parts = [one[name] for one in honest]
        whole = combine(parts, weights.of(name), per_sender=weights.per_sender).view(-1)
        for first, end in itertools.pairwise([0, 7, 64, math.prod(shape) - 5, math.prod(shape)]):
            piece = combine(parts, weights.of(name), per_sender=weights.per_sender, within=(first, end))
            assert torch.equal(piece, whole[first:end])


@pytest.mark.parametrize("per_sender", [False, True])
def test_the_way_of_a_gpu_gives_the_same_bits(honest, per_sender):
    """Its operations run on any device, so they are compared on the one that is here."""
    for name, shape in SHAPES.items():
        parts, multipliers = [one[name] for one in honest], [0.5, 0.25, 0.0, 1.0, 0.125, 1 / 3]
        out = torch.zeros(math.prod(shape))
        senders = torch.zeros_like(out) if per_sender else None
        for part, multiplier in zip(parts, multipliers, strict=True):
            if multiplier:
                _add_on_device(out, senders, 0, part, multiplier)
        if senders is not None:
            out.div_(senders.clamp_(min=1))
        assert torch.equal(out.view(shape), combine(parts, multipliers, per_sender=per_sender))


@pytest.mark.parametrize("how", AGGREGATES)
def test_the_number_of_threads_changes_no_bit(honest, how):
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(aggregate(honest, how))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(results[0][name], results[1][name]) for name in SHAPES)


GOLDEN = {
    "mean": "735a53a837e3adef",
    "mean_of_senders": "304c929c04a759d5",
    "agreement": "735a53a837e3adef",
    "geometric_median": "633b0f060f6e233c",
}


def test_every_machine_gets_these_bits():
    random = np.random.Generator(np.random.PCG64(5))
    sent = []
    for _ in range(5):
        where = np.sort(random.choice(4096, 256, replace=False))
        values = random.standard_normal(256).astype(np.float32)
        sent.append({"w": Kept((64, 64), torch.from_numpy(where), torch.from_numpy(values))})
    found = {how: hashlib.sha256(aggregate(sent, how)["w"].numpy().tobytes()).hexdigest()[:16] for how in AGGREGATES}
    assert found == GOLDEN


def test_inner_products_are_those_of_the_dense_vectors(honest):
    products = gram(honest)
    flat = [torch.cat([dense(one)[name].double().view(-1) for name in SHAPES]) for one in honest]
    for one, other in itertools.product(range(6), repeat=2):
        assert products[one][other] == pytest.approx(float(flat[one] @ flat[other]), rel=1e-9)


@pytest.mark.parametrize("attack", ["sign flip", "scaled", "noise", "IPM 0.5", "IPM 10"])
def test_agreement_leaves_out_attackers_and_nobody_else(honest, attack):
    assert weigh(attacked(honest, attack), "agreement").left_out == [6, 7]


@pytest.mark.parametrize(("share", "kept"), [(3.0, False), (1.5, True), (0.7, True), (0.3, False)])
def test_who_agrees_far_more_or_far_less_than_is_usual_is_left_out(share, kept):
    """Far more: made from the others' contributions, as ALIE is. Six honest peers with a cosine of 0.1."""
    sent = [[1.0 if one == other else 0.1 for other in range(7)] for one in range(7)]
    for other in range(6):
        sent[6][other] = sent[other][6] = 0.1 * share
    shares = AGGREGATES["agreement"].shares(7, sent)
    assert (shares[6] > 0) == kept
    assert all(one > 0 for one in shares[:6])


def test_agreement_without_attackers_is_the_mean(honest):
    together, mean = aggregate(honest, "agreement"), aggregate(honest, "mean")
    assert all(torch.equal(together[name], mean[name]) for name in SHAPES)


def test_colluding_attackers_cannot_vouch_for_each_other(honest):
    same = attacked(honest, "sign flip", number=1)[-1]
    assert weigh([*honest, same, same], "agreement").left_out == [6, 7]


def test_two_contributions_cannot_outvote_each_other(honest):
    assert weigh(honest[:2], "agreement").shares == (0.5, 0.5)


def test_contributions_that_have_nothing_in_common_are_all_used():
    sent = [{"w": Kept((8,), torch.tensor([at]), torch.tensor([1.0]))} for at in range(4)]
    assert weigh(sent, "agreement").shares == (0.25,) * 4


def test_the_geometric_median_gives_less_to_who_is_far_away(honest):
    far = wire.compress({name: 20 * tensor for name, tensor in arrays(77).items()}, 64, 2)
    shares = weigh([*honest, far], "geometric_median", "none").shares
    assert shares[-1] < min(shares[:-1]) / 5
    assert sum(shares) == pytest.approx(1)


def test_the_geometric_median_is_where_no_step_shortens_the_distances(honest):
    """Against a search in the dense space, which knows nothing of inner products."""
    shares = weigh(honest, "geometric_median", "none").shares
    flat = torch.stack([torch.cat([dense(one)[name].double().view(-1) for name in SHAPES]) for one in honest])
    centre = (torch.tensor(shares).double()[:, None] * flat).sum(0)

    def distances(point):
        return float((flat - point).norm(dim=1).sum())

    for direction in flat:
        assert distances(centre + 1e-3 * (direction - centre)) >= distances(centre) * (1 - 1e-9)


def test_without_contributions_the_aggregate_is_zero():
    combined = aggregate([], shapes=SHAPES)
    assert {name: tuple(tensor.shape) for name, tensor in combined.items()} == SHAPES
    assert not any(tensor.any() for tensor in combined.values())


def test_what_is_of_another_model_is_refused(honest):
    other = {**honest[1], "layer": honest[1]["embedding"]}
    with pytest.raises(BadInput, match="layer has shape"):
        aggregate([honest[0], other])
    with pytest.raises(BadInput, match="other tensors"):
        aggregate([honest[0], {name: honest[1][name] for name in ("layer", "bias")}])


def test_what_is_not_finite_is_refused(honest):
    broken = {**honest[1], "bias": Kept((300,), torch.tensor([3]), torch.tensor([math.inf]))}
    with pytest.raises(BadInput, match="Contribution 1: bias is not finite"):
        aggregate([honest[0], broken])


def test_an_index_beyond_the_tensor_reaches_nothing():
    stray = {"w": Kept((4,), torch.tensor([-1, 2, 4, 1 << 40]), torch.ones(4))}
    fine = {"w": Kept((4,), torch.tensor([0]), torch.ones(1))}
    assert aggregate([stray, fine], "mean", "none")["w"].tolist() == [0.5, 0, 0.5, 0]
    assert gram([stray, fine])[0][1] == 0


def test_names_of_rules_are_checked(honest):
    with pytest.raises(BadInput, match="choose from mean"):
        aggregate(honest, "median")
    with pytest.raises(BadInput, match="choose from median_norm"):
        aggregate(honest, "mean", "norm")
