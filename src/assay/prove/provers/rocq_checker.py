"""Asks coqchk, the independent checker, about compiled files, in a process of its own; reads its report strictly."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from assay.core.plain import one_line
from assay.core.verdict import Finding, Severity
from assay.prove.cell import Cell, limits, take_file
from assay.prove.component import Rocq
from assay.prove.provers import Effort, violation
from assay.prove.provers.rocq_driver import CHECK
from assay.prove.provers.rocq_report import context_summary

# A printed program is one string, and coqc goes as deep as it is long: 80 KB of C need 64 MiB of stack, usual are 8.
DEEP = ("sh", "-c", 'ulimit -s 1048576 2>&- || ulimit -s "$(ulimit -H -s)"; exec "$@"', "sh")
MAX_REPORT = 4 << 20  # bytes


def ask(
    cell: Cell,
    effort: Effort,
    names: Rocq,
    modules: Sequence[str],
    places: Mapping[str, tuple[str, Path]],
    stop: threading.Event,
) -> list[Finding]:
    """What coqchk has against `modules`, which are words for its command line.

    `places`: by shelf, the logical name and the folder of compiled files.
    """
    work = cell.folder("recheck")
    shelves = {shelf: folder for shelf, (_, folder) in places.items()}
    words = [w for s, (logical, folder) in places.items() for w in ("-Q", cell.shelf(s, folder), logical)]
    command = ["coqchk", "-silent", "-o", *words, *modules]
    wrapped = [*DEEP, "sh", "-c", 'exec "$@" > report 2>&1', "sh", *command]
    budget = limits(effort.check_seconds, effort.memory_bytes)
    ran = cell.run(wrapped, work, budget, shelves, stop=stop)
    said = (take_file(work / "report", MAX_REPORT) or b"").decode(errors="replace")
    if not ran.ok:
        if ran.exceeded:
            why = f"it went over its {ran.exceeded} limit"
            message = f"The independent checker could not decide: {why}."
            return [Finding(rule="recheck", severity=Severity.UNDECIDED, message=message)]
        tail = one_line(" ".join(said.split())[-400:], 400)
        return [violation("recheck", f"The independent checker does not accept the proofs: {tail}.")]
    summary = context_summary(said)
    if summary is None:
        message = "The independent checker's report cannot be read: is it another version of coqchk?"
        return [Finding(rule="recheck", severity=Severity.UNDECIDED, message=message)]
    own = (
        f"{names.submission}.",
        f"{CHECK}.",
        f"{names.trusted}.",
        *(f"{n}." for n in names.libraries),
    )
    found = []
    for section, listed in summary.items():
        bad = [n for n in listed if n.startswith(own) and n not in names.axioms]
        if bad:
            said = f"The independent checker lists, under {section!r}: {one_line(', '.join(bad), 300)}."
            hint = " A sealed module (`: T`) looks like that too: write `<: T`." if section == "Axioms" else ""
            found.append(violation("recheck", said + hint, bad[0]))
    return found


def modules_of(places: Mapping[str, tuple[str, Path]]) -> list[str]:
    """Full names of everything that was compiled there, the verifier's own left out."""
    return [
        f"{logical}." + ".".join(path.relative_to(folder).with_suffix("").parts)
        for logical, folder in places.values()
        if logical != CHECK
        for path in sorted(folder.rglob("*.vo"))
    ]
