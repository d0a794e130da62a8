"""The first process inside a sandbox: starts commands on request, reports their end, and dies with its supervisor.

Runs alone, with the standard library only, before anything untrusted does. It is undumpable: nothing inside can look
into it or speak in its name. When its one socket to the outside closes, it exits, and the kernel ends the rest with it.
Messages are JSON in single packets, with descriptors beside them; what may be long comes in a memory file.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys

TYPE_CHECKING = False  # as in `typing`, which takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

_PR_SET_DUMPABLE = 4
_PACKET = 1 << 16
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as a shell has it


def _send(control: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    control.sendmsg([json.dumps(message).encode()], ancillary)


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The next message and its descriptors; exits when the supervisor is gone."""
    data, ancillary, _, _ = control.recvmsg(_PACKET, socket.CMSG_SPACE(8 * 4))
    if not data:
        os._exit(0)
    descriptors = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    return json.loads(data), list(descriptors)


def _payload(descriptor: int) -> Any:
    with open(descriptor, "rb") as file:
        file.seek(0)
        return json.loads(file.read())


def _complaint(command: str, error: BaseException) -> tuple[int, str]:
    if isinstance(error, FileNotFoundError):
        return _NOT_FOUND, f"{command}: not found in the sandbox; give a path or a program that its PATH has."
    if isinstance(error, PermissionError):
        return _NOT_EXECUTABLE, f"{command}: may not be executed in the sandbox; make the file executable."
    return (
        _NOT_EXECUTABLE,
        f"{command}: cannot be started in the sandbox ({getattr(error, 'strerror', None) or error}).",
    )


def _become(payload: dict[str, Any], stdio: list[int]) -> NoReturn:
    """Turn this forked child into the command. Never returns."""
    import resource

    arguments = [os.fsencode(a) for a in payload["command"]]
    try:
        os.setsid()
        for descriptor, target in zip(stdio, (0, 1, 2), strict=True):
            os.dup2(descriptor, target)
        os.closerange(3, 1 << 16)
        for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.umask(0o022)
        for name, (soft, hard) in payload["limits"].items():
            resource.setrlimit(getattr(resource, name), (soft, hard))
        try:
            os.chdir(payload["directory"])
        except OSError as error:
            os.write(2, f"{payload['directory']}: cannot be entered in the sandbox ({error.strerror}).\n".encode())
            os._exit(_NOT_EXECUTABLE)
        environment = {os.fsencode(k): os.fsencode(v) for k, v in payload["environment"].items()}
        os.execvpe(arguments[0], arguments, environment)  # noqa: S606
    except BaseException as error:
        code, sentence = _complaint(os.fsdecode(arguments[0]), error)
        os.write(2, sentence.encode("utf-8", "backslashreplace") + b"\n")
        os._exit(code)


class _Init:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.running: dict[int, int] = {}  # process id inside -> the supervisor's number for it

    def start(self, message: dict[str, Any], descriptors: list[int]) -> None:
        payload_file, *stdio = descriptors
        opened = []
        if not message["input"]:  # never the host's /dev/null: its owner could change its mode through the descriptor
            opened.append(os.open("/dev/null", os.O_RDONLY))
        payload = _payload(payload_file)
        stdio = opened + stdio
        pid = os.fork()
        if pid == 0:
            _become(payload, stdio)
        for descriptor in stdio:
            os.close(descriptor)
        self.running[pid] = message["id"]
        _send(self.control, {"event": "started", "id": message["id"], "pid": pid})

    def signal(self, message: dict[str, Any]) -> None:
        for pid, number in self.running.items():
            if number == message["id"]:
                with contextlib.suppress(OSError):
                    os.killpg(pid, message["signal"])

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.running:
                _send(self.control, {"event": "exited", "id": self.running.pop(pid), "status": status})

    def serve(self, wakeup: int) -> NoReturn:
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(wakeup, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if wakeup in ready:
                os.read(wakeup, 4096)
                self.reap()
            if self.control.fileno() in ready:
                message, descriptors = _receive(self.control)
                if message["do"] == "start":
                    self.start(message, descriptors)
                elif message["do"] == "signal":
                    self.signal(message)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


def main() -> NoReturn:
    control_descriptor, proxy_port = int(sys.argv[1]), int(sys.argv[2])
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        sys.exit("prctl(PR_SET_DUMPABLE) failed")
    control = socket.socket(fileno=control_descriptor)
    os.set_inheritable(control_descriptor, False)
    null = os.open("/dev/null", os.O_RDWR)
    for target in (0, 1, 2):
        os.dup2(null, target)
    for low, high in ((3, control_descriptor), (control_descriptor + 1, 1 << 16)):
        os.closerange(low, high)
    wakeup, alarm = os.pipe()
    os.set_blocking(alarm, False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(alarm, warn_on_full_buffer=False)
    # What the supervisor measures with: the processes in here, and what the two memory file systems hold.
    views = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in ("/proc", "/tmp", "/dev/shm")]  # noqa: S108
    if proxy_port:
        # The supervisor accepts on this socket itself: no forwarder runs inside that could be stopped or replaced.
        listener = _listen(proxy_port)
        views.append(listener.detach())
    _send(control, {"event": "ready"}, views)
    for descriptor in views:
        os.close(descriptor)
    _Init(control).serve(wakeup)


if __name__ == "__main__":
    main()
