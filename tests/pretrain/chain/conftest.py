"""Runs on both chains: the embedded one in a file, and a contract on a real node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pretrain.chain.anvil import Anvil, installed_anvil
from tests.pretrain.chain.world import EvmWorld, LedgerWorld, MakeWorld, World


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_KEY", raising=False)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    node = Anvil(installed_anvil(), tmp_path_factory.mktemp("anvil"))
    node.start()
    yield node
    node.stop()


@pytest.fixture(params=["ledger", "evm"])
def make_world(request: pytest.FixtureRequest, tmp_path: Path) -> MakeWorld:
    """Begins a run with other terms than usual."""

    def make(**changes: object) -> World:
        if request.param == "ledger":
            return LedgerWorld(tmp_path / "ledger.db", **changes)
        return EvmWorld(request.getfixturevalue("anvil"), tmp_path, **changes)

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()
