"""The gate `conformance`: the component does what the original does, on its own tests, a kept corpus and new inputs.

Two sandboxes: in one the task's tests with the original, in the other the submission's program without it. They talk
through two pipes in a folder that both see.
"""

import fnmatch
import json
import os
import threading
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from assay.core.errors import AssayError
from assay.core.plain import one_line
from assay.core.verdict import Evidence, Finding, Severity
from assay.prove.artefact import COMPILE_SECONDS, COMPILER, Artefact
from assay.prove.bench import Bench
from assay.prove.cell import Ran, Stopped, limits, take_file
from assay.prove.component import copy_sources
from assay.prove.conformance.calls import ANSWERS, ENDED, REQUESTS
from assay.prove.conformance.host import host_source
from assay.prove.gates import Gate, Passed, count

RUN_SECONDS = 1200.0
MAX_RESULT = 4 << 20
TESTS = "tests/conformance.py"
LINK = "/link"
_GRACE_SECONDS = 5.0
_SYSTEM_LIBRARIES = ("/usr/lib", "/usr/local/lib", "/lib")


class _Suite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    run: int
    failures: list[tuple[str, str]]
    missing: bool
    calls: int = 0
    skipped: int = 0


class Result(BaseModel):
    """What the examiner wrote."""

    model_config = ConfigDict(extra="forbid")

    differences: list[dict[str, Any]]
    fuzz: dict[str, int]
    suite: _Suite | None
    failed: str | None


def conformance(bench: Bench) -> Passed:
    """Compare the component with the original. Undecided if the task has no tests, or the original is not here."""
    if not bench.component.manifest.entries or TESTS not in bench.component.files:
        said = f"The task has no {TESTS}: the component was compared with nothing."
        return _only(Finding(rule="conformance", severity=Severity.UNDECIDED, message=said))
    built = bench.prover.build()
    if not built.ok:
        return Passed(Gate.CONFORMANCE, (), built.findings)
    artefact = bench.artefact
    if not isinstance(artefact, Artefact):
        return Passed(Gate.CONFORMANCE, (), artefact)
    bench.report("Comparing with the original")
    host = build_host(bench, artefact)
    if isinstance(host, Finding):
        return _only(host)
    seed = bench.component.digest  # known only when the submission is finished
    result, examiner, subject = compare(bench, host, seed, bench.effort.fuzz)
    if result is None:
        told = examiner.why("The task's own tests")
        return _only(Finding(rule="conformance", severity=Severity.UNDECIDED, message=told))
    return _judge(result, subject, seed, bench.effort.fuzz)


def _only(finding: Finding) -> Passed:
    return Passed(Gate.CONFORMANCE, (), (finding,))


def build_host(bench: Bench, artefact: Artefact) -> Path | Finding:
    """The program that answers calls, built of our source and the submission's objects."""
    work = bench.cell.folder("host")
    (work / "host.c").write_text(host_source(bench.component.manifest.entries))
    inside = bench.cell.workspace(work)
    objects = [f"{bench.cell.shelf('objects', artefact.folder)}/{name}" for name in artefact.objects]
    command = [COMPILER, "-std=c11", "-O1", f"{inside}/host.c", *objects, *artefact.link, "-o", f"{inside}/host"]
    ran = bench.cell.run(command, work, limits(COMPILE_SECONDS), {"objects": artefact.folder})
    if ran.ok:
        return work
    return Finding(rule="build", severity=Severity.VIOLATION, message=ran.why("Linking the program that answers calls"))


def compare(
    bench: Bench, host: Path, seed: str, fuzz: int, *, whole: bool = True
) -> tuple[Result | None, Ran, Ran | None]:
    """What the task's tests find with `fuzz` inputs of each function, how they ended, and how the program did.

    Without `whole`, the kept corpus and the original's own tests are left out.
    """
    cell = bench.cell
    task, shared, status, out = (cell.folder(name) for name in ("task", "shared", "status", "examiner"))
    copy_sources(bench.component, task, ("tests",))
    for name in (REQUESTS, ANSWERS):
        os.mkfifo(shared / name, 0o600)
    # Held open, so that neither side waits for the other to open, or ends because it has not.
    held = [os.open(shared / name, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK) for name in (REQUESTS, ANSWERS)]
    inside = cell.workspace(shared)
    ended: list[Ran] = []

    def answer_calls() -> None:
        try:
            program = f"{cell.shelf('host', host)}/host"
            command = [program, f"{inside}/{REQUESTS}", f"{inside}/{ANSWERS}"]
            hidden = _hidden(task) if cell.confined else ()
            ran = cell.run(command, shared, limits(RUN_SECONDS + 60), {"host": host}, hidden=hidden, stop=stop)
            ended.append(ran)
            told = _how_it_ended(ran)
        except Stopped:
            return
        except AssayError as error:
            told = str(error)
        (status / f"{ENDED}.new").write_text(told)
        (status / f"{ENDED}.new").rename(status / ENDED)

    stop = threading.Event()
    thread = threading.Thread(target=answer_calls, daemon=True)
    thread.start()
    try:
        link = LINK if cell.confined else str(shared)
        place = cell.workspace(out)
        spec = {
            "entries": [e.model_dump() for e in bench.component.manifest.entries],
            "tests": f"{cell.shelf('task', task)}/tests",
            "shared": link,
            "status": cell.shelf("status", status),
            "out": f"{place}/result.json",
            "fuzz": fuzz,
            "seed": seed,
            "whole": whole,
        }
        (out / "spec.json").write_text(json.dumps(spec))
        command = ["python", "-m", "assay.prove.conformance.examiner", f"{place}/spec.json"]
        shelves = {"task": task, "status": status}
        examiner = cell.run(command, out, limits(RUN_SECONDS), shelves, python=True, writable={LINK: shared})
    finally:
        for descriptor in held:
            os.close(descriptor)  # the program reads an end, and leaves
        thread.join(_GRACE_SECONDS)
        stop.set()  # or it hangs in a call
        thread.join()
    data = take_file(out / "result.json", MAX_RESULT)
    if not examiner.ok or data is None:
        return None, examiner, ended[0] if ended else None
    try:
        return Result.model_validate_json(data), examiner, ended[0] if ended else None
    except ValidationError:
        return None, examiner, None


def _hidden(task: Path) -> tuple[str, ...]:
    """Where the original lies on this system: the submission's sandbox has something empty there."""
    text = (task / TESTS).read_text(errors="replace")
    names = [w for line in text.splitlines() if line.startswith("HIDDEN") for w in line.split('"')[1::2]]
    found = []
    for root in _SYSTEM_LIBRARIES if names else ():
        for folder, _, files in os.walk(root):
            found += [f"{folder}/{f}" for f in files if any(fnmatch.fnmatch(f, name) for name in names)]
    real = {os.path.realpath(path) for path in found if not path.startswith("/lib")} | {
        path for path in found if not Path(path).is_symlink() and path.startswith("/usr")
    }
    return tuple(sorted(path for path in real if path.startswith("/usr/") and Path(path).is_file()))


def _how_it_ended(ran: Ran) -> str:
    if ran.exceeded:
        return f"The program went over its {ran.exceeded} limit."
    if ran.exit_code < 0 or ran.exit_code > 128:
        number = -ran.exit_code if ran.exit_code < 0 else ran.exit_code - 128
        why = ": it read or wrote outside its buffers" if number in (7, 11) else ""
        return f"The program was ended by signal {number}{why}."
    return f"The program ended with exit code {ran.exit_code} in the middle of the calls."


def _judge(result: Result, subject: Ran | None, seed: str, fuzz: int) -> Passed:
    findings = []
    if result.failed is not None:
        findings.append(_violation(one_line(result.failed, 400)))
    if result.differences:
        first = result.differences[0]
        said = one_line(f"{first['entry']}: {first['ours']} instead of {first['original']}", 400)
        evidence = tuple(
            Evidence(
                where=one_line(str(d["entry"]), 100),
                what=one_line(json.dumps(d["arguments"]), 600),
                matches=one_line(f"{d['ours']} instead of {d['original']}", 300),
            )
            for d in result.differences
        )
        message = f"The component differs from the original: {said}."
        findings.append(Finding(rule="conformance", severity=Severity.VIOLATION, message=message, evidence=evidence))
    tried = sum(result.fuzz.values())
    measures = [count("differences from the original", len(result.differences), "inputs", tried)]
    measures.append(count("inputs compared", tried, "inputs"))
    suite = result.suite
    if suite is not None and suite.missing:
        said = "The original's own tests are not installed here: install Python's test package (libpython3-testsuite)."
        findings.append(Finding(rule="conformance", severity=Severity.UNDECIDED, message=said))
    elif suite is not None:
        measures.append(count("original's tests failed", len(suite.failures), "tests", suite.run))
        if suite.failures:
            name, told = suite.failures[0]
            such = f"{one_line(name, 150)}: {one_line(told, 250)}"
            message = f"{len(suite.failures)} of the original's {suite.run} tests fail, such as {such}."
            findings.append(_violation(message))
        if suite.run == 0 or suite.calls == 0:
            said = "None of the original's tests called the component: they show nothing."
            findings.append(Finding(rule="conformance", severity=Severity.UNDECIDED, message=said))
    if not tried and suite is None and result.failed is None:
        said = f"{TESTS} compares nothing: it needs ORIGINAL and inputs, or a suite."
        findings.append(Finding(rule="conformance", severity=Severity.UNDECIDED, message=said))
    facts = {"seed": seed, "inputs": result.fuzz, "fuzz": fuzz}
    if suite is not None:
        facts["suite"] = {"run": suite.run, "calls": suite.calls, "skipped": suite.skipped}
    return Passed(Gate.CONFORMANCE, tuple(measures), tuple(findings), facts)


def _violation(message: str) -> Finding:
    return Finding(rule="conformance", severity=Severity.VIOLATION, message=message)
