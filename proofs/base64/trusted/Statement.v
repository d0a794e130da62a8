(** Statement.v: base64 as RFC 4648, section 4, states it, and what is to be proved of a program that encodes and decodes.
    The task owns this file. A byte string is a list of integers from 0 to 255. *)
From Coq Require Import ZArith String Ascii List.
From VerifiedC Require Import Words Syntax Semantics.
Import ListNotations.
Open Scope Z_scope.

Definition bytes : list Z -> Prop := words W8.

(** * Specification *)

(** RFC 4648, table 1: the letter of each value from 0 to 63. *)
Definition alphabet : list Z :=
  map (fun c => Z.of_nat (nat_of_ascii c))
    (list_ascii_of_string "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/").

Definition letter (v : Z) : Z := znth alphabet v.

(** The character [=], which fills up the last group. *)
Definition pad : Z := 61.

(** RFC 4648, section 4: three bytes are a group of 24 bits, taken as four values of 6 bits, the highest first.
    A last group of 16 bits gets two zero bits on the right, one of 8 bits four; the rest of its four characters are pads. *)
Fixpoint encode (data : list Z) : list Z :=
  match data with
  | a :: b :: c :: rest =>
      let n := a * 65536 + b * 256 + c in
      letter (n / 262144) :: letter (n / 4096 mod 64) :: letter (n / 64 mod 64) :: letter (n mod 64) :: encode rest
  | [a; b] => let n := (a * 256 + b) * 4 in [letter (n / 4096); letter (n / 64 mod 64); letter (n mod 64); pad]
  | [a] => let n := a * 16 in [letter (n / 64); letter (n mod 64); pad; pad]
  | [] => []
  end.

(** What a strict decoder takes: groups of four letters; only the last may end in one or two pads, and then the bits that
    no byte needs (the lowest two, or four, of its last letter) are zero. RFC 4648, sections 3.2, 3.3 and 3.5. *)
Definition value_of (c v : Z) : Prop := 0 <= v < 64 /\ letter v = c.

Inductive canonical : list Z -> Prop :=
| empty : canonical []
| one_byte a b va vb : value_of a va -> value_of b vb -> vb mod 16 = 0 -> canonical [a; b; pad; pad]
| two_bytes a b c va vb vc : value_of a va -> value_of b vb -> value_of c vc -> vc mod 4 = 0 -> canonical [a; b; c; pad]
| three_bytes a b c d va vb vc vd rest :
    value_of a va -> value_of b vb -> value_of c vc -> value_of d vd -> canonical rest -> canonical (a :: b :: c :: d :: rest).

(** How a program says "not valid": no length of an array is that large. *)
Definition invalid : Z := 18446744073709551615.

(** * Theorems *)

(** The program's [base64_encode(data, out, size)]: [data] is read-only, [out] has room for four characters for every three
    bytes, the last group included. What lies behind the text in [out] stays. *)
Definition encode_right (p : program) : Prop :=
  forall data out,
    bytes data -> zlen data < 2 ^ 62 -> bytes out -> zlen (encode data) <= zlen out ->
    exists steps,
      computes p "base64_encode" [zlen data] [Arr W8 false data; Arr W8 true out] steps
               [zlen (encode data)] [Arr W8 false data; Arr W8 true (encode data ++ zdrop (zlen (encode data)) out)] /\
      0 <= steps <= 4 * zlen data + 20.

(** The program's [base64_decode(text, out, size)]: [text] is read-only, [out] has room for three bytes for every four
    characters. A text that is the code of some data gives that data; every other text is refused. *)
Definition decode_right (p : program) : Prop :=
  forall text out,
    bytes text -> zlen text < 2 ^ 62 -> bytes out -> 3 * (zlen text / 4) <= zlen out ->
    exists steps result cells,
      computes p "base64_decode" [zlen text] [Arr W8 false text; Arr W8 true out] steps
               [result] [Arr W8 false text; Arr W8 true cells] /\
      0 <= steps <= 4 * zlen text + 20 /\ zlen cells = zlen out /\
      ((exists data, bytes data /\ encode data = text /\ result = zlen data /\ cells = data ++ zdrop (zlen data) out) \/
       ((forall data, bytes data -> encode data <> text) /\ result = invalid)).

(** Different data have different texts: so what [decode_right] says determines the result. *)
Definition one_to_one : Prop :=
  forall a b, bytes a -> bytes b -> encode a = encode b -> a = b.

(** The texts that are the code of something are the canonical ones, no more and no less. *)
Definition accepted : Prop :=
  forall text, canonical text <-> exists data, bytes data /\ encode data = text.

(** Four characters for every three bytes that are begun. *)
Definition size_right : Prop :=
  forall data, zlen (encode data) = 4 * ((zlen data + 2) / 3).

Definition ascii_codes (s : string) : list Z := map (fun c => Z.of_nat (nat_of_ascii c)) (list_ascii_of_string s).

(** RFC 4648, section 10. And texts that are no code: bits left over, a pad too early, too few characters. *)
Definition known_values : Prop :=
  encode [] = [] /\
  encode (ascii_codes "f") = ascii_codes "Zg==" /\
  encode (ascii_codes "fo") = ascii_codes "Zm8=" /\
  encode (ascii_codes "foo") = ascii_codes "Zm9v" /\
  encode (ascii_codes "foob") = ascii_codes "Zm9vYg==" /\
  encode (ascii_codes "fooba") = ascii_codes "Zm9vYmE=" /\
  encode (ascii_codes "foobar") = ascii_codes "Zm9vYmFy" /\
  encode [251; 255; 191] = ascii_codes "+/+/" /\
  ~ canonical (ascii_codes "Zh==") /\ ~ canonical (ascii_codes "Zm9=") /\ ~ canonical (ascii_codes "Zg==Zg==") /\
  ~ canonical (ascii_codes "Zg=") /\ ~ canonical (ascii_codes "Zg") /\ ~ canonical (ascii_codes "Zm9-").
