"""Members as processes of their own, on a real EVM node and a real S3 server, some of them killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from assay.pretrain.chain.protocol import Chain, Role, agreed_parameters
from assay.pretrain.joining import open_run
from assay.pretrain.scores import documents
from tests.core.store.conftest import s3_server  # noqa: F401 - a fixture
from tests.pretrain.chain.anvil import Anvil, account_key, installed_anvil

RECIPE = Path(__file__).parents[3] / "src/assay/pretrain/recipes/tiny.toml"
ROUNDS = 6
BUCKET = "network"
# A machine with two cores starts seven Pythons with torch: these leave room for it.
SECONDS = {"commit": 20, "reveal": 6, "score": 28, "publish": 6}


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A node that makes a block every second, as public chains do."""
    node = Anvil(installed_anvil(), tmp_path, options=("--block-time", "1"))
    node.start()
    yield node
    node.stop()


class Members:
    """The processes of a run."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def assay(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "assay.cli", "pretrain", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=600
        )

    def start(self, role: str, number: int) -> None:
        name = f"{role}-{number}"
        place = self.folder / name
        place.mkdir(mode=0o700, exist_ok=True)
        key = place / "key.hex"
        if not key.exists():
            key.touch(0o600)
            key.write_text(account_key(number + 1))
        command = [sys.executable, "-m", "assay.cli", "pretrain", role, "run.json"]
        command += ["--out", name, "--key", str(key), "--store", f"s3://{BUCKET}/{name}"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, env=self.environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        os.killpg(self.running[name].pid, signal.SIGKILL)
        self.running.pop(name).wait()

    def logs(self) -> str:
        """What the members said; the node says too much."""
        found = (path for path in sorted(self.folder.glob("*.log")) if path.name != "anvil.log")
        return "\n".join(f"{path.name}: {path.read_text()[-3000:]}" for path in found)


@pytest.fixture
def members(tmp_path: Path, s3_server: str) -> Iterator[Members]:  # noqa: F811 - a fixture
    access = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=s3_server, **keys).create_bucket(Bucket=BUCKET)
    place = {"AWS_ENDPOINT_URL": s3_server, "AWS_ALLOW_HTTP": "true", "OMP_NUM_THREADS": "1"}
    found = Members(tmp_path, {**os.environ, **access, **place, "ASSAY_HOME": str(tmp_path / "home")})
    yield found
    for name in list(found.running):
        found.kill(name)


def recipe(folder: Path) -> str:
    text = RECIPE.read_text()
    for name, seconds in SECONDS.items():
        text, count = re.subn(rf"(?m)^{name} = \d+", f"{name} = {seconds}", text)
        assert count == 1
    path = folder / "recipe.toml"
    path.write_text(re.sub(r"(?m)^rounds = \d+", f"rounds = {ROUNDS}", text))
    return str(path)


def wait_for_round(chain: Chain, round_: int) -> None:
    while chain.terms().clock.at(chain.time())[0] < round_:
        time.sleep(0.5)


@pytest.mark.slow(seconds=400)
@pytest.mark.timeout(1200)
def test_a_run_outlives_its_members(
    members: Members, anvil: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP"):
        monkeypatch.setenv(name, members.environment[name])
    deployer = tmp_path / "deployer.hex"
    deployer.touch(0o600)
    deployer.write_text(account_key(0))
    begun = members.assay(
        "init", recipe(tmp_path), "--evm", anvil.url, "--key", str(deployer), "--begin-in", "60",
        "--store", f"s3://{BUCKET}/text",
    )  # fmt: skip
    assert begun.returncode == 0, begun.stderr
    for number in range(4):
        members.start("peer", number)
    for number in (4, 5):
        members.start("validator", number)
    chain = open_run(tmp_path / "run.json").chain

    wait_for_round(chain, 1)
    members.kill("peer-1")
    wait_for_round(chain, 2)
    members.start("peer", 1)
    members.start("peer", 6)  # a newcomer: a member from round 3 on, or later on a slow machine
    wait_for_round(chain, 4)
    members.kill("validator-5")
    wait_for_round(chain, ROUNDS)

    for name in list(members.running):
        assert members.running.pop(name).wait(120) == 0, members.logs()
    registered = {member.endpoint.rpartition("/")[2]: member for member in chain.members()}
    assert registered["peer-6"].first_round >= 3
    # Nobody was thrown out, and those who came back or late count as the others do.
    assert not any(member.expelled for member in registered.values())
    # Not everyone in every round: what did not help on text that nobody knew is left out, whosever it is.
    counted = set().union(*(chain.outcome(round_).selected for round_ in range(3, ROUNDS)))
    assert {member.uid for member in chain.members(Role.PEER)} == counted, members.logs()
    # A validator that was killed, or too slow, can cost a round: then nothing moves, and what was sent is put back.
    void = [round_ for round_ in range(ROUNDS) if chain.outcome(round_).void]
    assert len(void) <= 2, f"void: {void}; {members.logs()}"
    # All who were there attest to the same parameters, bit for bit, in every round.
    for round_ in range(ROUNDS):
        there = chain.attestations(round_)
        if round_ == 0 and not there:
            continue  # a busy machine had not started anybody yet
        assert len(set(there.values())) == 1
        assert agreed_parameters(chain, round_) is not None
    survivors = {member.uid for name, member in registered.items() if name != "validator-5"}
    assert set(chain.attestations(ROUNDS - 1)) == survivors
    # Every promise that was made stands in the score documents, as counted or with the reason why not.
    stores = open_run(tmp_path / "run.json").stores
    for round_ in range(ROUNDS):
        found = documents(chain, stores, round_)
        assert found or round_ in void
        for document in found.values():
            assert {peer.uid for peer in document.evidence.peers} >= set(chain.commitments(round_))
    # What came too late for a validator on a busy machine is there by now: nothing else may be said of any round.
    audited = members.assay("audit", "run.json", "--json")
    rounds = json.loads(audited.stdout)["rounds"]
    findings = [finding for one in rounds for finding in one["findings"]]
    assert [one["round"] for one in rounds] == list(range(ROUNDS)), audited.stderr
    assert all(f["unknown"] and "did not reach it" in f["what"] for f in findings), audited.stdout
    assert audited.returncode == (1 if findings else 0)
