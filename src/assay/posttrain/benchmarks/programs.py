"""Benchmarks whose answer is a program: HumanEval. The program runs in one sandbox, the tests in another.

The two talk through a pair of pipes, in plain values (numbers, text, lists, dictionaries), never in code or pickles. So
a program can neither end the test run with exit code 0 nor hand in an object that says it equals everything: both are
known ways to pass such tests without solving them.
"""

import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files as package_files
from pathlib import Path

from assay.core.budget import Budget
from assay.core.errors import BadInput
from assay.core.sandbox import Mount, Sandbox, Spec, python_mounts
from assay.core.scratch import scratch
from assay.posttrain.benchmarks.item import Item, Message
from assay.posttrain.benchmarks.records import field, read_records

ASK = (
    "Complete this Python function. Answer with the whole function, with its imports, in one ```python block and "
    "nothing else.\n\n```python\n"
)
# For one program's tests; the published harnesses give 3 to 30 seconds.
BUDGET = Budget(wall_seconds=15, memory_bytes=1 << 30, disk_bytes=64 << 20, processes=64, output_bytes=1 << 16)
MAX_PROGRAM = 200_000  # characters
_AT_ONCE = 4
_PIPES = "/pipes"
_FENCED = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\r?\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)


def read_humaneval(files: Sequence[Path]) -> list[Item]:
    """HumanEval's own fields: `task_id`, `prompt`, `entry_point`, `canonical_solution`, `test`."""
    (path,) = files
    return [
        program_item(
            field(record, "task_id", path),
            field(record, "prompt", path),
            field(record, "entry_point", path),
            field(record, "test", path),
            field(record, "canonical_solution", path),
        )
        for record in read_records(path)
    ]


def program_item(id_: str, prompt: str, entry_point: str, test: str, solution: str) -> Item:
    if f"def {entry_point}" not in prompt:
        raise BadInput(f"{id_}: the prompt does not define {entry_point}.")
    return Item(
        id=id_,
        group=id_,
        messages=(Message(role="user", content=f"{ASK}{prompt.rstrip()}\n```"),),
        question=prompt,
        target=f"```python\n{prompt.strip()}\n{solution.rstrip()}\n```",
        check={"prompt": prompt, "entry_point": entry_point, "test": test},
    )


def program(answer: str, item: Item) -> str | None:
    """The program that an answer gives: its code block, or all of it; None if it is no program for this item.

    What the prompt has before the function (imports, helpers) comes first. A bare body continues the prompt.
    """
    if len(answer) > MAX_PROGRAM:
        return None
    blocks = [str(block) for block in _FENCED.findall(answer)] or [answer]
    prompt, name = item.check["prompt"], item.check["entry_point"]
    before = preamble(item)
    for block in blocks:
        if re.search(rf"^def {re.escape(name)}\b", block, re.MULTILINE):
            return f"{before}\n{block}\n"
    body = next((block for block in blocks if block.strip()), None)
    if body is None:
        return None
    indented = body if body.lstrip("\n").startswith((" ", "\t")) else "".join(f"    {x}\n" for x in body.splitlines())
    return f"{prompt}\n{indented}\n"


def preamble(item: Item) -> str:
    """What the prompt has before the function that is asked for."""
    return str(item.check["prompt"]).partition(f"def {item.check['entry_point']}")[0]


def scores(items: Sequence[Item], answers: Sequence[str], sandbox: Sandbox) -> list[float]:
    """1.0 for each answer whose program passes its item's tests, else 0.0."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda item, answer: float(_passes(item, answer, sandbox)), items, answers))


def _passes(item: Item, answer: str, sandbox: Sandbox) -> bool:
    code = program(answer, item)
    if code is None:
        return False
    with scratch("program") as place:
        folders = {name: place / name for name in ("pipes", "program", "tests")}
        for folder in folders.values():
            folder.mkdir()
        for pipe in ("calls", "results"):
            os.mkfifo(folders["pipes"] / pipe)
        (folders["program"] / "program.py").write_text(code)
        tests = {"preamble": preamble(item), "test": item.check["test"], "entry_point": item.check["entry_point"]}
        (folders["tests"] / "tests.json").write_text(json.dumps(tests))
        for name in ("serve", "check", "values"):  # both sides speak the language of `values`
            text = (package_files(__package__) / "inside" / f"{name}.py").read_text()
            for side in ("program", "tests"):
                (folders[side] / f"{name}.py").write_text(text)

        def run(side: str, *command: str) -> int:
            root = Path(_PIPES) if sandbox.name != "none" else folders["pipes"]
            spec = Spec(folders[side], BUDGET, (*python_mounts(), Mount(folders["pipes"], _PIPES, writable=True)))
            command = ("python", "-u", *command, str(root))
            return sandbox.run(command, spec, transcript=place / f"{side}.out").exit_code

        with ThreadPoolExecutor(1) as beside:
            serving = beside.submit(run, "program", "serve.py", item.check["entry_point"])
            passed = run("tests", "check.py") == 0
            serving.result()  # how the program ended does not matter; that the sandbox worked does
        return passed
