"""Rocq (Coq): compiles from sources, states each trusted theorem afresh, audits what it rests on, checks it again.

The order makes it sound. `Goals` holds the trusted statements and is compiled before the submission exists anywhere in
the load path. Each `Check` opens the proof of one of them first and loads the submission inside it: no notation, name
or flag of the submission is there when the statement is read. What closes it is judged by the kernel alone.
"""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from assay.core.digest import digest_bytes
from assay.core.errors import BadInput, Unavailable
from assay.core.plain import one_line
from assay.core.verdict import Evidence, Finding, Severity
from assay.prove.cell import Cell, Ran, limits, take_file
from assay.prove.component import Component, Theorem, copy_library, copy_sources, source_bytes
from assay.prove.provers import Built, Effort, Level, Proved, Statement, violation
from assay.prove.provers.marshalled import NotMarshalled
from assay.prove.provers.rocq_audit import VERSIONS, audit
from assay.prove.provers.rocq_cache import Kept, key_of
from assay.prove.provers.rocq_checker import DEEP, MAX_REPORT, ask, modules_of
from assay.prove.provers.rocq_driver import (
    CHECK,
    check_text,
    extracting_text,
    goals_text,
    library_name,
    other_tables,
    printing_text,
    statements_text,
    subject_text,
)
from assay.prove.provers.rocq_hygiene import hygiene
from assay.prove.provers.rocq_recursion import Strange
from assay.prove.provers.rocq_report import assumptions, printed_string
from assay.prove.provers.rocq_source import comment_before, required
from assay.prove.provers.rocq_toolchain import toolchain

MAX_COMPILED = 256 << 20  # bytes of one compiled file
MAX_AUDITED = 16 << 20  # bytes of the submission's compiled files together
# The checker computes without the virtual machine: printing a long text there would take hours. Above this, that the
# program prints to the committed C is the kernel's word alone.
MAX_RECHECKED_TEXT = 8 << 10
MAX_PRINTED = 1 << 20  # bytes of C: larger programs belong in several components


@dataclass(frozen=True)
class Failed:
    """The file that did not compile, and how."""

    logical: str
    path: str
    ran: Ran


class Rocq:
    """Rocq at work on one component; see `assay.prove.provers.Prover`."""

    name = "rocq"

    def __init__(self, component: Component, cell: Cell, effort: Effort, base: "Rocq | None" = None) -> None:
        """`base` is another component, built already: what is the same there is not built again."""
        assert component.manifest.rocq is not None  # noqa: S101 - the manifest was checked
        self.component, self.cell, self.names = component, cell, component.manifest.rocq
        self._base = base
        self.failed: Failed | None = None  # what stopped the last build
        self.effort = effort
        self.tools = toolchain()
        self._shelves: dict[str, tuple[str, Path]] = {}  # shelf -> logical name, folder with compiled files
        self._built: Built | None = None
        self._goals = ""
        self._orders: dict[str, list[str]] = {}
        self._seconds = 0.0  # that compiling has taken
        self._checks: dict[str, Path] = {}
        self._kept: list[str] = []  # keys of the trusted libraries
        self._early = False
        self._foundation: Future[list[Finding]] | None = None
        self._stop = threading.Event()

    def versions(self) -> dict[str, str]:
        return {"coq": self.tools.version}

    def trusted_base(self) -> tuple[str, ...]:
        return (
            f"the kernel of Coq {self.tools.version} and its checker coqchk: both would have to be wrong alike",
            "OCaml, which compiled them, and this machine",
            "the statements in trusted/ and the libraries that they import: they say what is proved",
        )

    # Building ------------------------------------------------------------------------------------------------------

    def expect_theorems(self) -> None:
        """Say before `build` that `prove` will be asked: the checker then begins while other things are done."""
        self._early = True

    def close(self) -> None:
        """End what still runs."""
        self._stop.set()
        if self._foundation is not None and not self._foundation.cancel():
            wait([self._foundation])

    def build(self) -> Built:
        if self._built is None:
            self._built = self._build()
        return self._built

    def _build(self) -> Built:
        self._need_packages()
        if found := hygiene(self.component, self.names, self.tools.prelude):
            return Built(False, tuple(found))
        for name in self.names.libraries:
            self._library(name)
        if self._early and self.effort.thorough and self.names.libraries:
            self._begin_foundation()
        source = self.cell.folder("trusted")
        copy_sources(self.component, source, ("trusted",))
        self._trusted(self.names.trusted, source / "trusted", "The task's own statement")
        self._state_goals()
        source = self.cell.folder("src")
        copy_sources(self.component, source, ("src",))
        failure = self._compile(self.names.submission, source / "src", "src/")
        files = sum(path.endswith(".v") for path in self.component.under("src"))
        if failure:
            return Built(False, (violation("build", failure),), files)
        return Built(True, (), files)

    def _library(self, name: str) -> None:
        """Compile a trusted library, or take what the same sources gave before."""
        shelf = f"built-{name}"
        if (
            self._base is not None
            and self._base.component.library_files.get(name) == self.component.library_files[name]
        ):
            self._shelves[shelf] = self._base._shelves[shelf]
            self._kept.append(self._base._kept[len(self._kept)])
            return
        sources = {path: entry.sha256 for path, entry in self.component.library_files[name].items()}
        self._kept.append(key_of([self.tools.digest, name, sources, list(self._kept)]))
        built = self.cell.folder(shelf)
        # Unconfined, a submission could reach what is kept: then nothing is taken from there, or put there.
        if self.cell.confined and Kept(self._kept[-1]).take(built):
            self._shelves[shelf] = (name, built)
            return
        source = self.cell.folder(f"lib-{name}")
        copy_library(self.component, name, source)
        self._trusted(name, source, f"The trusted library {name}")
        if self.cell.confined:
            Kept(self._kept[-1]).put(self._shelves[shelf][1])

    def _state_goals(self) -> None:
        self._goals = goals_text(self.component.manifest, self._printed_text())
        base = self._base
        if base is not None and base._goals == self._goals:
            trusted = {path for path in self.component.under("trusted") if path.endswith(".v")}
            if not trusted & self._changed_since(base):
                self._shelves[f"built-{CHECK}"] = base._shelves[f"built-{CHECK}"]
                return
        goals = self.cell.folder("goals")
        (goals / "Goals.v").write_text(self._goals)
        failure = self._compile(CHECK, goals, None)
        if failure:
            raise BadInput(f"The task's theorems cannot be stated: {failure}")

    def _need_packages(self) -> None:
        """`Unavailable` if a library that the task names is not installed; asked of Debian's own records."""
        for package in self.names.packages:
            try:
                ran = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, timeout=60)
            except OSError:
                return  # no Debian: the compiler will say what is missing
            if b"install ok installed" not in ran.stdout:
                raise Unavailable(f"The component needs the package {package}: install it (apt install {package}).")

    def _trusted(self, name: str, source: Path, what: str) -> None:
        failure = self._compile(name, source, None)
        if failure:
            raise BadInput(f"{what} does not compile, so nothing can be checked: {failure}")

    def _printed_text(self) -> str | None:
        """The committed C, if there is a program and it can be written as a string of Rocq."""
        program = self.component.manifest.program
        if program is None or program.c is None or program.c not in self.component.files:
            return None
        if self.component.files[program.c].size > MAX_PRINTED:
            return None
        data = source_bytes(self.component, program.c)
        return data.decode("ascii") if data.isascii() and b"\0" not in data else None

    def _compile(self, logical: str, source: Path, shown: str | None) -> str | None:
        """Compile every file of a folder in the order of their needs, each by itself. Why it failed, or `None`.

        `shown` is set for a submission: how its paths begin in messages.
        """
        files = sorted(str(p.relative_to(source)) for p in source.rglob("*.v")) if source.is_dir() else []
        built = self.cell.folder(f"built-{logical}")
        shelf = f"built-{logical}"
        ready = self._ready(logical, files)
        if not files:
            return "it has no file *.v." if shown is None else "There is no file src/*.v."
        ordered = self._base_order(logical, files) or self._order(logical, source, files)
        if isinstance(ordered, str):
            return ordered
        self._orders[logical] = ordered
        for path in ordered:
            if path in ready:
                (built / path).parent.mkdir(parents=True, exist_ok=True)
                os.link(ready[path], (built / path).with_suffix(".vo"))
                continue
            work = self.cell.folder("work")
            place = work / path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, place)
            inside = self.cell.workspace(work)
            where = ["-Q", self.cell.shelf(shelf, built), logical, "-Q", inside, logical]
            ran = self._coqc(work, [*where, f"{inside}/{path}"], {shelf: built})
            self._seconds += ran.seconds
            if self._seconds > self.effort.build_seconds:
                return f"Compiling took more than {self.effort.build_seconds:.0f} seconds in all."
            if not ran.ok:
                self.failed = Failed(logical, path, ran)
                return ran.why(f"Compiling {shown or ''}{path}")
            data = take_file(place.with_suffix(".vo"), MAX_COMPILED)
            if data is None:
                return f"Compiling {shown or ''}{path} left no compiled file of at most {MAX_COMPILED >> 20} MiB."
            (built / path).parent.mkdir(parents=True, exist_ok=True)
            (built / path).with_suffix(".vo").write_bytes(data)
            shutil.rmtree(work, ignore_errors=True)
        self._shelves[shelf] = (logical, built)
        return None

    def _ready(self, logical: str, files: list[str]) -> dict[str, Path]:
        """Compiled files of the base that can be used: neither they nor anything that they need was changed."""
        base = self._base
        folder = {self.names.trusted: "trusted", self.names.submission: "src"}.get(logical)
        found = base._shelves.get(f"built-{logical}") if base is not None else None
        if base is None or folder is None or found is None:
            return {}
        stale = self._changed_since(base)
        compiled = {path: (found[1] / path).with_suffix(".vo") for path in files if f"{folder}/{path}" not in stale}
        return {path: place for path, place in compiled.items() if place.is_file()}

    def _base_order(self, logical: str, files: list[str]) -> list[str] | None:
        """The order of the base's files, if these have the same names and load the same."""
        base = self._base
        if base is None or sorted(base._orders.get(logical, [])) != files or self._needs() != base._needs():
            return None
        return base._orders[logical]

    def _needs(self) -> dict[str, set[str]]:
        """What each source loads, by last names."""
        mine = [p for top in ("trusted", "src") for p in self.component.under(top) if p.endswith(".v")]
        return {path: required((self.component.root / path).read_text(errors="replace")) for path in mine}

    def _changed_since(self, base: "Rocq") -> set[str]:
        """Sources that differ from the base's, and all that load them, directly or not. Told by last names: at worst
        too many are compiled again."""
        needs = self._needs()
        stale = {path for path in needs if base.component.files.get(path) != self.component.files[path]}
        while True:
            names = {PurePosixPath(path).stem.lower() for path in stale}
            more = {path for path in needs if path not in stale and needs[path] & names}
            if not more:
                return stale
            stale |= more

    def _order(self, logical: str, source: Path, files: list[str]) -> list[str] | str:
        """`files` so that each comes after what it needs. Only a permutation of them is believed."""
        work = self.cell.folder("order")
        inside = self.cell.shelf("order", source)
        command = ["coqdep", "-sort", "-Q", inside, logical, *(f"{inside}/{path}" for path in files)]
        ran = self.cell.run(
            ["sh", "-c", 'exec "$@" > order 2> errors', "sh", *command], work, limits(120), {"order": source}
        )
        said = take_file(work / "order", MAX_REPORT)
        if not ran.ok or said is None:
            told = (take_file(work / "errors", MAX_REPORT) or b"").decode(errors="replace")
            return f"The order of the files cannot be found: {one_line(told.strip() or 'coqdep failed', 300)}."
        prefix = f"{inside}/"
        found = [word.removeprefix(prefix).removeprefix("./") for word in said.decode(errors="replace").split()]
        return found if sorted(found) == files else "The files need each other in a circle: no order compiles them."

    def _load_path(self, names: Iterable[str] | None = None) -> list[str]:
        return [
            word
            for shelf, (logical, folder) in self._shelves.items()
            if names is None or shelf in names
            for word in ("-Q", self.cell.shelf(shelf, folder), logical)
        ]

    def _coqc(self, work: Path, words: Sequence[str], more: Mapping[str, Path] | None = None) -> Ran:
        shelves = {shelf: folder for shelf, (_, folder) in self._shelves.items()}
        command = [*DEEP, "coqc", "-q", "-noglob", "-native-compiler", "no", *self._load_path(), *words]
        return self.cell.run(
            command, work, limits(self.effort.file_seconds, self.effort.memory_bytes), {**shelves, **(more or {})}
        )

    def coqc_trusted(self, cell: Cell, work: Path, words: Sequence[str], seconds: float) -> Ran:
        """Run coqc in `work` of another cell, with nothing in reach but the trusted files."""
        trusted = {
            s: found for s, found in self._shelves.items() if found[0] in (*self.names.libraries, self.names.trusted)
        }
        path = [word for s, (logical, folder) in trusted.items() for word in ("-Q", cell.shelf(s, folder), logical)]
        command = [*DEEP, "coqc", "-q", "-noglob", "-native-compiler", "no", "-w", "none", *path, *words]
        return cell.run(
            command, work, limits(seconds, self.effort.memory_bytes), {s: f for s, (_, f) in trusted.items()}
        )

    # Theorems ------------------------------------------------------------------------------------------------------

    def prove(self) -> Proved:
        built = self.build()
        statements = self._statements()
        if not built.ok:
            return Proved(built.findings, statements=statements)
        findings, assumed = self.state_theorems()
        if self._program_theorems():
            self._try_printed(findings)
        proved = tuple(t.name for t in self.component.manifest.theorems if t.name in assumed)
        if findings:
            return Proved(tuple(findings), proved, assumed, statements, Level.NONE)
        findings += self._known_holes() + self._recheck()
        level = Level.NONE if findings else Level.RECHECKED
        return Proved(tuple(findings), proved, assumed, statements, level)

    def state_theorems(self) -> tuple[list[Finding], dict[str, tuple[str, ...]]]:
        """State every theorem and close it: what is wrong, and what each rests on. The checker is not asked."""
        findings: list[Finding] = list(self._name_program())
        assumed: dict[str, tuple[str, ...]] = {}
        for number, theorem in enumerate(self.component.manifest.theorems):
            if not theorem.of_program:
                findings += self._state(f"Check{number}", [theorem], assumed, with_text=False)
        if self._program_theorems() and not findings:
            findings += self._state("CheckProgram", self._program_theorems(), assumed, with_text=False)
        return findings, assumed

    def _name_program(self) -> Sequence[Finding]:
        """Give the program a name of the verifier's own, once: see `subject_text`."""
        program = self.component.manifest.program
        if program is None or f"built-{CHECK}-subject" in self._shelves:
            return ()
        work = self.cell.folder("subject")
        inside = self.cell.workspace(work)
        (work / "Subject.v").write_text(subject_text(self.component.manifest))
        ran = self._coqc(work, ["-w", "none", "-Q", inside, CHECK, f"{inside}/Subject.v"])
        compiled = take_file(work / "Subject.vo", MAX_COMPILED) if ran.ok else None
        if compiled is None:
            said = ran.why(f"{program.definition} is no program of the type {program.type}: naming it")
            return (violation("theorem", said, program.definition),)
        folder = self.cell.folder("subject-compiled")
        (folder / "Subject.vo").write_bytes(compiled)
        self._shelves[f"built-{CHECK}-subject"] = (CHECK, folder)
        return ()

    def _try_printed(self, findings: list[Finding]) -> None:
        """State that the program prints to the committed C, so that the independent checker sees that too.

        Whether it holds is the gate `optimised`'s to say: a failure here is met there again, with its reason.
        """
        text = self._printed_text()
        if findings or text is None or len(text) > MAX_RECHECKED_TEXT:
            return
        if self._state("CheckPrinted", self._program_theorems(), {}, with_text=True):
            self._checks.pop("CheckPrinted", None)

    def _program_theorems(self) -> list[Theorem]:
        return [t for t in self.component.manifest.theorems if t.of_program]

    def _state(
        self, name: str, theorems: list[Theorem], assumed: dict[str, tuple[str, ...]], *, with_text: bool
    ) -> list[Finding]:
        """State theorems in a file of the verifier's own, close them, and read what they rest on."""
        work = self.cell.folder("check")
        inside = self.cell.workspace(work)
        (work / f"{name}.v").write_text(
            check_text(name, theorems, self.component.manifest, inside, with_text=with_text)
        )
        ran = self._coqc(work, ["-w", "none", "-Q", inside, CHECK, f"{inside}/{name}.v"])
        what = ", ".join(t.name for t in theorems)
        if not ran.ok:
            return [violation("theorem", ran.why(f"{theorems[0].proof} does not prove {what}: the check"), what)]
        report = take_file(work / "assumptions.out", MAX_REPORT)
        compiled = take_file(work / f"{name}.vo", MAX_COMPILED)
        if report is None or compiled is None:
            return [violation("theorem", f"The check of {what} left no report on its assumptions.", what)]
        rests_on = assumptions(report.decode(errors="replace"))
        for theorem in theorems:
            assumed[theorem.name] = rests_on
        checked = self.cell.folder(f"checked-{name}")
        (checked / f"{name}.vo").write_bytes(compiled)
        self._checks[name] = checked
        # Names are printed short. One of the submission's own that ends like an allowed one is found by the checker,
        # which prints them in full.
        extra = [a for a in rests_on if not any(full == a or full.endswith("." + a) for full in self.names.axioms)]
        if extra:
            said = f"{what} rests on what is not proved: {one_line('; '.join(extra), 400).rstrip('.')}."
            evidence = tuple(Evidence(where=what, what=one_line(a, 300)) for a in extra[:50])
            return [Finding(rule="assumption", severity=Severity.VIOLATION, message=said, evidence=evidence)]
        return []

    def _known_holes(self) -> list[Finding]:
        """Look in the submission's compiled files for what this kernel is known to accept wrongly."""
        if not self.tools.version.startswith(VERSIONS):
            said = f"Compiled files of Coq {self.tools.version} cannot be audited here: only those of 8.16 can."
            return [Finding(rule="kernel", severity=Severity.UNDECIDED, message=said)]
        _, folder = self._shelves[f"built-{self.names.submission}"]
        places = sorted(folder.rglob("*.vo"))
        if sum(place.stat().st_size for place in places) > MAX_AUDITED:
            said = f"The compiled files are larger than {MAX_AUDITED >> 20} MiB together: they were not audited."
            return [Finding(rule="kernel", severity=Severity.UNDECIDED, message=said)]
        files = [(f"src/{p.relative_to(folder).with_suffix('.v')}", p.read_bytes()) for p in places]
        names = [path for path in self.component.under("src") if path.endswith(".v")]
        sources = [(path, source_bytes(self.component, path).decode(errors="replace")) for path in names]
        try:
            refused = list(audit(files, sources))
        except (NotMarshalled, Strange) as error:
            said = f"A compiled file cannot be audited: {error}."
            return [Finding(rule="kernel", severity=Severity.UNDECIDED, message=said)]
        told = "the kernel of Coq 8.16 is known to accept wrong proofs of such a kind, so it is not relied on here"
        return [violation("kernel", f"{path}: {sentence}: {told}.", path) for path, sentence in refused[:20]]

    # The trusted libraries and what they load are the largest part of what the checker looks at, and the same each
    # time. They are checked first, by themselves, with nothing of the submission in reach; that can be kept.

    def _begin_foundation(self) -> None:
        shelves = dict(self._shelves)
        files = {f"{shelf}/{path}": digest for shelf in shelves for path, digest in self._compiled(shelf).items()}
        kept = Kept(key_of([list(self._kept), "foundation"]))
        done: Future[list[Finding]] = Future()
        if self.cell.confined and kept.is_rechecked(files):
            done.set_result([])
            self._foundation = done
            return

        def ask() -> list[Finding]:
            found = self._ask(modules_of(shelves), shelves)
            if not found and self.cell.confined:
                kept.mark_rechecked(files)
            return found

        pool = ThreadPoolExecutor(1)
        self._foundation = pool.submit(ask)
        pool.shutdown(wait=False)

    def _compiled(self, shelf: str) -> dict[str, str]:
        folder = self._shelves[shelf][1]
        return {str(p.relative_to(folder)): digest_bytes(p.read_bytes()) for p in sorted(folder.rglob("*.vo"))}

    def _recheck(self) -> list[Finding]:
        """Ask the independent checker about everything that was loaded, in a process of its own."""
        shelves = dict(self._shelves)
        for name, folder in self._checks.items():
            shelves[name] = (CHECK, folder)
        modules = [library_name(name) for name in self._checks]
        if not self.effort.thorough:
            compiled = [*modules_of(self._shelves), library_name("Goals"), *modules]
            if f"built-{CHECK}-subject" in self._shelves:
                compiled.append(library_name("Subject"))
            return self._ask([word for module in compiled for word in ("-norec", module)], shelves)
        if not self.names.libraries:
            return self._ask(modules, shelves)
        if self._foundation is None:
            self._begin_foundation()
        libraries = {shelf: found for shelf, found in self._shelves.items() if found[0] in self.names.libraries}
        # `-admit` takes a module and all that it loads as it is: these are the foundation's.
        admitted = [word for module in modules_of(libraries) for word in ("-admit", module)]
        findings = self._ask([*admitted, *modules], shelves)
        assert self._foundation is not None  # noqa: S101 - it was begun
        return findings + self._foundation.result()

    def _ask(self, modules: Sequence[str], places: Mapping[str, tuple[str, Path]]) -> list[Finding]:
        return ask(self.cell, self.effort, self.names, modules, places, self._stop)

    def _statements(self) -> tuple[Statement, ...]:
        """The trusted statements as the prover understood them (hashed) and as they are written (shown)."""
        work = self.cell.folder("statements")
        inside = self.cell.workspace(work)
        (work / "Statements.v").write_text(statements_text(self.component.manifest, inside))
        shelves = [s for s, (logical, _) in self._shelves.items() if logical != self.names.submission]
        mounted = {s: self._shelves[s][1] for s in shelves}
        command = [*DEEP, "coqc", "-q", "-noglob", *self._load_path(shelves), "-Q", inside, "AssayStatements"]
        ran = self.cell.run(
            [*command, f"{inside}/Statements.v"],
            work,
            limits(self.effort.file_seconds, self.effort.memory_bytes),
            mounted,
        )
        texts = [
            (self.component.root / path).read_text(errors="replace")
            for path in self.component.under("trusted")
            if path.endswith(".v")
        ]
        out = []
        for number, theorem in enumerate(self.component.manifest.theorems):
            report = take_file(work / f"statement{number}.out", MAX_REPORT) if ran.ok else None
            written, comment = next((f for text in texts if (f := comment_before(text, theorem.name))), ("", ""))
            sha256 = digest_bytes(report).removeprefix("sha256:") if report is not None else ""
            out.append(Statement(theorem.name, written, comment, sha256))
        return tuple(out)

    # The program ---------------------------------------------------------------------------------------------------

    def printed(self) -> tuple[str | None, Sequence[Finding]]:
        program = self.component.manifest.program
        assert program is not None and program.c is not None  # noqa: S101 - asked only where there is one
        built = self.build()
        if not built.ok:
            return None, built.findings
        text, findings = self.print_program()
        if text is None:
            return None, findings
        if program.c not in self.component.files:
            return text, [violation("printed", f"{program.c} is not there: `assay prove print` writes it.", program.c)]
        committed = source_bytes(self.component, program.c)
        if committed != text.encode():
            return text, [violation("printed", _difference(committed, text.encode(), program.c), program.c)]
        if "CheckPrinted" in self._checks:
            return text, ()
        return text, self._state("CheckPrinted", self._program_theorems(), {}, with_text=True)

    def extracted(self) -> tuple[bytes | None, Sequence[Finding]]:
        built = self.build()
        if not built.ok:
            return None, built.findings
        if told := self._name_program():
            return None, told
        work = self.cell.folder("extract")
        inside = self.cell.workspace(work)
        (work / "Extracting.v").write_text(extracting_text(self.component.manifest, inside))
        ran = self._coqc(work, ["-w", "none", "-Q", inside, CHECK, f"{inside}/Extracting.v"])
        source = take_file(work / "extracted.ml", MAX_REPORT) if ran.ok else None
        if source is None:
            return None, [violation("build", ran.why("Translating the functions to OCaml"))]
        loaded = (take_file(work / "loaded.out", MAX_REPORT) or b"").decode(errors="replace")
        tables = other_tables(loaded)
        if tables or "Coq.extraction.ExtrOcamlChar" not in loaded.split():
            said = f"The functions are translated by another table than the verifier's: {', '.join(tables) or 'which'}."
            return None, [violation("command", said)]
        return source, ()

    def print_program(self) -> tuple[str | None, list[Finding]]:
        """The program as C, whatever is committed."""
        program = self.component.manifest.program
        assert program is not None  # noqa: S101 - see printed
        if told := self._name_program():
            return None, list(told)
        work = self.cell.folder("print")
        inside = self.cell.workspace(work)
        (work / "Printing.v").write_text(printing_text(self.component.manifest, inside))
        ran = self._coqc(work, ["-w", "none", "-Q", inside, CHECK, f"{inside}/Printing.v"])
        if not ran.ok:
            return None, [violation("printed", ran.why(f"Printing {program.definition}"), program.definition)]
        report = take_file(work / "printed.out", MAX_REPORT)
        text = printed_string(report.decode(errors="replace")) if report is not None else None
        if text is None:
            said = f"{program.definition} does not compute to a text: is it opaque, or an assumption?"
            return None, [violation("printed", said, program.definition)]
        return text, []


def _difference(committed: bytes, printed: bytes, name: str) -> str:
    line = 1
    for a, b in zip(committed.split(b"\n"), printed.split(b"\n"), strict=False):
        if a != b:
            break
        line += 1
    return (
        f"{name} is not what the program prints: they differ first in line {line} "
        f"({len(committed)} bytes committed, {len(printed)} printed)."
    )
