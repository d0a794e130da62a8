(** Numbers.v: which byte strings are codes: the shortest forms, by the range that a number of bytes has room for. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Leb128Trusted Require Import Statement.
Import ListNotations.
Open Scope Z_scope.

(** * Powers of 128 *)

Definition pw (n : Z) : Z := 2 ^ (7 * n).

Lemma pw_0 : pw 0 = 1.
Proof. reflexivity. Qed.

Lemma pw_1 : pw 1 = 128.
Proof. reflexivity. Qed.

Lemma pw_succ n : 0 <= n -> pw (n + 1) = 128 * pw n.
Proof.
  intros H. unfold pw. replace (7 * (n + 1)) with (7 + 7 * n) by lia. rewrite Z.pow_add_r by lia. reflexivity.
Qed.

Lemma pw_pred n : 1 <= n -> pw n = 128 * pw (n - 1).
Proof. intros H. rewrite <- pw_succ by lia. f_equal. lia. Qed.

Lemma pw_pos n : 0 <= n -> 0 < pw n.
Proof. intros H. apply Z.pow_pos_nonneg; lia. Qed.

Lemma pw_mono m n : 0 <= m <= n -> pw m <= pw n.
Proof. intros H. apply Z.pow_le_mono_r; lia. Qed.

Lemma half n : 1 <= n -> 2 ^ (7 * n - 1) = 64 * pw (n - 1).
Proof.
  intros H. unfold pw. replace (7 * n - 1) with (6 + 7 * (n - 1)) by lia. rewrite Z.pow_add_r by lia. reflexivity.
Qed.

(** * Values *)

Lemma value_app s t : value (s ++ t) = value s + pw (zlen s) * value t.
Proof.
  induction s as [|b s IH]; cbn [app value].
  - change (zlen (@nil Z)) with 0. rewrite pw_0. lia.
  - rewrite IH, zlen_cons, pw_succ by apply zlen_nonneg. lia.
Qed.

Lemma value_range s : 0 <= value s < pw (zlen s).
Proof.
  induction s as [|b s IH]; cbn [value]; [change (zlen (@nil Z)) with 0; rewrite pw_0; lia|].
  rewrite zlen_cons, pw_succ by apply zlen_nonneg. pose proof (Z.mod_pos_bound b 128 eq_refl). lia.
Qed.

Lemma value_one b : 0 <= b <= 127 -> value [b] = b.
Proof. intros H. cbn [value]. rewrite Z.mod_small by lia. lia. Qed.

Lemma value_last front last : 0 <= last <= 127 -> value (front ++ [last]) = value front + pw (zlen front) * last.
Proof. intros H. rewrite value_app, value_one by exact H. reflexivity. Qed.

Definition fronts (l : list Z) : Prop := Forall (fun b => 128 <= b <= 255) l.

Lemma shape_intro front last : fronts front -> 0 <= last <= 127 -> shape (front ++ [last]).
Proof. intros H L. exists front, last. auto. Qed.

Lemma shape_length s : shape s -> 1 <= zlen s.
Proof. intros (front & last & -> & _). rewrite zlen_app. pose proof (zlen_nonneg front). cbn. lia. Qed.

Lemma signed_value_case s : shape s ->
  (value s < 64 * pw (zlen s - 1) /\ signed_value s = value s) \/
  (64 * pw (zlen s - 1) <= value s /\ signed_value s = value s - 128 * pw (zlen s - 1)).
Proof.
  intros H. apply shape_length in H. unfold signed_value. rewrite half by exact H. change (2 ^ (7 * zlen s)) with (pw (zlen s)).
  rewrite (pw_pred (zlen s)) by exact H. destruct (Z.ltb_spec (value s) (64 * pw (zlen s - 1))); [left|right]; auto.
Qed.

Lemma mod_high b : 128 <= b <= 255 -> b mod 128 = b - 128.
Proof. intros H. symmetry. apply (Z.mod_unique b 128 1 (b - 128)); lia. Qed.

(** Shapes of one length are told apart by their values. *)
Lemma value_inj s t : shape s -> shape t -> zlen s = zlen t -> value s = value t -> s = t.
Proof.
  intros (f & x & -> & Hf & Hx) (g & y & -> & Hg & Hy). rewrite !zlen_app. change (zlen [x]) with 1. change (zlen [y]) with 1.
  revert g Hg. induction Hf as [|b f Hb Hf IH]; intros g Hg HL HV.
  - destruct Hg as [|c g Hc Hg]; [|rewrite zlen_cons in HL; pose proof (zlen_nonneg g); cbn in HL; lia].
    cbn [app] in *. rewrite !value_one in HV by assumption. congruence.
  - destruct Hg as [|c g Hc Hg]; [rewrite zlen_cons in HL; pose proof (zlen_nonneg f); cbn in HL; lia|].
    cbn [app value] in *. rewrite !zlen_cons in HL.
    assert (E : b mod 128 = c mod 128 /\ value (f ++ [x]) = value (g ++ [y])).
    { pose proof (Z.mod_pos_bound b 128 eq_refl). pose proof (Z.mod_pos_bound c 128 eq_refl). lia. }
    destruct E as [E1 E2]. rewrite !mod_high in E1 by assumption. f_equal; [lia|apply IH; auto; lia].
Qed.

(** No shape is the beginning of another. *)
Lemma shape_prefix s t x y : shape s -> shape t -> s ++ x = t ++ y -> s = t.
Proof.
  intros (f & a & -> & Hf & Ha) (g & b & -> & Hg & Hb). revert g Hg.
  induction Hf as [|c f Hc Hf IH]; intros g Hg E; destruct Hg as [|d g Hd Hg]; cbn [app] in *; injection E as E1 E2.
  - congruence.
  - lia.
  - lia.
  - subst d. f_equal. apply IH; assumption.
Qed.

(** * What a number of bytes has room for *)

Definition within (k : kind) (n v : Z) : Prop :=
  match k with Unsigned => 0 <= v < 128 * pw (n - 1) | Signed => - 64 * pw (n - 1) <= v < 64 * pw (n - 1) end.

Lemma within_dec k n v : within k n v \/ ~ within k n v.
Proof. destruct k; cbn [within]; lia. Qed.

Lemma within_mono k m n v : 1 <= m <= n -> within k m v -> within k n v.
Proof. intros H. pose proof (pw_mono (m - 1) (n - 1) ltac:(lia)). destruct k; cbn [within]; lia. Qed.

Lemma within_reading k s : shape s -> within k (zlen s) (reading k s).
Proof.
  intros H. pose proof (shape_length s H) as L. pose proof (value_range s) as V. rewrite (pw_pred (zlen s)) in V by exact L.
  destruct k; cbn [within reading]; [exact V|]. destruct (signed_value_case s H) as [[? ->]|[? ->]]; lia.
Qed.

Lemma within_ten k v : in_range k v -> within k 10 v.
Proof.
  destruct k; cbn [in_range within]; change (pw (10 - 1)) with 9223372036854775808; change (2 ^ 64) with 18446744073709551616;
    change (2 ^ 63) with 9223372036854775808; lia.
Qed.

(** A number in [n] bytes, whether they are needed or not. *)
Fixpoint spell (n : nat) (u : Z) : list Z :=
  match n with O => [u mod 128] | S n => (128 + u mod 128) :: spell n (u / 128) end.

Lemma spell_length n u : zlen (spell n u) = Z.of_nat n + 1.
Proof. revert u. induction n as [|n IH]; intros u; [reflexivity|]. cbn [spell]. rewrite zlen_cons, IH. lia. Qed.

Lemma spell_shape n u : shape (spell n u).
Proof.
  revert u. induction n as [|n IH]; intros u; cbn [spell].
  - apply (shape_intro []); [constructor|]. pose proof (Z.mod_pos_bound u 128 eq_refl). lia.
  - destruct (IH (u / 128)) as (front & last & -> & Hf & Hl). pose proof (Z.mod_pos_bound u 128 eq_refl).
    apply (shape_intro ((128 + u mod 128) :: front)); [constructor; [lia|exact Hf]|exact Hl].
Qed.

Lemma spell_value n u : 0 <= u < pw (Z.of_nat n + 1) -> value (spell n u) = u.
Proof.
  revert u. induction n as [|n IH]; intros u H; cbn [spell value].
  - change (pw (Z.of_nat 0 + 1)) with 128 in H. rewrite Z.mod_mod, Z.mod_small by lia. lia.
  - rewrite Nat2Z.inj_succ in H. replace (Z.succ (Z.of_nat n) + 1) with (Z.of_nat n + 1 + 1) in H by lia.
    rewrite pw_succ in H by lia. rewrite IH.
    + replace (128 + u mod 128) with (u mod 128 + 1 * 128) by lia. rewrite Z.mod_add, Z.mod_mod by lia.
      pose proof (Z.div_mod u 128 ltac:(lia)). lia.
    + split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; lia].
Qed.

Lemma spelled k n v : 1 <= n -> within k n v -> exists s, shape s /\ zlen s = n /\ reading k s = v.
Proof.
  intros Hn H. pose proof (pw_pos (n - 1) ltac:(lia)) as P. pose proof (pw_pred n Hn) as E.
  assert (N : Z.of_nat (Z.to_nat (n - 1)) + 1 = n) by lia.
  pose (u := match k with Unsigned => v | Signed => if v <? 0 then v + pw n else v end).
  assert (Hu : 0 <= u < pw n).
  { subst u. destruct k; cbn [within] in H; [lia|]. destruct (Z.ltb_spec v 0); lia. }
  exists (spell (Z.to_nat (n - 1)) u). split; [apply spell_shape|]. split; [rewrite spell_length; exact N|].
  assert (V : value (spell (Z.to_nat (n - 1)) u) = u) by (apply spell_value; rewrite N; exact Hu).
  destruct k; cbn [reading within] in *; [rewrite V; reflexivity|].
  destruct (signed_value_case _ (spell_shape (Z.to_nat (n - 1)) u)) as [[L ->]|[L ->]];
    rewrite spell_length, N, V in *; subst u; destruct (Z.ltb_spec v 0); lia.
Qed.

(** * Codes *)

Lemma code_intro k v s : in_range k v -> shape s -> reading k s = v -> zlen s = 1 \/ ~ within k (zlen s - 1) v -> code k v s.
Proof.
  intros R H E M. split; [exact R|]. split; [exact H|]. split; [exact E|]. intros other Ho Eo.
  pose proof (shape_length other Ho) as Lo. pose proof (within_reading k other Ho) as W. rewrite Eo in W.
  destruct (Z.leb_spec (zlen s) (zlen other)) as [|L]; [assumption|]. exfalso. destruct M as [M|M]; [lia|].
  apply M. apply (within_mono k (zlen other)); [lia|exact W].
Qed.

Lemma code_elim k v s : code k v s -> zlen s = 1 \/ ~ within k (zlen s - 1) v.
Proof.
  intros (R & H & E & M). pose proof (shape_length s H) as L. destruct (Z.eq_dec (zlen s) 1) as [|N]; [left; assumption|right].
  intros W. destruct (spelled k (zlen s - 1) v ltac:(lia) W) as (other & Ho & Lo & Eo). specialize (M other Ho Eo). lia.
Qed.

Theorem at_most_ten : Statement.at_most_ten.
Proof.
  intros k v s C. pose proof C as (R & H & _). pose proof (shape_length s H) as L. split; [exact L|].
  destruct (Z.leb_spec (zlen s) 10) as [|G]; [assumption|]. exfalso. destruct (code_elim k v s C) as [E|W]; [lia|].
  apply W. apply (within_mono k 10); [lia|apply within_ten, R].
Qed.

(** The value is settled by the number and the length. *)
Lemma reading_value k s t : shape s -> shape t -> zlen s = zlen t -> reading k s = reading k t -> value s = value t.
Proof.
  intros Hs Ht L E. destruct k; cbn [reading] in E; [exact E|]. pose proof (value_range s) as V. pose proof (value_range t) as V'.
  pose proof (shape_length s Hs) as P. rewrite (pw_pred (zlen s)) in V by exact P. rewrite <- L, (pw_pred (zlen s)) in V' by exact P.
  destruct (signed_value_case s Hs) as [[? E1]|[? E1]], (signed_value_case t Ht) as [[? E2]|[? E2]]; rewrite <- L in *; lia.
Qed.

Lemma code_unique k v s t : code k v s -> code k v t -> s = t.
Proof.
  intros (_ & Hs & Es & Ms) (_ & Ht & Et & Mt). assert (L : zlen s = zlen t).
  { specialize (Ms t Ht Et). specialize (Mt s Hs Es). lia. }
  apply value_inj; auto. apply (reading_value k); auto. congruence.
Qed.

Lemma code_exists k v : in_range k v -> exists s, code k v s.
Proof.
  intros R. assert (G : forall n : nat, (exists m, 1 <= m /\ within k m v /\ (m = 1 \/ ~ within k (m - 1) v)) \/
                                      ~ within k (Z.of_nat n + 1) v).
  { induction n as [|n IH].
    - destruct (within_dec k 1 v) as [W|W]; [left; exists 1; split; [lia|]; split; [exact W|left; reflexivity]|right; exact W].
    - destruct IH as [IH|IH]; [left; exact IH|].
      destruct (within_dec k (Z.of_nat (S n) + 1) v) as [W|W]; [left|right; exact W].
      exists (Z.of_nat (S n) + 1). split; [lia|]. split; [exact W|right].
      replace (Z.of_nat (S n) + 1 - 1) with (Z.of_nat n + 1) by lia. exact IH. }
  destruct (G 9%nat) as [(m & Hm & W & M)|N]; [|exfalso; apply N, within_ten, R].
  destruct (spelled k m v Hm W) as (s & H & L & E). exists s. apply code_intro; auto. rewrite L. exact M.
Qed.

Theorem one_code : Statement.one_code.
Proof. intros k v R. destruct (code_exists k v R) as (s & C). exists s. split; [exact C|]. intros t D. apply (code_unique k v); assumption. Qed.

Theorem prefix_free : Statement.prefix_free.
Proof.
  intros k v w s t x y (R & H & E & M) (R' & H' & E' & M') P. assert (Q : s = t) by (apply (shape_prefix s t x y); assumption).
  split; [exact Q|congruence].
Qed.

Theorem one_reading : Statement.one_reading.
Proof.
  intros k vs ws text C. revert ws. induction C as [|v vs s rest C _ IH]; intros ws D.
  - inversion D as [|w ws' t rest' D1 D2 E1 E2]; [reflexivity|]. exfalso. subst. destruct D1 as (_ & H & _).
    apply shape_length in H. destruct t; [cbn in H; lia|discriminate].
  - inversion D as [E1 E2|w ws' t rest' D1 D2 E1 E2].
    + exfalso. destruct C as (_ & H & _). apply shape_length in H. destruct s; [cbn in H; lia|discriminate].
    + destruct (prefix_free k w v t s rest' rest D1 C E2) as [-> ->]. apply app_inv_head in E2. subst. f_equal. apply IH. exact D2.
Qed.
