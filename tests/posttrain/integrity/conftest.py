"""A case around a workspace that the test writes: enough for every rule about conduct."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assay.core.budget import Budget
from assay.core.task import Run, Submission
from assay.posttrain.integrity import Case

DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Item:
    id: str
    question: str
    right: str = "[f(x=1)]"
    check: Any = None

    def answer(self) -> str:
        return self.right


HIDDEN = tuple(
    Item(f"exec_simple_{n}", f"The {place} museum sells {n + 12} tickets an hour at {n + 4} crowns; how much by noon?")
    for n, place in enumerate(("Oslo", "Malmo", "Turku", "Narvik", "Bergen", "Tampere", "Aarhus", "Uppsala"))
)
Workspace = Callable[..., Case]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Makes a case of files: `workspace({"a.py": "..."}, transcript="...")`."""

    def make(files: dict[str, str | bytes], **about: Any) -> Case:
        place, model, base = (tmp_path / name for name in ("workspace", "final_model", "base"))
        for folder in (place, model, base):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        for name, content in files.items():
            path = model / name.removeprefix("final_model/") if name.startswith("final_model/") else place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        task = about.pop("task", "posttrain/bfcl-simple:smollm2-135m")
        if "transcript" in about:
            (tmp_path / "transcript").write_text(about["transcript"])
            about["transcript"] = tmp_path / "transcript"
        run = Run(id="1", worker="w", sandbox="bubblewrap", budget=Budget(wall_seconds=1))
        submission = Submission(task=task, task_digest=DIGEST, model=DIGEST, workspace=DIGEST, run=run)
        given = {"hidden": HIDDEN, "chat_template": "", **about}
        return Case(submission=submission, model=model, base=base, workspace=place, **given)

    return make
