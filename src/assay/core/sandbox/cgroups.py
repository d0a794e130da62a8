"""Limits that the kernel itself holds: one control group per sandbox, version 2 or 1, where one can be made.

A group's name carries the process that made it, so that groups whose maker is dead are recognised and swept.
"""

import contextlib
import itertools
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_PREFIX = "assay-"
_counter = itertools.count()


@dataclass(frozen=True)
class Usage:
    """What the processes of a sandbox use now. CPU time is the total since the start."""

    cpu_seconds: float
    memory_bytes: int
    processes: int


class Group(Protocol):
    """A control group, or the pair of them that version 1 needs."""

    version: str

    def admit(self, pid: int) -> None: ...
    def breach(self) -> str | None:
        """The limit that was hit since the start, or none. Cheap: it is asked many times a second."""
        ...

    def usage(self) -> Usage: ...
    def remove(self) -> None: ...


def start_time(pid: int) -> int | None:
    """When a process began, in clock ticks since boot: with its number it names a process for good."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def _pid_namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino


def supervisor_name() -> str:
    """A name that says which process made what bears it, and that no other process uses."""
    namespace = _pid_namespace()
    return f"{_PREFIX}{namespace}-{os.getpid()}-{start_time(os.getpid())}-{next(_counter)}"


def is_abandoned(name: str) -> bool:
    """Whether what bears this name was made by a process that no longer is. Another namespace's are not judged."""
    try:
        namespace, pid, start = (int(part) for part in name.removeprefix(_PREFIX).split("-")[:3])
    except ValueError:
        return False
    return namespace == _pid_namespace() and start_time(pid) != start


def _end(group: Path) -> None:
    """Kill what is in a group and remove it."""
    kill = group / "cgroup.kill"
    for _ in range(200):
        try:
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            pass  # still populated
        with contextlib.suppress(OSError):
            if kill.exists():
                kill.write_text("1")
            else:
                for pid in (group / "cgroup.procs").read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.01)


def sweep(parent: Path) -> None:
    """Remove the groups that supervisors left behind when they were killed."""
    for group in parent.glob(f"{_PREFIX}*"):
        if is_abandoned(group.name):
            _end(group)


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii")


def _counts(text: str) -> dict[str, int]:
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


class _Files:
    """Counters of a group, opened once: reading one costs some microseconds."""

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}

    def read(self, path: Path) -> str:
        if path not in self._open:
            self._open[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(self._open[path], 1 << 16, 0).decode("ascii")

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()


class VersionTwo:
    version = "cgroup v2"

    def __init__(self, parent: Path, memory_bytes: int, processes: int) -> None:
        sweep(parent)
        self._group = parent / supervisor_name()
        self._files = _Files()
        self._group.mkdir()
        try:
            (self._group / "memory.max").write_text(str(memory_bytes))
            (self._group / "pids.max").write_text(str(processes))
            for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
                with contextlib.suppress(OSError):  # a kernel without swap accounting
                    (self._group / name).write_text(value)
        except OSError:
            self.remove()
            raise

    def admit(self, pid: int) -> None:
        (self._group / "cgroup.procs").write_text(str(pid))

    def breach(self) -> str | None:
        if _counts(self._files.read(self._group / "memory.events")).get("oom_kill", 0):
            return "memory"
        if _counts(self._files.read(self._group / "pids.events")).get("max", 0):
            return "processes"
        return None

    def usage(self) -> Usage:
        memory = _counts(self._files.read(self._group / "memory.stat"))
        cpu = _counts(self._files.read(self._group / "cpu.stat"))
        return Usage(
            cpu_seconds=cpu.get("usage_usec", 0) / 1e6,
            memory_bytes=memory.get("anon", 0) + memory.get("shmem", 0) + memory.get("slab_unreclaimable", 0),
            processes=int(self._files.read(self._group / "pids.current")),
        )

    def remove(self) -> None:
        self._files.close()
        _end(self._group)


class VersionOne:
    version = "cgroup v1"

    def __init__(self, parents: dict[str, Path], memory_bytes: int, processes: int) -> None:
        name = supervisor_name()
        self._files = _Files()
        self._groups = {controller: parent / name for controller, parent in parents.items()}
        try:
            for controller, parent in parents.items():
                sweep(parent)
                self._groups[controller].mkdir(exist_ok=True)
            memory = self._groups["memory"]
            (memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
            with contextlib.suppress(OSError):  # a kernel without swap accounting
                (memory / "memory.memsw.limit_in_bytes").write_text(str(memory_bytes))
            (self._groups["pids"] / "pids.max").write_text(str(processes))
        except OSError:
            self.remove()
            raise

    def admit(self, pid: int) -> None:
        for group in self._groups.values():
            (group / "cgroup.procs").write_text(str(pid))

    def breach(self) -> str | None:
        if _counts(self._files.read(self._groups["memory"] / "memory.oom_control")).get("oom_kill", 0):
            return "memory"
        if _counts(self._files.read(self._groups["pids"] / "pids.events")).get("max", 0):
            return "processes"
        return None

    def usage(self) -> Usage:
        memory = _counts(self._files.read(self._groups["memory"] / "memory.stat"))
        return Usage(
            cpu_seconds=int(self._files.read(self._groups["cpuacct"] / "cpuacct.usage")) / 1e9,
            memory_bytes=memory.get("total_rss", 0) + memory.get("total_shmem", 0),
            processes=int(self._files.read(self._groups["pids"] / "pids.current")),
        )

    def remove(self) -> None:
        self._files.close()
        for group in self._groups.values():
            _end(group)


def sweep_all() -> None:
    """Remove what dead supervisors left in every place where this user can make groups."""
    mounted, own = _mounted(), _own()
    places = [mounted[c] / own[c].strip("/") for c in ("memory", "pids", "cpuacct") if c in mounted and c in own]
    if "" in mounted and "" in own:
        place = place_for_version_two(mounted[""], own[""])
        places += [place] if place is not None else []
    for place in places:
        sweep(place)


def _mounted() -> dict[str, Path]:
    """Where each controller of version 1 is mounted, and version 2 under the name ''."""
    found: dict[str, Path] = {}
    for line in _read(Path("/proc/self/mounts")).splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2":
            found.setdefault("", Path(place))
        elif kind == "cgroup":
            for option in options.split(","):
                found.setdefault(option, Path(place))
    return found


def _own() -> dict[str, str]:
    """This process's group in each hierarchy, as /proc/self/cgroup has it."""
    groups: dict[str, str] = {}
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path
    return groups


def place_for_version_two(root: Path, own: str) -> Path | None:
    """The nearest group at or above our own in which a group with memory and process limits can be made.

    Our own has processes in it, so the kernel seldom lets its children have limits; under systemd the one above, a
    delegated slice, does. Moving a process needs the right to write to `cgroup.procs` there.
    """
    group = root / own.strip("/")
    while group.is_relative_to(root):
        try:
            enabled = _read(group / "cgroup.subtree_control").split()
        except OSError:
            return None
        writable = os.access(group, os.W_OK) and os.access(group / "cgroup.procs", os.W_OK)
        if writable and {"memory", "pids"} <= set(enabled):
            return group
        group = group.parent
    return None


def make_group(memory_bytes: int, processes: int) -> Group | None:
    """A new group with these limits, or none where this user cannot make one."""
    try:
        mounted, own = _mounted(), _own()
        if "" in mounted and "" in own:
            place = place_for_version_two(mounted[""], own[""])
            if place is not None:
                return VersionTwo(place, memory_bytes, processes)
        wanted = ("memory", "pids", "cpuacct")
        if all(c in mounted and c in own for c in wanted):
            parents = {c: mounted[c] / own[c].strip("/") for c in wanted}
            if all(os.access(parent, os.W_OK) for parent in parents.values()):
                return VersionOne(parents, memory_bytes, processes)
    except OSError:
        return None
    return None
