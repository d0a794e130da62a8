"""The tutorial runs as written: its files are saved, its commands are typed, in the order of the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "posttrain.md"
_FENCE = re.compile(r'^```(\w+)(?: title="([\w.]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
# The page says so: the run is inconclusive, the cheat is rejected. Everything else must succeed.
_ENDS_WITH_1 = "assay run"


def test_the_tutorial_runs_as_written(home: Path, tmp_path: Path) -> None:
    where = tmp_path / "tutorial"
    where.mkdir()
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "ASSAY_HOME": str(home), "PATH": tools}
    typed = 0
    for language, title, text in _FENCE.findall(PAGE.read_text()):
        if title:
            (where / title).write_text(text)
        elif language == "console":
            for line in text.splitlines():
                assert line.startswith("$ "), line
                ended = subprocess.run(
                    line[2:], shell=True, cwd=where, env=environment, capture_output=True, text=True, timeout=600
                )
                expected = 1 if line[2:].startswith(_ENDS_WITH_1) else 0
                assert ended.returncode == expected, f"{line}\n{ended.stdout}\n{ended.stderr}"
                typed += 1
    assert typed >= 9
    assert "rejected" in ended.stdout and "exec_simple_0" in ended.stdout
    assert (where / "report.html").stat().st_size > 10_000
