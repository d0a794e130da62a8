"""The front door of the arena's verifier: a stored submission in, a verdict out.

It reads the store and nothing else. The base and the submission answer the hidden items in sandboxes of their own;
the rules of integrity look at a private copy of what was handed in.
"""

import json
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from assay.core.arena import Examination, Report
from assay.core.digest import Digest
from assay.core.errors import AssayError, Unavailable
from assay.core.sandbox import NetworkRequest, Sandbox
from assay.core.scratch import scratch
from assay.core.statistics import mean_interval
from assay.core.store import Store
from assay.core.submission import submission_to_verify
from assay.core.task import Submission, Task
from assay.core.verdict import Finding, Measure, Severity, Verdict, decide
from assay.posttrain import intake, tasks
from assay.posttrain.benchmarks import Item, from_jsonl
from assay.posttrain.catalogue import Benchmark
from assay.posttrain.evaluate import MAX_ITEMS, Evaluation, EvaluationFailed, Evaluator
from assay.posttrain.integrity import RULES, Case, audit, memorisation
from assay.posttrain.integrity.likelihood import LikelihoodItem
from assay.posttrain.models import materialise
from assay.posttrain.workplace import write_data

MAX_NETWORK_LOG = 64 << 20  # bytes
ACCURACY, BASE_ACCURACY, IMPROVEMENT = "accuracy", "base accuracy", "improvement"


def verify(digest: Digest, store: Store, sandbox: Sandbox, report: Report) -> Examination:
    """Measure and audit a stored submission. Equal submissions get equal measures on one kind of machine."""
    handed_in, task = submission_to_verify(digest, store, tasks.find, lambda task: tasks.stage(task, store).to_json())
    evaluator = Evaluator(task, handed_in.inputs["base"], handed_in.inputs["hidden"], store, sandbox, report)
    items = evaluator.read_items()
    report("Auditing what was handed in")
    findings = _audit(handed_in, task, store, items)
    records: dict[str, Digest] = {}
    measures: tuple[Measure, ...] = ()
    try:
        base = evaluator.measure_base()
        report("Measuring the submission on the hidden items")
        found = evaluator.measure(handed_in.model)
        measures = _measures(tasks.benchmark_of(task), items, base, found)
        records = {
            "base_log": base.log,
            "submission_log": found.log,
            "items": store.put_bytes(_by_item(items, base, found)),
        }
        findings += _memory(evaluator, handed_in, task)
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


def _audit(handed_in: Submission, task: Task, store: Store, items: list[Item]) -> list[Finding]:
    with scratch("audit") as place:
        workspace = place / "workspace"
        store.get_tree(handed_in.model, place / "model")
        store.get_tree(handed_in.inputs["base"], place / "base")
        write_data(tasks.Staged(**handed_in.inputs), store, place / "given")
        if handed_in.workspace is not None:
            store.get_tree(handed_in.workspace, workspace)
        if handed_in.run.transcript is not None:
            store.get_file(handed_in.run.transcript, place / "transcript")
        intake.check(place / "model", place / "base")  # again: what is in the store is what counts
        case = Case(
            submission=handed_in,
            model=place / "model",
            base=place / "base",
            workspace=workspace if handed_in.workspace is not None else None,
            hidden=items,
            chat_template=tasks.model_of(task).chat_template,
            transcript=place / "transcript" if handed_in.run.transcript is not None else None,
            allowed_hosts=task.network,
            given=place / "given",
            test_given=task.inputs["mode"] == "official",
            network_log=_network_log(handed_in, store),
            siblings=list(_siblings(task, store, place / "siblings")),
            forbidden=task.inputs["siblings"],
        )
        return list(audit(case))


def _network_log(handed_in: Submission, store: Store) -> list[NetworkRequest]:
    if handed_in.run.network_log is None:
        return []
    document = json.loads(store.get_bytes(handed_in.run.network_log, MAX_NETWORK_LOG))
    return [NetworkRequest(**request) for request in document["requests"]]


def _siblings(task: Task, store: Store, folder: Path) -> Iterator[Path]:
    """The models that must not be handed in, as far as they can be had. The rule on weights says which are missing."""
    for name in task.inputs["siblings"]:
        try:
            tree = materialise(name, store)
        except Unavailable:
            continue
        store.get_tree(tree, folder / name)
        yield folder / name


def _memory(evaluator: Evaluator, handed_in: Submission, task: Task) -> list[Finding]:
    """Do the weights remember the hidden items? Only where there are items to compare with that nobody was given."""
    sides = {}
    for side in ("hidden", "control"):
        data = evaluator.store.get_bytes(handed_in.inputs[side], MAX_ITEMS)
        sides[side] = {f"{side}/{item.id}": item for item in from_jsonl(data)}
    if min(map(len, sides.values())) < memorisation.LEAST:
        return []
    evaluator.report("Looking whether the weights remember the hidden items")
    rows = [
        LikelihoodItem(id=name, answer=f"{item.question}\n{item.answer()}")
        for side in sides.values()
        for name, item in side.items()
    ]
    about = evaluator.store.put_bytes("".join(row.model_dump_json() + "\n" for row in rows).encode())
    try:
        base, tuned = evaluator.likelihoods_of_base(about), evaluator.likelihoods(handed_in.model, about)
        scores = memorisation.token_scores(base, tuned)
        hidden, control = ([scores[name] for name in side] for side in sides.values())
        return memorisation.findings(memorisation.set_test(hidden, control, seed=task.verification["seed"]))
    except AssayError as error:  # such as weights that give no finite likelihood: that must not prevent a verdict
        return [Finding(rule=memorisation.RULE, severity=Severity.UNDECIDED, message=str(error))]


def _by_item(items: list[Item], base: Evaluation, found: Evaluation) -> bytes:
    """Scores of every item as JSON lines, for comparisons over many runs. No text of the items."""
    rows = ({"id": i.id, "group": i.group, "base": base.scores[i.id], "submission": found.scores[i.id]} for i in items)
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _measures(benchmark: Benchmark, items: list[Item], base: Evaluation, found: Evaluation) -> tuple[Measure, ...]:
    """Scores in per cent and their paired difference in percentage points."""
    seed, groups = benchmark.split.seed, [item.group for item in items]
    ours, theirs = ([100 * by_id.scores[item.id] for item in items] for by_id in (found, base))
    gains = [a - b for a, b in zip(ours, theirs, strict=True)]
    low, high = (100 * bound for bound in benchmark.bounds)
    return tuple(
        Measure(
            name=name,
            value=sum(values) / len(values),
            unit=unit,
            n=len(values),
            interval=mean_interval(values, groups, bounds=bounds, seed=seed),
        )
        for name, values, unit, bounds in (
            (ACCURACY, ours, "%", (low, high)),
            (BASE_ACCURACY, theirs, "%", (low, high)),
            (IMPROVEMENT, gains, "points", (low - high, high - low)),
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
