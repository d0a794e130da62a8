(** Reference.v: the decoder as a function on lists, and that it is the inverse of the encoder: it accepts exactly the
    texts that are the code of something. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Base64Trusted Require Import Statement.
From Base64 Require Import Tables.
Import ListNotations.
Open Scope Z_scope.

(** Four letters as a number of 24 bits; three as 18; two as 12. Anything else is at least [none]. *)
Definition four a b c d : Z := value a * 262144 + value b * 4096 + value c * 64 + value d.
Definition three a b c : Z := value a * 4096 + value b * 64 + value c.
Definition two a b : Z := value a * 64 + value b.

Definition bytes3 (n : Z) : list Z := [n / 65536; n / 256 mod 256; n mod 256].
Definition bytes2 (n : Z) : list Z := [n / 1024; n / 4 mod 256].
Definition bytes1 (n : Z) : list Z := [n / 16].

Definition last_group (a b c d : Z) : option (list Z) :=
  if negb (d =? pad) then if four a b c d <? 16777216 then Some (bytes3 (four a b c d)) else None
  else if negb (c =? pad) then if (three a b c <? 262144) && (three a b c mod 4 =? 0) then Some (bytes2 (three a b c)) else None
  else if (two a b <? 4096) && (two a b mod 16 =? 0) then Some (bytes1 (two a b)) else None.

Fixpoint decode (text : list Z) : option (list Z) :=
  match text with
  | [] => Some []
  | a :: b :: c :: d :: rest =>
      match rest with
      | [] => last_group a b c d
      | _ =>
          if four a b c d <? 16777216
          then match decode rest with Some data => Some (bytes3 (four a b c d) ++ data)%list | None => None end
          else None
      end
  | _ => None
  end.

(** * Four letters, when their number is small enough *)

Ltac letters := repeat match goal with
  | H : 0 <= ?c < 256 |- _ =>
      lazymatch goal with
      | _ : 0 <= value c <= none |- _ => fail
      | _ => pose proof (value_range c H); destruct (letter_value c H) as [[? ?]|?]
      end
  end.

Lemma four_letters a b c d : 0 <= a < 256 -> 0 <= b < 256 -> 0 <= c < 256 -> 0 <= d < 256 -> four a b c d < 16777216 ->
  value_of a (value a) /\ value_of b (value b) /\ value_of c (value c) /\ value_of d (value d).
Proof. unfold four, value_of. intros Ha Hb Hc Hd H. letters; unfold none in *; lia. Qed.

Lemma three_letters a b c : 0 <= a < 256 -> 0 <= b < 256 -> 0 <= c < 256 -> three a b c < 262144 ->
  value_of a (value a) /\ value_of b (value b) /\ value_of c (value c).
Proof. unfold three, value_of. intros Ha Hb Hc H. letters; unfold none in *; lia. Qed.

Lemma two_letters a b : 0 <= a < 256 -> 0 <= b < 256 -> two a b < 4096 ->
  value_of a (value a) /\ value_of b (value b).
Proof. unfold two, value_of. intros Ha Hb H. letters; unfold none in *; lia. Qed.

(** * Arithmetic of groups *)

Ltac Zify.zify_post_hook ::= Z.div_mod_to_equations.

Lemma digits4 a b c d : 0 <= a < 64 -> 0 <= b < 64 -> 0 <= c < 64 -> 0 <= d < 64 ->
  let n := a * 262144 + b * 4096 + c * 64 + d in
  n / 262144 = a /\ n / 4096 mod 64 = b /\ n / 64 mod 64 = c /\ n mod 64 = d.
Proof. intros Ha Hb Hc Hd n. subst n. repeat split; lia. Qed.

Lemma digits3 a b c : 0 <= a < 256 -> 0 <= b < 256 -> 0 <= c < 256 ->
  let n := a * 65536 + b * 256 + c in
  0 <= n < 16777216 /\ n / 65536 = a /\ n / 256 mod 256 = b /\ n mod 256 = c.
Proof. intros Ha Hb Hc n. subst n. repeat split; lia. Qed.

Lemma join4 n : 0 <= n < 16777216 ->
  n / 262144 * 262144 + (n / 4096 mod 64) * 4096 + (n / 64 mod 64) * 64 + n mod 64 = n /\
  0 <= n / 262144 < 64 /\ 0 <= n / 4096 mod 64 < 64 /\ 0 <= n / 64 mod 64 < 64 /\ 0 <= n mod 64 < 64.
Proof. intros H. repeat split; lia. Qed.

Lemma twelve n : 0 <= n < 16777216 ->
  0 <= n / 4096 < 4096 /\ 0 <= n mod 4096 < 4096 /\ n / 4096 / 64 = n / 262144 /\
  n mod 4096 / 64 = n / 64 mod 64 /\ (n mod 4096) mod 64 = n mod 64.
Proof. intros H. repeat split; lia. Qed.

(** Two halves of 16 bits, byte by byte. *)
Lemma halves x y : 0 <= x < 65536 -> 0 <= y < 65536 ->
  (x + y * 65536) mod 256 = x mod 256 /\ (x + y * 65536) / 256 mod 256 = x / 256 mod 256 /\
  (x + y * 65536) / 65536 mod 256 = y mod 256 /\ (x + y * 65536) / 16777216 mod 256 = y / 256 mod 256.
Proof. intros Hx Hy. repeat split; lia. Qed.

Lemma join3 n : 0 <= n < 16777216 ->
  n / 65536 * 65536 + (n / 256 mod 256) * 256 + n mod 256 = n /\
  0 <= n / 65536 < 256 /\ 0 <= n / 256 mod 256 < 256 /\ 0 <= n mod 256 < 256.
Proof. intros H. repeat split; lia. Qed.

Lemma digits_two a b : 0 <= a < 256 -> 0 <= b < 256 ->
  let n := (a * 256 + b) * 4 in
  n / 4096 * 4096 + (n / 64 mod 64) * 64 + n mod 64 = n /\ 0 <= n < 262144 /\ n mod 4 = 0 /\ n / 1024 = a /\ n / 4 mod 256 = b /\
  0 <= n / 4096 < 64 /\ 0 <= n / 64 mod 64 < 64 /\ 0 <= n mod 64 < 64 /\ (n mod 64) mod 4 = 0.
Proof. intros Ha Hb n. subst n. repeat split; lia. Qed.

Lemma digits_one a : 0 <= a < 256 ->
  let n := a * 16 in
  n / 64 * 64 + n mod 64 = n /\ 0 <= n < 4096 /\ n mod 16 = 0 /\ n / 16 = a /\
  0 <= n / 64 < 64 /\ 0 <= n mod 64 < 64 /\ (n mod 64) mod 16 = 0.
Proof. intros Ha n. subst n. repeat split; lia. Qed.

Lemma join_two a b c : 0 <= a < 64 -> 0 <= b < 64 -> 0 <= c < 64 ->
  let n := a * 4096 + b * 64 + c in n mod 4 = 0 ->
  let m := ((n / 1024) * 256 + n / 4 mod 256) * 4 in
  m / 4096 = a /\ m / 64 mod 64 = b /\ m mod 64 = c /\ 0 <= n / 1024 < 256 /\ 0 <= n / 4 mod 256 < 256.
Proof. intros Ha Hb Hc n E m. assert (m = n) by (subst m n; lia). subst n. clearbody m. subst m. repeat split; lia. Qed.

Lemma join_one a b : 0 <= a < 64 -> 0 <= b < 64 ->
  let n := a * 64 + b in n mod 16 = 0 ->
  let m := n / 16 * 16 in m / 64 = a /\ m mod 64 = b /\ 0 <= n / 16 < 256.
Proof. intros Ha Hb n E m. assert (m = n) by (subst m n; lia). subst n. clearbody m. subst m. repeat split; lia. Qed.

Ltac Zify.zify_post_hook ::= idtac.

(** * Decoding what was encoded *)

(** A list of given bytes, each with its bounds at hand. *)
Ltac byte_list := repeat (apply Forall_cons; [unfold word; cbn [modulus]; lia|]); apply Forall_nil.

Lemma byte_3 a rest : bytes (a :: rest) -> 0 <= a < 256 /\ bytes rest.
Proof. intros H. inversion H as [|x l Hx Hl]; subst. split; [exact Hx|exact Hl]. Qed.

Lemma four_encoded n : 0 <= n < 16777216 ->
  four (letter (n / 262144)) (letter (n / 4096 mod 64)) (letter (n / 64 mod 64)) (letter (n mod 64)) = n.
Proof.
  intros H. destruct (join4 n H) as (E & H1 & H2 & H3 & H4). unfold four.
  rewrite (proj1 (value_letter _ H1)), (proj1 (value_letter _ H2)), (proj1 (value_letter _ H3)), (proj1 (value_letter _ H4)).
  exact E.
Qed.

Lemma decode_group a b c rest : 0 <= a < 256 -> 0 <= b < 256 -> 0 <= c < 256 ->
  decode (encode rest) = Some rest -> decode (encode (a :: b :: c :: rest)) = Some (a :: b :: c :: rest).
Proof.
  intros Ha Hb Hc IH. destruct (digits3 a b c Ha Hb Hc) as (Hn & E1 & E2 & E3). cbn [encode].
  set (n := a * 65536 + b * 256 + c) in *. cbn zeta. destruct (join4 n Hn) as (_ & _ & _ & _ & H4).
  assert (B : bytes3 n = [a; b; c]) by (unfold bytes3; rewrite E1, E2, E3; reflexivity).
  pose proof (four_encoded n Hn) as F. cbn [decode]. destruct (encode rest) as [|x t] eqn:E.
  - cbn in IH. injection IH as <-. unfold last_group.
    destruct (Z.eqb_spec (letter (n mod 64)) pad) as [P|_]; [destruct (value_letter _ H4); contradiction|]. cbn [negb].
    rewrite F. destruct (Z.ltb_spec n 16777216); [|lia]. rewrite B. reflexivity.
  - rewrite F. destruct (Z.ltb_spec n 16777216); [|lia]. rewrite IH, B. reflexivity.
Qed.

Lemma decode_two a b : 0 <= a < 256 -> 0 <= b < 256 -> decode (encode [a; b]) = Some [a; b].
Proof.
  intros Ha Hb. destruct (digits_two a b Ha Hb) as (E & Hn & H0 & Ea & Eb & H1 & H2 & H3 & _). cbn [encode].
  set (n := (a * 256 + b) * 4) in *. cbn zeta. cbn [decode]. unfold last_group. rewrite Z.eqb_refl. cbn [negb].
  destruct (Z.eqb_spec (letter (n mod 64)) pad) as [P|_]; [destruct (value_letter _ H3); contradiction|]. cbn [negb].
  assert (T : three (letter (n / 4096)) (letter (n / 64 mod 64)) (letter (n mod 64)) = n).
  { unfold three. rewrite (proj1 (value_letter _ H1)), (proj1 (value_letter _ H2)), (proj1 (value_letter _ H3)). exact E. }
  rewrite T, H0. destruct (Z.ltb_spec n 262144); [|lia]. cbn [andb Z.eqb]. unfold bytes2. rewrite Ea, Eb. reflexivity.
Qed.

Lemma decode_one a : 0 <= a < 256 -> decode (encode [a]) = Some [a].
Proof.
  intros Ha. destruct (digits_one a Ha) as (E & Hn & H0 & Ea & H1 & H2 & _). cbn [encode].
  set (n := a * 16) in *. cbn zeta. cbn [decode]. unfold last_group. rewrite !Z.eqb_refl. cbn [negb].
  assert (T : two (letter (n / 64)) (letter (n mod 64)) = n).
  { unfold two. rewrite (proj1 (value_letter _ H1)), (proj1 (value_letter _ H2)). exact E. }
  rewrite T, H0. destruct (Z.ltb_spec n 4096); [|lia]. cbn [andb Z.eqb]. unfold bytes1. rewrite Ea. reflexivity.
Qed.

(** Induction by groups. *)
Lemma by_threes (P : list Z -> Prop) :
  P [] -> (forall a, P [a]) -> (forall a b, P [a; b]) -> (forall a b c rest, P rest -> P (a :: b :: c :: rest)) ->
  forall l, P l.
Proof.
  intros P0 P1 P2 P3. assert (H : forall n l, (length l <= n)%nat -> P l).
  { induction n as [|n IH]; intros [|a [|b [|c rest]]] Hl; cbn [length] in Hl; auto; try lia.
    apply P3, IH. lia. }
  intros l. apply (H (length l)). reflexivity.
Qed.

Lemma by_fours (P : list Z -> Prop) :
  P [] -> (forall a, P [a]) -> (forall a b, P [a; b]) -> (forall a b c, P [a; b; c]) ->
  (forall a b c d rest, P rest -> P (a :: b :: c :: d :: rest)) ->
  forall l, P l.
Proof.
  intros P0 P1 P2 P3 P4. assert (H : forall n l, (length l <= n)%nat -> P l).
  { induction n as [|n IH]; intros [|a [|b [|c [|d rest]]]] Hl; cbn [length] in Hl; auto; try lia.
    apply P4, IH. lia. }
  intros l. apply (H (length l)). reflexivity.
Qed.

Theorem decode_encode data : bytes data -> decode (encode data) = Some data.
Proof.
  induction data as [|a|a b|a b c rest IH] using by_threes; intros H.
  - reflexivity.
  - apply byte_3 in H as [Ha _]. apply decode_one, Ha.
  - apply byte_3 in H as [Ha H]. apply byte_3 in H as [Hb _]. apply decode_two; assumption.
  - apply byte_3 in H as [Ha H]. apply byte_3 in H as [Hb H]. apply byte_3 in H as [Hc H].
    apply decode_group; auto.
Qed.

(** * Encoding what was decoded *)

Lemma four_decoded a b c d : 0 <= a < 256 -> 0 <= b < 256 -> 0 <= c < 256 -> 0 <= d < 256 -> four a b c d < 16777216 ->
  bytes (bytes3 (four a b c d)) /\
  forall rest, encode (bytes3 (four a b c d) ++ rest) = a :: b :: c :: d :: encode rest.
Proof.
  intros Ha Hb Hc Hd H. destruct (four_letters a b c d Ha Hb Hc Hd H) as ([Va La] & [Vb Lb] & [Vc Lc] & [Vd Ld]).
  destruct (digits4 _ _ _ _ Va Vb Vc Vd) as (E1 & E2 & E3 & E4). fold (four a b c d) in *.
  assert (Hn : 0 <= four a b c d < 16777216) by (unfold four in *; lia).
  destruct (join3 _ Hn) as (E & B1 & B2 & B3). set (n := four a b c d) in *. split.
  - unfold bytes3. byte_list.
  - intros rest. unfold bytes3. cbn [app encode]. rewrite E, E1, E2, E3, E4, La, Lb, Lc, Ld. reflexivity.
Qed.

Lemma last_group_right a b c d data : 0 <= a < 256 -> 0 <= b < 256 -> 0 <= c < 256 -> 0 <= d < 256 ->
  last_group a b c d = Some data -> bytes data /\ encode data = [a; b; c; d].
Proof.
  intros Ha Hb Hc Hd. unfold last_group. destruct (Z.eqb_spec d pad) as [->|_]; cbn [negb].
  - destruct (Z.eqb_spec c pad) as [->|_]; cbn [negb].
    + destruct (Z.ltb_spec (two a b) 4096) as [H|]; [|discriminate].
      destruct (Z.eqb_spec (two a b mod 16) 0) as [H0|]; [|discriminate]. cbn [andb]. intros E. injection E as <-.
      destruct (two_letters a b Ha Hb H) as ([Va La] & [Vb Lb]).
      destruct (join_one _ _ Va Vb H0) as (E1 & E2 & B). fold (two a b) in *. split.
      * unfold bytes1. byte_list.
      * unfold bytes1. cbn [encode]. rewrite E1, E2, La, Lb. reflexivity.
    + destruct (Z.ltb_spec (three a b c) 262144) as [H|]; [|discriminate].
      destruct (Z.eqb_spec (three a b c mod 4) 0) as [H0|]; [|discriminate]. cbn [andb]. intros E. injection E as <-.
      destruct (three_letters a b c Ha Hb Hc H) as ([Va La] & [Vb Lb] & [Vc Lc]).
      destruct (join_two _ _ _ Va Vb Vc H0) as (E1 & E2 & E3 & B1 & B2). fold (three a b c) in *. split.
      * unfold bytes2. byte_list.
      * unfold bytes2. cbn [encode]. rewrite E1, E2, E3, La, Lb, Lc. reflexivity.
  - destruct (Z.ltb_spec (four a b c d) 16777216) as [H|]; [|discriminate]. intros E. injection E as <-.
    destruct (four_decoded a b c d Ha Hb Hc Hd H) as [B E]. split; [exact B|].
    rewrite <- (app_nil_r (bytes3 _)), E. reflexivity.
Qed.

Theorem encode_decode text data : bytes text -> decode text = Some data -> bytes data /\ encode data = text.
Proof.
  revert data. induction text as [|a|a b|a b c|a b c d rest IH] using by_fours; intros data H; try discriminate.
  - intros E. injection E as <-. split; [constructor|reflexivity].
  - apply byte_3 in H as [Ha H]. apply byte_3 in H as [Hb H]. apply byte_3 in H as [Hc H]. apply byte_3 in H as [Hd H].
    cbn [decode]. destruct rest as [|x t].
    + apply last_group_right; assumption.
    + destruct (Z.ltb_spec (four a b c d) 16777216) as [H4|]; [|discriminate].
      destruct (decode (x :: t)) as [tail|] eqn:E; [|discriminate]. intros E'.
      assert (D : data = bytes3 (four a b c d) ++ tail) by congruence. subst data.
      destruct (IH tail H eq_refl) as [Ht Et]. destruct (four_decoded a b c d Ha Hb Hc Hd H4) as [B E''].
      split; [apply words_app; assumption|]. rewrite E'', Et. reflexivity.
Qed.

Theorem decode_right text data : bytes text -> decode text = Some data <-> bytes data /\ encode data = text.
Proof.
  intros H. split; [apply encode_decode, H|]. intros [Hd <-]. apply decode_encode, Hd.
Qed.

(** * Lengths *)

Lemma encode_length data : zlen (encode data) = 4 * ((zlen data + 2) / 3).
Proof.
  induction data as [|a|a b|a b c rest IH] using by_threes; try reflexivity.
  cbn [encode]. cbn zeta. rewrite !zlen_cons, IH. replace (zlen rest + 1 + 1 + 1 + 2) with (zlen rest + 2 + 1 * 3) by lia.
  rewrite Z.div_add by lia. lia.
Qed.

Lemma encode_bytes data : bytes data -> bytes (encode data).
Proof.
  assert (L : forall v, 0 <= v < 64 -> word W8 (letter v)) by (intros v Hv; exact (letter_range v Hv)).
  assert (P : word W8 pad) by (unfold word, pad; cbn [modulus]; lia).
  induction data as [|a|a b|a b c rest IH] using by_threes; intros H.
  - constructor.
  - apply byte_3 in H as [Ha _]. destruct (digits_one a Ha) as (_ & _ & _ & _ & H1 & H2 & _).
    cbn [encode]. repeat (apply Forall_cons; [auto|]). apply Forall_nil.
  - apply byte_3 in H as [Ha H]. apply byte_3 in H as [Hb _].
    destruct (digits_two a b Ha Hb) as (_ & _ & _ & _ & _ & H1 & H2 & H3 & _).
    cbn [encode]. repeat (apply Forall_cons; [auto|]). apply Forall_nil.
  - apply byte_3 in H as [Ha H]. apply byte_3 in H as [Hb H]. apply byte_3 in H as [Hc H].
    destruct (digits3 a b c Ha Hb Hc) as (Hn & _). destruct (join4 _ Hn) as (_ & H1 & H2 & H3 & H4).
    cbn [encode]. repeat (apply Forall_cons; [auto|]). apply IH, H.
Qed.
