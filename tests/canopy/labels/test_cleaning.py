"""Wrong labels are found, good ones are kept, tall forest is not given up, and the report says why."""

import re

import numpy as np
import pytest

from assay.canopy.labels.classifier import fit_classifier
from assay.canopy.labels.cleaning import clean
from assay.canopy.labels.corruption import corrupted, levelled, scaled, swapped
from assay.canopy.labels.report import cleaning_page
from assay.canopy.labels.weak import cross_fitted, fit_weak
from assay.canopy.tiles import Tile
from assay.core.errors import BadInput
from tests.canopy import scenes


def many(count: int = 60) -> list[Tile]:
    return [scenes.forest(k, 64, "AB"[k % 2], tall=8 + 30 * (k % 7) / 6) for k in range(count)]


def spoilt(tiles: list[Tile], share: float = 0.15, seed: int = 5) -> tuple[list[Tile], np.ndarray]:
    draw = np.random.default_rng([seed, 1])
    bad = np.zeros(len(tiles), bool)
    bad[draw.choice(len(tiles), round(share * len(tiles)), replace=False)] = True
    found = []
    for number, tile in enumerate(tiles):
        others = [other.height for k, other in enumerate(tiles) if k != number]
        found.append(tile.with_height(corrupted(tile.height, others, draw)[0]) if bad[number] else tile)
    return found, bad


@pytest.mark.slow
def test_most_wrong_labels_are_found_and_few_good_ones_dropped() -> None:
    tiles, bad = spoilt(many())
    cleaned = clean(tiles)
    dropped = np.array([judgement.dropped for judgement in cleaned.judgements])
    assert dropped[bad].mean() >= 0.8 and dropped[~bad].mean() <= 0.1
    assert [tile.name for tile in cleaned.kept] == [t.name for t, gone in zip(tiles, dropped, strict=True) if not gone]
    for judgement in cleaned.judgements:
        assert bool(judgement.reasons) or not judgement.dropped
    page = cleaning_page(cleaned, tiles, "<data>")
    assert "&lt;data&gt;" in page and "<data>" not in page and "img-src data:" in page
    assert len(re.findall("<img ", page)) >= 2 * dropped.sum()


@pytest.mark.slow
def test_where_all_labels_are_good_hardly_any_is_dropped_and_tall_forest_is_not_singled_out() -> None:
    cleaned = clean(many())
    assert len(cleaned.kept) >= 54
    assert sum(total for _, total, _ in cleaned.by_height()) == 60
    tall = [judgement for judgement in cleaned.judgements if judgement.mean_height > 12]
    assert sum(judgement.dropped for judgement in tall) <= 0.2 * len(tall)


def test_too_few_tiles_are_refused() -> None:
    with pytest.raises(BadInput, match="too few"):
        clean([scenes.forest(k) for k in range(5)])


def test_no_label_vouches_for_itself() -> None:
    """What is predicted for a tile does not change when its own label does."""
    tiles = [scenes.forest(k, 40) for k in range(10)]
    before = cross_fitted(tiles)
    tiles[3] = tiles[3].with_height(tiles[3].height * 0 + 40)
    after = cross_fitted(tiles)
    assert np.array_equal(before[3], after[3])
    assert sum(not np.array_equal(b, a) for b, a in zip(before, after, strict=True)) >= 6


def test_the_weak_model_learns_heights() -> None:
    model = fit_weak([scenes.forest(k, 64) for k in range(8)])
    tile = scenes.forest(99, 64)
    assert np.corrcoef(model.heights(tile).ravel(), tile.height.ravel())[0, 1] > 0.6


def test_the_classifier_says_what_speaks_against_a_label() -> None:
    draw = np.random.default_rng(0)
    good, bad = draw.normal(size=(300, 3)), draw.normal(size=(300, 3))
    bad[:, 1] += np.where(draw.random(300) < 0.5, 4, -4)  # too high or too low is both wrong
    classifier = fit_classifier(good, bad)
    assert classifier.probability(np.array([[0.0, 0, 0]]))[0] < 0.2
    for value in (5.0, -5.0):
        found = np.array([0.0, value, 0.0])
        assert classifier.probability(found[None])[0] > 0.9 and classifier.pull(found).argmax() == 1
    assert classifier.probability(np.array([[0.0, np.nan, 0]]))[0] > 0.5


def test_spoilt_labels_are_spoilt() -> None:
    draw = np.random.default_rng(0)
    one, other = scenes.forest(1, 64).height, scenes.forest(2, 48).height
    assert swapped(one, [other], draw).shape == one.shape
    assert scaled(one, draw).max() != one.max() and levelled(one, draw).std() < one.std()
    kinds = set()
    for _ in range(250):
        label, kind = corrupted(one, [other], draw)
        kinds.add(kind)
        assert label.dtype == np.float32 and label.shape == one.shape and not np.array_equal(label, one)
    assert {"swapped", "turned", "displaced", "scaled", "noisy", "emptied", "striped", "levelled"} == kinds
