"""Where the ledger's rows are: SQLite in WAL mode or PostgreSQL, through SQLAlchemy.

Tables, transactions and what database errors mean. A write holds the only write lock there is, so that indices have
no gaps; a read sees one state from its first row to its last. Nothing here knows what the rows say.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from assay.core.errors import AssayError, BadInput, Corrupt, Unavailable
from assay.core.home import home

SCHEMA = 1
LOCK_SECONDS = 60  # how long a writer waits for others before it gives up
PARAMETERS = 500  # values in one IN (...): SQLite's limit was 999 for long
_CREATION_LOCK = 0x61737361  # any fixed number: PostgreSQL's lock around "make the tables unless they are there"
_BUSY = ("database is locked", "database table is locked", "database schema is locked")
_OUTSIDE = ("unable to open", "readonly", "disk is full", "disk I/O error", "no such module")

# Written by hand, not generated: this is the format on disk, and SQLite keeps the text, which `verify` compares.
_TABLES = (
    "CREATE TABLE assay_ledger (id TEXT NOT NULL PRIMARY KEY, schema_version {integer} NOT NULL){strict}",
    "CREATE TABLE assay_keys (key_id TEXT NOT NULL PRIMARY KEY, public_key {bytes} NOT NULL){strict}",
    "CREATE TABLE assay_entries (position {integer} NOT NULL PRIMARY KEY, idempotency_key TEXT UNIQUE, "
    "hashes {bytes} NOT NULL, envelope {bytes} NOT NULL){strict}",
    "CREATE TABLE assay_subjects (position {integer} NOT NULL, digest {bytes} NOT NULL, "
    "PRIMARY KEY (position, digest)){keyed}",
    "CREATE INDEX assay_subjects_by_digest ON assay_subjects (digest)",
    "CREATE TABLE assay_heads (size {integer} NOT NULL PRIMARY KEY, envelope {bytes} NOT NULL){strict}",
)
_SQLITE = {"integer": "INTEGER", "bytes": "BLOB", "strict": " STRICT", "keyed": " STRICT, WITHOUT ROWID"}
_POSTGRESQL = {"integer": "BIGINT", "bytes": "BYTEA", "strict": "", "keyed": ""}

_position = sql.column("position", sql.BigInteger)
ledgers = sql.table("assay_ledger", sql.column("id", sql.Text), sql.column("schema_version", sql.BigInteger))
keys = sql.table("assay_keys", sql.column("key_id", sql.Text), sql.column("public_key", sql.LargeBinary))
entries = sql.table(
    "assay_entries",
    _position,
    sql.column("idempotency_key", sql.Text),
    sql.column("hashes", sql.LargeBinary),
    sql.column("envelope", sql.LargeBinary),
)
subjects = sql.table("assay_subjects", sql.column("position", sql.BigInteger), sql.column("digest", sql.LargeBinary))
heads = sql.table("assay_heads", sql.column("size", sql.BigInteger), sql.column("envelope", sql.LargeBinary))


class Database:
    """A place that holds, or will hold, one ledger."""

    def __init__(self, url: str | Path | None = None) -> None:
        self.url = _parse(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.place = self.url.database if self.sqlite and self.url.database else self.url.render_as_string()
        self._engine = _engine(self.url)
        self._owner = os.getpid()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that changes nothing and sees one state of the ledger."""
        with self._errors(), self._connect() as connection:
            if not self.sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the ledger's write lock. It is on disk when the block is left."""
        with self._errors(), self._connect() as connection:
            connection = connection.execution_options(assay_write=True)
            if not self.sqlite:  # not the server's default: after waiting for the lock, we must see what others wrote
                connection = connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                if not self.sqlite:
                    # The server may be set to acknowledge before the disk has it; here an acknowledgement is a promise.
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
                    if self._has_tables(connection):
                        connection.execute(sql.select(ledgers.c.id).with_for_update())
                    else:
                        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CREATION_LOCK})")
                yield connection

    def exists(self) -> bool:
        """Whether the tables of a ledger are there. Makes no file."""
        if self.sqlite and not Path(self.place).is_file():
            return False
        with self.read() as connection:
            return self._has_tables(connection)

    def create_tables(self, connection: Connection) -> bool:
        """Make the tables in a `write` transaction; false if another process was faster."""
        if self._has_tables(connection):
            return False
        for statement in _TABLES:
            connection.exec_driver_sql(statement.format(**(_SQLITE if self.sqlite else _POSTGRESQL)))
        return True

    def prepare(self) -> None:
        """Make the folder and the file of a new SQLite ledger, and switch it to WAL mode for good."""
        if not self.sqlite:
            return
        try:
            Path(self.place).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"The folder of the ledger {self.place} cannot be made: {error.strerror}.") from None
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            # SQLite does not wait for others here, whatever the timeout: two first users would collide.
            try:
                with self._errors(), closing(sqlite3.connect(self.place, timeout=LOCK_SECONDS)) as raw:
                    raw.execute("PRAGMA journal_mode = WAL")
                return
            except Unavailable as error:
                if not _is_busy(str(error.__cause__)) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def damage(self, connection: Connection) -> list[str]:
        """What the database itself finds wrong: broken pages, and tables or triggers that are not the ledger's."""
        if not self.sqlite:
            return []
        found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
        wrong = [] if found == ["ok"] else [line for text in found for line in text.splitlines()]
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
        actual = {str(name): text for name, text in rows if not str(name).startswith("sqlite_stat")}
        expected = {text.split()[2]: text for text in (table.format(**_SQLITE) for table in _TABLES)}
        for name in sorted(actual.keys() | expected.keys()):
            if actual.get(name) != expected.get(name):
                wrong.append(f"{name} is not what this ledger's format says it is")
        return wrong

    def _has_tables(self, connection: Connection) -> bool:
        """Whether any of the tables is there: a ledger that lacks some is damaged, not new."""
        if self.sqlite:
            query = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'assay!_%' ESCAPE '!'"
            return bool(connection.exec_driver_sql(query).scalar_one())
        # Not to_regclass: it may answer from a cache that does not know yet what another session has just committed.
        query = "SELECT count(*) FROM pg_class WHERE relname = 'assay_ledger' AND pg_table_is_visible(oid)"
        return bool(connection.exec_driver_sql(query).scalar_one())

    def _connect(self) -> Connection:
        if self._owner != os.getpid():
            # After a fork the pool's connections belong to the parent: leave them alone, neither used nor closed.
            self._engine.dispose(close=False)
            self._owner = os.getpid()
        return self._engine.connect()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as error:
            raise self._explain(error) from error

    def _explain(self, error: Exception) -> AssayError:
        origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        reason = " ".join(str(origin).split())[:300] or type(origin).__name__
        if _is_busy(reason):
            return Unavailable(f"The ledger {self.place} is busy: other processes kept it for {LOCK_SECONDS} seconds.")
        outside = any(text in reason for text in _OUTSIDE) if self.sqlite else type(origin).__name__ in _SERVER_TROUBLE
        if outside:
            return Unavailable(f"The database of the ledger {self.place} cannot be used: {reason}.")
        if isinstance(error, IntegrityError):
            return Corrupt(f"What was to be added contradicts the ledger {self.place} ({reason}): nothing was written.")
        return Corrupt(f"{self.place} is damaged or is no ledger ({reason}): restore it with `assay ledger import`.")


# psycopg's names: the server is away, full, in recovery, or refuses us.
_SERVER_TROUBLE = {
    "OperationalError",
    "ConnectionTimeout",
    "InsufficientPrivilege",
    "DiskFull",
    "LockNotAvailable",
    "AdminShutdown",
    "CannotConnectNow",
    "ReadOnlySqlTransaction",
    "QueryCanceled",
    "IdleInTransactionSessionTimeout",
}


def _parse(url: str | Path | None) -> URL:
    """A database URL from what a user gives: nothing, a file name, or a URL."""
    if url is None:
        url = home() / "ledger.db"
    if isinstance(url, Path) or "://" not in url:
        return URL.create("sqlite", database=str(Path(url).absolute()))
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadInput(f"{url!r} is not a database URL: write sqlite:///FILE or postgresql://USER@HOST/NAME.") from None
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        return URL.create("sqlite", database=str(Path(parsed.database).absolute()))
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    shown = parsed.render_as_string()
    raise BadInput(f"A ledger cannot be kept in {shown}: give a file, sqlite:///FILE or postgresql://USER@HOST/NAME.")


def _engine(url: URL) -> sql.Engine:
    if url.get_backend_name() != "sqlite":
        try:
            return sql.create_engine(url, pool_size=1, max_overflow=8, pool_pre_ping=True)
        except ImportError:
            raise Unavailable("PostgreSQL needs psycopg: run `pip install 'assay[postgres]'`.") from None
    path = Path(url.database or "")

    def connect() -> sqlite3.Connection:
        # mode=rw: to look for a ledger must not make an empty one. Threads: the pool lends it to one at a time.
        address = f"file:{quote(str(path))}?mode=rw"
        raw = sqlite3.connect(address, uri=True, timeout=LOCK_SECONDS, check_same_thread=False, isolation_level=None)
        try:
            raw.execute("PRAGMA synchronous = FULL")  # a commit returns when the disk has it, also in WAL mode
            raw.execute("PRAGMA trusted_schema = OFF")  # a file from elsewhere must not run functions
            raw.execute("PRAGMA cell_size_check = ON")
        except sqlite3.Error:
            raw.close()
            raise
        return raw

    engine = sql.create_engine("sqlite://", creator=connect, poolclass=sql.QueuePool, pool_size=1, max_overflow=8)

    @sql.event.listens_for(engine, "connect")
    def _note_file(_raw: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(path)

    @sql.event.listens_for(engine, "checkout")
    def _same_file(_raw: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if record.info.get("file") != _identity(path):
            raise DisconnectionError("the file was replaced")  # an open connection would write into a deleted file

    sql.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_busy(reason: str) -> bool:
    return any(text in reason for text in _BUSY)


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a read that becomes a write would fail when another was faster.
    writing = connection.get_execution_options().get("assay_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
