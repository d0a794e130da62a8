from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.core.ledger import Entry, Ledger, open_ledger
from assay.core.store import Store, open_store
from tests.web import examples


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_KEY", raising=False)
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Store:
    return open_store()


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with open_ledger() as ledger:
        yield ledger


@pytest.fixture
def entries(ledger: Ledger, store: Store) -> list[Entry]:
    return examples.fill(ledger, store)
