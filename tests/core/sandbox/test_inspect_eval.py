"""The provider in a real evaluation, and what it adds to Inspect's own checks."""

import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageAssistant
from inspect_ai.scorer import Score, Target, accuracy, scorer
from inspect_ai.solver import Generate, TaskState, solver
from inspect_ai.tool import bash
from inspect_ai.util import SandboxEnvironmentSpec, SandboxUserUnsupportedError, sandbox
from inspect_ai.util._sandbox.events import SandboxEnvironmentProxy

from assay.core.errors import BadInput
from assay.core.sandbox.inspect_provider import (
    BubblewrapConfig,
    BubblewrapSandboxEnvironment,
    SandboxUnavailableError,
)
from tests.core.sandbox.conftest import processes_with, wait_until

Env = BubblewrapSandboxEnvironment


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def start(config: BubblewrapConfig | None = None) -> Env:
    return (await Env.sample_init("test", config, {}))["default"].as_type(Env)


async def end(env: Env) -> None:
    await Env.sample_cleanup("test", None, {"default": env}, False)


@pytest.fixture
async def env() -> AsyncIterator[Env]:
    made = await start()
    yield made
    await end(made)


def test_a_task_runs_under_inspect_eval(tmp_path: Path) -> None:
    @scorer(metrics=[accuracy()])
    def found_it():  # type: ignore[no-untyped-def]
        async def score(state: TaskState, target: Target) -> Score:
            answer = await sandbox().read_file("answer.txt")
            prepared = await sandbox().exec(["cat", "prepared"])
            return Score(value=answer.strip() == "42" and prepared.stdout == "by setup\n", answer=answer)

        return score

    @solver
    def work():  # type: ignore[no-untyped-def]
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            said = await bash(timeout=20)("cat question.txt; echo 42 > answer.txt")
            state.messages.append(ChatMessageAssistant(content=str(said)))
            return state

        return solve

    task = Task(
        dataset=[
            Sample(
                input="answer the question",
                files={"question.txt": "six times seven"},
                setup="echo by setup > prepared",
            )
        ],
        solver=work(),
        scorer=found_it(),
        sandbox=SandboxEnvironmentSpec("bubblewrap", BubblewrapConfig(memory_bytes=256 << 20)),
    )
    (log,) = eval(task, model="mockllm/model", log_dir=str(tmp_path), display="none")
    assert log.status == "success", log.error
    assert log.results is not None and log.results.scores[0].metrics["accuracy"].value == 1
    assert log.samples is not None
    assert any("six times seven" in str(message.content) for message in log.samples[0].messages)


def test_the_provider_is_found_by_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "task.py").write_text(
        "from inspect_ai import Task, task\nfrom inspect_ai.dataset import Sample\n"
        "from inspect_ai.solver import solver\nfrom inspect_ai.util import sandbox\n"
        "@solver\ndef look():\n    async def solve(state, generate):\n"
        "        assert (await sandbox().exec(['hostname'])).stdout == 'sandbox\\n'\n"
        "        return state\n    return solve\n"
        "@task\ndef named():\n    return Task(dataset=[Sample(input='x')], solver=look(), sandbox='bubblewrap')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "inspect_ai", "eval", "task.py", "--model", "mockllm/model", "--display", "none"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "INSPECT_LOG_DIR": str(tmp_path / "logs")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (log,) = (tmp_path / "logs").glob("*.eval")
    from inspect_ai.log import read_eval_log

    assert read_eval_log(str(log)).status == "success"


@pytest.mark.anyio
async def test_background_processes_live_between_commands_and_end_with_the_sample() -> None:
    env = await start()
    script = "python3 -m http.server 8000 --bind 127.0.0.1 >server.log 2>&1 & echo started"
    assert (await env.exec(["sh", "-c", script])).stdout == "started\n"
    fetch = (
        "import time, urllib.request as u\nfor _ in range(100):\n"
        "    try: print(u.urlopen('http://127.0.0.1:8000/').status); break\n    except OSError: time.sleep(0.1)"
    )
    assert (await env.exec(["python3", "-c", fetch], timeout=20)).stdout == "200\n"
    place = str(env.workspace)
    await end(env)
    assert not Path(place).exists()
    with pytest.raises(SandboxUnavailableError):
        await env.exec(["true"])


@pytest.mark.anyio
async def test_a_server_that_keeps_the_output_open_does_not_hold_up_its_command(env: Env) -> None:
    noisy = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo 'a line of the server that goes on and on and on'; done"
    result = await env.exec(["sh", "-c", f"(sleep 0.3; {noisy}; touch finished) & echo up"], timeout=20)
    assert result.stdout.startswith("up\n")
    for _ in range(100):  # its 150 kB are more than a pipe holds: somebody must be reading
        if (await env.exec(["test", "-e", "finished"])).success:
            break
        await anyio.sleep(0.1)
    else:
        pytest.fail("the server was stopped by a full pipe")


@pytest.mark.anyio
async def test_a_workload_cannot_speak_for_the_first_process(env: Env) -> None:
    script = (
        "import os\nfor n in range(64):\n    for p in (f'/proc/1/fd/{n}',):\n"
        '        try: os.write(os.open(p, os.O_WRONLY), b\'{"event":"exited","id":1,"status":0}\'); print("GOT")\n'
        "        except OSError: pass\nraise SystemExit(9)"
    )
    result = await env.exec(["python3", "-c", script])
    assert (result.returncode, result.stdout) == (9, "")


@pytest.mark.anyio
async def test_reading_a_file_does_not_follow_a_link_out_of_the_sandbox(env: Env, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the host's")
    await env.exec(["ln", "-s", str(secret), "link"])
    with pytest.raises(FileNotFoundError):
        await env.read_file("link")
    await env.exec(["ln", "-s", str(tmp_path / "new"), "out"])
    with pytest.raises(OSError):
        await env.write_file("out", "written")
    assert not (tmp_path / "new").exists()
    await env.exec(["mkfifo", "pipe"])
    with pytest.raises(PermissionError):
        await env.read_file("pipe")


@pytest.mark.anyio
async def test_other_users_are_refused_as_inspect_asks(env: Env) -> None:
    for user in ("root", "0", "nobody"):
        with pytest.raises(SandboxUserUnsupportedError):
            await env.exec(["true"], user=user)
    assert (await env.exec(["id", "-un"], user="worker")).stdout == "worker\n"


@pytest.mark.anyio
async def test_a_sample_over_its_memory_is_told_so() -> None:
    env = await start(BubblewrapConfig(memory_bytes=128 << 20))
    with pytest.raises(SandboxUnavailableError, match="memory"):
        await env.exec(["python3", "-c", "x = bytearray(1 << 30)\nx[::4096] = b'y' * len(x[::4096])"])
        await anyio.sleep(2)
        await env.exec(["true"])
    await end(env)


@pytest.mark.anyio
async def test_a_cancelled_command_is_ended(env: Env, marker: str) -> None:
    with anyio.move_on_after(0.5):
        await env.exec(["sh", "-c", f"sleep 60; echo {marker}"])
    assert wait_until(lambda: processes_with(marker) == [], seconds=10)
    assert (await env.exec(["echo", "alive"])).stdout == "alive\n"


@pytest.mark.anyio
async def test_many_commands_run_at_once(env: Env) -> None:
    outputs: dict[int, str] = {}

    async def one(number: int) -> None:
        outputs[number] = (await env.exec(["sh", "-c", f"sleep 0.2; echo {number}"])).stdout

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(one, number)
    assert outputs == {number: f"{number}\n" for number in range(20)}


@pytest.mark.anyio
async def test_exec_remote_works_with_the_tools_that_inspect_injects(env: Env) -> None:
    remote = SandboxEnvironmentProxy(env)  # as Inspect hands it to tools
    result = await remote.exec_remote(["sh", "-c", "echo out; echo err >&2; exit 3"], stream=False)
    assert (result.returncode, result.stdout, result.stderr) == (3, "out\n", "err\n")
    process = await remote.exec_remote(["sh", "-c", "echo first; sleep 60"])
    await process.kill()


@pytest.mark.anyio
async def test_a_connection_gives_a_shell_in_the_sandbox(env: Env) -> None:
    await env.exec(["touch", "here"])
    connection = await env.connection()
    assert connection.type == "bubblewrap"
    done = subprocess.run(connection.command, shell=True, input="ls; hostname\n", capture_output=True, text=True)
    assert "here" in done.stdout and "sandbox" in done.stdout, done.stderr


@pytest.mark.anyio
async def test_a_network_that_is_not_granted_is_not_there(env: Env) -> None:
    result = await env.exec(["python3", "-c", "import socket; socket.create_connection(('1.1.1.1', 53), 2)"])
    assert not result.success and "unreachable" in result.stderr


def test_a_configuration_that_is_not_one_is_refused(tmp_path: Path) -> None:
    from pydantic import ValidationError

    with pytest.raises(BadInput):
        anyio.run(Env.sample_init, "test", str(tmp_path / "absent.json"), {})
    with pytest.raises(ValidationError):
        Env.config_deserialize({"memory_bytes": -1})
    with pytest.raises(ValidationError):
        Env.config_deserialize({"unknown": 1})
    assert Env.config_deserialize({"network": ["example.org"]}) == BubblewrapConfig(network=("example.org",))


def test_what_a_killed_evaluation_left_is_cleaned_up() -> None:
    program = (
        "import anyio, os, signal\n"
        "from assay.core.sandbox.inspect_provider import BubblewrapSandboxEnvironment as E\n"
        "async def main():\n"
        "    env = (await E.sample_init('t', None, {}))['default']\n"
        "    print(env.workspace, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "anyio.run(main)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    left = Path(done.stdout.strip())
    assert left.is_dir()
    time.sleep(0.5)
    anyio.run(Env.cli_cleanup, None)
    assert not left.exists()
