"""Small models trained for real, once for all tests here: under two minutes on one core."""

from pathlib import Path

import pytest
import torch

from tests.posttrain.provenance import derive
from tests.posttrain.provenance.training import FIRST, PRETRAINING, SECOND, reinforce, train

HONEST = ("second", "same-texts", "same-large", "long", "low-rank", "low-rate", "rewarded")
FROM_SIBLING = ("tuned", "tuned-long", "merge-tuned")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `base`, `sibling`, a sibling that is `near`, honest work on the base, and work on the siblings."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("models")
    base = train(None, place / "base", PRETRAINING, 250, 2e-3, 0, batch=16)
    sibling = train(base, place / "sibling", FIRST, 120, 3e-4, 1)
    train(base, place / "second", SECOND, 120, 3e-4, 11)
    train(base, place / "same-texts", FIRST, 120, 3e-4, 12)
    train(base, place / "same-large", FIRST, 60, 1e-4, 18, batch=64)
    train(base, place / "long", SECOND, 300, 1e-3, 13, decay=0.1)
    train(base, place / "low-rank", SECOND, 100, 2e-3, 14, rank=8)
    train(base, place / "low-rate", SECOND, 60, 3e-5, 15)
    reinforce(base, place / "rewarded", 25, 1e-4, 16)
    train(sibling, place / "tuned", SECOND, 80, 1e-4, 31)
    train(sibling, place / "tuned-long", SECOND, 200, 1e-3, 32)
    merged = derive.linear(derive.read(base), derive.read(sibling), 0.5)
    train(derive.write(place / "merge", merged, base), place / "merge-tuned", SECOND, 60, 5e-5, 33)
    near = train(base, place / "near", FIRST, 60, 3e-5, 2)
    tenth = derive.write(place / "tenth", derive.linear(derive.read(base), derive.read(near), 0.1), base)
    train(tenth, place / "tenth-tuned", SECOND, 20, 1e-5, 33)
    torch.set_num_threads(threads)
    return place
