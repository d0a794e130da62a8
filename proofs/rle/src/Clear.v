(** Clear.v: the coder as it would be explained, and the proofs of what it does. *)
Require Import Coq.Lists.List Coq.Init.Byte Coq.Strings.Byte Coq.micromega.Lia Coq.NArith.BinNat Coq.NArith.Nnat.
From RleTrusted Require Import Statement.
Import ListNotations.

(** One more, if a byte can say it. *)
Definition next (n : byte) : option byte := Byte.of_N (N.succ (Byte.to_N n)).

(** The text of a run of [n] times [x] that is still open, and of what follows. *)
Fixpoint from (n x : byte) (data : list byte) : list byte :=
  match data with
  | [] => [n; x]
  | y :: rest =>
      if Byte.eqb x y then
        match next n with Some m => from m x rest | None => n :: x :: from x01 y rest end
      else n :: x :: from x01 y rest
  end.

Definition encode (data : list byte) : list byte :=
  match data with [] => [] | x :: rest => from x01 x rest end.

Fixpoint decode (text : list byte) : option (list byte) :=
  match text with
  | [] => Some []
  | n :: x :: rest =>
      match length_of n with
      | 0 => None
      | S k => match decode rest with Some data => Some (repeat x (S k) ++ data) | None => None end
      end
  | [_] => None
  end.

Lemma next_length n m : next n = Some m -> length_of m = S (length_of n).
Proof.
  intros H. apply Byte.to_of_N in H. unfold length_of. rewrite !Byte.to_nat_via_N, H. apply N2Nat.inj_succ.
Qed.

Lemma next_full n : next n = None -> n = xff.
Proof.
  intros H. apply Byte.of_N_None_iff in H. pose proof (Byte.to_N_bounded n) as B.
  assert (E : Byte.to_N n = 255%N) by lia. pose proof (Byte.of_to_N n) as F. rewrite E in F.
  injection F as <-. reflexivity.
Qed.

Lemma repeat_then (x : byte) k rest : repeat x (S k) ++ rest = repeat x k ++ x :: rest.
Proof. induction k as [|k IH]; [reflexivity|]. cbn [repeat app] in *. rewrite IH. reflexivity. Qed.

Lemma from_describes data : forall n x, 1 <= length_of n -> describes (from n x data) (repeat x (length_of n) ++ data).
Proof.
  induction data as [|y rest IH]; intros n x L; cbn [from].
  - constructor; [exact L|constructor].
  - assert (closed : describes (n :: x :: from x01 y rest) (repeat x (length_of n) ++ y :: rest)).
    { constructor; [exact L|]. apply (IH x01 y). vm_compute. lia. }
    destruct (Byte.eqb x y) eqn:E; [|exact closed].
    apply Byte.byte_dec_bl in E. subst y. destruct (next n) as [m|] eqn:N; [|exact closed].
    apply next_length in N. rewrite <- repeat_then, <- N. apply IH. lia.
Qed.

Lemma encode_describes data : describes (encode data) data.
Proof. destruct data as [|x rest]; [constructor|]. apply (from_describes rest x01 x). vm_compute. lia. Qed.

Lemma decode_complete text data : describes text data -> decode text = Some data.
Proof.
  induction 1 as [|n x text data L D IH]; [reflexivity|]. cbn [decode].
  destruct (length_of n) as [|k]; [lia|]. rewrite IH. reflexivity.
Qed.

Lemma decode_sound_up_to k : forall text data, length text <= k -> decode text = Some data -> describes text data.
Proof.
  induction k as [|k IH]; intros [|n [|x text]] data L H; cbn [length] in L; try lia; cbn [decode] in H; try discriminate.
  - injection H as <-. constructor.
  - injection H as <-. constructor.
  - destruct (length_of n) as [|j] eqn:E; [discriminate|]. destruct (decode text) as [rest|] eqn:R; [|discriminate].
    injection H as <-. change (x :: repeat x j ++ rest) with (repeat x (S j) ++ rest). rewrite <- E.
    constructor; [lia|]. apply IH; [lia|exact R].
Qed.

Lemma decode_sound text data : decode text = Some data -> describes text data.
Proof. apply (decode_sound_up_to (length text)). lia. Qed.

Lemma from_begins data : forall n x, exists k rest, from n x data = k :: x :: rest.
Proof.
  induction data as [|y data IH]; intros n x; cbn [from]; [eauto|].
  destruct (Byte.eqb x y); [|eauto]. destruct (next n); [apply IH|eauto].
Qed.

Lemma from_joined data : forall n x, joined (from n x data).
Proof.
  induction data as [|y rest IH]; intros n x; cbn [from]; [exact I|].
  assert (closed : (x = y -> n = xff) -> joined (n :: x :: from x01 y rest)).
  { intros H. pose proof (IH x01 y) as J. destruct (from_begins rest x01 y) as (k & more & E). rewrite E in *.
    split; [exact H|exact J]. }
  destruct (Byte.eqb x y) eqn:E.
  - destruct (next n) as [m|] eqn:N; [apply IH|]. apply closed. intros _. apply next_full. exact N.
  - apply closed. intros ->. rewrite (Byte.byte_dec_lb (x := y) (y := y) eq_refl) in E. discriminate.
Qed.

Lemma encode_joined data : joined (encode data).
Proof. destruct data as [|x rest]; [exact I|]. apply from_joined. Qed.

Lemma from_length data : forall n x, length (from n x data) <= 2 + 2 * length data.
Proof.
  induction data as [|y rest IH]; intros n x; cbn [from length]; [lia|]. pose proof (IH x01 y).
  destruct (Byte.eqb x y); [destruct (next n) as [m|]; [pose proof (IH m x)|]|]; cbn [length]; lia.
Qed.

Lemma encode_length data : length (encode data) <= 2 * length data.
Proof. destruct data as [|x rest]; [cbn; lia|]. pose proof (from_length rest x01 x). cbn [encode length]. lia. Qed.
