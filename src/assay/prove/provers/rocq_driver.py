"""The files that the verifier itself writes for Rocq: goals, checks, statements, printing.

Names of the submission appear only inside a proof that is already open, and only full names are used.
"""

from assay.prove.component import Manifest, Program, Theorem

CHECK = "AssayCheck"  # the logical name of the verifier's own files


def library_name(module: str) -> str:
    return f"{CHECK}.{module}"


# What the submission switched off for whoever loads it is on again. Printing is reset: reports read the same.
_FLAGS = """Set Guard Checking.
Set Positivity Checking.
Set Universe Checking.
Unset Definitional UIP.
Unset Printing All.
Set Printing Depth 1000000.
Set Printing Width 1000000.
"""


def _trusted_modules(manifest: Manifest) -> list[str]:
    assert manifest.rocq is not None  # noqa: S101 - the manifest was checked
    mine = {f"{manifest.rocq.trusted}.{t.statement.rpartition('.')[0]}" for t in manifest.theorems}
    if manifest.program is not None:
        named = (manifest.program.type, manifest.program.printer, *manifest.program.extract.values())
        mine |= {name.rpartition(".")[0] for name in named if name is not None}
    return sorted(mine)


def _requires(modules: "list[str] | set[str]") -> str:
    return "".join(f"Require {module}.\n" for module in sorted(modules))


def string_literal(text: str) -> str:
    """A text as Rocq reads it back: quotes doubled, everything else as it is."""
    return '"' + text.replace('"', '""') + '"'


def goals_text(manifest: Manifest, printed: str | None) -> str:
    """`Goals.v`: one closed definition for each trusted theorem. The submission does not exist yet."""
    assert manifest.rocq is not None  # noqa: S101 - the manifest was checked
    trusted = manifest.rocq.trusted
    string = "Require Import Coq.Strings.String.\n" if printed is not None else ""
    out = [_requires(_trusted_modules(manifest)), string, _FLAGS]
    program = manifest.program
    for number, theorem in enumerate(manifest.theorems):
        if not theorem.of_program:
            out.append(f"Definition goal{number} : Prop := {trusted}.{theorem.statement}.\n")
    if program is not None:
        speaks = [f"({trusted}.{t.statement} p)" for t in manifest.theorems if t.of_program]
        out.append(_exists(program, "goal_program", speaks))
        if printed is not None:
            literal = string_literal(printed)
            out.append(f"Definition text : Coq.Strings.String.string := ({literal})%string.\n")
            same = f"(@Coq.Init.Logic.eq Coq.Strings.String.string ({program.printer} p) text)"
            out.append(_exists(program, "goal_printed", [same, *speaks]))
    return "".join(out)


def _exists(program: Program, name: str, parts: list[str]) -> str:
    body = "Coq.Init.Logic.True"
    for part in reversed(parts):
        body = f"(Coq.Init.Logic.and {part} {body})"
    return f"Definition {name} : Prop := @Coq.Init.Logic.ex ({program.type}) (fun p : {program.type} => {body}).\n"


SUBJECT = f"{CHECK}.Subject.subject"


def subject_text(manifest: Manifest) -> str:
    """`Subject.v`: the program by a name of the verifier's own. What is proved, printed and translated is this one.

    A name of the submission may be an abbreviation that reads differently in another place; this is read once.
    """
    assert manifest.rocq is not None and manifest.program is not None  # noqa: S101 - asked only where there is one
    program = manifest.program
    named = f"{manifest.rocq.submission}.{program.definition}"
    return (
        f"{_requires([program.type.rpartition('.')[0]])}Definition subject : {program.type}.\nProof.\n"
        f"{_requires([named.rpartition('.')[0]])}{_FLAGS}exact {named}.\nDefined.\n"
    )


def check_text(name: str, theorems: list[Theorem], manifest: Manifest, folder: str, *, with_text: bool) -> str:
    """One theorem (or all that speak of the program), stated before the submission is loaded.

    `@`: which arguments its author left implicit is no matter.
    """
    assert manifest.rocq is not None  # noqa: S101 - the manifest was checked
    own = manifest.rocq.submission
    program = manifest.program
    of_program = program is not None and (with_text or theorems[0].of_program)
    if of_program:
        goal = "goal_printed" if with_text else "goal_program"
    else:
        goal = f"goal{manifest.theorems.index(theorems[0])}"
    modules = {f"{own}.{t.proof.rpartition('.')[0]}" for t in theorems}
    lines = [f"Require {CHECK}.Goals.\n", f"Theorem check : {CHECK}.Goals.{goal}.\n", "Proof.\n"]
    if of_program:
        modules.add(f"{CHECK}.Subject")
        lines += [_requires(modules), _FLAGS]
        lines.append(f"unfold {CHECK}.Goals.{goal}.\n")
        lines.append(f"refine (@Coq.Init.Logic.ex_intro _ _ {SUBJECT} _).\n")
        if with_text:
            lines.append("refine (@Coq.Init.Logic.conj _ _ _ _).\n")
            lines.append("1: (vm_compute; exact (@Coq.Init.Logic.eq_refl _ _)).\n")
        for theorem in theorems:
            lines.append(f"refine (@Coq.Init.Logic.conj _ _ (@{own}.{theorem.proof}) _).\n")
        lines.append("exact Coq.Init.Logic.I.\n")
    else:
        lines += [_requires(modules), _FLAGS, f"exact (@{own}.{theorems[0].proof}).\n"]
    lines.append("Qed.\n")
    lines.append(f'Redirect "{folder}/assumptions" Print Assumptions {CHECK}.{name}.check.\n')
    return "".join(lines)


def statements_text(manifest: Manifest, folder: str) -> str:
    """Prints each trusted statement in full, for its hash."""
    assert manifest.rocq is not None  # noqa: S101 - the manifest was checked
    lines = [_requires(_trusted_modules(manifest)), "Set Printing All.\nSet Printing Width 200.\n"]
    lines.append("Set Printing Depth 1000000.\n")
    for number, theorem in enumerate(manifest.theorems):
        lines.append(f'Redirect "{folder}/statement{number}" Print {manifest.rocq.trusted}.{theorem.statement}.\n')
    return "".join(lines)


def printing_text(manifest: Manifest, folder: str) -> str:
    """Prints the program that the theorems name, as C."""
    assert manifest.rocq is not None and manifest.program is not None  # noqa: S101 - the gate asks only then
    program = manifest.program
    modules = {f"{CHECK}.Subject", str(program.printer).rpartition(".")[0]}
    return (
        f"Require {' '.join(['Coq.Strings.String'])}.\n{_requires(modules)}{_FLAGS}"
        "Open Scope string_scope.\nImport Coq.Strings.String.\n"
        f'Redirect "{folder}/printed" Eval vm_compute in (@{program.printer} {SUBJECT}).\n'
    )


_TABLES = ("Coq.extraction.Extraction", "Coq.extraction.ExtrOcamlBasic", "Coq.extraction.ExtrOcamlChar")


def extracting_text(manifest: Manifest, folder: str) -> str:
    """Translates the trusted projections of the program to OCaml, with the prover's own table for lists and bytes.

    Another table is in force as soon as something loads it: so all that is loaded is listed.
    """
    assert manifest.rocq is not None and manifest.program is not None  # noqa: S101 - the gate asks only then
    program = manifest.program
    modules = {f"{CHECK}.Subject", *(n.rpartition(".")[0] for n in program.extract.values())}
    functions = [
        f"Definition f{number} := @{projection} {SUBJECT}.\n"
        for number, projection in enumerate(program.extract.values())
    ]
    names = " ".join(f"f{number}" for number in range(len(functions)))
    listed = f'Redirect "{folder}/loaded" Print Libraries.\n'
    made = f'Extraction "extracted.ml" {names}.\n'
    return f"Require {' '.join(_TABLES)}.\n{_requires(modules)}{''.join(functions)}{listed}{made}"


def other_tables(report: str) -> list[str]:
    """Libraries about extraction, in what `Print Libraries` said, that are not the verifier's."""
    names = report.split()
    return sorted({n for n in names if n.startswith("Coq.extraction.")} - set(_TABLES))
