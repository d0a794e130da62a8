"""The command line agents: Claude Code, Codex CLI, Gemini CLI and OpenCode, through `inspect_swe`.

Each runs as its own program inside the sandbox, where nothing but the bridge answers: it asks for a model at a local
port, and the request is served outside, with keys that never come in.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.core.sandbox import Mount, Spec
from assay.core.sandbox.layout import default_environment
from assay.core.workers.installing import Installed, Program

if TYPE_CHECKING:
    from inspect_ai.agent import Agent

PLACE = "/opt/agent"  # inside: the program of the agent
_NODE = "/opt/node"  # inside: node, where it is not among the system's programs
_SYSTEM = ("/usr/", "/bin/", "/nix/store/", "/gnu/store/")
_RIPGREP = "@vscode/ripgrep@1.18.0"


@dataclass(frozen=True)
class CliAgent:
    """One agent: its program, and how `inspect_swe` is asked for it."""

    program: Program
    protocol: str  # the module that the bridge speaks the agent's protocol with
    make: Callable[[Installed, Mapping[str, str], float], "Agent"]
    place: str = PLACE
    needs_node: bool = False


def _claude_code(installed: Installed, environment: Mapping[str, str], seconds: float) -> "Agent":
    from inspect_swe import claude_code

    milliseconds = str(int(seconds * 1000))  # a training is one command: the agent may let it run as long as it likes
    waiting = {"BASH_DEFAULT_TIMEOUT_MS": milliseconds, "BASH_MAX_TIMEOUT_MS": milliseconds}
    return claude_code(
        version="sandbox",
        env={**environment, **waiting, "DISABLE_AUTOUPDATER": "1"},
        disallowed_tools=["WebSearch", "WebFetch"],
        retry_uncaught_errors=1,
    )


def _codex(installed: Installed, environment: Mapping[str, str], seconds: float) -> "Agent":
    from inspect_swe import codex_cli

    # Not in the workspace, which is handed in: its own notes would be taken for the work.
    return codex_cli(version="sandbox", env=dict(environment), web_search="disabled", home_dir="/tmp/.codex")  # noqa: S108


def _gemini(installed: Installed, environment: Mapping[str, str], seconds: float) -> "Agent":
    from inspect_swe import gemini_cli

    return gemini_cli(version=installed.version, env=dict(environment), web_search=False)


def _opencode(installed: Installed, environment: Mapping[str, str], seconds: float) -> "Agent":
    from inspect_swe import opencode

    return opencode(version="sandbox", env={**environment, "OPENCODE_DISABLE_AUTOUPDATE": "1"})


CLI_AGENTS: dict[str, CliAgent] = {
    agent.program.name: agent
    for agent in (
        CliAgent(
            Program(
                "claude-code",
                "@anthropic-ai/claude-code",
                "2.1.330",
                (("claude", "node_modules/@anthropic-ai/claude-code-linux-{machine}*/claude"),),
            ),
            "anthropic",
            _claude_code,
        ),
        CliAgent(
            Program(
                "codex",
                "@openai/codex",
                "0.169.0",
                (
                    ("codex", "node_modules/@openai/codex-linux-{machine}/vendor/*/bin/codex"),
                    ("rg", "node_modules/@openai/codex-linux-{machine}/vendor/*/codex-path/rg"),
                ),
            ),
            "openai",
            _codex,
        ),
        CliAgent(
            Program(
                "gemini",
                "@google/gemini-cli",
                "0.61.0",
                (("gemini", "node_modules/@google/gemini-cli/bundle/gemini.js"),),
            ),
            "google.genai",
            _gemini,
            # inspect_swe looks for it nowhere else, and would else install it from the network.
            place="/tmp/.5c95f967ca830048/gemini-cli",  # noqa: S108
            needs_node=True,
        ),
        CliAgent(
            Program(
                "opencode",
                "opencode-ai",
                "1.18.33",
                (
                    # The baseline first: the other needs a processor with AVX2.
                    (
                        "opencode",
                        "node_modules/opencode-linux-{machine}-baseline/bin/opencode"
                        "|node_modules/opencode-linux-{machine}/bin/opencode",
                    ),
                    ("rg", "node_modules/@vscode/ripgrep-linux-{machine}/bin/rg"),
                ),
                companions=(_RIPGREP,),
            ),
            "anthropic",
            _opencode,
            needs_node=True,
        ),
    )
}


def furnished(spec: Spec, agent: CliAgent, installed: Installed) -> Spec:
    """`spec` with the agent's program in it, and on the PATH."""
    mounts = [*spec.mounts, Mount(installed.folder, agent.place)]
    path = [f"{agent.place}/bin"]
    if agent.needs_node and (node := _node()) is not None:
        mounts.append(Mount(node, f"{_NODE}/bin/node"))
        path.append(f"{_NODE}/bin")
    environment = default_environment(spec)
    path.append(environment["PATH"])
    return replace(spec, mounts=tuple(mounts), environment={**spec.environment, "PATH": ":".join(path)})


def environment_inside(spec: Spec) -> dict[str, str]:
    """What the agent's process has beyond what `inspect_swe` sets: the PATH on which `python` is the task's."""
    return {"PATH": default_environment(spec)["PATH"]}


def _node() -> Path | None:
    """Where node is, if a sandbox would not show it by itself."""
    found = shutil.which("node")
    real = Path(found).resolve() if found else None
    return None if real is None or str(real).startswith(_SYSTEM) else real
