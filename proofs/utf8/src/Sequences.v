(** Sequences.v: the codes of scalar values are the sequences of table 3-7, and a text is the code of one list of scalar
    values only. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Utf8Trusted Require Import Statement.
Import ListNotations.
Open Scope Z_scope.

(** * Each row of the table, with its bytes *)

Definition cont (b : Z) : Prop := 0x80 <= b <= 0xBF.

Inductive sequence : list Z -> Prop :=
| one a : 0x00 <= a <= 0x7F -> sequence [a]
| two a b : 0xC2 <= a <= 0xDF -> cont b -> sequence [a; b]
| three_e0 a b c : a = 0xE0 -> 0xA0 <= b <= 0xBF -> cont c -> sequence [a; b; c]
| three_e1 a b c : 0xE1 <= a <= 0xEC -> cont b -> cont c -> sequence [a; b; c]
| three_ed a b c : a = 0xED -> 0x80 <= b <= 0x9F -> cont c -> sequence [a; b; c]
| three_ee a b c : 0xEE <= a <= 0xEF -> cont b -> cont c -> sequence [a; b; c]
| four_f0 a b c d : a = 0xF0 -> 0x90 <= b <= 0xBF -> cont c -> cont d -> sequence [a; b; c; d]
| four_f1 a b c d : 0xF1 <= a <= 0xF3 -> cont b -> cont c -> cont d -> sequence [a; b; c; d]
| four_f4 a b c d : a = 0xF4 -> 0x80 <= b <= 0x8F -> cont c -> cont d -> sequence [a; b; c; d].

Ltac cells := repeat match goal with
  | H : Forall2 _ (_ :: _) _ |- _ => inversion H; subst; clear H
  | H : Forall2 _ [] _ |- _ => inversion H; subst; clear H
  end; cbn [fst snd] in *.

Lemma sequence_row s : (exists row, In row table_3_7 /\ in_row row s) <-> sequence s.
Proof.
  split.
  - intros (row & Hin & H). unfold in_row in H. unfold table_3_7 in Hin. cbn [In] in Hin.
    destruct Hin as [<-|[<-|[<-|[<-|[<-|[<-|[<-|[<-|[<-|[]]]]]]]]]]; cells.
    + apply one; lia.
    + apply two; unfold cont; lia.
    + apply three_e0; unfold cont; lia.
    + apply three_e1; unfold cont; lia.
    + apply three_ed; unfold cont; lia.
    + apply three_ee; unfold cont; lia.
    + apply four_f0; unfold cont; lia.
    + apply four_f1; unfold cont; lia.
    + apply four_f4; unfold cont; lia.
  - assert (R : forall k, (k < 9)%nat -> in_row (nth k table_3_7 []) s -> exists row, In row table_3_7 /\ in_row row s).
    { intros k Hk H. exists (nth k table_3_7 []). split; [apply nth_In; exact Hk|exact H]. }
    unfold in_row in R. intros H. destruct H; unfold cont in *.
    + apply (R 0%nat); [lia|]. cbn [nth table_3_7]. repeat (apply Forall2_cons; [cbn [fst snd]; lia|]). constructor.
    + apply (R 1%nat); [lia|]. cbn [nth table_3_7]. repeat (apply Forall2_cons; [cbn [fst snd]; lia|]). constructor.
    + apply (R 2%nat); [lia|]. cbn [nth table_3_7]. repeat (apply Forall2_cons; [cbn [fst snd]; lia|]). constructor.
    + apply (R 3%nat); [lia|]. cbn [nth table_3_7]. repeat (apply Forall2_cons; [cbn [fst snd]; lia|]). constructor.
    + apply (R 4%nat); [lia|]. cbn [nth table_3_7]. repeat (apply Forall2_cons; [cbn [fst snd]; lia|]). constructor.
    + apply (R 5%nat); [lia|]. cbn [nth table_3_7]. repeat (apply Forall2_cons; [cbn [fst snd]; lia|]). constructor.
    + apply (R 6%nat); [lia|]. cbn [nth table_3_7]. repeat (apply Forall2_cons; [cbn [fst snd]; lia|]). constructor.
    + apply (R 7%nat); [lia|]. cbn [nth table_3_7]. repeat (apply Forall2_cons; [cbn [fst snd]; lia|]). constructor.
    + apply (R 8%nat); [lia|]. cbn [nth table_3_7]. repeat (apply Forall2_cons; [cbn [fst snd]; lia|]). constructor.
Qed.

(** * What a sequence stands for *)

(** The bits of a sequence put together: defined on all lists, meant for sequences. *)
Definition read (s : list Z) : Z :=
  match s with
  | [a] => a
  | [a; b] => (a - 0xC0) * 64 + (b - 0x80)
  | [a; b; c] => (a - 0xE0) * 4096 + (b - 0x80) * 64 + (c - 0x80)
  | [a; b; c; d] => (a - 0xF0) * 262144 + (b - 0x80) * 4096 + (c - 0x80) * 64 + (d - 0x80)
  | _ => 0
  end.

Ltac Zify.zify_post_hook ::= Z.div_mod_to_equations.

Lemma digits2 a b : 0 <= b < 64 -> (a * 64 + b) / 64 = a /\ (a * 64 + b) mod 64 = b.
Proof. lia. Qed.

Lemma digits3 a b c : 0 <= b < 64 -> 0 <= c < 64 ->
  let n := a * 4096 + b * 64 + c in n / 4096 = a /\ n / 64 mod 64 = b /\ n mod 64 = c.
Proof. intros Hb Hc n. subst n. repeat split; lia. Qed.

Lemma digits4 a b c d : 0 <= b < 64 -> 0 <= c < 64 -> 0 <= d < 64 ->
  let n := a * 262144 + b * 4096 + c * 64 + d in n / 262144 = a /\ n / 4096 mod 64 = b /\ n / 64 mod 64 = c /\ n mod 64 = d.
Proof. intros Hb Hc Hd n. subst n. repeat split; lia. Qed.

(** The parts of a number below 2^21, with their bounds. *)
Lemma parts2 n : 128 <= n <= 2047 -> n / 64 * 64 + n mod 64 = n /\ 2 <= n / 64 <= 31 /\ 0 <= n mod 64 <= 63.
Proof. intros H. repeat split; lia. Qed.

Lemma parts3 n : 2048 <= n <= 65535 ->
  n / 4096 * 4096 + n / 64 mod 64 * 64 + n mod 64 = n /\ 0 <= n / 4096 <= 15 /\ 0 <= n / 64 mod 64 <= 63 /\ 0 <= n mod 64 <= 63.
Proof. intros H. repeat split; lia. Qed.

Lemma parts4 n : 65536 <= n <= 1114111 ->
  n / 262144 * 262144 + n / 4096 mod 64 * 4096 + n / 64 mod 64 * 64 + n mod 64 = n /\
  0 <= n / 262144 <= 4 /\ 0 <= n / 4096 mod 64 <= 63 /\ 0 <= n / 64 mod 64 <= 63 /\ 0 <= n mod 64 <= 63.
Proof. intros H. repeat split; lia. Qed.

Ltac Zify.zify_post_hook ::= idtac.

Lemma encode_read s : sequence s -> scalar (read s) /\ encode (read s) = s.
Proof.
  unfold scalar, encode. intros H. destruct H; unfold cont in *; cbn [read].
  - split; [lia|]. destruct (Z.leb_spec a 0x7F); [reflexivity|lia].
  - destruct (digits2 (a - 0xC0) (b - 0x80) ltac:(lia)) as (E1 & E2). set (n := (a - 0xC0) * 64 + (b - 0x80)) in *.
    assert (128 <= n <= 2047) by lia. split; [lia|].
    destruct (Z.leb_spec n 0x7F); [lia|]. destruct (Z.leb_spec n 0x7FF); [|lia]. rewrite E1, E2. repeat (f_equal; try lia).
  - destruct (digits3 (a - 0xE0) (b - 0x80) (c - 0x80) ltac:(lia) ltac:(lia)) as (E1 & E2 & E3).
    set (n := (a - 0xE0) * 4096 + (b - 0x80) * 64 + (c - 0x80)) in *. assert (2048 <= n <= 4095) by lia. split; [lia|].
    destruct (Z.leb_spec n 0x7F); [lia|]. destruct (Z.leb_spec n 0x7FF); [lia|]. destruct (Z.leb_spec n 0xFFFF); [|lia].
    rewrite E1, E2, E3. repeat (f_equal; try lia).
  - destruct (digits3 (a - 0xE0) (b - 0x80) (c - 0x80) ltac:(lia) ltac:(lia)) as (E1 & E2 & E3).
    set (n := (a - 0xE0) * 4096 + (b - 0x80) * 64 + (c - 0x80)) in *. assert (4096 <= n <= 53247) by lia. split; [lia|].
    destruct (Z.leb_spec n 0x7F); [lia|]. destruct (Z.leb_spec n 0x7FF); [lia|]. destruct (Z.leb_spec n 0xFFFF); [|lia].
    rewrite E1, E2, E3. repeat (f_equal; try lia).
  - destruct (digits3 (a - 0xE0) (b - 0x80) (c - 0x80) ltac:(lia) ltac:(lia)) as (E1 & E2 & E3).
    set (n := (a - 0xE0) * 4096 + (b - 0x80) * 64 + (c - 0x80)) in *. assert (53248 <= n <= 55295) by lia. split; [lia|].
    destruct (Z.leb_spec n 0x7F); [lia|]. destruct (Z.leb_spec n 0x7FF); [lia|]. destruct (Z.leb_spec n 0xFFFF); [|lia].
    rewrite E1, E2, E3. repeat (f_equal; try lia).
  - destruct (digits3 (a - 0xE0) (b - 0x80) (c - 0x80) ltac:(lia) ltac:(lia)) as (E1 & E2 & E3).
    set (n := (a - 0xE0) * 4096 + (b - 0x80) * 64 + (c - 0x80)) in *. assert (57344 <= n <= 65535) by lia. split; [lia|].
    destruct (Z.leb_spec n 0x7F); [lia|]. destruct (Z.leb_spec n 0x7FF); [lia|]. destruct (Z.leb_spec n 0xFFFF); [|lia].
    rewrite E1, E2, E3. repeat (f_equal; try lia).
  - destruct (digits4 (a - 0xF0) (b - 0x80) (c - 0x80) (d - 0x80) ltac:(lia) ltac:(lia) ltac:(lia)) as (E1 & E2 & E3 & E4).
    set (n := (a - 0xF0) * 262144 + (b - 0x80) * 4096 + (c - 0x80) * 64 + (d - 0x80)) in *.
    assert (65536 <= n <= 1114111) by lia. split; [lia|].
    destruct (Z.leb_spec n 0x7F); [lia|]. destruct (Z.leb_spec n 0x7FF); [lia|]. destruct (Z.leb_spec n 0xFFFF); [lia|].
    rewrite E1, E2, E3, E4. repeat (f_equal; try lia).
  - destruct (digits4 (a - 0xF0) (b - 0x80) (c - 0x80) (d - 0x80) ltac:(lia) ltac:(lia) ltac:(lia)) as (E1 & E2 & E3 & E4).
    set (n := (a - 0xF0) * 262144 + (b - 0x80) * 4096 + (c - 0x80) * 64 + (d - 0x80)) in *.
    assert (65536 <= n <= 1114111) by lia. split; [lia|].
    destruct (Z.leb_spec n 0x7F); [lia|]. destruct (Z.leb_spec n 0x7FF); [lia|]. destruct (Z.leb_spec n 0xFFFF); [lia|].
    rewrite E1, E2, E3, E4. repeat (f_equal; try lia).
  - destruct (digits4 (a - 0xF0) (b - 0x80) (c - 0x80) (d - 0x80) ltac:(lia) ltac:(lia) ltac:(lia)) as (E1 & E2 & E3 & E4).
    set (n := (a - 0xF0) * 262144 + (b - 0x80) * 4096 + (c - 0x80) * 64 + (d - 0x80)) in *.
    assert (65536 <= n <= 1114111) by lia. split; [lia|].
    destruct (Z.leb_spec n 0x7F); [lia|]. destruct (Z.leb_spec n 0x7FF); [lia|]. destruct (Z.leb_spec n 0xFFFF); [lia|].
    rewrite E1, E2, E3, E4. repeat (f_equal; try lia).
Qed.

Lemma read_encode c : scalar c -> sequence (encode c) /\ read (encode c) = c.
Proof.
  unfold scalar, encode. intros H. destruct (Z.leb_spec c 0x7F).
  { split; [apply one; lia|reflexivity]. }
  destruct (Z.leb_spec c 0x7FF).
  { destruct (parts2 c ltac:(lia)) as (E & P1 & P2). split; [apply two; unfold cont; lia|cbn [read]; lia]. }
  destruct (Z.leb_spec c 0xFFFF).
  - destruct (parts3 c ltac:(lia)) as (E & P1 & P2 & P3). split; [|cbn [read]; lia].
    destruct (Z.eq_dec (c / 4096) 0); [apply three_e0; unfold cont; lia|].
    destruct (Z.eq_dec (c / 4096) 13); [apply three_ed; unfold cont; lia|].
    destruct (Z.leb_spec (c / 4096) 12); [apply three_e1; unfold cont; lia|apply three_ee; unfold cont; lia].
  - destruct (parts4 c ltac:(lia)) as (E & P1 & P2 & P3 & P4). split; [|cbn [read]; lia].
    destruct (Z.eq_dec (c / 262144) 0); [apply four_f0; unfold cont; lia|].
    destruct (Z.eq_dec (c / 262144) 4); [apply four_f4; unfold cont; lia|apply four_f1; unfold cont; lia].
Qed.

Theorem table_right : Statement.table_right.
Proof.
  intros s. rewrite sequence_row. split.
  - intros (c & H & <-). apply read_encode, H.
  - intros H. exists (read s). apply encode_read, H.
Qed.

(** * Texts *)

(** One sequence after another. *)
Inductive formed : list Z -> Prop :=
| formed_nil : formed []
| formed_more s rest : sequence s -> formed rest -> formed (s ++ rest).

Lemma well_formed_formed data : well_formed data <-> formed data.
Proof.
  split.
  - intros (cs & H & ->). induction H as [|c cs Hc _ IH]; [constructor|]. cbn [text_of flat_map].
    apply formed_more; [apply read_encode, Hc|exact IH].
  - induction 1 as [|s rest Hs _ (cs & Hc & ->)]; [exists []; split; [constructor|reflexivity]|].
    destruct (encode_read s Hs) as [Hv E]. exists (read s :: cs). split; [constructor; assumption|].
    cbn [text_of flat_map]. rewrite E. reflexivity.
Qed.

(** No sequence is the beginning of another. *)
Lemma sequence_prefix s t x y : sequence s -> sequence t -> s ++ x = t ++ y -> s = t.
Proof.
  intros Hs Ht. destruct Hs, Ht; cbn [app]; intros E; injection E; intros; subst; unfold cont in *; try reflexivity; exfalso; lia.
Qed.

Theorem one_reading : Statement.one_reading.
Proof.
  intros a b Ha. revert b. induction Ha as [|c cs Hc Hcs IH]; intros b Hb E.
  - destruct Hb as [|d ds Hd Hds]; [reflexivity|]. exfalso. cbn [text_of flat_map] in E.
    destruct (read_encode d Hd) as [S _]. destruct S; discriminate E.
  - destruct Hb as [|d ds Hd Hds].
    + exfalso. cbn [text_of flat_map] in E. destruct (read_encode c Hc) as [S _]. destruct S; discriminate E.
    + cbn [text_of flat_map] in E. destruct (read_encode c Hc) as [S R], (read_encode d Hd) as [S' R'].
      pose proof (sequence_prefix _ _ _ _ S S' E) as P. rewrite P in E. apply app_inv_head in E.
      assert (c = d) by congruence. subst d. f_equal. apply IH; assumption.
Qed.
