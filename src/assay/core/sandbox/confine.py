"""One live bubblewrap sandbox: start it, start commands in it, end it.

The supervisor holds three ties to the sandbox's first process: a socket for requests, a process descriptor to end it
with, and views of its `/proc` and memory file systems to measure through. When the first process ends, for whatever
reason, the kernel ends all others in the same moment.
"""

import array
import contextlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assay.core.errors import BadInput, Unavailable
from assay.core.sandbox import cgroups, seccomp
from assay.core.sandbox.layout import GROUP_ID, INIT, PROXY_PORT, USER_ID, interpreter, lay_out, memory_file
from assay.core.sandbox.processes import Polling, Processes
from assay.core.sandbox.spec import WORKSPACE, Spec

_START_SECONDS = 60.0
_DEATH_SECONDS = 60.0
_MAX_REPORT = 1 << 16  # bytes of one message from inside, or of what bwrap says
_INSTALL = (
    "install it (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap; Arch: pacman -S bubblewrap)"
)
_OWN_PROCESSES = 1  # of the sandbox itself, on top of what the budget gives


def bubblewrap_path() -> str:
    """Where `bwrap` is; `Unavailable` with the way to get it if it is nowhere."""
    path = shutil.which("bwrap")
    if path is None:
        raise Unavailable(f"The sandbox needs bubblewrap, which is not on this machine: {_INSTALL}.")
    return path


def _why_not(complaint: str) -> Unavailable:
    """One sentence from what bwrap said, with the cure where there is one."""
    said = " ".join(complaint.split())[-300:] or "it gave no reason"
    sysctl = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    legacy = Path("/proc/sys/kernel/unprivileged_userns_clone")
    if sysctl.exists() and sysctl.read_text().strip() == "1":
        cure = (
            "AppArmor forbids user namespaces to ordinary programs here: give bwrap a profile with the `userns` rule,"
            " or `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`"
        )
    elif legacy.exists() and legacy.read_text().strip() == "0":
        cure = "enable user namespaces with `sysctl -w kernel.unprivileged_userns_clone=1`"
    elif Path("/proc/sys/user/max_user_namespaces").read_text().strip() == "0":
        cure = "enable user namespaces with `sysctl -w user.max_user_namespaces=10000`"
    else:
        cure = "in a container, start it with user namespaces allowed and an unmasked /proc"
    return Unavailable(f"bubblewrap cannot make a sandbox here ({said}): {cure}.")


@dataclass(frozen=True)
class Event:
    """What the first process reports. `status` is a wait status, for `exited` only."""

    kind: str  # ready, started, exited, or gone when it does not answer any more
    command: int = 0
    status: int = 0
    descriptors: tuple[int, ...] = ()


@dataclass
class Confined:
    """A running sandbox. Use `confine` to make one."""

    spec: Spec
    process: "subprocess.Popen[bytes]"
    control: socket.socket
    first: int  # process descriptor of the first process
    views: tuple[int, ...]  # /proc, /tmp and /dev/shm inside
    listener: socket.socket | None
    group: cgroups.Group
    processes: Processes
    writable: tuple[Path, ...]
    environment: Mapping[str, str]
    _count: int = field(default=0)

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: str = WORKSPACE,
        stdin: int | None = None,
        stdout: int,
        stderr: int,
    ) -> int:
        """Ask for a command; returns the number that its events carry. Without `stdin` it reads nothing."""
        limits = [str(number) for limit in self._limits() for number in limit]
        variables = [f"{name}={value}" for name, value in environment.items()]
        fields = [directory, str(len(limits) // 3), *limits, str(len(command)), *command, *variables]
        if any("\0" in field for field in fields):
            raise BadInput("A command, its directory and its environment cannot contain the character NUL.")
        described = b"".join(os.fsencode(field) + b"\0" for field in fields)
        self._count += 1
        with ExitStack() as stack:
            descriptors = [memory_file("command", described, stack)]
            descriptors += [d for d in (stdin, stdout, stderr) if d is not None]
            self._send(f"start {self._count} {int(stdin is not None)}", descriptors)
        return self._count

    def signal(self, command: int, number: int) -> None:
        """Send a signal to the process group of a command."""
        self._send(f"signal {command} {int(number)}", [])

    def _send(self, message: str, descriptors: list[int]) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            self.control.sendmsg([message.encode()], ancillary)
        except OSError as error:
            raise Unavailable("The sandbox has ended: nothing can be started in it any more.") from error

    def receive(self) -> Event:
        """The next event. Blocks; wait for `control` to be readable first."""
        return _receive(self.control)

    def _limits(self) -> list[tuple[int, int, int]]:
        """Each limit on single processes: its number, soft and hard value."""
        budget = self.spec.budget
        limits = {
            # One: a core dump, even into a program of the host's, is then never made. Zero would not stop the latter.
            resource.RLIMIT_CORE: 1,
            # A page above the limit, so that a file that is too big is seen to be.
            resource.RLIMIT_FSIZE: budget.disk_bytes + (1 << 16),
            resource.RLIMIT_NOFILE: budget.open_files,
        }
        if self.group.version == Polling.version:
            # Bounds what one process can take between two looks. Far above the limit: what is asked for is not used.
            limits[resource.RLIMIT_DATA] = 4 * budget.memory_bytes + (1 << 30)
            if _counts_processes_per_namespace():
                limits[resource.RLIMIT_NPROC] = budget.processes + _OWN_PROCESSES + 16
        triples = []
        for number, value in limits.items():
            _, hard = resource.getrlimit(number)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            triples.append((number, value, value))
        if budget.cpu_seconds is not None:
            # A second more than the supervisor, who looks twice a second, would let pass: it is to name the limit.
            seconds = int(budget.cpu_seconds) + 2
            triples.append((resource.RLIMIT_CPU, seconds, seconds + 1))
        return triples

    def condemn(self) -> None:
        """End every process in the sandbox, without waiting. From any thread."""
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self.first, signal.SIGKILL)

    def kill(self) -> None:
        """End every process in the sandbox and wait until none is left."""
        self.condemn()
        poll = select.poll()
        poll.register(self.first, select.POLLIN)
        # Readable once the first process is gone, which the kernel delays until all others of its namespace are.
        if not poll.poll(_DEATH_SECONDS * 1000):
            raise Unavailable("A process in the sandbox could not be ended: the kernel holds it, look at `dmesg`.")

    def close(self) -> None:
        """End everything and give back what the supervisor held."""
        try:
            self.kill()
        finally:
            with contextlib.suppress(OSError):
                self.process.kill()
            self.process.wait()
            self.group.remove()
            self.control.close()
            if self.listener is not None:
                self.listener.close()
            for descriptor in (self.first, *self.views):
                os.close(descriptor)


def _counts_processes_per_namespace() -> bool:
    """Since Linux 5.14 RLIMIT_NPROC counts within a user namespace; before, it counted all of the user's processes."""
    release = os.uname().release.split(".")
    try:
        return (int(release[0]), int(release[1].split("-")[0])) >= (5, 14)
    except (IndexError, ValueError):
        return False


def _receive(control: socket.socket) -> Event:
    try:
        data, ancillary, _, _ = control.recvmsg(_MAX_REPORT, socket.CMSG_SPACE(8 * 4))
    except OSError:
        return Event("gone")
    if not data:
        return Event("gone")
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    word, *numbers = data.decode("ascii").split()
    command, status = (*(int(number) for number in numbers), 0, 0)[:2]
    return Event(word, command, status, tuple(descriptors))


def _arguments(
    bwrap: str, spec: Spec, layout_arguments: int, filter_program: int, info: int, control: int
) -> list[str]:
    return [
        bwrap,
        *("--unshare-user", "--uid", str(USER_ID), "--gid", str(GROUP_ID)),
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try"),
        *("--hostname", "sandbox", "--clearenv", "--cap-drop", "ALL"),
        *("--new-session", "--die-with-parent", "--as-pid-1"),
        *("--info-fd", str(info), "--seccomp", str(filter_program), "--args", str(layout_arguments)),
        *("--chdir", "/", "--"),
        *(interpreter(), "-I", "-S", "-B", INIT, str(control), str(PROXY_PORT if spec.network else 0)),
    ]


def _wait(readable: int | socket.socket, process: "subprocess.Popen[bytes]", complaints: int) -> None:
    poll = select.poll()
    poll.register(readable, select.POLLIN)
    if not poll.poll(_START_SECONDS * 1000):
        process.kill()
        raise _why_not(f"nothing happened for {_START_SECONDS:.0f} seconds. {_read_all(complaints)}")


def _read_all(descriptor: int) -> str:
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, _MAX_REPORT).decode("utf-8", "replace")
    except BlockingIOError:
        return ""


def _first_process(info: int, process: "subprocess.Popen[bytes]", complaints: int) -> int:
    """The host's number of the first process, as bwrap reports it."""
    _wait(info, process, complaints)
    pieces = b""
    while piece := os.read(info, _MAX_REPORT):
        pieces += piece
    try:
        return int(json.loads(pieces)["child-pid"])
    except (ValueError, KeyError, TypeError):
        process.wait()
        raise _why_not(_read_all(complaints)) from None


@contextmanager
def confine(spec: Spec, environment: Mapping[str, str], *, cgroup: bool = True) -> Iterator[Confined]:
    """A sandbox for `spec`, with nothing running in it yet but its first process. Ended when the context is left.

    `cgroup=False` holds memory and processes by polling even where a control group could be made.
    """
    bwrap = bubblewrap_path()
    budget = spec.budget
    with ExitStack() as stack:
        group: cgroups.Group | None = None
        if cgroup:
            group = cgroups.make_group(budget.memory_bytes, budget.processes + _OWN_PROCESSES)
        if group is not None:
            stack.callback(group.remove)
        with ExitStack() as starting:  # what only the start needs
            confined = _start(bwrap, spec, environment, group, starting)
        stack.pop_all()
        try:
            yield confined
        finally:
            confined.close()


def _start(
    bwrap: str, spec: Spec, environment: Mapping[str, str], group: cgroups.Group | None, starting: ExitStack
) -> Confined:
    layout = lay_out(spec, starting)
    filter_program = memory_file("filter", seccomp.program(countable_memory=group is not None), starting)
    listed = memory_file("arguments", b"".join(os.fsencode(a) + b"\0" for a in layout.arguments), starting)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    starting.callback(theirs.close)
    failing = starting.enter_context(ExitStack())  # undone only if the start fails
    failing.callback(ours.close)
    info, info_end = os.pipe()
    starting.callback(os.close, info)
    complaints, complaints_end = os.pipe()
    starting.callback(os.close, complaints)
    with ExitStack() as ends:
        ends.callback(os.close, info_end)
        ends.callback(os.close, complaints_end)
        process = subprocess.Popen(
            _arguments(bwrap, spec, listed, filter_program, info_end, theirs.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=complaints_end,
            stderr=complaints_end,
            env={},
            pass_fds=(*layout.descriptors, filter_program, listed, info_end, theirs.fileno()),
            start_new_session=True,  # an interrupt at the terminal is the supervisor's to handle
        )
    failing.callback(process.wait)
    failing.callback(process.kill)
    with contextlib.suppress(OSError):  # when the host runs out of memory, what is in there goes first
        Path(f"/proc/{process.pid}/oom_score_adj").write_text("300")
    theirs.close()
    number = _first_process(info, process, complaints)
    first = os.pidfd_open(number)
    failing.callback(os.close, first)
    if group is not None:
        group.admit(number)  # now, while it is still starting: the kernel takes its time over this
    _wait(ours, process, complaints)
    event = _receive(ours)
    if event.kind != "ready":
        time.sleep(0.05)
        raise _why_not(_read_all(complaints))
    proc, *scratch = event.descriptors[:3]
    views = (proc, *scratch)
    listener = socket.socket(fileno=event.descriptors[3]) if len(event.descriptors) > 3 else None
    processes = Processes(proc)
    held = group or Polling(processes, scratch, spec.budget.memory_bytes, spec.budget.processes + _OWN_PROCESSES)
    failing.pop_all()
    return Confined(
        spec=spec,
        process=process,
        control=ours,
        first=first,
        views=views,
        listener=listener,
        group=held,
        processes=processes,
        writable=tuple(layout.writable),
        environment=environment,
    )
