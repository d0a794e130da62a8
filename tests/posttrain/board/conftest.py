"""A home of its own for each test, and a small ledger of post-training verdicts made from known figures."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from assay.core.budget import Budget, Spent
from assay.core.digest import digest_bytes
from assay.core.ledger import Entry, Ledger, open_ledger
from assay.core.store import Store, open_store
from assay.core.task import Run
from assay.core.verdict import Evidence, Finding, Interval, Measure, Severity, Verdict, decide

BUDGET = Budget(wall_seconds=600, memory_bytes=12 << 30, disk_bytes=4 << 30)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_KEY", raising=False)
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Store:
    return open_store()


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with open_ledger() as ledger:
        yield ledger


CHEATING = Finding(
    rule="contamination",
    severity=Severity.VIOLATION,
    message="3 document(s) in the submission match 3 hidden test item(s).",
    evidence=(
        Evidence(where="data/train.jsonl, row 3", what="characters 0 to 120 match", matches="item-7", score=0.98),
    ),
)
UNREAD = Finding(rule="contamination", severity=Severity.UNDECIDED, message="1 file could not be read.")


class Book:
    """Writes verdicts into a ledger: item scores are drawn, and the measures are those of the items."""

    def __init__(self, ledger: Ledger, store: Store) -> None:
        self.ledger, self.store, self.number = ledger, store, 0

    def add(
        self,
        task: str,
        worker: str,
        right: float | Sequence[float] | None,
        *,
        base: float = 0.1,
        n: int = 60,
        findings: tuple[Finding, ...] = (),
        with_items: bool = True,
        version: bytes = b"task",
        run: str | None = None,
        record: bytes | None = None,
    ) -> Entry:
        """A verdict on `task`; `right` is the chance of a right answer, or items, or `None`: no measures."""
        self.number += 1
        chance = random.Random(f"{task} {worker} {self.number}")
        records = {"base_log": self.store.put_bytes(b"log")}
        measures: tuple[Measure, ...] = ()
        if right is not None:
            theirs = [float(random.Random(f"{task} {i}").random() < base) for i in range(n)]
            ours = list(right) if isinstance(right, Sequence) else [float(chance.random() < right) for _ in range(n)]
            lines = [
                json.dumps({"id": f"item-{i}", "group": f"group-{i // 2}", "base": b, "submission": s})
                for i, (b, s) in enumerate(zip(theirs, ours, strict=True))
            ]
            measures = tuple(
                _measure(name, values, unit)
                for name, values, unit in (
                    ("accuracy", ours, "%"),
                    ("base accuracy", theirs, "%"),
                    ("improvement", [a - b for a, b in zip(ours, theirs, strict=True)], "points"),
                )
            )
            if with_items:
                records["items"] = self.store.put_bytes("\n".join(lines).encode())
        if record is not None:
            records["items"] = self.store.put_bytes(record)
        outcome, reason = decide(findings, measures[2] if measures else None)
        verdict = Verdict(
            task=f"posttrain/{task}",
            task_digest=digest_bytes(version),
            submission=digest_bytes(f"{worker} {run or self.number}".encode()),
            outcome=outcome,
            reason=reason,
            measures=measures,
            findings=findings,
        )
        spent = Spent(wall_seconds=300.0 + self.number, peak_memory_bytes=3 << 30, tokens=12_000)
        about = Run(id=run or f"run-{self.number}", worker=worker, sandbox="bubblewrap", budget=BUDGET, spent=spent)
        return self.ledger.append_verdict(verdict, run={**about.to_json(), "records": records})


def _measure(name: str, values: Sequence[float], unit: str) -> Measure:
    value = 100 * sum(values) / len(values)
    interval = Interval(low=value - 9, high=value + 9, method="made up") if unit == "points" else None
    return Measure(name=name, value=value, unit=unit, n=len(values), interval=interval)


@pytest.fixture
def book(ledger: Ledger, store: Store) -> Book:
    return Book(ledger, store)


@pytest.fixture
def filled(book: Book) -> Book:
    """Two honest agents with two runs each, one that cheats on one of three benchmarks, one that left one out."""
    for run in range(2):
        for task, good, fair in (("gsm8k", 0.55, 0.3), ("humaneval", 0.4, 0.35), ("bfcl-simple", 0.7, 0.4)):
            book.add(f"{task}:smollm2-135m", "python good.py", good + 0.03 * run)
            book.add(f"{task}:smollm2-135m", "python fair.py", fair - 0.03 * run)
    book.add("gsm8k:smollm2-135m", "python cheat.py", 0.95, findings=(CHEATING,))
    book.add("humaneval:smollm2-135m", "python cheat.py", 0.2)
    book.add("bfcl-simple:smollm2-135m", "python cheat.py", 0.3, findings=(UNREAD,))
    book.add("gsm8k:smollm2-135m", "python late.py", 0.3)
    book.add("humaneval:smollm2-135m", "python late.py", None)
    return book
