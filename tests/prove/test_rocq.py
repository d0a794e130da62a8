"""Limits of the Rocq side that a single file does not show."""

import shutil
from pathlib import Path

import pytest

from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox import open_sandbox
from assay.prove.check import check
from assay.prove.gates import Gate
from assay.prove.provers import Effort


def test_many_files_do_not_get_more_time_than_one(rocq: None, skeleton: Path) -> None:
    effort = Effort(thorough=False, build_seconds=0.01)
    with pytest.raises(BadInput, match=r"more than 0 seconds in all"):
        check(skeleton, open_sandbox(), only=(Gate.IMPLEMENTATION,), effort=effort)


def test_a_missing_library_is_named(rocq: None, skeleton: Path, tmp_path: Path) -> None:
    if shutil.which("dpkg-query") is None:
        pytest.skip("packages are asked of dpkg")
    place = tmp_path / "triple"
    shutil.copytree(skeleton, place)
    toml = place / "component.toml"
    toml.write_text(toml.read_text().replace('trusted = "', 'packages = ["libcoq-no-such-thing"]\ntrusted = "'))
    with pytest.raises(Unavailable, match="libcoq-no-such-thing"):
        check(place, open_sandbox(), only=(Gate.IMPLEMENTATION,))
