"""Tries to reach anything outside. Arguments: a port of the host's loopback, the name of an abstract socket of its."""

import ctypes
import socket
import sys

port, name = int(sys.argv[1]), sys.argv[2]
socket.setdefaulttimeout(2)


def attempt(what, action):
    print("TRIED", what, flush=True)
    try:
        result = action()
    except OSError as error:
        print("REFUSED", what, error.errno, flush=True)
    else:
        print("GOT", what, result, flush=True)


def connect(family, kind, address):
    with socket.socket(family, kind) as s:
        s.connect(address)
        return "connected"


def datagram(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"secret", address)
        return "sent"


def raw_syscall_socket(family):
    libc = ctypes.CDLL(None, use_errno=True)
    number = {"x86_64": 41, "aarch64": 198}[__import__("platform").machine()]
    # The upper half of the argument is noise that the kernel ignores: a filter must ignore it, too.
    fd = libc.syscall(ctypes.c_long(number), ctypes.c_ulong((1 << 32) | family), ctypes.c_long(1), ctypes.c_long(0))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "socket")
    return fd


attempt("tcp", lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("1.1.1.1", 80)))
attempt("udp", lambda: datagram(("8.8.8.8", 53)))
attempt("dns", lambda: socket.getaddrinfo("example.org", 80))
attempt("host loopback", lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)))
attempt("host loopback 6", lambda: connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", port)))
attempt("metadata service", lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80)))
attempt("abstract socket", lambda: connect(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + name))
attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
attempt("netlink", lambda: socket.socket(16, socket.SOCK_RAW))
attempt("packet", lambda: socket.socket(17, socket.SOCK_RAW))
attempt("alg", lambda: socket.socket(38, socket.SOCK_SEQPACKET))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("sctp", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132))
attempt("vsock pair", lambda: socket.socketpair(40, socket.SOCK_STREAM))
attempt("vsock with a noisy argument", lambda: raw_syscall_socket(40))
