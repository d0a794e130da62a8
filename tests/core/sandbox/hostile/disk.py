"""Takes disk space until it is stopped. Argument: the way."""

import contextlib
import ctypes
import mmap
import os
import socket
import sys
import time

MIB = 1 << 20
PIECE = b"x" * MIB


def one_big_file():
    with open("big", "wb") as file:
        while True:
            file.write(PIECE)


def many_files():
    number = 0
    while True:
        number += 1
        with open(f"f{number}", "wb") as file:
            file.write(PIECE * 4)


def deleted_but_open():
    kept = []
    while True:
        kept.append(open("gone", "wb"))  # noqa: SIM115
        os.unlink("gone")
        kept[-1].write(PIECE * 4)
        kept[-1].flush()


def deleted_but_mapped():
    libc = ctypes.CDLL(None)  # Python's own mmap keeps the file open
    libc.mmap.restype = ctypes.c_void_p
    while True:
        with open("gone", "w+b") as file:
            file.write(PIECE * 4)
            file.flush()
            libc.mmap(None, ctypes.c_size_t(4 * MIB), 1, 1, file.fileno(), ctypes.c_long(0))
        os.unlink("gone")


def deleted_in_a_socket():
    """No process holds these files: they are on their way from one end of a socket to the other."""
    pairs = []
    while True:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        pairs.append((ours, theirs))
        for _ in range(8):
            with open("gone", "wb") as file:
                os.unlink("gone")
                file.write(PIECE * 2)
                file.flush()
                socket.send_fds(ours, [b"x"], [file.fileno()])


def deleted_in_a_thread():
    """The files are open in one thread only, which has a table of open files of its own."""
    import threading

    def hold():
        assert ctypes.CDLL(None).unshare(0x400) == 0  # CLONE_FILES
        deleted_but_open()

    threading.Thread(target=hold).start()


def allocated():
    number = 0
    while True:
        number += 1
        with open(f"f{number}", "wb") as file, contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, 64 * MIB)


def truncated_and_mapped():
    number = 0
    while True:
        number += 1
        with open(f"f{number}", "w+b") as file:
            file.truncate(16 * MIB)
            with mmap.mmap(file.fileno(), 0) as view:
                for offset in range(0, 16 * MIB, 4096):
                    view[offset] = 1


def deep_down():
    while True:
        os.mkdir("d")
        os.chdir("d")
        with open("f", "wb") as file:
            file.write(PIECE)


def many_empty_files():
    number = 0
    while True:
        number += 1
        open(f"e{number}", "w").close()


def many_folders():
    while True:
        os.mkdir("d")
        os.chdir("d")


def sparse():
    """Not over any limit: 50 GB that are not there."""
    for number in range(1000):
        with open(f"s{number}", "wb") as file:
            file.truncate(50 * MIB)
    time.sleep(0.5)
    print("DONE")


def hard_links():
    """Not over any limit: one file under many names."""
    with open("one", "wb") as file:
        file.write(PIECE * 8)
    for number in range(200):
        os.link("one", f"l{number}")
    time.sleep(0.5)
    print("DONE")


try:
    globals()[sys.argv[1]]()
except OSError as error:
    print("REFUSED", error)
    sys.exit(5)
