"""Honest Rocq components, the awkward ones included: none of them may be stopped."""

from collections.abc import Mapping

from assay.prove.gallery.rocq_material import main, plain
from assay.prove.gallery.specimen import Specimen, skeleton_base
from assay.prove.gates import Gate

SPECIMENS: list[Specimen] = []

ADDITION = """Theorem t1 : Statement.T1.
Proof. intros n m. induction n; simpl. apply plus_n_O. rewrite IHn. apply plus_n_Sm. Qed.
"""


def honest(
    name: str, what: str, files: Mapping[str, str | bytes | None] | str, kind: str = "honest", needs: str | None = None
) -> None:
    laid = main(files) if isinstance(files, str) else files
    SPECIMENS.append(Specimen(name, "rocq", False, kind, what, plain, laid, needs=needs))


honest("straightforward", "A direct proof.", ADDITION)
honest(
    "many_small_files",
    "Forty files, each of which needs the one before.",
    {
        **{
            f"src/Step{n}.v": (f"From Own Require Export Step{n - 1}.\n" if n else "")
            + f"Lemma step{n} (a : nat) : a + {n} = {n} + a.\n"
            + "Proof. induction a; simpl; [reflexivity|]. rewrite IHa. simpl. auto. Qed.\n"
            for n in range(12)
        },
        **main("From Own Require Import Step11.\n" + ADDITION),
    },
)
honest(
    "heavy_tactics",
    "Decision procedures for linear arithmetic and rings do the work.",
    """Require Import Coq.micromega.Lia Coq.setoid_ring.ArithRing Coq.Arith.Arith.
Lemma square (a b : nat) : (a + b) * (a + b) = a * a + 2 * a * b + b * b. Proof. ring. Qed.
Theorem t1 : Statement.T1.
Proof. unfold Statement.T1. intros. lia. Qed.""",
)
honest(
    "own_notations",
    "The submission has notations, scopes and abbreviations of its own, = among them.",
    """Declare Scope own_scope.
Delimit Scope own_scope with own.
Notation "x = y" := (x = y \\/ False) : own_scope.
Notation "a '⊕' b" := (a + b) (at level 50) : own_scope.
Definition both (a b : nat) : Prop := (a ⊕ b = b ⊕ a)%own.
"""
    + ADDITION,
)
honest(
    "type_classes",
    "Type classes, instances and a canonical structure.",
    """Class Commutes (f : nat -> nat -> nat) := commutes : forall a b, f a b = f b a.
Structure magma := Magma { carrier : Type; op : carrier -> carrier -> carrier }.
Canonical nat_magma := Magma nat plus.
Global Instance plus_commutes : Commutes plus.
Proof. intros n m. induction n; simpl. apply plus_n_O. rewrite IHn. apply plus_n_Sm. Qed.
Theorem t1 : Statement.T1.
Proof. exact commutes. Qed.""",
)
honest(
    "applied_functor",
    "A functor that is applied to a module.",
    """Module Type NUMBER. Parameter zero : nat. Parameter is_zero : zero = 0. End NUMBER.
Module Double (N : NUMBER). Lemma twice : N.zero + N.zero = 0. Proof. rewrite N.is_zero. reflexivity. Qed. End Double.
Module Zero <: NUMBER. Definition zero := 0. Definition is_zero : zero = 0 := eq_refl. End Zero.
Module D := Double Zero.
"""
    + ADDITION,
)
honest(
    "program_obligations",
    "A program whose obligations are proved, and recursion that ends by a measure.",
    """Require Import Coq.Program.Tactics Coq.Arith.Wf_nat.
Program Definition next (n : nat) : { m : nat | m = S n } := S n.
Definition down : forall n : nat, nat.
Proof. apply (well_founded_induction lt_wf (fun _ => nat)). intros n rec. exact 0. Defined.
"""
    + ADDITION,
)
honest(
    "mutual_types",
    "Types defined together, nested types, and a proof by their own induction.",
    """Inductive tree := node (f : forest) with forest := nil | cons (t : tree) (f : forest).
Scheme tree_both := Induction for tree Sort Prop with forest_both := Induction for forest Sort Prop.
Inductive rose := Rose (l : list rose).
Fixpoint size (t : tree) : nat := match t with node f => S (sizes f) end
with sizes (f : forest) : nat := match f with nil => 0 | cons t g => size t + sizes g end.
"""
    + ADDITION,
)
honest(
    "polymorphic_universes",
    "Universe polymorphism and definitions in SProp.",
    """Set Universe Polymorphism.
Definition same@{u} {A : Type@{u}} (a : A) : A := a.
Inductive truth : SProp := yes.
Unset Universe Polymorphism.
"""
    + ADDITION,
)
honest(
    "implicit_arguments",
    "The theorem's arguments are implicit.",
    """Theorem t1 : forall n m : nat, n + m = m + n.
Proof. intros n m. induction n; simpl. apply plus_n_O. rewrite IHn. apply plus_n_Sm. Qed.
Arguments t1 {n m}.""",
)
honest(
    "another_name",
    "The theorem's name is an abbreviation of a proof in another module.",
    "Module Proofs.\n" + ADDITION + "End Proofs.\nNotation t1 := Proofs.t1.",
)
honest(
    "mathematical_letters",
    "Greek letters, quantifiers as symbols, and accents in the comments.",
    """Require Import Coq.Unicode.Utf8.
(* Un théorème de Peano; λ-Ausdrücke. *)
Definition Γ (α : nat) : nat := α.
Lemma identity : ∀ β, Γ β = β. Proof. reflexivity. Qed.
"""
    + ADDITION,
)
honest(
    "reflection",
    "A large computation inside the kernel.",
    """Require Import Coq.NArith.BinNat.
Definition powers := N.iter 3000 (fun n => (n * 7 + 1) mod 65521)%N 1%N.
Lemma computed : powers = powers. Proof. vm_compute. reflexivity. Qed.
Lemma large : (N.iter 16 (fun n => n * n) 3 mod 1000003 = N.iter 16 (fun n => n * n) 3 mod 1000003)%N.
Proof. vm_cast_no_check (eq_refl (N.iter 16 (fun n => n * n)%N 3 mod 1000003)%N). Qed.
"""
    + ADDITION,
)
honest(
    "small_scale_reflection",
    "The proof language of ssreflect.",
    """Require Import ssreflect ssrfun ssrbool.
Theorem t1 : Statement.T1.
Proof. by elim=> [|n IH] m /=; [rewrite -plus_n_O | rewrite IH plus_n_Sm]. Qed.""",
)
honest(
    "commands_in_words",
    "Comments, strings and constructors that look like refused commands.",
    """Require Import Coq.Strings.String.
(* Load "x". Declare ML Module "y". (* Cd "z". "*)" *) Axiom *)
Definition said : string := "Load me. Redirect ""this"". Drop.".
Inductive exp := Load (a : nat) | Drop | Quit.
Definition program := Load 3.
Fail Definition wrong : nat := true.
"""
    + ADDITION,
)
honest(
    "folders_and_sections",
    "Files in folders, sections with variables, local definitions, tactics of its own.",
    {
        "src/Parts/Left.v": "Section S.\nVariable a : nat.\nLet b := a.\n"
        "Lemma left : b = a. Proof. reflexivity. Qed.\nEnd S.\nLtac finish := reflexivity.\n",
        "src/Parts/Deeper/Right.v": "From Own.Parts Require Import Left.\nLemma right : 1 = 1. Proof. finish. Qed.\n",
        **main("From Own.Parts.Deeper Require Import Right.\n" + ADDITION),
    },
)
honest(
    "stdpp",
    "The library stdpp, with its own notations, scopes and tactics.",
    """From stdpp Require Import base list numbers gmap.
Lemma looked_up : ({[1 := 2]} : gmap nat nat) !! 1 = Some 2. Proof. apply lookup_singleton. Qed.
Theorem t1 : Statement.T1.
Proof. unfold Statement.T1. intros. lia. Qed.""",
    needs="user-contrib/stdpp",
)
honest(
    "mathcomp",
    "The library mathcomp, whose structures change how everything is read.",
    """From mathcomp Require Import all_ssreflect.
Theorem t1 : Statement.T1.
Proof. by move=> n m; rewrite !plusE addnC. Qed.""",
    needs="user-contrib/mathcomp",
)
SPECIMENS.append(
    Specimen(
        "skeleton", "rocq", False, "honest", "What `assay prove new` makes.", skeleton_base("rocq"), {}, Gate.OPTIMISED
    )
)
