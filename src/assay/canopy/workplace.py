"""What a worker finds: the brief, the tiles of the training sites (read-only) and a timer."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.canopy import synthetic
from assay.canopy.tasks import GIVEN, LIMITS
from assay.core.arena import Workplace
from assay.core.digest import Digest
from assay.core.sandbox import WORKSPACE, Mount, python_mounts
from assay.core.store import Store
from assay.core.task import Task

TASK = "/task"
FINAL_MODEL = "final_model"

_TIMER = """#!/bin/sh
# Prints the seconds that are left.
echo $(({deadline} - $(date +%s)))
"""


def lay_out(
    task: Task, inputs: Mapping[str, Digest], store: Store, workspace: Path, shelf: Path, *, confined: bool
) -> Workplace:
    """Write the brief into `workspace` and the read-only rest into `shelf`. The budget starts now."""
    root = Path(TASK) if confined else shelf
    store.get_tree(inputs[GIVEN], shelf / "tiles", LIMITS)
    (shelf / "bin").mkdir()
    deadline = time.time() + task.budget.wall_seconds
    timer = shelf / "bin" / "timer"
    timer.write_text(_TIMER.format(deadline=int(deadline)))
    timer.chmod(0o755)
    brief = {
        "schema": "assay.brief/1",
        "task": task.id,
        "task_digest": task.digest,
        "objective": task.objective,
        "rules": list(task.rules),
        "budget": task.budget.model_dump(),
        "deadline_unix": deadline,
        "tiles": str(root / "tiles"),
        "timer": str(root / "bin" / "timer"),
        "final_model": str((Path(WORKSPACE) if confined else workspace) / FINAL_MODEL),
        "seed": task.verification["seed"],
    }
    (workspace / "brief.json").write_text(json.dumps(brief, indent=2) + "\n")
    (workspace / "BRIEF.md").write_text(_text(task, brief))
    return Workplace(
        mounts=(*python_mounts(), Mount(shelf, TASK)),
        hidden=(synthetic.__file__,),  # it can draw the hidden sites
        environment={"PYTHONUNBUFFERED": "1"},
    )


def _text(task: Task, brief: dict[str, Any]) -> str:
    rules = "\n".join(f"{i}. {rule}" for i, rule in enumerate(task.rules, 1))
    return f"""# {task.title}

{task.objective}

Leave the model in `{brief["final_model"]}`: `model.safetensors` and `model.json`.

{task.budget.wall_seconds:.0f} seconds of real time, {task.budget.memory_bytes / 2**30:.0f} GiB of memory, no network.

| path | what |
|---|---|
| `{brief["tiles"]}` | tiles of the training sites: imagery and height in metres, listed in `manifest.csv` |
| `{brief["timer"]}` | prints the seconds that are left |
| `brief.json` | this page for programs |

Python with torch and `assay.canopy` is on the path: `assay canopy train` makes such a model, `assay canopy evaluate`
measures one on tiles that you kept apart.

## Rules

{rules}
"""
