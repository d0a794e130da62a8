"""Rocq and Lean sources, split as their provers split them, and what is refused in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.prove.provers import lean_source, rocq_source
from assay.prove.provers.lean_report import axioms_of
from assay.prove.provers.rocq_driver import other_tables
from assay.prove.provers.rocq_report import assumptions, context_summary, printed_string


def commands(text: str) -> list[str]:
    return [rocq_source.command(s.text) for s in rocq_source.sentences(text)]


def test_sentences_end_at_full_stops_and_nowhere_else() -> None:
    text = 'Definition a := b.c.\n(* x. y. "*)" (* z. *) *) Check "p. q.".\nNotation "x .. y" := x.'
    assert [s.line for s in rocq_source.sentences(text)] == [1, 2, 3]
    assert len(commands(text)) == 3


@pytest.mark.parametrize(
    "text",
    [
        'Load "x".',
        '  #[local] #[a(b[c])] Load Verbose "x".',
        '(* a *) Declare (* b *) ML\n Module "x".',
        '- { Time Timeout 5 Redirect "x" Check nat.',
        "Lemma a : True. Proof. all: Drop.",
        "Recursive Extraction nat.",
        'Extract Inlined Constant plus => "(+)".',
        "Set Extraction Optimize.",
        'Fail Fail Cd "/".',
        'Definition a := 1. (* *)Add Rec LoadPath "x".',
        "Time Require Coq.extraction.ExtrOcamlZInt.",
        "Lemma a : True. Proof. From Coq Require Import Lia (* . *) ExtrHaskellNatInt.",
        "Require Import ExtrOCamlInt63.",
    ],
)
def test_commands_that_reach_out_are_found_however_they_are_written(text: str) -> None:
    assert rocq_source.faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "Inductive e := Load (a : nat) | Drop. Definition x := Load 3.",
        'Definition s := "Load x. Redirect y.".',
        '(* Declare ML Module "x". *) Definition Redirecting := 1.',
        "Lemma Extraction_of_a : True.",
        "Require Import Coq.ZArith.ZArith. Definition ExtrOcamlZInt := 1. From Own Require Extraction_of_a.",
        "Definition λ := 1. Lemma Γ : ∀ β, β = β.",
    ],
)
def test_words_that_only_look_like_commands_are_left_alone(text: str) -> None:
    assert not rocq_source.faults(text)


@given(st.text(alphabet='ab. \n"(*)-', max_size=60))
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        found = list(rocq_source.sentences(text))
    except rocq_source.Unreadable:
        return
    assert all(s.text for s in found)


@pytest.mark.parametrize("text", ["t\u0430 := 1.", "Lemma \uff54\uff11 : True."])
def test_letters_that_look_like_others_are_named(text: str) -> None:
    assert "looks like another" in rocq_source.faults(f"Definition {text}")[0].what


def test_the_report_is_closed_only_if_it_says_nothing_else() -> None:
    closed = "Closed under the global context"
    assert assumptions(f"{closed}\n") == ()
    assert assumptions(f"Axioms:\nMain.ax : False\n  {closed}\n") == ("Main.ax",)
    assert assumptions(f"{closed}\nMain.ax : False\n") != ()
    assert assumptions("") == ("a report that cannot be read",)
    assert assumptions("Axioms:\nMain.f is assumed to be guarded.\n") == ("Main.f is assumed to be guarded.",)
    assert assumptions("Axioms:\nClassical_Prop.classic\n  : forall P : Prop, P \\/ ~ P\n") == (
        "Classical_Prop.classic",
    )


def test_the_checkers_summary_needs_all_its_sections() -> None:
    whole = """
CONTEXT SUMMARY
===============

* Theory: Set is predicative

* Axioms:
    Own.Main.ax
    Coq.Logic.x

* Constants/Inductives relying on type-in-type: <none>

* Constants/Inductives relying on unsafe (co)fixpoints:
    Own.Main.loop

* Inductives whose positivity is assumed: <none>
"""
    found = context_summary(whole)
    assert found is not None
    assert found["Axioms"] == ("Own.Main.ax", "Coq.Logic.x")
    assert found["Constants/Inductives relying on unsafe (co)fixpoints"] == ("Own.Main.loop",)
    assert context_summary(whole.replace("* Inductives whose positivity", "* Something else")) is None
    assert context_summary("Axioms: <none>") is None


def test_tables_of_translation_that_are_not_the_verifiers_are_named() -> None:
    ours = "Loaded library files: \n  Coq.Init.Logic\n  Coq.extraction.Extraction\n  Coq.extraction.ExtrOcamlChar\n"
    assert other_tables(ours) == []
    assert other_tables(f"{ours}  Own.Main\n  Coq.extraction.ExtrOcamlZInt\n") == ["Coq.extraction.ExtrOcamlZInt"]


def test_a_printed_string_is_read_back() -> None:
    assert printed_string('     = "a ""b""\nc"\n     : String.string\n') == 'a "b"\nc'
    assert printed_string("     = program\n     : exp\n") is None
    assert printed_string('     = "a" ++ "b"\n     : string\n') is None


REFUSED_IN_LEAN = ("macro", "set_option", "axiom", "sorry", "open", "instance", "unsafe", "elab", "variable", "@[simp]")


@pytest.mark.parametrize("word", REFUSED_IN_LEAN)
def test_words_that_change_the_grammar_or_the_kernel_are_refused(word: str) -> None:
    assert lean_source.faults(f"prelude\n{word} x", frozenset())
    assert not lean_source.faults(f"prelude\n-- {word}\n/- {word} /- x -/ -/\ndef a := b", frozenset())


def test_only_what_the_verifier_wrote_is_imported() -> None:
    assert not lean_source.faults("prelude\nimport Statement", frozenset({"Statement"}))
    assert lean_source.faults("prelude\nimport Init", frozenset({"Statement"}))
    assert lean_source.faults("import Statement", frozenset({"Statement"}))


# Recorded from Lean 4.35.0: `lean Check.lean --json`.
_CLOSED = (
    '{"caption":"","data":"\'check\' does not depend on any axioms","endPos":{"column":6,"line":5},'
    '"fileName":"Check.lean","isSilent":false,"keepFullRange":false,"kind":"[anonymous]",'
    '"pos":{"column":0,"line":5},"severity":"information"}'
)


def test_recorded_reports_of_lean_are_read() -> None:
    assert axioms_of([_CLOSED], "check") == ()
    assert axioms_of([_CLOSED.replace("does not depend on any axioms", "depends on axioms: [a, b.c]")], "check") == (
        "a",
        "b.c",
    )
    assert axioms_of([_CLOSED], "other") is None
    assert axioms_of([_CLOSED, _CLOSED], "check") is None
    assert axioms_of([], "check") is None
