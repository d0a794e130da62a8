"""Claude Code, Codex CLI, Gemini CLI and OpenCode: their own programs from npm, in the sandbox, for real."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai.log import read_eval_log

from assay.core.store import open_store
from assay.core.workers.cli_agent import CLI_AGENTS
from tests.conftest import WORKERS, command
from tests.core.sandbox.conftest import processes_with, wait_until
from tests.core.workers.conftest import PROGRAMS, AgentCommand, Work

pytestmark = pytest.mark.timeout(1800)

MARKER = "sk-marker-0123456789abcdef"  # never written in what the agent is given

# Looks for the marker everywhere; `planted` shows that it would find it.
SPY = """
echo {reversed} | rev > /tmp/pattern
echo planted-"$(cat /tmp/pattern)" > planted
printf 'searched %s files\\n' "$(find / -xdev -type f 2>/dev/null | wc -l)"
grep -rlsF -f /tmp/pattern / --exclude=pattern --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr \\
  --exclude-dir=site-packages --exclude-dir=dev | sed 's/^/FOUND /'
grep -rlsF -f /tmp/pattern /dev/shm /dev/mqueue | sed 's/^/FOUND /'
PLANTED="$(cat /tmp/pattern)" sh -c 'sed "s/^/x/" /proc/self/environ > /dev/null; grep -alsF -f /tmp/pattern \\
  /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/self/environ' | sed 's/^/FOUND /'
env | cut -d= -f1 | sort | sed 's/^/VARIABLE /'
"""

FORGE = """
import json, os, sys, urllib.request
base = os.environ.get("ANTHROPIC_BASE_URL") or "http://localhost:3001"
hello = [{"role": "user", "content": "Hello"}]
web = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
image = {"type": "image", "source": {"type": "url", "url": "file:///etc/hostname"}}
for path, body in (
    ("/v1/messages", {"model": "anthropic/claude-opus-4-1", "max_tokens": 10, "messages": hello}),
    ("/v1/messages", {"model": "scripted/other", "max_tokens": 10, "messages": hello, "tools": [web]}),
    ("/v1/chat/completions", {"model": "inspect/openai/gpt-5", "messages": hello}),
    ("/v1/responses", {"model": "openai/gpt-5", "input": "Hello", "tools": [{"type": "web_search"}]}),
    ("/v1/messages", {"model": "x", "max_tokens": 1, "messages": [{"role": "user", "content": [image]}]}),
):
    headers = {"Content-Type": "application/json", "x-api-key": "sk-of-the-agent", "anthropic-version": "2023-06-01"}
    request = urllib.request.Request(base + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            print("ANSWER", answer.status)
    except urllib.error.HTTPError as error:
        print("ANSWER", error.code, error.read()[:200])
"""

REACH = """
import socket, sys
ours = int(sys.argv[1])
for host, port in (("1.1.1.1", 53), ("127.0.0.1", ours), ("localhost", ours), ("::1", ours)):
    try:
        socket.create_connection((host, port), timeout=5)
        print("REACHED", host, port)
    except OSError as error:
        print("refused", host, error)
try:
    print("REACHED", socket.getaddrinfo("example.org", 80))
except OSError as error:
    print("refused", error)
for line in open("/proc/net/tcp").readlines()[1:]:
    if line.split()[3] == "0A":
        print("LISTENING", int(line.split()[1].split(":")[1], 16))
"""


# Two by default: each takes an installation of hundreds of megabytes and about two minutes.
ALL = pytest.mark.skipif(
    not os.environ.get("ASSAY_TEST_ALL_AGENTS"), reason="set ASSAY_TEST_ALL_AGENTS=1 to try all four agents"
)
EACH = [agent if agent in ("claude-code", "codex") else pytest.param(agent, marks=ALL) for agent in sorted(CLI_AGENTS)]


@pytest.mark.slow
@pytest.mark.parametrize("agent", EACH)
def test_each_does_a_small_post_training_task_end_to_end(
    agent_command: Callable[..., AgentCommand], agent: str, shared_home: Path, tmp_path: Path
) -> None:
    nudge = (WORKERS / "nudge.py").as_posix()
    ended = agent_command(agent, ["cat BRIEF.md", "python nudge.py"], "--file", nudge, "--json").run()
    assert ended.returncode == 1, ended.stderr  # measured, and not better than the base
    document = json.loads(ended.stdout)
    assert document["outcome"] == "inconclusive" and {m["n"] for m in document["measures"]} == {20}
    run = document["run"]
    assert run["exit_code"] == 0 and run["sandbox"] == "bubblewrap" and run["spent"]["exceeded"] is None
    record = run["agent"]
    assert (record["agent"], record["version"]) == (agent, CLI_AGENTS[agent].program.version)
    assert record["model"] == "scripted/tiny" and list(record["usage"]) == ["scripted/tiny"]
    assert record["usage"]["scripted/tiny"]["total_tokens"] == run["spent"]["tokens"] >= 3300
    assert record["digest"].startswith("sha256:") and record["versions"]["inspect_swe"] == "0.2.72"
    store = open_store(shared_home / "store")
    log = tmp_path / "log.eval"
    store.get_file(run["agent_log"], log)
    assert read_eval_log(str(log)).samples[0].model_usage["scripted/tiny"].total_tokens == run["spent"]["tokens"]
    transcript = store.get_bytes(run["transcript"], 1 << 20).decode()
    assert "python nudge.py" in transcript and "Post-train a tiny random Llama" in transcript
    kept = subprocess.run(
        command("store", "gc", "--json"), env={**os.environ, "ASSAY_HOME": str(shared_home)}, check=False
    )
    assert kept.returncode == 0 and store.has(run["agent_log"])  # the submission leads to it


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["claude-code", "codex"])
def test_no_key_of_the_host_is_visible_inside(work: Work, agent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "HF_TOKEN", "ANYTHING"):
        monkeypatch.setenv(name, MARKER)
    did = work(agent, "sh spy.sh", "cat spied 2>/dev/null; true", files={"spy.sh": SPY.format(reversed=MARKER[::-1])})
    said = "\n".join(str(m["content"]) for row in did.traffic for m in row["input"] if m["role"] == "tool")
    found = {line.split("FOUND ")[1].strip() for line in said.replace("\\n", "\n").splitlines() if "FOUND " in line}
    inside = {path for path in found if not path.startswith("/proc/")}
    assert inside == {"/workspace/planted"}, said  # it does find what is there
    processes = {path for path in found if path.startswith("/proc/")}
    # The search itself holds the marker, in the two processes that were given it.
    assert "/proc/self/environ" in processes and all(path.endswith("/environ") for path in processes)
    assert len(processes) <= 3, said
    assert "VARIABLE PATH" in said and "VARIABLE HF_TOKEN" not in said and "VARIABLE ANYTHING" not in said
    traffic = json.dumps(did.traffic)
    assert MARKER not in traffic and MARKER not in did.transcript and MARKER not in did.log.model_dump_json()


@pytest.mark.slow
def test_the_submission_of_one_that_overspends_is_taken(
    agent_command: Callable[..., AgentCommand], prices: Path
) -> None:
    nudge = (WORKERS / "nudge.py").as_posix()
    options = ("--tokens", "2500", "--prices", str(prices), "--file", nudge, "--json")
    ended = agent_command("claude-code", ["python nudge.py", *["true"] * 30], *options).run()
    assert ended.returncode == 1, ended.stderr
    run = json.loads(ended.stdout)["run"]
    assert run["spent"]["exceeded"] == "tokens" and run["exit_code"] == -9
    assert (run["spent"]["tokens"], run["spent"]["dollars"]) == (3300, 3.3)
    assert json.loads(ended.stdout)["measures"]  # its model was evaluated


@pytest.mark.slow
@pytest.mark.parametrize(
    ("agent", "limit", "name"),
    [
        ("claude-code", {"dollars": 2.5}, "dollars"),
        ("codex", {"dollars": 2.5}, "dollars"),
        ("codex", {"tokens": 2500}, "tokens"),
    ],
)
def test_one_that_overspends_is_ended(work: Work, prices: Path, agent: str, limit: dict[str, float], name: str) -> None:
    did = work(agent, "echo made > made", *["true"] * 30, prices=prices, **limit)
    assert did.finished.spent.exceeded == name and did.finished.exit_code == -9
    assert did.finished.spent.tokens == 3300 and len(did.traffic) == 3
    assert (did.workspace / "made").read_text() == "made\n"


@pytest.mark.slow
def test_a_forged_request_reaches_no_other_model_no_web_and_no_file(work: Work) -> None:
    did = work("claude-code", "python3 forge.py", files={"forge.py": FORGE})
    said = "\n".join(str(m["content"]) for row in did.traffic for m in row["input"] if m["role"] == "tool")
    assert said.count("ANSWER 200") == 4 and said.count("ANSWER 4") == 1, said
    assert {row["model"] for row in did.traffic} == {"tiny"}
    assert not any("web" in tool.lower() for row in did.traffic for tool in row["tools"])
    usage = did.finished.agent.usage
    assert list(usage) == ["scripted/tiny"] and usage["scripted/tiny"].calls == len(did.traffic) >= 6
    assert did.finished.spent.tokens == 1100 * len(did.traffic)


@pytest.mark.slow
def test_nothing_but_the_bridge_answers_inside(work: Work) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        did = work("claude-code", f"python3 reach.py {port}", files={"reach.py": REACH})
    said = "\n".join(str(m["content"]) for row in did.traffic for m in row["input"] if m["role"] == "tool")
    assert "REACHED" not in said and said.count("refused") >= 5, said
    assert {line.split()[1] for line in said.splitlines() if "LISTENING" in line} == {"3001"}
    assert did.finished.network_log == ()


@pytest.mark.slow
def test_killed_at_work_it_leaves_no_process_and_the_same_command_starts_again(
    agent_command: Callable[..., AgentCommand], home: Path
) -> None:
    marker = f"marker-{os.getpid()}-{time.time_ns()}"
    nudge = (WORKERS / "nudge.py").as_posix()
    options = ("--file", nudge, "--json")
    hanging = agent_command("codex", [f"echo {marker}; sleep 500; echo {marker}"], *options, home=home)
    process = hanging.start()
    deadline = time.monotonic() + 600
    while len(processes_with(marker)) < 1 and time.monotonic() < deadline:
        time.sleep(0.2)
        assert process.poll() is None
    assert processes_with(marker)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while (processes_with(marker) or processes_with("/opt/agent")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_with(marker) == [] and processes_with("/opt/agent") == []
    ended = agent_command("codex", ["python nudge.py"], *options, home=home).run()
    assert ended.returncode == 1, ended.stderr
    states = [json.loads(path.read_text()) for path in (home / "runs").glob("*/state.json")]
    assert len(states) == 1 and json.loads(ended.stdout)["index"] == 0
    assert not list((home / "runs").glob("*/agent-log")) and not list((home / "runs").glob("*/workspace"))


def test_an_installed_program_is_known_by_its_content(programs: Callable[[str], Path], tmp_path: Path) -> None:
    from assay.core.workers.installing import Installed, Program

    folder = programs("codex")
    assert not [p for p in PROGRAMS.iterdir() if p.name.endswith(".new")]
    assert os.access(folder / "bin" / "codex", os.X_OK) and (folder / "bin" / "codex").is_symlink()
    version = subprocess.run([folder / "bin" / "codex", "--version"], capture_output=True, text=True).stdout
    assert CLI_AGENTS["codex"].program.version in version
    small = tmp_path / "program"
    small.mkdir()
    (small / "run").write_text("echo 1")
    installed = Installed(Program("p", "p", "1.0.0", ()), "1.0.0", small)
    before = installed.digest
    (small / "run").write_text("echo 2")
    assert installed.digest != before


def test_an_installation_that_was_cut_short_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for npm, which says what it was asked."""
    from assay.core.errors import Unavailable
    from assay.core.workers.installing import Program, install

    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    tools = tmp_path / "bin"
    tools.mkdir()
    npm = tools / "npm"
    npm.write_text(
        '#!/bin/sh\necho "$@" >> $(dirname "$0")/asked\nmkdir -p "$3/node_modules/p"; echo x > "$3/node_modules/p/p"\n'
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    program = Program("p", "@scope/p", "1.2.3", (("p", "node_modules/p/p"),), companions=("q@2.0.0",))
    left = tmp_path / "home" / "agents" / ".p-1.2.3.new"
    (left / "half").mkdir(parents=True)
    installed = install(program)
    assert not left.exists() and not (installed.folder / "half").exists()
    assert (installed.folder / "bin" / "p").read_text() == "x\n"
    asked = (tools / "asked").read_text()
    assert "--ignore-scripts" in asked and asked.endswith("-- @scope/p@1.2.3 q@2.0.0\n")
    install(program)
    assert (tools / "asked").read_text() == asked  # not asked again
    npm.write_text("#!/bin/sh\necho 'npm error code E404' >&2; echo 'npm error 404 Not Found' >&2; exit 1\n")
    with pytest.raises(Unavailable, match="404 Not Found"):
        install(program, "9.9.9")
    assert sorted(p.name for p in installed.folder.parent.iterdir() if not p.name.endswith(".lock")) == ["p-1.2.3"]


def test_an_installation_ends_with_the_process_that_wanted_it(tmp_path: Path) -> None:
    marker = f"marker-{os.getpid()}-{time.time_ns()}"
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\nexec python3 -c 'import time; time.sleep(300)' {marker}\n")
    npm.chmod(0o755)
    program = (
        "from assay.core.workers.installing import Program, install\ninstall(Program('p', 'p', '1.0.0', (('p', 'p'),)))"
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ASSAY_HOME": str(tmp_path / "home")}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    assert wait_until(lambda: processes_with(marker) != [], seconds=60)
    process.kill()
    process.wait()
    assert wait_until(lambda: processes_with(marker) == [], seconds=30)
