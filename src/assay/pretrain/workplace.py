"""What a worker finds: the brief, the parameters, its batches and the recipe, all read-only."""

import json
import time
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from assay.core.arena import Workplace
from assay.core.sandbox import WORKSPACE, Mount, python_mounts
from assay.core.store import Store
from assay.core.task import Task
from assay.pretrain import tasks
from assay.pretrain.data import Corpus, assigned
from assay.pretrain.training import Workbench

TASK = "/task"


def lay_out(
    task: Task, staged: tasks.Staged, store: Store, workspace: Path, shelf: Path, *, confined: bool
) -> Workplace:
    """Write the brief into `workspace` and the read-only rest into `shelf`. The budget starts now."""
    root = Path(TASK) if confined else shelf
    recipe = tasks.recipe_of(staged.recipe, store)
    corpus = Corpus(store, staged.corpus, recipe.model.context)
    samples = assigned(recipe, corpus, tasks.BEACON, tasks.UID, tasks.ROUND)
    save_file(Workbench(recipe, store).initial(), shelf / "parameters.safetensors")
    np.save(shelf / "batches.npy", samples.tensor().numpy().reshape(recipe.inner.steps, -1, recipe.model.context + 1))
    (shelf / "recipe.json").write_text(json.dumps(recipe.document(), indent=2) + "\n")
    brief = {
        "schema": "assay.brief/1",
        "task": task.id,
        "task_digest": task.digest,
        "objective": task.objective,
        "rules": list(task.rules),
        "budget": task.budget.model_dump(),
        "deadline_unix": time.time() + task.budget.wall_seconds,
        "recipe": str(root / "recipe.json"),
        "parameters": str(root / "parameters.safetensors"),
        "batches": str(root / "batches.npy"),
        "round": tasks.ROUND,
        "result": str((Path(WORKSPACE) if confined else workspace) / tasks.GRADIENT),
    }
    (workspace / "brief.json").write_text(json.dumps(brief, indent=2) + "\n")
    (workspace / "BRIEF.md").write_text(_text(task, brief))
    return Workplace(mounts=(*python_mounts(), Mount(shelf, TASK)), environment={"PYTHONUNBUFFERED": "1"})


def _text(task: Task, brief: dict[str, object]) -> str:
    rules = "\n".join(f"{i}. {rule}" for i, rule in enumerate(task.rules, 1))
    return f"""# {task.title}

{task.objective}

Leave the result in `{brief["result"]}`. It is measured on sequences that are not here, and the work is done again.

{task.budget.wall_seconds:.0f} seconds of real time, {task.budget.memory_bytes / 2**30:.0f} GiB of memory, no network.

| path | what |
|---|---|
| `{brief["parameters"]}` | the parameters that the round starts from: safetensors, float32 |
| `{brief["batches"]}` | the batches in order: int64 (steps, sequences, context + 1); ~t: token t, not learnt |
| `{brief["recipe"]}` | model, optimiser, compression |
| `brief.json` | this page for programs |

Python with torch and `assay.pretrain` is on the path: `Workbench(recipe).work(...)` is the reference.

## Rules

{rules}
"""
