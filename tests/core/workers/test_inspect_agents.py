"""An Inspect agent at work in the sandbox: its record, its budgets, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox import open_sandbox
from assay.core.workers import Watch
from assay.core.workers.choose import choose
from tests.core.workers.conftest import Work


def test_what_it_did_is_in_the_transcript_the_log_and_the_account(work: Work, prices: Path) -> None:
    did = work("inspect:react", "id -un > who; cat who; pwd", "echo second > two", prices=prices)
    assert (did.workspace / "who").read_text() == "worker\n" and (did.workspace / "two").exists()
    assert "> bash" in did.transcript and "worker\n  /workspace" in did.transcript
    assert did.transcript.endswith("The agent ended by itself.\n")
    finished = did.finished
    assert finished.exit_code == 0 and finished.spent.exceeded is None
    assert (finished.spent.tokens, finished.spent.dollars) == (3300, 3.3)
    assert finished.spent.peak_memory_bytes and finished.spent.disk_bytes and finished.samples
    assert finished.agent.agent == "inspect:react" and finished.agent.model == "scripted/tiny"
    assert list(finished.agent.usage) == ["scripted/tiny"] and finished.agent.usage["scripted/tiny"].calls == 3
    assert finished.agent.prompts == 1 and set(finished.agent.versions) == {"inspect_ai", "inspect_swe"}
    assert [s.tokens for s in did.spendings] == [1100, 2200, 3300]
    log = did.log
    assert log.status == "success" and log.samples[0].model_usage["scripted/tiny"].total_tokens == 3300
    assert "Do what the script says" in log.samples[0].input


@pytest.mark.parametrize(("limit", "name"), [({"tokens": 2500}, "tokens"), ({"dollars": 2.5}, "dollars")])
def test_one_that_overspends_is_ended_and_what_it_made_is_there(
    work: Work, prices: Path, limit: dict[str, Any], name: str
) -> None:
    did = work("inspect:react", "echo made > made", *["true"] * 20, prices=prices, **limit)
    assert did.finished.spent.exceeded == name and did.finished.exit_code == -9
    assert did.finished.spent.tokens == 3300 and len(did.traffic) == 3  # the call that crosses the limit is the last
    assert (did.workspace / "made").read_text() == "made\n"
    assert f"went over its {name} limit" in did.transcript


def test_real_time_counts_while_a_command_runs(work: Work) -> None:
    did = work("inspect:react", "echo made > made; sleep 300; echo too late > late", wall_seconds=20)
    assert did.finished.spent.exceeded == "wall clock" and did.finished.exit_code == -9
    assert did.finished.spent.wall_seconds < 40
    assert (did.workspace / "made").exists() and not (did.workspace / "late").exists()


def test_the_sandboxs_own_limits_hold_too(work: Work) -> None:
    did = work("inspect:react", "head -c 200M /dev/zero > big; sleep 30", disk_bytes=50 << 20)
    assert did.finished.spent.exceeded == "disk" and did.finished.exit_code == -9


def test_one_that_stops_is_told_to_go_on_if_that_was_wanted(work: Work) -> None:
    commands = ["echo one", "echo two"]
    once = work("inspect:react", *commands)
    again = work("inspect:react", *commands, reprompt=True)
    assert once.finished.agent.prompts == 1 and not any("You stopped" in json.dumps(row) for row in once.traffic)
    # Two rounds in which it does nothing new are borne; after the third it is taken to be done.
    assert again.finished.agent.prompts > 1 and again.finished.exit_code == 0
    assert "You stopped, but" in json.dumps(again.traffic[-1])


def test_one_that_is_told_to_go_on_stays_within_its_budget(work: Work) -> None:
    did = work("inspect:react", *["true"] * 40, reprompt=True, tokens=5000)
    assert did.finished.spent.exceeded == "tokens" and did.finished.spent.tokens == 5500


def test_an_agent_in_a_file_works(work: Work, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from inspect_ai.agent import Agent, AgentState, agent\n"
        "from inspect_ai.util import sandbox\n"
        "@agent\n"
        "def mine() -> Agent:\n"
        "    async def execute(state: AgentState) -> AgentState:\n"
        "        await sandbox().write_file('made', 'by a file')\n"
        "        return state\n"
        "    return execute\n"
    )
    did = work(f"inspect:{path}@mine")
    assert (did.workspace / "made").read_text() == "by a file"
    assert did.finished.exit_code == 0 and did.finished.agent.digest is not None
    path.write_text(path.read_text().replace("await", "raise ValueError('broke'); await"))
    broken = work(f"inspect:{path}@mine")
    assert broken.finished.exit_code == 1 and "broke" in broken.transcript


def test_a_provider_that_fails_is_named_in_the_transcript_without_the_key(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = "sk-marker-0123456789abcdef"
    monkeypatch.setenv("SOME_API_KEY", marker)
    monkeypatch.setenv("SCRIPTED_ERROR", f"Incorrect API key provided: {marker}")
    did = work("inspect:react")
    assert did.finished.exit_code == 1 and "Incorrect API key provided: [secret]" in did.transcript
    assert marker not in did.transcript and marker not in did.log.model_dump_json()


def test_an_agent_is_never_let_out_of_the_sandbox(tmp_path: Path) -> None:
    worker = choose("inspect:react", model="scripted/tiny")
    with pytest.raises(BadInput, match="only in a sandbox"):
        worker.work(open_sandbox("none"), None, tmp_path / "transcript", Watch())  # type: ignore[arg-type]


def test_a_transcript_is_no_longer_than_the_budget_says(tmp_path: Path) -> None:
    from assay.core.workers.transcript import Transcript

    heard: list[bytes] = []
    with Transcript(tmp_path / "t", 25, heard.append) as transcript:
        for _ in range(10):
            transcript.write("ten bytes")
    assert (tmp_path / "t").read_bytes() == b"".join(heard) == b"ten bytes\nten bytes\nten b"
    assert transcript.truncated


def test_a_sandbox_that_is_lent_cannot_be_asked_for_by_a_task() -> None:
    import anyio

    from assay.core.sandbox.inspect_provider import SessionConfig, SessionSandboxEnvironment

    with pytest.raises(BadInput):
        anyio.run(SessionSandboxEnvironment.sample_init, "t", SessionConfig(session="made up"), {})


def test_without_a_sandbox_an_agent_is_unavailable(monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unavailable, match="bubblewrap"):
        work("inspect:react", "true")
