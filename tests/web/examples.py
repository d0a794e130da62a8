"""A small, lifelike ledger: an accepted, a rejected and an inconclusive verdict, with meters and transcripts."""

import random
from typing import Any

from assay.core.arena import find_task
from assay.core.budget import Budget, Spent
from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.ledger import Entry, Ledger
from assay.core.store import Store
from assay.core.task import Run
from assay.core.verdict import Evidence, Finding, Interval, Measure, Outcome, Severity, Verdict, decide

TASK = "posttrain/bfcl-simple:smollm2-135m"
BUDGET = Budget(wall_seconds=600, memory_bytes=12 << 30, disk_bytes=4 << 30)
METHOD = "percentile bootstrap over 32 groups, 10000 resamples, seed 20261121"


def measure(name: str, value: float, low: float, high: float, unit: str = "%", n: int = 100) -> Measure:
    return Measure(name=name, value=value, unit=unit, n=n, interval=Interval(low=low, high=high, method=METHOD))


def scores(value: float, low: float, high: float) -> tuple[Measure, ...]:
    """Accuracy, the base's (3 %), and the difference."""
    return (
        measure("accuracy", value, low, high),
        measure("base accuracy", 3.0, 0.0, 7.0),
        measure("improvement", value - 3.0, low - 3.0, high - 3.0, unit="points"),
    )


def meters(seconds: float, peak: float, seed: int) -> dict[str, Any]:
    """Samples as a training run leaves them: loading, training on two processors, saving."""
    chance, cpu, rows = random.Random(seed), 0.0, []
    for i in range(int(seconds * 2)):
        t = i / 2
        loading = t < 12
        cpu += 0.5 * (1.0 if loading else 1.93 + chance.uniform(-0.1, 0.05))
        memory = peak * (t / 14 if loading else 0.86 + 0.14 * ((t % 7) / 7)) + chance.uniform(0, 2e7)
        rows.append([t, round(cpu, 2), int(memory), int(4e6 + (2.7e8 if t > seconds - 6 else 0)), 3])
    return {
        "schema": "assay.meters/1",
        "columns": ["elapsed_seconds", "cpu_seconds", "memory_bytes", "disk_bytes", "processes"],
        "rows": rows,
        "enforcement": "cgroup v2",
        "output_truncated": False,
    }


def transcript(steps: int) -> bytes:
    lines = [
        f"step {i:3d}/{steps}  loss {3.2 / (1 + i / 40):.4f}  \x1b[32m{1.4:.1f} s/step\x1b[0m" for i in range(steps)
    ]
    return ("loading the base model\r\n" + "\n".join(lines) + "\nsaved final_model/\n").encode()


def run(store: Store, worker: str, seconds: float, peak: float, *, seed: int = 0, exceeded: str | None = None) -> Run:
    spent = Spent(
        wall_seconds=seconds,
        cpu_seconds=1.9 * seconds,
        peak_memory_bytes=int(peak),
        disk_bytes=int(2.75e8),
        exceeded=exceeded,
    )
    return Run(
        id=f"run-{seed}",
        worker=worker,
        sandbox="bubblewrap",
        budget=BUDGET,
        spent=spent,
        exit_code=-9 if exceeded else 0,
        transcript=store.put_bytes(transcript(90 + seed)),
        meters=store.put_bytes(canonical_json(meters(seconds, peak, seed))),
    )


def verdict(name: str, measures: tuple[Measure, ...], findings: tuple[Finding, ...] = (), **changes: Any) -> Verdict:
    _, task = find_task(TASK)
    outcome, reason = decide(findings, next((m for m in measures if m.name == "improvement"), None))
    values = {
        "task": TASK,
        "task_digest": task.digest,
        "submission": digest_bytes(name.encode()),
        "outcome": outcome,
        "reason": reason,
        "measures": measures,
        "findings": findings,
        "method": {
            **task.verification,
            "rules": ["contamination", "weights", "template", "harness", "confinement"],
            "versions": {"assay": "0.1.0", "torch": "2.7.1", "transformers": "4.57.1"},
        },
    }
    return Verdict(**{**values, **changes})


def contamination(matches: int) -> Finding:
    evidence = tuple(
        Evidence(
            where=f"data/train_mix.jsonl, row {17 * i + 3}" + (" (base64)" if i % 9 == 4 else ""),
            what=f"characters 112 to {190 + 7 * i} match",
            matches=f"exec_simple_{4 * i}",
            score=round(1 - i / 200, 4),
        )
        for i in range(matches)
    )
    message = f"{matches} document(s) in the submission match {matches} hidden test item(s)."
    return Finding(rule="contamination", severity=Severity.VIOLATION, message=message, evidence=evidence)


def unread() -> Finding:
    evidence = (Evidence(where="cache/corpus.bin", what="is neither text nor a known format"),)
    message = "1 file(s) of the workspace could not be read: what they hold is not known."
    return Finding(rule="contamination", severity=Severity.UNDECIDED, message=message, evidence=evidence)


def records(store: Store) -> dict[str, Digest]:
    return {"base_log": store.put_bytes(b"base"), "submission_log": store.put_bytes(b"submission")}


def append(ledger: Ledger, store: Store, said: Verdict, about: Run | None) -> Entry:
    document = None if about is None else {**about.to_json(), "records": records(store)}
    return ledger.append_verdict(said, run=document)


def fill(ledger: Ledger, store: Store) -> list[Entry]:
    """Three entries: accepted with +24 points, rejected with 25 matches, inconclusive."""
    honest = verdict("honest", scores(27.0, 18.0, 36.0))
    cheat = verdict("cheat", scores(61.0, 51.0, 71.0), (contamination(25),))
    unsure = verdict("unsure", scores(9.0, 2.0, 16.0), (unread(),))
    assert [v.outcome for v in (honest, cheat, unsure)] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.INCONCLUSIVE]
    return [
        append(ledger, store, honest, run(store, "python honest.py", 214.0, 3.4e9, seed=1)),
        append(ledger, store, cheat, run(store, "python cheat.py --epochs 6", 318.5, 3.9e9, seed=2)),
        append(ledger, store, unsure, run(store, "python slow.py", 600.4, 5.1e9, seed=3, exceeded="wall clock")),
    ]
