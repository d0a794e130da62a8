"""The sandbox as a provider for Inspect: `sandbox="bubblewrap"` in any task, with no image, no daemon and no root.

Each sample has a sandbox of its own that lives as long as the sample: commands run one after another or at once, and
what they leave in the background stays. Limits and network are set with `BubblewrapConfig`.
"""

import contextlib
import json
import os
import secrets
import shlex
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, overload

import anyio
import anyio.to_thread
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxConnection,
    SandboxEnvironment,
    SandboxEnvironmentConfigType,
    SandboxEnvironmentLimits,
    SandboxEnvironmentSpec,
    SandboxUserUnsupportedError,
    sandboxenv,
)
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from assay.core.budget import Budget
from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox.cgroups import start_time, sweep_all
from assay.core.sandbox.disk import remove_tree
from assay.core.sandbox.layout import USER_ID, interpreter, python_mounts
from assay.core.sandbox.session import Completed, Session
from assay.core.sandbox.spec import WORKSPACE, Mount, Spec

try:  # it says what a tool call turns into an answer for the model; older versions do not have it
    from inspect_ai.util import SandboxUnavailableError
except ImportError:  # pragma: no cover
    SandboxUnavailableError = RuntimeError  # type: ignore[assignment, misc]

_PREFIX = "assay-inspect-"
_MAX_COMMANDS = 64  # of one sample at once
_MAX_CONFIG = 1 << 20  # bytes of a configuration file
_ANSWER_BYTES = 1 << 16

# Reading and writing happen inside, as the worker: a link in the workspace leads nowhere that the worker cannot go.
_READ = """
import json, os, stat, sys
try:
    descriptor = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(descriptor)
    if stat.S_ISDIR(mode.st_mode): raise IsADirectoryError(21, "Is a directory")
    if not stat.S_ISREG(mode.st_mode): raise PermissionError(13, "Not a regular file")
    limit = left = int(sys.argv[2])
    while left >= 0:
        piece = os.read(descriptor, min(1 << 20, left + 1))
        if not piece: break
        left -= len(piece)
        while piece: piece = piece[os.write(1, piece):]
    if left < 0: sys.exit(3)
except OSError as error:
    sys.stderr.write(json.dumps([error.errno, error.strerror]))
    sys.exit(2)
"""
_WRITE = """
import json, os, sys
try:
    path = sys.argv[1]
    if os.path.isdir(path): raise IsADirectoryError(21, "Is a directory")
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    while piece := os.read(0, 1 << 20):
        while piece: piece = piece[os.write(descriptor, piece):]
    os.close(descriptor)
except OSError as error:
    sys.stderr.write(json.dumps([error.errno, error.strerror]))
    sys.exit(2)
"""


class MountConfig(BaseModel):
    """A file or folder of the host that is seen inside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    target: str
    writable: bool = False


class BubblewrapConfig(BaseModel):
    """What a sample's sandbox may see and use. Limits hold for all of its processes together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory_bytes: int = Field(default=4 << 30, gt=0)
    disk_bytes: int = Field(default=4 << 30, gt=0)
    files: int = Field(default=100_000, gt=0)
    processes: int = Field(default=512, gt=0)
    open_files: int = Field(default=4096, gt=0)
    wall_seconds: float = Field(default=86_400, gt=0, description="how long a sample's sandbox may live")
    network: tuple[str, ...] = Field(default=(), description="host, *.host or host:port; through a logging proxy")
    environment: dict[str, str] = Field(default_factory=dict)
    mounts: tuple[MountConfig, ...] = ()
    hidden: tuple[str, ...] = ()
    python: bool = Field(default=False, description="mount the Python environment that Inspect runs in")

    def __hash__(self) -> int:  # Inspect groups samples by their configuration; `environment` alone has no hash
        return hash(self.model_dump_json())

    def spec(self, workspace: Path) -> Spec:
        mounts = tuple(Mount(Path(m.source), m.target, m.writable) for m in self.mounts)
        return Spec(
            workspace=workspace,
            budget=Budget(
                wall_seconds=self.wall_seconds,
                memory_bytes=self.memory_bytes,
                disk_bytes=self.disk_bytes,
                files=self.files,
                processes=self.processes,
                open_files=self.open_files,
            ),
            mounts=(*python_mounts(), *mounts) if self.python else mounts,
            hidden=self.hidden,
            environment=self.environment,
            network=self.network,
        )


def _config(config: SandboxEnvironmentConfigType | None) -> BubblewrapConfig:
    """The configuration that a task named: a model, a JSON file, or nothing."""
    if config is None:
        return BubblewrapConfig()
    if isinstance(config, BubblewrapConfig):
        return config
    if isinstance(config, str):
        path = Path(config)
        if not path.is_file() or path.stat().st_size > _MAX_CONFIG:
            raise BadInput(f"{config} is not a configuration of the bubblewrap sandbox: give a JSON file below 1 MiB.")
        return BubblewrapConfig.model_validate_json(path.read_text(encoding="utf-8"))
    raise BadInput(f"{type(config).__name__} does not configure the bubblewrap sandbox: use BubblewrapConfig.")


def _new_workspace() -> Path:
    """A folder whose name says which process made it, so that `inspect sandbox cleanup` can tell the abandoned ones."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-{start_time(os.getpid())}-"))


@sandboxenv(name="bubblewrap")
class BubblewrapSandboxEnvironment(SandboxEnvironment):
    """One sample's sandbox."""

    def __init__(self, session: Session, workspace: Path) -> None:
        super().__init__()
        self.session = session
        self.workspace = workspace
        self._limiter = anyio.CapacityLimiter(_MAX_COMMANDS)

    @override
    @classmethod
    def default_concurrency(cls) -> int | None:
        return 2 * (os.cpu_count() or 2)

    @override
    def default_polling_interval(self) -> float:
        return 0.2

    @override
    @classmethod
    def config_deserialize(cls, config: dict[str, Any]) -> BaseModel:
        return BubblewrapConfig.model_validate(config)

    @override
    @classmethod
    async def sample_init(
        cls, task_name: str, config: SandboxEnvironmentConfigType | None, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        workspace = _new_workspace()
        session: Session | None = None
        try:
            session = Session(_config(config).spec(workspace))
            await anyio.to_thread.run_sync(session.open)
        except BaseException:
            if session is not None:
                session.close()
            remove_tree(workspace)
            raise
        return {"default": cls(session, workspace)}

    @override
    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: SandboxEnvironmentConfigType | None,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        with anyio.CancelScope(shield=True):
            for environment in environments.values():
                sandbox = environment.as_type(cls)
                await anyio.to_thread.run_sync(sandbox._end)

    def _end(self) -> None:
        self.session.close()
        remove_tree(self.workspace)

    @override
    @classmethod
    async def cli_cleanup(cls, id: str | None) -> None:
        """Remove what evaluations that were killed left behind: workspaces and control groups."""
        sweep_all()
        for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            pid, start, *_ = folder.name.removeprefix(_PREFIX).split("-")
            abandoned = pid.isdigit() and str(start_time(int(pid))) != start
            if abandoned and (id is None or id == folder.name):
                with contextlib.suppress(Unavailable):
                    remove_tree(folder)

    async def _execute(
        self,
        command: list[str],
        *,
        stdin: bytes = b"",
        directory: str = WORKSPACE,
        environment: dict[str, str] | None = None,
        timeout_seconds: float | None = None,
        keep_bytes: int,
    ) -> Completed:
        stop = threading.Event()

        def work() -> Completed:
            try:
                return self.session.execute(
                    command,
                    stdin=stdin,
                    directory=directory,
                    environment=environment,
                    timeout_seconds=timeout_seconds,
                    keep_bytes=keep_bytes,
                    cancelled=stop.is_set,
                )
            except Unavailable as error:
                raise SandboxUnavailableError(str(error)) from error

        try:
            return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)
        finally:
            stop.set()  # nobody waits any more: if the command still runs, it is ended

    @override
    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """Run a command. Of each stream the last part is kept, up to Inspect's limit. A timeout is not retried."""
        if user not in (None, "worker", str(USER_ID)):
            raise SandboxUserUnsupportedError(
                f"The bubblewrap sandbox has one user, worker: it cannot run as {user!r}."
            )
        done = await self._execute(
            cmd,
            stdin=input.encode() if isinstance(input, str) else input or b"",
            directory=os.path.normpath(f"{WORKSPACE}/{cwd}") if cwd and not cwd.startswith("/") else cwd or WORKSPACE,
            environment=env,
            timeout_seconds=timeout,
            keep_bytes=SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE,
        )
        if done.timed_out:
            raise TimeoutError(f"{shlex.join(cmd)[:200]} did not end within {timeout} seconds.")
        stderr = done.stderr.decode("utf-8", "replace")
        if done.exit_code == 126 and stderr.endswith("make the file executable.\n"):
            raise PermissionError(stderr.strip())
        # A signal as a shell has it: 128 and its number.
        code = done.exit_code if done.exit_code >= 0 else 128 - done.exit_code
        return ExecResult(code == 0, code, done.stdout.decode("utf-8", "replace"), stderr)

    async def _file(self, program: str, file: str, *arguments: str, stdin: bytes = b"", keep_bytes: int) -> Completed:
        done = await self._execute(
            [interpreter(), "-I", "-S", "-c", program, file, *arguments], stdin=stdin, keep_bytes=keep_bytes
        )
        if done.exit_code == 2:
            number, reason = json.loads(done.stderr)
            raise OSError(number, reason, file)
        if done.exit_code not in (0, 3):
            raise SandboxUnavailableError(
                f"{file} could not be reached: {done.stderr.decode('utf-8', 'replace')[-300:]}"
            )
        return done

    @override
    async def write_file(self, file: str, contents: str | bytes) -> None:
        data = contents.encode() if isinstance(contents, str) else contents
        await self._file(_WRITE, file, stdin=data, keep_bytes=_ANSWER_BYTES)

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    @override
    async def read_file(self, file: str, text: bool = True) -> str | bytes:
        limit = SandboxEnvironmentLimits.MAX_READ_FILE_SIZE
        done = await self._file(_READ, file, str(limit), keep_bytes=limit + _ANSWER_BYTES)
        if done.exit_code == 3:
            raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_READ_FILE_SIZE_STR, None)
        return done.stdout.decode("utf-8") if text else done.stdout

    @override
    async def connection(self, *, user: str | None = None) -> SandboxConnection:
        """A shell in the sandbox's namespaces. For looking around: the system call filter does not hold for it."""
        number = self.session.first_process
        if number is None:
            raise ConnectionError("The sandbox is not running.")
        enter = f"nsenter --target {number} --user --preserve-credentials --mount --pid --net --ipc --uts"
        return SandboxConnection(
            type="bubblewrap", command=f"{enter} /bin/sh -c 'cd {WORKSPACE} && exec /bin/sh -i'", container=str(number)
        )


class SessionConfig(BaseModel):
    """Names a sandbox that is open already, in this process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: str


_lent: dict[str, Session] = {}


@contextmanager
def lend(session: Session) -> Iterator[SandboxEnvironmentSpec]:
    """Let a sample of an evaluation in this process work in an open sandbox, which stays open when the sample ends."""
    name = secrets.token_hex(8)
    _lent[name] = session
    try:
        yield SandboxEnvironmentSpec("assay-session", SessionConfig(session=name))
    finally:
        del _lent[name]


@sandboxenv(name="assay-session")
class SessionSandboxEnvironment(BubblewrapSandboxEnvironment):
    """A sandbox that somebody else opened, watches and closes; see `lend`."""

    @override
    @classmethod
    def config_deserialize(cls, config: dict[str, Any]) -> BaseModel:
        return SessionConfig.model_validate(config)

    @override
    @classmethod
    async def sample_init(
        cls, task_name: str, config: SandboxEnvironmentConfigType | None, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        session = _lent.get(config.session) if isinstance(config, SessionConfig) else None
        if session is None:
            raise BadInput("The sandbox `assay-session` is Assay's own: use `bubblewrap` in a task.")
        return {"default": cls(session, session.spec.workspace)}

    @override
    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: SandboxEnvironmentConfigType | None,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        return None

    @override
    @classmethod
    async def cli_cleanup(cls, id: str | None) -> None:
        return None
