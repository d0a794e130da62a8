"""Assay's own models as the mapper uses them: what their folder declares, and intervals as their calibration says."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch

from assay.canopy.mapping import Predictor, Tiling, Uncertainty, map_canopy
from assay.canopy.mapping.predictor import calibrated, load_predictor, open_device
from assay.canopy.model import build, lite0, save
from assay.canopy.model.canopy import CanopyModel, Heights
from assay.canopy.uncertainty import Calibration, spread_of_bins
from assay.core.errors import BadInput, Unavailable
from tests.canopy.mapping.support import Found, card, heights, options, place, predictor, texture, write


@pytest.fixture(scope="module")
def model() -> CanopyModel:
    torch.manual_seed(4)
    made = build(lite0(fusion=8, hidden=8), pretrained=False).eval()
    made.card = {"name": "small", "licence": "Apache-2.0"}
    last = [layer for layer in made.head.modules() if isinstance(layer, torch.nn.Conv2d)][-1]
    with torch.no_grad():
        last.weight.mul_(200)  # random weights say the same height everywhere otherwise
    return made


def calibration(*, uses_spread: bool) -> Calibration:
    return Calibration.model_validate(
        {
            "schema": "assay.canopy.calibration/1",
            "levels": (0.5, 0.9),
            "uses_spread": uses_spread,
            "knots": (1.0, 5.0, 20.0),
            "below": ((-0.1, -0.2, -0.3), (-0.5, -1.0, -3.0)),
            "above": ((0.1, 0.2, 0.3), (0.5, 2.0, 2.5)),
            "held_out": "sites",
            "sites": (),
        }
    )


@pytest.mark.parametrize("uses_spread", [False, True])
def test_intervals_are_those_of_the_calibration(model: CanopyModel, uses_spread: bool) -> None:
    rng = torch.Generator().manual_seed(2)
    weights = torch.rand((2, 256, 9, 7), generator=rng)
    weights = weights / weights.sum(1, keepdim=True)
    metres = torch.rand((2, 1, 9, 7), generator=rng) * 40 - 2
    given, bins = calibration(uses_spread=uses_spread), model.bin_heights()
    uncertainty = calibrated(given, bins)
    low, high = uncertainty.of(Heights(metres, weights))
    spread = spread_of_bins(weights, bins).numpy()
    expected = given.interval(metres.numpy(), spread, 0.9)
    # Heights below 0 m are not lower than the lower end of their own interval.
    np.testing.assert_allclose(low.numpy(), np.minimum(expected[0], metres.numpy()), atol=1e-4)
    np.testing.assert_allclose(high.numpy(), expected[1], atol=1e-4)
    assert uncertainty.level == 0.9 and "calibrated on sites held out" in uncertainty.says
    with pytest.raises(BadInput, match="levels"):
        calibrated(given, bins, 0.99)
    if uses_spread:
        with pytest.raises(BadInput, match="gives no bins"):
            uncertainty.of(Found(metres))


def test_a_model_s_folder_is_all_that_is_needed(model: CanopyModel, tmp_path: Path) -> None:
    save(model, tmp_path / "model")
    data = texture(slice(0, 130), slice(0, 150))
    path = write(tmp_path / "a.tif", data, transform=place())
    plain = load_predictor(tmp_path / "model")
    assert plain.card.multiple % 32 == 0  # the decoder's deepest level
    assert plain.layers == ("height", "spread") and plain.card.name == "small" and plain.card.gsd_m == 0.5
    map_canopy(plain, path, tmp_path / "plain", options(tiling=Tiling.of(32, 256)))
    (tmp_path / "model" / "calibration.json").write_text(calibration(uses_spread=False).to_json())
    map_canopy(load_predictor(tmp_path / "model"), path, tmp_path / "interval", options(tiling=Tiling.of(32, 256)))
    found = heights(tmp_path / "interval", "a")
    # With and without bins the height is computed in another order: the last digit may differ, rarely.
    assert (np.abs(found - heights(tmp_path / "plain", "a")) > 0.01).mean() < 0.01
    assert found.std() > 0
    low, high = heights(tmp_path / "interval", "a", "uncertainty")
    assert (low <= found).all() and (found <= high).all() and (high - low).min() > 0.39
    with rasterio.open(tmp_path / "plain" / "a.uncertainty.tif") as dataset:
        assert dataset.descriptions == ("spread",)


class Slanted(torch.nn.Module):
    """Heights that depend on the position in the window, and two bins that follow them."""

    def forward(self, rgb: torch.Tensor) -> Heights:
        metres = rgb[:, :1] + torch.arange(rgb.shape[-1]) * 0.5
        low = torch.sigmoid(metres - 5)
        return Heights(metres, torch.cat([low, 1 - low], 1))


def test_eight_positions_are_turned_back_and_averaged() -> None:
    rgb = torch.rand((2, 3, 32, 64), generator=torch.Generator().manual_seed(1)) * 10
    model = Slanted()
    uncertainty = Uncertainty(("low", "high"), "bins", lambda found: tuple(found.bins.split(1, 1)))
    once, averaged = (
        Predictor(model, card(), uncertainty=uncertainty, flips=flips)(rgb * 255) for flips in (False, True)
    )
    # Plainly: the mean over the eight symmetries of the square, written out one by one.
    ways = [lambda x: x, lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.flip(-1).flip(-2)]
    seen = [(way, model(way(rgb))) for way in ways]
    seen += [(lambda x, way=way: way(x.mT), model(way(rgb).mT)) for way in ways]
    each = [way(torch.cat([found.metres, found.bins], 1)) for way, found in seen]
    assert torch.allclose(averaged, torch.stack(each).mean(0), atol=1e-4)
    assert (averaged - once).abs().max() > 1


def test_a_map_says_that_positions_were_averaged(model: CanopyModel, tmp_path: Path) -> None:
    save(model, tmp_path / "model")
    path = write(tmp_path / "a.tif", texture(slice(0, 96), slice(0, 96)), transform=place())
    for flips in (False, True):
        told = load_predictor(tmp_path / "model", flips=flips)
        map_canopy(told, path, tmp_path / str(flips), options(tiling=Tiling.of(32, 256)))
        item = json.loads((tmp_path / str(flips) / "a.json").read_text())
        assert item["properties"]["canopy:model"].get("flips", False) is flips
    assert (heights(tmp_path / "True", "a") != heights(tmp_path / "False", "a")).any()


def test_a_device_that_is_not_there_is_said() -> None:
    for name in ("cuda:77", "nonsense"):
        with pytest.raises(Unavailable, match="There is no device"):
            open_device(name)


def test_a_model_of_no_resolution_is_refused() -> None:
    with pytest.raises(BadInput, match="resolution"):
        predictor(gsd_m=0.0)
