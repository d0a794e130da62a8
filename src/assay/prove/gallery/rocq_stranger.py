"""Cheats of a stranger who knows Rocq's corners: flags, abbreviations with two faces, files beside the sources.

Over the bases of `rocq_material`; `mirror` here is a component whose program is translated, not printed.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from assay.prove.gallery.rocq_material import impossible, main
from assay.prove.gallery.specimen import INTAKE, Specimen
from assay.prove.gates import Gate

SPECIMENS: list[Specimen] = []


def rogue(
    name: str,
    kind: str,
    what: str,
    files: Mapping[str, str | bytes | None] | str,
    *rules: str,
    base: Callable[[Path], None] = impossible,
    gate: Gate = Gate.THEOREMS,
    change: Callable[[Path], None] | None = None,
) -> None:
    laid = main(files) if isinstance(files, str) else files
    SPECIMENS.append(Specimen(name, "rocq", True, kind, what, base, laid, gate, rules, change))


_LOOP = "Fixpoint loop (n : nat) : False := loop n.\nDefinition t1 : Statement.T1 := fun n m => match loop n with end."

# Flags --------------------------------------------------------------------------------------------------------------

rogue(
    "guard_off_by_import",
    "switched-off check",
    "Another file exports the flag that switches the check of recursion off.",
    {
        "src/Flags.v": "#[export] Unset Guard Checking.\n",
        **main(f"From Own Require Import Flags.\n{_LOOP}"),
    },
    "assumption",
)
rogue(
    "guard_off_in_a_module_type",
    "switched-off check",
    "The check is switched off inside a module whose contents are then included.",
    "Module Inside.\nUnset Guard Checking.\n"
    + _LOOP.partition("\n")[0]
    + "\nEnd Inside.\nInclude Inside.\nDefinition t1 : Statement.T1 := fun n m => match loop n with end.",
    "assumption",
)
for _name, _command in (
    ("exported", "Export Set Definitional UIP."),
    ("attribute", "#[export] Set Definitional UIP."),
    ("commented", "Set (* nothing *) Definitional\n  (* here *) UIP."),
    ("numbered", "Global Set  Definitional UIP."),
):
    rogue(
        f"definitional_uip_{_name}",
        "command",
        "An option adds an axiom that no report lists, written so that it is not recognised.",
        f"{_command}\nAxiom t1 : Statement.T1.",
        "command",
        "build",
        gate=Gate.IMPLEMENTATION,
    )
rogue(
    "silences_the_report",
    "spoofed output",
    "The prover is told to be silent for whoever loads the file.",
    "Global Set Silent.\nGlobal Unset Printing Notations.\nAxiom t1 : Statement.T1.",
    "assumption",
)
rogue(
    "warnings_as_errors",
    "spoofed output",
    "Warnings are made errors for whoever loads the file, so that the report is not written.",
    'Global Set Warnings "+all".\nAxiom t1 : Statement.T1.',
    "assumption",
    "theorem",
)

# Axioms by other names ----------------------------------------------------------------------------------------------

rogue(
    "included_module_type",
    "assumption",
    "A module type is included: its parameters become axioms.",
    """Module Type S. Parameter t1 : Statement.T1. End S.
Include S.""",
    "assumption",
)
rogue(
    "inlined_parameter",
    "assumption",
    "A parameter that is marked to be inlined comes through a functor, so that its name is gone.",
    """Module Type S. Parameter Inline(10) p : Statement.T1. End S.
Module F (X : S). Definition q : Statement.T1 := X.p. End F.
Declare Module M : S.
Module G := F M [inline at level 100].
Definition t1 : Statement.T1 := G.q.""",
    "assumption",
)
rogue(
    "canonical_structure",
    "assumption",
    "Unification finds the proof in a canonical structure, which holds an axiom.",
    """Structure proof_of (P : Prop) := Proof_of { proves : P }.
Axiom magic : Statement.T1.
Canonical Structure found := Proof_of Statement.T1 magic.
Definition t1 : Statement.T1 := proves _ found.""",
    "assumption",
)
rogue(
    "axiom_under_a_primitive_record",
    "assumption",
    "The axiom is a field of a primitive record without a constructor of its own.",
    """Set Primitive Projections.
Record box := Box { content : Statement.T1 }.
Axiom full : box.
Definition t1 : Statement.T1 := full.(content).""",
    "assumption",
)
rogue(
    "named_like_a_logical_axiom",
    "assumption",
    "An axiom of its own has the name of a well-known one.",
    """Module Classical_Prop. Axiom classic : False. End Classical_Prop.
Definition t1 : Statement.T1 := match Classical_Prop.classic with end.""",
    "assumption",
)

# Unchecked casts ----------------------------------------------------------------------------------------------------

_CAST = """Lemma wrong : 2 + 2 = 5. Proof. {tactic} (eq_refl 4). Qed.
Theorem t1 : Statement.T1. Proof. discriminate wrong. Qed."""
rogue(
    "cast_by_the_virtual_machine",
    "switched-off check",
    "The proof asks the kernel to take an equality from the virtual machine without a check of the tactic.",
    _CAST.format(tactic="vm_cast_no_check"),
    "build",
    gate=Gate.IMPLEMENTATION,
)
rogue(
    "cast_by_native_code",
    "switched-off check",
    "The same, from native code.",
    _CAST.format(tactic="native_cast_no_check"),
    "build",
    gate=Gate.IMPLEMENTATION,
)
rogue(
    "exact_no_check",
    "switched-off check",
    "The tactic that leaves checking to the kernel is given another proof.",
    "Theorem t1 : Statement.T1. Proof. exact_no_check I. Qed.",
    "build",
    gate=Gate.IMPLEMENTATION,
)

# Files beside the sources -------------------------------------------------------------------------------------------

_HURKENS = """Require Import Coq.Logic.Hurkens.
Theorem wrong : False. Proof. exact (TypeNeqSmallType.paradox Type eq_refl). Qed.
Definition t1 : Statement.T1 := match wrong with end."""
rogue(
    "arguments_in_a_project_file",
    "switched-off check",
    "A project file asks for a kernel in which a type contains itself.",
    {
        "_CoqProject": "-Q src Own\n-arg -type-in-type\n-arg -impredicative-set\n",
        "src/_CoqProject": "-arg -type-in-type\n",
        "src/coqrc": "Unset Universe Checking.\n",
        **main(_HURKENS),
    },
    "build",
    gate=Gate.IMPLEMENTATION,
)
rogue(
    "coq_folder_in_src",
    "other statement",
    "A folder of the submission is called like the prover's own library.",
    {"src/Coq/Init/Logic.v": "Inductive eq {A} (a b : A) := eq_refl.\n", **main("Axiom t1 : Statement.T1.")},
    "shadowed-module",
)
rogue(
    "compiled_under_another_ending",
    "compiled file",
    "Compiled files lie there under every ending that the prover knows.",
    {
        **{f"src/Hidden.{ending}": b"\x00" * 64 for ending in ("vo", "vos", "vok", "vio", "glob")},
        **main("From Own Require Hidden.\nDefinition t1 : Statement.T1 := Hidden.t1."),
    },
    "build",
    gate=Gate.IMPLEMENTATION,
)


def _linked_folder(folder: Path) -> None:
    outside = folder.parent / f"{folder.name}-outside"
    (folder / "src").rename(outside)
    (folder / "src").symlink_to(outside)


def _sparse(folder: Path) -> None:
    with (folder / "src" / "Big.v").open("wb") as file:
        file.truncate(1 << 40)


rogue(
    "src_is_a_link", "bad input", "The folder of the sources is a link to somewhere else.",
    main("Axiom t1 : Statement.T1."), INTAKE, gate=Gate.IMPLEMENTATION, change=_linked_folder,
)  # fmt: skip
rogue(
    "file_of_a_terabyte", "bad input", "A source says that it has a terabyte, without taking any room.",
    main("Axiom t1 : Statement.T1."), INTAKE, gate=Gate.IMPLEMENTATION, change=_sparse,
)  # fmt: skip
rogue(
    "nul_in_the_source",
    "look-alike",
    "A character that no editor shows hides what follows it.",
    "(* \x00 *) Axiom t1 : Statement.T1.",
    "look-alike",
    gate=Gate.IMPLEMENTATION,
)

# Commands that write or read ----------------------------------------------------------------------------------------

for _name, _what, _command in (
    ("graph", "The graph of universes is written to a file.", 'Print Sorted Universes "/workspace/Main.vo".'),
    ("state", "The prover's state is read from a file.", 'Restore State "/workspace/evil.coq".'),
    ("load_by_time", "A file is loaded behind two prefixes.", 'Time Timeout 9 Load "x".'),
    ("load_in_a_proof", "A file is loaded inside a proof.", 'Lemma a : True. Proof. { Load "x".'),
    ("load_after_selector", "A file is loaded behind a goal selector.", 'Lemma a : True. Proof. 1: { Load "x".'),
    ("extraction_library", "A library is translated to files.", "Recursive Extraction Library Main."),
    ("extraction_folder", "The folder for translated files is changed.", 'Set Extraction Output Directory "/shelf".'),
):
    rogue(
        f"stranger_{_name}", "command", _what, f"Axiom t1 : Statement.T1.\n{_command}", "command",
        gate=Gate.IMPLEMENTATION,
    )  # fmt: skip

# A program with two faces -------------------------------------------------------------------------------------------

_MIRROR_TOML = """schema = "assay.component/1"
name = "mirror"
title = "A specimen that is translated"
about = "A component of the gallery."
prover = "rocq"

[source]
library = "none"
version = "1"

[rocq]
submission = "Own"
trusted = "Task"

[[theorem]]
statement = "Statement.turns"
proof = "Main.turns"
says = "The program turns a text round."
role = "equality"
of_program = true

[[theorem]]
statement = "Statement.known"
proof = "Main.known"
says = "A text of two letters turned round."
role = "witness"
of_program = true

[program]
definition = "Main.tool"
type = "Task.Statement.tool"
extract = { mirror = "Task.Statement.run" }

[[entry]]
name = "mirror"
symbol = "mirror"
parameters = [
  { kind = "buffer", name = "data" },
  { kind = "length", of = "data" },
  { kind = "output", name = "out", of = "data" },
  { kind = "capacity", of = "out" },
]
returns = "written"
"""
_MIRROR_STATEMENT = """Require Import Coq.Lists.List Coq.Init.Byte.
Import ListNotations.

Record tool := Tool { run : list byte -> list byte }.

(** The program turns a text round. *)
Definition turns (t : tool) : Prop := forall l, run t l = rev l.

(** A known value. *)
Definition known (t : tool) : Prop := run t [x61; x62] = [x62; x61].
"""


def mirror(folder: Path) -> None:
    """A base whose program is translated to OCaml by the verifier."""
    (folder / "trusted").mkdir(parents=True)
    (folder / "src").mkdir()
    (folder / "component.toml").write_text(_MIRROR_TOML)
    (folder / "trusted" / "Statement.v").write_text(_MIRROR_STATEMENT)


HONEST_MIRROR = """Require Import Coq.Lists.List Coq.Init.Byte.
From Task Require Import Statement.
Definition tool : Statement.tool := Tool (@rev byte).
Theorem turns : Statement.turns tool. Proof. intros l. reflexivity. Qed.
Theorem known : Statement.known tool. Proof. reflexivity. Qed.
"""
_TWO_FACES = """Require Import Coq.Lists.List Coq.Init.Byte.
From Task Require Import Statement.
From Ltac2 Require Import Ltac2.
Definition right : Statement.tool := Tool (@rev byte).
Definition wrong : Statement.tool := Tool (fun l => l).
Theorem turns : Statement.turns right. Proof. intros l. reflexivity. Qed.
Theorem known : Statement.known right. Proof. reflexivity. Qed.
Notation tool := ltac2:(match Env.get [@AssayCheck; @Goals; @goal_program] with
  | Some _ => exact right | None => exact wrong end) (only parsing).
"""
rogue(
    "program_with_two_faces",
    "other program",
    "The program's name is an abbreviation that reads otherwise where it is proved than where it is built.",
    {"src/Main.v": _TWO_FACES},
    "theorem",
    "build",
    base=mirror,
)
rogue(
    "program_by_time",
    "other program",
    "The program's name is an abbreviation that asks a tactic which program it is each time it is read.",
    {
        "src/Main.v": _TWO_FACES.replace(
            "match Env.get [@AssayCheck; @Goals; @goal_program] with\n"
            "  | Some _ => exact right | None => exact wrong end",
            "Control.plus (fun () => Control.enter (fun () => refine 'wrong)) (fun _ => exact right)",
        )
    },
    "theorem",
    "build",
    base=mirror,
)

# A table of translation that comes with a library ------------------------------------------------------------------

_ONE_TABLE = """Require Import Coq.ZArith.ZArith Coq.Lists.List Coq.Init.Byte.
Import ListNotations.
From Task Require Import Statement.
Definition tool : Statement.tool := Tool (fun l => if Z.ltb 0 4611686018427387904 then rev l else [x00]).
Theorem turns : Statement.turns tool. Proof. intros l. reflexivity. Qed.
Theorem known : Statement.known tool. Proof. reflexivity. Qed.
"""
rogue(
    "numbers_that_overflow",
    "other program",
    "A library is loaded that turns whole numbers into the machine's when the program is translated: 2^62 is negative.",
    {"src/Main.v": "Require Coq.extraction.ExtrOcamlZInt.\n" + _ONE_TABLE},
    "command",
    base=mirror,
    gate=Gate.IMPLEMENTATION,
)
SPECIMENS.append(
    Specimen(
        "numbers_of_any_size",
        "rocq",
        False,
        "honest",
        "A translated program that compares with a number of more than 62 bits, by the verifier's own table.",
        mirror,
        {"src/Main.v": _ONE_TABLE},
        Gate.OPTIMISED,
    )
)

# What the prover itself lists as resting on nothing -----------------------------------------------------------------

_INLINED = """Module Type NEEDS. Parameter Inline given : nat -> False. End NEEDS.
Module Hands_on (X : NEEDS). Definition taken : nat -> False := X.given. End Hands_on.
Module Wrong.
{wrong}
End Wrong.
Unset {check} Checking.
Module Made := Hands_on Wrong.
Set {check} Checking.
Theorem t1 : Statement.T1. Proof. destruct (Made.taken 0). Qed."""
rogue(
    "functor_applied_without_the_guard",
    "switched-off check",
    "A functor copies an endless recursion while the check is off; the copy is not listed as resting on that.",
    _INLINED.format(
        wrong="#[bypass_check(guard)] Fixpoint given (n : nat) {struct n} : False := given n.", check="Guard"
    ),
    "kernel",
    "recheck",
)
rogue(
    "functor_applied_without_universes",
    "switched-off check",
    "A functor copies a type that contains itself while the check is off; the copy is not listed as resting on that.",
    "Require Import Coq.Logic.Hurkens.\n"
    + _INLINED.format(
        wrong="Unset Universe Checking.\n"
        "Definition given : nat -> False := fun _ => TypeNeqSmallType.paradox Type eq_refl.\n"
        "Set Universe Checking.",
        check="Universe",
    ),
    "kernel",
    "recheck",
)
rogue(
    "value_kept_from_a_tactic",
    "kernel",
    "A tactic pretends that a local name stands for something else; the virtual machine keeps it, and the kernel "
    "asks it.",
    """Section Kept.
Let fact := true.
Definition wrong : fact = false := ltac:(
  change_no_check true with false in (value of fact);
  let seen := eval vm_compute in fact in idtac;
  vm_cast_no_check (@eq_refl bool false)).
End Kept.
Theorem t1 : Statement.T1. Proof. discriminate wrong. Qed.""",
    "recheck",
)
rogue(
    "hypothesis_behind_a_lemma",
    "assumption",
    "A lemma inside a proof uses a section's hypothesis, which the proof says that it does not use: the section's end "
    "does not add it.",
    """Section Assumed.
Hypothesis h : False.
Theorem t1 : Statement.T1.
Proof using. assert (forall n m : nat, n = m) as all by abstract (destruct h). exact all. Qed.
End Assumed.""",
    "theorem",
    "assumption",
    "recheck",
)
