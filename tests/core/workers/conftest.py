"""Agents with a model that follows a script, their programs installed once, and workspaces with a brief."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from assay.core.budget import Budget
from assay.core.errors import Unavailable
from assay.core.sandbox import Spec, open_sandbox, python_mounts, remove_tree
from assay.core.workers import Watch
from assay.core.workers.agent import AgentFinished, AgentWorker
from assay.core.workers.choose import choose
from assay.core.workers.cli_agent import CLI_AGENTS
from assay.core.workers.installing import install
from tests.conftest import command
from tests.core.workers.scripted import scripted_model  # noqa: F401 - it registers the model `scripted`

SCRIPTED = Path(__file__).parent / "scripted"
# Hundreds of megabytes: kept between sessions. Anything in it was installed by the code under test.
PROGRAMS = Path(os.environ.get("ASSAY_TEST_AGENTS") or Path.home() / ".cache" / "assay-tests") / "agents"


@pytest.fixture(scope="session")
def programs() -> Callable[[str], Path]:
    """Installs an agent's program from npm for real, once; skips the test where that cannot be done."""

    def folder(name: str) -> Path:
        if shutil.which("npm") is None:
            pytest.skip("npm is not on this machine")
        PROGRAMS.parent.mkdir(parents=True, exist_ok=True)
        before = os.environ.get("ASSAY_HOME")
        os.environ["ASSAY_HOME"] = str(PROGRAMS.parent)
        try:
            return install(CLI_AGENTS[name].program).folder
        except Unavailable as error:
            pytest.skip(str(error))
        finally:
            os.environ.pop("ASSAY_HOME")
            if before is not None:
                os.environ["ASSAY_HOME"] = before

    return folder


@dataclass
class Outcome:
    finished: AgentFinished
    transcript: str
    workspace: Path
    spendings: list[Any] = field(default_factory=list)
    traffic: list[dict[str, Any]] = field(default_factory=list)

    @property
    def log(self) -> Any:
        from inspect_ai.log import read_eval_log

        assert self.finished.log is not None
        return read_eval_log(str(self.finished.log))


Work = Callable[..., Outcome]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: Callable[[str], Path]) -> Work:
    """Let an agent follow a script of shell commands in a sandbox, without any arena."""
    home = tmp_path / "agents-home"
    home.mkdir()
    monkeypatch.setenv("ASSAY_HOME", str(home))
    folders: list[Path] = []

    def run(agent: str, *commands: str, files: dict[str, str] | None = None, **options: Any) -> Outcome:
        if agent in CLI_AGENTS:
            programs(agent)
            if not (home / "agents").exists():
                (home / "agents").symlink_to(PROGRAMS)
        place = tmp_path / f"run{len(folders)}"
        workspace = place / "workspace"
        workspace.mkdir(parents=True)
        folders.append(place)
        (workspace / "BRIEF.md").write_text("# Do what the script says\n")
        for name, text in (files or {}).items():
            (workspace / name).write_text(text)
        monkeypatch.setenv("SCRIPTED_COMMANDS", json.dumps(commands))
        monkeypatch.setenv("SCRIPTED_TRAFFIC", str(place / "traffic.jsonl"))
        limits = {"wall_seconds": 900.0, "memory_bytes": 4 << 30, "disk_bytes": 1 << 30} | {
            name: options.pop(name) for name in ("wall_seconds", "tokens", "dollars", "disk_bytes") if name in options
        }
        network = options.pop("network", ())
        worker = choose(agent, model="scripted/tiny", **options)
        assert isinstance(worker, AgentWorker)
        spendings: list[Any] = []
        spec = Spec(workspace, Budget(**limits), mounts=python_mounts(), network=network)
        finished = worker.work(
            open_sandbox(), spec, place / "transcript", Watch(on_spending=spendings.append, on_sample=lambda _: None)
        )
        traffic = place / "traffic.jsonl"
        rows = [json.loads(line) for line in traffic.read_text().splitlines()] if traffic.exists() else []
        return Outcome(finished, (place / "transcript").read_text(), workspace, spendings, rows)

    yield run
    for folder in folders:
        remove_tree(folder)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A dollar for a thousand tokens."""
    path = tmp_path / "prices.json"
    per_million = {"input": 1000, "output": 1000, "input_cache_write": 0, "input_cache_read": 0}
    path.write_text(json.dumps({"scripted/tiny": per_million}))
    return path


@dataclass
class AgentCommand:
    """`assay run` of an agent with a scripted model, as a user would start it."""

    arguments: list[str]
    environment: dict[str, str]

    def run(self, timeout: float = 1500) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.arguments, env=self.environment, capture_output=True, text=True, timeout=timeout, cwd=self.cwd
        )

    def start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.arguments, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.cwd
        )

    @property
    def cwd(self) -> str:
        return self.environment["ASSAY_HOME"]


@pytest.fixture(scope="session")
def shared_home(staged_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the runs that do not mind each other: the base model is measured once."""
    place = tmp_path_factory.mktemp("shared") / "home"
    shutil.copytree(staged_home, place)
    return place


@pytest.fixture
def agent_command(shared_home: Path, programs: Callable[[str], Path]) -> Callable[..., AgentCommand]:
    def make(agent: str, commands: list[str], *options: str, home: Path = shared_home) -> AgentCommand:
        if agent in CLI_AGENTS:
            programs(agent)
            if not (home / "agents").exists():
                (home / "agents").symlink_to(PROGRAMS)
        arguments = command(
            *("run", "posttrain/bfcl-smoke:tiny-llama", "--worker", agent, "--model", "scripted/tiny"),
            *("--budget", "15m", *options),  # far more than it takes: this machine may be busy
        )
        variables = {
            **os.environ,
            "ASSAY_HOME": str(home),
            "PYTHONPATH": str(SCRIPTED),
            "SCRIPTED_COMMANDS": json.dumps(commands),
        }
        return AgentCommand(arguments, variables)

    return make
