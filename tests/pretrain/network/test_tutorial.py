"""The tutorial's commands, typed into one shell in the order of the page. It kills a process and waits for the rest."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "tutorials" / "pretrain.md"
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What a person does between two commands, and what a test has no time for.
BEFORE = {"kill -9 %1": "sleep 50"}  # time passes; by then the second round has begun
RECIPE = Path(__file__).parents[3] / "src/assay/pretrain/recipes/tiny.toml"
ROUNDS = 3
SHORTER = {"--peers 8 --rounds 20": "--peers 2 --rounds 1", "init tiny": "init tiny.toml"}
ENDS_WITH_1 = "assay run pretrain/tiny --worker 'python -m assay.pretrain.demo.honest 1'"


def script() -> str:
    lines = ["set -m -e"]
    for block in _CONSOLE.findall(PAGE.read_text()):
        for line in block.splitlines():
            assert line.startswith("$ "), line
            typed = line[2:]
            lines.append(BEFORE.get(typed, ""))
            for long, short in SHORTER.items():
                typed = typed.replace(long, short)
            lines.append(f"echo '+' {typed!r} >&2")
            lines.append(f"{typed} && exit 9 || test $? = 1" if typed == ENDS_WITH_1 else typed)
    return "\n".join(lines)


@pytest.mark.slow(seconds=250)
@pytest.mark.timeout(900)
def test_the_tutorial_runs_as_written(tmp_path: Path) -> None:
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    recipe, count = re.subn(r"(?m)^rounds = 6$", f"rounds = {ROUNDS}", RECIPE.read_text())
    assert count == 1
    (tmp_path / "tiny.toml").write_text(recipe)
    environment = {**os.environ, "PATH": tools, "ASSAY_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        ["bash", "-c", script()], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=800
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (tmp_path / "assay-simulation" / "report.html").stat().st_size > 10_000
    assert ended.stdout.count("as published") == ROUNDS
    assert "rejected" in ended.stdout
    assert '"start": "sha256:' in (tmp_path / "next.json").read_text()
