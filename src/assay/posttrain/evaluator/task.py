"""A benchmark as an Inspect task: items in, answers out, and right or wrong where the text alone decides.

Programs and judged answers are scored outside the sandbox that ran the model; their log has the answers only.
"""

from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

from assay.posttrain.benchmarks import BY_TEXT, Item

_ROLES = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}


@scorer(metrics=[accuracy(), stderr(cluster="group")])
def by_text(kind: str) -> Scorer:
    """Right or wrong, as the benchmark's scorer `kind` decides from the answer's text."""
    is_right = BY_TEXT[kind]

    async def score(state: TaskState, target: Target) -> Score:
        item = Item.model_validate(state.metadata["item"])
        answer = state.output.completion
        return Score(value=CORRECT if is_right(answer, item) else INCORRECT, answer=answer)

    return score


def benchmark_task(name: str, kind: str, items: list[Item]) -> Task:
    return Task(
        name=name,
        dataset=MemoryDataset([sample(item) for item in items], name=name),
        solver=generate(),
        scorer=by_text(kind) if kind in BY_TEXT else None,
    )


def sample(item: Item) -> Sample:
    messages: list[Any] = [_ROLES[m.role](content=m.content) for m in item.messages]
    metadata = {"item": item.model_dump(), "group": item.group}
    return Sample(id=item.id, input=messages, target=item.answer(), metadata=metadata)
