"""Agents written for Inspect: its own `react`, one of an installed package, or one in a file.

The agent's own code runs outside the sandbox, as the user who started it; only what its tools do happens inside. So an
agent is code that the user trusts, and a CLI agent is not.
"""

import importlib.util
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from assay.core.digest import Digest, digest_file
from assay.core.errors import BadInput

if TYPE_CHECKING:
    from inspect_ai.agent import Agent

_HOW = "write inspect:react, inspect:PACKAGE/NAME or inspect:FILE.py@NAME"


@dataclass(frozen=True)
class InspectAgent:
    """An agent by name. `version` is that of its package; `digest` is that of its file."""

    name: str
    version: str
    digest: Digest | None = None

    def make(self, seconds: float) -> "Agent":
        """A new agent, for one run of so many seconds. `BadInput` if there is none of this name."""
        if self.name == "react":
            return _react(seconds)
        path, at, function = self.name.rpartition("@")
        return _from_file(Path(path), function) if at else _from_package(self.name)


def find(name: str) -> InspectAgent:
    """The agent that `inspect:NAME` means. Nothing of it is run yet."""
    path, at, function = name.rpartition("@")
    if at:
        if not Path(path).is_file():
            raise BadInput(f"{path} is not a file with an agent: {_HOW}.")
        if not function.isidentifier():
            raise BadInput(f"{function[:50]!r} is not the name of an agent in {path}: {_HOW}.")
        digest = digest_file(Path(path))
        return InspectAgent(name, digest.removeprefix("sha256:")[:12], digest)
    if name == "react":
        return InspectAgent(name, version("inspect_ai"))
    package, slash, _ = name.partition("/")
    if not slash or not package:
        raise BadInput(f"{name[:50]!r} is not an Inspect agent: {_HOW}.")
    return InspectAgent(name, _version_of(package))


def _version_of(package: str) -> str:
    for distribution in (package, *packages_distributions().get(package, ())):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    raise BadInput(f"The package {package[:50]!r} is not installed: it has no agent to give.")


def _react(seconds: float) -> "Agent":
    from inspect_ai.agent import react
    from inspect_ai.tool import bash, text_editor

    # A training is one command: it may take as long as the run does.
    return react(tools=[bash(timeout=max(1, int(seconds))), text_editor(timeout=60)], truncation="auto")


def _from_package(name: str) -> "Agent":
    from inspect_ai.util import registry_create

    try:
        return registry_create("agent", name)
    except (LookupError, TypeError) as error:
        raise BadInput(f"There is no agent {name[:80]!r} that can be made without arguments: {error}.") from None


def _from_file(path: Path, function: str) -> "Agent":
    from inspect_ai.util import registry_info

    module_name = f"assay_agent_{digest_file(path).removeprefix('sha256:')[:16]}"
    module: Any = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise BadInput(f"{path} is not a Python file: {_HOW}.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            raise BadInput(f"{path} cannot be loaded: {type(error).__name__}: {error}.") from error
    factory = getattr(module, function, None)
    if factory is None or not callable(factory):
        raise BadInput(f"{path} has no agent {function}: decorate a function of that name with @agent.")
    made = factory()
    try:
        is_agent = registry_info(made).type == "agent"
    except ValueError:
        is_agent = False
    if not is_agent:
        raise BadInput(f"{function} in {path} is not an agent: decorate it with @agent.")
    return cast("Agent", made)
