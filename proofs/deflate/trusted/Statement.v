(** Statement.v: what is to be proved of a program that compresses to DEFLATE. Rfc1951.v, which says what DEFLATE is, is the same
    text as in the component zlib. The task owns both. How well it compresses is measured, not proved. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax Semantics.
From DeflateTrusted Require Import Rfc1951.
Import ListNotations.
Open Scope Z_scope.

(** The largest that a compressed text may be: what stored blocks would take. *)
Definition largest (size : Z) : Z := size + 5 * (size / 65535 + 1).

(** The program's [deflate_all(data, out, work, size)]: [data] is read-only; [out] has room for the largest text; [work] is memory
    of 2^20 bytes, zero at the start, that the program may use as it likes. *)
Definition deflate_right (p : program) : Prop :=
  forall data out,
    bytes data -> zlen data < 2 ^ 56 -> bytes out -> largest (zlen data) <= zlen out ->
    exists steps text cells,
      computes p "deflate_all" [zlen data] [Arr W8 false data; Arr W8 true out; Arr W8 true (repeat 0 (Z.to_nat (2 ^ 20)))] steps
               [zlen text] [Arr W8 false data; Arr W8 true (text ++ zdrop (zlen text) out); Arr W8 true cells] /\
      inflates [] text data (zlen text) /\ zlen text <= largest (zlen data) /\ 0 <= steps <= 5000 * zlen data + 1000000.

(** Streams of the format exist, and not everything is one: what zlib writes for nothing and for "a"; the block type that there
    is not. *)
Definition known_values : Prop :=
  inflates [] [0x03; 0x00] [] 2 /\ inflates [] [0x4B; 0x04; 0x00] [97] 3 /\
  (forall data n, ~ inflates [] [0x07; 0x00] data n).
