(** Statement.v: run-length coding of byte strings: the format, and what is asked of an encoder and a decoder.
    A text is a list of pairs: the length of a run as a byte from 1 to 255, and the byte that is repeated. *)
Require Import Coq.Lists.List Coq.Init.Byte Coq.Init.Nat Coq.Strings.Byte.
Import ListNotations.

(** What is handed in: two functions. *)
Record codec := Codec { encode : list byte -> list byte; decode : list byte -> option (list byte) }.

(** The length that a byte stands for. *)
Definition length_of (n : byte) : nat := Byte.to_nat n.

(** What a text describes, run by run. A run of no bytes is not allowed, nor half a pair. *)
Inductive describes : list byte -> list byte -> Prop :=
| nothing : describes [] []
| run n x text data : 1 <= length_of n -> describes text data -> describes (n :: x :: text) (repeat x (length_of n) ++ data).

(** Decoding what was encoded gives the input back. *)
Definition round_trip (c : codec) : Prop := forall data, decode c (encode c data) = Some data.

(** The decoder accepts exactly the texts that describe something, and gives what they describe. *)
Definition decodes_right (c : codec) : Prop := forall text data, decode c text = Some data <-> describes text data.

(** No run could be joined with the next: where two neighbours repeat the same byte, the first is full. *)
Fixpoint joined (text : list byte) : Prop :=
  match text with
  | n :: x :: ((_ :: y :: _) as rest) => (x = y -> n = xff) /\ joined rest
  | _ => True
  end.
Definition canonical (c : codec) : Prop := forall data, joined (encode c data).

(** The text has at most two bytes for each byte of the input. *)
Definition never_more_than_double (c : codec) : Prop := forall data, length (encode c data) <= 2 * length data.

(** Values that anyone can check by hand. *)
Definition known (c : codec) : Prop :=
  encode c [x61; x61; x61; x62] = [x03; x61; x01; x62] /\
  decode c [x03; x61; x01; x62] = Some [x61; x61; x61; x62] /\
  decode c [x03] = None /\ decode c [x00; x61] = None.
