"""Runs one command in a bubblewrap sandbox, from its start to the death of its last process."""

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from assay.core.budget import Spent
from assay.core.errors import BadInput
from assay.core.sandbox.capture import Capture
from assay.core.sandbox.confine import Confined, confine
from assay.core.sandbox.layout import default_environment
from assay.core.sandbox.proxy import Proxy
from assay.core.sandbox.session import Session
from assay.core.sandbox.spec import Finished, Sample, Spec
from assay.core.sandbox.watch import GLANCE_SECONDS, Disk, Meters

_KILLED = -int(signal.SIGKILL)
# Limits that the kernel holds for each process: the signal that a process over the limit gets.
_BY_SIGNAL = {-int(signal.SIGXCPU): "CPU time", -int(signal.SIGXFSZ): "disk"}


def check_command(command: Sequence[str]) -> None:
    """`BadInput` if `command` cannot be started anywhere."""
    if not command or not all(isinstance(part, str) and "\0" not in part for part in command) or not command[0]:
        raise BadInput("A command is a list that begins with the name of a program: this one does not.")


class Bubblewrap:
    """The sandbox made by `bwrap`. `cgroup=False` holds limits by polling, as where no control group can be made."""

    name = "bubblewrap"

    def __init__(self, *, cgroup: bool = True) -> None:
        self._cgroup = cgroup

    def session(self, spec: Spec, *, on_sample: Callable[[Sample], None] | None = None) -> Session:
        """The same sandbox for many commands, not yet open."""
        return Session(spec, cgroup=self._cgroup, on_sample=on_sample)

    def run(
        self,
        command: Sequence[str],
        spec: Spec,
        *,
        transcript: Path,
        on_sample: Callable[[Sample], None] | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Finished:
        check_command(command)
        with ExitStack() as stack:
            confined = stack.enter_context(confine(spec, default_environment(spec), cgroup=self._cgroup))
            disk = Disk(confined, spec.budget)
            stack.callback(disk.close)
            output, output_end = os.pipe()
            stack.callback(os.close, output)
            try:
                capture = Capture(output, transcript, spec.budget.output_bytes, on_output)
                stack.callback(capture.close)
                proxy = None
                if confined.listener is not None:
                    proxy = stack.enter_context(Proxy(confined.listener, spec.network))
                started = time.monotonic()
                confined.start(command, environment=confined.environment, stdout=output_end, stderr=output_end)
            finally:
                os.close(output_end)
            meters = Meters(confined, disk, started)
            supervision = _Supervision(confined, spec, capture, meters, started, on_sample)
            # A thread of its own, since a look at a large crowd that takes all processors can take seconds.
            clock = threading.Timer(spec.budget.wall_seconds - (time.monotonic() - started), confined.condemn)
            clock.daemon = True
            clock.start()
            try:
                supervision.until_the_end()
            finally:
                clock.cancel()
                clock.join()  # afterwards the process descriptor may be closed
            exceeded = supervision.exceeded
            confined.kill()
            wall_seconds = time.monotonic() - started
            supervision.drain()
            last = meters.sample()
            if on_sample is not None:
                on_sample(last)
            exceeded = exceeded or confined.group.breach() or disk.measure()
            return Finished(
                exit_code=supervision.exit_code,
                spent=Spent(
                    wall_seconds=round(wall_seconds, 3),
                    cpu_seconds=meters.cpu_seconds,
                    peak_memory_bytes=meters.peak_memory_bytes,
                    disk_bytes=disk.disk_bytes,
                    exceeded=exceeded,
                ),
                samples=tuple(meters.samples),
                output_truncated=capture.truncated,
                network_log=proxy.log() if proxy is not None else (),
                enforcement=confined.group.version,
            )


class _Supervision:
    """Watches over one command: reads what it says, looks at what it uses, ends it when it is over a limit."""

    def __init__(
        self,
        confined: Confined,
        spec: Spec,
        capture: Capture,
        meters: Meters,
        started: float,
        on_sample: Callable[[Sample], None] | None,
    ) -> None:
        self._confined, self._capture, self._meters, self._on_sample = confined, capture, meters, on_sample
        self._cpu_seconds = spec.budget.cpu_seconds
        self._deadline = started + spec.budget.wall_seconds
        self.exit_code = _KILLED
        self.exceeded: str | None = None

    def until_the_end(self) -> None:
        """Return when the command has ended, or has to. Its processes may still be there."""
        poll = select.poll()
        poll.register(self._confined.control, select.POLLIN)
        poll.register(self._capture.pipe, select.POLLIN)
        next_glance = 0.0
        while True:
            now = time.monotonic()
            if now >= next_glance:
                next_glance = now + GLANCE_SECONDS
                self.exceeded = self._over(now)
                if self.exceeded:
                    return
            pause = min(next_glance, self._deadline) - time.monotonic()
            ready = {descriptor for descriptor, _ in poll.poll(max(0.0, pause) * 1000)}
            if self._capture.pipe in ready:
                self._capture.take()
                if self._capture.ended:
                    poll.unregister(self._capture.pipe)
            if self._confined.control.fileno() in ready and self._ended():
                return

    def _ended(self) -> bool:
        event = self._confined.receive()
        if event.kind == "exited":
            self.exit_code = os.waitstatus_to_exitcode(event.status)
            self.exceeded = _BY_SIGNAL.get(self.exit_code)
        elif event.kind == "gone" and time.monotonic() >= self._deadline:
            self.exceeded = "wall clock"
        return event.kind in ("exited", "gone")

    def _over(self, now: float) -> str | None:
        if now >= self._deadline:
            return "wall clock"
        if exceeded := self._meters.breach():
            return exceeded
        if self._meters.due():
            sample = self._meters.sample()
            if self._on_sample is not None:
                self._on_sample(sample)
            limit = self._cpu_seconds
            if limit is not None and self._confined.processes.longest_cpu_seconds() >= limit:
                return "CPU time"
        return None

    def drain(self) -> None:
        """Take what the dead left in the pipe."""
        while not self._capture.ended and self._capture.take():
            pass
