(** Bursts.v: shifting loses no register, so data that differ within 32 successive bits have different checksums. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Crc32Trusted Require Import Statement.
From Crc32 Require Import Linear.
Import ListNotations.
Open Scope Z_scope.

Lemma shift1_nonzero v : 0 < v < 2 ^ 32 -> 0 < shift1 v < 2 ^ 32.
Proof.
  intros Hv. assert (W : word W32 (shift1 v)) by (apply shift1_word; split; [lia|exact (proj2 Hv)]).
  unfold word in W. cbn [modulus] in W. change (2 ^ 32) with 4294967296 in *.
  assert (shift1 v <> 0); [|lia]. unfold shift1. intros E.
  assert (D : v = 2 * Z.shiftr v 1 + b2z (Z.odd v)).
  { rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 1) with 2. rewrite (Z.div_mod v 2) at 1 by lia. rewrite Zmod_odd. destruct (Z.odd v); reflexivity. }
  destruct (Z.odd v); cbn [b2z] in D.
  - apply Z.lxor_eq in E. lia.
  - lia.
Qed.

Lemma shift_nonzero n v : 0 < v < 2 ^ 32 -> shift n v <> 0.
Proof.
  revert v. induction n as [|n IH]; intros v Hv; cbn [shift]; [lia|]. apply IH, shift1_nonzero, Hv.
Qed.

Lemma bitwise_burst value data changed k e :
  bytes data -> bytes changed -> zlen changed = zlen data -> 0 <= k -> 0 < e < 2 ^ 32 ->
  Z.lxor (little data) (little changed) = Z.shiftl e k -> bitwise value data <> bitwise value changed.
Proof.
  intros Hd Hc Hlen Hk He E B.
  assert (L : length changed = length data) by (unfold zlen in Hlen; lia).
  pose proof (little_range data Hd) as R1. pose proof (little_range changed Hc) as R2. rewrite Hlen in R2.
  assert (S : steps data (Z.lxor value mask) = steps changed (Z.lxor value mask)).
  { unfold bitwise in B. fold (steps data (Z.lxor value mask)) (steps changed (Z.lxor value mask)) in B.
    apply (f_equal (fun z => Z.lxor z mask)) in B. rewrite !xor_assoc, Z.lxor_nilpotent, !Z.lxor_0_r in B. exact B. }
  rewrite !steps_gather, L, !gather_little in S by assumption.
  assert (Z0 : shift (8 * length data) (Z.shiftl e k) = 0).
  { rewrite <- E. set (v := Z.lxor value mask) in *. rewrite shift_lxor. rewrite !shift_lxor in S.
    apply (f_equal (Z.lxor (shift (8 * length data) v))) in S. rewrite !xor_cancel in S. rewrite S. apply Z.lxor_nilpotent. }
  assert (N : k < 8 * zlen data).
  { pose proof (zlen_nonneg data). destruct (Z.lt_ge_cases k (8 * zlen data)) as [|G]; auto. exfalso.
    assert (0 <= Z.lxor (little data) (little changed) < 2 ^ (8 * zlen data)) by (apply lxor_pow2; lia).
    rewrite E, Z.shiftl_mul_pow2 in * by lia.
    assert (2 ^ (8 * zlen data) <= 2 ^ k) by (apply Z.pow_le_mono_r; lia). nia. }
  apply (shift_nonzero (8 * length data - Z.to_nat k) e He).
  rewrite <- (shift_shiftl_more (Z.to_nat k)). rewrite Z2Nat.id by lia.
  replace (Z.to_nat k + (8 * length data - Z.to_nat k))%nat with (8 * length data)%nat by (unfold zlen in N; lia). exact Z0.
Qed.
