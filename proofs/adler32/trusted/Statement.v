(** Statement.v: Adler-32 as RFC 1950 states it, and what is to be proved of a program that computes it.
    The task owns this file. A byte string is a list of integers from 0 to 255. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax Semantics.
Import ListNotations.
Open Scope Z_scope.

(** * Specification *)

(** RFC 1950, 2.2: the largest prime smaller than 65536. *)
Definition base : Z := 65521.

(** RFC 1950, 2.2 and 9: s1 is the sum of all bytes, s2 is the sum of all s1 values, both modulo 65521. *)
Fixpoint sums (data : list Z) (s1 s2 : Z) : Z * Z :=
  match data with
  | [] => (s1, s2)
  | x :: rest => let s1' := (s1 + x) mod base in sums rest s1' ((s2 + s1') mod base)
  end.

(** RFC 1950, 9, update_adler32: s1 is the low half of the running value, s2 the high half.
    In a checksum both are below [base] already, so that reducing them changes nothing. *)
Definition update (value : Z) (data : list Z) : Z :=
  let (s1, s2) := sums data ((value mod 65536) mod base) ((value / 65536 mod 65536) mod base) in
  s2 * 65536 + s1.

(** RFC 1950, 2.2: s1 is initialised to 1, s2 to zero. *)
Definition adler32 (data : list Z) : Z := update 1 data.

Definition bytes : list Z -> Prop := words W8.

(** * Theorems *)

(** The program's [adler32_update(data, size, value)]: [data] is read-only. Its steps are exactly four a byte, seven for
    each begun batch of 5552 bytes, and four more. *)
Definition update_right (p : program) : Prop :=
  forall data value,
    bytes data -> zlen data < 2 ^ 63 -> word W64 value ->
    computes p "adler32_update" [zlen data; value] [Arr W8 false data]
             (4 * zlen data + 7 * ((zlen data + 5551) / 5552) + 4) [update value data] [Arr W8 false data].

(** The program's [adler32_join(first, second, second_size)]. *)
Definition join_right (p : program) : Prop :=
  (forall value a b,
    bytes a -> bytes b -> zlen b < 2 ^ 64 -> word W64 value ->
    exists steps,
      computes p "adler32_join" [update value a; adler32 b; zlen b] [] steps [update value (a ++ b)] []) /\
  (forall first second size,
    word W64 first -> word W64 second -> word W64 size ->
    exists steps result, computes p "adler32_join" [first; second; size] [] steps [result] [] /\ word W32 result).

(** Data may come in any pieces. *)
Definition resumes : Prop :=
  forall value a b, bytes a -> bytes b -> update (update value a) b = update value (a ++ b).

(** The two halves without recursion over running sums: [x1 + ... + xn], and [n x1 + ... + 1 xn]. *)
Fixpoint total (data : list Z) : Z := match data with [] => 0 | x :: rest => x + total rest end.
Fixpoint weighted (data : list Z) : Z :=
  match data with [] => 0 | x :: rest => zlen data * x + weighted rest end.

Definition in_closed_form : Prop :=
  forall data, bytes data ->
    adler32 data = ((zlen data + weighted data) mod base) * 65536 + (1 + total data) mod base.

(** Published values: RFC 1950's initial value; "a", "abc"; "Wikipedia". *)
Definition known_values : Prop :=
  adler32 [] = 1 /\
  adler32 [97] = 0x00620062 /\
  adler32 [97; 98; 99] = 0x024D0127 /\
  adler32 [87; 105; 107; 105; 112; 101; 100; 105; 97] = 0x11E60398.
