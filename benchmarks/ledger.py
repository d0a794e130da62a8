"""How fast the ledger is, and how much memory it takes: append, look-up, proofs, verify, export, import.

Run `python benchmarks/ledger.py [ENTRIES] [LEDGER_URL]`. Prints one table. Each entry is a signed verdict of about
1.5 KiB. Without a URL the ledger is a SQLite file in a temporary folder, on whatever disk that is.
"""

import argparse
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from assay.core.digest import digest_bytes
from assay.core.ledger import VERDICT_PREDICATE, Ledger, Statement, Subject, import_ledger, open_ledger
from assay.core.verdict import Finding, Interval, Measure, Outcome, Severity, Verdict

BATCH = 1000


def statement(number: int) -> Statement:
    submission = digest_bytes(str(number).encode())
    interval = Interval(low=1.0, high=9.0 + number % 7, method="paired bootstrap, 10000 resamples")
    verdict = Verdict(
        task="posttrain/bfcl-simple:smollm2-135m",
        task_digest=digest_bytes(b"task"),
        submission=submission,
        outcome=Outcome.ACCEPTED,
        reason="No rule was broken and the improvement is above zero.",
        measures=(Measure(name="improvement", value=5.0, unit="points", n=100, interval=interval),),
        findings=(Finding(rule="overlap", severity=Severity.NOTE, message="x" * 300),),
        method={"seed": number, "prompt": digest_bytes(b"prompt"), "versions": {"torch": "2.7", "inspect-ai": "0.3"}},
    )
    return Statement(
        (Subject(submission, "submission"),), VERDICT_PREDICATE, {"verdict": verdict.to_json(), "run": None}
    )


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def append_batched(ledger: Ledger, entries: int) -> float:
    """Seconds spent in `append_many`, without making up the statements."""
    spent = 0.0
    for start in range(0, entries, BATCH):
        numbers = range(start, min(start + BATCH, entries))
        batch, keys = [statement(number) for number in numbers], [f"run-{number}" for number in numbers]
        spent += seconds(lambda batch=batch, keys=keys: ledger.append_many(batch, keys=keys))  # type: ignore[misc]
    return spent


def median_ms(work: Callable[[int], object], numbers: list[int]) -> float:
    return 1000 * statistics.median(seconds(lambda number=number: work(number)) for number in numbers)  # type: ignore[misc]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("entries", nargs="?", type=int, default=100_000)
    arguments.add_argument("url", nargs="?")
    given = arguments.parse_args()
    entries: int = given.entries
    table = Table("operation", "n", "seconds", "rate or time", "peak memory", box=None)

    def row(name: str, n: int, spent: float, rate: str | None = None) -> None:
        table.add_row(name, str(n), f"{spent:.1f}", rate or f"{n / spent:,.0f} per second", f"{peak_mib():.0f} MiB")

    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        os.environ["ASSAY_HOME"] = folder
        with open_ledger(given.url) as ledger:
            row(f"append, batches of {BATCH}", entries, append_batched(ledger, entries))
            singles = [statement(entries + number) for number in range(100)]
            row("append, one by one", 100, seconds(lambda: [ledger.append(single) for single in singles]))
            chosen = random.Random(1).sample(range(entries), min(200, entries))
            for name, work in (
                ("find by subject", lambda n: ledger.find(subject=digest_bytes(str(n).encode()))),
                ("find by key", lambda n: ledger.find(key=f"run-{n}")),
                ("prove inclusion", ledger.prove_inclusion),
                ("prove consistency", ledger.prove_consistency),
            ):
                middle = median_ms(work, chosen)
                row(name, len(chosen), middle * len(chosen) / 1000, f"median {middle:.2f} ms")
            row("read all", len(ledger), seconds(lambda: sum(1 for _ in ledger.entries())))
            reports = []
            row("verify", len(ledger), seconds(lambda: reports.append(ledger.verify())))
            assert reports[0].ok, reports[0].problems
            bundle = Path(folder) / "bundle.jsonl"
            row("export, checked", len(ledger), seconds(lambda: ledger.export(bundle)))
            size = bundle.stat().st_size / len(ledger)
        copy = Path(folder) / "copy.db"
        row("import", entries + 100, seconds(lambda: import_ledger(bundle, copy)))
        Console().print(table)
        Console().print(f"{size:.0f} bytes per entry exported; copy on SQLite {copy.stat().st_size / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
