"""Honest Lean components: none of them may be stopped."""

from collections.abc import Mapping

from assay.prove.gallery.lean_material import HONEST
from assay.prove.gallery.specimen import Specimen, skeleton_base

SPECIMENS: list[Specimen] = []


def honest(name: str, what: str, files: Mapping[str, str | bytes | None]) -> None:
    base = skeleton_base("lean")
    SPECIMENS.append(Specimen(f"lean_{name}", "lean", False, "honest", what, base, files))


_LEMMAS, _, _THEOREM = HONEST.partition("theorem t1")
honest("skeleton", "What `assay prove new` makes.", {})
honest(
    "several_files",
    "The lemmas stand in a file of their own.",
    {
        "src/Lemmas.lean": _LEMMAS,
        "src/Main.lean": "prelude\nimport Statement\nimport Lemmas\ntheorem t1" + _THEOREM,
    },
)
honest(
    "types_of_its_own",
    "Lists, pairs, definitions by recursion, and a theorem about them.",
    {
        "src/Main.lean": HONEST
        + """
inductive Seq where
  | nil : Seq
  | cons (x : Num) (s : Seq) : Seq
inductive Pair (α : Type) : Type where
  | both (left : α) (right : α) : Pair α
noncomputable def length (s : Seq) : Num :=
  Seq.rec (motive := fun _ => Num) Num.zero (fun _ _ n => Num.succ n) s
theorem empty : Eq (length Seq.nil) Num.zero := Eq.refl
"""
    },
)
honest(
    "words_in_comments",
    "Comments and strings that look like refused words.",
    {"src/Main.lean": HONEST + "\n/- axiom sorry; macro /- set_option -/ #eval -/\n-- unsafe, «opaque»\n"},
)
