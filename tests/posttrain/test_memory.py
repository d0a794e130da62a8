"""What the verifier does when it cannot find out whether the weights remember the hidden items."""

from dataclasses import dataclass

import pytest

from assay.core.budget import Budget
from assay.core.digest import Digest
from assay.core.errors import AssayError, BadInput
from assay.core.store import Store, open_store
from assay.core.task import Run, Submission
from assay.core.verdict import Outcome, Severity, decide
from assay.posttrain import tasks
from assay.posttrain.benchmarks import Item, to_jsonl
from assay.posttrain.evaluate import Evaluator
from assay.posttrain.integrity import memorisation
from assay.posttrain.verify import _memory


@dataclass(frozen=True)
class Undefined(Evaluator):
    """An evaluator whose submission has weights that give no finite likelihood."""

    def likelihoods_of_base(self, about: Digest) -> dict[str, object]:  # type: ignore[override]
        return {}

    def likelihoods(self, model: Digest, about: Digest) -> dict[str, object]:  # type: ignore[override]
        raise BadInput("likelihoods.jsonl cannot be read: not one log-probability and one choice per token.")


@pytest.fixture
def store() -> Store:
    return open_store("memory://")


def handed_in(store: Store, items: int) -> Submission:
    def side(name: str) -> Digest:
        rows = [
            Item(id=f"{name}{n}", group=f"{n}", messages=(), question=f"What is {n}?", target=str(n))
            for n in range(items)
        ]
        return store.put_bytes(to_jsonl(rows))

    task = tasks.find("gsm8k-small:smollm2-135m")
    nothing = store.put_bytes(b"")
    run = Run(id="r", worker="w", sandbox="none", budget=Budget(wall_seconds=1))
    return Submission(
        task=task.id,
        task_digest=task.digest,
        inputs={"hidden": side("h"), "control": side("c"), "base": nothing},
        model=nothing,
        workspace=None,
        run=run,
    )


def test_weights_without_a_likelihood_leave_memory_undecided_and_are_not_passed(store: Store) -> None:
    submission = handed_in(store, memorisation.LEAST)
    evaluator = Undefined(tasks.find("gsm8k-small:smollm2-135m"), "", "", store, None, print)  # type: ignore[arg-type]
    (finding,) = _memory(evaluator, submission, evaluator.task)
    assert (finding.rule, finding.severity) == (memorisation.RULE, Severity.UNDECIDED)
    assert decide([finding], None)[0] is Outcome.INCONCLUSIVE


def test_an_error_that_is_not_ours_is_not_taken_for_undecided(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> dict[str, object]:
        raise ZeroDivisionError

    monkeypatch.setattr(Undefined, "likelihoods", broken)
    submission = handed_in(store, memorisation.LEAST)
    evaluator = Undefined(tasks.find("gsm8k-small:smollm2-135m"), "", "", store, None, print)  # type: ignore[arg-type]
    assert not issubclass(ZeroDivisionError, AssayError)
    with pytest.raises(ZeroDivisionError):
        _memory(evaluator, submission, evaluator.task)


def test_too_few_items_are_not_compared(store: Store) -> None:
    submission = handed_in(store, memorisation.LEAST - 1)
    evaluator = Undefined(tasks.find("gsm8k-small:smollm2-135m"), "", "", store, None, print)  # type: ignore[arg-type]
    assert _memory(evaluator, submission, evaluator.task) == []
