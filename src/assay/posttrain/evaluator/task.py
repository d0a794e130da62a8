"""The Inspect task of function calling: items in, one call out, right or wrong."""

from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

from assay.posttrain.bfcl import Item, is_right

_ROLES = {"system": ChatMessageSystem, "user": ChatMessageUser}


@scorer(metrics=[accuracy(), stderr(cluster="function")])
def one_call() -> Scorer:
    """Right if the answer is one call of the item's function with accepted arguments."""

    async def score(state: TaskState, target: Target) -> Score:
        item = Item.model_validate(state.metadata["item"])
        answer = state.output.completion
        return Score(value=CORRECT if is_right(answer, item) else INCORRECT, answer=answer)

    return score


def function_calling(name: str, items: list[Item]) -> Task:
    return Task(
        name=name,
        dataset=MemoryDataset([_sample(item) for item in items], name=name),
        solver=generate(),
        scorer=one_call(),
    )


def _sample(item: Item) -> Sample:
    messages: list[Any] = [_ROLES[m["role"]](content=m["content"]) for m in item.messages()]
    metadata = {"item": item.model_dump(), "function": item.name}
    return Sample(id=item.id, input=messages, target=item.answer(), metadata=metadata)
