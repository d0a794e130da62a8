"""Lean components that pretend to prove what they do not, over a statement that is false."""

from collections.abc import Mapping

from assay.prove.gallery.lean_material import HEAD, WITNESS, impossible, main
from assay.prove.gallery.specimen import Specimen
from assay.prove.gates import Gate
from assay.prove.provers import Effort

SPECIMENS: list[Specimen] = []
_SHORT = Effort(thorough=False, file_seconds=20.0, memory_bytes=1 << 30)


def rogue(
    name: str,
    kind: str,
    what: str,
    files: Mapping[str, str | bytes | None] | str,
    *rules: str,
    effort: Effort = _SHORT,
) -> None:
    laid = main(files) if isinstance(files, str) else files
    SPECIMENS.append(
        Specimen(f"lean_{name}", "lean", True, kind, what, impossible, laid, Gate.THEOREMS, rules, effort=effort)
    )


_CLAIM = "theorem t1 : T1"

# Assumptions
rogue("axiom", "assumption", "The theorem is an axiom.", "axiom t1 : T1", "assumption")
rogue("axiom_behind", "assumption", "An axiom stands behind a theorem.", f"axiom a : T1\n{_CLAIM} := a", "assumption")
rogue(
    "axiom_elsewhere",
    "assumption",
    "The axiom stands in a file of its own.",
    {
        "src/Deep.lean": HEAD + "axiom deep : T1\n",
        "src/Main.lean": f"prelude\nimport Statement\nimport Deep\n{_CLAIM} := deep\n{WITNESS}",
    },
    "assumption",
)
rogue("sorry", "assumption", "The proof is left out.", f"{_CLAIM} := sorry", "assumption")
rogue(
    "own_sorry",
    "assumption",
    "The constant that stands for a missing proof is defined first.",
    f"axiom sorryAx (α : Sort u) (synthetic : Bool) : α\n{_CLAIM} := sorry",
    "assumption",
)
rogue("opaque", "assumption", "The theorem is a constant that nobody can look into.", "opaque t1 : T1", "assumption")
rogue(
    "native",
    "assumption",
    "Compiled code is believed.",
    f"{_CLAIM} := by native_decide",
    "assumption",
)

# The kernel switched off
rogue(
    "kernel_off",
    "switched-off check",
    "An option keeps the kernel from looking at the proof.",
    f"set_option debug.skipKernelTC true\n{_CLAIM} := fun _ _ => Eq.refl",
    "option",
)
rogue(
    "unsafe_loop",
    "switched-off check",
    "An unsafe definition proves by calling itself.",
    f"unsafe def loop : T1 := loop\n{_CLAIM} := loop",
    "code",
)
rogue(
    "partial_loop",
    "switched-off check",
    "A partial definition proves by calling itself.",
    f"partial def loop : T1 := loop\n{_CLAIM} := loop",
    "assumption",
)
rogue(
    "loop",
    "switched-off check",
    "A theorem calls itself.",
    f"{_CLAIM} := fun n m => t1 n m",
    "build",
)
rogue(
    "bad_type",
    "switched-off check",
    "A type contains its own negation.",
    "inductive Bad where\n  | mk (f : Bad → T1) : Bad\n"
    f"noncomputable def use (b : Bad) : T1 := Bad.rec (fun f _ => f b) b\n{_CLAIM} := use (Bad.mk use)",
    "build",
)
rogue(
    "universe_too_small",
    "switched-off check",
    "A type is put into a universe that is too small for it.",
    f"inductive Box : Type where\n  | mk (α : Type) : Box\n{_CLAIM} := fun n m => Eq.refl",
    "build",
)

# Another statement
rogue(
    "own_statement",
    "other statement",
    "The statement is defined again, as something true.",
    f"inductive Truth : Prop where\n  | yes : Truth\ndef T1 : Prop := Truth\n{_CLAIM} := Truth.yes",
    "build",
)
rogue(
    "statement_in_src",
    "other statement",
    "A file of the submission is called like the task's.",
    {
        "src/Statement.lean": "prelude\ninductive T1 : Prop where\n  | yes : T1\n",
        "src/Main.lean": f"prelude\nimport Statement\n{_CLAIM} := T1.yes\n",
    },
    "shadowed-module",
)
rogue(
    "verifier_in_src",
    "other statement",
    "A file of the submission is called like the verifier's.",
    {"src/AssayCheck.lean": "prelude\n", **main(f"{_CLAIM} := fun _ _ => Eq.refl")},
    "shadowed-module",
)
rogue(
    "extra_hypothesis",
    "other statement",
    "The theorem has one more hypothesis.",
    "theorem t1 (h : T1) : T1 := h",
    "theorem",
)
rogue(
    "unseen_hypothesis",
    "other statement",
    "A variable adds a hypothesis that the theorem does not show.",
    f"variable (h : T1)\n{_CLAIM} := h",
    "names",
)
rogue(
    "weaker",
    "other statement",
    "The theorem is proved for equal numbers only.",
    "theorem t1 : ∀ n : Num, Eq n n := fun _ => Eq.refl",
    "theorem",
)
rogue("missing", "other statement", "The theorem is not there.", "theorem other : T2 := Eq.refl", "theorem")
rogue(
    "other_namespace",
    "other statement",
    "The theorem stands in a namespace that holds a statement of the same name.",
    "namespace Mine\ninductive T1 : Prop where\n  | yes : T1\ntheorem t1 : T1 := T1.yes\nend Mine\nexport Mine (t1)",
    "names",
)

# The grammar
rogue(
    "macro_for_theorem",
    "grammar",
    "A macro gives the word `theorem` another meaning for whoever imports the file.",
    'macro "theorem" n:ident ":" t:term ":=" v:term : command => `(axiom $n : $t)\naxiom t1 : T1',
    "grammar",
)
rogue(
    "notation_for_statement",
    "grammar",
    "A notation lets the name of the statement stand for something true.",
    'notation "T1" => T2\ntheorem t1 : T2 := Eq.refl',
    "grammar",
)
rogue(
    "elaborator",
    "grammar",
    "An elaborator makes a proof of anything.",
    f'elab "anything" : term => pure default\n{_CLAIM} := anything',
    "grammar",
)
rogue(
    "instance_search",
    "grammar",
    "What is found by search is made to stand for the task's definitions.",
    f"instance found : T1 := fun _ _ => Eq.refl\n{_CLAIM} := found",
    "names",
)
rogue(
    "attribute",
    "grammar",
    "An attribute gives a definition another meaning.",
    f"@[implemented_by add] def plus (n m : Num) : Num := n\n{_CLAIM} := fun _ _ => Eq.refl",
    "realisation",
)

# Code that runs while it is compiled
rogue(
    "runs_a_command",
    "code",
    "A command runs while the file is compiled.",
    f'#eval IO.FS.writeFile "/shelf/trusted/Statement.olean" ""\n{_CLAIM} := fun _ _ => Eq.refl',
    "code",
)
rogue(
    "initializer",
    "code",
    "A program runs when the file is imported.",
    f"initialize pure ()\n{_CLAIM} := fun _ _ => Eq.refl",
    "code",
)
rogue(
    "imports_lean",
    "code",
    "Lean's own library for changing the environment is imported.",
    {"src/Main.lean": f"prelude\nimport Lean\nimport Statement\n{_CLAIM} := fun _ _ => Eq.refl\n"},
    "imports",
)
rogue(
    "not_bare",
    "code",
    "The file does not begin with `prelude`.",
    {"src/Main.lean": f"import Statement\n{_CLAIM} := fun _ _ => Eq.refl\n"},
    "imports",
)

# Output, letters, compiled files
rogue(
    "prints_that_it_is_closed",
    "spoofed output",
    "A failed theorem, and then the report that it rests on nothing.",
    f"{_CLAIM} := sorry\n#print axioms t1",
    "assumption",
    "code",
)
rogue(
    "cyrillic_name",
    "look-alike",
    "A name is written with a letter that looks like another.",
    "theorem t\u0430 : T2 := Eq.refl",
    "look-alike",
)
rogue(
    "quoted_name",
    "look-alike",
    "A quoted name looks like the statement's.",
    f"def «T1 » : Prop := T2\n{_CLAIM} := fun _ _ => Eq.refl",
    "look-alike",
)
rogue(
    "compiled_only",
    "compiled file",
    "The proof is there as a compiled file only.",
    {"src/Main.lean": None, "src/Main.olean": b"olean\x02" + b"\x00" * 64},
    "build",
)
rogue(
    "wrong_proof",
    "other statement",
    "The proof does not prove it.",
    f"{_CLAIM} := fun _ _ => Eq.refl",
    "build",
)
