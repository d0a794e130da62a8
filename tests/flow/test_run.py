"""The one flow through the command line: run, refuse, verify again elsewhere, survive being killed."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from assay.core.digest import canonical_json
from assay.core.store import open_store
from assay.posttrain import tasks
from assay.posttrain.benchmarks import Item
from tests.conftest import TASK, WORKERS, Assay, command

NUDGE = f"python {WORKERS / 'nudge.py'}"


def measured(document: dict[str, Any]) -> tuple[Any, ...]:
    return document["outcome"], document["reason"], document["measures"], document["findings"]


def marked_processes(marker: str) -> list[int]:
    """Processes of this machine whose command line has `marker` in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in line:
                found.append(int(entry.name))
    return found


def hidden_items() -> list[Item]:
    return tasks.items(tasks.benchmark_of(tasks.find(TASK.partition("/")[2])), "hidden").hidden


def test_a_run_is_measured_audited_and_signed_and_can_be_verified_elsewhere(assay: Assay, home: Path) -> None:
    ran = assay("run", TASK, "--worker", NUDGE, "--json")
    assert ran.returncode == 1, ran.stderr  # measured, and not found better than the base
    first = json.loads(ran.stdout)
    assert first["outcome"] == "inconclusive" and first["index"] == 0
    assert {m["name"] for m in first["measures"]} == {"accuracy", "base accuracy", "improvement"}
    assert all(m["n"] == 20 and m["interval"] for m in first["measures"])
    assert first["run"]["sandbox"] == "bubblewrap" and first["run"]["exit_code"] == 0

    shutil.rmtree(home / "runs")  # from the store alone
    again = assay("verify", first["submission"], "--json")
    second = json.loads(again.stdout)
    assert measured(second) == measured(first) and again.returncode == ran.returncode
    assert second["index"] == 1

    checked = assay("ledger", "verify")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    shown = json.loads(assay("show", "--json").stdout)
    assert [entry["submission"] for entry in shown] == [first["submission"]] * 2
    assert assay("show", "0").returncode == 0
    assert assay("store", "verify").returncode == 0


def test_a_submission_that_brings_its_own_test_items_is_not_measured(assay: Assay, home: Path, tmp_path: Path) -> None:
    ran = json.loads(assay("run", TASK, "--worker", NUDGE, "--json").stdout)
    store = open_store(home / "store")
    forged = json.loads(store.get_bytes(ran["submission"], 1 << 20))
    forged["inputs"]["hidden"] = forged["inputs"]["dev"]
    digest = store.put_bytes(canonical_json(forged))
    ended = assay("verify", digest)
    assert ended.returncode == 2 and "other inputs" in ended.stderr


def test_the_hidden_items_are_nowhere_in_the_workers_sandbox(assay: Assay, tmp_path: Path) -> None:
    hidden = hidden_items()
    (tmp_path / "words.txt").write_text("\n".join(item.question[10:60] for item in hidden[:5]))
    spy = tmp_path / "spy.sh"
    spy.write_text(
        "mkdir final_model; cp -r /task/base_model/. final_model/; rm -f final_model/generation_config.json\n"
        "find / -path /proc -prune -o -path /dev -prune -o -type f -name '*.json*' -print0 > /tmp/files 2>/dev/null\n"
        "xargs -0 grep -lF -f words.txt < /tmp/files | sed 's/^/FOUND /'\n"
        'echo "searched $(tr -dc "\\0" < /tmp/files | wc -c)"; rm words.txt\n'
    )
    (tmp_path / "elsewhere").mkdir()
    ran = assay("run", TASK, "--worker", f"sh {spy}", "--file", str(tmp_path / "words.txt"), "--json", timeout=900)
    document = json.loads(ran.stdout)
    transcript = assay("store", "get", document["run"]["transcript"], str(tmp_path / "transcript"))
    assert transcript.returncode == 0, transcript.stderr
    text = (tmp_path / "transcript").read_text()
    assert "FOUND" not in text
    assert int(text.partition("searched ")[2].split()[0]) > 100  # it did look: the tasks' data and all packages'
    assert document["outcome"] == "rejected"  # it handed in the base, untouched
    assert [f["rule"] for f in document["findings"]] == ["untouched-base"]


def test_training_on_hidden_items_is_rejected_with_the_matching_rows(assay: Assay, tmp_path: Path) -> None:
    item = hidden_items()[3]
    data = tmp_path / "my_data.jsonl"
    data.write_text('{"text": "What is a good name for a cat?"}\n' + json.dumps({"text": item.question.upper()}) + "\n")
    ran = assay("run", TASK, "--worker", NUDGE, "--file", str(data), "--json")
    document = json.loads(ran.stdout)
    assert (ran.returncode, document["outcome"]) == (1, "rejected")
    (finding,) = (f for f in document["findings"] if f["rule"] == "contamination")
    (evidence,) = finding["evidence"]
    assert evidence["matches"] == item.id and evidence["where"].startswith("my_data.jsonl, row ")


@pytest.mark.parametrize(
    ("worker", "says"),
    [
        ("true", "final_model"),
        ("mkdir final_model", "empty"),
        ("sh -c 'mkdir final_model; echo x > final_model/pytorch_model.bin'", "pickled"),
        ("sh -c 'ln -s /task/base_model final_model'", "final_model"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_leaves_nothing(assay: Assay, worker: str, says: str) -> None:
    before = assay("store", "ls", "--json").stdout
    refused = assay("run", TASK, "--worker", worker)
    assert refused.returncode == 2 and says in refused.stderr
    assert refused.stdout == "" and "Traceback" not in refused.stderr
    kept = {o["digest"] for o in json.loads(assay("store", "ls", "--json").stdout)["objects"]} - {
        o["digest"] for o in json.loads(before)["objects"]
    }
    assert len(kept) <= 2  # the worker's transcript and meters; nothing of what it left
    assert json.loads(assay("show", "--json").stdout or "[]") == []


def test_an_unconfined_worker_is_never_accepted_and_the_verdict_says_so(assay: Assay) -> None:
    ran = assay("run", TASK, "--worker", NUDGE, "--sandbox", "none", "--json")
    document = json.loads(ran.stdout)
    assert document["outcome"] == "inconclusive"
    assert document["run"]["sandbox"] == document["method"]["worker_sandbox"] == "none"
    assert "confinement" in [f["rule"] for f in document["findings"]]


def test_a_folder_made_elsewhere_is_measured_but_not_accepted(assay: Assay, tmp_path: Path) -> None:
    ran = json.loads(assay("run", TASK, "--worker", NUDGE, "--json").stdout)
    submission = tmp_path / "submission.json"
    assay("store", "get", ran["submission"], str(submission))
    model = tmp_path / "my_model"
    assert assay("store", "get", json.loads(submission.read_text())["model"], str(model)).returncode == 0
    verified = assay("verify", str(model), "--task", TASK, "--json")
    document = json.loads(verified.stdout)
    assert document["outcome"] == "inconclusive" and verified.returncode == 1
    assert {"contamination", "confinement"} <= {f["rule"] for f in document["findings"]}
    assert document["measures"][0] == ran["measures"][0]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "posttrain/nothing", "--worker", "true"], 2),
        (["run", "nothing", "--worker", "true"], 2),
        (["run", TASK, "--worker", ""], 2),
        (["run", TASK, "--worker", "true", "--budget", "soon"], 2),
        (["run", TASK, "--worker", "true", "--sandbox", "castle"], 2),
        (["run", TASK, "--worker", "true", "--file", "/does/not/exist"], 2),
        (["verify", "sha256:" + "0" * 64], 2),
        (["verify", "nonsense"], 2),
        (["show", "7"], 2),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(assay: Assay, arguments: list[str], code: int) -> None:
    ended = assay(*arguments)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr and ended.stdout == ""


def test_without_bubblewrap_nothing_runs_and_the_exit_code_is_3(assay: Assay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    ended = assay("run", TASK, "--worker", "true")
    assert ended.returncode == 3 and "bubblewrap" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", ["bubblewrap", "none"])
def test_a_run_that_is_asked_to_end_leaves_no_process(home: Path, sandbox: str) -> None:
    marker = f"marker-{os.getpid()}-{time.time_ns()}"
    worker = f"sh -c 'sleep 300; echo {marker}'"
    arguments = command("run", TASK, "--worker", worker, "--sandbox", sandbox)
    process = subprocess.Popen(arguments, env={**os.environ, "ASSAY_HOME": str(home)}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    started = f"sh\0-c\0sleep 300; echo {marker}"
    while not marked_processes(started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked_processes(started)
    time.sleep(0.5)  # whoever started it has taken note
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    deadline = time.monotonic() + 5
    while marked_processes(marker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked_processes(marker) == []
    assert not list((home / "scratch").iterdir())


@pytest.mark.slow(seconds=250)
def test_a_run_killed_at_any_point_continues_and_is_recorded_once(home: Path, tmp_path: Path) -> None:
    """`kill -9` ever later into the run; each time the same command is started again."""
    store = open_store(home / "store")
    for name in [name for name in store.refs() if name.startswith("posttrain/baseline/")]:
        store.drop_ref(name)  # so that it may be killed while it measures the base, too
    marker = f"marker-{os.getpid()}-{time.time_ns()}"
    linger = tmp_path / "linger.txt"
    linger.write_text("3")
    worker = f"python {WORKERS / 'nudge.py'} {marker}"
    arguments = command("run", TASK, "--worker", worker, "--file", str(linger), "--json")
    environment = {**os.environ, "ASSAY_HOME": str(home)}
    for seconds in (1.0, 3.5, 6, 9, 13, 18):
        process = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        else:
            break  # a fast machine was done before the kill
        deadline = time.monotonic() + 5
        while marked_processes(marker) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert marked_processes(marker) == []
    if process.returncode == -signal.SIGKILL:
        ended = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=600)
        assert ended.returncode == 1, ended.stderr
        document = json.loads(ended.stdout)
        assert document["index"] == 0
    entries = subprocess.run(command("show", "--json"), env=environment, capture_output=True, text=True, timeout=60)
    assert len(json.loads(entries.stdout)) == 1
    for check in (("ledger", "verify"), ("store", "verify")):
        assert subprocess.run(command(*check), env=environment, capture_output=True, timeout=120).returncode == 0
    states = [json.loads(path.read_text()) for path in (home / "runs").glob("*/state.json")]
    assert len(states) == 1 and states[0]["index"] == 0  # one run, continued, not six
    assert not list((home / "runs").glob("*/workspace"))
    assert not list((home / "scratch").iterdir())
