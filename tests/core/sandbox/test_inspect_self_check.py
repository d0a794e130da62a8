"""Inspect's own conformance checks for sandbox providers, on ours."""

from collections.abc import AsyncIterator

import pytest
from inspect_ai.util._sandbox import self_check
from inspect_ai.util._sandbox.self_check import *  # noqa: F403

from assay.core.sandbox.inspect_provider import BubblewrapSandboxEnvironment

pytestmark = pytest.mark.anyio

EXPECTED_TO_FAIL = {
    "test_exec_as_user": "there is one user in the sandbox, by design",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def sandbox_env(request: pytest.FixtureRequest) -> AsyncIterator[BubblewrapSandboxEnvironment]:
    reason = EXPECTED_TO_FAIL.get(request.node.originalname)
    if reason:
        request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    environments = await BubblewrapSandboxEnvironment.sample_init("self-check", None, {})
    sandbox = environments["default"]
    assert isinstance(sandbox, BubblewrapSandboxEnvironment)
    yield sandbox
    await BubblewrapSandboxEnvironment.sample_cleanup("self-check", None, environments, False)
    assert not sandbox.workspace.exists()


def test_all_checks_of_this_version_are_run() -> None:
    assert len(self_check.__all__) > 30
    assert all(name in globals() for name in self_check.__all__)
