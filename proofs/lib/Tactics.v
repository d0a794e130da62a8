(** Tactics.v: from a goal [wp T G p Q s c] to arithmetic, one statement at a time.
    States are kept as concrete lists of names and values, so a lookup is a computation and facts about what does not
    change are never needed. Loops and calls are left to the user: [vc] stops there.
    Only the functions named in [vc_compute] are unfolded: terms of a specification stay as they are. *)
From Coq Require Import ZArith Lia Bool String Ascii List.
From VerifiedC Require Import Words Syntax Semantics Wp.
Import ListNotations.
Open Scope Z_scope.

(** Computes lookups, updates and the conditions of expressions on a concrete state. *)
Ltac vc_compute :=
  cbv beta iota zeta delta
    [wexp wexps wbin lookup assign assigns lit_fits Pos.size_nat Nat.leb scalars arrays a_width a_writable a_cells
     String.eqb Ascii.eqb Bool.eqb andb implb width_eqb lend give_back leading
     start bind_params bind_arrays own_scratch no_values member distinct
     p_name p_arrays p_params p_locals p_scratch p_body p_results ap_name ap_width ap_writable
     sc_name sc_width sc_size Both Either].

(** Turns a condition on a C truth value into one on integers. *)
Ltac vc_bool H :=
  lazymatch type of H with
  | (_ <? _) = true => apply Z.ltb_lt in H
  | (_ <? _) = false => apply Z.ltb_ge in H
  | (_ <=? _) = true => apply Z.leb_le in H
  | (_ <=? _) = false => apply Z.leb_gt in H
  | (_ =? _) = true => apply Z.eqb_eq in H
  | (_ =? _) = false => apply Z.eqb_neq in H
  | negb _ = true => apply negb_true_iff in H; vc_bool H
  | negb _ = false => apply negb_false_iff in H; vc_bool H
  | _ => idtac
  end.

Ltac vc_cond H :=
  lazymatch type of H with
  | b2z _ <> 0 => apply b2z_true in H; vc_bool H
  | b2z _ = 0 => apply b2z_false in H; vc_bool H
  | _ => idtac
  end.

(** For every cell that is read from an array of words: that it is a word. *)
Ltac vc_words :=
  repeat match goal with
  | H : words ?w ?l |- context [znth ?l ?k] =>
      lazymatch goal with
      | _ : 0 <= znth l k < _ |- _ => fail
      | _ => let K := fresh "Hword" in
             assert (K : word w (znth l k)) by (apply words_znth; [exact H | lia]);
             unfold word in K; cbn [modulus] in K
      end
  end.

(** Removes every wrap-around that cannot happen, as far as linear arithmetic sees it. *)
Ltac vc_wraps :=
  repeat match goal with
  | |- context [wrap ?w ?z] => rewrite (wrap_small w z) by (cbn [modulus]; lia)
  end.

Ltac vc_side := vc_wraps; try lia.

(** What comes after a statement is hidden while the statement is computed, so that it stays as it was written. *)
Ltac vc_hidden rule :=
  lazymatch goal with
  | |- wp ?T ?G ?p ?Q ?s ?c =>
      let R := fresh "R" in
      pose (R := Q); change (wp T G p R s c); apply rule; vc_compute; subst R; cbv beta
  end.

(** The value of an expression, with the same care. *)
Ltac vc_exp :=
  lazymatch goal with
  | |- wexp ?s ?e ?Q => let R := fresh "R" in pose (R := Q); change (wexp s e R); vc_compute; subst R; cbv beta
  end.

Ltac vc_step :=
  lazymatch goal with
  | |- wp _ _ Skip _ _ _ => apply wp_skip; cbv beta
  | |- wp _ _ (Assign _ _) _ _ _ => vc_hidden wp_assign
  | |- wp _ _ (Store _ _ _) _ _ _ => vc_hidden wp_store
  | |- wp _ _ (Seq _ _) _ _ _ => apply wp_seq
  | |- wp _ _ (For _ _ _ _) _ _ _ => unfold For
  | |- wp _ _ (If _ _ _) _ _ _ => apply wp_if; vc_exp
  | |- (_ <= _ < _) /\ _ => split; [vc_side|]
  | |- (_ <> _) /\ _ => split; [vc_side|]
  | |- (?v <> 0 -> _) /\ (?v = 0 -> _) =>
      vc_words; vc_wraps; split; let H := fresh "Hc" in intro H; vc_cond H
  end.

Ltac vc := repeat (vc_step; vc_words; vc_wraps).

(** An assertion about the state after the statement at hand. *)
Ltac vc_cut M := apply (wp_consequence _ _ _ M).

(** A loop with invariant [I] over ghost values, measure [m] of them, and ghost value [a] at the start.
    Two goals: the invariant holds at the start; a round keeps it, or the loop ends with what follows. *)
Ltac vc_loop I m a := refine (wp_while I m _ _ _ _ _ _ _ a _ _).

(** A call of procedure [p]: what is left is that it runs, from its specification, and what follows. *)
Ltac vc_call p := eapply wp_call; [reflexivity | reflexivity | cbn [p_arrays p]; vc_compute].

(** The body of procedure [p], from its start. *)
Ltac vc_proc p := eapply runs_intro; [unfold p; vc_compute; reflexivity | unfold p; cbn [p_body p_results p_arrays]].

(** Two states with the same names: equal when their values are. *)
Ltac vc_state :=
  lazymatch goal with
  | |- State _ _ = State _ _ => apply f_equal2; vc_state
  | |- _ :: _ = _ :: _ => apply f_equal2; vc_state
  | |- (_, _) = (_, _) => apply f_equal2; vc_state
  | |- Some _ = Some _ => apply f_equal; vc_state
  | |- Arr ?w ?p _ = Arr ?w ?p _ => apply f_equal; vc_state
  | |- _ => first [reflexivity | lia | idtac]
  end.
