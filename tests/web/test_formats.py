"""The pages about documents name every field of the documents, as they are."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from assay.core.budget import Budget, Spent
from assay.core.task import AgentRecord, Run, Submission, Task, Usage
from assay.core.verdict import Evidence, Finding, Interval, Measure, Verdict
from assay.web.meters import COLUMNS, Meters

FORMATS = Path(__file__).parents[2] / "docs" / "formats"


@pytest.mark.parametrize(
    ("page", "models"),
    [
        ("verdict.md", (Verdict, Measure, Interval, Finding, Evidence)),
        ("submission.md", (Task, Budget, Submission, Run, AgentRecord, Usage, Spent, Meters)),
    ],
)
def test_every_field_is_documented(page: str, models: tuple[type[BaseModel], ...]) -> None:
    named = set(re.findall(r"`([a-z_]+)`", (FORMATS / page).read_text()))
    for model in models:
        for name, field in model.model_fields.items():
            assert (field.alias or name) in named, f"{model.__name__}.{field.alias or name}"


def test_the_columns_of_meters_are_as_documented() -> None:
    text = (FORMATS / "submission.md").read_text()
    assert ", ".join(f'"{name}"' for name in COLUMNS) in text


def test_the_defaults_of_a_budget_are_as_documented() -> None:
    text, budget = (FORMATS / "submission.md").read_text(), Budget(wall_seconds=1)
    for name, written in (
        ("memory_bytes", f"{budget.memory_bytes >> 30} GiB"),
        ("disk_bytes", f"{budget.disk_bytes >> 30} GiB"),
        ("files", f"{budget.files:,}"),
        ("processes", f"{budget.processes:,}"),
        ("open_files", f"{budget.open_files:,}"),
        ("output_bytes", f"{budget.output_bytes >> 20} MiB"),
    ):
        assert f"| `{name}` | {written} |" in text
