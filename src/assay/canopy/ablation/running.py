"""Do the units that are not done, one after another, and keep each result as it comes: stop and run again to go on.

A unit's result is the sums of its pieces (see evaluation.metrics), under a name with a digest of what it depends on;
after a change of the code's recipes or of the tiles it is done anew. Models are kept where asked: of `each-site` they
make a folder with one model per site that never saw it, which `assay canopy evaluate` takes.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.canopy.ablation.design import Fold, Protocol, Row, Unit, folds
from assay.canopy.evaluation.baselines import Constant, LinearColour
from assay.canopy.evaluation.evaluating import Evaluation, Piece, evaluate
from assay.canopy.evaluation.metrics import JOINT, Sums
from assay.canopy.evaluation.prediction import Predict
from assay.canopy.model import load
from assay.canopy.model.files import DECLARED, WEIGHTS
from assay.canopy.predicting import predictor
from assay.canopy.resolution import at_resolution
from assay.canopy.tiles import Tile
from assay.canopy.training import TrainConfig, digest_of, train

_MAX_RESULT = 64 << 20  # bytes of one unit's result


@dataclass(frozen=True)
class Ablation:
    """What was measured: by protocol and row, one evaluation per seed, over all folds of the protocol."""

    found: dict[tuple[Protocol, str], list[Evaluation]]
    seconds: float  # of training and measuring, over all units, whenever they were done


def run(
    tiles: Sequence[Tile],
    out: Path,
    rows: Sequence[Row],
    protocols: Sequence[Protocol],
    seeds: Sequence[int],
    *,
    steps: int | None = None,
    keep_models: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Ablation:
    """All units, the missing ones done now. `steps` replaces every row's number of steps.

    With `keep_models` each trained model stays in models_of(out, ...)/FOLD.
    """
    out.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[Protocol, str], list[Evaluation]] = {}
    seconds = 0.0
    plan = [(protocol, fold) for protocol in protocols for fold in folds(tiles, protocol)]
    for seed in seeds:
        for row in rows:
            by_protocol: dict[Protocol, list[Piece]] = {}
            for protocol, fold in plan:
                unit = Unit(protocol, fold.name, row.name, seed)
                pieces, took = _done(unit, row, fold, out, steps, keep_models, told)
                by_protocol.setdefault(protocol, []).extend(pieces)
                seconds += took
            for protocol, all_pieces in by_protocol.items():
                found.setdefault((protocol, row.name), []).append(Evaluation(tuple(all_pieces), (), (), 0))
    return Ablation(found, seconds)


def models_of(out: Path, protocol: Protocol, row: str, seed: int) -> Path:
    """Where the models of a row are kept, one folder per fold."""
    return out / "models" / protocol / f"{row.replace(' ', '_').replace('+', 'and')}-{seed}"


def _done(
    unit: Unit, row: Row, fold: Fold, out: Path, steps: int | None, keep: bool, told: Callable[[str], None]
) -> tuple[list[Piece], float]:
    """The result of a unit: kept, or made now."""
    model = models_of(out, unit.protocol, unit.row, unit.seed) / unit.fold
    missing = keep and row.config is not None and not (model / DECLARED).is_file()
    config = _config(row, unit.seed, steps)
    digest = _digest(config, row, fold)
    file = out / f"{unit.name}.json"
    if (kept := _read(file, digest)) is not None and not missing:
        return kept
    shutil.rmtree(model, ignore_errors=True)  # it is of another training
    told(unit.name)
    began = time.monotonic()
    evaluation = evaluate(_fitted(config, row, fold, out / f"{unit.name}.training"), fold.test)
    took = time.monotonic() - began
    pieces = [{"name": p.name, "site": p.site, **_listed(p.sums)} for p in evaluation.pieces]
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps({"digest": digest, "seconds": took, "pieces": pieces}))
    draft.replace(file)
    place = out / f"{unit.name}.training"
    if keep and row.config is not None:
        model.mkdir(parents=True)
        for name in (WEIGHTS, DECLARED):  # the declaration last: it says that the model is whole
            (place / name).replace(model / name)
    shutil.rmtree(place, ignore_errors=True)
    return list(evaluation.pieces), took


def _config(row: Row, seed: int, steps: int | None) -> TrainConfig | None:
    if row.config is None:
        return None
    return row.config.model_copy(update={"seed": seed, **({"steps": steps} if steps is not None else {})})


def _fitted(config: TrainConfig | None, row: Row, fold: Fold, place: Path) -> Predict:
    if config is None:
        return Constant.fit(fold.train) if row.name == "constant" else LinearColour.fit(fold.train)
    train(config, [at_resolution(tile, config.model.gsd_m) for tile in fold.train], place)
    return predictor(load(place), flips=row.flips)


def _digest(config: TrainConfig | None, row: Row, fold: Fold) -> str:
    """What a result depends on: the training (or the name of the baseline) and both sets of tiles."""
    if config is not None:
        first = digest_of(config, fold.train)
        second = digest_of(config, fold.test)
    else:
        first, second = (digest_of(TrainConfig(), side) for side in (fold.train, fold.test))
    return "sha256:" + hashlib.sha256(f"{row.name}\0{row.flips}\0{first}\0{second}".encode()).hexdigest()


def _listed(sums: Sums) -> dict[str, list[object]]:
    return {"pixels": sums.pixels.tolist(), "blocks": sums.blocks.tolist(), "edges": sums.edges.tolist()}


def _read(file: Path, digest: str) -> tuple[list[Piece], float] | None:
    if not file.is_file() or file.stat().st_size > _MAX_RESULT:
        return None
    try:
        document = json.loads(file.read_text("utf-8"))
        if document["digest"] != digest:
            return None
        return [_piece(entry) for entry in document["pieces"]], float(document["seconds"])
    except (ValueError, KeyError, TypeError):
        return None


def _piece(entry: dict[str, object]) -> Piece:
    pixels = np.array(entry["pixels"], float)
    empty = np.zeros((0, len(pixels)))
    blocks, edges = np.array(entry["blocks"], float), np.array(entry["edges"], float)
    sums = Sums(pixels, blocks, edges, empty, empty, np.zeros((JOINT, JOINT)))
    return Piece(str(entry["name"]), str(entry["site"]), sums)
