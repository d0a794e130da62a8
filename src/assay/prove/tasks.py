"""The tasks of this arena: one for each component whose trusted statements are in the folder of components.

A task gives a worker everything that the task owns: `component.toml`, the trusted statement, the tests, the libraries.
What comes back is `src/` and `c/`.
"""

import json
import shutil
from functools import cache
from pathlib import Path

from assay.core.budget import Budget
from assay.core.digest import Digest, canonical_json
from assay.core.errors import BadInput, Unavailable
from assay.core.store import Store
from assay.core.task import Task
from assay.prove.component import LIMITS, TRUSTED_FOLDERS, Component, copy_libraries, copy_sources, read
from assay.prove.gates import Gate
from assay.prove.loading import proofs_folder

_MAX_STAGED = 1 << 16
WALL_SECONDS = 4 * 3600.0
FUZZ = 20_000
RECHECK = "everything"  # what the independent checker looks at: the installed standard library too
NO_SOLUTION = "There is no reference solution: nobody has shown here that it can be done within the budget."

RULES = (
    "Prove the trusted theorems exactly as they are stated: the verifier states them again by itself.",
    "No axioms, nothing admitted, no check switched off. What a theorem rests on is listed.",
    "Hand in sources only: src/ and c/. Compiled files are not used.",
    "No plugins, no commands that load, write or extract files: the verifier does these itself.",
    "The committed C is what the trusted printer prints of your program, byte for byte.",
)


def all_tasks() -> list[Task]:
    """The tasks that can be set here; none where there is no folder of components."""
    try:
        root = proofs_folder()
    except Unavailable:
        return []
    return [_task(path.parent) for path in sorted(root.glob("*/component.toml"))]


def find(name: str) -> Task:
    for task in all_tasks():
        if task.name == name:
            return task
    raise BadInput(f"There is no task prove/{name[:80]}: `assay tasks 'prove/*'` lists them.")


@cache
def _read(folder: Path, _: float) -> Component:
    return read(folder)


def component_of(task: Task) -> Component:
    """The component that a task was made from."""
    folder = proofs_folder() / task.name
    return _read(folder, (folder / "component.toml").stat().st_mtime)


def _task(folder: Path) -> Task:
    component = _read(folder, (folder / "component.toml").stat().st_mtime)
    manifest = component.manifest
    return Task(
        arena="prove",
        name=manifest.name,
        title=f"{manifest.title} in a machine-checked verified form",
        objective=_objective(component),
        rules=RULES,
        inputs={
            "prover": manifest.prover,
            "source": manifest.source.model_dump(),
            "trusted": component.trusted_digest,
            "theorems": [theorem.model_dump() for theorem in manifest.theorems],
        },
        budget=Budget(wall_seconds=WALL_SECONDS, memory_bytes=8 << 30, disk_bytes=4 << 30),
        verification={"gates": [gate.value for gate in Gate], "fuzz": FUZZ, "recheck": RECHECK},
    )


def _objective(component: Component) -> str:
    manifest = component.manifest
    asked = f"Write {manifest.title} ({manifest.about.strip().rstrip('.')}) and prove the trusted statements."
    return asked if reference_solution(component) else f"{asked} {NO_SOLUTION}"


def reference_solution(component: Component) -> bool:
    """Whether the folder holds all that a submission needs: the files that the theorems name, and the program."""
    manifest = component.manifest
    ending = "v" if manifest.rocq else "lean"
    needed = {f"src/{theorem.proof.split('.')[0]}.{ending}" for theorem in manifest.theorems}
    if manifest.program and manifest.program.c:
        needed.add(manifest.program.c)
    return needed <= component.files.keys()


def stage(task: Task, store: Store) -> dict[str, Digest]:
    """The task's own files in the store: the trusted part of the component, and its libraries."""
    name = f"prove/inputs/{task.digest.removeprefix('sha256:')}"
    kept = store.ref(name)
    if kept is not None and store.has(kept):
        inputs: dict[str, Digest] = json.loads(store.get_bytes(kept, _MAX_STAGED))["inputs"]
        if all(store.has(digest) for digest in inputs.values()):
            return inputs
    from assay.core.scratch import scratch

    component = component_of(task)
    with scratch("prove-inputs") as place:
        write_trusted(component, place / "proofs")
        inputs = {"trusted": store.put_tree(place / "proofs", LIMITS).digest}
    document = {"schema": "assay.inputs/1", "task": task.digest, "inputs": inputs}
    store.set_ref(name, store.put_bytes(canonical_json(document)))
    return inputs


def write_trusted(component: Component, folder: Path) -> None:
    """What the task owns, as it lies in a folder of components: libraries beside the component."""
    place = folder / component.name
    copy_sources(component, place, TRUSTED_FOLDERS)
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(component.root / "component.toml", place / "component.toml")
    copy_libraries(component, folder)
