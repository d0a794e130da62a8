"""The benchmarks as tasks for Inspect, for any model it can call.

    inspect eval assay/benchmark -T name=humaneval -T data=~/data --model openai/gpt-5-mini

Prompts, data and scorers are those of `assay run`; the model's own template and decoding apply, and the log says so.
"""

from pathlib import Path
from typing import Any

import anyio.to_thread
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate

from assay.core.data import use_folders
from assay.core.errors import BadInput
from assay.core.sandbox import open_sandbox
from assay.posttrain import catalogue
from assay.posttrain.benchmarks import JUDGED, Bench, Item, Judge, score
from assay.posttrain.evaluator.task import sample
from assay.posttrain.tasks import items


@scorer(metrics=[mean(), stderr(cluster="group")])
def as_the_catalogue_says(kind: str, judge: str | None) -> Scorer:
    """The catalogue's own scorer. The judge is the model role `grader` if one is given, else the catalogue's."""

    async def score_one(state: TaskState, target: Target) -> Score:
        item, answer = Item.model_validate(state.metadata["item"]), state.output.completion
        if judge is not None:
            value = await JUDGED[kind](item, answer, Judge.of(get_model(role="grader", default=judge)))
        else:
            bench = Bench(open_sandbox())
            (value,) = await anyio.to_thread.run_sync(lambda: score(kind, [item], {item.id: answer}, bench))
        return Score(value=value, answer=answer)

    return score_one


@task
def benchmark(name: str, mode: str = "official", data: str | None = None) -> Task:
    """The benchmark `name` of the catalogue: `official` is its whole test set, `hidden` what workers never see."""
    known = catalogue.load().benchmarks
    if name not in known:
        raise BadInput(f"There is no benchmark {name[:60]!r}: known are {', '.join(known)}.")
    if mode not in ("official", "hidden"):
        raise BadInput(f"{mode[:60]!r} is not a mode: it is official or hidden.")
    if data is not None:
        use_folders([Path(data).expanduser()])
    chosen = known[name]
    found = items(chosen, mode).hidden  # type: ignore[arg-type]  # one of two strings
    samples: list[Sample] = [sample(item) for item in found]
    config: dict[str, Any] = {"temperature": 0.0, "max_tokens": chosen.decoding.max_new_tokens, "seed": 0}
    return Task(
        name=name,
        dataset=MemoryDataset(samples, name=f"{name}-{mode}"),
        solver=generate(),
        scorer=as_the_catalogue_says(chosen.scorer, chosen.judge.model if chosen.judge else None),
        config=GenerateConfig(**config),
    )
