"""What a worker finds: the brief, the task's own files, and the gates as a command that it can call.

The workspace starts with `component/`, which holds a copy of the task's files and empty `src/` and `c/`.
`/task/bin/check` runs the gates on it as the verifier would, without a sandbox of its own: the worker is in one.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.core.arena import Workplace
from assay.core.digest import Digest
from assay.core.sandbox import WORKSPACE, Mount, python_mounts
from assay.core.store import Store
from assay.core.task import Task
from assay.prove.component import LIMITS

TASK = "/task"
COMPONENT = "component"

_CHECK = """#!/bin/sh
# usage: check [--gate GATE] [--fuzz N]   the gates on the component in the workspace, with the task's own files
exec python -m assay.prove.worker_check {brief} "$@"
"""
_TIMER = """#!/bin/sh
# Prints the seconds that are left.
echo $(({deadline} - $(date +%s)))
"""


def lay_out(
    task: Task, inputs: Mapping[str, Digest], store: Store, workspace: Path, shelf: Path, *, confined: bool
) -> Workplace:
    """Write the brief and a component to fill into `workspace`, and the read-only rest into `shelf`."""
    root, work = (Path(TASK), Path(WORKSPACE)) if confined else (shelf, workspace)
    (shelf / "bin").mkdir()
    store.get_tree(inputs["trusted"], shelf / "proofs", LIMITS)
    store.get_tree(inputs["trusted"], workspace / "proofs", LIMITS)
    (workspace / "proofs" / task.name).rename(workspace / COMPONENT)
    for name in ("src", "c"):
        (workspace / COMPONENT / name).mkdir(exist_ok=True)
    for library in (workspace / "proofs").iterdir():
        library.rename(workspace / library.name)  # beside the component, as component.toml names it
    (workspace / "proofs").rmdir()
    deadline = time.time() + task.budget.wall_seconds
    brief = _brief(task, root, work, deadline)
    for path in (shelf / "brief.json", workspace / "brief.json"):
        path.write_text(json.dumps(brief, indent=2) + "\n")
    (workspace / "BRIEF.md").write_text(_text(task, brief))
    _program(shelf / "bin" / "check", _CHECK.format(brief=root / "brief.json"))
    _program(shelf / "bin" / "timer", _TIMER.format(deadline=int(deadline)))
    environment = {"PYTHONUNBUFFERED": "1", "OCAMLFIND_CONF": "/dev/null"}
    return Workplace(mounts=(*python_mounts(), Mount(shelf, TASK)), environment=environment)


def _brief(task: Task, root: Path, work: Path, deadline: float) -> dict[str, Any]:
    return {
        "schema": "assay.prove-brief/1",
        "task": task.id,
        "task_digest": task.digest,
        "name": task.name,
        "objective": task.objective,
        "rules": list(task.rules),
        "budget": task.budget.model_dump(),
        "deadline_unix": deadline,
        "prover": task.inputs["prover"],
        "theorems": task.inputs["theorems"],
        "component": str(work / COMPONENT),
        "trusted": str(root / "proofs" / task.name),
        "check": str(root / "bin" / "check"),
        "timer": str(root / "bin" / "timer"),
        "fuzz": task.verification["fuzz"],
    }


def _text(task: Task, brief: dict[str, Any]) -> str:
    rules = "\n".join(f"{i}. {rule}" for i, rule in enumerate(task.rules, 1))
    theorems = "\n".join(_row(theorem) for theorem in brief["theorems"])
    budget = task.budget
    return f"""# {task.title}

{task.objective}

Write definitions and proofs into `{brief["component"]}/src` and, where `component.toml` names a program, the C that its
printer prints into `{brief["component"]}/c`. Nothing else is taken.

| trusted statement | to be proved as | role | what it says |
|---|---|---|---|
{theorems}

## What is here

| path | what |
|---|---|
| `{brief["component"]}/component.toml` | what is asked, and the names that are used |
| `{brief["component"]}/trusted/` | the trusted statement: read it first. Changing this copy changes nothing |
| `{brief["check"]} [--gate GATE]` | the four gates on what you have, as the verifier runs them |
| `{brief["timer"]}` | the seconds that are left |
| `brief.json` | this page for programs |

## Budget

{budget.wall_seconds:.0f} seconds of real time, {budget.memory_bytes / 2**30:.0f} GiB of memory, no network.

## Rules

{rules}
"""


def _row(theorem: dict[str, Any]) -> str:
    role = f"{theorem['role']}{', of the program' if theorem['of_program'] else ''}"
    return f"| `{theorem['statement']}` | `{theorem['proof']}` | {role} | {theorem['says']} |"


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
