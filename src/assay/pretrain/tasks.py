"""The tasks of this arena: one round of a peer's work, for a worker that nobody has to trust.

The worker gets parameters and its samples, and hands in a pseudo-gradient. It is measured on sequences that it never
saw, and its work is done again. A task is data: the recipe, by digest, decides everything.
"""

from dataclasses import asdict, dataclass

from assay.core.budget import Budget
from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput
from assay.core.store import Store
from assay.core.task import Task
from assay.pretrain.recipe import Recipe, read_recipe

RECIPES = ("tiny", "laptop")  # those whose round fits a task on one machine
UID, ROUND = 0, 0  # whose work it is, and when
BEACON = bytes(32)  # of the round before the first: there is none
SEQUENCES = 64  # that the result is measured on
SEED = 20_260_301
MAX_RECIPE = 1 << 20  # bytes of a stored recipe
GRADIENT = "pseudo-gradient.bin"

RULES = (
    "Train from the parameters you are given, on the batches you are given, in their order: AdamW as the recipe says.",
    "Hand in what that leads to and nothing else: the work is done again, and must come out the same.",
    "Leave one file, pseudo-gradient.bin, made with assay.pretrain.wire.encode.",
)


@dataclass(frozen=True)
class Staged:
    """The inputs of a task in the store."""

    recipe: Digest  # canonical JSON
    corpus: Digest  # the manifest of its shards

    def to_json(self) -> dict[str, Digest]:
        return asdict(self)


def all_tasks() -> list[Task]:
    return [_task(read_recipe(name)) for name in RECIPES]


def find(name: str) -> Task:
    for task in all_tasks():
        if task.name == name:
            return task
    raise BadInput(f"There is no task pretrain/{name[:100]}: known are {', '.join(f'pretrain/{n}' for n in RECIPES)}.")


def stage(task: Task, store: Store) -> Staged:
    """Bring recipe and text into the store. The text is cut into shards once, and kept."""
    from assay.pretrain.data import build_shards

    recipe = read_recipe(task.name)
    name = f"pretrain/corpus/{digest_bytes(canonical_json(recipe.data.model_dump(mode='json')))[7:39]}"
    corpus = store.ref(name)
    if corpus is None or not store.has(corpus):
        corpus = build_shards(recipe.data, store)
        store.set_ref(name, corpus)
    return Staged(store.put_bytes(canonical_json(recipe.document())), corpus)


def recipe_of(digest: Digest, store: Store) -> Recipe:
    """The recipe that was staged."""
    return Recipe.model_validate_json(store.get_bytes(digest, MAX_RECIPE))


def _task(recipe: Recipe) -> Task:
    return Task(
        arena="pretrain",
        name=recipe.name,
        title=f"One round of {recipe.name}",
        objective=(
            f"Do one peer's work in a round of trustless pre-training: {recipe.inner.steps} steps of AdamW from the "
            "given parameters on the given batches; hand in the compressed pseudo-gradient."
        ),
        rules=RULES,
        inputs={"recipe": recipe.digest},
        budget=Budget(wall_seconds=600, memory_bytes=8 << 30, disk_bytes=2 << 30),
        verification={"seed": SEED, "sequences": SEQUENCES, "uid": UID, "round": ROUND, "recipe": recipe.document()},
    )
