"""False things that the kernel of Coq 8.16 itself accepts, and its checker too: only the audit of compiled files helps.

Each is the shape of a mistake that Coq's developers have published and mended in later versions.
"""

from assay.prove.gallery.rocq_honest import ADDITION
from assay.prove.gallery.rocq_material import impossible, main, plain
from assay.prove.gallery.specimen import Specimen

SPECIMENS: list[Specimen] = []
_END = "\nTheorem t1 : Statement.T1.\nProof. destruct wrong. Qed.\n"


def rogue(name: str, what: str, text: str) -> None:
    SPECIMENS.append(
        Specimen(name, "rocq", True, "kernel", what, impossible, main(text.strip() + _END), rules=("kernel",))
    )


rogue(
    "match_on_a_match",
    "A recursive call hides behind a match on a match, which the kernel takes for something smaller.",
    """
Definition positive n := match n with 0 => False | S _ => True end.
Definition large n := match n with 0 => False | S k => positive k end.
Fixpoint down (n : nat) {struct n} : positive n -> False.
  refine (match n with
  | 0 => fun h => h
  | S k => fun h =>
      let go (b : bool) (e : b = true) (x : nat) (l : large x) :=
        let next := match (if b then x else k) with 0 => k | S j => j end in down next _ in
      go true eq_refl 5 I
  end).
  subst b. destruct x; cbn in l; [destruct l|exact l].
Defined.
Lemma wrong : False. Proof. exact (down 1 I). Qed.  (* sealed: it would never be computed to the end *)
""",
)
rogue(
    "cofixpoint_in_a_cofixpoint",
    "A circle is made of two cofixpoints inside a third, and taken for a finite tree.",
    """
CoInductive pair (X Y : Type) := both : X -> Y -> pair X Y.
CoInductive chain (A : Type) := link : chain A -> pair (chain A) A -> chain A.
Inductive tree : Type := grow : chain tree -> tree.
CoFixpoint circle : chain tree :=
  (cofix f : chain tree := link tree f g
   with g : pair (chain tree) tree := both (chain tree) tree circle (grow circle) for f).
Fixpoint none (t : tree) : False :=
  match t with grow c => match c with link _ _ d => match d with both _ _ _ s => none s end end end.
Lemma wrong : False. Proof. exact (none (grow circle)). Qed.
""",
)
rogue(
    "functor_by_inclusion",
    "A module with a functor in it is included, after which two results of the functor count as one.",
    """
Module Type BIT. Parameter bit : bool. End BIT.
Module Yes. Definition bit := true. End Yes.
Module No. Definition bit := false. End No.
Module Outer.
Module Make (B : BIT). Module One. Definition value := B.bit. End One. Module Two := One. End Make.
End Outer.
Include Outer.
Module A := Make Yes.
Module B := Make No.
Lemma same : A.Two.value = B.Two.value. Proof. reflexivity. Qed.
Lemma first : A.Two.value = true. Proof. reflexivity. Qed.
Lemma second : B.Two.value = false. Proof. reflexivity. Qed.
Lemma wrong : False.
Proof. assert (e : true = false) by (rewrite <- first, <- second; exact same). discriminate e. Qed.
""",
)
rogue(
    "constructor_with_a_definition",
    "Two types differ in where a constructor defines something, and pass for the same in a functor.",
    """
Unset Elimination Schemes.
Module Type SHAPE. Inductive t := make (x : nat) (z : nat := 0). End SHAPE.
Module Other. Inductive t := make (z : nat := 0) (x : nat). End Other.
Module Read (X : SHAPE).
  Definition result : match (match X.make 1 with X.make x z => z end) with O => True | S _ => False end := I.
End Read.
Module Applied := Read Other.
Definition wrong : False := Applied.result.
""",
)

SPECIMENS.append(
    Specimen(
        "recursions_of_many_kinds",
        "rocq",
        False,
        "honest",
        "Recursion over accessibility, nested types, two types at once, by a tactic, with names in between; a stream.",
        plain,
        main(
            """
Fixpoint halve (n : nat) (a : Acc lt n) {struct a} : nat :=
  match n as k return n = k -> nat with
  | 0 => fun _ => 0
  | S k => fun e => S (halve k (Acc_inv a (eq_ind_r (fun n => k < n) (le_n (S k)) e)))
  end eq_refl.
Inductive rose := Rose (l : list rose).
Fixpoint size (r : rose) : nat :=
  match r with Rose l => (fix sizes l := match l with nil => 0 | cons t l => size t + sizes l end) l end.
Inductive even := zero | next (o : odd) with odd := after (e : even).
Fixpoint of_even (e : even) : nat := match e with zero => 0 | next o => S (of_odd o) end
with of_odd (o : odd) : nat := match o with after e => S (of_even e) end.
Fixpoint add (n m : nat) : nat := match n with 0 => m | S k => let j := k in S (add j (S m)) end.
Inductive wide := leaf | branch (f : nat -> wide).
Fixpoint depth (w : wide) (n : nat) : nat := match w with leaf => 0 | branch f => S (depth (f n) n) end.
CoInductive stream := Cons (n : nat) (s : stream).
CoFixpoint from (n : nat) : stream := Cons n (from (S n)).
Lemma by_tactic : forall n : nat, n = n + 0.
Proof. fix IH 1. intros [|n]; [reflexivity|]. cbn. f_equal. apply IH. Qed.
Scheme Equality for nat.
"""
            + ADDITION
        ),
    )
)
