"""The front door of the arena's verifier: a stored model in, a verdict out. It reads the store and nothing else.

What is handed in is data: weights and a declared architecture, parsed strictly; no code of it is run.
"""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assay.canopy import intake, synthetic, tasks
from assay.canopy.evaluation import Predict
from assay.canopy.integrity import Errors, by_heart, copies, no_control
from assay.canopy.model import load
from assay.canopy.predicting import predictor
from assay.canopy.tiles import Tile, read_manifest
from assay.core.arena import Examination, Report
from assay.core.confinement import confinement
from assay.core.digest import Digest
from assay.core.sandbox import Sandbox
from assay.core.scratch import scratch
from assay.core.statistics import mean_interval
from assay.core.store import Store
from assay.core.submission import submission_to_verify
from assay.core.task import Task
from assay.core.verdict import Finding, Measure, Verdict, decide

ERROR, CONSTANT, IMPROVEMENT, BIAS = "MAE", "MAE of a constant", "improvement", "bias"
WORST = 1000.0  # metres: what a tile can count at most


def verify(digest: Digest, store: Store, sandbox: Sandbox, report: Report) -> Examination:
    """Measure and audit a stored submission. Equal submissions get equal measures on one kind of machine."""
    handed_in, task = submission_to_verify(digest, store, tasks.find, lambda task: tasks.stage(task, store))
    with scratch("verify") as place:
        for side in (tasks.GIVEN, tasks.HIDDEN):
            store.get_tree(handed_in.inputs[side], place / side, tasks.LIMITS)
        store.get_tree(handed_in.model, place / "model", tasks.LIMITS)
        intake.check(place / "model")
        hidden = _labelled(place / tasks.HIDDEN)
        findings: list[Finding] = confinement(handed_in.run)
        if handed_in.workspace is not None:
            report("Looking for hidden tiles in what was handed in")
            store.get_tree(handed_in.workspace, place / "workspace", tasks.LIMITS)
            findings += copies(place / "workspace", tasks.LIMITS, hidden)
        report("Measuring the model on the hidden sites")
        predict = predictor(load(place / "model"))
        height = _mean_height(_labelled(place / tasks.GIVEN))
        measures = _measures(hidden, predict, height, task.verification["seed"])
        report("Looking whether the weights know the hidden tiles by heart")
        findings += _against_control(hidden, task, digest, predict)
    outcome, reason = decide(findings, next(m for m in measures if m.name == IMPROVEMENT))
    verdict = Verdict(
        task=task.id,
        task_digest=task.digest,
        submission=digest,
        outcome=outcome,
        reason=reason,
        measures=measures,
        findings=tuple(findings),
        method={
            **task.verification,
            "intervals_over": "sites" if _by_site(hidden) else "tiles",
            "worker_sandbox": handed_in.run.sandbox,
            "evaluation_sandbox": sandbox.name,
            "versions": {name: version(name) for name in ("assay", "numpy", "rasterio", "torch")},
            "machine": f"{platform.system()} {platform.machine()}",
        },
    )
    return Examination(verdict)


def _labelled(folder: Path) -> list[Tile]:
    tiles = (ref.load() for ref in read_manifest(folder) if ref.height is not None)
    return [tile for tile in tiles if tile.labelled.any()]


def _mean_height(tiles: Sequence[Tile]) -> float:
    """The height that a worker who looked at nothing could have said."""
    total = sum(float(np.nansum(tile.height, dtype=np.float64)) for tile in tiles)
    return total / sum(int(tile.labelled.sum()) for tile in tiles)


def _errors(tile: Tile, height: NDArray[np.float32]) -> NDArray[np.float64]:
    """Prediction less truth in metres, at the labelled pixels; what is no number counts as the worst."""
    errors = height[tile.labelled].astype(np.float64) - tile.height[tile.labelled]
    return np.nan_to_num(errors, nan=WORST, posinf=WORST, neginf=-WORST).clip(-WORST, WORST)


def _measures(hidden: Sequence[Tile], predict: Predict, constant: float, seed: int) -> tuple[Measure, ...]:
    """Metres, a tile at a time: the error, a constant's error, by how much the model is better, and its bias."""
    errors = [_errors(tile, predict(tile).height) for tile in hidden]
    plain = [_errors(tile, np.full(tile.shape, constant, np.float32)) for tile in hidden]
    mean = [float(np.abs(e).mean()) for e in errors]
    of_constant = [float(np.abs(e).mean()) for e in plain]
    groups = [tile.site for tile in hidden] if _by_site(hidden) else [tile.name for tile in hidden]

    def measure(name: str, values: list[float], least: float) -> Measure:
        interval = mean_interval(values, groups, bounds=(least, WORST), seed=seed)
        return Measure(name=name, value=sum(values) / len(values), unit="m", n=len(values), interval=interval)

    return (
        measure(ERROR, mean, 0.0),
        measure(CONSTANT, of_constant, 0.0),
        measure(IMPROVEMENT, [a - b for a, b in zip(of_constant, mean, strict=True)], -WORST),
        measure(BIAS, [float(e.mean()) for e in errors], -WORST),
    )


def _by_site(hidden: Sequence[Tile]) -> bool:
    """Tiles of one site are alike: intervals are over sites, where there are enough of them."""
    return len({tile.site for tile in hidden}) >= 5


def _against_control(hidden: Sequence[Tile], task: Task, submission: Digest, predict: Predict) -> list[Finding]:
    """Hidden tiles against tiles of the same sites that the submission's own digest draws: nobody knew them before."""
    drawn = tasks.DRAWN.get(task.name)
    if drawn is None:
        return [no_control()]
    first = 1000 + int(submission.removeprefix("sha256:")[:8], 16)

    def error(tile: Tile) -> float:
        return float(np.abs(_errors(tile, predict(tile).height)).mean())

    sites = []
    for number in drawn.test:
        seen = [error(tile) for tile in hidden if tile.site == synthetic.site_name(number)]
        fresh = [synthetic.tile(number, first + i, drawn.pixels) for i in range(drawn.tiles)]
        sites.append(Errors(np.array(seen), np.array([error(tile) for tile in fresh])))
    return by_heart(sites, seed=task.verification["seed"])
