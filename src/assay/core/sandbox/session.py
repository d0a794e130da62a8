"""A sandbox that lives for a while: many commands, one after another or at once, and what they leave running.

One thread starts the sandbox, watches its budget and hears what its first process reports; commands are waited for in
their callers' threads. When a limit is exceeded the whole sandbox ends, and every further command is refused.
"""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from assay.core.budget import Spent
from assay.core.errors import Unavailable
from assay.core.sandbox.confine import Confined, confine
from assay.core.sandbox.layout import default_environment
from assay.core.sandbox.proxy import Proxy
from assay.core.sandbox.spec import WORKSPACE, NetworkRequest, Sample, Spec
from assay.core.sandbox.watch import GLANCE_SECONDS, Disk, Meters

_PIECE = 1 << 18
_LOOK_SECONDS = 0.1  # how soon a waiting command notices that it is to stop
_GRACE_SECONDS = 1.0  # between asking a command to end and ending it


@dataclass(frozen=True)
class Completed:
    """How a command of a session ended. A signal's number is negative, as in `subprocess`."""

    exit_code: int
    stdout: bytes  # the last `keep_bytes` of it
    stderr: bytes
    stdout_truncated: bool
    stderr_truncated: bool
    timed_out: bool


class _Tail:
    """The last bytes of a stream."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces = bytearray()
        self.truncated = False

    def add(self, piece: bytes) -> None:
        self._pieces += piece
        if len(self._pieces) > 2 * self._limit + _PIECE:  # cut seldom: each cut moves everything
            self._cut()

    def _cut(self) -> None:
        if len(self._pieces) > self._limit:
            self.truncated = True
            del self._pieces[: len(self._pieces) - self._limit]

    def content(self) -> bytes:
        self._cut()
        return bytes(self._pieces)


@dataclass
class _Pending:
    """A command that has not ended yet, as its waiting thread sees it."""

    ended: threading.Event = field(default_factory=threading.Event)
    status: int | None = None


class Session:
    """Use `open`, `execute` and `close`; all three may be called from any thread.

    With `on_sample`, what it uses is measured about every half second, and `spent` says how much it was.
    """

    def __init__(self, spec: Spec, *, cgroup: bool = True, on_sample: Callable[[Sample], None] | None = None) -> None:
        self.spec = spec
        self.exceeded: str | None = None
        self.enforcement = ""  # what holds the limits, once it is open
        self._on_sample = on_sample
        self._meters: Meters | None = None
        self._disk_bytes = 0
        self._wall_seconds = 0.0
        self._cgroup = cgroup
        self._confined: Confined | None = None
        self._proxy: Proxy | None = None
        self._lock = threading.Lock()
        self._pending: dict[int, _Pending] = {}
        self._left_pipes: list[int] = []  # of commands that ended and left somebody writing
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._live, name="assay-sandbox", daemon=True)

    def open(self) -> None:
        """Start the sandbox. Raises what made it fail."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End everything in the sandbox. May be called again."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def first_process(self) -> int | None:
        """The host's number of the sandbox's first process while it lives."""
        confined = self._confined
        if confined is None or self._closing.is_set():
            return None
        for line in Path(f"/proc/self/fdinfo/{confined.first}").read_text(encoding="ascii").splitlines():
            if line.startswith("Pid:"):
                number = int(line.split()[1])
                return number if number > 0 else None
        return None

    def network_log(self) -> tuple[NetworkRequest, ...]:
        return self._proxy.log() if self._proxy is not None else ()

    @property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(self._meters.samples) if self._meters is not None else ()

    def spent(self) -> Spent:
        """What was used, after `close`."""
        meters = self._meters
        return Spent(
            wall_seconds=round(self._wall_seconds, 3),
            cpu_seconds=meters.cpu_seconds if meters else None,
            peak_memory_bytes=meters.peak_memory_bytes if meters else None,
            disk_bytes=self._disk_bytes,
            exceeded=self.exceeded,
        )

    def _live(self) -> None:
        # This thread, and no other, starts bwrap: the kernel ends bwrap with the thread that started it.
        try:
            with ExitStack() as stack:
                confined = stack.enter_context(confine(self.spec, default_environment(self.spec), cgroup=self._cgroup))
                disk = Disk(confined, self.spec.budget)
                stack.callback(disk.close)
                if confined.listener is not None:
                    self._proxy = stack.enter_context(Proxy(confined.listener, self.spec.network))
                self._confined = confined
                self.enforcement = confined.group.version
                started = time.monotonic()
                if self._on_sample is not None:
                    self._meters = Meters(confined, disk, started)
                # A thread of its own, since a look at a large crowd that takes all processors can take seconds.
                clock = threading.Timer(self.spec.budget.wall_seconds, confined.condemn)
                clock.daemon = True
                clock.start()
                self._ready.set()
                try:
                    self._watch(confined, disk, started + self.spec.budget.wall_seconds)
                finally:
                    clock.cancel()
                    clock.join()  # afterwards the process descriptor may be closed
                if self._meters is not None:
                    self._measure(self._meters)
                    self.exceeded = self.exceeded or confined.group.breach() or disk.measure()
                self._disk_bytes = disk.disk_bytes
                confined.kill()
                self._wall_seconds = time.monotonic() - started
        except BaseException as error:
            self._failure = error
        finally:
            self._closing.set()
            with self._lock:
                for pending in self._pending.values():
                    pending.ended.set()
                for pipe in self._left_pipes:
                    os.close(pipe)
                self._left_pipes.clear()
            self._ready.set()

    def _watch(self, confined: Confined, disk: Disk, deadline: float) -> None:
        poll = select.poll()
        poll.register(confined.control, select.POLLIN)
        nowhere = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
        try:
            while not self._closing.is_set():
                if poll.poll(GLANCE_SECONDS * 1000) and not self._hear(confined):
                    over = "wall clock" if time.monotonic() >= deadline else None
                    self.exceeded = over or confined.group.breach()
                    return
                self._drain(nowhere)
                over = "wall clock" if time.monotonic() >= deadline else None
                self.exceeded = over or confined.group.breach() or disk.glance()
                if self.exceeded:
                    return
                if self._meters is not None and self._meters.due():
                    self._measure(self._meters)
        finally:
            os.close(nowhere)

    def _measure(self, meters: Meters) -> None:
        sample = meters.sample()
        if self._on_sample is not None:
            self._on_sample(sample)

    def _hear(self, confined: Confined) -> bool:
        """Take one report. Whether the first process is still there."""
        event = confined.receive()
        if event.kind == "exited":
            with self._lock:
                pending = self._pending.get(event.command)
            if pending is not None:
                pending.status = event.status
                pending.ended.set()
        return event.kind != "gone"

    def _drain(self, nowhere: int) -> None:
        """Read what nobody wants any more, so that a server left in the background does not stop at a full pipe."""
        with self._lock:
            for pipe in tuple(self._left_pipes):
                try:
                    if os.splice(pipe, nowhere, _PIECE) == 0:
                        self._left_pipes.remove(pipe)
                        os.close(pipe)
                except BlockingIOError:
                    continue

    def execute(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        directory: str = WORKSPACE,
        environment: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        keep_bytes: int = 1 << 24,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Completed:
        """Run a command to its end and return what it said. `Unavailable` if the sandbox is not there (any more).

        What it leaves running goes on. At the timeout, or when `cancelled` says so, its process group is ended.
        """
        confined = self._confined
        if confined is None or self._closing.is_set():
            raise self.ended()
        with ExitStack() as stack:
            in_read, in_write = _pipe(stack)
            out_read, out_write = _pipe(stack)
            err_read, err_write = _pipe(stack)
            pending = _Pending()
            with self._lock:
                number = confined.start(
                    command,
                    environment={**confined.environment, **(environment or {})},
                    directory=directory,
                    stdin=in_read.number,
                    stdout=out_write.number,
                    stderr=err_write.number,
                )
                self._pending[number] = pending
            for end in (in_read, out_write, err_write):
                end.close()
            try:
                return self._converse(
                    number,
                    pending,
                    _Streams(in_write, out_read, err_read, stdin, keep_bytes),
                    timeout_seconds,
                    cancelled,
                )
            finally:
                with self._lock:
                    del self._pending[number]

    def ended(self) -> Unavailable:
        """Why nothing can be run here."""
        if self.exceeded:
            return Unavailable(
                f"The sandbox was ended because it exceeded its limit on {self.exceeded}: raise the limit."
            )
        return Unavailable("The sandbox has ended: nothing can be started in it any more.")

    def _converse(
        self,
        number: int,
        pending: _Pending,
        streams: "_Streams",
        timeout_seconds: float | None,
        cancelled: Callable[[], bool],
    ) -> Completed:
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        timed_out = False
        while not pending.ended.is_set():
            now = time.monotonic()
            if not timed_out and (cancelled() or (deadline is not None and now >= deadline)):
                timed_out = True
                self._signal(number, signal.SIGTERM)
                deadline = now + _GRACE_SECONDS
            elif timed_out and deadline is not None and now >= deadline:
                self._signal(number, signal.SIGKILL)
                deadline = now + _GRACE_SECONDS
            until = _LOOK_SECONDS if deadline is None else max(0.0, min(_LOOK_SECONDS, deadline - now))
            if not streams.exchange(until):
                pending.ended.wait(min(until, _LOOK_SECONDS))
        if timed_out:
            self._signal(number, signal.SIGKILL)  # what is left of the group
        if pending.status is None:
            raise self.ended()
        while streams.exchange(0.0, only_output=True):
            pass
        with self._lock:
            if not self._closing.is_set():
                self._left_pipes.extend(streams.give_away())
        return Completed(
            exit_code=os.waitstatus_to_exitcode(pending.status),
            stdout=streams.out.content(),
            stderr=streams.err.content(),
            stdout_truncated=streams.out.truncated,
            stderr_truncated=streams.err.truncated,
            timed_out=timed_out,
        )

    def _signal(self, number: int, what: int) -> None:
        if self._confined is not None and not self._closing.is_set():
            with contextlib.suppress(Unavailable):
                self._confined.signal(number, what)


class _End:
    """One end of a pipe, closed once."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.open = True

    def close(self) -> None:
        if self.open:
            self.open = False
            os.close(self.number)


def _pipe(stack: ExitStack) -> tuple[_End, _End]:
    read, write = (_End(number) for number in os.pipe())
    stack.callback(read.close)
    stack.callback(write.close)
    return read, write


class _Streams:
    """The three pipes of a command, seen from outside."""

    def __init__(self, stdin: _End, stdout: _End, stderr: _End, content: bytes, keep_bytes: int) -> None:
        self._stdin = stdin
        self._content = memoryview(content)
        self.out, self.err = _Tail(keep_bytes), _Tail(keep_bytes)
        self._outputs = {stdout.number: (stdout, self.out), stderr.number: (stderr, self.err)}
        for end in (stdin, stdout, stderr):
            os.set_blocking(end.number, False)
        self._poll = select.poll()
        for number in self._outputs:
            self._poll.register(number, select.POLLIN)
        if content:
            self._poll.register(stdin.number, select.POLLOUT)
        else:
            stdin.close()

    def exchange(self, seconds: float, *, only_output: bool = False) -> bool:
        """Move what can be moved. Whether anything was."""
        moved = False
        for number, _ in self._poll.poll(seconds * 1000):
            if number == self._stdin.number and self._stdin.open:
                if not only_output:
                    self._feed()
                    moved = True
            elif number in self._outputs:
                moved |= self._take(number)
        return moved

    def _feed(self) -> None:
        try:
            self._content = self._content[os.write(self._stdin.number, self._content[:_PIECE]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want to hear it
            self._content = self._content[:0]
        if not self._content:
            self._poll.unregister(self._stdin.number)
            self._stdin.close()

    def _take(self, number: int) -> bool:
        end, tail = self._outputs[number]
        try:
            piece = os.read(number, _PIECE)
        except BlockingIOError:
            return False
        if piece:
            tail.add(piece)
            return True
        self._poll.unregister(number)
        del self._outputs[number]
        end.close()
        return False

    def give_away(self) -> list[int]:
        """Outputs that are still open: whoever takes them has to close them."""
        numbers = []
        for end, _ in self._outputs.values():
            end.open = False
            numbers.append(end.number)
        self._outputs.clear()
        return numbers
