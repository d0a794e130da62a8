import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.core.ledger import Ledger, open_ledger
from tests.core.ledger.statements import statement


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_KEY", raising=False)
    return tmp_path / "home"


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    """Twelve entries under heads of 0, 5, 6 and 12; some have keys, one has two subjects."""
    with open_ledger() as ledger:
        ledger.append_many([statement(i) for i in range(5)], keys=["k0", None, "k2", None, "k4"])
        ledger.append(statement(5, 1005))
        ledger.append_many([statement(i) for i in range(6, 12)])
        yield ledger


def _server_programs() -> Path | None:
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve()] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return candidates[0].parent if candidates else None


@pytest.fixture(scope="session")
def postgres() -> Iterator["Postgres"]:
    programs = _server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server here: install the package postgresql")
    with tempfile.TemporaryDirectory(prefix="assay-pg-") as folder:
        server = Postgres(programs, Path(folder))
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


class Postgres:
    """A real server on a free port, run by an unprivileged user, because it refuses to run as root."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._databases = 0

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        with tempfile.TemporaryFile() as log:  # not a pipe: the server keeps it open
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, cwd="/", timeout=120)
            log.seek(0)
            assert done.returncode == 0, log.read().decode()

    def create(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", f"{self.folder}/data", "-U", "assay", "-A", "trust", "-E", "UTF8")

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-o", options, "-w", "-t", "60", "start")

    def stop(self, mode: str) -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", mode, "-w", "stop")

    def new_database(self) -> str:
        import psycopg

        self._databases += 1
        name = f"ledger{self._databases}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._address(name)

    def _address(self, database: str) -> str:
        return f"postgresql://assay@127.0.0.1:{self.port}/{database}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    return postgres.new_database()
