"""All mutants of a component, one after the other, with what is known kept in a file so that work is never lost.

The state is JSON lines: a header that names the component, then one line for each mutant that was tried. The format is
in docs/prove/mutation.md.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assay.core.errors import BadInput
from assay.core.sandbox import Sandbox
from assay.core.scratch import scratch
from assay.prove.component import Component
from assay.prove.mutation.mutants import chosen, mutants
from assay.prove.mutation.trial import Trial, Workshop
from assay.prove.provers import Effort

SCHEMA = "assay.prove-mutation/1"
MAX_STATE = 64 << 20
OnTrial = Callable[[Trial, int, int], None]  # what was found, how many are done, how many there are


@dataclass(frozen=True)
class Score:
    """What became of the mutants of one component."""

    component: str
    digest: str
    possible: int
    chosen: int
    trials: tuple[Trial, ...]

    def count(self, result: str) -> int:
        return sum(trial.result == result for trial in self.trials)

    @property
    def survivors(self) -> tuple[Trial, ...]:
        return tuple(trial for trial in self.trials if trial.result == "survived")

    @property
    def done(self) -> bool:
        return len(self.trials) == self.chosen

    @property
    def meaningful(self) -> int:
        """Mutants that the prover could read: a change without a meaning shows nothing."""
        return len(self.trials) - self.count("stillborn")

    def document(self) -> dict[str, Any]:
        """The score as JSON, without the single trials."""
        kinds: dict[str, Counter[str]] = {}
        for trial in self.trials:
            kinds.setdefault(f"{trial.part}: {trial.kind}", Counter())[trial.result] += 1
        names = ("killed", "equivalent", "survived", "stillborn")
        return {
            "schema": SCHEMA,
            "component": self.component,
            "digest": self.digest,
            "possible": self.possible,
            "chosen": self.chosen,
            "tried": len(self.trials),
            **{name: self.count(name) for name in names},
            "by_kind": {kind: dict(sorted(found.items())) for kind, found in sorted(kinds.items())},
            "survivors": [trial.model_dump() for trial in self.survivors],
        }


def run_campaign(
    component: Component,
    sandbox: Sandbox,
    state: Path,
    *,
    most: int,
    effort: Effort,
    seconds: float | None = None,
    on_trial: OnTrial = lambda *_: None,
) -> Score:
    """Try the mutants that `state` does not know yet, until all are tried or `seconds` have passed."""
    every = mutants(component)
    wanted = chosen(every, most)
    known = {trial.id: trial for trial in read_state(state, component)} if state.exists() else {}
    left = [mutant for mutant in wanted if mutant.id not in known]
    started = time.monotonic()
    if left:
        _begin(state, component)
        with scratch("prove-mutation") as place, state.open("a") as file:
            workshop = Workshop(component, sandbox, effort, place)
            for mutant in left:
                if seconds is not None and time.monotonic() - started > seconds:
                    break
                trial = workshop.attempt(mutant)
                known[trial.id] = trial
                file.write(trial.model_dump_json() + "\n")
                file.flush()
                on_trial(trial, len(known), len(wanted))
    return _score(component, len(every), [m.id for m in wanted], known)


def score_of(component: Component, state: Path, most: int) -> Score:
    """The score as far as `state` knows it."""
    every = mutants(component)
    known = {trial.id: trial for trial in read_state(state, component)}
    return _score(component, len(every), [m.id for m in chosen(every, most)], known)


def _score(component: Component, possible: int, wanted: Sequence[str], known: dict[str, Trial]) -> Score:
    trials = tuple(known[name] for name in wanted if name in known)
    return Score(component.name, component.digest, possible, len(wanted), trials)


def _begin(state: Path, component: Component) -> None:
    """A state file with a header, and without a last line that was cut off."""
    if not state.exists():
        state.write_text(_header(component) + "\n")
    text = state.read_bytes()
    if not text.endswith(b"\n"):
        state.write_bytes(text[: text.rfind(b"\n") + 1])


def _header(component: Component) -> str:
    return json.dumps({"schema": SCHEMA, "component": component.name, "digest": component.digest})


def read_state(state: Path, component: Component) -> list[Trial]:
    """What a state file knows. `BadInput` if it speaks of other sources. A last line that was cut off is left out."""
    if not state.is_file() or state.stat().st_size > MAX_STATE:
        raise BadInput(f"{state} is not a file of at most {MAX_STATE >> 20} MiB that `assay prove mutate` wrote.")
    lines = state.read_text(errors="replace").split("\n")
    if lines[0] != _header(component):
        raise BadInput(f"{state} is of other sources than {component.name} is now: name another file, or remove it.")
    found = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            found.append(Trial.model_validate_json(line))
        except ValidationError:
            if number == len(lines):  # the run was ended while it wrote
                break
            raise BadInput(f"{state}, line {number}: this is not a mutant that was tried.") from None
    return found
