"""A tiny recipe, its text, and one honest run of four peers and two validators that many tests look at."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from assay.core.store import open_store
from assay.pretrain.audit import Auditor
from assay.pretrain.chain.ledger_chain import LedgerChain
from assay.pretrain.data import Corpus, build_shards
from assay.pretrain.exchange import Stores
from assay.pretrain.recipe import Recipe, read_recipe
from assay.pretrain.simulation.network import Cast, Network, RoundResult
from assay.pretrain.training import Workbench

ROUNDS = 3


@pytest.fixture(scope="package", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before, threads = os.environ.get("ASSAY_HOME"), torch.get_num_threads()
    os.environ["ASSAY_HOME"] = str(tmp_path_factory.mktemp("network") / "home")
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    if before is None:
        del os.environ["ASSAY_HOME"]
    else:
        os.environ["ASSAY_HOME"] = before


@pytest.fixture(scope="package")
def recipe() -> Recipe:
    return read_recipe("tiny")


@pytest.fixture(scope="package")
def corpus(recipe: Recipe, _own_home: None) -> Corpus:
    store = open_store()
    return Corpus(store, build_shards(recipe.data, store), recipe.model.context)


MakeNetwork = Callable[..., Network]


@pytest.fixture
def make_network(recipe: Recipe, corpus: Corpus, tmp_path: Path) -> MakeNetwork:
    def make(cast: Cast, name: str = "run", **settings: object) -> Network:
        return Network(recipe, corpus, cast, tmp_path / name, **settings)  # type: ignore[arg-type]

    return make


@dataclass(frozen=True)
class Past:
    """A run that is over, in a folder of its own."""

    folder: Path
    recipe: Recipe
    corpus: Corpus
    results: list[RoundResult]

    @property
    def chain(self) -> LedgerChain:
        (place,) = self.folder.glob("chain-*.db")
        return LedgerChain.open(place)

    def stores(self) -> Stores:
        """The members' stores, of this copy of the run."""
        return Stores(lambda endpoint: open_store(self.folder / "public" / Path(endpoint).name))

    def auditor(self, **settings: float) -> Auditor:
        return Auditor(self.recipe, self.chain, self.corpus, self.stores(), Workbench(self.recipe), **settings)


@pytest.fixture(scope="package")
def honest(recipe: Recipe, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("honest") / "run"
    network = Network(recipe, corpus, Cast(4, validators=("honest", "honest")), folder)
    return Past(folder, recipe, corpus, network.run(ROUNDS))


@pytest.fixture
def past(honest: Past, tmp_path: Path) -> Past:
    """A copy of the honest run, to be damaged."""
    shutil.copytree(honest.folder, tmp_path / "copy")
    return Past(tmp_path / "copy", honest.recipe, honest.corpus, honest.results)
