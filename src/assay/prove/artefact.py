"""What Python loads: a shared library, built by pinned commands in the sandbox, from the printed C or by extraction.

The same sources give the same bytes with the same compiler: paths inside are fixed, and nothing of the time gets in.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from assay.core.digest import Digest, digest_bytes
from assay.core.errors import Unavailable
from assay.core.plain import one_line
from assay.core.verdict import Evidence, Finding, Severity
from assay.prove.cell import Cell, limits, take_file
from assay.prove.component import Component, source_bytes
from assay.prove.provers import Prover

LIBRARY = "component.so"
COMPILER = "gcc"
# No undefined behaviour is assumed to be there; should the printer be wrong, wrapping and aliasing stay harmless.
FLAGS = ("-std=c11", "-O3", "-fPIC", "-fwrapv", "-fno-strict-aliasing", "-fno-lto", "-Wall", "-Werror=implicit")
LINK_FLAGS = ("-shared", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,-z,relro,-z,now", "-s")
COMPILE_SECONDS, COMPILE_MEMORY = 120.0, 1 << 30
MAX_ARTEFACT = 64 << 20

# What a compiler may call on its own account. A checksum that calls anything else is not what was proved.
CALLABLE = frozenset(("memcpy", "memset", "memmove", "memcmp", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_"))


@dataclass(frozen=True)
class Artefact:
    """A built library, and the object files of which the conformance test makes a program of its own."""

    folder: Path  # holds LIBRARY and the objects
    objects: tuple[str, ...]
    link: tuple[str, ...]  # further words for the linker
    digest: Digest  # of LIBRARY
    compiler: str
    flags: tuple[str, ...]


def compiler_version(program: str = COMPILER) -> str:
    """The first line of `gcc --version`. `Unavailable` if there is no C compiler."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60).stdout
    except OSError:
        raise Unavailable(f"There is no C compiler {program} here: install it (Debian: apt install gcc).") from None
    return one_line(said.partition("\n")[0], 120)


def build_artefact(component: Component, cell: Cell, prover: Prover) -> Artefact | tuple[Finding, ...]:
    """Build what Python loads; or say why it cannot be built."""
    program = component.manifest.program
    if program is None:
        return (_refused("build", "The component has entry points and no [program] that they could come from."),)
    if program.extract:
        from assay.prove.extraction import build_extracted

        return build_extracted(component, cell, prover)
    assert program.c is not None  # noqa: S101 - the manifest was checked
    if program.c not in component.files:
        return (_refused("build", f"{program.c} is not there: `assay prove print` writes it.", program.c),)
    return _build_c(component, cell, program.c)


def _build_c(component: Component, cell: Cell, path: str) -> Artefact | tuple[Finding, ...]:
    compiler = compiler_version()
    work = cell.folder("c")
    (work / "component.c").write_bytes(source_bytes(component, path))
    inside = cell.workspace(work)
    command = [COMPILER, *FLAGS, "-c", f"{inside}/component.c", "-o", f"{inside}/component.o"]
    ran = cell.run(command, work, limits(COMPILE_SECONDS, COMPILE_MEMORY))
    if not ran.ok:
        return (_refused("build", ran.why(f"Compiling {path}"), path),)
    if told := _calls(cell, work):
        return (told,)
    return link(cell, work, ("component.o",), (), compiler, FLAGS)


def link(
    cell: Cell, work: Path, objects: tuple[str, ...], words: tuple[str, ...], compiler: str, flags: tuple[str, ...]
) -> Artefact | tuple[Finding, ...]:
    """Link object files that lie in `work` to the shared library."""
    inside = cell.workspace(work)
    named = [f"{inside}/{name}" for name in objects]
    ran = cell.run(
        [COMPILER, *LINK_FLAGS, "-o", f"{inside}/{LIBRARY}", *named, *words],
        work,
        limits(COMPILE_SECONDS, COMPILE_MEMORY),
    )
    if not ran.ok:
        return (_refused("build", ran.why("Linking the library")),)
    folder = cell.folder("artefact")
    for name in (*objects, LIBRARY):
        data = take_file(work / name, MAX_ARTEFACT)
        if data is None:
            return (_refused("build", f"The built file {name} is not there, or larger than {MAX_ARTEFACT} bytes."),)
        (folder / name).write_bytes(data)
    digest = digest_bytes((folder / LIBRARY).read_bytes())
    return Artefact(folder, objects, words, digest, compiler, (*flags, *LINK_FLAGS))


def _calls(cell: Cell, work: Path) -> Finding | None:
    """What the object calls that it does not define."""
    inside = cell.workspace(work)
    script = f"exec nm -u --format=posix {inside}/component.o > {inside}/calls"
    ran = cell.run(["sh", "-c", script], work, limits(COMPILE_SECONDS, COMPILE_MEMORY))
    listed = take_file(work / "calls", 1 << 20)
    if not ran.ok or listed is None:
        return _refused("calls", ran.why("Listing what the program calls"))
    names = {line.split()[0] for line in listed.decode(errors="replace").splitlines() if line.split()}
    foreign = sorted(names - CALLABLE)
    if not foreign:
        return None
    said = one_line(", ".join(foreign), 200)
    return _refused("calls", f"The program calls what it does not define: {said}. A component stands alone.", said)


def _refused(rule: str, message: str, where: str | None = None) -> Finding:
    evidence = (Evidence(where=one_line(where, 300), what=one_line(message, 300)),) if where else ()
    return Finding(rule=rule, severity=Severity.VIOLATION, message=message, evidence=evidence)
