(** Machine.v: a machine of nine states that accepts the well-formed byte strings, its states as numbers, and its table:
    one word of 64 bits for each byte, in which six bits at the place of a state say which state is next. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Utf8Trusted Require Import Statement.
From Utf8 Require Import Sequences.
Import ListNotations.
Open Scope Z_scope.

(** Between characters; one, two or three more bytes of any kind; after E0, ED, F0, F4; and no way on. *)
Inductive node := Start | More1 | More2 | More3 | AfterE0 | AfterED | AfterF0 | AfterF4 | Bad.

Definition within (lo hi b : Z) : bool := (lo <=? b) && (b <=? hi).

Definition next (s : node) (b : Z) : node :=
  match s with
  | Start =>
      if within 0x00 0x7F b then Start
      else if within 0xC2 0xDF b then More1
      else if within 0xE0 0xE0 b then AfterE0
      else if within 0xE1 0xEC b then More2
      else if within 0xED 0xED b then AfterED
      else if within 0xEE 0xEF b then More2
      else if within 0xF0 0xF0 b then AfterF0
      else if within 0xF1 0xF3 b then More3
      else if within 0xF4 0xF4 b then AfterF4
      else Bad
  | More1 => if within 0x80 0xBF b then Start else Bad
  | More2 => if within 0x80 0xBF b then More1 else Bad
  | More3 => if within 0x80 0xBF b then More2 else Bad
  | AfterE0 => if within 0xA0 0xBF b then More1 else Bad
  | AfterED => if within 0x80 0x9F b then More1 else Bad
  | AfterF0 => if within 0x90 0xBF b then More2 else Bad
  | AfterF4 => if within 0x80 0x8F b then More2 else Bad
  | Bad => Bad
  end.

Definition run (s : node) (l : list Z) : node := fold_left next l s.

Lemma run_app s l m : run s (l ++ m) = run (run s l) m.
Proof. apply fold_left_app. Qed.

Lemma run_cons s b l : run s (b :: l) = run (next s b) l.
Proof. reflexivity. Qed.

Lemma run_bad l : run Bad l = Bad.
Proof. induction l; [reflexivity|exact IHl]. Qed.

Lemma within_true lo hi b : lo <= b <= hi -> within lo hi b = true.
Proof. intros H. unfold within. apply andb_true_iff. rewrite !Z.leb_le. lia. Qed.

Lemma within_false lo hi b : b < lo \/ hi < b -> within lo hi b = false.
Proof. intros H. unfold within. apply andb_false_iff. rewrite !Z.leb_gt. lia. Qed.

Lemma within_cases lo hi b : (within lo hi b = true /\ lo <= b <= hi) \/ (within lo hi b = false /\ (b < lo \/ hi < b)).
Proof.
  destruct (within lo hi b) eqn:E; [left|right]; split; auto; unfold within in E.
  - apply andb_true_iff in E. rewrite !Z.leb_le in E. lia.
  - apply andb_false_iff in E. rewrite !Z.leb_gt in E. lia.
Qed.

(** Decides the conditions that the bounds in the context decide. *)
Ltac decide_within := repeat match goal with
  | |- context [within ?lo ?hi ?b] =>
      first [rewrite (within_true lo hi b) by lia | rewrite (within_false lo hi b) by lia]
  end.

(** * It accepts what is well-formed *)

Lemma run_sequence s : sequence s -> run Start s = Start.
Proof.
  intros H. destruct H; unfold cont in *; subst; rewrite ?run_cons; unfold next; decide_within; reflexivity.
Qed.

Lemma formed_accepted l : formed l -> run Start l = Start.
Proof. induction 1 as [|s rest Hs _ IH]; [reflexivity|]. rewrite run_app, run_sequence by exact Hs. exact IH. Qed.

(** * It accepts nothing else *)

(** One byte between bounds leads from [s] to [t], and every other one is bad. *)
Lemma narrow s t lo hi l : (forall b, next s b = if within lo hi b then t else Bad) -> s <> Start -> run s l = Start ->
  exists b rest, l = b :: rest /\ lo <= b <= hi /\ run t rest = Start.
Proof.
  intros N NS H. destruct l as [|b rest]; [contradiction|]. rewrite run_cons, N in H.
  destruct (within_cases lo hi b) as [[E B]|[E _]]; rewrite E in H.
  - exists b, rest. auto.
  - rewrite run_bad in H. discriminate.
Qed.

Lemma after1 l : run More1 l = Start -> exists b rest, l = b :: rest /\ cont b /\ run Start rest = Start.
Proof. apply narrow; [reflexivity|discriminate]. Qed.

Lemma after2 s lo hi l : (forall b, next s b = if within lo hi b then More1 else Bad) -> s <> Start -> run s l = Start ->
  exists b c rest, l = b :: c :: rest /\ lo <= b <= hi /\ cont c /\ run Start rest = Start.
Proof.
  intros N NS H. apply (narrow s More1 lo hi) in H as (b & t & -> & B & H); auto.
  apply after1 in H as (c & rest & -> & C & H). exists b, c, rest. auto.
Qed.

Lemma after3 s lo hi l : (forall b, next s b = if within lo hi b then More2 else Bad) -> s <> Start -> run s l = Start ->
  exists b c d rest, l = b :: c :: d :: rest /\ lo <= b <= hi /\ cont c /\ cont d /\ run Start rest = Start.
Proof.
  intros N NS H. apply (narrow s More2 lo hi) in H as (b & t & -> & B & H); auto.
  apply (after2 More2 0x80 0xBF) in H as (c & d & rest & -> & C & D & H); [|reflexivity|discriminate].
  exists b, c, d, rest. auto.
Qed.

(** What the first byte of a sequence can be. *)
Lemma first_byte b :
  (0x00 <= b <= 0x7F /\ next Start b = Start) \/ (0xC2 <= b <= 0xDF /\ next Start b = More1) \/
  (b = 0xE0 /\ next Start b = AfterE0) \/ (0xE1 <= b <= 0xEC /\ next Start b = More2) \/
  (b = 0xED /\ next Start b = AfterED) \/ (0xEE <= b <= 0xEF /\ next Start b = More2) \/
  (b = 0xF0 /\ next Start b = AfterF0) \/ (0xF1 <= b <= 0xF3 /\ next Start b = More3) \/
  (b = 0xF4 /\ next Start b = AfterF4) \/ next Start b = Bad.
Proof.
  unfold next.
  destruct (within_cases 0x00 0x7F b) as [[-> ?]|[-> _]]; [tauto|].
  destruct (within_cases 0xC2 0xDF b) as [[-> ?]|[-> _]]; [tauto|].
  destruct (within_cases 0xE0 0xE0 b) as [[-> ?]|[-> _]]; [assert (b = 0xE0) by lia; tauto|].
  destruct (within_cases 0xE1 0xEC b) as [[-> ?]|[-> _]]; [tauto|].
  destruct (within_cases 0xED 0xED b) as [[-> ?]|[-> _]]; [assert (b = 0xED) by lia; tauto|].
  destruct (within_cases 0xEE 0xEF b) as [[-> ?]|[-> _]]; [tauto|].
  destruct (within_cases 0xF0 0xF0 b) as [[-> ?]|[-> _]]; [assert (b = 0xF0) by lia; tauto|].
  destruct (within_cases 0xF1 0xF3 b) as [[-> ?]|[-> _]]; [tauto|].
  destruct (within_cases 0xF4 0xF4 b) as [[-> ?]|[-> _]]; [assert (b = 0xF4) by lia; tauto|].
  tauto.
Qed.

Lemma accepted_formed l : run Start l = Start -> formed l.
Proof.
  assert (G : forall n l, (length l <= n)%nat -> run Start l = Start -> formed l); [|apply (G (length l)); lia].
  clear l. induction n as [|n IH]; intros [|a l] Hl H; try constructor; cbn [length] in Hl; [lia|].
  rewrite run_cons in H. destruct (first_byte a) as [[B E]|[[B E]|[[B E]|[[B E]|[[B E]|[[B E]|[[B E]|[[B E]|[[B E]|E]]]]]]]]];
    rewrite E in H.
  - apply (formed_more [a]); [apply one, B|apply IH; auto; lia].
  - apply after1 in H as (b & rest & -> & C & H). cbn [length] in Hl.
    apply (formed_more [a; b]); [apply two; assumption|apply IH; auto; lia].
  - apply (after2 _ 0xA0 0xBF) in H as (b & c & rest & -> & C & D & H); [|reflexivity|discriminate]. cbn [length] in Hl.
    apply (formed_more [a; b; c]); [apply three_e0; assumption|apply IH; auto; lia].
  - apply (after2 _ 0x80 0xBF) in H as (b & c & rest & -> & C & D & H); [|reflexivity|discriminate]. cbn [length] in Hl.
    apply (formed_more [a; b; c]); [apply three_e1; assumption|apply IH; auto; lia].
  - apply (after2 _ 0x80 0x9F) in H as (b & c & rest & -> & C & D & H); [|reflexivity|discriminate]. cbn [length] in Hl.
    apply (formed_more [a; b; c]); [apply three_ed; assumption|apply IH; auto; lia].
  - apply (after2 _ 0x80 0xBF) in H as (b & c & rest & -> & C & D & H); [|reflexivity|discriminate]. cbn [length] in Hl.
    apply (formed_more [a; b; c]); [apply three_ee; assumption|apply IH; auto; lia].
  - apply (after3 _ 0x90 0xBF) in H as (b & c & d & rest & -> & C & D & F & H); [|reflexivity|discriminate]. cbn [length] in Hl.
    apply (formed_more [a; b; c; d]); [apply four_f0; assumption|apply IH; auto; lia].
  - apply (after3 _ 0x80 0xBF) in H as (b & c & d & rest & -> & C & D & F & H); [|reflexivity|discriminate]. cbn [length] in Hl.
    apply (formed_more [a; b; c; d]); [apply four_f1; assumption|apply IH; auto; lia].
  - apply (after3 _ 0x80 0x8F) in H as (b & c & d & rest & -> & C & D & F & H); [|reflexivity|discriminate]. cbn [length] in Hl.
    apply (formed_more [a; b; c; d]); [apply four_f4; assumption|apply IH; auto; lia].
  - rewrite run_bad in H. discriminate.
Qed.

Theorem machine_right l : run Start l = Start <-> well_formed l.
Proof. rewrite well_formed_formed. split; [apply accepted_formed|apply formed_accepted]. Qed.

(** * States as numbers, and the table *)

(** The place of a state's six bits. *)
Definition code (s : node) : Z :=
  match s with
  | Start => 0 | More1 => 6 | More2 => 12 | More3 => 18 | AfterE0 => 24 | AfterED => 30 | AfterF0 => 36 | AfterF4 => 42 | Bad => 48
  end.

Definition nodes : list node := [Start; More1; More2; More3; AfterE0; AfterED; AfterF0; AfterF4; Bad].

Lemma code_range s : 0 <= code s <= 48.
Proof. destruct s; cbn; lia. Qed.

Lemma code_start s : code s = 0 <-> s = Start.
Proof. destruct s; cbn; split; congruence. Qed.

Lemma code_bad s : code s = 48 <-> s = Bad.
Proof. destruct s; cbn; split; congruence. Qed.

Definition cell (b : Z) : Z := fold_right (fun s v => Z.shiftl (code (next s b)) (code s) + v) 0 nodes.

Definition range (n : nat) : list Z := map Z.of_nat (seq 0 n).

Definition table : list Z := map cell (range 256).

Lemma in_range n k : 0 <= k < Z.of_nat n -> In k (range n).
Proof. intros H. unfold range. apply in_map_iff. exists (Z.to_nat k). split; [lia|]. apply in_seq. lia. Qed.

Lemma table_length : zlen table = 256.
Proof. unfold zlen, table, range. rewrite !map_length, seq_length. reflexivity. Qed.

(** Of each byte and each state: a lookup and a shift give the next state. *)
Lemma table_next s b : 0 <= b < 256 -> Z.land (Z.shiftr (znth table b) (code s)) 63 = code (next s b).
Proof.
  assert (T : forallb (fun s => forallb (fun b => Z.land (Z.shiftr (znth table b) (code s)) 63 =? code (next s b)) (range 256))
                      nodes = true) by (vm_compute; reflexivity).
  intros H. rewrite forallb_forall in T. assert (I : In s nodes) by (destruct s; cbn; tauto).
  specialize (T s I). rewrite forallb_forall in T. specialize (T b (in_range 256 b H)). apply Z.eqb_eq, T.
Qed.

(** * Eight bytes below 128 at once *)

Fixpoint high_bits (n : nat) : Z := match n with O => 0 | S n => 128 + 256 * high_bits n end.

Ltac Zify.zify_post_hook ::= Z.div_mod_to_equations.

Lemma low_byte_high_bit b l : 0 <= b < 256 -> Z.testbit (b + 256 * l) 7 = (128 <=? b).
Proof.
  intros H. rewrite Z.testbit_odd, Z.shiftr_div_pow2 by lia. change (2 ^ 7) with 128.
  replace ((b + 256 * l) / 128) with (b / 128 + 2 * l) by lia. rewrite Z.odd_add_mul_2.
  destruct (Z.leb_spec 128 b).
  - replace (b / 128) with 1 by lia. reflexivity.
  - replace (b / 128) with 0 by lia. reflexivity.
Qed.

Lemma upper_bytes b l : 0 <= b < 256 -> Z.shiftr (b + 256 * l) 8 = l.
Proof. intros H. rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 8) with 256. lia. Qed.

Ltac Zify.zify_post_hook ::= idtac.

Lemma no_high_bits l : words W8 l -> Z.land (little l) (high_bits (length l)) = 0 -> Forall (fun b => 0 <= b <= 0x7F) l.
Proof.
  induction 1 as [|b t Hb Ht IH]; intros E; [constructor|]. cbn [little length high_bits] in E.
  unfold word in Hb. cbn [modulus] in Hb. constructor.
  - assert (B : Z.testbit (Z.land (b + 256 * little t) (128 + 256 * high_bits (length t))) 7 = false) by (rewrite E; reflexivity).
    rewrite Z.land_spec, !low_byte_high_bit in B by lia. cbn in B. rewrite andb_true_r in B. apply Z.leb_gt in B. lia.
  - apply IH. rewrite <- (upper_bytes b (little t)) by lia.
    rewrite <- (upper_bytes 128 (high_bits (length t))) by lia. rewrite <- Z.shiftr_land, E. reflexivity.
Qed.

Lemma run_ascii l : Forall (fun b => 0 <= b <= 0x7F) l -> run Start l = Start.
Proof.
  induction 1 as [|b t Hb _ IH]; [reflexivity|]. rewrite run_cons. unfold next. rewrite within_true by exact Hb. exact IH.
Qed.
