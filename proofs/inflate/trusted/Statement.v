(** Statement.v: what is to be proved of a program that decompresses DEFLATE. Rfc1951.v, which says what DEFLATE is, is the
    same text as in the component zlib. The task owns both. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax Semantics.
From InflateTrusted Require Import Rfc1951.
Import ListNotations.
Open Scope Z_scope.

(** How a program says "not valid, or no room": no length of an array is that large. *)
Definition invalid : Z := 18446744073709551615.

(** The program's [inflate_all(input, out, size, room)]: [input] is read-only; all of it has to be one stream. What it stands for
    is written to [out], when there is room; what lies behind stays. *)
Definition inflate_right (p : program) : Prop :=
  forall input out,
    bytes input -> zlen input < 2 ^ 56 -> bytes out -> zlen out < 2 ^ 56 ->
    exists steps result cells,
      computes p "inflate_all" [zlen input; zlen out] [Arr W8 false input; Arr W8 true out] steps
               [result] [Arr W8 false input; Arr W8 true cells] /\
      0 <= steps <= 200 * (zlen input + zlen out) + 100000 /\ zlen cells = zlen out /\
      ((exists data, inflates [] input data (zlen input) /\ zlen data <= zlen out /\
          result = zlen data /\ cells = data ++ zdrop (zlen data) out) \/
       ((forall data, inflates [] input data (zlen input) -> zlen out < zlen data) /\ result = invalid)).

(** What zlib writes for nothing and for "a", fixed codes; a stored block; and streams that are cut off or begin with the block
    type that there is not. *)
Definition known_values : Prop :=
  inflates [] [0x03; 0x00] [] 2 /\
  inflates [] [0x4B; 0x04; 0x00] [97] 3 /\
  inflates [] [0x01; 0x02; 0x00; 0xFD; 0xFF; 0x68; 0x69] [104; 105] 7 /\
  (forall data n, ~ inflates [] [] data n) /\ (forall data n, ~ inflates [] [0x07; 0x00] data n).
