(** Linear.v: shifting a register by bits is linear over xor; the table and the slices follow from that alone. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Crc32Trusted Require Import Statement.
Import ListNotations.
Open Scope Z_scope.

(** * Xor *)

Lemma xor_assoc a b c : Z.lxor (Z.lxor a b) c = Z.lxor a (Z.lxor b c).
Proof. apply Z.lxor_assoc. Qed.

Lemma xor_swap a b c : Z.lxor a (Z.lxor b c) = Z.lxor b (Z.lxor a c).
Proof. rewrite <- !Z.lxor_assoc, (Z.lxor_comm a b). reflexivity. Qed.

Lemma xor_cancel a b : Z.lxor a (Z.lxor a b) = b.
Proof. rewrite <- Z.lxor_assoc, Z.lxor_nilpotent, Z.lxor_0_l. reflexivity. Qed.

Lemma odd_lxor a b : Z.odd (Z.lxor a b) = xorb (Z.odd a) (Z.odd b).
Proof. rewrite <- !Z.bit0_odd, Z.lxor_spec. reflexivity. Qed.

(** Or of words whose bits do not meet is xor. *)
Lemma lor_shiftl a b k : 0 <= k -> 0 <= a < 2 ^ k -> Z.lor a (Z.shiftl b k) = Z.lxor a (Z.shiftl b k).
Proof.
  intros Hk Ha. symmetry. apply Z.lxor_lor. apply Z.bits_inj'. intros i Hi.
  rewrite Z.land_spec, Z.bits_0. destruct (Z.lt_ge_cases i k).
  - rewrite Z.shiftl_spec_low by lia. apply andb_false_r.
  - rewrite (bits_high a k) by lia. reflexivity.
Qed.

Lemma split_low a k : 0 <= a -> 0 <= k -> a = Z.lxor (Z.land a (Z.ones k)) (Z.shiftl (Z.shiftr a k) k).
Proof.
  intros Ha Hk. apply Z.bits_inj'. intros i Hi. rewrite Z.lxor_spec, Z.land_spec.
  destruct (Z.lt_ge_cases i k).
  - rewrite Z.ones_spec_low, Z.shiftl_spec_low, andb_true_r, xorb_false_r by lia. reflexivity.
  - rewrite Z.ones_spec_high, Z.shiftl_spec, Z.shiftr_spec, andb_false_r, xorb_false_l by lia.
    f_equal. lia.
Qed.

(** * Shifting *)

Lemma shift1_lxor a b : shift1 (Z.lxor a b) = Z.lxor (shift1 a) (shift1 b).
Proof.
  unfold shift1. rewrite odd_lxor, Z.shiftr_lxor. set (p := 0xEDB88320). clearbody p.
  destruct (Z.odd a), (Z.odd b); cbn [xorb]; rewrite ?xor_assoc; auto.
  - rewrite (xor_swap (Z.shiftr a 1)), xor_cancel. reflexivity.
  - apply xor_swap.
Qed.

Lemma shift_lxor n a b : shift n (Z.lxor a b) = Z.lxor (shift n a) (shift n b).
Proof. revert a b. induction n; intros; cbn [shift]; auto. rewrite shift1_lxor. apply IHn. Qed.

Lemma shift_0 n : shift n 0 = 0.
Proof. induction n; cbn [shift]; auto. Qed.

Lemma shift_add n m v : shift (n + m) v = shift m (shift n v).
Proof. revert v. induction n; intros; cbn [shift Nat.add]; auto. Qed.

Lemma shift1_word v : word W32 v -> word W32 (shift1 v).
Proof.
  intros H. unfold shift1. assert (word W32 (Z.shiftr v 1)) by (apply word_shiftr; [exact H|lia]).
  destruct (Z.odd v); auto. apply word_lxor; auto. unfold word. cbn [modulus]. lia.
Qed.

Lemma shift_word n v : word W32 v -> word W32 (shift n v).
Proof. revert v. induction n; intros; cbn [shift]; auto using shift1_word. Qed.

Lemma shift1_double v : shift1 (Z.shiftl v 1) = v.
Proof.
  unfold shift1. rewrite Z.shiftr_shiftl_l by lia. change (1 - 1) with 0. rewrite Z.shiftl_0_r.
  rewrite Z.shiftl_mul_pow2 by lia. change (2 ^ 1) with 2. rewrite Z.odd_mul. rewrite andb_false_r. reflexivity.
Qed.

(** Shifting [n] bits out that are zero. *)
Lemma shift_shiftl n v : shift n (Z.shiftl v (Z.of_nat n)) = v.
Proof.
  revert v. induction n; intros; cbn [shift].
  - apply Z.shiftl_0_r.
  - replace (Z.shiftl v (Z.of_nat (S n))) with (Z.shiftl (Z.shiftl v (Z.of_nat n)) 1).
    + rewrite shift1_double. apply IHn.
    + rewrite Z.shiftl_shiftl by lia. f_equal. lia.
Qed.

Lemma shift_shiftl_more n m v : shift (n + m) (Z.shiftl v (Z.of_nat n)) = shift m v.
Proof. rewrite shift_add, shift_shiftl. reflexivity. Qed.

(** The lowest byte and the rest. *)
Lemma shift_byte n x : 0 <= x -> shift (8 + n) x = Z.lxor (shift (8 + n) (Z.land x 255)) (shift n (Z.shiftr x 8)).
Proof.
  intros H. rewrite (split_low x 8) at 1 by lia. rewrite shift_lxor. f_equal.
  exact (shift_shiftl_more 8 n (Z.shiftr x 8)).
Qed.

(** * Bytes at once *)

(** Bytes as a little-endian number, by xor. *)
Fixpoint gather (l : list Z) : Z := match l with [] => 0 | b :: t => Z.lxor b (Z.shiftl (gather t) 8) end.

Lemma gather_little l : bytes l -> gather l = little l.
Proof.
  induction 1 as [|b t Hb Ht IH]; [reflexivity|]. cbn [gather little]. rewrite IH.
  rewrite <- Z.add_nocarry_lxor; [rewrite Z.shiftl_mul_pow2 by lia; change (2 ^ 8) with 256; lia|].
  apply Z.bits_inj'. intros i Hi. rewrite Z.land_spec, Z.bits_0. destruct (Z.lt_ge_cases i 8).
  - rewrite Z.shiftl_spec_low by lia. apply andb_false_r.
  - rewrite (bits_high b 8) by (auto; exact Hb). reflexivity.
Qed.

Definition steps (l : list Z) (v : Z) : Z := fold_left (fun v b => shift 8 (Z.lxor v b)) l v.

Lemma steps_gather l v : steps l v = shift (8 * length l) (Z.lxor v (gather l)).
Proof.
  unfold steps. revert v. induction l as [|b t IH]; intros v; cbn [fold_left gather length].
  - rewrite Z.lxor_0_r. reflexivity.
  - rewrite IH. replace (8 * S (length t))%nat with (8 + 8 * length t)%nat by lia.
    rewrite (shift_add 8). f_equal. rewrite <- xor_assoc, (shift_lxor 8 (Z.lxor v b)). f_equal.
    symmetry. exact (shift_shiftl 8 (gather t)).
Qed.

Lemma steps_app l m v : steps (l ++ m) v = steps m (steps l v).
Proof. apply fold_left_app. Qed.

Lemma byte_word32 b : word W8 b -> word W32 b.
Proof. unfold word. cbn [modulus]. lia. Qed.

Lemma steps_word l v : bytes l -> word W32 v -> word W32 (steps l v).
Proof.
  intros Hl. revert v. induction Hl as [|b t Hb Ht IH]; intros v Hv; [exact Hv|].
  apply IH. apply shift_word, word_lxor; auto using byte_word32.
Qed.

(** * Bytes of zeros, counted by an integer *)

Definition advance (count v : Z) : Z := shift (Z.to_nat (8 * count)) v.

Lemma advance_add a b v : 0 <= a -> 0 <= b -> advance (a + b) v = advance b (advance a v).
Proof. intros. unfold advance. rewrite <- shift_add. f_equal. lia. Qed.

Lemma advance_lxor n a b : advance n (Z.lxor a b) = Z.lxor (advance n a) (advance n b).
Proof. apply shift_lxor. Qed.

Lemma advance_word n v : word W32 v -> word W32 (advance n v).
Proof. apply shift_word. Qed.

Lemma advance_0 v : advance 0 v = v.
Proof. reflexivity. Qed.

(** The register after data, from two starts: the difference is only shifted. *)
Lemma steps_difference l v w : steps l (Z.lxor v w) = Z.lxor (advance (zlen l) v) (steps l w).
Proof.
  rewrite !steps_gather. unfold advance, zlen.
  replace (Z.to_nat (8 * Z.of_nat (length l))) with (8 * length l)%nat by lia.
  rewrite <- shift_lxor. f_equal. apply xor_assoc.
Qed.

(** What joining needs: the checksum of both from the checksums of each. *)
Lemma bitwise_join value a b : bitwise value (a ++ b) = Z.lxor (advance (zlen b) (bitwise value a)) (bitwise 0 b).
Proof.
  unfold bitwise. fold (steps (a ++ b) (Z.lxor value mask)) (steps a (Z.lxor value mask)) (steps b (Z.lxor 0 mask)).
  rewrite steps_app, Z.lxor_0_l, <- xor_assoc. f_equal. rewrite <- steps_difference. f_equal.
  rewrite xor_assoc, Z.lxor_nilpotent, Z.lxor_0_r. reflexivity.
Qed.

Lemma bitwise_resume value a b : bitwise (bitwise value a) b = bitwise value (a ++ b).
Proof.
  unfold bitwise. rewrite fold_left_app. do 2 f_equal. rewrite xor_assoc, Z.lxor_nilpotent, Z.lxor_0_r. reflexivity.
Qed.

Lemma mask_word : word W32 mask.
Proof. unfold word, mask. cbn [modulus]. lia. Qed.

Lemma bitwise_word value l : word W32 value -> bytes l -> word W32 (bitwise value l).
Proof.
  intros Hv Hl. apply word_lxor; auto using mask_word. apply (steps_word l); auto. apply word_lxor; auto using mask_word.
Qed.
