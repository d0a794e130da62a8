(** Buffer.v: the bit buffer of Decoder.v: what it holds are the next bits of the input; [zlib_refill] puts more into it. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit Lookup Build.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * Bits of a number *)

Lemma testbit_value l i : 0 <= i -> Z.testbit (value l) i = nth (Z.to_nat i) l false.
Proof.
  revert i. induction l as [|b l IH]; intros i Hi.
  - cbn [value]. rewrite Z.testbit_0_l. destruct (Z.to_nat i); reflexivity.
  - cbn [value]. change (b2z b) with (Z.b2z b). destruct (Z.eq_dec i 0) as [->|N].
    + rewrite Z.add_b2z_double_bit0. reflexivity.
    + replace i with (Z.succ (i - 1)) by lia. rewrite <- Z.div2_bits, Z.add_b2z_double_div2, IH by lia.
      replace (Z.to_nat (Z.succ (i - 1))) with (S (Z.to_nat (i - 1))) by lia. reflexivity.
Qed.

Lemma nth_skip n (l : list bool) i : nth i (skipn n l) false = nth (n + i) l false.
Proof. revert l. induction n as [|n IH]; intros [|b l]; cbn [skipn Nat.add nth]; auto. destruct i; reflexivity. Qed.

Lemma nth_first n (l : list bool) i : nth i (firstn n l) false = if (i <? n)%nat then nth i l false else false.
Proof.
  revert l i. induction n as [|n IH]; intros [|b l] [|i]; cbn [firstn nth]; try reflexivity.
  - destruct (Nat.ltb (S i) (S n)); reflexivity.
  - rewrite IH. reflexivity.
Qed.

Lemma same_bits a b : (forall i, 0 <= i -> Z.testbit a i = Z.testbit b i) -> a = b.
Proof. intros H. apply Z.bits_inj'. exact H. Qed.

Lemma shiftr_value n l : Z.shiftr (value l) (Z.of_nat n) = value (skipn n l).
Proof.
  apply same_bits. intros i Hi. rewrite Z.shiftr_spec, !testbit_value, nth_skip by lia. f_equal. lia.
Qed.

Lemma mask_value n l : Z.land (value l) (Z.ones (Z.of_nat n)) = value (firstn n l).
Proof.
  apply same_bits. intros i Hi. rewrite Z.land_spec, Z.testbit_ones_nonneg, !testbit_value, nth_first by lia.
  destruct (Z.ltb_spec i (Z.of_nat n)), (Nat.ltb_spec (Z.to_nat i) n); try lia; rewrite ?andb_true_r, ?andb_false_r; reflexivity.
Qed.

Lemma low_first_first n l : (n <= length l)%nat -> low_first n (value l) = firstn n l.
Proof.
  intros H. assert (L : length (firstn n l) = n) by (rewrite firstn_length; lia).
  rewrite <- (firstn_skipn n l) at 1. rewrite value_app. rewrite <- L at 1. clear L.
  generalize (firstn n l) as c, (value (skipn n l)) as m. intros c m.
  induction c as [|b t IH]; [reflexivity|]. cbn [length low_first value].
  rewrite zlen_cons, Z.pow_add_r by (pose proof (zlen_nonneg t); lia). change (2 ^ 1) with 2.
  replace (b2z b + 2 * value t + 2 ^ zlen t * 2 * m) with (b2z b + 2 * (value t + 2 ^ zlen t * m)) by ring.
  assert (E : (b2z b + 2 * (value t + 2 ^ zlen t * m)) / 2 = value t + 2 ^ zlen t * m).
  { pose proof (b2z_bound b). symmetry. apply Z.div_unique with (b2z b); lia. }
  rewrite E, IH. f_equal. rewrite Z.odd_add_mul_2. destruct b; reflexivity.
Qed.

(** A byte put behind [n] bits of which some that follow may be there already. *)
Lemma byte_behind a b t k : word W8 b -> (length a <= k)%nat ->
  Z.lor (value (firstn k (a ++ bits_of_byte b ++ t))) (Z.shiftl b (zlen a)) =
  value (firstn (Nat.max k (length a + 8)) (a ++ bits_of_byte b ++ t)).
Proof.
  intros Hb Hk. apply same_bits. intros i Hi. rewrite Z.lor_spec, Z.shiftl_spec, !testbit_value, !nth_first by lia.
  assert (E : zlen a <= i -> Z.testbit b (i - zlen a) = nth (Z.to_nat i - length a) (bits_of_byte b) false).
  { intros H. rewrite <- (value_bits_of b Hb) at 1. rewrite testbit_value by lia. f_equal. unfold zlen. lia. }
  assert (F : zlen a <= i < zlen a + 8 -> nth (Z.to_nat i) (a ++ bits_of_byte b ++ t) false = Z.testbit b (i - zlen a)).
  { intros H. rewrite E by lia. rewrite app_nth2 by (unfold zlen in H; lia). apply app_nth1.
    change (length (bits_of_byte b)) with 8%nat. unfold zlen in H. lia. }
  assert (Z8 : zlen a + 8 <= i -> Z.testbit b (i - zlen a) = false).
  { intros H. apply (bits_high b 8); [exact Hb|lia]. }
  assert (Zn : i < zlen a -> Z.testbit b (i - zlen a) = false) by (intros H; apply Z.testbit_neg_r; lia).
  unfold zlen in *.
  destruct (Nat.ltb_spec (Z.to_nat i) k), (Nat.ltb_spec (Z.to_nat i) (Nat.max k (length a + 8))); try lia.
  - destruct (Z.lt_ge_cases i (Z.of_nat (length a))); [rewrite Zn by lia; apply orb_false_r|].
    destruct (Z.lt_ge_cases i (Z.of_nat (length a) + 8)); [rewrite <- F by lia; apply orb_diag|rewrite Z8 by lia; apply orb_false_r].
  - rewrite F by lia. reflexivity.
  - rewrite Z8 by lia. reflexivity.
Qed.

(** * The bit buffer *)

(** [bs] are all the bits from here to the end of the input at hand: [bc] of them are in the buffer [bb], the rest are the bytes
    from [pos] on. The buffer may hold bits beyond those that count, if they are the ones that follow. *)
Definition pending (input : list Z) (pos end_ bb bc : Z) (bs : list bool) : Prop :=
  exists a k, bs = (a ++ bits_of (part pos (end_ - pos) input))%list /\ zlen a = bc /\
              bc <= Z.of_nat k <= 64 /\ bb = value (firstn k bs).

Lemma pending_word input pos end_ bb bc bs : pending input pos end_ bb bc bs -> word W64 bb.
Proof.
  intros (a & k & _ & _ & Hk & ->). pose proof (value_bound (firstn k bs)) as V.
  assert (P : 2 ^ zlen (firstn k bs) <= 2 ^ 64) by (apply Z.pow_le_mono_r; [lia|]; unfold zlen; rewrite firstn_length; lia).
  unfold word. change (modulus W64) with (2 ^ 64). lia.
Qed.

Lemma part_cons from size l : 0 <= from -> 0 < size -> from + size <= zlen l ->
  part from size l = znth l from :: part (from + 1) (size - 1) l.
Proof.
  intros. unfold part. rewrite zdrop_cons by lia. unfold ztake.
  replace (Z.to_nat size) with (S (Z.to_nat (size - 1))) by lia. reflexivity.
Qed.

Lemma pending_byte input pos end_ bb bc bs : words W8 input -> 0 <= pos < end_ -> end_ <= zlen input -> bc <= 56 ->
  pending input pos end_ bb bc bs ->
  pending input (pos + 1) end_ (Z.lor bb (Z.shiftl (znth input pos) bc)) (bc + 8) bs.
Proof.
  intros Hi Hp He Hbc (a & k & -> & La & Hk & ->).
  rewrite (part_cons pos (end_ - pos) input) by lia. replace (end_ - pos - 1) with (end_ - (pos + 1)) by lia.
  cbn [bits_of flat_map]. fold (bits_of (part (pos + 1) (end_ - (pos + 1)) input)).
  assert (Hb : word W8 (znth input pos)) by (apply words_znth; [exact Hi|lia]).
  exists (a ++ bits_of_byte (znth input pos))%list, (Nat.max k (length a + 8)). rewrite <- app_assoc. split; [reflexivity|].
  rewrite zlen_app, bits_of_byte_length. split; [lia|]. unfold zlen in La. split; [lia|].
  rewrite <- La. apply byte_behind; [exact Hb|lia].
Qed.

Section Refill.
Variables (input : list Z) (end_ : Z) (T : list (ident * arr)) (G : list proc) (bs : list bool).
Hypotheses (Hi : words W8 input) (He : end_ <= zlen input) (Hl : zlen input < 2 ^ 63).

Lemma refill_spec pos bb bc : 0 <= pos <= end_ -> 0 <= bc <= 63 -> pending input pos end_ bb bc bs ->
  exists n ws Bs, runs T G Decoder.refill [pos; end_; bb; bc] [Arr W8 false input] n ws Bs /\
    (0 <= n <= 40 /\ Bs = [Arr W8 false input] /\
     exists pos' bb' bc', ws = [pos'; bb'; bc'] /\ pending input pos' end_ bb' bc' bs /\
       pos <= pos' <= end_ /\ 0 <= bc' <= 63 /\ (56 <= bc' \/ pos' = end_)).
Proof.
  intros Hp Hbc HP. change (2 ^ 63) with 9223372036854775808 in Hl. vc_proc Decoder.refill.
  vc_loop (fun (g : Z * Z * Z) s c => let '(p, b, n) := g in
             s = State [("pos", Some p); ("end_", Some end_); ("bb", Some b); ("bc", Some n)]%string
                       (("input"%string, Arr W8 false input) :: T) /\
             pos <= p <= end_ /\ 0 <= n <= 63 /\ pending input p end_ b n bs /\ 0 <= c /\ 2 * c <= n - bc)
          (fun g : Z * Z * Z => let '(_, _, n) := g in 64 - n) (pos, bb, bc).
  - split; [reflexivity|]. repeat split; try lia. exact HP.
  - intros [[p b] n] s c (-> & Hpp & Hn & HPP & Hc0 & Hc). split; [lia|]. vc_exp. split; intros H1; vc_cond H1.
    + split; intros H2; do 2 vc_cond H2.
      * pose proof (words_znth W8 input p Hi ltac:(lia)) as Hw. unfold word in Hw. cbn [modulus] in Hw.
        pose proof (pending_byte input p end_ b n bs Hi ltac:(lia) He ltac:(lia) HPP) as HN.
        assert (S : 0 <= Z.shiftl (znth input p) n < 18446744073709551616).
        { rewrite Z.shiftl_mul_pow2 by lia. assert (0 < 2 ^ n) by (apply Z.pow_pos_nonneg; lia).
          assert (2 ^ n <= 2 ^ 56) by (apply Z.pow_le_mono_r; lia). change (2 ^ 56) with 72057594037927936 in *. nia. }
        vc. eexists (p + 1, _, n + 8). split; [lia|]. split; [reflexivity|]. split; [lia|]. split; [lia|]. split; [exact HN|]. lia.
      * vc_compute. split; [lia|]. split; [reflexivity|].
        exists p, b, n. repeat split; try lia. exact HPP.
    + split; intros H3; [congruence|]. vc_compute. split; [lia|]. split; [reflexivity|].
      exists p, b, n. repeat split; try lia. exact HPP.
Qed.
End Refill.

(** * Eight bytes at once, as [zlib_fast] does *)

Lemma little_value l : words W8 l -> little l = value (bits_of l).
Proof.
  induction 1 as [|b t Hb Ht IH]; [reflexivity|]. cbn [little bits_of flat_map]. fold (bits_of t).
  rewrite value_app, value_bits_of, bits_of_byte_length, IH by exact Hb. reflexivity.
Qed.

Lemma eight_count bc : 0 <= bc <= 63 -> Z.lor bc 56 = bc + 8 * Z.shiftr (63 - bc) 3.
Proof.
  intros H. assert (K : forallb (fun n => Z.lor (Z.of_nat n) 56 =? Z.of_nat n + 8 * Z.shiftr (63 - Z.of_nat n) 3) (seq 0 64) = true) by reflexivity.
  rewrite forallb_forall in K. specialize (K (Z.to_nat bc)). rewrite Z2Nat.id in K by lia. apply Z.eqb_eq, K, in_seq. lia.
Qed.

Lemma part_split from a b l : 0 <= from -> 0 <= a -> 0 <= b -> from + a + b <= zlen l ->
  part from (a + b) l = (part from a l ++ part (from + a) b l)%list.
Proof.
  intros. apply znth_ext; [rewrite zlen_app, !zlen_part; lia|]. rewrite zlen_part by lia. intros k Hk. rewrite znth_part by lia.
  destruct (Z.lt_ge_cases k a) as [G|G].
  - unfold znth at 2. rewrite app_nth1; [fold (znth (part from a l) k); rewrite znth_part by lia; reflexivity|].
    pose proof (zlen_part from a l ltac:(lia) ltac:(lia) ltac:(lia)) as L. unfold zlen in L. lia.
  - pose proof (zlen_part from a l ltac:(lia) ltac:(lia) ltac:(lia)) as L. unfold zlen in L.
    unfold znth at 2. rewrite app_nth2 by lia. replace (Z.to_nat k - length (part from a l))%nat with (Z.to_nat (k - a)) by lia.
    fold (znth (part (from + a) b l) (k - a)). rewrite znth_part by lia. f_equal. lia.
Qed.

Lemma pending_eight input pos end_ bb bc bs : words W8 input -> 0 <= pos -> pos + 8 <= end_ -> end_ <= zlen input -> 0 <= bc <= 63 ->
  pending input pos end_ bb bc bs ->
  pending input (pos + Z.shiftr (63 - bc) 3) end_ (Z.lor bb (wrap W64 (Z.shiftl (load64 input pos) bc))) (Z.lor bc 56) bs.
Proof.
  intros Hi Hp He Hl Hbc (a & k & -> & La & Hk & ->). rewrite eight_count by exact Hbc.
  assert (M : 0 <= Z.shiftr (63 - bc) 3 <= 7) by (rewrite Z.shiftr_div_pow2 by lia; change (2 ^ 3) with 8; Z.div_mod_to_equations; lia).
  set (m := Z.shiftr (63 - bc) 3) in *.
  assert (B : 56 <= bc + 8 * m <= 63).
  { unfold m. rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 3) with 8. Z.div_mod_to_equations. lia. }
  exists (a ++ bits_of (part pos m input))%list, 64%nat. split.
  { rewrite <- app_assoc, <- bits_of_app. do 2 f_equal. replace (end_ - pos) with (m + (end_ - (pos + m))) by lia. apply part_split; lia. }
  split; [rewrite zlen_app, bits_of_length, zlen_part by lia; lia|]. split; [lia|].
  unfold load64. fold (part pos 8 input). rewrite little_value by (apply words_ztake, words_zdrop, Hi).
  assert (E : bits_of (part pos (end_ - pos) input) = (bits_of (part pos 8 input) ++ bits_of (part (pos + 8) (end_ - (pos + 8)) input))%list).
  { rewrite <- bits_of_app. f_equal. replace (end_ - pos) with (8 + (end_ - (pos + 8))) by lia. apply part_split; lia. }
  assert (L8 : length (bits_of (part pos 8 input)) = 64%nat).
  { apply Nat2Z.inj. change (zlen (bits_of (part pos 8 input)) = 64). rewrite bits_of_length, zlen_part by lia. reflexivity. }
  rewrite E. unfold zlen in La. apply same_bits. intros i Hi0.
  rewrite Z.lor_spec, !testbit_value, !nth_first by lia. unfold wrap. change (modulus W64) with (2 ^ 64).
  destruct (Z.lt_ge_cases i 64) as [I|I].
  - rewrite Z.mod_pow2_bits_low by lia. rewrite Z.shiftl_spec by lia. destruct (Nat.ltb_spec (Z.to_nat i) 64); [|lia].
    destruct (Z.lt_ge_cases i bc) as [J|J].
    + rewrite (Z.testbit_neg_r _ (i - bc)) by lia. destruct (Nat.ltb_spec (Z.to_nat i) k); [apply orb_false_r|lia].
    + rewrite testbit_value by lia.
      assert (F : nth (Z.to_nat i) (a ++ bits_of (part pos 8 input) ++ bits_of (part (pos + 8) (end_ - (pos + 8)) input)) false =
                  nth (Z.to_nat (i - bc)) (bits_of (part pos 8 input)) false).
      { rewrite app_nth2 by lia. rewrite app_nth1 by lia. f_equal. lia. }
      rewrite F. destruct (Nat.ltb (Z.to_nat i) k); [apply orb_diag|reflexivity].
  - rewrite Z.mod_pow2_bits_high by lia. destruct (Nat.ltb_spec (Z.to_nat i) k); [lia|]. destruct (Nat.ltb_spec (Z.to_nat i) 64); [lia|reflexivity].
Qed.

(** * Taking bits *)

Lemma pending_length input pos end_ bb bc bs : pending input pos end_ bb bc bs -> bc <= zlen bs.
Proof. intros (a & k & -> & <- & _). rewrite zlen_app. pose proof (zlen_nonneg (bits_of (part pos (end_ - pos) input))). lia. Qed.

Lemma pending_skip input pos end_ bb bc bs n : 0 <= n <= bc -> pending input pos end_ bb bc bs ->
  pending input pos end_ (Z.shiftr bb n) (bc - n) (skipn (Z.to_nat n) bs).
Proof.
  intros Hn (a & k & -> & La & Hk & ->). unfold zlen in La.
  exists (skipn (Z.to_nat n) a), (k - Z.to_nat n)%nat. split; [|split; [|split; [lia|]]].
  - rewrite skipn_app. replace (Z.to_nat n - length a)%nat with 0%nat by lia. reflexivity.
  - unfold zlen. rewrite skipn_length. lia.
  - rewrite <- (Z2Nat.id n) at 1 by lia. rewrite shiftr_value, firstn_skipn_comm. do 3 f_equal. lia.
Qed.

(** The lowest [w] bits of the buffer are the next number. *)
Lemma pending_field input pos end_ bb bc bs w : 0 <= w <= bc -> pending input pos end_ bb bc bs ->
  field (Z.to_nat w) bs = Done (Z.land bb (Z.ones w)) (skipn (Z.to_nat w) bs).
Proof.
  intros Hw HP. pose proof (pending_length _ _ _ _ _ _ HP) as L. destruct HP as (a & k & E & La & Hk & ->). clear E La.
  rewrite <- (Z2Nat.id w) at 2 by lia. rewrite mask_value, firstn_firstn. replace (Nat.min (Z.to_nat w) k) with (Z.to_nat w) by lia.
  rewrite <- (firstn_skipn (Z.to_nat w) bs) at 1. apply field_finds. split; [|reflexivity].
  unfold zlen in *. rewrite firstn_length. lia.
Qed.
