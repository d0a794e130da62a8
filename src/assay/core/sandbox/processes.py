"""What the processes of a sandbox use, seen from outside through the sandbox's own `/proc`.

Where no control group can be made, this also holds the limits on memory and processes, by looking often.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from assay.core.sandbox.cgroups import Usage

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_BLOCK = 512
_MAX_FILE = 1 << 22  # bytes read of one file in /proc
_DUTY = 30  # a look may take one part in this many of the time


def _names(folder: int) -> list[str]:
    return os.listdir(folder)


@dataclass(frozen=True)
class _Process:
    cpu_seconds: float
    descendants_cpu_seconds: float  # of those that ended and were waited for
    threads: int
    resident_bytes: int


class Processes:
    """The processes of one sandbox, by an open descriptor of its `/proc`. Process 1 is the sandbox's own."""

    def __init__(self, proc: int) -> None:
        self._proc = proc

    def numbers(self) -> list[int]:
        try:
            return [int(name) for name in _names(self._proc) if name.isdigit()]
        except OSError:
            return []

    def _read(self, path: str) -> bytes:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._proc)
        try:
            pieces = []
            while piece := os.read(descriptor, 1 << 16):
                pieces.append(piece)
                if len(pieces) * (1 << 16) > _MAX_FILE:
                    break
            return b"".join(pieces)
        finally:
            os.close(descriptor)

    def _process(self, number: int) -> _Process | None:
        try:
            fields = self._read(f"{number}/stat").rpartition(b")")[2].split()  # a name may have spaces and brackets
        except OSError:
            return None
        # Field n of proc(5) is at n - 3 here.
        return _Process(
            cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
            descendants_cpu_seconds=(int(fields[13]) + int(fields[14])) / _TICKS,
            threads=int(fields[17]),
            resident_bytes=int(fields[21]) * _PAGE,
        )

    def all(self) -> list[tuple[int, _Process]]:
        looked = ((number, self._process(number)) for number in self.numbers())
        return [(number, process) for number, process in looked if process is not None]

    def longest_cpu_seconds(self) -> float:
        """The processor time of the process that used most."""
        return max((p.cpu_seconds for n, p in self.all() if n != 1), default=0.0)

    def unshared_bytes(self) -> int:
        """Memory of all processes, each page counted once: exact, and slow."""
        total = 0
        for number in self.numbers():
            with contextlib.suppress(OSError):
                for line in self._read(f"{number}/smaps_rollup").splitlines():
                    if line.startswith((b"Pss_Anon:", b"Pss_Shmem:")):
                        total += int(line.split()[1]) << 10
        return total

    def _tasks(self) -> Iterator[str]:
        # By thread: a thread can have a table of open files of its own.
        for number in self.numbers():
            if number == 1:
                continue
            with contextlib.suppress(OSError):
                tasks = os.open(f"{number}/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._proc)
                try:
                    threads = _names(tasks)
                finally:
                    os.close(tasks)
                yield from (f"{number}/task/{thread}" for thread in threads)

    def deleted_open_bytes(self, devices: set[int]) -> int:
        """What files take that have no name any more but are held open, on these file systems."""
        seen: dict[tuple[int, int], int] = {}
        for task in self._tasks():
            with contextlib.suppress(OSError):
                table = os.open(f"{task}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._proc)
                try:
                    for name in _names(table):
                        with contextlib.suppress(OSError):
                            status = os.stat(name, dir_fd=table)
                            if status.st_nlink == 0 and status.st_dev in devices:
                                seen[status.st_dev, status.st_ino] = status.st_blocks * _BLOCK
                finally:
                    os.close(table)
        return sum(seen.values())

    def hold_files_out_of_sight(self, memory_devices: set[int]) -> bool:
        """Whether deleted files may be held where `deleted_open_bytes` cannot see them.

        That is: mapped but closed, on their way through a socket, or held by a process that nobody may look at.
        """
        for task in self._tasks():
            try:
                os.close(os.open(f"{task}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._proc))
                if self._maps_deleted(task, memory_devices) or self._sends_files(task):
                    return True
            except PermissionError:
                if not self._is_dead(task):
                    return True
            except OSError:
                continue  # it ended
        return False

    def _is_dead(self, task: str) -> bool:
        """Whether it has ended and waits for its parent to notice: it holds nothing, but nobody may look."""
        try:
            return self._read(f"{task}/stat").rpartition(b")")[2].split()[0] in (b"Z", b"X")
        except OSError:
            return True

    def _maps_deleted(self, task: str, memory_devices: set[int]) -> bool:
        for line in self._read(f"{task}/maps").splitlines():
            if line.endswith(b" (deleted)"):
                major, _, minor = line.split()[3].partition(b":")
                if os.makedev(int(major, 16), int(minor, 16)) not in memory_devices:
                    return True
        return False

    def _sends_files(self, task: str) -> bool:
        table = os.open(f"{task}/fdinfo", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._proc)
        try:
            names = _names(table)
        finally:
            os.close(table)
        for name in names:
            for line in self._read(f"{task}/fdinfo/{name}").splitlines():
                if line.startswith(b"scm_fds:") and int(line.split()[1]):
                    return True
        return False


class Polling:
    """Stands in for a control group where none can be made. `scratch` are descriptors of the memory file systems."""

    version = "polling"

    def __init__(self, processes: Processes, scratch: list[int], memory_bytes: int, max_processes: int) -> None:
        self._processes, self._scratch = processes, scratch
        self._memory_bytes, self._max_processes = memory_bytes, max_processes
        self._next_look = 0.0
        self._cpu_seconds = 0.0

    def admit(self, pid: int) -> None:
        pass

    def _scratch_bytes(self) -> int:
        looked = [os.fstatvfs(descriptor) for descriptor in self._scratch]
        return sum((s.f_blocks - s.f_bfree) * s.f_frsize for s in looked)

    def breach(self) -> str | None:
        now = time.monotonic()
        if now < self._next_look:
            return None
        processes = self._processes.all()
        scratch = self._scratch_bytes()
        found = None
        if sum(p.threads for _, p in processes) > self._max_processes:
            found = "processes"
        # The sum counts shared pages once for each process: look closely before ending anything.
        elif (
            sum(p.resident_bytes for _, p in processes) + scratch > self._memory_bytes
            and self._processes.unshared_bytes() + scratch > self._memory_bytes
        ):
            found = "memory"
        self._next_look = now + _DUTY * (time.monotonic() - now)
        return found

    def usage(self) -> Usage:
        processes = self._processes.all()
        total = sum(p.cpu_seconds + p.descendants_cpu_seconds for _, p in processes)
        self._cpu_seconds = max(self._cpu_seconds, total)  # what nobody waited for is lost: never count backwards
        return Usage(
            cpu_seconds=self._cpu_seconds,
            memory_bytes=sum(p.resident_bytes for _, p in processes) + self._scratch_bytes(),
            processes=sum(p.threads for _, p in processes),
        )

    def remove(self) -> None:
        pass
