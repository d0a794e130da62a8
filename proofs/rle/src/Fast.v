(** Fast.v: the coder that is built: it keeps what is done in an accumulator, so that no input is too long for the stack. *)
Require Import Coq.Lists.List Coq.Init.Byte Coq.Strings.Byte Coq.micromega.Lia.
From RleTrusted Require Import Statement.
From Rle Require Import Clear.
Import ListNotations.

Fixpoint encode_onto (done : list byte) (n x : byte) (data : list byte) : list byte :=
  match data with
  | [] => rev_append done [n; x]
  | y :: rest =>
      if Byte.eqb x y then
        match next n with Some m => encode_onto done m x rest | None => encode_onto (x :: n :: done) x01 y rest end
      else encode_onto (x :: n :: done) x01 y rest
  end.

Definition encode (data : list byte) : list byte :=
  match data with [] => [] | x :: rest => encode_onto [] x01 x rest end.

Fixpoint onto (x : byte) (k : nat) (done : list byte) : list byte :=
  match k with 0 => done | S j => onto x j (x :: done) end.

Fixpoint decode_onto (done text : list byte) : option (list byte) :=
  match text with
  | [] => Some (rev_append done [])
  | n :: x :: rest => match length_of n with 0 => None | S k => decode_onto (onto x (S k) done) rest end
  | [_] => None
  end.

Definition decode (text : list byte) : option (list byte) := decode_onto [] text.

Definition codec : codec := Codec encode decode.

Lemma encode_onto_equal data : forall done n x, encode_onto done n x data = rev done ++ from n x data.
Proof.
  induction data as [|y rest IH]; intros done n x; cbn [encode_onto from].
  - apply rev_append_rev.
  - assert (closed : encode_onto (x :: n :: done) x01 y rest = rev done ++ n :: x :: from x01 y rest).
    { rewrite IH. cbn [rev]. rewrite <- !app_assoc. reflexivity. }
    destruct (Byte.eqb x y); [|exact closed]. destruct (next n); [apply IH|exact closed].
Qed.

(** The fast encoder equals the clear one. *)
Theorem encode_equal data : encode data = Clear.encode data.
Proof. destruct data as [|x rest]; [reflexivity|]. apply (encode_onto_equal rest []). Qed.

Lemma onto_equal x k : forall done, onto x k done = repeat x k ++ done.
Proof. induction k as [|k IH]; intros done; cbn [onto]; [reflexivity|]. rewrite IH, <- repeat_then. reflexivity. Qed.

Lemma rev_repeat (x : byte) k : rev (repeat x k) = repeat x k.
Proof.
  induction k as [|k IH]; [reflexivity|]. cbn [repeat rev]. rewrite IH.
  pose proof (repeat_then x k []) as H. rewrite app_nil_r in H. rewrite <- H. reflexivity.
Qed.

Lemma decode_onto_equal k : forall text done, length text <= k ->
  decode_onto done text = match Clear.decode text with Some data => Some (rev done ++ data) | None => None end.
Proof.
  induction k as [|k IH]; intros [|n [|x text]] done L; cbn [length] in L; try lia; cbn [decode_onto Clear.decode];
    try reflexivity.
  - rewrite rev_append_rev. reflexivity.
  - rewrite rev_append_rev. reflexivity.
  - destruct (length_of n) as [|j]; [reflexivity|]. rewrite IH by lia. destruct (Clear.decode text); [|reflexivity].
    rewrite onto_equal, rev_app_distr, rev_repeat, <- app_assoc. reflexivity.
Qed.

(** The fast decoder equals the clear one. *)
Theorem decode_equal text : decode text = Clear.decode text.
Proof.
  unfold decode. rewrite (decode_onto_equal (length text)) by lia. destruct (Clear.decode text); reflexivity.
Qed.
