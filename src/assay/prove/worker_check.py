"""The gates as a command for a worker: `/task/bin/check`. Runs inside the worker's own sandbox, without another.

usage: python -m assay.prove.worker_check BRIEF_JSON [--gate GATE]... [--fuzz N]

Whatever it says, the verifier checks again from the store.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from assay.core.errors import AssayError
from assay.core.sandbox import open_sandbox
from assay.core.verdict import Outcome
from assay.prove.check import check
from assay.prove.component import SUBMITTED_FOLDERS
from assay.prove.gates import Gate, Passed
from assay.prove.provers import Effort


def main() -> int:
    parser = argparse.ArgumentParser(prog="check", description="The gates on the component in the workspace.")
    parser.add_argument("brief")
    parser.add_argument("--gate", action="append", choices=[gate.value for gate in Gate], default=[])
    parser.add_argument("--fuzz", type=int, default=2000)
    chosen = parser.parse_args()
    brief = json.loads(Path(chosen.brief).read_text())
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "proofs"
        shutil.copytree(Path(brief["trusted"]).parent, place)
        for top in SUBMITTED_FOLDERS:
            source = Path(brief["component"]) / top
            if source.is_dir():
                shutil.copytree(source, place / brief["name"] / top, symlinks=True)
        try:
            checked = check(
                place / brief["name"],
                open_sandbox("none"),
                only=[Gate(gate) for gate in chosen.gate],
                effort=Effort(fuzz=chosen.fuzz, thorough=False),
                on_gate=_show,
            )
        except AssayError as error:
            sys.stderr.write(f"error: {error}\n")
            return error.exit_code
    return 0 if all(p.outcome is Outcome.ACCEPTED for p in checked.passed) else 1


def _show(passed: Passed, seconds: float) -> None:
    sys.stdout.write(f"{passed.gate.value}: {passed.outcome.value} ({seconds:.0f} s)\n")
    for finding in passed.findings:
        sys.stdout.write(f"  {finding.rule}: {finding.message}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
