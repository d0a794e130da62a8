"""One thread for torch: small models are no faster on more, and tests run beside one another."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)
