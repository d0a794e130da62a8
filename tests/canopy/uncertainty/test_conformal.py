"""Calibrated intervals cover what they claim on sites that were not calibrated on, and say where they do not."""

import numpy as np
import pytest

from assay.canopy.evaluation import Prediction, evaluate
from assay.canopy.uncertainty import Calibration, SiteErrors, calibrate, collect_errors
from assay.core.errors import BadInput, LimitExceeded
from tests.canopy import scenes


def site(number: int, pixels: int = 4000, *, shift: float = 1.5) -> SiteErrors:
    """Errors that grow with height and are shifted as a whole, by another amount at each site."""
    draw = np.random.default_rng(number)
    height = draw.uniform(0, 35, pixels)
    spread = 0.5 + 0.15 * height * draw.uniform(0.5, 1.5, pixels)
    truth = np.maximum(height + shift * draw.normal() + spread * draw.standard_t(6, pixels), 0)
    return SiteErrors(f"s{number}", truth, height, spread)


def inside(calibration: Calibration, errors: SiteErrors, level: float) -> float:
    spread = None if errors.spread is None else errors.spread.astype(np.float32)
    low, high = calibration.interval(errors.height.astype(np.float32), spread, level)
    return float(((errors.truth >= low) & (errors.truth <= high)).mean())


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_new_sites_are_covered_as_claimed_on_average(level: float) -> None:
    shares = []
    for draw in range(5):
        calibration = calibrate([site(100 * draw + k, 1500) for k in range(8)])
        shares += [inside(calibration, site(5000 + 100 * draw + k, 1500), level) for k in range(15)]
    assert np.mean(shares) == pytest.approx(level, abs=0.04)


def test_ignoring_sites_would_cover_too_little() -> None:
    """The same errors taken as one site: their parts are alike, and new sites are not."""
    few, many = [], []
    for draw in range(6):
        sites = [site(100 * draw + k, 1500, shift=5.0) for k in range(4)]
        only = calibrate(sites[:1])
        assert only.held_out == "parts"
        fresh = [site(5000 + 100 * draw + k, 1500, shift=5.0) for k in range(10)]
        few.append(np.mean([inside(only, one, 0.9) for one in fresh]))
        whole = calibrate(sites)
        many.append(np.mean([inside(whole, one, 0.9) for one in fresh]))
    assert np.mean(few) < 0.75 < np.mean(many)


def test_intervals_follow_the_predicted_height() -> None:
    calibration = calibrate([site(k) for k in range(6)])
    found = calibration if not calibration.uses_spread else None
    plain = calibrate([SiteErrors(s.site, s.truth, s.height, None) for s in map(site, range(6))])
    for one in filter(None, (found, plain)):
        low, high = one.interval(np.array([3.0, 30.0], np.float32), None, 0.9)
        assert (high - low)[1] > 1.5 * (high - low)[0] and low.min() >= 0


def test_a_spread_that_tells_nothing_is_not_used_and_a_good_one_is() -> None:
    good = [site(k, shift=0.2) for k in range(5)]
    draw = np.random.default_rng(0)
    noise = [SiteErrors(s.site, s.truth, s.height, draw.exponential(5, len(s.truth)) + 0.01) for s in good]
    assert calibrate(good).uses_spread and not calibrate(noise).uses_spread


def test_it_says_which_sites_it_does_not_cover() -> None:
    odd = site(50)
    odd = SiteErrors("odd", odd.truth + 20, odd.height, odd.spread)
    found = {s.site: s.covered for s in calibrate([*(site(k) for k in range(9)), odd]).sites}
    assert found["odd"][2] < 0.5 < found["s3"][2]


def test_a_calibration_is_read_back_and_broken_ones_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    made = calibrate([site(k) for k in range(3)])
    path = tmp_path / "calibration.json"
    path.write_text(made.to_json())
    assert Calibration.read(path) == made
    for old, new in (('"knots"', '"nots"'), ("calibration/1", "calibration/9"), ('"below": [', '"below": [[1.0], ')):
        path.write_text(made.to_json().replace(old, new))
        with pytest.raises(BadInput, match="no calibration"):
            Calibration.read(path)
    path.write_text(" " * (2 << 20))
    with pytest.raises(LimitExceeded, match="larger than"):
        Calibration.read(path)
    with pytest.raises(BadInput, match="cannot be read"):
        Calibration.read(tmp_path / "none.json")
    with pytest.raises(BadInput, match="levels"):
        made.interval(np.zeros(2, np.float32), np.ones(2, np.float32), 0.77)


def test_spread_of_bins_is_their_standard_deviation() -> None:
    torch = pytest.importorskip("torch")
    from assay.canopy.uncertainty import spread_of_bins

    bins = torch.tensor([0.0, 10.0, 20.0])
    weights = torch.tensor([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.25, 0.5, 0.25]]).T.reshape(1, 3, 1, 3)
    found = spread_of_bins(weights, bins)
    assert found.shape == (1, 1, 1, 3)
    assert found.ravel().tolist() == pytest.approx([10, 0, np.sqrt(50)])


def test_evaluation_measures_calibrated_intervals() -> None:
    def predict(tile):  # type: ignore[no-untyped-def]
        noise = np.random.default_rng(len(tile.name) + int(tile.name[1:])).normal(0, 2, tile.shape)
        return Prediction(np.maximum(tile.height + noise, 0).astype(np.float32))

    tiles = [scenes.forest(10 * k + j, site=s) for k, s in enumerate("ABCD") for j in range(3)]
    calibration = calibrate(collect_errors(predict, tiles[:9]))
    found = evaluate(predict, tiles[9:], calibration=calibration).overall()
    assert list(found.coverage) == ["0.5", "0.8", "0.9", "0.95"]
    assert found.coverage["0.9"].value == pytest.approx(0.9, abs=0.04)
    assert found.width["0.5"] < found.width["0.9"]
