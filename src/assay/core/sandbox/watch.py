"""Whether a running sandbox keeps within its budget.

Three kinds of looking: a glance many times a second (a few system calls), a measurement of the workspace when the file
system lost about as much space as is left of the budget, and a full measurement every two seconds in any case.
"""

import os
import time
from pathlib import Path

from assay.core.budget import Budget
from assay.core.sandbox.cgroups import Usage
from assay.core.sandbox.confine import Confined
from assay.core.sandbox.disk import measure
from assay.core.sandbox.spec import Sample

GLANCE_SECONDS = 0.025
SAMPLE_SECONDS = 0.5
_MEASURE_SECONDS = 2.0
_DUTY = 20  # measuring a large workspace may take one part in this many of the time
_HASTE = 3  # the same, when space is going fast


class _FreeSpace:
    """Bytes and files that the file systems of some folders have left, together."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._open: dict[int, int] = {}
        for folder in folders:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if self._open.setdefault(os.fstat(descriptor).st_dev, descriptor) != descriptor:
                os.close(descriptor)

    @property
    def devices(self) -> set[int]:
        return set(self._open)

    def now(self) -> tuple[int, int]:
        space = files = 0
        for descriptor in self._open.values():
            status = os.fstatvfs(descriptor)
            space += status.f_bfree * status.f_frsize
            files += status.f_ffree
        return space, files

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)


class Disk:
    """Keeps what a sandbox writes within `disk_bytes` and `files`.

    The workspace counts as a whole, other writable mounts for what they grew by. Files without a name that are held
    open count too. Where a process hides what it holds open, what the file system lost meanwhile counts instead.
    """

    def __init__(self, confined: Confined, budget: Budget) -> None:
        self._confined = confined
        self._limit_bytes, self._limit_files = budget.disk_bytes, budget.files
        self._workspace, *others = confined.writable
        self._others = [(folder, measure(folder)) for folder in others if folder.is_dir()]
        self._free = _FreeSpace((self._workspace, *(folder for folder, _ in self._others)))
        memory_file = os.memfd_create("device")
        self._memory_devices = {os.fstat(d).st_dev for d in (memory_file, *confined.views)}
        os.close(memory_file)
        self.disk_bytes, self.files, _ = self._measured()
        self._start = (*self._free.now(), self.disk_bytes, self.files)
        self._seen = self._start
        self._due = self._earliest = 0.0
        self._schedule(0.0)

    def _measured(self) -> tuple[int, int, bool]:
        extent = measure(self._workspace, max_bytes=self._limit_bytes, max_files=self._limit_files)
        disk_bytes, files, whole = extent.disk_bytes, extent.files, extent.whole
        for folder, before in self._others:
            now = measure(folder)
            disk_bytes += max(0, now.disk_bytes - before.disk_bytes)
            files += max(0, now.files - before.files)
            whole = whole and now.whole
        return disk_bytes, files, whole

    def _schedule(self, took: float) -> None:
        now = time.monotonic()
        self._due = now + max(_MEASURE_SECONDS, _DUTY * took)
        self._earliest = now + _HASTE * took

    def glance(self) -> str | None:
        """The limit that is exceeded, or none. Measures only when there is reason to."""
        now = time.monotonic()
        if now < self._due:
            if now < self._earliest:
                return None
            space, files = self._free.now()
            seen_space, seen_files, seen_bytes, seen_count = self._seen
            much_space = seen_space - space > 0.9 * (self._limit_bytes - seen_bytes)
            many_files = seen_files - files > 0.9 * (self._limit_files - seen_count)
            if not (much_space or many_files):
                return None
        return self.measure()

    def measure(self) -> str | None:
        """The limit that is exceeded, or none, by a full measurement."""
        began = time.monotonic()
        named_bytes, self.files, whole = self._measured()
        nameless_bytes = self._confined.processes.deleted_open_bytes(self._free.devices)
        self.disk_bytes = named_bytes + nameless_bytes
        space, files = self._free.now()
        self._seen = (space, files, self.disk_bytes, self.files)
        exceeded = None
        if self.disk_bytes > self._limit_bytes:
            exceeded = "disk"
        elif self.files > self._limit_files:
            exceeded = "files"
        else:
            exceeded = self._unaccounted(space, files, whole)
        self._schedule(time.monotonic() - began)
        return exceeded

    def _unaccounted(self, space: int, files: int, whole: bool) -> str | None:
        """The limit that is exceeded if all that cannot be explained is put down to this sandbox, which hides it."""
        start_space, start_files, start_bytes, start_count = self._start
        lost_bytes = (start_space - space) - (self.disk_bytes - start_bytes)
        lost_files = (start_files - files) - (self.files - start_count)
        too_big = self.disk_bytes + lost_bytes > self._limit_bytes
        too_many = self.files + lost_files > self._limit_files
        if not (too_big or too_many):
            return None
        if whole and not self._confined.processes.hold_files_out_of_sight(self._memory_devices):
            return None  # somebody else on this machine uses the disk
        return "disk" if too_big else "files"

    def close(self) -> None:
        self._free.close()


class Meters:
    """Looks at a sandbox while it runs, and remembers the most that it used."""

    def __init__(self, confined: Confined, disk: Disk, started: float) -> None:
        self._confined, self._disk, self._started = confined, disk, started
        self.samples: list[Sample] = []
        self.peak_memory_bytes = 0
        self.cpu_seconds = 0.0
        self._next_sample = started

    def breach(self) -> str | None:
        """The limit that is exceeded, or none."""
        return self._confined.group.breach() or self._disk.glance() or None

    def due(self) -> bool:
        return time.monotonic() >= self._next_sample

    def sample(self) -> Sample:
        usage: Usage = self._confined.group.usage()
        now = time.monotonic()
        # Every half second, whatever a sample cost; a slot that was missed is not made up for.
        self._next_sample = max(self._next_sample + SAMPLE_SECONDS, now)
        sample = Sample(
            elapsed_seconds=round(now - self._started, 3),
            cpu_seconds=round(usage.cpu_seconds, 3),
            memory_bytes=usage.memory_bytes,
            disk_bytes=self._disk.disk_bytes,
            processes=max(0, usage.processes - 1),  # not the sandbox's own
        )
        self.peak_memory_bytes = max(self.peak_memory_bytes, sample.memory_bytes)
        self.cpu_seconds = max(self.cpu_seconds, sample.cpu_seconds)
        self.samples.append(sample)
        return sample
