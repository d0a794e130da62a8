"""Tries to change something outside its workspace. Arguments: paths that exist and must not change."""

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
    attempt(f"create in {folder}", lambda folder=folder: write(f"{folder}/new", os.O_WRONLY | os.O_CREAT))
for name in ("kernel/core_pattern", "kernel/panic", "vm/drop_caches", "kernel/sysrq", "fs/file-max"):
    attempt(f"setting {name}", lambda name=name: write(f"/proc/sys/{name}"))
attempt("sysrq", lambda: write("/proc/sysrq-trigger"))
for device in ("vda", "sda", "mem", "kmsg", "port"):
    attempt(f"device {device}", lambda device=device: write(f"/dev/{device}"))
attempt("make a device", lambda: os.mknod("/workspace/disk", 0o060666, os.makedev(254, 0)))
attempt("set-user-ID by chmod", lambda: os.chmod("/workspace/mine", 0o4755))
attempt("set-group-ID by chmod", lambda: os.chmod("/workspace/mine", 0o2755))
attempt("set-user-ID by open", lambda: os.close(os.open("/workspace/suid", os.O_CREAT | os.O_WRONLY, 0o4755)))
attempt("set-user-ID by mknod", lambda: os.mknod("/workspace/suid2", 0o104755))
