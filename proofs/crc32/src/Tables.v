(** Tables.v: the program's tables as functions of the bitwise shift, and what their cells are. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Crc32Trusted Require Import Statement.
From Crc32 Require Import Linear.
Import ListNotations.
Open Scope Z_scope.

(** [count] cells of a function of the index. *)
Definition cells (count : nat) (f : Z -> Z) : list Z := map (fun k => f (Z.of_nat k)) (seq 0 count).

Lemma zlen_cells n f : zlen (cells n f) = Z.of_nat n.
Proof. unfold zlen, cells. rewrite map_length, seq_length. reflexivity. Qed.

Lemma znth_cells n f k : 0 <= k < Z.of_nat n -> znth (cells n f) k = f k.
Proof.
  intros H. unfold znth, cells. rewrite (nth_indep _ 0 (f (Z.of_nat 0))) by (rewrite map_length, seq_length; lia).
  rewrite (map_nth (fun k => f (Z.of_nat k))), seq_nth by lia. f_equal. lia.
Qed.

Lemma words_cells w n f : (forall k, 0 <= k < Z.of_nat n -> word w (f k)) -> words w (cells n f).
Proof.
  intros H. apply Forall_forall. intros x Hx. unfold cells in Hx. apply in_map_iff in Hx as (k & <- & Hk).
  apply in_seq in Hk. apply H. lia.
Qed.

(** * Slicing: cell 256 k + b is byte b, shifted by k + 1 bytes *)

Definition slice_cell (j : Z) : Z := shift (Z.to_nat (8 * (j / 256 + 1))) (j mod 256).
Definition slices : list Z := cells 4096 slice_cell.

Lemma slices_length : zlen slices = 4096.
Proof. apply zlen_cells. Qed.

Lemma slices_words : words W32 slices.
Proof.
  apply words_cells. intros k Hk. apply shift_word. pose proof (Z.mod_pos_bound k 256 eq_refl).
  unfold word. cbn [modulus]. lia.
Qed.

Lemma slices_cell k b : 0 <= k < 16 -> 0 <= b < 256 -> znth slices (256 * k + b) = shift (Z.to_nat (8 * (k + 1))) b.
Proof.
  intros Hk Hb. unfold slices. rewrite znth_cells by lia. unfold slice_cell.
  rewrite (Z.mul_comm 256), Z.div_add_l, Z.div_small, Z.add_0_r by lia.
  rewrite (Z.add_comm (k * 256) b), Z.mod_add, Z.mod_small by lia. reflexivity.
Qed.

(** * Joining: matrices. Column k of the matrix of a linear map is its value at 2^k. *)

(** Xor of the columns that the bits of [v] choose. *)
Fixpoint columns (m : list Z) (v : Z) : Z :=
  match m with [] => 0 | c :: m => Z.lxor (if Z.odd v then c else 0) (columns m (Z.shiftr v 1)) end.

Definition linear (f : Z -> Z) : Prop := forall a b, f (Z.lxor a b) = Z.lxor (f a) (f b).

Definition matrix (f : Z -> Z) : list Z := cells 32 (fun k => f (Z.shiftl 1 k)).

Lemma linear_0 f : linear f -> f 0 = 0.
Proof. intros L. pose proof (L 0 0) as H. rewrite Z.lxor_0_r in H. rewrite H, Z.lxor_nilpotent. reflexivity. Qed.

Lemma columns_linear f n j v : linear f -> 0 <= v < 2 ^ Z.of_nat n ->
  columns (map (fun k => f (Z.shiftl 1 (Z.of_nat k))) (seq j n)) v = f (Z.shiftl v (Z.of_nat j)).
Proof.
  intros L. revert j v. induction n as [|n IH]; intros j v Hv.
  - assert (v = 0) by (cbn in Hv; lia). subst. rewrite Z.shiftl_0_l. symmetry. apply linear_0, L.
  - cbn [seq map columns]. rewrite IH.
    + rewrite (split_low v 1) at 3 by lia.
      rewrite Z.shiftl_lxor, L. f_equal.
      * rewrite Z.land_ones by lia. change (2 ^ 1) with 2. rewrite Zmod_odd. destruct (Z.odd v); [reflexivity|].
        rewrite Z.shiftl_0_l. symmetry. apply linear_0, L.
      * rewrite Z.shiftl_shiftl by lia. do 2 f_equal. lia.
    + rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 1) with 2. rewrite Nat2Z.inj_succ, Z.pow_succ_r in Hv by lia.
      split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; lia].
Qed.

Lemma columns_matrix f v : linear f -> word W32 v -> columns (matrix f) v = f v.
Proof.
  intros L Hv. unfold matrix, cells. rewrite (columns_linear f 32 0 v L Hv). cbn [Z.of_nat]. rewrite Z.shiftl_0_r. reflexivity.
Qed.

Lemma advance_linear n : linear (advance n).
Proof. intros a b. apply advance_lxor. Qed.

(** Squaring a matrix: twice as far. *)
Definition square (m : list Z) : list Z := map (columns m) m.

Lemma bit_word k : 0 <= k < 32 -> word W32 (Z.shiftl 1 k).
Proof.
  intros H. unfold word. cbn [modulus]. rewrite Z.shiftl_mul_pow2, Z.mul_1_l by lia.
  assert (2 ^ k <= 2 ^ 31) by (apply Z.pow_le_mono_r; lia). assert (0 < 2 ^ k) by (apply Z.pow_pos_nonneg; lia).
  change (2 ^ 31) with 2147483648 in *. lia.
Qed.

Lemma square_advance n : 0 <= n -> square (matrix (advance n)) = matrix (advance (2 * n)).
Proof.
  intros Hn. unfold square, matrix at 2 3, cells. rewrite map_map. apply map_ext_in. intros k Hk. apply in_seq in Hk.
  assert (word W32 (Z.shiftl 1 (Z.of_nat k))) by (apply bit_word; lia).
  rewrite columns_matrix by (auto using advance_linear, advance_word).
  replace (2 * n) with (n + n) by lia. rewrite advance_add by lia. reflexivity.
Qed.

(** The matrices for 1, 2, 4, ... 2^(n-1) bytes, one after another, from that for 1 byte. *)
Fixpoint squares (n : nat) (m : list Z) : list Z :=
  match n with O => [] | S n => m ++ squares n (square m) end.

Definition powers : list Z := squares 64 (matrix (advance 1)).

Lemma matrix_length f : zlen (matrix f) = 32.
Proof. apply zlen_cells. Qed.

Lemma squares_length n m : length m = 32%nat -> zlen (squares n m) = 32 * Z.of_nat n.
Proof.
  revert m. induction n as [|n IH]; intros m H; cbn [squares]; [reflexivity|].
  rewrite zlen_app, IH by (unfold square; rewrite map_length; exact H). unfold zlen. rewrite H. lia.
Qed.

Lemma powers_length : zlen powers = 2048.
Proof. unfold powers. rewrite squares_length; [reflexivity|]. apply Nat2Z.inj. exact (matrix_length (advance 1)). Qed.

Lemma znth_app_low a b k : 0 <= k < zlen a -> znth (a ++ b) k = znth a k.
Proof. unfold znth, zlen. intros. apply app_nth1. lia. Qed.

Lemma znth_app_high a b k : zlen a <= k -> znth (a ++ b) k = znth b (k - zlen a).
Proof.
  unfold znth, zlen. intros. rewrite app_nth2 by lia. f_equal. lia.
Qed.

Lemma squares_cell n m j k : 0 <= m -> 0 <= j < Z.of_nat n -> 0 <= k < 32 ->
  znth (squares n (matrix (advance m))) (32 * j + k) = advance (m * 2 ^ j) (Z.shiftl 1 k).
Proof.
  revert m j. induction n as [|n IH]; intros m j Hm Hj Hk; [lia|]. cbn [squares].
  destruct (Z.eq_dec j 0) as [->|N].
  - rewrite znth_app_low by (rewrite matrix_length; lia). unfold matrix. rewrite znth_cells by lia.
    rewrite Z.pow_0_r, Z.mul_1_r. reflexivity.
  - rewrite znth_app_high, matrix_length by (rewrite matrix_length; lia). rewrite square_advance by lia.
    replace (32 * j + k - 32) with (32 * (j - 1) + k) by lia. rewrite IH by lia. f_equal.
    replace j with (Z.succ (j - 1)) at 2 by lia. rewrite Z.pow_succ_r by lia. ring.
Qed.

Lemma powers_cell j k : 0 <= j < 64 -> 0 <= k < 32 -> znth powers (32 * j + k) = advance (2 ^ j) (Z.shiftl 1 k).
Proof. intros Hj Hk. unfold powers. rewrite squares_cell by lia. rewrite Z.mul_1_l. reflexivity. Qed.

Lemma powers_words : words W32 powers.
Proof.
  apply Forall_forall. intros x Hx. apply (In_nth _ _ 0) in Hx as (i & Hi & <-).
  pose proof powers_length as HL. unfold zlen in HL.
  replace (nth i powers 0) with (znth powers (32 * (Z.of_nat i / 32) + Z.of_nat i mod 32)).
  - pose proof (Z.mod_pos_bound (Z.of_nat i) 32 eq_refl).
    assert (0 <= Z.of_nat i / 32 < 64) by (split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; lia]).
    rewrite powers_cell by lia. apply advance_word, bit_word. lia.
  - rewrite <- Z.div_mod by lia. unfold znth. rewrite Nat2Z.id. reflexivity.
Qed.
