"""The gallery's material, made once: a tiny model that is really trained."""

import pytest

from assay.posttrain.gallery import Material


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material.make(tmp_path_factory.mktemp("gallery") / "material")
