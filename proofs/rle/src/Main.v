(** Main.v: the trusted statements, proved of the coder that is built. *)
Require Import Coq.Lists.List Coq.Init.Byte.
From RleTrusted Require Import Statement.
From Rle Require Import Clear Fast.
Import ListNotations.

Theorem round_trip : Statement.round_trip Fast.codec.
Proof.
  intros data. cbn [Statement.decode Statement.encode Fast.codec]. rewrite decode_equal, encode_equal.
  apply decode_complete, encode_describes.
Qed.

Theorem decodes_right : Statement.decodes_right Fast.codec.
Proof.
  intros text data. cbn [Statement.decode Fast.codec]. rewrite decode_equal.
  split; [apply decode_sound|apply decode_complete].
Qed.

Theorem canonical : Statement.canonical Fast.codec.
Proof. intros data. cbn [Statement.encode Fast.codec]. rewrite encode_equal. apply encode_joined. Qed.

Theorem never_more_than_double : Statement.never_more_than_double Fast.codec.
Proof. intros data. cbn [Statement.encode Fast.codec]. rewrite encode_equal. apply encode_length. Qed.

Theorem known : Statement.known Fast.codec.
Proof. repeat split; vm_compute; reflexivity. Qed.
