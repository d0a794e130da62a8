"""Takes memory until it is stopped. Argument: the way."""

import ctypes
import mmap
import os
import sys
import time

MIB = 1 << 20
PIECE = b"x" * (4 * MIB)


def anonymous():
    kept = []
    while True:
        kept.append(bytearray(PIECE))


def many_small_processes():
    """Each far below the limit, together above it."""
    for _ in range(30):
        if os.fork() == 0:
            kept = bytearray(20 * MIB)
            kept[::4096] = b"y" * len(kept[::4096])
            time.sleep(60)
    time.sleep(60)


def shared_memory():
    with open("/dev/shm/x", "wb") as file:
        while True:
            file.write(PIECE)


def private_tmp():
    number = 0
    while True:
        number += 1
        with open(f"/tmp/{number}", "wb") as file:
            file.write(PIECE)


def memory_file():
    descriptor = os.memfd_create("x")
    while True:
        os.write(descriptor, PIECE)


def anonymous_shared():
    kept = []
    while True:
        kept.append(mmap.mmap(-1, 4 * MIB))
        kept[-1].write(PIECE)


def system_five():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    while True:
        segment = libc.shmget(0, 16 * MIB, 0o1600)
        if segment < 0:
            raise OSError(ctypes.get_errno(), "shmget")
        address = libc.shmat(segment, None, 0)
        ctypes.memset(address, 1, 16 * MIB)


try:
    globals()[sys.argv[1]]()
except OSError as error:
    print("REFUSED", error)
    sys.exit(5)
