(** Main.v: the theorems of the component, each by the name that component.toml gives. *)
From Coq Require Import ZArith Lia String List.
From VerifiedC Require Import Words Syntax Semantics Wp.
From Adler32Trusted Require Import Statement.
From Adler32 Require Import Sums Update Join.
From Adler32 Require Fast.
Import ListNotations.
Open Scope Z_scope.

Theorem update_right : Statement.update_right Fast.program.
Proof.
  intros data value Hd Hlen Hv.
  destruct (update_spec [] data value Hd Hlen Hv) as (n & ws & Bs & R & Hn & -> & ->).
  rewrite <- Hn. eapply computes_intro; [reflexivity| |exact R]. left. reflexivity.
Qed.

Theorem join_right : Statement.join_right Fast.program.
Proof.
  assert (J : forall first second size, word W64 first -> word W64 second -> word W64 size ->
    computes Fast.program "adler32_join" [first; second; size] [] 4 [joined first second size] []).
  { intros f s z Hf Hs Hz. destruct (join_spec [] [Fast.update; Fast.batch] f s z Hf Hs Hz) as (n & ws & Bs & R & -> & -> & ->).
    eapply computes_intro; [reflexivity| |exact R]. right. left. reflexivity. }
  assert (W : forall v l, word W64 (Statement.update v l)).
  { intros v l. rewrite update_halves.
    destruct (sums_range l (low v) (high v) (low_range v) (high_range v)) as [R1 R2].
    unfold word, base in *. cbn [modulus]. lia. }
  split.
  - intros value a b _ _ Hb _. exists 4. rewrite <- joined_right. apply J; auto; [apply W|].
    change (2 ^ 64) with 18446744073709551616 in Hb. split; [apply zlen_nonneg|exact Hb].
  - intros f s z Hf Hs Hz. exists 4, (joined f s z). split; auto using joined_word.
Qed.

Theorem resumes : Statement.resumes.
Proof.
  intros value a b _ _. rewrite (update_halves (Statement.update value a) b), (update_halves value (a ++ b)).
  rewrite low_update, high_update, sums_app. reflexivity.
Qed.

Theorem in_closed_form : Statement.in_closed_form.
Proof.
  intros data _. unfold adler32. rewrite update_halves, sums_closed. cbn [fst snd].
  change (low 1) with 1. change (high 1) with 0. f_equal. f_equal. f_equal. lia.
Qed.

Theorem known_values : Statement.known_values.
Proof. repeat split; vm_compute; reflexivity. Qed.
