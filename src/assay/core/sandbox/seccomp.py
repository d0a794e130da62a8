"""The system call filter: a small assembler for classic BPF and the rules that it is given.

The filter refuses what no training script needs and what reaches past the namespaces: mounts, other processes' memory,
kernel modules, keyrings, new namespaces, raw sockets to the hypervisor, set-user-ID files. x86-64 and AArch64.
"""

import errno
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from assay.core.errors import Unavailable

# Instructions of classic BPF (linux/bpf_common.h) and the results of a filter (linux/seccomp.h).
_LOAD = 0x20  # A = 32 bits of struct seccomp_data at k
_AND = 0x54  # A &= k
_JEQ, _JGE = 0x15, 0x35
_RET = 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

_NR_OFFSET, _ARCH_OFFSET, _ARGS_OFFSET = 0, 4, 16  # struct seccomp_data

_FIRST_UNKNOWN = 463  # mseal (462) is the last call that was looked at; what is newer does not exist inside

# AUDIT_ARCH_* and the column of the table below.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

# Number on x86-64 and on AArch64; None where the call does not exist.
_NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "mount_setattr": (442, 442),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "create_module": (174, None),
    "query_module": (178, None),
    "get_kernel_syms": (177, None),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_setup": (206, 0),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
    "uselib": (134, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    "nfsservctl": (180, 42),
    "lookup_dcookie": (212, 18),
    "memfd_secret": (447, 447),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "lsm_get_self_attr": (459, 459),
    "lsm_set_self_attr": (460, 460),
    "clone3": (435, 435),
    "openat2": (437, 437),
    "fallocate": (285, 47),
    "clone": (56, 220),
    "unshare": (272, 97),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "ioctl": (16, 29),
    "personality": (135, 92),
    "prlimit64": (302, 261),
    "fcntl": (72, 25),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "open": (2, None),
    "openat": (257, 56),
    "creat": (85, None),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
}

_FORBIDDEN = (
    # the file system tree, and files by handle instead of by path
    *("mount", "umount2", "pivot_root", "chroot", "mount_setattr", "open_tree", "move_mount", "fsopen", "fsconfig"),
    *("fsmount", "fspick", "open_by_handle_at", "name_to_handle_at", "fanotify_init", "fanotify_mark"),
    *("quotactl", "quotactl_fd", "swapon", "swapoff", "acct"),
    # other processes, other namespaces
    *("setns", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd"),
    *("move_pages", "migrate_pages", "vhangup"),
    # the kernel itself, and parts of it with a history of holes
    *("bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "kexec_load", "kexec_file_load"),
    *("init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms", "reboot"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "iopl", "ioperm", "modify_ldt", "syslog", "uselib"),
    *("sysfs", "_sysctl", "nfsservctl", "lookup_dcookie", "lsm_get_self_attr", "lsm_set_self_attr"),
    # names and clocks of the host
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname"),
    "memfd_secret",  # memory that no limit counts
)

# For these a caller has another way, which it takes when it is told that the call does not exist.
_ABSENT = (
    "clone3",  # its flags are in memory, where a filter cannot look: libc goes back to clone
    "openat2",  # its mode is in memory: a file could be made set-user-ID
    "statmount",
    "listmount",
    "io_setup",  # slots of asynchronous input and output are few and shared with the whole host
)

_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NEW_TIME = 0x80  # CLONE_NEWTIME, for unshare only
_SET_ID_BITS = 0o6000
_CREATE_FLAGS = 0x400040  # O_CREAT and __O_TMPFILE
_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: no AF_VSOCK (the hypervisor), AF_NETLINK, AF_PACKET, AF_ALG
_PROTOCOLS = (0, 1, 6, 17)  # default, AF_UNIX's own, TCP, UDP: naming another one loads a kernel module
_PERSONALITIES = (0, 8, 0x20000, 0x20008, 0x40000, 0xFFFFFFFF)  # Linux, 32-bit, old release, fixed addresses, query
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
# FS_IOC_RESVSP, UNRESVSP, RESVSP64, UNRESVSP64, ZERO_RANGE: fallocate under another name
_PREALLOCATION = (0x40305828, 0x40305829, 0x4030582A, 0x4030582B, 0x40305839)
_LEASES = (1024, 1026)  # F_SETLEASE, F_NOTIFY: a lease on a mounted file would make the host wait


@dataclass(frozen=True)
class _Test:
    """A test of 32 bits of argument `argument`: masked, are they among `values`? `wanted` says which answer refuses.

    Only the lower half is looked at, as the kernel does for arguments that are ints; `high` tests the upper half.
    """

    argument: int
    values: tuple[int, ...]
    wanted: bool = True
    mask: int | None = None
    high: bool = False


@dataclass(frozen=True)
class _Rule:
    """The call is refused with `error` when every test agrees."""

    call: str
    error: int
    tests: tuple[_Test, ...] = ()


def _set_id(call: str, mode: int, flags: int | None = None) -> _Rule:
    """No file becomes set-user-ID or set-group-ID: outside, it would belong to the user who runs Assay."""
    tests: tuple[_Test, ...] = (_Test(mode, (0,), wanted=False, mask=_SET_ID_BITS),)
    if flags is not None:
        tests += (_Test(flags, (0,), wanted=False, mask=_CREATE_FLAGS),)
    return _Rule(call, errno.EPERM, tests)


def _rules(*, countable_memory: bool) -> Iterable[_Rule]:
    for call in _FORBIDDEN:
        yield _Rule(call, errno.EPERM)
    for call in _ABSENT:
        yield _Rule(call, errno.ENOSYS)
    # One call can take gigabytes faster than anything can measure; libc then writes zeros instead.
    yield _Rule("fallocate", errno.EOPNOTSUPP)
    yield _Rule("clone", errno.EPERM, (_Test(0, (0,), wanted=False, mask=_NEW_NAMESPACES),))
    yield _Rule("unshare", errno.EPERM, (_Test(0, (0,), wanted=False, mask=_NEW_NAMESPACES | _NEW_TIME),))
    for call in ("socket", "socketpair"):
        yield _Rule(call, errno.EAFNOSUPPORT, (_Test(0, _FAMILIES, wanted=False),))
        yield _Rule(call, errno.EPROTONOSUPPORT, (_Test(2, _PROTOCOLS, wanted=False),))
    yield _Rule("ioctl", errno.EPERM, (_Test(1, _TERMINAL_INJECTION),))
    yield _Rule("ioctl", errno.EOPNOTSUPP, (_Test(1, _PREALLOCATION),))
    yield _Rule("fcntl", errno.EPERM, (_Test(1, _LEASES),))
    yield _Rule("personality", errno.EPERM, (_Test(0, _PERSONALITIES, wanted=False),))
    for high in (False, True):  # the limits of another process, such as this sandbox's first: reading is allowed
        other_process = _Test(0, (0,), wanted=False)
        yield _Rule("prlimit64", errno.EPERM, (other_process, _Test(2, (0,), wanted=False, high=high)))
    yield from (_set_id("chmod", 1), _set_id("fchmod", 1), _set_id("fchmodat", 2), _set_id("fchmodat2", 2))
    yield from (_set_id("creat", 1), _set_id("mknod", 1), _set_id("mknodat", 2))
    yield from (_set_id("open", 2, flags=1), _set_id("openat", 3, flags=2))
    if not countable_memory:  # without cgroups, memory that is not mapped would be seen by nobody
        yield _Rule("memfd_create", errno.ENOSYS)
        yield _Rule("shmget", errno.ENOSYS)


def _instruction(code: int, k: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, k)


def _test(test: _Test, to_end: int) -> list[bytes]:
    """Code that falls through when the test agrees and jumps `to_end` instructions past itself when it does not."""
    code = [_instruction(_LOAD, _ARGS_OFFSET + 8 * test.argument + (4 if test.high else 0))]
    if test.mask is not None:
        code.append(_instruction(_AND, test.mask))
    for position, value in enumerate(test.values):
        left = len(test.values) - 1 - position  # comparisons that follow this one
        if test.wanted:
            last = left == 0
            code.append(_instruction(_JEQ, value, if_true=left, if_false=to_end if last else 0))
        else:
            code.append(_instruction(_JEQ, value, if_true=left + to_end))
    return code


def _block(number: int, rule: _Rule) -> bytes:
    refuse = _instruction(_RET, _ERRNO | rule.error)
    if not rule.tests:
        return _instruction(_JEQ, number, if_false=1) + refuse
    body = [refuse]
    for test in reversed(rule.tests):
        body = _test(test, to_end=len(body)) + body
    body.append(_instruction(_LOAD, _NR_OFFSET))  # the next rule compares the number again
    return _instruction(_JEQ, number, if_false=len(body)) + b"".join(body)


def program(machine: str | None = None, *, countable_memory: bool = True) -> bytes:
    """The filter as an array of `struct sock_filter`, for `bwrap --seccomp`.

    `countable_memory` is false where no cgroup counts memory: calls that hide it are then absent.
    """
    machine = machine or platform.machine()
    if machine not in _MACHINES:
        known = " and ".join(_MACHINES)
        raise Unavailable(f"The sandbox has no system call filter for {machine}: it runs on {known}.")
    architecture, column = _MACHINES[machine]
    code = _instruction(_LOAD, _ARCH_OFFSET)
    code += _instruction(_JEQ, architecture, if_true=1) + _instruction(_RET, _KILL_PROCESS)
    code += _instruction(_LOAD, _NR_OFFSET)
    # x32 calls carry bit 30, so one comparison refuses both them and calls that are newer than this filter.
    code += _instruction(_JGE, _FIRST_UNKNOWN, if_false=1) + _instruction(_RET, _ERRNO | errno.ENOSYS)
    for rule in _rules(countable_memory=countable_memory):
        number = _NUMBERS[rule.call][column]
        if number is not None:
            code += _block(number, rule)
    return code + _instruction(_RET, _ALLOW)
