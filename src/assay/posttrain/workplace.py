"""What a worker finds: the brief, the data, the base model, a timer, and an `evaluate` that knows only dev items.

Everything is in one read-only folder, `/task` inside a sandbox. The workspace starts with `BRIEF.md` and `brief.json`
and is otherwise the worker's own.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from assay.core.arena import Workplace
from assay.core.sandbox import WORKSPACE, Mount, python_mounts
from assay.core.store import Store
from assay.core.task import Task
from assay.posttrain import catalogue
from assay.posttrain.benchmarks import Item, from_jsonl
from assay.posttrain.sources import package_folder
from assay.posttrain.tasks import Staged, benchmark_of, model_of

TASK = "/task"
FINAL_MODEL = "final_model"
_MAX_DATA = 256 << 20  # bytes of one data file

_TIMER = """#!/bin/sh
# Prints the seconds that are left.
echo $(({deadline} - $(date +%s)))
"""

_EVALUATE = """#!/bin/sh
# usage: evaluate MODEL_FOLDER [N_ITEMS]   score on the development items, with the verifier's prompts and decoding
exec python -m assay.posttrain.evaluate_dev {brief} "$@"
"""


def lay_out(task: Task, staged: Staged, store: Store, workspace: Path, shelf: Path, *, confined: bool) -> Workplace:
    """Write the brief into `workspace` and the read-only rest into `shelf`. The budget starts now."""
    root = Path(TASK) if confined else shelf
    (shelf / "bin").mkdir()
    write_data(staged, store, shelf / "data")
    store.get_tree(staged.base, shelf / "base_model")
    deadline = time.time() + task.budget.wall_seconds  # last: copying a large base model is not the worker's time
    brief = _brief(task, root, Path(WORKSPACE) if confined else workspace, deadline)
    (shelf / "brief.json").write_text(json.dumps(brief, indent=2) + "\n")
    _program(shelf / "bin" / "timer", _TIMER.format(deadline=int(deadline)))
    _program(shelf / "bin" / "evaluate", _EVALUATE.format(brief=root / "brief.json"))
    (workspace / "brief.json").write_text(json.dumps(brief, indent=2) + "\n")
    (workspace / "BRIEF.md").write_text(_text(task, brief))
    return Workplace(
        mounts=(*python_mounts(), Mount(shelf, TASK)),
        hidden=benchmark_packages(),
        environment={"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"},
    )


def write_data(staged: Staged, store: Store, folder: Path) -> None:
    """The files of items that a worker is given."""
    folder.mkdir(parents=True)
    for name, digest in (("train", staged.train), ("dev", staged.dev)):
        items = from_jsonl(store.get_bytes(digest, _MAX_DATA))
        (folder / f"{name}.jsonl").write_text("".join(_row(item) for item in items))


def benchmark_packages() -> tuple[str, ...]:
    """Installed packages that carry benchmark data, test items among them: no worker and no model may see them."""
    known = catalogue.load().benchmarks.values()
    names = {s.package.package for b in known for s in (*b.test, *b.train) if s.package is not None}
    return tuple(str(folder) for name in sorted(names) if (folder := package_folder(name)) is not None)


def _row(item: Item) -> str:
    row = {
        "id": item.id,
        "messages": [m.model_dump() for m in item.messages],
        "answer": item.answer(),
        "item": item.model_dump(),
    }
    return json.dumps(row) + "\n"  # in ASCII: many readers take U+2028 in a text for the end of a line


def _brief(task: Task, root: Path, workspace: Path, deadline: float) -> dict[str, Any]:
    model, benchmark = model_of(task), benchmark_of(task)
    return {
        "schema": "assay.brief/1",
        "task": task.id,
        "task_digest": task.digest,
        "objective": task.objective,
        "rules": list(task.rules),
        "budget": task.budget.model_dump(),
        "deadline_unix": deadline,
        "network": list(task.network),
        "base_model": str(root / "base_model"),
        "train": str(root / "data" / "train.jsonl"),
        "dev": str(root / "data" / "dev.jsonl"),
        "timer": str(root / "bin" / "timer"),
        "evaluate": str(root / "bin" / "evaluate"),
        "final_model": str(workspace / FINAL_MODEL),
        "chat_template": model.chat_template,
        "end_of_turn": model.end_of_turn,
        "benchmark": benchmark.title,
        "scorer": benchmark.scorer,
        "decoding": task.verification["decoding"],
        "engine": task.verification["engine"],
    }


def _text(task: Task, brief: dict[str, Any]) -> str:
    rules = "\n".join(f"{i}. {rule}" for i, rule in enumerate(task.rules, 1))
    budget = task.budget
    network = f"network: {', '.join(task.network)}" if task.network else "no network"
    return f"""# {task.title}

{task.objective}

Leave the result in `{brief["final_model"]}`. It is scored on test items that are not here.

## Budget

{budget.wall_seconds:.0f} seconds of real time for everything, {budget.memory_bytes / 2**30:.0f} GiB of memory,
{budget.disk_bytes / 2**30:.0f} GiB of disk, {os.cpu_count()} processors, {network}.
`{brief["timer"]}` prints the seconds that are left. When they are over, every process is killed and what is in
`final_model/` counts.

## What is here

| path | what |
|---|---|
| `{brief["base_model"]}` | the base model: config, tokenizer, weights (safetensors, bfloat16) |
| `{brief["train"]}` | training items: `messages` (the prompt) and `answer`, one JSON object a line |
| `{brief["dev"]}` | development items, of the same form |
| `{brief["evaluate"]} FOLDER [N]` | scores a model folder on N development items as the verifier would |
| `brief.json` | this page for programs, with the chat template |

Python with torch and transformers is on the path. `/task` cannot be written to.

## Rules

{rules}
"""


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
