"""Provers behind one protocol: what a gate asks of each, and what each can say.

`open_prover(component, cell)` gives the one that a component names. A prover says `Unavailable` if its programs are not
there, and leaves undecided what it cannot audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from assay.core.plain import one_line
from assay.core.verdict import Evidence, Finding, Severity
from assay.prove.cell import Cell
from assay.prove.component import Component


@dataclass(frozen=True)
class Effort:
    """How much is tried, and for how long."""

    fuzz: int = 20_000  # inputs of each entry point that are compared with the original
    thorough: bool = True  # the independent checker looks at the installed standard library too
    file_seconds: float = 300.0  # for compiling one file
    build_seconds: float = 3600.0  # for compiling all of them
    check_seconds: float = 900.0  # for the independent checker
    memory_bytes: int = 4 << 30  # of each tool


class Level(IntEnum):
    """How far a theorem can be relied on, the most first."""

    NONE = 0
    TESTED = 1
    SMT = 2
    KERNEL = 3
    RECHECKED = 4

    @property
    def words(self) -> str:
        return {
            Level.NONE: "nothing",
            Level.TESTED: "tested",
            Level.SMT: "SMT-checked",
            Level.KERNEL: "kernel-checked",
            Level.RECHECKED: "kernel-checked and checked again by an independent checker",
        }[self]


@dataclass(frozen=True)
class Statement:
    """A trusted statement: as it is written, what its author says of it, and the hash of what the prover understood."""

    name: str
    written: str
    comment: str
    sha256: str


@dataclass(frozen=True)
class Built:
    """What became of the sources: whether all of them compile."""

    ok: bool
    findings: tuple[Finding, ...]
    files: int = 0


@dataclass(frozen=True)
class Proved:
    """What the theorems gate found. `assumptions` are by theorem; `proved` are the names of theorems that hold."""

    findings: tuple[Finding, ...]
    proved: tuple[str, ...] = ()
    assumptions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()
    level: Level = Level.NONE


class Prover(Protocol):
    """One prover at work on one component."""

    name: str

    def versions(self) -> dict[str, str]:
        """Tools and their versions, for the certificate. `Unavailable` if they are not there."""
        ...

    def trusted_base(self) -> tuple[str, ...]:
        """What has to be believed, in words."""
        ...

    def expect_theorems(self) -> None:
        """Say before `build` that `prove` will be asked: what takes long may begin early."""
        ...

    def close(self) -> None:
        """End what still runs. Nothing is asked after it."""
        ...

    def build(self) -> Built:
        """Compile the task's files and the submission's, from sources."""
        ...

    def prove(self) -> Proved:
        """State every trusted theorem afresh, close it with the submission's name, audit what it rests on."""
        ...

    def extracted(self) -> tuple[bytes | None, Sequence[Finding]]:
        """The functions that the theorems speak of, as OCaml: `f0`, `f1`, …"""
        ...

    def printed(self) -> tuple[str | None, Sequence[Finding]]:
        """The program that the theorems name, as C; and that the kernel agrees that it is what is committed."""
        ...


def open_prover(component: Component, cell: Cell, effort: Effort | None = None) -> Prover:
    """The prover of a component. `Unavailable` if it is not installed."""
    if component.manifest.prover == "rocq":
        from assay.prove.provers.rocq import Rocq

        return Rocq(component, cell, effort or Effort())
    from assay.prove.provers.lean import Lean

    return Lean(component, cell, effort or Effort())


def violation(rule: str, message: str, where: str | None = None) -> Finding:
    """What a prover refuses, in one line, and where."""
    evidence = (Evidence(where=one_line(where, 300), what=one_line(message, 300)),) if where else ()
    return Finding(rule=rule, severity=Severity.VIOLATION, message=one_line(message, 900), evidence=evidence)
