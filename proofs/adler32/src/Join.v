(** Join.v: the checksum of two parts together, from theirs. *)
From Coq Require Import ZArith Lia String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Adler32Trusted Require Import Statement.
From Adler32 Require Import Sums Update.
From Adler32 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** What the program computes, for any three numbers. *)
Definition joined_low (first second : Z) : Z := (low first + low second + 65520) mod base.
Definition joined_high (first second size : Z) : Z :=
  (first / 65536 mod 65536 + second / 65536 mod 65536 + size mod base * (low first + 65520)) mod base.
Definition joined (first second size : Z) : Z := joined_high first second size * 65536 + joined_low first second.

Lemma join_spec T G first second size :
  word W64 first -> word W64 second -> word W64 size ->
  exists n ws Bs, runs T G Fast.join [first; second; size] [] n ws Bs /\
    (n = 4 /\ ws = [joined first second size] /\ Bs = []).
Proof.
  intros Hf Hs Hz. pose proof (low_range first) as L1. pose proof (low_range second) as L2.
  pose proof (Z.mod_pos_bound (first / 65536) 65536 eq_refl) as H1.
  pose proof (Z.mod_pos_bound (second / 65536) 65536 eq_refl) as H2.
  pose proof (Z.mod_pos_bound size base eq_refl) as H3.
  assert (E1 : Z.land (Z.shiftr first 16) 65535 = first / 65536 mod 65536).
  { change 65535 with (Z.ones 16). rewrite Z.land_ones, Z.shiftr_div_pow2 by lia. reflexivity. }
  assert (E2 : Z.land (Z.shiftr second 16) 65535 = second / 65536 mod 65536).
  { change 65535 with (Z.ones 16). rewrite Z.land_ones, Z.shiftr_div_pow2 by lia. reflexivity. }
  assert (M : 0 <= size mod base * (low first + 65520) <= 65520 * 131040) by (unfold base in *; nia).
  assert (B1 : 0 <= joined_low first second < base) by (apply Z.mod_pos_bound; reflexivity).
  assert (B2 : 0 <= joined_high first second size < base) by (apply Z.mod_pos_bound; reflexivity).
  vc_proc Fast.join. vc; try discriminate; try (unfold word in *; cbn [modulus] in *; lia).
  all: rewrite ?low_bits, ?E1, ?E2 by assumption; change 65521 with base.
  all: unfold joined, joined_high, joined_low, base in *; vc_compute.
  all: vc_wraps; repeat split; auto.
Qed.

Lemma joined_word first second size : word W32 (joined first second size).
Proof.
  assert (B1 : 0 <= joined_low first second < base) by (apply Z.mod_pos_bound; reflexivity).
  assert (B2 : 0 <= joined_high first second size < base) by (apply Z.mod_pos_bound; reflexivity).
  unfold joined, word, base in *. cbn [modulus]. lia.
Qed.

Lemma high_quotient v l : update v l / 65536 mod 65536 = high (update v l).
Proof.
  unfold high. symmetry. apply Z.mod_small. rewrite update_halves.
  destruct (sums_range l (low v) (high v) (low_range v) (high_range v)) as [R1 R2]. unfold base in *.
  rewrite Z.div_add_l, Z.div_small, Z.add_0_r, Z.mod_small by lia. lia.
Qed.

Lemma joined_right value a b : joined (update value a) (adler32 b) (zlen b) = update value (a ++ b).
Proof.
  rewrite (update_halves value (a ++ b)), sums_closed. cbn [fst snd].
  unfold joined, joined_high, joined_low, adler32. rewrite !high_quotient, !low_update, !high_update, !sums_closed. cbn [fst snd].
  change (low 1) with 1. change (high 1) with 0. rewrite zlen_app, total_app, weighted_app. f_equal; [f_equal|].
  - set (A := low value + total a). set (n := zlen b).
    replace (high value + low value * (zlen a + n) + (weighted a + total a * n + weighted b))
      with ((high value + low value * zlen a + weighted a) + (0 + 1 * n + weighted b) + n * (A + 65520) + (- n) * base)
      by (unfold A, base; ring).
    rewrite Z.mod_add by discriminate.
    rewrite <- (Z.add_mod_idemp_r _ (n mod base * _)), Z.mul_mod_idemp_l by discriminate.
    rewrite <- (Z.mul_mod_idemp_r n (A mod base + 65520)), Z.add_mod_idemp_l, Z.mul_mod_idemp_r by discriminate.
    rewrite Z.add_mod_idemp_r by discriminate.
    rewrite <- Z.add_assoc, Z.add_mod_idemp_l by discriminate.
    rewrite Z.add_assoc, (Z.add_comm _ ((0 + 1 * n + weighted b) mod base)), <- Z.add_assoc, Z.add_mod_idemp_l by discriminate.
    f_equal. ring.
  - rewrite <- Z.add_assoc, Z.add_mod_idemp_l, Z.add_assoc by discriminate.
    rewrite (Z.add_comm _ ((1 + total b) mod base)), <- Z.add_assoc, Z.add_mod_idemp_l by discriminate.
    replace (1 + total b + (low value + total a + 65520)) with (low value + (total a + total b) + 1 * base) by (unfold base; ring).
    apply Z.mod_add. discriminate.
Qed.
