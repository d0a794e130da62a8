"""The catalogue of post-training tasks: a base model, a benchmark, and how the result is measured.

A task is data. All that decides a score is in its `verification`: prompts, template, decoding, seed. Its inputs are
pinned by digest; `stage` brings them into the store.
"""

import json
import random
from dataclasses import dataclass

from assay.core.budget import Budget
from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput
from assay.core.store import Store
from assay.core.task import Task
from assay.posttrain import bfcl
from assay.posttrain.models import MODELS, SMOLLM2_135M, TINY_LLAMA, BaseModel, materialise
from assay.posttrain.sources import PackageFile, locate


def _bfcl_file(path: str, sha256: str) -> PackageFile:
    return PackageFile("bfcl_eval", "bfcl-eval==2026.3.23", f"data/{path}", f"sha256:{sha256}", "Apache-2.0")


QUESTIONS = _bfcl_file(
    "unused_datasets/question/BFCL_v4_exec_simple.json",
    "32ee3959e8e3f92fac1e90e55bf5fa41c759bfef4e6a2d88421af527a859d0a4",
)
ANSWERS = _bfcl_file(
    "unused_datasets/possible_answer/BFCL_v4_exec_simple.json",
    "4584017c92ae9a2407eac25bcec2496233a32a08182301b15f65538aa575b5a7",
)
TRAIN_QUESTIONS = _bfcl_file(
    "BFCL_v4_simple_python.json", "82dd63ba502eb2520c6b5d1d9a5c4b590e03ff261565175561f6228a367d1991"
)
TRAIN_ANSWERS = _bfcl_file(
    "possible_answer/BFCL_v4_simple_python.json", "90cd5bc653690ee8e459b5b3f3fc9458606f7f3fcbf795bb51b7dc581f8c86dc"
)

_MAX_STAGED = 1 << 16  # bytes of the document that remembers a task's inputs
SPLIT_SEED = 20261121
DEV_FUNCTIONS = 60  # whole functions go to one side, so that the development score is on functions never trained on

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
    """The inputs of a task in the store. `hidden` is for the verifier alone."""

    base: Digest
    train: Digest
    dev: Digest
    hidden: Digest

    def to_json(self) -> dict[str, Digest]:
        return {"base": self.base, "train": self.train, "dev": self.dev, "hidden": self.hidden}


def bfcl_simple(model: BaseModel) -> Task:
    return _function_calling(
        model,
        f"bfcl-simple:{model.name}",
        f"Function calling with {model.title}",
        n_hidden=100,
        budget=Budget(wall_seconds=600, memory_bytes=12 << 30, disk_bytes=4 << 30),
    )


def bfcl_smoke(model: BaseModel) -> Task:
    """A few items and a model that knows nothing: to try a worker in seconds. Its score means nothing."""
    return _function_calling(
        model,
        f"bfcl-smoke:{model.name}",
        f"Try-out of the flow with {model.title}",
        n_hidden=20,
        budget=Budget(wall_seconds=120, memory_bytes=4 << 30, disk_bytes=1 << 30),
    )


def _function_calling(model: BaseModel, name: str, title: str, *, n_hidden: int, budget: Budget) -> Task:
    return Task(
        arena="posttrain",
        name=name,
        title=title,
        objective=(
            f"Post-train {model.title} so that it answers a request with the right call of the one function it is "
            "offered (Berkeley function calling, category exec_simple)."
        ),
        rules=RULES,
        inputs={
            "base": {**model.source.to_json(), "random_shape": dict(model.random_shape or ())},
            "train": [TRAIN_QUESTIONS.to_json(), TRAIN_ANSWERS.to_json()],
            "hidden": [QUESTIONS.to_json(), ANSWERS.to_json()],
            "split": {"seed": SPLIT_SEED, "dev_functions": DEV_FUNCTIONS, "hidden_items": n_hidden},
        },
        budget=budget,
        verification={
            "benchmark": "bfcl exec_simple",
            "prompt": digest_bytes(bfcl.INSTRUCTION.encode()),
            "chat_template": digest_bytes(model.chat_template.encode()),
            "end_of_turn": model.end_of_turn,
            "decoding": {"kind": "greedy", "max_new_tokens": 144, "stop": "end of turn or line break", "batch": 50},
            "precision": "float32",
            "threads": 2,
            "attempts": 1,
            "seed": SPLIT_SEED,
        },
    )


def catalogue() -> list[Task]:
    return [bfcl_simple(SMOLLM2_135M), bfcl_smoke(TINY_LLAMA)]


def find(name: str) -> Task:
    for task in catalogue():
        if task.name == name:
            return task
    known = ", ".join(task.id for task in catalogue())
    raise BadInput(f"There is no task posttrain/{name[:100]}: known are {known}.")


def base_model(task: Task) -> BaseModel:
    return MODELS[task.name.rpartition(":")[2]]


def stage(task: Task, store: Store) -> Staged:
    """The inputs of `task` in the store: made from their pinned sources once, then remembered by the task's digest.

    `Unavailable` if they have to be made and a source is not installed.
    """
    name = f"posttrain/inputs/{task.digest.removeprefix('sha256:')}"
    kept = store.ref(name)
    if kept is not None:
        staged = Staged(**json.loads(store.get_bytes(kept, _MAX_STAGED))["inputs"])
        if all(store.has(digest) for digest in staged.to_json().values()):
            return staged
    staged = _make(task, store)
    document = {"schema": "assay.inputs/1", "task": task.digest, "inputs": staged.to_json()}
    store.set_ref(name, store.put_bytes(canonical_json(document)))
    return staged


def _make(task: Task, store: Store) -> Staged:
    hidden = bfcl.read_exec_simple(locate(QUESTIONS), locate(ANSWERS))
    hidden = hidden[: task.inputs["split"]["hidden_items"]]
    train, dev = split(bfcl.read_simple_python(locate(TRAIN_QUESTIONS), locate(TRAIN_ANSWERS)), hidden)
    return Staged(
        base=materialise(base_model(task), store),
        train=store.put_bytes(bfcl.to_jsonl(train)),
        dev=store.put_bytes(bfcl.to_jsonl(dev)),
        hidden=store.put_bytes(bfcl.to_jsonl(hidden)),
    )


def split(items: list[bfcl.Item], hidden: list[bfcl.Item]) -> tuple[list[bfcl.Item], list[bfcl.Item]]:
    """Training and development items: no function on both sides, and none whose name the hidden items use."""
    taken = {item.name for item in hidden}
    names = sorted({item.name for item in items} - taken)
    dev = set(random.Random(SPLIT_SEED).sample(names, DEV_FUNCTIONS))
    return (
        [item for item in items if item.name not in dev | taken],
        [item for item in items if item.name in dev],
    )
