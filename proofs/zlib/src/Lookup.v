(** Lookup.v: the procedures of Decoder.v that look up codewords: [zlib_reverse], [zlib_find]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * Bits of a word as a string of bits *)

Lemma low_first_snoc n v : low_first (S n) v = (low_first n v ++ [Z.testbit v (Z.of_nat n)])%list.
Proof.
  revert v. induction n as [|n IH]; intros v.
  - reflexivity.
  - change (low_first (S (S n)) v) with (Z.odd v :: low_first (S n) (v / 2)). rewrite IH. cbn [low_first app]. do 3 f_equal.
    rewrite <- Z.div2_div, Z.div2_spec, Z.shiftr_spec by lia. f_equal. lia.
Qed.

Lemma low_first_length n v : length (low_first n v) = n.
Proof. revert v. induction n as [|n IH]; intros v; cbn [low_first length]; [reflexivity|]. rewrite IH. reflexivity. Qed.

(** * Codes as the program keeps them *)

(** How many codewords are shorter than [k]: where those of length [k] begin among the sorted symbols. *)
Fixpoint before (ls : list Z) (k : nat) : Z :=
  match k with
  | O => 0
  | S O => 0
  | S j => before ls j + count ls (Z.of_nat j)
  end.

Lemma before_next ls k : (0 < k)%nat -> before ls (S k) = before ls k + count ls (Z.of_nat k).
Proof. destruct k; [lia|reflexivity]. Qed.

(** [counts] and [sym] hold the code of [ls]. *)
Record holds (ls counts sym : list Z) : Prop := {
  h_lengths : Forall (fun l => 0 <= l <= 15) ls;
  h_counts_size : zlen counts = 16;
  h_longest : znth counts 0 = longest ls;
  h_counts : forall k, 1 <= k <= 15 -> znth counts k = count ls k;
  h_sym : forall k j s, (1 <= k <= 15)%nat -> nth_error (having (Z.of_nat k) 0 ls) j = Some s ->
          before ls k + Z.of_nat j < zlen sym /\ znth sym (before ls k + Z.of_nat j) = s
}.

(** What a symbol means is a word whose lowest four bits are free for the length. *)
Definition meanings (ls meaning : list Z) : Prop :=
  zlen ls <= zlen meaning /\ forall s, 0 <= s < zlen ls -> 0 <= znth meaning s < 2 ^ 32 /\ Z.land (znth meaning s) 15 = 0.

(** The answer to a search in [bits], zeros counting as bits. *)
Definition answer (ls meaning : list Z) (bits e : Z) : Prop :=
  (exists s k, (1 <= k <= 15)%nat /\ codeword ls s (low_first k bits) /\ e = Z.lor (znth meaning s) (Z.of_nat k)) \/
  (e = 0 /\ forall s k, ~ codeword ls s (low_first k bits)).

Lemma longest_bound ls : Forall (fun l => 0 <= l <= 15) ls -> 0 <= longest ls <= 15.
Proof. induction 1; cbn [longest fold_right] in *; [lia|]. unfold longest in IHForall. lia. Qed.

Lemma codeword_not_longer ls s c : codeword ls s c -> zlen c <= longest ls.
Proof. intros (_ & _ & HL & _). rewrite HL. apply longest_at. Qed.

Section Find.
Variables (ls counts sym meaning : list Z) (b : Z).
Hypotheses (HH : holds ls counts sym) (HM : meanings ls meaning) (Hb : 0 <= b < 2 ^ 64).
Hypotheses (Wc : words W16 counts) (Ws : words W16 sym) (Wm : words W32 meaning).
Hypothesis HR : roomy ls.

Definition found (e : Z) : Prop :=
  exists s k, (1 <= k <= 15)%nat /\ codeword ls s (low_first k b) /\ e = Z.lor (znth meaning s) (Z.of_nat k).

Definition prefix (k : nat) : Z := code_value (low_first k b).

(** Before the round for length [k]: no codeword is shorter. *)
Definition searching (k : Z) (bits code first index e : Z) : Prop :=
  1 <= k <= longest ls + 1 /\ e = 0 /\
  bits = Z.shiftr b (k - 1) /\ code = prefix (Z.to_nat (k - 1)) /\ first = first_code ls (Z.to_nat k) /\ first <= 2 * code /\
  index = before ls (Z.to_nat k) /\
  forall s j, (1 <= j < Z.to_nat k)%nat -> ~ codeword ls s (low_first j b).

Lemma prefix_bound k : 0 <= prefix k < 2 ^ Z.of_nat k.
Proof. unfold prefix. pose proof (code_value_bound (low_first k b)). unfold zlen in H. rewrite low_first_length in H. exact H. Qed.

Lemma prefix_next k : prefix (S k) = 2 * prefix k + b2z (Z.testbit b (Z.of_nat k)).
Proof. unfold prefix. rewrite low_first_snoc, code_value_snoc. reflexivity. Qed.

(** A codeword of length [k] is there exactly when the value lies among theirs. *)
Lemma here k : (1 <= k <= 15)%nat -> first_code ls k <= prefix k ->
  (forall s, ~ codeword ls s (low_first k b)) <-> first_code ls k + count ls (Z.of_nat k) <= prefix k.
Proof.
  intros Hk HF. assert (N : low_first k b <> []) by (destruct k; [lia|discriminate]).
  assert (L : zlen (low_first k b) = Z.of_nat k) by (unfold zlen; rewrite low_first_length; reflexivity).
  split.
  - intros H. destruct (Z.le_gt_cases (first_code ls k + count ls (Z.of_nat k)) (prefix k)) as [G|G]; [exact G|exfalso].
    destruct (nth_error (having (Z.of_nat k) 0 ls) (Z.to_nat (prefix k - first_code ls k))) as [s|] eqn:E.
    + apply (H s). apply codeword_at; [exact N|]. rewrite low_first_length, L. split; [exact HF|exact E].
    + apply nth_error_None in E. rewrite having_length in E. unfold count, zlen in G. lia.
  - intros H s Hc. apply codeword_at in Hc as [_ E]; [|exact N]. rewrite low_first_length, L in E. fold (prefix k) in E.
    assert (M : nth_error (having (Z.of_nat k) 0 ls) (Z.to_nat (prefix k - first_code ls k)) <> None) by congruence.
    apply nth_error_Some in M. rewrite having_length in M. unfold count, zlen in H. lia.
Qed.
End Find.

(** * [zlib_reverse] *)

Lemma high_first_cons n v : high_first (S n) v = Z.testbit v (Z.of_nat n) :: high_first n v.
Proof.
  revert v. induction n as [|n IH]; intros v; [reflexivity|].
  change (high_first (S (S n)) v) with (high_first (S n) (v / 2) ++ [Z.odd v])%list. rewrite IH. cbn [high_first app]. f_equal.
  rewrite <- Z.div2_div, Z.div2_spec, Z.shiftr_spec by lia. f_equal. lia.
Qed.

Lemma low_bit v : Z.land v 1 = b2z (Z.odd v).
Proof. change 1 with (Z.ones 1). rewrite Z.land_ones by lia. change (2 ^ 1) with 2. rewrite Zmod_odd. destruct (Z.odd v); reflexivity. Qed.

Lemma lor_double r c : 0 <= r -> Z.lor (Z.shiftl r 1) (b2z c) = 2 * r + b2z c.
Proof. intros H. destruct r as [|p|p], c; cbn [b2z]; try reflexivity; lia. Qed.

Lemma odd_shiftr v j : 0 <= j -> Z.odd (Z.shiftr v j) = Z.testbit v j.
Proof. intros H. rewrite <- Z.bit0_odd, Z.shiftr_spec by lia. f_equal. Qed.

(** A string of bits as a number, one more bit of [v] put before it. *)
Lemma double_bit r v j : 0 <= j -> 0 <= r < 2 ^ 63 ->
  Z.lor (wrap W64 (Z.shiftl r 1)) (Z.land (Z.shiftr v j) 1) = 2 * r + b2z (Z.testbit v j).
Proof.
  intros Hj Hr. rewrite wrap_small.
  - rewrite low_bit, odd_shiftr by exact Hj. apply lor_double. lia.
  - cbn [modulus]. rewrite Z.shiftl_mul_pow2 by lia. change (2 ^ 1) with 2. change (2 ^ 63) with 9223372036854775808 in Hr. lia.
Qed.

Lemma reverse_spec T G code k : word W64 code -> 0 <= k <= 63 ->
  exists n ws Bs, runs T G Decoder.reverse [code; k] [] n ws Bs /\
    (0 <= n <= 4 * k + 2 /\ ws = [value (high_first (Z.to_nat k) code)] /\ Bs = []).
Proof.
  intros Hc Hk. vc_proc Decoder.reverse. vc.
  vc_loop (fun j s c => s = State [("code", Some (Z.shiftr code j)); ("k", Some (k - j)); ("r", Some (value (high_first (Z.to_nat j) code)))]%string T /\
                        0 <= j <= k /\ c = 1 + 4 * j)
          (fun j => k - j) 0.
  - rewrite Z.shiftr_0_r, Z.sub_0_r. split; [reflexivity|lia].
  - intros j s c (-> & Hj & ->). split; [lia|]. vc_exp. split; intros Hb; vc_cond Hb.
    + pose proof (value_bound (high_first (Z.to_nat j) code)) as R. rewrite high_first_length, Z2Nat.id in R by lia.
      assert (P : 2 ^ j <= 2 ^ 62) by (apply Z.pow_le_mono_r; lia). change (2 ^ 62) with 4611686018427387904 in P.
      pose proof (Z.shiftr_nonneg code j) as SN. unfold word in Hc.
      vc. rewrite double_bit by (change (2 ^ 63) with 9223372036854775808; lia).
      rewrite Z.shiftr_shiftr by lia.
      exists (j + 1). split; [lia|]. split; [|lia].
      replace (Z.to_nat (j + 1)) with (S (Z.to_nat j)) by lia. rewrite high_first_cons. cbn [value]. rewrite Z2Nat.id by lia.
      vc_state.
    + assert (j = k) by lia. subst j. vc_compute. repeat split; lia.
Qed.

(** * [zlib_find] *)

Lemma first_code_nonneg ls k : 0 <= first_code ls k.
Proof.
  destruct k as [|k]; [cbn; lia|]. induction k as [|k IH]; [cbn; lia|].
  rewrite first_code_next by lia. pose proof (count_nonneg ls (Z.of_nat (S k))). lia.
Qed.

Lemma before_bound ls k : (1 <= k)%nat -> 0 <= before ls k /\ before ls k + count ls (Z.of_nat k) <= zlen ls.
Proof.
  assert (G : forall k, (1 <= k)%nat -> before ls k + count ls (Z.of_nat k) + count ls 0 <= zlen ls /\ 0 <= before ls k).
  { clear k. induction ls as [|l t IH]; intros k Hk.
    - destruct k as [|k]; [lia|]. clear Hk. assert (E : forall j, before [] j = 0).
      { intros [|j]; [reflexivity|]. induction j as [|j IHj]; [reflexivity|]. rewrite before_next by lia. rewrite IHj. reflexivity. }
      rewrite E. unfold count. cbn. lia.
    - destruct (IH k Hk) as [G1 G2].
      assert (E : forall j, (1 <= j)%nat -> before (l :: t) j = before t j + (if (1 <=? l) && (l <? Z.of_nat j) then 1 else 0)).
      { intros [|j] Hj; [lia|]. clear Hj. induction j as [|j IHj].
        - cbn [before]. destruct (Z.leb_spec 1 l), (Z.ltb_spec l (Z.of_nat 1)); cbn [andb]; lia.
        - rewrite (before_next (l :: t) (S j)), (before_next t (S j)) by lia. rewrite IHj, count_cons.
          destruct (Z.eqb_spec (Z.of_nat (S j)) l), (Z.leb_spec 1 l), (Z.ltb_spec l (Z.of_nat (S j))), (Z.ltb_spec l (Z.of_nat (S (S j)))); cbn [andb]; lia. }
      rewrite E, !count_cons, zlen_cons by exact Hk.
      destruct (Z.eqb_spec (Z.of_nat k) l), (Z.eqb_spec 0 l), (Z.leb_spec 1 l), (Z.ltb_spec l (Z.of_nat k)); cbn [andb]; lia. }
  intros Hk. destruct (G k Hk). pose proof (count_nonneg ls 0). lia.
Qed.

Section Search.
Variables (ls counts sym meaning : list Z) (b : Z) (T : list (ident * arr)) (G : list proc).
Hypotheses (HH : holds ls counts sym) (HM : meanings ls meaning).
Hypotheses (Wm : words W32 meaning).
Hypothesis HR : roomy ls.
Hypothesis Hsmall : zlen ls <= 288.
Hypothesis Hb : 0 <= b.

Definition find_state (k e bits code first index : Z) (c : option Z) : state :=
  State [("bits", Some bits); ("code", Some code); ("first", Some first); ("index", Some index); ("k", Some k); ("c", c); ("e", Some e)]%string
        (("count", Arr W16 false counts) :: ("sym", Arr W16 false sym) :: ("meaning", Arr W32 false meaning) :: T)%string.

Lemma find_spec :
  exists n ws Bs, runs T G Decoder.find [b] [Arr W16 false counts; Arr W16 false sym; Arr W32 false meaning] n ws Bs /\
    (0 <= n <= 150 /\ (exists e, ws = [e] /\ answer ls meaning b e) /\
     Bs = [Arr W16 false counts; Arr W16 false sym; Arr W32 false meaning]).
Proof.
  pose proof (h_counts_size _ _ _ HH) as LC. pose proof (h_longest _ _ _ HH) as HL.
  pose proof (longest_bound ls (h_lengths _ _ _ HH)) as BL.
  vc_proc Decoder.find. vc.
  vc_loop
    (fun (g : Z * Z * Z * Z * Z * Z * option Z) s n => let '(k, e, bits, code, first, index, c) := g in
       s = find_state k e bits code first index c /\
       (searching ls b k bits code first index e \/ k = 16 /\ found ls meaning b e) /\ 0 <= n <= 5 + 9 * (k - 1))
    (fun g : Z * Z * Z * Z * Z * Z * option Z => let '(k, _, _, _, _, _, _) := g in 16 - k)
    (1, 0, b, 0, 0, 0, @None Z).
  - split; [reflexivity|]. split; [|lia]. left. unfold searching. repeat split; try lia; try reflexivity.
  - intros [[[[[[k e] bits] code] first] index] c] s n (-> & HS & Hn).
    assert (Hk : k <= 16) by (destruct HS as [[H _]|[H _]]; lia). split; [lia|]. unfold find_state. vc_exp.
    split; [lia|]. rewrite HL. split; intros Hc; vc_cond Hc.
    + destruct HS as [HS|[H _]]; [|lia].
      destruct HS as (Hk1 & -> & -> & -> & -> & HF & -> & HN).
      assert (K : Z.of_nat (Z.to_nat k) = k) by lia.
      assert (HP : prefix b (Z.to_nat k) = 2 * prefix b (Z.to_nat (k - 1)) + b2z (Z.testbit b (k - 1))).
      { replace (Z.to_nat k) with (S (Z.to_nat (k - 1))) by lia. rewrite prefix_next. rewrite Z2Nat.id by lia. reflexivity. }
      pose proof (prefix_bound b (Z.to_nat (k - 1))) as PB. rewrite Z2Nat.id in PB by lia.
      assert (P15 : 2 ^ (k - 1) <= 2 ^ 14) by (apply Z.pow_le_mono_r; lia). change (2 ^ 14) with 16384 in P15.
      apply wp_seq. vc_step. vc_step. rewrite double_bit by (change (2 ^ 63) with 9223372036854775808; lia). rewrite <- HP.
      pose proof (first_code_room ls (Z.to_nat k) HR ltac:(lia)) as FR. rewrite K in FR.
      assert (P16 : 2 ^ k <= 2 ^ 15) by (apply Z.pow_le_mono_r; lia). change (2 ^ 15) with 32768 in P16.
      pose proof (first_code_nonneg ls (Z.to_nat k)) as FN. pose proof (count_nonneg ls k) as CN.
      pose proof (h_counts _ _ _ HH k ltac:(lia)) as HC.
      pose proof (before_bound ls (Z.to_nat k) ltac:(lia)) as [B0 B1]. rewrite K in B1.
      assert (FP : first_code ls (Z.to_nat k) <= prefix b (Z.to_nat k)) by (rewrite HP; destruct (Z.testbit b (k - 1)); cbn [b2z]; lia).
      assert (HQ : prefix b (Z.to_nat k) < first_code ls (Z.to_nat k) + count ls k ->
                   exists s, codeword ls s (low_first (Z.to_nat k) b) /\
                     before ls (Z.to_nat k) + (prefix b (Z.to_nat k) - first_code ls (Z.to_nat k)) < zlen sym /\
                     znth sym (before ls (Z.to_nat k) + (prefix b (Z.to_nat k) - first_code ls (Z.to_nat k))) = s /\
                     0 <= s < zlen ls).
      { intros Hlt.
        destruct (nth_error (having k 0 ls) (Z.to_nat (prefix b (Z.to_nat k) - first_code ls (Z.to_nat k)))) as [s|] eqn:E.
        - assert (Hw : codeword ls s (low_first (Z.to_nat k) b)).
          { apply codeword_at; [destruct (Z.to_nat k) eqn:Q; [lia|discriminate]|]. unfold zlen. rewrite low_first_length, K. split; assumption. }
          exists s. split; [exact Hw|]. rewrite <- K in E at 1. apply (h_sym _ _ _ HH) in E; [|lia]. rewrite Z2Nat.id in E by lia.
          split; [apply E|]. split; [apply E|]. apply (codeword_range _ _ _ Hw).
        - apply nth_error_None in E. rewrite having_length in E. unfold count, zlen in Hlt. lia. }
      pose proof (proj1 HM) as HM1.
      vc; rewrite HC in *; try (destruct (HQ ltac:(lia)) as (s & Hw & Q1 & Q2 & Q3); rewrite ?Q2; lia).
      * destruct (HQ ltac:(lia)) as (s & Hw & Q1 & Q2 & Q3). rewrite Q2.
        eexists (16, _, _, _, _, _, _). split; [lia|]. split; [reflexivity|]. split; [|lia]. right. split; [reflexivity|].
        exists s, (Z.to_nat k). rewrite K. split; [lia|]. split; [exact Hw|reflexivity].
      * rewrite Z.shiftl_mul_pow2, (wrap_small W64) by (cbn [modulus]; lia). change (2 ^ 1) with 2.
        eexists (k + 1, _, _, _, _, _, _). split; [lia|]. split; [reflexivity|]. split; [|lia]. left. unfold searching.
        rewrite Z.shiftr_shiftr by lia. replace (k + 1 - 1) with k by lia. replace (k - 1 + 1) with k by lia.
        replace (Z.to_nat (k + 1)) with (S (Z.to_nat k)) by lia. rewrite first_code_next, before_next, K by lia.
        repeat split; try lia.
        intros s j Hj Hcw. destruct (Nat.eq_dec j (Z.to_nat k)) as [->|Nj].
        -- apply (here ls b (Z.to_nat k) ltac:(lia) FP) in Hcw; [exact Hcw|]. rewrite K. lia.
        -- apply (HN s j ltac:(lia) Hcw).
    + vc_compute. split; [lia|]. split; [|reflexivity]. exists e. split; [reflexivity|].
      destruct HS as [(Hk1 & -> & _ & _ & _ & _ & _ & HN)|[-> (s & j & Hj & Hw & ->)]].
      * right. split; [reflexivity|]. intros s j Hw.
        pose proof (codeword_not_longer _ _ _ Hw) as L. unfold zlen in L. rewrite low_first_length in L.
        pose proof (codeword_nonempty _ _ _ Hw). destruct j as [|j]; [cbn in H; congruence|].
        apply (HN s (S j) ltac:(lia) Hw).
      * left. exists s, j. auto.
Qed.
End Search.
