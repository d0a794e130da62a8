(** Bound.v: how much can come out (T6): at most 129 bytes for each bit, 1032 for each byte.
    The densest there is: a length of 258 and a distance in one bit each. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951.
From Zlib Require Import Reader Canonical Right.
Import ListNotations.
Open Scope Z_scope.

Definition within (low high : Z) (table : list (Z * Z)) : bool :=
  forallb (fun e => (low <=? fst e) && (fst e + (2 ^ snd e - 1) <=? high)) table.

Lemma extended_within low high table k c v : within low high table = true -> extended table k c v -> low <= v <= high.
Proof.
  unfold within, extended. intros H [_ E]. destruct (nth_error table (Z.to_nat k)) as [[base width]|] eqn:N; [|contradiction].
  destruct E as [<- ->]. apply nth_error_In in N. rewrite forallb_forall in H. specialize (H _ N). cbn [fst snd] in H.
  apply andb_true_iff in H as [H1 H2]. apply Z.leb_le in H1, H2. pose proof (value_bound c). lia.
Qed.

Lemma length_range k c v : extended length_table k c v -> 3 <= v <= 258.
Proof. apply extended_within. reflexivity. Qed.

Lemma distance_range k c v : extended distance_table k c v -> 1 <= v <= 32768.
Proof. apply extended_within. reflexivity. Qed.

Lemma codeword_length ls s c : codeword ls s c -> 1 <= zlen c.
Proof. intros (_ & Hl & HL & _). lia. Qed.

Lemma symbols_bound lit dist size c ts : symbols lit dist size c ts -> 0 <= size_of_all ts <= 129 * zlen c.
Proof.
  induction 1 as [size c Hc|size b c d ts Hc Hb Hd IH|size s c c2 len d c3 c4 far c5 ts Hc H2 H3 H4 Hfar H5 IH];
    cbn [size_of_all fold_right size_of]; try fold (size_of_all ts); rewrite ?zlen_app; pose proof (codeword_length _ _ _ Hc).
  - lia.
  - lia.
  - pose proof (codeword_length _ _ _ H3). pose proof (length_range _ _ _ H2).
    pose proof (zlen_nonneg c2). pose proof (zlen_nonneg c4). lia.
Qed.

Lemma size_of_literals data : size_of_all (map Literal data) = zlen data.
Proof. induction data as [|b t IH]; [reflexivity|]. cbn [map size_of_all fold_right size_of] in *. rewrite zlen_cons. unfold size_of_all in IH. lia. Qed.

Lemma block_bound at_bit size c ts : block at_bit size c ts -> 0 <= size_of_all ts <= 129 * zlen c.
Proof.
  intros H. destruct H as
    [c1 c2 c3 data L1 P H2 H3 Hb|d ts Hd|c1 c2 c3 nlit ndist ncode c4 code c5 lengths c6 ts H1 L1 H2 L2 H3 H4 L4 K H5 K1 K2 K3 H6].
  - rewrite size_of_literals, !zlen_app, bits_of_length. pose proof (zlen_nonneg data). pose proof (zlen_nonneg c2).
    pose proof (zlen_nonneg c3). change (zlen [false; false]) with 2. lia.
  - apply symbols_bound in Hd. rewrite zlen_app. change (zlen [true; false]) with 2. lia.
  - apply symbols_bound in H6. rewrite !zlen_app. change (zlen [false; true]) with 2.
    pose proof (zlen_nonneg c1). pose proof (zlen_nonneg c2). pose proof (zlen_nonneg c3). pose proof (zlen_nonneg c4).
    pose proof (zlen_nonneg c5). lia.
Qed.

Lemma size_of_app a b : size_of_all (a ++ b) = size_of_all a + size_of_all b.
Proof. induction a as [|t a IH]; cbn [app size_of_all fold_right] in *; [reflexivity|]. unfold size_of_all in *. lia. Qed.

Lemma blocks_bound at_bit size c ts : blocks at_bit size c ts -> 0 <= size_of_all ts <= 129 * zlen c.
Proof.
  induction 1 as [at_bit size c ts H|at_bit size c ts d us H Hd IH]; apply block_bound in H; rewrite zlen_cons.
  - lia.
  - rewrite size_of_app, zlen_app. lia.
Qed.

(** The size of what tokens stand for. *)
Definition lengthy (ts : list token) : Prop := Forall (fun t => 0 <= size_of t) ts.

Lemma expand_size ts : lengthy ts -> forall out, zlen (expand out ts) = zlen out + size_of_all ts.
Proof.
  induction 1 as [|[b|n d] ts Ht Hts IH]; intros out; cbn [expand size_of_all fold_right size_of]; try fold (size_of_all ts).
  - lia.
  - rewrite IH, zlen_app. change (zlen [b]) with 1. lia.
  - cbn [size_of] in Ht. destruct (copy_back_extends (Z.to_nat n) d out) as (m & -> & L). rewrite IH, zlen_app. lia.
Qed.

Lemma lengthy_app a b : lengthy a -> lengthy b -> lengthy (a ++ b).
Proof. intros. apply Forall_app. auto. Qed.

Lemma symbols_lengthy lit dist size c ts : symbols lit dist size c ts -> lengthy ts.
Proof.
  induction 1 as [|size b c d ts Hc Hb Hd IH|size s c c2 len d c3 c4 far c5 ts Hc H2 H3 H4 Hfar H5 IH]; constructor; auto; cbn.
  - lia.
  - apply length_range in H2. lia.
Qed.

Lemma block_lengthy at_bit size c ts : block at_bit size c ts -> lengthy ts.
Proof.
  intros H. destruct H; eauto using symbols_lengthy. apply Forall_forall. intros t Ht. apply in_map_iff in Ht as (b & <- & _).
  cbn. lia.
Qed.

Lemma blocks_lengthy at_bit size c ts : blocks at_bit size c ts -> lengthy ts.
Proof. induction 1; eauto using block_lengthy, lengthy_app. Qed.

Lemma inflates_size dictionary input data consumed : inflates dictionary input data consumed ->
  exists bits, zlen data <= 129 * bits /\ consumed = (bits + 7) / 8 /\ 0 <= bits <= 8 * zlen input.
Proof.
  intros (c & rest & ts & E & H & X & ->). exists (zlen c).
  pose proof (blocks_bound _ _ _ _ H) as B. pose proof (expand_size ts (blocks_lengthy _ _ _ _ H) dictionary) as S.
  rewrite X, zlen_app in S. apply (f_equal zlen) in E. rewrite bits_of_length, zlen_app in E.
  pose proof (zlen_nonneg c). pose proof (zlen_nonneg rest). repeat split; lia.
Qed.

(** T6. *)
Theorem expansion dictionary input data consumed : inflates dictionary input data consumed ->
  zlen data <= 1032 * consumed /\ consumed <= zlen input.
Proof.
  intros H. destruct (inflates_size _ _ _ _ H) as (bits & B & -> & Hb). split; Z.div_mod_to_equations; lia.
Qed.
