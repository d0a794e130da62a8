(** Tables.v: the table of the decoder, and what is to be known of it and of the alphabet, by looking at each cell. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Base64Trusted Require Import Statement.
Import ListNotations.
Open Scope Z_scope.

(** 0, 1, ..., n - 1 *)
Definition range (n : nat) : list Z := map Z.of_nat (seq 0 n).

Lemma in_range n k : 0 <= k < Z.of_nat n -> In k (range n).
Proof. intros H. unfold range. apply in_map_iff. exists (Z.to_nat k). split; [lia|]. apply in_seq. lia. Qed.

Lemma by_looking n (f : Z -> bool) : forallb f (range n) = true -> forall k, 0 <= k < Z.of_nat n -> f k = true.
Proof. intros H k Hk. rewrite forallb_forall in H. apply H, in_range, Hk. Qed.

Lemma zlen_range_map n (f : Z -> Z) : zlen (map f (range n)) = Z.of_nat n.
Proof. unfold zlen, range. rewrite !map_length, seq_length. reflexivity. Qed.

(** What stands in the table for a character that is no letter. It is so large that it shows in any sum. *)
Definition none : Z := 16777216.

Fixpoint search (c : Z) (letters : list Z) (v : Z) : Z :=
  match letters with [] => none | l :: t => if l =? c then v else search c t (v + 1) end.

Definition values : list Z := map (fun c => search c alphabet 0) (range 256).

Definition value (c : Z) : Z := znth values c.

Lemma alphabet_length : zlen alphabet = 64.
Proof. reflexivity. Qed.

Lemma alphabet_words : words W8 alphabet.
Proof. unfold words, word. cbn [modulus]. repeat (constructor; [split; [discriminate|reflexivity]|]). constructor. Qed.

Lemma values_length : zlen values = 256.
Proof. apply zlen_range_map. Qed.

Lemma values_words : words W32 values.
Proof.
  assert (H : forallb (fun v => (0 <=? v) && (v <? 4294967296)) values = true) by (vm_compute; reflexivity).
  apply Forall_forall. intros x Hx. rewrite forallb_forall in H. specialize (H x Hx). apply andb_true_iff in H as [H1 H2].
  apply Z.leb_le in H1. apply Z.ltb_lt in H2. split; assumption.
Qed.

(** * Two letters at once *)

(** The letters of 12 bits: the first in the low byte. *)
Definition pair_cell (k : Z) : Z := letter (k / 64) + 256 * letter (k mod 64).

Definition pairs : list Z := map pair_cell (range 4096).

Lemma znth_range_map n f k : 0 <= k < Z.of_nat n -> znth (map f (range n)) k = f k.
Proof.
  intros H. unfold znth, range. rewrite map_map, (nth_indep _ 0 (f (Z.of_nat 0))) by (rewrite map_length, seq_length; lia).
  rewrite (map_nth (fun k => f (Z.of_nat k))), seq_nth by lia. f_equal. lia.
Qed.

Lemma letter_range v : 0 <= v < 64 -> 0 <= letter v < 256.
Proof. intros H. apply (words_znth W8 alphabet v alphabet_words). rewrite alphabet_length. exact H. Qed.

Lemma pairs_length : zlen pairs = 4096.
Proof. apply zlen_range_map. Qed.

Lemma pair_letters k : 0 <= k < 4096 -> 0 <= znth pairs k < 65536 /\
  wrap W8 (znth pairs k) = letter (k / 64) /\ wrap W8 (znth pairs k / 256) = letter (k mod 64).
Proof.
  intros H. unfold pairs. rewrite znth_range_map by exact H. unfold pair_cell, wrap. cbn [modulus].
  pose proof (letter_range (k mod 64) (Z.mod_pos_bound k 64 eq_refl)) as L2.
  assert (L1 : 0 <= letter (k / 64) < 256).
  { apply letter_range. split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; lia]. }
  split; [lia|]. split.
  - rewrite (Z.mul_comm 256), Z.mod_add, Z.mod_small by lia. reflexivity.
  - rewrite (Z.mul_comm 256), Z.div_add, Z.div_small, Z.add_0_l, Z.mod_small by lia. reflexivity.
Qed.

(** Of each letter: its value, and that it is no pad. *)
Lemma value_letter v : 0 <= v < 64 -> value (letter v) = v /\ letter v <> pad.
Proof.
  intros H. assert (T : (value (letter v) =? v) && negb (letter v =? pad) = true).
  { revert v H. apply (by_looking 64). vm_compute. reflexivity. }
  apply andb_true_iff in T as [T1 T2]. apply Z.eqb_eq in T1. apply negb_true_iff, Z.eqb_neq in T2. auto.
Qed.

(** Of each character: it is the letter of its value, or it has none. *)
Lemma letter_value c : 0 <= c < 256 -> (0 <= value c < 64 /\ letter (value c) = c) \/ value c = none.
Proof.
  intros H. assert (T : (if value c <? 64 then (0 <=? value c) && (letter (value c) =? c) else value c =? none) = true).
  { revert c H. apply (by_looking 256). vm_compute. reflexivity. }
  destruct (Z.ltb_spec (value c) 64) as [L|_]; [left|right; apply Z.eqb_eq, T].
  apply andb_true_iff in T as [T1 T2]. apply Z.leb_le in T1. apply Z.eqb_eq in T2. auto.
Qed.

Lemma value_range c : 0 <= c < 256 -> 0 <= value c <= none.
Proof. intros H. destruct (letter_value c H) as [[V _]|V]; unfold none in *; lia. Qed.

Lemma value_pad : value pad = none.
Proof. vm_compute. reflexivity. Qed.

Lemma value_of_value c v : value_of c v -> value c = v /\ c <> pad /\ 0 <= c < 256 /\ 0 <= v < 64.
Proof.
  intros [Hv <-]. destruct (value_letter v Hv) as [H1 H2]. pose proof (letter_range v Hv). repeat split; auto; lia.
Qed.
