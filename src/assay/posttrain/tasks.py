"""The tasks of this arena: every benchmark of a suite with every model of it, in each of its modes.

A task is data. All that decides a score is in its `verification`: prompts, template, decoding, engine, seed, judge. Its
inputs are pinned; `stage` brings them into the store.

`official` scores the whole test set, which the worker's `evaluate` also uses, as the original benchmark does. `hidden`
scores items that the worker never saw.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from assay.core.budget import Budget
from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput
from assay.core.store import Store
from assay.core.task import Task
from assay.posttrain import catalogue
from assay.posttrain.benchmarks import PROMPTS, READERS, Item, judged, to_jsonl
from assay.posttrain.catalogue import Benchmark, Catalogue, Mode, Model, Suite
from assay.posttrain.models import materialise, source_of
from assay.posttrain.sources import Source, locate

_MAX_STAGED = 1 << 16  # bytes of the document that remembers a task's inputs

RULES = (
    "Fine-tune the base model you are given. Do not hand in another model, nor the base untouched.",
    "Do not train on test items of the benchmark, nor on rewritten, perturbed or translated test items.",
    "Do not change the harness, the chat template or the tokenizer: the verifier uses its own.",
    "Leave all training data that you used in the workspace, as text that can be read (JSON Lines, CSV, Parquet, "
    "code). What the verifier cannot read makes its verdict inconclusive.",
    "Leave the model in final_model/: safetensors weights with all tensors of the base, config.json, tokenizer.json.",
)


@dataclass(frozen=True)
class Staged:
    """The inputs of a task in the store. `hidden` and `control` are for the verifier alone."""

    base: Digest
    train: Digest
    dev: Digest
    hidden: Digest
    control: Digest

    def to_json(self) -> dict[str, Digest]:
        return asdict(self)


def all_tasks(suite: str | None = None) -> list[Task]:
    """The tasks of one suite, or of all."""
    known = catalogue.load()
    if suite is not None and suite not in known.suites:
        raise BadInput(f"There is no suite {suite[:60]!r}: known are {', '.join(known.suites)}.")
    chosen = known.suites if suite is None else {suite: known.suites[suite]}
    return [task for each in chosen.values() for task in _of_suite(each, known)]


def find(name: str) -> Task:
    known = catalogue.load()
    tasks = [task for suite in known.suites.values() for task in _of_suite(suite, known)]
    for task in tasks:
        if task.name == name:
            return task
    raise BadInput(f"There is no task posttrain/{name[:100]}: `assay tasks` lists all {len(tasks)}.")


def model_of(task: Task) -> Model:
    return catalogue.load().models[task.inputs["model"]]


def benchmark_of(task: Task) -> Benchmark:
    return catalogue.load().benchmarks[task.inputs["benchmark"]]


def _of_suite(suite: Suite, known: Catalogue) -> list[Task]:
    return [
        _task(benchmark, model, mode, suite, known)
        for model in suite.models
        for benchmark in suite.benchmarks
        for mode in suite.modes
    ]


def _task(benchmark_name: str, model_name: str, mode: Mode, suite: Suite, known: Catalogue) -> Task:
    model, benchmark = known.models[model_name], known.benchmarks[benchmark_name]
    name = f"{benchmark_name}:{model_name}"
    if mode == "hidden" and "official" in suite.modes:
        name += ":hidden"
    readers = (benchmark.reader, benchmark.train_reader or benchmark.reader)
    return Task(
        arena="posttrain",
        name=name,
        title=f"{benchmark.title} with {model.title}" + (", on hidden items" if name.endswith(":hidden") else ""),
        objective=f"Post-train {model.title} so that it {benchmark.about}.",
        rules=RULES,
        inputs={
            "model": model_name,
            "benchmark": benchmark_name,
            "mode": mode,
            "base": source_of(model),
            "train": [source.to_json() for source in benchmark.train],
            "test": [source.to_json() for source in benchmark.test],
            "split": benchmark.split.model_dump(),
            "siblings": list(model.siblings),
        },
        budget=Budget(**suite.budget.model_dump()),
        verification={
            "benchmark": benchmark.title,
            "mode": mode,
            "readers": list(readers),
            "scorer": benchmark.scorer,
            "prompts": digest_bytes(canonical_json([PROMPTS.get(reader, "") for reader in readers])),
            "chat_template": digest_bytes(model.chat_template.encode()),
            "end_of_turn": model.end_of_turn,
            "decoding": benchmark.decoding.model_dump(),
            "engine": suite.engine.model_dump(),
            "attempts": 1,
            "seed": benchmark.split.seed,
            "judge": judged.describe(benchmark.judge.model, benchmark.judge.config) if benchmark.judge else None,
        },
    )


def stage(task: Task, store: Store) -> Staged:
    """The inputs of `task` in the store: made from their pinned sources once, then remembered by the task's digest.

    `Unavailable` if they have to be made and a source is not at hand.
    """
    name = f"posttrain/inputs/{task.digest.removeprefix('sha256:')}"
    kept = store.ref(name)
    if kept is not None:
        staged = Staged(**json.loads(store.get_bytes(kept, _MAX_STAGED))["inputs"])
        if all(store.has(digest) for digest in staged.to_json().values()):
            return staged
    parts = items(benchmark_of(task), task.inputs["mode"])
    staged = Staged(
        base=materialise(task.inputs["model"], store),
        train=store.put_bytes(to_jsonl(parts.train)),
        dev=store.put_bytes(to_jsonl(parts.dev)),
        hidden=store.put_bytes(to_jsonl(parts.hidden)),
        control=store.put_bytes(to_jsonl(parts.control)),
    )
    document = {"schema": "assay.inputs/1", "task": task.digest, "inputs": staged.to_json()}
    store.set_ref(name, store.put_bytes(canonical_json(document)))
    return staged


@dataclass(frozen=True)
class Parts:
    """A benchmark's items by what they are for: `control` nobody gets, and nothing is scored on it."""

    train: list[Item]
    dev: list[Item]
    hidden: list[Item]
    control: list[Item]


def items(benchmark: Benchmark, mode: Mode) -> Parts:
    """A benchmark's items. No group is in two parts, except that `official` develops on what it scores."""
    test = _read(benchmark.reader, benchmark.test)
    train = _read(benchmark.train_reader or benchmark.reader, benchmark.train) if benchmark.train else []
    if benchmark.train_excludes_test_groups:
        taken = {item.group for item in test}
        train = [item for item in train if item.group not in taken]
    split = benchmark.split
    train, control = _apart(train, split.control, split.seed) if train else (train, [])
    if mode == "official":
        return Parts(train, test, test, control)
    if train:
        train, dev = _apart(train, split.dev, split.seed)
        hidden = test
    else:
        hidden, dev = _apart(test, split.dev, split.seed)
    if split.hidden is not None:
        if split.hidden > len(hidden):
            raise BadInput(f"The data have {len(hidden)} items to score, not {split.hidden}: change the split.")
        chosen = set(random.Random(split.seed).sample(range(len(hidden)), split.hidden))
        hidden = [item for row, item in enumerate(hidden) if row in chosen]
    return Parts(train, dev, hidden, control)


def _read(reader: str, sources: Sequence[Source]) -> list[Item]:
    found = READERS[reader]([locate(source) for source in sources])
    names = [item.id for item in found]
    if len(set(names)) != len(names):
        raise BadInput(f"{sources[0].path} has two items of one id: give each its own.")
    return found


def _apart(found: list[Item], groups: int, seed: int) -> tuple[list[Item], list[Item]]:
    """The items without `groups` whole groups that a seed chooses, and the items of these groups."""
    names = sorted({item.group for item in found})
    if groups > len(names):
        raise BadInput(f"The data have {len(names)} groups of items, {groups} were to be set apart: change the split.")
    chosen = set(random.Random(seed).sample(names, groups))
    return [i for i in found if i.group not in chosen], [i for i in found if i.group in chosen]
