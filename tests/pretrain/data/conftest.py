"""A small corpus of known text, in a store of its own."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.digest import Digest
from assay.core.store import Store, open_store
from assay.pretrain.data import Corpus, build_shards
from assay.pretrain.recipe import Chat, Data, DataPhase, Recipe, Source, read_recipe

CHAT = Chat(
    roles={
        "system": ("<|system|>", "\n"),
        "user": ("<|user|>", "\n"),
        "assistant": ("<|assistant|>", "<|end|>"),
    }
)


def words(name: str, count: int) -> str:
    """`count` paragraphs that are all different."""
    return "".join(f"{name} paragraph {number} says {number * number % 977}.\n\n" for number in range(count))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with two texts, rows in two kinds of file, and conversations."""
    folder = tmp_path / "data"
    (folder / "books").mkdir(parents=True)
    (folder / "books" / "one.txt").write_text(words("one", 2_000))
    (folder / "books" / "two.md").write_text(words("two", 1_000))
    (folder / "plays.txt").write_text(words("plays", 3_000))
    rows = [{"text": words(f"row {number}", 3), "other": 1} for number in range(200)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with gzip.open(folder / "packed.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    talk = [
        {
            "messages": [
                {"role": "user", "content": f"What is {number}?"},
                {"role": "assistant", "content": f"It is {number}."},
            ]
        }
        for number in range(300)
    ]
    (folder / "talk.jsonl").write_text("".join(json.dumps(row) + "\n" for row in talk))
    monkeypatch.setenv("ASSAY_DATA", str(folder))
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    return folder


def described(*, tokenizer: str = "bytes", share: float = 0.1, **sources: Source) -> Data:
    """Data settings with one phase that mixes all sources equally."""
    mixture = {name: 1 / len(sources) for name in sources}
    phase = DataPhase(name="main", first_round=0, mixture=mixture)
    return Data(tokenizer=tokenizer, sources=sources, chat=CHAT, phases=(phase,), validation_share=share)


def recipe_with(data: Data, *, steps: int = 3, sequences: int = 4, context: int = 32) -> Recipe:
    recipe = read_recipe("tiny")
    return recipe.model_copy(
        update={
            "data": data,
            "inner": recipe.inner.model_copy(update={"steps": steps, "sequences": sequences}),
            "model": recipe.model.model_copy(update={"context": context}),
        }
    )


Built = tuple[Recipe, Corpus]


@pytest.fixture
def built(texts: Path, store: Store) -> Callable[..., Built]:
    """Builds a corpus of books and plays, and a recipe that mixes them 3 : 1."""

    def build(**settings: int) -> Built:
        data = described(books=Source(files=("books",)), plays=Source(files=("plays.txt",)), share=0.2)
        mixed = DataPhase(name="main", first_round=0, mixture={"books": 0.75, "plays": 0.25})
        recipe = recipe_with(data.model_copy(update={"phases": (mixed,)}), **settings)
        digest: Digest = build_shards(recipe.data, store)
        return recipe, Corpus(store, digest, recipe.model.context)

    return build
