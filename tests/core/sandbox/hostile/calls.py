"""Makes the system calls that the filter must refuse, straight from their numbers, and prints what each returned."""

import ctypes
import platform

libc = ctypes.CDLL(None, use_errno=True)
column = {"x86_64": 0, "aarch64": 1}[platform.machine()]
NEWUSER, NEWNS, NEWNET, NEWTIME, FILES = 0x10000000, 0x20000, 0x40000000, 0x80, 0x400
SIGCHLD = 17
CALLS = {
    "mount": ((165, 40), (0, 0, 0, 0, 0)),
    "umount2": ((166, 39), (b"/proc", 2)),
    "pivot_root": ((155, 41), (b"/", b"/")),
    "chroot": ((161, 51), (b"/tmp",)),
    "fsopen": ((430, 430), (b"tmpfs", 0)),
    "open_tree": ((428, 428), (-100, b"/", 1)),
    "move_mount": ((429, 429), (-100, b"/", -100, b"/tmp", 0)),
    "mount_setattr": ((442, 442), (-100, b"/", 0, 0, 0)),
    "ptrace": ((101, 117), (16, 1, 0, 0)),
    "process_vm_readv": ((310, 270), (1, 0, 0, 0, 0, 0)),
    "process_vm_writev": ((311, 271), (1, 0, 0, 0, 0, 0)),
    "kcmp": ((312, 272), (1, 1, 0, 0, 0)),
    "bpf": ((321, 280), (0, 0, 0)),
    "perf_event_open": ((298, 241), (0, 0, -1, -1, 0)),
    "userfaultfd": ((323, 282), (0,)),
    "keyctl": ((250, 219), (0, -3, 0)),
    "add_key": ((248, 217), (b"user", b"a", b"b", 1, -3)),
    "request_key": ((249, 218), (b"user", b"a", 0, 0)),
    "kexec_load": ((246, 104), (0, 0, 0, 0)),
    "init_module": ((175, 105), (0, 0, b"")),
    "finit_module": ((313, 273), (0, b"", 0)),
    "io_uring_setup": ((425, 425), (1, 0)),
    "open_by_handle_at": ((304, 265), (-100, 0, 0)),
    "name_to_handle_at": ((303, 264), (-100, b"/", 0, 0, 0)),
    "fanotify_init": ((300, 262), (0, 0)),
    "quotactl": ((179, 60), (0, 0, 0, 0)),
    "swapon": ((167, 224), (b"/x", 0)),
    "reboot": ((169, 142), (0, 0, 0, 0)),
    "acct": ((163, 89), (b"/workspace/x",)),
    "settimeofday": ((164, 170), (0, 0)),
    "clock_settime": ((227, 112), (0, 0)),
    "sethostname": ((170, 161), (b"x", 1)),
    "syslog": ((103, 116), (3, 0, 0)),
    "setns": ((308, 268), (0, 0)),
    "memfd_secret": ((447, 447), (0,)),
    "pidfd_getfd": ((438, 438), (0, 0, 0)),
    "process_madvise": ((440, 440), (0, 0, 0, 0, 0)),
    "unshare user": ((272, 97), (NEWUSER,)),
    "unshare mount": ((272, 97), (NEWNS,)),
    "unshare time": ((272, 97), (NEWTIME,)),
    "unshare with noise above": ((272, 97), ((1 << 32) | NEWUSER,)),
    "clone user": ((56, 220), (NEWUSER | SIGCHLD, 0, 0, 0, 0)),
    "clone net": ((56, 220), (NEWUSER | NEWNET | SIGCHLD, 0, 0, 0, 0)),
    "clone3": ((435, 435), (0, 0)),
    "openat2": ((437, 437), (-100, b"/", 0, 0)),
    "io_setup": ((206, 0), (1, 0)),
    "personality": ((135, 92), (0x0400000,)),
    "TIOCSTI": ((16, 29), (0, 0x5412, b"x")),
    "TIOCSTI with noise above": ((16, 29), (0, (1 << 32) | 0x5412, b"x")),
    "TIOCLINUX": ((16, 29), (0, 0x541C, b"x")),
    "fallocate": ((285, 47), (1, 0, 0, 1 << 30)),
    "FS_IOC_RESVSP": ((16, 29), (1, 0x40305828, 0)),
    "F_SETLEASE": ((72, 25), (0, 1024, 0)),
    "prlimit of another": ((302, 261), (1, 7, b"\x01" * 16, 0)),
    "a call from the future": ((600, 600), (0,)),
    "x32": ((0x40000000 + 39, 0x40000000 + 39), (0,)),
    # allowed, so that a filter that refuses everything does not pass
    "allowed: getpid": ((39, 172), ()),
    "allowed: unshare files": ((272, 97), (FILES,)),
    "allowed: own limits": ((302, 261), (0, 7, 0, 0)),
}
for name, (numbers, arguments) in CALLS.items():
    ctypes.set_errno(0)
    cast = [a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
    result = libc.syscall(ctypes.c_long(numbers[column]), *cast)
    if result == 0 and name.startswith("clone "):
        libc._exit(0)
    print(f"{name}\t{result}\t{ctypes.get_errno()}", flush=True)
