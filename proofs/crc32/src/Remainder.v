(** Remainder.v: the register is the remainder of a division of polynomials, and there is only one remainder. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Crc32Trusted Require Import Statement.
From Crc32 Require Import Linear.
Import ListNotations.
Open Scope Z_scope.

(** * Products *)

Lemma pmul_double q b : 0 <= q -> pmul (2 * q) b = 2 * pmul q b.
Proof. destruct q; cbn; auto; lia. Qed.

Lemma pmul_double_1 q b : 0 <= q -> pmul (2 * q + 1) b = Z.lxor b (2 * pmul q b).
Proof. intros H. destruct q as [|p|p]; [symmetry; apply Z.lxor_0_r|reflexivity|lia]. Qed.

Lemma double_lxor a b : 2 * Z.lxor a b = Z.lxor (2 * a) (2 * b).
Proof.
  pose proof (Z.shiftl_lxor a b 1) as H. rewrite !Z.shiftl_mul_pow2 in H by lia. change (2 ^ 1) with 2 in H.
  rewrite !(Z.mul_comm 2). exact H.
Qed.

(** Dividing goes on with one more bit of the dividend. *)
Lemma remainder_bit a r (m : bool) :
  remainder a r ->
  remainder (Z.lxor (2 * a) (b2z m * 2 ^ 32))
    (let t := Z.lxor (2 * r) (b2z m * 2 ^ 32) in if Z.testbit t 32 then Z.lxor t generator else t).
Proof.
  intros [Hr (q & Hq & ->)].
  assert (Hm : 0 <= b2z m * 2 ^ 32 < 2 ^ 33) by (destruct m; cbn; lia).
  assert (Ht : 0 <= Z.lxor (2 * r) (b2z m * 2 ^ 32) < 2 ^ 33) by (apply lxor_pow2; lia).
  cbv zeta. set (t := Z.lxor (2 * r) (b2z m * 2 ^ 32)) in *.
  assert (E : Z.lxor (2 * Z.lxor (pmul q generator) r) (b2z m * 2 ^ 32) = Z.lxor (2 * pmul q generator) t).
  { rewrite double_lxor, xor_assoc. reflexivity. }
  rewrite E. destruct (Z.testbit t 32) eqn:B.
  - split.
    + assert (Hg : 0 <= Z.lxor t generator < 2 ^ 33) by (apply lxor_pow2; unfold generator; lia).
      split; [lia|]. apply lt_pow2; try lia. intros i Hi. destruct (Z.eq_dec i 32) as [->|N].
      * rewrite Z.lxor_spec, B. reflexivity.
      * apply (bits_high _ 33); lia.
    + exists (2 * q + 1). split; [lia|]. rewrite pmul_double_1 by lia.
      rewrite (Z.lxor_comm generator), xor_assoc, (xor_swap generator t), Z.lxor_nilpotent, Z.lxor_0_r. reflexivity.
  - split.
    + split; [lia|]. apply lt_pow2; try lia. intros i Hi. destruct (Z.eq_dec i 32) as [->|N]; auto.
      apply (bits_high _ 33); lia.
    + exists (2 * q). split; [lia|]. rewrite pmul_double by lia. reflexivity.
Qed.

(** * Registers: polynomials with their bits in the other order *)

Lemma polynomial_snoc bs b : polynomial (bs ++ [b]) = 2 * polynomial bs + b2z b.
Proof. unfold polynomial. rewrite fold_left_app. reflexivity. Qed.

Lemma polynomial_range bs : 0 <= polynomial bs < 2 ^ Z.of_nat (length bs).
Proof.
  induction bs as [|b bs IH] using rev_ind; [cbn; lia|].
  rewrite polynomial_snoc, app_length. cbn [length]. rewrite Nat.add_1_r, Nat2Z.inj_succ, Z.pow_succ_r by lia.
  pose proof (b2z_bound b). lia.
Qed.

Lemma double_bit p b i : 0 <= i -> Z.testbit (2 * p + b2z b) i = if i =? 0 then b else Z.testbit p (i - 1).
Proof.
  intros Hi. replace (2 * p + b2z b) with (2 * p + Z.b2z b) by (destruct b; reflexivity).
  destruct (Z.eqb_spec i 0) as [->|N].
  - apply Z.testbit_0_r.
  - replace i with (Z.succ (i - 1)) at 1 by lia. apply Z.testbit_succ_r. lia.
Qed.

Lemma polynomial_bit bs i : 0 <= i < Z.of_nat (length bs) ->
  Z.testbit (polynomial bs) i = nth (length bs - 1 - Z.to_nat i) bs false.
Proof.
  revert i. induction bs as [|b bs IH] using rev_ind; intros i Hi; [cbn in Hi; lia|].
  rewrite polynomial_snoc, double_bit by lia. rewrite app_length in *. cbn [length] in *.
  destruct (Z.eqb_spec i 0) as [->|N].
  - rewrite app_nth2 by lia. replace (_ - _)%nat with O by lia. reflexivity.
  - rewrite IH by lia. rewrite app_nth1 by lia. f_equal. lia.
Qed.

Lemma bits_of_length n z : length (bits_of n z) = n.
Proof. unfold bits_of. rewrite map_length, seq_length. reflexivity. Qed.

Lemma bits_of_nth n z k : (k < n)%nat -> nth k (bits_of n z) false = Z.testbit z (Z.of_nat k).
Proof.
  intros H. unfold bits_of. rewrite (nth_indep _ false (Z.testbit z (Z.of_nat 0))) by (rewrite map_length, seq_length; lia).
  rewrite (map_nth (fun i => Z.testbit z (Z.of_nat i))), seq_nth by lia. reflexivity.
Qed.

Lemma of_register_range v : 0 <= of_register v < 2 ^ 32.
Proof. pose proof (polynomial_range (bits_of 32 v)) as H. rewrite bits_of_length in H. exact H. Qed.

Lemma of_register_bit v i : 0 <= i < 32 -> Z.testbit (of_register v) i = Z.testbit v (31 - i).
Proof.
  intros Hi. unfold of_register. rewrite polynomial_bit by (rewrite bits_of_length; lia).
  rewrite bits_of_length, bits_of_nth by lia. f_equal. lia.
Qed.

Lemma of_register_injective v w : word W32 v -> word W32 w -> of_register v = of_register w -> v = w.
Proof.
  unfold word. cbn [modulus]. change 4294967296 with (2 ^ 32). intros Hv Hw E. apply Z.bits_inj'. intros i Hi.
  destruct (Z.lt_ge_cases i 32).
  - pose proof (of_register_bit v (31 - i) ltac:(lia)) as Bv. pose proof (of_register_bit w (31 - i) ltac:(lia)) as Bw.
    replace (31 - (31 - i)) with i in * by lia. congruence.
  - rewrite !(bits_high _ 32) by lia. reflexivity.
Qed.

(** The two forms of the generator: bit i of the one is bit 31 - i of the other. *)
Lemma generator_bits i : 0 <= i < 32 -> Z.testbit 0xEDB88320 (31 - i) = Z.testbit generator i.
Proof.
  intros Hi.
  assert (H : forallb (fun k => Bool.eqb (Z.testbit 0xEDB88320 (31 - Z.of_nat k)) (Z.testbit generator (Z.of_nat k))) (seq 0 32) = true)
    by (vm_compute; reflexivity).
  rewrite forallb_forall in H. specialize (H (Z.to_nat i)). rewrite Z2Nat.id in H by lia.
  apply eqb_prop, H, in_seq. lia.
Qed.

(** One bit in the register is one bit of the division. First for any generator [g] with the mirrored form [p]:
    [r] is the polynomial of the register before, [t] the dividend's part after one more bit, [u] the register moved on. *)
Lemma mirrored_step p g r t u (m o : bool) :
  (forall i, 0 <= i < 32 -> Z.testbit p (31 - i) = Z.testbit g i) ->
  Z.testbit g 32 = true -> (forall i, 33 <= i -> Z.testbit g i = false) ->
  (forall i, 32 <= i -> Z.testbit r i = false) ->
  (forall i, 0 <= i -> Z.testbit t i = xorb (if i =? 0 then false else Z.testbit r (i - 1)) (if i =? 32 then m else false)) ->
  (forall i, 0 <= i < 32 -> Z.testbit u (31 - i) = if i =? 0 then false else Z.testbit r (i - 1)) ->
  Z.testbit t 32 = o ->
  of_register (if o then Z.lxor p u else u) = if o then Z.lxor t g else t.
Proof.
  intros Hp Hg Hg' Hr Ht Hu Ho. apply Z.bits_inj'. intros i Hi.
  destruct (Z.lt_ge_cases i 32) as [Hlt|Hge].
  - assert (E : Z.testbit t i = Z.testbit u (31 - i)).
    { rewrite Ht, Hu by lia. destruct (Z.eqb_spec i 32); [lia|]. apply xorb_false_r. }
    rewrite of_register_bit by lia. destruct o; rewrite ?Z.lxor_spec, E; auto. rewrite Hp by lia. apply xorb_comm.
  - rewrite (bits_high (of_register _) 32) by (auto; apply of_register_range).
    destruct (Z.eq_dec i 32) as [->|N].
    + destruct o; rewrite ?Z.lxor_spec, Ho; auto. rewrite Hg. reflexivity.
    + assert (E : Z.testbit t i = false).
      { rewrite Ht, Hr by lia. destruct (Z.eqb_spec i 0), (Z.eqb_spec i 32); try lia. reflexivity. }
      destruct o; rewrite ?Z.lxor_spec, E; auto. rewrite Hg' by lia. reflexivity.
Qed.

Lemma bit_high (m : bool) i : 1 <= i -> Z.testbit (b2z m) i = false.
Proof. intros H. apply (bits_high _ 1); [pose proof (b2z_bound m); change (2 ^ 1) with 2; lia|lia]. Qed.

Lemma b2z_bit0 (m : bool) : Z.testbit (b2z m) 0 = m.
Proof. destruct m; reflexivity. Qed.

Lemma dividend_bit r (m : bool) i : 0 <= i ->
  Z.testbit (Z.lxor (2 * r) (b2z m * 2 ^ 32)) i =
  xorb (if i =? 0 then false else Z.testbit r (i - 1)) (if i =? 32 then m else false).
Proof.
  intros Hi. rewrite Z.lxor_spec. f_equal.
  - pose proof (double_bit r false i Hi) as D. cbn [b2z] in D. rewrite Z.add_0_r in D. exact D.
  - rewrite <- Z.shiftl_mul_pow2 by lia. destruct (Z.lt_ge_cases i 32).
    + rewrite Z.shiftl_spec_low by lia. destruct (Z.eqb_spec i 32); [lia|reflexivity].
    + rewrite Z.shiftl_spec by lia. destruct (Z.eqb_spec i 32) as [->|N].
      * apply b2z_bit0.
      * apply bit_high. lia.
Qed.

Lemma generator_high i : 33 <= i -> Z.testbit generator i = false.
Proof. apply (bits_high generator 33). unfold generator. split; [discriminate|reflexivity]. Qed.

Lemma register_bit v (m : bool) : word W32 v ->
  of_register (shift1 (Z.lxor v (b2z m))) =
  (let t := Z.lxor (2 * of_register v) (b2z m * 2 ^ 32) in if Z.testbit t 32 then Z.lxor t generator else t).
Proof.
  intros Hv. cbv zeta. unfold shift1.
  assert (O : Z.testbit (Z.lxor (2 * of_register v) (b2z m * 2 ^ 32)) 32 = Z.odd (Z.lxor v (b2z m))).
  { rewrite dividend_bit, Z.eqb_refl by lia. destruct (Z.eqb_spec 32 0); [lia|].
    rewrite of_register_bit by lia. change (31 - (32 - 1)) with 0. rewrite odd_lxor, !Z.bit0_odd.
    rewrite <- (Z.bit0_odd (b2z m)), b2z_bit0. reflexivity. }
  rewrite O. apply mirrored_step with (m := m) (r := of_register v).
  - exact generator_bits.
  - reflexivity.
  - exact generator_high.
  - intros i Hi. apply (bits_high _ 32); [apply of_register_range|exact Hi].
  - intros i Hi. apply dividend_bit, Hi.
  - intros i Hi. rewrite Z.shiftr_spec, Z.lxor_spec, bit_high, xorb_false_r by lia.
    destruct (Z.eqb_spec i 0) as [->|N].
    + apply (bits_high _ 32); [exact Hv|lia].
    + rewrite of_register_bit by lia. f_equal. lia.
  - exact O.
Qed.

(** * Whole messages *)

Definition feed (bs : list bool) (v : Z) : Z := fold_left (fun v m => shift1 (Z.lxor v (b2z m))) bs v.

Lemma feed_word bs v : word W32 v -> word W32 (feed bs v).
Proof.
  revert v. induction bs as [|b bs IH]; intros v H; cbn [feed fold_left]; auto. apply IH, shift1_word, word_lxor; auto.
  unfold word. pose proof (b2z_bound b). cbn [modulus]. lia.
Qed.

Definition dividend (bs : list bool) (v : Z) : Z :=
  Z.lxor (polynomial bs * 2 ^ 32) (of_register v * 2 ^ Z.of_nat (length bs)).

Lemma dividend_snoc bs m v : dividend (bs ++ [m]) v = Z.lxor (2 * dividend bs v) (b2z m * 2 ^ 32).
Proof.
  unfold dividend. rewrite polynomial_snoc, app_length. cbn [length].
  rewrite Nat.add_1_r, Nat2Z.inj_succ, Z.pow_succ_r by lia.
  rewrite double_lxor, Z.mul_add_distr_r, <- Z.mul_assoc, (Z.mul_shuffle3 (of_register v) 2).
  rewrite xor_assoc, (Z.lxor_comm (2 * (of_register v * _))), <- xor_assoc. f_equal.
  rewrite <- Z.add_nocarry_lxor; [reflexivity|].
  rewrite (Z.mul_shuffle3 2). change (2 * 2 ^ 32) with (2 ^ 33). rewrite <- (Z.shiftl_mul_pow2 _ 33) by lia.
  apply Z.bits_inj'. intros i Hi. rewrite Z.land_spec, Z.bits_0.
  destruct (Z.lt_ge_cases i 33).
  - rewrite Z.shiftl_spec_low by lia. reflexivity.
  - rewrite (bits_high (b2z m * 2 ^ 32) 33); [apply andb_false_r| |lia]. destruct m; cbn; lia.
Qed.

Lemma feed_remainder bs v : word W32 v -> remainder (dividend bs v) (of_register (feed bs v)).
Proof.
  intros Hv. induction bs as [|m bs IH] using rev_ind.
  - split; [apply of_register_range|]. exists 0. split; [lia|]. unfold dividend. cbn [polynomial fold_left length feed pmul].
    rewrite Z.mul_0_l, !Z.lxor_0_l. cbn. lia.
  - rewrite dividend_snoc. unfold feed. rewrite fold_left_app. cbn [fold_left]. fold (feed bs v).
    rewrite register_bit by auto using feed_word. apply remainder_bit, IH.
Qed.

(** A byte bit by bit, or at once. *)
Lemma bits_of_succ n b : 0 <= b -> bits_of (S n) b = Z.odd b :: bits_of n (Z.shiftr b 1).
Proof.
  intros H. unfold bits_of. cbn [seq map]. rewrite <- seq_shift, map_map. f_equal.
  apply map_ext. intros k. rewrite Z.shiftr_spec by lia. f_equal. lia.
Qed.

Lemma odd_split b : 0 <= b -> b = Z.lxor (b2z (Z.odd b)) (Z.shiftl (Z.shiftr b 1) 1).
Proof.
  intros H. rewrite (split_low b 1) at 1 by lia. f_equal. change (Z.ones 1) with (Z.ones 1).
  rewrite Z.land_ones by lia. change (2 ^ 1) with 2. rewrite Zmod_odd. destruct (Z.odd b); reflexivity.
Qed.

Lemma feed_bits n b v : 0 <= b < 2 ^ Z.of_nat n -> feed (bits_of n b) v = shift n (Z.lxor v b).
Proof.
  revert b v. induction n as [|n IH]; intros b v Hb.
  - assert (b = 0) by (cbn in Hb; lia). subst. cbn. rewrite Z.lxor_0_r. reflexivity.
  - rewrite bits_of_succ by lia. unfold feed. cbn [fold_left]. fold (feed (bits_of n (Z.shiftr b 1)) (shift1 (Z.lxor v (b2z (Z.odd b))))).
    rewrite IH.
    + cbn [shift]. f_equal. rewrite (odd_split b) at 3 by lia.
      rewrite <- xor_assoc, (shift1_lxor (Z.lxor v _)), shift1_double. reflexivity.
    + rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 1) with 2. rewrite Nat2Z.inj_succ, Z.pow_succ_r in Hb by lia.
      split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; lia].
Qed.

Lemma feed_app l m v : feed (l ++ m) v = feed m (feed l v).
Proof. apply fold_left_app. Qed.

Lemma feed_sent l v : bytes l -> feed (sent l) v = steps l v.
Proof.
  intros Hl. revert v. induction Hl as [|b t Hb Ht IH]; intros v; [reflexivity|].
  change (sent (b :: t)) with (bits_of 8 b ++ sent t).
  rewrite feed_app, feed_bits, IH by exact Hb. reflexivity.
Qed.

Lemma sent_length l : Z.of_nat (length (sent l)) = 8 * zlen l.
Proof.
  induction l as [|b t IH]; [reflexivity|].
  change (sent (b :: t)) with (bits_of 8 b ++ sent t). rewrite app_length, bits_of_length, zlen_cons. lia.
Qed.

Theorem bitwise_is_crc value data : word W32 value -> bytes data -> is_crc value data (bitwise value data).
Proof.
  intros Hv Hd. split; [apply bitwise_word; auto|].
  assert (E : Z.lxor (bitwise value data) mask = feed (sent data) (Z.lxor value mask)).
  { rewrite feed_sent by auto. unfold bitwise. rewrite xor_assoc, Z.lxor_nilpotent, Z.lxor_0_r. reflexivity. }
  rewrite E, <- sent_length. apply feed_remainder. apply word_lxor; auto using mask_word.
Qed.

(** * Only one remainder *)

Lemma halves q : 0 <= q -> exists k h, 0 <= k /\ q = 2 * k + b2z h.
Proof.
  intros H. exists (q / 2), (Z.odd q). split; [apply Z.div_pos; lia|].
  rewrite (Z.div_mod q 2) at 1 by lia. rewrite Zmod_odd. destruct (Z.odd q); reflexivity.
Qed.

Lemma pmul_step k h b : 0 <= k -> pmul (2 * k + b2z h) b = Z.lxor (2 * pmul k b) (b2z h * b).
Proof.
  intros H. destruct h; cbn [b2z].
  - rewrite pmul_double_1, Z.mul_1_l, Z.lxor_comm by lia. reflexivity.
  - rewrite Z.add_0_r, pmul_double, Z.mul_0_l, Z.lxor_0_r by lia. reflexivity.
Qed.

Lemma lxor_step a b g h : Z.lxor (2 * a + b2z g) (2 * b + b2z h) = 2 * Z.lxor a b + b2z (xorb g h).
Proof.
  apply Z.bits_inj'. intros i Hi. rewrite Z.lxor_spec, !double_bit by lia. destruct (i =? 0); auto. rewrite Z.lxor_spec. reflexivity.
Qed.

Lemma pmul_lxor_bounded n a b c : 0 <= a < 2 ^ Z.of_nat n -> 0 <= b -> pmul (Z.lxor a b) c = Z.lxor (pmul a c) (pmul b c).
Proof.
  revert a b. induction n as [|n IH]; intros a b Ha Hb.
  - assert (a = 0) by (cbn in Ha; lia). subst. rewrite !Z.lxor_0_l. reflexivity.
  - destruct (halves a ltac:(lia)) as (k & h & Hk & ->). destruct (halves b Hb) as (k' & h' & Hk' & ->).
    assert (0 <= Z.lxor k k') by (apply Z.lxor_nonneg; lia).
    rewrite lxor_step, !pmul_step, IH, double_lxor; try lia.
    2: { rewrite Nat2Z.inj_succ, Z.pow_succ_r in Ha by lia. pose proof (b2z_bound h). lia. }
    replace (b2z (xorb h h') * c) with (Z.lxor (b2z h * c) (b2z h' * c)).
    + rewrite !xor_assoc. f_equal. apply xor_swap.
    + destruct h, h'; cbn [b2z xorb]; rewrite ?Z.mul_0_l, ?Z.mul_1_l, ?Z.lxor_0_l, ?Z.lxor_0_r, ?Z.lxor_nilpotent; reflexivity.
Qed.

Lemma pmul_lxor a b c : 0 <= a -> 0 <= b -> pmul (Z.lxor a b) c = Z.lxor (pmul a c) (pmul b c).
Proof.
  intros Ha Hb. apply (pmul_lxor_bounded (Z.to_nat a)); auto. split; auto.
  rewrite Z2Nat.id by lia. apply Z.pow_gt_lin_r; lia.
Qed.

(** A multiple of the generator has a bit at 32 or above, unless it is zero. *)
Lemma times_bits p : let n := Z.log2 (Zpos p) in
  Z.testbit (times p generator) (n + 32) = true /\ forall i, n + 32 < i -> Z.testbit (times p generator) i = false.
Proof.
  induction p as [p IH|p IH|]; cbv zeta in *.
  - destruct IH as [H1 H2]. replace (Z.log2 (Zpos p~1)) with (Z.log2 (Zpos p) + 1)
      by (rewrite (Pos2Z.inj_xI p), Z.log2_succ_double; lia).
    pose proof (Z.log2_nonneg (Zpos p)). cbn [times].
    assert (D : forall i, 33 <= i -> Z.testbit (Z.lxor generator (2 * times p generator)) i = Z.testbit (times p generator) (i - 1)).
    { intros i Hi. rewrite Z.lxor_spec, (bits_high generator 33) by (unfold generator; lia).
      replace (2 * times p generator) with (2 * times p generator + b2z false) by (cbn; lia).
      rewrite double_bit by lia. destruct (Z.eqb_spec i 0); [lia|]. apply xorb_false_l. }
    split.
    + rewrite D by lia. rewrite <- H1. f_equal. lia.
    + intros i Hi. rewrite D by lia. apply H2. lia.
  - destruct IH as [H1 H2]. replace (Z.log2 (Zpos p~0)) with (Z.log2 (Zpos p) + 1)
      by (rewrite (Pos2Z.inj_xO p), Z.log2_double; lia).
    pose proof (Z.log2_nonneg (Zpos p)). cbn [times].
    assert (D : forall i, 1 <= i -> Z.testbit (2 * times p generator) i = Z.testbit (times p generator) (i - 1)).
    { intros i Hi. replace (2 * times p generator) with (2 * times p generator + b2z false) by (cbn; lia).
      rewrite double_bit by lia. destruct (Z.eqb_spec i 0); [lia|]. reflexivity. }
    split.
    + rewrite D by lia. rewrite <- H1. f_equal. lia.
    + intros i Hi. rewrite D by lia. apply H2. lia.
  - cbn [Z.log2]. split; [reflexivity|]. intros i Hi. apply (bits_high _ 33); [|lia]. cbn [times]. unfold generator. lia.
Qed.

Lemma xor_move a b c d : Z.lxor a c = Z.lxor b d -> Z.lxor a b = Z.lxor c d.
Proof.
  intros H. apply Z.bits_inj'. intros i _. apply (f_equal (fun z => Z.testbit z i)) in H.
  rewrite !Z.lxor_spec in *. destruct (Z.testbit a i), (Z.testbit b i), (Z.testbit c i), (Z.testbit d i); cbn in *; congruence.
Qed.

Theorem remainder_unique a r s : remainder a r -> remainder a s -> r = s.
Proof.
  intros [Hr (q & Hq & E)] [Hs (q' & Hq' & E')].
  assert (M : pmul (Z.lxor q q') generator = Z.lxor r s).
  { rewrite pmul_lxor by auto. apply xor_move. congruence. }
  assert (B : 0 <= Z.lxor r s < 2 ^ 32) by (apply lxor_pow2; lia).
  apply Z.lxor_eq. destruct (Z.lxor q q') as [|p|p] eqn:Q.
  - cbn in M. congruence.
  - exfalso. destruct (times_bits p) as [H _]. cbn [pmul] in M. rewrite M in H.
    rewrite (bits_high _ 32) in H; [discriminate|exact B|]. pose proof (Z.log2_nonneg (Zpos p)). lia.
  - assert (0 <= Z.lxor q q') by (apply Z.lxor_nonneg; lia). lia.
Qed.

Theorem is_crc_unique value data c d : is_crc value data c -> is_crc value data d -> c = d.
Proof.
  intros [Hc Rc] [Hd Rd]. pose proof (remainder_unique _ _ _ Rc Rd) as E.
  apply of_register_injective in E; [|apply word_lxor; auto using mask_word..].
  rewrite <- (Z.lxor_0_r c), <- (Z.lxor_nilpotent mask), <- xor_assoc, E, xor_assoc, Z.lxor_nilpotent, Z.lxor_0_r. reflexivity.
Qed.

(** So a value is the checksum exactly when the bitwise computation gives it. *)
Theorem is_crc_bitwise value data c : word W32 value -> bytes data -> is_crc value data c -> c = bitwise value data.
Proof. intros Hv Hd H. eapply is_crc_unique; eauto using bitwise_is_crc. Qed.
