(** Statement.v: CRC-32 (RFC 1952, ISO 3309) as a remainder of polynomials over GF(2), and what is to be proved of a
    program that computes it. The task owns this file. A byte string is a list of integers from 0 to 255. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax Semantics.
Import ListNotations.
Open Scope Z_scope.

(** * Polynomials over GF(2) *)

(** Bit i of a non-negative integer is the coefficient of x^i. Their sum is [Z.lxor]; this is their product. *)
Fixpoint times (a : positive) (b : Z) : Z :=
  match a with
  | xH => b
  | xO a => 2 * times a b
  | xI a => Z.lxor b (2 * times a b)
  end.

Definition pmul (a b : Z) : Z := match a with Zpos p => times p b | _ => 0 end.

(** x^32 + x^26 + x^23 + x^22 + x^16 + x^12 + x^11 + x^10 + x^8 + x^7 + x^5 + x^4 + x^2 + x + 1 *)
Definition generator : Z := 0x104C11DB7.

(** [r] is the remainder of [a] divided by the generator: of degree below 32, and [a] is a multiple plus [r]. *)
Definition remainder (a r : Z) : Prop :=
  0 <= r < 2 ^ 32 /\ exists q, 0 <= q /\ a = Z.lxor (pmul q generator) r.

(** * Data as polynomials *)

(** The lowest [n] bits, the least significant first: the order in which they are sent. *)
Definition bits_of (n : nat) (z : Z) : list bool := map (fun i => Z.testbit z (Z.of_nat i)) (seq 0 n).

Definition sent (data : list Z) : list bool := flat_map (bits_of 8) data.

(** The first bit is the coefficient of the highest power. *)
Definition polynomial (bs : list bool) : Z := fold_left (fun p b => 2 * p + b2z b) bs 0.

(** A register as a polynomial: its least significant bit belongs to x^31. *)
Definition of_register (v : Z) : Z := polynomial (bits_of 32 v).

Definition mask : Z := 0xFFFFFFFF.

(** [crc] is the CRC-32 of [data], carried on from [value] (0 at the start of a message):
    the message times x^32, plus the complemented start value times x^(bits of the message), leaves as its remainder
    the complement of [crc]. *)
Definition is_crc (value : Z) (data : list Z) (crc : Z) : Prop :=
  word W32 crc /\
  remainder
    (Z.lxor (polynomial (sent data) * 2 ^ 32) (of_register (Z.lxor value mask) * 2 ^ (8 * zlen data)))
    (of_register (Z.lxor crc mask)).

Definition bytes : list Z -> Prop := words W8.

(** * One bit at a time, as the sample code of RFC 1952, section 8, computes its table *)

Definition shift1 (v : Z) : Z := if Z.odd v then Z.lxor 0xEDB88320 (Z.shiftr v 1) else Z.shiftr v 1.

Fixpoint shift (n : nat) (v : Z) : Z := match n with O => v | S n => shift n (shift1 v) end.

Definition bitwise (value : Z) (data : list Z) : Z :=
  Z.lxor (fold_left (fun v b => shift 8 (Z.lxor v b)) data (Z.lxor value mask)) mask.

(** * Theorems *)

(** There is exactly one CRC-32 of any data. *)
Definition one_crc : Prop :=
  forall value data, word W32 value -> bytes data -> exists! crc, is_crc value data crc.

(** The bitwise computation is right. *)
Definition bitwise_right : Prop :=
  forall value data, word W32 value -> bytes data -> is_crc value data (bitwise value data).

(** What [crc32_update] takes: exactly seven steps for each sixteen bytes, three for each byte that is left, and four more. *)
Definition update_steps (size : Z) : Z := 7 * (size / 16) + 3 * (size mod 16) + 4.

(** The program's [crc32_update(data, size, value)]: [data] is read-only; only the low half of [value] counts. *)
Definition update_right (p : program) : Prop :=
  forall data value,
    bytes data -> zlen data < 2 ^ 63 -> word W64 value ->
    exists crc,
      computes p "crc32_update" [zlen data; value] [Arr W8 false data] (update_steps (zlen data)) [crc] [Arr W8 false data] /\
      is_crc (value mod 2 ^ 32) data crc.

(** The same program and the bitwise computation. *)
Definition update_bitwise (p : program) : Prop :=
  forall data value,
    bytes data -> zlen data < 2 ^ 63 -> word W64 value ->
    computes p "crc32_update" [zlen data; value] [Arr W8 false data] (update_steps (zlen data))
             [bitwise (value mod 2 ^ 32) data] [Arr W8 false data].

(** The program's [crc32_join(first, second, second_size)]. *)
Definition join_right (p : program) : Prop :=
  (forall value a b first second,
    word W32 value -> bytes a -> bytes b -> zlen b < 2 ^ 64 ->
    is_crc value a first -> is_crc 0 b second ->
    exists steps crc, computes p "crc32_join" [first; second; zlen b] [] steps [crc] [] /\ is_crc value (a ++ b) crc) /\
  (forall first second size,
    word W64 first -> word W64 second -> word W64 size ->
    exists steps crc, computes p "crc32_join" [first; second; size] [] steps [crc] [] /\ word W32 crc).

(** Data may come in any pieces. *)
Definition resumes : Prop :=
  forall value a b first whole, word W32 value -> bytes a -> bytes b ->
    is_crc value a first -> is_crc first b whole -> is_crc value (a ++ b) whole.

(** Every change that lies within 32 successive bits is noticed: [e] is the pattern of changed bits, [k] the place of its
    lowest in the order of sending (bit j of byte i is bit 8 i + j of [little data]). *)
Definition notices_bursts : Prop :=
  forall value data changed k e first second,
    word W32 value -> bytes data -> bytes changed -> zlen changed = zlen data ->
    0 <= k -> 0 < e < 2 ^ 32 -> Z.lxor (little data) (little changed) = Z.shiftl e k ->
    is_crc value data first -> is_crc value changed second -> first <> second.

(** And 32 is the most: here are data that differ within 33 bits, where the pattern is the generator, lowest power last. *)
Definition longer_bursts : Prop :=
  exists data changed crc,
    bytes data /\ bytes changed /\ zlen changed = zlen data /\
    Z.lxor (little data) (little changed) = 0x1DB710641 /\
    is_crc 0 data crc /\ is_crc 0 changed crc.

(** Published values: the empty string, "a", and the check value of the catalogues, of "123456789". *)
Definition known_values : Prop :=
  is_crc 0 [] 0 /\
  is_crc 0 [97] 0xE8B7BE43 /\
  is_crc 0 [49; 50; 51; 52; 53; 54; 55; 56; 57] 0xCBF43926.
