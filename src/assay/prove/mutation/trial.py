"""One mutant through the gates, the cheapest first: compile what depends on the change, state the theorems, compare.

What was not changed is not compiled again. A mutant is killed as soon as something fails; if nothing does, it has to be
shown that it says or computes the same.
"""

import functools
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from assay.core.errors import AssayError, BadInput
from assay.core.plain import one_line
from assay.core.sandbox import Sandbox, remove_tree
from assay.core.verdict import Outcome
from assay.prove.bench import Bench
from assay.prove.cell import Cell
from assay.prove.component import Component, copy_libraries, copy_sources, read
from assay.prove.gates.conformance import conformance
from assay.prove.mutation.equivalence import compare_statements
from assay.prove.mutation.mutants import TRUSTED, Mutant, definitions
from assay.prove.provers import Effort
from assay.prove.provers.rocq import Rocq

Result = Literal["killed", "equivalent", "stillborn", "survived"]
_PLACE = re.compile(r'File "(?:[^"]*/)?([^"/]+)", line (\d+)')
_SKEW = "inconsistent assumptions"  # coqc's words where compiled files do not fit together: ours to avoid


class Trial(BaseModel):
    """What became of one mutant. `by` is the gate, or what shows that nothing changed; `said` is a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    path: str
    part: str
    definition: str
    line: int
    kind: str
    old: str
    new: str
    result: Result
    by: str
    said: str
    seconds: float


class Workshop:
    """The original, built once, and a place for its mutants. Only a component that passes has mutants."""

    def __init__(self, component: Component, sandbox: Sandbox, effort: Effort, root: Path) -> None:
        self.component, self.sandbox, self.effort, self.root = component, sandbox, effort, root
        self.base = Rocq(component, Cell(sandbox, root / "base"), effort)
        built = self.base.build()
        findings = [*built.findings, *(self.base.state_theorems()[0] if built.ok else ())]
        if findings:
            raise BadInput(f"{component.name} does not pass as it is, so it has no mutants: {findings[0].message}")

    def attempt(self, mutant: Mutant) -> Trial:
        """Ask the gates about one mutant."""
        started = time.monotonic()
        place = self.root / f"mutant-{mutant.id}"
        try:
            result, by, said = self._ask(mutant, place)
        finally:
            if place.exists():
                remove_tree(place)
        return Trial(
            id=mutant.id,
            path=mutant.path,
            part=mutant.part,
            definition=mutant.definition,
            line=mutant.line,
            kind=mutant.kind,
            old=one_line(mutant.old, 300),
            new=one_line(mutant.new, 300),
            result=result,
            by=by,
            said=one_line(said, 500),
            seconds=round(time.monotonic() - started, 1),
        )

    def _ask(self, mutant: Mutant, place: Path) -> tuple[Result, str, str]:
        folder = self._write(mutant, place)
        prover = Rocq(read(folder), Cell(self.sandbox, place / "cell"), self.effort, self.base)
        try:
            built = prover.build()
        except BadInput as error:  # the trusted files, or the goals made of them
            return "stillborn", "statement", f"The changed statement has no meaning: {error}"
        if not built.ok:
            return self._not_built(mutant, prover, built.findings[0].message)
        if mutant.part == TRUSTED:
            return self._unnoticed_by_proofs(mutant, prover)
        return self._program(prover, folder)

    def _write(self, mutant: Mutant, place: Path) -> Path:
        """The changed component in a folder of its own, its libraries beside it."""
        component = self.component
        folder = place / "proofs" / component.name
        folder.mkdir(parents=True)
        copy_sources(component, folder, ("trusted", "tests", "src", "c"))
        shutil.copyfile(component.root / "component.toml", folder / "component.toml")
        copy_libraries(component, place / "proofs")
        changed = folder / mutant.path
        changed.write_text(mutant.applied(changed.read_text()))
        return folder

    def _not_built(self, mutant: Mutant, prover: Rocq, said: str) -> tuple[Result, str, str]:
        if prover.failed is not None and any(_SKEW in line for line in prover.failed.ran.output):
            raise AssayError(f"The mutant {mutant.id} was not compiled whole: {said}")
        if _in_definition(mutant, prover):
            return "stillborn", "definition", f"The changed definition has no meaning: {said}"
        return "killed", "theorems", said

    # A changed program ---------------------------------------------------------------------------------------------

    def _program(self, prover: Rocq, folder: Path) -> tuple[Result, str, str]:
        program = prover.component.manifest.program
        assert program is not None  # noqa: S101 - without one there are no such mutants
        text = None
        if program.c is not None:
            text, told = prover.print_program()
            if text is None:
                return "killed", "optimised", told[0].message
            if text.encode() == (self.component.root / program.c).read_bytes():
                return "equivalent", "same program", "It prints the same C, byte for byte."
        findings, _ = prover.state_theorems()
        if findings:
            return "killed", "theorems", findings[0].message
        if program.c is not None and text is not None:
            (folder / program.c).write_text(text)
        return self._compared(prover, read(folder))

    def _compared(self, prover: Rocq, component: Component) -> tuple[Result, str, str]:
        """Every theorem holds of the changed program. Does it do what the original does?"""
        bench = _Bench(component, prover.cell, self.effort, prover)
        found = conformance(bench)
        tried = sum(m.n or 0 for m in found.measures if m.name == "inputs compared")
        if found.outcome is Outcome.REJECTED:
            message = found.findings[0].message
            return "survived", "conformance", f"Every theorem holds of it, and yet it is another program: {message}"
        equalities = [t.name for t in component.manifest.theorems if t.role == "equality"]
        if not equalities:
            return "survived", "theorems", "Every theorem holds of it, and none says what it computes."
        agrees = f"it agrees with the original on {tried} inputs."
        if found.outcome is not Outcome.ACCEPTED:
            agrees = f"it was not compared with the original: {found.findings[0].message}"
        names = ", ".join(equalities)
        return "equivalent", "proved", f"Every theorem is proved of it too, {names} among them; {agrees}"

    # A changed statement -------------------------------------------------------------------------------------------

    def _unnoticed_by_proofs(self, mutant: Mutant, prover: Rocq) -> tuple[Result, str, str]:
        findings, _ = prover.state_theorems()
        if findings:
            return "killed", "theorems", findings[0].message
        program = prover.component.manifest.program
        if program is not None and program.printer is not None:
            told = prover.printed()[1]
            if told:
                return "killed", "optimised", told[0].message
        if any(t.name == mutant.definition and t.role == "witness" for t in prover.component.manifest.theorems):
            said = "Only a witness changed, and what it says now is proved as well: the other statements are the same."
            return "equivalent", "another witness", said
        how = compare_statements(self.base, prover, mutant.path)
        if how == "same":
            return "equivalent", "proved", "Each statement is proved to say the same with the change and without it."
        if how == "weaker":
            return "survived", "weaker", "The proofs fit the changed statements, which follow from the original ones."
        return "survived", "theorems", "The proofs fit the changed statements too."


class _Bench(Bench):
    """A bench whose prover has built nearly all of it already."""

    def __init__(self, component: Component, cell: Cell, effort: Effort, base: Rocq) -> None:
        super().__init__(component, cell, effort, lambda _: None)
        self._base = base

    @functools.cached_property
    def prover(self) -> Rocq:
        return Rocq(self.component, self.cell, self.effort, self._base)


def _in_definition(mutant: Mutant, prover: Rocq) -> bool:
    """Whether the prover stopped at the changed definition itself, and not at a proof about it."""
    failed = prover.failed
    if failed is None or failed.ran.exceeded or not mutant.path.endswith("/" + failed.path):
        return False
    line = _error_line(failed.ran.output)
    text = (prover.component.root / mutant.path).read_text()
    for definition in definitions(text):
        if definition.start <= mutant.start <= definition.end and line is not None:
            first, last = (text.count("\n", 0, at) + 1 for at in (definition.sentence, definition.end))
            return first <= line <= last
    return False


def _error_line(output: Sequence[str]) -> int | None:
    """The line of the last place that is named: warnings come before errors."""
    places = [match for line in output if (match := _PLACE.search(line))]
    return int(places[-1][2]) if places else None
