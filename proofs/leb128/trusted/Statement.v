(** Statement.v: LEB128, the variable-length numbers of DWARF (version 5, section 7.6) and WebAssembly, for 64 bits, and what
    is to be proved of a program that writes and reads them. The task owns this file. Bytes are integers from 0 to 255. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax Semantics.
Import ListNotations.
Open Scope Z_scope.

Definition bytes : list Z -> Prop := words W8.

(** * Specification *)

(** A code: each byte but the last has its highest bit set. *)
Definition shape (s : list Z) : Prop :=
  exists front last, s = front ++ [last] /\ Forall (fun b => 128 <= b <= 255) front /\ 0 <= last <= 127.

(** What it stands for, unsigned: the lowest seven bits of each byte, the first byte the least significant. *)
Fixpoint value (s : list Z) : Z := match s with [] => 0 | b :: rest => b mod 128 + 128 * value rest end.

(** And signed: the same bits as a number in two's complement, of seven bits for each byte. *)
Definition signed_value (s : list Z) : Z :=
  if value s <? 2 ^ (7 * zlen s - 1) then value s else value s - 2 ^ (7 * zlen s).

(** The two kinds of number: how a code is read, and which numbers there are. *)
Inductive kind := Unsigned | Signed.

Definition reading (k : kind) : list Z -> Z := match k with Unsigned => value | Signed => signed_value end.

Definition in_range (k : kind) (v : Z) : Prop :=
  match k with Unsigned => 0 <= v < 2 ^ 64 | Signed => - 2 ^ 63 <= v < 2 ^ 63 end.

(** [s] is the code of [v]: it is read as [v], and no code that is read as [v] is shorter. *)
Definition code (k : kind) (v : Z) (s : list Z) : Prop :=
  in_range k v /\ shape s /\ reading k s = v /\
  forall other, shape other -> reading k other = v -> zlen s <= zlen other.

(** The codes of several numbers, one after another. *)
Inductive codes (k : kind) : list Z -> list Z -> Prop :=
| no_code : codes k [] []
| more_codes v vs s rest : code k v s -> codes k vs rest -> codes k (v :: vs) (s ++ rest).

(** A number as a machine word (two's complement), and a word as eight bytes, the first the least significant. *)
Definition eight_bytes (v : Z) : list Z :=
  map (fun i => (v mod 2 ^ 64) / 2 ^ (8 * i) mod 256) [0; 1; 2; 3; 4; 5; 6; 7].

Definition memory_of (vs : list Z) : list Z := flat_map eight_bytes vs.

(** How a program says "not valid": no length of an array is that large. *)
Definition invalid : Z := 18446744073709551615.

(** * Theorems *)

(** The program's [leb128_encode_unsigned(data, out, size)] and [leb128_encode_signed]: [data] is an array of 64-bit numbers as
    it lies in memory, read-only; [out] has room for ten bytes for each. What lies behind the codes stays. A size that is no
    multiple of eight is refused. *)
Definition encodes (k : kind) (name : String.string) (p : program) : Prop :=
  (forall vs out,
    Forall (in_range k) vs -> 8 * zlen vs < 2 ^ 58 -> bytes out -> 10 * zlen vs <= zlen out ->
    exists steps text,
      computes p name [8 * zlen vs] [Arr W8 false (memory_of vs); Arr W8 true out] steps
               [zlen text] [Arr W8 false (memory_of vs); Arr W8 true (text ++ zdrop (zlen text) out)] /\
      codes k vs text /\ 0 <= steps <= 60 * zlen vs + 20) /\
  (forall data out,
    bytes data -> zlen data < 2 ^ 58 -> zlen data mod 8 <> 0 ->
    exists steps,
      computes p name [zlen data] [Arr W8 false data; Arr W8 true out] steps [invalid] [Arr W8 false data; Arr W8 true out] /\
      0 <= steps <= 20).

Definition encode_unsigned_right : program -> Prop := encodes Unsigned "leb128_encode_unsigned"%string.
Definition encode_signed_right : program -> Prop := encodes Signed "leb128_encode_signed"%string.

(** The program's [leb128_decode_unsigned(data, out, size)] and [leb128_decode_signed]: [data] is read-only, [out] has room for
    eight bytes for each byte of it. Codes one after another give their numbers; everything else is refused. *)
Definition decodes (k : kind) (name : String.string) (p : program) : Prop :=
  forall data out,
    bytes data -> zlen data < 2 ^ 58 -> bytes out -> 8 * zlen data <= zlen out ->
    exists steps result cells,
      computes p name [zlen data] [Arr W8 false data; Arr W8 true out] steps [result] [Arr W8 false data; Arr W8 true cells] /\
      0 <= steps <= 60 * zlen data + 60 /\ zlen cells = zlen out /\
      ((exists vs, codes k vs data /\ result = 8 * zlen vs /\ cells = memory_of vs ++ zdrop (8 * zlen vs) out) \/
       ((forall vs, ~ codes k vs data) /\ result = invalid)).

Definition decode_unsigned_right : program -> Prop := decodes Unsigned "leb128_decode_unsigned"%string.
Definition decode_signed_right : program -> Prop := decodes Signed "leb128_decode_signed"%string.

(** The program's [leb128_unsigned_length(data, size)] and [leb128_signed_length]: how many bytes the first number takes; 0 when
    [data] does not begin with a code. *)
Definition measures (k : kind) (name : String.string) (p : program) : Prop :=
  forall data,
    bytes data -> zlen data < 2 ^ 58 ->
    exists steps n,
      computes p name [zlen data] [Arr W8 false data] steps [n] [Arr W8 false data] /\ 0 <= steps <= 100 /\
      ((exists v s rest, data = s ++ rest /\ code k v s /\ n = zlen s) \/
       ((forall v s rest, data = s ++ rest -> ~ code k v s) /\ n = 0)).

Definition unsigned_length_right : program -> Prop := measures Unsigned "leb128_unsigned_length"%string.
Definition signed_length_right : program -> Prop := measures Signed "leb128_signed_length"%string.

(** What was written is read as it was, by the two programs together. *)
Definition round_trip (p : program) : Prop :=
  forall k vs out back,
    Forall (in_range k) vs -> 10 * zlen vs < 2 ^ 58 -> bytes out -> 10 * zlen vs <= zlen out -> bytes back -> 80 * zlen vs <= zlen back ->
    exists text n m,
      computes p (match k with Unsigned => "leb128_encode_unsigned" | Signed => "leb128_encode_signed" end)%string
               [8 * zlen vs] [Arr W8 false (memory_of vs); Arr W8 true out] n
               [zlen text] [Arr W8 false (memory_of vs); Arr W8 true (text ++ zdrop (zlen text) out)] /\
      computes p (match k with Unsigned => "leb128_decode_unsigned" | Signed => "leb128_decode_signed" end)%string
               [zlen text] [Arr W8 false text; Arr W8 true back] m
               [8 * zlen vs] [Arr W8 false text; Arr W8 true (memory_of vs ++ zdrop (8 * zlen vs) back)].

(** Bytes in eights are an array of numbers of either kind, and of one such array only. *)
Definition memory_right : Prop :=
  forall k data, bytes data -> zlen data mod 8 = 0 -> exists! vs, Forall (in_range k) vs /\ memory_of vs = data.

(** Every number has exactly one code, of at most ten bytes, and no code is the beginning of another. So the codes of several
    numbers can be told apart, and what the theorems above say determines the results. *)
Definition one_code : Prop :=
  forall k v, in_range k v -> exists! s, code k v s.

Definition at_most_ten : Prop := forall k v s, code k v s -> 1 <= zlen s <= 10.

Definition prefix_free : Prop :=
  forall k v w s t x y, code k v s -> code k w t -> s ++ x = t ++ y -> s = t /\ v = w.

Definition one_reading : Prop :=
  forall k vs ws text, codes k vs text -> codes k ws text -> vs = ws.

(** Examples of DWARF 5, tables 7.7 and 7.8; the largest numbers; and codes that are not minimal, or too large. *)
Definition known_values : Prop :=
  code Unsigned 2 [2] /\ code Unsigned 127 [127] /\ code Unsigned 128 [0x80; 1] /\ code Unsigned 129 [0x81; 1] /\
  code Unsigned 12857 [0xB9; 0x64] /\
  code Unsigned (2 ^ 64 - 1) [0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 1] /\
  code Signed 2 [2] /\ code Signed (-2) [0x7E] /\ code Signed 127 [0xFF; 0] /\ code Signed (-127) [0x81; 0x7F] /\
  code Signed 128 [0x80; 1] /\ code Signed (-128) [0x80; 0x7F] /\ code Signed 129 [0x81; 1] /\ code Signed (-129) [0xFF; 0x7E] /\
  code Signed (- 2 ^ 63) [0x80; 0x80; 0x80; 0x80; 0x80; 0x80; 0x80; 0x80; 0x80; 0x7F] /\
  (forall v, ~ code Unsigned v [0x80; 0]) /\ (forall v, ~ code Signed v [0xFF; 0x7F]) /\ (forall v, ~ code Signed v [0x80; 0]) /\
  (forall v, ~ code Unsigned v [0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 0xFF; 2]).
