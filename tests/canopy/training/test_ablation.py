"""The ablation goes on where it stopped, compares rows in pairs, and says what was shown and what was not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assay.canopy.ablation import Row, document, run
from assay.canopy.ablation.design import ROWS, folds
from assay.canopy.ablation.running import models_of
from assay.canopy.evaluation import evaluate
from assay.canopy.predicting import predictor_by_site
from assay.canopy.tiles import Tile
from assay.canopy.training import TrainConfig

Make = Callable[..., Tile]


@pytest.fixture
def land(forests: Make) -> list[Tile]:
    train = [forests("A", 1, (192, 192)), forests("B", 2, (96, 192))]
    return [*train, *(replace(forests("C", seed, (80, 80)), split="test") for seed in (5, 6, 7))]


def rows(small: TrainConfig) -> list[Row]:
    def with_loss(kind: str) -> TrainConfig:
        return small.model_copy(update={"loss": small.loss.model_copy(update={"kind": kind})})

    return [
        Row("constant"),
        Row("linear colour"),
        Row("SiLog", with_loss("silog")),
        Row("annealed", with_loss("annealed")),
    ]


def test_no_site_is_trained_on_and_measured(land: list[Tile]) -> None:
    for protocol in ("site-held-out", "each-site"):
        for fold in folds(land, protocol):  # type: ignore[arg-type]
            assert not {tile.site for tile in fold.train} & {tile.site for tile in fold.test}
    assert len(folds(land, "each-site")) == 3


def test_no_block_is_trained_on_and_measured(land: list[Tile]) -> None:
    (fold,) = folds(land, "in-domain")
    assert fold.test
    assert not {tile.name for tile in fold.train} & {tile.name for tile in fold.test}
    assert {tile.site for tile in fold.train} == {"A", "B"}


def test_what_was_done_is_not_done_again(land: list[Tile], small: TrainConfig, tmp_path: Path) -> None:
    told: list[str] = []
    chosen = rows(small)
    first = run(land, tmp_path, chosen, ["site-held-out"], range(2), told=told.append)
    assert len(told) == 8
    assert not list(tmp_path.glob("*.training"))
    again: list[str] = []
    second = run(land, tmp_path, chosen, ["site-held-out"], range(2), told=again.append)
    assert again == []
    assert document(first) == document(second)
    changed: list[str] = []
    other = [chosen[0], Row("SiLog", small.model_copy(update={"lr": 5e-4})), chosen[3]]
    run(land, tmp_path, other, ["site-held-out"], range(2), told=changed.append)
    assert [name for name in changed if "SiLog" in name] == changed
    assert len(changed) == 2


def test_the_table_pairs_rows_and_states_claims_and_targets(
    land: list[Tile], small: TrainConfig, tmp_path: Path
) -> None:
    ours = Row("general recipe", small.model_copy(update={"steps": 30}), flips=True)
    made = document(run(land, tmp_path, [*rows(small), ours], ["site-held-out", "in-domain"], range(1)))
    assert len(made["rows"]) == 10
    by_name = {(row["protocol"], row["row"]): row for row in made["rows"]}
    constant = by_name["site-held-out", "constant"]
    assert constant["r2"]["value"] <= 0
    against = by_name["site-held-out", "annealed"]["against_silog"]["mae"]
    silog, annealed = (by_name["site-held-out", name]["mae"]["value"] for name in ("SiLog", "annealed"))
    assert against["value"] == pytest.approx(annealed - silog)
    assert against["low"] <= against["value"] <= against["high"]
    assert {claim["answer"] for claim in made["claims"]} <= {"holds", "does not hold", "cannot be told"}
    targets = {target["target"]: target for target in made["targets"]}
    mae = by_name["site-held-out", "general recipe"]["mae"]["value"]
    assert targets["MAE at most 0.6 of the constant's"]["value"] == pytest.approx(mae / constant["mae"]["value"])


def test_models_of_each_site_are_kept_for_the_evaluation(land: list[Tile], small: TrainConfig, tmp_path: Path) -> None:
    ours = [Row("general recipe", small.model_copy(update={"steps": 4}))]
    run(land, tmp_path, ours, ["each-site"], range(1))
    assert not (tmp_path / "models").exists()
    told: list[str] = []
    first = run(land, tmp_path, ours, ["each-site"], range(1), keep_models=True, told=told.append)
    assert len(told) == 3  # results without their models are made again
    place = models_of(tmp_path, "each-site", "general recipe", 0)
    assert sorted(folder.name for folder in place.iterdir()) == ["A", "B", "C"]
    again = evaluate(predictor_by_site(place), land)
    (before,) = first.found["each-site", "general recipe"]
    assert again.overall().metrics["mae"].value == pytest.approx(before.overall().metrics["mae"].value)
    run(land, tmp_path, ours, ["each-site"], range(1), keep_models=True, told=told.append)
    assert len(told) == 3
    # Another training: its result replaces the old one, and the old model does not stay beside it.
    other = [Row("general recipe", small.model_copy(update={"steps": 3}))]
    run(land, tmp_path, other, ["each-site"], range(1))
    assert not list(place.glob("*/model.json"))


def test_the_rows_are_those_of_the_paper_and_ours() -> None:
    assert [row.name for row in ROWS] == [
        "constant",
        "linear colour",
        "L1",
        "SiLog",
        "Charbonnier",
        "annealed",
        "annealed + gradient",
        "general recipe",
    ]
