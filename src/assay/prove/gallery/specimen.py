"""What one component of the gallery is: files laid over a base, whether it is a rogue, and what must catch it."""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assay.core.errors import AssayError, Unavailable
from assay.core.sandbox import Sandbox
from assay.core.verdict import Finding, Outcome, Severity
from assay.prove.check import check
from assay.prove.gates import Gate
from assay.prove.provers import Effort
from assay.prove.skeleton import make

_MODULES = (
    "rocq_rogues",
    "rocq_stranger",
    "rocq_kernel",
    "program_rogues",
    "lean_rogues",
    "rocq_honest",
    "lean_honest",
)
INTAKE = "intake"
# Enough for every honest specimen here on a busy machine; a proof that loops is ended by it.
EFFORT = Effort(fuzz=2_000, thorough=False, file_seconds=120.0, check_seconds=240.0)


@dataclass(frozen=True)
class Specimen:
    """One component. A rogue names the gate and the rules that may catch it; an honest one passes the same gates."""

    name: str
    prover: str
    rogue: bool
    kind: str  # the class of conduct
    what: str  # a sentence
    base: Callable[[Path], None]
    files: Mapping[str, str | bytes | None] = field(default_factory=dict)  # None removes one
    gate: Gate = Gate.THEOREMS
    rules: tuple[str, ...] = ()
    change: Callable[[Path], None] | None = None  # what files cannot say
    needs: str | None = None  # a library of the prover that must be installed, by its folder
    effort: Effort = EFFORT


@dataclass(frozen=True)
class Judgement:
    """What the gate said. `refused` is the sentence with which the component was not even taken."""

    specimen: Specimen
    outcome: Outcome
    findings: tuple[Finding, ...]
    refused: str | None = None

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that stop it."""
        against = {f.rule for f in self.findings if f.severity is not Severity.NOTE}
        return tuple(sorted(against | ({INTAKE} if self.refused else set())))

    @property
    def right(self) -> bool:
        """Whether a rogue was stopped by a rule that it names, or an honest component was accepted."""
        if not self.specimen.rogue:
            return self.outcome is Outcome.ACCEPTED
        return self.outcome is not Outcome.ACCEPTED and bool(set(self.rules) & set(self.specimen.rules))

    @property
    def sentence(self) -> str:
        """Why it was stopped, if it was."""
        if self.refused:
            return self.refused
        return next((f.message for f in self.findings if f.severity is not Severity.NOTE), "")


def specimens(prover: str | None = None) -> list[Specimen]:
    """All of the gallery, rogues first, in a fixed order."""
    found: dict[str, Specimen] = {}
    for module in _MODULES:
        for specimen in importlib.import_module(f"assay.prove.gallery.{module}").SPECIMENS:
            if specimen.name in found:
                raise ValueError(f"two specimens are called {specimen.name}")
            found[specimen.name] = specimen
    chosen = [s for s in found.values() if prover in (None, s.prover)]
    return sorted(chosen, key=lambda s: (not s.rogue, s.prover, s.kind, s.name))


def build(specimen: Specimen, folder: Path) -> Path:
    """Write `specimen` below `folder`."""
    place = folder / specimen.name
    specimen.base(place)
    for path, content in specimen.files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            (place / path).unlink()
        elif isinstance(content, bytes):
            (place / path).write_bytes(content)
        else:
            (place / path).write_text(content)
    if specimen.change is not None:
        specimen.change(place)
    return place


def judge(specimen: Specimen, folder: Path, sandbox: Sandbox) -> Judgement:
    """Build `specimen` and ask its gate."""
    place = build(specimen, folder)
    try:
        checked = check(place, sandbox, only=(specimen.gate,), effort=specimen.effort)
    except AssayError as error:
        if error.exit_code == 3:
            raise
        return Judgement(specimen, Outcome.REJECTED, (), str(error))
    return Judgement(specimen, checked.passed[0].outcome, checked.passed[0].findings)


def skeleton_base(prover: str) -> Callable[[Path], None]:
    """The base that `assay prove new` makes."""

    def base(folder: Path) -> None:
        make("triple", prover, folder)

    return base


def available(specimen: Specimen) -> bool:
    """Whether the prover of a specimen is installed, and what it needs beyond it."""
    from assay.prove.provers import lean, rocq_toolchain

    try:
        if specimen.prover == "lean":
            return bool(lean.toolchain(os.environ.get(lean.LIBRARY_VARIABLE)).version)
        tools = rocq_toolchain.toolchain()
    except Unavailable:
        return False
    return specimen.needs is None or (tools.library / specimen.needs).is_dir()
