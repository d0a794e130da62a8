"""The demo: two workers, one task. One trains on allowed data, the other on the test items it found.

The cheat is given what a cheat finds on the internet: the benchmark's own package, lightly disguised. Both are scripts
that know nothing of Assay.
"""

import json
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from assay.core.budget import Budget
from assay.core.run import Desk, Result, run
from assay.core.workers import ScriptWorker, Watch
from assay.posttrain import tasks

TASK = "posttrain/bfcl-simple:smollm2-135m"
BUDGET_SECONDS = 480.0


def run_demo(desk: Desk, budget: Budget, watch: Watch) -> dict[str, Result]:
    """The results of the honest and the cheating worker, by name."""
    results = {}
    with as_file(files("assay.posttrain.demo")) as scripts, tempfile.TemporaryDirectory(prefix="assay-demo-") as name:
        leak = Path(name) / "found_online.jsonl"
        leak.write_text(_leak())
        workers = {
            "honest": ScriptWorker("python honest.py", ("python", "honest.py"), {"honest.py": scripts / "honest.py"}),
            "cheat": ScriptWorker(
                "python cheat.py",
                ("python", "cheat.py"),
                {"cheat.py": scripts / "cheat.py", "honest.py": scripts / "honest.py", leak.name: leak},
            ),
        }
        for who, worker in workers.items():
            results[who] = run(TASK, worker, desk, budget=budget, watch=watch)
    return results


def _leak() -> str:
    """The test items as a stranger might publish them: other ids, other fields."""
    hidden = tasks.items(tasks.benchmark_of(tasks.find(TASK.partition("/")[2])), "hidden").hidden
    rows = (
        {"request": i.question, "tool": i.messages[0].content.partition("Function:\n")[2], "call": i.answer()}
        for i in hidden
    )
    return "".join(json.dumps(row) + "\n" for row in rows)
