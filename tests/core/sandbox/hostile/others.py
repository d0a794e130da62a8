"""Tries to see and touch other processes: the host's, and the sandbox's first. Argument: a secret of theirs."""

import ctypes
import os
import signal
import sys

secret = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)


def attempt(what, action):
    print("TRIED", what, flush=True)
    try:
        found = action()
    except OSError as error:
        print("REFUSED", what, error, flush=True)
    else:
        print("GOT" if found else "NOTHING", what, found or "", flush=True)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return True


def everything(part):
    own = str(os.getpid())
    for number in os.listdir("/proc"):
        if number.isdigit() and number != own:
            try:
                with open(f"/proc/{number}/{part}", "rb") as file:
                    if secret.encode() in file.read():
                        return f"/proc/{number}/{part}"
            except OSError:
                pass
    return None


def first_alive_after(number):
    os.kill(1, number)
    return  # ignored: what matters is that the test's result arrives


def memory_of_first():
    with open("/proc/1/mem", "r+b", buffering=0) as file:
        return bool(file)


attempt("command lines", lambda: everything("cmdline"))
attempt("environments", lambda: everything("environ"))
attempt("a crowd", lambda: [n for n in os.listdir("/proc") if n.isdigit() and int(n) > 1 and int(n) != os.getpid()])
attempt("memory of the first", memory_of_first)
attempt("descriptors of the first", lambda: [os.readlink(f"/proc/1/fd/{n}") for n in os.listdir("/proc/1/fd")])
attempt("maps of the first", lambda: os.open("/proc/1/maps", 0))
attempt("trace the first", lambda: checked(libc.ptrace(16, 1, 0, 0)))
attempt("read the first", lambda: checked(libc.process_vm_readv(1, None, 0, None, 0, 0)))
attempt("its limits", lambda: checked(libc.prlimit(1, 7, (ctypes.c_ulong * 2)(1, 1), None)))
attempt("take its descriptor", lambda: checked(libc.syscall(438, libc.syscall(434, 1, 0), 3, 0)))
attempt("stop the first", lambda: first_alive_after(signal.SIGSTOP))
attempt("kill the first", lambda: first_alive_after(signal.SIGKILL))
attempt("interrupt the first", lambda: first_alive_after(signal.SIGINT))
attempt("child signal to the first", lambda: first_alive_after(signal.SIGCHLD))
attempt("own environment", lambda: [k for k in os.environ if secret in os.environ[k]])
print("STILL HERE")
