"""Many inputs compared with the original, in slices, with what is done kept in a file so that work is never lost.

The seeds are the component's digest and the number of the slice: equal sources meet equal inputs.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox import Sandbox
from assay.core.scratch import scratch
from assay.core.verdict import Finding
from assay.prove.artefact import Artefact
from assay.prove.bench import Bench
from assay.prove.cell import Cell
from assay.prove.component import Component
from assay.prove.gates.conformance import TESTS, build_host, compare
from assay.prove.provers import Effort

SLICE = 50_000
_MAX_STATE = 4 << 20


class Fuzzed(BaseModel):
    """What is known after some slices. `inputs` are by function, the kept corpus not counted."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_: Literal["assay.prove-fuzz/1"] = Field(default="assay.prove-fuzz/1", alias="schema")
    component: str
    digest: str
    artefact: str
    slices: int = 0
    inputs: dict[str, int] = {}
    differences: list[dict[str, Any]] = []

    @property
    def done(self) -> int:
        """Inputs of each function so far."""
        return max(self.inputs.values(), default=0)


@dataclass(frozen=True)
class Plan:
    """How many inputs of each function are wanted, and how many go into one slice."""

    inputs: int
    slice_size: int = SLICE
    on_slice: Callable[[Fuzzed], None] = field(default=lambda _: None)


def fuzz(component: Component, sandbox: Sandbox, state: Path, plan: Plan) -> Fuzzed:
    """Go on until `plan.inputs` inputs of each function are compared, or a difference is found."""
    if not component.manifest.entries or TESTS not in component.files:
        raise BadInput(f"{component.name} has no {TESTS} or no entry point: there is nothing to compare.")
    with scratch("prove-fuzz") as place:
        bench = Bench(component, Cell(sandbox, place), Effort(), lambda _: None)
        artefact = bench.artefact
        if not isinstance(artefact, Artefact):
            raise BadInput(f"{component.name} cannot be built: {artefact[0].message}")
        host = build_host(bench, artefact)
        if isinstance(host, Finding):
            raise BadInput(host.message)
        known = _read(state, component, artefact.digest)
        while known.done < plan.inputs and not known.differences:
            known = _one_slice(bench, host, known, min(plan.slice_size, plan.inputs - known.done))
            _write(state, known)
            if not known.inputs:
                raise BadInput(f"{TESTS} of {component.name} generates no inputs: there is nothing to compare.")
            plan.on_slice(known)
    return known


def _one_slice(bench: Bench, host: Path, known: Fuzzed, wanted: int) -> Fuzzed:
    seed = f"{known.digest}/{known.slices}"
    result, examiner, _ = compare(bench, host, seed, wanted, whole=False)
    if result is None:
        raise Unavailable(examiner.why("The task's own tests"))
    differences = [*known.differences, *result.differences]
    if result.failed is not None:
        differences.append({"entry": "", "ours": result.failed, "slice": known.slices})
    inputs = {name: known.inputs.get(name, 0) + n for name, n in result.fuzz.items()}
    return known.model_copy(update={"slices": known.slices + 1, "inputs": inputs, "differences": differences})


def _read(state: Path, component: Component, artefact: str) -> Fuzzed:
    fresh = Fuzzed(component=component.name, digest=component.digest, artefact=artefact)
    if not state.exists():
        return fresh
    if not state.is_file() or state.stat().st_size > _MAX_STATE:
        raise BadInput(f"{state} is not a file that `assay prove fuzz` wrote.")
    try:
        known = Fuzzed.model_validate_json(state.read_bytes())
    except ValidationError:
        raise BadInput(f"{state} is not a file that `assay prove fuzz` wrote.") from None
    if (known.digest, known.artefact) != (fresh.digest, fresh.artefact):
        raise BadInput(f"{state} is of another {component.name} than this one: name another file, or remove it.")
    return known


def _write(state: Path, known: Fuzzed) -> None:
    new = state.with_name(f".{state.name}.{token_hex(4)}")
    new.write_text(json.dumps(known.model_dump(by_alias=True), indent=1) + "\n")
    new.replace(state)
