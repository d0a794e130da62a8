(** Words8.v: numbers as they lie in memory: eight bytes each, the first the least significant. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Leb128Trusted Require Import Statement.
From Leb128 Require Import Numbers.
Import ListNotations.
Open Scope Z_scope.

Definition word_of (v : Z) : Z := v mod 18446744073709551616.

Lemma eight_bytes_spread v : eight_bytes v =
  [word_of v mod 256; word_of v / 256 mod 256; word_of v / 65536 mod 256; word_of v / 16777216 mod 256;
   word_of v / 4294967296 mod 256; word_of v / 1099511627776 mod 256; word_of v / 281474976710656 mod 256;
   word_of v / 72057594037927936 mod 256].
Proof.
  unfold eight_bytes. cbn [map]. change (2 ^ 64) with 18446744073709551616. fold (word_of v).
  change (2 ^ (8 * 0)) with 1. rewrite Z.div_1_r. reflexivity.
Qed.

Lemma zlen_eight v : zlen (eight_bytes v) = 8.
Proof. reflexivity. Qed.

Lemma zlen_memory vs : zlen (memory_of vs) = 8 * zlen vs.
Proof.
  induction vs as [|v vs IH]; [reflexivity|]. unfold memory_of in *. cbn [flat_map]. rewrite zlen_app, zlen_eight, IH, zlen_cons. lia.
Qed.

Lemma memory_words vs : words W8 (memory_of vs).
Proof.
  induction vs as [|v vs IH]; [constructor|]. unfold memory_of in *. cbn [flat_map]. apply words_app; [|exact IH].
  rewrite eight_bytes_spread. repeat (apply Forall_cons; [apply Z.mod_pos_bound; reflexivity|]). apply Forall_nil.
Qed.

Lemma memory_app vs ws : memory_of (vs ++ ws) = memory_of vs ++ memory_of ws.
Proof. apply flat_map_app. Qed.

Ltac Zify.zify_post_hook ::= Z.div_mod_to_equations.

(** Two halves of a number in base 256. *)
Lemma base256 w : 0 <= w -> w = w mod 256 + 256 * (w / 256).
Proof. lia. Qed.

Ltac Zify.zify_post_hook ::= idtac.

Lemma div256 w d : 0 < d -> w / d / 256 = w / (d * 256).
Proof. intros H. apply Z.div_div; lia. Qed.

(** Eight digits in base 256, from their quotients. *)
Lemma eight_digits w : 0 <= w < 18446744073709551616 ->
  w mod 256 + 256 * (w / 256 mod 256 + 256 * (w / 65536 mod 256 + 256 * (w / 16777216 mod 256 + 256 *
    (w / 4294967296 mod 256 + 256 * (w / 1099511627776 mod 256 + 256 * (w / 281474976710656 mod 256 + 256 *
      (w / 72057594037927936 mod 256 + 256 * 0))))))) = w.
Proof.
  intros H. pose proof (base256 w ltac:(lia)) as E0.
  assert (S : forall d, 0 < d -> w / d = w / d mod 256 + 256 * (w / (d * 256))).
  { intros d Hd. rewrite <- div256 by exact Hd. apply base256. apply Z.div_pos; lia. }
  pose proof (S 256 ltac:(lia)) as E1. pose proof (S 65536 ltac:(lia)) as E2. pose proof (S 16777216 ltac:(lia)) as E3.
  pose proof (S 4294967296 ltac:(lia)) as E4. pose proof (S 1099511627776 ltac:(lia)) as E5.
  pose proof (S 281474976710656 ltac:(lia)) as E6. pose proof (S 72057594037927936 ltac:(lia)) as E7.
  assert (E8 : w / (72057594037927936 * 256) = 0) by (apply Z.div_small; lia). rewrite E8 in E7.
  change (256 * 256) with 65536 in E1. change (65536 * 256) with 16777216 in E2. change (16777216 * 256) with 4294967296 in E3.
  change (4294967296 * 256) with 1099511627776 in E4. change (1099511627776 * 256) with 281474976710656 in E5.
  change (281474976710656 * 256) with 72057594037927936 in E6. lia.
Qed.

Lemma little_eight v rest : load64 (eight_bytes v ++ rest) 0 = word_of v.
Proof.
  unfold load64. change (ztake 8 (zdrop 0 (eight_bytes v ++ rest))) with (eight_bytes v). rewrite eight_bytes_spread. cbn [little].
  apply eight_digits. exact (Z.mod_pos_bound v 18446744073709551616 eq_refl).
Qed.


(** * Any bytes in eights are such an array, and of one only *)

Lemma digit_step b t n : words W8 (b :: t) -> n = little (b :: t) -> n mod 256 = b /\ n / 256 = little t /\ words W8 t.
Proof.
  intros H ->. inversion H as [|x l Hb Ht]; subst. cbn [little]. unfold word in Hb. cbn [modulus] in Hb.
  rewrite (Z.mul_comm 256), Z.mod_add, Z.div_add, Z.mod_small, Z.div_small by lia. split; [lia|]. split; [lia|exact Ht].
Qed.

Lemma of_eight l v : words W8 l -> length l = 8%nat -> word_of v = little l -> eight_bytes v = l.
Proof.
  intros H0 L E0. rewrite eight_bytes_spread. set (w := word_of v) in *. clearbody w.
  assert (Q : forall d, 0 < d -> w / (d * 256) = w / d / 256) by (intros d Hd; symmetry; apply div256, Hd).
  change 65536 with (256 * 256). rewrite (Q 256) by lia.
  change 16777216 with (256 * 256 * 256). rewrite (Q (256 * 256)), (Q 256) by lia.
  change 4294967296 with (256 * 256 * 256 * 256). rewrite (Q (256 * 256 * 256)), (Q (256 * 256)), (Q 256) by lia.
  change 1099511627776 with (256 * 256 * 256 * 256 * 256).
  rewrite (Q (256 * 256 * 256 * 256)), (Q (256 * 256 * 256)), (Q (256 * 256)), (Q 256) by lia.
  change 281474976710656 with (256 * 256 * 256 * 256 * 256 * 256).
  rewrite (Q (256 * 256 * 256 * 256 * 256)), (Q (256 * 256 * 256 * 256)), (Q (256 * 256 * 256)), (Q (256 * 256)), (Q 256) by lia.
  change 72057594037927936 with (256 * 256 * 256 * 256 * 256 * 256 * 256).
  rewrite (Q (256 * 256 * 256 * 256 * 256 * 256)), (Q (256 * 256 * 256 * 256 * 256)), (Q (256 * 256 * 256 * 256)),
    (Q (256 * 256 * 256)), (Q (256 * 256)), (Q 256) by lia.
  do 8 (destruct l as [|?b l]; [discriminate L|]). destruct l; [|discriminate L].
  destruct (digit_step _ _ _ H0 E0) as (-> & E1 & H1). destruct (digit_step _ _ _ H1 E1) as (-> & E2 & H2).
  destruct (digit_step _ _ _ H2 E2) as (-> & E3 & H3). destruct (digit_step _ _ _ H3 E3) as (-> & E4 & H4).
  destruct (digit_step _ _ _ H4 E4) as (-> & E5 & H5). destruct (digit_step _ _ _ H5 E5) as (-> & E6 & H6).
  destruct (digit_step _ _ _ H6 E6) as (-> & E7 & H7). destruct (digit_step _ _ _ H7 E7) as (-> & _ & _). reflexivity.
Qed.

(** The number of a kind that a word is. *)
Definition number_of (k : kind) (w : Z) : Z :=
  match k with Unsigned => w | Signed => if w <? 9223372036854775808 then w else w - 18446744073709551616 end.

Lemma number_of_right k w : 0 <= w < 18446744073709551616 -> in_range k (number_of k w) /\ word_of (number_of k w) = w.
Proof.
  intros H. unfold word_of, number_of. destruct k; cbn [in_range].
  - split; [exact H|apply Z.mod_small; exact H].
  - change (2 ^ 63) with 9223372036854775808. destruct (Z.ltb_spec w 9223372036854775808).
    + split; [lia|apply Z.mod_small; lia].
    + split; [lia|]. replace (w - 18446744073709551616) with (w + (-1) * 18446744073709551616) by lia.
      rewrite Z.mod_add by lia. apply Z.mod_small. lia.
Qed.

Lemma word_of_inj k v w : in_range k v -> in_range k w -> word_of v = word_of w -> v = w.
Proof.
  unfold word_of. destruct k; cbn [in_range].
  - change (2 ^ 64) with 18446744073709551616. intros Hv Hw. rewrite !Z.mod_small by lia. auto.
  - change (2 ^ 63) with 9223372036854775808. intros Hv Hw E.
    pose proof (Z.div_mod v 18446744073709551616 ltac:(lia)). pose proof (Z.div_mod w 18446744073709551616 ltac:(lia)). lia.
Qed.

Theorem memory_right : Statement.memory_right.
Proof.
  intros k data. assert (G : forall n data, (length data <= n)%nat -> bytes data -> zlen data mod 8 = 0 ->
    exists! vs, Forall (in_range k) vs /\ memory_of vs = data); [|apply (G (length data)); lia].
  clear data. induction n as [|n IH]; intros data L H M.
  - destruct data; [|cbn in L; lia]. exists []. split; [split; [constructor|reflexivity]|]. intros vs [_ E].
    destruct vs; [reflexivity|discriminate E].
  - destruct data as [|b0 data].
    { exists []. split; [split; [constructor|reflexivity]|]. intros vs [_ E]. destruct vs; [reflexivity|discriminate E]. }
    set (all := b0 :: data) in *. assert (A : 8 <= zlen all).
    { pose proof (Z.div_mod (zlen all) 8 ltac:(lia)). pose proof (zlen_nonneg data). subst all. rewrite zlen_cons in *. lia. }
    assert (L8 : length (ztake 8 all) = 8%nat) by (apply Nat2Z.inj; apply (zlen_ztake all 8); lia).
    assert (W8 : words Words.W8 (ztake 8 all)) by (apply words_ztake, H).
    assert (R : 0 <= little (ztake 8 all) < 18446744073709551616).
    { pose proof (little_range _ W8) as R. unfold zlen in R. rewrite L8 in R. exact R. }
    destruct (number_of_right k _ R) as [N1 N2]. pose proof (of_eight _ _ W8 L8 N2) as N3.
    destruct (IH (zdrop 8 all)) as (vs & [V1 V2] & U).
    + unfold zdrop. rewrite skipn_length. change (Z.to_nat 8) with 8%nat. cbn [length] in L. lia.
    + apply words_zdrop, H.
    + rewrite zlen_zdrop by lia. replace (zlen all - 8) with (zlen all + (-1) * 8) by lia. rewrite Z.mod_add by lia. exact M.
    + exists (number_of k (little (ztake 8 all)) :: vs). split.
      * split; [constructor; assumption|]. unfold memory_of in *. cbn [flat_map]. rewrite N3, V2. apply ztake_zdrop.
      * intros ws [W1 W2]. destruct ws as [|w ws]; [discriminate W2|]. inversion W1; subst.
        assert (E8 : eight_bytes w = ztake 8 all /\ memory_of ws = zdrop 8 all).
        { unfold memory_of in *. cbn [flat_map] in W2. rewrite <- W2. split; reflexivity. }
        destruct E8 as [E8 E9]. f_equal; [|apply U; split; assumption].
        apply (word_of_inj k); auto. rewrite N2, <- E8. pose proof (little_eight w []) as LE. rewrite app_nil_r in LE. exact LE.
Qed.
