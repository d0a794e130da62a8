"""The front door of the arena's verifier: a stored pseudo-gradient in, a verdict out.

It is tried on sequences that nobody was given, and the work is done again from the same parameters on the same batches.
Reads the store and nothing else; what is handed in is data, parsed strictly, and never run.
"""

import platform
from importlib.metadata import version

import torch

from assay.core.arena import Examination, Report
from assay.core.digest import Digest
from assay.core.errors import BadInput, Refused
from assay.core.sandbox import Sandbox
from assay.core.statistics import mean_interval
from assay.core.store import Store
from assay.core.submission import submission_to_verify
from assay.core.verdict import Evidence, Finding, Interval, Measure, Severity, Verdict, decide
from assay.pretrain import tasks, wire
from assay.pretrain.data import Corpus, assigned, drawn
from assay.pretrain.exchange import limits_of
from assay.pretrain.gauntlet import reexecution
from assay.pretrain.gauntlet.measure import applied
from assay.pretrain.model import loss
from assay.pretrain.recipe import Recipe
from assay.pretrain.training import PeerState, Workbench
from assay.pretrain.wire import SparseTensor

RULE = "re-execution"
IMPROVEMENT = "improvement"
WORST_LOSS = 50.0  # nats per token: ln(2^72); bounds what one sequence can count
FOUND_AGAIN = 0.99  # of the kept coordinates: a worker may compute in its own way, though a network may ask for bits


def decode(data: bytes, recipe: Recipe, bench: Workbench) -> dict[str, SparseTensor]:
    """Parse what a worker left. `Refused`, with the parser's sentence, if it is no pseudo-gradient of this task."""
    try:
        return wire.decode(data, limits_of(recipe, bench.shapes))
    except BadInput as error:
        raise Refused(f"{tasks.GRADIENT} is not a pseudo-gradient of this task: {error}") from None


def verify(digest: Digest, store: Store, sandbox: Sandbox, report: Report) -> Examination:
    """Measure and audit a stored submission."""
    handed_in, task = submission_to_verify(digest, store, tasks.find, lambda task: tasks.stage(task, store).to_json())
    staged = tasks.Staged(**handed_in.inputs)
    recipe = tasks.recipe_of(staged.recipe, store)
    corpus, bench = Corpus(store, staged.corpus, recipe.model.context), Workbench(recipe, store)
    (entry,) = store.tree(handed_in.model).entries
    gradient = decode(store.get_bytes(entry.sha256, limits_of(recipe, bench.shapes).max_bytes), recipe, bench)
    report("Doing the work again")
    parameters = bench.initial()
    batches = list(assigned(recipe, corpus, tasks.BEACON, tasks.UID, tasks.ROUND).batches())
    honest = bench.work(parameters, PeerState.new(parameters), batches, tasks.ROUND)
    findings = _compared(gradient, honest.gradient, recipe)
    report("Measuring what it does to the loss")
    measures = _measures(recipe, corpus, bench, gradient, honest.gradient)
    outcome, reason = decide(findings, next(m for m in measures if m.name == IMPROVEMENT))
    verdict = Verdict(
        task=task.id,
        task_digest=task.digest,
        submission=digest,
        outcome=outcome,
        reason=reason,
        measures=measures,
        findings=tuple(findings),
        method={
            **task.verification,
            "worker_sandbox": handed_in.run.sandbox,
            "evaluation_sandbox": sandbox.name,
            "versions": {name: version(name) for name in ("assay", "numpy", "torch", "transformers")},
            "machine": f"{platform.system()} {platform.machine()}",
        },
    )
    return Examination(verdict)


def _compared(gradient: dict[str, SparseTensor], again: dict[str, SparseTensor], recipe: Recipe) -> list[Finding]:
    redone = reexecution.compare(gradient, again, round_=tasks.ROUND, state_equal=True)
    wanted = min(recipe.gauntlet.reexecution_overlap, FOUND_AGAIN)
    if reexecution.matches(redone, recipe.gauntlet.model_copy(update={"reexecution_overlap": wanted})):
        return []
    share = (
        f"{100 * redone.share:.1f} % of the kept coordinates were found again, values differ by {redone.difference:.2f}"
    )
    evidence = Evidence(where=tasks.GRADIENT, what=share, matches="the work done again", score=redone.share)
    message = "This is not what the given batches lead to from the given parameters."
    return [Finding(rule=RULE, severity=Severity.VIOLATION, message=message, evidence=(evidence,))]


def _measures(
    recipe: Recipe,
    corpus: Corpus,
    bench: Workbench,
    gradient: dict[str, SparseTensor],
    honest: dict[str, SparseTensor],
) -> tuple[Measure, ...]:
    """Nats per token, a sequence at a time: before, after, and by how much better; beside it the honest work's gain."""
    sequences = drawn(recipe, corpus, tasks.BEACON, tasks.ROUND, tasks.SEQUENCES, "verdict").tensor()
    bench.load(bench.initial())
    steps = dict.fromkeys(bench.shapes, recipe.outer_rate(tasks.ROUND))
    before = _losses(bench, sequences)
    with applied(bench.model, gradient, steps):
        after = _losses(bench, sequences)
    with applied(bench.model, honest, steps):
        expected = _losses(bench, sequences)
    gains = [a - b for a, b in zip(before, after, strict=True)]
    usual = [a - b for a, b in zip(before, expected, strict=True)]
    return (
        _measure("loss", after, 0.0),
        _measure("base loss", before, 0.0),
        _measure(IMPROVEMENT, gains, -WORST_LOSS),
        _measure("improvement by honest work", usual, -WORST_LOSS),
    )


@torch.no_grad()
def _losses(bench: Workbench, sequences: torch.Tensor) -> list[float]:
    """Of each sequence; what is not finite or absurd counts as the worst."""
    found = [float(loss(bench.model, one)) for one in sequences.split(1)]  # type: ignore[no-untyped-call]
    return [min(value, WORST_LOSS) if value == value else WORST_LOSS for value in found]


def _measure(name: str, values: list[float], least: float) -> Measure:
    groups = [str(number) for number in range(len(values))]
    interval: Interval = mean_interval(values, groups, bounds=(least, WORST_LOSS), seed=tasks.SEED)
    return Measure(name=name, value=sum(values) / len(values), unit="nats", n=len(values), interval=interval)
