"""Which runs answer which question, and running them: each once, several at a time, killed at any moment and resumed.

A finished run is one JSON file in the output folder, named for its settings; a run whose file is there is not repeated.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assay.core.errors import BadInput, LimitExceeded
from assay.pretrain.lab.attacks import ATTACKS
from assay.pretrain.lab.runs import Method, Result, Settings, run
from assay.pretrain.lab.text import read_text

_MAX_RESULT = 1 << 20  # bytes; a result has about two thousand

# Found by `tune` on seed 100, which no comparison uses; the same grid of rates for all three methods.
TUNED: dict[Method, dict[str, Any]] = {
    "adamw": {"inner_rate": 2e-3},
    "diloco": {"inner_rate": 2e-3, "outer_rate": 0.7, "momentum": 0.9},
    "sparseloco": {"inner_rate": 2e-3, "outer_rate": 1.0, "error_decay": 0.95},
}
TUNING_SEED = 100


@dataclass(frozen=True)
class Case:
    """One run's place in a table."""

    table: str
    label: str
    settings: Settings


def compare(base: Settings, seeds: int) -> Iterator[Case]:
    """Must show: SparseLoCo, DiLoCo and data-parallel AdamW at equal tokens."""
    for seed in range(seeds):
        for method in ("sparseloco", "diloco", "adamw"):
            yield Case("method", method, _of(base, method, seed=seed))


def ablate(base: Settings, seeds: int) -> Iterator[Case]:
    """One setting of SparseLoCo changed at a time."""
    changes: list[tuple[str, str, dict[str, Any]]] = [("as published", "all", {})]
    changes += [("k", str(k), {"keep": k}) for k in (16, 32, 128, 256)]
    changes += [("beta", str(beta), {"error_decay": beta}) for beta in (0.0, 0.5, 0.8, 1.0)]
    changes += [("H", str(steps), {"inner_steps": steps}) for steps in (5, 30, 60)]
    changes += [("quantiser", q, {"quantiser": q}) for q in ("1 bit", "float32", "original")]
    changes += [("aggregate", how, {"aggregate": how}) for how in ("agreement", "geometric_median")]
    senders = [("mean_of_senders", rate) for rate in (1.0, 0.5, 0.25)]
    changes += [("aggregate", f"{how}, rate {r:g}", {"aggregate": how, "outer_rate": r}) for how, r in senders]
    changes += [("delayed", f"rate {r:g}", {"delayed": True, "outer_rate": r}) for r in (1.0, 0.5)]
    for seed in range(seeds):
        for table, label, change in changes:
            yield Case(table, label, _of(base, "sparseloco", seed=seed, **change))


def tune(base: Settings, rates: Sequence[float] = (1e-3, 2e-3, 4e-3)) -> Iterator[Case]:
    """The learning rates of each method, on a seed of its own."""
    for rate in rates:
        yield Case("adamw", f"inner {rate:g}", _of(base, "adamw", seed=TUNING_SEED, inner_rate=rate))
        for outer in (0.5, 0.7, 0.9):
            change = {"inner_rate": rate, "outer_rate": outer}
            yield Case("diloco", f"inner {rate:g}, outer {outer:g}", _of(base, "diloco", seed=TUNING_SEED, **change))
        for outer in (0.7, 1.0, 1.5):
            change = {"inner_rate": rate, "outer_rate": outer}
            label = f"inner {rate:g}, outer {outer:g}"
            yield Case("sparseloco", label, _of(base, "sparseloco", seed=TUNING_SEED, **change))


def robust(base: Settings, seeds: int) -> Iterator[Case]:
    """Two of eight peers attack: what each aggregate makes of it. Clean runs have six honest peers and nobody else."""
    rules = ("mean", "geometric_median", "agreement")
    for seed in range(seeds):
        for how in rules:
            common = {"seed": seed, "aggregate": how}
            clean = _of(base, "sparseloco", **common).model_copy(update={"peers": base.peers - 2})
            yield Case(how, "clean, 6 peers", clean)
            yield Case(how, "clean, 8 peers", _of(base, "sparseloco", **common))
            for attack in ATTACKS:
                yield Case(how, attack, _of(base, "sparseloco", attack=attack, attackers=2, **common))


def _of(base: Settings, method: Method, **changes: Any) -> Settings:
    return Settings.model_validate({**base.model_dump(), **TUNED[method], "method": method, **changes})


# Running -----------------------------------------------------------------------------------------------------------


def run_all(cases: Sequence[Case], out: Path, folders: Sequence[Path], jobs: int) -> list[tuple[Case, Result]]:
    """Run what has no result in `out` yet; the results of all, in order."""
    out.mkdir(parents=True, exist_ok=True)
    waiting = {case.settings.name: case.settings for case in cases if read_result(out, case.settings) is None}
    _say(f"{len(cases)} runs, {len(waiting)} of them to do")
    with ProcessPoolExecutor(max_workers=jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        begun = {pool.submit(_run_one, settings, out, folders): name for name, settings in waiting.items()}
        for number, future in enumerate(as_completed(begun), 1):
            result = future.result()
            _say(f"[{number}/{len(begun)}] {begun[future]}: loss {result.loss:.4f} in {result.seconds:.0f} s")
    finished = [(case, read_result(out, case.settings)) for case in cases]
    return [(case, result) for case, result in finished if result is not None]


def _run_one(settings: Settings, out: Path, folders: Sequence[Path]) -> Result:
    import torch

    torch.set_num_threads(1)  # two runs at once use two cores better than one run does
    result = run(settings, read_text(folders), _say)
    path = out / f"{settings.name}.json"
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_text(result.model_dump_json(indent=1))
    unfinished.replace(path)
    return result


def read_result(out: Path, settings: Settings) -> Result | None:
    """The result of a finished run, if it is there."""
    path = out / f"{settings.name}.json"
    if not path.is_file():
        return None
    if path.stat().st_size > _MAX_RESULT:
        raise LimitExceeded(f"{path} has {path.stat().st_size} bytes; a result has at most {_MAX_RESULT}.")
    try:
        result = Result.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BadInput(f"{path} is not a result of this laboratory: {error.errors()[0]['msg']}; delete it.") from None
    if result.settings != settings:
        raise BadInput(f"{path} holds the result of other settings than its name says; delete it.")
    return result


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
