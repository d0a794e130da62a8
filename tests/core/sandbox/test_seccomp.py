"""The system call filter, run by a small interpreter: also for the machine that these tests do not run on."""

import errno
import struct

import pytest

from assay.core.errors import Unavailable
from assay.core.sandbox.seccomp import program

ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
X86, ARM = 0xC000003E, 0xC00000B7


def decide(code: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would do: classic BPF over struct seccomp_data."""
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=iIQ6Q", number, architecture, 0, *padded)
    instructions = list(struct.iter_unpack("=HBBI", code))
    at = accumulator = 0
    while True:
        operation, if_true, if_false, k = instructions[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, k)
        elif operation == 0x54:
            accumulator &= k
        elif operation == 0x15:
            at += if_true if accumulator == k else if_false
        elif operation == 0x35:
            at += if_true if accumulator >= k else if_false
        elif operation == 0x06:
            return k
        else:
            raise AssertionError(f"unknown operation {operation:#x}")


@pytest.mark.parametrize(
    ("machine", "architecture", "numbers"),
    [
        (
            "x86_64",
            X86,
            {"mount": 165, "getpid": 39, "clone": 56, "socket": 41, "ioctl": 16, "openat": 257, "chmod": 90},
        ),
        ("aarch64", ARM, {"mount": 40, "getpid": 172, "clone": 220, "socket": 198, "ioctl": 29, "openat": 56}),
    ],
)
def test_the_filter_decides_alike_on_both_machines(machine: str, architecture: int, numbers: dict[str, int]) -> None:
    code = program(machine)

    def asked(name: str, *arguments: int) -> int:
        return decide(code, architecture, numbers[name], *arguments)

    assert asked("getpid") == ALLOW
    assert asked("mount") == ERRNO | errno.EPERM
    assert asked("clone", 0x10000000 | 17) == ERRNO | errno.EPERM
    assert asked("clone", 0x3D0F00) == ALLOW  # what a thread is made with
    assert [asked("socket", family, 1, 0) for family in (1, 2, 10)] == [ALLOW] * 3
    assert {asked("socket", family, 1, 0) for family in (0, 3, 16, 17, 38, 40, 45)} == {ERRNO | errno.EAFNOSUPPORT}
    assert asked("socket", 2, 1, 6) == asked("socket", 2, 2, 17) == ALLOW
    assert asked("socket", 2, 1, 132) == ERRNO | errno.EPROTONOSUPPORT
    assert asked("ioctl", 0, 0x5412) == ERRNO | errno.EPERM
    assert asked("ioctl", 0, (7 << 32) | 0x5412) == ERRNO | errno.EPERM
    assert asked("ioctl", 0, 0x5413) == ALLOW
    assert asked("openat", 0, 0, 0x41, 0o4755) == ERRNO | errno.EPERM
    assert asked("openat", 0, 0, 0x41, 0o755) == ALLOW
    assert asked("openat", 0, 0, 0, 0o4755) == ALLOW  # nothing is made: the mode is noise
    if "chmod" in numbers:
        assert asked("chmod", 0, 0o2755) == ERRNO | errno.EPERM
        assert asked("chmod", 0, 0o1777) == ALLOW
    assert decide(code, architecture, 463) == decide(code, architecture, 0x40000001) == ERRNO | errno.ENOSYS
    for foreign in (0x40000003, 0x40000028, ARM if architecture == X86 else X86):
        assert decide(code, foreign, numbers["getpid"]) == KILL


def test_memory_that_nobody_could_count_does_not_exist_without_groups() -> None:
    for number in (319, 29):  # memfd_create, shmget
        assert decide(program("x86_64"), X86, number) == ALLOW
        assert decide(program("x86_64", countable_memory=False), X86, number) == ERRNO | errno.ENOSYS


def test_every_jump_stays_in_the_program() -> None:
    for machine in ("x86_64", "aarch64"):
        instructions = list(struct.iter_unpack("=HBBI", program(machine)))
        assert len(instructions) <= 4096  # BPF_MAXINSNS
        for at, (operation, if_true, if_false, _) in enumerate(instructions):
            if operation in (0x15, 0x35):
                assert at + 1 + max(if_true, if_false) < len(instructions)


def test_another_machine_has_no_filter_and_therefore_no_sandbox() -> None:
    with pytest.raises(Unavailable, match="riscv64"):
        program("riscv64")
