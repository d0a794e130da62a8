"""The front door of the arena's verifier: a stored submission in, a verdict out.

It reads the store and nothing else. The base and the submission answer the hidden items in sandboxes of their own;
the rules of integrity look at a private copy of what was handed in.
"""

import platform
from importlib.metadata import version
from pathlib import Path

from assay.core.arena import Examination, Report
from assay.core.digest import Digest
from assay.core.errors import BadInput
from assay.core.sandbox import Sandbox
from assay.core.scratch import scratch
from assay.core.store import Store
from assay.core.task import Submission, Task
from assay.core.verdict import Finding, Measure, Severity, Verdict, decide
from assay.posttrain import bfcl, intake, submission, tasks
from assay.posttrain.evaluate import Evaluation, EvaluationFailed, evaluate, evaluate_base, read_items
from assay.posttrain.integrity import RULES, Case, audit
from assay.posttrain.statistics import mean_interval

ACCURACY, BASE_ACCURACY, IMPROVEMENT = "accuracy", "base accuracy", "improvement"


def verify(digest: Digest, store: Store, sandbox: Sandbox, report: Report) -> Examination:
    """Measure and audit a stored submission. Equal submissions get equal measures on one kind of machine."""
    handed_in = submission.read(digest, store)
    task = tasks.find(handed_in.task.partition("/")[2])
    if task.digest != handed_in.task_digest:
        raise BadInput(
            f"The submission was made for another version of {task.id} ({handed_in.task_digest}): verify it with the "
            "version of Assay that made it."
        )
    # The document says what the worker was given; what it is measured on is the task's alone to say.
    if handed_in.inputs != tasks.stage(task, store).to_json():
        raise BadInput("The submission names other inputs than its task has: it cannot be measured as that task.")
    items = read_items(store, handed_in.inputs["hidden"])
    report("Auditing what was handed in")
    findings = _audit(handed_in, task, store, items)
    records: dict[str, Digest] = {}
    measures: tuple[Measure, ...] = ()
    try:
        inputs = (handed_in.inputs["base"], handed_in.inputs["hidden"], store, sandbox, report)
        base = evaluate_base(task, *inputs)
        report("Measuring the submission on the hidden items")
        found = evaluate(task, handed_in.model, *inputs)
        measures = _measures(task, items, base, found)
        records = {"base_log": base.log, "submission_log": found.log}
    except EvaluationFailed as error:
        findings.append(Finding(rule="evaluation", severity=Severity.UNDECIDED, message=str(error)))
    outcome, reason = decide(findings, next((m for m in measures if m.name == IMPROVEMENT), None))
    verdict = Verdict(
        task=task.id,
        task_digest=task.digest,
        submission=digest,
        outcome=outcome,
        reason=reason,
        measures=measures,
        findings=tuple(findings),
        method=_method(task, handed_in, sandbox),
    )
    return Examination(verdict, records)


def _audit(handed_in: Submission, task: Task, store: Store, items: list[bfcl.Item]) -> list[Finding]:
    with scratch("audit") as place:
        workspace = place / "workspace"
        store.get_tree(handed_in.model, place / "model")
        store.get_tree(handed_in.inputs["base"], place / "base")
        if handed_in.workspace is not None:
            store.get_tree(handed_in.workspace, workspace)
        intake.check(place / "model", place / "base")  # again: what is in the store is what counts
        case = Case(
            submission=handed_in,
            model=place / "model",
            base=place / "base",
            workspace=workspace if handed_in.workspace is not None else None,
            hidden=items,
            chat_template=tasks.base_model(task).chat_template,
        )
        return list(audit(case))


def _measures(task: Task, items: list[bfcl.Item], base: Evaluation, found: Evaluation) -> tuple[Measure, ...]:
    """Accuracies in per cent and their paired difference in percentage points."""
    seed, groups = task.verification["seed"], [item.name for item in items]
    ours, theirs = [100 * r for r in found.right(items)], [100 * r for r in base.right(items)]
    gains = [a - b for a, b in zip(ours, theirs, strict=True)]
    return tuple(
        Measure(
            name=name,
            value=sum(values) / len(values),
            unit=unit,
            n=len(values),
            interval=mean_interval(values, groups, bounds=bounds, seed=seed),
        )
        for name, values, unit, bounds in (
            (ACCURACY, ours, "%", (0, 100)),
            (BASE_ACCURACY, theirs, "%", (0, 100)),
            (IMPROVEMENT, gains, "points", (-100, 100)),
        )
    )


def _method(task: Task, handed_in: Submission, sandbox: Sandbox) -> dict[str, object]:
    packages = ("assay", "inspect-ai", "safetensors", "tokenizers", "torch", "transformers")
    return {
        **task.verification,
        "rules": list(RULES),
        "inputs": handed_in.inputs,
        "worker_sandbox": handed_in.run.sandbox,
        "evaluation_sandbox": sandbox.name,
        "versions": {name: version(name) for name in packages},
        "machine": f"{platform.system()} {platform.machine()}, {_processor()}",
    }


def _processor() -> str:
    """The processor, since the last bits of a sum depend on its vector width."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "unknown processor"
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    flags = set(text.split())
    vectors = next((name for name in ("avx512f", "avx2", "asimd") if name in flags), "no known vectors")
    return f"{names[0] if names else 'unknown processor'}, {vectors}"
