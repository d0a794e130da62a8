"""What a sandboxed command may see and spend, and what is known when it has ended.

Plain values, shared by every kind of sandbox. Nothing here starts a process.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from assay.core.budget import Budget, Spent
from assay.core.errors import BadInput

WORKSPACE = "/workspace"  # where the workspace is inside, and the directory a command starts in

# Inside, these belong to the sandbox itself: a mount over or under them would undo a guarantee.
_RESERVED = ("/proc", "/dev", "/sys", "/run/assay")
_EXACTLY_RESERVED = ("/", WORKSPACE, "/tmp", "/etc", "/usr", "/run")  # noqa: S108


def _inside(path: str, what: str) -> str:
    """`path` if it is a plain absolute path inside the sandbox; `BadInput` otherwise."""
    pure = PurePosixPath(path)
    if not pure.is_absolute() or ".." in pure.parts or str(pure) != path or path.startswith("//") or "\0" in path:
        raise BadInput(f"{what} {path!r} must be an absolute path without '..', '//' or a trailing slash.")
    return path


@dataclass(frozen=True)
class Mount:
    """A file or directory of the host that is seen inside, read-only unless `writable`."""

    source: Path
    target: str
    writable: bool = False

    def __post_init__(self) -> None:
        _inside(self.target, "The mount target")
        reserved = any(self.target == r or self.target.startswith(r + "/") for r in _RESERVED)
        if reserved or self.target in _EXACTLY_RESERVED:
            raise BadInput(f"The mount target {self.target!r} belongs to the sandbox itself: choose another path.")


@dataclass(frozen=True)
class Spec:
    """All that one sandbox is given. What is not named here does not exist inside."""

    workspace: Path  # mounted read-write at /workspace
    budget: Budget
    mounts: tuple[Mount, ...] = ()
    hidden: tuple[str, ...] = ()  # paths inside, below a mount, that are covered by something empty
    environment: Mapping[str, str] = field(default_factory=dict)
    network: tuple[str, ...] = ()  # `host` (ports 80 and 443), `*.host`, or `host:port`; nothing else is reachable
    read_only_paths: tuple[str, ...] = ()  # relative paths in the workspace that the command may not change

    def __post_init__(self) -> None:
        for path in self.hidden:
            _inside(path, "The hidden path")
        for path in self.read_only_paths:
            pure = PurePosixPath(path)
            if pure.is_absolute() or not pure.parts or ".." in pure.parts:
                raise BadInput(f"The read-only path {path!r} must be relative to the workspace and stay in it.")
        for name, value in self.environment.items():
            if not name or "=" in name or "\0" in name + value:
                raise BadInput(f"{name!r} cannot be an environment variable.")


@dataclass(frozen=True)
class Sample:
    """What the whole process tree used at one moment. `memory_bytes` is what cannot be given back: no page cache."""

    elapsed_seconds: float
    cpu_seconds: float
    memory_bytes: int
    disk_bytes: int
    processes: int


@dataclass(frozen=True)
class NetworkRequest:
    """One connection that was asked of the proxy."""

    elapsed_seconds: float
    host: str
    port: int
    allowed: bool
    reason: str  # why it was refused or how it failed; empty when all went well
    bytes_sent: int = 0
    bytes_received: int = 0


@dataclass(frozen=True)
class Finished:
    """How a command ended. `exit_code` is negative if a signal ended it: -9 when the budget did."""

    exit_code: int
    spent: Spent
    samples: tuple[Sample, ...]
    output_truncated: bool
    network_log: tuple[NetworkRequest, ...]
    enforcement: str  # what held the limits: "cgroup v2", "cgroup v1", "polling", or "wall clock only"


class Sandbox(Protocol):
    """Something that runs a command on behalf of somebody nobody has to trust."""

    name: str

    def run(
        self,
        command: Sequence[str],
        spec: Spec,
        *,
        transcript: Path,
        on_sample: Callable[[Sample], None] | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Run `command` until it ends or its budget does; no process of it is left when this returns.

        stdout and stderr go together into the file `transcript`, up to the budget's `output_bytes`. `on_sample` is
        called about every half second, `on_output` with every piece that is kept. Both are called in this thread.
        """
        ...
