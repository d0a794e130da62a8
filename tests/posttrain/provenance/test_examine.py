"""What is told from weights that were really trained, merged, rounded and renamed: no false alarm, nothing missed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from assay.core.errors import BadInput, Refused
from assay.posttrain.provenance import Origin, Provenance, examine
from tests.posttrain.provenance import derive
from tests.posttrain.provenance.conftest import FROM_SIBLING, HONEST
from tests.posttrain.provenance.derive import Tensors

DERIVED = (Origin.SIBLING, Origin.MERGE)


@pytest.fixture(scope="session")
def base(models: Path) -> Tensors:
    return derive.read(models / "base")


@pytest.fixture(scope="session")
def sibling(models: Path) -> Tensors:
    return derive.read(models / "sibling")


def look(submission: Path, models: Path) -> Provenance:
    return examine(submission, models / "base", [models / "sibling"])


def handed_in(tensors: Tensors, models: Path, place: Path, dtype: torch.dtype = torch.bfloat16) -> Provenance:
    return look(derive.write(place / "model", tensors, models / "base", dtype), models)


@pytest.mark.parametrize("name", HONEST)
def test_work_on_the_base_is_not_taken_for_the_siblings(models: Path, name: str) -> None:
    assert look(models / name, models).verdict is Origin.BASE


@pytest.mark.parametrize("name", FROM_SIBLING)
def test_work_on_the_sibling_is_found(models: Path, name: str) -> None:
    assert look(models / name, models).verdict in DERIVED


@pytest.mark.parametrize("name", [*HONEST, "sibling"])
def test_work_on_the_base_is_not_taken_for_a_near_siblings(models: Path, name: str) -> None:
    assert examine(models / name, models / "base", [models / "near"]).verdict is Origin.BASE


def test_a_small_merge_that_was_rounded_and_trained_on_is_found(models: Path) -> None:
    found = examine(models / "tenth-tuned", models / "base", [models / "near"])
    (evidence,) = found.siblings
    assert found.verdict is Origin.MERGE and evidence.rounded_merge == 0.1
    assert 0.08 < evidence.interval.low < found.share < evidence.interval.high < 0.2


def test_a_copy_of_the_sibling_is_found_in_every_number_type(models: Path, sibling: Tensors, tmp_path: Path) -> None:
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float8_e4m3fn):
        found = handed_in(sibling, models, tmp_path, dtype)
        assert found.verdict is Origin.SIBLING
        assert found.share == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_share_of_a_merge_is_measured(
    models: Path, base: Tensors, sibling: Tensors, tmp_path: Path, share: float, dtype: torch.dtype
) -> None:
    found = handed_in(derive.linear(base, sibling, share), models, tmp_path, dtype)
    assert found.verdict is Origin.MERGE
    assert found.share == pytest.approx(share, abs=0.01)
    assert found.interval is not None and found.interval.low - 0.01 <= share <= found.interval.high + 0.01


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("how", [derive.slerp, derive.ties, derive.dare])
def test_merges_of_every_kind_are_found(
    models: Path, base: Tensors, sibling: Tensors, tmp_path: Path, share: float, how: derive.Merge
) -> None:
    assert handed_in(how(base, sibling, share), models, tmp_path).verdict is Origin.MERGE


def test_a_merge_of_some_layers_is_found_and_named(
    models: Path, base: Tensors, sibling: Tensors, tmp_path: Path
) -> None:
    found = handed_in(derive.swapped_layers(base, sibling, 4), models, tmp_path)
    assert found.verdict is Origin.MERGE
    assert found.siblings[0].layers_with_sibling == 1
    assert found.share == pytest.approx(1, abs=0.01)
    assert handed_in(derive.by_layer(base, sibling), models, tmp_path).verdict is Origin.MERGE


def test_the_sibling_taken_away_is_a_merge_too(models: Path, base: Tensors, sibling: Tensors, tmp_path: Path) -> None:
    found = handed_in(derive.linear(base, sibling, -0.3), models, tmp_path)
    assert found.verdict is Origin.MERGE
    assert found.share == pytest.approx(-0.3, abs=0.01)


def test_rounding_neither_hides_the_sibling_nor_looks_like_it(
    models: Path, base: Tensors, sibling: Tensors, tmp_path: Path
) -> None:
    second = derive.read(models / "second")
    for bits in (8, 4):
        assert handed_in(derive.quantised(sibling, bits), models, tmp_path).verdict is Origin.SIBLING
        assert handed_in(derive.quantised(derive.linear(base, sibling, 0.3), bits), models, tmp_path).verdict in DERIVED
        assert handed_in(derive.quantised(second, bits), models, tmp_path).verdict is Origin.BASE
        assert handed_in(derive.quantised(base, bits), models, tmp_path).verdict is Origin.BASE


@pytest.mark.parametrize("name", ["second", "tuned"])
def test_packaging_changes_nothing(models: Path, tmp_path: Path, name: str) -> None:
    tensors, base = derive.read(models / name), models / "base"
    expected = look(models / name, models).verdict
    for number, changed in enumerate(
        (derive.resized(tensors, 64), derive.resized(tensors, -20), derive.renamed(tensors))
    ):
        found = look(derive.write(tmp_path / str(number), changed, base), models)
        assert found.verdict is expected
    sharded = look(derive.write(tmp_path / "sharded", tensors, base, shards=5), models)
    assert sharded == look(models / name, models)


def test_a_base_with_a_padded_vocabulary_is_compared_row_by_row(models: Path, base: Tensors, tmp_path: Path) -> None:
    padded = derive.write(tmp_path / "base", derive.resized(base, 32), models / "base")
    assert examine(models / "sibling", padded, [models / "sibling"]).verdict is Origin.SIBLING
    assert examine(models / "base", padded, [models / "sibling"]).verdict is Origin.UNTOUCHED


def test_the_untouched_base_is_found_in_every_number_type(models: Path, base: Tensors, tmp_path: Path) -> None:
    for dtype in (torch.bfloat16, torch.float32):
        assert handed_in(base, models, tmp_path, dtype).verdict is Origin.UNTOUCHED


def test_another_model_is_found_with_and_without_a_sibling(models: Path, base: Tensors, tmp_path: Path) -> None:
    torch.manual_seed(0)
    strange = {name: torch.randn_like(t) * t.std() if t.ndim > 1 else t for name, t in base.items()}
    folder = derive.write(tmp_path / "model", strange, models / "base")
    assert look(folder, models).verdict is Origin.OTHER
    assert examine(folder, models / "base").verdict is Origin.OTHER


def test_a_model_of_another_shape_is_another_model(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"model.embed_tokens.weight": torch.randn(40, 12)}, folder / "model.safetensors")
    assert look(folder, models).verdict is Origin.OTHER


def test_a_model_that_lacks_much_of_the_base_is_inconclusive(models: Path, tmp_path: Path) -> None:
    half = {name: t for name, t in derive.read(models / "second").items() if "mlp" not in name}
    found = handed_in(half, models, tmp_path)
    assert found.verdict is Origin.INCONCLUSIVE
    assert "no counterpart" in found.reason


def test_matrices_of_unclear_origin_are_inconclusive(models: Path, base: Tensors, tmp_path: Path) -> None:
    torch.manual_seed(0)
    mixed = {name: t + 1.5 * torch.randn_like(t) * t.std() if t.ndim > 1 else t for name, t in base.items()}
    assert handed_in(mixed, models, tmp_path).verdict is Origin.INCONCLUSIVE


def test_of_two_siblings_the_right_one_is_named(models: Path, base: Tensors, tmp_path: Path) -> None:
    merged = derive.linear(base, derive.read(models / "second"), 0.4)
    folder = derive.write(tmp_path / "model", merged, models / "base")
    for order in (["sibling", "second"], ["second", "sibling"]):
        found = examine(folder, models / "base", [models / name for name in order])
        assert found.verdict is Origin.MERGE
        assert found.share == pytest.approx(0.4, abs=0.01)
        assert {s.name: s.origin for s in found.siblings} == {"sibling": Origin.BASE, "second": Origin.MERGE}


def test_without_a_sibling_the_base_is_still_told(models: Path) -> None:
    found = examine(models / "tuned", models / "base")
    assert found.verdict is Origin.BASE
    assert "No sibling was given" in found.reason
    assert found.share is None


def test_what_cannot_be_compared_is_refused_in_a_sentence(models: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds neither"):
        look(tmp_path, models)
    with pytest.raises(BadInput, match="is the base itself"):
        examine(models / "second", models / "base", [models / "base"])
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "model.safetensors").write_bytes((models / "second" / "model.safetensors").read_bytes()[:-1])
    with pytest.raises(Refused, match="cut short"):
        look(cut, models)


@pytest.mark.slow(seconds=120)
def test_memory_stays_below_twice_the_largest_shard(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = torch.tensor(random.normal(size=(1, 1024, 1024)), dtype=torch.bfloat16)
    for name, noise in (("base", 0.0), ("sibling", 0.01), ("model", 0.02)):
        (tmp_path / name).mkdir()
        tensor = (values + noise * values.flip(-1)).repeat(96, 1, 1).reshape(-1, 1024)
        save_file({"layers.0.weight": tensor}, tmp_path / name / "model.safetensors")
    shard = (tmp_path / "model" / "model.safetensors").stat().st_size  # 192 MiB
    # VmHWM and not getrusage: that one still remembers the process that started this one.
    program = (
        "import re, sys; from pathlib import Path; from assay.posttrain.provenance import examine; "
        "a, b, c = map(Path, sys.argv[1:]); examine(a, b, [c]); "
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) * 1024)"
    )
    folders = [str(tmp_path / name) for name in ("model", "base", "sibling")]
    done = subprocess.run([sys.executable, "-c", program, *folders], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 2 * shard
