"""The first process inside a sandbox: starts commands on request, reports their end, and dies with its supervisor.

Runs alone, with the standard library only, before anything untrusted does. It is undumpable: nothing inside can look
into it or speak in its name. When its one socket to the outside closes, it exits, and the kernel ends the rest with it.
Messages are words in single packets, with descriptors beside them; what may be long comes in a memory file.
"""

from __future__ import annotations

# Only what the interpreter has built in or loads in a moment: this is most of the time that a sandbox takes to start.
# `_signal` and `_socket` are what `signal` and `socket` wrap.
import _signal  # type: ignore[import-not-found]
import _socket
import ctypes
import os
import select
import sys

TYPE_CHECKING = False  # as in `typing`, which takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

_PR_SET_DUMPABLE = 4
_PACKET = 1 << 12
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as a shell has it
_INT = 4  # bytes of a descriptor in a control message


def _send(control: _socket.socket, message: str, descriptors: Sequence[int] = ()) -> None:
    packed = b"".join(descriptor.to_bytes(_INT, sys.byteorder) for descriptor in descriptors)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)] if descriptors else []
    control.sendmsg([message.encode()], ancillary)


def _receive(control: _socket.socket) -> tuple[list[str], list[int]]:
    """The next message's words and its descriptors; exits when the supervisor is gone."""
    data, ancillary, _, _ = control.recvmsg(_PACKET, _socket.CMSG_SPACE(_INT * 4))
    if not data:
        os._exit(0)
    descriptors = []
    for level, kind, content in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            for at in range(0, len(content) - len(content) % _INT, _INT):
                descriptors.append(int.from_bytes(content[at : at + _INT], sys.byteorder))
    return data.decode().split(), descriptors


class _Command:
    """What is to be started: fields that end in NUL, which none of them can contain.

    The directory; how many limits; each limit's number, soft and hard value; how many arguments; the arguments; then
    the environment, one `name=value` each.
    """

    def __init__(self, descriptor: int) -> None:
        with open(descriptor, "rb") as file:
            file.seek(0)
            fields = file.read().split(b"\0")[:-1]
        self.directory = fields[0]
        at = 2 + 3 * int(fields[1])
        numbers = [int(field) for field in fields[2:at]]
        self.limits = [(numbers[i], numbers[i + 1], numbers[i + 2]) for i in range(0, len(numbers), 3)]
        end = at + 1 + int(fields[at])
        self.arguments = fields[at + 1 : end]
        self.environment = dict(field.split(b"=", 1) for field in fields[end:])


def _complaint(command: str, error: BaseException) -> tuple[int, str]:
    if isinstance(error, FileNotFoundError):
        return _NOT_FOUND, f"{command}: not found in the sandbox; give a path or a program that its PATH has."
    if isinstance(error, PermissionError):
        return _NOT_EXECUTABLE, f"{command}: may not be executed in the sandbox; make the file executable."
    return (
        _NOT_EXECUTABLE,
        f"{command}: cannot be started in the sandbox ({getattr(error, 'strerror', None) or error}).",
    )


def _become(command: _Command, stdio: list[int]) -> NoReturn:
    """Turn this forked child into the command. Never returns."""
    import resource

    try:
        os.setsid()
        for descriptor, target in zip(stdio, (0, 1, 2), strict=True):
            os.dup2(descriptor, target)
        os.closerange(3, 1 << 16)
        for number in (_signal.SIGPIPE, _signal.SIGCHLD, _signal.SIGINT, _signal.SIGXFSZ):
            _signal.signal(number, _signal.SIG_DFL)
        os.umask(0o022)
        for number, soft, hard in command.limits:
            resource.setrlimit(number, (soft, hard))
        try:
            os.chdir(command.directory)
        except OSError as error:
            name = os.fsdecode(command.directory)
            _fail(_NOT_EXECUTABLE, f"{name}: cannot be entered in the sandbox ({error.strerror}).")
        os.execvpe(command.arguments[0], command.arguments, command.environment)  # noqa: S606
    except BaseException as error:
        _fail(*_complaint(os.fsdecode(command.arguments[0]), error))


def _fail(code: int, sentence: str) -> NoReturn:
    os.write(2, sentence.encode("utf-8", "backslashreplace") + b"\n")
    os._exit(code)


class _Init:
    def __init__(self, control: _socket.socket) -> None:
        self.control = control
        self.running: dict[int, int] = {}  # process id inside -> the supervisor's number for it

    def start(self, number: int, has_input: bool, descriptors: list[int]) -> None:
        described, *stdio = descriptors
        command = _Command(described)
        if not has_input:  # never the host's /dev/null: its owner could change its mode through the descriptor
            stdio.insert(0, os.open("/dev/null", os.O_RDONLY))
        try:
            pid = os.fork()
        except OSError as error:  # no process is left for it: the command has failed, the sandbox has not
            os.write(stdio[2], f"The sandbox cannot start another process ({error.strerror}).\n".encode())
            _send(self.control, f"exited {number} {_NOT_EXECUTABLE << 8}")
        else:
            if pid == 0:
                _become(command, stdio)
            self.running[pid] = number
            _send(self.control, f"started {number}")
        for descriptor in stdio:
            os.close(descriptor)

    def signal(self, number: int, what: int) -> None:
        for pid, running in self.running.items():
            if running == number:
                try:
                    os.killpg(pid, what)
                except OSError:
                    continue  # it ended in the meantime

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.running:
                _send(self.control, f"exited {self.running.pop(pid)} {status}")

    def serve(self, wakeup: int) -> NoReturn:
        poll = select.poll()
        poll.register(self.control.fileno(), select.POLLIN)
        poll.register(wakeup, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if wakeup in ready:
                os.read(wakeup, 4096)
                self.reap()
            if self.control.fileno() in ready:
                (word, *numbers), descriptors = _receive(self.control)
                if word == "start":
                    self.start(int(numbers[0]), numbers[1] == "1", descriptors)
                elif word == "signal":
                    self.signal(int(numbers[0]), int(numbers[1]))


def _listen(port: int) -> _socket.socket:
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def main() -> NoReturn:
    control_descriptor, proxy_port = int(sys.argv[1]), int(sys.argv[2])
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        sys.exit("prctl(PR_SET_DUMPABLE) failed")
    control = _socket.socket(fileno=control_descriptor)
    os.set_inheritable(control_descriptor, False)
    null = os.open("/dev/null", os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    for low, high in ((3, control_descriptor), (control_descriptor + 1, 1 << 16)):
        os.closerange(low, high)
    wakeup, alarm = os.pipe()
    os.set_blocking(alarm, False)
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _signal.signal(_signal.SIGCHLD, lambda *_: None)
    _signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    # What the supervisor measures with: the processes in here, and what the two memory file systems hold.
    views = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in ("/proc", "/tmp", "/dev/shm")]  # noqa: S108
    if proxy_port:
        # The supervisor accepts on this socket itself: no forwarder runs inside that could be stopped or replaced.
        listener = _listen(proxy_port)
        views.append(listener.detach())
    _send(control, "ready", views)
    for descriptor in views:
        os.close(descriptor)
    _Init(control).serve(wakeup)


if __name__ == "__main__":
    main()
