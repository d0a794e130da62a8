"""Which runs answer which question, and running them: each once, several at a time, killed at any moment and resumed.

A finished run is one JSON file in the output folder, named for its settings; a run whose file is there is not repeated.
"""

import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from assay.core.errors import BadInput, LimitExceeded
from assay.pretrain.lab.attacks import ATTACKS
from assay.pretrain.lab.runs import Method, Result, Settings, run
from assay.pretrain.lab.text import read_text

_MAX_RESULT = 1 << 20  # bytes; a result has about two thousand

Tuned = Mapping[Method, Mapping[str, Any]]

# What the comparison uses where `tune` has not been run into the same folder: meant for 5 million parameters and some
# hundred inner steps. Smaller models want larger inner rates.
TUNED: Tuned = {
    "adamw": {"inner_rate": 1e-3},
    "diloco": {"inner_rate": 2e-3, "outer_rate": 1.0, "momentum": 0.0},
    "sparseloco": {"inner_rate": 2e-3, "outer_rate": 2.0, "error_decay": 0.95},
}
WARMUP = 0.5  # of a run, for every method: with an eighth all of them end several per cent higher
TUNING_SEED = 100  # which no comparison uses
# Inner rates that are tried, as shares, beside the other settings of a method. _WIDE is around WIDE_RATE and for small
# models; _NARROW is around TUNED. Momentum makes outer steps 1 / (1 - momentum) as long: inner rates are lower there.
Tried = Sequence[tuple[Mapping[str, float], tuple[float, ...]]]
WIDE_RATE = 4e-3
_WIDE: Mapping[Method, Tried] = {
    "adamw": [({}, (0.5, 1.0, 2.0, 4.0))],
    "diloco": [
        ({"outer_rate": 1.0, "momentum": 0.0}, (1.0, 2.0, 4.0)),
        ({"outer_rate": 2.0, "momentum": 0.0}, (1.0, 2.0)),
        ({"outer_rate": 0.7, "momentum": 0.5}, (1.0, 2.0, 4.0)),
        ({"outer_rate": 0.7, "momentum": 0.9}, (0.25, 0.5, 1.0)),
    ],
    "sparseloco": [
        ({"outer_rate": 1.0, "error_decay": 0.95}, (2.0, 4.0)),
        ({"outer_rate": 2.0, "error_decay": 0.95}, (1.0, 2.0, 4.0)),
        ({"outer_rate": 4.0, "error_decay": 0.95}, (1.0, 2.0)),
        ({"outer_rate": 2.0, "error_decay": 0.99}, (1.0, 2.0)),
    ],
}
_NARROW: Mapping[Method, Tried] = {
    "adamw": [({}, (0.5, 1.0, 2.0))],
    "diloco": [({"outer_rate": 1.0, "momentum": 0.0}, (0.5, 1.0, 2.0))],
    "sparseloco": [
        ({"outer_rate": 1.0, "error_decay": 0.95}, (2.0, 4.0)),
        ({"outer_rate": 2.0, "error_decay": 0.95}, (1.0, 2.0)),
    ],
}
_WORDS = {"outer_rate": "outer", "momentum": "momentum", "error_decay": "beta"}
_TUNED_FILE = "tuned.json"


@dataclass(frozen=True)
class Case:
    """One run's place in a table."""

    table: str
    label: str
    settings: Settings


def compare(base: Settings, seeds: int, tuned: Tuned = TUNED) -> Iterator[Case]:
    """Must show: SparseLoCo, DiLoCo and data-parallel AdamW at equal tokens."""
    for seed in range(seeds):
        for method in ("sparseloco", "diloco", "adamw"):
            yield Case("method", method, _of(base, tuned, method, seed=seed))


def trend(base: Settings, seeds: int, tuned: Tuned = TUNED) -> Iterator[Case]:
    """The comparison with half to twice as many steps, each with `base`'s batch and with one four times as large."""
    for larger in (1, 4):
        for share in (0.5, 1, 2):
            steps, sequences = int(share * base.steps), larger * base.sequences
            changed = base.model_copy(
                update={"steps": steps, "warmup": int(WARMUP * steps), "sequences": sequences},
            )
            for case in compare(changed, seeds, tuned):
                yield Case(f"{sequences * base.context} | {steps}", case.label, case.settings)


def ablate(base: Settings, seeds: int, tuned: Tuned = TUNED) -> Iterator[Case]:
    """One setting of SparseLoCo changed at a time."""
    start = _of(base, tuned, "sparseloco")
    rate = start.outer_rate
    changes: list[tuple[str, str, dict[str, Any]]] = [("nothing", "", {})]
    changes += [("k", str(k), {"keep": k}) for k in (16, 32, 64, 128, 256)]
    changes += [("beta", str(beta), {"error_decay": beta}) for beta in (0.0, 0.5, 0.8, 0.95, 0.99, 1.0)]
    changes += [("H", str(steps), {"inner_steps": steps}) for steps in (1, 2, 5, 10, 30)]
    changes += [("quantiser", name, {"quantiser": name}) for name in ("1 bit", "float32", "original")]
    changes += [("aggregate", how, {"aggregate": how}) for how in ("agreement", "geometric_median")]
    for share in (1.0, 0.5, 0.25):
        change = {"aggregate": "mean_of_senders", "outer_rate": share * rate}
        changes.append(("aggregate", f"mean_of_senders, outer rate {share * rate:g}", change))
    changes += [("clip", "none", {"clip": "none"})]
    changes += [("outer rate", f"{share * rate:g}", {"outer_rate": share * rate}) for share in (0.5, 2.0)]
    for share in (1.0, 0.5):
        changes.append(("delayed", f"outer rate {share * rate:g}", {"delayed": True, "outer_rate": share * rate}))
    for seed in range(seeds):
        for table, label, change in changes:
            if not change or start.model_copy(update=change) != start:
                yield Case(table, label, _of(base, tuned, "sparseloco", seed=seed, **change))


def of_groups(cases: Sequence[Case], groups: Sequence[str]) -> list[Case]:
    """The cases of these groups and the base that they stand beside; all if none is named. `BadInput` if unknown."""
    known = {case.table for case in cases}
    if unknown := sorted(set(groups) - known):
        raise BadInput(f"There is no group {unknown[0][:40]!r}: choose from {', '.join(sorted(known))}.")
    return [case for case in cases if not groups or case.table in (cases[0].table, *groups)]


def tune(base: Settings, wide: bool = False) -> Iterator[Case]:
    """Rates of each method on a seed of its own: a wide grid for a small model, or each method around TUNED."""
    for method, tuned in TUNED.items():
        middle = WIDE_RATE if wide else tuned["inner_rate"]
        for change, shares in (_WIDE if wide else _NARROW)[method]:
            label = "".join(f", {_WORDS[name]} {value:g}" for name, value in change.items())
            for share in shares:
                rate = share * middle
                settings = _of(base, TUNED, method, seed=TUNING_SEED, inner_rate=rate, **change)
                yield Case(method, f"inner {rate:g}{label}", settings)


def robust(base: Settings, seeds: int, tuned: Tuned = TUNED) -> Iterator[Case]:
    """Two of eight peers attack: what each aggregate makes of it. Clean runs have six honest peers and nobody else."""
    for seed in range(seeds):
        for how in ("mean", "geometric_median", "agreement"):
            common = {"seed": seed, "aggregate": how}
            clean = _of(base, tuned, "sparseloco", **common)
            yield Case(how, "nobody, 6 peers", clean.model_copy(update={"peers": base.peers - 2}))
            yield Case(how, "nobody, 8 peers", clean)
            for attack in ATTACKS:
                yield Case(how, attack, clean.model_copy(update={"attack": attack, "attackers": 2}))


def _of(base: Settings, tuned: Tuned, method: Method, **changes: Any) -> Settings:
    return Settings.model_validate({**base.model_dump(), **tuned[method], "method": method, **changes})


# Rates -------------------------------------------------------------------------------------------------------------


def write_tuned(out: Path, rows: Sequence[tuple[Case, Result]]) -> None:
    """Keep each method's best rates beside the results, where the other experiments find them."""
    best: dict[str, dict[str, float]] = {}
    for case, _ in sorted(rows, key=lambda row: row[1].loss, reverse=True):
        settings = case.settings.model_dump()
        best[settings["method"]] = {name: settings[name] for name in TUNED[settings["method"]]}
    (out / _TUNED_FILE).write_text(json.dumps(best, indent=1) + "\n")


def read_tuned(out: Path) -> Tuned:
    """What `tune` found in this folder, or TUNED."""
    path = out / _TUNED_FILE
    if not path.is_file():
        return TUNED
    if path.stat().st_size > _MAX_RESULT:
        raise LimitExceeded(f"{path} has {path.stat().st_size} bytes; tuned rates have at most {_MAX_RESULT}.")
    try:
        found = json.loads(path.read_bytes())
        same = {method: set(values) for method, values in found.items()} == {m: set(v) for m, v in TUNED.items()}
    except (ValueError, TypeError, AttributeError):
        same = False
    if not same or not all(isinstance(v, float) for values in found.values() for v in values.values()):
        raise BadInput(f"{path} does not hold the rates of the three methods: delete it, or run tune again.")
    return cast(Tuned, found)


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
