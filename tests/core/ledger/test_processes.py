"""Several processes append to one ledger, and are killed without warning: nothing acknowledged is lost."""

import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.core.ledger import Ledger, open_ledger, verify_ledger
from tests.core.ledger.conftest import Postgres
from tests.core.ledger.statements import statement

ROOT = Path(__file__).parents[3]
WORKERS = 4
EACH = 250
KILLS = 16


def start(url: str, worker: int, folder: Path) -> subprocess.Popen[bytes]:
    arguments = [url, f"w{worker}", str(EACH), str(folder / f"acks{worker}")]
    return subprocess.Popen([sys.executable, "-m", "tests.core.ledger.appending", *arguments], cwd=ROOT)


def append_under_fire(url: str, folder: Path) -> None:
    """Run the workers to their end, killing one of them every now and then."""
    rng = random.Random(20)
    workers = [start(url, number, folder) for number in range(WORKERS)]
    time.sleep(1)  # let them get past their imports, most of the time
    kills = 0
    while any(worker.poll() is None for worker in workers):
        time.sleep(rng.uniform(0.1, 0.6))
        alive = [number for number in range(WORKERS) if workers[number].poll() is None]
        if not alive or kills == KILLS:
            continue
        number = rng.choice(alive)
        workers[number].kill()
        workers[number].wait()
        workers[number] = start(url, number, folder)
        kills += 1
    assert [worker.wait() for worker in workers] == [0] * WORKERS
    assert kills >= 4


def check_nothing_was_lost(url: str, folder: Path) -> None:
    acknowledged: dict[str, int] = {}
    for number in range(WORKERS):
        lines = (folder / f"acks{number}").read_text().split()
        acknowledged |= {key: int(index) for key, index in (line.split("=") for line in lines)}
    assert len(acknowledged) == WORKERS * EACH
    with open_ledger(url, create=False) as ledger:
        stored = {entry.key: entry for entry in ledger.entries()}
        assert {key: entry.index for key, entry in stored.items()} == acknowledged
        for name in (f"w{number}" for number in range(WORKERS)):
            assert stored[f"{name}-7"].statement.content() == statement(7, note=name).content()
        assert len(ledger) == WORKERS * EACH
    report = verify_ledger(url)
    assert report.ok, report.problems
    assert report.witnessed == WORKERS * EACH


@pytest.mark.slow
def test_killed_processes_lose_no_acknowledged_entry_on_sqlite(tmp_path: Path) -> None:
    url = str(tmp_path / "ledger.db")
    append_under_fire(url, tmp_path)
    check_nothing_was_lost(url, tmp_path)


@pytest.mark.slow
def test_killed_processes_lose_no_acknowledged_entry_on_postgresql(
    tmp_path: Path, postgres: Postgres, postgres_url: str
) -> None:
    append_under_fire(postgres_url, tmp_path)
    postgres.stop("immediate")  # the server crashes, too
    postgres.start()
    check_nothing_was_lost(postgres_url, tmp_path)


def begin_at_once(url: str) -> None:
    """Eight threads find no ledger, each with its own connection: one begins it."""
    barrier = threading.Barrier(8)

    def work(_: int) -> str:
        barrier.wait()
        with open_ledger(url) as ledger:
            return ledger.id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(work, range(8)))) == 1
    assert verify_ledger(url).ok


def test_of_those_who_begin_a_ledger_at_once_one_does_on_sqlite(tmp_path: Path) -> None:
    for number in range(5):
        begin_at_once(str(tmp_path / f"{number}.db"))


def test_of_those_who_begin_a_ledger_at_once_one_does_on_postgresql(postgres: Postgres) -> None:
    for _ in range(5):
        begin_at_once(postgres.new_database())


def test_threads_of_one_process_share_a_ledger(ledger: Ledger) -> None:
    def work(name: int) -> None:
        for number in range(5):
            ledger.append(statement(number), key=f"t{name}-{number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ledger) == 12 + 20
    assert ledger.verify().ok


def use_on_both_sides_of_a_fork(url: str | None) -> None:
    with open_ledger(url) as ledger:
        ledger.append(statement(0))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for number in range(5):
                    ledger.append(statement(number), key=f"child-{number}")
                status = 0
            finally:
                os._exit(status)
        for number in range(5):
            ledger.append(statement(number), key=f"parent-{number}")
        assert os.waitpid(child, 0)[1] == 0
        ledger.append(statement(9))
        assert len(ledger) == 12
    assert verify_ledger(url).ok


def test_a_ledger_may_be_used_on_both_sides_of_a_fork_on_sqlite() -> None:
    use_on_both_sides_of_a_fork(None)


def test_a_ledger_may_be_used_on_both_sides_of_a_fork_on_postgresql(postgres_url: str) -> None:
    use_on_both_sides_of_a_fork(postgres_url)
