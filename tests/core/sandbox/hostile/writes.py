"""Tries to change something outside its workspace. Arguments: paths that exist and must not change.

Where success would harm the host, nothing is changed by it: should a guard ever fail, the test says so and that is all.
"""

import os
import sys


def attempt(what, action):
    print("TRIED", what, flush=True)
    try:
        action()
    except OSError as error:
        print("REFUSED", what, error.errno, flush=True)
    else:
        print("GOT", what, flush=True)


def write(path, flags=os.O_WRONLY):
    descriptor = os.open(path, flags, 0o644)
    os.write(descriptor, b"changed")
    os.close(descriptor)


def write_again(path):
    with open(path) as file:
        value = file.read()
    with open(path, "w") as file:
        file.write(value)


for path in sys.argv[1:]:
    attempt(f"write {path}", lambda path=path: write(path))
    attempt(f"truncate {path}", lambda path=path: os.truncate(path, 0))
    attempt(f"chmod {path}", lambda path=path: os.chmod(path, 0o777))
    attempt(f"remove {path}", lambda path=path: os.unlink(path))
    attempt(f"rename {path}", lambda path=path: os.rename(path, "/workspace/taken"))
    attempt(f"link {path}", lambda path=path: os.link(path, "/workspace/linked"))
    attempt(f"touch {path}", lambda path=path: os.utime(path))
    attempt(f"replace {path}", lambda path=path: os.rename("/workspace/mine", path))
for folder in ("/", "/usr", "/usr/bin", "/etc", "/dev", "/run", "/var", "/proc", "/run/assay"):
    attempt(f"create in {folder}", lambda folder=folder: os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY)))
for path in ("/usr/bin/env", "/usr/lib/os-release", "/etc/passwd", "/etc/services"):
    attempt(f"open {path}", lambda path=path: os.close(os.open(path, os.O_WRONLY)))
for name in ("kernel/core_pattern", "kernel/panic", "vm/swappiness", "kernel/pid_max", "fs/file-max"):
    attempt(f"setting {name}", lambda name=name: write_again(f"/proc/sys/{name}"))
attempt("sysrq", lambda: os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY)))
for device in ("vda", "sda", "mem", "kmsg", "port"):
    attempt(f"device {device}", lambda device=device: os.close(os.open(f"/dev/{device}", os.O_WRONLY)))
attempt("make a device", lambda: os.mknod("/workspace/disk", 0o060666, os.makedev(254, 0)))
attempt("set-user-ID by chmod", lambda: os.chmod("/workspace/mine", 0o4755))
attempt("set-group-ID by chmod", lambda: os.chmod("/workspace/mine", 0o2755))
attempt("set-user-ID by open", lambda: os.close(os.open("/workspace/suid", os.O_CREAT | os.O_WRONLY, 0o4755)))
attempt("set-user-ID by mknod", lambda: os.mknod("/workspace/suid2", 0o104755))
