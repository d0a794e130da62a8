"""What `--worker TEXT` means: the one place where it is decided.

claude-code, codex, gemini, opencode       a command line agent, installed through npm at its first use
inspect:react, inspect:PACKAGE/NAME, inspect:FILE.py@NAME     an Inspect agent
anything else                              a command, started in the workspace
"""

from collections.abc import Iterable
from pathlib import Path

from assay.core.budget import Budget
from assay.core.errors import BadInput
from assay.core.workers.agent import AgentWorker
from assay.core.workers.cli_agent import CLI_AGENTS
from assay.core.workers.inspect_agent import find
from assay.core.workers.installing import install
from assay.core.workers.metering import read_prices
from assay.core.workers.script import ScriptWorker, files_for_workspace

_INSPECT = "inspect:"


def is_agent(text: str) -> bool:
    return text in CLI_AGENTS or text.startswith(_INSPECT)


def choose(
    text: str,
    files: Iterable[Path] = (),
    *,
    model: str | None = None,
    version: str | None = None,
    prices: Path | None = None,
    reprompt: bool = False,
) -> ScriptWorker | AgentWorker:
    """The worker that `text` names. `files` go into its workspace. A CLI agent is installed now if it is not there."""
    if not is_agent(text):
        for option, value in (("--model", model), ("--agent-version", version), ("--prices", prices)):
            if value is not None:
                raise BadInput(f"{option} is for agents, and the worker {text[:80]!r} is a command: leave it out.")
        if reprompt:
            raise BadInput(f"--reprompt is for agents, and the worker {text[:80]!r} is a command: leave it out.")
        return ScriptWorker.parse(text, files)
    if model is None:
        raise BadInput(f"The agent {text} needs a model: give --model PROVIDER/NAME.")
    price = read_prices(prices).get(model) if prices is not None else None
    given = files_for_workspace(files)
    if text in CLI_AGENTS:
        agent = CLI_AGENTS[text]
        return AgentWorker(agent, model, install(agent.program, version), price, reprompt, given)
    found = find(text.removeprefix(_INSPECT))
    if version is not None and version != found.version:
        raise BadInput(f"The agent {text} is there in version {found.version}, not {version}: install that version.")
    return AgentWorker(found, model, None, price, reprompt, given)


def check(worker: ScriptWorker | AgentWorker, budget: Budget, sandbox: str) -> None:
    """Raise now what would be wrong with this worker under this budget, before anything is done."""
    if isinstance(worker, AgentWorker):
        worker.check(budget, sandbox)
    elif budget.tokens is not None or budget.dollars is not None:
        raise BadInput("Tokens and money are budgets for agents: what a command spends on models cannot be counted.")
