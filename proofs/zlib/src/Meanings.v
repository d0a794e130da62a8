(** Meanings.v: what the tables of Decoder.v say of symbols, and what a look-up in a table or by search says of the bits before
    the machine. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit Inflate Lookup Build Fill Buffer Decide.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * Meanings of symbols *)

Definition of_word (e : Z) : Z * Z * Z := (Z.land e 15, Z.land (Z.shiftr e 4) 15, Z.shiftr e 16).

Definition same_word (e : Z) (v : Z * Z * Z) : bool :=
  let '(a, b, c) := of_word e in let '(x, y, z) := v in (a =? x) && (b =? y) && (c =? z).

Lemma same_word_right e a b c : same_word e (a, b, c) = true -> Z.land e 15 = a /\ Z.land (Z.shiftr e 4) 15 = b /\ Z.shiftr e 16 = c.
Proof. unfold same_word, of_word. rewrite !andb_true_iff, !Z.eqb_eq. tauto. Qed.

(** What the word for symbol [s] with a codeword of [k] bits says of it. *)
Definition lit_word (s k : nat) : bool :=
  let e := Z.lor (nth s Decoder.lit_meaning 0) (Z.of_nat k) in
  if (s <? 256)%nat then same_word e (Z.of_nat k, 0, Z.of_nat s) && negb (Z.land e 256 =? 0)
  else (Z.land e 256 =? 0) && (
    if (s =? 256)%nat then same_word e (Z.of_nat k, 0, 0) && negb (Z.land e 512 =? 0) && negb (Z.land e 1536 =? 0)
    else (Z.land e 512 =? 0) &&
      match nth_error length_table (s - 257) with
      | Some (base, width) => same_word e (Z.of_nat k, width, base) && (Z.land e 1024 =? 0) && (Z.land e 1536 =? 0)
      | None => same_word e (Z.of_nat k, 0, 0) && negb (Z.land e 1024 =? 0) && negb (Z.land e 1536 =? 0)
      end).

Definition dist_word (s k : nat) : bool :=
  let e := Z.lor (nth s Decoder.dist_meaning 0) (Z.of_nat k) in
  match nth_error distance_table s with
  | Some (base, width) => same_word e (Z.of_nat k, width, base) && (Z.land e 1024 =? 0)
  | None => same_word e (Z.of_nat k, 0, 0) && negb (Z.land e 1024 =? 0)
  end.

Lemma both_below (f : nat -> nat -> bool) n : forallb (fun s => forallb (f s) (seq 1 15)) (seq 0 n) = true ->
  forall s k, 0 <= s < Z.of_nat n -> (1 <= k <= 15)%nat -> f (Z.to_nat s) k = true.
Proof.
  intros H s k Hs Hk. rewrite forallb_forall in H. assert (I1 : In (Z.to_nat s) (seq 0 n)) by (apply in_seq; lia).
  specialize (H _ I1). rewrite forallb_forall in H. apply H, in_seq. lia.
Qed.

Lemma lit_words s k : 0 <= s < 288 -> (1 <= k <= 15)%nat -> lit_word (Z.to_nat s) k = true.
Proof. intros Hs Hk. apply (both_below lit_word 288); [vm_compute; reflexivity|exact Hs|exact Hk]. Qed.

Lemma dist_words s k : 0 <= s < 32 -> (1 <= k <= 15)%nat -> dist_word (Z.to_nat s) k = true.
Proof. intros Hs Hk. apply (both_below dist_word 32); [vm_compute; reflexivity|exact Hs|exact Hk]. Qed.

Ltac words_say H :=
  repeat match type of H with
  | _ && _ = true => let H' := fresh H in apply andb_true_iff in H as [H H']; words_say H'
  | negb (_ =? _) = true => apply negb_true_iff, Z.eqb_neq in H
  | (_ =? _) = true => apply Z.eqb_eq in H
  | same_word _ _ = true => apply same_word_right in H
  end.

Section Literals.
Variables (s : Z) (k : nat) (e : Z).
Hypotheses (Hs : 0 <= s < 288) (Hk : (1 <= k <= 15)%nat) (He : e = Z.lor (znth Decoder.lit_meaning s) (Z.of_nat k)).

Lemma word_literal : s < 256 -> Z.land e 15 = Z.of_nat k /\ Z.shiftr e 16 = s /\ Z.land e 256 <> 0.
Proof.
  intros H. pose proof (lit_words s k Hs Hk) as W. unfold lit_word in W. fold (znth Decoder.lit_meaning s) in W. rewrite <- He in W. cbv zeta in W.
  destruct (Nat.ltb_spec (Z.to_nat s) 256); [|lia]. words_say W. rewrite Z2Nat.id in W by lia. tauto.
Qed.

Lemma word_end : s = 256 -> Z.land e 15 = Z.of_nat k /\ Z.land e 256 = 0 /\ Z.land e 512 <> 0 /\ Z.land e 1536 <> 0.
Proof.
  intros H. pose proof (lit_words s k Hs Hk) as W. unfold lit_word in W. fold (znth Decoder.lit_meaning s) in W. rewrite <- He in W. cbv zeta in W.
  destruct (Nat.ltb_spec (Z.to_nat s) 256); [lia|]. destruct (Nat.eqb_spec (Z.to_nat s) 256); [|lia]. words_say W. tauto.
Qed.

Lemma word_length : 256 < s ->
  Z.land e 15 = Z.of_nat k /\ Z.land e 256 = 0 /\ Z.land e 512 = 0 /\
  match nth_error length_table (Z.to_nat (s - 257)) with
  | Some (base, width) => Z.land (Z.shiftr e 4) 15 = width /\ Z.shiftr e 16 = base /\ Z.land e 1024 = 0 /\ Z.land e 1536 = 0
  | None => Z.land e 1024 <> 0 /\ Z.land e 1536 <> 0
  end.
Proof.
  intros H. pose proof (lit_words s k Hs Hk) as W. unfold lit_word in W. fold (znth Decoder.lit_meaning s) in W. rewrite <- He in W. cbv zeta in W.
  destruct (Nat.ltb_spec (Z.to_nat s) 256); [lia|]. destruct (Nat.eqb_spec (Z.to_nat s) 256); [lia|].
  replace (Z.to_nat s - 257)%nat with (Z.to_nat (s - 257)) in W by lia.
  apply andb_true_iff in W as [W1 W]. apply andb_true_iff in W as [W2 W]. apply Z.eqb_eq in W1, W2.
  destruct (nth_error length_table (Z.to_nat (s - 257))) as [[base width]|]; words_say W; tauto.
Qed.
End Literals.

Lemma word_distance s k e : 0 <= s < 32 -> (1 <= k <= 15)%nat -> e = Z.lor (znth Decoder.dist_meaning s) (Z.of_nat k) ->
  Z.land e 15 = Z.of_nat k /\
  match nth_error distance_table (Z.to_nat s) with
  | Some (base, width) => Z.land (Z.shiftr e 4) 15 = width /\ Z.shiftr e 16 = base /\ Z.land e 1024 = 0
  | None => Z.land e 1024 <> 0
  end.
Proof.
  intros Hs Hk He. pose proof (dist_words s k Hs Hk) as W. unfold dist_word in W. fold (znth Decoder.dist_meaning s) in W. rewrite <- He in W. cbv zeta in W.
  destruct (nth_error distance_table (Z.to_nat s)) as [[base width]|]; words_say W; tauto.
Qed.

Definition free_words (l : list Z) : bool := forallb (fun x => (0 <=? x) && (x <? 4294967296) && (Z.land x 15 =? 0)) l.

Lemma free_meanings ls meaning : free_words meaning = true -> zlen ls <= zlen meaning -> meanings ls meaning /\ words W32 meaning.
Proof.
  unfold free_words. intros H L. rewrite forallb_forall in H.
  assert (K : forall x, In x meaning -> 0 <= x < 4294967296 /\ Z.land x 15 = 0).
  { intros x Hx. specialize (H x Hx). words_say H. apply Z.leb_le in H. apply Z.ltb_lt in H1. lia. }
  split; [split; [exact L|]|].
  - intros s Hs. apply K. unfold znth. apply nth_In. unfold zlen in *. lia.
  - apply Forall_forall. intros x Hx. unfold word. cbn [modulus]. apply K in Hx. lia.
Qed.

Lemma lit_meanings ls : zlen ls <= 288 -> meanings ls Decoder.lit_meaning /\ words W32 Decoder.lit_meaning.
Proof. intros H. apply free_meanings; [vm_compute; reflexivity|exact H]. Qed.

Lemma dist_meanings ls : zlen ls <= 32 -> meanings ls Decoder.dist_meaning /\ words W32 Decoder.dist_meaning.
Proof. intros H. apply free_meanings; [vm_compute; reflexivity|exact H]. Qed.

(** The lowest four bits say how long the codeword is: the word is not 0. *)
Lemma answer_not_zero ls meaning s k : meanings ls meaning -> 0 <= s < zlen ls -> (1 <= k <= 15)%nat ->
  Z.lor (znth meaning s) (Z.of_nat k) <> 0.
Proof. intros _ _ Hk E. apply Z.lor_eq_0_iff in E as [_ E]. lia. Qed.

(** * What a look-up says *)

Section Looked.
Variables (ls meaning input : list Z) (pos end_ bb bc e : Z) (bs : list bool).
Hypotheses (HA : answer ls meaning bb e) (HP : pending input pos end_ bb bc bs).
(** Either there are no more bits, or enough for any codeword. *)
Hypothesis HE : zlen bs = bc \/ 15 <= bc.
Hypothesis HL : longest ls <= 15.

Theorem looked_up :
  (e = 0 /\ longest ls <= bc /\ symbol (levels ls) bs = Bad) \/
  (e = 0 /\ bc < longest ls /\ symbol (levels ls) bs = More) \/
  (exists s k, (1 <= k <= 15)%nat /\ 0 <= s < zlen ls /\ e = Z.lor (znth meaning s) (Z.of_nat k) /\ e <> 0 /\
     ((Z.of_nat k <= bc /\ symbol (levels ls) bs = Done s (skipn k bs)) \/
      (bc < Z.of_nat k /\ symbol (levels ls) bs = More))).
Proof.
  pose proof (pending_length _ _ _ _ _ _ HP) as Lb. destruct HP as (a & K & Ebs & La & HK & Ebb). unfold zlen in Lb.
  destruct HA as [(s & k & Hk & Hc & ->)|[-> HN]].
  - right. right. exists s, k. split; [exact Hk|]. split; [apply (codeword_range _ _ _ Hc)|]. split; [reflexivity|].
    split; [intros E; apply Z.lor_eq_0_iff in E as [_ E]; lia|]. rewrite Ebb in Hc.
    destruct (Z.le_gt_cases (Z.of_nat k) bc) as [G|G].
    + left. split; [exact G|]. apply (decided_done ls bs K s k); [lia|lia|exact Hc].
    + right. split; [exact G|]. unfold zlen in HE. apply (decided_more ls bs K s k); [lia|lia|exact Hc].
  - destruct (Z.le_gt_cases (longest ls) bc) as [G|G]; [left|right; left]; (split; [reflexivity|split; [exact G|]]).
    + apply (not_found ls bs (Nat.min K (length bs))); [|lia|lia]. intros s n Hc. apply (HN s n). rewrite Ebb.
      destruct (Nat.le_ge_cases K (length bs)) as [Q|Q].
      * rewrite Nat.min_l in Hc by exact Q. exact Hc.
      * rewrite Nat.min_r, firstn_all in Hc by exact Q. rewrite firstn_all2 by exact Q. exact Hc.
    + apply not_found_yet; [|unfold zlen in HE; lia]. intros s n Hc. apply (HN s n). rewrite Ebb.
      rewrite firstn_all2 by (unfold zlen in HE; lia). exact Hc.
Qed.
End Looked.

(** * Numbers in the buffer *)

Lemma ones_mask x : 0 <= x -> Z.shiftl 1 x - 1 = Z.ones x.
Proof. intros H. unfold Z.ones. rewrite Z.sub_1_r. reflexivity. Qed.

(** The extra bits of a length or distance are the number that the reader finds. *)
Lemma extra_found input pos end_ bb bc bs table k base width : 0 <= k -> nth_error table (Z.to_nat k) = Some (base, width) ->
  0 <= width -> pending input pos end_ bb bc bs ->
  (width <= bc -> extend table k bs = Done (base + Z.land bb (Z.ones width)) (skipn (Z.to_nat width) bs)) /\
  (zlen bs < width -> extend table k bs = More).
Proof.
  intros Hk E Hw HP. unfold extend. destruct (Z.ltb_spec k 0); [lia|]. rewrite E. split; intros H1.
  - rewrite (pending_field input pos end_ bb bc bs width) by (lia || exact HP). reflexivity.
  - assert (F : field (Z.to_nat width) bs = More); [|rewrite F; reflexivity].
    assert (L : zlen bs < Z.of_nat (Z.to_nat width)) by lia. clear - L. revert bs L. induction (Z.to_nat width) as [|w IH]; intros bs L.
    + pose proof (zlen_nonneg bs). lia.
    + destruct bs as [|b t]; [reflexivity|]. cbn [field]. rewrite zlen_cons in L. rewrite IH by lia. reflexivity.
Qed.
