"""What `--worker` means, and what is refused before anything is done."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.core.budget import Budget, limited
from assay.core.errors import BadInput, Unavailable
from assay.core.workers import ScriptWorker
from assay.core.workers.agent import AgentWorker
from assay.core.workers.choose import check, choose
from tests.conftest import TASK, Assay
from tests.core.workers.scripted import scripted_model  # noqa: F401 - it registers the model `scripted`

TEN_MINUTES = Budget(wall_seconds=600)

AGENT = """
from inspect_ai.agent import Agent, AgentState, agent

@agent
def mine() -> Agent:
    async def execute(state: AgentState) -> AgentState:
        return state
    return execute

def not_an_agent():
    return 1
"""


@pytest.fixture
def agent_file(tmp_path: Path) -> Path:
    path = tmp_path / "agents.py"
    path.write_text(AGENT)
    return path


@pytest.mark.parametrize("text", ["python train.py", "true", "./codex", "codex --help", "inspect"])
def test_what_is_not_the_name_of_an_agent_is_a_command(text: str) -> None:
    assert isinstance(choose(text), ScriptWorker)


def test_an_inspect_agent_is_named_with_its_version_and_model(agent_file: Path) -> None:
    react = choose("inspect:react", model="scripted/tiny")
    assert isinstance(react, AgentWorker)
    assert react.name.startswith("inspect:react 0.") and react.name.endswith(" with scripted/tiny")
    mine = choose(f"inspect:{agent_file}@mine", model="scripted/tiny", reprompt=True)
    check(mine, TEN_MINUTES, "bubblewrap")
    assert isinstance(mine, AgentWorker) and mine.name.endswith("with scripted/tiny, reprompted")
    agent_file.write_text(AGENT + "\n# changed")
    assert choose(f"inspect:{agent_file}@mine", model="scripted/tiny", reprompt=True).name != mine.name


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("python x", {"model": "scripted/tiny"}, "--model is for agents"),
        ("python x", {"version": "1.2.3"}, "--agent-version is for agents"),
        ("python x", {"reprompt": True}, "--reprompt is for agents"),
        ("inspect:react", {}, "needs a model"),
        ("claude-code", {}, "needs a model"),
        ("inspect:nothing", {"model": "scripted/tiny"}, "not an Inspect agent"),
        ("inspect:no_such_package/agent", {"model": "scripted/tiny"}, "not installed"),
        ("inspect:/no/such/file.py@mine", {"model": "scripted/tiny"}, "not a file"),
        ("inspect:react", {"model": "scripted/tiny", "version": "0.0.1"}, "install that version"),
        ("codex", {"model": "scripted/tiny", "version": "1.0.0 --global"}, "not a version"),
        ("codex", {"model": "scripted/tiny", "version": "latest"}, "not a version"),
    ],
)
def test_a_worker_that_makes_no_sense_is_refused_in_a_sentence(text: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        choose(text, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("agent", "says"), [("not_an_agent", "not an agent"), ("absent", "has no agent"), ("a b", "not the name")]
)
def test_a_file_without_that_agent_is_refused(agent_file: Path, agent: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        check(choose(f"inspect:{agent_file}@{agent}", model="scripted/tiny"), TEN_MINUTES, "bubblewrap")


def test_a_file_that_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import no_such_module")
    with pytest.raises(BadInput, match="no_such_module"):
        check(choose(f"inspect:{path}@mine", model="scripted/tiny"), TEN_MINUTES, "bubblewrap")


def test_budgets_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="budgets for agents"):
        check(choose("true"), limited(TEN_MINUTES, None, tokens=5), "bubblewrap")
    agent = choose("inspect:react", model="scripted/tiny")
    check(agent, limited(TEN_MINUTES, None, tokens=5), "bubblewrap")
    with pytest.raises(BadInput, match="--prices"):
        check(agent, limited(TEN_MINUTES, None, dollars=1.0), "bubblewrap")
    prices = tmp_path / "prices.json"
    price = {"input": 1, "output": 2, "input_cache_write": 1, "input_cache_read": 1}
    prices.write_text(json.dumps({"another/model": price}))
    unpriced = choose("inspect:react", model="scripted/tiny", prices=prices)
    with pytest.raises(BadInput, match="--prices"):
        check(unpriced, limited(TEN_MINUTES, None, dollars=1.0), "bubblewrap")
    with pytest.raises(BadInput, match="more than 0"):
        limited(TEN_MINUTES, None, dollars=float("nan"))


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"m": 1}', '{"m": {"input": 1}}', '{"m": {"input": -1, "output": 1, "input_cache_write": 1}}', "\xff"],
)
def test_a_file_that_is_not_one_of_prices_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match="not a file of prices"):
        choose("inspect:react", model="scripted/tiny", prices=path)


def test_a_huge_file_of_prices_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(b" " * (2 << 20))
    with pytest.raises(BadInput, match="too large"):
        choose("inspect:react", model="scripted/tiny", prices=path)


def test_an_agent_without_a_sandbox_is_refused(assay: Assay) -> None:
    with pytest.raises(BadInput, match="only in a sandbox"):  # before anything is done
        check(choose("inspect:react", model="scripted/tiny"), TEN_MINUTES, "none")
    ended = assay("run", TASK, "--worker", "inspect:react", "--model", "mockllm/model", "--sandbox", "none")
    assert ended.returncode == 2 and "only in a sandbox" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("model", ["nosuchprovider/model", "none", "gpt-5"])
def test_a_model_that_cannot_be_used_is_said_in_a_sentence(model: str) -> None:
    with pytest.raises((BadInput, Unavailable)) as caught:
        check(choose("inspect:react", model=model), TEN_MINUTES, "bubblewrap")
    assert "\n" not in str(caught.value) and "[" not in str(caught.value)


def test_without_npm_an_agent_that_is_not_installed_is_unavailable(assay: Assay, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "bwrap").symlink_to("/usr/bin/bwrap")
    program = [sys.executable, "-m", "assay.cli", "run", TASK, "--worker", "codex", "--model", "mockllm/model"]
    environment = {**os.environ, "ASSAY_HOME": str(tmp_path / "empty"), "PATH": str(tools)}
    ended = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert ended.returncode == 3 and "npm" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize("absent", ["inspect_ai", "inspect_swe"])
def test_without_the_packages_of_agents_one_sentence_says_what_to_install(absent: str, tmp_path: Path) -> None:
    program = (
        f"import sys; sys.modules['{absent}'] = None\n"
        "from assay.core.budget import Budget\n"
        "from assay.core.errors import Unavailable\n"
        "from assay.core.workers.agent import AgentWorker\n"
        "from assay.core.workers.cli_agent import CLI_AGENTS\n"
        "from assay.core.workers.installing import Installed\n"
        "from pathlib import Path\n"
        "codex = CLI_AGENTS['codex']\n"
        "worker = AgentWorker(codex, 'mockllm/model', Installed(codex.program, '1.0.0', Path('/')))\n"
        "try: worker.check(Budget(wall_seconds=1), 'bubblewrap')\n"
        "except Unavailable as error: print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout == f"Agents need {absent}: install it with `pip install 'assay[agents]'`.\n", ended.stderr


def test_nothing_of_inspect_is_imported_for_a_command(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom assay.core.workers.choose import check, choose\nfrom assay.core.budget import Budget\n"
        "import assay.core.run, assay.cli\n"
        "check(choose('true'), Budget(wall_seconds=1), 'bubblewrap'); print('inspect_ai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
