(** Length.v: a number of either kind, and how many bytes it takes. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Leb128Trusted Require Import Statement.
From Leb128 Require Import Numbers Put Take.
From Leb128 Require Fast.
Import ListNotations.
Open Scope Z_scope.

Section Length.
Variable data : list Z.
Hypotheses (Hd : words W8 data) (Hlen : zlen data < 4611686018427387904).

(** What a program says of the number at the front: the word [v], in [n] bytes; 0 bytes when there is none. *)
Definition found (k : kind) (rest : list Z) (v n : Z) : Prop :=
  exists w, v = w mod 18446744073709551616 /\
    ((exists s tail, rest = s ++ tail /\ code k w s /\ n = zlen s) \/
     (n = 0 /\ forall u s tail, rest = s ++ tail -> ~ code k u s)).

Ltac conditions := repeat match goal with
  | H : b2z _ <> 0 |- _ => progress vc_cond H
  | H : b2z _ = 0 |- _ => progress vc_cond H
  end.

Lemma unsigned_ok_spec S b :
  (unsigned_ok S b = true /\ b < 128 /\ (zlen S = 10 -> b < 2) /\ (1 < zlen S -> b <> 0)) \/
  (unsigned_ok S b = false /\ (128 <= b \/ (zlen S = 10 /\ 2 <= b) \/ (1 < zlen S /\ b = 0))).
Proof.
  unfold unsigned_ok. destruct (Z.eqb_spec (zlen S) 10), (Z.ltb_spec 1 (zlen S)), (Z.eqb_spec b 0), (Z.ltb_spec b 2), (Z.ltb_spec b 128);
    cbn [andb negb]; lia.
Qed.

Lemma signed_ok_spec S b a :
  (signed_ok S b a = true /\ b < 128 /\ (zlen S = 10 -> b = 0 \/ b = 127) /\
     (1 < zlen S -> ~ (b = 0 /\ a < 64) /\ ~ (b = 127 /\ 63 < a))) \/
  (signed_ok S b a = false /\
     (128 <= b \/ (zlen S = 10 /\ b <> 0 /\ b <> 127) \/ (1 < zlen S /\ ((b = 0 /\ a < 64) \/ (b = 127 /\ 63 < a))))).
Proof.
  unfold signed_ok, redundant. destruct (Z.eqb_spec (zlen S) 10), (Z.ltb_spec 1 (zlen S)), (Z.eqb_spec b 0), (Z.eqb_spec b 127),
    (Z.ltb_spec b 128), (Z.ltb_spec a 64), (Z.ltb_spec 63 a); cbn [andb orb negb]; lia.
Qed.

Lemma seven n : 7 * n / 7 = n.
Proof. rewrite Z.mul_comm. apply Z.div_mul. discriminate. Qed.

(** The count of steps: either none is read, or as many bytes as were taken. *)
Ltac count := first [intros N; exfalso; apply N; reflexivity | rewrite seven; lia].

Ltac answer :=
  vc_compute; try (split; [discriminate|]);
  lazymatch goal with |- context [[?v; ?m] = [_; _]] => exists v, m end;
  split; [lia|]; split; [count|]; split; [reflexivity|]; split; [reflexivity|].

Lemma take_unsigned_spec G i : 0 <= i <= zlen data ->
  exists n ws Bs, runs [] (Fast.take :: G) Fast.take_unsigned [i; zlen data] [Arr W8 false data] n ws Bs /\
    exists v m, 0 <= n <= 80 /\ (m <> 0 -> n <= 6 * m + 20) /\ ws = [v; m] /\ Bs = [Arr W8 false data] /\ found Unsigned (zdrop i data) v m.
Proof.
  intros Hi. vc_proc Fast.take_unsigned. apply wp_seq. vc_call Fast.take.
  destruct (take_spec data Hd Hlen G i Hi) as (n & ws & Bs & R & S & b & a & T & L & Hn & -> & ->).
  pose proof (unsigned_right _ S b a T) as U. pose proof T as (F & tail & HR & _ & L10 & Hb & _ & HS & _).
  pose proof (zlen_nonneg S) as HSL. clear HS.
  eexists n, _, _. split; [exact R|]. vc_compute.
  vc; try discriminate; conditions; try (exfalso; lia).
  all: answer.
  all: destruct (unsigned_ok_spec S b) as [[E K]|[E K]]; rewrite E in U; try (exfalso; lia).
  all: exists (value S); split; [reflexivity|].
  all: first [ right; split; [reflexivity|exact U]
             | left; exists S, tail; rewrite seven; split; [exact HR|]; split; [exact U|]; reflexivity ].
Qed.

Lemma signed_word S F b : shape S -> 0 <= b <= 127 -> zlen F = zlen S - 1 -> zlen S <= 10 -> value S = value F + pw (zlen F) * b ->
  (zlen S = 10 -> b = 0 \/ b = 127) ->
  signed_value S mod 18446744073709551616 =
    if (63 <? b) && negb (zlen S =? 10) then wrap W64 (word_so_far S - wrap W64 (Z.shiftl 1 (7 * zlen S))) else word_so_far S.
Proof.
  intros H Hb LF L V T. pose proof (value_range F) as VF. pose proof (shape_length S H) as L1.
  pose proof (pw_pred (zlen S) L1) as P. pose proof (pw_pos (zlen F) ltac:(lia)) as PF.
  destruct (signed_value_case S H) as [[C ->]|[C ->]]; rewrite <- LF in *.
  - assert (b <= 63) by nia. destruct (Z.ltb_spec 63 b); [lia|]. reflexivity.
  - assert (64 <= b) by nia. destruct (Z.ltb_spec 63 b); [|lia]. cbn [andb]. destruct (Z.eqb_spec (zlen S) 10) as [T10|T10]; cbn [negb].
    + unfold word_so_far. rewrite LF, T10. change (128 * pw (10 - 1)) with (64 * 18446744073709551616).
      replace (value S - 64 * 18446744073709551616) with (value S + (-64) * 18446744073709551616) by lia. apply Z.mod_add. discriminate.
    + unfold wrap, word_so_far. cbn [modulus]. rewrite Z.shiftl_mul_pow2, Z.mul_1_l by lia. fold (pw (zlen S)).
      rewrite <- Zminus_mod, P. reflexivity.
Qed.

Lemma take_signed_spec G i : 0 <= i <= zlen data ->
  exists n ws Bs, runs [] (Fast.take_unsigned :: Fast.take :: G) Fast.take_signed [i; zlen data] [Arr W8 false data] n ws Bs /\
    exists v m, 0 <= n <= 80 /\ (m <> 0 -> n <= 6 * m + 20) /\ ws = [v; m] /\ Bs = [Arr W8 false data] /\ found Signed (zdrop i data) v m.
Proof.
  intros Hi. vc_proc Fast.take_signed. apply wp_seq. vc_call Fast.take.
  destruct (take_spec data Hd Hlen G i Hi) as (n & ws & Bs & R & S & b & a & T & L & Hn & -> & ->).
  pose proof (signed_right _ S b a T) as U. pose proof T as (F & tail & HR & _ & L10 & Hb & Ha & HS & _).
  pose proof (zlen_nonneg S) as HSL. clear HS.
  eexists n, _, _. split; [exact R|]. vc_compute.
  set (W := if (63 <? b) && negb (zlen S =? 10) then wrap W64 (word_so_far S - wrap W64 (Z.shiftl 1 (7 * zlen S))) else word_so_far S).
  assert (HW : 0 <= word_so_far S < 18446744073709551616) by exact (Z.mod_pos_bound _ 18446744073709551616 eq_refl).
  apply wp_seq.
  vc_cut (fun (s : state) c => exists v p,
    s = State [("i", Some i); ("size", Some (zlen data)); ("v", Some v); ("p", Some p); ("b", Some b); ("a", Some a)]%string
              [("data"%string, Arr W8 false data)] /\
    0 <= v < 18446744073709551616 /\ 0 <= c <= 6 * zlen S + 12 /\
    ((p = 7 * zlen S /\ v = W /\ b < 128 /\ (zlen S = 10 -> b = 0 \/ b = 127)) \/
     (p = 0 /\ (128 <= b \/ (zlen S = 10 /\ b <> 0 /\ b <> 127))))).
  - vc; conditions; try (exfalso; lia).
    all: eexists _, _; split; [reflexivity|]; split; [first [exact HW | apply wrap_word]|]; split; [lia|].
    all: first [right; split; [reflexivity|lia] | left; split; [reflexivity|]; split; [|lia]; subst W].
    all: destruct (Z.ltb_spec 63 b), (Z.eqb_spec (zlen S) 10); cbn [andb negb]; first [reflexivity | exfalso; lia].
  - intros s c (v & p & -> & Hv & Hc & [(-> & -> & B & B')|(-> & B)]).
    + vc; conditions; try (exfalso; lia).
      all: answer; destruct (signed_ok_spec S b a) as [[E K]|[E K]]; rewrite E in U; try (exfalso; lia).
      all: first
        [ exists W; split; [symmetry; apply Z.mod_small, Hv|]; right; split; [reflexivity|exact U]
        | destruct (taken_shape _ S b a T ltac:(lia)) as (H & _ & F' & _ & _ & LF & L9 & V);
          pose proof (signed_word S F' b H ltac:(lia) LF L10 V B') as SW; exists (signed_value S); split; [rewrite SW; reflexivity|];
          left; exists S, tail; rewrite seven; split; [exact HR|]; split; [exact U|]; reflexivity ].
    + vc; conditions; try (exfalso; lia).
      all: answer; destruct (signed_ok_spec S b a) as [[E K]|[E K]]; rewrite E in U; try (exfalso; lia).
      all: exists v; split; [symmetry; apply Z.mod_small, Hv|]; right; split; [reflexivity|exact U].
Qed.

Lemma length_spec (k : kind) name taker P G G' :
  find_proc taker G = Some (P, G') -> p_arrays P = [AParam "data" W8 false] ->
  (forall i, 0 <= i <= zlen data -> exists n ws Bs, runs [] G' P [i; zlen data] [Arr W8 false data] n ws Bs /\
    exists v m, 0 <= n <= 80 /\ (m <> 0 -> n <= 6 * m + 20) /\ ws = [v; m] /\ Bs = [Arr W8 false data] /\
      found k (zdrop i data) v m) ->
  exists n ws Bs, runs [] G (Fast.length_of name taker) [zlen data] [Arr W8 false data] n ws Bs /\
    (0 <= n <= 100 /\ Bs = [Arr W8 false data] /\ exists v m, ws = [m] /\ found k data v m).
Proof.
  intros F A H. pose proof (zlen_nonneg data). destruct (H 0 ltac:(lia)) as (n & ws & Bs & R & v & m & Hn & _ & -> & -> & Hf).
  vc_proc Fast.length_of. eapply wp_call; [exact F|reflexivity|]. rewrite A. vc_compute.
  eexists n, _, _. split; [exact R|]. vc_compute. split; [lia|]. split; [reflexivity|]. exists v, m. split; [reflexivity|exact Hf].
Qed.
End Length.
