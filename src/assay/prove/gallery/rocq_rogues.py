"""Rocq components that pretend to prove what they do not: a false statement, or a true one by what is not allowed."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from assay.prove.gallery.rocq_material import HEAD, WITNESS, impossible, main, plain
from assay.prove.gallery.specimen import INTAKE, Specimen
from assay.prove.gates import Gate
from assay.prove.provers import Effort

SPECIMENS: list[Specimen] = []

_ADDITION = """Theorem t1 : Statement.T1.
Proof. intros n m. induction n; simpl. apply plus_n_O. rewrite IHn. apply plus_n_Sm. Qed.
"""
_SHORT = Effort(fuzz=100, thorough=False, file_seconds=8.0, check_seconds=60.0)


def rogue(
    name: str,
    kind: str,
    what: str,
    files: Mapping[str, str | bytes | None] | str,
    *rules: str,
    base: Callable[[Path], None] = impossible,
    gate: Gate = Gate.THEOREMS,
    change: Callable[[Path], None] | None = None,
    effort: Effort | None = None,
) -> None:
    laid = main(files) if isinstance(files, str) else files
    extra = {} if effort is None else {"effort": effort}
    SPECIMENS.append(Specimen(name, "rocq", True, kind, what, base, laid, gate, rules, change, **extra))  # type: ignore[arg-type]


# Assumptions ----------------------------------------------------------------------------------------------------------

rogue("admitted", "assumption", "The proof is left out.", "Theorem t1 : Statement.T1. Admitted.", "assumption")
rogue("axiom", "assumption", "The theorem is an axiom.", "Axiom t1 : Statement.T1.", "assumption")
rogue("parameter", "assumption", "The theorem is a parameter.", "Parameter t1 : Statement.T1.", "assumption")
rogue("conjecture", "assumption", "The theorem is a conjecture.", "Conjecture t1 : Statement.T1.", "assumption")
rogue(
    "hypothesis_without_a_section",
    "assumption",
    "A hypothesis outside any section is an axiom by another name.",
    "Hypothesis h : Statement.T1.\nDefinition t1 : Statement.T1 := h.",
    "assumption",
)
rogue(
    "context_without_a_section",
    "assumption",
    "A context outside any section is an axiom by another name.",
    "Context (h : Statement.T1).\nDefinition t1 : Statement.T1 := h.",
    "assumption",
)
rogue(
    "axiom_in_another_file",
    "assumption",
    "The axiom stands in a file of its own, behind two definitions.",
    {
        "src/Deep.v": "Axiom deep : False.\n",
        "src/Middle.v": "From Own Require Deep.\nDefinition middle := Deep.deep.\n",
        **main("From Own Require Middle.\nDefinition t1 : Statement.T1 := match Middle.middle with end."),
    },
    "assumption",
)
rogue(
    "axiom_in_an_instance",
    "assumption",
    "An instance of a type class is left unproved; the proof finds it by search.",
    """Class Magic := magic : False.
Global Instance found : Magic. Admitted.
Theorem t1 : Statement.T1.
Proof. destruct (magic : False). Qed.""",
    "assumption",
)
rogue(
    "declared_module",
    "assumption",
    "A module is declared and never defined: all its fields are axioms.",
    """Module Type S. Parameter p : Statement.T1. End S.
Declare Module M : S.
Definition t1 : Statement.T1 := M.p.""",
    "assumption",
)
rogue(
    "functor_over_a_declared_module",
    "assumption",
    "A functor is applied to a module that is only declared.",
    """Module Type S. Parameter p : Statement.T1. End S.
Module F (X : S). Definition q : Statement.T1 := X.p. End F.
Declare Module M : S.
Module G := F M.
Definition t1 : Statement.T1 := G.q.""",
    "assumption",
)
rogue(
    "sealed_axiom",
    "assumption",
    "An axiom is hidden behind a sealed module.",
    """Module Type S. Parameter p : Statement.T1. End S.
Module M : S. Axiom p : Statement.T1. End M.
Definition t1 : Statement.T1 := M.p.""",
    "assumption",
    "recheck",
)
rogue(
    "functor_never_applied",
    "assumption",
    "The theorem stands in a functor that is never applied, so what it needs is never given.",
    """Module Type S. Parameter p : Statement.T1. End S.
Module F (X : S). Definition t1 : Statement.T1 := X.p. End F.""",
    "theorem",
)
rogue(
    "admitted_obligations",
    "assumption",
    "The obligations of a program are admitted all at once.",
    """Require Import Coq.Program.Tactics.
Program Definition t1 : Statement.T1 := fun n m => _.
Admit Obligations.""",
    "assumption",
)
rogue(
    "library_of_admitted_proofs",
    "assumption",
    "The standard library's own axiom for admitting proofs is used.",
    """Require Import Coq.Compat.AdmitAxiom.
Theorem t1 : Statement.T1.
Proof. intros. admit. Defined.""",
    "assumption",
)
rogue(
    "classical_axiom",
    "assumption",
    "The proof of a true statement uses the excluded middle, which the task does not allow.",
    """Require Import Coq.Logic.Classical_Prop.
Theorem t1 : Statement.T1.
Proof. destruct (classic True) as [_|[]]; [|exact I].
intros n m. induction n; simpl. apply plus_n_O. rewrite IHn. apply plus_n_Sm. Qed.""",
    "assumption",
    base=plain,
)
rogue(
    "functional_extensionality",
    "assumption",
    "The proof of a true statement uses functional extensionality, which the task does not allow.",
    """Require Import Coq.Logic.FunctionalExtensionality.
Lemma same : (fun n : nat => n) = (fun n : nat => n).
Proof. apply functional_extensionality. reflexivity. Qed.
Theorem t1 : Statement.T1.
Proof. destruct same. intros n m. induction n; simpl. apply plus_n_O. rewrite IHn. apply plus_n_Sm. Qed.""",
    "assumption",
    base=plain,
)
rogue(
    "primitive_integers",
    "assumption",
    "The proof rests on axioms about machine integers.",
    """Require Import Coq.Numbers.Cyclic.Int63.Uint63.
Theorem t1 : Statement.T1.
Proof. pose proof (Uint63.add_spec 1%uint63 1%uint63) as H. destruct H.
intros n m. induction n; simpl. apply plus_n_O. rewrite IHn. apply plus_n_Sm. Qed.""",
    "assumption",
    base=plain,
)

# Checks switched off --------------------------------------------------------------------------------------------------

_LOOP = "Fixpoint loop (n : nat) : False := loop n.\nDefinition t1 : Statement.T1 := fun n m => match loop n with end."
rogue(
    "guard_off",
    "switched-off check",
    "The check that recursion ends is switched off, and a proof calls itself.",
    f"Unset Guard Checking.\n{_LOOP}\nSet Guard Checking.",
    "assumption",
)
rogue(
    "guard_bypassed",
    "switched-off check",
    "The check that recursion ends is bypassed by an attribute.",
    f"#[bypass_check(guard)] {_LOOP}",
    "assumption",
)
rogue(
    "guard_off_for_everyone",
    "switched-off check",
    "The check is switched off also for whoever loads the file, which includes the verifier.",
    f"Global Unset Guard Checking.\nGlobal Unset Universe Checking.\nGlobal Unset Positivity Checking.\n{_LOOP}",
    "assumption",
)
_POSITIVITY = """Inductive bad := make (f : bad -> False).
{after}Lemma use : bad -> False. Proof. intros b. destruct b as [f] eqn:E. exact (f b). Qed.
Definition t1 : Statement.T1 := match use (make use) with end."""
rogue(
    "positivity_off",
    "switched-off check",
    "The check that a type does not contain its own negation is switched off.",
    "Unset Positivity Checking.\n" + _POSITIVITY.format(after="Set Positivity Checking.\n"),
    "assumption",
)
rogue(
    "positivity_bypassed",
    "switched-off check",
    "The same, by an attribute.",
    "#[bypass_check(positivity)] " + _POSITIVITY.format(after=""),
    "assumption",
)
_PARADOX = """Theorem wrong : False.
Proof. exact (TypeNeqSmallType.paradox Type eq_refl). Qed.
Definition t1 : Statement.T1 := match wrong with end."""
rogue(
    "universes_off",
    "switched-off check",
    "The check of universes is switched off, and a type contains itself.",
    f"Require Import Coq.Logic.Hurkens.\nUnset Universe Checking.\n{_PARADOX}",
    "assumption",
)
rogue(
    "universes_bypassed",
    "switched-off check",
    "The same, by an attribute.",
    f"Require Import Coq.Logic.Hurkens.\n#[bypass_check(universes)] {_PARADOX}",
    "assumption",
    "theorem",
    "build",
)

# Another statement ----------------------------------------------------------------------------------------------------

rogue(
    "notation_for_equality",
    "other statement",
    "The sign = is redefined, so that the same words say something that is true.",
    'Notation "x = y" := (or (@eq _ x y) True) (at level 70) : type_scope.\n'
    "Theorem t1 : forall n m : nat, n = m.\nProof. intros. right. exact I. Qed.\n"
    'Notation "x = y" := (@eq _ x y) (at level 70) : type_scope.',
    "theorem",
)
rogue(
    "own_numbers",
    "other statement",
    "The numbers are redefined as a type with one member.",
    "Inductive nat := only.\nTheorem t1 : forall n m : nat, n = m.\nProof. intros [] []. reflexivity. Qed.",
    "theorem",
)
rogue(
    "own_statement",
    "other statement",
    "A module inside the file is called Statement and holds a weaker theorem.",
    {
        "src/Main.v": """Module Statement. Definition T1 : Prop := True. Definition T2 : Prop := True. End Statement.
Theorem t1 : Statement.T1. Proof. exact I. Qed.
Theorem t2 : Statement.T2. Proof. exact I. Qed.
"""
    },
    "theorem",
)
rogue(
    "statement_in_src",
    "other statement",
    "A file of the submission is called like the task's.",
    {
        "src/Statement.v": "Definition T1 : Prop := True.\nDefinition T2 : Prop := True.\n",
        "src/Main.v": "From Own Require Statement.\nTheorem t1 : Statement.T1. Proof. exact I. Qed.\n"
        "Theorem t2 : Statement.T2. Proof. exact I. Qed.\n",
    },
    "shadowed-module",
)
rogue(
    "library_name_in_src",
    "other statement",
    "A folder of the submission is called like the task's library.",
    {
        "src/Task/Other.v": "Definition T1 : Prop := True.\n",
        **main("Theorem t1 : True. Proof. exact I. Qed."),
    },
    "shadowed-module",
)
rogue(
    "prelude_name_in_src",
    "other statement",
    "A file of the submission is called like one of the prover's own.",
    {"src/Logic.v": "Inductive eq {A} (a b : A) := eq_refl.\n", **main(_ADDITION)},
    "shadowed-module",
)
rogue(
    "verifier_name_in_src",
    "other statement",
    "A folder of the submission is called like the verifier's own files.",
    {"src/AssayCheck/Goals.v": "Definition goal0 : Prop := True.\n", **main("Theorem t1 : True. Proof. exact I. Qed.")},
    "shadowed-module",
)
rogue(
    "goals_module_inside",
    "other statement",
    "A module inside the file has the name and the fields of the verifier's own file.",
    """Module AssayCheck. Module Goals. Definition goal0 : Prop := True. End Goals. End AssayCheck.
Export AssayCheck.
Theorem t1 : AssayCheck.Goals.goal0. Proof. exact I. Qed.""",
    "theorem",
)
rogue(
    "extra_hypothesis",
    "other statement",
    "The theorem has one more hypothesis, which is false.",
    "Theorem t1 : False -> Statement.T1. Proof. intros []. Qed.",
    "theorem",
)
rogue(
    "section_hypothesis",
    "other statement",
    "The hypothesis is hidden in a section, whose end adds it to the theorem.",
    "Section S.\nHypothesis h : Statement.T1.\nTheorem t1 : Statement.T1. Proof. exact h. Qed.\nEnd S.",
    "theorem",
)
rogue(
    "coercion_to_the_statement",
    "other statement",
    "A coercion turns a proof of something else into what is asked, by an axiom.",
    """Record easy := Easy { yes : True }.
Axiom magic : easy -> Statement.T1.
Definition wanted := forall n m : nat, n = m.
Coercion to_wanted (e : easy) : wanted := magic e.
Definition t1 : Statement.T1 := magic (Easy I).""",
    "assumption",
)
rogue(
    "missing_theorem",
    "other statement",
    "The theorem is not there at all.",
    "Theorem something_else : True. Proof. exact I. Qed.",
    "theorem",
)
rogue(
    "abbreviation_of_an_axiom",
    "other statement",
    "The theorem's name is only an abbreviation, which stands for an axiom.",
    "Axiom hidden : Statement.T1.\nNotation t1 := hidden.",
    "theorem",
    "assumption",
)
rogue(
    "tactic_called_exact",
    "other statement",
    "The tactic that closes the verifier's goal is redefined to give up.",
    """Tactic Notation "exact" constr(x) := admit.
Ltac give_up := admit.
Theorem t1 : True. Proof. constructor. Qed.""",
    "theorem",
)

# Spoofed output -------------------------------------------------------------------------------------------------------

rogue(
    "prints_that_it_is_closed",
    "spoofed output",
    "It prints the words with which the prover says that nothing is assumed.",
    """Axiom ax : False.
Theorem t1 : Statement.T1.
Proof. idtac "Closed under the global context". destruct ax. Qed.
Print Assumptions t2_not_there_yet.""".replace("Print Assumptions t2_not_there_yet.", ""),
    "assumption",
)
rogue(
    "warns_that_it_is_closed",
    "spoofed output",
    "The same words come as a warning whenever the theorem is used.",
    """Axiom hidden : Statement.T1.
#[deprecated(note="Closed under the global context")] Notation t1 := hidden.""",
    "assumption",
)
rogue(
    "axiom_named_like_the_report",
    "spoofed output",
    "Modules and an axiom are named after the prover's words.",
    """Module Closed. Module under_the_global_context.
Axiom ax : Statement.T1.
End under_the_global_context. End Closed.
Definition t1 : Statement.T1 := Closed.under_the_global_context.ax.""",
    "assumption",
)
rogue(
    "flags_for_the_report",
    "spoofed output",
    "Flags for whoever loads the file are to spoil the verifier's report.",
    """Global Set Printing Width 3.
Global Set Printing Depth 1.
Global Set Warnings "-all".
Axiom t1 : Statement.T1.""",
    "assumption",
)

# Commands that reach out ----------------------------------------------------------------------------------------------

for _name, _what, _command in (
    ("plugin", "A plugin is loaded.", 'Declare ML Module "ltac_plugin:coq-core.plugins.ltac".'),
    ("load", "A file is loaded as text.", 'Load "/etc/passwd".'),
    ("load_path", "The verifier's folders are added to the load path.", 'Add LoadPath "/shelf" as Shelf.'),
    ("redirect", "The verifier's report is written beforehand.", 'Redirect "/workspace/assumptions" Print nat.'),
    ("extraction", "A file is written over the verifier's.", 'Require Extraction. Extraction "/shelf/x.ml" plus.'),
    ("changes_folder", "The prover is moved to another folder.", 'Cd "/shelf".'),
    ("definitional_uip", "An option adds an axiom that no report lists.", "Set Definitional UIP."),
    (
        "registers_names",
        "The prover is told that other definitions are the standard ones.",
        "Register True as core.eq.type.",
    ),
    ("hidden_command", "The command stands behind attributes and comments.", '#[local] (* a *) Load (* "." *) "x".'),
):
    rogue(
        f"command_{_name}",
        "command",
        _what,
        f"{_command}\nAxiom t1 : Statement.T1.",
        "command",
        gate=Gate.IMPLEMENTATION,
    )
rogue(
    "plugin_sources",
    "command",
    "The sources of a plugin are handed in with the proofs.",
    {"src/evil.mlg": "DECLARE PLUGIN", **main("Axiom t1 : Statement.T1.")},
    "plugin",
    gate=Gate.IMPLEMENTATION,
)

# Compiled files -------------------------------------------------------------------------------------------------------

rogue(
    "compiled_only",
    "compiled file",
    "The proof is there as a compiled file only.",
    {"src/Hidden.vo": b"\x00\x00\x00\x00", **main("From Own Require Hidden.\nDefinition t1 := Hidden.t1.")},
    "build",
    gate=Gate.IMPLEMENTATION,
)
rogue(
    "compiled_beside_the_source",
    "compiled file",
    "Beside a source that proves nothing lies a compiled file that might.",
    {"src/Main.vo": b"\x00" * 64, "src/Main.vos": b"", **main("Theorem t1 : True. Proof. exact I. Qed.")},
    "theorem",
)

# Letters --------------------------------------------------------------------------------------------------------------

rogue(
    "cyrillic_name",
    "look-alike",
    "A name is written with a letter that looks like another.",
    "Theorem t\u0430 : True. Proof. exact I. Qed.\nAxiom t1 : Statement.T1.",
    "look-alike",
    gate=Gate.IMPLEMENTATION,
)
rogue(
    "turned_text",
    "look-alike",
    "A mark of direction makes the text read otherwise than it is.",
    "(* \u202e ereht si foorp eht *)\nAxiom t1 : Statement.T1.",
    "look-alike",
    gate=Gate.IMPLEMENTATION,
)
rogue(
    "cyrillic_file",
    "look-alike",
    "A file is named with a letter that looks like another.",
    {"src/St\u0430tement.v": "Definition T1 := True.\n", **main("Axiom t1 : Statement.T1.")},
    "look-alike",
    INTAKE,
    gate=Gate.IMPLEMENTATION,
)

# Bad input ------------------------------------------------------------------------------------------------------------


def _many_files(folder: Path) -> None:
    for number in range(6_000):
        (folder / "src" / f"F{number}.v").write_text("")


def _link(folder: Path) -> None:
    (folder / "src" / "Outside.v").symlink_to("/etc/passwd")


def _device(folder: Path) -> None:
    os.mkfifo(folder / "src" / "Pipe.v")


rogue(
    "proof_that_loops",
    "bad input",
    "The proof never ends.",
    "Ltac forever := idtac; forever.\nTheorem t1 : Statement.T1. Proof. forever. Qed.",
    "build",
    gate=Gate.IMPLEMENTATION,
    effort=_SHORT,
)
rogue(
    "proof_that_prints",
    "bad input",
    "The proof prints without end.",
    'Ltac talk := idtac "' + "word " * 200 + '"; talk.\nTheorem t1 : Statement.T1. Proof. talk. Qed.',
    "build",
    gate=Gate.IMPLEMENTATION,
    effort=_SHORT,
)
rogue(
    "proof_that_eats_memory",
    "bad input",
    "The proof builds a term that no memory holds.",
    "Fixpoint big (n : nat) : list nat := match n with 0 => nil | S k => app (big k) (cons k (big k)) end.\n"
    "Definition eaten := Eval vm_compute in big 40.\nAxiom t1 : Statement.T1.",
    "build",
    gate=Gate.IMPLEMENTATION,
    effort=Effort(fuzz=100, thorough=False, file_seconds=60.0, check_seconds=60.0, memory_bytes=512 << 20),
)
rogue(
    "many_files",
    "bad input",
    "There are more files than any component has.",
    main(_ADDITION),
    INTAKE,
    gate=Gate.IMPLEMENTATION,
    change=_many_files,
)
rogue(
    "link_to_the_host", "bad input", "A source is a link to a file of the host.", main(_ADDITION), INTAKE,
    gate=Gate.IMPLEMENTATION, change=_link,
)  # fmt: skip
rogue(
    "pipe_as_source", "bad input", "A source is a pipe, which would never end.", main(_ADDITION), INTAKE,
    gate=Gate.IMPLEMENTATION, change=_device,
)  # fmt: skip
rogue(
    "comment_without_end",
    "bad input",
    "A comment never ends, so that a reader takes for text what is none.",
    {"src/Main.v": HEAD + _ADDITION + WITNESS + "(* and so on"},
    "command",
    "build",
    gate=Gate.IMPLEMENTATION,
)
